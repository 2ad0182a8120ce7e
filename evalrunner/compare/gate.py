"""Whether what was measured is good enough: passed, failed, or not to be told yet.

Each cell is held to its own `decide` settings, by the intervals in its summary: a limit is kept
where the whole interval keeps it, missed where all of it misses, and open where it lies across.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evalrunner.errors import Problem
from evalrunner.formatting import n_of, percent, percent_interval, seconds
from evalrunner.summary import missing_share, required_estimate
from evalrunner.types import Estimate


class Outcome(StrEnum):
    """How a check, or all of a gate, came out."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """Of the command line: 0, 1 and 3."""
        return {Outcome.PASSED: 0, Outcome.FAILED: 1}.get(self, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a cell must offer; the keys of the `decide` group that a gate knows."""

    quality_floor: float | None = None
    max_latency_p90_s: float | None = None
    require: Mapping[str, float] | None = None
    """Floors of a scorer, of a metric of one (`labels.macro_f1`), or of quality in a slice
    (`category=billing`)."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return self.quality_floor is None and self.max_latency_p90_s is None and not self.require


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was asked, and what was found."""

    cell: str
    """Label, or what was compared; may be foreign text. Empty = the whole run."""
    asked: str
    found: str
    outcome: Outcome


def check_cells(
    cells: Iterable[Mapping[str, Any]], limits: Mapping[int, Limits], *, max_missing: float
) -> Iterator[Check]:
    """The checks of every candidate among the cells of a summary, by its own limits.

    A cell that misses more than `max_missing` of its trials keeps no limit for sure.
    """
    for cell in cells:
        wanted = limits.get(cell["id"], Limits())
        if cell["role"] == "candidate" and not wanted.is_empty:
            lost = cell["n_error"] + cell["n_skipped"] + cell["n_unscored"]
            is_whole = missing_share(cell) <= max_missing
            for check in _checks(cell, wanted):
                yield check if is_whole else _doubted(check, lost, cell["n_planned"])


def check_flags(flags: Iterable[Mapping[str, Any]], codes: Sequence[str]) -> Iterator[Check]:
    """For each code whether a flag of it is raised."""
    raised = list(flags)
    for code in dict.fromkeys(codes):
        messages = [flag["message"] for flag in raised if flag["code"] == code]
        yield Check(
            cell="",
            asked=f"no flag {code}",
            found="; ".join(messages) or "none",
            outcome=Outcome.FAILED if messages else Outcome.PASSED,
        )


def check_comparison(conclusion: str, *, cell: str, found: str) -> Check:
    """Whether the first of two is not worse: it fails when worse, and is open when untold."""
    outcomes = {"worse": Outcome.FAILED, "cannot_tell": Outcome.INCONCLUSIVE}
    return Check(
        cell=cell,
        asked="not worse than the reference",
        found=found,
        outcome=outcomes.get(conclusion, Outcome.PASSED),
    )


def outcome_of(checks: Iterable[Check]) -> Outcome:
    """Failed if anything failed, else inconclusive if anything is; passed if all passed."""
    outcomes = {check.outcome for check in checks}
    for worst in (Outcome.FAILED, Outcome.INCONCLUSIVE):
        if worst in outcomes:
            return worst
    return Outcome.PASSED


def require_problems(
    require: Iterable[str], *, scorers: Iterable[str], slices: Iterable[str]
) -> list[Problem]:
    """Keys of `decide.require` that name nothing that will be measured."""
    names, fields = list(scorers), list(slices)
    problems = []
    for key in require:
        is_metric = any(key == name or key.startswith(f"{name}.") for name in names)
        if not is_metric and key.partition("=")[0] not in (fields if "=" in key else ()):
            choices = [*names, *(f"{name}.<metric>" for name in names)]
            choices += [f"{field}=<value>" for field in fields]
            problems.append(
                Problem(
                    where=f"decide.require.{key}",
                    what="is no scorer, metric or slice of this run",
                    hint=f"choose one of: {', '.join(choices)}",
                )
            )
    return problems


def _checks(cell: Mapping[str, Any], wanted: Limits) -> Iterator[Check]:
    if wanted.quality_floor is not None:
        yield _floor(cell, "quality", Estimate(**cell["quality"]), wanted.quality_floor)
    for key, floor in (wanted.require or {}).items():
        yield _floor(cell, key, required_estimate(cell, key), floor)
    if wanted.max_latency_p90_s is not None:
        yield _latency(cell, wanted.max_latency_p90_s)


def _floor(cell: Mapping[str, Any], name: str, estimate: Estimate, floor: float) -> Check:
    outcome = Outcome.INCONCLUSIVE
    if estimate.low is not None and estimate.low >= floor:
        outcome = Outcome.PASSED
    elif estimate.high is not None and estimate.high < floor:
        outcome = Outcome.FAILED
    found = "nothing measured"
    if estimate.value is not None:
        found = f"{percent_interval(estimate)}, n = {estimate.n:,}"
    return Check(
        cell=cell["label"], asked=f"{name} ≥ {percent(floor)}", found=found, outcome=outcome
    )


def _latency(cell: Mapping[str, Any], limit: float) -> Check:
    measured = cell["latency_s"]["p90"]
    outcome = Outcome.INCONCLUSIVE
    if measured is not None:
        outcome = Outcome.PASSED if measured <= limit else Outcome.FAILED
    return Check(
        cell=cell["label"],
        asked=f"latency p90 ≤ {seconds(limit)}",
        found=seconds(measured),
        outcome=outcome,
    )


def _doubted(check: Check, lost: int, planned: int) -> Check:
    if check.outcome is not Outcome.PASSED:
        return check
    found = f"{check.found}; {lost:,} of {n_of(planned, 'trial')} missing"
    return Check(cell=check.cell, asked=check.asked, found=found, outcome=Outcome.INCONCLUSIVE)
