"""`human export` of a run: what is written, what raters may see of it, and what is refused."""

from __future__ import annotations

import asyncio
import json
import shutil
from dataclasses import replace

import pytest
from runs import AT, new_run, project, rows_of, trial, write_journal

from evalrunner.cli import main
from evalrunner.errors import ConfigError, StoreError
from evalrunner.human.answers import Answers
from evalrunner.human.criteria import ACCEPTABLE, INSTRUCTIONS, criteria_of
from evalrunner.human.export import export_tasks
from evalrunner.human.options import ExportOptions
from evalrunner.planning import read_specs
from evalrunner.report import build_report
from evalrunner.scorers.pairwise import CRITERIA
from evalrunner.store.people import VoteJournal, read_export
from evalrunner.types.people import Vote

MESSAGES = [{"role": "user", "content": "Where is it?"}]
RUBRIC = {"rubric": ["Is polite", {"criterion": "Is right", "weight": 2}]}
CASES = (
    *(
        {"id": f"c{n}", "input": f"Ticket {n}", "expected_output": "x", "channel": f"via {n % 3}"}
        | (RUBRIC if n % 2 else {})
        for n in range(11)
    ),
    {"id": "c11", "input": MESSAGES, "expected_output": "x", "channel": "via 2"},
)
KEYS = {"OPENAI_API_KEY": "sk-test", "ANTHROPIC_API_KEY": "sk-test"}
PLAIN = ExportOptions(repeats=0.0)


def answered(cell, case, repeat=0, **changes):
    text = f"Dear {case}, this is {'AB'[cell]}{repeat}."
    return trial(cell, case, repeat, **({"output": text} | changes))


def planned_run(root, *overrides):
    return new_run(root, *overrides, environ=KEYS)


@pytest.fixture
def root(tmp_path):
    return project(tmp_path, cases=CASES)


def reported(root, *overrides, records=None):
    """A run of two models over all cases, with its trials."""
    run = planned_run(root, "model=luna,opus", "prompt=ask", *overrides)
    records = records or [answered(cell, case) for cell in (0, 1) for case in range(12)]
    write_journal(run, records)
    build_report(run, figures=False)
    return run


@pytest.fixture
def run(root):
    return reported(root)


def exported(run, options=PLAIN):
    export_tasks(run, options, at=AT)
    found = read_export(run)
    assert found is not None
    return found


def refused(run, options):
    with pytest.raises(ConfigError) as caught:
        export_tasks(run, options, at=AT)
    return str(caught.value)


def typed(run, capsys, *words):
    code = main(["human", "export", str(run), *words])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_all_candidates_are_asked_about_in_pairs(run):
    export = exported(run)

    shown = {key.task_id: key for key in export.key}
    assert [task.order for task in export.tasks] == list(range(12))
    assert {shown[task.task_id].case_id for task in export.tasks} == {f"c{n}" for n in range(12)}
    for task in export.tasks:
        key = shown[task.task_id]
        case = int(key.case_id[1:])
        assert task.output_a == f"Dear {case}, this is {'AB'[key.left]}0."
        assert task.output_b == f"Dear {case}, this is {'AB'[key.right]}0."
        assert task.input == CASES[case]["input"]
        assert task.instructions == INSTRUCTIONS["pairwise"]
    assert {key.chance for key in export.key} == {1.0}


def test_settings_say_how_the_tasks_were_made(run):
    options = replace(
        PLAIN, cases=6, choose="stratified", by="channel", raters=("ann", "bob"), repeats=0.1
    )

    settings = exported(run, options).settings

    chances = settings.pop("chances")
    assert settings == {
        "schema_version": 1,
        "seed": 0,
        "kind": "pairwise",
        "cells": [0, 1],
        "choose": "stratified",
        "by": "channel",
        "n": 6,
        "n_cases": 12,
        "raters": ["ann", "bob"],
        "overlap": 1.0,
        "repeats": 0.1,
        "swapped": 0.1,
        "created_at": AT.isoformat(),
        "instructions": INSTRUCTIONS["pairwise"],
    }
    assert chances is None


def test_unequal_chances_are_kept_of_every_case(root):
    values = [(0.0, 1.0) if case < 3 else (1.0, 1.0) for case in range(12)]
    records = [
        answered(cell, case, value=values[case][cell]) for cell in (0, 1) for case in range(12)
    ]
    run = reported(root, records=records)

    export = exported(run, replace(PLAIN, cases=4, choose="informative"))

    chances = export.settings["chances"]
    assert chances.keys() == {f"c{n}" for n in range(12)}
    assert sum(chances.values()) == pytest.approx(4)
    assert chances["c0"] > 0.5 > chances["c5"] > 0
    assert all(key.chance == chances[key.case_id] for key in export.key)


def test_the_same_seed_makes_the_same_bytes_but_for_the_moment(run):
    options = replace(PLAIN, raters=("ann", "bob"), repeats=0.1, cases=8, again=True)
    made = []
    for at in (AT, AT.replace(year=2027)):
        export_tasks(run, options, at=at)
        made.append({path.name: path.read_bytes() for path in (run / "human").glob("*.json*")})

    first, second = made
    moments = (AT.isoformat().encode(), AT.replace(year=2027).isoformat().encode())
    assert first["settings.json"].replace(*moments) == second["settings.json"]
    assert first["key.jsonl"] == second["key.jsonl"]
    assert first["tasks.jsonl"] == second["tasks.jsonl"]
    export_tasks(run, replace(options, seed=1), at=AT)
    assert (run / "human" / "key.jsonl").read_bytes() != first["key.jsonl"]


def test_criteria_are_the_rubric_or_a_general_one(run):
    pairs = exported(run)
    singles = exported(run, replace(PLAIN, kind="rubric", again=True))

    for export, general in ((pairs, CRITERIA), (singles, ACCEPTABLE)):
        case_of = {key.task_id: int(key.case_id[1:]) for key in export.key}
        for task in export.tasks:
            has_rubric = case_of[task.task_id] % 2 and case_of[task.task_id] != 11
            assert task.rating_criteria == (("Is polite", "Is right") if has_rubric else (general,))
    assert len(singles.tasks) == 24
    assert singles.settings["instructions"] == INSTRUCTIONS["rubric"]
    assert singles.settings["swapped"] == 0


def test_people_judge_by_what_the_judge_of_quality_judges_by(root):
    scorers = "scorer=[pairwise,rubric,exact_match]"
    judge = ("judge=strict", "model@judge.model=luna", "scorer.rubric.criteria=[Is short]")
    text = "scorer.pairwise.criteria=Which is funnier?"
    by_pairs, by_rubric = (
        read_specs(planned_run(root, scorers, *judge, text, "model=luna,opus", quality))[0]
        for quality in ("run.quality=pairwise", "run.quality=rubric")
    )

    assert criteria_of({}, by_pairs, kind="pairwise") == ("Which is funnier?",)
    assert criteria_of({}, by_rubric, kind="pairwise") == ("Is short",)
    assert criteria_of({}, by_pairs, kind="rubric") == ("Is short",)


def test_inputs_that_are_messages_are_passed_as_they_are(run):
    export = exported(run)

    case_of = {key.task_id: key.case_id for key in export.key}
    (task,) = [task for task in export.tasks if case_of[task.task_id] == "c11"]
    assert task.input == MESSAGES


def test_raters_read_only_one_of_several_answers_and_all_the_same(root):
    records = [
        answered(cell, case, repeat) for cell in (0, 1) for case in range(12) for repeat in range(3)
    ]
    run = reported(root, "run.repeats=3", records=records)

    export = exported(run, replace(PLAIN, raters=("ann", "bob")))

    shown = {}
    for key in export.key:
        shown.setdefault((key.case_id, key.left), set()).add(key.left_repeat)
        shown.setdefault((key.case_id, key.right), set()).add(key.right_repeat)
    assert all(len(repeats) == 1 for repeats in shown.values())
    assert set.union(*shown.values()) == {0, 1, 2}


def test_answers_without_a_text_are_asked_of_nobody(root, capsys):
    silent = {
        0: {"output": None, "status": "error", "error": {"kind": "timeout", "message": ""}},
        1: {"output": "  \n"},
    }
    records = [
        answered(cell, case, **(silent.get(case, {}) if cell else {}))
        for cell in (0, 1)
        for case in range(12)
    ]
    run = reported(root, records=records)

    _, _, err = typed(run, capsys)
    pairs = exported(run, replace(PLAIN, again=True))
    singles = exported(run, replace(PLAIN, kind="rubric", again=True))

    assert "2 trials of opus without a text: nobody is asked about them" in err
    assert {key.case_id for key in pairs.key} == {f"c{n}" for n in range(2, 12)}
    assert pairs.settings["n_cases"] == 10
    assert {key.left for key in singles.key if key.case_id in {"c0", "c1"}} == {0}


def test_equal_outputs_are_told_and_asked_of_nobody(root, capsys):
    records = [
        answered(cell, case, **({"output": "same"} if case < 4 else {}))
        for cell in (0, 1)
        for case in range(12)
    ]
    run = reported(root, records=records)

    code, out, _ = typed(run, capsys, "--repeats", "0")

    assert code == 0
    assert "12 cases of 12 (all of them), 12 pairs" in out
    assert "4 pairs of equal outputs: ties that nobody is asked about" in out
    assert "rater-1: 8 tasks" in out
    assert len(rows_of(run / "human" / "tasks.jsonl")) == 8
    assert sum(row["is_equal"] for row in rows_of(run / "human" / "key.jsonl")) == 4


def test_outputs_that_name_their_own_model_are_told_and_left_as_they_are(root, capsys):
    """F12: a rater who reads the model's name is not blind any more."""
    said = {
        (0, 1): "I am GPT-6 Luna.",
        (0, 2): "As ChatGPT I cannot.",
        (0, 3): "Made by OpenAI.",
        (0, 4): "A claude is no gptx.",
        (1, 5): "I am Claude, by Anthropic.",
        (1, 6): "Ask GPT-6 Luna.",
        (1, 7): "Ticket 7 is not about luna.",
    }
    records = [
        answered(cell, case, **({"output": said[cell, case]} if (cell, case) in said else {}))
        for cell in (0, 1)
        for case in range(12)
    ]
    run = reported(root, records=records)

    code, out, err = typed(run, capsys, "--json")

    assert code == 0
    assert [
        (leak["cell"], leak["names"], leak["case_ids"]) for leak in json.loads(out)["leaks"]
    ] == [
        (0, ["chatgpt", "gpt 6 luna", "openai"], ["c1", "c2", "c3"]),
        (1, ["anthropic", "claude"], ["c5"]),
    ]
    assert err == ""
    shown = {task["output_a"] for task in rows_of(run / "human" / "tasks.jsonl")}
    shown |= {task["output_b"] for task in rows_of(run / "human" / "tasks.jsonl")}
    assert set(said.values()) <= shown
    code, out, err = typed(run, capsys, "--again")
    assert "warning: 3 outputs of luna hold a name of it ('chatgpt', 'gpt 6 luna'" in err
    assert "nothing was altered: c1, c2, c3" in err


def test_names_that_the_input_holds_give_nothing_away(tmp_path, capsys):
    """F12: only what a rater could not read in the input tells who wrote an output."""
    cases = [case | {"input": "Is Claude better than GPT?"} for case in CASES]
    run = reported(
        project(tmp_path, cases=cases),
        records=[
            answered(cell, case, output=f"GPT or Claude? {cell}")
            for cell in (0, 1)
            for case in range(12)
        ],
    )

    _, out, _ = typed(run, capsys, "--json")

    assert json.loads(out)["leaks"] == []


def test_a_prompt_is_named_only_where_prompts_differ(root, capsys):
    """F12: a prompt that all cells have does not tell them apart."""
    leaks = []
    for prompts in ("prompt=ask,beg", "prompt=beg"):
        run = planned_run(root, "model=luna,opus", prompts)
        n = len(read_specs(run))
        write_journal(
            run,
            [trial(cell, case, output=f"I beg {cell}") for cell in range(n) for case in range(12)],
        )
        build_report(run, figures=False)
        leaks.append(json.loads(typed(run, capsys, "--json")[1])["leaks"])

    assert [leak["names"] for leak in leaks[0]] == [["beg"], ["beg"]]
    assert leaks[1] == []


def test_files_for_raters_name_neither_model_nor_case_nor_run(run, capsys):
    """F12: what raters get holds no origin, in its text or in its file names."""
    forms = ("page", "html", "csv", "label-studio", "argilla")
    words = [word for form in forms for word in ("--form", form)]

    code, out, _ = typed(run, capsys, "--raters", "ann,bob", *words)

    files = [*(run / "human" / "forms").iterdir(), run / "human" / "tasks.jsonl"]
    hidden = {"luna", "opus", "claude", "openai", "anthropic", "ask", "exact_match", run.name}
    assert code == 0
    assert {path.name.partition(".")[0] for path in files} == {"ann", "bob", "tasks"}
    assert {path.suffix for path in files} == {".html", ".csv", ".json", ".jsonl", ".xml"}
    for path in files:
        text = path.read_text("utf-8")
        words = set(text.replace('"', " ").replace(",", " ").lower().split())
        assert not hidden & words, path.name
        assert not any(case["id"] in words for case in CASES), path.name
        assert "gpt-6" not in text
        assert str(run.parent.name) not in words
    assert str(run / "human" / "key.jsonl") in out
    assert "ann.html" in out


def test_forms_of_an_earlier_export_are_gone(run, capsys):
    typed(run, capsys, "--raters", "ann,bob", "--form", "csv")

    code, out, _ = typed(run, capsys, "--raters", "cid", "--form", "csv", "--again")

    assert code == 0
    assert [path.name for path in (run / "human" / "forms").iterdir()] == ["cid.csv"]
    assert f"evalrunner human import {run}" in out
    assert "human serve" not in out


def test_the_terminal_tells_what_was_made_and_what_comes_next(run, capsys):
    code, out, err = typed(run, capsys, "--cases", "8", "--raters", "ann, bob")

    assert code == 0
    assert out.startswith("pairwise tasks about luna, opus\n8 cases of 12 (random choice), 8 pairs")
    assert "  ann: 10 tasks (1 asked again, 1 again with sides swapped), about 2 min" in out
    assert f"{run / 'human' / 'key.jsonl'}: raters must not get it" in out
    assert out.endswith(f"  evalrunner human serve {run}\n  evalrunner human report {run}\n")
    assert err == ""


def test_a_single_cell_is_rated_by_its_criteria(run):
    export = exported(run, replace(PLAIN, cells=("opus",)))

    assert export.settings["kind"] == "rubric"
    assert {key.left for key in export.key} == {1}
    assert "needs two cells" in refused(run, replace(PLAIN, cells=("1",), kind="pairwise"))


def test_an_export_is_replaced_only_when_asked_for(run):
    before = exported(run)

    assert "holds 12 tasks already (rater-1)" in refused(run, replace(PLAIN, seed=1))
    assert read_export(run) == before
    after = exported(run, replace(PLAIN, seed=1, again=True))
    assert after.settings["seed"] == 1


def test_forms_that_become_worthless_are_told(run, capsys):
    typed(run, capsys, "--raters", "ann", "--form", "csv", "--cases", "6", "--repeats", "0")

    _, _, same = typed(run, capsys, "--raters", "ann", "--cases", "6", "--repeats", "0", "--again")
    typed(run, capsys, "--raters", "ann", "--form", "csv", "--repeats", "0", "--again")
    _, out, _ = typed(run, capsys, "--raters", "ann", "--instructions", "Why?", "--again", "--json")

    assert same == ""
    (warning,) = json.loads(out)["warnings"]
    assert warning.startswith("12 tasks of forms that were written before are no more")


@pytest.mark.parametrize("kind", ["pairwise", "rubric"])
def test_votes_on_pairs_are_said_not_to_calibrate_a_judge_of_single_outputs(root, capsys, kind):
    run = reported(root, "scorer=[rubric,pairwise,exact_match]", "judge=strict")

    _, out, _ = typed(run, capsys, "--kind", kind, "--json")

    told = [warning for warning in json.loads(out)["warnings"] if "calibrate" in warning]
    assert [("cannot calibrate rubric," in each) for each in told] == [True] * (kind == "pairwise")


@pytest.mark.parametrize("option", ["--raters", "--cells"])
def test_an_empty_list_is_not_the_default(run, capsys, option):
    code, _, err = typed(run, capsys, option, " , ")

    assert code == 2
    assert err.startswith(f"error: {option}: names no")
    assert read_export(run) is None


def vote(run, task_id):
    async def write():
        async with VoteJournal(run) as journal:
            await journal.append(Vote(task_id=task_id, rater="rater-1", vote="tie"))

    asyncio.run(write())


def test_tasks_that_have_votes_are_never_replaced(run):
    before = exported(run)
    vote(run, "of another export")
    again = exported(run, replace(PLAIN, again=True))
    vote(run, again.tasks[0].task_id)

    said = refused(run, replace(PLAIN, seed=1, again=True))

    assert before.tasks == again.tasks
    assert "have 1 vote: they are kept" in said
    assert read_export(run) == again
    assert f"cp -r {run} COPY && rm -r COPY/human COPY/votes.jsonl &&" in said
    copy = run.parent / "copy"
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("human", "votes.jsonl"))
    ids = {task.task_id for task in exported(copy).tasks}
    assert len(ids) == 12
    assert not ids & {task.task_id for task in again.tasks}


def test_nothing_is_replaced_while_votes_are_taken(run):
    async def export_meanwhile():
        async with VoteJournal(run):
            return refused(run, replace(PLAIN, again=True))

    exported(run)

    assert "works on what people are asked" in asyncio.run(export_meanwhile())


def test_a_run_without_trials_is_to_be_reported_first(root):
    run = planned_run(root, "model=luna,opus")

    assert f"evalrunner report {run}" in refused(run, PLAIN)


@pytest.mark.parametrize("row", ['{"cell": 0}', '{"cell": 0', "[]"])
def test_trials_that_are_none_are_refused(run, row):
    (run / "trials.jsonl").write_text(f"{row}\n")

    with pytest.raises(StoreError, match="no trial; type: evalrunner report"):
        Answers(run, read_specs(run))


def test_trials_that_cannot_be_read_are_told(run):
    (run / "trials.jsonl").unlink()
    (run / "trials.jsonl").mkdir()

    with pytest.raises(StoreError, match="cannot be read"):
        Answers(run, read_specs(run))


def test_what_cannot_be_written_is_told(run, tmp_path):
    (run / "human").mkdir()
    (run / "human" / "forms").symlink_to(tmp_path, target_is_directory=True)

    with pytest.raises(StoreError, match="cannot replace"):
        export_tasks(run, PLAIN, at=AT)
    shutil.rmtree(run / "human")
    (run / "human").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write into"):
        export_tasks(run, PLAIN, at=AT)
    assert (tmp_path / "models.py").exists()


def test_a_run_with_one_answer_a_case_has_no_pairs(root):
    records = [
        answered(cell, case, **({"output": ""} if case % 2 == cell else {}))
        for cell in (0, 1)
        for case in range(12)
    ]
    run = reported(root, records=records)

    said = refused(run, PLAIN)

    assert "no case has 2 answers with a text" in said
    assert f"evalrunner run --resume {run}" in said


def test_cases_that_disagree_nowhere_are_not_called_informative(run, capsys):
    _, _, err = typed(run, capsys, "--choose", "informative", "--cases", "4")

    assert "disagree nowhere: the cases were chosen with equal chances" in err
    settings = json.loads((run / "human" / "settings.json").read_text())
    assert settings["chances"] is None


def test_cells_of_different_facets_are_refused(root, capsys):
    judged = ("scorer=rubric", "judge=strict,lenient")
    run = planned_run(root, "model=luna,opus", *judged)
    records = [answered(cell // 2, case, scores={}) for cell in range(4) for case in range(12)]
    cells = [cell for cell in range(4) for _ in range(12)]
    write_journal(run, [each | {"cell": cell} for each, cell in zip(records, cells, strict=True)])
    build_report(run, figures=False)
    first, second = ([s.id for s in read_specs(run) if s.facet == facet] for facet in (0, 1))

    said = refused(run, replace(PLAIN, cells=(str(first[0]), str(second[0]))))

    assert "measured differently" in said
    _, out, err = typed(run, capsys, "--json")
    assert [cell["id"] for cell in json.loads(out)["cells"]] == first
    facets, judge = json.loads(out)["warnings"]
    assert facets.startswith("the run has 2 facets")
    assert "cannot calibrate rubric" in judge
    assert err == ""
    by_id = replace(PLAIN, cells=tuple(map(str, second)), again=True)
    assert exported(run, by_id).settings["cells"] == second


def test_canaries_are_refused(root):
    run = reported(root, "run.canaries=true")
    (canary, *_) = [spec for spec in read_specs(run) if spec.role == "canary"]

    said = refused(run, replace(PLAIN, cells=("luna", canary.label)))

    assert f"{canary.label!r} is a canary" in said
    assert "its candidates are: 0 (luna), 1 (opus)" in said


def test_every_problem_of_the_options_is_told_at_once(run):
    options = ExportOptions(
        cases=0, overlap=1.5, repeats=0.5, by="channel", raters=("a b", "Ann", "ann")
    )

    said = refused(run, options)

    for name in ("--cases", "--overlap", "--repeats", "--by"):
        assert name in said
    assert "'a b' is no name for a rater" in said
    assert "'Ann' and 'ann' are one name: files are named by it, and case is ignored" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cells": ("9",)}, "the run has no cell '9'"),
        ({"choose": "stratified", "by": "chanel"}, "no case has a field 'chanel'"),
        ({"choose": "stratified", "by": "id", "cases": 5}, "add --cases 12"),
        ({"raters": ()}, "names nobody"),
        ({"raters": ("ann", "ann")}, "'ann' is named 2 times"),
        ({"raters": ("nul",)}, "'nul' is a device on Windows"),
        ({"raters": ("Con.1",)}, "'Con.1' is a device on Windows"),
        ({"raters": tuple("abcd"), "overlap": 0.0, "cases": 3}, "would get no task"),
    ],
)
def test_what_cannot_be_asked_is_refused(run, changes, said):
    assert said in refused(run, replace(PLAIN, **changes))
    assert read_export(run) is None


def test_equal_outputs_alone_are_nothing_to_choose_between(root):
    records = [answered(cell, case, output="x") for cell in (0, 1) for case in range(12)]

    assert "every pair of outputs is equal" in refused(reported(root, records=records), PLAIN)


def test_disagreement_is_that_of_scores_or_of_verdicts(root):
    def judged(*values, **changes):
        judgements = [{"value": value, "opponent": None} | changes for value in values]
        return {"exact_match": {"value": 1.0, "judgements": judgements}}

    scores = {
        (0, 0): judged(1.0, 0.25, None),
        (1, 1): {"exact_match": {"value": 0.5}},
        (1, 2): {"exact_match": {"value": None}},
    }
    rows = [
        {"cell": cell, "case_id": f"c{case}", "repeat": 0, "output": "text", "status": "ok"}
        | {"scores": scores.get((cell, case), {"exact_match": {"value": 1.0}})}
        for cell in (0, 1)
        for case in range(4)
    ]
    run = planned_run(root, "model=luna,opus")
    (run / "trials.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    answers = Answers(run, read_specs(run))

    assert [answers.disagreement(f"c{case}") for case in range(5)] == [0.75, 0.5, 0, 0, 0]
