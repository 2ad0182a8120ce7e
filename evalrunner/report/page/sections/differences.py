"""How the cells were set up: only the keys in which they differ, and their prompts side by side."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.formatting import safe_text
from evalrunner.report.page.source import PageSource
from evalrunner.types import canonical_json

_COLUMNS = 6
"""Cells that have a column each; more have a row each."""
_LONGEST = 300
_LARGEST = 200_000
_DIFF_LINES = 400
_DIFFS = 12
_UNSET = object()


def section(source: PageSource) -> dict[str, Any] | None:
    """The differing keys as dotted paths; None where the cells do not differ or are unknown."""
    cells = [cell for cell in source.plan.get("cells", ()) if cell["role"] == "candidate"]
    settings = [dict(_flat(cell["config"])) for cell in cells]
    differing = [
        key
        for key in sorted({key for each in settings for key in each})
        if len({_shown(each.get(key, _UNSET)) for each in settings}) > 1
    ]
    if not differing:
        return None
    rows = [
        {"key": key, "found": [each.get(key, _UNSET) for each in settings]} for key in differing
    ]
    return {
        "cells": [
            {
                "id": cell["id"],
                "label": cell["label"],
                "texts": [_shown(each.get(key, _UNSET)) for key in differing],
            }
            for cell, each in zip(cells, settings, strict=True)
        ],
        "names": differing,
        "is_wide": len(cells) > _COLUMNS,
        "prompts": list(_prompts(source, rows)),
    }


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted paths and what they hold; a list is one value, an empty group none."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _shown(value: Any) -> str | None:
    """A value as people read it; None = the key is not there."""
    if value is _UNSET:
        return None
    text = value if isinstance(value, str) else canonical_json(value)
    return safe_text(text, limit=_LONGEST)


def _prompts(source: PageSource, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Templates that differ, each against the first one that its key has."""
    copies = source.manifest.get("prompts") or {}
    n = 0
    for row in rows:
        paths = list(dict.fromkeys(each for each in row["found"] if _is_template(each, copies)))
        others = paths[1:]
        if not others and paths and any(not isinstance(each, str) for each in row["found"]):
            # Some cells have no such prompt at all.
            others, paths = paths, [None]
        for path in others[: _DIFFS - n]:
            n += 1
            yield {"key": row["key"], "before": paths[0], "after": path} | _diff(
                _text(source, paths[0]), _text(source, path)
            )


def _is_template(value: Any, copies: Mapping[str, Any]) -> bool:
    return isinstance(value, str) and value in copies


def _text(source: PageSource, path: str | None) -> str | None:
    """The run's own copy of a template; None where it cannot be shown."""
    if path is None:
        return ""
    root = source.directory.resolve()
    try:
        copy = (root / source.manifest["prompts"][path]["copy"]).resolve()
        # A run directory may come from somebody else: nothing outside of it is shown.
        if not copy.is_relative_to(root) or copy.stat().st_size > _LARGEST:
            return None
        return str(copy.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _diff(before: str | None, after: str | None) -> dict[str, Any]:
    """Lines with `+`, `-` or a space before them; None where a text is missing."""
    if before is None or after is None:
        return {"lines": None, "n_left_out": 0}
    found = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))
    kinds = {"+": "added", "-": "removed", "@": "place"}
    lines = [{"kind": kinds.get(line[:1], "same"), "text": line} for line in found[2:]]
    return {"lines": lines[:_DIFF_LINES], "n_left_out": max(len(lines) - _DIFF_LINES, 0)}
