"""The report in a real browser: from disk, without network, with and without JavaScript."""

import base64
import hashlib
import re

import pytest
from playwright.sync_api import expect

ALWAYS = ("verdict", "flags", "cells", "pareto", "cases", "about")
RUNS = {
    "quickstart": {"confusion", "comparisons", "costs", "latency", "differences"},
    "support_replies": {"slices", "criteria", "judges", "comparisons", "costs", "latency"},
    "forty": {"comparisons", "costs"},
}

SMUGGLED = {
    "inline": """const script = document.createElement("script");
        script.textContent = "done()"; document.body.append(script)""",
    "handler": """document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=done()>")""",
    "address": """const link = document.createElement("a"); link.href = "javascript:done()";
        document.body.append(link); link.click()""",
    "data": """const script = document.createElement("script");
        script.src = "data:text/javascript,done()"; document.body.append(script)""",
}


def opened(page, run, *, at=""):
    """The report of a run; `at` is the part of the address behind the file."""
    page.goto((run / "report.html").as_uri() + at)
    return page


def column(page, number):
    """What a column of the candidates' table says, from top to bottom."""
    cells = page.locator(f"#cells tbody:not(.group-head) tr > :nth-child({number})")
    return [cell for cell in cells.all_inner_texts() if cell]


def values(page, number):
    """The values by which the rows of the first group are sorted, unknown ones as None."""
    rows = page.locator("#cells tbody:not(.group-head)").first.locator(f"tr > :nth-child({number})")
    found = rows.evaluate_all("cells => cells.map(cell => cell.dataset.value)")
    return [float(value) if value else None for value in found]


def background(page):
    """How light the page is, 0 to 1."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / (3 * 255)


@pytest.mark.parametrize("name", sorted(RUNS))
def test_report_opens_from_disk_with_its_sections_in_order(page, request, name):
    opened(page, request.getfixturevalue(name))

    sections = page.locator("main > section").evaluate_all("all => all.map(each => each.id)")
    assert set(ALWAYS) | RUNS[name] <= set(sections)
    assert sections[:3] == ["verdict", "flags", "cells"]
    assert sections[-2:] == ["cases", "about"]
    for section in sections:
        assert page.locator(f"#{section} > h2").inner_text().strip()
        assert page.locator(f"nav a[href='#{section}']").count() == 1


def test_pages_of_one_run_are_the_same_to_the_byte(quickstart, elsewhere):
    from evalrunner.report import build_report

    before = (quickstart / "report.html").read_bytes()
    elsewhere(build_report, quickstart)

    assert (quickstart / "report.html").read_bytes() == before


def test_cells_are_sorted_by_their_values_and_unknown_ones_stay_last(page, forty):
    opened(page, forty)
    heads = page.locator("#cells thead th").all_inner_texts()
    cost = next(n for n, head in enumerate(heads, start=1) if head.startswith("$"))
    button = page.locator(f"#cells thead th:nth-child({cost}) button")

    orders = []
    for _ in range(2):
        button.click()
        orders.append((button.locator("..").get_attribute("aria-sort"), values(page, cost)))

    assert [direction for direction, _ in orders] == ["descending", "ascending"]
    for direction, order in orders:
        known = [value for value in order if value is not None]
        assert len(known) == 40
        assert known == sorted(known, reverse=direction == "descending")
        assert order[: len(known)] == known


def test_filter_leaves_the_rows_with_all_its_words_and_says_how_many(page, forty):
    opened(page, forty)
    shown = page.locator("#cells tr[data-status]:visible")
    before = shown.count()

    page.fill("#cells-filter", "m39")
    after = shown.all_inner_texts()
    page.fill("#cells-filter", "no such model")
    none = shown.count()
    page.fill("#cells-filter", "")

    assert (before, len(after), none, shown.count()) == (40, 1, 0, 40)
    assert "m39" in after[0]


def test_points_of_the_plot_lead_to_their_rows(page, forty):
    opened(page, forty)
    page.fill("#cells-filter", "m7")
    links = page.locator("#pareto svg a")
    targets = links.evaluate_all("all => all.map(each => each.getAttribute('href'))")

    assert sorted(set(targets)) == sorted(f"#cell-{n}" for n in range(40))
    assert all(text for text in page.locator("#pareto svg a > title").all_text_contents())
    last = page.locator("#pareto svg a[href='#cell-39']").first
    last.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash === '#cell-39'")
    row = page.locator("tr#cell-39")
    # The page scrolls there smoothly, which takes its time.
    expect(row).to_be_in_viewport()


def test_every_link_inside_the_page_leads_somewhere(page, support_replies):
    opened(page, support_replies)
    targets = page.evaluate(
        "Array.from(document.querySelectorAll(\"a[href^='#']\"), each => each.getAttribute('href'))"
    )

    inside = {target for target in targets if not re.match(r"#cases?[?=]", target)}
    assert len(inside) > len(ALWAYS)
    missing = [t for t in sorted(inside) if page.locator(f"[id='{t[1:]}']").count() != 1]
    assert missing == []


def test_every_file_that_the_page_links_to_is_beside_it(page, support_replies):
    opened(page, support_replies)
    links = page.evaluate(
        "Array.from(document.querySelectorAll('a[href]'), each => each.getAttribute('href'))"
    )

    files = {link for link in links if not link.startswith("#")}
    assert {"pareto.png", "pareto.svg", "pareto.csv"} <= files
    assert [name for name in sorted(files) if not (support_replies / name).is_file()] == []


def test_dark_page_for_who_reads_in_the_dark_and_a_switch_for_all(new_page, quickstart):
    light = background(opened(new_page(color_scheme="light"), quickstart))
    page = opened(new_page(color_scheme="dark"), quickstart)
    dark = background(page)

    page.click("#theme")
    switched = background(page)
    page.click("#theme")

    assert light > 0.9
    assert dark < 0.25
    assert switched > 0.9
    assert background(page) == dark


def test_on_paper_there_are_no_controls_and_nothing_is_folded(new_page, support_replies):
    page = opened(new_page(color_scheme="dark"), support_replies)

    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    controls = page.locator("button:visible, input:visible, select:visible")
    assert [each for each in controls.all() if each.evaluate("e => !e.closest('th')")] == []
    assert page.locator("details:not([open])").count() == 0
    # A case that is open is printed, the list of all never.
    for section in page.locator("main > section:not(#cases)").all():
        assert section.is_visible()
    assert background(page) > 0.99
    assert len(page.pdf()) > 10_000


def test_tables_are_complete_without_javascript(new_page, page, support_replies):
    with_scripts = opened(page, support_replies)
    without = opened(new_page(java_script_enabled=False), support_replies)

    for section in ("verdict", "flags", "cells", "slices", "comparisons", "costs", "judges"):
        rows = f"#{section} tr"
        assert (
            without.locator(rows).all_inner_texts() == with_scripts.locator(rows).all_inner_texts()
        )
        assert without.locator(f"#{section}").is_visible()
    assert "claude_haiku_5_5" in without.locator("#cells").inner_text()
    assert not without.locator("#cells-filter").is_visible()
    assert not without.locator("#theme").is_visible()
    assert "trials.jsonl" in without.locator("#cases").inner_text()


def test_policy_names_every_script_and_style_by_its_hash(quickstart):
    text = (quickstart / "report.html").read_text("utf-8")

    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    for tag in ("script", "style"):
        inline = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        hashes = [
            base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in inline
        ]
        allowed = re.search(rf"{tag}-src ([^;]*)", policy)[1].split()
        assert allowed == [f"'sha256-{each}'" for each in hashes]
    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "form-action 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(
        r"<[a-z][^<>]*\s(style|on[a-z]+)=", re.sub(r"<script.*?</script>", "", text)
    )


@pytest.mark.parametrize("way", sorted(SMUGGLED))
def test_what_would_be_smuggled_in_does_not_run(page, problems, quickstart, way):
    """F1: the policy holds even where the escaping would have failed."""
    opened(page, quickstart)
    page.evaluate("() => { globalThis.done = () => { globalThis.isDone = true; }; }")

    page.evaluate(f"() => {{ {SMUGGLED[way]} }}")
    page.wait_for_timeout(100)

    assert page.evaluate("globalThis.isDone") is None
    assert any("Content Security Policy" in problem for problem in problems)
    problems.clear()


def test_page_may_not_reach_the_network(page, problems, quickstart):
    opened(page, quickstart)

    reached = page.evaluate("fetch('https://example.com/').then(() => 'reached', () => 'refused')")

    assert reached == "refused"
    assert any("Content Security Policy" in problem for problem in problems)
    assert not [problem for problem in problems if problem.startswith("request")]
    problems.clear()
