"""Where in a file of recordings the row of a case stands.

One pass checks every row. Of a .jsonl file only the places of rows are kept (about 200 bytes a
row); .json and .csv files are held whole.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from evalrunner.errors import ConfigError, Problem
from evalrunner.providers.files import Row, decode_object, raise_problems, read_rows
from evalrunner.providers.recording import Recording
from evalrunner.types import Case, Json, canonical_json, sha256_of


class ReplayIndex:
    """The rows of one file, found by case and repeat.

    Raises ConfigError with the first 20 problems: rows that cannot be read, that belong to no case,
    or that stand for the same case and repeat as an earlier one.

    Args:
        path: The file.
        select: Field and value, or list of values, of the rows that count.
    """

    def __init__(self, path: Path, *, select: Mapping[str, Json]) -> None:
        self._path = path
        self._select = select
        self._rows: dict[str, int] = {}
        self._lines = array("q")
        self._offsets = array("q")
        self._held: list[dict[str, Json]] = []
        self._file: BinaryIO | None = None
        self._build()

    def find(self, case: Case, repeat: int) -> dict[str, Json] | None:
        """The row's fields, None when there is none.

        Rows with a `case_id` belong to that case alone, rows without one to whoever has their
        input. Raises OSError or ValueError when the file changed since it was indexed.
        """
        for key in (_key_of_id(case.id, repeat), _key_of_input(case.input, repeat)):
            if key in self._rows:
                return self._read(key)
        return None

    def close(self) -> None:
        """Close the file; the index stays usable."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _build(self) -> None:
        problems: list[Problem] = []
        seen = 0
        for row in read_rows(self._path, problems=problems):
            seen += 1
            if all(_matches(row.fields.get(name), asked) for name, asked in self._select.items()):
                self._add(row, problems)
        raise_problems(problems, self._path)
        if not self._rows:
            selection = f" of its {seen:,} that match model.select={dict(self._select)}"
            what = f"holds no row{selection if seen else ''}"
            raise ConfigError(Problem(where=self._path.name, what=what))

    def _add(self, row: Row, problems: list[Problem]) -> None:
        where = f"{self._path.name}:{row.line}"
        try:
            key = _key_of_row(Recording.model_validate(row.fields))
        except ValidationError as error:
            problems.append(Problem(where=where, what=_faults(error)))
            return
        if key is None:
            what = "has neither 'case_id' nor 'input': it belongs to no case"
            problems.append(Problem(where=where, what=what))
        elif key in self._rows:
            what = f"answers the same case and repeat as line {self._lines[self._rows[key]]}"
            hint = "keep one, number them with 'repeat', or choose: model.select={model: ...}"
            problems.append(Problem(where=where, what=what, hint=hint))
        else:
            self._rows[key] = len(self._lines)
            self._lines.append(row.line)
            self._offsets.append(row.offset)
            if row.offset < 0:
                self._held.append(row.fields)

    def _read(self, key: str) -> dict[str, Json]:
        number = self._rows[key]
        if self._held:
            return self._held[number]
        if self._file is None:
            self._file = self._path.open("rb")
        self._file.seek(self._offsets[number])
        fields = decode_object(self._file.readline())
        if _key_of_row(Recording.model_validate(fields)) != key:
            raise ValueError("another row stands there now")
        return fields


def _key_of_row(recording: Recording) -> str | None:
    if recording.case_id is not None:
        return _key_of_id(recording.case_id, recording.repeat)
    if recording.input is not None:
        return _key_of_input(recording.input, recording.repeat)
    return None


def _key_of_id(case_id: str, repeat: int) -> str:
    return f"{repeat}:id:{case_id}"


def _key_of_input(value: Json, repeat: int) -> str:
    return f"{repeat}:input:{sha256_of(value)}"


def _matches(value: Json, asked: Json) -> bool:
    """Compared as text: cells of a CSV file and values of the command line have no type."""
    wanted = asked if isinstance(asked, list) else [asked]
    return _text(value) in {_text(one) for one in wanted}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
    )
