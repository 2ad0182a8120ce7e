"""Two runs, or two cells of any runs, compared on the cases that both have.

Reads plans, cases and `trials.jsonl`; rebuilds nothing, and changes neither run. The second run is
the candidate, held to the first: in a comparison `a` is its cell, and `b` the reference's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from evalrunner.compare import Pairing, Scores, compare_cells, flipped_cases
from evalrunner.config.grid import CANDIDATE_AXES
from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.planning import CellSpec, read_specs
from evalrunner.report.pairing import PairedCells
from evalrunner.store import run_directory
from evalrunner.summary import CellInfo, CellResult, FacetResult, SummaryOptions, summarize_cell
from evalrunner.types import Json, canonical_json

_TRIALS = "trials.jsonl"
_PAIRING = Pairing(pairs=((0, 1),), reference=None)


def compare_runs(reference: str, candidate: str, *, margin: float | None = None) -> dict[str, Any]:
    """What `evalrunner compare` says, as JSON; both arguments are `RUN` or `RUN:CELL`.

    `margin` replaces the candidate's `run.margin`. Raises ConfigError when there is nothing to
    compare, StoreError when a run cannot be read.
    """
    new, old = _Side.open(candidate), _Side.open(reference)
    specs = _same_cells(new, old)
    pairs = [PairedCells.of(a, b, new.cases, old.cases) for a, b in specs]
    found = [_results(side, pairs, place) for place, side in enumerate((new, old))]
    compared = [
        Scores.build(_facet(pair, results, margin=margin), pair.ids)
        for pair, results in zip(pairs, zip(*found, strict=True), strict=True)
    ]
    entries = compare_cells(*((scores, _PAIRING) for scores in compared))
    return {
        "schema_version": 1,
        "candidate": str(new.directory),
        "reference": str(old.directory),
        "quality": specs[0][0].quality,
        "comparisons": [
            {**entry, **pair.to_json(), "flips": _flips(scores)}
            for entry, pair, scores in zip(entries, pairs, compared, strict=True)
        ],
        "unpaired": {
            "candidate": _left_over(new, {a.id for a, _ in specs}),
            "reference": _left_over(old, {b.id for _, b in specs}),
        },
        "warnings": list(dict.fromkeys(each for pair in specs for each in _warnings(*pair))),
    }


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two runs, with the cells that may be compared."""

    directory: Path
    specs: tuple[CellSpec, ...]
    cases: CaseFile

    @classmethod
    def open(cls, named: str) -> _Side:
        """`RUN` or `RUN:CELL`. Raises ConfigError when there is no such run or cell."""
        directory, cell = _located(named)
        every = [spec for spec in read_specs(directory) if spec.role == "candidate"]
        specs = [spec for spec in every if cell in (None, str(spec.id))]
        specs = specs or [spec for spec in every if cell == spec.label]
        if not specs:
            listed = ", ".join(f"{spec.id} ({spec.label})" for spec in every)
            what = f"the run has no candidate {cell!r}"
            raise ConfigError(
                Problem(where=named, what=what, hint=f"its candidates are: {listed or 'none'}")
            )
        return cls(directory, tuple(specs), CaseFile(directory / "cases.jsonl"))

    def rows(self) -> Iterator[tuple[int, Iterator[dict[str, Json]]]]:
        """Each cell's id and rows of `trials.jsonl`."""
        path = self.directory / _TRIALS
        try:
            with path.open("rb") as file:
                yield from groupby(map(json.loads, file), key=itemgetter("cell"))
        except (OSError, ValueError, KeyError) as error:
            hint = f"rebuild it with `evalrunner report {self.directory}`"
            raise StoreError(f"{path} cannot be read: {error}; {hint}") from error


def _located(named: str) -> tuple[Path, str | None]:
    """The run's directory, and the cell if one is named; both may hold colons."""
    colons = [place for place, character in enumerate(named) if character == ":"]
    for place in colons if not (Path(named) / "plan.json").is_file() else ():
        if (Path(named[:place]) / "plan.json").is_file():
            return run_directory(Path(named[:place])), named[place + 1 :]
    return run_directory(Path(named)), None


def _same_cells(new: _Side, old: _Side) -> list[tuple[CellSpec, CellSpec]]:
    """Cells of one model and prompt; where each side has one cell, whatever these are.

    Raises ConfigError when nothing pairs, or quality is not the same thing in both.
    """
    if len(new.specs) == len(old.specs) == 1:
        pairs = [(new.specs[0], old.specs[0])]
    else:
        found = [(spec, _partner(spec, old.specs)) for spec in new.specs]
        pairs = [(spec, other) for spec, other in found if other is not None]
    where = f"{old.directory} {new.directory}"
    if not pairs:
        what = "no cell of one has the model and prompt of a cell of the other"
        raise ConfigError(Problem(where=where, what=what, hint="name two cells: RUN:CELL RUN:CELL"))
    for a, b in pairs:
        if _measure(a) != _measure(b):
            what = f"quality is {b.quality!r} in the first and {a.quality!r} in the second"
            hint = "score one like the other: evalrunner rescore RUN scorer=NAME run.quality=NAME"
            raise ConfigError(Problem(where=where, what=what, hint=hint))
    return pairs


def _partner(spec: CellSpec, others: Sequence[CellSpec]) -> CellSpec | None:
    """The cell with equal axes, or else the only one with equal candidate axes."""
    equal = [other for other in others if other.axes == spec.axes]
    alike = [other for other in others if _candidate_axes(other) == _candidate_axes(spec)]
    return equal[0] if equal else alike[0] if len(alike) == 1 else None


def _candidate_axes(spec: CellSpec) -> str:
    chosen = {
        axis: value for axis, value in spec.axes.items() if axis.partition(".")[0] in CANDIDATE_AXES
    }
    return canonical_json(chosen)


def _measure(spec: CellSpec) -> tuple[str, Json]:
    """What quality is, and over which classes."""
    scorer = spec.settings.scorer.get(spec.quality_scorer)
    return spec.quality, getattr(scorer, "labels", None)


def _results(side: _Side, pairs: Sequence[PairedCells], place: int) -> list[CellResult]:
    """Of each pair the cell of this side, over the paired cases."""
    found: dict[int, CellResult] = {}
    for cell, rows in side.rows():
        wanted = [number for number, pair in enumerate(pairs) if pair.specs[place].id == cell]
        kept = list(rows) if len(wanted) > 1 else rows
        for number in wanted:
            found[number] = _summarized(pairs[number], kept, place)
    if len(found) < len(pairs):
        hint = f"rebuild it with `evalrunner report {side.directory}`"
        raise StoreError(f"{side.directory / _TRIALS} has no row of a cell in the plan; {hint}")
    return [found[number] for number in range(len(pairs))]


def _summarized(pair: PairedCells, rows: Iterable[Mapping[str, Any]], place: int) -> CellResult:
    spec = pair.specs[place]
    info = CellInfo(
        id=spec.id,
        label=spec.label,
        axes=spec.axes,
        facet=0,
        role=spec.role,
        scorers=spec.settings.scorer,
    )
    known = ((pair.rows[row["case_id"]], row) for row in rows if row["case_id"] in pair.rows)
    return summarize_cell(info, known, cases=pair.columns[place], options=_options(spec))


def _options(spec: CellSpec) -> SummaryOptions:
    run = spec.settings.run
    return SummaryOptions(
        quality=spec.quality, confidence=run.confidence, repeats=run.repeats, seed=run.seed
    )


def _facet(
    pair: PairedCells, results: tuple[CellResult, ...], *, margin: float | None
) -> FacetResult:
    run = pair.specs[0].settings.run
    options = SummaryOptions(
        quality=pair.specs[0].quality,
        confidence=run.confidence,
        repeats=max(spec.repeats for spec in pair.specs),
        seed=run.seed,
        margin=run.margin if margin is None else margin,
    )
    return FacetResult(facet=0, results=results, cases=pair.columns[0], options=options)


def _flips(scores: Scores) -> list[dict[str, Json]]:
    names = ("case_id", "value_a", "value_b")
    return [{name: row[name] for name in names} for row in flipped_cases(scores, _PAIRING)]


def _left_over(side: _Side, paired: set[int]) -> list[str]:
    return [spec.label for spec in side.specs if spec.id not in paired]


def _warnings(new: CellSpec, old: CellSpec) -> Iterator[str]:
    """What else than the candidate differs, so that the difference may come from it."""
    configs = [
        {"judge": spec.config["judge"], "scorer": spec.config["scorer"][spec.quality_scorer]}
        for spec in (new, old)
    ]
    for name in configs[0]:
        if configs[0][name] != configs[1][name]:
            yield (
                f"the {name} is not set alike in both runs: the difference may be one of how "
                "answers are scored"
            )
