"""What was asked, each question once, with the share of the traffic that it stands for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from evalrunner.health import find_duplicates, normalised, text_of
from evalrunner.production.logs import LoggedCall
from evalrunner.production.logs.messages import input_of, messages_of
from evalrunner.types import Json, canonical_json

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An input, and the calls that asked it in these or nearly these words."""

    call: LoggedCall
    """The first of them."""
    input: Json
    """As a case has it."""
    n_calls: int
    mass: float
    """How many production calls they stand for together."""
    others: tuple[LoggedCall, ...]
    """The first equal call of each further model."""
    differs: bool
    """Whether several models answered the same words differently."""
    score: float | None
    """The lowest that the log has for it, in [0, 1]; None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """All questions of a log."""

    all: tuple[Question, ...]
    n_equal: int
    """Calls that repeat an earlier one."""
    n_near: int
    """Calls that nearly repeat an earlier one."""
    left_out: Counter[str]
    """Calls that can be no case, by the reason."""


def questions_of(calls: Sequence[LoggedCall], *, by: str | None = None) -> Questions:
    """The distinct questions in the order of their first call.

    Equal words with another value of `by` are another question: each stratum has its own.
    """
    left_out = Counter[str]()
    usable: list[tuple[LoggedCall, Json]] = []
    for call in calls:
        value = case_input(call)
        why = _why_not(call, value)
        if why is None:
            usable.append((call, value))
        else:
            left_out[why] += 1
    texts = [text_of(value) for _, value in usable]
    found = find_duplicates(texts)
    strata = [None if by is None else call.field(by) for call, _ in usable]
    equal = _groups(strata, found.equal)
    groups = _groups(strata, (*found.equal, *found.near))
    return Questions(
        all=tuple(_question([usable[place] for place in group]) for group in groups),
        n_equal=len(usable) - len(equal),
        n_near=len(equal) - len(groups),
        left_out=left_out,
    )


def case_input(call: LoggedCall) -> Json:
    """The input in a form that a test set may have; None where nothing was asked.

    A turn of a conversation comes with the turns before it: alone it says little.
    """
    turns = input_of(messages_of(call.messages)) if call.messages else None
    value = turns if isinstance(turns, list) else call.input
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, list) and value:
        return value if all(map(_is_turn, value)) else {"items": value}
    if isinstance(value, dict):
        return value or None
    return None if value is None or value == [] else canonical_json(value)


def _why_not(call: LoggedCall, value: Json) -> str | None:
    if {"input", "messages"} & set(call.cut):
        return "only the beginning of the input was logged"
    if value is None:
        return "without an input"
    if "output" in call.cut:
        return "only the beginning of the output was logged"
    return "without an output" if call.output is None else None


def _is_turn(value: Json) -> bool:
    return isinstance(value, dict) and value.get("role") in _ROLES and bool(value.get("content"))


def _groups(strata: Sequence[str | None], groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Positions, those of a group and stratum together; near groups name the first of equals."""
    first = list(range(len(strata)))
    for group in groups:
        for place in group[1:]:
            first[place] = group[0]
    members: dict[tuple[int, str | None], list[int]] = defaultdict(list)
    for place, stratum in enumerate(strata):
        root = place
        while first[root] != root:
            root = first[root]
        members[root, stratum].append(place)
    return list(members.values())


def _question(group: Sequence[tuple[LoggedCall, Json]]) -> Question:
    call, value = group[0]
    # Other words may well have another answer: only equal ones are held against each other.
    text = normalised(text_of(value))
    equal = [each for each, said in group if normalised(text_of(said)) == text]
    by_model = {each.model: each for each in reversed(equal) if each.model is not None}
    outputs = {normalised(text_of(each.output)) for each in by_model.values()}
    scores = [score for each, _ in group for score in _scores(each)]
    return Question(
        call=call,
        input=value,
        n_calls=len(group),
        mass=sum(each.weight for each, _ in group),
        others=tuple(by_model[name] for name in sorted(by_model) if name != call.model),
        differs=len(by_model) > 1 and len(outputs) > 1,
        score=min(scores, default=None),
    )


def _scores(call: LoggedCall) -> Iterator[float]:
    """`score`, and each of `scores`, of the metadata, as far as they are in [0, 1]."""
    several = call.metadata.get("scores")
    found = [call.metadata.get("score")]
    found += several.values() if isinstance(several, dict) else []
    for value in found:
        if isinstance(value, int | float) and 0 <= value <= 1:
            yield float(value)
