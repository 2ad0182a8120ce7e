"""Records of production logs, as far as a trend needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from evalrunner.production.logs import LoggedCall, Logs, stream_logs
from evalrunner.production.trend.records import SampledRecord
from evalrunner.types import Json, canonical_json

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_ANSWERED = ("model", "latency_s", "stop_reason")


def read_records(paths: Sequence[str]) -> tuple[list[SampledRecord], Logs]:
    """All calls of the logs, and what was left out of them.

    Raises ConfigError for a path that is no file or directory.
    """
    logs = Logs()
    calls = stream_logs([Path(path) for path in paths], logs)
    return [_record(call) for call in calls], logs


def _record(call: LoggedCall) -> SampledRecord:
    # A judge would take half an answer, or an answer to half a question, for a bad one.
    is_whole = not {"input", "output"} & set(call.cut)
    answer = {name: getattr(call, name) for name in _ANSWERED}
    usage: Json = None if call.usage is None else asdict(call.usage)
    case: dict[str, Json] = {"category": call.category, "metadata": dict(call.metadata)}
    return SampledRecord(
        id=call.id,
        at=call.at,
        input=_input(call),
        output=_text(call.output) if is_whole and call.output is not None else None,
        rate=call.rate,
        of_case={name: value for name, value in case.items() if value},
        of_answer={
            name: value for name, value in (answer | {"usage": usage}).items() if value is not None
        },
    )


def _input(call: LoggedCall) -> Json:
    """The whole conversation where it was logged: an answer is judged by what came before."""
    if "messages" not in call.cut and _is_conversation(call.messages):
        return call.messages
    is_plain = isinstance(call.input, str) or (isinstance(call.input, dict) and call.input)
    return call.input if is_plain or _is_conversation(call.input) else _text(call.input)


def _is_conversation(value: Json) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_turn, value))


def _is_turn(value: Json) -> bool:
    if not isinstance(value, Mapping) or value.get("role") not in _ROLES:
        return False
    content = value.get("content")
    return isinstance(content, str) or (isinstance(content, list) and bool(content))


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value)
