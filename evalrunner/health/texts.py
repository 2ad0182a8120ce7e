"""The text of a case, and the form in which two texts count as equal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from evalrunner.types import Json


def text_of(value: Json) -> str:
    """All text in a value: that of its parts, one a line, in their order."""
    return value if isinstance(value, str) else "\n".join(_texts(value))


def normalised(text: str) -> str:
    """Equal for texts that differ only in case, white space and Unicode's compatible forms."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def shown_value(value: Json) -> str | None:
    """A field's value as a name; None for no value, and for a list or an object."""
    if value is None or value == "" or isinstance(value, list | dict):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        # The role of a message is not what it says.
        yield from (part for key, item in value.items() if key != "role" for part in _texts(item))
    elif isinstance(value, list):
        yield from (part for item in value for part in _texts(item))
    elif value is not None:
        yield shown_value(value) or ""
