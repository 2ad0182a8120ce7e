"""Does one trial: a case answered once in one cell, and scored. Every failure becomes a value."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

from evalrunner.errors import BudgetExceeded, FailureKind, ProviderError, ScorerError, StoreError
from evalrunner.providers import Provider
from evalrunner.redact import Redactor
from evalrunner.runner.judging import Judging, Questions
from evalrunner.runner.records import LONGEST_MESSAGE, Outcome, Trial
from evalrunner.types import Completion, Score, Status


async def run_trial(trial: Trial, provider: Provider, judging: Judging) -> Outcome:
    """The outcome of a trial; an answer that was paid is never lost to a failing scorer.

    Raises StoreError when nothing can be recorded any more, BudgetExceeded when the next request
    was not sent: the trial is still owed.
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
    judging.opponents.answer(trial, completion.text)
    questions = judging.questions(trial, completion)
    scores = await score_all(trial, completion, questions)
    return Outcome(
        trial=trial,
        prompt_sha256=sha256,
        request_key=key,
        completion=completion,
        error=None,
        scores=scores,
        judge_errors=tuple(questions.errors) if questions else (),
        lacks_opponents=bool(questions and questions.lacks_opponents),
    )


async def score_all(
    trial: Trial, completion: Completion, questions: Questions | None = None
) -> dict[str, Score]:
    """What every scorer of the cell says; refusals and truncations by the run's settings.

    `questions` asks the cell's judges, None = it has none.
    """
    scorers, run = trial.cell.scorers, trial.cell.settings.run
    policies = {Status.REFUSED: run.on_refused, Status.TRUNCATED: run.on_truncated}
    policy = policies.get(completion.status, "score")
    if policy != "score":
        value = 0.0 if policy == "fail" else None
        verdict = Score(value=value, reason=completion.status.value)
        return {scorer.name: verdict for scorer in scorers}
    if questions is None:
        return {s.name: await _value_of(s.score(trial.case, completion)) for s in scorers}
    # Judges take seconds: all of them are asked at the same time.
    scores = await _all_done(
        _value_of(questions.put(s) or s.score(trial.case, completion)) for s in scorers
    )
    return {scorer.name: score for scorer, score in zip(scorers, scores, strict=True)}


async def _value_of(scoring: Awaitable[Score]) -> Score:
    try:
        return await scoring
    except (asyncio.CancelledError, StoreError, BudgetExceeded):
        raise
    except ProviderError as error:
        reason = f"judge_error: {error.kind.value}"
    except ScorerError as error:
        reason = f"scorer_error: {error}"
    except Exception as error:  # noqa: BLE001 - whatever a scorer does, the answer stays
        reason = f"scorer_error: {type(error).__name__}: {error}"
    return Score(value=None, reason=Redactor().text(reason)[:LONGEST_MESSAGE])


async def _all_done(scorings: Iterable[Awaitable[Score]]) -> list[Score]:
    """All scores. Raises what stops the run, once every judge that was asked has answered."""
    asked = list(scorings)
    if len(asked) == 1:
        return [await asked[0]]
    results = await asyncio.gather(*asked, return_exceptions=True)
    scores = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        scores.append(result)
    return scores


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
