"""The comparisons of a run, and `flips.jsonl`: the cases on which compared cells differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.compare import (
    Scores,
    choose_pairs,
    compare_cells,
    flipped_cases,
    plainest_sentence,
)
from evalrunner.formatting import n_of, safe_text
from evalrunner.planning import CellSpec
from evalrunner.planning.opponents import is_baseline
from evalrunner.report.recorded import RecordedRun
from evalrunner.store import write_text
from evalrunner.summary import FacetResult

FLIPS = "flips.jsonl"
_MOST_SHOWN = 15
_LONGEST = 80
_TWO = 2
"""Cells that make a comparison."""


def write_comparisons(run: RecordedRun, facets: Sequence[FacetResult]) -> list[dict[str, Any]]:
    """`summary.json["comparisons"]`; writes `flips.jsonl` if anything is compared."""
    compared = [
        (scores, choose_pairs(scores.points, baseline=_baseline(run, scores)))
        for facet in facets
        if len(facet.results) >= _TWO
        for scores in [Scores.build(facet, _case_ids(run, facet))]
    ]
    if compared:
        flips = (row for each in compared for row in flipped_cases(*each))
        write_text(run.directory / FLIPS, "".join(f"{json.dumps(row)}\n" for row in flips))
    return [entry for each in compared for entry in compare_cells(each)]


def comparison_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """What is known of each pair, and the slices that say the contrary, in lines for people."""
    entries, labels = summary["comparisons"], {c["id"]: c["label"] for c in summary["cells"]}
    for reference in dict.fromkeys(entry["b"] for entry in entries if entry["selected"]):
        yield (
            f"compared with {safe_text(labels[reference], limit=_LONGEST)}, the best on these very "
            "cases: by that choice alone its lead looks larger than it is (winner's curse)"
        )
    for entry in entries[:_MOST_SHOWN]:
        names = labels[entry["a"]], labels[entry["b"]]
        yield plainest_sentence(entry, names)
        for field, value, part in contrary_slices(entry):
            where = f"{safe_text(field, limit=_LONGEST)} {safe_text(value, limit=_LONGEST)}"
            yield f"  but in {where}: {plainest_sentence(part, names)}"
    if entries[_MOST_SHOWN:]:
        left_out = n_of(len(entries) - _MOST_SHOWN, "comparison")
        yield f"… and {left_out} more, in summary.json"


def contrary_slices(entry: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Field, value and comparison of the slices in which the other one is significantly better."""
    overall = entry["difference"]["value"] or 0.0
    for field, values in entry["slices"].items():
        for value, part in values.items():
            leans = {"better": 1, "worse": -1}.get(part["conclusion"], 0)
            if leans * overall < 0:
                yield field, value, {**entry, "n_more": None, **part}


def _baseline(run: RecordedRun, scores: Scores) -> int | None:
    """Position of the cell that `run.baseline` selects in a facet."""
    specs: dict[int, CellSpec] = {spec.id: spec for spec in run.specs}
    for place, cell in enumerate(scores.cells):
        wanted = specs[cell].settings.run.baseline
        if wanted and is_baseline(specs[cell].axes, wanted):
            return place
    return None


def _case_ids(run: RecordedRun, facet: FacetResult) -> list[str]:
    spec = next(spec for spec in run.specs if spec.id == facet.ids[0])
    return [case.id for case in run.cases.slice(spec.first, spec.n)]
