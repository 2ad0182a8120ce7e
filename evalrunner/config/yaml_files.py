"""Reads one YAML file of a `conf/` tree that may come from a stranger.

The file's size, nesting, tags and aliases are checked before anything is built from it. Values
are read as OmegaConf reads them (`1e3` is a number, dates stay text), by the C parser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import safe_text
from evalrunner.types import Json

SIZE_LIMIT = 256 * 1024
DEPTH_LIMIT = 50
_CORE_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")
}
_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlSyntaxError(ConfigError):
    """The file is no YAML; harmless as long as nobody selects it."""


@dataclass(frozen=True)
class YamlFile:
    """A file that was checked and read."""

    path: Path
    shown: str
    """How messages call it: relative to the project, or marked as packaged."""
    text: str
    content: Json
    package: str | None
    """Of its `# @package` line; None without one."""

    def line(self, keys: tuple[str | int, ...]) -> int | None:
        """Line on which the value at `keys` starts, counted from 1; None when there is none."""
        return self._lines.get(keys)

    @cached_property
    def _lines(self) -> dict[tuple[str | int, ...], int]:
        root = yaml.compose(self.text, Loader=_Loader)
        return dict(_walk(root, ())) if root else {}


def read_yaml(path: Path, *, root: Path, shown: str) -> YamlFile:
    """The checked content of `path`, which must lie in `root`. Raises ConfigError."""
    text = _text(path, root=root, shown=shown)
    try:
        _check_events(text, shown)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise YamlSyntaxError(_syntax_problem(error, shown)) from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        what = f"holds a {type(content).__name__}, not a mapping of keys to values"
        raise ConfigError(Problem(where=shown, what=what))
    return YamlFile(path, shown, text, content, _package(text, shown))


def _text(path: Path, *, root: Path, shown: str) -> str:
    if not path.resolve().is_relative_to(root.resolve()):
        what = f"is a link that leads out of {root.name}/: refused"
        raise ConfigError(Problem(where=shown, what=what, hint="copy the file into the project"))
    if not path.is_file():
        raise ConfigError(Problem(where=shown, what="is no regular file: refused"))
    try:
        size = path.stat().st_size
        if size > SIZE_LIMIT:
            what = f"is {size:,} bytes long; a configuration file has at most {SIZE_LIMIT:,}"
            hint = "keep data in datasets/ and texts in prompts/"
            raise ConfigError(Problem(where=shown, what=what, hint=hint))
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(Problem(where=shown, what=f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        what = f"is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        raise ConfigError(Problem(where=shown, what=what, hint="save it as UTF-8")) from error


def _package(text: str, shown: str) -> str | None:
    from hydra.plugins.config_source import ConfigSource

    try:
        return ConfigSource._get_header_dict(text[:512])["package"]  # noqa: SLF001 - Hydra's own
    except ValueError as error:
        hint = "write a line such as `# @package _global_`"
        raise ConfigError(Problem(where=shown, what=str(error), hint=hint)) from error


def _check_events(text: str, shown: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        where = f"{shown}:{event.start_mark.line + 1}" if event.start_mark else shown
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            what = (
                "YAML anchors and aliases (&name, *name) are refused: they can expand without end"
            )
            hint = "write the value again, or refer to it by ${its.key}"
            raise ConfigError(Problem(where=where, what=what, hint=hint))
        tag = getattr(event, "tag", None)
        if tag and tag not in _CORE_TAGS:
            what = f"the YAML tag {safe_text(tag, limit=80)!r} is refused: a tag can create objects"
            raise ConfigError(Problem(where=where, what=what, hint="write plain values"))
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_LIMIT:
            raise ConfigError(Problem(where=where, what=f"is nested deeper than {DEPTH_LIMIT}"))


def _syntax_problem(error: yaml.YAMLError, shown: str) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        where = f"{shown}:{error.problem_mark.line + 1}"
        what = f"is no valid YAML: {error.problem}"
    else:
        where, what = shown, f"is no valid YAML: {str(error).splitlines()[0]}"
    hint = "a value with `: `, `#`, `{` or a leading `*`, `&`, `!`, `%`, `@` needs quotes"
    return Problem(where=where, what=what, hint=hint)


def _walk(
    node: yaml.Node, keys: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield (*keys, key.value), key.start_mark.line + 1
                yield from _walk(value, (*keys, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield (*keys, position), value.start_mark.line + 1
            yield from _walk(value, (*keys, position))


class _Loader(_BaseLoader):  # type: ignore[misc]  # chosen at run time
    """OmegaConf's reading of scalars on the C parser; a key given twice is an error."""

    yaml_implicit_resolvers = get_yaml_loader().yaml_implicit_resolvers

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"the key {key.value!r} is given twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping
