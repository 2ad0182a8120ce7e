"""Where labels come from, and which answers they are about."""

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import judgements
import pytest
from judgements import call, judged, judged_trial, judgement, lines
from runs import trial, write_journal

from evalrunner.errors import ConfigError
from evalrunner.human.export import export_tasks
from evalrunner.human.options import ExportOptions
from evalrunner.report import build_report
from evalrunner.report.page.cases import case_data, decoded
from evalrunner.report.people.answers import read_answers
from evalrunner.report.people.label_files import read_label_file
from evalrunner.report.recorded import open_run
from evalrunner.store.people import VoteJournal, append_labels, read_export
from evalrunner.types.people import Label, Rating, Vote

AT = datetime(2026, 11, 20, tzinfo=UTC)


def judged_run(root, *overrides, **around):
    """A run directory of cells that `severe` judges, if nobody else does."""
    has_judge = any(each.startswith("judge=") for each in overrides)
    return judgements.judged_run(
        root, *overrides, *([] if has_judge else ["judge=severe"]), **around
    )


def said(*passed):
    """A score of the rubric `polite`, `short`."""
    value = sum(passed) / len(passed)
    return judged(judgement(value, criteria=lines(*passed)), criteria=lines(*passed))


def judged_cells(root, *overrides, n_cases=40, n_cells=1, score=None):
    """A reported run; the judge passes `polite` always, and `short` in every other case."""
    run = judged_run(root, *overrides, n_cases=n_cases)
    make = score or (lambda cell, case: said(True, case % 2 == 0))
    records = [
        judged_trial(cell, case, make(cell, case), output=f"answer {cell} {case}")
        for cell in range(n_cells)
        for case in range(n_cases)
    ]
    write_journal(run, records)
    return run


def reported(run):
    return build_report(run, figures=False)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def entry_of(summary, number=0, **wanted):
    wanted = {"member": None} | wanted
    return next(
        entry
        for entry in summary["calibration"]
        if entry["cell"] == number and all(entry[name] == wanted[name] for name in wanted)
    )


def voted(run, answers):
    """Votes and ratings into the run's journal."""

    async def write():
        async with VoteJournal(run) as journal:
            for answer in answers:
                await journal.append(answer)

    asyncio.run(write())


JSON_CASES = [
    {"id": f"c{n}", "input": "who?", "expected_output": {"team": "a", "city": "b"}}
    for n in range(2)
]


def fields_scored(**passed):
    """A score of `json_fields`."""
    criteria = lines(*passed.values(), names=list(passed))
    value = sum(passed.values()) / len(passed)
    return {"value": value, "reason": None, "label": None, "criteria": criteria, "cost_usd": None}


def exported(run, **options):
    export_tasks(run, ExportOptions(**{"repeats": 0.0} | options), at=AT)
    return read_export(run)


# --- labels ----------------------------------------


def test_run_without_labels_has_no_calibration(tmp_path):
    summary = reported(judged_cells(tmp_path))

    assert (summary["calibration"], summary["calibrated"]) == ([], None)
    assert summary["cells"][0]["corrected"] is None
    assert summary["recommendations"][0]["corrected"] is None


def test_whole_labels_correct_the_score_of_their_cell(tmp_path):
    run = judged_cells(tmp_path, n_cases=60)
    append_labels(run, [Label(case_id=f"c{n}", label=float(n % 3 > 0)) for n in range(36)])

    summary = reported(run)

    entry = entry_of(summary)
    assert (entry["n_labels"], entry["unit"], entry["judge"]) == (36, "answer", "severe")
    assert entry["people"]["value"] == pytest.approx(2 / 3)
    assert summary["cells"][0]["corrected"] == entry["corrected"]
    assert entry["corrected"]["value"] == pytest.approx(2 / 3, abs=0.02)
    assert entry["raw"] == summary["cells"][0]["quality"]


def test_criteria_make_a_label_where_a_rater_rated_them_all(tmp_path):
    run = judged_cells(
        tmp_path,
        "scorer.rubric.criteria=[{criterion: polite, weight: 3}, short]",
    )
    labels = [("c0", "polite", 1.0), ("c0", "short", 0.0), ("c1", "polite", 1.0)]
    append_labels(
        run,
        [Label(case_id=c, criterion=text, label=value, rater="ann") for c, text, value in labels],
    )

    entry = entry_of(reported(run))

    assert (entry["unit"], entry["n_units"], entry["n_labels"]) == ("criterion", 3, 1)
    assert entry["people"]["value"] == 0.75
    assert entry["confusion"]["false_passes"] == 1


def test_raters_are_averaged_and_their_agreement_is_the_ceiling(tmp_path):
    run = judged_cells(tmp_path)
    append_labels(
        run,
        [
            Label(case_id=f"c{n}", label=float(n % 2 if rater == "ann" else n < 20), rater=rater)
            for n in range(40)
            for rater in ("ann", "bob")
        ],
    )

    summary = reported(run)

    assert summary["calibrated"]["ceiling"]["percent"]["value"] == 0.5
    assert entry_of(summary)["people"]["value"] == 0.5
    assert entry_of(summary)["n_labels"] == 40


def test_later_label_of_a_rater_replaces_the_earlier_one(tmp_path):
    run = judged_cells(tmp_path)
    append_labels(run, [Label(case_id="c0", label=value, rater="ann") for value in (0.0, 1.0)])

    assert entry_of(reported(run))["people"]["value"] == 1


def test_labels_that_count_nowhere_are_told(tmp_path):
    run = judged_cells(tmp_path, "model=echo,luna", n_cells=2)
    append_labels(
        run,
        [
            Label(case_id="c0", cell=0, label=1.0),
            Label(case_id="c1", label=1.0),
            Label(case_id="c2", label=1.0, output_sha256="ab"),
            Label(case_id="c3", cell="nobody", label=1.0),
            Label(case_id="c4", cell=1, label=1.0, scorer="another"),
            Label(case_id="gone", cell=1, label=1.0),
            Label(case_id="gone", cell=0, label=1.0),
            Label(case_id="c5", cell=0, repeat=3, label=1.0),
        ],
    )
    with (run / "labels.jsonl").open("a") as file:
        file.write("no label\n")

    found = reported(run)["calibrated"]

    assert found["sources"] == {"labels": 1, "ratings": 0, "votes": 0}
    assert found["broken_lines"] == [9]
    assert [line.removeprefix("1 label not used: ") for line in sorted(found["unused"])] == [
        "'another' is no scorer of its cell that labels can be about",
        "it names neither cell nor output_sha256, and several cells have an answer",
        "it was given for another output than the run has: output_sha256 matches none",
        "the run has no candidate 'nobody' that answers this case",
        "there is no repeat 3, only 0 to 0",
        "2 labels not used: the run has no case 'gone'",
    ]


def test_label_of_an_output_counts_for_all_cells_that_gave_it(tmp_path):
    run = judged_run(tmp_path, "model=echo,luna", n_cases=2)
    write_journal(run, [judged_trial(cell, 0, said(True, True)) for cell in (0, 1)])
    append_labels(run, [Label(case_id="c0", label=0.0, output_sha256=sha256("to billing"))])

    summary = reported(run)

    assert [entry_of(summary, cell)["n_labels"] for cell in (0, 1)] == [1, 1]
    assert summary["calibrated"]["sources"]["labels"] == 1


def test_labelled_answer_without_a_score_is_told(tmp_path):
    run = judged_run(tmp_path, n_cases=2)
    failed = judged(judgement(None))
    write_journal(run, [judged_trial(0, 0, failed), judged_trial(0, 1, said(True, True))])
    append_labels(run, [Label(case_id=f"c{n}", label=1.0) for n in range(2)])

    summary = reported(run)

    assert summary["calibrated"]["unused"] == ["1 labelled answer without a score of 'rubric'"]
    assert entry_of(summary)["n_labels"] == 1


def test_scorer_without_a_judge_is_calibrated_under_its_own_name(tmp_path):
    run = judged_run(tmp_path, "judge=none", scorer=())
    write_journal(run, [trial(0, case) for case in range(3)])
    append_labels(run, [Label(case_id="c0", label=0.0, scorer="exact_match")])

    summary = reported(run)

    assert entry_of(summary)["judge"] == "exact_match"
    (instrument,) = summary["calibrated"]["instruments"]
    assert (instrument["model"], instrument["usd_per_1000_verdicts"]["value"]) == (None, 0)


def test_metric_that_is_the_quality_is_what_labels_are_about(tmp_path):
    settings = ("scorer=json_fields", "run.quality=json_fields.team")
    run = judged_run(tmp_path, "judge=none", scorer=settings, cases=JSON_CASES)
    write_journal(
        run,
        [
            trial(0, case, scores={"json_fields": fields_scored(team=True, city=case == 0)})
            for case in range(2)
        ],
    )
    append_labels(run, [Label(case_id=f"c{n}", label=float(n)) for n in range(2)])

    entry = entry_of(reported(run))

    assert (entry["scorer"], entry["is_quality"]) == ("json_fields.team", True)
    assert entry["inflation"]["value"] == 0.5


def test_f1_is_not_corrected_but_its_scorer_is_calibrated(tmp_path):
    run = judged_run(
        tmp_path, "judge=none", "run.quality=labels.macro_f1", scorer=("scorer=labels",), n_cases=60
    )
    score = {"value": 1.0, "reason": None, "label": "x", "criteria": [], "cost_usd": None}
    write_journal(run, [trial(0, case, scores={"labels": score}) for case in range(60)])
    append_labels(run, [Label(case_id=f"c{n}", label=float(n % 2)) for n in range(40)])

    summary = reported(run)

    assert entry_of(summary)["scorer"] == "labels"
    assert entry_of(summary)["corrected"]["value"] == pytest.approx(0.5)
    assert summary["cells"][0]["corrected"] is None


# --- panels and prices ----------------------------------------


def panel(opus, luna):
    """A verdict of each of a jury's judges: 100 tokens in and 10 out, at their prices."""
    verdicts = [
        judgement(value, judge=name, criteria=lines(value == 1, names=["polite"]))
        for name, value in (("judge", opus), ("luna", luna))
    ]
    return judged(*verdicts)


def test_members_of_a_panel_are_instruments_with_prices_of_their_own(tmp_path):
    run = judged_cells(
        tmp_path, "judge=jury", score=lambda _, case: panel(1.0, float(case % 2)), n_cases=8
    )
    append_labels(run, [Label(case_id=f"c{n}", label=float(n % 2)) for n in range(8)])

    found = reported(run)["calibrated"]["instruments"]

    shown = {each["member"]: each for each in found}
    assert list(shown) == [None, "judge", "luna"]
    assert shown["judge"]["percent"]["value"] == 0.5
    assert shown["luna"]["percent"]["value"] == 1
    prices = {name: each["usd_per_1000_verdicts"]["value"] for name, each in shown.items()}
    assert prices == pytest.approx({None: 1.2 + 0.06, "judge": 1.2, "luna": 0.06})
    assert shown["judge"]["model"] == "claude-opus-5-5"
    assert shown[None]["model"] == "claude-opus-5-5 + gpt-6-luna"
    assert shown["luna"]["pareto"]["status"] != "dominated"


def test_judge_without_a_price_is_unpriced(tmp_path):
    run = judged_cells(tmp_path, "judge=unknown")
    append_labels(run, [Label(case_id="c0", label=1.0)])

    (found,) = reported(run)["calibrated"]["instruments"]

    assert found["usd_per_1000_verdicts"] is None
    assert found["pareto"]["status"] == "unpriced"


def test_rows_name_the_list_price_of_each_judgement(tmp_path):
    run = judged_run(tmp_path, "judge=severe", n_cases=1)
    asked = judgement(calls=[call(), call("bb", cached=True)])
    write_journal(run, [judged_trial(0, 0, judged(asked, judgement(calls=[])))])
    reported(run)

    (row,) = map(json.loads, (run / "trials.jsonl").read_text().splitlines())

    prices = [each["cost_usd"] for each in row["scores"]["rubric"]["judgements"]]
    assert prices == pytest.approx([0.0024, 0])


# --- ratings and votes ----------------------------------------


def test_ratings_of_people_are_labels(tmp_path):
    run = judged_cells(tmp_path, "model=echo,luna", n_cells=2)
    reported(run)
    export = exported(run, kind="rubric", cases=40, raters=("ann", "bob"))
    voted(
        run,
        [
            Rating(task_id=task.task_id, rater=task.rater, criterion=text, label=float(good))
            for task in export.tasks
            for text, good in zip(task.rating_criteria, (True, task.rater == "ann"), strict=True)
        ],
    )

    summary = reported(run)

    assert summary["calibrated"]["sources"]["ratings"] == 2 * len(export.tasks) == 320
    for number in (0, 1):
        entry = entry_of(summary, number)
        assert (entry["n_labels"], entry["n_units"], entry["n_divided"]) == (40, 40, 40)
        assert entry["people"]["value"] == 0.75
    assert summary["calibrated"]["ceiling"]["percent"]["value"] == 0.5


def test_people_agree_as_much_in_calibrate_as_in_their_own_report(tmp_path):
    """Equal outputs of two cells are two answers, for judges and for people."""
    run = judged_run(tmp_path, "model=echo,luna", n_cases=20)
    write_journal(
        run,
        [
            judged_trial(cell, case, said(True, case % 2 == 0), output=f"answer {case}")
            for cell in range(2)
            for case in range(20)
        ],
    )
    reported(run)
    export = exported(run, kind="rubric", cases=20, raters=("ann", "bob"))
    key = {each.task_id: each for each in export.key}
    voted(
        run,
        [
            Rating(task_id=task.task_id, rater=task.rater, criterion=text, label=float(good))
            for task in export.tasks
            for text in task.rating_criteria
            for good in [task.rater == "ann" or key[task.task_id].left == 0]
        ],
    )

    summary = reported(run)

    ceiling, entry = summary["calibrated"]["ceiling"], entry_of(summary, None)
    assert ceiling["percent"] == summary["human"]["agreement"]["percent"]
    assert ceiling["percent"]["value"] == 0.5
    assert ceiling["n"] == entry["with_one_rater"]["n"] == entry["n_units"] + entry["n_divided"]
    assert ceiling["n"] == 80


def test_facets_that_differ_in_their_judge_ask_people_once(tmp_path):
    run = judged_run(tmp_path, "judge=severe,mild", n_cases=6)
    write_journal(
        run,
        [
            judged_trial(cell, case, said(True, cell == 0), output=f"answer {case}")
            for cell in range(2)
            for case in range(6)
        ],
    )
    append_labels(
        run,
        [
            Label(case_id=f"c{n}", label=1.0, rater=rater, output_sha256=sha256(f"answer {n}"))
            for n in range(6)
            for rater in ("ann", "bob")
        ],
    )

    summary = reported(run)

    assert [cell["facet"] for cell in summary["cells"]] == [0, 1]
    assert [entry_of(summary, number)["n_labels"] for number in (0, 1)] == [6, 6]
    assert summary["calibrated"]["ceiling"]["n"] == 6


def test_cases_chosen_with_unequal_chances_are_weighted(tmp_path):
    run = judged_cells(tmp_path, n_cases=60)
    reported(run)
    export = exported(run, kind="rubric", cases=30)
    cases = sorted({key.case_id for key in export.key})
    chances = {f"c{n}": 0.25 if f"c{n}" in cases[:15] else 0.75 for n in range(60)}
    settings = json.loads((run / "human" / "settings.json").read_text())
    (run / "human" / "settings.json").write_text(json.dumps(settings | {"chances": chances}))
    by_task = {key.task_id: key.case_id for key in export.key}
    voted(
        run,
        [
            Rating(
                task_id=task.task_id,
                rater=task.rater,
                criterion=text,
                label=float(by_task[task.task_id] in cases[:15]),
            )
            for task in export.tasks
            for text in task.rating_criteria
        ],
    )

    entry = entry_of(reported(run))

    assert entry["n_labels"] == 30
    assert entry["people"]["value"] == pytest.approx(0.75)


def test_weights_of_criteria_stand_in_the_cases(tmp_path):
    rubric = [{"criterion": "polite", "weight": 3}, "short"]
    cases = [
        {"id": f"c{n}", "input": f"question {n}", "expected_output": "x"}
        | ({"rubric": rubric} if n else {"rubric": ["polite", "short"]})
        for n in range(3)
    ]
    run = judged_run(tmp_path, scorer=("scorer=rubric",), cases=cases)
    write_journal(run, [judged_trial(0, case, said(True, True)) for case in range(3)])
    reported(run)
    export = exported(run, kind="rubric", cases=3)
    keys = {key.task_id: key.case_id for key in export.key}
    ratings = [
        Rating(task_id=task.task_id, rater=task.rater, criterion=text, label=float(n == 0))
        for task in export.tasks
        for n, text in enumerate(task.rating_criteria)
        if keys[task.task_id] != "c2" or n == 0
    ]
    voted(run, [*ratings, replace(ratings[0], task_id="another")])

    entry = entry_of(reported(run))

    assert (entry["n_labels"], entry["n_units"]) == (2, 5)
    assert entry["people"]["value"] == pytest.approx((0.5 + 0.75) / 2)


def test_ratings_by_a_general_criterion_label_the_quality(tmp_path):
    run = judged_run(tmp_path, "judge=none", scorer=())
    write_journal(run, [trial(0, case) for case in range(3)])
    reported(run)
    export = exported(run, kind="rubric", cases=3)
    voted(
        run,
        [
            Rating(
                task_id=task.task_id,
                rater=task.rater,
                criterion=task.rating_criteria[0],
                label=None if n == 2 else float(n),
            )
            for n, task in enumerate(export.tasks)
        ],
    )

    entry = entry_of(reported(run))

    assert (entry["scorer"], entry["unit"], entry["n_labels"]) == ("exact_match", "answer", 2)
    assert entry["people"]["value"] == 0.5


def test_case_browser_shows_ratings_as_labels_of_people(tmp_path):
    run = judged_cells(tmp_path, n_cases=2)
    reported(run)
    export = exported(run, kind="rubric", cases=2)
    voted(
        run,
        [
            Rating(task_id=task.task_id, rater=task.rater, criterion=text, label=float(n == 0))
            for task in export.tasks
            for n, text in enumerate(task.rating_criteria)
        ],
    )

    data = case_data(run, reported(run))

    index = decoded(dict(data.scripts)["index"])
    assert index["groups"][0]["people"] == {"0": [0.5, 0.5]}


def pairwise_run(root, *, n_cases=40):
    """Cell 0 always wins in both orders."""
    run = judged_run(root, "model=echo,luna", n_cases=n_cases, scorer=("scorer=pairwise",))
    records = [
        judged_trial(
            cell,
            case,
            judged(
                *(
                    judgement(float(cell == 0), opponent=1 - cell, is_first=is_first)
                    for is_first in (True, False)
                )
            ),
            scorer="pairwise",
            output=f"answer {cell} {case}",
        )
        for cell in (0, 1)
        for case in range(n_cases)
    ]
    return write_journal(run, records)


def test_votes_are_labels_of_a_pairwise_scorer(tmp_path):
    run = pairwise_run(tmp_path)
    reported(run)
    export = exported(run, kind="pairwise", cases=40)
    keys = {key.task_id: key for key in export.key}
    for_left = {task: "left" if key.left == 0 else "right" for task, key in keys.items()}
    against = {task: "right" if key.left == 0 else "left" for task, key in keys.items()}
    votes = [
        Vote(task_id=task, rater=key.rater, vote=(against if n % 4 == 0 else for_left)[task])
        for n, (task, key) in enumerate(sorted(keys.items()))
    ]
    voted(run, votes)

    summary = reported(run)

    assert summary["calibrated"]["sources"]["votes"] == 40
    for number, share in ((0, 0.75), (1, 0.25)):
        entry = entry_of(summary, number)
        assert (entry["n_labels"], entry["people"]["value"]) == (40, share)
        assert entry["percent"]["value"] == 0.75
        assert summary["cells"][number]["corrected"]["value"] == pytest.approx(share)


def test_votes_that_say_nothing_of_a_pair_are_no_labels(tmp_path):
    """Skips, copies, foreign raters and later votes: of the same rater the last one counts."""
    run = pairwise_run(tmp_path)
    reported(run)
    export = exported(run, kind="pairwise", cases=40, repeats=0.1)
    first, second, third, *_ = [key for key in export.key if key.copy_of is None]
    copies = [key for key in export.key if key.copy_of is not None]
    voted(
        run,
        [
            Vote(task_id=first.task_id, rater=first.rater, vote="left"),
            Vote(task_id=first.task_id, rater=first.rater, vote="both_bad"),
            Vote(task_id=second.task_id, rater=second.rater, vote="skip"),
            Vote(task_id=third.task_id, rater="somebody", vote="left"),
            *(Vote(task_id=key.task_id, rater=key.rater, vote="left") for key in copies),
        ],
    )

    summary = reported(run)

    assert summary["calibrated"]["sources"]["votes"] == 1
    assert entry_of(summary)["people"]["value"] == 0.5
    assert entry_of(summary)["n_labels"] == 1


def test_votes_on_outputs_that_are_gone_are_told(tmp_path):
    run = pairwise_run(tmp_path)
    reported(run)
    export = exported(run, kind="pairwise", cases=2)
    voted(run, [Vote(task_id=t.task_id, rater=t.rater, vote="left") for t in export.tasks])
    key = run / "human" / "key.jsonl"
    key.write_text(key.read_text().replace(export.key[0].left_sha256, "ab" * 32))

    found = reported(run)["calibrated"]

    assert found["unused"] == ["1 vote not used: their outputs are others by now"]
    assert found["sources"]["votes"] == 1


def test_votes_on_unlike_repeats_are_told(tmp_path):
    run = judged_run(tmp_path, "model=echo,luna", "run.repeats=2", scorer=("scorer=pairwise",))
    sides = {
        cell: judged(
            *(judgement(1.0, opponent=1 - cell, is_first=first) for first in (True, False))
        )
        for cell in (0, 1)
    }
    write_journal(
        run,
        [
            judged_trial(
                cell, case, sides[cell], scorer="pairwise", repeat=r, output=f"{cell} {case} {r}"
            )
            for cell in (0, 1)
            for case in range(3)
            for r in range(2)
        ],
    )
    reported(run)
    export = exported(run, kind="pairwise", cases=3)
    unlike = [key for key in export.key if key.left_repeat != key.right_repeat]
    voted(run, [Vote(task_id=key.task_id, rater=key.rater, vote="tie") for key in export.key])

    found = reported(run)["calibrated"]

    assert unlike
    assert found["sources"]["votes"] == 3 - len(unlike)
    plural = "s" if len(unlike) > 1 else ""
    assert f"{len(unlike)} vote{plural} not used: on answers of unlike repeats" in found["unused"]


def test_pairs_of_equal_outputs_are_ties_that_need_no_vote(tmp_path):
    run = judged_run(tmp_path, "model=echo,luna", n_cases=2, scorer=("scorer=pairwise",))
    tie = {cell: judged(judgement(0.5, opponent=1 - cell, calls=[])) for cell in (0, 1)}
    outputs = {(0, 0): "same", (1, 0): "same", (0, 1): "one", (1, 1): "another"}
    write_journal(
        run,
        [
            judged_trial(cell, case, tie[cell], scorer="pairwise", output=text)
            for (cell, case), text in outputs.items()
        ],
    )
    reported(run)
    export = exported(run, kind="pairwise", cases=2)
    append_labels(run, [Label(case_id="c0", cell=0, label=1.0)])

    summary = reported(run)

    assert [key.is_equal for key in export.key] == [False, True]
    entry = entry_of(summary)
    assert (entry["n_labels"], entry["people"]["value"]) == (1, 0.5)
    assert summary["calibrated"]["unused"] == [
        "1 label not used: the quality is pairwise: it is labelled by votes"
    ]


def test_votes_without_a_scorer_that_compares_are_told(tmp_path):
    run = judged_cells(tmp_path, "model=echo,luna", n_cells=2)
    reported(run)
    export = exported(run, kind="pairwise", cases=3)
    voted(run, [Vote(task_id=t.task_id, rater=t.rater, vote="left") for t in export.tasks])

    found = reported(run)["calibrated"]

    (said,) = found["unused"]
    assert said.startswith("3 votes label no scorer: none of them compares answers; what labels")
    assert "evalrunner human export --kind rubric, from a copy of the run" in said
    assert "evalrunner calibrate --labels FILE" in said
    assert found["sources"]["votes"] == 0


# --- files of labels ----------------------------------------


def read_file(run, name, text):
    reported(run)
    path = run.parent / name
    path.write_text(text)
    opened = open_run(run)
    return read_label_file(path, opened, read_answers(opened))


def test_table_of_labels_is_read_and_bound_to_outputs(tmp_path):
    run = judged_cells(tmp_path, "model=echo,luna", n_cells=2)
    text = (
        "case_id,cell,criterion,label,rater,comment\n"
        "c0,0,polite,pass,ann,fine\n"
        "c0,luna,,0.5,,\n"
        "c1,1,short,No,ann,\n"
    )

    labels = read_file(run, "labels.csv", text)

    assert [(each.cell, each.criterion, each.label, each.rater) for each in labels] == [
        (0, "polite", 1.0, "ann"),
        ("luna", None, 0.5, None),
        (1, "short", 0.0, "ann"),
    ]
    assert labels[1].output_sha256 == sha256("answer 1 0")


def test_every_problem_of_a_file_is_told_with_its_line(tmp_path):
    run = judged_cells(tmp_path, "model=echo,luna", n_cells=2)
    rows = [
        {"case_id": "c0", "cell": 0, "label": 1},
        {"case_id": "c00", "cell": 0, "label": 1},
        {"case_id": "c1", "cell": "lunar", "label": 1},
        {"case_id": "c1", "cell": 0, "scorer": "rubrik", "label": 1},
        {"case_id": "c1", "cell": 0, "criterion": "polit", "label": 1},
        {"case_id": "c1", "cell": 0, "label": 2},
        {"case_id": "c1", "cell": 0, "label": True},
        {"case_id": "c2", "cell": 0, "output_sha256": "ab" * 32, "label": 1},
        {"case_id": "c3", "label": 1},
        {"case_id": "c0", "cell": "echo", "label": 0},
        {"case_id": "c4", "cell": 0, "criteria": "polite", "label": 1},
        "no object",
    ]

    with pytest.raises(ConfigError) as caught:
        read_file(run, "labels.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))

    told = {problem.where.rpartition(":")[2]: str(problem) for problem in caught.value.problems}
    assert "the run has no case 'c00'" in told["2"]
    assert "did you mean 'c0" in told["2"]
    assert "no candidate 'lunar'" in told["3"]
    assert "did you mean 'luna'?" in told["3"]
    assert "did you mean 'rubric'?" in told["4"]
    assert "has no criterion 'polit'" in told["5"]
    assert "did you mean 'polite'?" in told["5"]
    assert "'label' must be a number from 0 to 1, not 2" in told["6"]
    assert "not True" in told["7"]
    assert "output_sha256 matches none" in told["8"]
    assert "names neither cell nor output_sha256" in told["9"]
    assert "labels what line 1 labels" in told["10"]
    assert "criterion?" in told["11"]
    assert "a row must be an object" in told["12"]
    assert len(caught.value.problems) == 11


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["1", "2", "1", "2"], "not 2.0"),
        (["good", "bad"], "one of pass, yes, true, fail, no, false, not 'good'"),
        (["A", "B"], "not 'A'"),
        (["-1", "1"], "not -1.0"),
        (["nan", "1"], "not nan"),
    ],
)
def test_categories_that_are_no_labels_are_refused(tmp_path, labels, said):
    """Trap 5: codes 1 and 2 read as 0 and 1 would give a kappa of nothing."""
    run = judged_cells(tmp_path)
    text = "case_id,label\n" + "".join(f"c{n},{label}\n" for n, label in enumerate(labels))

    with pytest.raises(ConfigError) as caught:
        read_file(run, "labels.csv", text)

    assert said in str(caught.value)


def test_words_and_numbers_for_the_same_give_the_same_kappa(tmp_path):
    """Trap 5: of 40 labels in words and the same in numbers neither is another category."""
    run = judged_cells(tmp_path)
    words = "case_id,label\n" + "".join(f"c{n},{'pass' if n % 4 else '0'}\n" for n in range(40))
    append_labels(run, read_file(run, "labels.csv", words))

    entry = entry_of(reported(run))

    assert entry["confusion"] == {
        "true_passes": 30,
        "false_fails": 0,
        "false_passes": 10,
        "true_fails": 0,
    }


def test_label_must_say_which_of_several_outputs_it_is_about(tmp_path):
    run = judged_run(tmp_path, "run.repeats=2", n_cases=1)
    write_journal(
        run,
        [judged_trial(0, 0, said(True, True), repeat=r, output=f"answer {r}") for r in range(2)],
    )
    ambiguous = json.dumps({"case_id": "c0", "cell": 0, "label": 1})

    with pytest.raises(ConfigError, match="has 2 different outputs"):
        read_file(run, "labels.jsonl", ambiguous + "\n")

    (label,) = read_file(run, "one.jsonl", ambiguous[:-1] + ', "repeat": 1}\n')
    assert label.output_sha256 == sha256("answer 1")


@pytest.mark.parametrize(("name", "text"), [("labels.txt", "x"), ("labels.csv", "case_id,label\n")])
def test_file_that_holds_no_labels_is_refused(tmp_path, name, text):
    with pytest.raises(ConfigError):
        read_file(judged_cells(tmp_path), name, text)
