"""Who stands on the frontier, who does not, and how sure that is."""

import numpy as np
import pytest

from evalrunner.summary import (
    CaseColumns,
    CellResult,
    ClassTable,
    SummaryOptions,
    facet_results,
    mark_pareto,
)


def result(cell, quality, cost, *, facet=0, role="candidate", **columns):
    """A cell with these values by case; a quality or cost of None is unknown."""
    n = len(quality)
    usd = np.full(n, np.nan) if cost is None else np.broadcast_to(cost, n) / 1000
    known = np.asarray(quality, dtype=float)
    mean = None if np.isnan(known).all() else float(np.nanmean(known))
    summary = {
        "id": cell,
        "label": f"cell {cell}",
        "facet": facet,
        "role": role,
        "quality": {"value": mean},
        "cost": {"usd_per_1000": None if cost is None else {"value": float(np.mean(usd)) * 1000}},
        "pareto": {"status": None, "probability": None},
    }
    return CellResult(
        summary=summary, quality=known, cost_usd=usd, classes=columns.pop("classes", {}), **columns
    )


def marked(results, *, clusters=None, quality="exact_match", **options):
    """`pareto` of each cell."""
    cases = CaseColumns(n=results[0].quality.size, clusters=clusters, cluster_field="customer")
    about = (cases, SummaryOptions(quality=quality, **options))
    facets = {found.summary["facet"] for found in results}
    for facet in facet_results(results, dict.fromkeys(facets, about)):
        mark_pareto(facet)
    return [found.summary["pareto"] for found in results]


def right(n, k):
    """`k` right answers among `n` cases."""
    return (np.arange(n) < k).astype(float)


def test_the_frontier_is_found_inside_each_facet_among_candidates():
    unknown = np.full(400, np.nan)
    results = [
        result(0, right(400, 320), 1.0),
        result(1, right(400, 200), 2.0),
        result(2, right(400, 390), None),
        result(3, unknown, 3.0),
        result(4, right(400, 40), 0.5, facet=1),
        result(5, right(400, 400), 0.0, role="canary"),
        result(6, right(400, 40), 0.0),
    ]

    found = marked(results)

    assert [each["status"] for each in found] == [
        "frontier",
        "dominated",
        "unpriced",
        "undecided",
        "frontier",
        None,
        "frontier",
    ]
    assert [each["probability"] for each in found] == [1.0, 0.0, None, None, 1.0, None, 1.0]
    assert found[1]["dominated_by"] == 0


def test_what_is_worse_by_a_few_cases_only_is_not_called_dominated():
    results = [result(0, right(100, 90), 1.0), result(1, right(100, 89), 2.0)]

    found = marked(results)

    assert [each["status"] for each in found] == ["frontier", "undecided"]
    assert found[1]["tied_with"] == [0]
    assert found[1]["dominated_by"] is None
    assert found[0]["probability"] > 0.99


def test_cheaper_cells_within_the_margin_are_named():
    results = [
        result(0, right(200, 180), 1.0),
        result(1, right(200, 177), 0.5),
        result(2, right(200, 174), 0.2),
    ]

    found = marked(results, margin=0.02)

    assert [each["within"] for each in found] == [[1], [2], []]


def test_the_order_of_cases_changes_nothing():
    rng = np.random.default_rng(5)
    quality = (rng.random((4, 300)) < np.array([[0.9], [0.88], [0.86], [0.7]])).astype(float)
    cost = rng.gamma(3, np.array([[3.0], [2.0], [2.1], [1.0]]), (4, 300))
    clusters = rng.integers(0, 60, 300)
    order = rng.permutation(300)

    found = [
        marked(
            [result(k, quality[k, rows], cost[k, rows]) for k in range(4)],
            clusters=clusters[rows],
        )
        for rows in (np.arange(300), order)
    ]

    assert found[0] == found[1]


def test_the_seed_decides_the_draws():
    rng = np.random.default_rng(6)
    results = [
        result(k, (rng.random(120) < 0.8).astype(float), rng.gamma(2, 1, 120)) for k in range(3)
    ]

    first, again, other = (
        [each["probability"] for each in marked(results, seed=seed)] for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def classes_of(truth, answers):
    codes = np.arange(len(truth))
    labels = ("a", "b")
    table = ClassTable(labels=labels, cases=codes, truth=truth, answers=answers)
    return {"labels": table}


def macro_f1(cell, truth, answers, cost):
    table = classes_of(truth, answers)
    made = result(cell, np.full(len(truth), np.nan), cost, classes=table)
    once = np.ones((1, len(truth)))
    value = table["labels"].metric("macro_f1", once, rows=np.arange(len(truth)))[0]
    made.summary["quality"] = {"value": float(value)}
    return made


@pytest.mark.parametrize(("n", "status"), [(30, "undecided"), (600, "dominated")])
def test_an_f1_without_a_value_by_case_is_resampled_as_a_whole(n, status):
    truth = np.arange(n) % 2
    good = np.where(np.arange(n) % 10 == 0, 1 - truth, truth)
    worse = np.where(np.arange(n) % 7 == 1, 1 - truth, truth)
    results = [macro_f1(0, truth, good, 1.0), macro_f1(1, truth, worse, 2.0)]
    results.append(macro_f1(2, truth, good, None))

    found = marked(results, quality="labels.macro_f1")

    assert [each["status"] for each in found] == ["frontier", status, "unpriced"]
    assert found[0]["probability"] > found[1]["probability"]
    assert found[2]["probability"] is None


def test_an_f1_that_nobody_knows_beats_nobody():
    truth = np.arange(60) % 2
    answers = np.where(np.arange(60) % 6 == 0, 1 - truth, truth)
    unknown = macro_f1(1, truth, answers, 0.5)
    table = unknown.classes["labels"]
    nothing = table.of_cases(np.array([], dtype=np.intp))
    blank = result(1, np.full(60, np.nan), 0.5, classes={"labels": nothing})

    found = marked([macro_f1(0, truth, answers, 1.0), blank], quality="labels.macro_f1")

    assert [each["status"] for each in found] == ["frontier", "undecided"]
    assert found[0]["p_dominated"] == 1.0
    assert found[1]["probability"] is None


def test_the_difference_of_two_f1s_is_resampled_by_the_same_cases():
    truth = np.arange(400) % 2
    good = np.where(np.arange(400) % 10 == 0, 1 - truth, truth)
    worse = np.where(np.arange(400) % 4 == 1, 1 - truth, truth)
    results = [macro_f1(0, truth, good, 1.0), macro_f1(1, truth, worse, 2.0)]
    results.append(macro_f1(2, truth, good, 1.0))
    results[2].summary["quality"] = {"value": None}
    options = SummaryOptions(quality="labels.macro_f1")
    cases = CaseColumns(n=400, clusters=np.arange(400) // 2, cluster_field="customer")

    (made,) = facet_results(results, {0: (cases, options)})

    points = [each.summary["quality"]["value"] for each in results[:2]]
    found = made.difference(0, 1)
    assert found.value == pytest.approx(points[0] - points[1])
    assert 0 < found.low < found.value < found.high
    assert found.n == 400
    assert made.difference(0, 2).value is None
    assert made.difference_at_worst(0, 1) is None


def test_an_f1_is_not_moved_by_the_order_of_the_cases():
    rng = np.random.default_rng(9)
    truth = rng.integers(0, 2, 80)
    answers = [np.where(rng.random(80) < share, truth, 1 - truth) for share in (0.9, 0.8)]
    order = rng.permutation(80)

    found = [
        marked(
            [macro_f1(k, truth[rows], answers[k][rows], 1.0 + k) for k in range(2)],
            quality="labels.macro_f1",
        )
        for rows in (np.arange(80), order)
    ]

    assert found[0] == found[1]
