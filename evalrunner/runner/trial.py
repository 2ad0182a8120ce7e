"""One trial: a case answered once in one cell, and scored. Every failure becomes a value."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalrunner.errors import BudgetExceeded, FailureKind, ProviderError, ScorerError, StoreError
from evalrunner.formatting import safe_text
from evalrunner.planning import Cell
from evalrunner.providers import Provider
from evalrunner.redact import Redactor
from evalrunner.scorers import Scorer
from evalrunner.types import Case, Completion, Json, Score, Status, Usage

_LONGEST_MESSAGE = 2000
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

    def to_json(self) -> dict[str, Json]:
        """The journal's record."""
        trial, completion, error = self.trial, self.completion, self.error
        return {
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


async def run_trial(trial: Trial, provider: Provider) -> Outcome:
    """The outcome of a trial; an answer that was paid is never lost to a failing scorer.

    Raises StoreError when nothing can be recorded any more, BudgetExceeded when nothing was sent.
    """
    sha256 = key = None
    try:
        prompt = trial.cell.template.render(trial.case)
        sha256 = prompt.sha256
        request = trial.cell.wire.build_request(prompt, trial.case, trial.repeat)
        key = request.key
        completion = await provider.complete(request)
    except ProviderError as error:
        return _failed(trial, sha256, key, error)
    except (StoreError, BudgetExceeded):
        raise
    except Exception as error:  # noqa: BLE001 - one broken case must not lose its siblings' answers
        message = Redactor().text(f"{type(error).__name__}: {error}")
        internal = ProviderError(message, kind=FailureKind.INTERNAL)
        return _failed(trial, sha256, key, internal)
    return Outcome(
        trial=trial,
        prompt_sha256=sha256,
        request_key=key,
        completion=completion,
        error=None,
        scores=await score_all(trial.cell, trial.case, completion),
    )


async def score_all(cell: Cell, case: Case, completion: Completion) -> dict[str, Score]:
    """What every scorer of the cell says; refusals and truncations by the run's settings."""
    run = cell.settings.run
    policies = {Status.REFUSED: run.on_refused, Status.TRUNCATED: run.on_truncated}
    policy = policies.get(completion.status, "score")
    if policy != "score":
        value = 0.0 if policy == "fail" else None
        verdict = Score(value=value, reason=completion.status.value)
        return {scorer.name: verdict for scorer in cell.scorers}
    return {scorer.name: await _score(scorer, case, completion) for scorer in cell.scorers}


async def _score(scorer: Scorer, case: Case, completion: Completion) -> Score:
    try:
        return await scorer.score(case, completion)
    except asyncio.CancelledError:
        raise
    except ScorerError as error:
        reason = f"scorer_error: {error}"
    except Exception as error:  # noqa: BLE001 - whatever a scorer does, the answer stays
        reason = f"scorer_error: {type(error).__name__}: {error}"
    return Score(value=None, reason=Redactor().text(reason)[:_LONGEST_MESSAGE])


def score_json(score: Score) -> dict[str, Json]:
    """A score as it stands in journal and `trials.jsonl`."""
    return {
        "value": score.value,
        "reason": score.reason,
        "label": score.label,
        "criteria": [
            {"criterion": c.criterion, "passed": c.passed, "reason": c.reason}
            for c in score.criteria
        ],
        "cost_usd": _number(score.cost_usd),
    }


def usage_json(usage: Usage | None) -> dict[str, Json] | None:
    """A usage as it stands in journal and `trials.jsonl`."""
    return None if usage is None else {name: getattr(usage, name) for name in USAGE_FIELDS}


def _failed(
    trial: Trial, prompt_sha256: str | None, key: str | None, error: ProviderError
) -> Outcome:
    scores = {s.name: Score(value=None, reason=error.kind.value) for s in trial.cell.scorers}
    return Outcome(
        trial=trial,
        prompt_sha256=prompt_sha256,
        request_key=key,
        completion=None,
        error=error,
        scores=scores,
    )


def _error_json(error: ProviderError) -> dict[str, Json]:
    message = safe_text(Redactor().text(str(error)), limit=_LONGEST_MESSAGE)
    return {"kind": error.kind.value, "message": message}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
