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
import sys
from collections.abc import Sequence
from importlib import import_module

from evalrunner import __version__

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

TYPE_CHECKING = False
if TYPE_CHECKING:
    # `typing` alone doubles the start-up time.
    from typing import Any, TypeAlias

    Commands: TypeAlias = Any
    """What `add_subparsers` returns; argparse has no public name for it."""

_RUN_HELP = """examples:
  evalrunner run experiment=quickstart
  evalrunner run dataset=tickets model=claude_haiku_5_5,gpt_6_luna prompt=plain,stepwise
  evalrunner plan experiment=support_models run.repeats=3
groups: dataset model prompt scorer judge pricing sweep experiment executor; every key can be set
as group.key=value, a comma makes a sweep. `evalrunner run --info defaults` shows what is chosen."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _spare_the_processor()
    parser = _parser()
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


def _call(arguments: argparse.Namespace) -> int:
    """The command's exit code; every expected error becomes its message and code."""
    from evalrunner.errors import EvalRunnerError

    module = import_module(f"evalrunner.cli.{arguments.module}")
    try:
        code = int(module.main(arguments))
        sys.stdout.flush()
    except EvalRunnerError as error:
        if arguments.debug:
            raise
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what was recorded is kept: `run --resume RUN` goes on\n")
        return EXIT_INTERRUPTED
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


def _complain(error: Exception, *, defect: bool = False) -> None:
    from evalrunner.formatting import safe_text
    from evalrunner.redact import Redactor

    text = Redactor().text(str(error))
    shown = "\n".join(safe_text(line) for line in text.split("\n"))
    if defect:
        shown = f"a defect of evalrunner: {type(error).__name__}: {shown}\n"
        shown += "    run the command again with --debug and report what it prints"
    problems = getattr(error, "problems", ())
    head = f"{len(problems)} problems, nothing was spent:\n" if len(problems) > 1 else "error: "
    sys.stderr.write(f"{head}{shown}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evalrunner",
        description="Choose a model and a prompt for production by your own test set.",
    )
    parser.add_argument("--version", action="version", version=f"evalrunner {__version__}")
    parser.set_defaults(command=None, debug=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands, "run", "plan and execute a grid")
    _add_run(commands, "plan", "show the grid, its calls and its cost; no network without --online")
    report = _add(commands, "report", "rebuild everything derived from a run directory, offline")
    report.add_argument("run", metavar="RUN")
    report.add_argument("--pricing", metavar="NAME", help="price the run by conf/pricing/NAME.yaml")
    report.add_argument("--json", action="store_true", help="print summary.json")
    _add_gate(report)
    compare = _add(commands, "compare", "two runs, or two cells, on the cases that both have")
    compare.add_argument("reference", metavar="RUN[:CELL]", help="what the other is held to")
    compare.add_argument("candidate", metavar="RUN[:CELL]", help="a cell by its id or label")
    compare.add_argument(
        "--margin", type=float, metavar="X", help="loss that does not matter (the run's: 0.02)"
    )
    compare.add_argument("--json", action="store_true", help="print JSON")
    compare.add_argument(
        "--gate", action="store_true", help="exit 1 if the second is worse, 3 if it cannot be told"
    )
    rescore = _add(commands, "rescore", "other scorers or judges over a run's recorded answers")
    rescore.set_defaults(project=None)
    rescore.add_argument("run", metavar="RUN")
    rescore.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="judge=NAME, scorer=NAME")
    rescore.add_argument("--dry-run", action="store_true", help="plan only")
    rescore.add_argument("--online", action="store_true", help=argparse.SUPPRESS)
    _add_spending(rescore)
    imported = _add(commands, "import", "other people's results as points: kind leaderboard")
    imported.set_defaults(module="imports")
    imported.add_argument("kind", choices=("leaderboard",))
    imported.add_argument("file", metavar="FILE", help=".csv or .yaml, a row a model")
    imported.add_argument("--into", required=True, metavar="DIR", help="a new run directory")
    imported.add_argument("--model", metavar="COLUMN")
    imported.add_argument("--score", metavar="COLUMN", help="shares or percentages")
    cost = "USD for the row's n cases (without n: per 1,000 requests); 0 or empty = unknown"
    imported.add_argument("--cost", metavar="COLUMN", help=cost)
    imported.add_argument("--n", metavar="COLUMN", help="number of cases: a column, or a number")
    view = _add(commands, "view", "an index over all runs, or one run's report, opened from disk")
    where = "a run directory, or one with runs below it (outputs/ of the project)"
    view.add_argument("path", nargs="?", metavar="RUN|DIR", help=where)
    view.add_argument("--json", action="store_true", help="print JSON")
    view.add_argument(
        "--no-open", dest="open", action="store_false", help="write the page, start no browser"
    )
    init = _add(commands, "init", "write a small project that runs offline")
    init.add_argument("directory", metavar="DIR")
    doctor = _add(commands, "doctor", "check keys, configuration, cache and disk; no network")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    trust = _add(commands, "trust", "let a key be sent to a further host")
    trust.add_argument("host", metavar="HOST")
    trust.add_argument("key_name", metavar="KEY_NAME")
    return parser


def _add(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--project", default=".", metavar="DIR", help="directory with conf/ (.)")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(module=name)
    return parser


def _add_run(commands: Commands, name: str, text: str) -> None:
    parser = _add(commands, name, text)
    parser.epilog = _RUN_HELP
    parser.set_defaults(module="run", dry_run=name == "plan")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="group=name, key=value")
    parser.add_argument("-m", "--multirun", action="store_true", help="accepted, not needed")
    parser.add_argument("--config-name", default=None, metavar="NAME", help="in place of config")
    parser.add_argument("--cfg", choices=("job", "hydra", "all"), help="print the configuration")
    parser.add_argument("--package", metavar="KEY", help="with --cfg: this part only")
    parser.add_argument("--resolve", action="store_true", help="with --cfg: interpolations too")
    parser.add_argument("--info", nargs="?", const="all", metavar="WHAT", help="how it is composed")
    parser.add_argument(
        "--online", action="store_true", help="of a plan: ask the providers about its models"
    )
    _add_spending(parser)
    if name == "run":
        parser.add_argument("--dry-run", action="store_true", help="plan only")
        parser.add_argument("--resume", metavar="RUN", help="do what a run directory still owes")
        _add_gate(parser)


def _add_gate(parser: argparse.ArgumentParser) -> None:
    """What every command has that ends with a summary."""
    parser.add_argument(
        "--gate", action="store_true", help="exit 1 if decide.* is missed, 3 if it cannot be told"
    )
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="flag:CODE",
        help="exit 1 if this flag is raised",
    )


def _add_spending(parser: argparse.ArgumentParser) -> None:
    """What every command has that may send requests."""
    parser.add_argument("--trust-host", action="append", default=[], metavar="HOST")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--yes", action="store_true", help="spend without asking")
