"""Whole runs without a network: what the command leaves on disk, and what it must not."""

import json
import re
from pathlib import Path

import pytest
from runs import CASES, project, rows_of

from evalrunner.cli import main
from evalrunner.report.page.cases import decoded

CANARY = 'canary-01"23456789\\abcdef'
FUNCTIONS = """import os
import evalrunner

@evalrunner.model
def leaky(prompt):
    if "billing" in prompt:
        key = os.environ["CANARY_API_KEY"]
        raise ValueError(f"401 for key {key} {key!r}")
    return {"output": prompt.split()[-1], "cost_usd": 0.001}

@evalrunner.model
def echo(prompt):
    return prompt
"""
FILES = {
    "models.py": FUNCTIONS,
    "conf/model/leaky.yaml": "provider: python\nfunction: models.py:leaky\n",
    "conf/model/same.yaml": "provider: baseline\nname: same\nkind: copy_input\n",
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY_API_KEY", CANARY)
    return project(tmp_path, FILES)


def run(root, *words):
    code = main(["run", "--project", str(root), "experiment=base", *words])
    return code, max(root.glob("outputs/adhoc/*"), key=lambda path: path.stat().st_mtime_ns)


def test_secret_that_a_model_lets_slip_is_in_no_file_and_on_no_screen(root, capsys):
    """F6: plain, and as Python writes it inside an exception."""
    code, directory = run(root, "model=leaky,same", "run.max_missing=1")
    main(["report", str(directory)])

    assert code == 0
    shown = capsys.readouterr()
    files = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    assert b"401 for key" in files[directory / "trials.jsonl"]
    # The data of the case browser is compressed, where a secret would not be seen.
    page = files[directory / "report.html"].decode()
    blobs = dict(re.findall(r'id="blob-([\w-]+)">([^<]+)<', page))
    files |= {Path(name): json.dumps(decoded(text)).encode() for name, text in blobs.items()}
    assert b"401 for key" in files[Path("cases-0000")]
    # Not "canary" alone: the page has that word for a kind of cell.
    traces = (b"canary-01", b"23456789", b"abcdef")
    leaking = [path.name for path, text in files.items() if any(t in text for t in traces)]
    assert leaking == []
    assert "canary" not in shown.out + shown.err


def test_typed_secret_is_refused_before_anything_is_written(root, capsys):
    """D3, D13."""
    refused = main(
        [
            "run",
            "--project",
            str(root),
            "experiment=base",
            "model=leaky",
            f"dataset.name={json.dumps(CANARY)}",
        ]
    )

    assert refused == 2
    assert "canary-01" not in capsys.readouterr().err
    assert list(root.glob("outputs/*/*")) == []


def test_one_failing_case_loses_none_of_the_others(root):
    """A23."""
    code, directory = run(root, "model=leaky", "run.max_missing=0.5")

    rows = rows_of(directory / "trials.jsonl")
    assert code == 0
    assert [row["status"] for row in rows] == ["error", "ok", "ok"]
    assert [row["scores"]["exact_match"]["value"] for row in rows] == [None, 1.0, 1.0]
    assert [row["spent_usd"] for row in rows] == [0.0, 0.001, 0.001]


def test_case_with_a_lone_surrogate_is_answered_or_named_and_never_stops_a_run(tmp_path):
    """A20, A21: in the question, the answer and the truth."""
    odd = {"id": "odd", "input": "a \ud800", "expected_output": "\ud800"}
    root = project(tmp_path, cases=[*CASES, odd])

    code, directory = run(root, "model=echo,copy_input", "run.max_missing=1")

    rows = rows_of(directory / "trials.jsonl")
    assert code == 0
    assert [row["case_id"] for row in rows] == ["c0", "c1", "c2", "odd"] * 2
    for row in (rows[3], rows[7]):
        assert row["status"] in {"ok", "error"}
        assert row["input"] == "a \ud800"
        if row["status"] == "ok":
            assert row["output"] == "a \ud800"
    for name in ("summary.csv", "summary.md"):
        (directory / name).read_text(encoding="utf-8")


def test_report_of_a_finished_run_rebuilds_it_to_the_byte(root):
    _, directory = run(root, "model=same,echo", "prompt=ask,beg")
    names = [
        "trials.jsonl",
        "errors.jsonl",
        "summary.json",
        "summary.csv",
        "summary.md",
        "pareto.svg",
    ]
    before = {name: (directory / name).read_bytes() for name in names}
    for name in names:
        (directory / name).unlink()

    assert main(["report", str(directory)]) == 0

    assert {name: (directory / name).read_bytes() for name in names} == before


def test_run_directory_can_be_read_where_the_project_is_gone(root, tmp_path):
    """D4: self-contained."""
    _, directory = run(root, "model=same", "prompt=ask,beg")
    summary = json.loads((directory / "summary.json").read_bytes())
    moved = tmp_path / "elsewhere"
    directory.rename(moved)
    for name in ("conf", "datasets", "prompts"):
        (root / name).rename(root / f"gone-{name}")

    assert main(["report", str(moved), "--project", str(tmp_path / "nowhere")]) == 0

    assert json.loads((moved / "summary.json").read_bytes()) == summary


def test_recorded_run_can_be_replayed_from_its_own_trials(root):
    """A run's `trials.jsonl` is a recording: same answers, nothing spent."""
    _, directory = run(root, "model=echo")
    (root / "datasets" / "past.jsonl").write_bytes((directory / "trials.jsonl").read_bytes())
    (root / "conf" / "model" / "past.yaml").write_text(
        "provider: replay\nname: past\npath: datasets/past.jsonl\n"
    )

    _, again = run(root, "model=past")

    outputs = [[row["output"] for row in rows_of(d / "trials.jsonl")] for d in (directory, again)]
    assert outputs[0] == outputs[1]
    assert json.loads((again / "summary.json").read_bytes())["cells"][0]["cost"]["usd_spent"] == 0
