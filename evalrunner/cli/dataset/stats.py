"""`evalrunner dataset stats PATH`: what is in a test set."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalrunner.cli.dataset.reading import TestSet, read_test_set, renames_of, target_of
from evalrunner.cli.screens import print_lines
from evalrunner.formatting import n_of, percent, safe_text
from evalrunner.health import (
    Lengths,
    class_counts,
    edge_share,
    find_duplicates,
    languages_of,
    scripts_of,
    shown_value,
    text_of,
    value_counts,
)
from evalrunner.project import Project

_SHOWN = 10
_LONGEST = 40
_TARGET, _CATEGORY = "expected_output", "category"


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    project = Project(Path(arguments.project).resolve())
    read = read_test_set(arguments.path, project, fields=renames_of(arguments.map))
    found = _stats(read)
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
    else:
        print_lines(_lines(found, read))
    return 0


def _stats(read: TestSet) -> dict[str, Any]:
    texts = [text_of(case.input) for case in read.cases]
    targets = [shown_value(target_of(case, _TARGET)) for case in read.cases]
    scripts, repeated = scripts_of(texts), find_duplicates(texts)
    fields = {name for case in read.cases for name in case.fields}
    return {
        "path": str(read.path),
        "name": read.name,
        "n_cases": len(read.cases),
        "fields": {
            name: sum(case.fields.get(name) is not None for case in read.cases)
            for name in sorted(fields)
        },
        "n_targets": sum(target is not None for target in targets),
        "targets": class_counts(read.cases, _TARGET),
        "categories": value_counts(read.cases, _CATEGORY) or None,
        "edge_share": edge_share(read.cases),
        "input_characters": _json(Lengths.of(map(len, texts))),
        "input_words": _json(Lengths.of((len(text.split()) for text in texts), unit="words")),
        "target_characters": _json(Lengths.of(len(target) for target in targets if target)),
        "scripts": scripts,
        "languages": languages_of(scripts),
        "duplicates": repeated.n_equal,
        "near_duplicates": repeated.n_near,
    }


def _json(lengths: Lengths | None) -> dict[str, Any] | None:
    return None if lengths is None else lengths.to_json()


def _lines(found: Mapping[str, Any], read: TestSet) -> Iterator[str]:
    n = found["n_cases"]
    yield f"{safe_text(read.name)}: {safe_text(read.shown)}"
    yield f"cases        {n:,}"
    if read.limit is not None:
        yield f"             a run takes {read.limit:,} (dataset.limit)"
    shown = (f"{safe_text(name, limit=_LONGEST)} {k:,}" for name, k in found["fields"].items())
    yield f"fields       {', '.join(shown)}"
    yield f"targets      {_counts(found['targets']) or n_of(found['n_targets'], 'target')}"
    yield f"categories   {_counts(found['categories']) or 'none'}"
    for name, title in (
        ("input_characters", "input"),
        ("input_words", ""),
        ("target_characters", "target"),
    ):
        if found[name] is not None:
            yield f"{title:<12} {_length(found[name])}"
    yield f"scripts      {_counts(found['scripts'])}"
    if found["edge_share"] is not None:
        yield f"edge cases   {percent(found['edge_share'])}"
    yield (
        f"repeated     {n_of(found['duplicates'], 'case')} equal to another, "
        f"{found['near_duplicates']:,} nearly"
    )


def _counts(counts: Mapping[str, int] | None) -> str:
    """`12 values: refund 40 (20.0 %), …`; empty for none."""
    if not counts:
        return ""
    total = sum(counts.values())
    shown = [
        f"{safe_text(name, limit=_LONGEST)} {k:,} ({percent(k / total)})"
        for name, k in list(counts.items())[:_SHOWN]
    ]
    return (
        f"{n_of(len(counts), 'value')}: {', '.join(shown)}{', …' if len(counts) > _SHOWN else ''}"
    )


def _length(length: Mapping[str, Any]) -> str:
    return (
        f"{length['shortest']:,.0f} to {length['longest']:,.0f} {length['unit']}, median "
        f"{length['median']:,.0f}, 90 % up to {length['p90']:,.0f}"
    )
