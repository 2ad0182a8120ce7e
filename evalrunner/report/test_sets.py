"""Facts about the test sets of a run, and its scores at the mix of categories of production.

What follows from them is said by `evalrunner.flags`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.errors import StoreError
from evalrunner.health import (
    class_counts,
    contradictions,
    find_duplicates,
    text_of,
)
from evalrunner.planning import CellSpec
from evalrunner.planning.frozen import kept_template
from evalrunner.report.production_mix import production_json
from evalrunner.report.recorded import RecordedRun
from evalrunner.stats import kish_size
from evalrunner.summary import FacetResult
from evalrunner.types import Case, Json, sha256_of

_MOST_GROUPS, _MOST_IDS = 20, 20
_MOST_CASES, _MOST_BYTES = 20_000, 64_000_000
"""Beyond, texts are not held against each other: it would take more memory than all else."""
_NEVER_ASKED = frozenset({"id", "expected_output", "rubric"})


def test_set_facts(run: RecordedRun, facets: Sequence[FacetResult]) -> dict[str, Any]:
    """`test_sets` and `production` of the summary. Raises StoreError."""
    sets = list(_sets(run, facets))
    return {
        "test_sets": [_test_set_json(each, run) for each in sets],
        "production": production_json(
            run.specs[0].settings,
            [(each.specs[0].settings.dataset.name, each.cases, each.facets) for each in sets],
        ),
    }


@dataclass(frozen=True, slots=True)
class _TestSet:
    """Cases with the candidates and facets that share them."""

    cases: Sequence[Case]
    specs: tuple[CellSpec, ...]
    facets: tuple[FacetResult, ...]


def _sets(run: RecordedRun, facets: Sequence[FacetResult]) -> Iterator[_TestSet]:
    groups: dict[tuple[int, int], list[CellSpec]] = {}
    for spec in run.specs:
        if spec.role == "candidate":
            groups.setdefault((spec.first, spec.n), []).append(spec)
    for (first, n), specs in groups.items():
        numbers = {spec.facet for spec in specs}
        yield _TestSet(
            cases=run.cases.slice(first, n),
            specs=tuple(specs),
            facets=tuple(facet for facet in facets if facet.facet in numbers),
        )


def _test_set_json(each: _TestSet, run: RecordedRun) -> dict[str, Json]:
    spec = each.specs[0]
    scorer = spec.settings.scorer[spec.quality_scorer]
    # A judge reads what a rubric says: no share of the cases with one target means anything to it.
    target: str | None = getattr(scorer, "target", None)
    found: dict[str, Json] = {
        "dataset": spec.settings.dataset.name,
        "facets": [facet.facet for facet in each.facets],
        "n_cases": len(each.cases),
    }
    return (
        found
        | _duplicates_json(
            each.cases, _asked_fields(each, run), target=target or "expected_output", run=run
        )
        | _clusters_json(each.facets)
        | {
            "categories": _counts_json(each.cases, _category_field(spec)),
            "targets": None if target is None else _counts_json(each.cases, target),
        }
    )


def _duplicates_json(
    cases: Sequence[Case], fields: Sequence[str], *, target: str, run: RecordedRun
) -> dict[str, Json]:
    is_small = len(cases) <= _MOST_CASES and run.cases.path.stat().st_size <= _MOST_BYTES
    texts = _Column(cases, lambda case: text_of([case.fields.get(name) for name in fields]))
    targets = _Column(cases, lambda case: case.fields.get(target))
    found = find_duplicates(texts, is_near_wanted=is_small)
    equal, near = contradictions(found, texts, targets)
    ids = _Column(cases, lambda case: case.id)
    return {
        "n_distinct": found.n_distinct,
        "duplicates": _groups_json(found.equal, ids, n=found.n_equal),
        "near_duplicates": _groups_json(found.near, ids, n=found.n_near) if is_small else None,
        "contradictions": _groups_json((*equal, *near), ids, n=len(equal) + len(near))
        | {"n_equal": len(equal)},
    }


class _Column(Sequence[Any]):
    """Something of each case, read when it is asked for."""

    def __init__(self, cases: Sequence[Case], read: Callable[[Case], Any]) -> None:
        self._cases = cases
        self._read = read

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, position: Any) -> Any:
        return self._read(self._cases[position])

    def __iter__(self) -> Iterator[Any]:
        return map(self._read, self._cases)


def _groups_json(groups: Sequence[Sequence[int]], ids: Sequence[str], *, n: int) -> dict[str, Json]:
    shown = [[ids[place] for place in group[:_MOST_IDS]] for group in groups[:_MOST_GROUPS]]
    return {"n": n, "groups": shown, "n_more_groups": len(groups) - len(shown)}


def _asked_fields(each: _TestSet, run: RecordedRun) -> list[str]:
    """The input and what else the prompts ask: equal questions about other texts are others."""
    fields = {"input"}
    others = {name for case in each.cases for name in case.fields} - {*_NEVER_ASKED, "input"}
    if others:
        for prompt in {
            sha256_of(s.config["prompt"]): s.settings.prompt for s in each.specs
        }.values():
            # A run whose templates are gone can still be read.
            with suppress(StoreError):
                variables = kept_template(prompt, run.directory, run.manifest).variables()
                fields |= variables.keys() & others
    return sorted(fields)


def _clusters_json(facets: Sequence[FacetResult]) -> dict[str, Json]:
    codes = next((f.cases.clusters for f in facets if f.cases.clusters is not None), None)
    if codes is None:
        names = ("cluster_field", "n_clusters", "largest_cluster", "effective_clusters")
        return dict.fromkeys(names)
    sizes: NDArray[np.intp] = np.bincount(codes)
    return {
        "cluster_field": next(f.cases.cluster_field for f in facets),
        "n_clusters": int(sizes.size),
        "largest_cluster": int(sizes.max()),
        "effective_clusters": float(kish_size(sizes)),
    }


def _category_field(spec: CellSpec) -> str:
    settings = spec.settings
    return settings.production.by or next(iter(settings.dataset.slices), "category")


def _counts_json(cases: Sequence[Case], field: str) -> dict[str, Json] | None:
    """None where the field is absent, or its values are no classes."""
    counts = class_counts(cases, field)
    return {"field": field, "counts": counts} if counts else None
