"""Votes and ratings of a run directory, brought together with its cases and its judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.report.people.answers import Answers, Verdict
from evalrunner.report.recorded import RecordedRun
from evalrunner.store.people import read_export, read_votes
from evalrunner.summary import FacetResult
from evalrunner.types.people import Task
from evalrunner.votes import Asked, CaseGroups, Preference, Question, human_json

_TIE = 0.5


def human_summary(
    run: RecordedRun,
    summary: Mapping[str, Any],
    facets: Sequence[FacetResult],
    *,
    answers: Answers,
) -> dict[str, Any]:
    """`summary.json["human"]` of a run that has votes. Raises StoreError."""
    said, broken_lines = read_votes(run.directory)
    export = read_export(run.directory)
    tasks: Sequence[Task] = () if export is None else export.tasks
    options = run.specs[0].settings.run
    asked = Asked(
        key=() if export is None else export.key,
        said=said,
        facets={cell["id"]: cell["facet"] for cell in summary["cells"]},
        cases={facet.facet: _groups(run, facet) for facet in facets},
        criteria={each.task_id: each.rating_criteria for each in tasks},
        lengths={each.task_id: len(each.output_a) + len(each.output_b or "") for each in tasks},
        level=options.confidence,
        seed=options.seed,
    )
    judges = {facet.facet: _judge(facet, _spec(run, facet), answers) for facet in facets}
    return human_json(asked, judges=judges, broken_lines=broken_lines)


def _spec(run: RecordedRun, facet: FacetResult) -> CellSpec:
    """Any cell of a facet: all have the same cases, scorers and judges."""
    return next(spec for spec in run.specs if spec.facet == facet.facet)


def _groups(run: RecordedRun, facet: FacetResult) -> CaseGroups:
    spec, columns = _spec(run, facet), facet.cases
    ids = [case.id for case in run.cases.slice(spec.first, spec.n)]
    clusters = {}
    if columns.clusters is not None:
        codes = columns.clusters.tolist()
        clusters = {case_id: f"cluster {code}" for case_id, code in zip(ids, codes, strict=True)}
    return CaseGroups(
        clusters=clusters,
        by=columns.cluster_field or "case",
        slices={
            field: {
                value: frozenset(ids[row] for row in rows.tolist())
                for value, rows in values.items()
            }
            for field, values in columns.slices.items()
        },
    )


def _judge(facet: FacetResult, spec: CellSpec, answers: Answers) -> tuple[str, str, Preference]:
    """Name, scorer and preference of what measures quality in a facet."""
    scorer = spec.quality_scorer
    is_judged = any(scorer in result.summary["judging"] for result in facet.results)
    name = str(spec.axes.get("judge")) if is_judged else scorer

    def prefers(question: Question) -> float | None:
        first, second = (
            _verdict(answers, cell, question.case_id, repeat, scorer)
            for cell, repeat in zip(question.cells, question.repeats, strict=True)
        )
        return None if first is None or second is None else _better(first, second, question)

    return name, scorer, prefers


def _verdict(answers: Answers, cell: int, case_id: str, repeat: int, scorer: str) -> Verdict | None:
    answer = answers.find(cell, case_id, repeat)
    return None if answer is None else answer.scores.get(scorer)


def _better(first: Verdict, second: Verdict, question: Question) -> float | None:
    """1 = the first is; where the judge saw both at once by what it said of that pair."""
    direct = first.opponents.get(question.cells[1])
    one = first.value if direct is None else direct.value
    other = second.value if direct is None else _TIE
    if one is None or other is None:
        return None
    return _TIE if one == other else float(one > other)
