"""Turns what Hydra and OmegaConf say into Problems: what, where, why, and what to type next."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from evalrunner.errors import Problem

BREAKS = (HydraException, OmegaConfBaseException, UserWarning, ValueError)
"""What Hydra raises over a user's mistake: its own errors, and plain ones from its depths."""
_SHOWN_OPTIONS = 40
_INSIDE = re.compile(r"In '?([\w/.-]+)'?: (.*)")
_HINTS = ("To append", "Did you mean", "Either remove", "Or add a second", "Overrides must be")


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option that `name` was probably meant to be."""
    options = list(options)
    if name == "null" and "none" in options:
        return "none"
    matches = difflib.get_close_matches(name, options, n=1, cutoff=0.5)
    return matches[0] if matches else None


def group_problem(group: str, name: str | None, options: Sequence[str], *, where: str) -> Problem:
    """There is no such file in a group, or (`name` None) a pattern matches none."""
    what = "matches nothing" if name is None else f"there is no {group} {name!r}"
    near = nearest(name, options) if name else None
    hint = f"there are: {listed(options)}"
    if "/" in group:
        hint = f"a group of conf/ is written with a slash: /{group.rpartition('/')[2]}: {name}"
    return Problem(where=where, what=what, hint=f"{group}={near}? {hint}" if near else hint)


def missing_group_problem(
    group: str, options: Sequence[str], experiments: Sequence[str]
) -> Problem:
    """A group that has no default, and nobody chose."""
    hint = f"type {group}=NAME; there are: {listed(options)}"
    chosen = [name for name in experiments if name != "none"]
    if chosen:
        hint += f"\n    or choose an experiment with experiment=NAME: {listed(chosen)}"
    return Problem(where=group, what=f"no {group} is chosen", hint=hint)


def parse_problem(
    text: str,
    shown: str,
    error: Exception,
    options: Callable[[str], list[str]],
) -> Problem:
    """An override that is not in Hydra's grammar."""
    key, equals, value = text.partition("=")
    if not equals and not text.startswith("~"):
        names = [group for group in ("experiment", "sweep", "model") if text in options(group)]
        hint = f"{names[0]}={text}?" if names else "for example model=gpt_6_luna run.repeats=3"
        return Problem(where=shown or "''", what="is no KEY=VALUE", hint=hint)
    lines = [line for line in str(error).splitlines() if not line.startswith("Error parsing")]
    what = lines[0] if lines else type(error).__name__
    what = re.sub(r"^LexerNoViableAltException: .*", "holds a character that needs quotes", what)
    escaped = value.strip("'\"").replace("\\", "\\\\").replace('"', '\\"')
    return Problem(where=shown, what=what, hint=f"quote the value: '{key}=\"{escaped}\"'")


def hydra_problem(error: BaseException, *, where: str) -> Problem:
    """Any other complaint of Hydra or OmegaConf, in one line."""
    cause = error.__cause__ if str(error) in {"", "None"} and error.__cause__ else error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    what = lines[0] if lines else type(cause).__name__
    hint = next((line for line in lines[1:] if line.startswith(_HINTS)), "")
    if inside := _INSIDE.match(what):
        where, what = f"conf/{inside[1]}.yaml", inside[2]
    missing, options = getattr(error, "missing_cfg_file", None), getattr(error, "options", None)
    if missing and options is not None:
        group, _, name = str(missing).rpartition("/")
        return group_problem(group, name, options, where=where)
    if "`_self_`" in what:
        what = what.partition(" See ")[0]
        hint = "write `- _self_` into its defaults list, before `- experiment: none`"
    return Problem(where=where, what=what, hint=hint)


def counted(problems: Sequence[Sequence[Problem]]) -> Iterator[Problem]:
    """All cells' problems, each once, with the number of cells that have it."""
    cells = Counter(problem for found in problems for problem in dict.fromkeys(found))
    for problem, count in cells.items():
        share = f" (in {count} of {len(problems)} cells)" if len(problems) > 1 else ""
        yield replace(problem, what=f"{problem.what}{share}")


def listed(options: Sequence[str]) -> str:
    """Names for a message, cut when there are very many."""
    shown = ", ".join(options[:_SHOWN_OPTIONS])
    more = len(options) - _SHOWN_OPTIONS
    return f"{shown}, and {more} more" if more > 0 else shown or "none"
