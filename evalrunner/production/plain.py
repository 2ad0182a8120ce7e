"""Values of an application as plain JSON data: copied at once, bounded, whatever they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

SPARE = 4096
"""Characters of a cut text that are kept until secrets are out: a secret may stand on the edge."""
_NODE = 8
"""What a value in a list or an object counts beside its text."""
_DEEPEST = 32
_LARGEST_INT = 1 << 64


class CutText(str):
    """The beginning of a longer text, with `SPARE` characters too many."""

    __slots__ = ()


class Snapshot:
    """Copies of values, of at most `limit` characters each: what is changed later is not seen.

    `size` is what all copies hold together, about in characters; `cut` names those that had more.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._is_cut = False
        self.size = 0
        self.cut: list[str] = []

    def take(self, name: str, value: Any) -> Any:
        """`value` as text, number, bool, None, list or dict; what is neither, as its `repr`."""
        self._left, self._is_cut = self._limit, False
        plain = self._copy(value, 0)
        self.size += self._limit - self._left
        if self._is_cut:
            self.cut.append(name)
        return plain

    def _copy(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        self._left -= _NODE
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if -_LARGEST_INT < value < _LARGEST_INT else self._text(hex(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else repr(float(value))
        if depth >= _DEEPEST:
            self._is_cut = True
            return "..."
        return self._structure(value, depth + 1)

    def _structure(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._object(value.items(), depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._list(value, depth)
        try:
            fields = None if isinstance(value, type) else _fields(value)
        except Exception:  # noqa: BLE001 - foreign methods may fail in any way
            fields = None
        return self._text(_repr(value)) if fields is None else self._object(fields.items(), depth)

    def _object(self, items: Iterable[tuple[Any, Any]], depth: int) -> dict[str, Any]:
        copied = {}
        for key, item in items:
            if self._left <= 0:
                self._is_cut = True
                break
            name = key if isinstance(key, str) else _repr(key)
            copied[self._text(name)] = self._copy(item, depth)
        return copied

    def _list(self, items: Iterable[Any], depth: int) -> list[Any]:
        copied = []
        for item in items:
            if self._left <= 0:
                self._is_cut = True
                break
            copied.append(self._copy(item, depth))
        return copied

    def _text(self, text: str) -> str:
        left = max(0, self._left)
        self._left -= len(text)
        if isinstance(text, CutText):
            self._is_cut = True
            return text
        if len(text) > left:
            self._left, self._is_cut = 0, True
            return CutText(str.__getitem__(text, slice(left + SPARE)))
        # Of a subclass only its characters.
        return text if type(text) is str else str.__str__(text)


def _fields(value: Any) -> Mapping[str, Any] | None:
    """Of a pydantic model or a dataclass."""
    if callable(dump := getattr(value, "model_dump", None)):
        dumped = dump()
        return dumped if isinstance(dumped, Mapping) else None
    names = getattr(value, "__dataclass_fields__", None)
    return None if names is None else {name: getattr(value, name) for name in names}


def _repr(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - as above
        return f"<{type(value).__name__}>"
