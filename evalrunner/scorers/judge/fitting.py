"""Whether a value is valid for a plain schema: what jsonschema takes a hundred times as long for.

Only a yes is an answer. All else, be it the value's fault or a keyword that is not known here, is
for jsonschema to judge.
"""

from __future__ import annotations

from collections.abc import Mapping

from evalrunner.types import Json

_SAID = frozenset({"type", "title", "description"})
_KEYWORDS = {
    "object": _SAID | {"properties", "required", "additionalProperties"},
    "string": _SAID | {"enum"},
    "integer": _SAID | {"enum"},
}
_TYPES = {"string": str, "integer": int}


def fits(value: Json, schema: Json) -> bool:
    """Whether a value is valid for a schema of closed objects, texts and integers.

    False says nothing.
    """
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if not isinstance(kind, str) or not schema.keys() <= _KEYWORDS.get(kind, frozenset()):
        return False
    if kind == "object":
        return _fits_object(value, schema)
    # Exactly: true is no integer.
    if type(value) is not _TYPES[kind]:
        return False
    return "enum" not in schema or any(
        type(one) is type(value) and one == value for one in schema["enum"]
    )


def _fits_object(value: Json, schema: Mapping[str, Json]) -> bool:
    properties = schema.get("properties", {})
    return (
        type(value) is dict
        and schema.get("additionalProperties") is False
        and value.keys() <= properties.keys()
        and value.keys() >= set(schema.get("required", ()))
        and all(fits(item, properties[name]) for name, item in value.items())
    )
