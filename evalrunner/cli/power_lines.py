"""What a planned test set can show, and what it takes to show more, in lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalrunner.formatting import n_of, percent, points, safe_text, usd
from evalrunner.planning.power import ASSUMED_NOISE, FacetPower, Option, fewest_discordant
from evalrunner.stats.power import POWER

_LONGEST = 80


def power_lines(powers: Iterable[FacetPower]) -> Iterator[str]:
    """The smallest visible difference, and the way to `run.target_difference`.

    Facets of which the same is to be said share their lines.
    """
    facets: dict[tuple[str, ...], list[int]] = {}
    for each in powers:
        facets.setdefault(tuple(_lines(each)), []).append(each.facet)
    for lines, members in facets.items():
        where = f"facet {', '.join(map(str, members))}: " if len(facets) > 1 else ""
        yield f"{where}{lines[0]}"
        yield from (f"  {line}" for line in lines[1:])


def _lines(power: FacetPower) -> Iterator[str]:
    yield _smallest(power)
    expected = power.n * power.spread.variance
    if power.spread.is_binary and power.n >= power.fewest > expected:
        yield (
            f"two cells would differ in about {n_of(round(expected), 'case')}: fewer than "
            f"{_fewest(power)} show no difference, however they come out"
        )
    if power.hopeless is not None:
        yield (
            f"the best cell of that run would fail about {n_of(round(power.hopeless), 'case')}: "
            f"none can be shown to be better, that takes {_fewest(power)}"
        )
    if power.n_clusters is not None and not power.spread.is_clustered:
        yield (
            f"the cases have {power.n_clusters:,} different {safe_text(str(power.cluster))!r}; "
            f"if those of each come out alike, {_shown(power.smallest_by_cluster)}"
        )
    if power.repeats > 1 and power.spread.noise is None:
        yield "how much the repeats add to it is known after a first run with repeats"
    yield from _target(power)


def _smallest(power: FacetPower) -> str:
    cases = n_of(power.n, "case") + (f" x {power.repeats}" if power.repeats > 1 else "")
    found = power.smallest()
    if found is None:
        takes = f"it takes {_fewest(power)} on which one cell alone is right"
        return f"{cases} cannot show any difference between two cells: {takes}"
    chance = f"{POWER:.0%} power".replace("%", " %")
    if power.n_comparisons > 1:
        alone = points(power.smallest(alone=True))
        chance += f" in each of {power.n_comparisons:,} comparisons, {alone} in a single one"
    return f"the smallest difference that {cases} show: {points(found)} ({chance}; {_basis(power)})"


def _basis(power: FacetPower) -> str:
    spread, share = power.spread, percent(power.spread.variance, digits=0)
    if spread.origin is None:
        return f"assuming that two cells differ in {share} of the cases"
    if not spread.is_binary:
        width = points(spread.variance**0.5)
        return f"scores of a case differed by {width} (standard deviation) in run {spread.origin}"
    return f"two cells differed in {share} of {n_of(spread.n or 0, 'case')} of run {spread.origin}"


def _fewest(power: FacetPower) -> str:
    exact = fewest_discordant(power.level, exact=True)
    return f"{power.fewest} cases (by the exact test {exact})"


def _shown(difference: float | None) -> str:
    return "they show none" if difference is None else f"only {points(difference)}"


def _target(power: FacetPower) -> Iterator[str]:
    if power.target is None or power.needed is None:
        return
    options = power.options()
    ways = " or ".join(_option(each) for each in options if not each.is_assumed)
    yield f"a difference of {points(power.target)} takes {ways}"
    if power.needed <= power.n:
        yield f"the {n_of(power.n, 'case')} planned are enough"
    elif power.needed <= power.available:
        yield f"{power.n:,} are planned; dataset.limit={power.needed} takes as many"
    else:
        dataset = safe_text(power.dataset, limit=_LONGEST)
        yield f"the data set {dataset!r} has {power.available:,}"
    assumed = " or ".join(_option(each) for each in options if each.is_assumed)
    if assumed:
        share = percent(ASSUMED_NOISE, digits=0)
        yield f"with repeats, assuming that {share} of this spread goes away with them: {assumed}"


def _option(option: Option) -> str:
    cases = n_of(option.cases, "case")
    if option.repeats > 1:
        cases += f" x {option.repeats} repeats"
    if option.low_usd is None or option.high_usd is None:
        return f"{cases} (cost unknown)"
    if option.high_usd == 0:
        return f"{cases} ($0)"
    return f"{cases} ({usd(option.low_usd)} to {usd(option.high_usd)})"
