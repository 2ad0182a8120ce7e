"""JSON values, and their canonical text: equal values give equal bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""Whatever `json.loads` can return."""

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical_json(value: Json) -> str:
    """Compact ASCII JSON with sorted keys: equal values give equal text. NaN raises ValueError."""
    return _encode(value)


def sha256_of(value: Json) -> str:
    """Hex SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()
