"""Unit prices of one model, and what a usage costs at them.

The arithmetic is our own, linear and in `Decimal`: about a microsecond, against the 90 of the price
package's own calculation, with the same result to the last digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from evalrunner.types import Json, Usage

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_PER_TOKEN = Decimal("0.000001")
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """USD per million tokens of each class, for prompts above a size."""

    above: int = 0
    """Input tokens, cached ones included, that a request must exceed."""
    input: Decimal
    output: Decimal | None = None
    cache_read: Decimal | None = None
    """None = not published: such tokens are charged like any other input."""
    cache_write_5m: Decimal | None = None
    """As `cache_read`."""
    cache_write_1h: Decimal | None = None
    """None = the five-minute rate."""

    def to_json(self) -> dict[str, Json]:
        """JSON numbers; `from_json` restores equal rates."""
        values = {name: getattr(self, name) for name in _RATE_NAMES}
        return {"above": self.above} | {k: _number(v) for k, v in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Json]) -> Rates:
        """Rates as `to_json` wrote them."""
        rates: dict[str, Any] = {name: _decimal(values[name]) for name in _RATE_NAMES}
        return cls(above=values["above"], **rates)


_RATE_NAMES = tuple(field.name for field in fields(Rates) if field.name != "above")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPrices:
    """What one model's tokens and time cost, from when, and who says so."""

    standard: tuple[Rates, ...]
    """The base rates, then those for longer prompts, ascending; empty = only time is charged.

    A request past a threshold pays the higher rate for all its tokens.
    """
    batch: tuple[Rates, ...] | None = None
    """As `standard`, for batch processing; None = unknown."""
    per_second: Decimal | None = None
    """USD per second of busy time."""
    source: str
    """Name and version of the price table, or what the configuration gives as its source."""
    valid_from: date | None = None

    def input_only(self) -> UnitPrices:
        """These prices where input costs the same cached or not, and output nothing."""
        tiers = (Rates(above=r.above, input=r.input, output=_ZERO) for r in self.standard)
        return replace(self, standard=tuple(tiers), batch=None)

    def to_json(self) -> dict[str, Json]:
        """For the manifest: JSON numbers; `from_json` restores equal prices."""
        return {
            "standard": [rates.to_json() for rates in self.standard],
            "batch": None if self.batch is None else [rates.to_json() for rates in self.batch],
            "per_second": _number(self.per_second),
            "source": self.source,
            "valid_from": None if self.valid_from is None else self.valid_from.isoformat(),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Json]) -> UnitPrices:
        """Prices as `to_json` wrote them."""
        batch, since = values["batch"], values["valid_from"]
        return cls(
            standard=tuple(Rates.from_json(rates) for rates in values["standard"]),
            batch=None if batch is None else tuple(Rates.from_json(rates) for rates in batch),
            per_second=_decimal(values["per_second"]),
            source=values["source"],
            valid_from=None if since is None else date.fromisoformat(since),
        )


def cost_usd(
    usage: Usage | None, prices: UnitPrices | None, *, batch: bool = False
) -> Decimal | None:
    """What these tokens cost: every class at its own rate. Time is charged elsewhere.

    None when the usage, the prices, or the price of a used class (output, batch) is unknown.
    """
    if prices is None:
        return None
    tiers = prices.batch if batch else prices.standard
    if not tiers:
        return None if tiers is None else _ZERO
    if usage is None:
        return None
    rates = _rates_for(tiers, usage.total_input_tokens)
    output = _output_cost(usage, rates)
    return None if output is None else (_input_cost(usage, rates) + output) * _PER_TOKEN


def most_usd(
    input_bytes: int, output_tokens: int | None, prices: UnitPrices, *, batch: bool = False
) -> Decimal | None:
    """The most that a request of this size can cost: one token a byte, at the dearest input rate.

    None when a price is unknown, or when output is charged and has no limit (None). Time is not
    bounded.
    """
    tiers = prices.batch if batch else prices.standard
    if not tiers:
        return None if tiers is None else _ZERO
    costs = [_most_at(rates, input_bytes, output_tokens) for rates in tiers]
    known = [cost for cost in costs if cost is not None]
    return max(known) * _PER_TOKEN if len(known) == len(costs) else None


def _most_at(rates: Rates, input_bytes: int, output_tokens: int | None) -> Decimal | None:
    if rates.output is None or (output_tokens is None and rates.output):
        return None
    if rates.above and input_bytes <= rates.above:
        return _ZERO
    writes = (rates.cache_write_5m, rates.cache_write_1h)
    dearest = max(rates.input, *(rate for rate in writes if rate is not None), _ZERO)
    return input_bytes * dearest + (output_tokens or 0) * rates.output


def list_price_usd(
    usage: Usage | None, prices: UnitPrices | None, *, cache_hit_rate: Decimal | float = 0
) -> Decimal | None:
    """What one production request like this one costs at list price.

    Standard tier; the share `cache_hit_rate` of its input is read from the provider's cache and the
    rest is uncached, whatever this run happened to find cached. None as for `cost_usd`.
    """
    if prices is None:
        return None
    if not prices.standard:
        return _ZERO
    if usage is None:
        return None
    total = usage.total_input_tokens
    rates = _rates_for(prices.standard, total)
    output = _output_cost(usage, rates)
    if output is None:
        return None
    cached = total * Decimal(str(cache_hit_rate))
    read = rates.input if rates.cache_read is None else rates.cache_read
    return ((total - cached) * rates.input + cached * read + output) * _PER_TOKEN


def busy_seconds(starts: ArrayLike, ends: ArrayLike) -> float:
    """Seconds in which at least one of the calls was running: the length of their union."""
    import numpy as np

    begin = np.asarray(starts, dtype=np.float64)
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], np.asarray(ends, dtype=np.float64)[order]
    if begin.size == 0:
        return 0.0
    covered = np.concatenate(([begin[0]], np.maximum.accumulate(end)[:-1]))
    return float(np.maximum(end - np.maximum(begin, covered), 0).sum())


def _rates_for(tiers: tuple[Rates, ...], input_tokens: int) -> Rates:
    chosen = tiers[0]
    for rates in tiers[1:]:
        if input_tokens > rates.above:
            chosen = rates
    return chosen


def _input_cost(usage: Usage, rates: Rates) -> Decimal:
    cost = usage.input_tokens * rates.input
    if usage.cache_read_tokens:
        read = rates.input if rates.cache_read is None else rates.cache_read
        cost += usage.cache_read_tokens * read
    if usage.cache_write_5m_tokens or usage.cache_write_1h_tokens:
        short = rates.input if rates.cache_write_5m is None else rates.cache_write_5m
        long = short if rates.cache_write_1h is None else rates.cache_write_1h
        cost += usage.cache_write_5m_tokens * short + usage.cache_write_1h_tokens * long
    return cost


def _output_cost(usage: Usage, rates: Rates) -> Decimal | None:
    if not usage.output_tokens:
        return _ZERO
    return None if rates.output is None else usage.output_tokens * rates.output


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
