"""`evalrunner init DIR`: a small working project that runs offline, to be changed file by file."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from evalrunner.errors import ConfigError, Problem, StoreError

_TEMPLATE = Path(__file__).parent / "template"
_RENAMED = {"gitignore": ".gitignore"}
"""A file of this name inside the package would be obeyed by git."""
_SHOWN = 5


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    directory = Path(arguments.directory)
    _refuse_occupied(directory)
    for path in _write(directory):
        sys.stdout.write(f"  {directory / path}\n")
    sys.stdout.write(
        "\nnext:\n"
        f"  cd {shlex.quote(str(directory))}\n"
        "  evalrunner run experiment=first     # no key needed\n"
        "then make it yours: README.md says which file is what\n"
    )
    return 0


def _refuse_occupied(directory: Path) -> None:
    """Nothing of the user's is ever overwritten. Raises ConfigError, StoreError."""
    try:
        if not directory.is_dir():
            if directory.exists() or directory.is_symlink():
                raise ConfigError(_problem(directory, "is no directory"))
            return
        names = sorted(path.name for path in directory.iterdir())
    except OSError as error:
        raise StoreError(f"cannot read {directory}: {error.strerror}") from error
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        listed = ", ".join(repr(name) for name in names[:_SHOWN])
        raise ConfigError(_problem(directory, f"is not empty: it has {listed}{more}"))


def _problem(directory: Path, what: str) -> Problem:
    return Problem(where=str(directory), what=what, hint="name a directory that is new or empty")


def _write(directory: Path) -> list[Path]:
    """Copy the template; returns the files, relative to `directory`. Raises StoreError."""
    written = []
    try:
        for source in sorted(path for path in _TEMPLATE.rglob("*") if _belongs(path)):
            path = source.relative_to(_TEMPLATE)
            path = path.with_name(_RENAMED.get(path.name, path.name))
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(source.read_bytes())
            written.append(path)
    except OSError as error:
        raise StoreError(f"cannot write {error.filename}: {error.strerror}") from error
    return written


def _belongs(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts
