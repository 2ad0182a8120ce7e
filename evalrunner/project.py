"""Where the files that a configuration names are looked up: the project, then the package.

Nothing outside these two trees can be named by a YAML file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evalrunner.errors import ConfigError, Problem

_PACKAGE = Path(__file__).parent


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
        leaves both trees (also through a link), or is absolute without `allow_absolute`.
        """
        path = Path(name)
        if path.is_absolute():
            return self._absolute(path, where=where, allowed=allow_absolute)
        for root in (self.root, packaged("conf").parent):
            found = (root / path).resolve()
            if found.is_file():
                if not found.is_relative_to(root.resolve()):
                    raise ConfigError(
                        Problem(where=where, what=f"{name!r} leads out of {root}: refused")
                    )
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
            hint = f"give it on the command line ({where}={path}), or copy it into the project"
            raise ConfigError(Problem(where=where, what=what, hint=hint))
        if not path.is_file():
            raise ConfigError(Problem(where=where, what=f"no file {str(path)!r}"))
        return path
