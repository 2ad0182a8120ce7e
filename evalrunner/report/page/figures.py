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
from evalrunner.plots.colors import COLORS
from evalrunner.types import Estimate

_ROLES = {color: role for role, color in COLORS.items()}
_LARGEST = 5_000_000
"""Bytes; a larger file is linked to, not shown."""
_DEEPEST = 50
"""Levels of elements; ours have a dozen."""
_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_ELEMENT = re.compile(
    "svg|g|defs|path|use|clipPath|rect|circle|ellipse|line|polyline|polygon|text|tspan|title|desc|"
    "image|linearGradient|stop"
)
_ATTRIBUTE = re.compile(
    "d|[xy][12]?|[cdr][xy]|r|width|height|points|transform|clip-path|preserveAspectRatio|"
    "fill(-opacity|-rule)?|opacity|offset|gradientUnits|stop-(color|opacity)|"
    "stroke(-opacity|-width|-dasharray|-dashoffset|-linejoin|-linecap|-miterlimit)?|"
    "font-(size|weight|style)|text-anchor|dominant-baseline"
)
_PAINTS = frozenset({"fill", "stroke", "stop-color"})
_POINT = re.compile(r"point-(\d+)")
_REFERENCE = re.compile(r"url\(#([\w.-]+)\)")
_BITMAP = "data:image/png;base64,"
_FONT_WEIGHTS = frozenset({"bold", "lighter", "bolder"})
_FONT_STYLES = frozenset({"italic", "oblique"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure: `{{ ui.figure(figure) }}` puts it into a template."""

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
        self._ids: set[str] = set()
        self.has_other_colors = False

    def image(self, root: ET.Element, *, about: str) -> Iterator[Markup]:
        """The figure as a whole."""
        has_links = any(self._cell_of(element) for element in root.iter())
        self._ids = set(_referenced(root))
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
        if not _ELEMENT.fullmatch(name) or depth > _DEEPEST:
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
        given = {**element.attrib, **dict(_declarations(element.get("style", "")))}
        for name, value in given.items():
            plain = name.removeprefix(_XLINK)
            shown = self._value(plain, value)
            if shown:
                yield Markup(' {}="{}"').format(plain, " ".join(shown.split()))

    def _value(self, name: str, value: str) -> str:
        """What an attribute becomes; nothing for one that is left out."""
        if name == "href":
            return self._href(value)
        if name == "id":
            return self._id(value)
        if not _ATTRIBUTE.fullmatch(name):
            return ""
        if "url(" in value:
            found = _REFERENCE.fullmatch(value)
            return "" if found is None else f"url(#{self._prefix}{found[1]})"
        return self._paint(value) if name in _PAINTS else value

    def _id(self, value: str) -> str:
        """Of what is used elsewhere: most ids only name what matplotlib drew, some of it twice."""
        if value not in self._ids:
            return ""
        self._ids.remove(value)
        return f"{self._prefix}{value}"

    def _href(self, value: str) -> str:
        """A part of this figure, or a bitmap in it; nothing for any other address."""
        if value.startswith("#"):
            return f"#{self._prefix}{value[1:]}"
        return "".join(value.split()) if value.startswith(_BITMAP) else ""

    def _paint(self, value: str) -> str:
        color = value.strip().lower()
        if color in _ROLES:
            return f"var(--figure-{_ROLES[color]})"
        if color != "none":
            self.has_other_colors = True
        return value


def _referenced(root: ET.Element) -> Iterator[str]:
    """The ids that other elements of a figure use."""
    for element in root.iter():
        for name, value in element.attrib.items():
            if name.endswith("href") and value.startswith("#"):
                yield value[1:]
            yield from _REFERENCE.findall(value)


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
    for word in value.partition("'")[0].split():
        if word.endswith(("px", "pt")):
            yield "font-size", word
        elif word.isdigit() or word in _FONT_WEIGHTS:
            yield "font-weight", word
        elif word in _FONT_STYLES:
            yield "font-style", word
