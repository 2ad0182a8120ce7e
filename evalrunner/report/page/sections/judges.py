"""How far the judges can be trusted: what they did, missed, and how they treat bad answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalrunner.report.page.sections.facets import facet_titles
from evalrunner.report.page.source import PageSource

_CANARY = "canary:"
_RECORDED = "recorded answers"


def section(source: PageSource) -> dict[str, Any] | None:
    """Each facet's judges, and how alike facets rank; None where nobody judged."""
    judging = source.summary.get("judging")
    if judging is None:
        return None
    titles = facet_titles(source)
    names = {each["facet"]: str(each["judge"]) for each in judging["facets"]}
    return {
        "facets": [_facet(source, each, title=titles[each["facet"]]) for each in judging["facets"]],
        "ratings": [
            _ratings(source, each, title=titles[each["facet"]]) for each in judging["bradley_terry"]
        ],
        "rankings": [
            {"a": names[pair["a"]], "b": names[pair["b"]], "tau_b": pair["tau_b"], "n": pair["n"]}
            for ranking in judging["rankings"]
            for pair in ranking["pairs"]
        ],
    }


def _facet(source: PageSource, facet: Mapping[str, Any], *, title: str) -> dict[str, Any]:
    cells = [cell for cell in source.summary["cells"] if cell["facet"] == facet["facet"]]
    costs = [cell["cost"]["usd_judge"] for cell in cells]
    judged = [each for cell in cells for each in cell["judging"].values()]
    rows = list(_rows(cell for cell in cells if cell["role"] == "candidate"))
    noise, scorers = facet["noise"], {name for cell in cells for name in cell["judging"]}
    is_told = noise is not None and noise["half_width"] > 0
    return {
        "title": title,
        "judge": str(facet["judge"]),
        "judges": facet["judges"],
        "n_verdicts": sum(each["n_judgements"] for each in judged),
        "usd": None if None in costs else sum(costs),
        "has_scorers": len(scorers) > 1,
        "rows": rows,
        "has": {name: any(row[name] is not None for row in rows) for name in _OPTIONAL},
        "canaries": [
            row | {"label": row["label"].removeprefix(_CANARY)}
            for row in _rows(cell for cell in cells if cell["role"] == "canary")
        ],
        "noise": noise if is_told else None,
    }


_OPTIONAL = ("agreement", "retest", "position", "length")


def _rows(cells: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    for cell in cells:
        for scorer, judging in cell["judging"].items():
            yield {
                "id": cell["id"],
                "label": cell["label"],
                "scorer": scorer,
                "score": cell["scores"].get(scorer),
                "failures": list(judging["failures"].items()),
                **{name: judging[name] for name in _OPTIONAL},
                **{
                    name: judging[name]
                    for name in ("n_answers", "n_passed", "n_judgements", "n_failed", "cut")
                },
            }


def _ratings(source: PageSource, ranking: Mapping[str, Any], *, title: str) -> dict[str, Any]:
    rated = sorted(ranking["cells"].items(), key=lambda item: -(item[1]["value"] or 0.0))
    return {
        "title": title,
        "scorer": ranking["scorer"],
        "needs_prior": ranking["needs_prior"],
        "rows": [
            {"label": source.label(int(name)) if name.isdigit() else _RECORDED, "rating": rating}
            for name, rating in rated
        ],
    }
