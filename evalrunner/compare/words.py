"""A comparison as a sentence, from the side of either of the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from evalrunner.formatting import margin_points, p_value, points_interval, safe_text
from evalrunner.types import Estimate

_LONGEST = 80
_MORE = ("n_more", "more_show")


def reverse(comparison: Mapping[str, Any]) -> dict[str, Any]:
    """The same comparison as the second of the two sees it; without its slices.

    How many more cases would tell is known for the first alone.
    """
    mirrored = {"a": "b", "wins": "losses", "conclusion": "reverse"}
    swapped = {
        here: comparison[there]
        for one, other in mirrored.items()
        for here, there in ((one, other), (other, one))
    }
    missing = comparison["missing"]
    kept = {key: value for key, value in comparison.items() if key not in {"slices", *_MORE}}
    return {
        **kept,
        **swapped,
        "difference": asdict(_negated(Estimate(**comparison["difference"]))),
        "missing": {
            "only_a": missing["only_b"],
            "only_b": missing["only_a"],
            "neither": missing["neither"],
            "low": _negative(missing["high"]),
            "high": _negative(missing["low"]),
        },
        **dict.fromkeys(_MORE),
    }


def sentence(comparison: Mapping[str, Any], names: tuple[str, str]) -> str:
    """What is known of the first against the second, whose names may be foreign text.

    "A is not worse than B by more than 2 points (95 %), n = 480", or "these 120 cases cannot tell A
    from B; 410 more could show which is better".
    """
    a, b = (safe_text(name, limit=_LONGEST) for name in names)
    conclusion, n = comparison["conclusion"], f"n = {comparison['n_paired']:,}"
    if conclusion == "not_worse":
        return f"{a} is not worse than {b} by more than {_margin(comparison)}, {n}"
    if conclusion == "cannot_tell":
        return _undecided(comparison, a, b)
    difference = Estimate(**comparison["difference"])
    if conclusion == "worse":
        difference = _negated(difference)
    p = p_value(comparison["p_adjusted"])
    return f"{a} is {conclusion} than {b} by {points_interval(difference)}, {p}, {n}"


def plainest_sentence(comparison: Mapping[str, Any], names: tuple[str, str]) -> str:
    """The sentence of whichever side says more; one for both where neither is worse."""
    said, other = comparison["conclusion"], comparison["reverse"]
    n = f"n = {comparison['n_paired']:,}"
    if said == other == "not_worse":
        a, b = (safe_text(name, limit=_LONGEST) for name in names)
        return f"{a} and {b} differ by less than {_margin(comparison)}, {n}"
    if said == "worse" or (said == "cannot_tell" and other != "cannot_tell"):
        comparison, names = reverse(comparison), (names[1], names[0])
    return sentence(comparison, names)


def _margin(comparison: Mapping[str, Any]) -> str:
    return f"{margin_points(comparison['margin'])} ({100 * comparison['confidence']:g} %)"


def _undecided(comparison: Mapping[str, Any], a: str, b: str) -> str:
    n, more = comparison["n_paired"], comparison["n_more"]
    cases = {0: "nothing", 1: "this case"}.get(n, f"these {n:,} cases")
    head = f"{cases} can{'' if n == 0 else 'not'} tell {a} from {b}"
    if comparison["because"] is not None:
        return f"{head}: {comparison['because']}"
    if more is None:
        return head
    shown = {
        "different": "show which is better",
        "not_worse": f"show that {a} is not worse by more than {_margin(comparison)}",
    }.get(comparison.get("more_show") or "", "tell")
    return f"{head}; {more:,} more could {shown}"


def _negated(estimate: Estimate) -> Estimate:
    return replace(
        estimate,
        value=_negative(estimate.value),
        low=_negative(estimate.high),
        high=_negative(estimate.low),
    )


def _negative(value: float | None) -> float | None:
    return None if value is None else -value
