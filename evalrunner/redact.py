"""The one redactor that stands before every sink: files, logs, terminal, pages.

It replaces the values of secret-looking environment variables, as they are and as JSON, Python and
URLs write them, and whatever looks like an API key. It does not see a secret that was encoded in
another way (base64, a hash), cut in two, or put into a variable with a harmless name.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_KEY_SHAPE = re.compile(r"\b(?:sk|rk|pk)-[A-Za-z0-9_-]{16,}|\bBearer\s+[A-Za-z0-9._~+/-]{8,}=*")
_KEY_TAIL = re.compile(r"k-[A-Za-z0-9_-]{16}")
"""In every `_KEY_SHAPE` but that of a bearer, and found many times faster."""
_SHORTEST_SECRET = 8


class Redactor:
    """Replaces secrets in text.

    Args:
        environ: Where secrets are found by the names of their variables; default `os.environ`.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environ is None else environ
        values = {
            form
            for name, value in variables.items()
            if _SECRET_NAME.search(name) and len(value.strip()) >= _SHORTEST_SECRET
            for part in (value, value.strip())
            for form in _forms(part)
        }
        # Longest first: a secret that contains another is replaced whole.
        self._values = sorted(values, key=len, reverse=True)

    def text(self, text: str) -> str:
        """`text` without any known secret."""
        for value in self._values:
            if value in text:
                text = text.replace(value, REDACTED)
        return _KEY_SHAPE.sub(REDACTED, text)

    def may_hold_secret(self, text: str) -> bool:
        """Whether `text`, or what it is the JSON of, may have to be changed; a quick look."""
        looks_like_key = "Bearer" in text or _KEY_TAIL.search(text) is not None
        return looks_like_key or self.holds_secret(text)

    def holds_secret(self, text: str) -> bool:
        """Whether `text` contains the value of a secret variable."""
        return any(value in text for value in self._values)


def _forms(value: str) -> Iterator[str]:
    """How a secret may stand in text."""
    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    # What the environment holds need not be text.
    for encode in (quote, quote_plus):
        yield encode(value, safe="", errors="surrogateescape")
