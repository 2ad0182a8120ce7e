"""What asking several times tells: how reliable the answers are, and what would make it surer."""

from __future__ import annotations

from typing import Any

from evalrunner.report.page.source import PageSource


def section(source: PageSource) -> dict[str, Any] | None:
    """A row for each candidate that was asked several times; None where none was."""
    cells = [cell for cell in source.candidates if cell.get("repeats")]
    if not cells:
        return None
    return {
        "rows": [
            {"id": cell["id"], "label": cell["label"], **_facts(cell["repeats"])} for cell in cells
        ],
        "advice": [
            {"id": cell["id"], "label": cell["label"], **cell["repeats"]["advice"]}
            for cell in cells
            if cell["repeats"]["advice"] is not None
        ],
    }


def _facts(repeats: dict[str, Any]) -> dict[str, Any]:
    every_time, at_least_once = repeats["pass_hat_k"], repeats["pass_at_k"]
    return {
        **{name: repeats[name] for name in ("k", "n", "flip_rate", "se_one", "se_k", "icc")},
        "every_time": None if every_time is None else every_time[-1],
        "at_least_once": None if at_least_once is None else at_least_once[-1],
    }
