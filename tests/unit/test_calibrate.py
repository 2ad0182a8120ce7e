"""Judges against people: what is counted, corrected, refused and compared."""

from dataclasses import replace

import numpy as np
import pytest

from evalrunner.calibrate import (
    CriteriaLabels,
    Instrument,
    JudgedCell,
    Opinions,
    Raters,
    budget_of,
    calibrate,
    corrected_difference,
    corrected_mean,
)
from evalrunner.stats import LabelSpread
from evalrunner.summary import CaseColumns, CellResult, FacetResult, SummaryOptions

NAN = float("nan")


def facet(n, ids=(0,), *, quality=None, **columns):
    """A facet of `n` cases."""
    none = np.full(n, NAN)
    rows = quality or [none] * len(ids)
    results = tuple(
        CellResult(summary={"id": cell}, quality=np.asarray(row, float), cost_usd=none, classes={})
        for cell, row in zip(ids, rows, strict=True)
    )
    options = SummaryOptions(quality="rubric")
    return FacetResult(facet=0, results=results, cases=CaseColumns(n=n, **columns), options=options)


def cell(scores, labels, number=0, **changes):
    """A cell with one answer a case."""
    n = len(scores)
    values = {
        "cell": number,
        "rows": np.arange(n),
        "scores": np.asarray(scores, float),
        "labels": np.asarray(labels, float),
        "prices": np.full(n, 0.001),
        "names": [(f"c{row}", f"{number}") for row in range(n)],
    }
    return JudgedCell(**values | changes)


def counted(true_passes, false_fails, false_passes, true_fails):
    """Scores and labels of a confusion."""
    scores = [1] * true_passes + [0] * false_fails + [1] * false_passes + [0] * true_fails
    labels = [1] * (true_passes + false_fails) + [0] * (false_passes + true_fails)
    return scores, labels


def held(*cells, opinions=(), facet_of=None, **changes):
    """The calibration of one instrument over these cells."""
    about = facet_of or facet(max(c.rows.max() for c in cells) + 1, [c.cell for c in cells])
    one = Instrument(
        facet=about, judge="strict", scorer="rubric", cells=cells, is_quality=True, **changes
    )
    return calibrate([one], opinions)


def entry_of(found, number=0):
    return next(each for each in found.entries if each["cell"] == number)


def test_errors_of_a_judge_are_those_of_the_golden_confusion():
    """Golden numbers of statistics, 1.8: sensitivity 68/70, specificity 18/30, 10 points above."""
    entry = entry_of(held(cell(*counted(68, 2, 12, 18))))

    assert entry["confusion"] == {
        "true_passes": 68,
        "false_fails": 2,
        "false_passes": 12,
        "true_fails": 18,
    }
    assert entry["sensitivity"]["value"] == pytest.approx(0.9714285714)
    assert entry["sensitivity"]["low"] == pytest.approx(0.9016774388)
    assert entry["specificity"]["value"] == pytest.approx(0.6)
    assert entry["specificity"]["high"] == pytest.approx(0.7540937188)
    assert entry["percent"]["value"] == pytest.approx(0.86)
    assert entry["kappa"]["value"] == pytest.approx(0.6315789474)
    assert entry["inflation"]["value"] == pytest.approx(0.1)
    assert entry["inflation_p"] < 0.012939453125  # The mid-p of McNemar's exact p.


def test_second_opinion_is_the_golden_one():
    """Rogan and Gladen: 332 of 400 passes become 75.25 %, 63.3 to 86.9."""
    scores, labels = counted(68, 2, 12, 18)
    entry = entry_of(held(cell([*scores, *[1] * 252, *[0] * 48], [*labels, *[NAN] * 300])))

    found = entry["corrected_rogan_gladen"]

    assert found["value"] == pytest.approx(0.7525)
    assert (found["low"], found["high"]) == pytest.approx((0.6333648500, 0.8692677389))


def test_second_opinion_counts_divided_labels_in_part():
    """Where two raters differ on every fail of the judge, the truth is a quarter higher."""
    scores = [1] * 40 + [0] * 40
    entry = entry_of(held(cell(scores * 2, [1.0] * 40 + [0.5] * 20 + [0.0] * 20 + [NAN] * 80)))

    assert entry["corrected_rogan_gladen"]["value"] == pytest.approx(0.625, abs=0.01)
    assert entry["corrected"]["value"] == pytest.approx(0.625, abs=0.01)


def test_agreement_stays_high_where_kappa_collapses():
    """The paradox of kappa: 94.4 % agreement, and kappa below 0."""
    entry = entry_of(held(cell(*counted(118, 5, 2, 0))))

    assert entry["percent"]["value"] == pytest.approx(0.944)
    assert entry["kappa"]["value"] == pytest.approx(-0.0233918129)
    assert entry["ac1"]["value"] == pytest.approx(0.9407763376)


def test_corrected_score_is_that_of_the_formula():
    """PPI++: mean of lambda f over the others plus mean of Y - lambda f over the labelled."""
    rng = np.random.default_rng(7)
    judge = rng.integers(0, 5, 120) / 4
    people = np.clip(judge - 0.25 * (rng.random(120) < 0.5), 0, 1)
    n = 40
    covariance = np.mean((people[:n] - people[:n].mean()) * (judge[:n] - judge[:n].mean()))
    trust = min(1, covariance / ((1 + n / 80) * judge.var(ddof=1)))
    expected = trust * judge[n:].mean() + np.mean(people[:n] - trust * judge[:n])

    entry = entry_of(held(cell(judge, [*people[:n], *[NAN] * 80])))

    assert entry["trust"] == pytest.approx(trust)
    assert entry["corrected"]["value"] == pytest.approx(expected)
    assert entry["corrected"]["low"] < expected < entry["corrected"]["high"]
    assert entry["corrected_rogan_gladen"] is None


def test_constant_judge_is_not_relied_on():
    entry = entry_of(held(cell([1] * 100, [1] * 24 + [0] * 16 + [NAN] * 60)))

    assert entry["trust"] == 0
    assert entry["corrected"]["value"] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("passes", "fails", "more", "words"),
    [
        (15, 14, {"labels": 1, "passes": 0, "fails": 0}, "1 more labelled answer (has 29)"),
        (31, 4, {"labels": 0, "passes": 0, "fails": 1}, "1 more that people fail (has 4)"),
        (2, 28, {"labels": 0, "passes": 3, "fails": 0}, "3 more that people pass (has 2)"),
        (0, 0, {"labels": 30, "passes": 5, "fails": 5}, "30 more labelled answers (has 0)"),
    ],
)
def test_too_few_labels_are_refused_with_how_many_are_missing(passes, fails, more, words):
    n = passes + fails
    found = corrected_mean(
        cell([1, 0] * 50, [1] * passes + [0] * fails + [NAN] * (100 - n)), facet(100)
    )

    assert found.mean is None
    assert found.more == more
    assert words in found.refused


def test_thirty_labels_with_five_of_each_kind_are_enough():
    labels = [1] * 25 + [0] * 5 + [NAN] * 70

    assert corrected_mean(cell([1, 0] * 50, labels), facet(100)).mean is not None


def test_label_budget_never_asks_for_more_than_there_are():
    spread = LabelSpread(human=0.25, judge=0.2, shared=0.1)

    table = budget_of(spread, 200, half_widths=[0.02, 0.05, 0.07, 0.1], level=0.95)

    assert [each["labels"] for each in table][:2] == [None, None]
    few, fewest = (each["labels"] for each in table[2:])
    assert 30 <= fewest < few <= 200


def test_label_budget_agrees_with_the_interval_that_it_promises():
    rng = np.random.default_rng(3)
    truth = (rng.random(1000) < 0.7).astype(float)
    judge = np.where(rng.random(1000) < 0.9, truth, 1 - truth)
    some = cell(judge, [*truth[:200], *[NAN] * 800])
    wanted = entry_of(held(some))["label_budget"][2]

    labels = np.where(np.arange(1000) < wanted["labels"], truth, NAN)
    corrected = entry_of(held(replace(some, labels=labels)))["corrected"]

    assert wanted["half_width"] == 0.05
    assert (corrected["high"] - corrected["low"]) / 2 == pytest.approx(0.05, abs=0.006)


def flattered(n=120, n_labels=80):
    """Cells 0 and 1 are equally good; the judge passes a third of what fails in cell 0."""
    rng = np.random.default_rng(5)
    truths = [(rng.random(n) < 0.6).astype(float) for _ in range(2)]
    kind = np.where((truths[0] == 0) & (rng.random(n) < 0.6), 1.0, truths[0])
    labels = [np.where(np.arange(n) < n_labels, truth, NAN) for truth in truths]
    return cell(kind, labels[0], 0), cell(truths[1], labels[1], 1)


def test_judge_that_flatters_one_cell_is_uneven():
    found = held(*flattered())

    (pair,) = found.calibrated["uneven"]

    assert (pair["a"], pair["b"], pair["is_uneven"]) == (0, 1, True)
    assert pair["difference"]["value"] > 0.1
    assert pair["difference"]["low"] > 0


def test_corrected_difference_takes_back_what_the_judge_gave():
    kind, fair = flattered()
    about = facet(120, (0, 1), quality=[kind.scores, fair.scores])

    (pair,) = held(kind, fair, facet_of=about).calibrated["comparisons"]

    assert pair["raw"]["low"] > 0
    assert pair["corrected"]["low"] < 0 < pair["corrected"]["high"]
    assert pair["conclusion"] == "cannot_tell"
    assert pair["n_labels"] == 80


def test_judge_that_flatters_all_alike_is_not_uneven():
    rng = np.random.default_rng(1)
    truth = (rng.random(100) < 0.6).astype(float)
    kind = np.where((truth == 0) & (rng.random(100) < 0.4), 1.0, truth)
    found = held(cell(kind, truth, 0), cell(kind[::-1], truth[::-1], 1))

    assert entry_of(found)["inflation"]["low"] > 0
    assert [pair["is_uneven"] for pair in found.calibrated["uneven"]] == [False]


def test_comparison_without_enough_common_labels_has_no_value():
    first = [1] * 20 + [0] * 20 + [NAN] * 60
    found = held(cell([1, 0] * 50, first, 0), cell([1, 0] * 50, first[::-1], 1))

    (pair,) = found.calibrated["comparisons"]

    assert (pair["corrected"]["value"], pair["n_labels"]) == (None, 0)
    assert pair["conclusion"] == "cannot_tell"


def test_cells_are_pooled_by_case():
    """Two cells that give the same answers are no more evidence than one."""
    scores, labels = counted(30, 10, 20, 40)
    alone = entry_of(held(cell(scores, labels)))

    pooled = entry_of(held(cell(scores, labels, 0), cell(scores, labels, 1)), None)

    assert pooled["n_labels"] == 200
    assert pooled["n_cases"] == 100
    for name in ("percent", "inflation", "kappa", "ac1"):
        one, both = alone[name], pooled[name]
        assert both["value"] == pytest.approx(one["value"])
        width = (one["high"] - one["low"]) / (both["high"] - both["low"])
        assert width == pytest.approx(1, abs=0.12)
    assert pooled["corrected"] is None


def test_labels_with_unequal_chances_are_weighted():
    """Fails were labelled three times as often: unweighted they would be half of all."""
    truth = np.array([1.0] * 300 + [0.0] * 100)
    chances = np.where(truth == 1, 0.2, 0.6)
    labelled = np.concatenate([np.arange(60), np.arange(300, 360)])
    labels = np.full(400, NAN)
    labels[labelled] = truth[labelled]
    judge = np.where(np.arange(400) % 10 == 0, 1 - truth, truth)

    entry = entry_of(held(cell(judge, labels, chances=chances)))

    assert entry["people"]["value"] == pytest.approx(0.75)
    assert entry["corrected"]["value"] == pytest.approx(0.75, abs=0.01)
    assert entry["sensitivity"]["n"] == 60
    assert entry["corrected_rogan_gladen"] is None
    assert entry["inflation"]["value"] == pytest.approx(-0.05, abs=0.01)


def test_criteria_are_counted_where_people_labelled_criteria():
    said = CriteriaLabels(
        answers=np.array([0, 0, 1, 1]),
        judge=np.array([1.0, 0, 1, 1]),
        people=np.array([1.0, 0, 0, 1]),
    )

    entry = entry_of(held(cell([0.5, 1, 1], [0.5, 0.5, NAN], criteria=said)))

    assert (entry["unit"], entry["n_units"], entry["n_labels"]) == ("criterion", 4, 2)
    assert entry["percent"]["value"] == 0.75
    assert entry["inflation"]["value"] == 0.25


def test_weights_reach_slices_and_comparisons_of_cells():
    """Half of the chance, twice the weight: the second half of the cases decides."""
    n = 120
    truth = np.tile([1.0, 0.0], n // 2)
    chances = np.repeat([0.8, 0.4], n // 2)
    wrong = np.where(np.arange(n) < n // 2, truth, 1 - truth)
    labels = np.where(np.arange(n) % 3 < 2, truth, NAN)
    about = facet(
        n,
        (0, 1),
        quality=[wrong, truth],
        slices={"all": {"yes": np.arange(n)}, "none": {"left": np.flatnonzero(np.isnan(labels))}},
    )
    found = held(
        cell(wrong, labels, 0, chances=chances),
        cell(truth, labels, 1, chances=chances),
        facet_of=about,
    )

    slices = entry_of(found)["slices"]
    assert slices["all"]["yes"]["percent"]["value"] == pytest.approx(1 / 3)
    assert "none" not in slices
    (pair,) = found.calibrated["comparisons"]
    assert pair["corrected"]["value"] == pytest.approx(0, abs=0.05)
    assert found.calibrated["uneven"][0]["difference"]["n"] == 80


def test_chances_of_one_cell_count_for_its_pairs():
    fair = [1.0, 0.0] * 40
    cells = (cell(fair, fair, 0, chances=np.full(80, 0.5)), cell(fair, fair, 1))

    (pair,) = held(*cells).calibrated["comparisons"]

    assert pair["corrected"]["value"] == 0
    difference = corrected_difference(*cells, facet(80, (0, 1)))
    assert pair["corrected"]["low"] == difference.low < 0


def test_cell_without_labelled_criteria_has_no_share_in_an_instrument():
    said = CriteriaLabels(answers=np.array([0]), judge=np.array([1.0]), people=np.array([1.0]))

    found = held(cell([1, 0], [1, NAN], 0, criteria=said), cell([1, 0], [NAN, NAN], 1))

    assert found.calibrated["instruments"][0]["n_units"] == 1
    assert entry_of(found, 1)["n_units"] == 0


def test_what_divides_raters_is_left_out_of_verdicts_and_kept_in_scores():
    """Of ten criteria two raters differ on four: six have a majority, in scores all count."""
    passing = np.array([2, 2, 2, 0, 0, 0, 1, 1, 1, 1], float)
    raters = Raters(n=np.full(10, 2.0), passing=passing)
    judge = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 0], float)
    said = CriteriaLabels(answers=np.arange(10), judge=judge, people=passing / 2, raters=raters)

    whole = entry_of(held(cell(judge, passing / 2, raters=raters)))
    criteria = entry_of(held(cell(judge, passing / 2, raters=raters, criteria=said)))

    for entry in (whole, criteria):
        assert sum(entry["confusion"].values()) == entry["n_units"] == 6
        assert entry["n_divided"] == 4
        assert entry["percent"]["value"] == entry["percent"]["value"] == pytest.approx(4 / 6)
        assert (entry["percent"]["n"], entry["kappa"]["n"], entry["ac1"]["n"]) == (6, 6, 6)
        assert entry["n_labels"] == 10
        assert entry["people"]["value"] == 0.5
        assert entry["inflation"]["value"] == pytest.approx(0.1)


def test_instruments_and_slices_leave_out_what_divides_raters():
    raters = Raters(n=np.full(4, 2.0), passing=np.array([2, 0, 1, 1], float))
    slices = {"channel": {"chat": np.arange(2), "mail": np.arange(2, 4)}}
    one = cell([1, 1, 1, 0], [1, 0, 0.5, 0.5], raters=raters)

    found = held(one, facet_of=facet(4, slices=slices))

    (instrument,) = found.calibrated["instruments"]
    parts = entry_of(found)["slices"]["channel"]
    assert (instrument["n_units"], instrument["percent"]["value"]) == (2, 0.5)
    assert parts["chat"]["percent"]["value"] == 0.5
    assert (parts["mail"]["percent"]["value"], parts["mail"]["n_labels"]) == (None, 2)


def test_labels_that_all_divide_raters_still_count_in_scores():
    raters = Raters(n=np.full(40, 2.0), passing=np.ones(40))
    chances = np.linspace(0.2, 0.9, 40)

    for weights in (None, chances):
        entry = entry_of(held(cell([1] * 40, [0.5] * 40, raters=raters, chances=weights)))

        assert (entry["n_units"], entry["n_divided"], entry["percent"]["value"]) == (0, 40, None)
        assert entry["inflation"]["value"] == 0.5


def test_agreement_with_single_raters_is_what_the_ceiling_measures():
    """A judge that says what ann says agrees with one rater as much as she does, and herself."""
    rng = np.random.default_rng(2)
    ann = (rng.random(60) < 0.5).astype(float)
    bob = np.where(rng.random(60) < 0.3, 1 - ann, ann)
    raters = Raters(n=np.full(60, 2.0), passing=ann + bob)
    said = [Opinions(n, {"ann": ann[n], "bob": bob[n]}) for n in range(60)]
    same = float((ann == bob).mean())

    found = held(cell(ann, (ann + bob) / 2, raters=raters), opinions=said)

    single, ceiling = entry_of(found)["with_one_rater"], found.calibrated["ceiling"]["percent"]
    assert ceiling["value"] == pytest.approx(same)
    assert single["value"] == pytest.approx((1 + same) / 2)
    assert single["n"] == ceiling["n"] == 60
    assert entry_of(found)["percent"]["value"] == 1


def test_labels_of_one_rater_say_nothing_of_agreement_with_a_second():
    assert entry_of(held(cell(*counted(5, 5, 5, 5))))["with_one_rater"]["value"] is None


def test_nothing_is_left_to_trust_a_judge_with_where_all_is_labelled():
    entry = entry_of(held(cell([1, 0] * 30, [1] * 40 + [0] * 20)))

    assert entry["trust"] is None
    assert entry["corrected"]["value"] == pytest.approx(2 / 3)


def test_slices_show_where_a_judge_errs():
    scores, labels = [1, 1, 1, 1, 0, 1, 0, 1], [0, 0, 0, 0, 0, 1, 0, 1]
    slices = {"channel": {"chat": np.arange(4), "mail": np.arange(4, 8)}}

    entry = entry_of(held(cell(scores, labels), facet_of=facet(8, slices=slices)))

    shares = {name: part["percent"]["value"] for name, part in entry["slices"]["channel"].items()}
    assert shares == {"chat": 0, "mail": 1}
    assert entry["slices"]["channel"]["chat"]["inflation"]["value"] == 1
    assert entry["slices"]["channel"]["mail"]["n_labels"] == 4


def test_ceiling_is_the_agreement_of_people():
    said = [
        Opinions(f"c{n}", {"ann": float(n % 2), "bob": float(n % 2 or n < 4)}) for n in range(20)
    ]

    ceiling = held(cell(*counted(5, 5, 5, 5)), opinions=said).calibrated["ceiling"]

    assert (ceiling["n"], ceiling["n_raters"]) == (20, 2)
    assert ceiling["percent"]["value"] == 0.9
    assert ceiling["kappa"]["value"] == pytest.approx(0.8)


def test_ceiling_of_one_rater_is_unknown():
    said = [Opinions("c0", {"ann": 1.0}), Opinions("c1", {"bob": 0.0})]

    assert held(cell(*counted(5, 5, 5, 5)), opinions=said).calibrated["ceiling"] is None


def test_instruments_compete_in_agreement_and_price():
    rng = np.random.default_rng(2)
    truth = (rng.random(200) < 0.5).astype(float)
    about = facet(200)

    def instrument(name, right, price):
        scores = np.where(rng.random(200) < right, truth, 1 - truth)
        return Instrument(
            facet=about,
            judge=name,
            scorer="rubric",
            cells=(cell(scores, truth, prices=np.full(200, price)),),
        )

    judges = [
        instrument("cheap", 0.8, 0.001),
        instrument("dear", 0.95, 0.02),
        instrument("poor", 0.5, 0.005),
        instrument("unknown", 0.9, NAN),
        instrument("contains", 0.55, 0.0),
    ]

    found = calibrate(judges, []).calibrated["instruments"]

    shown = {each["judge"]: each["pareto"]["status"] for each in found}
    assert shown == {
        "cheap": "frontier",
        "dear": "frontier",
        "poor": "dominated",
        "unknown": "unpriced",
        "contains": "frontier",
    }
    prices = {each["judge"]: each["usd_per_1000_verdicts"] for each in found}
    assert prices["cheap"]["value"] == pytest.approx(1)
    assert prices["unknown"] is None


def test_instruments_of_other_answers_do_not_compete():
    one, other = (
        Instrument(facet=facet(20), judge=name, scorer="rubric", cells=(cells,))
        for name, cells in (
            ("a", cell(*counted(5, 5, 5, 5), prices=np.full(20, 0.1))),
            ("b", cell(*counted(10, 0, 0, 10), names=[("other", f"{n}") for n in range(20)])),
        )
    )

    found = calibrate([one, other], []).calibrated["instruments"]

    assert [each["pareto"]["status"] for each in found] == ["frontier", "frontier"]


def test_scorer_that_labels_are_not_about_is_an_instrument_alone():
    found = held(cell(*counted(20, 5, 5, 20)), is_meant=False)

    assert found.entries == []
    assert [each["n_units"] for each in found.calibrated["instruments"]] == [50]


def test_members_of_a_panel_are_measured_and_correct_nothing_of_their_own():
    cells = (cell(*counted(20, 5, 5, 20)),)
    about = facet(50)
    made = [
        Instrument(
            facet=about, judge="jury", scorer="rubric", member=member, cells=cells, is_quality=True
        )
        for member in (None, "opus", "luna")
    ]

    found = calibrate(made, [])

    assert [entry["member"] for entry in found.entries if entry["cell"] is None] == [
        None,
        "opus",
        "luna",
    ]
    assert list(found.corrected) == [0]
    assert found.corrected[0] == entry_of(found)["corrected"]


def test_same_labels_give_the_same_numbers():
    cells = flattered()

    assert held(*cells) == held(*cells)


@pytest.mark.parametrize("rate", [0.6, 0.8])
def test_corrected_interval_holds_the_truth_where_the_judge_is_off_by_ten_points(rate):
    """The small version of benchmarks/calibration_coverage.py: 93 to 97 % of 1,000 sets."""
    rng = np.random.default_rng([11, round(100 * rate)])
    about = facet(400)
    passed = (0.05 * rate + 0.1) / (1 - rate)
    hits = raw_hits = 0
    for _ in range(1000):
        truth = rng.random(400) < rate
        judge = np.where(truth, rng.random(400) >= 0.05, rng.random(400) < passed).astype(float)
        labels = np.full(400, NAN)
        drawn = rng.choice(400, 100, replace=False)
        labels[drawn] = truth[drawn]
        found = corrected_mean(cell(judge, labels), about).mean
        hits += found.low <= rate <= found.high
        raw_hits += abs(judge.mean() - rate) <= 1.96 * (rate * (1 - rate) / 400) ** 0.5

    assert 0.93 <= hits / 1000 <= 0.97
    assert raw_hits / 1000 < 0.05
