"""A plan on disk: what a run needs to be executed, resumed and read without its sources."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from evalrunner import __version__
from evalrunner.config import Experiment
from evalrunner.errors import StoreError
from evalrunner.planning.cells import Cell, CellSpec, Plan, spec_fields
from evalrunner.planning.parts import Parts
from evalrunner.project import Project
from evalrunner.prompts import PromptSettings, PromptTemplate, TemplateFile
from evalrunner.providers.registry import Wire, wire_for
from evalrunner.redact import Redactor
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.store import FrozenRun, read_json
from evalrunner.store.files import safe_name
from evalrunner.types import Json

_LIBRARIES = (
    "anthropic",
    "openai",
    "hydra-core",
    "omegaconf",
    "pydantic",
    "jinja2",
    "jsonschema",
    "genai-prices",
    "numpy",
    "scipy",
)


def freeze(
    plan: Plan, project: Project, *, argv: Sequence[str], at: datetime, parent: str | None = None
) -> FrozenRun:
    """The files of a new run directory."""
    from evalrunner.config.printing import to_yaml

    redactor = Redactor()
    used = list(_used_files(plan.cells))
    files = {_copy_of(file): file.text for file in used}
    for cell in plan.cells:
        hydra = f"cells/{cell.id}/.hydra"
        files[f"{hydra}/config.yaml"] = redactor.text(cell.hydra_config)
        files[f"{hydra}/overrides.yaml"] = redactor.text(to_yaml(list(cell.overrides)))
    files["multirun.yaml"] = redactor.text(plan.multirun_yaml)
    manifest = {
        "schema_version": 1,
        "evalrunner": __version__,
        "python": platform.python_version(),
        "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        "git": _git_state(project.root),
        "argv": [redactor.text(word) for word in argv],
        "project": str(project.root),
        "started_at": at.isoformat(),
        "finished_at": None,
        "seed": plan.cells[0].settings.run.seed,
        "parent": parent,
        "prompts": {file.path: {"sha256": file.sha256, "copy": _copy_of(file)} for file in used},
        "files": _file_hashes(plan, project),
        "base_urls": sorted({wire.origin for wire in _wires(plan.cells) if wire.origin}),
        "pricing": None,
        "warnings": list(plan.warnings),
    }
    return FrozenRun(plan=plan.to_json(), manifest=manifest, case_sets=plan.case_sets, files=files)


def thaw(
    directory: Path,
    project: Project | None = None,
    *,
    change: Callable[[Mapping[str, Json]], Mapping[str, Json]] = lambda config: config,
) -> tuple[Cell, ...]:
    """The cells of a run directory, ready to be executed; its configuration is not read again.

    `change` may alter the settings of each cell, as JSON, before they are used. `project` is where
    Python functions and recordings are looked up; default: where the run was started. Raises
    StoreError, and ConfigError when a file that the cells need is gone.
    """
    plan, manifest = read_json(directory / "plan.json"), read_json(directory / "manifest.json")
    around = project or Project(Path(manifest["project"]))
    entries = (entry | {"config": change(entry["config"])} for entry in plan["cells"])
    return tuple(_thaw_cell(entry, directory, manifest, around) for entry in entries)


def read_specs(directory: Path) -> tuple[CellSpec, ...]:
    """The cells of a run directory, to be read, not executed. Raises StoreError."""
    plan = read_json(directory / "plan.json")
    return tuple(CellSpec.from_json(entry) for entry in plan["cells"])


def _thaw_cell(
    entry: Mapping[str, Any], directory: Path, manifest: Mapping[str, Any], project: Project
) -> Cell:
    fields = spec_fields(entry)
    settings: Experiment = fields["settings"]
    return Cell(
        **fields,
        template=kept_template(settings.prompt, directory, manifest),
        wire=wire_for(settings.model, project),
        scorers=Parts(KeptProject(project.root, directory)).scorers_of(settings),
    )


def kept_template(
    settings: PromptSettings, directory: Path, manifest: Mapping[str, Any]
) -> PromptTemplate:
    """The prompt as a run used it. Raises StoreError when a copy is gone or another."""
    return PromptTemplate(
        system=_thaw_file(settings.system, directory, manifest),
        user=_thaw_file(settings.user, directory, manifest),
    )


@dataclass(frozen=True, slots=True)
class KeptProject(Project):
    """A project whose templates and verdict schemas are those that a run was started with."""

    run: Path

    def find(self, name: str, *, where: str, allow_absolute: bool = False) -> Path:
        """The run's own copy of a template. Raises StoreError when it is gone or another."""
        manifest = read_json(self.run / "manifest.json")
        if name not in manifest["prompts"]:
            # With slots the decorator makes a new class, so that a bare `super()` would not do.
            return Project.find(self, name, where=where, allow_absolute=allow_absolute)
        _thaw_file(name, self.run, manifest)
        copy: str = manifest["prompts"][name]["copy"]
        return self.run / copy


def _thaw_file(
    path: str | None, directory: Path, manifest: Mapping[str, Any]
) -> TemplateFile | None:
    """The template as it was used. Raises StoreError when the copy is gone or another."""
    if path is None:
        return None
    try:
        kept = manifest["prompts"][path]
        copy = (directory / kept["copy"]).resolve()
        if not copy.is_relative_to(directory.resolve()):
            raise StoreError(f"the manifest of {directory} names {copy}, outside of the run")
        file = TemplateFile(path, copy.read_bytes().decode("utf-8"))
        is_same = file.sha256 == kept["sha256"]
    except (OSError, KeyError, TypeError, UnicodeDecodeError) as error:
        what = f"the template {path!r} as it was used cannot be read in {directory}: {error!r}"
        raise StoreError(what) from error
    if not is_same:
        raise StoreError(f"{copy} is not the template that this run was started with")
    return file


def _used_files(cells: Sequence[Cell]) -> Iterator[TemplateFile]:
    """Templates of candidates and judges, and the schemas of verdicts."""
    for cell in cells:
        yield from cell.template.files
        for scorer in cell.scorers:
            if isinstance(scorer, JudgeScorer):
                yield from scorer.files


def _wires(cells: Sequence[Cell]) -> Iterator[Wire]:
    for cell in cells:
        yield cell.wire
        yield from cell.judge_wires


def _copy_of(file: TemplateFile) -> str:
    """Where a template is kept in the run directory."""
    path = Path(file.path)
    suffix = ".json" if path.suffix == ".json" else ".j2"
    return f"prompts/{safe_name(path.stem)}-{file.sha256[:10]}{suffix}"


def _file_hashes(plan: Plan, project: Project) -> dict[str, Json]:
    """Hash of every file that decides answers or scores, by its name in the configuration."""
    hashes: dict[str, Json] = {}
    for cell in plan.cells:
        for wire in (cell.wire, *cell.judge_wires):
            hashes |= wire.files
        for where, name in _named_files(cell.settings):
            if name not in hashes:
                # The plan was made: an absolute path, if there is one, was typed by the user.
                with project.find(name, where=where, allow_absolute=True).open("rb") as file:
                    hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return dict(sorted(hashes.items()))


def _named_files(settings: Experiment) -> Iterator[tuple[str, str]]:
    """Config key and name of the data set, the schemas and the scorers' functions."""
    yield "dataset.path", settings.dataset.path
    if settings.dataset.schema_ is not None:
        yield "dataset.schema", settings.dataset.schema_
    for name, scorer in settings.scorer.items():
        schema, function = getattr(scorer, "schema_", None), getattr(scorer, "function", None)
        if isinstance(schema, str):
            yield f"scorer.{name}.schema", schema
        if function is not None:
            yield f"scorer.{name}.function", function.rpartition(":")[0]


def _git_state(root: Path) -> dict[str, Json] | None:
    """Commit and whether the tree differs from it; None outside a repository."""
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(root, "status", "--porcelain")
    return {"commit": commit.strip(), "dirty": None if changes is None else bool(changes)}


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            # A project may come from a stranger: no command that its own git settings name.
            ["git", "-c", "core.fsmonitor=false", "-C", str(root), *words],  # noqa: S607 - the user's own git
            capture_output=True,
            check=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
