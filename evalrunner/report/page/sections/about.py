"""About this run: versions, seeds, hashes, prices and where requests went."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from evalrunner.formatting import margin_points, percent
from evalrunner.report.page.source import PageSource

_SHOWN_HASH = 16
_UNITS = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


def section(page: PageSource) -> dict[str, Any]:
    """What its template shows."""
    manifest = page.manifest
    return {
        "facts": list(_facts(page)),
        "prices": list(_prices(manifest)),
        "units": [unit.replace("_", " ") for unit in _UNITS],
        "hashes": list(_hashes(page)),
        "libraries": manifest.get("libraries") or {},
        "files": [name for name in _FILES if page.has_file(name)],
        "method": list(_method(page)),
    }


_FILES = (
    "summary.json",
    "summary.csv",
    "summary.md",
    "trials.jsonl",
    "errors.jsonl",
    "flips.jsonl",
    "changes.jsonl",
    "plan.json",
    "manifest.json",
)


def _facts(page: PageSource) -> Iterator[tuple[str, str]]:
    manifest, run = page.manifest, page.summary["run"]
    yield (
        "Made by",
        f"evalrunner {manifest['evalrunner']}"
        + (f", Python {manifest['python']}" if manifest.get("python") else ""),
    )
    if run.get("started_at"):
        yield "Started", _moment(run["started_at"])
        yield "Finished", _moment(run["finished_at"]) if run["finished_at"] else "not finished"
    git = manifest.get("git")
    if git is not None:
        dirty = {True: ", with uncommitted changes", False: "", None: ", unknown whether changed"}
        yield "Commit", f"{git['commit']}{dirty[git['dirty']]}"
    if run.get("parent"):
        yield "Scores the answers of", run["parent"]
    if "seed" in run:
        yield "Seed", str(run["seed"])
    yield "Command", shlex.join(manifest.get("argv") or [])
    for change in manifest.get("changes", ()):
        yield "Changed on resume", f"{_moment(change['at'])}: {' '.join(change['set'])}"
    if manifest.get("base_urls"):
        yield "Requests went to", ", ".join(manifest["base_urls"])
    if manifest.get("source"):
        yield "Imported from", manifest["source"]["name"]


def _moment(text: str) -> str:
    """A time of the manifest to the second: `2026-11-23 21:05:42 UTC`; as it is if it is none."""
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _prices(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each model and bound of its price; USD per million tokens."""
    for book in (manifest.get("pricing") or {}).values():
        for model in book["models"]:
            prices = model["prices"]
            if prices is None:
                # Canaries and baselines cost nothing by the token: not worth a row.
                continue
            for bound in prices["standard"]:
                yield {
                    "model": model["name"],
                    "above": bound["above"],
                    "values": [bound.get(unit) for unit in _UNITS],
                    "per_second": prices["per_second"],
                    "source": prices["source"],
                    "valid_from": prices["valid_from"],
                    "at": book["at"],
                }


def _hashes(page: PageSource) -> Iterator[tuple[str, str]]:
    """What each hash is of, and its beginning."""
    if page.plan:
        yield "cases", page.plan["cases"]["sha256"]
    for name, file in (page.manifest.get("prompts") or {}).items():
        yield name, file["sha256"]
    yield from (page.manifest.get("files") or {}).items()
    for cell in page.plan.get("cells", ()):
        yield f"configuration of {cell['label']}", cell["config_sha256"]
    source = page.manifest.get("source")
    if source:
        yield source["name"], source["sha256"]


def _method(page: PageSource) -> Iterator[str]:
    """How the numbers were made, in short."""
    run = page.summary["run"]
    level = percent(run["confidence"], digits=0)
    yield (
        f"Intervals hold with {level} confidence, each by itself; cases are what varies: repeats "
        "of a case are averaged first, and cases of one cluster count together."
    )
    settings = page.settings.get("run", {})
    if settings:
        yield (
            f"A loss below {margin_points(settings['margin'])} does not matter (run.margin); more "
            f"than {percent(settings['max_missing'], digits=0)} missing answers rule a cell out "
            "(run.max_missing)."
        )
        yield (
            "Errors of providers are missing, never wrong; refused answers "
            f"{_counted(settings['on_refused'])}, cut ones {_counted(settings['on_truncated'])}."
        )
        yield (
            "Cost is list price: standard tier, no judge, no retries, no batch discount, "
            "no cache discount unless production.cache_hit_rate says so."
        )
    yield (
        "Cells are compared on the cases that both answered; p-values of one facet are adjusted "
        "for how many there are (Holm)."
    )


def _counted(setting: str) -> str:
    return "score 0" if setting == "fail" else "are left out"
