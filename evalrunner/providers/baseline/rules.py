"""Baselines that need no library: the most frequent answer, and keyword rules."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict

from evalrunner.providers.baseline.training import Examples, Predict

KEYWORDS_PER_CLASS = 10
"""As many as a person would keep by hand; more score higher, but then are a model, not rules."""

_WORD = re.compile(r"\w+")
_SMOOTHING = 0.5


def train_majority(examples: Examples) -> Predict:
    """Always the most frequent answer of the training file."""
    answer = examples.majority
    return lambda _text: answer


def train_keywords(examples: Examples) -> Predict:
    """The class whose keywords weigh most among those found; the majority when none is found."""
    rules = keyword_rules(examples)
    fallback = examples.majority

    def predict(text: str) -> str:
        weights: defaultdict[str, float] = defaultdict(float)
        for word in sorted(_words(text)):
            for target, weight in rules.get(word, ()):
                weights[target] += weight
        return min(weights, key=lambda target: (-weights[target], target), default=fallback)

    return predict


def keyword_rules(examples: Examples) -> dict[str, list[tuple[str, float]]]:
    """For each keyword the classes that it speaks for, each with its weight.

    A class keeps the words that set its texts apart most surely, by the log-likelihood ratio
    (Dunning 1993, Computational Linguistics 19(1)), which rare words cannot win by chance. The
    weight is the difference of the log odds inside and outside the class.
    """
    inside: dict[str, Counter[str]] = {target: Counter() for target in examples.classes}
    for text, target in zip(examples.texts, examples.targets, strict=True):
        inside[target].update(_words(text))
    overall = sum(inside.values(), Counter())
    sizes = Counter(examples.targets)
    rules: defaultdict[str, list[tuple[str, float]]] = defaultdict(list)
    for target, counts in inside.items():
        size, rest = sizes[target], len(examples.texts) - sizes[target]
        ranked = [
            (-_likelihood_ratio(count, size, overall[word] - count, rest), word, weight)
            for word, count in counts.items()
            if (weight := _log_odds(count, size) - _log_odds(overall[word] - count, rest)) > 0
        ]
        for _, word, weight in sorted(ranked)[:KEYWORDS_PER_CLASS]:
            rules[word].append((target, weight))
    return dict(rules)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _log_odds(count: int, size: int) -> float:
    return math.log((count + _SMOOTHING) / (size - count + _SMOOTHING))


def _likelihood_ratio(inside: int, size: int, outside: int, rest: int) -> float:
    """G2 of the two-by-two table of texts with and without the word, in and out of the class."""
    total, having = size + rest, inside + outside
    cells = (
        (inside, size * having),
        (outside, rest * having),
        (size - inside, size * (total - having)),
        (rest - outside, rest * (total - having)),
    )
    return 2 * sum(seen * math.log(seen * total / margins) for seen, margins in cells if seen)
