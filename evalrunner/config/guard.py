"""What a configuration may not do, checked before anything is composed.

A `conf/` tree may come from a stranger: its YAML selects and sets values, it never imports, runs,
reads the environment, moves directories or leaves its tree. Under `hydra:` only `sweeper.params`
and `mode` are accepted; everything else there is refused with what evalrunner has in its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from evalrunner.config.interpolation import resolvers_in
from evalrunner.config.tree import embedded, walk
from evalrunner.config.yaml_files import YamlFile
from evalrunner.errors import Problem
from evalrunner.types import Json

EXECUTING_KEYS = frozenset({"_target_", "_partial_", "_recursive_", "_convert_", "_args_"})
"""Keys by which Hydra turns a mapping into a call."""
SINGLE_GROUPS = frozenset({"dataset", "model", "prompt", "judge", "pricing", "executor"})
"""Groups of which a cell has one file: Hydra would mix two into one."""
FILES_LIMIT = 5_000
"""Files and directories that a `conf/` tree may have."""

_WAYS_OUT = {
    "callbacks": "a configuration never runs code: read the finished run, or use evalrunner export",
    "env": "a configuration never runs code",
    "help": "see evalrunner --help",
    "hydra_help": "see evalrunner --help",
    "hydra_logging": "logging is not configured in YAML; evalrunner --debug shows more",
    "job.chdir": "paths are looked up in the project: use --project DIR",
    "job.env_copy": "name the variable where it is needed: api_key_env or base_url_env",
    "job.env_set": "set the variable in the shell; api_key_env and base_url_env name one",
    "job.name": "use run.name=NAME",
    "job": "use run.name=NAME",
    "job_logging": "logging is not configured in YAML; evalrunner --debug shows more",
    "launcher": "all cells run in one event loop; use executor=NAME and model.limits.concurrency=N",
    "output": "use run.outputs=DIR and run.name=NAME",
    "output_subdir": "use run.outputs=DIR and run.name=NAME",
    "run": "use run.outputs=DIR and run.name=NAME",
    "searchpath": "put the files into conf/ of a project and use --project DIR",
    "sweep": "use run.outputs=DIR and run.name=NAME",
    "sweeper": "sweep with model=a,b, with sweep=NAME, or with hydra.sweeper.params in YAML",
    "verbose": "evalrunner --debug shows more",
}
_PACKAGE_LINES = {
    "experiment": "# @package _global_",
    "project": "# @package _global_",
    "sweep": "# @package hydra.sweeper",
}
_DEFAULTS_REFERENCE = re.compile(r"\$\{[\w./@]+\}")


def check_tree(conf: Path, project: Path) -> Iterator[Problem]:
    """What is wrong with the shape of a user's `conf/`, whichever of its files are selected."""
    if not conf.resolve().is_relative_to(project.resolve()):
        what = f"{conf.name}/ is a link that leads out of the project: refused"
        yield Problem(where=str(conf), what=what, hint=f"use --project {conf.resolve().parent}")
        return
    for number, entry in enumerate(_entries(conf)):
        shown = entry.relative_to(conf.parent).as_posix()
        if number >= FILES_LIMIT:
            yield Problem(where=str(conf), what=f"holds more than {FILES_LIMIT:,} files: refused")
            return
        if entry.is_symlink() and not entry.resolve().is_relative_to(conf.resolve()):
            what = f"is a link that leads out of {conf.name}/: refused"
            yield Problem(where=shown, what=what, hint="copy the file into the project")
        elif entry.suffix == ".yml":
            what = "is not read: configuration files end in .yaml"
            yield Problem(where=shown, what=what, hint=f"mv {shown} {shown[:-4]}.yaml")
        elif shown == f"{conf.name}/hydra":
            what = "files of Hydra's own groups are refused: they choose what code runs"
            yield Problem(where=f"{shown}/", what=what, hint=_WAYS_OUT["launcher"])


def check_primary(file: YamlFile) -> Iterator[Problem]:
    """Whether the file that composition starts from lets the packaged groups in."""
    if "defaults" not in file.content:
        what = "has no defaults list, so it would hide every group (dataset, model, prompt, ...)"
        hint = (
            "move its settings into conf/project/default.yaml under the line `# @package _global_` "
            f"and delete {file.shown}, or give it the defaults list of the packaged config.yaml"
        )
        yield Problem(where=file.shown, what=what, hint=hint)


def check_file(file: YamlFile, group: str) -> Iterator[Problem]:
    """What one file of `group` (empty for the files beside the groups) may not say."""
    package = file.package if file.package is not None else group.replace("/", ".")
    prefix = () if package == "_global_" else tuple(part for part in package.split(".") if part)
    for keys, value in walk(file.content):
        yield from _check_value(keys, value, where=_where(file, keys))
    yield from _check_hydra(embedded(file.content, prefix), file=file, prefix=prefix)
    yield from _check_defaults(file)
    yield from _check_package_line(file, group)


def check_override(key: str, value: Json, *, text: str) -> Iterator[Problem]:
    """What one override may not say; `text` is how it was typed."""
    parts = re.split(r"[./]", key)
    if parts[0] == "hydra":
        yield _hydra_problem(tuple(parts[1:]), where=text)
    elif executing := EXECUTING_KEYS.intersection(parts):
        yield _executing_problem(min(executing), where=text)
    for keys, item in walk(value):
        yield from _check_value(keys, item, where=text)


def single_problem(group: str, names: list[Json], *, where: str) -> Problem:
    """A list of files was chosen where a cell has one."""
    listed = ",".join(map(str, names))
    what = f"a cell has one {group}; Hydra would mix {listed} into one"
    return Problem(where=where, what=what, hint=f"to try each of them, type {group}={listed}")


def check_hydra_node(node: Json) -> Iterator[Problem]:
    """The net below the other checks: what composition left under `hydra:`."""
    yield from _check_hydra({"hydra": node})


def _entries(conf: Path) -> Iterator[Path]:
    for folder, directories, files in os.walk(conf):
        directories.sort()
        for name in (*directories, *sorted(files)):
            if not name.startswith("."):  # editors leave links and copies; none can be selected
                yield Path(folder, name)


def _check_value(keys: tuple[str | int, ...], value: Json, *, where: str) -> Iterator[Problem]:
    if keys and keys[-1] in EXECUTING_KEYS:
        yield _executing_problem(str(keys[-1]), where=where)
    for text in (value, keys[-1] if keys else None):
        for name in resolvers_in(text) if isinstance(text, str) and "${" in text else ():
            if name != "hydra":
                yield _resolver_problem(name, where=where)


def _executing_problem(key: str, *, where: str) -> Problem:
    what = f"{key} is refused: a configuration selects by name, it never imports or calls"
    hint = "choose provider: or kind:, or name a function of yours decorated with @evalrunner.model"
    return Problem(where=where, what=what, hint=hint)


def _resolver_problem(name: str, *, where: str) -> Problem:
    what = f"the resolver ${{{name}:...}} does not exist here: configurations refer to keys only"
    if name.startswith("oc.env"):
        what = f"${{{name}:...}} is refused: it would copy the environment into the configuration"
    hint = "name the variable instead: api_key_env: VARIABLE, base_url_env: VARIABLE"
    return Problem(where=where, what=what, hint=hint)


def _check_hydra(
    content: Json, *, file: YamlFile | None = None, prefix: tuple[str, ...] = ()
) -> Iterator[Problem]:
    node = content.get("hydra") if isinstance(content, Mapping) else None
    if node is None:
        return
    nodes = node if isinstance(node, Mapping) else {"": node}
    for key, value in nodes.items():
        allowed = key == "mode"
        if key == "sweeper" and isinstance(value, Mapping):
            allowed = set(value) <= {"params"}
        if not allowed:
            inner = next(iter(value), "") if isinstance(value, Mapping) else ""
            keys = ("hydra", key, inner)[len(prefix) :]
            where = _where(file, keys) if file else "hydra"
            yield _hydra_problem((key, inner), where=where)


def _hydra_problem(parts: tuple[str, ...], *, where: str) -> Problem:
    name = str(parts[0]) if parts else ""
    way_out = _WAYS_OUT.get(".".join(map(str, parts[:2]))) or _WAYS_OUT.get(name)
    shown = f"hydra.{name}" if name else "hydra"
    what = f"{shown} is refused: evalrunner composes with Hydra, but plans and runs by itself"
    return Problem(where=where, what=what, hint=way_out or "remove it")


def _check_defaults(file: YamlFile) -> Iterator[Problem]:
    entries = file.content.get("defaults")
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        where = _where(file, ("defaults", position))
        for keys, value in walk(entry):
            for text in (value, *keys):
                if isinstance(text, str) and "${" in _DEFAULTS_REFERENCE.sub("", text):
                    what = f"{text[:80]!r}: a defaults list may only refer to a choice: ${{model}}"
                    yield Problem(where=where, what=what)
        name = next(iter(entry), "") if isinstance(entry, Mapping) else entry
        group = str(name).split(" ")[-1].lstrip("/")
        if group.startswith(("hydra/", "hydra@")) or group == "hydra":
            yield _hydra_problem((*re.split(r"[/@]", group)[1:2],), where=where)
        names = entry.get(name) if isinstance(entry, Mapping) else None
        if group in SINGLE_GROUPS and isinstance(names, list):
            yield single_problem(group, names, where=where)


def _check_package_line(file: YamlFile, group: str) -> Iterator[Problem]:
    root, _, rest = group.partition("/")
    line = f"# @package scorer.{file.path.stem}" if root == "scorer" else _PACKAGE_LINES.get(root)
    is_right = file.package is not None
    if root == "scorer":
        is_right = bool(re.fullmatch(r"scorer\.[\w-]+", file.package or ""))
    is_base = rest or file.path.stem.startswith("_")
    if line and not is_right and not is_base and set(file.content) - {"defaults"}:
        what = f"a file of {root}/ must say where its settings go"
        yield Problem(where=file.shown, what=what, hint=f"make this its first line: {line}")


def _where(file: YamlFile, keys: tuple[str | int, ...]) -> str:
    shown = tuple(key for key in keys if key != "")
    line = file.line(shown)
    at = f"{file.shown}:{line}" if line else file.shown
    return f"{at} {'.'.join(map(str, shown))}".rstrip()
