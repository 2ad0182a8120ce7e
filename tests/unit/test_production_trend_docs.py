"""The example workflow and the documented commands: YAML and words that evalrunner accepts."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from evalrunner.cli import main

pytestmark = pytest.mark.usefixtures("quick_runs")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/production-trend.md").read_text()
WORKFLOW = yaml.safe_load((ROOT / "docs/examples/production-trend.yml").read_text())
# YAML 1.1 takes the bare word `on` for a truth value.
EVENTS = WORKFLOW[True]
STEPS = WORKFLOW["jobs"]["trend"]["steps"]
(COMMAND,) = [step["run"] for step in STEPS if "evalrunner production" in step.get("run", "")]
(CRON,) = re.findall(r"^(\S+ \S+ \* \* 1) +(cd .*)$", PAGE, re.MULTILINE)
JUDGE = """import evalrunner

@evalrunner.model
def judge(messages):
    found = {"evidence": "", "reason": "so it is", "verdict": "PASS"}
    import json
    return json.dumps({"criterion_1": found, "criterion_2": found, "summary": "done"})
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with the experiment of the page, a judge that needs no key, and last week's log."""
    (experiment,) = re.findall(r"```yaml\n# conf/experiment/weekly.yaml\n(.*?)```", PAGE, re.DOTALL)
    start = datetime.now(UTC) - timedelta(days=7)
    rows = (
        {"schema_version": 1, "id": f"r{n}", "at": start.isoformat(), "rate": 0.01}
        | {"input": "hello", "output": f"hi {n}", "metadata": {}}
        for n in range(40)
    )
    files = {
        "conf/experiment/weekly.yaml": experiment,
        "conf/judge/strict.yaml": "model: {provider: python, function: 'judge.py:judge'}\n",
        "judge.py": JUDGE,
        "logs/a.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "production/.keep": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def words_of(command):
    """As a shell would pass them."""
    words = shlex.split(command)
    assert words[0] == "evalrunner"
    return [name for word in words[1:] for name in (["logs/a.jsonl"] if "*" in word else [word])]


def test_the_workflows_command_really_runs_and_draws_its_chart(project, capsys):
    code = main(words_of(COMMAND))

    said = capsys.readouterr()
    # There is nothing offline to hold the first line to.
    assert code == 3, said.err
    assert "cannot tell: there is no offline run" in said.out
    (line,) = (project / "production/trend.jsonl").read_text().splitlines()
    assert json.loads(line)["score"]["value"] == 1.0
    assert (project / "chart/trend.svg").is_file()


def test_the_cron_line_runs_the_same_command_after_the_week_has_ended(project):
    when, command = CRON

    words = words_of(command.partition(" && ")[2].partition(" || ")[0])

    assert [when] == [event["cron"] for event in EVENTS["schedule"]]
    assert set(words) < {*words_of(COMMAND)}
    assert main(words) == 3


def test_documented_command_names_options_that_exist(project, capsys):
    (block,) = re.findall(r"```\n(evalrunner production trend .*?)\n```", PAGE)

    code = main(words_of(block.replace("RUN", "outputs/none")))

    assert code == 2
    assert "outputs/none" in capsys.readouterr().err


def test_secrets_reach_one_step_and_no_event_text_reaches_a_shell():
    with_secrets = [step for step in STEPS if "secrets." in str(step)]

    assert [step["name"] for step in with_secrets] == ["Trend"]
    assert not [step for step in STEPS if "${{" in step.get("run", "")]
    assert set(EVENTS) == {"schedule", "workflow_dispatch"}
    assert WORKFLOW["permissions"] == {"contents": "write"}


def test_history_verdicts_and_chart_are_kept_after_an_alarm():
    names = [step.get("name") for step in STEPS]
    after = STEPS[names.index("Trend") + 1 :]

    assert all(step["if"] == "always()" for step in after)
    assert "git add production/trend.jsonl" in after[0]["run"]
    assert after[1]["uses"].startswith("actions/cache/save")
    # Run directories hold what users wrote.
    assert after[2]["with"]["path"] == "chart/"
    assert "outputs" not in str(after)
