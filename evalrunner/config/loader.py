"""The seam to Hydra: guarded sources of YAML files, and composition by Hydra's own functions.

A cell is composed without Hydra's configuration of itself (its launchers, logging and help text),
which evalrunner does not use and which would take three quarters of the time. What Hydra writes
as `multirun.yaml` and shows with `--cfg hydra` is composed whole, by the same loader.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository, ConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra._internal.utils import create_config_search_path
from hydra.core.default_element import ResultDefault
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import OmegaConf

from evalrunner.config.guard import check_primary, check_tree
from evalrunner.config.interpolation import opaque, revealed
from evalrunner.config.sources import SCHEME, GuardedResult, GuardedSource, prepare_hydra
from evalrunner.config.yaml_files import YamlFile
from evalrunner.errors import ConfigError
from evalrunner.project import Project, packaged
from evalrunner.types import Json


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
        prepare_hydra()
        main = project.conf or packaged("conf")
        super().__init__(create_config_search_path(f"{SCHEME}://{main}"))
        self.config_name = config_name
        self._parser = OverridesParser.create(config_loader=self)
        self._parsed: dict[str, Override] = {}
        self._origins: list[Origin] = []
        path = copy.deepcopy(self.config_search_path)
        path.get_path()[:] = [
            element for element in path.get_path() if str(element.path).startswith(SCHEME)
        ]
        self._sources = ConfigRepository(path)
        self._repository = _Repository(self._sources)
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

    def compose(self, overrides: Sequence[Override], config_name: str | None = None) -> Composition:
        """One cell, or the part that all cells share (sweeps are left out)."""
        self._origins = []
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            found = create_defaults_list(
                repo=self._repository,
                config_name=config_name or self.config_name,
                overrides_list=list(overrides),
                prepend_hydra=False,
                skip_missing=True,
            )
        config = self._compose_config_from_defaults_list(found.defaults, self._repository)
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

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        """For `load_configuration`: Hydra would parse and read everything anew."""
        del config_name
        repository = _Repository(self.repository)
        read = self._repository.cache.items()
        repository.cache.update((path, file) for path, file in read if file is not None)
        return [self.parse(text) for text in overrides], repository

    def find(self, config_path: str) -> YamlFile | None:
        """The file that `config_path` names, read and checked; None when there is none."""
        for source in self._sources.get_sources():
            if isinstance(source, GuardedSource) and source.is_config(config_path):
                return source.read(config_path)
        return None

    def chooser(self, config_path: str) -> str | None:
        """File and line of the defaults list that names `config_path`, if a loaded file does."""
        group, _, name = config_path.rpartition("/")
        for result in self._repository.cache.values():
            file = result.file if isinstance(result, GuardedResult) else None
            entries = file.content.get("defaults") if file else None
            for position, entry in enumerate(entries if isinstance(entries, list) else ()):
                if file and _chooses(entry, group, name):
                    return f"{file.shown}:{file.line(('defaults', position))}"
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
        if isinstance(loaded, GuardedResult):
            package = default.package or ""
            prefix = tuple(part for part in package.split(".") if part)
            path = str(default.config_path)
            self._origins.append(Origin(loaded.file, path, prefix, default.parent))
            # Loaded files are shared by all cells: embedding copies, a global file is merged as is.
            result = self._embed_result_config(loaded, default.package)
            if result is loaded:
                return replace(loaded, config=copy.deepcopy(loaded.config))
            return result
        return super()._load_single_config(default, repo)


class _Repository(CachingConfigRepository):
    """Hydra's cache of loaded files, kept for all cells; its own lasts for one composition."""

    def __init__(self, delegate: ConfigRepository) -> None:
        self.delegate = delegate
        self.cache = {}


def _chooses(entry: Json, group: str, name: str) -> bool:
    """Whether an entry of a defaults list is `group: name`, absolute or relative to its file."""
    if not isinstance(entry, dict) or not entry:
        return False
    key, value = next(iter(entry.items()))
    named = str(key).split(" ")[-1].lstrip("/").partition("@")[0]
    is_group = group == named or group.endswith(f"/{named}")
    return is_group and (value == name or (isinstance(value, list) and name in value))


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
