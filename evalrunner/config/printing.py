"""What is printed of a configuration: `--cfg`, `--info`, completion, and Hydra's own files."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Literal

import yaml
from hydra._internal.core_plugins.bash_completion import BashCompletion
from hydra._internal.hydra import Hydra
from hydra.types import RunMode
from omegaconf._utils import get_omega_conf_dumper

from evalrunner.config.interpolation import resolve, revealed
from evalrunner.config.loader import Loader
from evalrunner.config.overrides import Setting
from evalrunner.config.problems import BREAKS, hydra_problem
from evalrunner.errors import ConfigError, Problem
from evalrunner.types import Json

What = Literal["job", "hydra", "all"]
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_HIDDEN = ("help", "hydra_help")


def to_yaml(tree: Json) -> str:
    """YAML as Hydra writes it: insertion order, interpolations as they are."""
    # What `OmegaConf.to_yaml` does, without making a configuration of the tree first.
    return yaml.dump(
        tree,
        default_flow_style=False,
        allow_unicode=True,
        sort_keys=False,
        Dumper=get_omega_conf_dumper(),
    )


def multirun_yaml(settings: Sequence[Setting], loader: Loader) -> str:
    """The whole configuration before its sweep."""
    return to_yaml(_composed(settings, loader, RunMode.MULTIRUN))


def documents(
    cells: Sequence[Sequence[Setting]],
    loader: Loader,
    *,
    what: What,
    package: str | None,
    resolve_values: bool,
) -> str:
    """One YAML document per cell, as Hydra's `--cfg`."""
    shown = [
        _document(settings, loader, what=what, package=package, resolve_values=resolve_values)
        for settings in cells
    ]
    return "---\n".join(shown)


def _composed(settings: Sequence[Setting], loader: Loader, mode: RunMode) -> dict[str, Json]:
    try:
        tree = loader.compose_with_hydra([setting.line for setting in settings], mode)
    except BREAKS as error:
        where = " ".join(setting.typed for setting in settings)
        raise ConfigError(hydra_problem(error, where=where)) from error
    tree["hydra"]["overrides"]["task"] = [setting.typed for setting in settings]
    return tree


def _document(
    settings: Sequence[Setting],
    loader: Loader,
    *,
    what: What,
    package: str | None,
    resolve_values: bool,
) -> str:
    tree = _composed(settings, loader, RunMode.RUN)
    hydra = tree["hydra"]
    if what == "job":
        tree = {key: value for key, value in tree.items() if key != "hydra"}
    elif what == "hydra":
        tree = {"hydra": {key: value for key, value in hydra.items() if key not in _HIDDEN}}
    if resolve_values:
        tree = _resolved(tree, hydra)
    if package in {None, "_global_"}:
        return to_yaml(tree)
    node = tree
    for key in str(package).split("."):
        if not isinstance(node, dict) or key not in node:
            raise ConfigError(Problem(where=f"--package {package}", what="is not in the config"))
        node = node[key]
    text = to_yaml(node) if isinstance(node, dict | list) else f"{node}\n"
    return f"# @package {package}\n{text}"


def _resolved(tree: dict[str, Json], hydra: Json) -> dict[str, Json]:
    # Hydra's own node refers to clocks and to values that only a launcher sets: shown as it is.
    job = {key: value for key, value in tree.items() if key != "hydra"}
    resolved, problems = resolve(job, hydra)
    problems = [(path, what) for path, what in problems if "???" not in what]
    if problems:
        raise ConfigError(Problem(where=".".join(map(str, p)), what=what) for p, what in problems)
    return {key: resolved.get(key, value) for key, value in tree.items()}


def info_text(topic: str, settings: Sequence[Setting], loader: Loader) -> str:
    """What Hydra's `--info` prints."""
    if topic not in INFO:
        what = f"there is no topic {topic!r}"
        raise ConfigError(Problem(where="--info", what=what, hint=f"there are: {', '.join(INFO)}"))
    out = io.StringIO()
    try:
        with redirect_stdout(out), _root_logger_restored():
            Hydra("evalrunner", loader).show_info(
                topic,
                config_name=loader.config_name,
                overrides=[setting.line for setting in settings],
            )
    except BREAKS as error:
        raise ConfigError(hydra_problem(error, where=f"--info {topic}")) from error
    text: str = revealed(out.getvalue())
    return text


def completions(line: str, loader: Loader) -> list[str]:
    """What may follow `line`, the overrides typed so far."""
    try:
        return BashCompletion(loader)._query(loader.config_name, line)  # noqa: SLF001 - no other way
    except (*BREAKS, ConfigError):
        return []


@contextmanager
def _root_logger_restored() -> Iterator[None]:
    """Hydra prints through the root logger, which it reconfigures for that."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
