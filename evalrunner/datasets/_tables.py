"""Test sets in columns: CSV and Parquet.

A cell cannot say "absent", so an empty CSV cell (of any column but `input` and `id`) and a Parquet
null mean it. CSV values stay text, but for `tags` and `rubric`, which may be written as JSON lists.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from evalrunner.datasets._json import StrictDecoder
from evalrunner.datasets._problems import Problems, quoted
from evalrunner.errors import ConfigError, Problem
from evalrunner.types import Json

_LARGEST_CELL = 2**31 - 1
_KEPT_WHEN_EMPTY = frozenset({"input", "id"})
_LISTS = ("rubric", "tags")


def rows_of_csv(file: TextIO, problems: Problems) -> Iterator[tuple[int, dict[str, Json]]]:
    """First line and cells of each row; faulty ones are noted. `file` must keep line ends."""
    # Process-wide, and only ever raised: the default of 131,072 breaks on long documents.
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    reader = csv.reader(file, strict=True)
    line = 1
    try:
        header = next(reader, [])
        if not _is_sound_header(header, problems):
            return
        line = reader.line_num + 1
        for cells in reader:
            if cells and _is_sound_row(cells, header, line=line, problems=problems):
                yield line, dict(zip(header, cells, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        hint = "double the quotes inside a quoted cell; close the last one"
        problems.row(line, f"not CSV: {error}", hint)


def _is_sound_header(header: list[str], problems: Problems) -> bool:
    if len(header) == 1:
        for separator, name in ((";", "semicolons"), ("\t", "tabs")):
            if separator in header[0]:
                problems.row(1, f"the columns look separated by {name}", "separate them by commas")
                return False
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        problems.row(1, f"columns of the same name: {', '.join(map(quoted, twice))}")
    if "" in header:
        problems.row(1, f"column {header.index('') + 1} has no name")
    if any("\0" in name for name in header):
        problems.row(1, *_NUL)
    return not problems


_NUL = ("a NUL byte: this is no text in the given encoding", "try encoding=utf-16, or export anew")


def _is_sound_row(cells: list[str], header: list[str], *, line: int, problems: Problems) -> bool:
    if len(cells) != len(header):
        what = f"{len(cells)} cells, but the header names {len(header)} columns"
        problems.row(line, what, 'put cells that contain a comma or a line end into "quotes"')
        return False
    if any("\0" in cell for cell in cells):
        problems.row(line, *_NUL)
        return False
    return True


def fields_of_cells(
    cells: Mapping[str, Json], *, line: int, problems: Problems
) -> dict[str, Json] | None:
    """Fields of a case from the cells of a CSV row after renaming; None when one is faulty."""
    fields = {name: cell for name, cell in cells.items() if cell or name in _KEPT_WHEN_EMPTY}
    for name in _LISTS:
        if name not in fields:
            continue
        value = _list_in(fields[name])
        if value is None:
            what = f"{name} is {quoted(fields[name])}, not a JSON list"
            problems.row(line, what, f'write {name} as ["one", "two"], its quotes doubled in CSV')
            return None
        fields[name] = value
    return fields


def _list_in(cell: str) -> list[Json] | None:
    decoder = StrictDecoder()
    text = cell.strip()
    try:
        value, end = decoder.decode(text)
    except (json.JSONDecodeError, RecursionError):
        return None
    is_sound = isinstance(value, list) and end == len(text) and not decoder.faults
    return value if is_sound else None


def rows_of_parquet(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Json]]]:
    """Number and fields of each row, without nulls. Raises ConfigError when pyarrow is missing."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        what = "Parquet files need the package pyarrow, which is not installed"
        hint = "pip install 'evalrunner[parquet]'"
        raise ConfigError(Problem(where=problems.source, what=what, hint=hint)) from error
    number = 0
    try:
        with parquet.ParquetFile(path) as table:
            for batch in table.iter_batches(batch_size=1000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {k: v for k, v in row.items() if v is not None}
    except (pa.ArrowException, ValueError, OSError) as error:
        # Arrow's own errors; ValueError is a text cell that is not UTF-8, or a column named twice.
        problems.file(f"not a readable Parquet file after row {number}: {quoted(str(error))}")
