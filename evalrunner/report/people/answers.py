"""What scorers and judges said of the candidates' answers, from one pass over `trials.jsonl`."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, TypeVar

from evalrunner.report.recorded import RecordedRun

_TIE = 0.5
_Judgement = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a scorer, or one judge of its panel, says of one answer."""

    value: float | None = None
    """In [0, 1]; None = no verdict."""
    criteria: Mapping[str, float | None] = field(default_factory=dict)
    """1 = met, 0 = not; None = undecided."""
    price_usd: float | None = 0.0
    """List price of all that was asked for it; None = unknown."""
    members: Mapping[str, Verdict] = field(default_factory=dict)
    """By the judge's name, where there is a panel."""
    opponents: Mapping[int, Verdict] = field(default_factory=dict)
    """Of a pairwise scorer: by the id of the cell compared with; 1 = won, 0.5 = tie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One trial of a candidate."""

    sha256: str | None
    """Of the output's text; None = no output."""
    status: str
    scores: Mapping[str, Verdict]
    """By scorer."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The candidates' trials of a run."""

    cells: Mapping[int, Mapping[str, Sequence[Answer]]]
    """By cell, then by case id in the order of the cases, then by repeat."""

    def find(self, cell: int, case_id: str, repeat: int) -> Answer | None:
        """One of them, if it was planned."""
        found = self.cells.get(cell, {}).get(case_id, ())
        return found[repeat] if 0 <= repeat < len(found) else None


def read_answers(run: RecordedRun) -> Answers:
    """All answers of the run's candidates, as the last report wrote them."""
    hows = {
        spec.id: "mean" if spec.settings.judge is None else spec.settings.judge.combine
        for spec in run.specs
        if spec.role == "candidate"
    }
    cells: dict[int, dict[str, list[Answer]]] = {cell: {} for cell in hows}
    shared = _Shared()
    with (run.directory / "trials.jsonl").open("rb") as file:
        for line in file:
            row = json.loads(line)
            if row["cell"] not in hows:
                continue
            scores = {
                name: shared.verdict(score, how=hows[row["cell"]])
                for name, score in row["scores"].items()
            }
            repeats = cells[row["cell"]].setdefault(shared.one(row["case_id"]), [])
            repeats.append(
                Answer(
                    sha256=output_sha256(row["output"]),
                    status=shared.one(row["status"]),
                    scores=shared.scores(scores),
                )
            )
    return Answers(cells)


def output_sha256(output: str | None) -> str | None:
    """What a label or a task names an output by."""
    if output is None:
        return None
    return hashlib.sha256(output.encode("utf-8", "surrogatepass")).hexdigest()


class _Shared:
    """Keeps equal values once: a run has 100,000 answers and few different verdicts."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def one(self, value: T) -> T:
        """The first one that was equal."""
        known: T = self._known.setdefault(value, value)
        return known

    def scores(self, scores: Mapping[str, Verdict]) -> Mapping[str, Verdict]:
        """As `one`; verdicts are shared and never forgotten, so their ids tell them apart."""
        key = tuple((name, id(verdict)) for name, verdict in scores.items())
        known: Mapping[str, Verdict] = self._known.setdefault(key, scores)
        return known

    def verdict(self, score: Mapping[str, Any], *, how: str) -> Verdict:
        """The verdict of a scorer, with its panel's and those on each opponent."""
        judgements = [each for each in score.get("judgements") or () if not each["is_retest"]]
        if not judgements:
            price = score["cost_usd"]
            return self._kept(score["value"], _criteria(score), 0.0 if price is None else price)
        names = dict.fromkeys(each["judge"] for each in judgements)
        members: dict[str, Verdict] = {}
        if len(names) > 1:
            for name in names:
                own = [each for each in judgements if each["judge"] == name]
                members[name] = self._judged(own, how=how)
        opponents = self._opponents(judgements, how=how)
        return self._kept(
            score["value"],
            _criteria(score),
            _price(judgements),
            members=members,
            opponents=opponents,
        )

    def _opponents(self, judgements: Sequence[_Judgement], *, how: str) -> dict[int, Verdict]:
        found: dict[int, list[_Judgement]] = {}
        for each in judgements:
            if each["opponent"] is not None:
                found.setdefault(each["opponent"], []).append(each)
        return {
            opponent: self._kept(_combined(_values(own), how=how), {}, _price(own))
            for opponent, own in found.items()
        }

    def _judged(self, own: Sequence[_Judgement], *, how: str) -> Verdict:
        """What one judge says in all its verdicts on an answer."""
        opponents = self._opponents(own, how=how)
        values = [v.value for v in opponents.values()] if opponents else _values(own)
        known = [value for value in values if value is not None]
        value = (fmean(known) if known else None) if opponents else _combined(values, how=how)
        return self._kept(value, _voted(own), _price(own), opponents=opponents)

    def _kept(
        self,
        value: float | None,
        criteria: Mapping[str, float | None],
        price: float | None,
        *,
        members: Mapping[str, Verdict] | None = None,
        opponents: Mapping[int, Verdict] | None = None,
    ) -> Verdict:
        parts = [tuple(each.items()) for each in (members or {}, opponents or {})]
        ids = [tuple((name, id(verdict)) for name, verdict in part) for part in parts]
        key = (value, tuple(criteria.items()), price, *ids)
        if key not in self._known:
            self._known[key] = Verdict(
                value=value,
                criteria=criteria,
                price_usd=price,
                members=members or {},
                opponents=opponents or {},
            )
        known: Verdict = self._known[key]
        return known


def _criteria(said: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        line["criterion"]: None if line["passed"] is None else float(line["passed"])
        for line in said.get("criteria") or ()
    }


def _voted(own: Sequence[_Judgement]) -> dict[str, float | None]:
    """Each criterion with what most of a judge's verdicts say; None for a draw."""
    votes: dict[str, list[float]] = {}
    for each in own:
        for name, passed in _criteria(each).items():
            votes.setdefault(name, []).extend([] if passed is None else [passed])
    shares = {name: fmean(given) if given else _TIE for name, given in votes.items()}
    return {name: None if share == _TIE else float(share > _TIE) for name, share in shares.items()}


def _values(judgements: Sequence[_Judgement]) -> list[float | None]:
    """Of each judge and sample; of a pair that was shown in both orders a tie where they differ."""
    found: dict[tuple[str, int], list[float | None]] = {}
    for each in judgements:
        found.setdefault((each["judge"], each["sample"]), []).append(each["value"])
    return [
        None if None in orders else orders[0] if len(set(orders)) == 1 else _TIE
        for orders in found.values()
    ]


def _combined(values: Sequence[float | None], *, how: str) -> float | None:
    """As scorers combine verdicts: their mean, or that of the most frequent ones."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    counts = Counter(known)
    most = max(counts.values())
    return fmean(known if how == "mean" else [v for v, n in counts.items() if n == most])


def _price(judgements: Sequence[_Judgement]) -> float | None:
    prices = [each.get("cost_usd") for each in judgements]
    known = [price for price in prices if price is not None]
    return math.fsum(known) if len(known) == len(prices) else None
