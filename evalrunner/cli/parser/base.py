"""What commands have in common: options, and how one is added."""

from __future__ import annotations

import argparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    # `typing` alone doubles the start-up time.
    from typing import Any, NoReturn, TypeAlias

    Commands: TypeAlias = Any
    """What `add_subparsers` returns; argparse has no public name for it."""
else:
    Commands = object


class Parser(argparse.ArgumentParser):
    """Says which word was meant, where argparse says that a word is none of those it knows."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and exit with 2."""
        import difflib
        import re

        # As argparse says it; before Python 3.12 with quotes around the choices.
        found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)$", message)
        known = re.findall(r"[\w-]+", found[2]) if found else []
        near = difflib.get_close_matches(found[1], known, n=1) if found else []
        super().error(f"{message}; did you mean {near[0]}?" if near else message)


def add_command(commands: Commands, name: str, text: str) -> argparse.ArgumentParser:
    """A command that the module of the same name does."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common(parser)
    parser.set_defaults(module=name)
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """What every command has."""
    parser.add_argument("--project", default=".", metavar="DIR", help="directory with conf/ (.)")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")


def add_gate(parser: argparse.ArgumentParser) -> None:
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


def add_spending(parser: argparse.ArgumentParser) -> None:
    """What every command has that may send requests."""
    parser.add_argument("--trust-host", action="append", default=[], metavar="HOST")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--yes", action="store_true", help="spend without asking")
