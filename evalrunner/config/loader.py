"""The seam to Hydra: guarded sources of YAML files, and composition by Hydra's own functions.

A cell is composed without Hydra's configuration of itself (its launchers, logging and help text),
which evalrunner does not use and which would take three quarters of the time. What Hydra writes
as `multirun.yaml` and shows with `--cfg hydra` is composed whole, by the same loader.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.defaults_list import create_defaults_list
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import OmegaConf

from evalrunner.config.guard import check_file, check_primary, check_tree
from evalrunner.config.interpolation import opaque, revealed
from evalrunner.config.yaml_files import YamlFile, YamlSyntaxError, read_yaml
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project, packaged
from evalrunner.types import Json

_SCHEME = "evalrunner"
_PACKAGED = "evalrunner"
"""Provider name of the packaged conf/ on the search path."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One file of a composition and where in the configuration its content went."""

    file: YamlFile
    config_path: str
    """As in the defaults list: `model/gpt_6_luna`."""
    prefix: tuple[str, ...]
    parent: str | None
    """The config path of the file whose defaults list names it."""


@dataclass(frozen=True, slots=True)
class Composition:
    """What Hydra made of one list of overrides."""

    tree: dict[str, Json]
    """Unresolved, with Hydra's `hydra:` node if files set one."""
    choices: dict[str, Json]
    """Which option of every group was chosen; `???` where one must still be."""
    origins: tuple[Origin, ...]
    """In the order of composition: later files win."""


class Loader(ConfigLoaderImpl):
    """Composes one project's configuration; files are read, checked and parsed once.

    Raises ConfigError on construction when the project's `conf/` tree breaks a rule of the guard.
    """

    def __init__(self, project: Project, config_name: str = "config") -> None:
        _prepare_hydra()
        main = project.conf or packaged("conf")
        super().__init__(create_config_search_path(f"{_SCHEME}://{main}"))
        self.config_name = config_name
        self._parser = OverridesParser.create(config_loader=self)
        self._parsed: dict[str, Override] = {}
        self._origins: list[Origin] = []
        path = copy.deepcopy(self.config_search_path)
        path.get_path()[:] = [
            element for element in path.get_path() if str(element.path).startswith(_SCHEME)
        ]
        self._sources = ConfigRepository(path)
        if project.conf:
            self._check_project(project.conf, project.root)

    def parse(self, text: str) -> Override:
        """One override. Raises Hydra's OverrideParseException."""
        if text not in self._parsed:
            self._parsed[text] = self._parser.parse_overrides([text])[0]
        return self._parsed[text]

    def is_group(self, key: str) -> bool:
        """Whether `key` names a group, so that `key=name` chooses a file."""
        return self._sources.group_exists(key)

    def get_group_options(
        self,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        """Names of the files of a group, or of its sub-groups; Hydra's own are not listed."""
        del config_name, overrides
        return self._sources.get_group_options(group_name, results_filter)

    def compose(
        self, overrides: Sequence[Override], config_name: str | None = None
    ) -> Composition:
        """One cell, or the part that all cells share (sweeps are left out)."""
        repository = _Repository(self._sources)
        self._origins = []
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            found = create_defaults_list(
                repo=repository,
                config_name=config_name or self.config_name,
                overrides_list=list(overrides),
                prepend_hydra=False,
                skip_missing=True,
            )
        config = self._compose_config_from_defaults_list(found.defaults, repository)
        OmegaConf.set_struct(config, value=True)
        self._apply_overrides_to_config([_opaque(o) for o in found.config_overrides], config)
        tree = revealed(OmegaConf.to_container(config, resolve=False))
        choices = dict(found.overrides.known_choices)
        return Composition(tree, choices, tuple(self._origins))

    def compose_with_hydra(self, overrides: Sequence[str], run_mode: RunMode) -> dict[str, Json]:
        """The whole configuration as Hydra itself would compose it, unresolved."""
        self._origins = []
        config = self.load_configuration(self.config_name, list(overrides), run_mode=run_mode)
        tree: dict[str, Json] = revealed(OmegaConf.to_container(config, resolve=False))
        return tree

    def find(self, config_path: str) -> YamlFile | None:
        """The file that `config_path` names, read and checked; None when there is none."""
        for source in self._sources.get_sources():
            if isinstance(source, GuardedSource) and source.is_config(config_path):
                return source.read(config_path)
        return None

    def _check_project(self, conf: Path, root: Path) -> None:
        problems = list(check_tree(conf, root))
        if problems:
            raise ConfigError(problems)
        source = self._sources.get_sources()[0]
        if isinstance(source, GuardedSource):
            problems = source.check_all()
            if source.is_config(self.config_name):
                problems += check_primary(source.read(self.config_name))
        if problems:
            raise ConfigError(problems)

    def _load_single_config(self, default: ResultDefault, repo: Any) -> ConfigResult:
        loaded = repo.load_config(config_path=default.config_path)
        if isinstance(loaded, _GuardedResult):
            package = default.package or ""
            prefix = tuple(part for part in package.split(".") if part)
            path = str(default.config_path)
            self._origins.append(Origin(loaded.file, path, prefix, default.parent))
            return self._embed_result_config(loaded, default.package)
        return super()._load_single_config(default, repo)


class GuardedSource(FileConfigSource):
    """A directory of YAML files, each checked by the guard when it is first read."""

    def __init__(self, provider: str, path: str) -> None:
        super().__init__(provider, path)
        self._root = Path(self.path)
        self._files: dict[str, YamlFile | ConfigError] = {}
        self._configs: dict[str, Any] = {}
        self._kinds: dict[tuple[str, str], bool] = {}

    @staticmethod
    def scheme() -> str:
        """The prefix by which Hydra finds this class."""
        return _SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        """A fresh copy: composition changes what it is given."""
        file = self.read(config_path)
        if config_path not in self._configs:
            # A defaults list keeps its references: Hydra resolves them against the choices.
            lists = {k: v for k, v in file.content.items() if k == "defaults"}
            self._configs[config_path] = OmegaConf.create(opaque(file.content) | lists)
        return _GuardedResult(
            provider=self.provider,
            path=f"{_SCHEME}://{self.path}",
            config=copy.deepcopy(self._configs[config_path]),
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
class _GuardedResult(ConfigResult):
    file: YamlFile = None  # type: ignore[assignment]  # the base's fields have defaults


class _Repository(CachingConfigRepository):
    """Hydra's cache for one composition, over sources that are shared by all."""

    def __init__(self, delegate: ConfigRepository) -> None:
        self.delegate = delegate
        self.cache = {}


class PackagedConf(SearchPathPlugin):
    """Appends the packaged conf/ behind the project's own, so that the user's files win."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra while it builds the search path."""
        path = f"{_SCHEME}://{packaged('conf')}"
        elements = search_path.get_path()
        ours = any(str(element.path).startswith(_SCHEME) for element in elements)
        if ours and all(element.path != path for element in elements):
            search_path.append(_PACKAGED, path)


def _prepare_hydra() -> None:
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


def _opaque(override: Override) -> Override:
    return replace(override, _value=_opaque_value(override._value))  # noqa: SLF001 - no public way


def _opaque_value(value: Any) -> Any:
    if isinstance(value, QuotedString):
        return replace(value, text=opaque(value.text))
    if isinstance(value, list):
        return [_opaque_value(item) for item in value]
    if isinstance(value, dict):
        return {_opaque_value(key): _opaque_value(item) for key, item in value.items()}
    return opaque(value)
