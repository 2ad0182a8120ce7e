"""Keys and hosts: what must be in order before a request may be paid."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from evalrunner.errors import Problem
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.keys import key_problems
from evalrunner.providers.registry import Wire


def access_problems(
    wires: Sequence[Wire], *, environ: Mapping[str, str], trusted_hosts: Collection[str]
) -> list[Problem]:
    """Missing or wrong keys, and hosts that a key must not go to, of models with calls to pay."""
    problems = [
        problem
        for wire in wires
        if isinstance(wire.settings, ApiModelSettings)
        for problem in key_problems(wire.settings, environ, trusted=trusted_hosts)
    ]
    return list(dict.fromkeys(problems))
