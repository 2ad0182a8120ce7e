"""What the commands print: the plan, the table of results, how the run ended."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from evalrunner.cli.power_lines import power_lines
from evalrunner.formatting import count, n_of, safe_text, usd
from evalrunner.planning import CostRange, Plan
from evalrunner.report.comparisons import comparison_lines
from evalrunner.report.decisions import decision_lines
from evalrunner.report.judge_lines import flag_lines, judge_lines
from evalrunner.report.racing import race_lines
from evalrunner.report.repeat_lines import repeat_lines
from evalrunner.report.tables import TABLE_HEADER, retry_lines, table_row
from evalrunner.runner import Ending, Stop

_WIDE = 160
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


def results(summary: Mapping[str, Any]) -> None:
    """Print what to use to stdout, the table of cells, what judges did, and what to mind."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for place, name in enumerate(TABLE_HEADER):
        table.add_column(name, justify="left" if place == 0 else "right", overflow="fold")
    for cell in sorted(summary["cells"], key=_rank):
        best = cell["pareto"]["status"] == "frontier"
        table.add_row(*(Text(field, style="bold" if best else "") for field in table_row(cell)))
    decided = list(decision_lines(summary))
    print_lines([*decided, ""] if decided else [])
    sys.stdout.flush()
    console.print(table)
    print_lines(comparison_lines(summary))
    print_lines(repeat_lines(summary))
    print_lines(race_lines(summary))
    print_lines(judge_lines(summary))
    print_lines(flag_lines(summary))


def _rank(cell: Mapping[str, Any]) -> tuple[int, bool, float]:
    """By facet, canaries last, the best first."""
    return cell["facet"], cell["role"] == "canary", -(cell["quality"]["value"] or 0)


def ending_lines(summary: Mapping[str, Any], ending: Ending, directory: str) -> Iterator[str]:
    """How the run ended, what it cost, where to look, and how to go on."""
    cells = summary["cells"]
    spent = [cell["cost"]["usd_spent"] for cell in cells]
    total = None if None in spent else sum(spent)
    names = dict.fromkeys(cell["quality_name"] for cell in cells)
    yield f"quality: {', '.join(names)} · spent: {usd(total)}"
    unpriced = [
        c["label"] for c in cells if c["pareto"]["status"] == "unpriced" and c["quality"]["n"]
    ]
    if unpriced:
        yield f"without a known price: {', '.join(safe_text(name) for name in unpriced)}"
    billed = summary["run"]["possibly_billed"]
    if billed:
        yield f"possibly billed, unseen: {count(billed)} requests"
    yield from retry_lines(summary)
    for reason, message in ending.reasons.items():
        yield f"stopped ({reason.value}): {safe_text(message)}"
    if Stop.BUDGET in ending.reasons:
        yield f"go on with: evalrunner run --resume {directory} run.budget_usd=MORE"
    elif Stop.DISK not in ending.reasons and (ending.reasons or any(map(_is_owed, cells))):
        yield f"go on with: evalrunner run --resume {directory}"
    yield f"look at: {directory}/report.html  {directory}/summary.md  {directory}/trials.jsonl"


def _is_owed(cell: Mapping[str, Any]) -> bool:
    """Whether asking again may bring what is missing: an answer, or a judge's verdict."""
    failures = (kind for each in cell["judging"].values() for kind in each["failures"])
    return bool(cell["n_error"]) or any(kind not in _FINAL for kind in failures)
