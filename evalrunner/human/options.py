"""What `human export` is told, checked before anything is read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from evalrunner.errors import ConfigError, Problem
from evalrunner.planning import CellSpec
from evalrunner.store.files import is_device_name
from evalrunner.types.people import TaskKind

Choosing: TypeAlias = Literal["random", "stratified", "informative"]

_RATER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_REPEATS = 0.25
"""Above it there would be no room to place copies far from what they repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How a run's outputs become tasks; the names are those of the command line."""

    kind: TaskKind | None = None
    """None = pairwise where there are two cells."""
    cells: tuple[str, ...] = ()
    """Ids or labels of one facet; empty = all candidates of the first."""
    cases: int = 50
    choose: Choosing = "random"
    by: str | None = None
    """Field of the cases whose values are the strata."""
    raters: tuple[str, ...] = ("rater-1",)
    overlap: float = 1.0
    repeats: float = 0.05
    seed: int = 0
    instructions: str | None = None
    """None = those of the kind."""
    forms: tuple[str, ...] = ("page",)
    again: bool = False
    """Whether an export that nobody has voted on is replaced."""

    def check(self) -> None:
        """Raise ConfigError with every problem that the options alone have."""
        problems = [*self._problems(), *_rater_problems(self.raters)]
        if problems:
            raise ConfigError(problems)

    def _problems(self) -> Iterator[Problem]:
        if self.cases < 1:
            yield Problem(where="--cases", what=f"must be 1 or more, not {self.cases}")
        if not 0 <= self.overlap <= 1:
            what = f"is a share of the cases, from 0 to 1, not {self.overlap:g}"
            yield Problem(where="--overlap", what=what)
        if not 0 <= self.repeats <= _MOST_REPEATS:
            what = f"is a share of the tasks, from 0 to {_MOST_REPEATS:g}, not {self.repeats:g}"
            yield Problem(where="--repeats", what=what)
        if (self.choose == "stratified") != (self.by is not None):
            what = "names the cases' field for --choose stratified: give both or neither"
            hint = f"add --choose stratified --by {self.by or 'FIELD'}"
            yield Problem(where="--by", what=what, hint=hint)


def choose_cells(cells: Sequence[str], specs: Sequence[CellSpec]) -> list[CellSpec]:
    """The named cells in grid order, or all candidates of the first facet. Raises ConfigError."""
    candidates = [spec for spec in specs if spec.role == "candidate"]
    if not cells:
        return [spec for spec in candidates if spec.facet == candidates[0].facet]
    listed = ", ".join(f"{spec.id} ({spec.label})" for spec in candidates)
    problems, found = list[Problem](), dict[int, CellSpec]()
    for name in cells:
        named = [spec for spec in specs if str(spec.id) == name]
        named = named or [spec for spec in specs if spec.label == name]
        what = f"the run has no cell {name!r}" if not named else ""
        if any(spec.role != "candidate" for spec in named):
            what = f"cell {name!r} is a canary: it tests scorers, and nobody would ship it"
        if what:
            hint = f"its candidates are: {listed or 'none'}"
            problems.append(Problem(where="--cells", what=what, hint=hint))
        found |= {spec.id: spec for spec in named}
    if problems:
        raise ConfigError(problems)
    chosen = [found[cell] for cell in sorted(found)]
    _check_facet(chosen)
    return chosen


def _check_facet(specs: Sequence[CellSpec]) -> None:
    facets = {spec.facet: f"{spec.id} ({spec.label})" for spec in reversed(specs)}
    if len(facets) > 1:
        what = f"cells {' and '.join(facets.values())} are measured differently, or on other cases"
        hint = (
            "name cells of one facet; where only judges or scorers differ, the outputs are the same"
        )
        raise ConfigError(Problem(where="--cells", what=what, hint=hint))


def _rater_problems(raters: Sequence[str]) -> Iterator[Problem]:
    for rater in raters:
        if not _RATER.fullmatch(rater):
            what = f"{rater!r} is no name for a rater: files are named by it"
            hint = "take a letter or digit, then letters, digits, '-', '_' and '.', 64 at most"
            yield Problem(where="--raters", what=what, hint=hint)
        elif is_device_name(rater):
            what = f"{rater!r} is a device on Windows: no file can be called so there"
            yield Problem(where="--raters", what=what, hint="take another name")
    alike = defaultdict[str, list[str]](list)
    for rater in raters:
        alike[rater.lower()].append(rater)
    for names in alike.values():
        listed = " and ".join(map(repr, names))
        if len(set(names)) > 1:
            # Two files whose names differ in case only are one on many machines.
            what = f"{listed} are one name: files are named by it, and case is ignored"
            yield Problem(where="--raters", what=what)
        elif len(names) > 1:
            yield Problem(where="--raters", what=f"{names[0]!r} is named {len(names)} times")
    if not raters:
        yield Problem(where="--raters", what="names nobody", hint="--raters ann,bob")
