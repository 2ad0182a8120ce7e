"""The progress of a run in words: the same facts on a terminal and off it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalrunner.formatting import n_of, percent, percent_interval, safe_text, seconds, usd
from evalrunner.runner import Cap, CellProgress, Door, Progress

WARN_SHARE = 0.8
"""Of a budget: from there on it is warned of."""
_MOST_CELLS = 3
"""Cells whose quality a line tells by name."""
_MOST_KINDS = 3
_MOST_DOORS = 2
_PAUSE_S = 1.0
"""Shorter pauses are how the gate paces requests; nobody waits for them."""
_LONGEST = 40


def progress_line(progress: Progress) -> str:
    """`120/400 · quality 81.2 % (77.1–84.8) · $0.12 of $5.00 (2 %) · ETA 12 s`."""
    done, *rest = _counts(progress)
    parts = [done, *_quality(progress), *rest, *traffic(progress), *outlook(progress)]
    return " · ".join(parts)


def last_line(progress: Progress) -> str:
    """What was done; the quality so far is left to the table, which weighs repeats by case."""
    return " · ".join(_counts(progress))


def status_parts(progress: Progress) -> list[str]:
    """What is said of the run as a whole, under the rows of its cells."""
    return [*_counts(progress), *traffic(progress), *outlook(progress)]


def money(progress: Progress) -> str:
    """`$0.12 of $5.00 (2 %)`; `≥` where answers have no price."""
    shown = usd(progress.spent_usd)
    if progress.budget_usd is not None:
        cap = Cap(name="", spent=progress.spent_usd, limit=progress.budget_usd)
        shown += f" of {usd(cap.limit)} ({percent(cap.share, digits=0)})"
    if progress.unpriced:
        return f"≥ {shown} ({n_of(progress.unpriced, 'call')} unpriced)"
    return shown


def traffic(progress: Progress) -> Iterator[str]:
    """`14 in flight, limit 12 (was 16 before a rate limit)`; nothing while nobody is asked."""
    if progress.done >= progress.planned:
        return
    doors = [door for door in progress.doors if door.in_flight or door.was is not None]
    if not doors:
        return
    limit = sum(door.limit for door in doors)
    said = f"{progress.in_flight:,} in flight, limit {limit:,}"
    cut = [door for door in doors if door.was is not None]
    if cut:
        before = limit + sum((door.was or 0) - door.limit for door in cut)
        of_whom = f" of {_models(cut)}" if len(progress.doors) > 1 else ""
        said += f", was {before:,} before a rate limit{of_whom}"
    yield said


def outlook(progress: Progress) -> Iterator[str]:
    """What the run waits for, else the time that is left."""
    if progress.done >= progress.planned:
        return
    if progress.is_stopping:
        yield "stopping: waiting for what is under way; Ctrl-C again to drop it (may be billed)"
        return
    paused = [door for door in progress.doors if door.resumes_s >= _PAUSE_S]
    if paused:
        resumes = max(door.resumes_s for door in paused)
        yield f"waiting: rate limit of {_models(paused)}, resumes in {resumes:.0f} s"
    if progress.waiting:
        yield f"waiting: {safe_text(progress.waiting)}"
    if not paused and not progress.waiting and progress.eta_s is not None:
        yield f"ETA {seconds(progress.eta_s)}"


def quality(cell: CellProgress, progress: Progress) -> str:
    """`81.2 % (77.1–84.8)` so far; empty before the first score."""
    found = cell.quality(level=progress.level)
    return "" if found.value is None else percent_interval(found)


def kinds(errors: Mapping[str, int]) -> str:
    """`12 timeout, 3 overloaded`, the most frequent first."""
    found = sorted(errors.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{n:,} {safe_text(kind)}" for kind, n in found[:_MOST_KINDS])
    more = sum(n for _, n in found[_MOST_KINDS:])
    return f"{shown}, {more:,} other" if more else shown


def cap_warning(cap: Cap) -> str:
    """A budget is nearly spent."""
    return (
        f"warning: {percent(cap.share, digits=0)} of {cap.name} is spent "
        f"({usd(cap.spent)} of {usd(cap.limit)}); the run stops before it is exceeded"
    )


def _counts(progress: Progress) -> Iterator[str]:
    yield f"{progress.done:,}/{progress.planned:,}"
    yield money(progress)
    if progress.errors:
        yield f"errors: {kinds(progress.errors)}"


def _quality(progress: Progress) -> Iterator[str]:
    scored = [cell for cell in progress.cells.values() if cell.n_scored]
    if not scored:
        return
    if len(progress.cells) == 1:
        yield f"quality {quality(scored[0], progress)}"
    elif len(progress.cells) <= _MOST_CELLS:
        named = (
            f"{safe_text(cell.label, limit=_LONGEST)} {quality(cell, progress)}" for cell in scored
        )
        yield f"quality {', '.join(named)}"
    else:
        means = [cell.quality_sum / cell.n_scored for cell in scored]
        of = n_of(len(scored), "cell")
        yield f"quality {percent(min(means))} to {percent(max(means))} over {of}"


def _models(doors: list[Door]) -> str:
    names = [safe_text(name, limit=_LONGEST) for name in dict.fromkeys(d.model for d in doors)]
    more = len(names) - _MOST_DOORS
    return ", ".join(names[:_MOST_DOORS]) + (f" and {more} more" if more > 0 else "")
