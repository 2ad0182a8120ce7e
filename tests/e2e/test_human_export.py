"""A real run becomes blind tasks: files for raters name no model, the key finds every output."""

from __future__ import annotations

import hashlib
import json
import re
import shutil

import pytest

MODELS = ("majority", "keywords", "tfidf_knn", "tfidf_logistic")
SIDES = ("left", "right")
FORMS = ("html", "csv", "label-studio", "argilla")


def rows_of(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def run(module_cli):
    """The packaged quickstart, offline."""
    done = module_cli("run", "experiment=quickstart", "dataset.limit=120", sockets=False)
    assert done.code == 0, done.err
    (directory,) = module_cli.runs()
    return directory


@pytest.fixture
def export(module_cli, run, tmp_path):
    """Exports a copy of the run."""
    directory = tmp_path / "quickstart" / run.name
    shutil.copytree(run, directory)

    def call(*words):
        done = module_cli("human", "export", str(directory), *words, sockets=False)
        return directory, done

    return call


def test_a_run_becomes_tasks_that_name_no_model_and_a_key_that_does(export):
    """F12: ids are hashes, order and sides are drawn, no file for raters tells the origin."""
    forms = [word for form in FORMS for word in ("--form", form)]
    run, done = export("--raters", "ann,bob", "--cases", "30", "--choose", "informative", *forms)

    trials = {
        (row["cell"], row["case_id"], row["repeat"]): row["output"]
        for row in rows_of(run / "trials.jsonl")
    }
    human = run / "human"
    tasks = {row["task_id"]: row for row in rows_of(human / "tasks.jsonl")}
    key = rows_of(human / "key.jsonl")
    assert done.code == 0, done.err
    assert done.reached == ""
    assert {row["rater"] for row in tasks.values()} == {"ann", "bob"}
    for row in key:
        texts = [trials[row[side], row["case_id"], row[f"{side}_repeat"]] for side in SIDES]
        hashes = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        assert hashes == [row["left_sha256"], row["right_sha256"]]
        assert row["is_equal"] == (texts[0] == texts[1]) == (row["task_id"] not in tasks)
        if not row["is_equal"]:
            task = tasks[row["task_id"]]
            assert texts == [task["output_a"], task["output_b"]]
    seen = [human / "tasks.jsonl", *(human / "forms").iterdir()]
    cases = [row["id"] for row in rows_of(run / "cases.jsonl")]
    hidden = re.compile("|".join(map(re.escape, [*MODELS, *cases, run.name, "banking77"])))
    assert len(seen) == 1 + 2 * 6
    for path in seen:
        found = hidden.search(path.read_text("utf-8"))
        assert found is None, f"{path.name}: {found}"
        assert hidden.search(path.name) is None


def test_the_same_seed_makes_the_same_bytes_apart_from_the_moment(export):
    words = ("--raters", "ann,bob", "--cases", "20", "--form", "csv", "--again")
    made = []
    for seed in ("4", "4", "5"):
        run, done = export(*words, "--seed", seed)
        assert done.code == 0, done.err
        files = [path for path in (run / "human").rglob("*") if path.suffix in {".jsonl", ".csv"}]
        settings = json.loads((run / "human" / "settings.json").read_text())
        settings.pop("created_at")
        made.append(({path.name: path.read_bytes() for path in files}, settings))

    assert made[0] == made[1]
    assert made[0][0].keys() == {"tasks.jsonl", "key.jsonl", "ann.csv", "bob.csv"}
    assert all(made[0][0][name] != made[2][0][name] for name in made[0][0])


def test_a_second_export_is_refused_and_says_what_to_type(export):
    run, first = export("--cases", "5")
    _, second = export("--cases", "5")

    assert first.out.rstrip().endswith(f"evalrunner human report {run}")
    assert f"  evalrunner human serve {run}\n" in first.out
    assert second.code == 2
    assert "add --again" in second.err
    assert second.out == ""


def test_exporting_imports_neither_sdk_nor_figures(export):
    _, done = export("--json")

    heavy = {"openai", "anthropic", "matplotlib", "scipy", "starlette", "hydra"}
    assert json.loads(done.out)["kind"] == "pairwise"
    assert not heavy & done.modules
