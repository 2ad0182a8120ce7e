"""Figures of a run directory, made fit to be part of a page.

What matplotlib wrote is parsed, and only known elements and attributes are written again: styles
become attributes, which the page's policy allows, ids get the figure's name in front, and the
colours of our plots become those of the page, so that they fit light and dark.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from evalrunner.formatting import percent_interval, safe_text, usd_interval
from evalrunner.types import Estimate

COLORS = {
    "#ffffff": "paper",
    "#1f2933": "ink",
    "#5b6776": "muted",
    "#76828f": "stairs",
    "#a9b3be": "faint",
    "#e6eaef": "grid",
    "#dfe5ec": "tie",
    "#0072b2": "0",
    "#d55e00": "1",
    "#009e73": "2",
    "#cc79a7": "3",
    "#e69f00": "4",
    "#56b4e9": "5",
    "#000000": "6",
}
"""The colours of `evalrunner.plots.style`, and the property of page.css that stands for each.

Written again here: importing that package would load matplotlib.
"""
_LARGEST = 5_000_000
"""Bytes; a larger file is linked to, not shown."""
_DEEPEST = 50
"""Levels of elements; ours have a dozen."""
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_ELEMENTS = frozenset(
    "svg g defs path use clipPath rect circle ellipse line polyline polygon text tspan title desc "
    "image linearGradient stop".split()
)
_ATTRIBUTES = frozenset(
    "id d x y x1 y1 x2 y2 cx cy r rx ry dx dy width height points transform viewBox clip-path "
    "gradientUnits offset preserveAspectRatio fill fill-opacity fill-rule stroke stroke-opacity "
    "stroke-width stroke-dasharray stroke-dashoffset stroke-linejoin stroke-linecap "
    "stroke-miterlimit opacity font-size font-weight font-style text-anchor dominant-baseline "
    "stop-color stop-opacity".split()
)
_PAINTS = frozenset({"fill", "stroke", "stop-color"})
_POINT = re.compile(r"point-(\d+)")
_REFERENCE = re.compile(r"url\(#([\w.-]+)\)")
_BITMAP = "data:image/png;base64,"
_FONT_WEIGHTS = frozenset({"bold", "lighter", "bolder"})
_FONT_STYLES = frozenset({"italic", "oblique"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure: `{{ ui.figure(figure, "What it shows") }}` puts it into a template."""

    stem: str
    svg: Markup
    files: tuple[str, ...]
    """Names of the files beside the page that hold it: PNG, SVG, CSV."""
    has_page_colors: bool
    """Whether it fits dark pages; if not it stays on white."""


def read_figure(
    directory: Path, stem: str, *, cells: Mapping[int, Mapping[str, Any]], about: str
) -> Figure | None:
    """The figure `stem`.svg as an image of that name; None where there is none that can be read.

    A group with the id `point-<cell id>` becomes a link to the cell's row, with a tooltip.
    """
    try:
        with (directory / f"{stem}.svg").open("rb") as file:
            data = file.read(_LARGEST + 1)
        root = ET.fromstring(data) if len(data) <= _LARGEST else None  # noqa: S314 - expat bounds entities
    except (OSError, ET.ParseError, ValueError, LookupError):
        return None
    if root is None or root.tag != f"{_SVG}svg" or not root.get("viewBox"):
        return None
    writer = _Writer(stem, cells=cells)
    svg = Markup("").join(writer.image(root, about=about))
    names = (f"{stem}{suffix}" for suffix in (".png", ".svg", ".csv"))
    return Figure(
        stem=stem,
        svg=svg,
        files=tuple(name for name in names if (directory / name).is_file()),
        has_page_colors=not writer.has_other_colors,
    )


def point_title(cell: Mapping[str, Any]) -> str:
    """What the tooltip of a cell's point says."""
    cost = cell["cost"]["usd_per_1000"]
    price = "price unknown" if cost is None else f"{usd_interval(Estimate(**cost))} per 1,000"
    quality = percent_interval(Estimate(**cell["quality"]))
    facts = (safe_text(cell["label"], limit=120), quality, price, cell["pareto"]["status"])
    return "\n".join(fact for fact in facts if fact)


class _Writer:
    """Writes one figure's elements again."""

    def __init__(self, stem: str, *, cells: Mapping[int, Mapping[str, Any]]) -> None:
        self._prefix = f"{stem}-"
        self._cells = cells
        self.has_other_colors = False

    def image(self, root: ET.Element, *, about: str) -> Iterator[Markup]:
        """The figure as a whole."""
        has_links = any(self._cell_of(element) for element in root.iter())
        # No size of its own: it is as wide as the page lets it be. And nothing inside of an image
        # can be a link to who cannot see it.
        yield Markup(
            '<svg viewBox="{}" role="{}" aria-label="{}" stroke-linejoin="round" '
            'stroke-linecap="butt">'
        ).format(root.get("viewBox"), "group" if has_links else "img", about)
        for child in root:
            yield from self._element(child, depth=1)
        yield Markup("</svg>")

    def _element(self, element: ET.Element, *, depth: int) -> Iterator[Markup]:
        name = str(element.tag).removeprefix(_SVG)
        if name not in _ELEMENTS or depth > _DEEPEST:
            return
        attributes = Markup("").join(self._attributes(element))
        cell = self._cell_of(element)
        if cell is not None:
            yield Markup('<a href="#cell-{}"><title>{}</title>').format(
                cell["id"], point_title(cell)
            )
        yield Markup(f"<{name}{attributes}>")  # noqa: S704 - a known name, and escaped attributes
        yield escape((element.text or "").strip())
        for child in element:
            yield from self._element(child, depth=depth + 1)
        yield Markup(f"</{name}>")  # noqa: S704 - as above
        if cell is not None:
            yield Markup("</a>")

    def _cell_of(self, element: ET.Element) -> Mapping[str, Any] | None:
        """The cell whose point a group is."""
        found = _POINT.fullmatch(element.get("id", ""))
        return None if found is None else self._cells.get(int(found[1]))

    def _attributes(self, element: ET.Element) -> Iterator[Markup]:
        given = {**element.attrib, **_declarations(element.attrib.get("style", ""))}
        for name, value in given.items():
            plain = name.removeprefix(_XLINK)
            if plain == "href":
                value = self._href(value)
            elif plain not in _ATTRIBUTES:
                continue
            if plain in _PAINTS:
                value = self._paint(value)
            if plain == "id":
                value = f"{self._prefix}{value}"
            value = _REFERENCE.sub(rf"url(#{self._prefix}\1)", value)
            if value and ("url(" not in value or _REFERENCE.fullmatch(value)):
                yield Markup(' {}="{}"').format(plain, " ".join(value.split()))

    def _href(self, value: str) -> str:
        """A part of this figure, or a bitmap in it; nothing for any other address."""
        if value.startswith("#"):
            return f"#{self._prefix}{value[1:]}"
        return "".join(value.split()) if value.startswith(_BITMAP) else ""

    def _paint(self, value: str) -> str:
        color = value.strip().lower()
        if color in COLORS:
            return f"var(--figure-{COLORS[color]})"
        if color != "none" and "url(" not in color:
            self.has_other_colors = True
        return value


def _declarations(style: str) -> Iterator[tuple[str, str]]:
    """The declarations of a `style` attribute, `font` taken apart."""
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        if name.strip() == "font":
            yield from _font(value)
        else:
            yield name.strip(), value.strip()


def _font(value: str) -> Iterator[tuple[str, str]]:
    """Weight, style and size of `italic 700 9.5px 'DejaVu Sans'`; the page has its own family."""
    for word in value.split("'")[0].split():
        if word.endswith(("px", "pt")):
            yield "font-size", word
        elif word.isdigit() or word in _FONT_WEIGHTS:
            yield "font-weight", word
        elif word in _FONT_STYLES:
            yield "font-style", word
