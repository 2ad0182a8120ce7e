"""From settings to a `CaseSet`: find, read, rename, check, filter, draw.

The file is parsed once, row by row; what is kept of a row is its canonical JSON on disk. Every
problem of the settings and of the rows is found before any is raised.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path

from evalrunner.datasets._cases import CaseSet, Spool
from evalrunner.datasets._problems import Problems, nearest, quoted
from evalrunner.datasets._readers import SUFFIXES, read_rows
from evalrunner.datasets._rows import Ids, Renaming, TargetForms, is_empty
from evalrunner.datasets._schema import CaseSchema, builtin_schema_path
from evalrunner.datasets._select import CaseFilter, draw, draw_key, text_of
from evalrunner.datasets._settings import DatasetSettings
from evalrunner.datasets._tables import fields_of_cells
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.types import Json, canonical_json

_RESERVED = "sha256"


def load_cases(
    settings: DatasetSettings,
    project: Project,
    *,
    seed: int,
    where: str = "dataset",
    allow_absolute: bool = False,
) -> CaseSet:
    """The checked and selected cases of a test set, in the order of its file.

    `seed` decides what `limit` takes; `where` is the config key of the settings; an absolute `path`
    needs `allow_absolute`. Raises ConfigError with every problem found, the first 20 in full, and
    StoreError when the temporary file cannot be written.
    """
    path = _find(settings, project, where=where, allow_absolute=allow_absolute)
    schemas = list(_schemas(settings, project, where=where))
    row_word = "row " if path.suffix.lower() == ".parquet" else ""
    problems = Problems(settings.path, key=where, row_word=row_word)
    intake = _Intake(settings, problems, schemas=schemas, seed=seed)
    for line, row in read_rows(path, problems, encoding=settings.encoding):
        intake.take(line, row)
    intake.finish()
    problems.raise_any()
    return CaseSet(intake.spool, intake.selected(), name=settings.name, path=path)


def _find(settings: DatasetSettings, project: Project, *, where: str, allow_absolute: bool) -> Path:
    formats = f"the formats are {', '.join(SUFFIXES)}"
    if "://" in settings.path:
        what = f"{settings.path!r} is remote, and only local files are read"
        hint = f"download it into the project; {formats}"
        raise ConfigError(Problem(where=f"{where}.path", what=what, hint=hint))
    if Path(settings.path).suffix.lower() not in SUFFIXES:
        what = f"{settings.path!r} has no known format"
        raise ConfigError(Problem(where=f"{where}.path", what=what, hint=formats))
    return project.find(settings.path, where=f"{where}.path", allow_absolute=allow_absolute)


def _schemas(settings: DatasetSettings, project: Project, *, where: str) -> Iterator[CaseSchema]:
    yield CaseSchema(builtin_schema_path(), where="built-in schema")
    if settings.schema_ is not None:
        key = f"{where}.schema"
        path = project.find(settings.schema_, where=key)
        schema = CaseSchema(path, where=key)
        schema.check()
        yield schema


class _Intake:
    """Takes rows one by one; knows at the end what is wrong and which cases are wanted."""

    def __init__(
        self,
        settings: DatasetSettings,
        problems: Problems,
        *,
        schemas: list[CaseSchema],
        seed: int,
    ) -> None:
        self.spool = Spool()
        self._settings = settings
        self._problems = problems
        self._schemas = schemas
        self._seed = seed
        self._has_cells = Path(settings.path).suffix.lower() == ".csv"
        self._renaming = Renaming(settings.fields)
        self._ids = Ids(problems)
        self._targets = TargetForms()
        self._filter = CaseFilter(settings.filter)
        self._names: set[str] = set()
        self._n_rows = 0
        self._keys = array("Q")
        self._strata: list[str] = []
        self._known_strata: dict[str, str] = {}

    def take(self, line: int, row: dict[str, Json]) -> None:
        """Check one row, and keep it when the filter does."""
        self._n_rows += 1
        fields: dict[str, Json] | None = self._renaming.apply(
            row, line=line, problems=self._problems
        )
        if fields is not None and self._has_cells:
            fields = fields_of_cells(fields, line=line, problems=self._problems)
        if fields is None:
            return
        self._note_reserved(fields, line=line)
        is_sound = self._is_sound(fields, line=line)
        fields["id"] = self._ids.take(fields, line=line)
        self._names.update(fields)
        if is_sound and (text := self._canonical(fields, line=line)) is not None:
            self._targets.take(fields, line=line)
            if self._filter.matches(fields):
                self._keep(fields, text)

    def finish(self) -> None:
        """Note what shows only when all rows are read."""
        self._renaming.note_absent(self._problems)
        self._ids.note_missing()
        self._targets.note_mixed(self._problems)
        if self._names:
            self._note_unknown_names()
        self._problems.say_once(self._n_rows)
        if not self._problems:
            self._note_nothing_left()

    def selected(self) -> Iterable[int]:
        """Rows of the spool that are wanted, ascending."""
        if self._settings.limit is None:
            return range(len(self.spool))
        strata = self._strata if self._settings.stratify is not None else None
        return draw(self._keys, self._settings.limit, strata=strata)

    def _note_reserved(self, fields: dict[str, Json], *, line: int) -> None:
        if _RESERVED in fields and _RESERVED not in self._names:
            hint = f"rename it: {self._problems.key}.fields.source_sha256={_RESERVED}"
            what = f"the field name {_RESERVED!r} is reserved for the hash of the case"
            self._problems.row(line, what, hint)

    def _is_sound(self, fields: dict[str, Json], *, line: int) -> bool:
        noted = [what for schema in self._schemas for what in schema.errors(fields)]
        for what in dict.fromkeys(noted):
            self._problems.row(line, what, _hint(fields, key=self._problems.key))
        if not self._settings.allow_empty:
            for name in ("input", "expected_output"):
                if is_empty(fields.get(name)):
                    noted.append(name)
                    hint = f"fill it in, or accept it: {self._problems.key}.allow_empty=true"
                    self._problems.row(line, f"{name} is empty", hint)
        return not noted

    def _canonical(self, fields: dict[str, Json], *, line: int) -> str | None:
        try:
            return canonical_json(fields)
        except (TypeError, ValueError):
            # Only Parquet has such values: dates, decimals, bytes, NaN.
            for name, value in fields.items():
                if not _is_json(value):
                    what = f"{name} is {quoted(value)}, for which JSON has no form"
                    self._problems.row(line, what, "store the column as text, an unknown as null")
            return None

    def _keep(self, fields: dict[str, Json], text: str) -> None:
        self.spool.add(text)
        if self._settings.limit is not None:
            self._keys.append(draw_key(self._seed, fields["id"]))
        if self._settings.stratify is not None:
            stratum = text_of(fields.get(self._settings.stratify))
            self._strata.append(self._known_strata.setdefault(stratum, stratum))

    def _note_unknown_names(self) -> None:
        settings = self._settings
        wanted = [("slices", name) for name in settings.slices]
        wanted += [("cluster", settings.cluster)] if settings.cluster is not None else []
        wanted += [("stratify", settings.stratify)] if settings.stratify is not None else []
        wanted += [("filter", name) for name in settings.filter]
        for key, name in wanted:
            if name not in self._names:
                what = f"no case has a field {name!r}"
                self._problems.setting(key, what, nearest(name, self._names))
        for name, value, seen in self._filter.unmatched():
            if name in self._names:
                what = f"no case has {name} {quoted(value)}"
                self._problems.setting("filter", what, nearest(value, seen))

    def _note_nothing_left(self) -> None:
        if self._n_rows == 0:
            self._problems.file("0 cases: the file is empty")
        elif len(self.spool) == 0:
            what = f"0 cases: none of {self._n_rows:,} has all of these values"
            self._problems.setting("filter", what)
        elif self._settings.limit == 0:
            self._problems.setting("limit", "0 cases: nothing to run", "limit=null takes all")


def _hint(fields: dict[str, Json], *, key: str) -> str:
    if "input" not in fields:
        return f"name the field that is the input: {key}.fields.input=NAME"
    if isinstance(fields.get("id", ""), bool) or not isinstance(fields.get("id", ""), str | int):
        return 'quote the id: "id": "…"'
    return ""


def _is_json(value: Json) -> bool:
    try:
        canonical_json(value)
    except (TypeError, ValueError):
        return False
    return True
