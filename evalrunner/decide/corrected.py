"""Whether the choice would be the same by what people say: by scores without the judge's errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalrunner.decide.limits import margin_words, violations
from evalrunner.decide.needs import Against, Candidate, Needs, Rivals
from evalrunner.decide.raced import lost_race
from evalrunner.decide.rules import Choice, by_cost, choose
from evalrunner.formatting import percent_interval
from evalrunner.summary import FacetResult
from evalrunner.types import Estimate


def corrected_choice(
    facet: FacetResult,
    needs: Needs,
    *,
    raw: int | None,
    entries: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | None:
    """The entry `corrected` of a recommendation; None where people labelled nothing.

    The rules are those of the recommendation itself, by corrected scores and differences.

    Args:
        facet: With its candidates.
        needs: As for `recommend`.
        raw: The cell that is recommended by the scores as they are, if one is.
        entries: Of the summary's `calibration`: the quality of each cell.
        comparisons: Of its `calibrated`: those of this facet.
    """
    if not any(entry["n_labels"] for entry in entries):
        return None
    if len(facet.results) == 1 and needs.quality_floor is None:
        return None
    known = {entry["cell"]: entry for entry in entries}
    rivals = _Corrected.of(facet, list(map(_as_compared, comparisons)), margin=needs.margin)
    every = [replace(each, quality=_quality(known.get(each.id))) for each in rivals.candidates]
    problems = {
        each.id: problem
        for each in every
        if (problem := next(violations(each, needs), None)) is not None
    }
    left = [
        each
        for each in every
        if each.id not in problems and lost_race(each, every, violating=problems) is None
    ]
    refusal = _refusal(left, known)
    if refusal is not None:
        return _entry(None, raw, refusal)
    choice = choose(left, rivals, needs)
    if choice.chosen is None:
        return _entry(None, raw, f"No recommendation by corrected scores: {choice.because}")
    return _entry(choice.chosen.id, raw, _sentence(choice, choice.chosen, left, needs))


@dataclass(frozen=True, kw_only=True)
class _Corrected(Rivals):
    """Rivals by corrected differences alone: raw ones, and what is missing to them, say nothing."""

    def against(self, one: Candidate, other: Candidate) -> Against:
        said = self._compared(one, other)
        difference, is_worse, n_more = said or (Estimate(value=None), False, None)
        return Against(difference=difference, at_worst=None, is_worse=is_worse, n_more=n_more)


def _as_compared(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A corrected comparison in the form of any other."""
    return {
        "a": entry["a"],
        "b": entry["b"],
        "difference": entry["corrected"],
        "conclusion": entry["conclusion"],
    }


def _quality(entry: Mapping[str, Any] | None) -> Estimate:
    found = None if entry is None else entry["corrected"]
    return Estimate(value=None) if found is None else Estimate(**found)


def _refusal(left: Sequence[Candidate], known: Mapping[int, Mapping[str, Any]]) -> str | None:
    """Why nothing can be chosen: one without a corrected score may be the best."""
    head = "No recommendation by corrected scores"
    if not left:
        return f"{head}: no candidate keeps decide.max_latency_p90_s and decide.require"
    without = [each for each in left if each.quality.value is None]
    if without:
        why = known.get(without[0].id, {}).get("refused") or "nobody labelled it"
        others = f", and {len(without) - 1} others" if len(without) > 1 else ""
        return f"{head}: {without[0].label} has none ({why}){others}"
    if all(each.cost.value is None for each in left):
        return f"{head}: no candidate has a known price"
    return None


def _sentence(choice: Choice, chosen: Candidate, left: Sequence[Candidate], needs: Needs) -> str:
    if choice.rule != "margin":
        why = choice.because
    elif chosen is choice.best:
        is_cheapest = by_cost(left)[0] is chosen
        why = "the best and the cheapest" if is_cheapest else "the best, every cheaper one is worse"
    else:
        why = f"not worse than {choice.best.label} by more than {margin_words(needs.margin)}"
    quality = percent_interval(chosen.quality)
    return f"Use {chosen.label}: {chosen.price}, corrected quality {quality}, {why} ({needs.level})"


def _entry(cell: int | None, raw: int | None, because: str) -> dict[str, Any]:
    return {"cell": cell, "because": because, "is_same": cell is not None and cell == raw}
