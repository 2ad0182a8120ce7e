"""Who wins how often: each cell over its opponents, each pair, and by slice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evalrunner.stats import connor_cases, holm, sign_test
from evalrunner.types import Estimate
from evalrunner.votes.ballots import Asked
from evalrunner.votes.contests import Contest
from evalrunner.votes.rates import mean_rate

FEWEST_CASES = 10
"""Below it votes make no ranking of a slice, and nothing to count on in a plan."""
_TIE = 0.5


def win_rates(asked: Asked, met: Sequence[Contest]) -> dict[str, Any]:
    """`win_rates` of the summary."""
    overall = [
        {"facet": facet, "cell": cell, "win_rate": asdict(_of_cell(asked, own, cell))}
        | _counts(own, cell)
        for facet, cell, own in _cells(met)
    ]
    slices: dict[str, dict[str, Any]] = {}
    for field, value, part in slices_of(asked, met):
        slices.setdefault(field, {})[value] = [
            {"facet": facet, "cell": cell, "win_rate": asdict(_of_cell(asked, own, cell))}
            for facet, cell, own in _cells(part)
        ]
    return {"overall": overall, "pairs": _pairs(asked, met), "slices": slices}


def slices_of(asked: Asked, met: Sequence[Contest]) -> Iterable[tuple[str, str, Sequence[Contest]]]:
    """Field, value and the contests on its cases; facets may have different cases."""
    names = dict.fromkeys(
        (field, value)
        for facet in sorted(asked.cases)
        for field, values in asked.cases[facet].slices.items()
        for value in values
    )
    for field, value in names:
        members = {
            facet: groups.slices.get(field, {}).get(value, frozenset())
            for facet, groups in asked.cases.items()
        }
        part = [each for each in met if each.case_id in members.get(each.facet, ())]
        if part:
            yield field, value, part


def _cells(met: Sequence[Contest]) -> list[tuple[int, int, list[Contest]]]:
    """Facet and cell with its contests."""
    found: dict[tuple[int, int], list[Contest]] = {}
    for each in met:
        for cell in (each.a, each.b):
            found.setdefault((each.facet, cell), []).append(each)
    return [(facet, cell, found[facet, cell]) for facet, cell in sorted(found)]


def _of_cell(asked: Asked, own: Sequence[Contest], cell: int) -> Estimate:
    """Mean over its pairs in each case, then over cases."""
    by_case: dict[str, list[Contest]] = {}
    for each in own:
        by_case.setdefault(each.case_id, []).append(each)
    cases = [by_case[case_id] for case_id in sorted(by_case)]
    return _rate(
        asked,
        cases,
        [
            float(
                np.average([_seen_from(cell, each) for each in some], weights=_weights(some)),
            )
            for some in cases
        ],
    )


def _rate(asked: Asked, cases: Sequence[Sequence[Contest]], values: Sequence[float]) -> Estimate:
    """Of one value a case."""
    first = [some[0] for some in cases]
    facet = first[0].facet
    return mean_rate(
        values,
        [max(_weights(some)) for some in cases],
        clusters=[asked.unit(facet, each.case_id) for each in first],
        by=asked.cases[facet].by,
        level=asked.level,
    )


def _weights(some: Iterable[Contest]) -> list[float]:
    return [each.weight for each in some]


def _seen_from(cell: int, each: Contest) -> float:
    return each.score if cell == each.a else 1 - each.score


def _counts(own: Iterable[Contest], cell: int) -> dict[str, int]:
    """Votes, those of equal outputs included."""
    outcomes = [
        outcome if cell == each.a else 1 - outcome for each in own for outcome in each.outcomes
    ]
    return {
        "wins": sum(outcome > _TIE for outcome in outcomes),
        "ties": sum(outcome == _TIE for outcome in outcomes),
        "losses": sum(outcome < _TIE for outcome in outcomes),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """For how many independent units the majority of raters prefers which of two cells."""

    wins: int
    ties: int
    losses: int

    @property
    def n(self) -> int:
        return self.wins + self.ties + self.losses

    @property
    def p_value(self) -> float | None:
        return sign_test(self.wins, self.losses).p_value if self.n else None


def _pairs(asked: Asked, met: Sequence[Contest]) -> list[dict[str, Any]]:
    found: dict[tuple[int, int, int], list[Contest]] = {}
    for each in met:
        found.setdefault((each.facet, each.a, each.b), []).append(each)
    return [
        entry
        for facet in dict.fromkeys(place[0] for place in found)
        for entry in _facet_pairs(asked, [own for place, own in found.items() if place[0] == facet])
    ]


def _facet_pairs(asked: Asked, pairs: Sequence[Sequence[Contest]]) -> list[dict[str, Any]]:
    """The pairs of a facet; their p-values are adjusted together."""
    decided = [_decided(asked, own) for own in pairs]
    p_values = [1.0 if each.p_value is None else each.p_value for each in decided]
    strict = 1 - (1 - asked.level) / len(pairs)
    entries = []
    for own, counts, p_value, p_adjusted in zip(
        pairs, decided, p_values, holm(p_values).tolist(), strict=True
    ):
        rate = _rate(asked, [[each] for each in own], [each.score for each in own])
        said = _conclusion(rate, counts, is_clear=p_adjusted < 1 - asked.level)
        entries.append(
            {
                "facet": own[0].facet,
                "a": own[0].a,
                "b": own[0].b,
                "win_rate": asdict(rate),
                **_counts(own, own[0].a),
                "both_bad": sum(each.both_bad for each in own),
                "p": p_value,
                "p_adjusted": p_adjusted,
                "conclusion": said,
                "n_more": _more(counts, level=strict) if said == "cannot_tell" else None,
            }
        )
    return entries


def _decided(asked: Asked, own: Sequence[Contest]) -> _Decided:
    units: dict[str, int] = {}
    for each in own:
        unit = asked.unit(each.facet, each.case_id)
        units[unit] = units.get(unit, 0) + (each.score > _TIE) - (each.score < _TIE)
    leans = list(units.values())
    return _Decided(
        wins=sum(lean > 0 for lean in leans),
        ties=sum(lean == 0 for lean in leans),
        losses=sum(lean < 0 for lean in leans),
    )


def _conclusion(rate: Estimate, counts: _Decided, *, is_clear: bool) -> str:
    """What may be said; a rate of weighted cases must lean the same way, and surely."""
    low, high = rate.low, rate.high
    if not is_clear or low is None or high is None:
        return "cannot_tell"
    if counts.wins > counts.losses and low > _TIE:
        return "better"
    return "worse" if counts.wins < counts.losses and high < _TIE else "cannot_tell"


def _more(counts: _Decided, *, level: float) -> int | None:
    """Votes on further cases until a lead as observed is a decision; None without one to go by.

    By Connor with the share of the decided as discordant, for a chance of 80 %; near the end the
    exact test may ask for more. Source: see `connor_cases`.
    """
    lead = abs(counts.wins - counts.losses)
    if lead == 0 or counts.n < FEWEST_CASES:
        return None
    n = counts.n
    share = (counts.wins + counts.losses) / n
    needed = max(connor_cases(lead / n, discordant=share, level=level), n + 1)
    ahead = max(counts.wins, counts.losses) / n
    while _p_at(needed, ahead=ahead, share=share) >= 1 - level:
        needed += 1
    return needed - n


def _p_at(n: int, *, ahead: float, share: float) -> float:
    """P-value of the sign test if `n` cases went on as these."""
    wins = math.floor(n * ahead)
    found = sign_test(wins, round(n * share) - wins).p_value
    return 1.0 if found is None else found
