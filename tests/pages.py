"""Sections of the page for tests: small summaries, and what a reader sees of the HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from evalrunner.report.page.document import render
from evalrunner.report.page.source import PageSource

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\"'><svg onload=alert(1)>",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "\x1b]52;c;x\x07",
    "\ud800",
    "\u202egnp.exe",
)


def estimate(value: float | None, low: Any = None, high: Any = None, *, n: int = 40) -> Any:
    """An estimate as a summary holds it."""
    return {"value": value, "low": low, "high": high, "n": n, "method": "wilson"}


def cell(number: int, label: str | None = None, **changes: Any) -> dict[str, Any]:
    """A cell's entry of a summary, with nothing but a quality and costs of zero."""
    cost = dict.fromkeys(("usd_spent", "usd_judge", "usd_retries", "saved_cache"), 0.0)
    cost |= dict.fromkeys(("usd_per_1000", "usd_total", "usd_per_correct"))
    cost |= {"possibly_billed": 0, "unpriced_calls": 0, "estimated": False}
    return {
        "id": number,
        "label": label or f"m{number}",
        "axes": {"model": label or f"m{number}", "judge": "none"},
        "facet": 0,
        "role": "candidate",
        "n_cases": 40,
        "quality": estimate(0.9 - number / 10, 0.6 - number / 10, 1.0 - number / 10),
        "quality_name": "labels",
        "scores": {},
        "slices": {},
        "cost": cost | changes.pop("cost", {}),
        "repeats": None,
        "latency_s": dict.fromkeys(("p50", "p90", "p99")),
        "classes": {},
        "judging": {},
        "criteria": {},
        "raced": None,
    } | changes


def source(
    cells: Sequence[Mapping[str, Any]], *, directory: Path = Path(), **changes: Any
) -> PageSource:
    """A run of these cells; `plan` and `manifest` stand beside the summary's keys."""
    plan, manifest = changes.pop("plan", {}), changes.pop("manifest", {})
    summary = {
        "run": {"name": "tests", "confidence": 0.95, "race": None},
        "quality": "labels",
        "cells": list(cells),
        "comparisons": [],
        "judging": None,
        "routing": [],
    }
    return PageSource(directory=directory, summary=summary | changes, plan=plan, manifest=manifest)


def shown(name: str, section: Any) -> Page:
    """A section as its template shows it."""
    found = Page()
    found.feed(render(f"sections/{name}.html.j2", section=section))
    return found


class Page(HTMLParser):
    """Texts, tables, links and tags of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.html = ""
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._cell: list[str] | None = None

    def feed(self, data: str) -> None:
        self.html += data
        super().feed(data)

    @property
    def text(self) -> str:
        """All that is to be read, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self._cell = []
        elif tag == "a":
            self.links.append(dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._cell is not None:
            self.tables[-1][-1].append(" ".join(" ".join(self._cell).split()))
            self._cell = None

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._cell is not None:
            self._cell.append(data)
