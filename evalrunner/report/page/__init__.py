"""`report.html`: one file that answers what to do, how sure that is, and what is wrong.

Everything but the case browser is written here, so that the page reads without scripts. Derived
like the summary: the same files give the same bytes, and no network is asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evalrunner.report.page import document
from evalrunner.report.page.sections import SECTIONS
from evalrunner.report.page.source import PageSource
from evalrunner.store import write_text

__all__ = ["PAGE", "write_page"]

PAGE = "report.html"


def write_page(directory: Path) -> Path:
    """Write `report.html` of a run directory whose derived files are there. Raises StoreError."""
    source = PageSource.read(directory)
    path = directory / PAGE
    write_text(path, _html(source))
    return path


def _html(source: PageSource) -> str:
    built = [(section, section.build(source)) for section in SECTIONS]
    shown = [(section, context) for section, context in built if context is not None]
    contexts: dict[str, Any] = {section.id: context for section, context in shown}
    cases = contexts.get("cases")
    styles, scripts = document.styles(), document.scripts(browser=cases is not None)
    policy = document.content_security_policy(
        scripts=scripts,
        styles=styles,
        loads_scripts=cases is not None and not cases["is_inline"],
    )
    return document.render(
        "report.html.j2",
        page=source,
        run=source.summary["run"],
        sections=[section for section, _ in shown],
        contexts=contexts,
        policy=policy,
        styles=styles,
        scripts=scripts,
    )
