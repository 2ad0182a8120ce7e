"""`@evalrunner.model` and `@evalrunner.scorer`: the only functions that a YAML file may name.

A decorator marks a function and returns it unchanged, so that it stays callable and testable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "__evalrunner_role__"


def model(function: Function) -> Function:
    """Let `model: {provider: python, function: file.py:name}` name this function.

    It is called with those of `prompt`, `system`, `messages` and `case` that it names, and returns
    `str`, or `{output, input_tokens?, output_tokens?, cost_usd?}`, or a `Completion`.
    """
    setattr(function, _MARK, "model")
    return function


def scorer(function: Function) -> Function:
    """Let `scorer: {kind: python, function: file.py:name}` name this function.

    It is called with those of `output`, `case` and `completion` that it names, and returns `bool`,
    a float in [0, 1], `None` (unscored), or `{value, reason}`.
    """
    setattr(function, _MARK, "scorer")
    return function


def role_of(function: Callable[..., Any]) -> str | None:
    """`"model"`, `"scorer"`, or None for a function without our decorator."""
    role: str | None = getattr(function, _MARK, None)
    return role
