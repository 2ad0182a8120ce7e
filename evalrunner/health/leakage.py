"""Whether the input gives the answer away.

A word of the answer in the input is no leak by itself: "refund my order" is how people ask for a
`refund`, and the answer to a sum may be among its numbers. So three things are told apart.

- marked: the input names a field and its value, such as `label: refund`, or has a label in a form
  that people do not write (`card_arrival`, with its underscore).
- verbatim: an answer of five words or more stands in the input. Where answers are to be found in
  the input (extraction), that is the task.
- named: how often an input holds its own answer, against how often it holds another case's. One
  finds out little from a few; where half of the cases more than by chance do, copying is a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalrunner.health.texts import normalised
from evalrunner.stats.contingency import fisher_exact

_LONG_WORDS, _LONG_CHARACTERS = 5, 25
_OTHERS = 10
"""Other cases' answers that are looked for in each input."""
_CODE = re.compile(r"\w+[_/:|]\w[\w/:|-]*")
_FIELDS = ("answer", "category", "class", "expected", "gold", "intent", "label", "target", "truth")
_EXCESS, _SIGNIFICANT = 0.5, 0.01
_EDGES = " \t\"'`*()[]{}<>"


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLeak:
    """Where targets stand in the inputs; positions of cases."""

    n: int
    """Cases with a target that is text or a number."""
    marked: tuple[int, ...]
    verbatim: tuple[int, ...]
    n_named: int
    """Cases whose input holds their own target as words of its own."""
    chance: float
    """Share of inputs that hold the target of another case with another target."""
    p_value: float | None
    """Of holding the own target no more often than another's; None without others."""

    @property
    def named(self) -> float | None:
        """Share of the cases whose input holds their own target."""
        return self.n_named / self.n if self.n else None

    @property
    def is_named_too_often(self) -> bool:
        """Whether copying words of the input answers half of the cases, chance left out."""
        if self.named is None or self.p_value is None:
            return False
        return self.named - self.chance >= _EXCESS and self.p_value < _SIGNIFICANT


def find_target_leak(
    texts: Sequence[str], targets: Sequence[str | None], *, field: str = "expected_output"
) -> TargetLeak:
    """Looks for each target in the text of its case; None = no target. `field` is its name."""
    inputs = [f" {normalised(text)} " for text in texts]
    forms = [None if target is None else normalised(target) for target in targets]
    known = [place for place, form in enumerate(forms) if form]
    words = {form: _words(form) for form in set(forms) if form}
    own = {place: words[forms[place] or ""] for place in known}
    named = [place for place in known if own[place].search(inputs[place])]
    marks = re.compile(
        rf"\b(?:{'|'.join({re.escape(normalised(field)), *_FIELDS})})\b\W{{0,3}}[:=]\s*$"
    )
    is_marked = {
        place: _is_marked(inputs[place], forms[place] or "", own[place], marks) for place in named
    }
    n_others, n_hits = _others(inputs, forms, known, words)
    return TargetLeak(
        n=len(known),
        marked=tuple(place for place in named if is_marked[place]),
        verbatim=tuple(
            place for place in named if _is_long(forms[place] or "") and not is_marked[place]
        ),
        n_named=len(named),
        chance=n_hits / n_others if n_others else 0.0,
        p_value=fisher_exact(len(named), len(known), n_hits, n_others) if n_others else None,
    )


def _words(form: str) -> re.Pattern[str]:
    """The target where no letter, digit or decimal joins it; `card_arrival` as words too."""
    parts = [re.escape(part) for part in re.split(r"[\s_]+", form) if part] or [re.escape(form)]
    joined = r"[\s_]+".join(parts)
    return re.compile(rf"(?<!\w)(?<!\d[.,]){joined}(?!\w)(?![.,]\d)")


def _is_marked(text: str, form: str, words: re.Pattern[str], marks: re.Pattern[str]) -> bool:
    if _CODE.fullmatch(form) and form in text:
        return True
    return any(marks.search(text[: match.start()].rstrip(_EDGES)) for match in words.finditer(text))


def _is_long(form: str) -> bool:
    return len(form) >= _LONG_CHARACTERS and len(form.split()) >= _LONG_WORDS


def _others(
    inputs: Sequence[str],
    forms: Sequence[str | None],
    known: Sequence[int],
    words: dict[str, re.Pattern[str]],
) -> tuple[int, int]:
    """Inputs held against other cases' targets, and how many of them hold these."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(known), size=(len(known), _OTHERS)) if known else np.empty((0, 0))
    n = hits = 0
    for place, row in zip(known, drawn.tolist(), strict=True):
        for form in dict.fromkeys(forms[known[int(at)]] for at in row):
            if form is not None and form != forms[place]:
                n += 1
                hits += words[form].search(inputs[place]) is not None
    return n, hits
