"""What people are asked about a run: its cases with enough answers, and of those some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of
from evalrunner.human.answers import Answers
from evalrunner.human.choosing import (
    Chosen,
    choose_informative,
    choose_random,
    choose_stratified,
)
from evalrunner.human.criteria import criteria_of
from evalrunner.human.options import ExportOptions
from evalrunner.human.pairs import pairs_of, repeat_of
from evalrunner.human.tasks import Output, Question
from evalrunner.planning import CellSpec
from evalrunner.types import Case, canonical_json
from evalrunner.types.people import TaskKind

PAIR = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Cells of one facet, and what is to be asked about their answers."""

    directory: Path
    """Of the run."""
    specs: Sequence[CellSpec]
    kind: TaskKind
    answers: Answers
    options: ExportOptions

    def cases(self) -> dict[str, Case]:
        """Those with enough answers to ask about, by id. Raises ConfigError where none has."""
        needed, spec = PAIR if self.kind == "pairwise" else 1, self.specs[0]
        rows = CaseFile(self.directory / "cases.jsonl").slice(spec.first, spec.n)
        found = {case.id: case for case in rows if len(self.answers.repeats(case.id)) >= needed}
        if not found:
            what = f"no case has {n_of(needed, 'answer')} with a text"
            hint = f"what the run still owes: evalrunner run --resume {self.directory}"
            raise ConfigError(Problem(where=str(self.directory), what=what, hint=hint))
        return found

    def choose(self, cases: Mapping[str, Case]) -> Chosen:
        """Some of them. Raises ConfigError where they cannot be chosen so."""
        ids, n, seed = list(cases), self.options.cases, self.options.seed
        if self.options.choose == "random":
            return choose_random(ids, n, seed=seed)
        if self.options.choose == "stratified":
            return choose_stratified(self._strata(cases), n, seed=seed)
        disagreement = {case_id: self.answers.disagreement(case_id) for case_id in ids}
        return choose_informative(disagreement, n, seed=seed)

    def questions(self, case: Case, *, chance: float) -> Iterator[Question]:
        """All that is asked about a case, which was chosen with this chance."""
        repeats, seed = self.answers.repeats(case.id), self.options.seed
        outputs: dict[int, Output] = {}
        for cell in sorted(repeats):
            repeat = repeat_of(repeats[cell], seed=seed, case_id=case.id, cell=cell)
            outputs[cell] = self.answers.output(case.id, cell, repeat)
        asked: Sequence[tuple[int, ...]] = [(cell,) for cell in outputs]
        if self.kind == "pairwise":
            asked = pairs_of(list(outputs), seed=seed, case_id=case.id)
        for cells in asked:
            yield Question(
                case_id=case.id,
                chance=chance,
                input=case.input,
                rating_criteria=criteria_of(case.fields, self.specs[0], kind=self.kind),
                outputs=tuple(outputs[cell] for cell in cells),
            )

    def _strata(self, cases: Mapping[str, Case]) -> dict[str, str]:
        field, most = str(self.options.by), self.options.cases
        names = {name for case in cases.values() for name in case.fields}
        if field not in names:
            what, hint = f"no case has a field {field!r}", f"fields: {', '.join(sorted(names))}"
            raise ConfigError(Problem(where="--by", what=what, hint=hint))
        strata = {case.id: canonical_json(case.fields.get(field)) for case in cases.values()}
        n = len(set(strata.values()))
        if n > most:
            what = f"field {field!r} has {n:,} values, and only {most:,} cases are chosen"
            hint = f"add --cases {n}, or stratify by another field"
            raise ConfigError(Problem(where="--by", what=what, hint=hint))
        return strata
