"""What people and tools write for an answer, and what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from evalrunner.datasets import quoted
from evalrunner.types.people import Choice

SHOWN = ("input", "output_a", "output_b", "rating_criteria")
"""What a row of a form repeats of its task, so that a mixed up file is noticed."""
TOLD = ("task_id", "rater", "criterion", *SHOWN)
"""What a row says of its task."""
Question: TypeAlias = Literal["vote", "label"]
"""Which of two outputs is better, or whether one meets a criterion."""

SKIPPED: Final[Mapping[Question, dict[str, Any]]] = {
    "vote": {"vote": "skip"},
    "label": {"label": None},
}
"""What a skip is in `votes.jsonl`."""

_CHOICES: Final[Mapping[Choice, str]] = {
    "left": "left l a 1 output_a left_is_better a_is_better",
    "right": "right r b 2 output_b right_is_better b_is_better",
    "tie": "tie t equal equals same draw 3 =",
    "both_bad": "both_bad both_are_bad bad 4",
}
_LABELS: Final[Mapping[float, str]] = {
    1.0: "yes y true pass passed met is_met",
    0.0: "no n false fail failed not_met unmet",
}
_CHOICE_OF = {word: choice for choice, words in _CHOICES.items() for word in words.split()}
_LABEL_OF = {word: label for label, words in _LABELS.items() for word in words.split()}
_SKIPS = frozenset({"skip", "skipped", "s"})
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
_WHOLE = re.compile(r"(\d+)[.,]0*")


def answer_of(text: str, question: Question) -> dict[str, Any] | None:
    """The answer as `votes.jsonl` has it; None where nothing was answered. Raises ValueError."""
    word = _word(text)
    if not word:
        return None
    if word in _SKIPS:
        return SKIPPED[question]
    if question == "label":
        return {"label": _label(word, text)}
    if word not in _CHOICE_OF:
        what = f"{quoted(text)} is no vote: write left, right, tie, both_bad or skip"
        raise ValueError(what)
    return {"vote": _CHOICE_OF[word]}


def objects_in(given: object, name: str) -> list[dict[str, Any]]:
    """`given`, which must be a list of objects. Raises ValueError."""
    if isinstance(given, list) and all(isinstance(each, dict) for each in given):
        return given
    raise ValueError(f"{name} must be a list of objects, not {quoted(given)}")


def _word(text: str) -> str:
    word = _BETWEEN_WORDS.sub("_", text.strip().casefold())
    # A spreadsheet may have made 1,0 of the 1 that was typed.
    whole = _WHOLE.fullmatch(word)
    return whole[1] if whole else word


def _label(word: str, text: str) -> float:
    if word in _LABEL_OF:
        return _LABEL_OF[word]
    try:
        number = float(word.replace(",", "."))
    except ValueError:
        number = -1.0
    if 0 <= number <= 1:
        return number
    raise ValueError(f"{quoted(text)} is no label: write yes or no (or 1 or 0), or skip")
