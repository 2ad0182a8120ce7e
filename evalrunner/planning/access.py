"""Keys and hosts: what must be in order before a request may be paid."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from evalrunner.errors import Problem
from evalrunner.planning.cells import Cell
from evalrunner.planning.judges import place_of
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.keys import key_problems
from evalrunner.providers.registry import Wire
from evalrunner.scorers.judging import JudgeScorer


def access_problems(
    wires: Sequence[Wire],
    *,
    cells: Sequence[Cell],
    environ: Mapping[str, str],
    trusted_hosts: Collection[str],
) -> list[Problem]:
    """Missing or wrong keys, and hosts that a key must not go to, of models with calls to pay.

    `cells` are asked where in the configuration each of them stands.
    """
    problems = [
        replace(problem, where=f"{_place(wire, cells)}{problem.where.removeprefix('model')}")
        for wire in wires
        if isinstance(wire.settings, ApiModelSettings)
        for problem in key_problems(wire.settings, environ, trusted=trusted_hosts)
    ]
    return list(dict.fromkeys(problems))


def _place(wire: Wire, cells: Sequence[Cell]) -> str:
    """`model`, `judge.model` or `judge.panel.NAME`."""
    if any(cell.wire is wire for cell in cells):
        return "model"
    scorers = (scorer for cell in cells for scorer in cell.scorers)
    judges = (scorer.judge for scorer in scorers if isinstance(scorer, JudgeScorer))
    return place_of(next(m.name for judge in judges for m in judge.members if m.wire is wire))
