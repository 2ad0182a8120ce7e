"""Where Hydra finds YAML files: the project's `conf/`, then the packaged one, both guarded."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from evalrunner.config.guard import check_file
from evalrunner.config.interpolation import opaque
from evalrunner.config.yaml_files import YamlFile, YamlSyntaxError, read_yaml
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import packaged

SCHEME = "evalrunner"
"""Search path entries that start with it are read by `GuardedSource`."""
_PACKAGED = "evalrunner"
"""Provider name of the packaged conf/ on the search path."""


def prepare_hydra() -> None:
    """Register our sources and take away what could run code or read the environment."""
    version.setbase("1.3")
    JobRuntime.instance().set("name", "evalrunner")
    # Hydra imports every module of a package `hydra_plugins`, also one in the working directory.
    with _import_refused("hydra_plugins"):
        plugins = Plugins.instance()
    for plugin in (GuardedSource, PackagedConf):
        plugins.register(plugin)
    # The guard refuses resolvers by name; without them there is also nothing to call.
    for name in ("env", "create", "decode", "deprecated", "select", "dict.keys", "dict.values"):
        OmegaConf.clear_resolver(f"oc.{name}")


class GuardedSource(FileConfigSource):
    """A directory of YAML files, each checked by the guard when it is first read."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        self._root = Path(self.path)
        self._files: dict[str, YamlFile | ConfigError] = {}
        self._kinds: dict[tuple[str, str], bool] = {}

    @staticmethod
    def scheme() -> str:
        """The prefix by which Hydra finds this class."""
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """The checked file in the form that Hydra composes."""
        file = self.read(config_path)
        # A defaults list keeps its references: Hydra resolves them against the choices.
        lists = {key: value for key, value in file.content.items() if key == "defaults"}
        return GuardedResult(
            provider=self.provider,
            path=f"{SCHEME}://{self.path}",
            config=OmegaConf.create(opaque(file.content) | lists),
            header={"package": file.package},
            file=file,
        )

    def read(self, config_path: str) -> YamlFile:
        """The checked file. Raises ConfigError, the same each time."""
        name = self._normalize_file_name(config_path)
        if name not in self._files:
            self._files[name] = self._checked(name)
        file = self._files[name]
        if isinstance(file, ConfigError):
            raise file
        return file

    def check_all(self) -> list[Problem]:
        """What the guard refuses in any file of the tree; syntax errors wait until one is used."""
        problems: list[Problem] = []
        for path in sorted(self._root.rglob("[!.]*.yaml")):
            name = path.relative_to(self._root).as_posix()
            try:
                self.read(name)
            except YamlSyntaxError:
                continue
            except ConfigError as error:
                problems += error.problems
        return problems

    def is_config(self, config_path: str) -> bool:
        """Whether there is such a file."""
        return self._known("config", config_path, super().is_config)

    def is_group(self, config_path: str) -> bool:
        """Whether there is such a directory."""
        return self._known("group", config_path, super().is_group)

    def __deepcopy__(self, memo: dict[int, Any]) -> GuardedSource:
        return self  # Hydra copies its repository for each composition; the cache is shared.

    def _known(self, kind: str, config_path: str, ask: Callable[[str], bool]) -> bool:
        if (kind, config_path) not in self._kinds:
            self._kinds[kind, config_path] = ask(config_path)
        return self._kinds[kind, config_path]

    def _checked(self, name: str) -> YamlFile | ConfigError:
        where = "packaged " if self.provider == _PACKAGED else ""
        shown = f"{where}{self._root.name}/{name}"
        group = name.rpartition("/")[0]
        try:
            file = read_yaml(self._root / name, root=self._root, shown=shown)
        except ConfigError as error:
            return error
        problems = list(check_file(file, group))
        return ConfigError(problems) if problems else file


@dataclass
class GuardedResult(ConfigResult):
    """A loaded file that remembers what it was read from."""

    file: YamlFile = None  # type: ignore[assignment]  # the base's fields have defaults


class PackagedConf(SearchPathPlugin):
    """Appends the packaged conf/ behind the project's own, so that the user's files win."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra while it builds the search path."""
        path = f"{SCHEME}://{packaged('conf')}"
        elements = search_path.get_path()
        ours = any(str(element.path).startswith(SCHEME) for element in elements)
        if ours and all(element.path != path for element in elements):
            search_path.append(_PACKAGED, path)


class _import_refused:  # noqa: N801 - used like a function
    """Makes `import name` fail inside the block, unless it was imported before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_mine = name not in sys.modules

    def __enter__(self) -> None:
        if self._is_mine:
            sys.modules[self._name] = None  # type: ignore[assignment]  # documented meaning of None

    def __exit__(self, *_: object) -> None:
        if self._is_mine:
            sys.modules.pop(self._name, None)
