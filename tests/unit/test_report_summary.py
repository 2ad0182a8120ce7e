"""`summary.json`, `.csv` and `.md`: what they say, that they are safe, and the same every time."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tracemalloc
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import failed, line, new_run, project, tokens, trial, write_journal

from evalrunner.report import build_report
from evalrunner.report.markdown import summary_markdown
from evalrunner.report.tables import spreadsheet_text, summary_csv, table_columns
from evalrunner.summary import CaseColumns
from evalrunner.types import Case

ROOT = Path(__file__).parents[2]
DERIVED = ("trials.jsonl", "errors.jsonl", "summary.json", "summary.csv", "summary.md")
KEYS = {"OPENAI_API_KEY": "sk-proj-0123456789abcdef"}
HOSTILE = (
    "=HYPERLINK(1)",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "|a|`b`*c*_d_<img src=x onerror=alert(1)>[x](javascript:1)",
    "a\nb\r\nc",
    "\x1b]52;c;eA==\x07\u202e\ud800",
    "&lt;script&gt;",
    "# head",
    "~~gone~~",
    "\\",
)


@pytest.fixture
def root(tmp_path):
    return project(tmp_path)


def everything(directory, records):
    """A report of all derived files, as bytes."""
    write_journal(directory, records)
    build_report(directory, figures=False)
    return {name: (directory / name).read_bytes() for name in DERIVED}


def cell_of(label, **changes):
    """A cell of a summary as tables read it."""
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "method": "wilson"}
    cost = {"usd_per_1000": estimate, "usd_total": 1.0, "usd_spent": 1.0, "usd_judge": 0.0}
    cost |= {"unpriced_calls": 0, "possibly_billed": 0, "estimated": False}
    counts = ("cases", "planned", "ok", "refused", "truncated", "error", "skipped", "unscored")
    cell = {"id": 0, "label": label, "facet": 0, "role": "candidate", "quality": estimate}
    cell |= {f"n_{name}": 0 for name in counts} | {"cost": cost}
    cell |= {"retried": {"n": 0, "quality_without": None}}
    cell |= {"latency_s": {"p50": 1.0, "p90": 2.0, "p99": None}, "pareto": {"status": "frontier"}}
    return cell | changes


def summary_of(*cells, quality="exact_match"):
    run = {"name": "x", "confidence": 0.95, "corrupt_lines": []}
    named = [{"quality_name": quality} | cell for cell in cells]
    return {
        "run": run,
        "quality": quality,
        "cells": named,
        "comparisons": [],
        "judging": None,
        "flags": [],
    }


# --- summary.json ----------------------------------------


def test_summary_has_the_documented_fields(root):
    """Design 8."""
    directory = new_run(root, "prompt=ask,beg")
    write_journal(directory, [trial(cell, case) for cell in (0, 1) for case in range(3)])

    summary = build_report(directory, figures=False)

    assert {
        "schema_version",
        "run",
        "quality",
        "cells",
        "comparisons",
        "recommendations",
        "recommendation",
        "calibration",
        "human",
        "flags",
    } <= set(summary)
    assert {"value", "low", "high", "n", "method"} == set(summary["cells"][0]["quality"])
    assert {"p50", "p90", "p99"} <= set(summary["cells"][0]["latency_s"])
    assert summary["run"]["name"] == "adhoc"
    assert summary["run"]["n_cases"] == 3
    assert json.loads((directory / "summary.json").read_bytes()) == summary


def test_facets_are_kept_apart(root):
    """Design 5: the other cell is cheaper and better, and no rival."""
    directory = new_run(root, "run.on_refused=fail,skip", "prompt=ask,beg")
    records = [trial(n, 0, value=float(n > 1), cost_usd=1.0 / (n + 1)) for n in range(4)]
    write_journal(directory, records)

    cells = build_report(directory, figures=False)["cells"]

    assert [cell["facet"] for cell in cells] == [0, 0, 1, 1]
    # One case is no evidence: what is worse by its point only is undecided.
    assert [cell["pareto"]["status"] for cell in cells] == [
        "undecided",
        "frontier",
        "undecided",
        "frontier",
    ]
    assert [cell["pareto"]["tied_with"] for cell in cells] == [[1], [], [3], []]


def test_swept_scorers_are_named_by_their_facet(root):
    """Two facets with two measures must not stand under one of their names."""
    directory = new_run(root, "scorer=exact_match,contains")
    verdict = {"value": 0.0, "reason": None, "label": None, "criteria": [], "cost_usd": None}
    write_journal(directory, [trial(0, 0), trial(1, 0, scores={"contains": verdict})])

    cells = build_report(directory, figures=False)["cells"]

    assert [cell["quality_name"] for cell in cells] == ["exact_match", "contains"]
    assert [cell["quality"]["value"] for cell in cells] == [1.0, 0.0]
    text = (directory / "summary.md").read_text()
    assert "Quality is exact\\_match (facet 0), contains (facet 1) with 95% intervals" in text


def test_slices_are_estimates_of_their_own(root):
    directory = new_run(root, "dataset.slices=[channel]")
    write_journal(directory, [trial(0, n, value=float(n != 2)) for n in range(3)])

    (cell,) = build_report(directory, figures=False)["cells"]

    assert {name: (e["value"], e["n"]) for name, e in cell["slices"]["channel"].items()} == {
        "chat": (1.0, 1),
        "mail": (0.5, 2),
    }


@pytest.mark.parametrize(
    "records",
    [
        [],
        [failed(0, n) for n in range(3)],
        [trial(0, n, value=None) for n in range(3)],
        [trial(0, n, value=0.0, cost_usd=0.0, latency_s=0.0) for n in range(3)],
        [trial(0, 0, value=0.3, usage=tokens(10**15, 10**15))],
    ],
)
def test_no_number_of_a_summary_is_nan_or_infinite(root, records):
    directory = new_run(root, "model=luna", "dataset.slices=[channel]", environ=KEYS)
    write_journal(directory, records)

    summary = build_report(directory, figures=False)

    json.dumps(summary, allow_nan=False)
    for name in ("summary.json", "trials.jsonl"):
        assert not re.search(rb"\b(NaN|Infinity)\b", (directory / name).read_bytes())


# --- the same bytes ----------------------------------------


def records_of_a_run():
    return [
        *(trial(0, n, value=n / 3, usage=tokens(10 * n, n), request_id=f"r{n}") for n in range(3)),
        failed(1, 0),
        trial(1, 1, status="refused", output=None, value=0.0, served_model="b"),
        trial(1, 2, served_model="a", usage=tokens(5, 5)),
    ]


def test_same_journal_gives_the_same_bytes(root):
    directory = new_run(root, "model=luna", "prompt=ask,beg", environ=KEYS)

    first = everything(directory, records_of_a_run())
    second = everything(directory, records_of_a_run())

    assert second == first


def test_another_process_gives_the_same_bytes(root):
    """Other hash seeds, another working directory, no key, no network."""
    directory = new_run(
        root,
        "model=luna",
        "prompt=ask,beg",
        "scorer=[exact_match,labels]",
        "run.quality=labels.macro_f1",
        environ=KEYS,
    )
    first = everything(directory, records_of_a_run())
    program = (
        "import sys; from pathlib import Path; from evalrunner.report import build_report; "
        "build_report(Path(sys.argv[1]), figures=False)"
    )

    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", program, str(directory)],
            check=True,
            cwd="/",
            env={"PYTHONHASHSEED": seed, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        )
        assert {name: (directory / name).read_bytes() for name in DERIVED} == first


def test_order_of_the_journal_does_not_change_the_report(root):
    directory = new_run(root, "model=luna", "prompt=ask,beg", environ=KEYS)

    first = everything(directory, records_of_a_run())

    assert everything(directory, reversed(records_of_a_run())) == first


# --- CSV ----------------------------------------


@pytest.mark.parametrize("label", HOSTILE)
def test_no_label_is_a_formula_of_a_spreadsheet(label):
    """F2."""
    (row,) = csv.DictReader(io.StringIO(summary_csv(summary_of(cell_of(label)))))

    assert not row["label"].startswith(("=", "+", "-", "@", "\t", "\r"))
    summary_csv(summary_of(cell_of(label))).encode("utf-8")


def test_numbers_of_a_csv_are_numbers():
    """F2: an apostrophe would make text of them, also of negative ones."""
    cost = cell_of("a")["cost"] | {"usd_spent": -0.5}

    (row,) = csv.DictReader(io.StringIO(summary_csv(summary_of(cell_of("a", cost=cost)))))

    assert row["usd_spent"] == "-0.5"
    assert (row["quality"], row["quality_low"], row["latency_p99_s"]) == ("0.5", "0.4", "")


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_is_safe_in_a_spreadsheet_and_valid_utf8(text):
    shown = spreadsheet_text(text)

    shown.encode("utf-8")
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))
    if text.isascii():
        assert shown.removeprefix("'") == text.removeprefix("'")


# --- Markdown ----------------------------------------


@pytest.mark.parametrize("label", HOSTILE)
def test_label_stays_in_its_place_in_markdown(label):
    """F15: no markup, no HTML, no entity, no further column."""
    text = summary_markdown(summary_of(cell_of(label), quality=label))

    rows = [row for row in text.split("\n") if row.startswith("| ")]
    assert len(rows) == 3  # head, rule, cell
    columns = re.findall(r"(?<!\\)(?:\\\\)*\|", rows[-1])
    assert len(columns) == len(table_columns([cell_of(label)])) + 1
    assert not re.search(r"(?<!\\)[<>`\[\]]", text.replace("\\\\", ""))
    assert "&lt;script" not in text
    text.encode("utf-8")


def test_markdown_reads_back_as_the_label():
    """By the Markdown reader that rich brings along."""
    from markdown_it import MarkdownIt

    label = "a|b `c` *d* _e_ <f> [g](h) ~~i~~ &amp; \\ #j"

    html = (
        MarkdownIt("commonmark")
        .enable("table")
        .render(summary_markdown(summary_of(cell_of(label))))
    )

    cell = re.findall(r"<td>(.*?)</td>", html)[0]
    assert cell == "a|b `c` *d* _e_ &lt;f&gt; [g](h) ~~i~~ &amp;amp; \\ #j"


@pytest.mark.parametrize(
    "label",
    [
        "@octocat and someone@example.com",
        "#123, org/repo#45 and GH-6",
        "https://example.com/x www.example.com mailto:x xmpp:y",
        "![pixel](https://example.com/p.png)",
        "$\\frac{1}{2}$",
    ],
)
def test_label_is_no_mention_no_reference_and_no_link(label):
    """F15: a page that shows Markdown looks for these in the text as it will be seen."""
    from markdown_it import MarkdownIt

    text = summary_markdown(summary_of(cell_of(label)))

    html = MarkdownIt("commonmark").enable("table").render(text)
    cell = unescape(re.findall(r"<td>(.*?)</td>", html)[0])
    assert not re.search(r"@\w|#\d|GH-\d|://|www\.|(mailto|xmpp):\w|<img|<a ", cell)
    assert cell.replace("\u200b", "") == label
    assert not re.search(r"(?<!\\)\$(?![\d ])", text)


def test_price_is_no_formula():
    row = summary_markdown(summary_of(cell_of("a"))).split("\n| a |")[1].split("\n")[0]

    assert "| $0.50 (0.40–0.60) |" in row


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_table_keeps_its_columns_whatever_the_label(label):
    """F15."""
    from markdown_it import MarkdownIt

    text = summary_markdown(summary_of(cell_of(label), quality=label))

    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<td>") == html.count("<th>") == len(table_columns([cell_of(label)]))
    assert html.count("<tr>") == 2


def test_best_cells_come_first_and_many_are_folded():
    graded = {"value": 0.9, "low": 0.8, "high": 0.95, "n": 9, "method": "wilson"}
    cells = [cell_of(f"m{n}") for n in range(40)]
    cells += [cell_of("best", quality=graded), cell_of("canary", role="canary", quality=graded)]

    shown, folded = summary_markdown(summary_of(*cells)).split("<details>")

    assert re.findall(r"^\| (\w+) \|", shown, re.MULTILINE)[:3] == ["cell", "best", "m0"]
    assert folded.startswith("<summary>12 further cells</summary>\n\n| further cell | quality |")
    assert "| canary |" in folded
    assert "</details>" in folded


def test_long_summary_is_cut_below_what_build_pages_accept():
    """F15: they refuse a file above 1,024 kB as a whole."""
    cells = [cell_of(f"cell {n} " + "é" * 60) for n in range(20_000)]

    text = summary_markdown(summary_of(*cells))

    assert len(text.encode()) < 600_000
    left_out = int(re.search(r"and ([\d,]+) more cells", text)[1].replace(",", ""))
    assert text.count("\n| cell ") == 20_000 - left_out + 1  # the head is one


def test_summary_of_a_thousand_cells_with_long_labels_everywhere_stays_small():
    """F15."""
    long = "@#|<" * 500
    without = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 90, "method": "wilson"}
    retried = {"n": 10, "quality_without": without}
    unpriced = {"status": "unpriced"}
    cells = [
        cell_of(f"{n}{long}", retried=retried, pareto=unpriced, quality_name=f"{n}{long}")
        for n in range(1000)
    ]
    flag = {"code": "judge_noise", "severity": "red", "message": long, "remedy": long}
    summary = summary_of(*cells) | {"flags": [flag] * 1000}

    text = summary_markdown(summary)

    assert len(text.encode()) < 600_000
    assert "more lines, in summary.json" in text


@pytest.mark.parametrize(
    ("changes", "heading", "shown"),
    [
        ({}, "quality", "50.0 % (40.0–60.0)"),
        (
            {"quality": {"value": None, "low": None, "high": None, "n": 0, "method": None}},
            "quality",
            "–",
        ),
        (
            {"n_error": 2, "n_skipped": 3, "n_unscored": 1},
            "missing",
            "2 error, 3 skipped, 1 unscored",
        ),
        ({}, "missing", "0"),
        ({"pareto": {"status": None}, "role": "canary"}, "Pareto", "canary"),
        ({"cost": cell_of("")["cost"] | {"usd_per_1000": None}}, "$ / 1,000", "unknown price"),
        (
            {"cost": cell_of("")["cost"] | {"estimated": True}},
            "$ / 1,000",
            "$0.50 (0.40–0.60) (estimated)",
        ),
        (
            {"cost": cell_of("")["cost"] | {"usd_per_1000": None, "estimated": True}},
            "$ / 1,000",
            "unknown price (estimated)",
        ),
    ],
)
def test_cell_as_people_read_it(changes, heading, shown):
    assert table_columns([cell_of("a", **changes)])[heading] == [shown]


def test_a_corrected_score_has_a_column_only_where_there_is_one():
    corrected = {"value": 0.42, "low": 0.31, "high": 0.53, "n": 44, "method": "PPI++"}
    cells = [cell_of("a", corrected=corrected), cell_of("b", corrected=None), cell_of("c")]

    columns = table_columns(cells)
    text = summary_markdown(summary_of(*cells))

    assert list(columns)[:3] == ["cell", "quality", "corrected"]
    assert columns["corrected"] == ["42.0 % (31.0–53.0)", "–", "–"]
    assert "| a | 50.0 % (40.0–60.0) | 42.0 % (31.0–53.0) |" in text
    assert "corrected" not in table_columns(cells[1:])
    assert "corrected" not in summary_markdown(summary_of(*cells[1:]))


def test_corrected_scores_have_columns_in_every_csv():
    corrected = {"value": 0.42, "low": 0.31, "high": 0.53, "n": 44, "method": "PPI++"}

    text = summary_csv(summary_of(cell_of("a", corrected=corrected), cell_of("b")))
    first, second = csv.DictReader(io.StringIO(text))

    names = ("corrected", "corrected_low", "corrected_high", "corrected_n")
    assert [first[name] for name in names] == ["0.42", "0.31", "0.53", "44"]
    assert [second[name] for name in names] == [""] * 4


# --- memory ----------------------------------------


def test_columns_of_the_cases_are_made_from_a_stream():
    """C18: not one case is kept; slices, clusters and labels cost 8 bytes each."""
    n = 20_000
    cases = (
        Case(
            id=f"case-{row:09}",
            fields={"id": "", "input": "x" * 500, "channel": f"c{row % 7}", "user": f"u{row % 99}"},
            sha256="0" * 64,
        )
        for row in range(n)
    )
    tracemalloc.start()

    columns = CaseColumns.build(
        cases, slices=["channel"], cluster="user", targets={"labels": "channel"}
    )

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert columns.n == n
    assert peak < 60 * n


def test_report_needs_fewer_than_300_bytes_a_case(tmp_path, monkeypatch):
    """Bars: 100,000 cases under 400 MB, of which the report is a small part."""
    # Of a file that is not large the cases are kept.
    monkeypatch.setattr("evalrunner.report.recorded._LARGEST_KEPT", 0)
    n = 4_000
    rows = [{"id": f"case-{k:09}", "input": "x" * 300, "expected_output": "x"} for k in range(n)]
    directory = new_run(project(tmp_path, cases=rows), "dataset.slices=[expected_output]")
    with (directory / "journal.jsonl").open("wb") as journal:
        for k in range(n):
            journal.write(line(trial(0, k, output="y" * 300, usage=tokens(9, 9), cost_usd=0.1)))
    # What is made once, whatever the number of cases: modules, compiled settings.
    build_report(directory, figures=False)
    tracemalloc.start()

    build_report(directory, figures=False)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 * n + 400_000


# --- figures ----------------------------------------


def test_figures_come_with_the_report_and_are_the_same_every_time(root):
    directory = new_run(root, "prompt=ask,beg", "scorer=[labels]", "dataset.slices=[channel]")
    verdict = {"value": 1.0, "reason": None, "label": "billing", "criteria": [], "cost_usd": None}
    write_journal(
        directory, [trial(n, 0, scores={"labels": verdict}, cost_usd=0.1) for n in (0, 1)]
    )

    build_report(directory)
    first = {path.name: path.read_bytes() for path in directory.glob("*.svg")}
    build_report(directory)

    assert {"pareto.svg", "slices.svg"} <= set(first)
    assert (directory / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name: path.read_bytes() for path in directory.glob("*.svg")} == first


def test_markdown_tells_a_quality_that_retries_change():
    """E18."""
    without = {"value": 0.7, "low": 0.6, "high": 0.8, "n": 90, "method": "wilson"}
    retried = {"n": 10, "quality_without": without}

    text = summary_markdown(summary_of(cell_of("a", retried=retried)))

    said = (
        "a: 10 answers came after a retry; without them quality is 70.0 % (60.0–80.0), not 50.0 %"
    )
    assert said in text
