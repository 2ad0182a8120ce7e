"""Labelled examples that a baseline learns from."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from evalrunner.errors import ConfigError, Problem
from evalrunner.providers.files import Fingerprint, raise_problems, read_rows
from evalrunner.types import Json, canonical_json

Predict: TypeAlias = Callable[[str], str]
"""A trained baseline: the answer to one text."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts with their answers, in the order of the file."""

    texts: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def classes(self) -> list[str]:
        """The distinct answers in sorted order."""
        return sorted(set(self.targets))

    @property
    def majority(self) -> str:
        """The most frequent answer; of equally frequent ones the first in sorted order."""
        counts = Counter(self.targets)
        return min(counts, key=lambda target: (-counts[target], target))


def load_examples(file: Fingerprint, *, input_field: str, target: str) -> Examples:
    """All rows of a training file (.jsonl, .json, .csv).

    Raises ConfigError with the first 20 rows that cannot be read or lack one of the two fields.
    """
    return _load(file.path, file.sha256, input_field, target)


def text_of(value: Json) -> str:
    """The text of an input: itself, the last user turn of messages, or its JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        turns = [turn for turn in value if isinstance(turn, Mapping) and "content" in turn]
        asked = [turn for turn in turns if turn.get("role") == "user"] or turns
        if asked:
            return text_of(asked[-1]["content"])
    return canonical_json(value)


@functools.lru_cache(maxsize=8)
def _load(path: Path, sha256: str, input_field: str, target: str) -> Examples:
    del sha256  # It only tells one content of the file from the next.
    texts: list[str] = []
    targets: list[str] = []
    problems: list[Problem] = []
    for row in read_rows(path, problems=problems):
        missing = [name for name in (input_field, target) if row.fields.get(name) in (None, "")]
        if missing:
            what = f"has no {' and no '.join(map(repr, missing))}; it has {', '.join(row.fields)}"
            hint = "name the fields with model.input_field and model.target"
            problems.append(Problem(where=f"{path.name}:{row.line}", what=what, hint=hint))
            continue
        texts.append(text_of(row.fields[input_field]))
        targets.append(text_of(row.fields[target]))
    raise_problems(problems, path)
    if not texts:
        raise ConfigError(Problem(where=path.name, what="is empty: there is nothing to learn from"))
    return Examples(tuple(texts), tuple(targets))
