"""The card of a test set that was drawn from production: what it is, and what it is not yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalrunner.formatting import markdown_text, percent

_HOW = {
    "proportional": "in proportion to the traffic of each stratum",
    "equal": "the same number from each stratum",
    "neyman": "more from strata that are frequent and whose logged scores vary (Neyman)",
    "disagreement": "more where several models answered differently, or a logged score is low",
}


def source_facts(path: Path) -> dict[str, Any]:
    """Name, size and SHA-256 of a file that was read. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}


def card_text(found: Mapping[str, Any]) -> str:
    """Markdown of the facts that `production dataset --json` prints."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    name = found["name"]
    yield f"# {name}"
    yield ""
    yield f"{found['n']:,} cases drawn from {found['n_calls']:,} logged production calls."
    yield ""
    yield from _table(found)
    yield ""
    yield "## What a person has to do"
    yield ""
    yield from (f"- {line}" for line in found["to_do"])
    yield ""
    yield "## Weights"
    yield ""
    yield (
        "`weight` is the number of production calls that a case stands for: 1 / the rate at which "
        "calls were logged, summed over the calls that asked the same, divided by the chance with "
        "which this question was drawn. Means over all traffic need it; a plain score does not "
        f"use it. Weighted, the cases are worth {found['effective_n']:.1f} equal ones (Kish)."
    )
    yield ""
    yield "## Strata"
    yield ""
    yield "| stratum | questions | share of the traffic | cases |"
    yield "|---|---:|---:|---:|"
    for each in found["strata"]:
        label, share = markdown_text(each["name"]), percent(each["share"])
        yield f"| {label} | {each['n_questions']:,} | {share} | {each['n']:,} |"
    yield ""
    yield "## Sources"
    yield ""
    yield "| file | bytes | sha256 |"
    yield "|---|---:|---|"
    for each in found["sources"]:
        yield f"| {markdown_text(each['file'])} | {each['bytes']:,} | `{each['sha256']}` |"


def _table(found: Mapping[str, Any]) -> Iterator[str]:
    left_out = ", ".join(f"{n:,} {why}" for why, n in found["left_out"].items())
    models = ", ".join(f"{markdown_text(name)} ({n:,})" for name, n in found["models"].items())
    by = f" by `{found['by']}`" if found["by"] else ", not stratified"
    yield "| | |"
    yield "|---|---|"
    yield f"| logged | {found['first'] or 'unknown'} to {found['last'] or 'unknown'} |"
    yield f"| calls | {found['n_calls']:,}, for about {found['mass']:,.0f} of production |"
    yield f"| left out | {left_out or 'none'} |"
    yield f"| unreadable lines | {found['n_unreadable']:,} |"
    yield (
        f"| distinct | {found['n_questions']:,}: {found['n_equal']:,} equal and "
        f"{found['n_near']:,} nearly equal ones were counted with the first |"
    )
    yield f"| drawn | {_HOW[found['allocate']]}{by}, seed {found['seed']} |"
    yield f"| answered by | {models or 'unknown'} |"
    yield (
        "| redaction | what the sampler replaced when it logged, and secrets of the environment "
        "in which this was made. Personal data: **to be checked by a person** |"
    )
    yield "| licence | **to be filled in**: who may see and share what users wrote |"
    yield "| synthetic | no: inputs of real use, answers of the models above |"
