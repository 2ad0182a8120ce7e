r"""Evaluates `${...}` in a composed configuration: references only, within bounds.

Hydra and OmegaConf carry interpolations as opaque text here (`opaque`, `revealed`), so nothing is
evaluated while files are merged, and no resolver (`oc.env`, ...) exists that could read a secret.
The forms are OmegaConf's: `${key.path}`, `${.sibling}`, `${a.${b}}`, `\${literal}`, and
`${hydra:runtime.choices.model}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from evalrunner.config.tree import Path, map_text
from evalrunner.types import Json

SIZE_LIMIT = 1_000_000
"""Characters and nodes that one configuration may grow to."""
DEPTH_LIMIT = 50
"""References to references to ..."""

_OPEN = "${"
_MARK = "\ue000{"
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\\$\{")
_OPENING = re.compile(r"(\\*)\$\{")
_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_CALL = re.compile(r"\$\{([^${}:]*):")
_PART = re.compile(r"[^.\[\]]+")


class InterpolationError(ValueError):
    """One value cannot be evaluated."""


def opaque(value: Json) -> Json:
    """`value` with its interpolations hidden from OmegaConf."""
    return map_text(value, lambda text: text.replace(_OPEN, _MARK))


def revealed(value: Json) -> Json:
    """The opposite of `opaque`."""
    return map_text(value, lambda text: text.replace(_MARK, _OPEN))


def resolvers_in(text: str) -> Iterator[str]:
    """Names of the resolvers that `text` would call: `oc.env` for `${oc.env:HOME}`."""
    text = _ESCAPED.sub("", text)
    while match := _INNERMOST.search(text):
        name, colon, _ = match[1].partition(":")
        if colon:
            yield name.strip()
        text = text[: match.start()] + "_" + text[match.end() :]
    # What is left has braces of its own, as in `${oc.create:{a: 1}}`.
    yield from (name.strip() for name in _CALL.findall(text))


def resolve(tree: Json, hydra: Mapping[str, Json]) -> tuple[Json, list[tuple[Path, str]]]:
    """`tree` with every interpolation replaced, and what could not be, each with its path.

    `hydra` is what `${hydra:...}` may read. A missing value (`???`) is a problem too.
    """
    resolver = _Resolver(tree, hydra)
    try:
        resolved = resolver.node(())
    except InterpolationError as error:
        return None, [((), str(error))]
    return resolved.value, resolver.problems


@dataclass(frozen=True, slots=True)
class _Sized:
    value: Json
    size: int


@dataclass(slots=True)
class _Resolver:
    tree: Json
    hydra: Mapping[str, Json]
    problems: list[tuple[Path, str]] = field(default_factory=list)
    _done: dict[Path, _Sized] = field(default_factory=dict)
    _open: list[Path] = field(default_factory=list)

    def node(self, path: Path) -> _Sized:
        """The resolved value at `path`, computed once."""
        if path not in self._done:
            raw = self._raw(path)
            sized = self._container(path, raw) if isinstance(raw, dict | list) else None
            sized = sized or self._leaf(path, raw)
            if sized.size > SIZE_LIMIT:
                raise InterpolationError(
                    f"its interpolations grow beyond {SIZE_LIMIT:,} characters: refused"
                )
            self._done[path] = sized
        return self._done[path]

    def _raw(self, path: Path) -> Json:
        node = self.tree
        for part in path:
            node = node[part]
        return node

    def _container(self, path: Path, raw: dict[str, Json] | list[Json]) -> _Sized:
        keys = list(raw) if isinstance(raw, dict) else list(range(len(raw)))
        children = [self.node((*path, key)) for key in keys]
        values = [child.value for child in children]
        size = 1 + sum(child.size for child in children)
        return _Sized(
            dict(zip(keys, values, strict=True)) if isinstance(raw, dict) else values, size
        )

    def _leaf(self, path: Path, raw: Json) -> _Sized:
        if raw == "???":
            self.problems.append((path, "has no value yet (`???`)"))
        if not isinstance(raw, str) or _OPEN not in raw:
            return _Sized(raw, _size(raw))
        if path in self._open or len(self._open) >= DEPTH_LIMIT:
            raise InterpolationError(f"{raw[:80]!r} refers to itself, directly or in a circle")
        self._open.append(path)
        try:
            return self._text(raw, path)
        except InterpolationError as error:
            if len(self._open) > 1:
                raise
            self.problems.append((path, str(error)))
            return _Sized(None, 1)
        finally:
            self._open.pop()

    def _text(self, text: str, path: Path) -> _Sized:
        parts, _ = _parse(text, 0, nested=False)
        if len(parts) == 1 and isinstance(parts[0], _Reference):
            return self._reference(parts[0], path)
        joined = self._join(parts, path)
        return _Sized(joined, _size(joined))

    def _join(self, parts: list[str | _Reference], path: Path) -> str:
        pieces: list[str] = []
        size = 0
        for part in parts:
            value = part if isinstance(part, str) else self._reference(part, path).value
            if isinstance(value, dict | list):
                raise InterpolationError("puts a mapping or a list inside of a text")
            pieces.append(str(value))
            size += len(pieces[-1])
            if size > SIZE_LIMIT:
                raise InterpolationError(
                    f"its interpolations grow beyond {SIZE_LIMIT:,} characters: refused"
                )
        return "".join(pieces)

    def _reference(self, reference: _Reference, path: Path) -> _Sized:
        name = self._join(reference.parts, path).strip()
        resolver, colon, rest = name.partition(":")
        if colon:
            if resolver.strip() != "hydra":
                raise InterpolationError(f"${{{name}}}: there is no resolver {resolver!r}")
            found = _select(self.hydra, _split(rest), name)
            return _Sized(found, _size(found))
        dots = len(name) - len(name.lstrip("."))
        base = path[: max(len(path) - dots, 0)] if dots else ()
        return self._follow(base, _split(name), name)

    def _follow(self, base: Path, keys: list[str], name: str) -> _Sized:
        at = base
        node = self._raw(base)
        for position, key in enumerate(keys):
            if isinstance(node, str) and _OPEN in node:
                found = _select(self.node(at).value, keys[position:], name)
                return _Sized(found, _size(found))
            step = _step(node, key)
            if step is None:
                raise InterpolationError(f"${{{name}}} names a key that does not exist")
            at, node = (*at, step), node[step]
        if at in self._ancestors():
            raise InterpolationError(f"${{{name}}} refers to what contains it")
        return self.node(at)

    def _ancestors(self) -> set[Path]:
        return {path[:length] for path in self._open for length in range(len(path))}


@dataclass(frozen=True, slots=True)
class _Reference:
    parts: list[str | _Reference]


def _parse(text: str, start: int, *, nested: bool) -> tuple[list[str | _Reference], int]:
    """Parts of `text` from `start`; when nested, up to the closing brace."""
    parts: list[str | _Reference] = []
    at = start
    while True:
        opening = _OPENING.search(text, at)
        closing = text.find("}", at) if nested else -1
        if nested and closing >= 0 and (opening is None or closing < opening.start()):
            parts.append(text[at:closing])
            return parts, closing + 1
        if opening is None:
            if nested:
                raise InterpolationError(
                    f"{text[:80]!r} opens `${{` and never closes it; a literal one is `\\${{`"
                )
            return ([*parts, text[at:]] if text[at:] or not parts else parts), len(text)
        slashes = opening[1]
        literal = text[at : opening.start()] + slashes[: len(slashes) // 2]
        at = opening.end()
        if len(slashes) % 2:
            parts.append(literal + _OPEN)
            continue
        if literal:
            parts.append(literal)
        inner, at = _parse(text, at, nested=True)
        parts.append(_Reference(inner))


def _split(name: str) -> list[str]:
    return _PART.findall(name.strip())


def _step(node: Json, key: str) -> str | int | None:
    if isinstance(node, Mapping):
        return key if key in node else None
    if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
        return int(key)
    return None


def _select(node: Json, keys: list[str], name: str) -> Json:
    for key in keys:
        step = _step(node, key)
        if step is None:
            raise InterpolationError(f"${{{name}}} names a key that does not exist")
        node = node[step]
    return node


def _size(value: Json) -> int:
    if isinstance(value, str):
        return len(value) + 1
    if isinstance(value, Mapping):
        return 1 + sum(_size(item) for item in value.values())
    if isinstance(value, list):
        return 1 + sum(_size(item) for item in value)
    return 1
