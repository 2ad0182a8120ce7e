"""JSON in answers: read strictly, looked into by dotted paths, compared by JSON's own types."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from evalrunner.types import Json, canonical_json

DEEPEST_LEVEL = 100
"""Deeper answers are invalid: validators and comparisons recurse."""

ABSENT: Final = object()
"""What `value_at` finds where nothing is: null is a value."""

_FENCE = "```"
_OBJECT_START = re.compile(r'\{(?=\s*["}])')
_MOST_EFFORT = 2_000_000
"""Characters that are read in search of objects, about 0.1 s, however often each of them."""
_EFFORT_OF_FAILURE = 100
_EFFORT_OF_RECURSION = 10_000


class InvalidJsonError(ValueError):
    """Why a text is not the JSON that was asked for."""


def parse_json(text: str, *, fenced: bool = False) -> Json:
    """The value of a text that is JSON and nothing else (RFC 8259, and its advice on names).

    With `fenced`, one Markdown fence around the whole text is taken off. Raises InvalidJsonError
    for anything else: text around it, NaN, a repeated key, a number out of range, deep nesting.
    """
    stripped = _without_fence(text.strip()) if fenced else text
    try:
        value = json.loads(
            stripped,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_without_repeats,
        )
    except json.JSONDecodeError as error:
        hint = " (in a Markdown fence: fenced: true accepts it)" if _has_fence(stripped) else ""
        where = f"line {error.lineno} column {error.colno}"
        raise InvalidJsonError(f"{error.msg} at {where}{hint}") from error
    except RecursionError as error:
        raise InvalidJsonError(f"nested deeper than {DEEPEST_LEVEL} levels") from error
    except ValueError as error:
        raise InvalidJsonError(str(error)) from error
    if is_deeper(value, DEEPEST_LEVEL):
        raise InvalidJsonError(f"nested deeper than {DEEPEST_LEVEL} levels")
    return value


def objects_in(text: str, *, nested: bool = False) -> Iterator[tuple[int, dict[str, Json]]]:
    """Every JSON object that stands in a text, and where it begins; with `nested` those inside too.

    Each is read as by `parse_json`, except that line breaks may stand in its strings and that it
    may be nested deeper. Raises InvalidJsonError for a text that is made to be slow to search.
    """
    effort, start = 0, _OBJECT_START.search(text)
    while start is not None:
        at = start.start()
        try:
            value, end = _LENIENT.raw_decode(text, at)
        except json.JSONDecodeError as error:
            effort += _EFFORT_OF_FAILURE + error.pos - at
            end = at + 1
        except (ValueError, RecursionError):
            effort += _EFFORT_OF_RECURSION
            end = at + 1
        else:
            yield at, value
            effort += end - at
            end = at + 1 if nested else end
        if effort > _MOST_EFFORT:
            raise InvalidJsonError("it has too many braces to be searched for an object")
        start = _OBJECT_START.search(text, end)


def is_deeper(value: Json, levels: int) -> bool:
    """Whether objects and lists are nested in each other more than `levels` times."""
    # Level by level, because a recursive look would fail on exactly what it looks for.
    level = [value]
    for _ in range(levels):
        children = (child for parent in level for child in _children(parent))
        level = [child for child in children if isinstance(child, dict | list)]
        if not level:
            return False
    return True


def value_at(value: Json, path: str) -> Json:
    """What stands at a dotted path (`lines.0.amount`), or `ABSENT`.

    A key that itself holds dots wins over the path.
    """
    if isinstance(value, Mapping) and path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    found = _child(value, head)
    return found if not dot or found is ABSENT else value_at(found, rest)


def json_equal(a: Json, b: Json) -> bool:
    """Equality of JSON values: 1 equals 1.0 but not true, the order of keys does not matter."""
    return comparable(a) == comparable(b)


def comparable(value: Json) -> str:
    """Text that is equal for equal JSON values."""
    return canonical_json(_with_plain_numbers(value))


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _with_plain_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_plain_numbers(item) for item in value]
    return value


def _child(value: Json, key: str) -> Json:
    if isinstance(value, Mapping):
        return value.get(key, ABSENT)
    is_index = key.isascii() and key.isdigit() and len(key) < len(str(2**63))
    if is_index and isinstance(value, Sequence) and not isinstance(value, str):
        return value[int(key)] if int(key) < len(value) else ABSENT
    return ABSENT


def _without_fence(text: str) -> str:
    first, newline, rest = text.partition("\n")
    is_fence = first.startswith(_FENCE) and rest.endswith(_FENCE)
    language = first.removeprefix(_FENCE).strip()
    if not newline or not is_fence or not (language.isalnum() or not language):
        return text
    return rest.removesuffix(_FENCE)


def _has_fence(text: str) -> bool:
    stripped = text.strip()
    return _without_fence(stripped) != stripped


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:40]} is out of range")
    return number


def _without_repeats(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:80]!r} is repeated")
        found[key] = value
    return found


def _children(value: Json) -> Iterable[Json]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


_LENIENT = json.JSONDecoder(
    strict=False,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    object_pairs_hook=_without_repeats,
)
