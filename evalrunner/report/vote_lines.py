"""What people's votes say, in sentences for who decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.formatting import n_of, number_interval, p_value, percent, percent_interval
from evalrunner.types import Estimate

_RELIABLE, _TENTATIVE = 0.8, 0.667
"""Alphas from which on data are relied on, or tentative conclusions drawn; source: Krippendorff
(2004), Content Analysis, 2nd ed., section 11.4.2."""
_LIMIT, _HALF = 0.05, 0.5
FEW = 10
"""Cases, and answers with a known time, below which nothing is said of the whole."""
_MOST_NAMED = 4
_MOST_LINES = 10

Human = Mapping[str, Any]
Labels = Mapping[int, str]
"""Cells by id."""


def verdict_lines(human: Human, labels: Labels) -> Iterator[str]:
    """Who wins and how sure that is, a line for each facet and kind of task."""
    overall, pairs = human["win_rates"]["overall"], human["win_rates"]["pairs"]
    for facet in dict.fromkeys(each["facet"] for each in overall):
        rated = [each for each in overall if each["facet"] == facet]
        own = [pair for pair in pairs if pair["facet"] == facet]
        yield _preferred(rated, own, labels, n_answered=human["n_answered"])
    for facet in dict.fromkeys(each["facet"] for each in human["ratings"]):
        yield _best_rated([each for each in human["ratings"] if each["facet"] == facet], labels)


def progress_line(human: Human) -> str:
    """How much was answered, by how many."""
    raters = n_of(human["n_raters"], "rater")
    said = f"{raters} answered {human['n_answered']:,} of {n_of(human['n_tasks'], 'task')}"
    n_skipped = sum(rater["n_skipped"] for rater in human["raters"])
    said += f" and skipped {n_skipped:,}" if n_skipped else ""
    if human["n_equal"]:
        said += f"; {n_of(human['n_equal'], 'pair')} of equal outputs count as ties, unasked"
    return said


def unanswered_line(human: Human) -> str:
    """Why there is nothing to tell, where no task is answered."""
    skipped = {rater["rater"]: n for rater in human["raters"] if (n := rater["n_skipped"])}
    if skipped:
        n, total = sum(skipped.values()), human["n_tasks"]
        of = f"all {n_of(total, 'task')}" if n == total else f"{n:,} of {n_of(total, 'task')}"
        return f"{n_of(len(skipped), 'rater')} skipped {of}, and answered none"
    if human["n_raters"]:
        return f"{n_of(human['n_raters'], 'rater')} began, and no task is answered as a whole"
    return "nobody has voted yet"


def agreement_line(human: Human) -> str:
    """How far the raters agree, and what that is worth."""
    found = human["agreement"]
    if found is None:
        return "no two raters answered the same question: how far people agree is unknown"
    share, alpha = Estimate(**found["percent"]), Estimate(**found["alpha"])
    said = f"two raters agree on {percent_interval(share)}"
    if alpha.value is None:
        return f"{said}; all said the same throughout, so nobody knows what that is worth"
    return f"{said}, alpha {number_interval(alpha)}: {_worth(alpha.value)}"


def caution_lines(human: Human) -> Iterator[str]:
    """What makes the votes less than they seem."""
    for rater in human["raters"]:
        if rater["is_outlier"]:
            yield f"{rater['rater']} stands apart: {rater['because']}"
    bias = human["side_bias"]
    if bias is not None and bias["p"] is not None and bias["p"] < _LIMIT:
        left = bias["left"]["value"]
        side, share = ("left", left) if left > _HALF else ("right", 1 - left)
        yield (
            f"the {side} side wins {percent(share)} of the decided votes ({p_value(bias['p'])}): "
            "sides are drawn, so this is noise in the votes and no advantage of a cell"
        )
    if human["unknown_votes"]:
        yield f"{n_of(human['unknown_votes'], 'vote')} for no task of their rater, not counted"
    if human["broken_lines"]:
        lines = ", ".join(map(str, human["broken_lines"][:_MOST_LINES]))
        more = ", …" if human["broken_lines"][_MOST_LINES:] else ""
        yield f"broken lines of votes.jsonl, not counted: {lines}{more}"


def _preferred(
    rated: Sequence[Mapping[str, Any]],
    pairs: Sequence[Mapping[str, Any]],
    labels: Labels,
    *,
    n_answered: int,
) -> str:
    best = max(rated, key=lambda each: (each["win_rate"]["value"], -each["cell"]))
    cell = best["cell"]
    own = [(pair, pair["b"] if pair["a"] == cell else pair["a"]) for pair in pairs]
    own = [(pair, other) for pair, other in own if cell in {pair["a"], pair["b"]}]
    beaten = [other for pair, other in own if _is_won(pair, cell)]
    open_ones = [(pair, other) for pair, other in own if not _is_won(pair, cell)]
    rate = Estimate(**best["win_rate"])
    # Pairs of equal outputs are cases, too, and no votes.
    is_few = min(rate.n, n_answered) < FEW
    if is_few and not beaten:
        return "so few votes say nothing yet of what people prefer"
    share = f"{percent_interval(rate)}, ties as halves"
    if not open_ones:
        said = f"people prefer {labels[cell]}: it wins {share}"
        return f"{said}; it is better than {_named(beaten, labels)}"
    said = f"{labels[cell]} leads: it wins {share}"
    if beaten:
        said += f"; it is better than {_named(beaten, labels)}"
    elif all(pair["conclusion"] == "cannot_tell" for pair in pairs):
        said = f"no cell is shown to be preferred: {labels[cell]} leads, it wins {share}"
    said += f"; whether it is better than {_named([other for _, other in open_ones], labels)}"
    more = [pair["n_more"] for pair, _ in open_ones]
    if None in more:
        return f"{said} cannot be told"
    return f"{said} takes votes on about {n_of(max(more), 'further case')}"


def _is_won(pair: Mapping[str, Any], cell: int) -> bool:
    return bool(pair["conclusion"] == ("better" if pair["a"] == cell else "worse"))


def _named(cells: Sequence[int], labels: Labels) -> str:
    names = [labels[cell] for cell in cells[:_MOST_NAMED]]
    if cells[_MOST_NAMED:]:
        names[-1] = f"{len(cells) - _MOST_NAMED + 1:,} others"
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last


def _best_rated(rated: Sequence[Mapping[str, Any]], labels: Labels) -> str:
    known = [each for each in rated if each["passed"]["value"] is not None]
    if not known:
        return "no output was rated on all its criteria"
    known.sort(key=lambda each: (-each["passed"]["value"], each["cell"]))
    (best, first), *others = [(labels[e["cell"]], Estimate(**e["passed"])) for e in known]
    if first.n < FEW:
        return "so few ratings say nothing yet of how many criteria are met"
    if not others:
        return f"people find {percent_interval(first)} of the criteria met by {best}"
    highest = max((each.high for _, each in others if each.high is not None), default=None)
    if None not in (first.low, highest) and (first.low or 0.0) > (highest or 0.0):
        return f"people find most criteria met by {best}: {percent_interval(first)}"
    (second, next_one), *_ = others
    return (
        f"no cell is shown to meet most criteria: {best} leads with {percent_interval(first)}, "
        f"{second} has {percent_interval(next_one)}"
    )


def _worth(alpha: float) -> str:
    if alpha >= _RELIABLE:
        return "they see the same, and a vote can be relied on"
    if alpha >= _TENTATIVE:
        return "good enough for tentative conclusions"
    return "a matter of taste, or unclear criteria: ask several raters about each case"
