"""What each trial costs: as one production request at list price, and in this run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.pricing import UnitPrices, cost_usd, list_price_usd
from evalrunner.providers import ApiModelSettings
from evalrunner.report.books import PriceBooks
from evalrunner.report.busy import SecondShares
from evalrunner.types import Usage

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCost:
    """USD of one trial; None = unknown."""

    list_price: Decimal | None
    """One production request at list price."""
    spent: Decimal | None
    """What this run paid for it."""
    saved: Decimal | None = _ZERO
    """What it would have cost here, had it not been recorded before."""


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
        self._spec = spec
        self._books = books
        self._model = spec.settings.model
        self._mix = spec.settings.production
        self._shares = shares
        self._known: dict[str | None, UnitPrices | None] = {}
        """By the model that answered: a look-up hashes the whole price configuration."""

    def cost(self, record: Mapping[str, Any]) -> TrialCost:
        """What one answered trial costs, from its journal record."""
        if record["cost_usd"] is not None:
            named = Decimal(str(record["cost_usd"]))
            return self._paid(record, list_price=named, paid=named, avoided=named)
        prices = self._prices(record["served_model"])
        usage = None if record["usage"] is None else Usage(**record["usage"])
        tokens = cost_usd(usage, prices, batch=self._is_batch)
        return self._paid(
            record,
            list_price=_plus(self._list_price(usage, prices), self._shares.listed),
            paid=_plus(tokens, self._shares.paid),
            avoided=_plus(tokens, self._shares.listed),
        )

    def prompt_cache_saved(self, usage: Usage, served_model: str | None) -> Decimal | None:
        """USD that an answer would have cost more without the provider's prompt cache."""
        prices = self._prices(served_model)
        plain = Usage(input_tokens=usage.total_input_tokens, output_tokens=usage.output_tokens)
        without, paid = (cost_usd(each, prices, batch=self._is_batch) for each in (plain, usage))
        return None if without is None or paid is None else without - paid

    @property
    def _is_batch(self) -> bool:
        return isinstance(self._model, ApiModelSettings) and self._model.transport == "batch"

    def _paid(
        self,
        record: Mapping[str, Any],
        *,
        list_price: Decimal | None,
        paid: Decimal | None,
        avoided: Decimal | None,
    ) -> TrialCost:
        """A recording costs nothing, and neither does an answer that this run had already."""
        if self._model.provider == "replay":
            return TrialCost(list_price=list_price, spent=_ZERO)
        if record["cached"]:
            return TrialCost(list_price=list_price, spent=_ZERO, saved=avoided)
        return TrialCost(list_price=list_price, spent=paid)

    def _prices(self, served_model: str | None) -> UnitPrices | None:
        if served_model not in self._known:
            self._known[served_model] = self._look_up(served_model)
        return self._known[served_model]

    def _look_up(self, served_model: str | None) -> UnitPrices | None:
        """Prices of the model that answered, else of the one that was asked for."""
        own = self._model.price or self._model.name
        is_own = self._model.price is not None or served_model in {None, self._model.name}
        # A price of the user's own for the model that was asked for beats the table's for its
        # snapshot, unless the snapshot has one too.
        if not is_own and served_model is not None:
            overrides = self._books.overrides(self._spec)
            if served_model in overrides or own not in overrides:
                served = self._books.prices(self._spec, served_model)
                if served is not None:
                    return served
        return self._books.prices(self._spec, own)

    def _list_price(self, usage: Usage | None, prices: UnitPrices | None) -> Decimal | None:
        mix = self._mix
        if usage is not None:
            usage = Usage(
                input_tokens=_assumed(mix.input_tokens, usage.total_input_tokens),
                output_tokens=_assumed(mix.output_tokens, usage.output_tokens),
            )
        return list_price_usd(usage, prices, cache_hit_rate=mix.cache_hit_rate)


def _assumed(production: float | None, measured: int) -> int:
    return measured if production is None else round(production)


def _plus(cost: Decimal | None, share: Decimal | None) -> Decimal | None:
    return None if cost is None or share is None else cost + share
