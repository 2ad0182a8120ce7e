"""Checks of single cases: repeated, contradictory, without a target, with the answer inside."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from evalrunner.cli.dataset.checks.subject import Subject
from evalrunner.cli.dataset.findings import Finding, Status, with_article
from evalrunner.cli.dataset.reading import TestSet
from evalrunner.formatting import n_of, percent
from evalrunner.health import (
    class_counts,
    contradictions,
    find_overlap,
    find_target_leak,
    shown_value,
    text_of,
)
from evalrunner.types import Json

_FEW, _MANY = 0.01, 0.1
_NEAR_FEW = 0.05
_MAJORITY = 0.8
_LEAST = 0.001
_TARGET_LIKE = ("expected", "label", "target", "answer")


def schema(held: Subject) -> Finding:
    """What could not be read was told before."""
    message = f"{n_of(held.n, 'case')}, every one valid, ids unique"
    if held.of.limit is not None:
        message += f"; a run takes {held.of.limit:,} of them (dataset.limit)"
    return Finding(check="schema", status="ok", message=message)


def repeated(held: Subject) -> Iterator[Finding]:
    """Equal and nearly equal inputs."""
    found = held.duplicates
    share = found.n_equal / held.n
    status: Status = "error" if share >= _MANY else "warning" if found.n_equal else "ok"
    yield Finding(
        check="duplicates",
        status=status,
        message=_repeats(found.n_equal, held.n),
        remedy="delete all but one of each group: they count as independent cases",
        groups=found.equal,
        notes=_texts_of(found.equal, held),
        evidence={"n": found.n_equal, "n_distinct": found.n_distinct},
    )
    share = found.n_near / held.n
    yield Finding(
        check="near-duplicates",
        status="warning" if share >= _NEAR_FEW else "note" if found.n_near else "ok",
        message=_repeats(found.n_near, held.n, "nearly "),
        remedy="keep one of each group, or name what they share in dataset.cluster",
        groups=found.near,
        notes=_texts_of(found.near, held),
        evidence={"n": found.n_near},
    )


def contradictory(held: Subject) -> Iterator[Finding]:
    """Equal, or nearly equal, inputs with different targets."""
    if not held.has_targets:
        yield _without_target("contradictions")
        return
    equal, near = contradictions(held.duplicates, held.texts, held.target_values)
    groups = (*equal, *near)
    message = "no input has two targets"
    if groups:
        message = f"{n_of(len(equal), 'group')} of equal inputs with different targets, "
        message += f"{len(near):,} of nearly equal ones"
    yield Finding(
        check="contradictions",
        status="error" if equal else "note" if near else "ok",
        message=message,
        remedy=f"at most one {held.target} of a group is right: mend or delete the others",
        groups=groups,
        notes={g[0]: " | ".join(str(held.target_values[place]) for place in g) for g in groups},
        evidence={"n_equal": len(equal), "n_near": len(near)},
    )


def targets(held: Subject) -> Iterator[Finding]:
    """Cases without a target, and a class that outweighs all others."""
    without = [
        place
        for place, case in enumerate(held.of.cases)
        if case.fields.get(held.target) in (None, "", [])
    ]
    if len(without) == held.n:
        message = f"no case has {with_article(held.target)}: only judges can score"
        message += _other_target(held)
        yield Finding(check="targets", status="note", message=message)
        return
    counts = class_counts(held.of.cases, held.target)
    message = f"{held.n - len(without):,} of {held.n:,} cases have {with_article(held.target)}"
    if counts is not None:
        label, most = next(iter(counts.items()))
        message += f", {len(counts):,} classes; the largest "
        message += f"is {label!r} with {percent(most / sum(counts.values()))}"
        if most / sum(counts.values()) >= _MAJORITY and len(counts) > 1:
            yield Finding(
                check="balance",
                status="warning",
                message=f"always saying {label!r} would score "
                f"{percent(most / sum(counts.values()))}",
                remedy="score by macro F1, run a majority baseline, add cases of other classes",
            )
    yield Finding(
        check="targets",
        status="warning" if without else "ok",
        message=message,
        remedy="a case without a target is unscored: add it, or leave the case out",
        groups=[(place,) for place in without],
        evidence={"n_without": len(without), "n_classes": counts and len(counts)},
    )


def leaks(held: Subject) -> Iterator[Finding]:
    """Inputs that hold their own answer."""
    if not held.has_targets:
        yield _without_target("leakage")
        return
    targets = [shown_value(value) for value in held.target_values]
    found = find_target_leak(held.texts, targets, field=held.target)
    if found.named is None:
        return
    named = (
        f"{percent(found.named)} of the inputs name their target, "
        f"{percent(found.chance)} name another case's"
    )
    evidence: dict[str, Json] = {"n": found.n, "n_named": found.n_named}
    evidence |= {"chance": found.chance, "p": found.p_value}
    places = found.marked or found.verbatim
    status: Status = "ok"
    if found.marked:
        named = f"{n_of(len(found.marked), 'input')} hold their target as a marked field or "
        named += "code"
        status = "error"
    elif found.is_named_too_often:
        status = "warning"
    elif found.verbatim:
        named = f"{n_of(len(found.verbatim), 'input')} hold their whole target; fine where "
        named += "answers are to be found in the text"
        status = "note"
    yield Finding(
        check="leakage",
        status=status,
        message=named,
        remedy=f"remove what tells {held.target} from the input, or copying will score",
        groups=[(place,) for place in places],
        notes={place: str(targets[place]) for place in places},
        evidence=evidence | {"n_marked": len(found.marked), "n_verbatim": len(found.verbatim)},
    )


def trained_on(held: Subject, train: TestSet) -> Iterator[Finding]:
    """Cases that stand in the training file, equal or nearly so."""
    found = find_overlap(held.texts, [text_of(case.input) for case in train.cases])
    for name, pairs, many in (
        ("in training", found.equal, _FEW),
        ("nearly in training", found.near, _MANY),
    ):
        n, shown = len(pairs), _share(len(pairs), held.n)
        status: Status = "error" if n / held.n >= many else "warning" if pairs else "ok"
        yield Finding(
            check=name,
            status=status,
            message=f"{n_of(n, 'case')} ({shown}) of {train.shown}",
            remedy="take them out of one of the two: what was trained on is no test",
            groups=[(place,) for place, _ in pairs],
            notes={place: f"= {_named(train, other)}" for place, other in pairs},
            evidence={"n": n, "train": train.shown, "n_train": len(train.cases)},
        )


def _without_target(check: str) -> Finding:
    return Finding(check=check, status="note", message="not checked: no target")


def _other_target(held: Subject) -> str:
    """`; is it --target answer?`; empty where no field looks like one."""
    like = [
        name for name in held.names if name.lower().startswith(_TARGET_LIKE) and name != held.target
    ]
    return (
        f"; is it {' or '.join(f'--target {shlex.quote(name)}' for name in like)}?" if like else ""
    )


def _texts_of(groups: Sequence[Sequence[int]], held: Subject) -> dict[int, str]:
    return {group[0]: held.texts[group[0]] for group in groups}


def _named(of: TestSet, position: int) -> str:
    line = of.line(position)
    return of.cases[position].id + ("" if line is None else f" (line {line})")


def _repeats(n: int, total: int, how: str = "") -> str:
    if not n:
        return f"no case {how}repeats another"
    verb = "repeats" if n == 1 else "repeat"
    return f"{n_of(n, 'case')} ({_share(n, total)}) {how}{verb} another"


def _share(n: int, total: int) -> str:
    """A few of many are not none of them."""
    return f"under {percent(_LEAST)}" if 0 < n / total < _LEAST else percent(n / total)
