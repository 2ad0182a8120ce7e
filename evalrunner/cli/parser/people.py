"""The commands about people: human evaluation, and judges calibrated against it."""

from __future__ import annotations

import argparse

from evalrunner.cli.parser.base import Commands, add_command, add_common

_HUMAN_HELP = """example:
  evalrunner human export RUN --raters ann,bob     choose cases and make the tasks
  evalrunner human serve RUN                       rate them in the browser
  evalrunner human report RUN                      what the votes say
  evalrunner calibrate RUN                         what they say of the judge"""


def add_calibrate(commands: Commands) -> None:
    """`calibrate RUN`."""
    text = "a run's judges, or any scorer, against people; corrected scores"
    parser = add_command(commands, "calibrate", text)
    parser.add_argument("run", metavar="RUN")
    labels = "labels by people: .jsonl, .json or .csv (none = those recorded, and people's votes)"
    parser.add_argument("--labels", metavar="FILE", help=labels)
    within = "how many labels a corrected score needs for ± this many points"
    parser.add_argument("--within", type=float, metavar="POINTS", help=within)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_human(commands: Commands) -> None:
    """`human export|serve|import|report RUN`."""
    text = "blind evaluation by people: export, serve, import, report"
    parser = add_command(commands, "human", text)
    parser.epilog = _HUMAN_HELP
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_export(_action(actions, "export", "choose cases, and make the tasks for each rater"))
    _add_serve(_action(actions, "serve", "the tasks as a local page; votes go into the run"))
    imported = _action(actions, "import", "votes from files that raters filled in")
    imported.add_argument("files", nargs="+", metavar="FILE")
    forms = ("auto", "votes", "csv", "label-studio", "argilla")
    imported.add_argument("--form", choices=forms, default="auto", help="what the files are")
    replace = "take answers that differ from recorded ones (default: refuse them)"
    imported.add_argument("--replace", action="store_true", help=replace)
    _add_json(imported)
    _add_json(_action(actions, "report", "rebuild the report, and print what people said"))


def _action(actions: Commands, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", metavar="RUN")
    add_common(parser)
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kind",
        choices=("pairwise", "rubric"),
        help="two outputs side by side, or one against its criteria (pairwise where there are two)",
    )
    parser.add_argument("--cells", metavar="A,B", help="cells by id or label (all candidates)")
    parser.add_argument(
        "--cases", type=int, default=50, metavar="N", help="how many cases (%(default)s)"
    )
    parser.add_argument(
        "--choose",
        choices=("random", "stratified", "informative"),
        default="random",
        help="which cases (%(default)s); informative = where scores or judges disagree",
    )
    parser.add_argument("--by", metavar="FIELD", help="with stratified: the cases' field")
    parser.add_argument("--raters", metavar="A,B", help="names of the raters (rater-1)")
    _add_sharing(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of every draw (0)")
    parser.add_argument("--instructions", metavar="TEXT", help="what raters are told")
    parser.add_argument(
        "--form",
        action="append",
        choices=("page", "html", "csv", "label-studio", "argilla"),
        help="page = `human serve` (default); html = one file a rater; may be repeated",
    )
    parser.add_argument(
        "--again", action="store_true", help="replace an export that nobody has voted on"
    )
    _add_json(parser)


def _add_sharing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overlap",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="of the cases go to every rater, the rest is dealt (%(default)s)",
    )
    parser.add_argument(
        "--repeats",
        type=float,
        default=0.05,
        metavar="SHARE",
        help="of the tasks are asked again, and as many with sides swapped (%(default)s)",
    )


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, metavar="N", help="(a free one)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="any other needs --raters (%(default)s)"
    )
    parser.add_argument("--raters", metavar="A,B", help="who may vote (all of the export)")
    parser.add_argument("--no-open", dest="open", action="store_false", help="start no browser")
