"""What each rater is asked: order, sides, copies and the key that tells what it was about."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from statistics import fmean

import pytest

from evalrunner.human.tasks import Desk, Output, Question, make_tasks

DESK = Desk(
    run="20261120T120000Z-abcdef",
    kind="pairwise",
    seed=0,
    raters=("ann", "bob", "cid"),
    overlap=1.0,
    repeats=0.05,
    instructions="Which one?",
)


def output(cell, text, repeat=0):
    return Output(cell=cell, repeat=repeat, text=text)


def question(n, *outputs):
    outputs = outputs or (output(0, f"first {n}"), output(4, f"second {n}", repeat=1))
    return Question(
        case_id=f"case-{n:03}",
        chance=0.5,
        input={"text": n},
        rating_criteria=("polite", "right"),
        outputs=outputs,
    )


QUESTIONS = tuple(question(n) for n in range(60))
SINGLE = tuple(question(n, output(3, f"text {n}")) for n in range(60))
EQUAL = tuple(question(n, output(0, "same"), output(4, "same")) for n in range(60, 80))


def of_rater(made, rater):
    """Pairs of task and key, in the rater's order."""
    tasks, key = made
    by_id = {each.task_id: each for each in key}
    return [(task, by_id[task.task_id]) for task in tasks if task.rater == rater]


def test_the_key_says_which_cell_wrote_what_a_rater_sees():
    made = make_tasks(QUESTIONS, DESK)

    texts = {each.case_id: {o.cell: o for o in each.outputs} for each in QUESTIONS}
    pairs = [pair for rater in DESK.raters for pair in of_rater(made, rater)]
    assert len(pairs) == len(made[0]) == len(made[1])
    for task, key in pairs:
        left, right = texts[key.case_id][key.left], texts[key.case_id][key.right]
        assert (task.output_a, task.output_b) == (left.text, right.text)
        assert (key.left_repeat, key.right_repeat) == (left.repeat, right.repeat)
        assert key.left_sha256 == hashlib.sha256(left.text.encode()).hexdigest()
        assert (task.kind, key.kind, key.chance) == ("pairwise", "pairwise", 0.5)
        assert (task.rater, task.order) == (key.rater, key.order)
    assert len({task.task_id for task in made[0]}) == len(made[0])


def test_single_outputs_have_no_right_side_and_no_swapped_copies():
    made = make_tasks(SINGLE, replace(DESK, kind="rubric"))

    pairs = of_rater(made, "ann")
    assert len(pairs) == 60 + 3
    assert all(task.output_b is None and key.right is None for task, key in pairs)
    assert not any(key.is_swapped for _, key in pairs)
    assert all(key.right_sha256 is None and key.right_repeat is None for _, key in pairs)


def test_order_and_sides_differ_between_raters_and_seeds():
    made, other = make_tasks(QUESTIONS, DESK), make_tasks(QUESTIONS, replace(DESK, seed=1))

    first, second, third = (
        [(key.case_id, key.left) for _, key in of_rater(each, rater)]
        for each, rater in ((made, "ann"), (made, "bob"), (other, "ann"))
    )
    sides = [dict(each[:60]) for each in (first, second, third)]
    assert first != second != third != first
    assert sides[0] != sides[1] != sides[2] != sides[0]
    assert fmean(key.left == 0 for key in made[1]) == pytest.approx(0.5, abs=0.15)
    assert made == make_tasks(QUESTIONS, DESK)


@pytest.mark.parametrize("repeats", [0.05, 0.1, 0.25])
def test_copies_come_in_the_second_half_and_well_after_what_they_repeat(repeats):
    made = make_tasks(QUESTIONS, replace(DESK, repeats=repeats))

    for rater in DESK.raters:
        pairs = of_rater(made, rater)
        places = {task.task_id: task for task, _ in pairs}
        copies = [(task, key) for task, key in pairs if key.copy_of is not None]
        assert Counter(key.is_swapped for _, key in copies) == dict.fromkeys(
            (False, True), round(60 * repeats)
        )
        for task, key in copies:
            original = places[key.copy_of]
            shown = (original.output_a, original.output_b)
            assert (task.output_a, task.output_b) == (shown[::-1] if key.is_swapped else shown)
            assert (task.input, task.rating_criteria) == (original.input, original.rating_criteria)
            assert task.order >= len(pairs) / 2
            assert task.order - original.order >= 60 / 3
        assert [task.order for task, _ in pairs] == list(range(len(pairs)))


def test_no_task_is_asked_three_times_while_others_can_be_copied():
    _, key = make_tasks(QUESTIONS, replace(DESK, repeats=0.25))

    counts = Counter(each.copy_of for each in key if each.copy_of is not None)
    assert set(counts.values()) == {1}


@pytest.mark.parametrize(("n", "n_tasks"), [(1, 3), (2, 4), (10, 12)])
def test_even_few_tasks_have_a_copy_of_each_kind(n, n_tasks):
    made = make_tasks(QUESTIONS[:n], DESK)

    pairs = of_rater(made, "ann")
    assert len(pairs) == n_tasks
    assert [key.is_swapped for _, key in pairs if key.copy_of].count(True) == 1
    assert all(key.copy_of is None for _, key in pairs[: (n + 1) // 2])


def test_nothing_is_asked_again_where_no_repeats_are_wanted():
    _, key = make_tasks(QUESTIONS, replace(DESK, repeats=0.0))

    assert not any(each.copy_of for each in key)


@pytest.mark.parametrize(("overlap", "shared"), [(1.0, 60), (0.5, 30), (0.0, 0)])
def test_a_share_of_the_cases_goes_to_every_rater_and_the_rest_is_dealt_evenly(overlap, shared):
    _, key = make_tasks(QUESTIONS, replace(DESK, overlap=overlap, repeats=0.0))

    raters = Counter(each.case_id for each in key)
    dealt = Counter(each.rater for each in key if raters[each.case_id] == 1)
    assert len(raters) == 60
    assert sum(n == 3 for n in raters.values()) == shared
    assert dealt == {rater: (60 - shared) // 3 for rater in DESK.raters if shared < 60}


def test_all_pairs_of_a_case_go_to_the_same_rater():
    more = [
        replace(each, outputs=(output(0, f"first {n}"), output(5, f"third {n}")))
        for n, each in enumerate(QUESTIONS)
    ]

    _, key = make_tasks([*QUESTIONS, *more], replace(DESK, overlap=0.0, repeats=0.0))

    raters = {each.case_id: set() for each in key}
    for each in key:
        raters[each.case_id].add(each.rater)
    assert all(len(found) == 1 for found in raters.values())
    assert len(key) == 120


def test_equal_outputs_are_a_tie_that_nobody_is_asked_about():
    tasks, key = make_tasks([*QUESTIONS, *EQUAL], replace(DESK, overlap=0.5, repeats=0.0))

    ties = [each for each in key if each.is_equal]
    assert not {each.task_id for each in ties} & {task.task_id for task in tasks}
    assert {each.case_id for each in ties} == {each.case_id for each in EQUAL}
    assert len(ties) == 10 * 3 + 10
    assert all(each.left_sha256 == each.right_sha256 and each.order == -1 for each in ties)
    assert {Counter(task.rater for task in tasks)[rater] for rater in DESK.raters} == {40}


def test_task_ids_say_nothing_and_differ_between_runs():
    tasks, _ = make_tasks(QUESTIONS, DESK)
    others, _ = make_tasks(QUESTIONS, replace(DESK, run="20261120T120000Z-ghijkl"))

    ids, other_ids = ({task.task_id for task in each} for each in (tasks, others))
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in ids)
    assert not ids & other_ids


@pytest.mark.parametrize(
    ("of_desk", "of_question"),
    [
        ({"instructions": "Which is shorter?"}, {}),
        ({"seed": 9}, {}),
        ({"kind": "rubric"}, {}),
        ({}, {"rating_criteria": ("is short",)}),
        ({}, {"input": "Another?"}),
        ({}, {"outputs": tuple(replace(each, text="x") for each in QUESTIONS[0].outputs[:1])}),
    ],
)
def test_another_question_has_another_id(of_desk, of_question):
    """An answer in a form that was sent out before is never taken for one to another question."""
    question = replace(QUESTIONS[0], outputs=QUESTIONS[0].outputs[:1])
    desk = replace(DESK, kind="rubric" if "kind" not in of_desk else "pairwise", repeats=0.0)
    asked, _ = make_tasks([question], desk)
    again, _ = make_tasks([question], desk)
    others, _ = make_tasks([replace(question, **of_question)], replace(desk, **of_desk))

    assert asked == again
    assert not {task.task_id for task in asked} & {task.task_id for task in others}


def test_the_same_question_keeps_its_id_when_more_is_asked():
    """So that answers to forms that were sent out before stay answers."""
    few, _ = make_tasks(QUESTIONS, replace(DESK, overlap=0.5, repeats=0.0))
    many, _ = make_tasks(QUESTIONS, replace(DESK, overlap=1.0, repeats=0.1))

    shown = {task.task_id: (task.input, task.output_a, task.output_b) for task in many}
    assert all(shown[t.task_id] == (t.input, t.output_a, t.output_b) for t in few)
