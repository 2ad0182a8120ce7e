"""Who judged the cells of a facet: their judges, panels and scorers, with what people said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalrunner.calibrate import Instrument, JudgedCell
from evalrunner.planning import CellSpec
from evalrunner.report.people.answers import Answers
from evalrunner.report.people.columns import SaidOfCell, covers, judged_cell
from evalrunner.report.people.matching import scored_name
from evalrunner.scorers.pairwise import PairwiseSettings
from evalrunner.scorers.quality import is_f1, resolve_quality
from evalrunner.summary import FacetResult
from evalrunner.types import Estimate


def instruments_of(
    facet: FacetResult,
    specs: Sequence[CellSpec],
    summary: Mapping[str, Any],
    said: Mapping[int, SaidOfCell],
    answers: Answers,
) -> Iterator[Instrument]:
    """Of one facet, whose candidates are `specs`: every scorer, and each judge of its panel.

    A scorer that no label is about is held against those of the quality, as an instrument alone.
    """
    made = _Maker(facet, specs, summary, said, answers)
    labelled = {
        name: None for spec in specs for about in said[spec.id].answers.values() for name in about
    }
    scorers = dict.fromkeys([*specs[0].settings.scorer, *labelled])
    quality, metric = resolve_quality(specs[0].quality, specs[0].settings.scorer)
    # An F1 is no mean over answers, so that none of it can be corrected.
    corrected = None if is_f1(metric) else quality if metric is None else f"{quality}.{metric}"
    meant = scored_name(specs[0], None)
    for name in scorers:
        about = name if name in labelled or made.is_pairwise(name) else meant
        if about is not None:
            yield from made.of(name, about=about, is_quality=name == corrected)


@dataclass(frozen=True, slots=True)
class _Maker:
    facet: FacetResult
    specs: Sequence[CellSpec]
    summary: Mapping[str, Any]
    said: Mapping[int, SaidOfCell]
    answers: Answers

    def is_pairwise(self, name: str) -> bool:
        return isinstance(self.specs[0].settings.scorer.get(name), PairwiseSettings)

    def of(self, name: str, *, about: str, is_quality: bool) -> Iterator[Instrument]:
        """The instrument of a scorer, or metric of one, and those of its panel."""
        scorer = name if name in self.specs[0].settings.scorer else name.rpartition(".")[0]
        own = [cell for cell in self.summary["cells"] if cell["id"] in self.facet.ids]
        judge, models = self._judges(scorer, own)
        is_quality = is_quality and self._is_whole(scorer)
        for member in (None, *self._members(scorer)):
            yield Instrument(
                facet=self.facet,
                judge=scorer if judge is None else judge,
                scorer=name,
                member=member,
                model=models.get(member),
                cells=tuple(
                    self._cell(spec, cell, name=name, scorer=scorer, member=member, about=about)
                    for spec, cell in zip(self.specs, own, strict=True)
                ),
                is_quality=is_quality,
                is_meant=about == name,
            )

    def _cell(
        self,
        spec: CellSpec,
        summary: Mapping[str, Any],
        *,
        name: str,
        scorer: str,
        member: str | None,
        about: str,
    ) -> JudgedCell:
        judged = judged_cell(
            spec.id,
            self.answers,
            self.said[spec.id],
            name=name,
            scorer=scorer,
            member=member,
            is_pairwise=self.is_pairwise(name),
            about=about,
        )
        known = summary["scores"].get(name)
        if known is None or member is not None or self.is_pairwise(name):
            return judged
        return replace(judged, raw=Estimate(**known))

    def _is_whole(self, scorer: str) -> bool:
        """Whether people compared every cell with all that a pairwise scorer did."""
        if not self.is_pairwise(scorer):
            return True
        pairs = [(spec.id, self.said[spec.id].pairs) for spec in self.specs]
        return all(
            found is None or covers(cell, self.answers, found, scorer) for cell, found in pairs
        )

    def _judges(
        self, scorer: str, cells: Sequence[Mapping[str, Any]]
    ) -> tuple[str | None, dict[str | None, str]]:
        """Name of the judge group's choice, and models by member; None and nothing without."""
        if not any(scorer in cell["judging"] for cell in cells):
            return None, {}
        facets = (self.summary["judging"] or {}).get("facets", ())
        found = next((each for each in facets if each["facet"] == self.facet.facet), None)
        if found is None:
            return None, {}
        models: dict[str | None, str] = {each["name"]: each["model"] for each in found["judges"]}
        return found["judge"], {**models, None: " + ".join(models.values())}

    def _members(self, scorer: str) -> list[str]:
        names: dict[str, None] = {}
        for cell in self.facet.ids:
            for repeats in self.answers.cells[cell].values():
                for answer in repeats:
                    if scorer in answer.scores:
                        names |= dict.fromkeys(answer.scores[scorer].members)
        return list(names)
