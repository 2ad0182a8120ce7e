"""What the commands print beside the results: the plan, and how the run ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from evalrunner.cli.power_lines import power_lines
from evalrunner.formatting import count, n_of, percent, safe_text, usd
from evalrunner.planning import CostRange, Plan
from evalrunner.report.tables import missing_words, retry_lines
from evalrunner.runner import Ending, Stop
from evalrunner.summary import missing_share

_LONGEST_PROMPT = 600
_SHOWN_CELLS = 40
_FINAL = frozenset({"parse", "refused", "truncated"})
"""Why a judge that did answer gave no verdict: resuming does not ask it again."""


def print_lines(lines: Iterable[str], *, to: TextIO | None = None) -> None:
    """Write lines to stdout, or to `to`."""
    (to or sys.stdout).writelines(f"{line}\n" for line in lines)


def plan_lines(plan: Plan, *, short: bool = False) -> Iterator[str]:
    """The grid, its calls and costs, and (unless `short`) warnings and each cell's first prompt."""
    yield f"{n_of(len(plan.cells), 'cell')}, {n_of(plan.n_trials, 'trial')}:"
    for place, cell in enumerate(plan.cells):
        calls, cost = plan.calls[place], plan.costs[place]
        if place == _SHOWN_CELLS:
            yield f"  … and {len(plan.cells) - _SHOWN_CELLS} more cells"
            break
        work = f"{cell.n:,} cases"
        if cell.repeats > 1:
            work += f" x {cell.repeats}"
        if cell.wire.is_api:
            work += f", {calls.cached:,} cached, {calls.to_pay:,} to pay, {_cost(cost)}"
            work += f", {cell.wire.origin}"
        yield f"  {cell.id}  {safe_text(cell.label, limit=80)}: {work}"
        judging = plan.judge_calls[place]
        if judging.total:
            yield (
                f"     judged: {judging.total:,} requests, {judging.cached:,} cached, "
                f"{judging.to_pay:,} to pay, {_cost(plan.judge_costs[place])}"
            )
    yield f"requests to pay: {plan.n_to_pay:,} · cost: {_cost(plan.cost)}"
    if plan.n_to_pay:
        yield f"  basis: {plan.cost.basis}"
    budget = plan.cells[0].settings.run.budget_usd
    if budget is not None:
        yield f"budget: {usd(budget)} (hard cap)"
    if not short:
        yield from power_lines(plan.power)
        yield from warning_lines(plan.warnings)
        yield from _first_prompts(plan)


def warning_lines(warnings: Iterable[str]) -> Iterator[str]:
    """What a plan warns of."""
    return (f"warning: {safe_text(warning)}" for warning in warnings)


def _first_prompts(plan: Plan) -> Iterator[str]:
    shown: set[str] = set()
    for cell, prompt in zip(plan.cells, plan.first_prompts, strict=True):
        if prompt in shown:
            continue
        shown.add(prompt)
        yield ""
        yield f"first prompt of cell {cell.id} ({safe_text(cell.label, limit=80)}):"
        left = prompt[:_LONGEST_PROMPT]
        yield from (f"  | {safe_text(line)}" for line in left.split("\n"))
        if len(left) < len(prompt):
            yield f"  | [… {len(prompt) - len(left):,} characters more …]"


def _cost(cost: CostRange) -> str:
    if cost.ceiling is None:
        return "cost unknown (no price)"
    if cost.ceiling == 0:
        return "$0"
    return f"{usd(cost.low)} to {usd(cost.high)}, ceiling {usd(cost.ceiling)}"


def ending_lines(summary: Mapping[str, Any], ending: Ending, directory: str) -> Iterator[str]:
    """How the run ended, what it cost, where to look, and how to go on."""
    cells = summary["cells"]
    names = dict.fromkeys(cell["quality_name"] for cell in cells)
    yield f"quality: {', '.join(map(safe_text, names))} · spent: {_spent(cells)}"
    unpriced = [
        c["label"] for c in cells if c["pareto"]["status"] == "unpriced" and c["quality"]["n"]
    ]
    if unpriced:
        yield f"without a known price: {', '.join(safe_text(name) for name in unpriced)}"
    billed = summary["run"]["possibly_billed"]
    if billed:
        yield f"possibly billed, unseen: {count(billed)} requests"
    yield from retry_lines(summary)
    yield from _missing_lines(summary)
    for reason, message in ending.reasons.items():
        said = "" if message == reason.value else f": {safe_text(message)}"
        yield f"stopped ({reason.value}){said}"
    if Stop.BUDGET in ending.reasons:
        yield f"go on with: evalrunner run --resume {directory} run.budget_usd=MORE"
    elif Stop.DISK not in ending.reasons and (ending.reasons or any(map(_is_owed, cells))):
        yield f"go on with: evalrunner run --resume {directory}"
    yield f"look at: {directory}/report.html\nbeside it: summary.md, trials.jsonl and the figures"


def _missing_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Which cells lack so many answers that the command fails."""
    most = summary["run"]["max_missing"]
    for cell in summary["cells"]:
        share = missing_share(cell)
        if share > most:
            yield (
                f"missing: {percent(share)} of the trials of {safe_text(cell['label'], limit=80)}, "
                f"more than run.max_missing ({percent(most)}): {missing_words(cell)}"
            )


def _spent(cells: Sequence[Mapping[str, Any]]) -> str:
    """`$1.20`; `≥ $1.20` where some of it has no known price."""
    least = usd(sum(cell["cost"]["usd_spent_at_least"] for cell in cells))
    is_whole = all(cell["cost"]["usd_spent"] is not None for cell in cells)
    return least if is_whole else f"≥ {least}"


def _is_owed(cell: Mapping[str, Any]) -> bool:
    """Whether asking again may bring what is missing: an answer, or a judge's verdict."""
    failures = (kind for each in cell["judging"].values() for kind in each["failures"])
    return bool(cell["n_error"]) or any(kind not in _FINAL for kind in failures)
