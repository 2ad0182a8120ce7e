"""JSON as test sets need it: strict, with the line of every fault, one row in memory at a time.

What Python's parser lets through or drops in silence (NaN, infinite floats, duplicate keys) is a
fault here. Faults are collected instead of raised, so that one row shows all of its own.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from evalrunner.datasets._problems import Problems, quoted
from evalrunner.types import Json

MAX_DEPTH = 100
"""Nesting that every later step (schema, template, hash) can follow."""
MAX_DIGITS = 4300
"""Python's own limit for turning digits into an int."""

_SPACE = re.compile(r"[ \t\r\n]*")
_COMMA_BEFORE_END = re.compile(r",\s*[}\]]")
_LONGEST_TOKEN = 12
_CHUNK = 1 << 20


class StrictDecoder:
    """Decodes one JSON value; after `decode`, `faults` says what no test set may contain."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._int,
        )

    def decode(self, text: str, start: int = 0) -> tuple[Json, int]:
        """Value at `start`, and where it ends. Raises JSONDecodeError and RecursionError."""
        self.faults.clear()
        value, end = self._decoder.raw_decode(text, start)
        # Counting brackets is a cheap upper bound of the depth: few rows are measured.
        brackets = text.count("[", start, end) + text.count("{", start, end)
        if brackets > MAX_DEPTH and _depth(value) > MAX_DEPTH:
            raise RecursionError
        return value, end

    def _object(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice = next(key for key, count in counts.items() if count > 1)
            self.faults.append(f"the key {quoted(twice)} stands twice in one object")
        return fields

    def _constant(self, name: str) -> None:
        self.faults.append(f"{name} is no JSON: write null for an unknown number")

    def _float(self, digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            self.faults.append(f"the number {quoted(digits)} is too large for a float")
        return number

    def _int(self, digits: str) -> int:
        if len(digits) <= MAX_DIGITS:
            return int(digits)
        self.faults.append(f"an integer has {len(digits):,} digits, the limit is {MAX_DIGITS:,}")
        return 0


def _depth(value: Json) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        level = [
            item
            for parent in level
            if isinstance(parent, dict | list)
            for item in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return depth


def lines_of_json(file: TextIO, problems: Problems) -> Iterator[tuple[int, Json]]:
    """Number and value of each line; blank lines are skipped, faulty ones noted.

    `file` must split at line feeds alone: other line ends may stand inside JSON strings.
    """
    decoder = StrictDecoder()
    for number, line in enumerate(file, start=1):
        text = line.strip(" \t\r\n")
        if not text:
            continue
        try:
            value, end = decoder.decode(text)
        except json.JSONDecodeError as error:
            if _spans_lines(text):
                problems.row(number, "one JSON object spans several lines", _ONE_A_LINE)
                return
            hint = _hint(text, error.pos) or ("" if line.endswith("\n") else _HALF_WRITTEN)
            problems.row(number, _syntax(error, column=error.pos), hint)
        except RecursionError:
            problems.row(number, _TOO_DEEP)
        else:
            if end < len(text):
                hint = _hint(text, end)
                problems.row(number, f"not JSON: text after the object, column {end + 1}", hint)
            elif decoder.faults:
                _note(decoder, number, problems)
            else:
                yield number, value


_ONE_A_LINE = "write each object on a line of its own, or all of them in one [array]"
_HALF_WRITTEN = "the last line has no end: it looks half-written; complete or delete it"
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def _spans_lines(text: str) -> bool:
    return text[0] == "{" and text[-1] in "{["


def _note(decoder: StrictDecoder, line: int, problems: Problems) -> None:
    for fault in dict.fromkeys(decoder.faults):
        problems.row(line, fault)


def _syntax(error: json.JSONDecodeError, *, column: int) -> str:
    return f"not JSON: {error.msg}, column {column + 1}"


def _hint(text: str, position: int) -> str:
    if text.startswith(("#", "//", "/*"), position):
        return "JSON has no comments: delete it"
    # Where the parser stops at a trailing comma depends on the version of Python.
    comma = text.rfind(",", max(0, position - 2), position + 1)
    if text[position:].strip() == "," or _COMMA_BEFORE_END.match(text, max(comma, 0)):
        return "remove the trailing comma"
    return "JSON wants double quotes" if text.startswith("'", position) else ""


def array_of_json(file: TextIO, problems: Problems) -> Iterator[tuple[int, Json]]:
    """Line and value of each element of one JSON array; a fault of syntax ends the reading."""
    window = _Window(file)
    try:
        yield from _elements(window, problems)
    except json.JSONDecodeError as error:
        line = window.line_at(error.pos)
        column = error.pos - error.doc.rfind("\n", 0, error.pos) - 1
        hint = _hint(error.doc, error.pos) or (_CUT_ARRAY if window.may_be_cut(error) else "")
        problems.row(line, _syntax(error, column=column), hint)
    except RecursionError:
        problems.row(window.line, _TOO_DEEP)


def _elements(window: _Window, problems: Problems) -> Iterator[tuple[int, Json]]:
    window.next_character()
    window.position += 1
    separator = "["
    while separator != "]":
        if window.next_character() == "]":
            if separator == ",":
                problems.row(window.line, "a comma before the closing ]", "remove it")
            window.position += 1
            break
        line = window.line
        value = window.value()
        if window.decoder.faults:
            _note(window.decoder, line, problems)
        else:
            yield line, value
        separator = window.next_character()
        if separator not in {",", "]"}:
            what = "a comma or the closing ] is missing" if separator else _CUT_ARRAY
            problems.row(window.line, what)
            return
        window.position += 1
    if window.next_character():
        problems.row(window.line, "text after the end of the array")


_CUT_ARRAY = "the file ends inside the array: it looks half-written"


class _Window:
    """The part of a JSON text that is being parsed: it grows at its end, forgets its start."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self.position = 0
        self.line = 1
        self.decoder = StrictDecoder()

    def line_at(self, position: int) -> int:
        """Line of a place in the window, at or after the current one."""
        return self.line + self._text.count("\n", self.position, position)

    def next_character(self) -> str:
        """The next character that is no white space, not consumed; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self.position)
            end = match.end() if match else self.position
            self.line, self.position = self.line_at(end), end
            if end < len(self._text) or not self._grow():
                return self._text[self.position : self.position + 1]

    def value(self) -> Json:
        """The value that starts here. Raises JSONDecodeError and RecursionError."""
        while True:
            try:
                value, end = self.decoder.decode(self._text, self.position)
            except json.JSONDecodeError as error:
                if self.may_be_cut(error) and self._grow():
                    continue
                raise
            if end == len(self._text) and self._grow():
                continue  # A number may go on in the next chunk.
            self.line, self.position = self.line_at(end), end
            return value

    def may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether more text might mend the error."""
        near_end = error.pos >= len(self._text) - _LONGEST_TOKEN
        return near_end or error.msg.startswith("Unterminated string")

    def _grow(self) -> bool:
        # Doubling: a value of n characters is parsed again only log(n) times.
        rest = self._text[self.position :]
        chunk = self._file.read(max(_CHUNK, len(rest)))
        self._text, self.position = rest + chunk, 0
        return bool(chunk)
