"""Whether the judges can be trusted: they against people, and the scores without their errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.formatting import n_of
from evalrunner.report.calibration_lines import (
    agreement_sentence,
    cells_of,
    divided_sentence,
    inflation_sentence,
    overall,
    trust,
    uneven_sentence,
    who,
)
from evalrunner.report.page.sections.facets import facet_titles
from evalrunner.report.page.source import PageSource

_TRUST_KINDS = {
    "no better than chance": "bad",
    "below people": "warn",
    "as good as people": "good",
    "open": "",
}
_SAID = {"better": "good", "worse": "bad"}
_MOST = 100
"""Values of a field, or pairs, in the page; all of them are in summary.json."""
_FIGURES = {
    "judges": "Agreement with people against the price of a verdict",
    "calibration": "Each judge against people, and each score without its errors",
}
"""What they show, by the stem of the file."""
_NOTHING: Mapping[str, Any] = {
    "ceiling": None,
    "instruments": (),
    "uneven": (),
    "comparisons": (),
    "sources": None,
    "unused": (),
    "broken_lines": (),
}

Entry = Mapping[str, Any]


def section(source: PageSource) -> dict[str, Any] | None:
    """Judges, instruments and pairs; None where no label of people was given."""
    entries = source.summary.get("calibration") or ()
    calibrated = source.summary.get("calibrated")
    if not entries and calibrated is None:
        return None
    found = {**_NOTHING, **(calibrated or {})}
    pairs, judges = [*_pairs(source, found)], overall(entries)
    # A facet is named only where two of them have a judge and a scorer of the same names.
    titles = facet_titles(source) if len(set(map(who, judges))) < len(judges) else {}
    return {
        "judges": [
            _judge(source, judge, entries, found, title=titles.get(judge["facet"], ""))
            for judge in judges
        ],
        "ceiling": found["ceiling"],
        "instruments": [_instrument(each, titles) for each in found["instruments"]],
        "uneven": [
            _named(source, pair)
            | {"said": uneven_sentence(pair, source.label(pair["a"]), source.label(pair["b"]))}
            for pair in found["uneven"]
            if pair["is_uneven"]
        ],
        "pairs": pairs[:_MOST],
        "n_left_out": len(found["comparisons"]) - len(pairs[:_MOST]),
        "sources": [n_of(n, name[:-1]) for name, n in (found["sources"] or {}).items() if n],
        "unused": found["unused"],
        "broken": found["broken_lines"],
        "figures": [
            {"title": title, "figure": figure}
            for stem, title in _FIGURES.items()
            if (figure := source.figure(stem, title)) is not None
        ],
    }


def _judge(
    source: PageSource,
    judge: Entry,
    entries: Sequence[Entry],
    found: Mapping[str, Any],
    *,
    title: str,
) -> dict[str, Any]:
    cells, level = cells_of(judge, entries), trust(judge, found)
    return {
        **judge,
        "title": title,
        "who": who(judge),
        "noun": "scorer" if judge["judge"] == judge["scorer"] else "judge",
        "trust": level,
        "trust_kind": _TRUST_KINDS[level],
        "agreement": agreement_sentence(judge, found),
        "inflated": inflation_sentence(judge, source.summary["run"]["confidence"]),
        "rows": [_row(source, entry) for entry in cells],
        "has_rogan_gladen": any(_is_known(entry["corrected_rogan_gladen"]) for entry in cells),
        "matrix": judge["confusion"],
        "units": "criteria" if judge["unit"] == "criterion" else "answers",
        "divided": divided_sentence(judge),
        "slices": [*_slices(judge)],
        "budget": _budget(source, cells),
    }


def _row(source: PageSource, entry: Entry) -> dict[str, Any]:
    more = entry["more_labels"] or {}
    return {
        **entry,
        "label": source.label(entry["cell"]),
        "is_corrected": _is_known(entry["corrected"]),
        # Of the labels that are missing, some must be of answers that people pass, or fail.
        "missing": [
            f"{more[name]:,} more {what}"
            for name, what in (
                ("labels", "labels"),
                ("passes", "that people pass"),
                ("fails", "that people fail"),
            )
            if more.get(name)
        ],
    }


def _slices(judge: Entry) -> Iterator[dict[str, Any]]:
    """Fields with their values, those that the judge flatters most first."""
    for field, values in judge["slices"].items():
        rows = sorted(values.items(), key=lambda item: -(item[1]["inflation"]["value"] or 0.0))
        yield {
            "name": field,
            "rows": [{"name": value, **each} for value, each in rows[:_MOST]],
            "n_left_out": len(rows[_MOST:]),
        }


def _budget(source: PageSource, entries: Sequence[Entry]) -> dict[str, Any]:
    """How many labels which half width of a corrected score takes, by cell."""
    planned = [entry for entry in entries if entry["label_budget"]]
    widths = dict.fromkeys(each["half_width"] for one in planned for each in one["label_budget"])
    return {
        "widths": [*widths],
        "rows": [
            {
                "name": source.label(one["cell"]),
                "n_labels": one["n_labels"],
                "n_answers": one["n_answers"],
                "needed": [each["labels"] for each in one["label_budget"]],
            }
            for one in planned
        ],
    }


def _instrument(each: Entry, titles: Mapping[int, str]) -> dict[str, Any]:
    status = each["pareto"]["status"]
    kinds = {"frontier": "good", "undecided": "warn", "unpriced": "warn"}
    return {
        **each,
        "name": each["member"] or each["judge"],
        "panel": each["judge"] if each["member"] else None,
        "where": titles.get(each["facet"], ""),
        "status": status,
        "kind": kinds.get(status, ""),
    }


def _pairs(source: PageSource, found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Pairs that have a corrected difference, beside the raw one and how uneven the errors are."""
    errors = {(each["facet"], each["a"], each["b"]): each for each in found["uneven"]}
    for pair in found["comparisons"]:
        if not _is_known(pair["corrected"]):
            continue
        uneven = errors.get((pair["facet"], pair["a"], pair["b"]))
        said = str(pair["conclusion"])
        yield _named(source, pair) | {
            "raw": pair["raw"],
            "corrected": pair["corrected"],
            "n_labels": pair["n_labels"],
            "said": said.replace("_", " "),
            "kind": _SAID.get(said, "warn"),
            "uneven": uneven,
        }


def _named(source: PageSource, pair: Entry) -> dict[str, Any]:
    return {name: {"id": pair[name], "label": source.label(pair[name])} for name in ("a", "b")}


def _is_known(estimate: Mapping[str, Any] | None) -> bool:
    return estimate is not None and estimate["value"] is not None
