"""Lanes: which trials they hand out in which order, and how many workers they have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judge_runs import judged_project
from runs import AT, planned

from evalrunner.datasets import CaseFile, write_cases
from evalrunner.runner import Money
from evalrunner.runner.doors import Doors
from evalrunner.runner.lanes import Lane, open_lanes
from evalrunner.runner.stacks import Stacks

URL = "http://127.0.0.1:9"
JUDGED = ("dataset=tickets", "judge=fair", "scorer=rubric", "scorer.rubric.criteria=[Polite]")


@pytest.fixture
def root(tmp_path):
    return judged_project(tmp_path, URL, n_cases=3, concurrency=1)


def lanes_of(cells):
    money = Money(cells, at=AT, spent_usd={})
    stacks = Stacks(recorder=NoBatches(), cache=None, doors=Doors(), money=money)
    return open_lanes(cells, stacks), stacks


class NoBatches:
    """As much of a store as is asked when a lane is opened."""

    def open_batches(self):
        return ()


def test_a_lane_has_a_worker_for_each_trial_of_a_case_that_is_compared(root):
    """Else its workers could wait for trials that it never gets to hand out."""
    plan = planned(root, *JUDGED, "model=a", "prompt=ask,beg,short", "run.repeats=100")

    (lane,), _ = lanes_of(plan.cells)

    assert lane.n_workers >= 300


def test_who_waits_for_a_judge_leaves_workers_for_candidates(root):
    fast = "judge.model.limits.concurrency=200"
    (alone,), _ = lanes_of(planned(root, "dataset=tickets", "model=a").cells)
    (judged,), _ = lanes_of(planned(root, *JUDGED, "model=a", fast).cells)

    assert judged.n_workers == alone.n_workers + 200


def test_a_judge_in_batches_may_be_waited_for_by_every_trial(root):
    cells = planned(root, *JUDGED, "model=a", "judge.model.transport=batch").cells

    (lane,), _ = lanes_of([replace(cell, n=5_000) for cell in cells])

    assert lane.n_workers == 5_000


def test_candidate_and_judge_of_one_configuration_are_one(root):
    model = (root / "conf/model/a.yaml").read_text().splitlines()
    lines = "".join(f"  {line}\n" for line in model)
    (root / "conf/judge/same.yaml").write_text(f"model:\n{lines}")
    plan = planned(root, *JUDGED, "model=a,b", "judge=same,fair")

    _, stacks = lanes_of(plan.cells)

    (same,) = plan.cells[0].judge_wires
    assert stacks.of(same) is stacks.of(plan.cells[0].wire)
    assert len(list(stacks)) == 3


def test_test_sets_are_handed_out_in_the_order_of_their_rows(root, tmp_path):
    """Lanes that wait for each other must have the cases in the same order."""
    (root / "conf/dataset/more.yaml").write_text("name: more\npath: datasets/tickets.jsonl\n")
    plan = planned(root, "dataset=tickets,more", "model=a")
    write_cases(plan.case_sets, tmp_path / "cases.jsonl")
    lane = Lane(cells=plan.cells[::-1], stack=None, n_workers=1)

    trials = list(lane.trials(CaseFile(tmp_path / "cases.jsonl"), lambda *_: True))

    assert [trial.case.index for trial in trials] == [0, 1, 2, 3, 4, 5]
