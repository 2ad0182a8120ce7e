"""Test sets: read, checked, selected, and kept on disk rather than in memory.

`load_cases` turns a file of the user's into a `CaseSet` or raises every problem at once;
`write_cases` freezes the selected cases into a run directory, where `CaseFile` reads them again.
"""

from evalrunner.datasets._cases import CaseFile, CaseSet, case_set_of, write_cases
from evalrunner.datasets._load import load_cases
from evalrunner.datasets._settings import DatasetSettings

__all__ = [
    "CaseFile",
    "CaseSet",
    "DatasetSettings",
    "case_set_of",
    "load_cases",
    "write_cases",
]
