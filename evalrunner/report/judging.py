"""What judges cost: each of their calls at the price of the model that was asked."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.planning.judges import judge_models
from evalrunner.pricing import cost_usd
from evalrunner.providers.families import maker_of
from evalrunner.report.books import ModelPrices, PriceBooks
from evalrunner.report.money import Saved, plus, usd_number
from evalrunner.types import Json, Usage

_ZERO = Decimal(0)


def judges_json(spec: CellSpec) -> list[dict[str, Json]]:
    """The judges of a cell for the summary."""
    return [
        {"name": name, "model": model.name, "family": maker_of(model)}
        for name, model in judge_models(spec.settings.judge).items()
    ]


class JudgePrices:
    """Prices the judgements of one cell."""

    def __init__(self, spec: CellSpec, books: PriceBooks) -> None:
        models = judge_models(spec.settings.judge)
        self._prices = {name: ModelPrices(spec, books, model) for name, model in models.items()}
        self._recorded = {name for name, model in models.items() if model.provider == "replay"}
        for prices in self._prices.values():
            # Looked up now, so that the manifest freezes the price whether or not a call is made.
            prices.of(None)

    def priced(self, scores: Mapping[str, Any]) -> tuple[Mapping[str, Any], Saved]:
        """Scores and judgements with their `cost_usd` where judges were asked, and what was saved.

        A judgement's is its list price; a score has `spent_usd` as well.
        """
        if not any(score.get("judgements") for score in scores.values()):
            return scores, Saved()
        saved = Saved()
        rows: dict[str, Any] = {}
        for name, score in scores.items():
            rows[name] = score
            if score.get("judgements"):
                rows[name], spared = self._priced(score)
                saved += spared
        return rows, saved

    def _priced(self, score: Mapping[str, Any]) -> tuple[dict[str, Any], Saved]:
        own = score["cost_usd"]
        cost: Decimal | None = _ZERO if own is None else Decimal(str(own))
        spent: Decimal | None = cost
        saved = Saved()
        judgements = []
        for judgement in score["judgements"]:
            own_cost: Decimal | None = _ZERO
            for call in judgement["calls"]:
                price = self._cost(judgement["judge"], call)
                is_free = call["cached"] or judgement["judge"] in self._recorded
                own_cost = plus(own_cost, price)
                spent = plus(spent, _ZERO if is_free else price)
                saved += self._saved(judgement["judge"], call, price, is_free=is_free)
            cost = plus(cost, own_cost)
            judgements.append({**judgement, "cost_usd": usd_number(own_cost)})
        more = {"cost_usd": usd_number(cost), "spent_usd": usd_number(spent)}
        return {**score, **more, "judgements": judgements}, saved

    def _saved(
        self, judge: str, call: Mapping[str, Any], price: Decimal | None, *, is_free: bool
    ) -> Saved:
        if call["cached"]:
            return Saved(cache=price)
        known = self._prices.get(judge)
        if is_free or known is None or call["cost_usd"] is not None:
            return Saved()
        usage = None if call["usage"] is None else Usage(**call["usage"])
        return Saved(batch=known.batch_saved(usage, call["served_model"]))

    def _cost(self, judge: str, call: Mapping[str, Any]) -> Decimal | None:
        """One call; None = unknown, as for every judge that is paid by the second."""
        if call["cost_usd"] is not None:
            return Decimal(str(call["cost_usd"]))
        known = self._prices.get(judge)
        prices = None if known is None else known.of(call["served_model"])
        if known is None or prices is None or prices.per_second is not None:
            return None
        usage = None if call["usage"] is None else Usage(**call["usage"])
        return cost_usd(usage, prices, batch=known.is_batch)
