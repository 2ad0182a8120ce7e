"""What one rendering may use: characters made, and processor time, whatever the template says.

A sandbox stops a template from reaching into Python, not from asking for a string of 10**9
characters. Here every operation that multiplies is measured before it is done, every other one
after, and loops look at the clock. Not covered: a template built to spend its time inside a single
comparison of huge lists. Templates are part of a project, like its functions: read a stranger's.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2 import Undefined
from jinja2.exceptions import FilterArgumentError, SecurityError

LONGEST_PROMPT = 20_000_000
"""Characters that one rendered template may have."""
MOST_CHARACTERS = 3 * LONGEST_PROMPT
"""Characters that one rendering may make on the way, its result included."""
MOST_SECONDS = 1.0
"""Processor time of one rendering; usual ones take 0.0001."""
_STEPS_PER_LOOK = 16
_CHARACTERS_PER_ITEM = 8
"""What an item of a list counts for: the bytes of its pointer."""
_LARGEST_FACTOR = 10**9
_LARGEST_POWER = 64
_WIDEST = 1000
"""Columns, digits or blanks that one format field, indent or rounding may ask for."""
_WIDE_FIELD = re.compile(r"%[^a-zA-Z%]*(?:\*|\d{4})|\{[^{}]*(?:\{|\d{4})")


class Meter:
    """What is left to one rendering."""

    def __init__(self) -> None:
        self._characters = MOST_CHARACTERS
        self._end: float | None = None
        self._steps = 0

    def spend(self, characters: int) -> None:
        """Take note of one step that makes this many characters. Raises SecurityError."""
        self._characters -= characters
        if self._characters < 0:
            raise SecurityError(f"it makes more than {MOST_CHARACTERS:,} characters")
        self._steps += 1
        if self._steps % _STEPS_PER_LOOK == 0:
            self._look()

    def _look(self) -> None:
        # The clock starts at the first look: most renderings are done before it.
        now = time.thread_time()
        if self._end is None:
            self._end = now + MOST_SECONDS
        elif now > self._end:
            raise SecurityError(f"it takes more than {MOST_SECONDS:g} s")


_METER: ContextVar[Meter] = ContextVar("meter")


@contextmanager
def metered() -> Iterator[None]:
    """Bound everything that a template does inside the block."""
    token = _METER.set(Meter())
    try:
        yield
    finally:
        _METER.reset(token)


def spend(characters: int = 0) -> None:
    """As `Meter.spend`, on the rendering under way.

    Raises LookupError outside of any: Jinja2 then leaves a constant expression to the rendering.
    """
    _METER.get().spend(characters)


def measured(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with its result counted; for what makes little more than it is given."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        spend()
        result = function(*args, **kwargs)
        spend(size_of(result))
        return result

    return call


def size_of(value: Any) -> int:
    """Characters that a value counts for."""
    if isinstance(value, str):
        return len(value)
    return _CHARACTERS_PER_ITEM * len(value) if isinstance(value, list | tuple | dict) else 0


def counted(values: Iterable[Any]) -> Iterator[Any]:
    """The values of a `for` loop; every round is a step."""
    meter = _METER.get()
    for value in values:
        meter.spend(0)
        yield value


def passed(value: Any) -> Any:
    """`value`, counted: a slice is a copy."""
    spend(size_of(value))
    return value


def joined(pieces: Iterable[str]) -> str:
    """The output of a template or block."""
    meter, kept = _METER.get(), []
    for piece in pieces:
        meter.spend(len(piece))
        kept.append(piece)
    return "".join(kept)


def concatenated(values: Iterable[Any]) -> str:
    """`a ~ b`."""
    return joined(map(text_of, values))


def text_of(value: Any) -> str:
    """What `{{ value }}` writes: text as it is, lists and objects as JSON, never Python's forms."""
    if type(value) is str:
        return value
    if isinstance(value, str | int | float | Undefined):
        return str(value)
    if value is None:
        raise SecurityError("a value is null, and 'None' would be written; write {{ x or '' }}")
    if isinstance(value, list | tuple | dict):
        return as_json(value)
    raise SecurityError(f"{type(value).__name__} is no text; was a method to be called?")


def arithmetic(operate: Callable[[Any, Any], Any], operator: str, left: Any, right: Any) -> Any:
    """`operate` on two values, refused where the result could be huge."""
    if operator == "%" and isinstance(left, str):
        return formatted(left, *(right if isinstance(right, tuple) else (right,)))
    if operator in {"*", "**"}:
        sides = (left, right)
        if not all(isinstance(s, int | float) and abs(s) < _LARGEST_FACTOR for s in sides):
            raise SecurityError(f"{operator!r} works on numbers below 1e9 only")
        if operator == "**" and abs(right) > _LARGEST_POWER:
            raise SecurityError(f"powers above {_LARGEST_POWER} are refused")
    return passed(operate(left, right))


def formatted(template: str, *values: Any, **named: Any) -> str:
    """`'%s' % value` and the filter `format`."""
    if values and named:
        raise FilterArgumentError("format takes values or names, not both")
    check_format(template, values, named)
    return str(passed(template % (named or values)))


def check_format(template: str, values: Iterable[Any], named: dict[str, Any]) -> None:
    """Refuse formats whose result could be huge. Raises SecurityError."""
    if _WIDE_FIELD.search(template):
        raise SecurityError(f"fields of a format are at most {_WIDEST - 1} wide")
    widest = max((len(str(value)) for value in (*values, *named.values())), default=0)
    n_fields = template.count("%") + template.count("{")
    spend(len(template) + n_fields * max(widest, _WIDEST if n_fields > _WIDEST else 0))


def replaced(text: Any, old: Any, new: Any, count: int | None = None) -> str:
    """The filter and method `replace`."""
    whole, part, other = str(text), str(old), str(new)
    found = whole.count(part)
    most = found if count is None or count < 0 else min(count, found)
    spend(len(whole) + most * len(other))
    return whole.replace(part, other, most)


def separated(separator: Any, values: Iterable[Any]) -> str:
    """`separator.join(values)`, and the filter `join`; values need not be text."""
    texts = []
    for value in values:
        texts.append(text_of(value))
        spend(len(texts[-1]) + len(str(separator)))
    return str(separator).join(texts)


def indented(text: Any, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    """The filter `indent`: every line but the first, and blank ones, moved to the right."""
    lines = str(text).split("\n")
    margin = width if isinstance(width, str) else " " * min(width, _WIDEST)
    spend(len(str(text)) + len(lines) * len(margin))
    moved = [margin + line if line or blank else line for line in lines[1:]]
    return "\n".join([margin + lines[0] if first else lines[0], *moved])


def rounded(value: Any, precision: int = 0, method: str = "common") -> float:
    """The filter `round`."""
    from jinja2.filters import do_round

    if abs(precision) > _LARGEST_POWER:
        raise SecurityError(f"more than {_LARGEST_POWER} digits are refused")
    return do_round(value, precision, method)  # type: ignore[arg-type] # a name; it checks which


def total(values: Iterable[Any], start: float = 0) -> Any:
    """The filter `sum`, of numbers: adding lists up takes the square of their length."""
    result: Any = start
    for value in values:
        spend()
        if not isinstance(value, int | float):
            raise FilterArgumentError(f"sum adds numbers, not {type(value).__name__}")
        result += value
    return result


def as_json(value: Any, indent: int | None = None) -> str:
    """The filter `tojson`: plain JSON. Jinja2's own writes `<` and `'` as escapes, for HTML."""
    blanks = None if indent is None else min(indent, _WIDEST // 100)
    return str(passed(json.dumps(value, ensure_ascii=False, indent=blanks)))
