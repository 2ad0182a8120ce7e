"""The shipped test sets, checked as their users do."""

from __future__ import annotations

import json
from pathlib import Path

DATASETS = Path(__file__).parents[2] / "datasets"
SHIPPED = (
    ("banking77", "expected_output"),
    ("gsm8k", "expected_output"),
    ("support_tickets", "expected_intent"),
)


def test_shipped_test_sets_have_no_error(cli):
    """By their names from any directory, without a network."""
    for name, target in SHIPPED:
        done = cli("dataset", "check", name, "--target", target, sockets=False)

        assert done.code == 0, done.out + done.err
        assert "FAIL" not in done.out
        assert done.err == done.reached == ""


def test_banking77_against_its_training_set(cli):
    """Seven messages are in it, six of them word for word; its mix is another."""
    lines = (DATASETS / "banking77_train.jsonl").read_text("utf-8").splitlines()
    counts: dict[str, int] = {}
    for intent in (json.loads(line)["expected_output"] for line in lines if line):
        counts[intent] = counts.get(intent, 0) + 1
    (cli.root / "mix.json").write_text(json.dumps(counts))
    words = ("--category", "expected_output", "--expected", "mix.json", "--json")
    train = ("--train", str(DATASETS / "banking77_train.jsonl"))

    done = cli("dataset", "check", "banking77", *words, *train, sockets=False)

    assert done.code == 0, done.err
    found = {each["check"]: each for each in json.loads(done.out)["checks"]}
    assert found["in training"]["evidence"]["n"] == 7
    assert found["in training"]["groups"][0] == [{"id": "test-0555", "line": 555}]
    assert found["coverage"]["status"] == "warning"
    assert "chi-square 192.92, df 76, p < 0.001" in found["coverage"]["message"]


def test_a_file_is_checked_without_hydra_or_any_sdk(cli):
    done = cli("dataset", "check", str(DATASETS / "gsm8k.jsonl"), sockets=False)

    assert done.code == 0, done.err
    assert not done.modules & {"hydra", "omegaconf", "anthropic", "openai", "matplotlib"}


def test_a_sample_can_be_run(cli):
    """A new test set of a project is one command and one file away."""
    cli("init", "mine")
    cli.root = cli.root / "mine"
    (cli.root / "conf/dataset/few.yaml").write_text("name: few\npath: datasets/few.jsonl\n")

    drawn = cli("dataset", "sample", "gsm8k", "datasets/few.jsonl", "--n", "5", sockets=False)
    done = cli("plan", "dataset=few", "model=copy_input", "scorer=exact_match", sockets=False)

    assert drawn.code == 0, drawn.err
    assert done.code == 0, done.err
    assert "1 cell, 5 trials" in done.out
