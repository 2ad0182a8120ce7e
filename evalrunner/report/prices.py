"""What each trial costs: as one production request at list price, and in this run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.planning.production import production_price
from evalrunner.pricing import cost_usd
from evalrunner.report.books import ModelPrices, PriceBooks
from evalrunner.report.busy import SecondShares
from evalrunner.report.judging import JudgePrices
from evalrunner.report.money import Saved, plus
from evalrunner.types import Usage

_ZERO = Decimal(0)
_NOTHING = Saved()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCost:
    """USD of one trial; None = unknown."""

    list_price: Decimal | None
    """One production request at list price."""
    spent: Decimal | None
    """What this run paid for it."""
    saved: Saved = _NOTHING


UNPAID = TrialCost(list_price=None, spent=_ZERO)
"""Of a trial without an answer."""


class CellPrices:
    """Prices the trials of one cell.

    Args:
        spec: The cell.
        books: Where unit prices are looked up.
        shares: What its model's busy time costs each trial.
    """

    def __init__(self, spec: CellSpec, books: PriceBooks, *, shares: SecondShares) -> None:
        self._model = spec.settings.model
        self._is_free = self._model.provider == "replay" or spec.role == "canary"
        self._prices = ModelPrices(spec, books, self._model)
        self.judges = JudgePrices(spec, books)
        """Of what scored the answers."""
        self._mix = spec.settings.production
        self._shares = shares

    def cost(self, record: Mapping[str, Any]) -> TrialCost:
        """What one answered trial costs, from its journal record."""
        if record["cost_usd"] is not None:
            named = Decimal(str(record["cost_usd"]))
            return self._paid(record, list_price=named, paid=named, avoided=named, in_batch=_ZERO)
        prices = self._prices.of(record["served_model"])
        usage = None if record["usage"] is None else Usage(**record["usage"])
        tokens = cost_usd(usage, prices, batch=self._prices.is_batch)
        return self._paid(
            record,
            list_price=plus(production_price(usage, prices, self._mix), self._shares.listed),
            paid=plus(tokens, self._shares.paid),
            avoided=plus(tokens, self._shares.listed),
            in_batch=self._prices.batch_saved(usage, record["served_model"]),
        )

    def prompt_cache_saved(self, usage: Usage, served_model: str | None) -> Decimal | None:
        """USD that an answer would have cost more without the provider's prompt cache."""
        prices = self._prices.of(served_model)
        plain = Usage(input_tokens=usage.total_input_tokens, output_tokens=usage.output_tokens)
        without, paid = (
            cost_usd(each, prices, batch=self._prices.is_batch) for each in (plain, usage)
        )
        return None if without is None or paid is None else without - paid

    def _paid(
        self,
        record: Mapping[str, Any],
        *,
        list_price: Decimal | None,
        paid: Decimal | None,
        avoided: Decimal | None,
        in_batch: Decimal | None,
    ) -> TrialCost:
        """Recordings, canaries, and answers that this run had already cost nothing."""
        if self._is_free:
            return TrialCost(list_price=list_price, spent=_ZERO)
        if record["cached"]:
            return TrialCost(list_price=list_price, spent=_ZERO, saved=Saved(cache=avoided))
        return TrialCost(list_price=list_price, spent=paid, saved=Saved(batch=in_batch))
