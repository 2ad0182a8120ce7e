"""Reads answer bodies with suspicion: a status of 200 promises nothing about what is inside.

The SDKs' response models are not used: they build a message out of `null`, `[]` and a proxy's
login page without complaint.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.redact import Redactor
from evalrunner.types import Json

_SHOWN_BYTES = 200
_LONGEST_WORD = 60
_LOG = logging.getLogger(__name__)


class UnusableError(ValueError):
    """An answer without the parts that every answer has; `bad_body` makes the error of it."""


def read_object(body: bytes, *, redactor: Redactor | None = None) -> dict[str, Json]:
    """The JSON object in `body`. Raises ProviderError BAD_BODY for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_body("no JSON", body, redactor=redactor) from None
    if not isinstance(value, dict) or not value:
        raise bad_body("no JSON object with content", body, redactor=redactor)
    return value


def bad_body(what: str, body: bytes, *, redactor: Redactor | None = None) -> ProviderError:
    """The error for an answer that is none; it shows the first 200 bytes, redacted."""
    redact = redactor or Redactor()
    # Redacted before it is cut: half a key would not be recognised.
    text = redact.text(body[: 20 * _SHOWN_BYTES].decode("utf-8", "replace"))
    start = text.encode()[:_SHOWN_BYTES].decode("utf-8", "ignore")
    shown = f"it starts {start!r}" if body else "it is empty"
    return ProviderError(
        f"the body of a successful answer is not usable ({what}); {shown}",
        kind=FailureKind.BAD_BODY,
        possibly_billed=True,
        body=body,
    )


def objects(value: Json) -> list[dict[str, Json]]:
    """The objects in a list; empty for anything that is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: Json) -> Mapping[str, Json]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_or_none(value: Json) -> str | None:
    """`value` if it is text."""
    return value if isinstance(value, str) else None


def joined(texts: list[str]) -> str | None:
    """Parts of one answer as one text; None for no parts, which is not the same as empty."""
    return "".join(texts) if texts else None


def other(raw: Any) -> str:
    """How a stop reason that nobody here knows is kept."""
    return f"other:{str(raw)[:_LONGEST_WORD]}"


def tokens(usage: Mapping[str, Json], name: str, default: int | None = None) -> int:
    """A count of tokens; `default` where it is absent or null.

    Raises ValueError for what is no count (NaN, negative, text), and for a missing one without
    default: half a usage would price an answer too low.
    """
    value = usage.get(name)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(name)
    return value


@lru_cache(maxsize=64)
def note_unknown_block(kind: str) -> None:
    """Log once per kind that a part of an answer was left out of its text."""
    _LOG.warning("a part of type %r in an answer is unknown: kept in the raw body only", kind)
