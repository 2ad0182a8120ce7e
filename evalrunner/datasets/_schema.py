"""Whether a row is a case: JSON Schema, the built-in one and the user's.

jsonschema decides and words every refusal; rows that `_quick` knows to be valid do not wait for it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalrunner.datasets._quick import compile_schema
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import safe_text
from evalrunner.project import packaged
from evalrunner.types import Json

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_MOST_A_ROW = 3
_LONGEST_MESSAGE = 200


def builtin_schema_path() -> Path:
    """The JSON Schema that every case meets."""
    return packaged("datasets") / "schema" / "case.json"


class CaseSchema:
    """One JSON Schema. Raises ConfigError when the file holds none.

    Args:
        path: The file.
        where: How problems of the schema itself name it.
    """

    def __init__(self, path: Path, *, where: str) -> None:
        self._where = where
        try:
            self._schema = json.loads(path.read_text(encoding="utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise self._broken(f"{str(path)!r} is not JSON: {error}") from error
        if not isinstance(self._schema, dict | bool):
            raise self._broken(f"{str(path)!r} holds no JSON Schema, which is an object")
        self._validator: Validator | None = None
        self._is_plainly_valid = compile_schema(self._schema)

    def errors(self, row: Mapping[str, Json]) -> Iterator[str]:
        """What the row breaks, at most three of it; nothing for a valid row."""
        if self._is_plainly_valid is not None and self._is_plainly_valid(row):
            return
        from referencing.exceptions import Unresolvable

        try:
            found = itertools.islice(self.validator.iter_errors(row), _MOST_A_ROW)
            yield from dict.fromkeys(_worded(error) for error in found)
        except Unresolvable as error:
            raise self._broken(f"{error.ref!r} is not in the schema, nothing is fetched") from error
        except RecursionError as error:
            raise self._broken(
                "the schema refers to itself without end, or nests too deep"
            ) from error

    def check(self) -> None:
        """Raise ConfigError unless the schema itself is valid; the built-in one is tested to be."""
        _ = self.validator

    @property
    def validator(self) -> Validator:
        """The full validator; made, and the schema checked, at the first use."""
        if self._validator is None:
            import jsonschema
            from jsonschema.validators import validator_for
            from referencing.jsonschema import EMPTY_REGISTRY

            draft = validator_for(self._schema, default=jsonschema.Draft202012Validator)
            try:
                draft.check_schema(self._schema)
            except jsonschema.SchemaError as error:
                raise self._broken(f"no valid JSON Schema: {_worded(error)}") from error
            # A registry of our own: without one, jsonschema downloads whatever a $ref names.
            self._validator = draft(self._schema, registry=EMPTY_REGISTRY)
        return self._validator

    def _broken(self, what: str) -> ConfigError:
        return ConfigError(Problem(where=self._where, what=what))


def _worded(error: Any) -> str:
    place = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    place = safe_text(place.removeprefix("."), limit=_LONGEST_MESSAGE)
    if error.validator == "required":
        absent = [name for name in error.validator_value if name not in error.instance]
        missing = ", ".join(map(repr, absent))
        what = f"{missing} is missing, there are: {', '.join(error.instance)}"
    else:
        what = error.message
    text = safe_text(what, limit=_LONGEST_MESSAGE)
    return f"{place}: {text}" if place else text
