"""Racing in a run: who is stopped where, what is recorded, and that a resumed run keeps to it."""

from __future__ import annotations

import json

import pytest
from judge_runs import owed_of, records_of, session, trials_of
from runs import line, new_run, planned, project, rows_of, write_journal

from evalrunner.cli import main
from evalrunner.errors import ConfigError
from evalrunner.report import build_report
from evalrunner.report.recorded import open_run
from evalrunner.stats.racing import block_ends, race_order

pytestmark = pytest.mark.usefixtures("quick_runs")

N = 120
ENDS = block_ends(range(N))
IDS = [f"c{n}" for n in range(N)]
ORDER = race_order(IDS, seed=0).tolist()
MODELS = """
import asyncio
import hashlib

import evalrunner

def _answers(name, share, usd, delay=0.0, faults=0):
    @evalrunner.model
    async def answer(prompt, *, case):
        drawn = hashlib.sha256(f"{name}{case['id']}".encode()).digest()[0] / 256
        await asyncio.sleep(delay * drawn)
        if int(case["id"][1:]) % 4 < faults:
            raise ValueError("no answer")
        text = case["expected_output"] if drawn < share else "no"
        return text if usd is None else {"output": text, "cost_usd": usd}
    return answer

good = _answers("good", 0.95, 0.001)
slow_good = _answers("good", 0.95, 0.001, delay=0.01)
fair = _answers("fair", 0.9, 0.001)
poor = _answers("poor", 0.3, 0.002)
slow_poor = _answers("poor", 0.3, 0.002, delay=0.01)
cheap = _answers("cheap", 0.3, 0.0001)
faulty = _answers("poor", 0.3, 0.002, faults=3)
unpriced = _answers("poor", 0.3, None)
"""
NAMES = ("good", "slow_good", "fair", "poor", "slow_poor", "cheap", "faulty", "unpriced")
RACE = ("prompt=short", "run.race=true")


def cases(**fields):
    return [
        {"id": name, "input": name, "expected_output": f"right {name}"}
        | {key: value(row) for key, value in fields.items()}
        for row, name in enumerate(IDS)
    ]


def racing_project(root, files=(), **fields):
    models = {
        f"conf/model/{name}.yaml": f"provider: python\nfunction: models.py:{name}\nname: {name}\n"
        for name in NAMES
    }
    return project(root, models | {"models.py": MODELS} | dict(files), cases=cases(**fields))


@pytest.fixture
def root(tmp_path):
    return racing_project(tmp_path)


def raced(root, models, *overrides):
    """A finished run of these models."""
    run = new_run(root, f"model={models}", *RACE, *overrides)
    ending, _ = session(run)
    assert not ending.reasons
    return run


def stopped(run):
    """Cell, by whom and after how many cases, of everything that was stopped."""
    return [(each["cell"], each["by"], each["cases"]) for each in records_of(run, "raced")]


def done(run):
    """Rows that each cell did, in the order of their file."""
    rows = {}
    for cell, case, _ in sorted(trials_of(run)):
        rows.setdefault(cell, []).append(case)
    return rows


def test_beaten_cell_is_asked_nothing_after_its_block(root):
    run = raced(root, "good,poor")

    ((cell, by, n),) = stopped(run)
    assert (cell, by) == (1, 0)
    assert n in ENDS[:3]
    assert done(run) == {0: list(range(N)), 1: sorted(ORDER[:n])}
    assert owed_of(run) == 0


def test_who_is_stopped_where_does_not_depend_on_timing(root):
    """The same answers, late or at once, one at a time or many."""
    found = [
        (stopped(run), done(run))
        for models, limit in [
            ("good,poor,fair", 32),
            ("slow_good,poor,fair", 32),
            ("good,slow_poor,fair", 3),
            ("slow_good,slow_poor,fair", 1),
        ]
        for run in [raced(root, models, f"model.limits.concurrency={limit}")]
    ]

    assert found[0][0]
    assert all(each == found[0] for each in found)


def test_seed_draws_another_order(root):
    runs = [raced(root, "good,poor", f"run.seed={seed}") for seed in (0, 1)]

    assert done(runs[0])[1] != done(runs[1])[1]


def test_repeats_are_averaged_before_cases_are_compared(root):
    run = raced(root, "good,poor", "run.repeats=2")

    ((_, _, n),) = stopped(run)
    assert n in ENDS[:3]
    assert len(trials_of(run)) == 2 * (N + n)


@pytest.mark.parametrize("models", ["good,cheap", "good,unpriced"])
def test_cheaper_or_unpriced_cell_races_on(root, models):
    run = raced(root, models)

    assert not stopped(run)
    assert len(trials_of(run)) == 2 * N


def test_baseline_is_never_stopped(root):
    run = raced(root, "good,poor", "+run.baseline={model: poor}")

    assert not stopped(run)
    assert len(trials_of(run)) == 2 * N


def test_canaries_do_not_race(root):
    run = raced(root, "good,poor", "run.canaries=true")

    assert [cell for cell, *_ in stopped(run)] == [1]
    assert all(len(rows) == 20 for cell, rows in done(run).items() if cell > 1)


def test_no_cell_is_stopped_before_each_slice_has_its_least_number(tmp_path):
    """Ten of the twelve rare cases, which are those that come last in the order of this race."""
    rare = set(ORDER[-12:])
    files = {
        "conf/dataset/tickets.yaml": (
            "name: tickets\npath: datasets/tickets.jsonl\nslices: [kind]\n"
        )
    }
    root = racing_project(tmp_path, files, kind=lambda row: "rare" if row in rare else "usual")

    early, late = (raced(root, "good,poor", f"dataset.slices={s}") for s in ("[]", "[kind]"))

    assert stopped(early)[0][2] < 108
    assert not stopped(late)


def test_cases_of_a_cluster_are_one_case(tmp_path):
    """Three clusters cannot tell anybody apart, however many cases they have."""
    root = racing_project(tmp_path, customer=lambda row: f"customer {row % 3}")

    run = raced(root, "good,poor", "dataset.cluster=customer")

    assert not stopped(run)


def test_cells_of_another_facet_do_not_race_against_these(root):
    run = raced(root, "good,poor", "run.seed=0,1")

    assert sorted((cell, by) for cell, by, _ in stopped(run)) in (
        [(2, 0), (3, 1)],
        [(1, 0), (3, 2)],
    )


def kept(run, wanted):
    """A new journal of the lines of the old that `wanted` accepts."""
    path = run / "journal.jsonl"
    records = [json.loads(each) for each in path.read_text().splitlines()]
    lines = [{k: v for k, v in each.items() if k != "crc"} for each in records if wanted(each)]
    path.write_bytes(b"".join(map(line, lines)))


def test_resumed_run_does_not_ask_who_was_stopped(root):
    run = raced(root, "good,poor")
    before = done(run)
    kept(run, lambda each: each["type"] != "trial" or each["cell"] == 1 or each["case"] % 2)

    session(run)

    assert done(run) == before
    assert len(stopped(run)) == 1


def test_what_was_decided_and_lost_is_decided_again(root):
    """A kill before the decision was written: it follows from the answers."""
    run = raced(root, "good,poor,fair")
    before, decided = done(run), stopped(run)
    first = set(ORDER[: ENDS[0]])
    kept(run, lambda each: each["type"] == "trial" and each["case"] in first)

    session(run)

    assert (done(run), stopped(run)) == (before, decided)


def test_who_was_stopped_before_stops_nobody_when_the_run_is_resumed(root):
    """Or two could each have been beaten by the other."""
    run = raced(root, "good,poor")
    first = set(ORDER[: ENDS[0]])
    kept(run, lambda each: each["type"] == "trial" and each["case"] in first)
    facts = {"e_value": 99.0, "wins": 9, "losses": 0, "n": 20, "cases": 20, "block": 0}
    with (run / "journal.jsonl").open("ab") as journal:
        journal.write(line({"type": "raced", "session": 1, "cell": 0, "by": 1} | facts))

    session(run)

    assert stopped(run) == [(0, 1, 20)]
    assert {cell: len(rows) for cell, rows in done(run).items()} == {0: ENDS[0], 1: N}


@pytest.mark.parametrize("cell", [-1, 2, None])
def test_record_about_no_cell_of_the_run_is_a_damaged_line(root, cell):
    run = new_run(root, "model=good,poor", *RACE)
    write_journal(run, [{"type": "raced", "session": 1, "cell": cell, "by": 1}])

    index = open_run(run).index

    assert index.corrupt_lines == [1]
    assert not index.raced


def test_run_that_was_interrupted_ends_as_if_it_had_not_been(root):
    whole = raced(root, "slow_good,poor,fair")
    run = new_run(root, "model=slow_good,poor,fair", *RACE)

    session(run, interrupt_when=lambda: len(records_of(run, "trial")) > 30)
    n_before = len(trials_of(run))
    session(run)

    assert 30 < n_before < len(trials_of(whole))
    assert (done(run), stopped(run)) == (done(whole), stopped(whole))


def test_only_cases_that_both_have_are_compared(root):
    """Three of four trials of one end in an error: it takes longer to be beaten."""
    run = raced(root, "good,faulty")

    (found,) = records_of(run, "raced")
    errors = [trial for trial in trials_of(run).values() if trial["status"] == "error"]
    assert found["cases"] > ENDS[0]
    assert found["n"] == found["cases"] - len(errors) < found["cases"] / 2


def test_left_out_trials_are_skipped_and_say_who_won(root):
    run = raced(root, "good,poor")
    ((_, _, n),) = stopped(run)

    summary = build_report(run, figures=False)

    rows = [row for row in rows_of(run / "trials.jsonl") if row["status"] == "skipped"]
    assert len(rows) == N - n
    assert {(row["cell"], row["error"]["kind"]) for row in rows} == {(1, "raced")}
    assert f"after {n} cases good was better and not dearer" in rows[0]["error"]["message"]
    good, poor = summary["cells"]
    assert good["raced"] is None
    assert good["quality"]["method"] == "wilson"
    assert poor["quality"]["method"] == "confidence sequence"
    assert poor["quality"]["n"] == poor["raced"]["n"] == n
    assert poor["raced"]["by"] == 0
    assert poor["raced"]["saved_usd"] == pytest.approx(0.002 * (N - n))
    assert summary["run"]["race"] == {
        "n_cells": 1,
        "n_trials": N - n,
        "saved_usd": poor["raced"]["saved_usd"],
    }


def test_who_was_stopped_is_compared_by_what_holds_at_any_time(root):
    run = raced(root, "good,poor")

    (found,) = build_report(run, figures=False)["comparisons"]

    assert (found["conclusion"], found["method"]) == ("better", "anytime McNemar")
    assert found["difference"]["method"] == "confidence sequence"
    assert found["missing"]["only_a"] == 0


def test_race_is_told_on_the_terminal_and_leaves_nothing_missing(root, monkeypatch, capsys):
    monkeypatch.chdir(root)

    code = main(["run", "experiment=base", "model=good,poor,fair", "run.race=true"])

    said = capsys.readouterr()
    assert code == 0
    assert "racing stopped poor: after" in said.out
    assert "at list price" in said.out
    assert "raced" in said.out
    (run,) = root.glob("outputs/adhoc/*")
    summary = json.loads((run / "summary.json").read_text())
    rejected = {each["cell"]: each["because"] for each in summary["recommendation"]["rejected"]}
    assert rejected[1].startswith("racing stopped it after")
    assert "racing stopped poor" in (run / "summary.md").read_text()


def test_loser_to_a_cell_that_may_not_be_chosen_is_doubted_not_rejected(root, monkeypatch, capsys):
    """The one that stopped it breaks `decide.require`: nobody knows whether it would."""
    monkeypatch.chdir(root)
    (root / "conf/scorer").mkdir()
    (root / "conf/scorer/terse.yaml").write_text(
        "# @package scorer.terse\nkind: regex\npattern: '^no$'\n"
    )
    words = ["scorer=[exact_match,terse]", "decide.require={terse: 0.1}"]

    main(["run", "experiment=base", "model=good,poor", "run.race=true", *words, "--json"])

    said = json.loads(capsys.readouterr().out)["recommendation"]
    rejected = {each["cell"]: each["because"] for each in said["rejected"]}
    assert said["cell"] is None
    assert "poor may be the best, but racing stopped it" in said["because"]
    assert "the lower bound of terse" in rejected[0]
    assert rejected[1].endswith("and good is discarded; set run.race=false")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["scorer=labels", "run.quality=labels.macro_f1"], "no value by case"),
        (["model=luna", "model.transport=batch"], "in batches"),
    ],
)
def test_what_cannot_be_raced_is_refused_before_anything_is_sent(root, overrides, said):
    with pytest.raises(ConfigError) as caught:
        planned(root, "run.race=true", "model=good", *overrides)

    assert said in str(caught.value)
    assert "run.race" in str(caught.value)
