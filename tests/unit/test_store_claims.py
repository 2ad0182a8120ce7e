"""Which trial counts what was paid: each answer once, however often the run was resumed."""

from __future__ import annotations

from evalrunner.store.claims import Claims

ANSWER, FIRST, SECOND = "aa" * 32, "bb" * 32, "cc" * 32


def trial(*judge_calls, case=0, cached=True, key=ANSWER, **changes):
    """A trial whose answer and whose judges' calls were cached or not."""
    calls = [{"key": key, "cached": cached} for key, cached in judge_calls]
    judgements = {"judgements": [{"calls": calls}]} if calls else {}
    scores = {"rubric": {"value": 1.0, **judgements}}
    fixed = {"cell": 0, "case": case, "repeat": 0, "status": "ok"}
    return fixed | {"key": key, "cached": cached, "scores": scores} | changes


def counted(record):
    calls = record["scores"]["rubric"].get("judgements", [{"calls": []}])[0]["calls"]
    return [call["key"] for call in (record, *calls) if not call["cached"]]


def test_what_nobody_counts_goes_to_the_first_trial_that_needs_it():
    claims = Claims(unclaimed={ANSWER, FIRST})

    first = claims.claimed(trial((FIRST, True)))
    second = claims.claimed(trial((FIRST, True), case=1))

    assert counted(first) == [ANSWER, FIRST]
    assert counted(second) == []
    assert claims.is_empty


def test_a_trial_that_is_done_again_counts_what_it_counted():
    claims = Claims(unclaimed={ANSWER, FIRST})
    claims.take(trial((FIRST, False), cached=False), is_owed=True)

    other = claims.claimed(trial((FIRST, True), case=1))
    again = claims.claimed(trial((FIRST, True), (SECOND, False)))

    assert counted(other) == []
    assert counted(again) == [ANSWER, FIRST, SECOND]
    assert claims.is_empty


def test_a_trial_that_is_done_counts_for_good():
    claims = Claims(unclaimed={ANSWER, FIRST, SECOND})
    claims.take(trial((FIRST, False), cached=False), is_owed=True)
    claims.take(trial((FIRST, False), cached=False), is_owed=False)

    assert claims.unclaimed == {SECOND}
    assert not claims.standing


def test_what_a_replaced_record_counted_is_free_again():
    claims = Claims(unclaimed={ANSWER, FIRST})
    claims.take(trial((FIRST, False), cached=False), is_owed=True)
    claims.take(trial(status="error", cached=False), is_owed=True)

    assert claims.unclaimed == {ANSWER, FIRST}


def test_answers_of_other_runs_stay_free():
    claims = Claims(unclaimed={SECOND})

    record = trial((FIRST, True))

    assert claims.claimed(record) is record


def test_the_record_that_is_given_is_left_as_it_is():
    claims = Claims(unclaimed={FIRST})
    record = trial((FIRST, True))

    claims.claimed(record)

    assert counted(record) == []
