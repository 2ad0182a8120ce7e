"""Which cases of two runs are the same: equal id and equal sha256."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.planning import CellSpec
from evalrunner.summary import CaseColumns


@dataclass(frozen=True, kw_only=True)
class PairedCells:
    """A cell of the candidate's run and one of the reference's, with the cases of both."""

    specs: tuple[CellSpec, CellSpec]
    """The candidate's, then the reference's."""
    ids: Sequence[str]
    """Of the paired cases, sorted."""
    changed: Sequence[str]
    """Ids of cases whose content is not the same in both."""
    only_candidate: int
    """Cases that the reference's run does not have."""
    only_reference: int
    columns: tuple[CaseColumns, CaseColumns]
    """The paired cases by column, with the truths that each cell's scorers read."""

    @classmethod
    def of(cls, new: CellSpec, old: CellSpec, cases: CaseFile, others: CaseFile) -> PairedCells:
        """The pair of `new`, whose cases are in `cases`, and `old`, whose are in `others`."""
        mine, known = _hashes(new, cases), _hashes(old, others)
        shared = sorted(mine.keys() & known.keys())
        ids = [each for each in shared if mine[each][0] == known[each][0]]
        rows = [mine[each][1] for each in ids]
        slices = new.settings.dataset.slices
        cluster = new.settings.dataset.cluster or old.settings.dataset.cluster
        new_columns, old_columns = (
            CaseColumns.build(
                (cases[row] for row in rows),
                slices=slices,
                cluster=cluster,
                targets=_targets(spec),
            )
            for spec in (new, old)
        )
        return cls(
            specs=(new, old),
            ids=ids,
            changed=[each for each in shared if mine[each][0] != known[each][0]],
            only_candidate=len(mine) - len(shared),
            only_reference=len(known) - len(shared),
            columns=(new_columns, old_columns),
        )

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Position of each paired case."""
        return {each: row for row, each in enumerate(self.ids)}

    def to_json(self) -> dict[str, Any]:
        """What a comparison of two runs says of its cells and cases."""
        return {
            "label_a": self.specs[0].label,
            "label_b": self.specs[1].label,
            "cases": {
                "paired": len(self.ids),
                "changed": list(self.changed),
                "only_a": self.only_candidate,
                "only_b": self.only_reference,
            },
        }


def _hashes(spec: CellSpec, cases: CaseFile) -> dict[str, tuple[str, int]]:
    """SHA-256 and row of each case of a cell, by id."""
    return {case.id: (case.sha256, case.index) for case in cases.slice(spec.first, spec.n)}


def _targets(spec: CellSpec) -> dict[str, str]:
    return {
        name: str(getattr(scorer, "target", ""))
        for name, scorer in spec.settings.scorer.items()
        if scorer.kind == "labels"
    }
