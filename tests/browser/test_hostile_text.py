"""F1: whatever models, judges, users or forged run directories say, the report shows it as text.

One run has every payload in every place where foreign text stands.
"""

import json

import pytest
from judgements import JUDGES, KEYS, judged, judgement
from playwright.sync_api import expect
from runs import failed, new_run, project, trial, write_journal

from evalrunner.report import build_report

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "json": '</script><script>alert(2)</script>{"a": "<!--"}',
    "comment": "<!--<script>--><script>alert(3)</script>-->",
    "image": "<img src=x onerror=alert(4)>",
    "remote": '<img src="https://evil.test/x.png"><link rel=stylesheet href=//evil.test/x.css>',
    "attribute": "\" onmouseover=\"alert(5)\" autofocus onfocus='alert(6)' x='",
    "vector": '<svg onload="alert(7)"><animate onbegin=alert(8) attributeName=x dur=1s></svg>',
    "link": '<a href="javascript:alert(9)">open</a> [open](javascript:alert(10))',
    "data": '<iframe src="data:text/html,<script>alert(11)</script>"></iframe>',
    "frame": "<iframe srcdoc='<script>alert(12)</script>'></iframe><object data=x><embed src=x>",
    "form": "<form action=https://evil.test/><input autofocus onfocus=alert(13)><button>Log in",
    "refresh": '<meta http-equiv="refresh" content="0;url=//evil.test/"><base href=//evil.test>',
    "style": "</style><style>body{display:none}*{background:url(https://evil.test/x)}</style>",
    "css": "red;background:url(https://evil.test/y)} #cells{display:none",
    "template": "{{ 7*7 }} {% for x in [1] %} ${alert(14)} <%= 7*7 %> #{7*7} {{constructor.name}}",
    "xml": "]]><script>alert(15)</script><![CDATA[ <?php x ?> <!DOCTYPE x>",
    "entities": "&lt;script&gt;alert(16)&lt;/script&gt; &#60;b&#62; &amp;amp; &nbsp;",
    "custom": "<details open ontoggle=alert(17)><x-y><math><mtext></table><template>",
    "id": "cells-filter __proto__ constructor toString",
    "quotes": "' \" ` \\ \\u003cscript\\u003e \\x3c/script\\x3e",
}
"""Shown as they are."""
HIDDEN = {
    "terminal": ("\x1b]52;c;eA==\x07\x1b[2J", "\\x1b]52;c;eA==\\x07\\x1b[2J"),
    "bidi": ("\u202eevil\u2066", "\\u202eevil\\u2066"),
    "lines": ("a\u2028alert(18)\u2029b", "a\\u2028alert(18)\\u2029b"),
    "zero width": ("pass\u200bed\ufeff", "pass\\u200bed\\ufeff"),
    "surrogate": ("\ud800<b>", "\\ud800<b>"),
    "null": ("\x00<b>\x7f", "\\x00<b>\\x7f"),
}
"""What nobody could see is made visible."""
SHOWN = PAYLOADS | {name: shown for name, (_, shown) in HIDDEN.items()}
TEXTS = PAYLOADS | {name: text for name, (text, _) in HIDDEN.items()}
NAMES = list(TEXTS)
LONG = "<b>" + "x" * 1_000_000 + "\u202e"
CONFIG = {
    "conf/dataset/tickets.yaml": ("name: tickets\npath: datasets/tickets.jsonl\nslices: [kind]\n"),
}
# Nothing of ours needs one of these.
FORBIDDEN = (
    "img, iframe, object, embed, base, form, math, animate, template, meta[http-equiv=refresh],"
    " link[rel=stylesheet], a[href^='javascript' i], a[href^='http' i], a[href^='data' i], [style],"
    " [onerror], [onload], [onfocus], [onmouseover], [ontoggle], [onbegin], [srcdoc], x-y"
)


def text_of(name, place):
    return f"{place} {TEXTS[name]} end"


def shown_of(name, place):
    return f"{place} {SHOWN[name]} end"


@pytest.fixture(scope="module")
def run(tmp_path_factory, elsewhere):
    """A case for each payload; the labels of the two cells are those of a forged plan."""
    root = tmp_path_factory.mktemp("hostile")
    cases = [
        {
            "id": text_of(name, f"id{n}"),
            "input": text_of(name, "input"),
            "expected_output": text_of(name, "expected"),
            "kind": text_of(name, "kind"),
            text_of(name, "key"): text_of(name, "note"),
            "rubric": [text_of(name, "criterion")],
        }
        for n, name in enumerate(NAMES)
    ]
    project(root, CONFIG | JUDGES, cases=cases)
    words = ("model=luna,opus", "judge=severe", "scorer=rubric", "pricing=none")
    directory = new_run(root, *words, environ=KEYS)
    write_journal(directory, records(cases))
    forge(directory)
    elsewhere(build_report, directory)
    return directory


def records(cases):
    for n, case in enumerate(cases):
        name = NAMES[n]
        verdict = {"passed": n % 2 == 0, "criterion": case["rubric"][0]}
        verdicts = [verdict | {"reason": text_of(name, "why")}]
        one = judgement(float(n % 2 == 0), reason=text_of(name, "reason"), criteria=verdicts)
        whole = judged(one, reason=text_of(name, "reason"), criteria=verdicts)
        texts = {"output": text_of(name, "output"), "served_model": text_of(name, "served")}
        yield trial(0, n, scores={"rubric": whole}, case_id=case["id"], **texts)
        error = {"kind": text_of(name, "sort"), "message": text_of(name, "message")}
        yield failed(1, n) | {"case_id": case["id"], "error": error}


def forge(directory):
    """Everything that the planner would have refused."""
    plan = json.loads((directory / "plan.json").read_bytes())
    for cell in plan["cells"]:
        # No lone surrogate: pydantic takes none in settings.
        every = " ".join(text for text in TEXTS.values() if "\ud800" not in text)
        cell["label"] = f"label{cell['id']} {every} end"
        cell["axes"]["model"] = f"axis{cell['id']} {every} end"
        cell["config"]["model"]["label"] = f"model {every} end"
    (directory / "plan.json").write_text(json.dumps(plan))
    manifest = json.loads((directory / "manifest.json").read_bytes())
    manifest["warnings"] = [text_of(name, "warning") for name in NAMES]
    manifest["argv"] = [text_of(name, "argument") for name in NAMES]
    (directory / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def opened(page, run):
    page.goto((run / "report.html").as_uri())
    expect(page.locator("#case-count")).to_be_visible()
    return page


def strangers(page):
    """What is on the page that only foreign text could have put there."""
    return page.evaluate(
        "which => Array.from(document.querySelectorAll(which), e => e.outerHTML.slice(0, 200))",
        FORBIDDEN,
    )


def test_every_name_and_reason_in_the_tables_is_text(opened):
    text = opened.evaluate("document.querySelector('main').textContent")

    for name in NAMES:
        assert shown_of(name, "kind") in text
        assert shown_of(name, "warning") in text
    every = " ".join(shown for name, shown in SHOWN.items() if name != "surrogate")
    assert f"label0 {every} end" in text
    assert strangers(opened) == []


def test_every_case_is_text_wherever_it_is_shown(opened):
    opened.locator("#case-table-body tr").first.click()
    for n, name in enumerate(NAMES):
        expect(opened.locator("#case-title")).to_contain_text(f"id{n} ")
        expect(opened.locator("#case-body")).to_contain_text(shown_of(name, "output"))
        text = opened.locator("#case-panel").evaluate("panel => panel.textContent")
        for place in ("input", "expected", "key", "note", "criterion", "why", "message"):
            assert shown_of(name, place) in text, place
        assert strangers(opened) == []
        opened.keyboard.press("j")


def test_every_case_has_an_address_of_its_own(opened, run):
    rows = [json.loads(line) for line in (run / "cases.jsonl").read_text().splitlines()]
    opened.locator("#case-table-body tr").first.click()
    for n in range(len(rows)):
        expect(opened.locator("#case-title")).to_contain_text(f"id{n} ")
        opened.keyboard.press("j")
    address = opened.url

    opened.goto("about:blank")
    opened.goto(address)

    expect(opened.locator("#case-title")).to_contain_text(f"id{len(rows) - 1} ")


def test_search_takes_any_text_as_what_it_is(opened):
    for name in PAYLOADS:
        opened.fill("#case-search", TEXTS[name])
        expect(opened.locator("#case-table-body tr")).to_have_count(
            sum(TEXTS[name].lower() in text.lower() for text in TEXTS.values())
        )
    assert strangers(opened) == []


def test_address_is_nobodys_markup(page, run):
    for name in PAYLOADS:
        for hash_ in (f"#case={TEXTS[name]}", f"#cases?q={TEXTS[name]}", f"#{TEXTS[name]}"):
            page.goto((run / "report.html").as_uri() + hash_)

    assert strangers(page) == []


def test_tables_are_text_without_scripts_too(new_page, run):
    page = new_page(java_script_enabled=False)
    page.goto((run / "report.html").as_uri())

    text = page.locator("main").text_content()

    for name in ("script", "image", "style", "bidi"):
        assert shown_of(name, "kind") in text
    assert page.locator(FORBIDDEN).count() == 0


def test_a_line_of_a_megabyte_neither_hangs_the_page_nor_widens_it(page, tmp_path, elsewhere):
    cases = [{"id": "c0", "input": LONG, "expected_output": "x", "kind": LONG}]
    directory = new_run(project(tmp_path, CONFIG, cases=cases), "model=echo")
    write_journal(directory, [trial(0, 0, output=LONG)])
    elsewhere(build_report, directory)

    page.goto((directory / "report.html").as_uri())
    page.locator("#case-table-body tr").first.click()

    expect(page.locator("#case-body")).to_contain_text("<b>xxx")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert strangers(page) == []
