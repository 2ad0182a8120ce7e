"""The rows of a leaderboard file: one a model, with what is known of it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalrunner.errors import ConfigError, Problem

_LARGEST = 10_000_000
"""Bytes of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where a row has what; None = the column of the usual name, if there is one."""

    model: str | None = None
    score: str | None = None
    cost: str | None = None
    """USD for the row's n cases; without an n, per 1,000 requests."""
    n: str | None = None
    """A column, or one number for all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a leaderboard."""

    model: str
    score: float | None
    """In [0, 1]."""
    cost_usd: float | None
    """None = unknown: a leaderboard's 0 or empty field is no price."""
    n: int | None


def read_leaderboard(path: Path, columns: Columns) -> list[Row]:
    """The rows of a CSV or YAML file. Scores above 1 make all of them percentages.

    Raises ConfigError with every problem at once.
    """
    records = _records(path)
    if not records:
        raise ConfigError(Problem(where=str(path), what="has no row"))
    names = list(dict.fromkeys(name for record in records for name in record))
    found = {
        key: _column(key, getattr(columns, key), names, path=path)
        for key in ("model", "score", "cost")
    }
    fixed_n = int(columns.n) if columns.n is not None and columns.n.isdecimal() else None
    if fixed_n is None:
        found["n"] = _column("n", columns.n, names, path=path)
    problems: list[Problem] = []
    rows = [
        _row(record, found, fixed_n=fixed_n, where=f"{path}, row {number}", problems=problems)
        for number, record in enumerate(records, start=1)
    ]
    if problems:
        raise ConfigError(*problems)
    scores = [row.score for row in rows if row.score is not None]
    scale = 100.0 if max(scores, default=0.0) > 1 else 1.0
    if max(scores, default=0.0) > scale:
        what = f"scores reach {max(scores):g}; they must be shares or percentages"
        raise ConfigError(Problem(where=f"{path}: {found['score']}", what=what))
    return [_scaled(row, scale) for row in rows]


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(Problem(where=str(path), what=f"has more than {_LARGEST:,} bytes"))
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(where=str(path), what=f"cannot be read: {error}")) from error
    if path.suffix in {".yaml", ".yml"}:
        return _yaml_records(text, path)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, restkey="")
        return [{key: value for key, value in row.items() if key} for row in reader]
    except csv.Error as error:
        raise ConfigError(Problem(where=str(path), what=f"is no CSV: {error}")) from error


def _yaml_records(text: str, path: Path) -> list[dict[str, Any]]:
    import yaml

    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(Problem(where=str(path), what=f"is no YAML: {error}")) from error
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        hint = "write `- {model: a, score: 0.9, n: 200, cost: 1.5}`, one a line"
        raise ConfigError(Problem(where=str(path), what="is no list of rows", hint=hint))
    return [{str(key): value for key, value in row.items()} for row in content]


def _column(key: str, wanted: str | None, names: Sequence[str], *, path: Path) -> str | None:
    """The column to read; None where an optional one is neither named nor there."""
    name = wanted or key
    if name in names:
        return name
    if wanted is None and key in {"cost", "n"}:
        return None
    hint = f"name one with --{key}: {', '.join(map(repr, names))}"
    raise ConfigError(Problem(where=str(path), what=f"has no column {name!r}", hint=hint))


def _row(
    record: Mapping[str, Any],
    columns: Mapping[str, str | None],
    *,
    fixed_n: int | None,
    where: str,
    problems: list[Problem],
) -> Row:
    values = {}
    for key in ("score", "cost", "n"):
        name = columns.get(key)
        values[key] = _number(record.get(name) if name else None, f"{where}: {name}", problems)
    model = str(record.get(columns["model"] or "") or "").strip()
    if not model:
        problems.append(Problem(where=where, what="names no model"))
    n = values["n"]
    return Row(
        model=model,
        score=values["score"],
        # Nothing costs nothing: who publishes 0 does not know, or does not say.
        cost_usd=values["cost"] or None,
        n=fixed_n or (int(n) if n else None),
    )


def _number(value: Any, where: str, problems: list[Problem]) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        problems.append(Problem(where=where, what=f"{value!r} is no number of 0 or more"))
        return None
    return number


def _scaled(row: Row, scale: float) -> Row:
    score = None if row.score is None else row.score / scale
    return Row(model=row.model, score=score, cost_usd=row.cost_usd, n=row.n)
