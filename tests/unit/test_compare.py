"""Which cell is better: pairs, differences, conclusions and their sentences."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalrunner.compare import (
    Missing,
    Pairing,
    Scores,
    choose_pairs,
    compare_cells,
    flipped_cases,
    judge,
    plainest_sentence,
    reverse,
    sentence,
)
from evalrunner.summary import CaseColumns, CellResult, ClassTable, FacetResult, SummaryOptions
from evalrunner.types import Estimate

GOLDEN = Path(__file__).parent / "golden"
NAN = math.nan
ONE_PAIR = Pairing(pairs=((0, 1),), reference=None)


def facet_of(*quality, clusters=None, slices=None, classes=None, **options):
    """Cells with these scores by case."""
    columns = [np.array(each, dtype=float) for each in quality]
    n = columns[0].size
    results = tuple(
        CellResult(
            summary={"id": cell, "quality": {"value": _mean(column)}},
            quality=column,
            cost_usd=np.full(n, NAN),
            classes={} if classes is None else {"intent": classes[cell]},
        )
        for cell, column in enumerate(columns)
    )
    cases = CaseColumns(
        n=n,
        slices={
            field: {value: np.array(rows, dtype=np.intp) for value, rows in values.items()}
            for field, values in (slices or {}).items()
        },
        clusters=None if clusters is None else np.array(clusters, dtype=np.intp),
        cluster_field=None if clusters is None else "customer",
    )
    quality_name = "intent" if classes is None else "intent.macro_f1"
    options = {"quality": quality_name} | options
    return FacetResult(facet=0, results=results, cases=cases, options=SummaryOptions(**options))


def _mean(column):
    return None if np.isnan(column).all() else float(np.nanmean(column))


def compared(*quality, pairing=ONE_PAIR, ids=None, **about):
    facet = facet_of(*quality, **about)
    names = ids or [f"c{row:04}" for row in range(facet.cases.n)]
    return compare_cells((Scores.build(facet, names), pairing))


def table_2x2(both, a_only, b_only, none):
    """Two columns of right and wrong."""
    a = [1] * both + [1] * a_only + [0] * b_only + [0] * none
    b = [1] * both + [0] * a_only + [1] * b_only + [0] * none
    return a, b


# --- which pairs -----------------------------------------


def test_up_to_ten_cells_are_compared_with_each_other():
    found = choose_pairs([0.5] * 10)

    assert len(found.pairs) == 45
    assert all(a < b for a, b in found.pairs)
    assert not found.selected


def test_of_more_cells_the_best_is_compared_with_the_rest_and_marked_as_selected():
    points = [0.5] * 12
    points[7], points[9], points[2] = 0.9, 0.9, NAN

    found = choose_pairs(points)

    assert found.pairs == tuple((cell, 7) for cell in range(12) if cell != 7)
    assert found.selected


@pytest.mark.parametrize("n", [3, 12])
def test_baseline_is_what_every_other_cell_is_held_to(n):
    found = choose_pairs([0.5] * n, baseline=1)

    assert found.pairs == tuple((cell, 1) for cell in range(n) if cell != 1)
    assert not found.selected


# --- one difference --------------------------------------


def test_published_gsm8k_flags_differ_by_21_8_points():
    with (GOLDEN / "gsm8k_flags.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in {"id", "case_id"}]
    strong, weak = sorted(
        ([float(row[name] in {"1", "1.0", "True"}) for row in rows] for name in names),
        key=sum,
        reverse=True,
    )

    (entry,) = compared(strong, weak)

    assert entry["difference"]["value"] == pytest.approx(0.218, abs=5e-4)
    assert entry["n_paired"] == 1319
    assert entry["wins"] - entry["losses"] == round(entry["difference"]["value"] * 1319)
    assert (entry["conclusion"], entry["reverse"]) == ("better", "worse")


def test_right_and_wrong_gets_newcombe_and_the_mid_p_test():
    """[paired_2x2_eval200]: 150/20/10/20."""
    (entry,) = compared(*table_2x2(150, 20, 10, 20))

    assert entry["method"] == "McNemar mid-p"
    assert entry["p"] == pytest.approx(0.070756, abs=1e-6)
    assert entry["difference"] == {
        "value": pytest.approx(0.05),
        "low": pytest.approx(-0.004516, abs=1e-6),
        "high": pytest.approx(0.105454, abs=1e-6),
        "n": 200,
        "method": "newcombe",
    }
    assert (entry["wins"], entry["ties"], entry["losses"]) == (20, 170, 10)


def test_repeats_make_a_case_one_cluster():
    a, b = table_2x2(150, 20, 10, 20)

    (entry,) = compared(a, b, repeats=4)

    assert entry["method"] == "sign flip, clustered by case"
    assert entry["difference"]["method"] == "t, clustered by case"
    assert entry["n_clusters"] == 200


def test_clusters_never_make_an_interval_narrower():
    rng = np.random.default_rng(3)
    a, b = rng.random(60), rng.random(60)

    (plain,) = compared(a, b)
    (spread,) = compared(a, b, clusters=np.arange(60) % 30)
    (alike,) = compared(np.repeat(a[:15], 4), np.repeat(b[:15], 4), clusters=np.arange(60) // 4)

    width = plain["difference"]["high"] - plain["difference"]["low"]
    assert spread["difference"]["high"] - spread["difference"]["low"] >= width * (1 - 1e-9)
    assert alike["n_clusters"] == 15
    assert alike["few_clusters"]


def test_holm_counts_all_pairs_of_the_facet():
    cells = [table_2x2(150, 20, 5, 25)[0], table_2x2(150, 20, 5, 25)[1], [1] * 200]
    pairing = choose_pairs([0.0] * 3)

    entries = compared(*cells, pairing=pairing)

    p = sorted(entry["p"] for entry in entries)
    raised = sorted(entry["p_adjusted"] for entry in entries)
    assert raised[0] == pytest.approx(3 * p[0])
    assert all(high >= low for low, high in zip(p, raised, strict=True))


# --- conclusions -----------------------------------------


@pytest.mark.parametrize(
    ("low", "value", "high", "p", "said", "other"),
    [
        (0.01, 0.05, 0.09, 0.01, "better", "worse"),
        (-0.09, -0.05, -0.01, 0.01, "worse", "better"),
        (-0.01, 0.02, 0.05, 0.2, "not_worse", "cannot_tell"),
        (-0.015, 0.0, 0.015, 1.0, "not_worse", "not_worse"),
        (-0.05, 0.0, 0.05, 1.0, "cannot_tell", "cannot_tell"),
        (-0.02, 0.0, 0.05, 1.0, "cannot_tell", "cannot_tell"),
        (None, 0.1, None, None, "cannot_tell", "cannot_tell"),
    ],
)
def test_conclusion_follows_from_interval_and_p_value(low, value, high, p, said, other):
    difference = Estimate(value=value, low=low, high=high, n=100)
    missing = Missing(only_a=0, only_b=0, neither=0, low=value, high=value)

    found = judge(difference, p, missing, confidence=0.95, margin=0.02)

    assert (found.conclusion, found.reverse, found.because) == (said, other, None)


def test_conclusion_that_missing_cases_could_turn_round_cannot_be_told():
    a, b = table_2x2(100, 30, 5, 20)
    lost = [*b, *[NAN] * 40], [*a, *[1.0] * 40]

    (whole,) = compared(a, b)
    (holed,) = compared(lost[1], lost[0])

    assert whole["conclusion"] == "better"
    assert holed["p_adjusted"] == whole["p_adjusted"]
    assert holed["conclusion"] == "better"
    assert holed["missing"] == {
        "only_a": 40,
        "only_b": 0,
        "neither": 0,
        "low": pytest.approx(25 / 195),
        "high": pytest.approx(65 / 195),
    }

    wrong = [*a, *[0.0] * 40]
    (entry,) = compared(wrong, lost[0])
    assert entry["missing"]["low"] == pytest.approx(-15 / 195)
    assert (entry["conclusion"], entry["reverse"]) == ("cannot_tell", "cannot_tell")
    assert entry["because"] == (
        "40 cases missing on one side could make the difference anything from −7.7 to 12.8 points"
    )
    assert entry["n_more"] is None


def test_cells_without_a_common_case_are_not_compared():
    (entry,) = compared([1.0, NAN], [NAN, 1.0])

    assert entry["n_paired"] == 0
    assert entry["difference"]["value"] is entry["p"] is entry["p_adjusted"] is None
    assert entry["conclusion"] == "cannot_tell"
    assert entry["because"] == "no case has a score of both"


def test_more_cases_are_those_that_connor_asks_for():
    """[power_connor]: at psi = .2 and a difference of 5 points it takes 626 cases."""
    (entry,) = compared(*table_2x2(140, 15, 25, 20))

    assert entry["conclusion"] == "cannot_tell"
    assert (entry["n_more"], entry["more_show"]) == (626 - 200, "different")


def test_fewer_cases_tell_that_a_leader_is_not_worse():
    """Against a margin of 2 points a lead of 5 is 7 points away from it: Connor says 335."""
    (entry,) = compared(*table_2x2(72, 13, 8, 7), margin=0.02)

    assert entry["conclusion"] == "cannot_tell"
    assert (entry["n_more"], entry["more_show"]) == (335 - 100, "not_worse")


def test_more_cases_of_graded_scores_are_those_that_miller_asks_for():
    rng = np.random.default_rng(0)
    differences = rng.normal(size=100)
    differences = 0.3 * (differences - differences.mean()) / differences.std(ddof=1)
    b = np.full(100, 0.5)

    (entry,) = compared(b + differences, b, margin=0.05)

    # (1.959964 + 0.841621)^2 x 0.3^2 / 0.05^2 = 282.56
    assert entry["conclusion"] == "cannot_tell"
    assert entry["n_more"] == 283 - 100


def test_more_comparisons_take_more_cases():
    a, b = table_2x2(140, 15, 25, 20)

    (alone,) = compared(a, b)
    many = compared(a, b, b, pairing=choose_pairs([0.0] * 3))

    assert many[0]["n_more"] > alone["n_more"]


def test_unknown_spread_asks_for_no_number_of_cases():
    (entry,) = compared([0.4, 0.4, 0.4], [0.5, 0.5, 0.5])

    assert entry["difference"]["method"] == "no spread"
    assert (entry["conclusion"], entry["n_more"]) == ("cannot_tell", None)


# --- slices ----------------------------------------------


def test_slices_are_compared_alone_and_adjusted_together():
    a, b = table_2x2(20, 10, 0, 10)
    rows = {"x": range(40), "y": range(40, 80)}

    (entry,) = compared([*a, *b], [*b, *a], slices={"topic": rows})

    slices = entry["slices"]["topic"]
    assert entry["difference"]["value"] == 0
    assert slices["x"]["difference"]["value"] == 0.25
    assert slices["x"]["p_adjusted"] == pytest.approx(slices["x"]["p"])
    assert slices["x"]["conclusion"] == "better"
    assert slices["y"]["conclusion"] == "worse"
    assert slices["x"]["n_paired"] == 40


def test_one_lucky_slice_of_many_is_not_called_better():
    """BH: p = .03 in one of ten slices."""
    same = [1.0] * 20
    lucky = table_2x2(10, 6, 0, 4)
    a, b = lucky[0] + same * 9, lucky[1] + same * 9
    rows = {str(part): range(20 * part, 20 * part + 20) for part in range(10)}

    (entry,) = compared(a, b, slices={"topic": rows})

    first = entry["slices"]["topic"]["0"]
    assert first["p"] < 0.05
    assert first["p_adjusted"] == pytest.approx(10 * first["p"])
    assert first["conclusion"] != "better"


# --- F1 --------------------------------------------------


def classes(truth, answers, *, cases=None, labels=("a", "b", "c")):
    codes = {label: code for code, label in enumerate(labels)} | {None: -1}
    return ClassTable(
        labels=labels,
        cases=np.arange(len(truth)) if cases is None else np.array(cases),
        truth=np.array([codes[each] for each in truth]),
        answers=np.array([codes[each] for each in answers]),
    )


def f1_pair(*, seed=0, n=300, right=(0.95, 0.6), **about):
    rng = np.random.default_rng(seed)
    truth = rng.choice(list("abc"), n)
    tables = [
        classes(truth, np.where(rng.random(n) < share, truth, rng.choice(list("abc"), n)))
        for share in right
    ]
    unknown = [NAN] * n
    return compared(unknown, unknown, classes=tables, **about)[0]


def test_f1_is_compared_by_resampling_answers():
    entry = f1_pair()

    assert entry["method"] == "swapped answers"
    assert entry["difference"]["method"] == "bootstrap"
    assert 0.1 < entry["difference"]["low"] < entry["difference"]["value"]
    assert entry["p"] == pytest.approx(1 / 2001)
    assert entry["conclusion"] == "better"
    assert entry["wins"] - entry["losses"] > 50
    assert entry["slices"] == {}


def test_f1_of_equal_models_is_rarely_called_different():
    found = [f1_pair(seed=seed, n=60, right=(0.7, 0.7))["p"] for seed in range(40)]

    # Binomial(40, .05): more than 6 has a probability under 1 %.
    assert sum(p < 0.05 for p in found) <= 6


def test_f1_with_clusters_swaps_them_whole():
    """Three clusters can be swapped in eight ways: no p-value under 1/4 by chance."""
    entry = f1_pair(clusters=np.arange(300) % 3)

    assert entry["method"] == "swapped answers, clustered by customer"
    assert entry["p"] > 0.2
    assert entry["n_clusters"] == 3


def test_f1_that_missing_answers_could_turn_round_cannot_be_told():
    truth = list("ab") * 50
    whole = classes(truth, truth[:80] + list("ba") * 10)
    part = classes(truth[:60], list("ba") * 5 + truth[10:60])
    unknown = [NAN] * 100

    (entry,) = compared(unknown, unknown, classes=[whole, part])

    assert entry["n_paired"] == 60
    assert entry["missing"]["only_a"] == 40
    assert entry["missing"]["low"] < 0 < entry["missing"]["high"]
    assert entry["conclusion"] == "cannot_tell"


def test_f1_without_any_answer_is_not_compared():
    none = classes([], [])

    (entry,) = compared([NAN] * 3, [NAN] * 3, classes=[none, none])

    assert entry["n_paired"] == 0
    assert entry["missing"] == {
        "only_a": 0,
        "only_b": 0,
        "neither": 3,
        "low": None,
        "high": None,
    }
    assert entry["because"] == "no case has a score of both"


# --- order and seeds -------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(24)), st.sampled_from(["binary", "graded", "clustered", "f1"]))
def test_order_of_the_cases_changes_nothing(order, kind):
    rng = np.random.default_rng(5)
    cells = rng.integers(0, 2, (3, 24)).astype(float) if kind == "binary" else rng.random((3, 24))
    cells[0, 3] = cells[1, 5] = NAN
    truth = rng.choice(list("abc"), 24)
    answers = [rng.choice(list("abc"), 24) for _ in range(3)]
    found = []
    for places in (np.arange(24), np.array(order)):
        back = np.argsort(places)
        about = {"slices": {"topic": {"x": np.sort(back[:10]), "y": np.sort(back[10:])}}}
        if kind == "clustered":
            about["clusters"] = (np.arange(24) // 3)[places]
        columns = cells[:, places]
        if kind == "f1":
            about["classes"] = [classes(truth[places], each[places]) for each in answers]
            columns = np.full((3, 24), NAN)
        ids = [f"c{row:02}" for row in places]
        pairing = choose_pairs([0.0] * 3)
        found.append(json.dumps(compared(*columns, pairing=pairing, ids=ids, **about)))

    assert found[0] == found[1]


def test_seed_decides_what_is_drawn():
    rng = np.random.default_rng(1)
    a, b = rng.random(100), rng.random(100)

    same = [compared(a, b, seed=7)[0]["p"] for _ in range(2)]
    other = compared(a, b, seed=8)[0]["p"]

    assert same[0] == same[1] != other


# --- flips -----------------------------------------------


def test_flips_are_the_cases_that_both_score_and_score_differently():
    facet = facet_of([1, 0, 1, NAN], [1, 1, 0, 1])
    scores = Scores.build(facet, ["d", "c", "b", "a"])

    found = list(flipped_cases(scores, ONE_PAIR))

    assert found == [
        {"facet": 0, "a": 0, "b": 1, "case_id": "b", "value_a": 1.0, "value_b": 0.0},
        {"facet": 0, "a": 0, "b": 1, "case_id": "c", "value_a": 0.0, "value_b": 1.0},
    ]


# --- words -----------------------------------------------


def entry_of(conclusion, other="cannot_tell", **changes):
    difference = {"value": 0.032, "low": 0.01, "high": 0.054, "n": 480, "method": "t"}
    return {
        "a": 0,
        "b": 1,
        "difference": difference,
        "p_adjusted": 0.0124,
        "n_paired": 480,
        "wins": 30,
        "ties": 435,
        "losses": 15,
        "conclusion": conclusion,
        "reverse": other,
        "because": None,
        "n_more": None,
        "more_show": None,
        "missing": {"only_a": 1, "only_b": 0, "neither": 2, "low": 0.02, "high": 0.04},
        "margin": 0.02,
        "confidence": 0.95,
    } | changes


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            entry_of("better", "worse"),
            "A is better than B by 3.2 points (1.0 to 5.4), p = 0.012, n = 480",
        ),
        (
            reverse(entry_of("better", "worse")),
            "A is worse than B by 3.2 points (1.0 to 5.4), p = 0.012, n = 480",
        ),
        (entry_of("not_worse"), "A is not worse than B by more than 2 points (95 %), n = 480"),
        (
            entry_of("cannot_tell", n_paired=120, n_more=410, more_show="different"),
            "these 120 cases cannot tell A from B; 410 more could show which is better",
        ),
        (
            entry_of("cannot_tell", n_paired=120, n_more=410, more_show="not_worse"),
            (
                "these 120 cases cannot tell A from B; 410 more could show that A is not worse by "
                "more than 2 points (95 %)"
            ),
        ),
        (entry_of("cannot_tell", n_paired=1), "this case cannot tell A from B"),
        (
            entry_of("cannot_tell", n_paired=0, because="no case has a score of both"),
            "nothing can tell A from B: no case has a score of both",
        ),
    ],
)
def test_conclusion_is_a_sentence(entry, expected):
    assert sentence(entry, ("A", "B")) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            entry_of("not_worse", "not_worse"),
            "A and B differ by less than 2 points (95 %), n = 480",
        ),
        (
            entry_of("cannot_tell", "not_worse"),
            "B is not worse than A by more than 2 points (95 %), n = 480",
        ),
        (
            reverse(entry_of("better", "worse")),
            "B is better than A by 3.2 points (1.0 to 5.4), p = 0.012, n = 480",
        ),
    ],
)
def test_the_side_that_says_more_is_quoted(entry, expected):
    assert plainest_sentence(entry, ("A", "B")) == expected


def test_reversed_twice_is_the_same_comparison():
    entry = entry_of("better", "worse")

    turned = reverse(entry)

    assert turned["difference"] == entry["difference"] | {
        "value": -0.032,
        "low": -0.054,
        "high": -0.01,
    }
    assert (turned["a"], turned["wins"], turned["missing"]["only_b"]) == (1, 15, 1)
    assert reverse(turned) == entry


def test_names_in_a_sentence_are_made_harmless():
    assert "\x1b" not in sentence(entry_of("not_worse"), ("\x1b[31mred", "b\nc"))
