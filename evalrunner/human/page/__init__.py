"""The rating page: served, or as one file that works from disk and downloads its votes.

Both are the same document with the same scripts. What a page knows is an inert JSON block; texts of
models and users reach the screen only as text nodes, made by the scripts.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from evalrunner.types.people import Task

__all__ = ["ServedPage", "served_page", "static_page", "task_json"]

_HERE = Path(__file__).parent


class ServedPage(NamedTuple):
    """The page that asks a server for its tasks: the same for every rater and every run."""

    html: str
    policy: str
    """Its Content-Security-Policy."""


@functools.cache
def served_page() -> ServedPage:
    """The page of `human serve`."""
    policy = _policy(connects="'self'")
    return ServedPage(_html({"mode": "server"}, policy), f"{policy}; frame-ancestors 'none'")


def static_page(tasks: Sequence[Task]) -> str:
    """One HTML file with the tasks of one rater: it asks no network, and votes are downloaded.

    Raises ValueError when the tasks are of several raters.
    """
    raters = {task.rater for task in tasks}
    if len(raters) > 1:
        raise ValueError(f"a page is for one rater, not for {', '.join(sorted(raters))}")
    ordered = sorted(tasks, key=lambda task: task.order)
    data = {"mode": "file", "rater": min(raters, default=""), "tasks": [*map(task_json, ordered)]}
    return _html(data, _policy(connects="'none'"))


def task_json(task: Task) -> dict[str, Any]:
    """What the page gets of a task."""
    row = asdict(task)
    return {name: row[name] for name in row if name not in {"rater", "order"}}


def _html(data: dict[str, Any], policy: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # ASCII, so that half a surrogate pair survives; no `<`, so that nothing ends the block.
    inert = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    page = environment.get_template("page.html.j2")
    return page.render(policy=policy, style=_style(), script=_script(), data=inert)


def _policy(*, connects: str) -> str:
    """Only this style and this script, and no address but `connects`."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_source(_script())}",
            f"style-src {_source(_style())}",
            "img-src data:",
            f"connect-src {connects}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        )
    )


@functools.cache
def _style() -> str:
    return (_HERE / "assets" / "page.css").read_text("utf-8")


@functools.cache
def _script() -> str:
    """All scripts, in the order of their names."""
    return "\n".join(path.read_text("utf-8") for path in sorted((_HERE / "assets").glob("*.js")))


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
