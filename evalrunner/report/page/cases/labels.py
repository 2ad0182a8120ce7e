"""What people said of the answers: labels and ratings, matched with the trials they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.planning import CellSpec
from evalrunner.report.people.answers import output_sha256
from evalrunner.report.people.matching import LabelMatcher, PeopleSaid, scored_name


class Labels:
    """People's labels of the quality scorer's verdicts.

    Lines that are no label are passed over: a page is no place to check them.

    Args:
        directory: Of the run.
        specs: All cells of the run.
        cases: Of the run.
    """

    def __init__(self, directory: Path, specs: Sequence[CellSpec], cases: CaseFile) -> None:
        said = PeopleSaid.read(directory)
        self._matcher = LabelMatcher(said, specs, cases) if said else None
        self._quality = {spec.id: scored_name(spec, None) for spec in specs}

    def of(self, spec: CellSpec, row: Mapping[str, Any]) -> list[float]:
        """The labels of one trial, one a rater."""
        name = self._quality[spec.id]
        if self._matcher is None or name is None:
            return []
        sha256 = output_sha256(row["output"])
        found = self._matcher.of(spec, row["case_id"], repeat=row["repeat"], sha256=sha256)
        return list(found[name].whole.values()) if name in found else []
