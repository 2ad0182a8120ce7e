"""Candidates that racing stopped: beaten for good, unless the winner itself may not be chosen."""

from __future__ import annotations

from collections.abc import Container, Sequence

from evalrunner.decide.needs import Candidate
from evalrunner.formatting import n_of


def lost_race(
    candidate: Candidate, candidates: Sequence[Candidate], *, violating: Container[int]
) -> str | None:
    """Why a candidate that racing stopped need not be chosen; None where it was not stopped.

    None, too, where who won against it is in `violating`: see `open_race`.
    """
    winner = _winner(candidate, candidates)
    return None if winner is None or winner.id in violating else _words(candidate, candidates)


def open_race(
    candidate: Candidate, candidates: Sequence[Candidate], *, violating: Container[int]
) -> str | None:
    """Why little is known of a candidate that lost against one that may not be chosen."""
    winner = _winner(candidate, candidates)
    if winner is None or winner.id not in violating:
        return None
    return f"{_words(candidate, candidates)}, and {winner.label} is discarded; set run.race=false"


def _winner(candidate: Candidate, candidates: Sequence[Candidate]) -> Candidate | None:
    """Who won in the end: nobody stopped it."""
    by_id, winner = {each.id: each for each in candidates}, candidate
    for _ in candidates:
        if winner.summary.get("raced") is None:
            break
        winner = by_id[winner.summary["raced"]["by"]]
    return None if winner is candidate else winner


def _words(candidate: Candidate, candidates: Sequence[Candidate]) -> str:
    raced = candidate.summary["raced"]
    by = next(each.label for each in candidates if each.id == raced["by"])
    return (
        f"racing stopped it after {n_of(raced['cases'], 'case')}: {by} was better and not dearer "
        f"(e = {raced['e_value']:,.1f})"
    )
