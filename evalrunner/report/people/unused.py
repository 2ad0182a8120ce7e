"""Why a label is about no answer of a run."""

from __future__ import annotations

from collections.abc import Sequence

from evalrunner.planning import CellSpec
from evalrunner.report.people.answers import Answers
from evalrunner.report.people.matching import LabelMatcher
from evalrunner.types.people import Label


def why_unused(
    label: Label, matcher: LabelMatcher, specs: Sequence[CellSpec], answers: Answers
) -> str:
    """The first reason, in words; identifiers that files hold are quoted."""
    candidates = [spec for spec in specs if spec.role == "candidate"]
    having = [spec for spec in candidates if label.case_id in answers.cells[spec.id]]
    if not having:
        return f"the run has no case {label.case_id!r}"
    if label.cell is None and label.output_sha256 is None and len(candidates) > 1:
        return "it names neither cell nor output_sha256, and several cells have an answer"
    meant = [spec for spec in having if label.cell in (None, spec.id, spec.label)]
    if not meant:
        return f"the run has no candidate {label.cell!r} that answers this case"
    return _of_cells(label, matcher, meant)


def _of_cells(label: Label, matcher: LabelMatcher, meant: Sequence[CellSpec]) -> str:
    named = [spec for spec in meant if matcher.name(spec, label.scorer) is not None]
    if not named and label.scorer is None:
        return "the quality is pairwise: it is labelled by votes"
    if not named:
        return f"{label.scorer!r} is no scorer of its cell that labels can be about"
    n_repeats = max(spec.repeats for spec in named)
    if label.repeat is not None and not 0 <= label.repeat < n_repeats:
        return f"there is no repeat {label.repeat}, only 0 to {n_repeats - 1}"
    return "it was given for another output than the run has: output_sha256 matches none"
