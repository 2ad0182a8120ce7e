"""Test sets: read, checked, selected, and kept on disk rather than in memory.

`load_cases` turns a file of the user's into a `CaseSet` or raises every problem at once;
`write_cases` freezes the selected cases into a run directory, where `CaseFile` reads them again.
Other files that people hand in are read with the same parts: rows, strict JSON, `Problems`.
"""

from evalrunner.datasets._cases import CaseFile, CaseSet, case_set_of, write_cases
from evalrunner.datasets._json import StrictDecoder, lines_of_json
from evalrunner.datasets._load import load_cases
from evalrunner.datasets._problems import Problems, nearest, quoted
from evalrunner.datasets._readers import read_rows
from evalrunner.datasets._settings import DatasetSettings

__all__ = [
    "CaseFile",
    "CaseSet",
    "DatasetSettings",
    "Problems",
    "StrictDecoder",
    "case_set_of",
    "lines_of_json",
    "load_cases",
    "nearest",
    "quoted",
    "read_rows",
    "write_cases",
]
