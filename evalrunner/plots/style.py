"""How our figures look: one matplotlib style, colours and shapes, text made safe to draw.

Everything here is deterministic: no dates, a fixed salt for SVG ids, one font.
"""

from __future__ import annotations

import functools
import io
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font

from evalrunner.plots.colors import COLORS
from evalrunner.plots.files import write_atomically

PAPER = COLORS["paper"]
INK = COLORS["ink"]
MUTED = COLORS["muted"]
STAIRS = COLORS["stairs"]
FAINT = COLORS["faint"]
GRID = COLORS["grid"]
TIE_COLOR = COLORS["tie"]
"""Of bands behind all else, above the grid: of cells that cannot be told apart, of a margin."""

MARKERS = ("o", "s", "^", "D", "v", "P", "h")
"""One shape a colour, so that nothing is told by colour alone."""

WIDTH = 10.0
"""Inches; at 1280 pixels across a point of type is 1.8 pixels."""
_PNG_DPI = 160
_TALLEST_PNG = 30_000
_NAME_LENGTH = 36
_NO_GLYPH = "□"
_SEPARATOR = "[ /,:;|=]"

_RC: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.parse_math": False,  # a model may be called "$\frac$"
    "text.hinting": "none",  # the same extents at every resolution
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.solid_capstyle": "butt",
    # Real text: small, searchable, read aloud. DejaVu is wider than what viewers replace it with,
    # so labels that do not overlap here overlap nowhere.
    "svg.fonttype": "none",
    "svg.hashsalt": "evalrunner",
    "figure.dpi": 100,
}


_IS_ON: ContextVar[bool] = ContextVar("house_style", default=False)


@contextmanager
def house_style() -> Iterator[None]:
    """Our settings and matplotlib's defaults, whatever the user's matplotlibrc says."""
    if _IS_ON.get():
        # Setting all 300 values anew for every text to be measured would cost more than drawing.
        yield
        return
    # Not `rcdefaults`: it would import matplotlib's style library and parse all of its files.
    settings = {key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"}
    token = _IS_ON.set(True)
    try:
        with mpl.rc_context(settings | _RC):
            yield
    finally:
        _IS_ON.reset(token)


def save_figure(figure: Figure, directory: Path, *, stem: str) -> list[Path]:
    """Writes `stem`.png and `stem`.svg; equal figures give equal bytes."""
    height = figure.get_figheight()
    formats: dict[str, dict[str, Any]] = {
        # Flat colours compress as well in runs, and in two thirds of the time.
        "png": {"metadata": {"Software": None}, "pil_kwargs": {"compress_type": zlib.Z_RLE}},
        "svg": {"metadata": {"Date": None, "Creator": "evalrunner"}},
    }
    paths = []
    for suffix, options in formats.items():
        buffer = io.BytesIO()
        with house_style():
            dpi = min(_PNG_DPI, _TALLEST_PNG / height)
            figure.savefig(buffer, format=suffix, dpi=dpi, **options)
        paths.append(directory / f"{stem}.{suffix}")
        write_atomically(paths[-1], buffer.getvalue())
    return paths


def shown_names(labels: Mapping[int, str], *, limit: int = _NAME_LENGTH) -> dict[int, str]:
    """What the figures call each cell: drawable, short, and different from every other.

    The id is added where two names would look alike or a name lost characters to missing glyphs.
    """
    drawable = {cell: readable(label) for cell, label in labels.items()}
    if any(len(name) > limit for name in drawable.values()):
        drawable = dict(zip(drawable, _told_apart(list(drawable.values())), strict=True))
    short = {cell: shortened(name, limit=limit) for cell, name in drawable.items()}
    uses = Counter(short.values())
    return {
        cell: name
        if name and uses[name] == 1 and not missing_glyphs([labels[cell]])
        else f"{name} #{cell}".strip()
        for cell, name in short.items()
    }


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names without the words that all of them begin or end with; an ellipsis stands for these."""
    first = _shared_words(names)
    backwards = [name[first:][::-1] for name in names]
    last = _shared_words(backwards)
    if any(len(rest) <= last for rest in backwards):
        return list(names)
    return [
        f"{'…' * bool(first)}{rest[last:][::-1].strip(' ·')}{'…' * bool(last)}"
        for rest in backwards
    ]


def _shared_words(names: Sequence[str]) -> int:
    """Characters of the words that all begin with, the last separator included."""
    least, most = min(names), max(names)
    pairs = enumerate(zip(least, most, strict=False))
    equal = next((place for place, (a, b) in pairs if a != b), len(least))
    words = re.match(rf".*{_SEPARATOR}", least[:equal])
    return words.end() if words else 0


def shortened(text: str, *, limit: int = _NAME_LENGTH) -> str:
    """At most `limit` characters, the middle left out: both ends tell names apart."""
    if len(text) <= limit:
        return text
    head = limit // 2
    return f"{text[:head].rstrip()}…{text[head + 1 - limit :].lstrip()}"


def readable(text: str) -> str:
    """`text` on one line, without control characters, with a box for what the font cannot draw."""
    kept = "".join(" " if c.isspace() else c for c in text if c.isspace() or not _is_control(c))
    drawn = "".join(c if _has_glyph(c) else _NO_GLYPH for c in kept)
    return " ".join(drawn.split())


def missing_glyphs(texts: Iterable[str]) -> str:
    """The characters of `texts` that our font has no picture for, sorted."""
    characters = {c for text in texts for c in text if not c.isspace() and not _is_control(c)}
    return "".join(sorted(c for c in characters if not _has_glyph(c)))


@functools.lru_cache(maxsize=4096)
def text_size(text: str, size: float, *, bold: bool = False) -> tuple[float, float]:
    """Width and line height of one line of text, in points."""
    with house_style():
        weight = "bold" if bold else "normal"
        drawn = _scratch().text(0, 0, text, fontsize=size, fontweight=weight)
        box = drawn.get_window_extent()
        drawn.remove()
    return float(box.width), float(box.height)


def wrapped(items: Sequence[str], *, width: float, size: float, separator: str = ", ") -> list[str]:
    """`items` joined into lines of at most `width` points; an item is never broken."""
    lines: list[str] = []
    for item in items:
        longer = f"{lines[-1]}{separator}{item}" if lines else item
        if lines and text_size(longer, size)[0] > width:
            lines[-1] += separator.rstrip()
            lines.append(item)
        else:
            lines[-1:] = [longer]
    return lines


@functools.cache
def _scratch() -> Figure:
    """A sheet to measure texts on; points are pixels there."""
    figure = Figure(dpi=72)
    FigureCanvasAgg(figure)
    return figure


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@functools.lru_cache(maxsize=4096)
def _has_glyph(character: str) -> bool:
    font = Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return bool(get_font(font).get_char_index(ord(character)))
