"""A project of one's own: what `init` writes works at once, and broken functions break little."""

from __future__ import annotations

import json

import pytest

BROKEN_MODEL = """
@evalrunner.model
def answer(prompt: str, case: dict[str, Any]) -> str:
    if case["id"] == "t03":
        raise RuntimeError("out of ideas")
    return case["expected_output"]
"""
BROKEN_SCORER = """
@evalrunner.scorer
def is_team(output: str, case: dict) -> bool:
    if case["id"] == "t07":
        raise ValueError("no opinion")
    return True
"""


@pytest.fixture(scope="module")
def project(module_cli):
    """A fresh project, written by `init` beside the test's own files."""
    done = module_cli("init", "mine")
    assert done.code == 0, done.err
    module_cli.root = module_cli.root / "mine"
    return module_cli, done


def trials_of(run, label):
    rows = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    return {row["case_id"]: row for row in rows if row["axes"]["model"] == label}


def test_new_project_runs_offline_at_once(project, tmp_path):
    cli, initialised = project

    done = cli("run", "experiment=first", f"run.outputs={tmp_path}", sockets=False)

    assert "cd mine" in initialised.out
    assert "evalrunner run experiment=first" in initialised.out
    assert done.code == 0, done.err
    assert done.reached == ""
    assert done.out.startswith("Use my_model: ")
    lines = done.out.split("\n")
    header = next(place for place, line in enumerate(lines) if line.startswith("cell "))
    rows = [line.split()[0] for line in lines[header + 1 : header + 4]]
    assert rows == ["my_model", "constant", "copy_input"]
    (run,) = tmp_path.glob("first/*")
    cells = json.loads((run / "summary.json").read_text())["cells"]
    assert cells[0]["quality"]["value"] == pytest.approx(10 / 12)
    assert cells[0]["scores"].keys() == {"exact_match", "is_team"}
    assert set(cells[0]["slices"]["channel"]) == {"chat", "email"}
    assert all(cell["cost"]["usd_per_1000"]["value"] > 0 for cell in cells)


def test_new_project_passes_its_own_doctor(project):
    cli, _ = project

    done = cli("doctor", "--json", sockets=False)

    assert done.code == 0, done.out
    assert done.reached == ""
    assert json.loads(done.out)["ok"] is True
    assert not {"anthropic", "openai"} & done.modules


@pytest.fixture(scope="module")
def broken(project):
    """A run in which the model fails at one case and a scorer at another."""
    cli, _ = project
    for name, function in (("models.py", BROKEN_MODEL), ("scorers.py", BROKEN_SCORER)):
        head = "from typing import Any\n\nimport evalrunner\n"
        (cli.root / name).write_text(head + function)
    done = cli("run", "experiment=first", "model=my_model")
    return done, cli.runs()[-1]


def test_failing_model_is_an_error_row_and_too_many_of_them_exit_3(broken):
    done, run = broken

    trial = trials_of(run, "my_model")["t03"]

    assert done.code == 3, done.err
    assert "Traceback" not in done.err
    assert (trial["status"], trial["output"]) == ("error", None)
    assert trial["error"]["kind"] == "function"
    assert "out of ideas" in trial["error"]["message"]
    assert trial["scores"]["exact_match"]["value"] is None


def test_failing_scorer_leaves_the_answer_and_the_other_scores(broken):
    """A23."""
    _, run = broken

    trials = trials_of(run, "my_model")

    assert trials["t07"]["output"] == "billing"
    assert trials["t07"]["scores"]["exact_match"]["value"] == 1
    assert trials["t07"]["scores"]["is_team"]["value"] is None
    assert "no opinion" in trials["t07"]["scores"]["is_team"]["reason"]
    others = [trial for case, trial in trials.items() if case not in {"t03", "t07"}]
    assert len(others) == 10
    assert all(trial["scores"]["is_team"]["value"] == 1 for trial in others)


def test_infrastructure_failures_are_neither_right_nor_wrong(broken):
    _, run = broken

    cell = json.loads((run / "summary.json").read_text())["cells"][0]

    assert (cell["n_ok"], cell["n_error"], cell["n_planned"]) == (11, 1, 12)
    assert (cell["quality"]["value"], cell["quality"]["n"]) == (1.0, 11)
    assert cell["scores"]["is_team"]["n"] == 10


def test_typed_mistake_is_refused_with_what_was_meant_and_leaves_no_run(project):
    cli, _ = project
    runs = cli.runs()

    done = cli("run", "experiment=first", "run.repets=3")

    assert done.code == 2
    assert done.err.startswith("error: run.repets=3: ")
    assert "did you mean run.repeats?" in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert cli.runs() == runs
