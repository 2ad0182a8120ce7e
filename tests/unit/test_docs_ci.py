"""The example workflow: YAML whose commands evalrunner accepts, and no secrets for strangers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from evalrunner.cli import main

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / "docs/examples/evalrunner-gate.yml").read_text())
# YAML 1.1 takes the bare word `on` for a truth value.
EVENTS = WORKFLOW[True]
STEPS = [(name, step) for name, job in WORKFLOW["jobs"].items() for step in job["steps"]]
COMMANDS = [
    shlex.split(line)
    for _, step in STEPS
    for line in step.get("run", "").split("\n")
    if line.startswith("evalrunner ")
]
IN_PROSE = [
    shlex.split(line)
    for block in re.findall(
        r"^```\n(.*?)^```", (ROOT / "docs/ci.md").read_text(), re.MULTILINE | re.DOTALL
    )
    for line in block.split("\n")
    if line.startswith("evalrunner run")
]


@pytest.fixture
def project(tmp_path, monkeypatch, capsys):
    """What `evalrunner init` writes; the shipped experiments are behind it."""
    assert main(["init", str(tmp_path / "project")]) == 0
    capsys.readouterr()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")


@pytest.mark.parametrize("words", [*COMMANDS, *IN_PROSE], ids=" ".join)
def test_command_can_be_planned_and_its_gate_asks_for_something(words, project, capsys):
    code = main([*words[1:], "--dry-run"])

    said = capsys.readouterr()
    assert code == 0, said.err
    assert "1 cell, " in said.out or "2 cells, " in said.out
    assert {"--gate", "--yes"} <= set(words)
    assert any(word.startswith("decide.") for word in words)


def test_there_is_a_gate_without_a_key_that_really_runs(project, capsys):
    code = main(COMMANDS[0][1:])

    said = capsys.readouterr()
    assert code == 0, said.err
    assert "Gate passed" in said.out


def test_workflow_gives_secrets_to_one_step_and_not_to_forks():
    with_secrets = [(job, step) for job, step in STEPS if "secrets." in str(step)]

    ((job, step),) = with_secrets
    assert "evalrunner run" in step["run"]
    assert "head.repo.full_name == github.repository" in WORKFLOW["jobs"][job]["if"]
    assert set(EVENTS) == {"pull_request"}
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_no_text_of_a_pull_request_gets_into_a_shell():
    assert not [step["run"] for _, step in STEPS if "${{" in step.get("run", "")]


def test_report_and_answers_are_kept_when_the_gate_fails():
    gate = next(n for n, (_, step) in enumerate(STEPS) if "secrets." in str(step))
    after = [step for _, step in STEPS[gate + 1 :]]

    assert all(step["if"] == "always()" for step in after)
    assert {step["uses"].split("@")[0] for step in after} == {
        "actions/cache/save",
        "actions/upload-artifact",
    }
    assert any("report.html" in step["with"]["path"] for step in after)
