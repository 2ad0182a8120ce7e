"""`report.html`: complete without scripts, loads nothing, and takes no text for markup."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from runs import failed, new_run, project, trial, write_journal

from evalrunner.cli import main
from evalrunner.errors import StoreError
from evalrunner.report import build_report
from evalrunner.report.page import write_page

AIDER = Path(__file__).parent / "golden" / "aider_polyglot.csv"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "</style></title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% include 'x' %}",
    "\x1b[2J\x00\x07bell",
    "\u202egnp.exe\u2066",
    "lone \ud800 surrogate",
    "'; background: url(https://example.com)",
)
SECTIONS = ("verdict", "flags", "cells", "pareto", "about")
VOID = {"meta", "link", "input", "br", "hr", "img", "col"}


class Parsed(HTMLParser):
    """The elements of a page with their attributes, and the text in each element with an id."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.texts = {}
        self.inlined = {"script": [], "style": []}
        self._open = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.elements.append((tag, given))
        if tag in self.inlined and given.get("type") is None:
            self.inlined[tag].append("")
        if tag not in VOID:
            self._open.append((tag, given))

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        opened, _ = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"

    def handle_data(self, data):
        tag, given = self._open[-1] if self._open else ("", {})
        if tag in self.inlined and given.get("type") is None:
            self.inlined[tag][-1] += data
            return
        for _, attributes in self._open:
            if "id" in attributes:
                self.texts[attributes["id"]] = self.texts.get(attributes["id"], "") + data

    def values(self, name):
        return [given[name] for _, given in self.elements if name in given]


def run_of(root, records, *overrides, figures=False):
    directory = write_journal(new_run(root, *overrides), records)
    build_report(directory, figures=figures)
    return directory


def page_of(directory):
    html = write_page(directory).read_text("utf-8")
    return Parsed(html), html


def changed(directory, **changes):
    """The same run with another summary."""
    path = directory / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))
    return directory


def policy_of(page):
    (policy,) = (
        given["content"]
        for tag, given in page.elements
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy"
    )
    return dict(part.split(" ", 1) for part in policy.split("; "))


def hash_of(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A run of two cells with its figures."""
    root = project(tmp_path_factory.mktemp("drawn"))
    records = [trial(cell, case, value=cell) for cell in range(2) for case in range(3)]
    return run_of(root, records, "prompt=short,ask", figures=True)


@pytest.fixture
def directory(tmp_path):
    records = [trial(0, 0), trial(0, 1, value=0.0), trial(0, 2)]
    return run_of(project(tmp_path), records)


def test_a_page_has_its_sections_in_order(drawn):
    page, _ = page_of(drawn)

    ids = [given["id"] for tag, given in page.elements if tag == "section"]
    assert [name for name in ids if name in SECTIONS] == list(SECTIONS)
    assert [f"#{name}" for name in ids] == [
        link for link in page.values("href") if link[1:] in ids
    ][: len(ids)]


def test_the_policy_allows_the_inlined_assets_and_nothing_else(drawn):
    page, _ = page_of(drawn)

    policy = policy_of(page)

    assert policy["default-src"] == "'none'"
    assert policy["script-src"].split() == [hash_of(text) for text in page.inlined["script"]]
    assert policy["style-src"].split() == [hash_of(text) for text in page.inlined["style"]]
    assert len(page.inlined["script"]) > 1
    assert len(page.inlined["style"]) > 1


def test_a_page_loads_nothing_and_has_no_inline_style_or_handler(drawn):
    page, _ = page_of(drawn)

    links = page.values("href") + page.values("src")
    assert all(re.fullmatch(r"#.*|data:,|[\w.-]+", link) for link in links), links
    names = {name for _, given in page.elements for name in given}
    assert not [name for name in names if name == "style" or name.startswith("on")]
    assert not re.search(r"url\((?!#)|@import", "".join(page.inlined["style"]))
    assert "no-referrer" in page.values("content")


def test_every_id_is_used_once(drawn):
    page, _ = page_of(drawn)

    ids = page.values("id")

    assert len(ids) == len(set(ids))


def test_the_same_run_gives_the_same_bytes(drawn):
    """Wherever it is written from, and however often."""
    _, first = page_of(drawn)
    _, second = page_of(drawn)

    assert first == second


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_stays_text(directory, text):
    """F1: names, messages and reasons that would be markup, and characters that would mislead."""
    summary = json.loads((directory / "summary.json").read_bytes())
    plain = Parsed(write_page(directory).read_text("utf-8"))
    (cell,) = summary["cells"]
    cell |= {"label": text, "axes": cell["axes"] | {"dataset": text}}
    flag = {"code": text, "severity": "red", "cell": 0, "message": text, "remedy": text}
    flag |= {"evidence": {text: [text, {text: None}], "cells": [0]}}
    run = summary["run"] | {"name": text, "warnings": [text]}
    changed(directory, cells=[cell], run=run, flags=[flag])

    page, html = page_of(directory)

    visible = "".join(
        c.encode("unicode_escape").decode() if not c.isprintable() else c for c in text
    )
    assert visible in page.texts["cell-0"]
    assert page.texts["flags"].count(visible) >= 4
    assert set(html) - {"\n", "\t"} <= {c for c in html if c.isprintable()}
    tags = {tag for tag, _ in page.elements} - {tag for tag, _ in plain.elements}
    # Those of a flag; nothing else has come.
    assert tags <= {"details", "summary", "ul", "li", "a", "span"}
    assert page.inlined == plain.inlined


def test_a_page_of_a_run_without_figures_says_so(directory):
    page, _ = page_of(directory)

    assert "has not been drawn" in page.texts["pareto"]


def test_a_page_of_a_run_without_an_answer_says_what_is_owed(tmp_path):
    page, _ = page_of(run_of(project(tmp_path), [failed(0, 0)]))

    said = page.texts["verdict"]
    assert "No recommendation" in said
    assert "not finished" in said
    assert "3 of 3 planned trials have no answer" in said
    assert "evalrunner run --resume outputs/tests/" in said
    assert "–" in page.texts["cell-0"]


def test_verdicts_that_may_still_come_are_owed(directory):
    summary = json.loads((directory / "summary.json").read_bytes())
    (cell,) = summary["cells"]
    failures = {"timeout": 2, "parse": 5}
    changed(directory, cells=[cell | {"judging": {"rubric": {"failures": failures}}}])

    page, _ = page_of(directory)

    assert "Verdicts of judges that may still come: 2." in page.texts["verdict"]


def test_a_stopped_run_says_why_and_how_to_go_on(directory):
    path = directory / "manifest.json"
    ending = {"budget": "run.budget_usd = $1 is reserved"}
    manifest = json.loads(path.read_bytes()) | {"ending": ending, "finished_at": "2026-11-20"}
    path.write_text(json.dumps(manifest))

    page, _ = page_of(directory)

    assert "Stopped (budget): run.budget_usd = $1 is reserved" in page.texts["verdict"]
    assert "run.budget_usd=MORE" in page.texts["verdict"]


def test_a_whole_run_owes_nothing(drawn):
    path = drawn / "manifest.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps(manifest | {"finished_at": "2026-11-20", "ending": {}}))

    page, _ = page_of(drawn)

    assert "Not complete" not in page.texts["verdict"]


def test_a_recommendation_leads_to_its_row(drawn):
    summary = json.loads((drawn / "summary.json").read_bytes())
    entry = summary["recommendations"][0] | {
        "cell": 1,
        "because": "Use ask: it is the best",
        "difference": {"value": 0.1, "low": 0.0, "high": 0.2, "n": 3, "method": "t"},
        "best": 0,
        "next_cheaper": {"cell": 0, "because": "worse by far"},
        "rejected": [{"cell": 0, "because": "worse by far"}],
    }
    before = (drawn / "summary.json").read_bytes()
    changed(drawn, recommendations=[entry])

    page, _ = page_of(drawn)
    (drawn / "summary.json").write_bytes(before)

    said = page.texts["verdict"]
    assert "Use ask: it is the best" in said
    assert "next cheaper, short: worse by far" in said
    assert "10.0 points (0.0 to 20.0)" in said
    assert "Planned to show" in said
    assert ("a", {"href": "#cell-1"}) in page.elements
    assert "recommended" in page.texts["cell-1"]
    assert "recommended" not in page.texts["cell-0"]


def test_cells_without_a_price_are_named_and_never_free(tmp_path):
    root = project(tmp_path, {"conf/model/luna.yaml": "provider: openai\nname: no-such-model\n"})
    keys = {"environ": {"OPENAI_API_KEY": "sk-proj-0123456789abcdef"}}
    directory = new_run(root, "model=echo,luna", **keys)
    records = [trial(cell, case) for cell in range(2) for case in range(3)]
    build_report(write_journal(directory, records), figures=False)

    page, _ = page_of(directory)

    assert "unknown price" in page.texts["cell-1"]
    assert "≥ $0" in page.texts["cell-1"]
    assert "what echo and luna cost is unknown" in page.texts["flags"]
    assert "luna" in page.texts["pareto"]


def test_axes_that_vary_have_columns_and_facets_have_captions(tmp_path):
    """Two scorers measure in two ways: cells of both are not in one order."""
    files = {"conf/model/parrot.yaml": "provider: python\nfunction: models.py:echo\n"}
    overrides = ("model=echo,parrot", "prompt=short,ask", "scorer=exact_match,contains")
    directory = run_of(project(tmp_path, files), [], *overrides)

    page, html = page_of(directory)

    heads = re.findall(r'<th scope="col"[^>]*><button type="button">(.*?)</button>', html)
    assert heads[:3] == ["model", "prompt", "Quality"]
    assert "scorer: exact_match" in page.texts["cells"]
    assert "scorer: contains" in page.texts["cells"]
    rows = [given for tag, given in page.elements if tag == "tr" and "data-status" in given]
    assert len(rows) == 8


def test_values_to_sort_by_are_numbers(drawn):
    page, _ = page_of(drawn)

    values = [given["data-value"] for tag, given in page.elements if "data-value" in given]
    assert values
    for value in values:
        assert value == "" or -1 <= float(value) < float("inf")


def test_flags_come_with_evidence_and_remedy_red_ones_first(directory):
    estimate = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 4, "method": "wilson"}
    yellow = {"code": "self_preference", "severity": "yellow", "cell": None, "message": "kin"}
    yellow |= {"evidence": {"cells": [0], "family": "anthropic"}, "remedy": "ask another"}
    red = {"code": "judge_inflation", "severity": "red", "cell": 0, "message": "too kind"}
    red |= {"evidence": {"canaries": {"0": {"score": estimate}}}, "remedy": "be strict"}
    changed(directory, flags=[yellow, red])

    page, _ = page_of(directory)

    said = " ".join(page.texts["flags"].split())
    assert said.index("too kind") < said.index("be strict") < said.index("kin Wh")
    assert "canaries echo/short score 0.50 (0.25 to 0.75), n = 4" in said
    assert "cells echo/short" in said


def test_corrupt_lines_and_unseen_bills_are_told(directory):
    summary = json.loads((directory / "summary.json").read_bytes())
    run = summary["run"] | {"corrupt_lines": [3, 9], "possibly_billed": 1}
    changed(directory, run=run)

    page, _ = page_of(directory)

    assert "2 lines of the journal cannot be read" in page.texts["flags"]
    assert "Possibly billed, unseen: 1 request" in page.texts["flags"]


def test_the_footer_has_what_a_rerun_needs(drawn):
    plan = json.loads((drawn / "plan.json").read_bytes())

    page, _ = page_of(drawn)

    said = page.texts["about"]
    assert "evalrunner run" in said
    assert plan["cases"]["sha256"] in said
    assert all(cell["config_sha256"] in said for cell in plan["cells"])


def test_the_footer_has_the_prices_that_were_used(tmp_path):
    root = project(tmp_path)
    keys = {"environ": {"OPENAI_API_KEY": "sk-proj-0123456789abcdef"}}
    price = "{input: 0.25, output: 2, source: our contract, valid_from: 2026-11-01}"
    directory = new_run(root, "model=luna", f"pricing.overrides={{gpt-6-luna: {price}}}", **keys)
    build_report(write_journal(directory, [trial()]), figures=False, freeze_prices=True)

    page, _ = page_of(directory)

    said = " ".join(page.texts["about"].split())
    assert "gpt-6-luna0 $0.25 $2.00 – – –" in said
    assert "our contract, valid from 2026-11-01, looked up 2026-11-20" in said


def test_the_footer_says_where_a_run_comes_from(directory):
    manifest = json.loads((directory / "manifest.json").read_bytes())
    manifest |= {
        "git": {"commit": "a" * 40, "dirty": True},
        "base_urls": ["http://127.0.0.1:8177"],
        "changes": [{"at": "2026-11-21T12:00:00+02:00", "set": ["run.budget_usd=5"]}],
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    summary = json.loads((directory / "summary.json").read_bytes())
    changed(directory, run=summary["run"] | {"parent": "/runs/first"})

    page, _ = page_of(directory)

    said = page.texts["about"]
    assert f"{'a' * 40}, with uncommitted changes" in said
    assert "http://127.0.0.1:8177" in said
    assert "2026-11-21 10:00:00 UTC: run.budget_usd=5" in said
    assert "/runs/first" in said


def test_canaries_stand_below_the_candidates_and_are_marked(tmp_path):
    directory = run_of(project(tmp_path), [], "run.canaries=true")

    page, _ = page_of(directory)

    rows = [given for tag, given in page.elements if tag == "tr" and "data-status" in given]
    assert rows[0]["id"] == "cell-0"
    assert {row["data-status"] for row in rows[1:]} == {"canary"}
    assert "Canaries: answers that must fail" in page.texts["cells"]


def test_estimated_costs_and_cases_that_tell_nothing_are_said(directory):
    summary = json.loads((directory / "summary.json").read_bytes())
    (cell,) = summary["cells"]
    changed(directory, cells=[cell | {"cost": cell["cost"] | {"estimated": True}}])
    plan = json.loads((directory / "plan.json").read_bytes())
    plan["power"][0]["smallest_difference"] = None
    (directory / "plan.json").write_text(json.dumps(plan))

    page, _ = page_of(directory)

    assert "Some costs are estimated" in page.texts["flags"]
    assert "none: 3 cases cannot tell two cells apart" in page.texts["verdict"]


def test_a_leaderboard_has_a_page_without_cases(tmp_path):
    directory = tmp_path / "board"
    words = ["import", "leaderboard", str(AIDER), "--into", str(directory)]

    code = main([*words, "--score", "pass_rate_2", "--cost", "total_cost", "--n", "225"])

    page = Parsed((directory / "report.html").read_text("utf-8"))
    assert code == 0
    assert "these are aggregates" in page.texts["verdict"]
    assert "aider_polyglot.csv" in page.texts["about"]
    assert "cases" not in page.values("id")
    assert len([1 for tag, given in page.elements if "data-status" in given]) == 69


def test_a_page_that_cannot_be_written_is_an_error_with_its_path(directory):
    (directory / "report.html").mkdir()

    with pytest.raises(StoreError, match=r"report\.html"):
        write_page(directory)


def test_no_asset_ends_its_element():
    for path in (Path(write_page.__code__.co_filename).parent / "assets").iterdir():
        text = path.read_text("utf-8")

        assert not re.search(r"</(script|style)|<!--", text, re.IGNORECASE), path.name
        assert "\r" not in text
