"""A run's judges held against its people: labels, ratings and pairwise votes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evalrunner.calibrate import PASS, Instrument, Opinions, calibrate
from evalrunner.formatting import n_of
from evalrunner.planning import CellSpec
from evalrunner.report.people.answers import Answers, read_answers
from evalrunner.report.people.columns import SaidOfCell
from evalrunner.report.people.instruments import instruments_of
from evalrunner.report.people.matching import LabelMatcher, PeopleSaid, Said
from evalrunner.report.people.pair_labels import PairLabels, pair_labels, pair_opinions
from evalrunner.report.people.unused import why_unused
from evalrunner.report.recorded import RecordedRun
from evalrunner.scorers.pairwise import PairwiseSettings
from evalrunner.summary import FacetResult


def calibration_json(
    run: RecordedRun,
    summary: Mapping[str, Any],
    facets: Sequence[FacetResult],
    *,
    answers: Answers | None = None,
) -> dict[str, Any]:
    """`calibration` and `calibrated` of the summary, and `corrected`: the estimate by cell.

    `calibrated` is None where people said nothing. `answers` are those of `read_answers`, where
    they were read already. Raises StoreError.
    """
    said = PeopleSaid.read(run.directory)
    if not said or not facets:
        return {"calibration": [], "calibrated": None, "corrected": {}}
    answers = read_answers(run) if answers is None else answers
    people = _People(run, said, answers, _units(run, facets, answers))
    specs = {spec.id: spec for spec in run.specs}
    instruments = [
        instrument
        for facet in facets
        for instrument in instruments_of(
            facet, [specs[cell] for cell in facet.ids], summary, people.cells, people.answers
        )
    ]
    options = facets[0].options
    found = calibrate(
        instruments,
        list(people.opinions()),
        seed=options.seed,
        by=facets[0].by,
        level=options.confidence,
    )
    return {
        "calibration": found.entries,
        "calibrated": found.calibrated | people.told(instruments),
        "corrected": found.corrected,
    }


@dataclass(slots=True)
class _People:
    """What people said, matched with the run's answers."""

    run: RecordedRun
    said: PeopleSaid
    answers: Answers
    units: Mapping[tuple[int, str], Hashable]
    """By cell and case id, what the answers depend on; a case without stands for itself."""
    matcher: LabelMatcher = field(init=False)
    cells: dict[int, SaidOfCell] = field(init=False)
    _pairs: PairLabels = field(init=False)
    _has_pairs: bool = field(init=False)
    """Whether any scorer compares answers as raters do."""
    _opinions: dict[Hashable, Opinions] = field(init=False)
    _n_alike: Counter[Hashable] = field(init=False)

    def __post_init__(self) -> None:
        self.matcher = LabelMatcher(self.said, self.run.specs, self.run.cases)
        self._pairs = pair_labels(self.said, self.answers)
        self._has_pairs = any(
            isinstance(scorer, PairwiseSettings)
            for spec in self.run.specs
            for scorer in spec.settings.scorer.values()
        )
        self._opinions, self._n_alike = {}, Counter()
        candidates = [spec for spec in self.run.specs if spec.role == "candidate"]
        self.cells = {spec.id: self._of_cell(spec) for spec in candidates}

    def opinions(self) -> Iterator[Opinions]:
        """What raters said of the answers of each cell, as judges' verdicts are counted."""
        yield from self._opinions.values()
        if self._has_pairs:
            for place, values in pair_opinions(self._pairs):
                yield Opinions(self.units.get(place, place[1]), values)

    def told(self, instruments: Sequence[Instrument]) -> dict[str, Any]:
        """Where labels came from, and what became of those that count nowhere."""
        n_file, used = self.matcher.n_of_file, self.matcher.used
        return {
            "sources": {
                "labels": sum(place < n_file for place in used),
                "ratings": sum(place >= n_file for place in used),
                "votes": self._pairs.n_votes if self._has_pairs else 0,
            },
            "unused": [*self._unmatched(), *self._unpaired(), *_unscored(instruments)],
            "broken_lines": list(self.said.broken_labels),
        }

    def _of_cell(self, spec: CellSpec) -> SaidOfCell:
        found: dict[tuple[str, int], Mapping[str, Said]] = {}
        for case_id, repeats in self.answers.cells[spec.id].items():
            for repeat, answer in enumerate(repeats):
                said = self.matcher.of(spec, case_id, repeat=repeat, sha256=answer.sha256)
                if said:
                    found[case_id, repeat] = said
                    self._remember(spec, case_id, answer.sha256, said)
        export = self.said.export
        if export is None or spec.id not in export.settings.get("cells", ()):
            return SaidOfCell(answers=found)
        return SaidOfCell(
            answers=found,
            pairs=self._pairs,
            chances=export.settings.get("chances"),
            drawn=frozenset(key.case_id for key in export.key),
        )

    def _remember(
        self, spec: CellSpec, case_id: str, sha256: str | None, said: Mapping[str, Said]
    ) -> None:
        """Facets that differ in their judges hold the same answers, which count once."""
        unit = self.units.get((spec.id, case_id), case_id)
        for name, about in said.items():
            parts = list(about.criteria.items()) or [("", about.whole)]
            for part, raters in parts:
                values = {rater or "": float(label >= PASS) for rater, label in raters.items()}
                alike = (case_id, sha256, name, part)
                key = (*alike, self._n_alike[spec.facet, alike])
                self._n_alike[spec.facet, alike] += 1
                known = self._opinions.get(key)
                self._opinions[key] = Opinions(unit, {**(known.values if known else {}), **values})

    def _unmatched(self) -> Iterator[str]:
        reasons = Counter(
            why_unused(label, self.matcher, self.run.specs, self.answers)
            for place, label in enumerate(self.matcher.labels)
            if place not in self.matcher.used
        )
        for reason, n in reasons.items():
            yield f"{n_of(n, 'label')} not used: {reason}"

    def _unpaired(self) -> Iterator[str]:
        found = self._pairs
        if found.n_votes and not self._has_pairs:
            yield (
                f"{n_of(found.n_votes, 'vote')} label no scorer: none of them compares answers; "
                "what labels them is ratings (evalrunner human export --kind rubric, from a copy "
                "of the run) or a file (evalrunner calibrate --labels FILE)"
            )
        if found.n_uncomparable:
            yield f"{n_of(found.n_uncomparable, 'vote')} not used: on answers of unlike repeats"
        if found.n_changed:
            yield f"{n_of(found.n_changed, 'vote')} not used: their outputs are others by now"


def _units(
    run: RecordedRun, facets: Sequence[FacetResult], answers: Answers
) -> dict[tuple[int, str], Hashable]:
    """Of facets whose cases depend on each other, the cluster of each case by cell."""
    found: dict[tuple[int, str], Hashable] = {}
    clusters = {each.facet: each.cases.clusters for each in facets}
    for spec in run.specs:
        codes = clusters.get(spec.facet)
        if spec.role == "candidate" and codes is not None:
            cases = zip(answers.cells[spec.id], codes.tolist(), strict=True)
            found.update(((spec.id, case_id), f"cluster {code}") for case_id, code in cases)
    return found


def _unscored(instruments: Sequence[Instrument]) -> Iterator[str]:
    """Labels of answers that their scorer gave no value."""
    for each in instruments:
        if each.member is None and each.is_meant:
            n = sum(
                int((np.isnan(cell.scores) & ~np.isnan(cell.labels)).sum()) for cell in each.cells
            )
            if n:
                yield f"{n_of(n, 'labelled answer')} without a score of {each.scorer!r}"
