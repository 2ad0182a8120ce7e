"""How many requests a plan makes, of candidates and of judges, and what they may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path

from evalrunner.errors import Problem
from evalrunner.planning.calls import Answered, CallCounter, Counter
from evalrunner.planning.cells import Calls, Cell
from evalrunner.planning.cost import CostRange
from evalrunner.planning.history import Asked, read_history
from evalrunner.planning.judges import JudgeCounter, judge_models
from evalrunner.pricing import PriceBook, UnitPrices
from evalrunner.providers import ApiModelSettings, ModelSettings
from evalrunner.providers.cached import ResponseCache
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.types import sha256_of


class Counting:
    """The counters of all cells; a pass over the cases fills them.

    Args:
        cells: Of the plan.
        at: Prices are those of this moment.
        outputs: Where the project's earlier runs are.
        responses: Kept answers; None = they are not used.
    """

    def __init__(
        self, cells: Sequence[Cell], *, at: datetime, outputs: Path, responses: ResponseCache | None
    ) -> None:
        self._cells = cells
        self._at = at
        self._books: dict[str, PriceBook] = {}
        self._answered = Answered(responses)
        models = {Asked.of(cell.config).model for cell in cells}
        past = cache(lambda: read_history(outputs, models))
        self._candidates: dict[int, Counter] = {
            cell.id: CallCounter(
                cell,
                cell.settings.model,
                prices=self._prices(cell, cell.settings.model),
                answered=self._answered,
                past=past,
            )
            for cell in cells
            if isinstance(cell.settings.model, ApiModelSettings)
        }
        self._judges: dict[int, JudgeCounter] = {
            cell.id: self._judge_counter(cell)
            for cell in cells
            if any(isinstance(scorer, JudgeScorer) for scorer in cell.scorers)
        }

    def counters(self) -> Iterator[tuple[Cell, Counter]]:
        """Candidates' first: what they are known to have answered decides what judges are asked."""
        every: tuple[Mapping[int, Counter], ...] = (self._candidates, self._judges)
        for counters in every:
            yield from ((cell, counters[cell.id]) for cell in self._cells if cell.id in counters)

    def close(self) -> None:
        """Close the files that were read on the way; what was counted stays."""
        self._answered.close()

    def calls(self) -> tuple[Calls, ...]:
        """Of each cell's candidate."""
        return tuple(self._calls(cell) for cell in self._cells)

    def costs(self) -> tuple[CostRange, ...]:
        """Of each cell's candidate."""
        return tuple(_cost(cell, self._candidates) for cell in self._cells)

    def judge_calls(self) -> tuple[Calls, ...]:
        """Of each cell's judges."""
        none = Calls(total=0, cached=0, to_pay=0)
        found = (self._judges.get(cell.id) for cell in self._cells)
        return tuple(none if counter is None else counter.calls() for counter in found)

    def judge_costs(self) -> tuple[CostRange, ...]:
        """Of each cell's judges."""
        return tuple(_cost(cell, self._judges) for cell in self._cells)

    def judge_problems(self) -> list[Problem]:
        """Questions that a judge's model cannot be asked."""
        found = [problem for counter in self._judges.values() for problem in counter.problems]
        return list(dict.fromkeys(found))

    def price_problems(self) -> list[Problem]:
        """A budget or a cost rule needs a price for every request."""
        problems = []
        for cell in self._cells:
            candidate, judges = _cost(cell, self._candidates), _cost(cell, self._judges)
            if candidate.ceiling is None:
                problems += _unpriced(cell, cell.settings.model, is_candidate=True)
            if judges.ceiling is None:
                for model in judge_models(cell.settings.judge).values():
                    if self._prices(cell, model) is None:
                        problems += _unpriced(cell, model, is_candidate=False)
        return problems

    def _calls(self, cell: Cell) -> Calls:
        counter = self._candidates.get(cell.id)
        if counter is None:
            return Calls(total=cell.n_trials, cached=0, to_pay=0)
        return counter.calls()

    def _judge_counter(self, cell: Cell) -> JudgeCounter:
        models = judge_models(cell.settings.judge)
        prices = {name: self._prices(cell, model) for name, model in models.items()}
        return JudgeCounter(cell, self._cells, prices=prices, answered=self._answered)

    def _prices(self, cell: Cell, model: ModelSettings) -> UnitPrices | None:
        pricing = sha256_of(cell.config["pricing"])
        book = self._books.setdefault(pricing, PriceBook(cell.settings.pricing, at=self._at))
        return book.prices(model.price or model.name, model.seller)


def _cost(cell: Cell, counters: Mapping[int, Counter]) -> CostRange:
    counter = counters.get(cell.id)
    return CostRange() if counter is None else counter.cost()


def _unpriced(cell: Cell, model: ModelSettings, *, is_candidate: bool) -> list[Problem]:
    rules = {
        "run.budget_usd": cell.settings.run.budget_usd,
        "limits.budget_usd": model.limits.budget_usd,
    }
    if is_candidate:
        rules["decide.budget_usd_per_month"] = cell.settings.decide.budget_usd_per_month
    needing = [rule for rule, value in rules.items() if value is not None]
    if not needing:
        return []
    name = model.price or model.name
    where = needing[0]
    if where == "limits.budget_usd":
        where = f"{'model' if is_candidate else 'judge.model'}.{where}"
    return [
        Problem(
            where=where,
            what=f"{name!r} has no known price, so this limit cannot be kept",
            hint=f"add it: 'pricing.overrides.{name}={{input: 0.15, output: 0.60}}' "
            "(USD per million tokens), or choose another model",
        )
    ]
