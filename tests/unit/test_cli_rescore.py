"""`rescore`: recorded answers judged anew, the candidates left alone."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from evalrunner.cli import main

pytestmark = pytest.mark.usefixtures("quick_runs")

FUNCTIONS = """import json
import re
from pathlib import Path

import evalrunner

CALLS = Path(__file__).parent / "calls.txt"


@evalrunner.model
def candidate(prompt):
    with CALLS.open("a") as file:
        file.write("candidate\\n")
    return f"Sorry about {prompt}"


@evalrunner.model
def strict(messages):
    return verdict("FAIL", messages)


@evalrunner.model
def lenient(messages):
    return verdict("PASS", messages)


def verdict(word, messages):
    with CALLS.open("a") as file:
        file.write("judge\\n")
    found = {"evidence": "", "reason": "so it is", "verdict": word}
    numbers = sorted(set(re.findall(r'"criterion_(\\d+)"', messages[-1]["content"])))
    return json.dumps({f"criterion_{n}": found for n in numbers} | {"summary": "done"})
"""
FILES = {
    "models.py": FUNCTIONS,
    "conf/dataset/mail.yaml": "name: mail\npath: mail.jsonl\nslices: [topic]\n",
    "conf/model/mine.yaml": "provider: python\nfunction: models.py:candidate\n",
    "conf/judge/strict.yaml": "model: {provider: python, function: 'models.py:strict'}\n",
    "conf/judge/lenient.yaml": "model: {provider: python, function: 'models.py:lenient'}\n",
    "mail.jsonl": "".join(
        json.dumps({"id": f"m{n}", "input": f"letter {n}", "topic": "post", "rubric": ["is kind"]})
        + "\n"
        for n in range(4)
    ),
}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project whose candidate and judges are functions that note when they are called."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def parent(project, capsys):
    """A finished run, judged strictly."""
    assert main(["run", "dataset=mail", "model=mine", "scorer=rubric", "judge=strict"]) == 0
    capsys.readouterr()
    (directory,) = project.glob("outputs/adhoc/*")
    return directory


def calls(project):
    return Counter((project / "calls.txt").read_text().split())


def newest(project, parent):
    (directory,) = set(project.glob("outputs/adhoc/*")) - {parent}
    return directory


def rows(directory, name="trials.jsonl"):
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


def test_rescoring_asks_the_judges_and_no_candidate(project, parent, capsys):
    before = {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}

    assert main(["rescore", str(parent), "judge=lenient,strict"]) == 0

    assert calls(project) == {"candidate": 4, "judge": 12}
    said = capsys.readouterr()
    assert "lenient · rubric: 0.0 % → 100.0 %, 4 up, 0 down of 4 trials" in said.out
    assert {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()} == before


def test_rescored_run_names_its_parent_and_keeps_the_answers(project, parent):
    main(["rescore", str(parent), "judge=lenient"])
    directory = newest(project, parent)

    assert json.loads((directory / "manifest.json").read_text())["parent"] == str(parent)
    kept = [
        [(row["case_id"], row["output"], row["prompt_sha256"], row["input"]) for row in rows(each)]
        for each in (parent, directory)
    ]
    assert kept[0] == kept[1]
    cases = [(each / "cases.jsonl").read_text() for each in (parent, directory)]
    assert cases[0] == cases[1]


def test_every_trial_whose_score_moved_is_listed(project, parent):
    main(["rescore", str(parent), "judge=lenient"])
    changes = rows(newest(project, parent), "changes.jsonl")

    assert [(row["case_id"], row["before"], row["after"]) for row in changes] == [
        (f"m{n}", 0.0, 1.0) for n in range(4)
    ]


def test_measures_that_are_not_named_stay_as_they_were(project, parent):
    main(["rescore", str(parent), "scorer=[contains,rubric]", "scorer.contains.target=topic"])
    directory = newest(project, parent)
    cell = json.loads((directory / "plan.json").read_text())["cells"][0]

    assert cell["axes"]["judge"] == "strict"
    assert cell["axes"]["model"] == "mine"
    assert list(rows(directory)[0]["scores"]) == ["contains", "rubric"]


def test_edited_cases_and_prompts_do_not_reach_a_rescored_run(project, parent):
    (project / "mail.jsonl").write_text('{"id": "m0", "input": "another", "rubric": ["x"]}\n')
    (project / "models.py").write_text(FUNCTIONS.replace("Sorry", "Glad"))

    assert main(["rescore", str(parent), "judge=lenient"]) == 0

    outputs = [row["output"] for row in rows(newest(project, parent))]
    assert outputs == [f"Sorry about letter {n}" for n in range(4)]


@pytest.mark.parametrize("words", [["model=empty"], ["dataset=mail"], ["run.repeats=2"], []])
def test_what_would_call_candidates_again_is_refused_by_name(parent, words, capsys):
    assert main(["rescore", str(parent), *words]) == 2

    said = capsys.readouterr().err
    assert all(word in said for word in words)
    assert "judge" in said


def test_options_may_stand_anywhere(project, parent, capsys):
    code = main(["rescore", "--yes", str(parent), "judge=lenient", "--json"])

    assert code == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["quality"]["value"] == 1.0
    assert main(["rescore", "judge=strict", "--dry-run", str(parent)]) == 0
    assert "judged: 0 requests" not in capsys.readouterr().out
    assert len(list(project.glob("outputs/adhoc/*"))) == 2


def test_run_outside_of_the_project_is_refused_with_the_option_to_type(
    parent, tmp_path_factory, capsys
):
    other = tmp_path_factory.mktemp("other")

    assert main(["rescore", str(parent), "judge=lenient", "--project", str(other)]) == 2

    assert "--project" in capsys.readouterr().err


def test_rescored_run_can_be_rescored(project, parent):
    main(["rescore", str(parent), "judge=lenient"])
    second = newest(project, parent)

    assert main(["rescore", str(second), "judge=strict"]) == 0

    assert calls(project)["candidate"] == 4
    (third,) = set(project.glob("outputs/adhoc/*")) - {parent, second}
    assert [row["scores"]["rubric"]["value"] for row in rows(third)] == [0.0] * 4
