"""The nouns of the flow: plain frozen values that every layer passes on.

`None` means *unknown*, never 0. Money is `Decimal`, time is seconds as float.
"""

from evalrunner.types.answers import (
    Completion,
    Criterion,
    Estimate,
    JudgeCall,
    Judgement,
    Score,
    Status,
    Usage,
)
from evalrunner.types.json import Json, canonical_json, sha256_of
from evalrunner.types.recording import Answer, Batch, Recorder
from evalrunner.types.requests import (
    KEY_SCHEMA,
    NEUTRAL_FIELDS,
    Case,
    Message,
    Prompt,
    Request,
    without_neutral,
)

__all__ = [
    "KEY_SCHEMA",
    "NEUTRAL_FIELDS",
    "Answer",
    "Batch",
    "Case",
    "Completion",
    "Criterion",
    "Estimate",
    "Json",
    "JudgeCall",
    "Judgement",
    "Message",
    "Prompt",
    "Recorder",
    "Request",
    "Score",
    "Status",
    "Usage",
    "canonical_json",
    "sha256_of",
    "without_neutral",
]
