"""The command line: data on stdout, progress and logs on stderr, exit codes that mean something.

0 done · 1 gate failed · 2 configuration, data or usage (nothing was spent) · 3 too many missing
trials, or a gate that cannot be told · 4 stopped by budget, quota or key (resumable) · 5 cannot
write · 130 interrupted.

This module imports nothing heavy: each command's module is imported when it is called.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from evalrunner.cli.parser import make_parser

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
_UNDONE = {"human": "recorded", "calibrate": "recorded"}
"""What a command did not do that found problems; all others might have spent money."""

_RECORDING = (["run"], ["rescore"], ["human"], ["calibrate"])
"""Commands that keep what they have when they are interrupted; and `production trend`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except KeyboardInterrupt:
        records = words[:1] in _RECORDING or words[:2] == ["production", "trend"]
        kept = "; what was recorded is kept" if records else ""
        again = ", type the command again"
        again = ": `run --resume RUN` goes on" if words[:1] == ["run"] else again
        sys.stderr.write(f"\ninterrupted{kept}{again}\n")
        return EXIT_INTERRUPTED


def _run(words: list[str]) -> int:
    _spare_the_processor()
    parser = make_parser()
    arguments = parser.parse_args(_overrides_last(words))
    if arguments.command is None:
        parser.print_help()
        return EXIT_USAGE
    arguments.argv = ["evalrunner", *words]
    return _call(arguments)


def _spare_the_processor() -> None:
    """Settings of the interpreter for a program that mostly waits."""
    # numpy would start a thread a processor for linear algebra, and they spin: a tenth of a second
    # of processor time a start, for products of matrices that hardly anything here computes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Imports and trials make many objects and few cycles: the collector took an eighth of a run.
    gc.set_threshold(50_000, 20, 100)


def _overrides_last(words: list[str]) -> list[str]:
    """Options before overrides: argparse cannot take `a=1 --yes b=2` in a subcommand."""
    if words[:2] == ["production", "trend"]:
        return _measures_last(words)
    overrides = [word for word in words[1:] if "=" in word and not word.startswith("-")]
    if not overrides or words[0] not in {"run", "plan", "rescore"}:
        return words
    options = [word for word in words[1:] if word not in overrides]
    if words[0] == "rescore":
        # The run comes with the overrides: argparse takes all that has no dash in one go.
        named = [
            word
            for before, word in itertools.pairwise(words)
            if word in options and word[0] != "-" and before not in {"--project", "--trust-host"}
        ]
        overrides = [*named, *overrides]
        options = [word for word in options if word not in named]
    return [words[0], *options, "--", *overrides]


def _measures_last(words: list[str]) -> list[str]:
    """How to score, wherever it was typed; a log may be called `day=1.jsonl`."""
    groups = {"experiment", "judge", "pricing", "run", "scorer"}
    measures = [
        word for word in words if "=" in word and re.split(r"\W", word.lstrip("+~"))[0] in groups
    ]
    others = [word for word in words if word not in measures and word != "--overrides"]
    return [*others, "--overrides", *measures] if measures else others


def _call(arguments: argparse.Namespace) -> int:
    """The command's exit code; every expected error becomes its message and code."""
    from evalrunner.errors import EvalRunnerError

    module = _imported(f"evalrunner.cli.{arguments.module}")
    try:
        code = int(module.main(arguments))
        sys.stdout.flush()
    except EvalRunnerError as error:
        if arguments.debug:
            raise
        _complain(error, undone=_UNDONE.get(arguments.command, "spent"))
        return error.exit_code
    except BrokenPipeError:
        # Whoever read our output went away; the run directory has everything.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if arguments.debug:
            raise
        _complain(error, defect=True)
        return EXIT_USAGE
    return code


def _imported(name: str) -> ModuleType:
    """The module; nothing that importing makes is garbage, and none of it is looked at again."""
    gc.disable()
    module = import_module(name)
    gc.freeze()
    gc.enable()
    return module


def _complain(error: Exception, *, undone: str = "spent", defect: bool = False) -> None:
    from evalrunner.formatting import safe_text
    from evalrunner.redact import Redactor

    text = Redactor().text(str(error))
    shown = "\n".join(safe_text(line) for line in text.split("\n"))
    if defect:
        shown = f"a defect of evalrunner: {type(error).__name__}: {shown}\n"
        shown += "    run the command again with --debug and report what it prints"
    n = getattr(error, "n_problems", 1)
    head = f"{n:,} problems, nothing was {undone}:\n" if n > 1 else "error: "
    sys.stderr.write(f"{head}{shown}\n")
