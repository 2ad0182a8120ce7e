"""The user's own Python: loads a decorated function `file.py:name` of the project, and calls it.

A file is imported only when it can hold a decorated function, and once per content; only a function
decorated for the asked role is ever called. What the result means is left to the caller.
"""

from __future__ import annotations

import ast
import asyncio
import difflib
import functools
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from evalrunner.decorators import role_of
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project

PARAMETERS = {
    "model": ("prompt", "system", "messages", "case"),
    "scorer": ("output", "case", "completion"),
}
"""What a decorated function may name, by its role."""


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A decorated function of the project and where it came from."""

    function: Callable[..., Any]
    spec: str
    """`file.py:name`, as configured."""
    path: Path
    function_sha256: str
    """Of the bytes of the file; modules that it imports are not part of it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function returns: a coroutine when it is async."""
        return self.function(*args, **kwargs)


def load_function(spec: str, project: Project, *, role: str, where: str) -> UserFunction:
    """The function that `spec` (`file.py:name`) names, decorated with `@evalrunner.<role>`.

    `where` is the config key for errors. Raises ConfigError when the file lies outside the project,
    cannot be imported, or has no such function for this role, or when the function requires a
    parameter that its role does not offer.
    """
    file_name, _, name = spec.rpartition(":")
    if not file_name.endswith(".py") or not name.isidentifier():
        what = f"{spec!r} names no function"
        hint = f"write file.py:name, for example {role}s.py:my_{role}"
        raise ConfigError(Problem(where=where, what=what, hint=hint))
    path = _inside(project, file_name, where=where)
    source = path.read_bytes()
    _refuse_unmarked(source, path, role=role, where=where)
    module = _import_once(path, source, where=where)
    function = _pick(module, name, role=role, where=where, path=path)
    _refuse_unknown_parameters(function, spec=spec, role=role, where=where)
    return UserFunction(function, spec, path, hashlib.sha256(source).hexdigest())


async def call_user_function(function: Callable[..., Any], available: Mapping[str, Any]) -> Any:
    """What `function` returns for those of `available` that its signature names.

    A function with `**kwargs` gets all of them. Async functions run in this event loop, all others
    in a thread. Exceptions of the function pass through.
    """
    target = function.function if isinstance(function, UserFunction) else function
    args, kwargs = _arguments(target, available)
    call = functools.partial(target, *args, **kwargs)
    if _is_async(target):
        return await call()
    result = await asyncio.to_thread(_without_stop_iteration, call)
    return await result if inspect.isawaitable(result) else result


def user_line(error: BaseException, path: Path) -> int | None:
    """The line of the user's file `path` that `error` came out of; None when it never passed it."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] if lines else None


class _BytesLoader(SourceFileLoader):
    """Runs exactly the bytes that were hashed: no second read, no cached byte code."""

    def __init__(self, module_name: str, path: Path, source: bytes) -> None:
        super().__init__(module_name, str(path))
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        code: CodeType = compile(self._source, self.path, "exec", dont_inherit=True)
        return code


def _inside(project: Project, file_name: str, *, where: str) -> Path:
    """A user function is never looked up in the installed package, as other files are."""
    root = project.root.resolve()
    path = project.find(file_name, where=where).resolve()
    if path.is_relative_to(root):
        return path
    what = f"no file {file_name!r} in {project.root}: functions are taken from the project alone"
    hint = "copy the file into the project directory, or change --project"
    raise ConfigError(Problem(where=where, what=what, hint=hint))


def _refuse_unmarked(source: bytes, path: Path, *, role: str, where: str) -> None:
    """A file that never imports evalrunner holds nothing for us, and importing it might do harm."""
    try:
        tree = ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _import_problem(error, path, where=where) from error
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _imported_names(node)
    }
    if "evalrunner" not in imported:
        what = f"{path} was not imported: it has no function decorated with @evalrunner.{role}"
        hint = f"import evalrunner there and put @evalrunner.{role} above the function"
        raise ConfigError(Problem(where=where, what=what, hint=hint))


def _imported_names(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""] if node.level == 0 else []
    return [alias.name for alias in node.names]


def _import_once(path: Path, source: bytes, *, where: str) -> ModuleType:
    identity = hashlib.sha256(str(path).encode("utf-8", "surrogateescape") + b"\0" + source)
    module_name = f"_evalrunner_user_{identity.hexdigest()[:32]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    # Appended: a helper of the user's called openai.py must not stand in front of the real package.
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    loader = _BytesLoader(module_name, path, source)
    spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    assert spec is not None  # noqa: S101 - a loader was given, so there is a spec
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        loader.exec_module(module)
    # SystemExit: a script without a main guard must not end the program.
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        raise _import_problem(error, path, where=where) from error
    return module


def _import_problem(error: BaseException, path: Path, *, where: str) -> ConfigError:
    line = user_line(error, path)
    at = f"{path}, line {line}" if line is not None else str(path)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    what = f"{at}: cannot be imported: {type(error).__name__}: {message}"
    return ConfigError(Problem(where=where, what=what))


def _pick(
    module: ModuleType, name: str, *, role: str, where: str, path: Path
) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(module, name, None)
    if callable(found) and role_of(found) == role:
        return found
    marked = sorted(
        key for key, value in vars(module).items() if callable(value) and role_of(value) == role
    )
    return _refuse(found, name, marked=marked, role=role, where=where, path=path)


def _refuse(
    found: object, name: str, *, marked: list[str], role: str, where: str, path: Path
) -> Callable[..., Any]:
    other = role_of(found) if callable(found) else None
    if found is None:
        what = f"{path} has no function {name!r}"
    elif not callable(found):
        what = f"{name!r} in {path} is no function but {type(found).__name__}"
    elif other is not None:
        what = f"{name!r} in {path} is decorated with @evalrunner.{other}, not @evalrunner.{role}"
    else:
        what = f"{name!r} in {path} is not decorated with @evalrunner.{role}"
    what += f"; decorated there: {', '.join(marked) or 'none'}"
    nearest = difflib.get_close_matches(name, marked, n=1)
    if nearest:
        hint = f"did you mean {path.name}:{nearest[0]}?"
    else:
        hint = f"put @evalrunner.{role} above the function"
    raise ConfigError(Problem(where=where, what=what, hint=hint))


def _refuse_unknown_parameters(
    function: Callable[..., Any], *, spec: str, role: str, where: str
) -> None:
    offered = PARAMETERS[role]
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        what = f"{spec!r} has no readable signature: {error}"
        raise ConfigError(Problem(where=where, what=what, hint="wrap it in a def")) from error
    unknown = [
        parameter.name
        for parameter in parameters
        if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        and parameter.default is parameter.empty
        and parameter.name not in offered
    ]
    if unknown:
        what = f"{spec!r} requires {', '.join(map(repr, unknown))}, which a {role} is not given"
        hint = f"a {role} may name: {', '.join(offered)}; give other parameters a default"
        raise ConfigError(Problem(where=where, what=what, hint=hint))


def _arguments(
    function: Callable[..., Any], available: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    # What a partial was given stays: its author decided it.
    bound = function.keywords if isinstance(function, functools.partial) else {}
    available = {key: value for key, value in available.items() if key not in bound}
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        positional = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
        rest = {key: value for key, value in available.items() if key not in positional}
    else:
        named = {p.name for p in parameters if p.kind is not p.POSITIONAL_ONLY}
        rest = {key: value for key, value in available.items() if key in named}
    first = [p for p in parameters if p.kind is p.POSITIONAL_ONLY]
    args = [available.get(p.name, p.default) for p in first]
    return args, rest


def _is_async(function: Callable[..., Any]) -> bool:
    if inspect.iscoroutinefunction(function):
        return True
    return inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - its kind


def _without_stop_iteration(call: Callable[[], Any]) -> Any:
    """A StopIteration cannot be handed from a thread to a future: the await would never end."""
    try:
        return call()
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error
