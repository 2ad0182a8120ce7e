"""Cells that share cases, and the pages that their cases are cut into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalrunner.planning import CellSpec

_PAGE_BYTES = 1_500_000
"""About what a page of trials may hold: a browser reads it without a pause."""
_SIZES = (500, 200, 100, 50, 20, 10, 5, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cells over the same rows of `cases.jsonl`.

    A canary answers the first rows of its facet's cases: it stands beside those whom it tests.
    """

    first: int
    n: int
    specs: tuple[CellSpec, ...]
    first_page: int
    n_pages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some cases of a group."""

    number: int
    group: Group
    places: range
    """Of the cases in their group."""


def groups_of(specs: Sequence[CellSpec], *, page_size: int) -> tuple[Group, ...]:
    """The groups of a run, in grid order."""
    members: dict[int, list[CellSpec]] = {}
    for spec in specs:
        members.setdefault(spec.first, []).append(spec)
    groups: list[Group] = []
    for first, cells in members.items():
        n = max(cell.n for cell in cells)
        last = groups[-1] if groups else None
        groups.append(
            Group(
                first=first,
                n=n,
                specs=tuple(cells),
                first_page=last.first_page + last.n_pages if last else 0,
                n_pages=-(-n // page_size),
            )
        )
    return tuple(groups)


def page_size(specs: Sequence[CellSpec], n_bytes: int) -> int:
    """How many cases a page holds when all trials together have so many bytes."""
    n_cases = sum(group.n for group in groups_of(specs, page_size=1))
    wanted = _PAGE_BYTES * n_cases / max(1, n_bytes)
    return next((size for size in _SIZES if size <= wanted), 1)


def pages_of(groups: Sequence[Group], *, page_size: int) -> Iterator[Page]:
    """Every page, in order."""
    for group in groups:
        for k in range(group.n_pages):
            places = range(k * page_size, min((k + 1) * page_size, group.n))
            yield Page(number=group.first_page + k, group=group, places=places)
