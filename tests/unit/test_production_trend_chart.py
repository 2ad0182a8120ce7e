"""The control chart: what is an alarm, what cannot be told, and what is not comparable."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trends import FIRST, MEASURE, entry, offline, tallied, weeks

from evalrunner.production.trend.chart import make_chart
from evalrunner.production.trend.tallies import (
    anytime_corrected,
    anytime_mean,
    corrected_mean,
    own_mean,
)
from evalrunner.stats.sequential import anytime_factor, confidence_sequence
from evalrunner.types import Estimate

N_HISTORIES = 200
PASSED = [1] * 85 + [0] * 15


def simulated(rng, rates, *, n=100, offline_rate=0.85, n_offline=300, **given):
    """A history of weekly samples with these rates, held to an offline run of its own draw."""
    held_to = offline(rng.random(n_offline) < offline_rate)
    return [
        entry(week, rng.random(n) < rate, held_to=held_to, **given)
        for week, rate in zip(weeks(len(rates)), rates, strict=True)
    ]


def points_of(entries, given=None):
    return [point for segment in make_chart(entries, given) for point in segment.points]


@pytest.mark.parametrize("rate", [0.5, 0.85, 0.97])
def test_without_drift_at_most_one_history_in_twenty_raises_an_alarm(rate):
    """Nor does any look better than offline: 200 seeded histories, the offline run drawn too."""
    moved = [
        any(
            point.moved
            for point in points_of(
                simulated(np.random.default_rng(seed), [rate] * 10, offline_rate=rate)
            )
        )
        for seed in range(N_HISTORIES)
    ]

    assert sum(moved) <= 0.05 * N_HISTORIES


def test_without_drift_weights_of_rare_categories_raise_no_alarm_either():
    alarms = 0
    for seed in range(N_HISTORIES):
        rng = np.random.default_rng(seed)
        held_to = offline(rng.random(300) < 0.75)
        entries = []
        for week in weeks(8):
            # Half of the sample is of a rare kind that does better, and weighs a tenth.
            is_rare = np.arange(100) < 50
            rates = np.where(is_rare, 0.95, 0.73)
            weights = np.where(is_rare, 1.0, 10.0)
            scores = rng.random(100) < rates
            entries.append(entry(week, scores, held_to=held_to, weights=weights.tolist()))
        alarms += any(point.moved for point in points_of(entries))

    assert alarms <= 0.05 * N_HISTORIES


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_after_ten_good_weeks_raises_the_alarm_and_names_its_beginning(seed):
    rates = [0.85] * 10 + [0.55] * 4

    points = points_of(simulated(np.random.default_rng(seed), rates))

    assert not any(point.is_alarm for point in points[:10])
    last = points[-1]
    assert last.is_alarm
    assert last.difference.high < 0
    assert last.since in {week.name for week in weeks(14)[8:13]}


def test_a_gain_is_told_and_is_no_alarm():
    points = points_of(simulated(np.random.default_rng(1), [0.99] * 6, offline_rate=0.6))

    assert points[-1].moved == "higher"
    assert not points[-1].is_alarm


def test_alarm_exactly_where_the_two_intervals_do_not_overlap():
    held_to = offline(PASSED * 3)
    for n_passed in range(101):
        (point,) = points_of([entry(FIRST, [1] * n_passed + [0] * (100 - n_passed))], held_to)

        overlap = point.standing.high >= point.reference.low
        assert point.is_alarm == (not overlap)


def test_the_chance_of_a_false_alarm_is_shared_out_over_windows_and_the_offline_interval():
    held_to = offline(PASSED)
    entries = [entry(week, PASSED, held_to=held_to) for week in weeks(3)]

    last = points_of(entries)[-1]

    stretch = NormalDist().inv_cdf(1 - 0.025 / 2) / NormalDist().inv_cdf(0.975)
    score = held_to.score
    assert last.reference.low == pytest.approx(score.value - stretch * (score.value - score.low))
    expected = confidence_sequence(3 * 85, 300, level=1 - 0.025 / 2)
    assert (last.standing.low, last.standing.high) == pytest.approx((expected.low, expected.high))
    assert last.since == FIRST.name


@pytest.mark.parametrize(
    ("part", "words"),
    [("judge", "the judge"), ("scorer", "settings, template or code"), ("rules", "refused")],
)
def test_another_measure_starts_a_new_segment_that_says_what_changed(part, words):
    other = replace(MEASURE, **{part: "another"})
    measures = [MEASURE, MEASURE, other]
    entries = [
        entry(week, PASSED, measure=measure)
        for week, measure in zip(weeks(3), measures, strict=True)
    ]

    first, second = make_chart(entries, None)

    assert [len(segment.points) for segment in (first, second)] == [2, 1]
    assert (first.changed, len(second.changed)) == ((), 1)
    assert words in second.changed[0]
    assert second.points[0].since == weeks(3)[2].name


def test_another_offline_run_starts_a_new_segment():
    runs = [offline(PASSED, run="tickets/r1"), offline(PASSED, run="tickets/r2")]
    entries = [entry(week, PASSED, held_to=run) for week, run in zip(weeks(2), runs, strict=True)]

    segments = make_chart(entries, None)

    assert len(segments) == 2
    assert segments[1].changed == ("the offline run that it is held to",)


def test_what_was_scored_otherwise_offline_is_not_compared():
    held_to = offline(PASSED, measure=replace(MEASURE, judge="another"))

    (point,) = points_of([entry(FIRST, [0] * 100)], held_to)

    assert (point.by, point.difference, point.is_alarm) == (None, None, False)
    assert "measured otherwise offline (the judge)" in point.unknown
    assert "evalrunner rescore tickets/r1" in point.unknown


@pytest.mark.parametrize(
    ("scores", "held_to", "words"),
    [
        (PASSED, None, "--run RUN"),
        ([0] * 29, offline(PASSED), "29 scored records are too few"),
        ([], offline(PASSED), "no record of 2026-W02 has a score"),
        (PASSED, offline(PASSED, measure=None), "cannot be made out"),
    ],
)
def test_too_little_is_said_and_never_an_alarm(scores, held_to, words):
    (point,) = points_of([entry(FIRST, scores)], held_to)

    assert words in point.unknown
    assert not point.is_alarm


def test_an_offline_score_without_an_interval_excludes_nothing():
    held_to = replace(offline(PASSED), score=Estimate(value=1.0, n=1))

    (point,) = points_of([entry(FIRST, [0] * 100)], held_to)

    assert (point.reference.low, point.reference.high) == (0.0, 1.0)
    assert not point.is_alarm


def test_labels_of_people_correct_a_judge_that_flatters():
    """The judge passes everything; people pass 60 %, and the offline run was corrected to 85 %."""
    people = Estimate(value=0.85, low=0.8, high=0.9, n=100)
    held_to = offline([1] * 100, corrected=people)
    labels = [1] * 60 + [0] * 40
    entries = [entry(week, [1] * 200, labels=labels, held_to=held_to) for week in weeks(3)]

    last = points_of(entries)[-1]

    assert last.by == "people"
    assert last.standing.value == pytest.approx(0.6)
    assert last.is_alarm
    assert last.reference.value == 0.85


def test_labels_hold_production_to_an_offline_score_by_the_truth():
    exact = replace(MEASURE, quality="exact_match", scorer="s2", judge=None)
    held_to = offline([1] * 90 + [0] * 10, measure=exact)
    labels = [1] * 45 + [0] * 5
    scores = [1] * 45 + [0] * 5 + [1] * 90 + [0] * 10

    (point,) = points_of([entry(FIRST, scores, labels=labels)], held_to)

    assert point.by == "people"
    assert point.moved is None
    assert point.difference.value == pytest.approx(0, abs=0.02)


def test_too_few_labels_correct_nothing():
    held_to = offline(PASSED, corrected=Estimate(value=0.8, low=0.7, high=0.9, n=50))

    for labels in ([1] * 20 + [0] * 9, [1] * 36 + [0] * 4):
        found = entry(FIRST, PASSED, labels=labels, held_to=held_to)
        assert found.corrected is None
        assert points_of([found])[0].by == "scores"


def test_without_drift_corrected_histories_raise_few_alarms():
    alarms = 0
    for seed in range(N_HISTORIES):
        rng = np.random.default_rng(seed)
        alarms += any(point.moved for point in points_of(_labelled(rng, n_weeks=5, rate=0.8)))

    assert alarms <= 0.05 * N_HISTORIES


def _labelled(rng, *, n_weeks, rate):
    """A judge that passes what people pass, and 30 % of the rest; 20 labels a week."""
    truth = rng.random(100) < rate
    people = own_mean(tallied(truth), level=0.95)
    held_to = offline(truth, corrected=people)
    entries = []
    for week in weeks(n_weeks):
        passed = rng.random(120) < rate
        judged = passed | (rng.random(120) < 0.3)
        entries.append(entry(week, judged, labels=passed[:20].tolist(), held_to=held_to))
    return entries


def test_own_interval_is_wilsons_for_passes_and_weighted_for_unequal_chances():
    plain = own_mean(tallied(PASSED), level=0.95)
    weighted = own_mean(tallied([1] * 50 + [0] * 50, weights=[1] * 50 + [9] * 50), level=0.95)

    # Wilson (1927): 85 of 100.
    assert (plain.low, plain.high) == pytest.approx((0.7672, 0.9069), abs=1e-4)
    assert weighted.value == pytest.approx(0.1)
    assert own_mean(tallied([0.25, 0.75] * 40), level=0.95).value == 0.5
    assert own_mean((), level=0.95).value is None


def test_equal_weights_change_no_interval_and_unequal_ones_widen_it():
    plain = anytime_mean([tallied(PASSED)], level=0.95)
    scaled = anytime_mean([tallied(PASSED, weights=[100.0] * 100)], level=0.95)
    uneven = anytime_mean([tallied(PASSED, weights=[1.0, 10.0] * 50)], level=0.95)

    assert (plain.low, plain.high) == (scaled.low, scaled.high)
    assert uneven.high - uneven.low > plain.high - plain.low
    assert uneven.low < uneven.value < uneven.high


def test_corrected_mean_without_judge_noise_is_that_of_people():
    judged = tallied([1] * 160 + [0] * 40, labels=[1] * 40 + [0] * 10)

    found = anytime_corrected([judged], level=0.95)
    once = corrected_mean(judged, level=0.95)

    assert found.value == pytest.approx(once.value)
    assert found.low < once.low
    assert found.high > once.high
    assert found.n == 50


def test_anytime_factor_has_its_golden_numbers():
    """By hand from theorem 2.2: alpha .05, rho^2 = (5.9915 + ln 6.9915) / 100 = .07936."""
    rho2 = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / 100
    for n in (30, 100, 1000):
        m = n * rho2
        half_width = math.sqrt(2 * (m + 1) / (n**2 * rho2) * math.log(math.sqrt(m + 1) / 0.05))
        assert anytime_factor(n) == pytest.approx(half_width * math.sqrt(n))
    assert anytime_factor(100) == pytest.approx(3.035, abs=1e-3)


@given(st.integers(1, 100_000), st.floats(0.5, 0.999))
def test_anytime_factor_is_larger_than_for_one_look(n, level):
    assert anytime_factor(n, level=level) > NormalDist().inv_cdf((1 + level) / 2)
