"""The files of a test set, all of them or none; never in the place of others."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.production.dataset.card import card_text
from evalrunner.production.dataset.drawing import Drawn
from evalrunner.production.dataset.rows import rows_of, schema_of
from evalrunner.types import canonical_json

_PLAIN = re.compile(r"[A-Za-z0-9][\w./:@+-]*", re.ASCII)
"""Names that YAML and interpolation take as they are."""


def write_dataset(
    into: Path, found: Mapping[str, Any], drawn: Sequence[Drawn], *, by: str | None
) -> list[str]:
    """Names of the new files, below `into`. Raises ConfigError and StoreError."""
    texts = dict(_texts(found, drawn, by=by))
    there = [name for name in texts if os.path.lexists(into / name)]
    if there:
        what = "is there already, and nothing is replaced"
        hint = "take another --name, or move the file away"
        raise ConfigError([Problem(where=str(into / name), what=what, hint=hint) for name in there])
    made: list[Path] = []
    try:
        for name, text in texts.items():
            path = into / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # What users wrote is nobody else's.
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                made.append(path)
                file.write(text)
    except OSError as error:
        for path in made:
            with contextlib.suppress(OSError):
                path.unlink()
        raise StoreError(f"{into} cannot be written: {error.strerror or error}") from error
    return list(texts)


def _texts(
    found: Mapping[str, Any], drawn: Sequence[Drawn], *, by: str | None
) -> Iterator[tuple[str, str]]:
    name = found["name"]
    cases, answers = zip(*rows_of(drawn, by=by), strict=True)
    yield f"datasets/{name}.jsonl", _json_lines(cases)
    yield f"datasets/{name}_recorded.jsonl", _json_lines(answers)
    yield f"datasets/{name}.schema.json", json.dumps(schema_of(name, by=by), indent=2) + "\n"
    yield f"datasets/{name}.md", card_text(found).encode("utf-8", "replace").decode()
    yield f"conf/dataset/{name}.yaml", "\n".join(_dataset_yaml(name, found)) + "\n"
    yield f"conf/model/{name}_recorded.yaml", "\n".join(_model_yaml(name, found)) + "\n"


def _json_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    # In the order of writing, for people; canonical JSON of each value, for any text there is.
    lines = (
        ",".join(f"{canonical_json(key)}:{canonical_json(value)}" for key, value in row.items())
        for row in rows
    )
    return "".join(f"{{{line}}}\n" for line in lines)


def _dataset_yaml(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {found['n']} cases drawn from production; see datasets/{name}.md."
    yield f"name: {name}"
    yield f"path: datasets/{name}.jsonl"
    yield f"schema: datasets/{name}.schema.json"
    # A field that no drawn case has would be refused.
    if found["by"] and _PLAIN.fullmatch(found["by"]) and found["is_sliced"]:
        yield f"slices: [{json.dumps(found['by'])}]"


def _model_yaml(name: str, found: Mapping[str, Any]) -> Iterator[str]:
    models = list(found["models"])
    yield f"# What production answered to the cases of {name}: free, offline, the same every time."
    yield "provider: replay"
    yield f"path: datasets/{name}_recorded.jsonl"
    if len(models) == 1 and _PLAIN.fullmatch(models[0]):
        yield f"name: {json.dumps(models[0])}"
    yield f"label: {name} recorded"
