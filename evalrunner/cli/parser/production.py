"""The commands about test sets, and about production's traffic beside them."""

from __future__ import annotations

import argparse

from evalrunner.cli.parser.base import Commands, add_command, add_common, add_spending

_LOG = "production logs: .jsonl as the sampler writes them, or OpenTelemetry's OTLP JSON"
_PATH = "a .jsonl, .json, .csv or .parquet file, or the name of a file in conf/dataset"

_DATASET_HELP = """example:
  evalrunner dataset check tickets.jsonl --category category --train train.jsonl
  evalrunner dataset check banking77 --expected card_arrival=120,pin_blocked=80 --difference 5
  evalrunner dataset sample all.jsonl small.jsonl --n 200 --by category"""
_PRODUCTION_HELP = """example:
  evalrunner production dataset logs/*.jsonl --into . --name week_47 --n 200 --by category
  evalrunner production drift logs/*.jsonl --dataset tickets --by category --run RUN
  evalrunner production trend logs/*.jsonl --history trend.jsonl --run RUN --gate"""


def add_dataset(commands: Commands) -> None:
    """`dataset check|stats|convert|sample PATH`."""
    text = "is this test set any good: check, stats, convert, sample"
    parser = add_command(commands, "dataset", text)
    parser.epilog = _DATASET_HELP
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_check(_on_path(actions, "check", "what would make an evaluation by it misleading"))
    stats = _on_path(actions, "stats", "size, categories, targets, lengths, scripts")
    _add_map(stats)
    _add_json(stats)
    converted = _on_path(actions, "convert", "the same cases in another format")
    converted.add_argument("out", metavar="OUT", help="its ending says the format")
    _add_map(converted)
    _add_force(converted)
    sampled = _on_path(actions, "sample", "some of the cases, by a seeded draw")
    sampled.add_argument("out", metavar="OUT", help="its ending says the format")
    sampled.add_argument("--n", type=int, required=True, metavar="N", help="how many")
    sampled.add_argument("--by", metavar="FIELD", help="keep the shares of this field's values")
    sampled.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw (0)")
    _add_force(sampled)


def add_production(commands: Commands) -> None:
    """`production dataset|drift|trend LOG…`."""
    text = "logged production calls: a test set of them, drift, and their quality over time"
    parser = add_command(commands, "production", text)
    parser.epilog = _PRODUCTION_HELP
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_production_dataset(_on_logs(actions, "dataset", "a test set drawn from logged calls"))
    _add_drift(_on_logs(actions, "drift", "does a test set still look like production?"))
    trend = _action(actions, "trend", "judge a period's calls, and append to a history")
    trend.add_argument("logs", nargs="*", metavar="LOG", help=f"{_LOG}; none = show the history")
    _add_trend(trend)


def _on_path(actions: Commands, name: str, text: str) -> argparse.ArgumentParser:
    parser = _action(actions, name, text)
    parser.add_argument("path", metavar="PATH", help=_PATH)
    return parser


def _on_logs(
    actions: Commands, name: str, text: str, *, at_least: str = "+"
) -> argparse.ArgumentParser:
    parser = _action(actions, name, text)
    parser.add_argument("logs", nargs=at_least, metavar="LOG", help=_LOG)
    return parser


def _action(actions: Commands, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common(parser)
    return parser


def _add_check(parser: argparse.ArgumentParser) -> None:
    # No defaults: a field that was typed must be there.
    parser.add_argument("--target", metavar="FIELD", help="the truth (expected_output)")
    parser.add_argument("--category", metavar="FIELD", help="what is counted (category)")
    _add_map(parser)
    expected = "the mix that there should be: k=v,… (counts, or shares of 1), or a .json file"
    parser.add_argument("--expected", metavar="FILE|K=V,…", help=expected)
    parser.add_argument("--production", nargs="+", default=[], metavar="LOG", help=_LOG)
    parser.add_argument("--train", metavar="FILE", help="what models may have been trained on")
    difference = "a difference in quality that it should be able to show, in points"
    parser.add_argument("--difference", type=float, metavar="POINTS", help=difference)
    parser.add_argument("--strict", action="store_true", help="exit 1 for warnings too")
    _add_json(parser)


def _add_production_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--into", required=True, metavar="DIR", help="a project's directory")
    parser.add_argument("--name", default="production", help="of the test set (%(default)s)")
    parser.add_argument("--n", type=int, default=200, metavar="N", help="cases (%(default)s)")
    parser.add_argument("--by", metavar="FIELD", help="what is stratified by")
    parser.add_argument(
        "--allocate",
        choices=("proportional", "equal", "neyman", "disagreement"),
        default="proportional",
        help="how the cases are dealt to the strata (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draw (0)")
    _add_json(parser)


def _add_drift(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, metavar="D", help=_PATH)
    parser.add_argument("--by", metavar="FIELD", help="whose mix is compared (category)")
    run = "re-weight the scores of this run to production's mix"
    parser.add_argument("--run", metavar="RUN", help=run)
    _add_json(parser)
    parser.add_argument("--gate", action="store_true", help="exit 1 where production drifted")


def _add_trend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--history", required=True, metavar="FILE", help="is appended to")
    run = "whose score is the one to hold (that of the history)"
    parser.add_argument("--run", metavar="RUN[:CELL]", help=run)
    parser.add_argument("--labels", metavar="FILE", help="labels by people, to correct the judge")
    parser.add_argument("--period", choices=("week", "month"), help="as in the history, or week")
    at = "score the period that this day is in (the last that ended)"
    parser.add_argument("--at", metavar="DATE", help=at)
    figures = "where trend.svg, .png, .csv and .md go (the run's directory)"
    parser.add_argument("--figures", metavar="DIR", help=figures)
    overrides = (
        "judge=NAME, scorer=NAME (as the offline run was scored); --overrides may be left out"
    )
    parser.add_argument("--overrides", nargs="+", default=[], metavar="OVERRIDE", help=overrides)
    gate = "exit 1 where the quality fell, 3 if it cannot be told"
    parser.add_argument("--gate", action="store_true", help=gate)
    add_spending(parser)


def _add_map(parser: argparse.ArgumentParser) -> None:
    renames = "a field's new name, and the one it has; may be repeated"
    parser.add_argument("--map", action="append", default=[], metavar="NEW=OLD", help=renames)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    _add_json(parser)
