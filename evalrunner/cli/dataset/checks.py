"""The checks of a test set, one a function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from evalrunner.cli.dataset.findings import Finding, Status
from evalrunner.cli.dataset.reading import TestSet, target_of
from evalrunner.formatting import UNKNOWN, n_of, p_value, percent, points
from evalrunner.health import (
    Duplicates,
    Lengths,
    class_counts,
    contradictions,
    edge_share,
    find_duplicates,
    find_overlap,
    find_target_leak,
    languages_of,
    mix_fit,
    scripts_of,
    shown_value,
    size_of,
    text_of,
    value_counts,
)
from evalrunner.types import Json

_FEW, _MANY = 0.01, 0.1
_NEAR_FEW = 0.05
_MAJORITY = 0.8
_USUAL = (100, 500)
_LONG = 10
_LEAST = 0.001
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Checks:
    """A test set with all that it is held to."""

    of: TestSet
    target: str
    category: str
    mix: Mapping[str, float] | None = None
    mix_source: str = ""
    train: TestSet | None = None
    difference: float | None = None
    """A share: 0.05 for 5 points."""

    def findings(self) -> Iterator[Finding]:
        """All that was checked, in the order in which it is shown."""
        yield self.schema()
        yield from self.repeated()
        yield from self.contradictory()
        yield from self.targets()
        yield from self.leaks()
        yield from self.coverage()
        yield self.edges()
        yield self.scripts()
        yield self.lengths()
        yield self.size()
        if self.train is not None:
            yield from self.trained_on(self.train)

    @cached_property
    def texts(self) -> list[str]:
        """Input of each case as text."""
        return [text_of(case.input) for case in self.of.cases]

    @cached_property
    def target_values(self) -> list[Json]:
        """Of each case; None = none."""
        return [target_of(case, self.target) for case in self.of.cases]

    @cached_property
    def duplicates(self) -> Duplicates:
        """Of the inputs."""
        return find_duplicates(self.texts)

    @property
    def n(self) -> int:
        """Cases."""
        return len(self.of.cases)

    def schema(self) -> Finding:
        """What could not be read was told before."""
        message = f"{n_of(self.n, 'case')}, every one valid, ids unique"
        if self.of.limit is not None:
            message += f"; a run takes {self.of.limit:,} of them (dataset.limit)"
        return Finding(check="schema", status="ok", message=message)

    def repeated(self) -> Iterator[Finding]:
        """Equal and nearly equal inputs."""
        found = self.duplicates
        share = found.n_equal / self.n
        status: Status = "error" if share >= _MANY else "warning" if found.n_equal else "ok"
        yield Finding(
            check="duplicates",
            status=status,
            message=_repeats(found.n_equal, self.n),
            remedy="delete all but one of each group: they count as independent cases",
            groups=found.equal,
            notes=self._texts_of(found.equal),
            evidence={"n": found.n_equal, "n_distinct": found.n_distinct},
        )
        share = found.n_near / self.n
        yield Finding(
            check="near-duplicates",
            status="warning" if share >= _NEAR_FEW else "note" if found.n_near else "ok",
            message=_repeats(found.n_near, self.n, "nearly "),
            remedy="keep one of each group, or name what they share in dataset.cluster",
            groups=found.near,
            notes=self._texts_of(found.near),
            evidence={"n": found.n_near},
        )

    def contradictory(self) -> Iterator[Finding]:
        """Equal, or nearly equal, inputs with different targets."""
        equal, near = contradictions(self.duplicates, self.texts, self.target_values)
        groups = (*equal, *near)
        message = "no input has two targets"
        if groups:
            message = f"{n_of(len(equal), 'group')} of equal inputs with different targets, "
            message += f"{len(near):,} of nearly equal ones"
        yield Finding(
            check="contradictions",
            status="error" if equal else "note" if near else "ok",
            message=message,
            remedy=f"at most one {self.target} of a group is right: mend or delete the others",
            groups=groups,
            notes={g[0]: " | ".join(str(self.target_values[place]) for place in g) for g in groups},
            evidence={"n_equal": len(equal), "n_near": len(near)},
        )

    def targets(self) -> Iterator[Finding]:
        """Cases without a target, and a class that outweighs all others."""
        without = [
            place
            for place, case in enumerate(self.of.cases)
            if case.fields.get(self.target) in (None, "", [])
        ]
        if len(without) == self.n:
            message = f"no case has a {self.target!r}: only judges can score"
            yield Finding(check="targets", status="note", message=message)
            return
        counts = class_counts(self.of.cases, self.target)
        message = f"{self.n - len(without):,} of {self.n:,} cases have a {self.target!r}"
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

    def leaks(self) -> Iterator[Finding]:
        """Inputs that hold their own answer."""
        targets = [shown_value(value) for value in self.target_values]
        found = find_target_leak(self.texts, targets, field=self.target)
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
            remedy=f"remove what tells {self.target} from the input, or copying will score",
            groups=[(place,) for place in places],
            notes={place: str(targets[place]) for place in places},
            evidence=evidence | {"n_marked": len(found.marked), "n_verbatim": len(found.verbatim)},
        )

    def coverage(self) -> Iterator[Finding]:
        """The mix of categories, by itself and against the one that it should have."""
        counts = value_counts(self.of.cases, self.category)
        if not counts:
            status: Status = "error" if self.mix else "note"
            message = f"no case has a {self.category!r}: nothing can be told by category"
            remedy = "name the field that has it: --category FIELD"
            yield Finding(check="coverage", status=status, message=message, remedy=remedy)
            return
        fit = None if self.mix is None else mix_fit(counts, self.mix)
        if fit is None:
            name, least = list(counts.items())[-1]
            message = f"{len(counts):,} values of {self.category!r}, the rarest is {name!r} with "
            message += f"{n_of(least, 'case')}; held to no mix"
            yield Finding(check="coverage", status="note", message=message)
            return
        yield Finding(
            check="coverage",
            status="error" if fit.missing else "warning" if fit.is_mismatch else "ok",
            message=f"against {self.mix_source}: {percent(fit.total_variation)} of the cases in "
            f"another {self.category!r} (chi-square {fit.test.statistic:.2f}, df {fit.test.df}, "
            f"{p_value(fit.p_value)})"
            + ("" if fit.n_mix else "; shares are taken as exact: counts would make it a test")
            + _missing(fit.missing)
            + (f"; {percent(fit.thin_share)} of it in thin categories" if fit.thin_share else ""),
            remedy="add cases of what is missing: evalrunner production dataset, or dataset sample",
            evidence=fit.to_json(),
        )

    def edges(self) -> Finding:
        """Cases that are rare or hard on purpose."""
        share = edge_share(self.of.cases)
        if share is None:
            message = 'no case has tags: mark rare and hard ones with "tags": ["edge"]'
            return Finding(check="edge cases", status="note", message=message)
        message = f"{percent(share)} of the cases have the tag edge"
        return Finding(
            check="edge cases", status="note", message=message, evidence={"share": share}
        )

    def scripts(self) -> Finding:
        """In which scripts the inputs are."""
        found = scripts_of(self.texts)
        shown = ", ".join(f"{name} {percent(n / self.n)}" for name, n in found.items())
        evidence: dict[str, Json] = {"scripts": found, "languages": languages_of(found)}
        message = f"{shown}; the language of Latin, Cyrillic and the like is not told"
        return Finding(check="scripts", status="note", message=message, evidence=evidence)

    def lengths(self) -> Finding:
        """How long the inputs are."""
        found = Lengths.of(map(len, self.texts))
        if found is None:
            return Finding(check="lengths", status="note", message=UNKNOWN)
        message = (
            f"{found.shortest:,.0f} to {found.longest:,.0f} characters, median {found.median:,.0f}"
        )
        if found.longest > _LONG * max(found.p90, 1):
            message += (
                f"; the longest is {found.longest / max(found.p90, 1):.0f} times the 90 % one"
            )
        return Finding(check="lengths", status="note", message=message, evidence=found.to_json())

    def size(self) -> Finding:
        """Which difference so many cases can show."""
        n = self.of.limit or self.n
        found = size_of(n, target=self.difference)
        shown = (
            "no difference"
            if found.smallest_difference is None
            else (f"a difference of {points(found.smallest_difference)}")
        )
        message = f"{n_of(n, 'case')} show {shown} between two models (80 % power, one alone right "
        message += f"in 20 %), and a score to ± {points(found.half_width)}"
        status: Status = "ok"
        remedy = f"{_USUAL[0]} to {_USUAL[1]} cases are usual; see evalrunner plan for your own"
        if found.needed is not None and self.difference is not None:
            message += f"; {points(self.difference)} take {n_of(found.needed, 'case')}"
            status = "ok" if found.is_enough else "error"
            remedy = f"add {max(0, found.needed - n):,} cases, or ask for a larger difference"
        elif n < _USUAL[0]:
            status = "warning"
        return Finding(
            check="size", status=status, message=message, remedy=remedy, evidence=found.to_json()
        )

    def trained_on(self, train: TestSet) -> Iterator[Finding]:
        """Cases that stand in the training file, equal or nearly so."""
        found = find_overlap(self.texts, [text_of(case.input) for case in train.cases])
        for name, pairs, many in (
            ("in training", found.equal, _FEW),
            ("nearly in training", found.near, _MANY),
        ):
            share = len(pairs) / self.n
            status: Status = "error" if share >= many else "warning" if pairs else "ok"
            yield Finding(
                check=name,
                status=status,
                message=f"{n_of(len(pairs), 'case')} ({_share(len(pairs), self.n)}) of {train.shown}",
                remedy="take them out of one of the two: what was trained on is no test",
                groups=[(place,) for place, _ in pairs],
                notes={place: f"= {_named(train, other)}" for place, other in pairs},
                evidence={"n": len(pairs), "train": train.shown, "n_train": len(train.cases)},
            )

    def _texts_of(self, groups: Sequence[Sequence[int]]) -> dict[int, str]:
        return {group[0]: self.texts[group[0]] for group in groups}


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


def _missing(missing: Mapping[str, float]) -> str:
    if not missing:
        return ""
    shown = ", ".join(
        f"{name!r} ({percent(share)})" for name, share in list(missing.items())[:_SHOWN]
    )
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return f"; no case of {shown}{more}"
