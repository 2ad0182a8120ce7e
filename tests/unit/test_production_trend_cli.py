"""`production trend`: what it scores, what it writes, and how it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from evalrunner.cli import main
from evalrunner.production.trend.periods import Period

pytestmark = pytest.mark.usefixtures("quick_runs")

FUNCTIONS = """import json
import re
from pathlib import Path

import evalrunner

CALLS = Path(__file__).parent / "calls.txt"


@evalrunner.model
def candidate(prompt):
    note("candidate")
    return "helpful" if int(prompt.split()[-1]) % 10 else "useless"


@evalrunner.model
def fair(messages):
    return verdict(messages)


@evalrunner.model
def other(messages):
    return verdict(messages)


@evalrunner.scorer
def helps(output):
    return "helpful" in output


def verdict(messages):
    note("judge")
    text = messages[-1]["content"]
    answer = text.split("This was answered")[1].split("That was all")[0]
    word = "PASS" if "helpful" in answer else "FAIL"
    found = {"evidence": "", "reason": "so it is", "verdict": word}
    numbers = sorted(set(re.findall(r'"criterion_(\\d+)"', text)))
    return json.dumps({f"criterion_{n}": found for n in numbers} | {"summary": "done"})


def note(word):
    with CALLS.open("a") as file:
        file.write(f"{word}\\n")
"""
FILES = {
    "functions.py": FUNCTIONS,
    "conf/dataset/mail.yaml": "name: mail\npath: mail.jsonl\n",
    "conf/model/mine.yaml": "provider: python\nfunction: functions.py:candidate\n",
    "conf/scorer/helps.yaml": (
        "# @package scorer.helps\nkind: python\nfunction: functions.py:helps\n"
    ),
    "conf/judge/fair.yaml": "model: {provider: python, function: 'functions.py:fair'}\n",
    "conf/judge/other.yaml": "model: {provider: python, function: 'functions.py:other'}\n",
    "conf/experiment/weekly.yaml": (
        "# @package _global_\n"
        "defaults:\n"
        "  - override /scorer: rubric\n"
        "  - override /judge: fair\n"
        "scorer: {rubric: {criteria: [Helps]}}\n"
    ),
    "mail.jsonl": "".join(
        json.dumps({"id": f"m{n}", "input": f"letter {n}"}) + "\n" for n in range(100)
    ),
}
RUBRIC = ("scorer=rubric", "scorer.rubric.criteria=[Helps]", "judge=fair")
MONDAY = datetime(2026, 10, 5, 8, tzinfo=UTC)
TREND = ("production", "trend", "log.jsonl", "--history", "h.jsonl")


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
def offline(project, capsys):
    """A run of 100 cases, 90 of which are right, by the rubric."""
    words = ["run", "dataset=mail", "model=mine", "prompt=plain", "run.name=tickets", *RUBRIC]
    assert main([*words, "--yes"]) == 0
    capsys.readouterr()
    (project / "calls.txt").unlink()
    (directory,) = project.glob("outputs/tickets/*")
    return str(directory)


def log(project, n, *, n_good, start=MONDAY, **changes):
    """Append records, an hour after each other."""
    rows = [
        {
            "schema_version": 1,
            "id": f"{start:%m%d}-{number}",
            "at": (start + timedelta(minutes=number)).isoformat(),
            "rate": 0.1,
            "input": f"a secret of user {number}",
            "output": "helpful" if number < n_good else "useless",
            "metadata": {},
            **changes,
        }
        for number in range(n)
    ]
    with (project / "log.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def lines(project):
    return [json.loads(line) for line in (project / "h.jsonl").read_text().splitlines()]


def calls(project):
    path = project / "calls.txt"
    return path.read_text().split() if path.exists() else []


def test_records_are_scored_as_the_offline_run_was_and_no_candidate_is_called(
    project, offline, capsys
):
    log(project, 50, n_good=45)

    code = main([*TREND, "--run", offline, "--at", "2026-10-07", "--gate"])

    said = capsys.readouterr()
    assert code == 0, said.err
    assert set(calls(project)) == {"judge"}
    (line,) = lines(project)
    assert (line["period"], line["n_records"], line["is_partial"]) == ("2026-W41", 50, False)
    assert line["scores"] == [
        {"label": None, "n": 5, "score": 0.0, "weight": 10.0},
        {"label": None, "n": 45, "score": 1.0, "weight": 10.0},
    ]
    assert line["measure"] == line["offline"]["measure"]
    assert line["offline"]["score"]["value"] == 0.9
    assert "no alarm: 0.0 points" in said.out
    assert (project / "outputs" / line["run"] / "summary.json").is_file()
    assert (project / "outputs" / line["run"] / "trend.svg").is_file()


def test_a_line_holds_no_text_of_users_and_no_path_of_this_machine(project, offline):
    log(project, 40, n_good=30)
    main([*TREND, "--run", offline, "--at", "2026-10-07"])

    text = (project / "h.jsonl").read_text()

    assert "secret" not in text
    assert "helpful" not in text
    assert str(project) not in text
    (copies,) = project.glob("outputs/production/records/*/cases.jsonl")
    assert copies.stat().st_mode & 0o077 == 0


def test_again_without_new_records_costs_nothing_and_changes_nothing(project, offline, capsys):
    log(project, 40, n_good=36)
    words = [*TREND, "--run", offline, "--at", "2026-10-07"]
    main(words)
    before, asked = (project / "h.jsonl").read_bytes(), calls(project)
    capsys.readouterr()

    code = main(words)

    assert code == 0
    assert "nothing new of 2026-W41" in capsys.readouterr().err
    assert (project / "h.jsonl").read_bytes() == before
    assert calls(project) == asked
    assert len(list(project.glob("outputs/production/2*"))) == 1


def test_more_records_make_a_line_that_supersedes(project, offline):
    log(project, 40, n_good=36)
    words = [*TREND, "--run", offline, "--at", "2026-10-07"]
    main(words)
    log(project, 10, n_good=5, start=MONDAY + timedelta(days=2))

    main(words)

    first, second = lines(project)
    assert (second["supersedes"], second["n_records"]) == (first["id"], 50)
    assert first["supersedes"] is None


def test_loss_raises_the_alarm_and_fails_the_gate(project, offline, capsys):
    for week, n_good in enumerate([72, 73, 40]):
        log(project, 80, n_good=n_good, start=MONDAY + timedelta(weeks=week))
    days = ["2026-10-05", "2026-10-12", "2026-10-19"]

    codes = [main([*TREND, "--run", offline, "--gate", "--at", day]) for day in days]

    assert codes == [0, 0, 1]
    assert "ALARM: production is worse than the offline score" in capsys.readouterr().out
    # What it is held to is in the history: the run's directory need not be there.
    assert main(["production", "trend", "--history", "h.jsonl", "--gate"]) == 1


def test_a_python_scorer_needs_no_judge(project, capsys):
    log(project, 40, n_good=20)

    code = main([*TREND, "--at", "2026-10-07", "--overrides", "scorer=helps"])

    assert code == 0
    assert lines(project)[0]["score"]["value"] == 0.5
    assert lines(project)[0]["measure"]["judge"] is None
    assert "cannot tell: there is no offline run" in capsys.readouterr().out


def test_an_experiment_may_hold_the_measure(project, offline):
    log(project, 40, n_good=20)

    main([*TREND, "--run", offline, "--at", "2026-10-07", "experiment=weekly"])

    (line,) = lines(project)
    assert line["measure"] == line["offline"]["measure"]


def test_overrides_may_stand_between_options(project):
    log(project, 40, n_good=20)

    code = main([*TREND[:3], *RUBRIC, *TREND[3:], "run.confidence=0.9", "--at", "2026-10-07"])

    assert code == 0
    assert lines(project)[0]["confidence"] == 0.9


def test_another_judge_starts_a_new_segment(project, offline, capsys):
    for week in range(2):
        log(project, 40, n_good=36, start=MONDAY + timedelta(weeks=week))
    main([*TREND, "--run", offline, "--at", "2026-10-05"])
    capsys.readouterr()

    code = main([*TREND, "--run", offline, "--at", "2026-10-12", "judge=other", "--gate"])

    said = capsys.readouterr().out
    assert code == 3
    assert "not comparable with what is above: changed the judge" in said
    assert "measured otherwise offline (the judge)" in said


def test_a_period_without_records_is_said_and_writes_nothing(project, offline, capsys):
    log(project, 40, n_good=36)
    words = [*TREND, "--run", offline, "--at", "2026-10-14"]

    codes = [main(words), main([*words, "--gate"])]

    said = capsys.readouterr()
    assert codes == [0, 3]
    assert "2026-W42 (2026-10-12 to 2026-10-18): 0 records" in said.err
    assert "40 of other periods" in said.err
    assert "cannot tell: no record of 2026-W42" in said.out
    assert not (project / "h.jsonl").exists()


def test_a_period_that_has_not_ended_is_marked_and_its_line_replaced_later(project, capsys):
    now = datetime.now(UTC)
    log(project, 40, n_good=36, start=now - timedelta(hours=1))
    at = (now - timedelta(hours=1)).date()
    # Near midnight the records of an hour may lie in two weeks.
    names = {Period.of(now + timedelta(minutes=m), "week").name for m in (-60, -21)}

    code = main([*TREND, "--at", at.isoformat(), *RUBRIC])

    assert code == 0
    (line,) = lines(project)
    assert line["period"] in names
    assert line["is_partial"] is not Period.named(line["period"]).has_ended(now.date())
    assert "had not ended when it was scored" in capsys.readouterr().out


def test_the_default_is_the_last_period_that_ended(project):
    last_week = Period.of(datetime.now(UTC), "week").previous
    middle = datetime.combine(last_week.start, datetime.min.time(), UTC) + timedelta(days=2)
    log(project, 40, n_good=36, start=middle)

    main([*TREND, *RUBRIC])

    assert lines(project)[0]["period"] == last_week.name


def test_labels_correct_the_score_in_a_line_of_their_own(project, offline, capsys):
    log(project, 60, n_good=60)
    words = [*TREND, "--run", offline, "--at", "2026-10-07"]
    main(words)
    rows = [{"id": f"1005-{n}", "label": int(n < 24)} for n in range(40)]
    (project / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    main([*words, "--labels", "labels.jsonl"])

    first, second = lines(project)
    assert (first["corrected"], second["supersedes"]) == (None, first["id"])
    assert second["corrected"]["value"] == pytest.approx(0.6)
    assert second["corrected"]["n"] == 40
    assert "as people score: 60.0 %" in capsys.readouterr().out
    # Without the file the labels stay as they are.
    main(words)
    assert len(lines(project)) == 2


def test_cut_and_empty_outputs_are_not_scored_and_counted(project, capsys):
    log(project, 40, n_good=36)
    log(project, 5, n_good=5, start=MONDAY + timedelta(days=1), cut=["output"])

    main([*TREND, *RUBRIC, "--at", "2026-10-07"])

    (line,) = lines(project)
    assert (line["n_records"], line["n_unscored"]) == (45, 5)
    assert "5 without a whole output: not scored" in capsys.readouterr().err


def test_whatever_applications_log_can_be_scored(project, capsys):
    """Conversations, tool calls, objects, lone surrogates, lines that are torn."""
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "helpful"}]
    odd = [
        {"input": "hi", "messages": turns, "usage": {"input_tokens": 3, "output_tokens": 4}},
        {"input": {"question": "hi"}, "stop_reason": "end_turn", "category": "mail"},
        {"input": ["no", "conversation"], "latency_s": 0.2, "metadata": {"user": "u1"}},
        {"input": "\ud83d", "output": "helpful \udc00"},
        {"input": None, "output": [{"type": "text", "text": "helpful"}]},
        {"input": ""},
    ]
    for number, fields in enumerate(odd):
        log(project, 1, n_good=1, start=MONDAY + timedelta(days=1, minutes=number), **fields)
        renamed = (project / "log.jsonl").read_text().replace("1006-0", f"odd-{number}")
        (project / "log.jsonl").write_text(renamed)
    with (project / "log.jsonl").open("a") as file:
        file.write('{"id": "torn')

    code = main([*TREND, *RUBRIC, "--at", "2026-10-07"])

    said = capsys.readouterr().err
    assert code == 0, said
    (line,) = lines(project)
    assert (line["n_records"], line["n_unscored"], line["score"]["value"]) == (6, 0, 1.0)
    assert "1 line that cannot be used; the first: log.jsonl:7: is torn" in said
    (cases,) = project.glob("outputs/production/records/*/cases.jsonl")
    assert json.loads(cases.read_text().splitlines()[0])["input"] == turns


def test_json_is_all_there_is_on_stdout(project, offline, capsys):
    log(project, 40, n_good=36)

    main([*TREND, "--run", offline, "--at", "2026-10-07", "--json"])

    found = json.loads(capsys.readouterr().out)
    (point,) = found["segments"][0]["points"]
    assert (point["period"], point["n_records"], point["alarm"]) == ("2026-W41", 40, False)
    assert found["gate"]["exit_code"] == 0


def test_figures_go_where_they_are_asked_for(project, offline, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "step.md"))
    log(project, 40, n_good=36)

    main([*TREND, "--run", offline, "--at", "2026-10-07", "--figures", "chart"])

    names = {path.name for path in (project / "chart").iterdir()}
    assert names == {"trend.png", "trend.svg", "trend.csv", "trend.md"}
    assert "## Production" in (project / "step.md").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing says how the records are to be scored"),
        (["judge=fair"], "nothing says how the records are to be scored"),
        (["scorer=helps", "judge=fair,other"], "these are 2 measures"),
        (["scorer=labels", "run.quality=labels.macro_f1"], "a metric over all cases"),
        (["scorer=exact_match"], "expected_output"),
        (["scorer=helps", "--at", "2999-01-01"], "has not begun"),
        (["scorer=helps", "--at", "yesterday"], "is no day"),
        (["scorer=helps", "--run", "nowhere"], "nowhere"),
        (["scorer=helps", "--history", "conf"], "is a directory"),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_is_spent(project, capsys, words, said):
    log(project, 40, n_good=36)
    at = [] if "--at" in words else ["--at", "2026-10-07"]

    code = main([*TREND, *words, *at])

    assert code == 2
    assert said in capsys.readouterr().err
    assert not (project / "h.jsonl").exists()
    assert calls(project) == []


def test_a_history_that_cannot_be_written_is_said_before_anything_is_spent(project, capsys):
    log(project, 40, n_good=36)

    code = main([*TREND, "--history", "log.jsonl/h.jsonl", "--at", "2026-10-07", *RUBRIC])

    assert code == 5
    assert "cannot be written" in capsys.readouterr().err
    assert calls(project) == []


def test_the_directory_of_a_history_is_made(project):
    log(project, 40, n_good=36)

    main([*TREND, "--history", "new/below/h.jsonl", "--at", "2026-10-07", *RUBRIC])

    assert len((project / "new/below/h.jsonl").read_text().splitlines()) == 1


def test_records_that_all_failed_to_be_scored_are_no_lack_of_records(project, capsys):
    log(project, 40, n_good=36)
    (project / "functions.py").write_text(FUNCTIONS.replace('"helpful" in output', "1 / 0"))

    code = main([*TREND, "scorer=helps", "--at", "2026-10-07", "--gate"])

    assert code == 3
    assert "cannot tell: nothing of 2026-W41 was scored: 40 unscored" in capsys.readouterr().out
    assert not (project / "h.jsonl").exists()


def test_an_interrupted_scoring_says_to_type_the_command_again(project, capsys):
    log(project, 40, n_good=36)
    text = FUNCTIONS.replace("import json\n", "import json\nimport signal\nimport threading\n", 1)
    text = text.replace("CALLS =", "FIRST = threading.Lock()\nCALLS =", 1)
    stop = "if FIRST.acquire(blocking=False):\n        signal.raise_signal(signal.SIGINT)\n    "
    text = text.replace("return verdict(messages)", f"{stop}return verdict(messages)", 1)
    (project / "functions.py").write_text(text)

    code = main([*TREND, *RUBRIC, "--at", "2026-10-07"])

    assert code == 130
    said = capsys.readouterr()
    assert "cannot tell: interrupted: type the command again" in said.out, said.err
    assert not (project / "h.jsonl").exists()


def test_weeks_and_months_keep_to_their_files(project, capsys):
    log(project, 40, n_good=36)
    main([*TREND, "scorer=helps", "--at", "2026-10-07", "--period", "month"])
    capsys.readouterr()

    # The history says which it is.
    again = main([*TREND, "scorer=helps", "--at", "2026-10-07"])
    refused = main([*TREND, "scorer=helps", "--at", "2026-10-07", "--period", "week"])

    assert lines(project)[0]["period"] == "2026-10"
    assert (again, refused) == (0, 2)
    assert "the history is one of months" in capsys.readouterr().err


def test_of_a_run_with_several_candidates_one_must_be_named(project, capsys):
    words = ["run", "dataset=mail", "model=mine,empty", "prompt=plain", "scorer=helps", "--yes"]
    assert main(words) == 0
    (run,) = project.glob("outputs/adhoc/*")
    log(project, 40, n_good=36)
    capsys.readouterr()

    refused = main([*TREND, "--run", str(run), "--at", "2026-10-07"])
    taken = main([*TREND, "--run", f"{run}:mine", "--at", "2026-10-07"])

    assert (refused, taken) == (2, 0)
    said = capsys.readouterr().err
    assert "RUN:CELL: 0 (mine), 1 (empty)" in said
    assert lines(project)[0]["offline"]["cell"] == "mine"


def test_an_offline_run_without_a_score_is_refused(project, offline, capsys):
    log(project, 40, n_good=36)
    path = project / offline / "summary.json"
    summary = json.loads(path.read_text())
    summary["cells"][0]["quality"]["value"] = None
    path.write_text(json.dumps(summary))

    code = main([*TREND, "--run", offline, "--at", "2026-10-07"])

    assert code == 2
    assert "has no score" in capsys.readouterr().err


def test_an_offline_run_whose_scorer_is_gone_is_not_compared(project, capsys):
    words = ["run", "dataset=mail", "model=mine", "prompt=plain", "scorer=helps", "--yes"]
    assert main(words) == 0
    (run,) = project.glob("outputs/adhoc/*")
    code = (project / "functions.py").read_text()
    (project / "functions.py").write_text(code.replace("def helps", "def is_helpful"))
    log(project, 40, n_good=36)
    capsys.readouterr()

    code = main([*TREND, "--run", str(run), "--at", "2026-10-07", "--gate", *RUBRIC])

    assert code == 3
    assert "cannot be made out any more" in capsys.readouterr().out


def test_a_calibrated_offline_run_is_held_to_on_peoples_scale(project, offline, capsys):
    rows = [{"case_id": f"m{n}", "label": int(n % 10 not in {0, 1})} for n in range(60)]
    (project / "people.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["calibrate", offline, "--labels", "people.jsonl"]) == 0
    log(project, 60, n_good=54)
    rows = [{"id": f"1005-{n}", "label": int(n % 10 not in {0, 1})} for n in range(50)]
    (project / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    capsys.readouterr()

    main([*TREND, "--run", offline, "--at", "2026-10-07", "--labels", "labels.jsonl"])

    said = capsys.readouterr().out
    assert "both corrected by people's labels" in said
    assert lines(project)[0]["offline"]["corrected"]["value"] == pytest.approx(0.8, abs=0.03)


def test_importing_the_sampling_library_loads_nothing_of_the_trend():
    import subprocess
    import sys

    code = "import evalrunner.production, sys; print('numpy' in sys.modules, end='')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False"
