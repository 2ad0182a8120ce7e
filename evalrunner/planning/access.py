"""Keys and hosts: what must be in order before a request may be paid."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evalrunner.errors import Problem
from evalrunner.planning.cells import Cell
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.keys import key_problems


def access_problems(
    cells: Sequence[Cell], *, environ: Mapping[str, str], trusted_hosts: Collection[str]
) -> list[Problem]:
    """Missing or wrong keys, and hosts that a key must not go to, of cells with calls to pay."""
    models = {cell.model_key: cell.settings.model for cell in cells}
    return [
        problem
        for settings in models.values()
        if isinstance(settings, ApiModelSettings)
        for problem in key_problems(settings, environ, trusted=trusted_hosts)
    ]
