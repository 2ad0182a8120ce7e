import csv
import json
import math
import tracemalloc
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from evalrunner.errors import ConfigError
from evalrunner.scorers.labels import LabelsSettings
from evalrunner.scorers.structured import JsonFieldsSettings
from evalrunner.scorers.text import ExactMatchSettings
from evalrunner.stats import wilson_interval
from evalrunner.summary import (
    CaseColumns,
    CellCosts,
    CellInfo,
    SummaryOptions,
    summarize_cell,
)
from evalrunner.types import Case

GOLDEN = Path(__file__).parent / "golden"
CELL_KEYS = {
    "id",
    "label",
    "axes",
    "facet",
    "role",
    "n_cases",
    "n_planned",
    "n_ok",
    "n_refused",
    "n_truncated",
    "n_error",
    "n_skipped",
    "n_unscored",
    "quality",
    "scores",
    "slices",
    "cost",
    "latency_s",
    "usage",
    "pareto",
}
COST_KEYS = {
    "usd_per_1000",
    "usd_total",
    "usd_spent",
    "usd_spent_at_least",
    "usd_judge",
    "usd_per_correct",
    "usd_retries",
    "saved_cache",
    "possibly_billed",
    "unpriced_calls",
    "estimated",
}


EXACT = ExactMatchSettings(kind="exact_match")
INTENT = LabelsSettings(kind="labels", target="intent")
FIELDS = JsonFieldsSettings(kind="json_fields")


def info(scorers=None, **changes):
    values = {
        "id": 0,
        "label": "luna",
        "axes": {"model": "luna"},
        "facet": 0,
        "role": "candidate",
        "scorers": scorers or {"exact_match": EXACT},
    }
    return CellInfo(**(values | changes))


def case(number, **fields):
    name = f"c{number}"
    return Case(id=name, fields={"id": name, "input": "?", **fields}, sha256=name)


def cases(n, *, slices=(), cluster=None, targets=None, **columns):
    rows = [
        case(number, **{name: values[number] for name, values in columns.items()})
        for number in range(n)
    ]
    return CaseColumns.build(rows, slices=slices, cluster=cluster, targets=targets)


def row(number, value=None, *, status="ok", repeat=0, scorer="exact_match", **changes):
    scores = {} if status in {"error", "skipped"} else {scorer: score(value)}
    values = {
        "cell": 0,
        "case_id": f"c{number}",
        "repeat": repeat,
        "status": status,
        "scores": scores,
        "usage": None,
        "cost_usd": 0.001,
        "spent_usd": 0.001,
        "latency_s": 1.0,
        "attempts": 1,
        "cached": False,
    }
    return values | changes


def score(value, **changes):
    return {"value": value, "reason": None, "label": None, "criteria": []} | changes


def summarize(rows, columns, *, cell=None, **options):
    chosen = SummaryOptions(**({"quality": "exact_match"} | options))
    trials = ((int(row["case_id"][1:]), row) for row in rows)
    return summarize_cell(cell or info(), trials, cases=columns, options=chosen)


def tokens(**changes):
    names = (
        "input_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "output_tokens",
        "reasoning_tokens",
    )
    return dict.fromkeys(names, 0) | {"estimated": False} | changes


def test_a_cell_has_every_key_of_the_contract_and_only_json_numbers():
    rows = [row(0, 1.0, usage=tokens(input_tokens=5)), row(1, 0.0)]

    found = summarize(rows, cases(2, slices=["kind"], kind=["a", "b"])).summary

    assert set(found) >= CELL_KEYS
    assert set(found["cost"]) == COST_KEYS
    assert set(found["quality"]) == {"value", "low", "high", "n", "method"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_every_planned_trial_has_one_outcome():
    rows = [
        row(0, 1.0),
        row(1, None),
        row(2, 0.0, status="refused"),
        row(3, 0.0, status="truncated"),
        row(4, status="error", cost_usd=None),
        row(5, status="skipped", cost_usd=None, spent_usd=None),
    ]

    found = summarize(rows, cases(6)).summary

    counted = {name: found[f"n_{name}"] for name in ("ok", "refused", "truncated", "error")}
    assert counted == {"ok": 2, "refused": 1, "truncated": 1, "error": 1}
    assert (found["n_planned"], found["n_skipped"], found["n_unscored"]) == (6, 1, 1)
    assert found["cost"]["unpriced_calls"] == 0


def test_infrastructure_failures_are_neither_right_nor_wrong():
    rows = [row(0, 1.0), row(1, status="error", cost_usd=None), row(2, None)]

    result = summarize(rows, cases(3))

    assert result.summary["quality"] == pytest.approx(
        {"value": 1.0, "low": 0.206549, "high": 1.0, "n": 1, "method": "wilson"}, abs=1e-6
    )
    assert np.isnan(result.quality).tolist() == [False, True, True]


def test_a_cell_without_a_scored_trial_has_no_quality():
    result = summarize([row(0, status="error", cost_usd=None)], cases(1))

    assert result.summary["quality"] == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "method": None,
    }
    assert result.summary["cost"]["usd_per_1000"] is None
    assert result.summary["cost"]["usd_per_correct"] is None
    assert result.summary["usage"] is None


def test_a_rate_has_its_wilson_interval():
    rows = [row(number, float(number < 87)) for number in range(100)]

    found = summarize(rows, cases(100)).summary["quality"]

    assert (found["low"], found["high"]) == pytest.approx((0.7901965, 0.9224283), abs=1e-7)
    assert (found["n"], found["method"]) == (100, "wilson")


def test_the_level_of_all_intervals_is_configured():
    rows = [row(number, float(number < 87)) for number in range(100)]

    found = summarize(rows, cases(100), confidence=0.8).summary["quality"]

    expected = wilson_interval(87, 100, level=0.8)
    assert (found["low"], found["high"]) == (expected.low, expected.high)


def test_repeats_are_averaged_within_their_case_first():
    """Tau-bench: 50 tasks, standard error .0522; 200 independent rows would give .0350."""
    with (GOLDEN / "tau_bench_airline.csv").open(encoding="utf-8") as file:
        trials = list(csv.DictReader(file))
    rows = [
        row(int(trial["task_id"]), float(trial["reward"]), repeat=int(trial["trial"]))
        for trial in trials
    ]

    result = summarize(rows, cases(50), repeats=4)

    found = result.summary["quality"]
    expected = wilson_interval(0.42 * 88.1464, 88.1464)
    assert (found["value"], found["n"]) == (pytest.approx(0.42), 50)
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high), abs=1e-5)
    assert found["method"] == "wilson, clustered by case"
    assert set(result.quality) <= {0, 0.25, 0.5, 0.75, 1}


def test_a_case_that_lost_repeats_weighs_as_much_as_the_others():
    rows = [row(0, 1.0, repeat=0), row(0, 1.0, repeat=1), row(1, 0.0, repeat=0)]

    found = summarize([*rows, row(1, status="error", repeat=1)], cases(2), repeats=2)

    assert found.summary["quality"]["value"] == 0.5


def test_many_graded_scores_have_a_t_interval():
    values = [0.9, 0.5, 0.95, 0.7] * 30

    found = summarize([row(i, v) for i, v in enumerate(values)], cases(120)).summary["quality"]

    assert (found["value"], found["method"]) == (pytest.approx(0.7625), "t")
    # 1.980100 is the 97.5 % point of t with 119 degrees of freedom.
    half = 1.980100 * np.std(values, ddof=1) / math.sqrt(120)
    assert (found["low"], found["high"]) == pytest.approx((0.7625 - half, 0.7625 + half), abs=1e-6)


def test_few_graded_scores_have_an_interval_inside_the_range():
    values = [0.9, 1.0, 0.95, 0.7]

    found = summarize([row(i, v) for i, v in enumerate(values)], cases(4)).summary["quality"]

    assert (found["value"], found["method"]) == (pytest.approx(0.8875), "wilson, effective n")
    assert 0.4 < found["low"] < 0.75
    assert 0.95 < found["high"] < 1


def test_graded_repeats_are_clustered_by_case():
    rows = [row(i, v, repeat=r) for i in range(3) for r, v in enumerate((0.1 * i, 0.5))]

    found = summarize(rows, cases(3), repeats=2).summary["quality"]

    assert (found["n"], found["method"]) == (3, "wilson, effective n, clustered by case")


def test_one_graded_case_has_no_interval():
    found = summarize([row(0, 0.5)], cases(1)).summary["quality"]

    assert (found["value"], found["low"], found["high"]) == (0.5, None, None)


def test_dependent_cases_are_clustered_by_their_field():
    """Cases without a customer, null or absent, are clusters of their own."""
    customers = ["a"] * 10 + ["b"] * 10 + [None, []]
    columns = cases(22, cluster="customer", customer=customers)
    rows = [row(number, float(number < 10)) for number in range(22)]

    found = summarize(rows, columns).summary["quality"]

    assert len(set(columns.clusters)) == 4
    assert found["method"] == "wilson, clustered by customer"
    independent = wilson_interval(10, 22)
    assert found["high"] - found["low"] > independent.high - independent.low


def test_slices_break_quality_down_by_every_value():
    columns = cases(
        5,
        slices=["category", "tags"],
        category=["refund", "refund", "login", None, 7],
        tags=[["vip", "de"], ["vip"], [], ["de", "de"], "vip"],
    )
    rows = [row(i, float(i < 2)) for i in range(4)]

    found = summarize([*rows, row(4, status="error")], columns).summary["slices"]

    shares = {
        field: {name: (e["value"], e["n"]) for name, e in values.items()}
        for field, values in found.items()
    }
    assert shares == {
        "category": {"refund": (1, 2), "login": (0, 1), "(missing)": (0, 1), "7": (None, 0)},
        "tags": {"vip": (1, 2), "de": (0.5, 2), "(missing)": (0, 1)},
    }


def labels_cell(truth, answers, **options):
    rows = [
        row(i, 0, scorer="intent", scores={"intent": score(float(t == a), label=a)})
        for i, (t, a) in enumerate(zip(truth, answers, strict=True))
    ]
    columns = cases(len(truth), targets={"intent": "intent"}, intent=truth, **options)
    cell = info({"intent": INTENT})
    return rows, columns, cell


TRUTH = ["a", "b", "c", "a", "b", "c", "a", "a", "b", "c"]
ANSWERS = ["a", "b", "a", "a", "c", "c", "b", None, "b", "nonsense"]


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_f1_agrees_with_scikit_learn(average):
    rows, columns, cell = labels_cell(TRUTH, ANSWERS)

    found = summarize(rows, columns, cell=cell, quality=f"intent.{average}_f1")

    expected = f1_score(
        TRUTH, [a or "none" for a in ANSWERS], labels=["a", "b", "c"], average=average
    )
    estimate = found.summary["scores"][f"intent.{average}_f1"]
    assert estimate["value"] == pytest.approx(expected)
    assert estimate["low"] < estimate["value"] < estimate["high"]
    assert (estimate["n"], estimate["method"]) == (10, "bootstrap")
    assert found.summary["quality"] == estimate
    assert np.isnan(found.quality).all()


def test_f1_of_resampled_customers_is_wider():
    rows, columns, cell = labels_cell(TRUTH * 8, ANSWERS * 8)
    customers = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 8
    grouped = labels_cell(TRUTH * 8, ANSWERS * 8, cluster="who", who=customers)[1]

    by_case = summarize(rows, columns, cell=cell, quality="intent.macro_f1").summary["quality"]
    by_who = summarize(rows, grouped, cell=cell, quality="intent.macro_f1").summary["quality"]

    assert by_who["method"] == "bootstrap, clustered by who"
    assert by_who["high"] - by_who["low"] > 1.5 * (by_case["high"] - by_case["low"])


def test_f1_of_repeats_draws_cases_not_trials():
    rows, columns, cell = labels_cell(TRUTH, ANSWERS)
    twice = [r | {"repeat": k} for r in rows for k in (0, 1)]

    once = summarize(rows, columns, cell=cell, quality="intent.macro_f1").summary["quality"]
    found = summarize(twice, columns, cell=cell, quality="intent.macro_f1", repeats=2).summary[
        "quality"
    ]

    assert (found["n"], found["method"]) == (10, "bootstrap, clustered by case")
    assert found["value"] == pytest.approx(once["value"])
    assert found["high"] - found["low"] == pytest.approx(once["high"] - once["low"], rel=0.15)


def test_f1_of_a_slice_is_that_of_its_cases():
    rows, columns, cell = labels_cell(
        TRUTH, ANSWERS, slices=["part"], part=["x", "x", "x", "x", "x", "y", "y", "y", "y", "y"]
    )

    found = summarize(rows, columns, cell=cell, quality="intent.macro_f1").summary["slices"]

    expected = f1_score(TRUTH[:5], ANSWERS[:5], average="macro")
    assert found["part"]["x"]["value"] == pytest.approx(expected)
    assert found["part"]["x"]["n"] == 5


def test_confusion_counts_answers_outside_the_label_set_apart():
    rows, columns, cell = labels_cell(TRUTH, ANSWERS)

    result = summarize(rows, columns, cell=cell, quality="intent")

    found = result.summary["classes"]["intent"]
    assert found["n_outside"] == 2
    assert found["confusion"] == [
        ["a", None, 1],
        ["a", "a", 2],
        ["a", "b", 1],
        ["b", "b", 2],
        ["b", "c", 1],
        ["c", None, 1],
        ["c", "a", 1],
        ["c", "c", 1],
    ]
    assert found["classes"]["b"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "n": 3}
    )
    assert result.classes["intent"].labels == ("a", "b", "c")


def test_an_answer_counts_for_its_class_however_it_is_spelled():
    columns = cases(4, targets={"intent": "intent"}, intent=["Refund", "login", "refund", ["x"]])
    rows = [
        row(0, scores={"intent": score(1.0, label="refund ")}),
        row(1, scores={"intent": score(0.0, label="REFUND")}),
        row(2, scores={"intent": score(0.0, label="Login.")}),
        row(3, scores={"intent": score(None)}),
    ]

    found = summarize(rows, columns, cell=info({"intent": INTENT}), quality="intent")

    assert found.summary["classes"]["intent"]["confusion"] == [
        ["Refund", "Refund", 1],
        ["Refund", "login", 1],
        ["login", "Refund", 1],
    ]


def test_declared_labels_are_the_classes_in_their_order():
    declared = LabelsSettings(kind="labels", target="intent", labels=("login", "Refund", "other"))
    columns = cases(2, targets={"intent": "intent"}, intent=["refund", "login"])
    rows = [
        row(0, scores={"intent": score(0.0, label="other")}),
        row(1, scores={"intent": score(1.0, label="login")}),
    ]

    result = summarize(rows, columns, cell=info({"intent": declared}), quality="intent")

    assert result.classes["intent"].labels == ("login", "Refund", "other")
    assert result.summary["classes"]["intent"]["n_outside"] == 0
    assert result.summary["scores"]["intent.macro_f1"]["value"] == pytest.approx(1 / 3)


def test_accuracy_is_the_score_of_labels_by_another_name():
    rows, columns, cell = labels_cell(TRUTH, ANSWERS)

    found = summarize(rows, columns, cell=cell, quality="intent.accuracy")

    assert found.summary["quality"] == found.summary["scores"]["intent"]
    assert found.summary["quality"]["method"] == "wilson"
    assert found.quality.sum() == 5


def test_a_class_nobody_answered_has_no_precision():
    rows, columns, cell = labels_cell(["a", "b", "b"], ["a", "a", None])

    found = summarize(rows, columns, cell=cell, quality="intent").summary["classes"]["intent"]

    assert found["classes"]["b"] == {"precision": None, "recall": 0.0, "f1": 0.0, "n": 2}


def test_labels_without_a_target_or_an_answer_are_left_out():
    columns = cases(2, targets={"intent": "intent"}, intent=[None, "a"])
    rows = [row(0, scores={"intent": score(0.0, label="a")}), row(1, scores={})]
    cell = info({"intent": INTENT})

    found = summarize(rows, columns, cell=cell, quality="intent.macro_f1").summary

    assert found["quality"]["value"] is None
    assert found["classes"]["intent"]["confusion"] == []
    assert found["n_unscored"] == 1


def fields_row(number, *, value=0.5, **passed):
    criteria = [{"criterion": k, "passed": v, "reason": None} for k, v in passed.items()]
    return row(number, scores={"fields": score(value, criteria=criteria)})


def test_json_fields_have_an_accuracy_by_field():
    rows = [
        fields_row(0, amount=True, date=False),
        fields_row(1, amount=False, date=None),
        fields_row(2, value=0.0),
    ]
    cell = info({"fields": FIELDS})

    result = summarize(rows, cases(3), cell=cell, quality="fields.amount")

    scores = result.summary["scores"]
    assert list(scores) == ["fields", "fields.amount", "fields.date"]
    assert (scores["fields.amount"]["value"], scores["fields.amount"]["n"]) == (1 / 3, 3)
    assert (scores["fields.date"]["value"], scores["fields.date"]["n"]) == (0, 2)
    assert result.quality.tolist() == [1, 0, 0]
    assert result.summary["n_unscored"] == 0


def test_a_field_without_a_target_is_unscored():
    rows = [fields_row(0, amount=None), fields_row(1, date=True)]

    found = summarize(
        rows,
        cases(2),
        cell=info({"fields": FIELDS}),
        quality="fields.amount",
    ).summary

    assert found["n_unscored"] == 2
    assert found["quality"]["value"] is None


def test_a_quality_that_no_scorer_gives_is_refused_with_the_choices():
    scorers = {"exact": EXACT, "intent": INTENT, "fields": FIELDS}

    for wrong in ("intent.f1", "exact.macro_f1", "rubric"):
        with pytest.raises(
            ConfigError, match=r"exact, intent, fields, intent\.accuracy, intent\.macro_f1"
        ):
            summarize([], cases(1), cell=info(scorers), quality=wrong)


def test_cost_is_the_mean_over_answered_trials_per_thousand_requests():
    costs = [0.02, 0.03, 0.01, 0.05, 0.02, 0.04, 0.02, 0.03, 0.01, 0.07]
    correct = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    rows = [
        row(i, right, cost_usd=cost)
        for i, (cost, right) in enumerate(zip(costs, correct, strict=True))
    ]
    failed = row(10, status="error", cost_usd=None, spent_usd=0.0)

    result = summarize([*rows, failed], cases(11))

    cost = result.summary["cost"]
    assert cost["usd_per_1000"]["value"] == pytest.approx(30.0)
    # 2.262157 is the 97.5 % point of t with 9 degrees of freedom.
    half = 1000 * 2.2621571627 * np.std(costs, ddof=1) / np.sqrt(10)
    assert cost["usd_per_1000"]["high"] == pytest.approx(30 + half)
    assert (cost["usd_per_1000"]["n"], cost["usd_per_1000"]["method"]) == (10, "t")
    assert cost["usd_total"] == pytest.approx(0.33)
    assert cost["usd_per_correct"]["value"] == pytest.approx(0.04285714285714287)
    assert cost["usd_per_correct"]["high"] == pytest.approx(
        0.04285714285714287 + 2.2621571627 * 0.012650134984574513
    )
    assert result.cost_usd[:10].tolist() == costs
    assert np.isnan(result.cost_usd[10])


def test_cost_of_repeats_is_a_mean_over_trials_clustered_by_case():
    rows = [
        row(0, 1.0, cost_usd=0.01),
        row(0, 1.0, cost_usd=0.03, repeat=1),
        row(1, 1.0, cost_usd=0.05),
        row(1, status="error", cost_usd=None, repeat=1),
    ]

    result = summarize(rows, cases(2), repeats=2)

    cost = result.summary["cost"]["usd_per_1000"]
    assert cost["value"] == pytest.approx(30.0)
    assert (cost["n"], cost["method"]) == (2, "t, clustered by case")
    assert result.cost_usd.tolist() == [0.02, 0.05]


@pytest.mark.parametrize(("unpriced", "known"), [(2, True), (3, False)])
def test_costs_are_unknown_when_more_than_max_missing_are_unpriced(unpriced, known):
    rows = [
        row(i, 1.0, **({"cost_usd": None, "spent_usd": None} if i < unpriced else {}))
        for i in range(100)
    ]

    cost = summarize(rows, cases(100), max_missing=0.02).summary["cost"]

    assert cost["unpriced_calls"] == unpriced
    assert [
        cost[name] is not None
        for name in ("usd_per_1000", "usd_total", "usd_per_correct", "usd_spent")
    ] == [known] * 4
    assert not known or cost["usd_per_1000"]["value"] == pytest.approx(1.0)


def test_everything_unpriced_is_unknown_whatever_may_be_missing():
    rows = [row(i, 1.0, cost_usd=None, spent_usd=0) for i in range(3)]

    cost = summarize(rows, cases(3), max_missing=1.0).summary["cost"]

    assert (cost["usd_per_1000"], cost["usd_total"], cost["usd_spent"]) == (None, None, 0.0)


def test_spending_is_what_was_paid_judge_included():
    rows = [
        row(0, 1.0, spent_usd=Decimal("0.1"), scores={"exact_match": score(1.0, cost_usd=0.02)}),
        row(1, 1.0, spent_usd=0.2, scores={"exact_match": score(1.0, cost_usd=0.01)}),
        row(2, 1.0, spent_usd=None, cached=True),
        row(3, status="error", spent_usd=0.05, cost_usd=None),
    ]
    paid = CellCosts(
        retries_usd=Decimal("0.004"), saved_cache_usd=Decimal("0.3"), possibly_billed=2
    )

    cost = summarize(rows, cases(4), cell=info(costs=paid)).summary["cost"]

    assert (cost["usd_spent"], cost["usd_judge"]) == (0.38, 0.03)
    assert (cost["usd_retries"], cost["saved_cache"], cost["possibly_billed"]) == (0.004, 0.3, 2)


def test_an_unpriced_judge_makes_spending_unknown():
    unknown = info(costs=CellCosts(retries_usd=None))
    judged = {"exact_match": score(1.0, cost_usd=None, spent_usd=None)}

    cost = summarize([row(0, 1.0, scores=judged)], cases(1), cell=unknown).summary["cost"]

    assert (cost["usd_judge"], cost["usd_spent"], cost["usd_retries"]) == (None, None, None)
    assert cost["usd_per_1000"]["value"] == pytest.approx(1.0)


def test_cost_per_correct_is_unknown_when_nothing_is_correct():
    cost = summarize([row(0, 0.0), row(1, 0.0)], cases(2)).summary["cost"]

    assert cost["usd_per_correct"] is None
    assert cost["usd_per_1000"]["value"] == pytest.approx(1.0)


def test_quality_without_retried_answers_is_told_beside_the_whole():
    """E18: what needed a retry is no random sample."""
    rows = [row(0, 1.0), row(1, 0.0), row(2, 1.0, attempts=3), row(3, 1.0, attempts=2)]

    cell = summarize(rows, cases(4)).summary

    assert cell["quality"]["value"] == 0.75
    assert cell["retried"]["n"] == 2
    without = cell["retried"]["quality_without"]
    assert (without["value"], without["n"], without["method"]) == (0.5, 2, "wilson")


def test_without_retries_there_is_nothing_to_tell_apart():
    cell = summarize([row(0, 1.0)], cases(1)).summary

    assert cell["retried"] == {"n": 0, "quality_without": None}


def test_latency_is_that_of_the_call_that_made_each_answer():
    """A cached answer counts with the time of the call that was paid."""
    rows = [
        row(0, 1.0, latency_s=2.0),
        row(1, 1.0, latency_s=2.0, cached=True),
        row(2, 1.0, latency_s=None),
        row(3, status="error", latency_s=99.0),
    ]

    assert summarize(rows, cases(4)).summary["latency_s"] == {
        "p50": 2.0,
        "p90": 2.0,
        "p99": 2.0,
        "histogram": {"edges_s": [1.78, 2.37], "counts": [2]},
    }


def test_usage_is_summed_by_class_and_says_what_is_estimated_or_unknown():
    rows = [
        row(0, 1.0, usage=tokens(input_tokens=10, output_tokens=3, reasoning_tokens=2)),
        row(1, 1.0, usage=tokens(cache_read_tokens=7, output_tokens=1, estimated=True)),
        row(2, 1.0),
    ]

    found = summarize(rows, cases(3)).summary

    assert found["usage"] == tokens(
        input_tokens=10, cache_read_tokens=7, output_tokens=4, reasoning_tokens=2, estimated=True
    ) | {"unknown_calls": 1}
    assert found["cost"]["estimated"] is True


def test_the_same_rows_and_seed_give_the_same_bytes():
    rows, columns, cell = labels_cell(TRUTH, ANSWERS)

    texts = {
        json.dumps(
            summarize(rows, columns, cell=cell, quality="intent.macro_f1", seed=seed).summary
        )
        for seed in (3, 3, 4)
    }

    assert len(texts) == 2


def test_memory_stays_under_100_bytes_a_trial():
    """The rows are read as a stream, once."""
    n = 20_000
    columns = cases(n)
    stream = (row(i, float(i % 2), usage=tokens(input_tokens=1)) for i in range(n))
    tracemalloc.start()

    summarize(stream, columns)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * n


@given(st.lists(st.sampled_from([0.0, 1.0, 0.25, None]), min_size=1, max_size=30))
def test_quality_is_the_mean_of_the_scored_inside_its_interval(values):
    result = summarize([row(i, v) for i, v in enumerate(values)], cases(len(values)))

    scored = [value for value in values if value is not None]
    found = result.summary["quality"]
    assert found["n"] == len(scored)
    assert result.summary["n_unscored"] == len(values) - len(scored)
    if scored:
        assert found["value"] == pytest.approx(np.mean(scored))
    if found["low"] is not None:
        assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
