"""What is planned: cells of the grid with all that is needed to execute them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalrunner.config import Experiment
from evalrunner.datasets import CaseSet
from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.planning.cost import CostRange
from evalrunner.planning.power import FacetPower
from evalrunner.prompts import PromptTemplate
from evalrunner.providers.registry import Wire
from evalrunner.scorers import Scorer
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.store import CellShape
from evalrunner.types import Json, sha256_of

_PLAIN = ("id", "label", "axes", "facet", "role", "config_sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSpec:
    """One point of the grid, as `plan.json` has it: enough to read a run, not to execute it."""

    id: int
    label: str
    axes: Mapping[str, Json]
    facet: int
    role: str
    """`candidate` or `canary`."""
    overrides: tuple[str, ...]
    settings: Experiment
    config: Mapping[str, Json]
    """`settings` as JSON."""
    config_sha256: str
    first: int
    """Its cases are the rows `first` to `first + n` of `cases.jsonl`."""
    n: int

    @property
    def model_key(self) -> str:
        """Equal for cells that ask the same model in the same way."""
        return sha256_of(self.config["model"])

    @property
    def repeats(self) -> int:
        """Trials of each case."""
        return self.settings.run.repeats

    @property
    def n_trials(self) -> int:
        """Planned trials."""
        return self.n * self.repeats

    @property
    def quality(self) -> str:
        """The scorer, or metric of one, that stands for quality."""
        return self.settings.run.quality or next(iter(self.settings.scorer))

    @property
    def quality_scorer(self) -> str:
        """The scorer that `quality` comes from."""
        return self.quality.partition(".")[0]

    @property
    def shape(self) -> CellShape:
        """Which trials this cell has, for the journal's index."""
        return CellShape(cell=self.id, first=self.first, n=self.n, repeats=self.repeats)

    def to_json(self) -> dict[str, Json]:
        """The cell's entry in `plan.json`."""
        entry: dict[str, Any] = {key: getattr(self, key) for key in _PLAIN}
        rows = {"first": self.first, "n": self.n}
        return entry | {"overrides": list(self.overrides), "config": self.config, "cases": rows}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> CellSpec:
        """The cell of an entry in `plan.json`."""
        return cls(**spec_fields(entry))


def spec_fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `CellSpec` from an entry in `plan.json`. Raises StoreError."""
    try:
        return {key: entry[key] for key in _PLAIN} | {
            "overrides": tuple(entry["overrides"]),
            "settings": Experiment.model_validate(entry["config"]),
            "config": entry["config"],
            **entry["cases"],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"plan.json holds a cell that cannot be read: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell(CellSpec):
    """One point of the grid with all that is needed to execute it."""

    template: PromptTemplate
    wire: Wire
    scorers: tuple[Scorer, ...]
    hydra_config: str = ""
    """`.hydra/config.yaml`, in Hydra's own form."""

    @property
    def judge_wires(self) -> list[Wire]:
        """How the judges of its scorers are asked, each once."""
        judges = [scorer.judge for scorer in self.scorers if isinstance(scorer, JudgeScorer)]
        return list({id(m.wire): m.wire for judge in judges for m in judge.members}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Requests of a cell's candidate, or of its judges."""

    total: int
    cached: int
    """Answered already, by an earlier run or by an equal request of this one."""
    to_pay: int
    """Requests that somebody's key pays for; 0 for what runs in this process."""

    @classmethod
    def sum(cls, calls: Iterable[Calls]) -> Calls:
        """Of all together."""
        listed = list(calls)
        return cls(
            total=sum(each.total for each in listed),
            cached=sum(each.cached for each in listed),
            to_pay=sum(each.to_pay for each in listed),
        )

    def to_json(self) -> dict[str, Json]:
        """As it stands in `plan.json`."""
        return {"total": self.total, "cached": self.cached, "to_pay": self.to_pay}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A grid that may be run."""

    cells: tuple[Cell, ...]
    case_sets: tuple[CaseSet, ...]
    calls: tuple[Calls, ...]
    """Per cell."""
    costs: tuple[CostRange, ...]
    """Per cell: of the calls to pay."""
    judge_calls: tuple[Calls, ...]
    """Per cell: of its judges, re-asks left out."""
    judge_costs: tuple[CostRange, ...]
    """Per cell: of the judges' calls to pay."""
    power: tuple[FacetPower, ...]
    """Per facet: which differences its cases can show."""
    first_prompts: tuple[str, ...]
    """Per cell: the prompt of its first case, as it will be sent."""
    problems: tuple[Problem, ...]
    """What keeps the plan from being run: missing keys, hosts, prices."""
    warnings: tuple[str, ...]
    overrides: tuple[str, ...]
    multirun_yaml: str

    def checked(self) -> Plan:
        """The plan itself. Raises ConfigError when something keeps it from being run."""
        if self.problems:
            raise ConfigError(self.problems)
        return self

    @property
    def cost(self) -> CostRange:
        """Of the whole run, judges included."""
        return CostRange.sum([*self.costs, *self.judge_costs])

    @property
    def n_trials(self) -> int:
        """Planned trials of all cells."""
        return sum(cell.n_trials for cell in self.cells)

    @property
    def paying(self) -> tuple[Cell, ...]:
        """Cells with requests to pay, their judges' included."""
        counted = zip(self.cells, self.calls, self.judge_calls, strict=True)
        return tuple(cell for cell, *calls in counted if any(each.to_pay for each in calls))

    @property
    def paying_wires(self) -> list[Wire]:
        """How the models with requests to pay are asked, judges included, each once."""
        return wires_to_pay(self.cells, self.calls, self.judge_calls)

    @property
    def n_to_pay(self) -> int:
        """Requests that go out."""
        return Calls.sum([*self.calls, *self.judge_calls]).to_pay

    def to_json(self) -> dict[str, Json]:
        """The content of `plan.json`."""
        return {
            "schema_version": 1,
            "cells": [cell.to_json() for cell in self.cells],
            "cases": cases_json(self.case_sets),
            "repeats": max(cell.repeats for cell in self.cells),
            "calls": Calls.sum(self.calls).to_json()
            | {"judge": Calls.sum(self.judge_calls).to_json()},
            "cost": self.cost.to_json() | {"judge": CostRange.sum(self.judge_costs).to_json()},
            "power": [each.to_json() for each in self.power],
        }


def wires_to_pay(
    cells: Sequence[Cell], calls: Sequence[Calls], judge_calls: Sequence[Calls]
) -> list[Wire]:
    """Of the cells, each with its calls and its judges' calls, every wire that must be paid."""
    wires: list[Wire] = []
    for cell, own, judges in zip(cells, calls, judge_calls, strict=True):
        wires += [cell.wire] if own.to_pay else []
        wires += cell.judge_wires if judges.to_pay else []
    return list({id(wire): wire for wire in wires}.values())


def cases_json(case_sets: Sequence[CaseSet]) -> dict[str, Json]:
    """`cases` of `plan.json`: how many, and a hash over all of them in order."""
    return {
        "n": sum(len(cases) for cases in case_sets),
        "sha256": sha256_of([cases.sha256 for cases in case_sets]),
        "sets": [{"name": s.name, "n": len(s), "sha256": s.sha256} for s in case_sets],
    }
