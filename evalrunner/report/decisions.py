"""What to use: the recommendations of a summary, what routing could add, and both in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.decide import Needs, recommend, routing_summary
from evalrunner.decide import corrected_choice as choice_by_people
from evalrunner.formatting import percent, percent_interval, safe_text, usd
from evalrunner.planning import CellSpec
from evalrunner.report.calibration_lines import corrected_choice
from evalrunner.summary import FacetResult
from evalrunner.types import Estimate

_LONGEST = 80
_LONGEST_SENTENCE = 1000


def decisions(
    summary: Mapping[str, Any], facets: Sequence[FacetResult], specs: Sequence[CellSpec]
) -> dict[str, Any]:
    """`recommendations`, `recommendation` and `routing` of a summary that has all else."""
    needs = {spec.facet: _needs(spec) for spec in specs if spec.role == "candidate"}
    cells = {cell["id"]: cell for cell in summary["cells"]}
    found = [
        recommend(
            facet,
            needs[facet.facet],
            comparisons=[e for e in summary["comparisons"] if e["facet"] == facet.facet],
            flags=summary["flags"],
            cells=cells,
        )
        for facet in facets
    ]
    for entry, facet in zip(found, facets, strict=True):
        entry["corrected"] = _by_people(summary, facet, needs[facet.facet], raw=entry["cell"])
    routed = (routing_summary(facet) for facet in facets)
    return {
        "recommendations": found,
        "recommendation": found[0] if len(found) == 1 else None,
        "routing": [entry for entry in routed if entry is not None],
    }


def decision_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The recommendation of each facet that leaves a choice, with what stands behind it."""
    labels = {cell["id"]: safe_text(cell["label"], limit=_LONGEST) for cell in summary["cells"]}
    routing = {entry["facet"]: entry for entry in summary.get("routing", ())}
    n_cells = Counter(c["facet"] for c in summary["cells"] if c["role"] == "candidate")
    found = [
        entry
        for entry in summary.get("recommendations", ())
        if entry["cell"] is not None or n_cells[entry["facet"]] > 1
    ]
    for entry in found:
        where = f"facet {entry['facet']}: " if len(found) > 1 else ""
        because = _without_messages(entry["because"], summary.get("flags", ()))
        yield f"{where}{safe_text(because, limit=_LONGEST_SENTENCE)}"
        yield from corrected_choice(entry.get("corrected"))
        if entry["monthly_usd"] is not None:
            volume = f"{entry['requests_per_month']:,.0f} requests"
            yield f"  {usd(entry['monthly_usd'])} a month at {volume}"
        cheaper = entry["next_cheaper"]
        if cheaper is not None:
            why = safe_text(cheaper["because"], limit=_LONGEST_SENTENCE)
            yield f"  next cheaper, {labels[cheaper['cell']]}: {why}"
        yield from _steps(entry, labels)
        if entry["facet"] in routing:
            yield from _routing(routing[entry["facet"]], labels)


def _by_people(
    summary: Mapping[str, Any], facet: FacetResult, needs: Needs, *, raw: int | None
) -> dict[str, Any] | None:
    """What would be recommended by corrected scores; None where there are no labels."""
    calibrated = summary.get("calibrated") or {"comparisons": ()}
    return choice_by_people(
        facet,
        needs,
        raw=raw,
        entries=[
            entry
            for entry in summary.get("calibration", ())
            if entry["facet"] == facet.facet
            and entry["is_quality"]
            and entry["cell"] is not None
            and entry["member"] is None
        ],
        comparisons=[each for each in calibrated["comparisons"] if each["facet"] == facet.facet],
    )


def _needs(spec: CellSpec) -> Needs:
    run, decide = spec.settings.run, spec.settings.decide
    budget = decide.budget_usd_per_month
    return Needs(
        confidence=run.confidence,
        margin=run.margin,
        max_missing=run.max_missing,
        baseline=run.baseline,
        requests_per_month=decide.requests_per_month,
        budget_usd_per_month=None if budget is None else float(budget),
        quality_floor=decide.quality_floor,
        max_latency_p90_s=decide.max_latency_p90_s,
        require=decide.require,
    )


def _without_messages(because: str, flags: Sequence[Mapping[str, Any]]) -> str:
    """A sentence that names a flag by its code alone: the message stands with the flags."""
    for flag in flags:
        because = because.replace(
            f"red flag {flag['code']}: {flag['message']}", f"red flag {flag['code']}, see the flags"
        )
    return because


def _steps(entry: Mapping[str, Any], labels: Mapping[int, str]) -> Iterator[str]:
    """What one more point costs from the recommended cell upwards."""
    ahead = [step for step in entry["steps"] if step["from"] == entry["cell"]]
    for step in ahead:
        price = f"{usd(step['usd_per_1000_per_point'])} per 1,000 requests"
        if step["usd_per_month_per_point"] is not None:
            price += f", {usd(step['usd_per_month_per_point'])} a month"
        yield f"  one more point of quality, up to {labels[step['to']]}: {price}"


def _routing(entry: Mapping[str, Any], labels: Mapping[int, str]) -> Iterator[str]:
    useful = [cascade for cascade in entry["cascades"] if cascade["is_useful"]]
    for best in sorted(useful, key=lambda cascade: cascade["cost_share"])[:1]:
        escalated = percent(best["escalated"]["value"], digits=0)
        first = labels[best["cheap"]]
        if best["partner"] is not None:
            first += f" and {labels[best['partner']]}"
        yield (
            f"  {first} first, escalate {escalated} to {labels[best['strong']]}: "
            f"{percent(best['quality_share'], digits=0)} of the quality at "
            f"{percent(best['cost_share'], digits=0)} of the cost "
            f"(by {safe_text(best['signal'], limit=_LONGEST)}; an estimate from this grid, "
            f"n = {best['n']:,})"
        )
    oracle = entry["oracle"]
    quality = Estimate(**oracle["quality"])
    if quality.value is not None and len(oracle["shares"]) > 1:
        yield (
            f"  headroom: a router that always knew the right one of these would reach "
            f"{percent_interval(quality)} at {usd(oracle['usd_per_1000']['value'])} per 1,000"
        )
