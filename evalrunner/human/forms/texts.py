"""How the forms of other programs write what a task says."""

from __future__ import annotations

import json
from collections.abc import Sequence

from evalrunner.types import Json


def plain(text: str) -> str:
    """Text that UTF-8 and every program can hold: NUL and lone surrogates are replaced."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def input_text(value: Json) -> str:
    """A case's input as people read it: text as it is, anything else as indented JSON."""
    if isinstance(value, str):
        return plain(value)
    return plain(json.dumps(value, ensure_ascii=False, indent=2))


def criteria_text(criteria: Sequence[str]) -> str:
    """Criteria, one a line and numbered."""
    return plain("\n".join(f"{place}. {text}" for place, text in enumerate(criteria, start=1)))
