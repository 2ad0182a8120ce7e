"""Collects what is wrong with one test set, so that a person can mend all of it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import safe_text

MOST_SHOWN = 20
_LONGEST_NAME = 80
_MANY_ROWS = 4


class Problems:
    """What is wrong with a file and its settings: the first 20 problems, and a count of the rest.

    Args:
        source: The file, as the user named it.
        key: The config key of its settings, such as `dataset`; empty where it has none.
        row_word: Goes before the number of a row: files without lines say `row`.
    """

    def __init__(self, source: str, *, key: str = "", row_word: str = "") -> None:
        self.source = source
        self.key = key
        self.row_word = row_word
        self._settings: list[Problem] = []
        self._rows: list[tuple[int, Problem]] = []
        self._left_out = 0
        self._counts: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._settings or self._rows)

    def setting(self, name: str, what: str, hint: str = "") -> None:
        """Note a problem of the key `name` of the settings."""
        self._settings.append(Problem(where=f"{self.key}.{name}", what=what, hint=hint))

    def file(self, what: str, hint: str = "") -> None:
        """Note a problem of the file as a whole."""
        self._settings.append(Problem(where=self.source, what=what, hint=hint))

    def row(self, line: int, what: str, hint: str = "") -> None:
        """Note a problem of one row."""
        # What every row has, the first has too: so few are counted.
        if what in self._counts or len(self._rows) < MOST_SHOWN:
            self._counts[what] = self._counts.get(what, 0) + 1
        if len(self._rows) >= MOST_SHOWN:
            self._left_out += 1
            return
        where = f"{self.source}:{self.row_word}{line}"
        self._rows.append((line, Problem(where=where, what=what, hint=hint)))

    def say_once(self, n_rows: int) -> None:
        """Make what was noted of each of the `n_rows` rows one problem of the file."""
        for what, n in self._counts.items():
            if n != n_rows or n < _MANY_ROWS:
                continue
            noted = [problem for _, problem in self._rows if problem.what == what]
            self._rows = [each for each in self._rows if each[1].what != what]
            self._left_out -= n - len(noted)
            self.file(f"{what} (in each of {n:,} rows)", noted[0].hint)

    def name_row(self, line: int) -> str:
        """How the text of a problem mentions another row."""
        return f"{self.row_word or 'line '}{line}"

    def raise_any(self) -> None:
        """Raise ConfigError with everything that was noted, settings first, then rows in order."""
        if not self:
            return
        rows = [problem for _, problem in sorted(self._rows, key=lambda noted: noted[0])]
        noted = [*self._settings, *rows]
        shown, cut = noted[:MOST_SHOWN], len(noted[MOST_SHOWN:]) + self._left_out
        if cut:
            shown.append(Problem(where=self.source, what=f"and {cut:,} more", n=cut))
        raise ConfigError(shown)


def quoted(value: object) -> str:
    """`value` as a short, harmless repr."""
    return safe_text(repr(value), limit=_LONGEST_NAME)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest of `known`, and some of them."""
    names = sorted(set(known))
    listed = ", ".join(quoted(known_name)[1:-1] for known_name in names[:MOST_SHOWN])
    more = ", …" if len(names) > MOST_SHOWN else ""
    close = difflib.get_close_matches(name, names, n=1)
    guess = f"did you mean {quoted(close[0])}? " if close else ""
    return f"{guess}there are: {listed}{more}" if names else ""
