"""What is found in a journal: what is owed, what was paid, and what nobody saw the outcome of."""

from __future__ import annotations

from decimal import Decimal

import pytest

from evalrunner.errors import StoreError
from evalrunner.store.index import CellShape, prepare_journal, read_index, read_trials
from evalrunner.store.journal import encode_line

SHAPES = (
    CellShape(cell=0, first=0, n=3, repeats=2),
    CellShape(cell=1, first=3, n=2, repeats=1),
)
A, B, C = "aa" * 32, "bb" * 32, "cc" * 32


def trial(cell, case, *, repeat=0, status="ok", key=A, cached=False, **fields):
    return {
        "type": "trial",
        "cell": cell,
        "case": case,
        "repeat": repeat,
        "status": status,
        "key": key,
        "cached": cached,
        **fields,
    }


def intent(key=A, *, attempt=1, session=1, most_usd=None):
    return {
        "type": "intent",
        "session": session,
        "key": key,
        "attempt": attempt,
        "model": "m",
        "most_usd": most_usd,
    }


def call(key=A, *, attempt=1, session=1, cached=False, spent_usd=None):
    return {
        "type": "call",
        "session": session,
        "key": key,
        "attempt": attempt,
        "model": "m",
        "cached": cached,
        "spent_usd": spent_usd,
    }


def failure(key=A, *, attempt=1, session=1, possibly_billed=False):
    return {
        "type": "failure",
        "session": session,
        "key": key,
        "attempt": attempt,
        "model": "m",
        "possibly_billed": possibly_billed,
    }


@pytest.fixture
def journal(tmp_path):
    """Writes a journal of records or raw lines."""

    def write(*records):
        path = tmp_path / "journal.jsonl"
        lines = [each if isinstance(each, bytes) else encode_line(each) for each in records]
        path.write_bytes(b"".join(lines))
        return path

    return write


def owed(index):
    return [
        (shape.cell, shape.first + case, repeat)
        for shape in index.shapes
        for case in range(shape.n)
        for repeat in range(shape.repeats)
        if index.owed(shape.cell, shape.first + case, repeat)
    ]


def damaged(record):
    return encode_line(record).replace(b"t", b"T", 1)


def test_without_a_journal_everything_is_owed(tmp_path):
    index = read_index(tmp_path / "journal.jsonl", SHAPES, resume=True)

    assert (index.n_owed(0), index.n_owed(1), index.n_done) == (6, 2, 0)


def test_recorded_trials_are_not_owed(journal):
    path = journal(trial(0, 0), trial(0, 2, repeat=1), trial(1, 4))

    index = read_index(path, SHAPES, resume=True)

    assert owed(index) == [(0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 3, 0)]
    assert index.n_done == 3


def test_refused_and_truncated_answers_are_outcomes(journal):
    path = journal(trial(1, 3, status="refused"), trial(1, 4, status="truncated"))

    assert read_index(path, SHAPES, resume=True).n_owed(1) == 0


@pytest.mark.parametrize("status", ["error", "skipped"])
def test_trials_without_an_outcome_are_owed_again(journal, status):
    path = journal(trial(1, 3), trial(1, 4, status=status))

    assert read_index(path, SHAPES, resume=True).owed(1, 4, 0)
    assert read_index(path, SHAPES, resume=True).n_owed(1) == 1
    assert read_index(path, SHAPES, resume=False).n_owed(1) == 0


def test_last_record_of_a_trial_wins(journal):
    path = journal(trial(1, 3, status="error"), trial(1, 4), trial(1, 3, n=2), trial(1, 4, n=3))

    index = read_index(path, SHAPES, resume=True)

    assert [record["n"] for _, _, record in read_trials(path, index, 1)] == [2, 3]


def test_trial_of_a_damaged_line_is_owed_and_the_others_are_not(journal):
    """E5: and the line is listed by its number."""
    path = journal(trial(1, 3), damaged(trial(1, 4)), trial(0, 0))

    index = read_index(path, SHAPES, resume=True)

    assert index.corrupt_lines == [2]
    assert index.owed(1, 4, 0)
    assert not index.owed(1, 3, 0)
    assert not index.owed(0, 0, 0)


def test_damaged_repetition_leaves_the_earlier_record(journal):
    """E5."""
    path = journal(trial(1, 3, n=1), damaged(trial(1, 3, n=2)))

    index = read_index(path, SHAPES, resume=True)

    assert next(record for _, _, record in read_trials(path, index, 1))["n"] == 1


def test_line_damaged_after_it_was_indexed_is_a_missing_trial(journal):
    """E5."""
    path = journal(trial(1, 3), trial(1, 4))
    index = read_index(path, SHAPES, resume=False)
    journal(damaged(trial(1, 3)), trial(1, 4))

    found = [(case, record is None) for case, _, record in read_trials(path, index, 1)]

    assert found == [(3, True), (4, False)]


def test_trials_come_in_grid_order_with_gaps(journal):
    path = journal(trial(0, 2), trial(0, 0, repeat=1))
    index = read_index(path, SHAPES, resume=False)

    found = [(case, repeat, bool(record)) for case, repeat, record in read_trials(path, index, 0)]

    assert found == [
        (0, 0, False),
        (0, 1, True),
        (1, 0, False),
        (1, 1, False),
        (2, 0, True),
        (2, 1, False),
    ]


def test_trials_of_a_run_without_a_journal_are_all_missing(tmp_path):
    index = read_index(tmp_path / "journal.jsonl", SHAPES, resume=False)

    assert list(read_trials(tmp_path / "journal.jsonl", index, 1)) == [(3, 0, None), (4, 0, None)]


def test_trial_outside_the_plan_is_passed_over(journal):
    path = journal(trial(1, 9), trial(1, 3, repeat=5))

    assert read_index(path, SHAPES, resume=True).n_done == 0


def test_intent_without_an_outcome_is_possibly_billed(journal):
    """E1."""
    path = journal(intent(A), intent(B), call(A), intent(C), failure(C))

    assert read_index(path, SHAPES, resume=False).possibly_billed == {B: 1}


def test_possibly_billed_attempts_are_counted_per_request(journal):
    path = journal(
        intent(A, attempt=1),
        failure(A, attempt=1, possibly_billed=True),
        intent(A, attempt=2),
        intent(A, attempt=1, session=2),
        call(A, attempt=1, session=2),
    )

    assert read_index(path, SHAPES, resume=False).possibly_billed == {A: 2}


def test_attempts_of_different_sessions_are_not_mistaken_for_each_other(journal):
    """E1: killed twice at the first attempt, then answered: two attempts were lost."""
    path = journal(
        intent(A, session=1), intent(A, session=2), intent(A, session=3), call(A, session=3)
    )

    index = read_index(path, SHAPES, resume=True)

    assert index.possibly_billed == {A: 2}
    assert index.sessions == 3


def test_session_number_survives_a_damaged_first_line(journal):
    """E5: a number that is used again would close the intents of an earlier session."""
    path = journal(
        {"type": "session", "session": 1},
        damaged({"type": "session", "session": 2}),
        intent(A, session=2),
    )

    assert read_index(path, SHAPES, resume=True).sessions == 2


def test_answer_from_the_cache_closes_no_intent(journal):
    """An attempt was cancelled, then another process filled the cache: it may still be billed."""
    path = journal(intent(A), call(A, cached=True))

    assert read_index(path, SHAPES, resume=True).possibly_billed == {A: 1}


def test_answers_are_found_again_by_their_key(journal):
    path = journal(intent(A), call(A), intent(B), call(B))

    resumed = read_index(path, SHAPES, resume=True)

    assert set(resumed.answers) == {bytes.fromhex(A), bytes.fromhex(B)}
    assert read_index(path, SHAPES, resume=False).answers == {}


def test_money_is_counted_once_lost_attempts_at_their_worst_case(journal):
    path = journal(
        intent(A, most_usd=1.0),
        call(A, spent_usd=0.25),
        intent(B, most_usd=1.0),
        call(B, spent_usd=None),
        call(C, cached=True),
        intent(C, most_usd=2.5),
    )

    assert read_index(path, SHAPES, resume=True).spent_usd == {"m": Decimal("3.75")}


def test_paid_answers_that_no_trial_counts_are_known(journal):
    path = journal(
        call(A), trial(1, 3, key=A), call(B), trial(1, 4, key=C, cached=True), call(C, cached=True)
    )

    assert read_index(path, SHAPES, resume=True).claims.unclaimed == {B}


def test_trials_that_a_judge_failed_are_owed_again_and_reported_meanwhile(journal):
    path = journal(call(A), trial(1, 3, incomplete=True), trial(1, 4, key=B))

    resumed, reported = (read_index(path, SHAPES, resume=again) for again in (True, False))

    assert [resumed.n_owed(1), reported.n_owed(1)] == [1, 0]
    assert resumed.claims.unclaimed == set()
    assert resumed.claims.standing == {(1, 3, 0): frozenset({A})}


def test_journal_of_a_finished_reader_is_ready_for_more(journal):
    path = journal(trial(1, 3), b'{"type":"trial","ce')
    index = read_index(path, SHAPES, resume=True)

    prepare_journal(path, index)

    assert path.read_bytes() == encode_line(trial(1, 3))
    assert path.with_suffix(".torn").exists()
    assert not path.with_suffix(".quarantine").exists()


def test_damaged_lines_are_put_aside_before_more_are_written(journal):
    """E5."""
    path = journal(trial(1, 3), damaged(trial(1, 4)))

    prepare_journal(path, read_index(path, SHAPES, resume=True))

    assert '"line":2' in path.with_suffix(".quarantine").read_text()


def test_journal_that_grew_after_it_was_read_is_refused(journal):
    """D9: what another process recorded in between must not be bought again."""
    path = journal(trial(1, 3))
    index = read_index(path, SHAPES, resume=True)
    journal(trial(1, 3), trial(1, 4))

    with pytest.raises(StoreError, match="another process"):
        prepare_journal(path, index)


def test_journal_that_vanished_is_refused(journal):
    path = journal(trial(1, 3))
    index = read_index(path, SHAPES, resume=True)
    path.unlink()

    with pytest.raises(StoreError):
        prepare_journal(path, index)


@pytest.mark.parametrize(
    "record",
    [
        {"type": "trial"},
        trial(7, 0),
        trial(-1, 3),
        trial(0, "one"),
        {"type": "call", "session": 1},
        {"type": "intent", "session": "x"},
        {**failure(), "key": None, "possibly_billed": True, "session": []},
    ],
)
def test_a_whole_line_that_is_none_of_ours_is_listed_and_counts_for_nothing(journal, record):
    """F14."""
    path = journal(trial(0, 0), record, trial(0, 1))

    index = read_index(path, SHAPES, resume=True)

    assert index.corrupt_lines == [2]
    assert index.n_done == 2
