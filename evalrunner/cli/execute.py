"""What `run` and `--resume` share: execute the trials that are owed, then report."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalrunner.cli.display import show_progress
from evalrunner.cli.figures import Figures
from evalrunner.cli.gate import Gate, show_summary
from evalrunner.cli.screens import ending_lines, print_lines
from evalrunner.config import Experiment
from evalrunner.datasets import CaseFile
from evalrunner.planning import Cell
from evalrunner.planning.judges import judge_models
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.cached import ResponseCache
from evalrunner.providers.registry import Wire
from evalrunner.report import build_report
from evalrunner.runner import Ending, Money, Progress, Run, Stop
from evalrunner.store import JOURNAL, JournalIndex, RunStore, read_index, read_json, write_json
from evalrunner.summary import missing_share

_EXIT_CODES = {Stop.DISK: 5, Stop.INTERRUPTED: 130, Stop.REFUSED: 4, Stop.BUDGET: 4}
_EXIT_MISSING = 3
_START_S = 1.0
"""By then an SDK is imported and the first requests are under way."""


@contextmanager
def open_cache(settings: Sequence[Experiment]) -> Iterator[ResponseCache | None]:
    """The response cache; None when no cell would use it."""
    run = settings[0].run
    models = (m for cell in settings for m in (cell.model, *judge_models(cell.judge).values()))
    is_api = any(isinstance(model, ApiModelSettings) for model in models)
    if not is_api or run.cache == "off":
        yield None
        return
    cache = ResponseCache(cache_path(run.cache_dir))
    try:
        yield cache
    finally:
        cache.close()


def cache_path(cache_dir: str | None) -> Path:
    """Where the response cache is: `run.cache_dir`, else the user's cache directory."""
    given = cache_dir or os.environ.get("EVALRUNNER_CACHE_DIR")
    if given:
        return Path(given).expanduser() / "responses.sqlite"
    import platformdirs

    return Path(platformdirs.user_cache_dir("evalrunner")) / "responses.sqlite"


def execute(
    cells: tuple[Cell, ...],
    directory: Path,
    *,
    cache: ResponseCache | None,
    paying: Sequence[Wire],
    as_json: bool,
    gate: Gate | None = None,
) -> int:
    """Do what the run directory owes, rebuild what is derived, print it; the exit code.

    `paying` may send requests: their SDKs are loaded beforehand. What a gate finds does not hide
    that the run was stopped.
    """
    index = read_index(directory / JOURNAL, [cell.shape for cell in cells], resume=True)
    # What was made by now lives as long as the run: not to be looked at again and again.
    gc.freeze()
    with Figures(directory, after_s=_START_S if paying else 0.0) as figures:
        ending = asyncio.run(_Execution(cells, directory, index, cache, paying).execute())
        _note_ending(directory, ending)
        from evalrunner.report.page import PageDraft

        summary = build_report(directory, freeze_prices=True, figures=False)
        with figures.drawing(summary):
            page = PageDraft(directory)
    page.write()
    code = _exit_code(ending, summary, cells[0].settings.run.max_missing)
    if gate is None:
        show_summary(summary, directory, as_json=as_json)
    else:
        gate_code = gate.show(summary, cells, directory, as_json=as_json)
        code = gate_code or code if code in {0, _EXIT_MISSING} else code
    print_lines(ending_lines(summary, ending, shown_path(directory)), to=sys.stderr)
    return code


def shown_path(path: Path) -> str:
    """Relative to the working directory where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@dataclass(slots=True)
class _Execution:
    """Runs what is owed, with the progress display."""

    cells: tuple[Cell, ...]
    directory: Path
    index: JournalIndex
    cache: ResponseCache | None
    paying: Sequence[Wire]

    async def execute(self) -> Ending:
        """Do what is owed; how it ended."""
        manifest = read_json(self.directory / "manifest.json")
        started = datetime.fromisoformat(manifest["started_at"])
        money = Money(
            self.cells,
            at=started,
            spent_usd=self.index.spent_usd,
            held_usd=self.index.held_usd,
        )
        progress = Progress.of(self.cells, self.index)
        async with RunStore(self.directory, index=self.index, cache=self.cache) as store:
            run = Run(
                self.cells,
                CaseFile(self.directory / "cases.jsonl"),
                store,
                owed=self.index.owed,
                cache=self.cache,
                money=money,
                progress=progress,
                on_interrupt=_say_draining,
            )
            with show_progress(progress):
                return await run.execute(paying=self.paying)


def _note_ending(directory: Path, ending: Ending) -> None:
    """Keep in the manifest when and how the run ended: reports tell skipped trials by it."""
    path = directory / "manifest.json"
    reasons = {reason.value: message for reason, message in ending.reasons.items()}
    finished = datetime.now(UTC).isoformat()
    write_json(path, read_json(path) | {"finished_at": finished, "ending": reasons})


def _say_draining(in_flight: int) -> None:
    sys.stderr.write(
        f"\nfinishing {in_flight} calls; Ctrl-C again to drop them (they may be billed)\n"
    )


def _exit_code(ending: Ending, summary: Mapping[str, Any], max_missing: float) -> int:
    for reason, code in _EXIT_CODES.items():
        if reason in ending.reasons:
            return code
    for cell in summary["cells"]:
        if missing_share(cell) > max_missing:
            return _EXIT_MISSING
    return 0
