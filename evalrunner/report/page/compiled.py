"""Compiled templates, kept as Python keeps compiled modules: beside their source, in `__pycache__`.

To compile those of a page takes longer than to fill them in.
"""

from __future__ import annotations

import hashlib
import marshal
import secrets
import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, BytecodeCache

_DIGEST = hashlib.sha256().digest_size


class CompiledTemplates(BytecodeCache):
    """What Jinja2 asks for a template's code; without a place to write there is none.

    Args:
        made_by: What else than its source the code of a template depends on.
    """

    def __init__(self, made_by: str) -> None:
        self._made_by = f"{jinja2.__version__} {sys.implementation.cache_tag} {made_by}\n"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The path of the file that holds the code."""
        return cache_from_source(filename or name)

    def get_source_checksum(self, source: str) -> str:
        """Of everything that the code is made from."""
        return hashlib.sha256((self._made_by + source).encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket its code, if there is any of this very source."""
        with suppress(OSError, EOFError, TypeError, ValueError):
            data = Path(bucket.key).read_bytes()
            if data[:_DIGEST].hex() == bucket.checksum:
                bucket.code = marshal.loads(data[_DIGEST:])  # noqa: S302 - as modules are loaded

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the bucket's code, where Python would keep a module's."""
        path = Path(bucket.key)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        if sys.dont_write_bytecode or bucket.code is None:
            return
        with suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            temporary.write_bytes(bytes.fromhex(bucket.checksum) + marshal.dumps(bucket.code))
            temporary.replace(path)
