"""Nothing is cut, nothing overlaps, the page never scrolls sideways: on a desk and on a phone."""

import itertools

import pytest

WIDTHS = (1280, 390)
RUNS = ("quickstart", "support_replies", "forty")
# Text of one element over text of another. Rectangles of lines of text, not of boxes: a long word
# may leave its box. Only what can be seen: what a scrolling parent hides does not count.
OVERLAPS = """
within => {
  const lines = [];
  const clip = (element) => {
    let [left, top, right, bottom] = [-Infinity, -Infinity, Infinity, Infinity];
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const box = at.getBoundingClientRect();
      left = Math.max(left, box.left); right = Math.min(right, box.right);
      top = Math.max(top, box.top); bottom = Math.min(bottom, box.bottom);
    }
    return { left, top, right, bottom };
  };
  for (const root of document.querySelectorAll(within)) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!node.data.trim() || !parent.checkVisibility({ visibilityProperty: true })) continue;
      if (parent.closest("svg, .unseen, .skip, option, select")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const shown = clip(parent);
      for (const box of range.getClientRects()) {
        const line = {
          left: Math.max(box.left, shown.left), right: Math.min(box.right, shown.right),
          top: Math.max(box.top, shown.top), bottom: Math.min(box.bottom, shown.bottom),
          text: node.data.trim().slice(0, 40), node,
        };
        if (line.right - line.left > 1 && line.bottom - line.top > 1) lines.push(line);
      }
    }
  }
  lines.sort((a, b) => a.top - b.top);
  const found = [];
  lines.forEach((a, at) => {
    for (let next = at + 1; next < lines.length && lines[next].top < a.bottom - 3; next += 1) {
      const b = lines[next];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      if (a.node !== b.node && across > 2) found.push(`${a.text} / ${b.text}`);
    }
  });
  return found;
}
"""
# An element whose text is wider or higher than itself, and that neither scrolls nor says "…".
CUT = """
within => Array.from(document.querySelectorAll(within)).filter((element) => {
  if (!element.checkVisibility() || !element.textContent.trim()) return false;
  if (element.closest(".unseen, .skip, svg")) return false;
  const style = getComputedStyle(element);
  const hides = [style.overflowX, style.overflowY].some((each) => /hidden|clip/.test(each));
  const isMeant = style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
  return hides && !isMeant && (element.scrollWidth > element.clientWidth + 1
    || element.scrollHeight > element.clientHeight + 1);
}).map((element) => `${element.tagName} ${element.className} ${element.textContent.slice(0, 40)}`)
"""
# What stands outside of the page's width though no parent scrolls.
OUTSIDE = """
() => Array.from(document.querySelectorAll("body *")).filter((element) => {
  if (!element.checkVisibility() || element.closest("svg, .unseen, .skip")) return false;
  for (let at = element.parentElement; at; at = at.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(at).overflowX)) return false;
  }
  const box = element.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
}).map((element) => `${element.tagName}.${element.className} ${element.textContent.slice(0, 40)}`)
"""


@pytest.fixture(params=[(name, width) for name in RUNS for width in WIDTHS], ids=str)
def shown(request, new_page):
    name, width = request.param
    run = request.getfixturevalue(name)
    page = new_page(viewport={"width": width, "height": 900})
    page.goto((run / "report.html").as_uri())
    page.locator("#case-table-body tr").first.wait_for()
    # Menus lie over what is under them.
    page.evaluate(
        """document.querySelectorAll("section:not(#cases) details")
            .forEach(each => { each.open = true; })"""
    )
    page.evaluate("scrollTo(0, 0)")
    return page, width


def test_nothing_overlaps_is_cut_or_leaves_the_page(shown):
    page, width = shown

    sizes = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert sizes == [width, width]
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(OVERLAPS, "body") == []
    assert page.evaluate(CUT, "h1, h2, h3, th, td, a, p, li, dt, dd, button, label, .badge") == []


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overlaps_in_an_opened_case(new_page, support_replies, width):
    page = new_page(viewport={"width": width, "height": 900})
    page.goto((support_replies / "report.html").as_uri() + "#cases")
    page.locator(".case-link").first.click()
    page.locator(".answer").first.wait_for()
    for key in "dr":
        page.keyboard.press(key)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate(OVERLAPS, "#cases") == []


def test_the_checks_would_find_something(new_page, quickstart):
    """A check of the checks."""
    page = new_page(viewport={"width": 390, "height": 900})
    page.goto((quickstart / "report.html").as_uri())
    before = page.evaluate(OVERLAPS, "main")

    page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync("#verdict p, #verdict h2 { height: 4px; overflow: visible; margin: 0 }"
            + " #flags h2 { width: 20px; overflow: hidden; white-space: nowrap }"
            + " #about h2 { width: 600px }");
          document.adoptedStyleSheets = [sheet];
        }"""
    )

    assert before == []
    assert page.evaluate(OVERLAPS, "main") != []
    assert page.evaluate(CUT, "h2") != []
    assert page.evaluate(OUTSIDE) != []


@pytest.mark.parametrize("figure", ["cost", "latency"])
def test_names_of_forty_models_are_on_the_plot_and_apart(page, forty, figure):
    page.goto((forty / "report.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    drawing = page.locator("#pareto svg").nth(("cost", "latency").index(figure))

    texts = drawing.locator("text").evaluate_all(
        """all => all.map((each) => {
          const { left, top, right, bottom } = each.getBoundingClientRect();
          return { name: each.textContent.trim().split(" ")[0], left, top, right, bottom };
        })"""
    )

    named = [each for each in texts if each["name"] in {f"m{n}" for n in range(40)}]
    assert len(named) == 40
    for one, other in itertools.combinations(named, 2):
        across = min(one["right"], other["right"]) - max(one["left"], other["left"])
        down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
        assert across <= 1 or down <= 2, (one["name"], other["name"])
