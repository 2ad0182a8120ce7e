"""Rows of `trials.jsonl`: the journal's trials with their case's input and their cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.report.money import Saved, usd_number
from evalrunner.report.prices import UNPAID, CellPrices, TrialCost
from evalrunner.report.racing import raced_message
from evalrunner.report.recorded import ANSWERED, RecordedRun, missing_record
from evalrunner.types import Case, Json

_FROM_RECORD = (
    "prompt_sha256",
    "output",
    "status",
    "error",
    "stop_reason",
    "scores",
    "usage",
)
_MEASURED = ("latency_s", "attempts", "cached", "served_model", "request_id")


def trial_rows(
    run: RecordedRun, spec: CellSpec, prices: CellPrices
) -> Iterator[tuple[Case, dict[str, Json], Saved]]:
    """(case, row, USD saved) of every planned trial of a cell, in grid order."""
    ending, raced = run.manifest.get("ending") or {}, raced_message(run, spec)
    for number, repeat, found in run.trials(spec):
        case = run.cases[number]
        record = found or missing_record(spec, repeat, ending=ending, raced=raced)
        answered = record["status"] in ANSWERED
        cost = prices.cost(record) if answered else UNPAID
        scores, saved = prices.judges.priced(record["scores"])
        row = _row(spec, case, record | {"scores": scores}, cost)
        yield case, row, cost.saved + saved


def _row(spec: CellSpec, case: Case, record: dict[str, Any], cost: TrialCost) -> dict[str, Json]:
    return {
        "cell": spec.id,
        "case_id": case.id,
        "repeat": record["repeat"],
        "axes": dict(spec.axes),
        "input": case.input,
        **{key: record[key] for key in _FROM_RECORD},
        "cost_usd": usd_number(cost.list_price),
        "spent_usd": usd_number(cost.spent),
        **{key: record[key] for key in _MEASURED},
        # Absent in journals of before it was kept.
        "detail": record.get("detail"),
    }


def error_row(spec: CellSpec, case: Case, row: dict[str, Json]) -> dict[str, Json] | None:
    """The row of `errors.jsonl` for a trial that scored 0 in quality; None for any other."""
    score = row["scores"].get(spec.quality_scorer)
    if score is None or score["value"] != 0:
        return None
    target = getattr(spec.settings.scorer[spec.quality_scorer], "target", "expected_output")
    return {
        "id": case.id,
        "cell": spec.id,
        "repeat": row["repeat"],
        "input": case.input,
        "expected": case.fields.get(target),
        "got": row["output"],
        "reason": score["reason"],
    }
