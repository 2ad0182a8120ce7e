"""Everybody can use the report: axe-core finds nothing serious, and a keyboard reaches all."""

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import expect

AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
ALL = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
NARROW = {"viewport": {"width": 390, "height": 844}}
VIEWS = {
    "light": (ALL, {"color_scheme": "light"}),
    # Other colours, else the same page.
    "dark": (CONTRAST, {"color_scheme": "dark"}),
    # The same colours, laid out anew.
    "narrow": (ALL | {"rules": {"color-contrast": {"enabled": False}}}, NARROW),
}


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, which is no part of the page: its policy would refuse it."""
    assert AXE.exists(), "axe-core is missing: make browser"
    return AXE.read_text("utf-8")


def opened(page, run, *, at=""):
    page.goto((run / "report.html").as_uri() + at)
    return page


def serious(page, axe, rules=ALL, *, within="html"):
    """What axe-core calls serious or critical: rule, element, what is wrong."""
    page.evaluate(axe)
    # What passed would be megabytes.
    found = page.evaluate(
        "async ([within, rules]) => (await axe.run(within, rules)).violations",
        [within, rules | {"resultTypes": ["violations"]}],
    )
    return [
        (rule["id"], node["target"][0], node["failureSummary"].split("\n")[1].strip())
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("view", sorted(VIEWS))
@pytest.mark.parametrize("name", ["quickstart", "support_replies"])
def test_axe_finds_nothing_serious(new_page, axe, request, name, view):
    rules, options = VIEWS[view]
    page = opened(new_page(bypass_csp=True, **options), request.getfixturevalue(name))
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")

    assert serious(page, axe, rules) == []


@pytest.mark.parametrize("view", ["light", "dark"])
def test_axe_finds_nothing_serious_in_an_opened_case(new_page, axe, support_replies, view):
    rules, options = VIEWS[view]
    page = opened(new_page(bypass_csp=True, **options), support_replies, at="#cases")
    page.locator(".case-link").first.click()
    page.keyboard.press("d")
    page.keyboard.press("r")
    expect(page.locator(".answer")).not_to_have_count(0)

    # What lies above is tested by itself, and here half under the bar that stays in sight.
    assert serious(page, axe, rules, within="#cases") == []


def test_axe_would_find_something(new_page, axe, quickstart):
    """A check of the check."""
    page = opened(new_page(bypass_csp=True), quickstart)
    rules = {"runOnly": {"type": "rule", "values": ["button-name", "color-contrast"]}}

    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')"
    )

    assert [rule for rule, _, _ in serious(page, axe, rules)] == ["button-name"]


def test_first_tab_skips_to_the_content(page, quickstart):
    opened(page, quickstart)

    page.keyboard.press("Tab")
    link = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert link == "Skip to the content"
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_tab_reaches_every_control_in_reading_order_and_shows_where_it_is(page, quickstart):
    opened(page, quickstart)
    controls = page.evaluate(
        """Array.from(document.querySelectorAll("#cells input, #cells select, #cells button"))
            .map(each => each.id || each.textContent)"""
    )
    page.focus("#cells-filter")

    reached = []
    for _ in range(len(controls) + 5):
        # The region that scrolls is a stop of its own.
        focused, outline = page.evaluate(
            """(() => { const at = document.activeElement;
                const style = getComputedStyle(at);
                const rings = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
                return [at.id || at.textContent, rings || style.boxShadow !== "none"]; })()"""
        )
        assert outline, focused
        reached.append(focused)
        page.keyboard.press("Tab")

    assert [each for each in reached if each in controls] == controls


def test_keyboard_alone_sorts_filters_and_switches_to_dark(page, quickstart):
    opened(page, quickstart)

    page.focus("#cells-filter")
    page.keyboard.type("tfidf")
    head = page.locator("#cells thead th.num button").first
    head.focus()
    page.keyboard.press("Space")
    page.locator("#theme").focus()
    page.keyboard.press("Enter")

    assert page.locator("#cells tr[data-status]:visible").count() == 2
    assert head.locator("..").get_attribute("aria-sort") == "descending"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    # Focus stays where it was: a sorted table loses nobody.
    assert page.evaluate("document.activeElement.id") == "theme"


def test_headings_go_down_one_level_at_a_time(page, support_replies):
    opened(page, support_replies)

    levels = page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
        "all => all.filter(each => each.checkVisibility()).map(each => Number(each.tagName[1]))"
    )

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
