"""One trial: what is to be done, what came of it, and how the journal has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evalrunner.errors import ProviderError
from evalrunner.formatting import safe_text
from evalrunner.planning import Cell
from evalrunner.redact import Redactor
from evalrunner.types import (
    Case,
    Completion,
    Criterion,
    Json,
    JudgeCall,
    Judgement,
    Score,
    Status,
    Usage,
)

LONGEST_MESSAGE = 2000
USAGE_FIELDS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
    "estimated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What is to be done: one case, once, in one cell."""

    cell: Cell
    case: Case
    repeat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a trial: an answer with its scores, or the error that stood in its place."""

    trial: Trial
    prompt_sha256: str | None
    request_key: str | None
    completion: Completion | None
    error: ProviderError | None
    scores: Mapping[str, Score]
    judge_errors: tuple[ProviderError, ...] = ()
    """Requests of judges that got no answer."""
    lacks_opponents: bool = False
    """An answer that this one is compared with is missing, and may come when the run is resumed."""

    @property
    def errors(self) -> Iterator[ProviderError]:
        """What kept the trial, or a judge of it, from being answered."""
        if self.error is not None:
            yield self.error
        yield from self.judge_errors

    @property
    def is_incomplete(self) -> bool:
        """Whether there is an answer that has not got all its scores: the trial is owed again."""
        return bool(self.judge_errors) or self.lacks_opponents

    def to_json(self) -> dict[str, Json]:
        """The journal's record."""
        trial, completion, error = self.trial, self.completion, self.error
        record = {
            "cell": trial.cell.id,
            "case": trial.case.index,
            "case_id": trial.case.id,
            "repeat": trial.repeat,
            "key": self.request_key,
            "prompt_sha256": self.prompt_sha256,
            "output": completion.text if completion else None,
            "status": (completion.status if completion else Status.ERROR).value,
            "error": _error_json(error) if error else None,
            "stop_reason": completion.stop_reason if completion else None,
            "scores": {name: score_json(score) for name, score in self.scores.items()},
            "usage": usage_json(completion.usage) if completion else None,
            "cost_usd": _number(completion.cost_usd) if completion else None,
            "started_at": completion.started_at if completion else None,
            "latency_s": completion.latency_s if completion else None,
            "attempts": completion.attempts if completion else getattr(error, "attempts", 0),
            "cached": completion.cached if completion else False,
            "served_model": completion.served_model if completion else None,
            "request_id": completion.request_id if completion else None,
            "service_tier": completion.service_tier if completion else None,
            "detail": completion.detail if completion else None,
        }
        return record | {"incomplete": True} if self.is_incomplete else record


def score_json(score: Score) -> dict[str, Json]:
    """A score as it stands in journal and `trials.jsonl`."""
    verdict: dict[str, Json] = {
        "value": score.value,
        "reason": score.reason,
        "label": score.label,
        "criteria": _criteria_json(score.criteria),
        "cost_usd": _number(score.cost_usd),
    }
    if score.judgements:
        verdict["judgements"] = [judgement_json(one) for one in score.judgements]
    return verdict


def judgement_json(judgement: Judgement) -> dict[str, Json]:
    """A judge's verdict as it stands in the journal."""
    return {
        "judge": judgement.judge,
        "sample": judgement.sample,
        "value": judgement.value,
        "label": judgement.label,
        "reason": judgement.reason,
        "criteria": _criteria_json(judgement.criteria),
        "is_retest": judgement.is_retest,
        "opponent": judgement.opponent,
        "is_first": judgement.is_first,
        "calls": [_call_json(call) for call in judgement.calls],
    }


def usage_json(usage: Usage | None) -> dict[str, Json] | None:
    """A usage as it stands in journal and `trials.jsonl`."""
    return None if usage is None else {name: getattr(usage, name) for name in USAGE_FIELDS}


def _criteria_json(criteria: tuple[Criterion, ...]) -> list[dict[str, Json]]:
    return [{"criterion": c.criterion, "passed": c.passed, "reason": c.reason} for c in criteria]


def _call_json(call: JudgeCall) -> dict[str, Json]:
    return {
        "key": call.key,
        "usage": usage_json(call.usage),
        "cost_usd": _number(call.cost_usd),
        "served_model": call.served_model,
        "attempts": call.attempts,
        "cached": call.cached,
    }


def _error_json(error: ProviderError) -> dict[str, Json]:
    message = safe_text(Redactor().text(str(error)), limit=LONGEST_MESSAGE)
    return {"kind": error.kind.value, "message": message}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
