"""Figures in a page: what matplotlib wrote, in the page's own colours, and nothing else of it."""

import re
import xml.etree.ElementTree as ET

import pytest

from evalrunner.plots import style
from evalrunner.plots.colors import COLORS, PALETTE
from evalrunner.report.page import document
from evalrunner.report.page.figures import read_figure

ESTIMATE = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "method": "wilson"}
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
BOX = 'viewBox="0 0 10 10">'


def cell_of(cell, label):
    cost = {"usd_per_1000": {"value": 2.0, "low": 1.0, "high": 3.0, "n": 9, "method": "t"}}
    pareto = {"status": "frontier", "probability": 0.9}
    return {"id": cell, "label": label, "quality": ESTIMATE, "cost": cost, "pareto": pareto}


def read(directory, content, *, cells=(), head=HEAD + BOX):
    """The figure of an SVG with this content."""
    (directory / "made.svg").write_text(f"{head}{content}</svg>", encoding="utf-8")
    return read_figure(
        directory, "made", cells={cell["id"]: cell for cell in cells}, about='What "it" shows'
    )


@pytest.fixture
def drawn(tmp_path):
    """A figure of matplotlib's, with a linked point, a marker and text."""
    from matplotlib.figure import Figure

    with style.house_style():
        figure = Figure(figsize=(4, 3))
        axes = figure.add_subplot()
        axes.plot([1], [1], marker="o", color=PALETTE[0], gid="point-3", linestyle="none")
        axes.axhline(1, color=style.STAIRS)
        axes.set_title("<b>a & b</b>", fontweight="bold")
    style.save_figure(figure, tmp_path, stem="drawn")
    cells = {3: cell_of(3, "<luna> & co")}
    return read_figure(tmp_path, "drawn", cells=cells, about="Drawn"), tmp_path


def test_every_colour_of_the_plots_has_a_property_of_the_page():
    properties = set(re.findall(r"--figure-([\w-]+):", document.styles()[0]))

    assert properties == set(COLORS)


def test_a_drawn_figure_has_no_style_no_size_and_no_colour_of_its_own(drawn):
    figure, _ = drawn

    assert "style" not in figure.svg
    assert not re.search(r"#[0-9a-f]{6}\b|metadata|<!|<\?", figure.svg)
    assert figure.has_page_colors
    root = ET.fromstring(figure.svg)
    assert root.keys() == ["viewBox", "role", "aria-label", "stroke-linejoin", "stroke-linecap"]
    assert "<b>a & b</b>" in [element.text for element in root.iter("text")]
    assert {element.get("font-weight") for element in root.iter("text")} >= {"700"}


def test_every_reference_of_a_drawn_figure_has_its_target_and_ids_are_its_own(drawn):
    figure, _ = drawn

    ids = re.findall(r' id="([^"]*)"', figure.svg)
    references = re.findall(r'(?:href="#|url\(#)(?!cell-)([^")]+)', figure.svg)
    assert references
    assert set(references) == set(ids)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("drawn-") for name in ids)


def test_a_point_links_to_its_row_and_says_what_it_is(drawn):
    figure, _ = drawn

    root = ET.fromstring(figure.svg)

    (link,) = root.iter("a")
    assert link.get("href") == "#cell-3"
    assert link[0].tag == "title"
    assert link[0].text == "<luna> & co\n50.0 % (40.0–60.0)\n$2.00 (1.00–3.00) per 1,000\nfrontier"
    assert len(list(link.iter("use"))) == 1


def test_files_beside_the_page_are_those_that_are_there(drawn):
    figure, _ = drawn

    assert figure.files == ("drawn.png", "drawn.svg")


def test_a_figure_is_an_image_unless_it_holds_links(tmp_path, drawn):
    """What is inside of an image cannot be reached."""
    plain, linked = read(tmp_path, '<path d="M 0 0"/>'), drawn[0]

    assert 'role="img" aria-label="What &#34;it&#34; shows"' in plain.svg
    assert 'role="group"' in linked.svg


@pytest.mark.parametrize(
    "content",
    [
        "<script>alert(1)</script>",
        '<g onload="alert(1)" onclick="alert(2)"/>',
        '<a href="javascript:alert(1)"><path d="M 0 0"/></a>',
        '<image href="https://example.com/x.png"/>',
        '<image xlink:href="data:image/svg+xml;base64,AAAA"/>',
        '<use xlink:href="https://example.com/x.svg#a"/>',
        "<foreignObject><p>alert(1)</p></foreignObject>",
        '<path fill="url(https://example.com)"/>',
        '<path style="fill: url(https://example.com); background: url(//example.com)"/>',
        "<style>@import 'https://example.com'</style>",
        '<path d="M 0 0"/><set attributeName="href" to="javascript:alert(1)"/>',
        '<text xmlns:x="urn:x" x:onload="alert(1)">ok</text>',
    ],
)
def test_what_could_run_or_load_is_left_out(tmp_path, content):
    """A run directory may come from a stranger, its figures too."""
    figure = read(tmp_path, content)

    assert not re.search(r"alert|example|import|svg\+xml|AAAA", figure.svg)
    assert {element.tag for element in ET.fromstring(figure.svg).iter()} <= {
        "svg",
        "g",
        "path",
        "image",
        "use",
        "text",
    }


def test_text_of_a_figure_stays_text(tmp_path):
    figure = read(tmp_path, "<text>&lt;/svg&gt;&lt;script&gt;</text>")

    assert "&lt;/svg&gt;&lt;script&gt;</text>" in figure.svg


def test_the_font_shorthand_is_taken_apart(tmp_path):
    figure = read(tmp_path, "<text style=\"font: italic 700 9.5px 'DejaVu Sans'\">a</text>")

    expected = '<text font-style="italic" font-weight="700" font-size="9.5px">a</text>'
    assert expected in figure.svg


def test_a_bitmap_of_its_own_is_kept(tmp_path):
    figure = read(tmp_path, '<image xlink:href="data:image/png;base64,\niVBO\nRw0="/>')

    assert '<image href="data:image/png;base64,iVBORw0="></image>' in figure.svg


def test_a_figure_of_other_colours_stays_on_white(tmp_path):
    assert not read(tmp_path, '<path style="fill: #123456"/>').has_page_colors
    assert read(tmp_path, '<path style="fill: none; stroke: #FFFFFF"/>').has_page_colors


@pytest.mark.parametrize(
    ("content", "head"),
    [
        ("<g>", HEAD + BOX),
        ("", HEAD + ">"),
        ("", '<svg viewBox="0 0 1 1">'),
        ("", '<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]>' + HEAD + BOX + "&a;"),
        (" " * 5_000_000, HEAD + BOX),
    ],
)
def test_what_is_no_figure_is_left_out(tmp_path, content, head):
    assert read(tmp_path, content, head=head) is None


def test_a_file_that_is_not_there_is_no_figure(tmp_path):
    assert read_figure(tmp_path, "made", cells={}, about="") is None


def test_elements_a_thousand_deep_do_not_break_the_page(tmp_path):
    figure = read(tmp_path, "<g>" * 5000 + "</g>" * 5000)

    assert 10 < figure.svg.count("<g>") < 100
