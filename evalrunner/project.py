"""Where the files that a configuration names are looked up: the project, then the package.

Nothing outside these two trees can be named by a YAML file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evalrunner.errors import ConfigError, Problem

_PACKAGE = Path(__file__).parent
_SHARED = ("conf", "datasets", "prompts")
_TYPED = ("dataset.path", "prompt.system", "prompt.user")
"""Keys that may hold an absolute path when it was typed on the command line."""


def packaged(name: str) -> Path:
    """Directory `conf`, `prompts` or `datasets` as shipped: in the wheel, or the checkout."""
    share = _PACKAGE / "share" / name
    return share if share.is_dir() else _PACKAGE.parent / name


@dataclass(frozen=True, slots=True)
class Project:
    """A directory with the user's own `conf/`, `prompts/`, `datasets/` and Python files."""

    root: Path

    @property
    def conf(self) -> Path | None:
        """The user's `conf/`, or None when the packaged one alone is used."""
        conf = self.root / "conf"
        return conf if conf.is_dir() else None

    def find(self, name: str, *, where: str, allow_absolute: bool = False) -> Path:
        """Existing file `name`, relative to the project or else to the package.

        `where` is the config key for the error. Raises ConfigError when the file is missing,
        leaves both trees (also through a link), is hidden, or is absolute without `allow_absolute`.
        """
        path = Path(name)
        if path.is_absolute():
            return self._absolute(path, where=where, allowed=allow_absolute)
        if any(part.startswith(".") and part != ".." for part in path.parts):
            # `.env`, `.git/config`: what is hidden is the user's own, no data and no template.
            what = f"{name!r} is hidden: no file or directory that begins with a dot may be named"
            raise ConfigError(Problem(where=where, what=what, hint="copy it to another name"))
        for root, tree in ((self.root, self.root), *_shipped(path)):
            found = _existing(root / path)
            if found is not None:
                if not found.is_relative_to(tree.resolve()):
                    what = f"{name!r} leads out of {tree}: refused"
                    raise ConfigError(Problem(where=where, what=what))
                return found
        raise ConfigError(
            Problem(
                where=where,
                what=f"no file {name!r} in {self.root} or in the installed package",
                hint="give the path relative to the project directory, or change --project",
            )
        )

    def _absolute(self, path: Path, *, where: str, allowed: bool) -> Path:
        if not allowed:
            what = f"{str(path)!r} is absolute: a YAML file may only name files of the project"
            typed = f"give it on the command line ({where}={path}), or " if where in _TYPED else ""
            hint = f"{typed}copy it into the project"
            raise ConfigError(Problem(where=where, what=what, hint=hint))
        if _existing(path) is None:
            raise ConfigError(Problem(where=where, what=f"no file {str(path)!r}"))
        return path


def _shipped(path: Path) -> Iterator[tuple[Path, Path]]:
    """Where the package may have it, and the directory that it must be in."""
    if path.parts and path.parts[0] in _SHARED:
        tree = packaged(path.parts[0])
        yield tree.parent, tree


def _existing(path: Path) -> Path | None:
    """The file that a path leads to, links followed; None for no file, or no path at all."""
    try:
        found = path.resolve()
        return found if found.is_file() else None
    except (OSError, ValueError, RuntimeError):
        # Too long a name, a NUL in it, links that lead in a circle.
        return None
