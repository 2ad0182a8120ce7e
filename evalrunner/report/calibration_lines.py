"""How far the judges of a run agree with people, and what is left of the scores, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from evalrunner.formatting import (
    n_of,
    p_value,
    percent,
    percent_interval,
    points,
    points_interval,
    safe_text,
)
from evalrunner.report.tables import estimate_of
from evalrunner.types import Estimate

Trust: TypeAlias = Literal["no better than chance", "below people", "as good as people", "open"]

_LONGEST = 80
_LONGEST_SENTENCE = 1000
_MOST_CELLS = 20

Entry = Mapping[str, Any]


def calibration_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Each judge beside people, then each of its cells with the score that its labels correct."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    entries = summary.get("calibration") or ()
    found = summary.get("calibrated") or {}
    for judge in overall(entries):
        yield f"{_short(who(judge))}: {agreement_sentence(judge, found)}"
        yield f"  {inflation_sentence(judge, summary['run']['confidence'])}"
        cells = cells_of(judge, entries)
        for entry in cells[:_MOST_CELLS]:
            yield f"  {_short(labels.get(entry['cell'], entry['cell']))}: {_corrected(entry)}"
        if cells[_MOST_CELLS:]:
            yield f"  … and {n_of(len(cells) - _MOST_CELLS, 'more cell')}, in summary.json"
    yield from uneven_lines(summary)
    yield from (f"labels: {safe_text(line, limit=300)}" for line in found.get("unused", ()))
    if broken := found.get("broken_lines"):
        yield f"labels: {n_of(len(broken), 'line')} cannot be read, the first is {broken[0]}"


def uneven_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The pairs of cells of which a judge flatters one more than the other."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    for pair in (summary.get("calibrated") or {}).get("uneven", ()):
        if pair["is_uneven"]:
            yield safe_text(
                uneven_sentence(pair, labels.get(pair["a"], ""), labels.get(pair["b"], "")),
                limit=_LONGEST_SENTENCE,
            )


def corrected_choice(choice: Mapping[str, Any] | None) -> Iterator[str]:
    """What corrected scores recommend beside the raw ones: a sentence, or nothing."""
    if choice is not None:
        head = "corrected scores choose otherwise: "
        if choice["is_same"]:
            head = "corrected scores, the same choice: "
        elif choice["cell"] is None:
            head = ""
        yield f"  {head}{safe_text(choice['because'], limit=_LONGEST_SENTENCE)}"


def overall(entries: Iterable[Entry]) -> list[Entry]:
    """The entries of all cells together of a scorer's combined value."""
    return [entry for entry in entries if entry["cell"] is None and entry["member"] is None]


def cells_of(judge: Entry, entries: Iterable[Entry]) -> list[Entry]:
    """The entries of single cells that a pooled one is made of."""
    names = ("facet", "judge", "scorer", "member")
    return [
        entry
        for entry in entries
        if entry["cell"] is not None and all(entry[name] == judge[name] for name in names)
    ]


def who(judge: Entry) -> str:
    """Whose scores are held against people: a judge, or a scorer that has none."""
    if judge["judge"] == judge["scorer"]:
        return f"scorer {judge['scorer']}"
    return f"judge {judge['judge']}, {judge['scorer']}"


def trust(judge: Entry, found: Mapping[str, Any]) -> Trust:
    """Whether a judge is to people as people are to each other; open where that is not known."""
    kappa, chance = (estimate_of(judge[name]) for name in ("kappa", "ac1"))
    # Kappa alone collapses where nearly all answers pass.
    if all(each.low is not None and each.low <= 0 for each in (kappa, chance)):
        return "no better than chance"
    # Another rater is what a rater is held to: most of them are easier to agree with.
    own, ceiling = estimate_of(judge["with_one_rater"]), _ceiling(found)
    if ceiling.value is None or own.value is None:
        return "open"
    if own.high is not None and ceiling.low is not None and own.high < ceiling.low:
        return "below people"
    return "as good as people" if own.value >= ceiling.value else "open"


def agreement_sentence(judge: Entry, found: Mapping[str, Any]) -> str:
    """How often a judge agrees with people, and with one of them as these do with each other."""
    own, ceiling = estimate_of(judge["percent"]), _ceiling(found)
    single, divided = estimate_of(judge["with_one_rater"]), divided_sentence(judge)
    if own.value is None:
        return "was held against no label of people" + (f" ({divided})" if divided else "")
    of = _units(judge, judge["n_units"])
    of += f" of {n_of(judge['n_labels'], 'answer')}" if judge["unit"] == "criterion" else ""
    said = f"agrees with people on {percent_interval(own)} of {of}"
    said += f" ({divided})" if divided else ""
    if ceiling.value is None or single.value is None:
        return f"{said}; how often people agree with each other is not known"
    end = {
        "no better than chance": "no better than chance",
        "below people": "less than they do",
        "as good as people": "no less than they do",
        "open": "these labels cannot tell whether that is less",
    }[trust(judge, found)]
    return (
        f"{said}; with one rater on {percent_interval(single)}, "
        f"and people with each other on {percent_interval(ceiling)}: {end}"
    )


def divided_sentence(judge: Entry) -> str:
    """What has no label of most raters; empty where everything has."""
    n = judge["n_divided"]
    return f"{_units(judge, n)} on which raters are divided left out" if n else ""


def inflation_sentence(judge: Entry, confidence: float) -> str:
    """By how many points a judge is above people or below, and whether that is certain."""
    inflation, p = estimate_of(judge["inflation"]), judge["inflation_p"]
    if inflation.value is None:
        return "nothing is known of how far its scores are above those of people"
    if p is None or p > 1 - confidence:
        shown = f"{points_interval(inflation)}, {p_value(p)}"
        return f"no inflation is certain: its mean score less that of people is {shown}"
    if inflation.value > 0:
        shown, head = points_interval(inflation), "it flatters: its mean score is"
        return f"{head} {shown} above that of people, {p_value(p)}"
    shown, head = points_interval(_negated(inflation)), "it is too strict: its mean score is"
    return f"{head} {shown} below that of people, {p_value(p)}"


def uneven_sentence(pair: Mapping[str, Any], a: str, b: str) -> str:
    """What a judge that flatters one of two more does to their comparison."""
    difference = estimate_of(pair["difference"])
    if (difference.value or 0) < 0:
        a, b = b, a
    size = points(abs(difference.value or 0))
    kind = "scorer" if pair["judge"] == pair["scorer"] else "judge"
    return (
        f"{kind} {pair['judge']} flatters {a} by {size} more than {b}, "
        f"{p_value(pair['p_adjusted'])}: by its scores alone the two cannot be compared"
    )


def _corrected(entry: Entry) -> str:
    raw, corrected = estimate_of(entry["raw"]), estimate_of(entry["corrected"])
    of = n_of(entry["n_labels"], "label")
    if corrected.value is None:
        why = safe_text(entry["refused"] or "not corrected", limit=_LONGEST_SENTENCE)
        return f"{percent_interval(raw)} by the judge, {why}"
    second = estimate_of(entry["corrected_rogan_gladen"])
    more = "" if second.value is None else f", {percent(second.value)} by Rogan and Gladen"
    return f"corrected {percent_interval(corrected)}, {percent(raw.value)} by the judge{more}, {of}"


def _negated(estimate: Estimate) -> Estimate:
    ends = (None if end is None else -end for end in (estimate.high, estimate.low))
    low, high = ends
    value = None if estimate.value is None else -estimate.value
    return replace(estimate, value=value, low=low, high=high)


def _units(judge: Entry, n: int) -> str:
    if judge["unit"] == "answer":
        return n_of(n, "answer")
    return f"{n:,} {'criterion' if n == 1 else 'criteria'}"


def _ceiling(found: Mapping[str, Any]) -> Estimate:
    return estimate_of((found.get("ceiling") or {}).get("percent"))


def _short(text: object) -> str:
    return safe_text(str(text), limit=_LONGEST)
