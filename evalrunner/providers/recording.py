"""An answer as a row: what a recorded file holds, and what is kept of answers made in this process.

One form for both, so that a run's `trials.jsonl` can be replayed and every kept body read again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from evalrunner.settings import Settings
from evalrunner.types import Completion, Json, Request, Status, Usage, canonical_json

BYTES_PER_TOKEN = 3.5
"""About 4 for English prose in today's tokenizers; 3.5 errs towards more tokens and more cost."""

_STOP_REASONS = {
    "stop": "complete",
    "stop_sequence": "complete",
    "end_turn": "complete",
    "length": "truncated",
    "max_tokens": "truncated",
    "max_output_tokens": "truncated",
    "model_context_window_exceeded": "context_exceeded",
    "refusal": "refused",
    "content_filter": "filtered",
}
"""What APIs call a stop, in our words; other words are kept."""

_STATUS_OF_STOP = {
    "truncated": Status.TRUNCATED,
    "context_exceeded": Status.TRUNCATED,
    "refused": Status.REFUSED,
    "filtered": Status.REFUSED,
}


def _from_json(value: Json) -> Json:
    """A cell of a CSV file holds its usage as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _as_text(value: Json) -> Json:
    return value if value is None or isinstance(value, str) else canonical_json(value)


Text: TypeAlias = Annotated[str | None, BeforeValidator(_as_text)]
"""Numbers and objects become their JSON text, as ids of a test set do."""


class RecordedUsage(Settings):
    """Tokens under the names of `trials.jsonl`; unknown names would silently count as 0."""

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_5m_tokens: int = Field(default=0, ge=0)
    cache_write_1h_tokens: int = Field(default=0, ge=0)
    reasoning_tokens: int = Field(default=0, ge=0)
    estimated: bool = False


class Recording(BaseModel):
    """One recorded answer; fields that are not named here are kept and not read."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    case_id: Text = None
    input: Json = None
    output: Text
    """Null: nothing was recorded, unless `status` or `stop_reason` tells of an answer."""
    repeat: Annotated[int, BeforeValidator(lambda value: value or 0), Field(ge=0)] = 0
    model: Text = None
    served_model: Text = None
    request_id: Text = None
    status: Status | None = None
    stop_reason: Text = None
    usage: Annotated[RecordedUsage | None, BeforeValidator(_from_json)] = None
    cost_usd: Decimal | None = Field(default=None, ge=0)
    latency_s: float | None = Field(default=None, ge=0)

    @property
    def is_answer(self) -> bool:
        """Whether the model was asked and answered, if only by a refusal."""
        if self.status is not None:
            return self.status in {Status.OK, Status.REFUSED, Status.TRUNCATED}
        return self.output is not None or _stop_word(self.stop_reason) in _STATUS_OF_STOP


def completion_of(recording: Recording) -> Completion:
    """The answer that was recorded; latency and time stay unknown where they were not written."""
    stop_reason = _stop_word(recording.stop_reason)
    status = recording.status or _STATUS_OF_STOP.get(stop_reason or "", Status.OK)
    usage = recording.usage
    return Completion(
        text=recording.output,
        status=status,
        stop_reason=stop_reason,
        usage=None if usage is None else Usage(**usage.model_dump()),
        cost_usd=recording.cost_usd,
        served_model=recording.served_model or recording.model,
        request_id=recording.request_id,
        latency_s=recording.latency_s,
    )


def parse(request: Request, body: bytes) -> Completion:
    """The completion that `body`, a row made by `row_of` or by a replay, stands for."""
    del request
    return replace(completion_of(Recording.model_validate(json.loads(body))), raw=body)


def row_of(completion: Completion) -> bytes:
    """The completion as the bytes of a row, without what was measured around the call."""
    fields: dict[str, Any] = {
        "status": completion.status,
        "stop_reason": completion.stop_reason,
        "usage": None if completion.usage is None else asdict(completion.usage),
        "cost_usd": None if completion.cost_usd is None else str(completion.cost_usd),
        "served_model": completion.served_model,
    }
    known = {name: value for name, value in fields.items() if value is not None}
    return canonical_json({"output": completion.text, **known}).encode("ascii")


def estimated_usage(request: Request, text: str | None) -> Usage:
    """Tokens guessed from the bytes of the rendered prompt and of the answer, marked as such."""
    prompt = request.prompt
    turns = [] if prompt is None else [prompt.system, *(turn.content for turn in prompt.messages)]
    return Usage(
        input_tokens=sum(_tokens(turn) for turn in turns),
        output_tokens=_tokens(text),
        estimated=True,
    )


def _stop_word(stop_reason: str | None) -> str | None:
    return None if stop_reason is None else _STOP_REASONS.get(stop_reason, stop_reason)


def _tokens(content: Json) -> int:
    if content is None:
        return 0
    text = content if isinstance(content, str) else canonical_json(content)
    return -int(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
