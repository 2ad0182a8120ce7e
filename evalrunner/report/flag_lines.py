"""Flags in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.formatting import safe_text

_MOST = 8
"""Yellow flags that a terminal shows; of more it names the codes."""


def flag_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Each flag with what to do about it, red ones first."""
    for flag in red_first(summary["flags"]):
        yield from _whole(flag)


def short_flag_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """As `flag_lines`, where room is scarce: yellow flags have one line each."""
    flags = red_first(summary["flags"])
    red = [flag for flag in flags if flag["severity"] == "red"]
    for flag in red:
        yield from _whole(flag)
    yellow = flags[len(red) :]
    for flag in yellow[:_MOST]:
        yield _said(flag)
    if yellow:
        more = ", ".join(dict.fromkeys(flag["code"] for flag in yellow[_MOST:]))
        yield f"  {f'and {more}; ' if more else ''}what to do about it: summary.md, report.html"


def red_first(flags: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that say that the numbers mislead, then those that ask to keep something in mind."""
    return sorted(flags, key=lambda flag: bool(flag["severity"] != "red"))


def _whole(flag: Mapping[str, Any]) -> Iterator[str]:
    yield _said(flag)
    yield f"  {safe_text(flag['remedy'])}"


def _said(flag: Mapping[str, Any]) -> str:
    return f"{flag['severity']} {flag['code']}: {safe_text(flag['message'])}"
