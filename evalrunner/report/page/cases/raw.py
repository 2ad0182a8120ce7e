"""Raw requests and responses: bodies rebuilt from the frozen cells, and answers as recorded.

Needs no key, no SDK and nothing of the user's project: what was a function or a recording of theirs
has no raw form. A rebuilt request is shown only if it has the key under which its answer stands, so
that it is the one that was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.errors import ConfigError
from evalrunner.formatting import n_of
from evalrunner.planning import CellSpec
from evalrunner.project import Project
from evalrunner.providers import ApiModelSettings
from evalrunner.report.page.cases.asked import JudgeRequests, api_judges, api_wire
from evalrunner.report.page.cases.groups import Page
from evalrunner.report.page.cases.pages import Prompts
from evalrunner.report.page.cases.rows import TrialRows, encode
from evalrunner.store import JOURNAL
from evalrunner.store.answers import RawAnswers
from evalrunner.types import Case, Json

MOST_JUDGED = 20_000
"""Judged trials up to which the judges' requests are made again: each takes a millisecond."""


class RawPages:
    """The content of the pages `raw-NNNN`.

    Args:
        directory: Of the run.
        specs: All cells of the run.
        prompts: What the cells were asked.
    """

    def __init__(self, directory: Path, specs: Sequence[CellSpec], prompts: Prompts) -> None:
        self._prompts = prompts
        self._wires = {
            spec.id: api_wire(spec.settings.model, Project(directory))
            for spec in specs
            if isinstance(spec.settings.model, ApiModelSettings)
        }
        self._judges = {spec.id: names for spec in specs if (names := api_judges(spec))}
        judged = [spec for spec in specs if spec.id in self._judges]
        self._n_judged = sum(spec.n_trials for spec in judged)
        # Of what answered in this process the journal is not even read.
        shapes = [spec.shape for spec in specs] if self.exist else []
        self._answers = RawAnswers(directory / JOURNAL, shapes)
        is_short = self._n_judged <= MOST_JUDGED
        self._asked = JudgeRequests(directory, judged if is_short else (), self._answers)
        self.note = " ".join(self._notes(specs)) or None
        """What is left out, and why; None = nothing."""

    @property
    def exist(self) -> bool:
        """Whether anything was asked over a wire."""
        return bool(self._wires or self._judges)

    def page(self, page: Page, cases: Sequence[Case], rows: TrialRows) -> str:
        """The content of one `raw-NNNN`, as JSON: by case and cell, each repeat's calls."""
        specs = page.group.specs
        is_judged = any(spec.id in self._judges for spec in specs)
        trials = {s.id: rows.rows(s, page.places) for s in specs} if is_judged else {}
        asked = self._asked.of(page, cases, trials)
        raw: dict[str, dict[str, Json]] = {case.id: {} for case in cases}
        for spec in specs:
            for place, case in zip(
                page.places[: max(0, spec.n - page.places.start)], cases, strict=False
            ):
                of_case = trials[spec.id][place - page.places.start] if is_judged else ()
                calls = [list(self._candidate(spec, case, place, r)) for r in range(spec.repeats)]
                for found, row in zip(calls, of_case, strict=False):
                    found.extend(self._judged(spec, row, asked))
                if any(calls):
                    raw[case.id][str(spec.id)] = calls
        shown = {name: cells for name, cells in raw.items() if cells}
        return encode({"page": page.number, "raw": shown})

    def _candidate(
        self, spec: CellSpec, case: Case, place: int, repeat: int
    ) -> Iterator[dict[str, Json]]:
        key = self._answers.key(spec.id, place, repeat)
        if spec.id in self._wires and key is not None:
            yield self._call("candidate", key, self._body(spec, case, repeat, key=key))

    def _body(self, spec: CellSpec, case: Case, repeat: int, *, key: str) -> Json:
        wire, prompt = self._wires[spec.id], self._prompts.of(spec, case)
        if wire is None or prompt is None:
            return None
        try:
            request = wire.build_request(prompt, case, repeat)
        except ConfigError:
            return None
        return request.body if request.key == key else None

    def _judged(
        self, spec: CellSpec, row: Mapping[str, Any], asked: Mapping[str, Json]
    ) -> Iterator[dict[str, Json]]:
        for name, score in row["scores"].items():
            for each in score.get("judgements") or ():
                if each["judge"] in self._judges.get(spec.id, ()):
                    for call in each["calls"]:
                        body = asked.get(call["key"])
                        shown = self._call(f"judge {each['judge']}", call["key"], body)
                        yield shown | {"scorer": name}

    def _call(self, role: str, key: str, body: Json) -> dict[str, Json]:
        record = self._answers.record(key) or {}
        # Of what failed a message is kept even where no body came.
        response = record.get("body") or record.get("message")
        return {"role": role, "request": body, "response": response}

    def _notes(self, specs: Sequence[CellSpec]) -> Iterator[str]:
        if any(spec.id not in self._wires for spec in specs):
            yield (
                "Functions, baselines and recordings answer in this process: they have no raw "
                "request and response."
            )
        if None in self._wires.values():
            yield "Some requests cannot be shown: their base URL is in a variable that is not set."
        if self._n_judged > MOST_JUDGED:
            yield (
                f"With {n_of(self._n_judged, 'judged trial')} the judges' requests are left out; "
                "their responses are here."
            )
