"""How long a model's answers were in this project's own earlier runs.

Read while a plan is made, so it is cheap and never fails: the newest runs only, a sample of their
rows, and whatever cannot be read is passed over.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalrunner.types import Prompt, canonical_json

_MOST_RUNS = 20
_MOST_ROWS = 2000
_ROWS_OF_A_CELL = 200
_MOST_BYTES = 4_000_000
"""Of files that are parsed: about 40 ms."""
_MOST_SKIPPED_BYTES = 16_000_000
_CELL = b'{"cell":'


@dataclass(frozen=True, slots=True)
class Asked:
    """What a cell asks: whose answers, to what."""

    model: tuple[str, str]
    """Name on the wire and `params`: effort and verbosity decide how long answers are."""
    dataset: str
    template: str

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Asked:
        """Of a cell's settings as JSON."""
        model = config["model"]
        return cls(
            model=(model["name"], canonical_json(model.get("params") or {})),
            dataset=config["dataset"]["name"],
            template=canonical_json(config["prompt"]),
        )


@dataclass(frozen=True, slots=True)
class Lengths:
    """Output tokens of earlier answers."""

    low: int
    """A quarter of them were shorter; a tenth off, for what comes is another draw."""
    high: int
    """A quarter of them were longer, or their mean where a few long ones raise it above that; a
    tenth added."""

    @classmethod
    def of(cls, tokens: Sequence[int]) -> Lengths:
        """Of at least one answer."""
        ordered = sorted(tokens)
        last = len(ordered) - 1
        shorter, longer = ordered[last // 4], ordered[math.ceil(0.75 * last)]
        mean = math.ceil(sum(ordered) / len(ordered))
        return cls(shorter * 9 // 10, -(max(longer, mean) * 11 // -10))


_Key = Asked | tuple[tuple[str, str], str]


@dataclass(slots=True)
class History:
    """Answers of earlier runs: by prompt where there are any, else by data set and template."""

    runs: list[str] = field(default_factory=list)
    """Names of the runs that gave any, newest first."""
    n_answers: int = 0
    _models: set[tuple[str, str]] = field(default_factory=set)
    _tokens: dict[_Key, list[int]] = field(default_factory=dict)
    _known: dict[_Key, Lengths] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """`400 answers of run adhoc/20261123T101500Z-abcdef and 2 more`."""
        more = f" and {len(self.runs) - 1} more" if len(self.runs) > 1 else ""
        answers = "1 answer" if self.n_answers == 1 else f"{self.n_answers:,} answers"
        return f"{answers} of run {self.runs[0]}{more}"

    def lengths(self, asked: Asked, prompt: Prompt) -> Lengths | None:
        """Of answers to this prompt, else to this template on the same data set; None = unknown."""
        if asked.model not in self._models:
            return None
        for key in ((asked.model, prompt.sha256), asked):
            if key in self._tokens:
                if key not in self._known:
                    self._known[key] = Lengths.of(self._tokens[key])
                return self._known[key]
        return None

    def add(self, asked: Asked, row: Mapping[str, Any]) -> bool:
        """Count a row of `trials.jsonl`, if it has an answer whose tokens were reported."""
        usage = row["usage"]
        if usage is None or usage["estimated"]:
            return False
        self._models.add(asked.model)
        self.n_answers += 1
        for key in ((asked.model, row["prompt_sha256"]), asked):
            self._tokens.setdefault(key, []).append(int(usage["output_tokens"]))
        return True


def read_history(outputs: Path, models: Collection[tuple[str, str]]) -> History:
    """What the newest runs under `outputs` say about these models."""
    history, budget = History(), _Budget()
    for directory in newest_runs(outputs):
        if not budget.is_left:
            break
        try:
            found = _read_run(directory, models, history, budget)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if found:
            history.runs.append(f"{directory.parent.name}/{directory.name}")
    return history


@dataclass(slots=True)
class _Budget:
    rows: int = _MOST_ROWS
    parsed: int = _MOST_BYTES
    skipped: int = _MOST_SKIPPED_BYTES

    @property
    def is_left(self) -> bool:
        return min(self.rows, self.parsed, self.skipped) > 0


def newest_runs(outputs: Path) -> list[Path]:
    """The newest run directories, by the time in their name; nothing is opened for it."""
    found = [
        (run.name, Path(run.path))
        for group in _directories(outputs)
        for run in _directories(Path(group.path))
    ]
    return [path for _, path in sorted(found, reverse=True)[:_MOST_RUNS]]


def _directories(path: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            yield from (entry for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return


def _read_run(
    directory: Path, models: Collection[tuple[str, str]], history: History, budget: _Budget
) -> bool:
    """Add one run's rows of these models; whether there were any."""
    plan = directory / "plan.json"
    budget.parsed -= plan.stat().st_size
    if not budget.is_left:
        return False
    asked = {
        cell["id"]: Asked.of(cell["config"]) for cell in json.loads(plan.read_bytes())["cells"]
    }
    cells = {number: each for number, each in asked.items() if each.model in models}
    if not cells:
        return False
    left = dict.fromkeys(cells, _ROWS_OF_A_CELL)
    found = False
    with (directory / "trials.jsonl").open("rb") as file:
        for line in file:
            cell = _cell_of(line)
            if not left.get(cell):
                budget.skipped -= len(line)
            else:
                budget.parsed -= len(line)
                budget.rows -= 1
                left[cell] -= 1
                found |= history.add(cells[cell], json.loads(line))
            if not budget.is_left or not any(left.values()):
                break
    return found


def _cell_of(line: bytes) -> int:
    """The cell of a row without parsing it; -1 for what does not begin like one."""
    head, comma, _ = line.removeprefix(_CELL).partition(b",")
    return int(head) if comma and line.startswith(_CELL) and head.isdigit() else -1
