"""Flags about test sets: data that must raise each of them, and data that must not."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from runs import new_run, project, trial, write_journal

from evalrunner.flags import test_sets
from evalrunner.report import build_report

DATASETS = Path(__file__).parents[2] / "datasets"
KIDNEY = {
    ("A", "easy"): (81, 87),
    ("A", "hard"): (192, 263),
    ("B", "easy"): (234, 270),
    ("B", "hard"): (55, 80),
}
"""Healed and treated, by treatment and size of the stone: Charig et al. (1986), BMJ 292."""


def asked(n, **more):
    """Cases that ask something else each, with right answers of their own."""
    rng = np.random.default_rng(n)
    words = ["".join(rng.choice(list("abcdefghij"), 7)) for _ in range(300)]
    return [
        {
            "id": f"c{at}",
            "input": " ".join(rng.choice(words, 12)),
            "expected_output": ("yes", "no")[at % 2],
            **{name: values[at % len(values)] for name, values in more.items()},
        }
        for at in range(n)
    ]


def summary_of(root, cases, *overrides, values=lambda cell, case: 1.0, cells=1):
    """The summary of a run over these cases; a value None is no score."""
    directory = new_run(project(root, cases=cases), *overrides)
    n_cells = len(json.loads((directory / "plan.json").read_bytes())["cells"])
    assert n_cells == cells
    records = (
        trial(cell, at, case_id=case["id"], value=values(cell, at))
        for cell in range(cells)
        for at, case in enumerate(cases)
    )
    write_journal(directory, records)
    return build_report(directory, figures=False)


def raised(rule, summary):
    """The flags of one rule, as the summary has them."""
    found = [flag for flag in summary["flags"] if flag["code"] == rule.__name__]
    assert len(found) == len(list(rule(summary)))
    return found


# --- facts ----------------------------------------


def test_the_facts_of_a_test_set_are_in_the_summary(tmp_path):
    cases = asked(40, category=["a", "b", "b", "b"], user=["u1", "u1", "u2", "u3"])
    cases[7]["input"] = f" {cases[3]['input'].upper()}"
    overrides = ("dataset.cluster=user", "dataset.slices=[category]")

    (found,) = summary_of(tmp_path, cases, *overrides)["test_sets"]

    assert (found["dataset"], found["facets"]) == ("tickets", [0])
    assert (found["n_cases"], found["n_distinct"]) == (40, 39)
    assert found["duplicates"] == {"n": 1, "groups": [["c3", "c7"]], "n_more_groups": 0}
    assert found["near_duplicates"]["n"] == 0
    assert found["contradictions"]["n"] == 0
    assert (found["n_clusters"], found["largest_cluster"]) == (3, 20)
    assert found["effective_clusters"] == pytest.approx(40**2 / (20**2 + 10**2 + 10**2))
    assert found["categories"] == {"field": "category", "counts": {"b": 30, "a": 10}}
    assert found["targets"] == {"field": "expected_output", "counts": {"no": 20, "yes": 20}}


def test_equal_questions_about_other_texts_are_no_duplicates(tmp_path):
    """What else the prompt asks belongs to the question."""
    cases = asked(20, input=["Who wrote this?"])
    for at, case in enumerate(cases):
        case["context"] = f"Text {at}, " + asked(20)[at]["input"]
    ask = {"prompts/short.j2": "{{ context }} {{ input }}\n"}
    directory = new_run(project(tmp_path, ask, cases=cases))

    (found,) = build_report(write_journal(directory, ()), figures=False)["test_sets"]

    assert found["n_distinct"] == 20
    assert found["near_duplicates"]["n"] == 0


def test_the_same_run_gives_the_same_facts(tmp_path):
    cases = asked(30, category=["a", "b"])
    overrides = ("production.by=category", "production.mix={a: 90, b: 10}")
    directory = new_run(project(tmp_path, cases=cases), *overrides)
    write_journal(directory, [trial(0, at, case_id=f"c{at}") for at in range(30)])

    one, other = (build_report(directory, figures=False) for _ in range(2))

    assert json.dumps(one, allow_nan=False) == json.dumps(other, allow_nan=False)


def test_a_test_set_that_is_too_large_is_only_searched_for_equal_cases(tmp_path, monkeypatch):
    monkeypatch.setattr("evalrunner.report.test_sets._MOST_CASES", 10)
    cases = asked(12)
    cases[5]["input"] = cases[2]["input"]

    summary = summary_of(tmp_path, cases)

    (found,) = summary["test_sets"]
    assert found["duplicates"]["groups"] == [["c2", "c5"]]
    assert found["near_duplicates"] is None
    assert raised(test_sets.near_duplicates, summary) == []


def test_summaries_of_older_versions_raise_nothing():
    for rule in test_sets.RULES:
        assert list(rule({"cells": []})) == []


# --- duplicates ----------------------------------------


def test_repeated_cases_are_told_with_their_ids(tmp_path):
    cases = asked(50)
    for at in (10, 20, 30):
        cases[at]["input"] = cases[0]["input"].title()

    (flag,) = raised(test_sets.duplicates, summary_of(tmp_path, cases))

    assert "3 cases (6.0 %) repeat another" in flag["message"]
    assert flag["severity"] == "yellow"
    assert flag["evidence"]["groups"] == [["c0", "c10", "c20", "c30"]]
    assert flag["evidence"]["facet"] == 0


def test_one_repeated_case_in_many_is_no_flag(tmp_path):
    cases = asked(150)
    cases[4]["input"] = cases[0]["input"]

    assert raised(test_sets.duplicates, summary_of(tmp_path, cases)) == []


def test_contradicting_repetitions_are_always_told(tmp_path):
    cases = asked(150)
    cases[3]["input"] = cases[0]["input"]

    (flag,) = raised(test_sets.duplicates, summary_of(tmp_path, cases))

    assert "different targets" in flag["message"]
    assert flag["evidence"]["n_contradictions"] == 1


def test_a_test_set_of_copies_decides_nothing(tmp_path):
    cases = asked(40, input=["the same question"], expected_output=["yes"])

    (flag,) = raised(test_sets.duplicates, summary_of(tmp_path, cases))

    assert flag["severity"] == "red"


def test_nearly_repeated_cases_are_told(tmp_path):
    cases = asked(40)
    for at in range(6):
        cases[at + 20]["input"] = f"{cases[at]['input']} s"

    (flag,) = raised(test_sets.near_duplicates, summary_of(tmp_path, cases))

    assert (flag["evidence"]["n"], flag["severity"]) == (6, "yellow")
    assert flag["evidence"]["groups"][0] == ["c0", "c20"]


def test_nearly_repeated_cases_that_are_declared_dependent_are_no_flag(tmp_path):
    cases = asked(40, thread=[f"t{at}" for at in range(20)])
    for at in range(6):
        cases[at + 20]["input"] = f"{cases[at]['input']} s"

    summary = summary_of(tmp_path, cases, "dataset.cluster=thread")

    assert raised(test_sets.near_duplicates, summary) == []


def test_the_shipped_messages_are_no_near_duplicates(tmp_path):
    lines = (DATASETS / "banking77.jsonl").read_text("utf-8").splitlines()
    cases = [json.loads(each) for each in lines if each][:600]

    summary = summary_of(tmp_path, cases)

    assert raised(test_sets.near_duplicates, summary) == []
    assert raised(test_sets.duplicates, summary) == []


# --- balance ----------------------------------------


def unequal(n, n_rare):
    """`no` is the right answer of `n_rare` cases, spread evenly."""
    cases = asked(n)
    for at, case in enumerate(cases):
        case["expected_output"] = "no" if at % (n // n_rare) == 0 else "yes"
    return cases


def test_a_frequent_class_is_told_with_the_cells_that_are_no_better(tmp_path):
    cases = unequal(100, 10)

    def always_yes_and_right(cell, at):
        return 1.0 if cell else float(cases[at]["expected_output"] == "yes")

    summary = summary_of(tmp_path, cases, "prompt=short,beg", cells=2, values=always_yes_and_right)

    (flag,) = raised(test_sets.class_imbalance, summary)
    assert (flag["evidence"]["share"], flag["evidence"]["label"]) == (0.9, "yes")
    assert flag["evidence"]["cells_no_better"] == [0]
    assert flag["severity"] == "yellow"


def test_no_cell_better_than_a_constant_decides_nothing(tmp_path):
    summary = summary_of(tmp_path, unequal(100, 10), values=lambda _, at: float(at % 10 > 0))

    (flag,) = raised(test_sets.class_imbalance, summary)

    assert flag["severity"] == "red"


@pytest.mark.parametrize(
    ("cases", "overrides"),
    [
        pytest.param(unequal(100, 25), (), id="three quarters"),
        pytest.param(asked(60, expected_output=["yes"]), (), id="one class only"),
        pytest.param(
            [case | {"expected_output": f"text {at}"} for at, case in enumerate(asked(60))],
            (),
            id="free text",
        ),
        pytest.param(
            unequal(100, 10),
            ("scorer=labels", "run.quality=labels.macro_f1"),
            id="macro F1 counts classes alike",
        ),
    ],
)
def test_balanced_classes_are_no_flag(tmp_path, cases, overrides):
    directory = new_run(project(tmp_path, cases=cases), *overrides)
    name = "labels" if overrides else "exact_match"
    score = {"value": 1.0, "reason": None, "label": "yes", "criteria": [], "cost_usd": None}
    records = [
        trial(0, at, case_id=case["id"], scores={name: score}) for at, case in enumerate(cases)
    ]

    summary = build_report(write_journal(directory, records), figures=False)

    assert raised(test_sets.class_imbalance, summary) == []


# --- clusters ----------------------------------------


def test_few_clusters_are_told(tmp_path):
    cases = asked(60, user=["u1", "u2", "u3", "u1"])

    summary = summary_of(tmp_path, cases, "dataset.cluster=user")

    (flag,) = raised(test_sets.few_clusters, summary)
    assert flag["evidence"]["n_clusters"] == 3
    assert flag["severity"] == "red"


def test_many_clusters_of_which_one_has_half_of_the_cases_are_few(tmp_path):
    cases = asked(80, user=["giant"])
    for at in range(40):
        cases[at]["user"] = f"u{at}"

    summary = summary_of(tmp_path, cases, "dataset.cluster=user")

    (flag,) = raised(test_sets.few_clusters, summary)
    assert flag["evidence"]["effective_clusters"] == pytest.approx(80**2 / (40**2 + 40))
    assert flag["severity"] == "red"


@pytest.mark.parametrize("users", [40, 80])
def test_enough_clusters_are_no_flag(tmp_path, users):
    """80 users of 80 cases are none: no case depends on another."""
    cases = asked(80, user=[f"u{at}" for at in range(users)])

    summary = summary_of(tmp_path, cases, "dataset.cluster=user")

    assert raised(test_sets.few_clusters, summary) == []


# --- production ----------------------------------------


def mixed(counts):
    """A case an entry of each category."""
    names = [name for name, n in counts.items() for _ in range(n)]
    return [case | {"category": name} for case, name in zip(asked(len(names)), names, strict=True)]


def mix_of(counts):
    listed = ",".join(f"{name}: {n}" for name, n in counts.items())
    return "production.by=category", f"production.mix={{{listed}}}"


def intents(name):
    lines = (DATASETS / name).read_text("utf-8").splitlines()
    return Counter(json.loads(each)["expected_output"] for each in lines if each)


def test_banking77_is_a_mismatch_to_its_train_mix(tmp_path):
    """Bar: chi-square 192.92, p about 4e-12; the 3,080 balanced cases against 10,003 messages."""
    train = intents("banking77_train.jsonl")
    lines = (DATASETS / "banking77.jsonl").read_text("utf-8").splitlines()
    cases = [json.loads(each) for each in lines if each]
    cases = [case | {"category": case["expected_output"]} for case in cases]

    summary = summary_of(tmp_path, cases, *mix_of(dict(sorted(train.items()))))

    (flag,) = raised(test_sets.mismatch, summary)
    assert flag["evidence"]["test"]["statistic"] == pytest.approx(192.92, abs=0.005)
    assert flag["evidence"]["test"]["p_value"] == pytest.approx(4e-12, rel=0.05)
    assert (flag["severity"], flag["evidence"]["by"]) == ("yellow", "category")


def test_another_mix_is_told_and_missing_categories_named(tmp_path):
    cases = mixed({"a": 80, "b": 20})
    overrides = mix_of({"a": 200, "b": 200, "c": 600})

    (flag,) = raised(test_sets.mismatch, summary_of(tmp_path, cases, *overrides))

    assert flag["severity"] == "red"
    assert "no case of 'c' (60.0 %)" in flag["message"]
    assert flag["evidence"]["facet"] == 0


@pytest.mark.parametrize(
    "mix",
    [
        pytest.param({"a": 790, "b": 210}, id="counts"),
        pytest.param({"a": 0.78, "b": 0.22}, id="shares"),
        pytest.param({"a": 4, "b": 4}, id="eight calls"),
    ],
)
def test_the_mix_of_production_is_no_mismatch(tmp_path, mix):
    summary = summary_of(tmp_path, mixed({"a": 80, "b": 20}), *mix_of(mix))

    assert raised(test_sets.mismatch, summary) == []


def test_without_a_mix_there_is_nothing_to_hold_it_to(tmp_path):
    summary = summary_of(tmp_path, mixed({"a": 80, "b": 20}))

    assert summary["production"] is None
    assert raised(test_sets.mismatch, summary) == raised(test_sets.simpson, summary) == []


def test_shares_are_told_to_be_taken_as_exact(tmp_path):
    summary = summary_of(tmp_path, mixed({"a": 80, "b": 20}), *mix_of({"a": 0.3, "b": 0.7}))

    (flag,) = raised(test_sets.mismatch, summary)

    assert "without counts" in flag["message"]
    assert summary["production"]["source"] == "shares"


def test_scores_are_reweighted_to_the_mix(tmp_path):
    """The example of Cochran: 79 % of the cases, 64 % of production, worth 48.8 of 100 cases."""
    counts, passed = {"a": 60, "b": 30, "c": 10}, {"a": 54, "b": 21, "c": 4}
    cases = mixed(counts)
    first = {"a": 0, "b": 60, "c": 90}

    summary = summary_of(
        tmp_path,
        cases,
        *mix_of({"a": 30, "b": 30, "c": 40}),
        values=lambda _, at: float(
            at - first[cases[at]["category"]] < passed[cases[at]["category"]]
        ),
    )

    (entry,) = summary["production"]["reweighted"]
    assert (entry["facet"], entry["cell"], entry["raw"]) == (0, 0, pytest.approx(0.79))
    assert entry["reweighted"]["value"] == pytest.approx(0.64)
    assert entry["reweighted"]["low"] == pytest.approx(0.5006400973759169)
    assert entry["n_eff"] == pytest.approx(48.780487804878035)
    assert entry["uncovered"] == {}


def test_a_category_without_cases_leaves_bounds(tmp_path):
    cases = mixed({"a": 20})

    summary = summary_of(tmp_path, cases, *mix_of({"a": 30, "b": 10}))

    (entry,) = summary["production"]["reweighted"]
    assert entry["uncovered"] == {"b": 0.25}
    assert entry["reweighted"]["value"] is None
    assert (entry["reweighted"]["low"], entry["reweighted"]["high"]) == pytest.approx((0.75, 1))


# --- Simpson ----------------------------------------


def kidney_stones(root, *, mix):
    """Each treatment has cases of its own: those of the other are not scored."""
    cases = mixed({"easy": 87 + 270, "hard": 263 + 80})
    outcome = {}
    for cell, treatment in enumerate("AB"):
        for size, first in (("easy", 0), ("hard", 357)):
            healed, n = KIDNEY[treatment, size]
            start = first + (0 if treatment == "A" else KIDNEY["A", size][1])
            outcome |= {(cell, start + at): float(at < healed) for at in range(n)}
    return summary_of(
        root,
        cases,
        "prompt=short,beg",
        *mix,
        cells=2,
        values=lambda cell, at: outcome.get((cell, at)),
    )


def test_kidney_stones_reverse_at_a_common_mix(tmp_path):
    """78.0 against 82.6 % as treated, 83.3 against 77.9 % at the mix of all stones."""
    summary = kidney_stones(tmp_path, mix=mix_of({"easy": 357, "hard": 343}))

    (flag,) = raised(test_sets.simpson, summary)
    by_cell = {each["cell"]: each for each in summary["production"]["reweighted"]}
    assert by_cell[0]["raw"] == pytest.approx(0.78)
    assert by_cell[1]["raw"] == pytest.approx(0.8257142857142857)
    assert by_cell[0]["reweighted"]["value"] == pytest.approx(0.8325462173856037)
    assert by_cell[1]["reweighted"]["value"] == pytest.approx(0.778875)
    assert "4.6 points" in flag["message"]
    assert "5.4 points behind" in flag["message"]
    assert flag["severity"] == "yellow"


def test_kidney_stones_without_a_mix_raise_nothing(tmp_path):
    assert raised(test_sets.simpson, kidney_stones(tmp_path, mix=())) == []


def pair(root, rates, mix, n=100):
    """Two cells with these pass rates by category, on the same cases."""
    cases = mixed(dict.fromkeys(mix, n))
    return summary_of(
        root,
        cases,
        "prompt=short,beg",
        *mix_of(mix),
        cells=2,
        values=lambda cell, at: float(at % n < n * rates[cell][cases[at]["category"]]),
    )


def test_a_clear_reversal_of_the_leader_decides_nothing(tmp_path):
    """One is better at what the test set has too much of, the other at what is asked."""
    rates = [{"a": 0.9, "b": 0.6}, {"a": 0.6, "b": 0.8}]

    summary = pair(tmp_path, rates, {"a": 50, "b": 950})

    (flag,) = raised(test_sets.simpson, summary)
    assert flag["severity"] == "red"
    assert summary["recommendation"]["cell"] is None
    assert "simpson" in summary["recommendation"]["because"]


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param([{"a": 0.9, "b": 0.8}, {"a": 0.6, "b": 0.5}], id="better everywhere"),
        pytest.param([{"a": 0.81, "b": 0.8}, {"a": 0.8, "b": 0.8}], id="as good as equal"),
        pytest.param([{"a": 0.81, "b": 0.80}, {"a": 0.79, "b": 0.81}], id="less than the margin"),
    ],
)
def test_cells_whose_order_stays_are_no_paradox(tmp_path, rates):
    summary = pair(tmp_path, rates, {"a": 50, "b": 950})

    assert raised(test_sets.simpson, summary) == []


def test_a_cell_without_scores_is_no_paradox(tmp_path):
    cases = mixed({"a": 20, "b": 20})

    summary = summary_of(
        tmp_path,
        cases,
        "prompt=short,beg",
        *mix_of({"a": 5, "b": 95}),
        cells=2,
        values=lambda cell, _: 1.0 if cell else None,
    )

    assert raised(test_sets.simpson, summary) == []
    assert summary["production"]["reweighted"][0]["reweighted"]["value"] is None
