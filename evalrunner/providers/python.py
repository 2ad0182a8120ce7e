"""A function of the user's project as a model: `@evalrunner.model def answer(prompt): ...`.

Sync functions run in threads, async ones in the event loop. A thread cannot be stopped: past the
deadline its answer is no longer waited for, and it runs on in the background without keeping the
program alive.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from pydantic import model_validator

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.formatting import safe_text
from evalrunner.functions import call_user_function, load_function, user_line
from evalrunner.project import Project
from evalrunner.providers import ModelSettings
from evalrunner.providers.files import fingerprint
from evalrunner.providers.recording import row_of
from evalrunner.providers.threads import Threads
from evalrunner.redact import Redactor
from evalrunner.types import Case, Completion, Json, Prompt, Request, Status, Usage

_WHERE = "model.function"
_LONGEST_MESSAGE = 500
_RESULT_KEYS = ("output", "input_tokens", "output_tokens", "cost_usd")


class PythonSettings(ModelSettings):
    """A decorated function of the project."""

    provider: Literal["python"]
    name: str = ""
    """Empty = the function's name."""
    function: str
    """`file.py:name`, relative to the project."""

    @model_validator(mode="before")
    @classmethod
    def _named_after_function(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("name") and values.get("function"):
            return {**values, "name": str(values["function"]).rpartition(":")[2]}
        return values


def build_request(
    settings: PythonSettings, prompt: Prompt, case: Case, *, sample: int, project: Project
) -> Request:
    """The call; its identity holds the content of the function's file and the whole case."""
    file = fingerprint(project, settings.function.rpartition(":")[0], where=_WHERE)
    body = {
        "system": prompt.system,
        "messages": _messages(prompt),
        "case_sha256": case.sha256,
    }
    return Request.build(
        provider=settings.provider,
        model=settings.name,
        origin="",
        path=f"{settings.function}@{file.sha256}",
        body=body,
        sample=sample,
        prompt=prompt,
        case=case,
    )


def check(settings: PythonSettings, project: Project) -> None:
    """Raise ConfigError when the function cannot be loaded."""
    load_function(settings.function, project, role="model", where=_WHERE)


def make(settings: PythonSettings, project: Project) -> PythonProvider:
    """The provider. Raises ConfigError as `check` does."""
    return PythonProvider(settings, project)


class PythonProvider:
    """Calls the function with those of `prompt`, `system`, `messages` and `case` that it names.

    The function gets copies: what it changes reaches neither the scorers nor the next call.
    """

    def __init__(self, settings: PythonSettings, project: Project) -> None:
        self._settings = settings
        self._function = load_function(settings.function, project, role="model", where=_WHERE)
        self._redactor = Redactor()
        self._threads = Threads()

    async def complete(self, request: Request) -> Completion:
        """The function's answer, its time measured around the call alone.

        Raises ProviderError: TIMEOUT past the deadline, FUNCTION when the function raises or
        returns something that is no answer.
        """
        clock = _Clock()
        call = _timed(self._function.function, clock, self._threads)
        deadline_s = self._settings.limits.deadline_s
        try:
            async with asyncio.timeout(deadline_s) as deadline:
                result = await call_user_function(call, _available(request))
        # SystemExit: a function that calls sys.exit() must not end the run.
        except (Exception, SystemExit) as error:
            if deadline.expired() and isinstance(error, TimeoutError):
                message = f"{self._settings.function} gave no answer within {deadline_s:g} s"
                raise ProviderError(message, kind=FailureKind.TIMEOUT) from error
            raise self._raised(error) from error
        try:
            completion = _completion_of(result)
        except ValueError as error:
            raise self._failure(f"returned {error}") from error
        return _measured(completion, clock)

    async def aclose(self) -> None:
        """Let the threads end; nobody waits for one that hangs."""
        self._threads.close()

    def _raised(self, error: BaseException) -> ProviderError:
        line = user_line(error, self._function.path)
        at = "" if line is None else f" ({self._function.path.name}:{line})"
        return self._failure(f"raised {type(error).__name__}: {error}{at}")

    def _failure(self, what: str) -> ProviderError:
        message = self._redactor.text(f"{self._settings.function} {what}")
        return ProviderError(safe_text(message, limit=_LONGEST_MESSAGE), kind=FailureKind.FUNCTION)


@dataclass(slots=True)
class _Clock:
    """When one call began, and how long the function itself was at work."""

    started_at: float = 0.0
    latency_s: float = 0.0


def _timed(
    function: Callable[..., Any], clock: _Clock, threads: Threads
) -> Callable[..., Awaitable[Any]]:
    """`function`, awaitable, with the time of the call alone put on `clock`."""

    @functools.wraps(function)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        call = functools.partial(function, *args, **kwargs)
        clock.started_at = time.time()
        if inspect.iscoroutinefunction(function):
            result = call()
        else:
            result = await threads.run(functools.partial(_on_clock, call, clock))
        if not inspect.isawaitable(result):
            return result
        began = time.perf_counter()
        result = await result
        clock.latency_s += time.perf_counter() - began
        return result

    return timed


def _on_clock(call: Callable[[], Any], clock: _Clock) -> Any:
    clock.started_at, began = time.time(), time.perf_counter()
    result = call()
    clock.latency_s = time.perf_counter() - began
    return result


def _messages(prompt: Prompt) -> list[dict[str, Json]]:
    return [{"role": turn.role, "content": turn.content} for turn in prompt.messages]


def _available(request: Request) -> dict[str, Any]:
    prompt, case = request.prompt, request.case
    if prompt is None or case is None:
        message = "a function needs the prompt and the case, this request has none"
        raise ProviderError(message, kind=FailureKind.BAD_REQUEST)
    return {
        "prompt": prompt.text,
        "system": prompt.system or "",
        "messages": copy.deepcopy(_messages(prompt)),
        "case": copy.deepcopy(dict(case.fields)),
    }


def _completion_of(result: Any) -> Completion:
    """Raises ValueError, saying what was returned, for anything that is no answer."""
    if isinstance(result, Completion):
        return _checked(result)
    if result is None or isinstance(result, str):
        return Completion(text=result)
    if not isinstance(result, Mapping):
        raise ValueError(f"{_kind(result)}: return str, a dict with 'output', or a Completion")  # noqa: TRY004 - a value of the user's function
    unknown = [key for key in result if key not in _RESULT_KEYS]
    if unknown or "output" not in result:
        wrong = f"the keys {unknown!r}" if unknown else "no 'output'"
        raise ValueError(f"a dict with {wrong}: the keys are {', '.join(_RESULT_KEYS)}")
    return _checked(
        Completion(
            text=result["output"],
            usage=_usage_of(result.get("input_tokens"), result.get("output_tokens")),
            cost_usd=_dollars(result.get("cost_usd")),
        )
    )


def _checked(completion: Completion) -> Completion:
    if completion.text is not None and not isinstance(completion.text, str):
        raise ValueError(f"{_kind(completion.text)} as output: it must be str or None")
    if completion.status not in {Status.OK, Status.REFUSED, Status.TRUNCATED}:
        raise ValueError(f"the status {completion.status!r}: raise an exception for a failure")
    return replace(completion, cost_usd=_dollars(completion.cost_usd))


def _usage_of(input_tokens: Any, output_tokens: Any) -> Usage | None:
    """None unless both are known: a missing count is not 0."""
    for count in (input_tokens, output_tokens):
        if count is not None and (type(count) is not int or count < 0):
            raise ValueError(f"{count!r} tokens: a count is an int of 0 or more")
    if input_tokens is None or output_tokens is None:
        return None
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)


def _dollars(value: Any) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{_kind(value)} as cost_usd: it must be a number")  # noqa: TRY004 - as above
    # By its shortest text: Decimal(0.1) would be 0.1000000000000000055...
    dollars = Decimal(str(value))
    if not dollars.is_finite() or dollars < 0:
        raise ValueError(f"cost_usd = {value!r}: it must be 0 or more")
    return dollars


def _measured(completion: Completion, clock: _Clock) -> Completion:
    """With its time, unless the function measured itself, and a raw body to be read again."""
    own = completion.latency_s is not None
    return replace(
        completion,
        raw=row_of(completion),
        started_at=completion.started_at if own else clock.started_at,
        latency_s=completion.latency_s if own else clock.latency_s,
    )


def _kind(value: Any) -> str:
    return f"{type(value).__name__} ({value!r:.60})"
