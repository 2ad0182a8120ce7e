"""Cases, their recorded answers and their JSON Schema, as they are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from evalrunner.production.dataset.drawing import NONE, Drawn
from evalrunner.production.logs import LoggedCall
from evalrunner.redact import Redactor
from evalrunner.types import Json

RESERVED = frozenset(
    {"id", "input", "expected_output", "rubric", "tags", "weight", "recorded", "sha256"}
)
"""Fields of a case that no category may be called."""

Row = dict[str, Json]


def rows_of(drawn: Sequence[Drawn], *, by: str | None) -> Iterator[tuple[Row, Row]]:
    """Each case, and its answer as `provider: replay` reads it. Secrets are replaced in both."""
    redactor = Redactor()
    taken: set[str] = set()
    for each in drawn:
        name = _unused(each.question.call.id, taken)
        case, answer = _case(each, name, by=by), _answer(each.question.call, name)
        yield _redacted(case, redactor), _redacted(answer, redactor)


def schema_of(name: str, *, by: str | None) -> Row:
    """The JSON Schema of the cases."""
    label = {"type": ["string", "null"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A case of {name}, drawn from production",
        "type": "object",
        "required": ["id", "input", "weight", "recorded"],
        "properties": {
            "id": {"type": "string", "minLength": 1},
            "input": {"type": ["string", "array", "object"]},
            "category": label,
            **({} if by is None else {by: label}),
            "expected_output": {"description": "The truth: for people to fill in."},
            "weight": {
                "description": "Production calls that the case stands for.",
                "type": "number",
                "exclusiveMinimum": 0,
            },
            "recorded": {
                "description": "What production answered; nobody has said whether it is right.",
                "type": "object",
                "required": ["output"],
            },
        },
    }


def _unused(name: str, taken: set[str]) -> str:
    """The id, with a number where an earlier case has it; compared as a test set compares them."""
    found, number = name, 1
    while unicodedata.normalize("NFC", found) in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(unicodedata.normalize("NFC", found))
    return found


def _case(drawn: Drawn, name: str, *, by: str | None) -> Row:
    call = drawn.question.call
    category = {} if call.category is None else {"category": call.category}
    stratum = {} if by is None or drawn.stratum == NONE else {by: drawn.stratum}
    recorded: Row = {"output": call.output, **_facts(call), "n_calls": drawn.question.n_calls}
    others = [{"model": other.model, "output": other.output} for other in drawn.question.others]
    return {
        "id": name,
        "input": drawn.question.input,
        **category,
        **stratum,
        "weight": round(drawn.weight, 6),
        "recorded": recorded | ({"others": others} if others else {}),
    }


def _answer(call: LoggedCall, name: str) -> Row:
    found: Row = {
        "usage": None if call.usage is None else asdict(call.usage),
        "latency_s": call.latency_s,
        "stop_reason": call.stop_reason,
    }
    known = {key: value for key, value in found.items() if value is not None}
    return {"case_id": name, "output": call.output, **_facts(call), **known}


def _facts(call: LoggedCall) -> Row:
    at = None if call.at is None else call.at.isoformat().replace("+00:00", "Z")
    found = {"model": call.model, "at": at}
    return {key: value for key, value in found.items() if value is not None}


def _redacted(value: Json, redactor: Redactor) -> Json:
    """The sampler did so when it logged; other logs, and secrets of today, are done here."""
    if isinstance(value, str):
        return redactor.text(value) if redactor.may_hold_secret(value) else value
    if isinstance(value, dict):
        return {name: _redacted(part, redactor) for name, part in value.items()}
    return [_redacted(part, redactor) for part in value] if isinstance(value, list) else value
