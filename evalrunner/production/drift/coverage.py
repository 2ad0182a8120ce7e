"""Which part of production is like nothing in the test set, and what to label next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.production.drift.words import Floats, Matrix, vectors_of
from evalrunner.stats import weighted_rate

_WITHIN = 0.95
_FEWEST = 20
_MOST_CASES = 5000
"""Of the test set that calls are held against."""
_CHUNK = 500
_MOST_EXAMPLES, _MOST_GROUPS, _MOST_CANDIDATES = 3, 20, 200
_ALIKE = 0.5
"""Cosine from which a second example would show the first again."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """How far each call is from the nearest case."""

    rows: Matrix
    """Of the calls."""
    distance: Floats
    """1 - cosine."""
    limit: float
    """95 % of the cases are nearer than this to another one."""

    @property
    def is_unseen(self) -> NDArray[np.bool_]:
        """Of each call."""
        return self.distance > self.limit


def find_unseen(
    cases: Sequence[str], calls: Sequence[str], *, rng: np.random.Generator
) -> Unseen | None:
    """None for a test set too small to know what is near in it, or without a call."""
    if len(cases) < _FEWEST or not calls:
        return None
    n = len(cases)
    rows = vectors_of([*cases, *calls]).rows
    kept = np.sort(rng.permutation(n)[:_MOST_CASES])
    near = rows[kept]
    inside = 1 - _nearest(near, near, is_same=True)
    outside = 1 - _nearest(rows[n:], near, is_same=False)
    return Unseen(rows[n:], outside, float(np.quantile(inside, _WITHIN)))


def coverage_facts(unseen: Unseen | None, weights: Sequence[float]) -> dict[str, Any] | None:
    """Share of production that is farther off than 95 % of the cases are from each other."""
    if unseen is None:
        return None
    share = weighted_rate(unseen.is_unseen.astype(np.float64), weights)
    return {
        "unseen": asdict(share),
        "expected": 1 - _WITHIN,
        "limit": unseen.limit,
        "n_unseen": int(unseen.is_unseen.sum()),
    }


def to_label(
    unseen: Unseen,
    categories: Sequence[str | None],
    weights: Sequence[float],
    *,
    known: frozenset[str],
) -> Iterator[tuple[str | None, dict[str, Any], list[int]]]:
    """Category, facts and examples (positions of calls), the largest share of production first.

    Unseen calls, and all calls of categories that the test set (whose categories are `known`) has
    no case of.
    """
    groups: dict[str | None, list[int]] = defaultdict(list)
    for place, name in enumerate(categories):
        is_new = name is not None and bool(known) and name not in known
        if is_new or unseen.is_unseen[place]:
            groups[name].append(place)
    weight = np.asarray(weights, np.float64)
    share = {name: float(weight[places].sum() / weight.sum()) for name, places in groups.items()}
    ordered = sorted(groups, key=lambda name: (-share[name], name or ""))
    for name in ordered[:_MOST_GROUPS]:
        places = groups[name]
        facts = {"share": share[name], "n_calls": len(places)}
        yield name, facts, _typical(unseen.rows, np.array(places, dtype=np.intp))


def _nearest(rows: Matrix, others: Matrix, *, is_same: bool) -> Floats:
    """Largest cosine of each row with another one."""
    columns, found = others.T.tocsr(), []
    for start in range(0, rows.shape[0], _CHUNK):
        cosines = (rows[start : start + _CHUNK] @ columns).toarray()
        if is_same:
            place = np.arange(cosines.shape[0])
            cosines[place, start + place] = 0
        found.append(cosines.max(axis=1))
    nearest: Floats = np.minimum(np.concatenate(found), 1.0)
    return nearest


def _typical(rows: Matrix, places: NDArray[np.intp]) -> list[int]:
    """Those that are most like the others, and little like each other."""
    own = rows[places]
    likeness = np.asarray(own @ np.asarray(own.sum(axis=0)).ravel()).ravel()
    order = np.argsort(-likeness, kind="stable")[:_MOST_CANDIDATES]
    chosen: list[int] = []
    for at in order.tolist():
        cosines = [float((own[at] @ own[other].T).sum()) for other in chosen]
        if max(cosines, default=0.0) < _ALIKE:
            chosen.append(at)
        if len(chosen) == _MOST_EXAMPLES:
            break
    return [int(places[at]) for at in chosen]
