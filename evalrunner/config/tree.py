"""Walks the plain values that YAML gives: mappings, lists and scalars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from evalrunner.types import Json

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root."""


def walk(node: Json, path: Path = ()) -> Iterator[tuple[Path, Json]]:
    """Every value with its path, `node` itself first."""
    yield path, node
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, list):
        for position, value in enumerate(node):
            yield from walk(value, (*path, position))


def embedded(node: Json, prefix: tuple[str, ...]) -> Json:
    """`node` inside of one mapping per part of `prefix`."""
    for part in reversed(prefix):
        node = {part: node}
    return node


def map_text(value: Json, change: Callable[[str], str]) -> Json:
    """`value` with every text in it changed, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {map_text(k, change): map_text(v, change) for k, v in value.items()}
    if isinstance(value, list):
        return [map_text(item, change) for item in value]
    return value
