"""How numbers and foreign text are shown to people: decided here, once.

Foreign text (a model's, a user's) may hold terminal escapes and markup; `safe_text` makes it inert.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import Decimal

from evalrunner.types import Estimate

UNKNOWN = "–"
_MINUS = "−"
"""As wide as a plus, and no place to break a line."""
_NO_BREAK = "&#8203;"
"""A character without width: what it stands in is no mention and no link any more."""
_MARKDOWN = tuple(
    (re.compile(pattern, re.IGNORECASE), inert)
    for pattern, inert in (
        (r"[\\`*_|<>\[\]~#]", r"\\\g<0>"),
        ("&", "&amp;"),
        # A price is no formula.
        (r"\$(?![\d\s])", r"\\$"),
        (r"^(\s*)([-+=])", r"\1\\\2"),
        (r"^(\s*\d+)([.)])(?=\s|$)", r"\1\\\2"),
        (
            r"(@(?=\w)|#(?=\d)|\bGH-(?=\d)|:(?=//)|\bwww(?=\.)|\b(?:mailto|xmpp):)",
            rf"\1{_NO_BREAK}",
        ),
    )
)


def percent(value: float | None, *, digits: int = 1) -> str:
    """0.912 as `91.2 %`."""
    return UNKNOWN if value is None else f"{_signed(f'{100 * value:.{digits}f}')} %"


def percent_interval(estimate: Estimate) -> str:
    """`91.2 % (88.4–93.5)`, without the bounds where they are unknown."""
    bounds = percent_bounds(estimate)
    return f"{percent(estimate.value)} ({bounds})" if bounds else percent(estimate.value)


def percent_bounds(estimate: Estimate) -> str:
    """`88.4–93.5`; empty where they are unknown."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return ""
    return _signed(f"{100 * estimate.low:.1f}–{100 * estimate.high:.1f}")


def points(value: float | None) -> str:
    """A difference of shares: 0.012 as `1.2 points`."""
    return UNKNOWN if value is None else f"{_plain_zero(100 * value)} points"


def margin_points(margin: float) -> str:
    """What somebody chose, as they wrote it: 0.02 as `2 points`, 0.01 as `1 point`."""
    shown = f"{100 * margin:g}"
    return f"{shown} point" if shown == "1" else f"{shown} points"


def points_interval(estimate: Estimate) -> str:
    """`25.2 points (22.5 to 27.9)`, without the bounds where they are unknown."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return points(estimate.value)
    return f"{points(estimate.value)} ({_range(estimate.low, estimate.high)})"


def points_range(low: float, high: float) -> str:
    """From one difference of shares to another: `−11.7 to 18.3 points`."""
    return f"{_range(low, high)} points"


def p_value(value: float | None) -> str:
    """`p = 0.012`, `p < 0.001`."""
    if value is None:
        return f"p {UNKNOWN}"
    return "p < 0.001" if value < 0.0005 else f"p = {value:.3f}"  # noqa: PLR2004 - as it rounds


def number(value: float | None, *, digits: int = 2) -> str:
    """What is neither a share nor money, such as a tau: `0.83`."""
    return UNKNOWN if value is None else _signed(f"{value:.{digits}f}")


def number_interval(estimate: Estimate, *, digits: int = 2) -> str:
    """`0.83 (0.71 to 0.92)`, without the bounds where they are unknown."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return number(estimate.value, digits=digits)
    bounds = (number(bound, digits=digits) for bound in (estimate.low, estimate.high))
    return f"{number(estimate.value, digits=digits)} ({' to '.join(bounds)})"


def usd(value: float | Decimal | None) -> str:
    """Three significant digits below a dollar, cents above: `$1.72e-6`, `$0.0423`, `$3.10`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    number = float(value)
    if number == 0:
        return "$0"
    sign, size = (_MINUS if number < 0 else ""), abs(number)
    # The limits are where rounding reaches the next form: $999.996 is $1,000, not $1000.00.
    if size >= 999.995:  # noqa: PLR2004 - cents do not matter any more
        return f"{sign}${size:,.0f}"
    if size >= 0.9995:  # noqa: PLR2004 - a dollar, rounded
        return f"{sign}${size:.2f}"
    if size < 1e-4:  # noqa: PLR2004 - zeros are not counted by eye
        return f"{sign}${size:.2e}".replace("e-0", "e-")
    return f"{sign}${_significant(size, 3)}"


def usd_interval(estimate: Estimate) -> str:
    """`$0.42 (0.40–0.45)`; without bounds where they are unknown or do not differ."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return usd(estimate.value)
    if usd(estimate.low) == usd(estimate.high):
        return usd(estimate.value)
    low, high = usd(estimate.low).replace("$", ""), usd(estimate.high).replace("$", "")
    return f"{usd(estimate.value)} ({low}–{high})"


def count(value: float | None) -> str:
    """`950`, `12.3 k`, `3.4 M`."""
    if value is None:
        return UNKNOWN
    for size, scale, unit in ((999.95e6, 1e9, " G"), (999.95e3, 1e6, " M"), (9999.5, 1e3, " k")):
        if abs(value) >= size:
            return _signed(f"{value / scale:.1f}{unit}")
    return _signed(f"{value:,.0f}")


def n_of(n: int, noun: str) -> str:
    """`1 cell`, `1,232 trials`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def seconds(value: float | None) -> str:
    """`850 µs`, `12 ms`, `1.4 s`, `3 min 20 s`, `2 h 05 min`."""
    if value is None:
        return UNKNOWN
    for limit, scale, unit in ((0.9995e-3, 1e6, "µs"), (0.9995, 1e3, "ms")):
        if value < limit:
            return f"{scale * value:.3g} {unit}" if value else "0 s"
    if value < 59.95:  # noqa: PLR2004 - a minute, rounded
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def safe_text(text: str, *, limit: int | None = None) -> str:
    """Foreign text for a terminal: control, format and lone surrogate characters made visible.

    Newlines and tabs are escaped too; past `limit` the text is cut, saying how much is left out,
    unless to say so would take longer.
    """
    left_out = 0 if limit is None else len(text) - limit
    mark = f" [… {left_out:,} characters cut …]"
    if left_out <= len(mark):
        return "".join(map(_visible, text))
    return "".join(map(_visible, text[:limit])) + mark


def markdown_text(text: str) -> str:
    """Text that no Markdown reader takes for markup, HTML or a table's end, and no site for a link.

    Mentions, numbers of issues, addresses and formulas stay as they are to the eye.
    """
    line = " ".join(text.splitlines())
    for pattern, inert in _MARKDOWN:
        line = pattern.sub(inert, line)
    return line


def _plain_zero(value: float) -> str:
    """One decimal; what rounds to zero has no sign."""
    return _signed(f"{value:z.1f}")


def _range(low: float, high: float) -> str:
    return f"{_plain_zero(100 * low)} to {_plain_zero(100 * high)}"


def _signed(number: str) -> str:
    """With a minus for a hyphen."""
    return number.replace("-", _MINUS)


def _visible(character: str) -> str:
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return character.encode("unicode_escape").decode("ascii")
    return character


def _significant(size: float, digits: int) -> str:
    """At least cents: `0.50`."""
    whole, _, decimals = f"{Decimal(f'{size:.{digits}g}'):f}".partition(".")
    return f"{whole}.{decimals:0<2}"
