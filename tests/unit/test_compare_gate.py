"""A gate: passed, failed, or not to be told; as JSON, Markdown and JUnit."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evalrunner.compare import (
    Check,
    Limits,
    Outcome,
    check_cells,
    check_comparison,
    check_flags,
    outcome_of,
    require_problems,
)
from evalrunner.report.gate import gate_json, gate_junit, gate_lines, gate_markdown

ANYTHING = st.text(alphabet=st.characters(exclude_categories=[])) | st.lists(
    st.sampled_from(
        [*"|`<>[]()!*_~#@&;:/\\ \n\r\x00\x1b\ud800", "<!--", "]]>", "https://x", "| a |"]
    )
).map("".join)
FLAGS = [{"code": "judge_noise", "message": "the verdicts agree hardly better than chance"}]


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high, "n": 100, "method": "wilson"}


def cell_of(**changes):
    return {
        "id": 0,
        "label": "luna/plain",
        "role": "candidate",
        "n_planned": 100,
        "n_error": 0,
        "n_skipped": 0,
        "n_unscored": 0,
        "quality": estimate(0.9, 0.85, 0.94),
        "scores": {
            "exact": estimate(0.9, 0.85, 0.94),
            "labels": estimate(0.8, 0.7, 0.88),
            "labels.macro_f1": estimate(0.7, 0.6, 0.8),
        },
        "slices": {"category": {"billing": estimate(0.5, 0.3, 0.7)}},
        "latency_s": {"p50": 1.0, "p90": 2.0, "p99": 3.0},
    } | changes


def outcomes(limits, **changes):
    checks = check_cells([cell_of(**changes)], {0: limits}, max_missing=0.02)
    return [check.outcome.value for check in checks]


@pytest.mark.parametrize(
    ("floor", "expected"),
    [(0.85, "passed"), (0.86, "inconclusive"), (0.94, "inconclusive"), (0.95, "failed")],
)
def test_floor_is_kept_by_the_lower_bound_and_missed_by_the_upper(floor, expected):
    assert outcomes(Limits(quality_floor=floor)) == [expected]


@pytest.mark.parametrize(
    ("key", "floor", "expected"),
    [
        ("exact", 0.8, "passed"),
        ("labels", 0.95, "failed"),
        ("labels.accuracy", 0.7, "passed"),
        ("labels.macro_f1", 0.7, "inconclusive"),
        ("category=billing", 0.2, "passed"),
        ("category=billing", 0.9, "failed"),
        ("category=delivery", 0.2, "inconclusive"),
    ],
)
def test_requirement_names_a_scorer_a_metric_or_a_slice(key, floor, expected):
    assert outcomes(Limits(require={key: floor})) == [expected]


@pytest.mark.parametrize(
    ("p90", "expected"), [(2.0, "passed"), (2.1, "failed"), (None, "inconclusive")]
)
def test_latency_is_held_to_its_limit(p90, expected):
    latency = {"p50": 1.0, "p90": p90, "p99": p90}

    assert outcomes(Limits(max_latency_p90_s=2.0), latency_s=latency) == [expected]


def test_cell_that_misses_too_much_passes_nothing_and_may_still_fail():
    limits = Limits(quality_floor=0.8, require={"labels": 0.95})

    assert outcomes(limits, n_error=2) == ["passed", "failed"]
    assert outcomes(limits, n_error=2, n_unscored=1) == ["inconclusive", "failed"]


def test_canaries_are_not_held_to_anything():
    assert outcomes(Limits(quality_floor=0.99), role="canary") == []


def test_unmeasured_quality_passes_no_floor():
    unknown = estimate(None, None, None)

    assert outcomes(Limits(quality_floor=0.1), quality=unknown) == ["inconclusive"]


def test_flag_that_is_raised_fails():
    found = check_flags(FLAGS, ["judge_noise", "leak", "leak"])

    assert [(check.asked, check.outcome.value) for check in found] == [
        ("no flag judge_noise", "failed"),
        ("no flag leak", "passed"),
    ]


@pytest.mark.parametrize(
    ("conclusion", "expected"),
    [("better", 0), ("not_worse", 0), ("worse", 1), ("cannot_tell", 3)],
)
def test_comparison_fails_when_worse_and_is_open_when_untold(conclusion, expected):
    check = check_comparison(conclusion, cell="A", found="…")

    assert outcome_of([check]).exit_code == expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["passed", "inconclusive", "failed"], 1),
        (["passed", "inconclusive"], 3),
        (["passed"], 0),
    ],
)
def test_worst_check_decides(outcomes, expected):
    checks = [Check(cell="", asked="", found="", outcome=Outcome(each)) for each in outcomes]

    assert outcome_of(checks).exit_code == expected


def test_requirement_that_names_nothing_is_refused_with_what_there_is():
    keys = ["exact", "labels.macro_f1", "category=billing", "exakt", "channel=mail", "=x"]

    found = require_problems(keys, scorers=["exact", "labels"], slices=["category"])

    assert [problem.where.removeprefix("decide.require.") for problem in found] == keys[3:]
    assert "category=<value>" in found[0].hint


HOSTILE = Check(
    cell="a|b\x1b[31m\n<script>",
    asked="quality ≥ 90.0 %",
    found="]]> & \x00 \ud800",
    outcome=Outcome.FAILED,
)
OPEN = Check(cell="", asked="no flag x", found="?", outcome=Outcome.INCONCLUSIVE)


def attributes(element, *names):
    return {name: element.get(name) for name in names}


def test_junit_is_xml_whatever_labels_hold():
    """F15."""
    root = ET.fromstring(gate_junit([HOSTILE, OPEN]))

    counts = ("tests", "failures", "errors", "skipped")
    expected = [("2", "1", "1", "0"), ("1", "1", "0", "0"), ("1", "0", "1", "0")]
    found = [attributes(each, *counts) for each in (root, *root.findall("testsuite"))]
    assert found == [dict(zip(counts, each, strict=True)) for each in expected]
    assert root.find("testsuite/testcase/failure").get("message").startswith("failed: ]]> &")
    assert root.findall("testsuite")[1].get("name") == "run"


def test_junit_case_has_what_build_servers_show():
    check = Check(cell="luna/plain", asked="quality", found="90 %", outcome=Outcome.FAILED)

    case = ET.fromstring(gate_junit([check])).find("testsuite/testcase")

    expected = {"classname": "luna/plain", "name": "quality", "time": "0"}
    assert attributes(case, "classname", "name", "time") == expected
    failure = case.find("failure")
    assert failure.get("type") == "evalrunner.failed"
    assert failure.text == "luna/plain: quality: 90 %"


def test_junit_suite_has_quality_and_cost_as_properties():
    cost = {"usd_per_1000": estimate(0.42, 0.4, 0.45), "usd_spent": None}
    check = Check(cell="luna/plain", asked="x", found="y", outcome=Outcome.PASSED)

    suite = ET.fromstring(gate_junit([check], [cell_of(cost=cost)])).find("testsuite")

    assert {each.get("name"): each.get("value") for each in suite.iter("property")} == {
        "quality": "0.9",
        "quality_low": "0.85",
        "quality_high": "0.94",
        "n": "100",
        "usd_per_1000": "0.42",
        "latency_p90_s": "2.0",
    }


@given(ANYTHING, ANYTHING, ANYTHING, st.sampled_from(Outcome))
def test_any_text_is_valid_in_junit_and_keeps_the_columns_of_markdown(cell, asked, found, outcome):
    """F15: with control characters, lone surrogates, and all that Markdown or XML take for more."""
    checks = [Check(cell=cell, asked=asked, found=found, outcome=outcome)]

    root = ET.fromstring(gate_junit(checks).encode("utf-8"))
    html = MarkdownIt("commonmark").enable("table").render(gate_markdown(checks))

    assert len(root.findall("testsuite/testcase")) == 1
    assert (html.count("<td>"), html.count("<th>"), html.count("<tr>")) == (4, 4, 2)
    assert not re.search(r"<(?!/?(h2|table|thead|tbody|tr|th|td|p)\b)", html)


def test_markdown_table_keeps_its_columns_whatever_labels_hold():
    """F15."""
    lines = gate_markdown([OPEN, HOSTILE]).splitlines()

    assert lines[0] == "## Gate failed: 2 checks, 1 failed, 1 inconclusive"
    assert len(lines) == 6
    assert all(line.replace("\\|", "").count("|") == 5 for line in lines[2:])
    assert lines[4].startswith("| a\\|b")
    assert "\x1b" not in lines[4]
    assert "<script>" not in lines[4]
    assert lines[5].startswith("| (run) |")


def test_terminal_lines_are_plain_safe_and_few():
    """F15: a line a check, what failed first, without Markdown."""
    lines = list(gate_lines([OPEN, *[HOSTILE] * 120]))

    assert lines[0] == "Gate failed: 121 checks, 120 failed, 1 inconclusive"
    assert lines[1].startswith("  failed  a|b")
    assert len(lines) == 102
    assert lines[-1] == "… and 21 more checks"
    assert all(line.isprintable() for line in lines)


def test_markdown_of_many_checks_stays_small_with_what_failed_first():
    many = [
        Check(cell=f"{n}@" * 100, asked="x", found="|" * 300, outcome=Outcome.PASSED)
        for n in range(3000)
    ]

    text = gate_markdown([*many, HOSTILE])

    assert len(text.encode()) < 310_000
    assert "a\\|b" in text.split("\n")[4]
    assert "more checks, in gate.xml" in text


def test_json_has_every_check_as_it_is():
    found = gate_json([OPEN])

    assert found == {
        "outcome": "inconclusive",
        "checks": [{"cell": "", "asked": "no flag x", "found": "?", "outcome": "inconclusive"}],
    }
