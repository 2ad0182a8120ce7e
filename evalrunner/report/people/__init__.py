"""What people said of a run's outputs, in its summary: their votes, and judges held to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.report.recorded import RecordedRun
from evalrunner.summary import FacetResult

__all__ = ["said_by_people"]


def said_by_people(
    run: RecordedRun, summary: Mapping[str, Any], facets: Sequence[FacetResult]
) -> dict[str, Any]:
    """`human`, `calibration` and `calibrated` of the summary; each cell gets its `corrected`.

    `trials.jsonl` is there already. Raises StoreError.
    """
    # By their names: a run that nobody was asked about does not import what reads them.
    has_votes = (run.directory / "votes.jsonl").is_file()
    has_labels = (run.directory / "labels.jsonl").is_file()
    if not (has_votes or has_labels):
        return _with_corrected(summary, {}, {"calibration": [], "calibrated": None, "human": None})
    from evalrunner.report.people.answers import read_answers
    from evalrunner.report.people.labels import calibration_json

    answers, human = read_answers(run), None
    if has_votes:
        from evalrunner.report.people.votes import human_summary

        human = human_summary(run, summary, facets, answers=answers)
    found = calibration_json(run, summary, facets, answers=answers)
    return _with_corrected(summary, found.pop("corrected"), found | {"human": human})


def _with_corrected(
    summary: Mapping[str, Any], corrected: Mapping[int, Any], found: dict[str, Any]
) -> dict[str, Any]:
    """`found`; each cell of the summary gets its quality without the judge's errors, or None."""
    for cell in summary["cells"]:
        cell["corrected"] = corrected.get(cell["id"])
    return found
