"""Where a build server shows what its steps say: the file named by `GITHUB_STEP_SUMMARY`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalrunner.formatting import safe_text

_VARIABLE = "GITHUB_STEP_SUMMARY"
_LARGEST = 1_000_000
"""Bytes of the whole file: above 1,024 kB the server drops all of it."""


def append_step_summary(
    directory: Path, names: Sequence[str], *, environ: Mapping[str, str] | None = None
) -> None:
    """Append files of a run directory where a build server asks for it; problems only warn."""
    target = (os.environ if environ is None else environ).get(_VARIABLE)
    if not target:
        return
    try:
        _append(Path(target), [directory / name for name in names])
    except OSError as error:
        _warn(f"cannot write to {_VARIABLE}: {error}")


def _append(target: Path, paths: Sequence[Path]) -> None:
    room = _LARGEST - (target.stat().st_size if target.exists() else 0)
    with target.open("ab") as file:
        for path in paths:
            text = b"\n" + path.read_bytes()
            if len(text) > room:
                _warn(f"{path} has no room in {_VARIABLE}, which may hold {_LARGEST:,} bytes")
                continue
            file.write(text)
            room -= len(text)


def _warn(text: str) -> None:
    sys.stderr.write(f"warning: {safe_text(text)}\n")
