"""What each trial costs: as one production request at list price, and in this run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.pricing import (
    PriceBook,
    PricingSettings,
    UnitPrices,
    busy_seconds,
    cost_usd,
    list_price_usd,
)
from evalrunner.providers import ApiModelSettings
from evalrunner.report.recorded import RecordedRun, Survey
from evalrunner.types import Json, Usage, sha256_of


class PriceBooks:
    """The price book of each cell: frozen in the manifest, given anew, or looked up now.

    Args:
        manifest: Of the run.
        pricing: Prices for all cells, in place of the run's own.
    """

    def __init__(self, manifest: Mapping[str, Any], pricing: PricingSettings | None) -> None:
        self._at = datetime.fromisoformat(manifest["started_at"])
        self._frozen: Mapping[str, Json] = manifest["pricing"] or {}
        self._pricing = pricing
        self._books: dict[str, PriceBook] = {}

    def book(self, spec: CellSpec) -> PriceBook:
        """The price book for one cell; cells with equal pricing share one."""
        key = sha256_of(spec.config["pricing"]) if self._pricing is None else "given"
        if key not in self._books:
            self._books[key] = self._open(key, spec)
        return self._books[key]

    def frozen(self) -> dict[str, Json]:
        """For the manifest: every price that was asked for, by the hash of the pricing settings."""
        return {key: book.frozen() for key, book in self._books.items()}

    def _open(self, key: str, spec: CellSpec) -> PriceBook:
        if self._pricing is not None:
            return PriceBook(self._pricing, at=self._at)
        if key in self._frozen:
            return PriceBook.from_manifest(self._frozen[key])
        return PriceBook(spec.settings.pricing, at=self._at)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCost:
    """USD of one trial; None = unknown."""

    list_price: Decimal | None
    """One production request at list price."""
    spent: Decimal | None
    """What this run paid for it."""
    saved: Decimal
    """What it would have cost here, had it not been recorded before."""


class CellPrices:
    """Prices the trials of one cell.

    Args:
        spec: The cell.
        book: Its price book.
        second_share: USD of busy time that falls on each answered trial; 0 for models that are
            not priced by time, None when the time is unknown.
    """

    def __init__(self, spec: CellSpec, book: PriceBook, *, second_share: Decimal | None) -> None:
        self._book = book
        self._model = spec.settings.model
        self._production = spec.settings.production
        self._second_share = second_share
        self._is_api = isinstance(self._model, ApiModelSettings)

    def cost(self, record: Mapping[str, Any]) -> TrialCost:
        """What one answered trial costs, from its journal record."""
        if record["cost_usd"] is not None:
            named = Decimal(str(record["cost_usd"]))
            spent = Decimal(0) if self._model.provider == "replay" else named
            return TrialCost(list_price=named, spent=spent, saved=Decimal(0))
        prices = unit_prices(self._book, self._model, record["served_model"])
        usage = None if record["usage"] is None else Usage(**record["usage"])
        share = self._second_share
        listed = _plus(self._list_price(usage, prices), share)
        if self._model.provider == "replay":
            return TrialCost(list_price=listed, spent=Decimal(0), saved=Decimal(0))
        batch = getattr(self._model, "transport", "live") == "batch"
        paid = _plus(cost_usd(usage, prices, batch=batch), share)
        if record["cached"]:
            return TrialCost(list_price=listed, spent=Decimal(0), saved=paid or Decimal(0))
        return TrialCost(list_price=listed, spent=paid, saved=Decimal(0))

    def _list_price(self, usage: Usage | None, prices: UnitPrices | None) -> Decimal | None:
        mix = self._production
        if usage is not None:
            usage = Usage(
                input_tokens=_assumed(mix.input_tokens, usage.total_input_tokens),
                output_tokens=_assumed(mix.output_tokens, usage.output_tokens),
            )
        return list_price_usd(usage, prices, cache_hit_rate=mix.cache_hit_rate)


def _assumed(production: float | None, measured: int) -> int:
    return measured if production is None else round(production)


def unit_prices(book: PriceBook, model: Any, served_model: str | None) -> UnitPrices | None:
    """Prices of the model that answered, else of the one that was asked for."""
    if model.price is None and served_model is not None and served_model != model.name:
        served = book.prices(served_model, model.provider)
        if served is not None:
            return served
    return book.prices(model.price or model.name, model.provider)


def second_shares(
    run: RecordedRun, books: PriceBooks, surveys: Mapping[int, Survey]
) -> dict[int, Decimal | None]:
    """Per cell the USD of busy time that falls on each answered trial of its model.

    A model's busy time is the union of its calls' intervals over all cells that ask it, spread
    evenly over their answered trials.
    """
    by_model: dict[str, list[CellSpec]] = {}
    for spec in run.specs:
        by_model.setdefault(spec.model_key, []).append(spec)
    shares: dict[int, Decimal | None] = {}
    for specs in by_model.values():
        found = [surveys[spec.id] for spec in specs]
        for spec in specs:
            model = spec.settings.model
            prices = books.book(spec).prices(model.price or model.name, model.provider)
            shares[spec.id] = _second_share(prices, found)
    return shares


def _second_share(prices: UnitPrices | None, found: list[Survey]) -> Decimal | None:
    """None when time is charged and some call's time was not measured."""
    if prices is None or prices.per_second is None:
        return Decimal(0)
    n_answered = sum(each.n_answered for each in found)
    intervals = [interval for each in found for interval in each.intervals]
    if n_answered == 0 or len(intervals) < n_answered:
        return None
    return prices.per_second * Decimal(str(_busy(intervals))) / n_answered


def _busy(intervals: list[tuple[float, float]]) -> float:
    """Seconds of the union; calls whose start is unknown are counted as if each ran alone."""
    dated = [(start, start + length) for start, length in intervals if start]
    undated = sum(length for start, length in intervals if not start)
    union = busy_seconds([start for start, _ in dated], [end for _, end in dated])
    return union + undated


def _plus(cost: Decimal | None, share: Decimal | None) -> Decimal | None:
    return None if cost is None or share is None else cost + share
