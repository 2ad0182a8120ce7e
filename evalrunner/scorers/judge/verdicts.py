"""What a verdict looks like, and how it is read: strictly, or not at all.

A number out of range, a verdict in words, two of them in one: none is guessed at, the judge is
asked again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from evalrunner.scorers.base import shortened
from evalrunner.scorers.json_text import (
    DEEPEST_LEVEL,
    InvalidJsonError,
    is_deeper,
    objects_in,
    parse_json,
)
from evalrunner.scorers.judge.fitting import fits
from evalrunner.types import Json

LONGEST_REPLY = 100_000
"""Characters; in a longer one no verdict is looked for."""
LONGEST_REASON = 1_000
"""Characters that are kept of a judge's reason; the whole reply is in the journal."""

_NOT_A_VERDICT = "[not a verdict] "
_NO_BRACE = "❴"
"""In place of braces, in a text with so many that no verdict can be looked for in it."""
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")


class VerdictError(ValueError):
    """Why a judge's reply holds no verdict, in words for the judge."""


class VerdictForm:
    """The JSON Schema of a verdict, as sent to judges that can keep to one, and as held to all.

    Args:
        schema: Of an object.
    """

    def __init__(self, schema: Mapping[str, Json]) -> None:
        self.schema = schema

    def read(self, reply: str) -> Mapping[str, Json]:
        """The verdict in a judge's reply. Raises VerdictError when there is none.

        A reply that is one valid object and nothing else is the verdict. Otherwise it is the last
        valid object in it: earlier ones may be drafts, or quoted from the answer.
        """
        if len(reply) > LONGEST_REPLY:
            raise VerdictError(f"the reply is longer than {LONGEST_REPLY:,} characters")
        try:
            whole = parse_json(reply.strip().removeprefix("\ufeff"))
        except InvalidJsonError as error:
            problem = f"no JSON object was found: {error}"
        else:
            problem = self._problem(whole)
            if not problem:
                return dict(whole)
        try:
            objects = [_unwrapped(found) for _, found in objects_in(reply)]
        except InvalidJsonError as error:
            raise VerdictError(str(error)) from error
        for candidate in reversed(objects):
            if not self._problem(candidate):
                return candidate
        raise VerdictError(self._problem(objects[-1]) if objects else problem)

    def disarmed(self, text: str) -> str:
        """Foreign text in which nothing can be read as a verdict, also when it is quoted whole."""
        required = set(self.schema.get("required", ()))
        try:
            fakes = [
                at
                for at, found in objects_in(text, nested=True)
                if required <= found.keys() and not self._problem(found)
            ]
        except InvalidJsonError:
            return text.replace("{", _NO_BRACE)
        for at in reversed(fakes):
            text = f"{text[: at + 1]}{_NOT_A_VERDICT}{text[at + 1 :]}"
        return text

    def _problem(self, value: Json) -> str:
        """What is wrong with a value as a verdict; empty for a valid one."""
        if fits(value, self.schema):
            return ""
        if not isinstance(value, dict):
            return "the reply is JSON, but no object"
        if is_deeper(value, DEEPEST_LEVEL):
            return f"nested deeper than {DEEPEST_LEVEL} levels"
        errors = sorted(self._validator.iter_errors(value), key=lambda error: str(error.json_path))
        # Where values are listed, their type goes without saying.
        told = [each for each in errors if each.validator != "type" or "enum" not in each.schema]
        return "; ".join(f"{each.json_path}: {_fault(each)}" for each in (told or errors)[:3])

    @cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft202012Validator
        from referencing.jsonschema import EMPTY_REGISTRY

        return Draft202012Validator(dict(self.schema), registry=EMPTY_REGISTRY)


def without_surrogates(text: str) -> str:
    """`text` with U+FFFD for halves of characters, which JSON may hold and UTF-8 cannot."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def sentence(value: Json) -> str:
    """A reason out of a verdict, fit to be kept."""
    text = without_surrogates(str(value)).strip()
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def _fault(error: Any) -> str:
    """In our own words: what a judge wrote may be the answer's, and is not said to it by us."""
    if error.validator == "enum":
        return f"must be one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "type":
        return f"must be of type {error.validator_value}"
    if error.validator == "additionalProperties":
        return "has keys that were not asked for"
    return shortened(error.message)


def _unwrapped(value: dict[str, Json]) -> dict[str, Json]:
    """The object inside objects that hold nothing else: `{"verdict": {...}}`."""
    while len(value) == 1:
        (inner,) = value.values()
        if not isinstance(inner, dict):
            break
        value = inner
    return value
