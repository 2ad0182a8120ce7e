"""What is checked across the rows of a file: their names, their ids, the form of their targets."""

from __future__ import annotations

import unicodedata
from array import array
from collections.abc import Mapping

from evalrunner.datasets._problems import Problems, nearest, quoted
from evalrunner.types import Json


class Renaming:
    """Gives fields their new names: `{input: question}`. One source may serve several targets."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields
        self._sources = frozenset(fields.values())
        self._absent = set(self._sources)
        self._names: set[str] = set()
        self._overwritten: set[str] = set()

    def apply(self, row: dict[str, Json], *, line: int, problems: Problems) -> dict[str, Json]:
        """The row under its new names; a name that is taken already is noted once."""
        if not self._fields:
            return row
        if self._absent:
            self._absent -= row.keys()
            self._names.update(row)
        renamed = {name: value for name, value in row.items() if name not in self._sources}
        for target, source in self._fields.items():
            if source not in row:
                continue
            if target in renamed and target not in self._overwritten:
                self._overwritten.add(target)
                what = f"renaming {source!r} to {target!r} would overwrite the row's own {target!r}"
                problems.row(
                    line, what, f"rename that too, e.g. {problems.key}.fields.old={target}"
                )
            renamed[target] = row[source]
        return renamed

    def note_absent(self, problems: Problems) -> None:
        """Note every source that no row had."""
        for target, source in self._fields.items():
            if source in self._absent and self._names:
                what = f"no row has a field {source!r} to become {target!r}"
                problems.setting("fields", what, nearest(source, self._names))


class Ids:
    """Gives every row its id and notes repeated and missing ones."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._lines: dict[str, int] = {}
        self._without = array("q")
        self._count = 0

    def take(self, fields: Mapping[str, Json], *, line: int) -> str:
        """The row's id as text; the number of the row when it has none."""
        self._count += 1
        if "id" not in fields:
            self._without.append(line)
            return str(self._count)
        text = str(fields["id"])
        # Equal to the eye is equal: composed and decomposed accents are one id.
        form = text if text.isascii() else unicodedata.normalize("NFC", text)
        first = self._lines.setdefault(form, line)
        if first != line:
            what = f"id {quoted(text)} is already in {self._problems.name_row(first)}"
            hint = "ids are compared as text in Unicode form NFC: give each case its own"
            self._problems.row(line, what, hint)
        return text

    def note_missing(self) -> None:
        """Note the rows without an id, unless no row has one."""
        if not self._lines:
            return
        first = self._problems.name_row(min(self._lines.values()))
        for line in self._without:
            hint = "give every row an id, or none: then they are numbered"
            self._problems.row(line, f"no id, but {first} has one", hint)


class TargetForms:
    """Notes when `expected_output` is a list in one row and a single value in another."""

    def __init__(self) -> None:
        self._first: dict[bool, int] = {}

    def take(self, fields: Mapping[str, Json], *, line: int) -> None:
        """Look at one row."""
        target = fields.get("expected_output")
        if target is not None:
            self._first.setdefault(isinstance(target, list), line)

    def note_mixed(self, problems: Problems) -> None:
        """Note the first row of each form when there are both."""
        if len(self._first) > 1:
            what = (
                f"expected_output is a list, but a single value in "
                f"{problems.name_row(self._first[False])}"
            )
            problems.row(
                self._first[True], what, "use one form in all rows, e.g. lists of one item"
            )


def is_empty(value: Json) -> bool:
    """Whether a value says nothing: blank text or an empty list."""
    return value == [] or (isinstance(value, str) and not value.strip())
