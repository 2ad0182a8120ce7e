"""The recommendation of a run: in the summary, first in what people read, redrawn under prices."""

import json

import pytest
from runs import new_run, project, rows_of, tokens, trial, write_journal

from evalrunner.cli import main
from evalrunner.cli.results import results
from evalrunner.report import build_report
from evalrunner.report.decisions import decision_lines

N = 400
KEYS = {"OPENAI_API_KEY": "sk-proj-0123456789abcdef"}
LUNA = "provider: openai\nname: {name}\nmax_output_tokens: 100\n"
LOW = "pricing.overrides={luna: {input: 1, output: 0}, sol: {input: 8, output: 2}}"


@pytest.fixture
def root(tmp_path):
    cases = [
        {"id": f"c{k}", "input": f"to {k}", "expected_output": "x", "channel": "ab"[k % 2]}
        for k in range(N)
    ]
    files = {f"conf/model/{name}.yaml": LUNA.format(name=name) for name in ("luna", "sol")}
    return project(tmp_path, files, cases=cases)


def records(wrong=(10, 11), *, outputs=(5, 5)):
    """Two cells; of each the first cases are wrong."""
    return [
        trial(
            cell,
            case,
            value=float(case >= wrong[cell]),
            usage=tokens(100, outputs[cell]),
            output=f"{cell if case < wrong[cell] else 'x'}",
        )
        for cell in (0, 1)
        for case in range(N)
    ]


def run(root, *overrides, rows=None):
    overrides = ("model=sol,luna", LOW, *overrides)
    return write_journal(new_run(root, *overrides, environ=KEYS), rows or records())


def test_the_summary_recommends_and_says_so_first_wherever_people_look(root, capsys):
    directory = run(root, "decide.requests_per_month=100000")

    summary = build_report(directory, figures=False)
    results(summary)

    sentence = (
        "Use luna: $0.10 per 1,000 requests instead of $0.81, quality 97.2 % (95.1–98.5), "
        "not worse than sol by more than 2 points (95 %), n = 400"
    )
    assert summary["recommendation"]["because"] == sentence
    assert summary["recommendations"] == [summary["recommendation"]]
    assert summary["recommendation"]["cell"] == 1
    said = capsys.readouterr().out.split("\n")
    assert said[:2] == [sentence, "  $10.00 a month at 100,000 requests"]
    text = (directory / "summary.md").read_text().split("\n")
    assert text[2] == f"**{sentence}**"
    assert text[4] == "- $10.00 a month at 100,000 requests"


def test_other_prices_redraw_everything_without_a_call(root, tmp_path, capsys):
    """Item 5: `report --pricing NAME`, e.g. list prices of two dates."""
    (tmp_path / "conf/pricing").mkdir(exist_ok=True)
    (tmp_path / "conf/pricing/later.yaml").write_text(
        "source: none\noverrides: {luna: {input: 9, output: 0}, sol: {input: 2, output: 2}}\n"
    )
    directory = run(root)
    before = build_report(directory)
    figure = (directory / "pareto.svg").read_bytes()

    code = main(["report", str(directory), "--pricing", "later", "--project", str(tmp_path)])

    after = json.loads((directory / "summary.json").read_bytes())
    assert code == 0
    assert [before["recommendation"]["cell"], after["recommendation"]["cell"]] == [1, 0]
    assert [cell["pareto"]["status"] for cell in before["cells"]] == ["frontier", "frontier"]
    assert [cell["pareto"]["status"] for cell in after["cells"]] == ["frontier", "undecided"]
    assert (directory / "pareto.svg").read_bytes() != figure
    assert "Use sol: " in capsys.readouterr().out
    assert [c["quality"] for c in before["cells"]] == [c["quality"] for c in after["cells"]]


def test_the_mix_of_production_moves_the_axis_and_the_choice(root):
    """Item 5: long answers in production make the one dear that is cheap on the test set."""
    prices = "pricing.overrides={luna: {input: 1, output: 9}, sol: {input: 2, output: 1}}"
    rows = records(wrong=(10, 10))
    as_tested = build_report(run(root, prices, rows=rows), figures=False)
    long = build_report(
        run(root, prices, "production.output_tokens=1000", rows=rows), figures=False
    )

    assert as_tested["recommendation"]["cell"] == 1
    assert long["recommendation"]["cell"] == 0
    usd = [cell["cost"]["usd_per_1000"]["value"] for cell in long["cells"]]
    assert usd == pytest.approx([1.2, 9.1])


def test_facets_are_recommended_for_one_by_one(root):
    rows = [
        {**row, "cell": cell}
        for row in records()
        for cell in (2 * row["cell"], 2 * row["cell"] + 1)
    ]
    directory = run(root, "run.on_refused=fail,skip", rows=rows)

    summary = build_report(directory, figures=False)

    assert summary["recommendation"] is None
    assert [entry["facet"] for entry in summary["recommendations"]] == [0, 1]
    for entry in summary["recommendations"]:
        (facet,) = {cell["facet"] for cell in summary["cells"] if cell["id"] == entry["cell"]}
        assert facet == entry["facet"]
    lines = list(decision_lines(summary))
    assert [line[:9] for line in lines if line[0] != " "] == ["facet 0: ", "facet 1: "]


def test_routing_of_the_grid_is_in_the_summary_and_in_a_line(root, capsys):
    rows = [
        trial(
            cell,
            case,
            repeat,
            value=float(cell == 0 or case % 5 > 0),
            usage=tokens(100, 0),
            output=f"{repeat if cell and case % 5 == 0 else 'x'}",
        )
        for cell in (0, 1)
        for case in range(N)
        for repeat in range(2)
    ]
    directory = run(root, "run.repeats=2", "dataset.slices=[channel]", rows=rows)

    summary = build_report(directory, figures=False)
    results(summary)

    (entry,) = summary["routing"]
    (cascade,) = entry["cascades"]
    assert cascade["signal"] == "agreement of 2 repeats"
    assert cascade["escalated"]["value"] == pytest.approx(0.2)
    assert cascade["cost_share"] == pytest.approx(0.2 + 0.2 / 0.8)
    assert list(entry["static_by_category"]) == ["channel"]
    assert (
        "  luna first, escalate 20 % to sol: 100 % of the quality at 45 % of the cost "
        "(by agreement of 2 repeats; an estimate from this grid, n = 400)"
    ) in capsys.readouterr().out


def test_foreign_names_are_harmless_in_the_recommendation(root, capsys):
    directory = run(root)
    summary = build_report(directory, figures=False)
    for entry in summary["recommendations"]:
        entry["because"] = "Use \x1b]52;c;eA==\x07<b>*x*</b>: fine"

    results(summary)

    assert "\x1b" not in capsys.readouterr().out
    assert r"\x1b]52" in next(decision_lines(summary))


def test_the_order_of_the_cases_changes_no_decision(root, tmp_path):
    """Bars: identical comparisons; here frontier, recommendation and routing too."""
    rows = rows_of(root / "datasets/tickets.jsonl")
    other = project(
        tmp_path / "other",
        {f"conf/model/{name}.yaml": LUNA.format(name=name) for name in ("luna", "sol")},
        cases=rows[::-1],
    )
    slices = ("dataset.slices=[channel]", "dataset.cluster=channel")
    first = build_report(run(root, *slices), figures=False)
    turned = [row | {"case": N - 1 - row["case"], "case_id": row["case_id"]} for row in records()]
    turned = sorted(turned, key=lambda row: (row["cell"], row["case"]))

    second = build_report(run(other, *slices, rows=turned), figures=False)

    assert first["recommendations"] == second["recommendations"]
    assert [c["pareto"] for c in first["cells"]] == [c["pareto"] for c in second["cells"]]


def test_a_single_candidate_prints_no_recommendation(root, capsys):
    directory = new_run(root, "model=luna", LOW, environ=KEYS)
    write_journal(directory, [row for row in records() if row["cell"] == 0])

    summary = build_report(directory, figures=False)
    results(summary)

    assert summary["recommendation"]["cell"] is None
    assert summary["routing"] == []
    assert capsys.readouterr().out.startswith("cell")


def test_a_single_candidate_above_the_floor_is_recommended(root):
    directory = new_run(root, "model=luna", LOW, "decide.quality_floor=0.9", environ=KEYS)
    write_journal(directory, [row for row in records() if row["cell"] == 0])

    (sentence,) = decision_lines(build_report(directory, figures=False))

    assert sentence.startswith("Use ")
    assert "the cheapest whose quality is surely above 90 %" in sentence


def test_two_cells_that_are_asked_together_are_both_named():
    cells = [
        {"id": k, "label": name, "facet": 0, "role": "candidate"}
        for k, name in enumerate(("mini", "small", "large"))
    ]
    estimate = {"value": 0.9, "low": None, "high": None, "n": 50, "method": None}
    cascade = {"cheap": 0, "partner": 1, "strong": 2, "signal": "agreement of two cells"}
    cascade |= {"escalated": estimate | {"value": 0.18}, "n": 50, "is_useful": True}
    cascade |= {"quality_share": 0.98, "cost_share": 0.41}
    oracle = {"quality": estimate, "usd_per_1000": estimate, "shares": {"2": 1.0}}
    choice = {"facet": 0, "cell": None, "because": "No recommendation: x", "monthly_usd": None}
    choice |= {"next_cheaper": None, "steps": []}
    routing = [{"facet": 0, "oracle": oracle, "cascades": [cascade]}]

    lines = list(decision_lines({"cells": cells, "recommendations": [choice], "routing": routing}))

    assert lines[1] == (
        "  mini and small first, escalate 18 % to large: 98 % of the quality at 41 % of the cost "
        "(by agreement of two cells; an estimate from this grid, n = 50)"
    )
