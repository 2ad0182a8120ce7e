"""`report.html`: one file that answers what to do, how sure that is, and what is wrong.

Everything but the case browser is written here, so that the page reads without scripts. Derived
like the summary: the same files give the same bytes, and no network is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalrunner.formatting import n_of
from evalrunner.report.page import document
from evalrunner.report.page.sections import SECTIONS, Section
from evalrunner.report.page.source import PageSource
from evalrunner.store import write_text

__all__ = ["PAGE", "PageDraft", "write_page"]

PAGE = "report.html"
_CASES = "cases"


def write_page(directory: Path) -> Path:
    """Write `report.html` of a run directory whose derived files are there. Raises StoreError."""
    return PageDraft(directory).write()


class PageDraft:
    """What takes long and needs no figure: it can be done while the figures are drawn.

    Raises StoreError.
    """

    def __init__(self, directory: Path) -> None:
        self._source = PageSource.read(directory)
        self._early = self._build(section for section in SECTIONS if section.is_early)
        document.compile_templates(section.template for section in SECTIONS)

    def write(self) -> Path:
        """Write the page with the figures that are there by now. Raises StoreError."""
        source = self._source
        late = self._build(section for section in SECTIONS if not section.is_early)
        contexts = self._early | late
        if _CASES in contexts:
            contexts[_CASES]["data"].write_side_files(source.directory)
        path = source.directory / PAGE
        write_text(path, _html(source, contexts))
        return path

    def _build(self, sections: Iterable[Section]) -> dict[str, Any]:
        """What the templates of those sections show that have something to show."""
        built = {section.id: section.build(self._source) for section in sections}
        return {name: context for name, context in built.items() if context is not None}


def _html(source: PageSource, contexts: Mapping[str, Any]) -> str:
    cases = contexts.get(_CASES)
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
        facts=list(_facts(source)),
        sections=[section for section in SECTIONS if section.id in contexts],
        contexts=contexts,
        policy=policy,
        styles=styles,
        scripts=scripts,
    )


def _facts(source: PageSource) -> Iterator[str]:
    """The run in one line."""
    run = source.summary["run"]
    if run["started_at"]:
        yield run["started_at"][:10]
    size = f"{n_of(len(source.candidates), 'cell')} × {n_of(run['n_cases'], 'case')}"
    yield size + (f" × {run['repeats']} repeats" if run["repeats"] > 1 else "")
    if source.plan:
        yield from dict.fromkeys(str(cell["axes"].get("dataset")) for cell in source.candidates)
        yield f"{source.spent} spent"
        yield "finished" if run["finished_at"] else "not finished"
