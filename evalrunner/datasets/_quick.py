"""A quick test for rows that are certainly valid.

jsonschema takes 50 to 100 µs a row. So a schema of plain keywords is compiled into closures that
let a row pass only when it is certainly valid. They never refuse: what they are not sure of goes
to jsonschema, and so does every row of a schema with a keyword that is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from evalrunner.types import Json

Check: TypeAlias = Callable[[Json], bool]


def compile_schema(schema: Json) -> Check | None:
    """A test that only valid values pass; None for a schema it cannot express.

    False means "ask jsonschema". Every keyword here is monotone (no `not`, `oneOf`, `if`), so that
    tests which are too strict in their parts are too strict as a whole, never too lax.
    """
    try:
        return _compiled(schema)
    except (_TooRichError, re.error, TypeError, AttributeError):
        return None


class _TooRichError(Exception):
    """The schema uses a keyword that is left to jsonschema."""


def _compiled(schema: Json) -> Check:
    if schema is True:
        return _anything
    if not isinstance(schema, dict):
        raise _TooRichError
    if not str(schema.get("$schema", _DRAFTS[0])).startswith(_DRAFTS):
        raise _TooRichError
    checks = []
    for keyword, value in schema.items():
        if keyword in _ANNOTATIONS:
            continue
        if keyword not in _KEYWORDS:
            raise _TooRichError
        checks.append(_KEYWORDS[keyword](value, schema))
    return _all_of(checks)


_DRAFTS = ("https://json-schema.org/draft/2020-12/", "https://json-schema.org/draft/2019-09/")
_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples"}
)


def _anything(_: Json) -> bool:
    return True


def _all_of(checks: list[Check]) -> Check:
    checks = [check for check in checks if check is not _anything]
    if not checks:
        return _anything
    if len(checks) == 1:
        return checks[0]

    def check_all(value: Json) -> bool:
        for check in checks:  # noqa: SIM110 - a generator would cost as much as the checks
            if not check(value):
                return False
        return True

    return check_all


def _type(names: str | list[str], _: Json) -> Check:
    listed = [names] if isinstance(names, str) else names
    allowed = {kind for name in listed for kind in _TYPES.get(name, ())}
    return lambda value: type(value) in allowed


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def _properties(schemas: dict[str, Json], _: Json) -> Check:
    compiled = {name: _compiled(schema) for name, schema in schemas.items()}
    checks = [(name, check) for name, check in compiled.items() if check is not _anything]

    def check_properties(value: Json) -> bool:
        if isinstance(value, dict):
            for name, check in checks:
                if name in value and not check(value[name]):
                    return False
        return True

    return check_properties


def _additional(allowed: Json, schema: Json) -> Check:
    if allowed is True:
        return _anything
    if allowed is not False or "patternProperties" in schema:
        raise _TooRichError
    known = frozenset(schema.get("properties", ()))
    return lambda value: not isinstance(value, dict) or value.keys() <= known


def _required(names: list[str], _: Json) -> Check:
    needed = frozenset(names)
    return lambda value: not isinstance(value, dict) or needed <= value.keys()


def _items(schema: Json, _: Json) -> Check:
    check = _compiled(schema)
    if check is _anything:
        return check
    return lambda value: not isinstance(value, list) or all(map(check, value))


def _enum(values: list[Json], _: Json) -> Check:
    texts = frozenset(value for value in values if isinstance(value, str))
    return lambda value: type(value) is str and value in texts


def _pattern(pattern: str, _: Json) -> Check:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _sized(
    kind: type[str | list[Json] | dict[str, Json]], *, least: bool
) -> Callable[[Json, Json], Check]:
    def compile_size(bound: Json, _: Json) -> Check:
        if least:
            return lambda value: not isinstance(value, kind) or len(value) >= bound
        return lambda value: not isinstance(value, kind) or len(value) <= bound

    return compile_size


def _bounded(is_within: Callable[[Any, Any], bool]) -> Callable[[Json, Json], Check]:
    def compile_bound(bound: Json, _: Json) -> Check:
        return lambda value: type(value) not in {int, float} or is_within(value, bound)

    return compile_bound


_KEYWORDS: dict[str, Callable[[Any, Json], Check]] = {
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": _sized(str, least=True),
    "maxLength": _sized(str, least=False),
    "minItems": _sized(list, least=True),
    "maxItems": _sized(list, least=False),
    "minProperties": _sized(dict, least=True),
    "maxProperties": _sized(dict, least=False),
    "minimum": _bounded(lambda value, bound: value >= bound),
    "maximum": _bounded(lambda value, bound: value <= bound),
    "exclusiveMinimum": _bounded(lambda value, bound: value > bound),
    "exclusiveMaximum": _bounded(lambda value, bound: value < bound),
}
