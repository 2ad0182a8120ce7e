"""Projects and run directories for tests: made by the real planner, journals written by hand.

A journal line is written as the documentation describes it, not by the code under test.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalrunner.config import Grid
from evalrunner.config.composition import compose_grid
from evalrunner.planning import Plan, Surroundings, freeze, make_plan
from evalrunner.project import Project
from evalrunner.store import create_run

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MODELS = """import evalrunner

@evalrunner.model
def echo(prompt):
    return prompt
"""
FILES = {
    "conf/dataset/tickets.yaml": "name: tickets\npath: datasets/tickets.jsonl\n",
    "conf/model/luna.yaml": "provider: openai\nname: gpt-6-luna\nmax_output_tokens: 100\n",
    "conf/model/opus.yaml": "provider: anthropic\nname: claude-opus-5-5\nmax_output_tokens: 100\n",
    "conf/model/echo.yaml": "provider: python\nfunction: models.py:echo\n",
    "conf/prompt/ask.yaml": "user: prompts/ask.j2\n",
    "conf/prompt/beg.yaml": "user: prompts/beg.j2\n",
    "conf/prompt/short.yaml": "user: prompts/short.j2\n",
    "conf/experiment/base.yaml": (
        "# @package _global_\n"
        "defaults:\n"
        "  - override /dataset: tickets\n"
        "  - override /model: echo\n"
        "  - override /prompt: short\n"
        "  - override /scorer: [exact_match]\n"
    ),
    "models.py": MODELS,
    "prompts/ask.j2": "Which team? {{ input }}\n",
    "prompts/beg.j2": "Please, which team? {{ input }}\n",
    "prompts/short.j2": "{{ input }}\n",
}
CASES = tuple(
    {"id": f"c{n}", "input": text, "expected_output": text.split()[-1], "channel": channel}
    for n, (text, channel) in enumerate(
        [("to billing", "mail"), ("to delivery", "chat"), ("to account", "mail")]
    )
)


def project(root: Path, files: Mapping[str, str] = {}, *, cases: Iterable[Any] = CASES) -> Path:
    """A small project in `root`, changed and added to by `files`."""
    rows = "".join(json.dumps(case) + "\n" for case in cases)
    for name, text in (FILES | {"datasets/tickets.jsonl": rows} | dict(files)).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def composed_once(overrides: Sequence[str], project: Project) -> Grid:
    """As `compose_grid`, once for the same words and files: it takes longer than a small run."""
    files = sorted(project.root.glob("conf/**/*.yaml"))
    inputs = tuple((str(path.relative_to(project.root)), path.read_bytes()) for path in files)
    key = (tuple(overrides), inputs)
    if key not in _COMPOSED:
        _COMPOSED[key] = compose_grid(overrides, project)
    return _COMPOSED[key]


_COMPOSED: dict[Any, Grid] = {}


def planned(root: Path, *overrides: str, **around: Any) -> Plan:
    """The plan of `experiment=base` with these overrides, in an empty environment."""
    surroundings = {"environ": {}, "at": AT, "cache": None} | around
    grid = composed_once(("experiment=base", *overrides), Project(root))
    return make_plan(grid, Surroundings(project=Project(root), **surroundings)).checked()


def new_run(root: Path, *overrides: str, at: datetime = AT, **around: Any) -> Path:
    """A run directory as it is before the first request."""
    plan = planned(root, *overrides, at=at, **around)
    frozen = freeze(plan, Project(root), argv=["evalrunner", "run", *overrides], at=at)
    return create_run(root / "outputs", "tests", frozen, at=at)


def trial(
    cell: int = 0, case: int = 0, repeat: int = 0, *, value: Any = 1.0, **changes: Any
) -> Any:
    """A trial's record; `value` is that of exact_match, unless `scores` are given."""
    verdict = {"value": value, "reason": None, "label": None, "criteria": [], "cost_usd": None}
    record = {
        "type": "trial",
        "cell": cell,
        "case": case,
        "case_id": f"c{case}",
        "repeat": repeat,
        "key": f"{cell:02}{case:04}{repeat:02}",
        "prompt_sha256": "ab" * 32,
        "output": "to billing",
        "status": "ok",
        "error": None,
        "stop_reason": "complete",
        "scores": {"exact_match": verdict},
        "usage": None,
        "cost_usd": None,
        "started_at": 1000.0 + case,
        "latency_s": 0.5,
        "attempts": 1,
        "cached": False,
        "served_model": None,
        "request_id": None,
        "service_tier": None,
    }
    return record | changes


def failed(cell: int = 0, case: int = 0, repeat: int = 0, *, kind: str = "timeout") -> Any:
    """The record of a trial that got no answer."""
    return trial(
        cell,
        case,
        repeat,
        value=None,
        status="error",
        error={"kind": kind, "message": "no answer"},
        output=None,
        stop_reason=None,
        started_at=None,
        latency_s=None,
        attempts=6,
    )


def tokens(input_tokens: int = 0, output_tokens: int = 0, **more: Any) -> Any:
    """A usage as journals hold it."""
    names = ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    usage = {"input_tokens": input_tokens} | dict.fromkeys(names, 0)
    return (
        usage
        | {
            "output_tokens": output_tokens,
            "reasoning_tokens": 0,
            "estimated": False,
        }
        | more
    )


def write_journal(directory: Path, records: Iterable[Any]) -> Path:
    """The run with a journal of these records; bytes are written as they are."""
    lines = (each if isinstance(each, bytes) else line(each) for each in records)
    (directory / "journal.jsonl").write_bytes(b"".join(lines))
    return directory


def line(record: Mapping[str, Any]) -> bytes:
    """Compact ASCII JSON; its last field is the CRC-32 of what is before that field."""
    text = json.dumps(record, separators=(",", ":")).encode("ascii")[:-1]
    return text + b',"crc":"%08x"}\n' % zlib.crc32(text)


def rows_of(path: Path) -> list[Any]:
    """The objects of a JSONL file."""
    return [json.loads(row) for row in path.read_text(encoding="utf-8").split("\n") if row]
