"""What the cases of a test set look like: scripts, lengths, values of a field, edge cases."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache

import numpy as np

from evalrunner.health.texts import shown_value
from evalrunner.types import Case, Json

EDGE = "edge"
"""The tag of cases that are rare or hard on purpose."""
_MIXED = 0.2
"""Share of another script's letters from which a text is in both: below it are names and terms."""
_LANGUAGES = {
    "Armenian": "Armenian",
    "Georgian": "Georgian",
    "Greek": "Greek",
    "Hangul": "Korean",
    "Hiragana": "Japanese",
    "Katakana": "Japanese",
    "Thai": "Thai",
}
"""Scripts that are of one language. Latin, Cyrillic, Arabic, Han and others are of many."""
_NAMED_OTHERWISE = {
    "CJK": "Han",
    "FEMININE": "Latin",
    "FULLWIDTH": "Latin",
    "HALFWIDTH": "Katakana",
    "MASCULINE": "Latin",
    "MICRO": "Greek",
    "MODIFIER": None,
}
"""First words of letters' names that are no script's."""
_MOST_CLASSES = 500
_MOST_ALONE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long texts are."""

    unit: str
    n: int
    shortest: float
    median: float
    p90: float
    longest: float

    @classmethod
    def of(cls, lengths: Iterable[int], *, unit: str = "characters") -> Lengths | None:
        """None without texts."""
        values = np.fromiter(lengths, dtype=np.float64)
        if not values.size:
            return None
        low, median, p90, high = np.quantile(values, [0, 0.5, 0.9, 1]).tolist()
        return cls(unit=unit, n=values.size, shortest=low, median=median, p90=p90, longest=high)

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        return asdict(self)


def scripts_of(texts: Iterable[str]) -> dict[str, int]:
    """Texts by the script of their letters, the most frequent first.

    Two scripts are named where a fifth of the letters is of the second; `none` has no letter.
    """
    return _by_frequency(Counter(map(_script_of, texts)))


def languages_of(scripts: Mapping[str, int]) -> dict[str, int]:
    """What the scripts tell of languages; texts in a script of many languages are left out."""
    found: Counter[str] = Counter()
    for script, n in scripts.items():
        known = {_LANGUAGES.get(part) for part in script.split("+")}
        # Japanese mixes its own two scripts with Han.
        if "Japanese" in known or (len(known) == 1 and None not in known):
            found["Japanese" if "Japanese" in known else next(filter(None, known))] += n
    return dict(sorted(found.items()))


def value_counts(cases: Iterable[Case], field: str) -> dict[str, int]:
    """Cases by the value of a field, the most frequent first; cases without one are left out."""
    values = (shown_value(case.fields.get(field)) for case in cases)
    return _by_frequency(Counter(value for value in values if value is not None))


def class_counts(cases: Iterable[Case], field: str) -> dict[str, int] | None:
    """As `value_counts`, of a field whose values are classes; None for free texts and numbers.

    Of classes there are at most 500, and hardly any case is alone with its own.
    """
    found: Counter[str] = Counter()
    for case in cases:
        value = shown_value(case.fields.get(field))
        if value is not None:
            found[value] += 1
            if len(found) > _MOST_CLASSES:
                return None
    n_alone = sum(n == 1 for n in found.values())
    if not found or n_alone > _MOST_ALONE * found.total():
        return None
    return _by_frequency(found)


def edge_share(cases: Sequence[Case]) -> float | None:
    """Share of the cases with the tag `edge`; None where no case has any tag."""
    tagged = [case.fields["tags"] for case in cases if case.fields.get("tags")]
    return sum(EDGE in tags for tags in tagged) / len(cases) if tagged else None


def _by_frequency(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _script_of(text: str) -> str:
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else "none"
    letters = Counter(filter(None, map(_script, text)))
    if not letters:
        return "none"
    n = letters.total()
    first = min(letters, key=lambda script: (-letters[script], script))
    return "+".join(sorted({first, *(s for s in letters if letters[s] >= _MIXED * n)}))


@cache
def _script(character: str) -> str | None:
    """From the first word of a letter's name: Python has no table of scripts."""
    if not character.isalpha():
        return None
    word = unicodedata.name(character, "OTHER").split()[0].partition("-")[0]
    return _NAMED_OTHERWISE.get(word, word.capitalize())
