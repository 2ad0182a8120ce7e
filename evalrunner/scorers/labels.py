"""The labels scorer: which class does the answer name, and is it the right one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from evalrunner.scorers.base import (
    SEARCHED_CHARACTERS,
    TargetScorer,
    TargetSettings,
    shortened,
    text_of,
)
from evalrunner.scorers.text import normalised_text
from evalrunner.types import Json, Score

OUTSIDE_REASON = "outside_label_set"

_EDGES = " \t\r\n\"'`“”‘’„«»*_.,;:!?()[]{}<>"
"""Left out around a label: quotes, Markdown and the punctuation of a sentence."""


def _label_text(value: Any) -> Any:
    return text_of(value) if isinstance(value, bool | int | float) else value


Label = Annotated[str, BeforeValidator(_label_text)]
"""A class; numbers and booleans are taken as their JSON, as in targets."""


class LabelsSettings(TargetSettings):
    """The answer names the case's class."""

    kind: Literal["labels"]
    labels: Annotated[tuple[Label, ...], Field(min_length=1)] | None = None
    """The classes; an answer that is none of them is outside. Null = any text is a class."""
    search: bool = False
    """Find the one declared label inside a longer answer; two different ones are outside."""

    @model_validator(mode="after")
    def _labels_differ(self) -> LabelsSettings:
        if self.search and self.labels is None:
            raise ValueError("search: true needs the list `labels` to search for")
        seen: dict[str, str] = {"": ""}
        for label in self.labels or ():
            if normalised_label(label) in seen:
                other = seen[normalised_label(label)]
                raise ValueError(f"labels: {label!r} cannot be told from {other!r} in an answer")
            seen[normalised_label(label)] = label
        return self

    def truth_label(self, target: Json) -> str:
        """The class of a case, as declared or as written. Raises ValueError for none."""
        if isinstance(target, list | tuple | Mapping):
            raise ValueError(f"{shortened(repr(target))} is not one class")  # noqa: TRY004 - data
        found = self.label_in(text_of(target))
        if found is None and self.labels is None:
            raise ValueError(f"{shortened(repr(target))} names no class")
        if found is None:
            listed = ", ".join(self.labels or ())
            raise ValueError(f"{shortened(repr(target))} is none of the labels: {listed}")
        return found

    def label_in(self, text: str) -> str | None:
        """The class that a whole text names; None for an empty text and one that is no label.

        Spelled as declared, or without a declaration as it is written.
        """
        normalised = normalised_label(text)
        if self.labels is None:
            return shortened(" ".join(text.split())) if normalised else None
        return self.spellings.get(normalised)

    @cached_property
    def spellings(self) -> dict[str, str]:
        """The declared labels by their normalised text."""
        return {normalised_label(label): label for label in self.labels or ()}


class Labels(TargetScorer[LabelsSettings, str]):
    """1 for the right class; `label` is the class that the answer names, None when outside.

    Labels that `normalised_label` makes equal are one class, however an answer spells it.
    """

    def _read_target(self, value: Json) -> str:
        return self.settings.truth_label(value)

    def _compare(self, answer: str, target: str) -> Score:
        label = self.settings.label_in(answer)
        if label is None and self.settings.search:
            label = self._searched(answer)
        if label is None:
            return Score(value=0.0, reason=OUTSIDE_REASON)
        if normalised_label(label) == normalised_label(target):
            return Score(value=1.0, label=target)
        return Score(value=0.0, label=label)

    def _searched(self, answer: str) -> str | None:
        labels = self.settings.spellings
        # Longest first: "card payment" in "declined card payment" is not a second label.
        listed = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
        text = normalised_label(answer[-SEARCHED_CHARACTERS:])
        found = {match.group() for match in re.finditer(rf"(?<!\w)(?:{listed})(?!\w)", text)}
        return labels[found.pop()] if len(found) == 1 else None


def normalised_label(text: str) -> str:
    """`text` as labels are compared: case-folded, single spaces, no quotes around it."""
    return normalised_text(" ".join(text.split()), ignore_case=True).strip(_EDGES)
