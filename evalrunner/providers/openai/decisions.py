"""OpenAI's Decisions API, for judges alone: it answers questions and writes no text.

Every choice that a verdict's schema leaves open becomes a question. Of the answers a verdict is
made that any judge could have given. The last text beside a choice, the reason, says how sure the
model was; texts before it, such as the evidence, stay empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evalrunner.errors import ConfigError, Problem
from evalrunner.providers.sdk import SdkSettings
from evalrunner.providers.sdk.bodies import UnusableError, mapping, objects
from evalrunner.types import Json, Prompt, Request, Status, canonical_json

_PARAMS = ("prompt_cache_key", "prompt_cache_options", "safety_identifier")
"""All that the endpoint takes besides model, input and questions."""
_MOST_QUESTIONS = 400
_CHOICES = range(2, 256)
"""How many choices a question may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One property of a verdict that has to be chosen."""

    path: tuple[str, ...]
    values: tuple[Json, ...]
    about: tuple[str, ...]
    """Descriptions in the schema, the outermost first."""

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def labels(self) -> dict[str, Json]:
        """The values by what they are called: choices are text."""
        return {v if isinstance(v, str) else canonical_json(v): v for v in self.values}

    @property
    def question(self) -> dict[str, Json]:
        # Levels of a scale as well: a `score` is a mean of levels, and a verdict is one of them.
        *outer, last = (part.replace("_", " ") for part in self.path)
        what = f"the {last} of {', '.join(outer)}" if outer else f"the {last}"
        asked = f"Following the instructions in the input, what is {what}?"
        return {
            "type": "choice",
            "name": self.name,
            "instructions": "\n".join((*self.about, asked)),
            "choices": [{"value": label} for label in self.labels],
        }


def check(settings: SdkSettings) -> None:
    """Raise ValueError for settings with which the endpoint cannot be asked."""
    if settings.transport == "batch":
        raise ValueError("api: decisions cannot be asked in batches; set transport: live")
    if settings.client is not None:
        raise ValueError(f"{settings.client!r} has no api: decisions; leave client out")
    for name in settings.params:
        if name not in _PARAMS:
            raise ValueError(f"api: decisions has no {name!r}: params may be {', '.join(_PARAMS)}")


def body_of(
    settings: SdkSettings, prompt: Prompt, schema: Mapping[str, Json] | None
) -> dict[str, Json]:
    """The body that asks for a verdict of this form.

    Raises ConfigError without a form, and for one that is not made of choices and words.
    """
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt.messages]
    if prompt.system is not None:
        turns.insert(0, {"role": "system", "content": prompt.system})
    return {
        "model": settings.name,
        "input": turns,
        "questions": [choice.question for choice in _askable(settings.name, schema)],
        **settings.params,
    }


def read_verdict(
    request: Request, answer: Mapping[str, Json]
) -> tuple[str | None, Status, str | None]:
    """Text, status and stop reason of an answer. Raises UnusableError for what is none."""
    schema = request.schema or {}
    choices, answers = list(_choices(schema)), answer.get("answers")
    given = objects(answers)
    if not isinstance(answers, list) or not len(answers) == len(given) == len(choices):
        raise UnusableError(f"not one answer to each of {len(choices)} questions")
    chosen = {}
    for choice, found in zip(choices, given, strict=True):
        if (value := _chosen(choice, found)) is not None:
            chosen[choice.path] = value
    if len(chosen) < len(choices):
        # A verdict has all of its parts, or it is none.
        return None, Status.REFUSED, "refused"
    verdict = _verdict(schema, (), chosen, model=request.model)
    return json.dumps(verdict, ensure_ascii=False), Status.OK, "complete"


def _askable(model: str, schema: Mapping[str, Json] | None) -> list[_Choice]:
    if schema is None:
        raise _unfit(
            model,
            "it can only judge, and is asked for an answer or for a verdict in free text",
            hint="as judge.model it needs judge.structured: true; as model set api: responses",
        )
    choices = list(_choices(schema))
    problems = [
        f"{choice.name!r} has {len(choice.labels)} choices, not {_CHOICES[0]} to {_CHOICES[-1]}"
        for choice in choices
        if len(choice.labels) not in _CHOICES
    ]
    problems += [f"{name!r} is neither a choice nor text" for name in _neither(schema)]
    if not 0 < len(choices) <= _MOST_QUESTIONS:
        problems.append(f"{len(choices)} choices are to be made, not 1 to {_MOST_QUESTIONS}")
    if problems:
        raise _unfit(model, f"it cannot give this verdict: {'; '.join(problems)}")
    return choices


def _unfit(model: str, what: str, *, hint: str = "choose another judge") -> ConfigError:
    where = f"model {model!r} with api: decisions"
    return ConfigError(Problem(where=where, what=what, hint=hint))


def _choices(
    schema: Mapping[str, Json], path: tuple[str, ...] = (), about: tuple[str, ...] = ()
) -> Iterator[_Choice]:
    """In the order of the schema, which is that of the questions."""
    for name, part in _properties(schema):
        told = (*about, part["description"]) if part.get("description") else about
        if "enum" in part:
            yield _Choice(path=(*path, name), values=tuple(part["enum"]), about=told)
        else:
            yield from _choices(part, (*path, name), told)


def _neither(schema: Mapping[str, Json]) -> Iterator[str]:
    for name, part in _properties(schema):
        if "properties" in part:
            yield from _neither(part)
        elif "enum" not in part and part.get("type") != "string":
            yield name


def _properties(schema: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    for name, part in mapping(schema.get("properties")).items():
        yield name, mapping(part)


def _chosen(choice: _Choice, answer: Mapping[str, Json]) -> tuple[Json, float] | None:
    """The value and its confidence; None for a refusal."""
    if answer.get("name") not in (None, choice.name):
        raise UnusableError(f"no answer to {choice.name!r} in its place")
    if answer.get("type") == "refusal":
        return None
    label, confidence = answer.get("choice"), answer.get("confidence")
    if answer.get("type") != "choice" or not isinstance(label, str) or label not in choice.labels:
        raise UnusableError(f"the answer to {choice.name!r} is none of the choices")
    # NaN is between no two numbers.
    if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        raise UnusableError(f"the confidence in {choice.name!r} is no share")
    return choice.labels[label], float(confidence)


def _verdict(
    schema: Mapping[str, Json],
    path: tuple[str, ...],
    chosen: Mapping[tuple[str, ...], tuple[Json, float]],
    *,
    model: str,
) -> dict[str, Json]:
    below = [confidence for at, (_, confidence) in chosen.items() if at[: len(path)] == path]
    words = f"choice of {model}"
    if below:
        words += f" with confidence {min(below):.2f}{' or more' if len(below) > 1 else ''}"
    texts = [name for name, part in _properties(schema) if part.get("type") == "string"]
    reason = [name for name in texts if (*path, name) not in chosen][-1:]
    verdict: dict[str, Json] = {}
    for name, part in _properties(schema):
        here = (*path, name)
        if here in chosen:
            verdict[name] = chosen[here][0]
        elif "properties" in part:
            verdict[name] = _verdict(part, here, chosen, model=model)
        else:
            verdict[name] = words if name in reason else ""
    return verdict
