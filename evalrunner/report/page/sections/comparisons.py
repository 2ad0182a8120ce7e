"""Which of two is better: pairs with their difference, and what a router of them would reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalrunner.compare import plainest_sentence, sentence
from evalrunner.report.comparisons import contrary_slices
from evalrunner.report.page.sections.facets import cases_link, facet_titles
from evalrunner.report.page.source import PageSource
from evalrunner.report.racing import race_lines

_OPEN = 20
_MOST = 500
"""Comparisons in the page; all of them are in summary.json."""
_CONTRARY = 5
_WIDTH = 200
"""Units of a forest row; the template has the same."""


def section(source: PageSource) -> dict[str, Any] | None:
    """Pairs, racing and routing; None where nothing was compared."""
    summary = source.summary
    entries, routing = _ordered(summary["comparisons"]), summary.get("routing") or ()
    if not entries and not routing:
        return None
    titles = facet_titles(source)
    axis = _Axis.of(entries)
    rows = [_pair(source, entry, axis, facet=titles[entry["facet"]]) for entry in entries[:_MOST]]
    chosen = dict.fromkeys(entry["b"] for entry in entries if entry["selected"])
    return {
        "axis": {"low": axis.low, "high": axis.high, "zero": axis.place(0)},
        "rows": rows[:_OPEN],
        "more": rows[_OPEN:],
        "n_left_out": len(entries) - len(rows),
        "confidence": entries[0]["confidence"] if entries else None,
        "selected": [_named(source, cell) for cell in chosen],
        "racing": list(race_lines(summary)),
        "routing": [_routing(source, entry, title=titles[entry["facet"]]) for entry in routing],
    }


@dataclass(frozen=True, slots=True)
class _Axis:
    """Differences as places in a forest row; no difference always has one."""

    low: float
    high: float

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> _Axis:
        bounds = [entry["difference"][key] for entry in entries for key in ("value", "low", "high")]
        known = [0.0, *(bound for bound in bounds if bound is not None)]
        return cls(min(known), max(known))

    def place(self, difference: float | None) -> float | None:
        if difference is None:
            return None
        width = self.high - self.low
        return _WIDTH * (difference - self.low) / width if width else _WIDTH / 2


def _ordered(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What is compared with a single cell from better to worse; all else as it is."""
    references: dict[int, set[int]] = {}
    for entry in entries:
        references.setdefault(entry["facet"], set()).add(entry["b"])
    return sorted(
        entries,
        key=lambda entry: (
            entry["facet"],
            -(entry["difference"]["value"] or 0.0) if len(references[entry["facet"]]) == 1 else 0.0,
        ),
    )


def _said(entry: Mapping[str, Any], names: tuple[str, str]) -> dict[str, str]:
    """The first against the second in a word, its kind, and in a sentence."""
    said, other = entry["conclusion"], entry["reverse"]
    if said in {"better", "worse"}:
        kind = "good" if said == "better" else "bad"
        return {"word": said, "kind": kind, "said": sentence(entry, names)}
    word, kind = {
        ("not_worse", "not_worse"): ("as good", "good"),
        ("not_worse", "cannot_tell"): ("not worse", "good"),
        ("cannot_tell", "not_worse"): ("not better", ""),
    }.get((said, other), ("cannot tell", "warn"))
    return {"word": word, "kind": kind, "said": plainest_sentence(entry, names)}


def _named(source: PageSource, cell: int) -> dict[str, Any]:
    return {"id": cell, "label": source.label(cell)}


def _pair(
    source: PageSource, entry: Mapping[str, Any], axis: _Axis, *, facet: str
) -> dict[str, Any]:
    a, b = _named(source, entry["a"]), _named(source, entry["b"])
    names, difference = (a["label"], b["label"]), entry["difference"]
    contrary = [
        {
            "field": field,
            "name": value,
            "said": plainest_sentence(part, names),
            "link": cases_link(entry["a"], entry["b"], disagree="1", **{f"slice.{field}": value}),
        }
        for field, value, part in contrary_slices(entry)
    ]
    kept = ("difference", "p_adjusted", "n_paired", "n_more", "wins", "ties", "losses", "because")
    return {
        **{name: entry[name] for name in kept},
        "a": a,
        "b": b,
        "facet": facet,
        **_said(entry, names),
        "is_few_clusters": entry["few_clusters"],
        "places": {name: axis.place(difference[name]) for name in ("value", "low", "high")},
        "link": cases_link(entry["a"], entry["b"], disagree="1"),
        "contrary": contrary[:_CONTRARY],
        "n_contrary": len(contrary),
    }


def _routing(source: PageSource, entry: Mapping[str, Any], *, title: str) -> dict[str, Any]:
    cascades = sorted(entry["cascades"], key=lambda each: each["cost_share"] or 0.0)
    useful = [each for each in cascades if each["is_useful"]]
    return {
        "title": title,
        "oracle": _shared(source, entry["oracle"]),
        "fields": [
            {
                "name": field,
                "choices": [
                    {"name": value, "cell": _named(source, cell)}
                    for value, cell in found["cells"].items()
                ],
                **_shared(source, found),
            }
            for field, found in entry["static_by_category"].items()
        ],
        "useful": _cascades(source, useful),
        "others": _cascades(source, [each for each in cascades if not each["is_useful"]]),
    }


def _shared(source: PageSource, found: Mapping[str, Any]) -> dict[str, Any]:
    """What a routing reaches, and who answers how much of it."""
    shares = sorted(found["shares"].items(), key=lambda item: (-item[1], int(item[0])))
    return {
        "quality": found["quality"],
        "usd_per_1000": found["usd_per_1000"],
        "shares": [{"cell": _named(source, int(cell)), "share": share} for cell, share in shares],
    }


def _cascades(source: PageSource, cascades: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    kept = ("signal", "escalated", "quality", "usd_per_1000", "difference", "n")
    return [
        {
            **{name: each[name] for name in (*kept, "quality_share", "cost_share")},
            "cheap": _named(source, each["cheap"]),
            "strong": _named(source, each["strong"]),
            "partner": None if each["partner"] is None else _named(source, each["partner"]),
        }
        for each in cascades
    ]
