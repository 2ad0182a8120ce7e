"""`@sampled`: a function's arguments are the input, what it returns or yields the output."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, TypeVar

from evalrunner.production.defaults import default_sampler
from evalrunner.production.plain import SPARE
from evalrunner.production.sampler import Chosen, Sampler, checked_rate

Function = TypeVar("Function", bound=Callable[..., Any])


def sampled(
    rate: float | None = None,
    *,
    sampler: Sampler | None = None,
    id: Callable[..., str] | None = None,  # noqa: A002 - the record's field
) -> Callable[[Function], Function]:
    """Log a share of a function's calls; it stays what it is: sync, async, or a generator.

    The input is the only argument if that is a text, otherwise all of them by name, without `self`.
    A generator's output is all it yields, joined if that is text; one that is left early, or fails,
    leaves no record, nor does a call that raises.

    Args:
        rate: Share of the calls, 0 to 1; None = the sampler's own. A sampler that is off stays so.
        sampler: Where to log; None = the sampler of the process, as it is at the time of the call.
        id: Gets the call's arguments, returns its stable id; without it ids are random.
    """
    share = None if rate is None else checked_rate(rate)

    def decorate(function: Function) -> Function:
        calls = _Calls(function, share, sampler, id)
        if inspect.isasyncgenfunction(function):
            wrapper: Any = _async_generator(function, calls)
        elif inspect.isgeneratorfunction(function):
            wrapper = _generator(function, calls)
        elif inspect.iscoroutinefunction(function):
            wrapper = _coroutine(function, calls)
        else:
            wrapper = _plain(function, calls)
        functools.update_wrapper(wrapper, function)
        decorated: Function = wrapper
        return decorated

    return decorate


class _Calls:
    """Begins the records of one function's calls."""

    def __init__(
        self,
        function: Callable[..., Any],
        rate: float | None,
        sampler: Sampler | None,
        identify: Callable[..., str] | None,
    ) -> None:
        self._signature = inspect.signature(function)
        self._name = getattr(function, "__qualname__", repr(function))
        self._rate = rate
        self._sampler = sampler
        self._identify = identify

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call | None:
        """The record of this call, if it belongs to the sample; never raises."""
        sampler = default_sampler() if self._sampler is None else self._sampler
        if sampler is None or sampler.is_off:
            return None
        try:
            name = None if self._identify is None else self._identify(*args, **kwargs)
            value = self._input(args, kwargs) if sampler.asks_input else None
            chosen = sampler.choose(name, value, rate=self._rate)
            if chosen is None:
                return None
            # Now: the function may change its arguments.
            copied = sampler.snapshot().take("input", self._input(args, kwargs))
            return _Call(sampler, chosen, copied, self._name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the application goes on
            sampler.drop("failed", error)
            return None

    def _input(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        arguments = dict(self._signature.bind(*args, **kwargs).arguments)
        first = next(iter(self._signature.parameters), None)
        if first in {"self", "cls"}:
            arguments.pop(first, None)
        values = list(arguments.values())
        return values[0] if len(values) == 1 and isinstance(values[0], str) else arguments


class _Call:
    """One chosen call, under way."""

    def __init__(self, sampler: Sampler, chosen: Chosen, value: Any, name: str) -> None:
        self._sampler = sampler
        self._chosen = chosen
        self._input = value
        self._name = name
        self._started = time.perf_counter()
        self._parts: list[Any] = []
        self._room = sampler.max_record_bytes + SPARE

    def add(self, part: Any) -> None:
        """Note what a generator yields, as long as a record has room for it."""
        if self._room < 0:
            return
        try:
            copies = self._sampler.snapshot()
            self._parts.append(copies.take("output", part))
            self._room -= copies.size
        except Exception as error:  # noqa: BLE001 - as above
            self._sampler.drop("failed", error)
            self._room = -1

    def end(self, result: Any) -> None:
        """Log the call with its result."""
        if inspect.isgenerator(result) or inspect.isasyncgen(result) or inspect.isawaitable(result):
            self._sampler.drop("unreadable")
            return
        try:
            self._sampler.keep(
                self._chosen,
                input=self._input,
                output=result,
                metadata={"function": self._name},
                latency_s=time.perf_counter() - self._started,
            )
        except Exception as error:  # noqa: BLE001 - as above
            self._sampler.drop("failed", error)

    def end_parts(self) -> None:
        """Log the call with all that was yielded."""
        is_text = all(isinstance(part, str) for part in self._parts)
        self.end("".join(self._parts) if is_text else self._parts)

    def leave(self) -> None:
        """The application did not wait for the end: what it got is no whole output."""
        self._sampler.drop("left early")


def _plain(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = calls.begin(args, kwargs)
        result = function(*args, **kwargs)
        if call is not None:
            call.end(result)
        return result

    return wrapper


def _coroutine(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        call = calls.begin(args, kwargs)
        result = await function(*args, **kwargs)
        if call is not None:
            call.end(result)
        return result

    return wrapper


def _generator(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call = calls.begin(args, kwargs)
        generator = function(*args, **kwargs)
        if call is None:
            return (yield from generator)
        step, sent = generator.send, None
        while True:
            try:
                part = step(sent)
            except StopIteration as stop:
                call.end_parts()
                return stop.value
            call.add(part)
            try:
                step, sent = generator.send, (yield part)
            except GeneratorExit:
                call.leave()
                generator.close()
                raise
            except BaseException as error:  # noqa: BLE001 - thrown in, for the generator to handle
                step, sent = generator.throw, error

    return wrapper


def _async_generator(function: Callable[..., Any], calls: _Calls) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        call = calls.begin(args, kwargs)
        generator = function(*args, **kwargs)
        step, sent = generator.asend, None
        while True:
            try:
                part = await step(sent)
            except StopAsyncIteration:
                if call is not None:
                    call.end_parts()
                return
            if call is not None:
                call.add(part)
            try:
                step, sent = generator.asend, (yield part)
            except GeneratorExit:
                if call is not None:
                    call.leave()
                await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - thrown in, for the generator to handle
                step, sent = generator.athrow, error

    return wrapper
