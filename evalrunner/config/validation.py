"""What pydantic refuses, as Problems that name the file and line, or the override, to mend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from evalrunner.config.problems import listed, nearest
from evalrunner.config.tree import Path
from evalrunner.errors import Problem
from evalrunner.formatting import safe_text
from evalrunner.types import Json

if TYPE_CHECKING:
    from evalrunner.config.loader import Origin
    from evalrunner.config.overrides import Setting

_SECRET = re.compile("key|token|secret|password|credential", re.IGNORECASE)
"""Keys whose values are not repeated in a message."""
_TAGGED = (("model",), ("scorer", None), ("judge", "model"), ("judge", "panel", None))
"""Where pydantic puts the chosen provider or kind into the path of an error."""


class Locator:
    """Finds who set a key: an override, or a file and line."""

    def __init__(self, settings: Sequence[Setting], origins: Sequence[Origin]) -> None:
        self._settings = settings
        self._origins = origins

    def where(self, path: Path) -> str:
        """`run.seed=x` as typed, or `conf/model/a.yaml:3 model.limits.rpm`."""
        above, below = self._overrides(tuple(map(str, path)))
        if above:
            return above
        dotted = ".".join(map(str, path))
        origin, depth = self._deepest(path)
        if below and depth < len(path):
            return below
        if origin is None:
            return dotted
        line = origin.file.line(tuple(path[len(origin.prefix) : depth]))
        shown = f"{origin.file.shown}:{line}" if line else origin.file.shown
        return f"{shown} {dotted}"

    def _overrides(self, path: tuple[str, ...]) -> tuple[str, str]:
        """The last override that set the value at `path` or around it, and one that set a part."""
        above = below = ""
        for setting in self._settings:
            parts = tuple(setting.key.replace("@", ".").split("."))
            is_value = setting.override.is_force_add() or setting.override.is_add()
            shared = min(len(parts), len(path))
            if is_value and parts[:shared] == path[:shared]:
                typed = f"{setting.key}=…" if _SECRET.search(setting.key) else setting.typed
                above, below = (typed, below) if len(parts) <= len(path) else (above, typed)
        return above, below

    def _deepest(self, path: Path) -> tuple[Origin | None, int]:
        best: tuple[Origin | None, int] = (None, 0)
        for origin in self._origins:
            depth = _shared_depth(origin, path)
            if depth and depth >= best[1]:
                best = (origin, depth)
        return best


def validation_problems(
    error: ValidationError,
    data: Mapping[str, Json],
    locator: Locator,
    root: type[BaseModel],
    *,
    prefix: Path = (),
) -> Iterator[Problem]:
    """Each thing that pydantic refuses; `prefix` is where in `data` it looked."""
    for item in error.errors(include_url=False):
        path = _without_tags((*prefix, *item["loc"]))
        kind, value = item["type"], item.get("input")
        where = locator.where(path)
        if kind == "extra_forbidden":
            yield _unknown_key(path, data, where, root)
        elif kind == "missing":
            yield _missing_key(path, where)
        elif kind in {"union_tag_invalid", "union_tag_not_found"}:
            yield _unknown_kind(item, path, locator)
        else:
            is_shown = kind != "value_error" and not _SECRET.search(str(path[-1]))
            what = _sentence(item, value) if is_shown else _message(item)
            yield Problem(where=where, what=what, hint=_quoting_hint(kind, value))


def _shared_depth(origin: Origin, path: Path) -> int:
    prefix = origin.prefix
    if tuple(map(str, path[: len(prefix)])) != prefix[: len(path)] or len(path) < len(prefix):
        return 0
    node, depth = origin.file.content, len(prefix)
    for key in path[len(prefix) :]:
        is_there = key in node if isinstance(node, Mapping) else False
        is_there = is_there or (isinstance(node, list) and isinstance(key, int) and key < len(node))
        if not is_there:
            break
        node, depth = node[key], depth + 1
    return depth


def _without_tags(loc: Path) -> Path:
    for shape in _TAGGED:
        if len(loc) > len(shape) and all(
            part in {None, key} for part, key in zip(shape, loc, strict=False)
        ):
            return (*loc[: len(shape)], *loc[len(shape) + 1 :])
    return loc


def _unknown_key(path: Path, data: Json, where: str, root: type[BaseModel]) -> Problem:
    *parents, key = path
    model = _model_at(root, parents, data)
    names = _keys_of(model) if model else []
    near = nearest(str(key), names)
    inside = f" in {'.'.join(map(str, parents))}" if parents else ""
    hint = f"did you mean {'.'.join(map(str, [*parents, near]))}?" if near else ""
    if names:
        hint = f"{hint} the keys are: {listed(names)}".strip()
    return Problem(where=where, what=f"there is no key {str(key)!r}{inside}", hint=hint)


def _missing_key(path: Path, where: str) -> Problem:
    dotted = ".".join(map(str, path))
    hint = f"set it in the file, or type {dotted}=VALUE"
    if dotted == "judge.model":
        hint = "choose a judge with judge=NAME, or a model for it"
    if len(path) == 1:
        hint = f"type {dotted}=NAME"
    return Problem(where=where, what=f"{dotted} is missing", hint=hint)


def _unknown_kind(item: Any, path: Path, locator: Locator) -> Problem:
    context = item.get("ctx", {})
    key = str(context.get("discriminator", "kind")).strip("'")
    where = locator.where((*path, key))
    expected = re.findall(r"'([^']+)'", str(context.get("expected_tags", "")))
    if "tag" not in context:
        return Problem(where=where, what=f"{key} is missing", hint=f"write {key}: NAME")
    near = nearest(str(context["tag"]), expected)
    hint = f"there are: {listed(expected)}"
    what = f"there is no {key} {str(context['tag'])!r}"
    return Problem(where=where, what=what, hint=f"did you mean {near}? {hint}" if near else hint)


def _message(item: Any) -> str:
    if item["type"] in {"model_type", "model_attributes_type", "dict_type"}:
        return "should be a mapping of keys to values"
    return str(item["msg"]).removeprefix("Value error, ").replace("Input should", "should")


def _sentence(item: Any, value: Json) -> str:
    message = _message(item)
    if isinstance(value, str | int | float | None):
        message += f", not {safe_text(repr(value), limit=80)}"
    return message


def _quoting_hint(kind: str, value: Json) -> str:
    if kind != "string_type" or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, bool):
        return "YAML reads yes, no, on and off as true and false: quote the text"
    return "a text that looks like a number needs quotes; on the command line 'key=\"1e3\"'"


def _keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(
    root: type[BaseModel], path: Sequence[str | int], data: Json
) -> type[BaseModel] | None:
    """The settings class that stands at `path`, following unions by what `data` chose."""
    annotation: Any = root
    for key in path:
        data = data[key] if isinstance(data, Mapping) and key in data else None
        if get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            models = list(_models_in(annotation))
            field = models[0].model_fields.get(str(key)) if models else None
            if field is None:
                return None
            annotation = field.annotation
        annotation = _chosen(annotation, data)
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if is_model else None


def _chosen(annotation: Any, data: Json) -> Any:
    """The one class of a union (or of an optional field) that `data` is meant for."""
    if get_origin(annotation) is dict or not isinstance(data, Mapping):
        return annotation
    models = list(_models_in(annotation))
    for model in models:
        for key in ("provider", "kind"):
            field = model.model_fields.get(key)
            if field and data.get(key) in get_args(field.annotation):
                return model
    return models[0] if len(models) == 1 else annotation


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from _models_in(argument)
