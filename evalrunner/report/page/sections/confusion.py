"""What is taken for what: the confusions of cells that answer with a label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeAlias

from evalrunner.report.page.sections.facets import FacetCells, facets
from evalrunner.report.page.sections.shading import Scale
from evalrunner.report.page.source import PageSource

_Pair: TypeAlias = "tuple[str | None, str | None]"
_OUTSIDE: _Pair = (None, None)
"""Any class, and an answer that is none of the label set."""
_PAIRS = 15
_MATRIX = 15
"""Classes of which a matrix still reads well."""
_CLASSES = 200
"""Rows of a table of classes; all of them are in summary.json."""


def section(source: PageSource) -> dict[str, Any] | None:
    """For each facet and `labels` scorer the worst pairs, and each cell by itself."""
    found = [
        _scorer(source, facet, scorer)
        for facet in facets(source)
        for scorer in dict.fromkeys(name for cell in facet.cells for name in cell["classes"])
    ]
    return {"groups": found} if found else None


def _scorer(source: PageSource, facet: FacetCells, scorer: str) -> dict[str, Any]:
    cells = [cell for cell in facet.cells if scorer in cell["classes"]]
    tables = [cell["classes"][scorer] for cell in cells]
    wrong = [_wrong(table) for table in tables]
    total = sum(wrong, Counter())
    # Else a baseline that always says the same would fill the table.
    n_cells = Counter(pair for counts in wrong for pair in counts)
    worst = sorted(total, key=lambda pair: (-n_cells[pair], -total[pair], str(pair)))
    truths = [_truths(table) for table in tables]
    shares = [
        [_share(counts[pair], of[pair[0]]) for counts, of in zip(wrong, truths, strict=True)]
        for pair in worst[:_PAIRS]
    ]
    scale = Scale.of([0.0, *(share for row in shares for share in row)])
    return {
        "title": facet.title,
        "scorer": scorer,
        "cells": [{"id": cell["id"], "label": cell["label"]} for cell in cells],
        "n_pairs": len(worst),
        "pairs": [
            {
                "truth": pair[0],
                "answer": pair[1],
                "entries": [
                    {"n": counts[pair], "share": share, "shade": scale.shade(share)}
                    for counts, share in zip(wrong, row, strict=True)
                ],
            }
            for pair, row in zip(worst, shares, strict=False)
        ],
        "details": [
            _cell(source, cell, table, pairs=pairs)
            for cell, table, pairs in zip(cells, tables, wrong, strict=True)
        ],
    }


def _wrong(table: Mapping[str, Any]) -> Counter[_Pair]:
    """Trials by right class and other answer; those outside the label set are one pair."""
    rows = table["confusion"]
    wrong = {(truth, answer): n for truth, answer, n in rows if answer not in {truth, None}}
    outside = {_OUTSIDE: table["n_outside"]} if table["n_outside"] else {}
    return Counter(wrong | outside)


def _truths(table: Mapping[str, Any]) -> Counter[str | None]:
    """Trials by right class; None stands for all."""
    counts = Counter[str | None]()
    for truth, _, n in table["confusion"]:
        counts[truth] += n
        counts[None] += n
    return counts


def _share(n: int, of: int) -> float | None:
    return n / of if of else None


def _cell(
    source: PageSource,
    cell: Mapping[str, Any],
    table: Mapping[str, Any],
    *,
    pairs: Counter[_Pair],
) -> dict[str, Any]:
    n = _truths(table)[None]
    files = (f"confusion-{cell['id']}.{kind}" for kind in ("png", "svg"))
    worst = sorted(pairs, key=lambda pair: (-pairs[pair], str(pair)))[:_PAIRS]
    by_f1 = sorted(table["classes"].items(), key=lambda item: (_f1(item[1]), item[0]))
    return {
        "id": cell["id"],
        "label": cell["label"],
        "n": n,
        "n_right": n - pairs.total(),
        "n_outside": table["n_outside"],
        "pairs": [{"truth": pair[0], "answer": pair[1], "n": pairs[pair]} for pair in worst],
        "n_pairs": len(pairs),
        "matrix": _matrix(table) if len(table["classes"]) <= _MATRIX else None,
        "figures": [name for name in files if source.has_file(name)],
        "classes": [{"name": name, **numbers} for name, numbers in by_f1[:_CLASSES]],
        "n_classes": len(by_f1),
    }


def _f1(numbers: Mapping[str, Any]) -> float:
    """What no answer and no case has comes last."""
    return 2.0 if numbers["f1"] is None else float(numbers["f1"])


def _matrix(table: Mapping[str, Any]) -> dict[str, Any]:
    labels: list[str | None] = list(table["classes"])
    counts = {(truth, answer): n for truth, answer, n in table["confusion"]}
    columns = labels + ([None] if table["n_outside"] else [])
    truths, scale = _truths(table), Scale(0.0, 1.0)
    return {
        "columns": columns,
        "rows": [
            {
                "truth": truth,
                "n": truths[truth],
                "entries": [
                    {
                        "n": (n := counts.get((truth, answer), 0)),
                        "shade": scale.shade(_share(n, truths[truth])),
                        "is_right": truth == answer,
                    }
                    for answer in columns
                ],
            }
            for truth in labels
            if truth is not None
        ],
    }
