"""Checks of a test set as a whole: its mix, scripts, lengths and size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalrunner.cli.dataset.checks.subject import Subject
from evalrunner.cli.dataset.findings import Finding, Status, with_article
from evalrunner.formatting import UNKNOWN, n_of, p_value, percent, points
from evalrunner.health import (
    Lengths,
    edge_share,
    languages_of,
    mix_fit,
    scripts_of,
    size_of,
    value_counts,
)
from evalrunner.types import Json

_USUAL = (100, 500)
_LONG = 10
_SHOWN = 5


def coverage(held: Subject) -> Iterator[Finding]:
    """The mix of categories, by itself and against the one that it should have."""
    counts = value_counts(held.of.cases, held.category)
    if not counts:
        status: Status = "error" if held.mix else "note"
        message = f"no case has {with_article(held.category)}: nothing can be told by category"
        remedy = "name the field that has it: --category FIELD"
        yield Finding(check="coverage", status=status, message=message, remedy=remedy)
        return
    fit = None if held.mix is None else mix_fit(counts, held.mix)
    if fit is None:
        name, least = list(counts.items())[-1]
        message = f"{len(counts):,} values of {held.category!r}, the rarest is {name!r} with "
        message += f"{n_of(least, 'case')}; held to no mix"
        yield Finding(check="coverage", status="note", message=message)
        return
    yield Finding(
        check="coverage",
        status="error" if fit.missing else "warning" if fit.is_mismatch else "ok",
        message=f"against {held.mix_source}: {percent(fit.total_variation)} of the cases in "
        f"another {held.category!r} (chi-square {fit.test.statistic:.2f}, df {fit.test.df}, "
        f"{p_value(fit.p_value)})"
        + ("" if fit.n_mix else "; shares are taken as exact: counts would make it a test")
        + _missing(fit.missing)
        + (f"; {percent(fit.thin_share)} of it in thin categories" if fit.thin_share else ""),
        remedy="add cases of what is missing: evalrunner production dataset, or dataset sample",
        evidence=fit.to_json(),
    )


def edges(held: Subject) -> Finding:
    """Cases that are rare or hard on purpose."""
    share = edge_share(held.of.cases)
    if share is None:
        message = 'no case has tags: mark rare and hard ones with "tags": ["edge"]'
        return Finding(check="edge cases", status="note", message=message)
    message = f"{percent(share)} of the cases have the tag edge"
    return Finding(check="edge cases", status="note", message=message, evidence={"share": share})


def scripts(held: Subject) -> Finding:
    """In which scripts the inputs are."""
    found = scripts_of(held.texts)
    shown = ", ".join(f"{name} {percent(n / held.n)}" for name, n in found.items())
    evidence: dict[str, Json] = {"scripts": found, "languages": languages_of(found)}
    message = f"{shown}; the language of Latin, Cyrillic and the like is not told"
    return Finding(check="scripts", status="note", message=message, evidence=evidence)


def lengths(held: Subject) -> Finding:
    """How long the inputs are."""
    found = Lengths.of(map(len, held.texts))
    if found is None:
        return Finding(check="lengths", status="note", message=UNKNOWN)
    message = (
        f"{found.shortest:,.0f} to {found.longest:,.0f} characters, median {found.median:,.0f}"
    )
    if found.longest > _LONG * max(found.p90, 1):
        message += f"; the longest is {found.longest / max(found.p90, 1):.0f} times the 90 % one"
    return Finding(check="lengths", status="note", message=message, evidence=found.to_json())


def size(held: Subject) -> Finding:
    """Which difference so many cases can show."""
    n = held.of.limit or held.n
    found = size_of(n, target=held.difference)
    shown = (
        "no difference"
        if found.smallest_difference is None
        else (f"a difference of {points(found.smallest_difference)}")
    )
    message = f"{n_of(n, 'case')} show {shown} between two models (80 % power, one alone right "
    message += f"in 20 %), and a score to ± {points(found.half_width)}"
    status: Status = "ok"
    remedy = f"{_USUAL[0]} to {_USUAL[1]} cases are usual; see evalrunner plan for your own"
    if found.needed is not None and held.difference is not None:
        message += f"; {points(held.difference)} take {n_of(found.needed, 'case')}"
        status = "ok" if found.is_enough else "error"
        remedy = f"add {max(0, found.needed - n):,} cases, or ask for a larger difference"
    elif n < _USUAL[0]:
        status = "warning"
    return Finding(
        check="size", status=status, message=message, remedy=remedy, evidence=found.to_json()
    )


def _missing(missing: Mapping[str, float]) -> str:
    if not missing:
        return ""
    shown = ", ".join(
        f"{name!r} ({percent(share)})" for name, share in list(missing.items())[:_SHOWN]
    )
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return f"; no case of {shown}{more}"
