"""The words of the command line: every command with its options.

Imports nothing heavy: the parser is made before it is known which command is meant.
"""

from __future__ import annotations

import argparse

from evalrunner import __version__
from evalrunner.cli.parser.base import Commands, Parser, add_command, add_gate, add_spending
from evalrunner.cli.parser.people import add_calibrate, add_human
from evalrunner.cli.parser.production import add_dataset, add_production

_RUN_HELP = """examples:
  evalrunner run experiment=quickstart
  evalrunner run dataset=tickets model=claude_haiku_5_5,gpt_6_luna prompt=plain,stepwise
  evalrunner plan experiment=support_models run.repeats=3
groups: dataset model prompt scorer judge pricing sweep experiment executor; every key can be set
as group.key=value, a comma makes a sweep. `evalrunner run --info defaults` shows what is chosen."""


def make_parser() -> argparse.ArgumentParser:
    """The parser; `arguments.module` names the module of `evalrunner.cli` that does the work."""
    parser = Parser(
        prog="evalrunner",
        description="Choose a model and a prompt for production by your own test set.",
    )
    parser.add_argument("--version", action="version", version=f"evalrunner {__version__}")
    parser.set_defaults(command=None, debug=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_run(commands, "run", "plan and execute a grid")
    _add_run(commands, "plan", "show the grid, its calls and its cost; no network without --online")
    _add_report(commands)
    _add_compare(commands)
    _add_rescore(commands)
    add_calibrate(commands)
    add_human(commands)
    add_dataset(commands)
    add_production(commands)
    _add_import(commands)
    _add_view(commands)
    _add_setting_up(commands)
    return parser


def _add_run(commands: Commands, name: str, text: str) -> None:
    parser = add_command(commands, name, text)
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
    add_spending(parser)
    if name == "run":
        parser.add_argument("--dry-run", action="store_true", help="plan only")
        parser.add_argument("--resume", metavar="RUN", help="do what a run directory still owes")
        add_gate(parser)


def _add_report(commands: Commands) -> None:
    text = "rebuild everything derived from a run directory, offline"
    parser = add_command(commands, "report", text)
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--pricing", metavar="NAME", help="price the run by conf/pricing/NAME.yaml")
    parser.add_argument("--json", action="store_true", help="print summary.json")
    add_gate(parser)


def _add_compare(commands: Commands) -> None:
    text = "two runs, or two cells, on the cases that both have"
    parser = add_command(commands, "compare", text)
    parser.add_argument("reference", metavar="RUN[:CELL]", help="what the other is held to")
    parser.add_argument("candidate", metavar="RUN[:CELL]", help="a cell by its id or label")
    parser.add_argument(
        "--margin", type=float, metavar="X", help="loss that does not matter (the run's: 0.02)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--gate", action="store_true", help="exit 1 if the second is worse, 3 if it cannot be told"
    )


def _add_rescore(commands: Commands) -> None:
    text = "other scorers or judges over a run's recorded answers"
    parser = add_command(commands, "rescore", text)
    parser.set_defaults(project=None)
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="judge=NAME, scorer=NAME")
    parser.add_argument("--dry-run", action="store_true", help="plan only")
    parser.add_argument("--online", action="store_true", help=argparse.SUPPRESS)
    add_spending(parser)


def _add_import(commands: Commands) -> None:
    text = "other people's results as points: kind leaderboard"
    parser = add_command(commands, "import", text)
    parser.set_defaults(module="imports")
    parser.add_argument("kind", choices=("leaderboard",))
    parser.add_argument("file", metavar="FILE", help=".csv or .yaml, a row a model")
    parser.add_argument("--into", required=True, metavar="DIR", help="a new run directory")
    parser.add_argument("--model", metavar="COLUMN")
    parser.add_argument("--score", metavar="COLUMN", help="shares or percentages")
    cost = "USD for the row's n cases (without n: per 1,000 requests); 0 or empty = unknown"
    parser.add_argument("--cost", metavar="COLUMN", help=cost)
    parser.add_argument("--n", metavar="COLUMN", help="number of cases: a column, or a number")


def _add_view(commands: Commands) -> None:
    text = "an index over all runs, or one run's report, opened from disk"
    parser = add_command(commands, "view", text)
    where = "a run directory, or one with runs below it (outputs/ of the project)"
    parser.add_argument("path", nargs="?", metavar="RUN|DIR", help=where)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--no-open", dest="open", action="store_false", help="write the page, start no browser"
    )


def _add_setting_up(commands: Commands) -> None:
    init = add_command(commands, "init", "write a small project that runs offline")
    init.add_argument("directory", metavar="DIR")
    text = "check keys, configuration, cache and disk; no network"
    doctor = add_command(commands, "doctor", text)
    doctor.add_argument("--json", action="store_true", help="print JSON")
    trust = add_command(commands, "trust", "let a key be sent to a further host")
    trust.add_argument("host", metavar="HOST")
    trust.add_argument("key_name", metavar="KEY_NAME")
