"""The forms that tasks can be given to a rater in, by the name that is typed for them.

`page` writes no file: it is what `human serve` shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from evalrunner.types.people import Task

FormWriter: TypeAlias = Callable[[Sequence[Task]], Mapping[str, str]]
"""Makes of one rater's tasks, in their order, the files' texts by the suffix of their names."""


def _page(tasks: Sequence[Task]) -> Mapping[str, str]:
    del tasks
    return {}


def _html(tasks: Sequence[Task]) -> Mapping[str, str]:
    from evalrunner.human.page import static_page

    return {".html": static_page(tasks)}


def _csv(tasks: Sequence[Task]) -> Mapping[str, str]:
    from evalrunner.human.forms.csv import write_csv

    return write_csv(tasks)


def _label_studio(tasks: Sequence[Task]) -> Mapping[str, str]:
    from evalrunner.human.forms.label_studio import write_label_studio

    return write_label_studio(tasks)


def _argilla(tasks: Sequence[Task]) -> Mapping[str, str]:
    from evalrunner.human.forms.argilla import write_argilla

    return write_argilla(tasks)


FORMS: Mapping[str, FormWriter] = {
    "page": _page,
    "html": _html,
    "csv": _csv,
    "label-studio": _label_studio,
    "argilla": _argilla,
}
"""By the name on the command line."""
