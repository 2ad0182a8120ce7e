"""Which answers people's labels are about: of `labels.jsonl`, and of the ratings of an export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError
from evalrunner.planning import CellSpec
from evalrunner.scorers.judge.settings import RubricSettings, read_rubric
from evalrunner.scorers.pairwise import PairwiseSettings
from evalrunner.scorers.quality import is_f1, resolve_quality
from evalrunner.store.people import HumanExport, read_export, read_labels, read_votes
from evalrunner.types import Json
from evalrunner.types.people import Label, Rating, TaskKey, Vote

ByRater = dict[str | None, float]
"""What each rater said last; those without a name are one."""


@dataclass(slots=True)
class Said:
    """What people said of one answer, about one scorer."""

    whole: ByRater = field(default_factory=dict)
    """Of the answer."""
    criteria: dict[str, ByRater] = field(default_factory=dict)
    is_exported: bool = False
    """Whether a task of the export was about it; else it was labelled in some other way."""


@dataclass(frozen=True, kw_only=True)
class PeopleSaid:
    """Everything that people said of a run."""

    labels: Sequence[Label]
    broken_labels: Sequence[int] = ()
    """Lines of `labels.jsonl` that are no label."""
    export: HumanExport | None = None
    votes: Sequence[Vote | Rating] = ()
    broken_votes: Sequence[int] = ()

    @classmethod
    def read(cls, directory: Path) -> PeopleSaid:
        """Of a run directory. Raises StoreError where the export is not what was written."""
        labels, broken_labels = read_labels(directory)
        export = read_export(directory)
        votes, broken_votes = read_votes(directory)
        return cls(
            labels=labels,
            broken_labels=broken_labels,
            export=export,
            votes=votes,
            broken_votes=broken_votes,
        )

    def __bool__(self) -> bool:
        return bool(self.labels or self.votes or self.broken_labels or self.broken_votes)


class LabelMatcher:
    """Finds what people said of an answer.

    A label that names its output's hash counts for that output alone; one that names neither cell
    nor output counts only where there is but one candidate.

    Args:
        said: Of the run.
        specs: All cells of the run.
        cases: Of the run; read where criteria and their weights stand in the cases.
    """

    def __init__(self, said: PeopleSaid, specs: Sequence[CellSpec], cases: CaseFile) -> None:
        self._specs = {spec.id: spec for spec in specs}
        self._cases = cases
        self._n_candidates = sum(spec.role == "candidate" for spec in specs)
        self._names: dict[tuple[int, str | None], str | None] = {}
        self._by_case: dict[str, list[tuple[int, Label, bool]]] = {}
        self._rows: dict[int, dict[str, int]] = {}
        self._rated = list(_ratings(said, self._rated_as))
        every = [(label, False) for label in said.labels]
        every += [(label, True) for label in self._rated]
        self.labels = [label for label, _ in every]
        """Of the file, then those that ratings are."""
        self.used: set[int] = set()
        """Positions in `labels` of those that were found to be about an answer."""
        for place, (label, is_rating) in enumerate(every):
            self._by_case.setdefault(label.case_id, []).append((place, label, is_rating))

    @property
    def n_of_file(self) -> int:
        """How many of `labels` are those of `labels.jsonl`."""
        return len(self.labels) - len(self._rated)

    def of(
        self, spec: CellSpec, case_id: str, *, repeat: int, sha256: str | None
    ) -> dict[str, Said]:
        """What was said of one answer, by the scorer or metric that it is about."""
        found: dict[str, Said] = {}
        for place, label, is_rating in self._by_case.get(case_id, ()):
            name = self.name(spec, label.scorer)
            if name is None or not self.is_about(label, spec, repeat=repeat, sha256=sha256):
                continue
            self.used.add(place)
            said = found.setdefault(name, Said())
            said.is_exported |= is_rating
            if label.criterion is None:
                said.whole[label.rater] = label.label
            else:
                said.criteria.setdefault(label.criterion.strip(), {})[label.rater] = label.label
        for name, said in found.items():
            if said.criteria:
                said.whole = _shares(said, self.weights(spec, name, case_id)) | said.whole
        return found

    def is_about(self, label: Label, spec: CellSpec, *, repeat: int, sha256: str | None) -> bool:
        """Whether a label of this case is about this answer, whatever scorer it names."""
        if label.repeat not in {None, repeat}:
            return False
        if label.output_sha256 is not None and label.output_sha256 != sha256:
            return False
        if label.cell is not None:
            return label.cell in (spec.id, spec.label)
        is_alone = self._n_candidates == 1 and spec.role == "candidate"
        return label.output_sha256 is not None or is_alone

    def name(self, spec: CellSpec, scorer: str | None) -> str | None:
        """The scorer, or metric of one, that a label of a cell is about; None = it has none such.

        An F1 has no value by answer, so that its scorer is meant.
        """
        key = (spec.id, scorer)
        if key not in self._names:
            self._names[key] = scored_name(spec, scorer)
        return self._names[key]

    def weights(self, spec: CellSpec, name: str, case_id: str) -> Mapping[str, float]:
        """Of the criteria of a rubric, in order; empty where a scorer has no rubric."""
        settings = spec.settings.scorer.get(name)
        if not isinstance(settings, RubricSettings):
            return {}
        if settings.criteria is not None:
            return read_rubric(settings.criteria)
        try:
            return read_rubric(self._fields(spec, case_id).get(settings.field))
        except ValueError:
            return {}

    def _fields(self, spec: CellSpec, case_id: str) -> Mapping[str, Json]:
        if spec.first not in self._rows:
            cases = self._cases.slice(spec.first, spec.n)
            self._rows[spec.first] = {case.id: case.index for case in cases}
        row = self._rows[spec.first].get(case_id)
        return {} if row is None else self._cases[row].fields

    def _rated_as(self, cell: int, case_id: str) -> tuple[str | None, Mapping[str, float]]:
        """The scorer whose rubric raters were shown, the quality's first, and its weights."""
        spec = self._specs.get(cell)
        if spec is not None:
            for name in sorted(spec.settings.scorer, key=lambda name: name != spec.quality_scorer):
                if weights := self.weights(spec, name, case_id):
                    return name, weights
        return None, {}


def scored_name(spec: CellSpec, scorer: str | None) -> str | None:
    """As `LabelMatcher.name`; None for a pairwise scorer, too: votes are what labels it."""
    try:
        found, metric = resolve_quality(scorer or spec.quality, spec.settings.scorer)
    except ConfigError:
        return None
    if isinstance(spec.settings.scorer[found], PairwiseSettings):
        return None
    return found if metric is None or is_f1(metric) else f"{found}.{metric}"


def _shares(said: Said, weights: Mapping[str, float]) -> ByRater:
    """The weighted share of criteria met, of each rater who rated them all."""
    if not weights:
        return {}
    raters = dict.fromkeys(rater for given in said.criteria.values() for rater in given)
    total = sum(weights.values())
    return {
        rater: sum(weights[name] * said.criteria[name][rater] for name in weights) / total
        for rater in raters
        if all(rater in said.criteria.get(name, {}) for name in weights)
    }


def _ratings(
    said: PeopleSaid, rated_as: Callable[[int, str], tuple[str | None, Mapping[str, float]]]
) -> Iterator[Label]:
    """What raters said of single outputs, as labels. A copy of a task is no second opinion."""
    if said.export is None:
        return
    keys = {
        (key.task_id, key.rater): key
        for key in said.export.key
        if key.kind == "rubric" and key.copy_of is None
    }
    criteria = {task.task_id: task.rating_criteria for task in said.export.tasks}
    last: dict[tuple[str, str], dict[str, float | None]] = {}
    for vote in said.votes:
        if isinstance(vote, Rating) and (vote.task_id, vote.rater) in keys:
            last.setdefault((vote.task_id, vote.rater), {})[vote.criterion.strip()] = vote.label
    for (task_id, rater), rated in last.items():
        key = keys[task_id, rater]
        given = {name: label for name, label in rated.items() if label is not None}
        scorer, weights = rated_as(key.left, key.case_id)
        if weights:
            for name, value in given.items():
                yield _label(key, value, scorer=scorer, criterion=name)
        elif given and all(name.strip() in given for name in criteria.get(task_id, ())):
            # No judge has these criteria: together they say what the answer should have scored.
            yield _label(key, fmean(given.values()), scorer=scorer, criterion=None)


def _label(key: TaskKey, value: float, *, scorer: str | None, criterion: str | None) -> Label:
    return Label(
        case_id=key.case_id,
        label=value,
        cell=key.left,
        scorer=scorer,
        criterion=criterion,
        repeat=key.left_repeat,
        output_sha256=key.left_sha256,
        rater=key.rater,
    )
