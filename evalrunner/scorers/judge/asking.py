"""Puts a question to judges: every member and sample at once, each asked again at most once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.scorers.base import shortened
from evalrunner.scorers.judge.fence import cut
from evalrunner.scorers.judge.templates import Question
from evalrunner.scorers.judge.verdicts import VerdictError, without_surrogates
from evalrunner.scorers.judging import Ask, Judge, JudgeMember
from evalrunner.types import Case, Completion, Json, JudgeCall, Message, Request, Status

JUDGE_ERROR = "judge_error"
_FATAL = frozenset({FailureKind.AUTH, FailureKind.QUOTA})
"""Nothing that is asked after one of these is answered: the run stops and can be resumed."""
_QUOTED = 4_000
"""Characters of a reply without verdict that the judge is shown again."""

T = TypeVar("T")
_Put: TypeAlias = "Callable[[Question], Awaitable[Completion]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One verdict that is wanted."""

    member: JudgeMember
    index: int
    """The sample index of its requests."""
    is_retest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of asking one judge once."""

    verdict: Mapping[str, Json] | None
    """Valid for the question's form."""
    problem: str | None
    """Why there is no verdict: begins with `judge_error`."""
    calls: tuple[JudgeCall, ...]


def samples_of(judge: Judge, case: Case) -> Iterator[Sample]:
    """Every verdict that a judge gives on one answer to this case, in a fixed order."""
    for member in judge.members:
        for index in range(judge.repeats):
            yield Sample(member=member, index=index)
    if _is_retested(judge, case):
        yield Sample(member=judge.members[0], index=judge.repeats, is_retest=True)


def request_of(sample: Sample, question: Question, *, case: Case, judge: Judge) -> Request:
    """The first request that asks for this verdict."""
    build = sample.member.wire.build_request
    if not judge.structured:
        return build(question.prompt, case, sample.index)
    return build(question.prompt, case, sample.index, schema=question.form.schema)


async def ask_judge(
    sample: Sample, question: Question, *, case: Case, judge: Judge, ask: Ask
) -> Reply:
    """The verdict, or why there is none; a reply without one is followed by one more request.

    Raises BudgetExceeded, StoreError, and ProviderError for a key or quota that is used up.
    """
    calls: list[JudgeCall] = []

    async def put(asked: Question) -> Completion:
        request = request_of(sample, asked, case=case, judge=judge)
        completion = await ask(sample.member.wire, request)
        calls.append(_call(request, completion))
        return completion

    try:
        verdict, problem = await _verdict(put, question)
    except ProviderError as error:
        if error.kind in _FATAL:
            raise
        verdict, problem = None, error.kind.value
        if error.kind is FailureKind.FUNCTION:
            # Of the project, so what it raised is what there is to mend.
            problem = f"{problem}: {shortened(str(error))}"
    reason = None if problem is None else f"{JUDGE_ERROR}: {problem}"
    return Reply(verdict=verdict, problem=reason, calls=tuple(calls))


async def all_of(tasks: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all, in order, made at the same time.

    Raises the first exception once all are done: what the others paid for is recorded by then.
    """
    asked = list(tasks)
    if len(asked) == 1:
        return [await asked[0]]
    results = await asyncio.gather(*asked, return_exceptions=True)
    done: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


async def _verdict(put: _Put, question: Question) -> tuple[Mapping[str, Json] | None, str | None]:
    asked, fault = question, ""
    for _ in range(2):
        completion = await put(asked)
        if completion.status is not Status.OK:
            return None, completion.status.value
        reply = completion.text or ""
        try:
            return question.form.read(reply), None
        except VerdictError as error:
            fault = str(error)
        asked = _asked_again(question, reply, fault)
    return None, f"parse: {shortened(fault)}"


def _asked_again(question: Question, reply: str, fault: str) -> Question:
    """The conversation with the reply and what is wrong with it."""
    # Providers refuse turns that are empty.
    shown = cut(without_surrogates(reply).strip(), _QUOTED) or "(nothing)"
    complaint = (
        f"That is no valid verdict: {fault}\n\n"
        "Answer again with one JSON object of the form that was asked for, and with nothing else."
    )
    turns = (
        *question.prompt.messages,
        Message(role="assistant", content=shown),
        Message(role="user", content=complaint),
    )
    return replace(question, prompt=replace(question.prompt, messages=turns))


def _call(request: Request, completion: Completion) -> JudgeCall:
    return JudgeCall(
        key=request.key,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        served_model=completion.served_model,
        attempts=completion.attempts,
        cached=completion.cached,
    )


def _is_retested(judge: Judge, case: Case) -> bool:
    key = f"{judge.seed} retest {case.id}".encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(key).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < judge.retest
