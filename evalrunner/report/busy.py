"""What a model's busy time costs each of its trials, for models that are priced by the second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from evalrunner.planning import CellSpec
from evalrunner.pricing import UnitPrices, busy_seconds
from evalrunner.report.books import PriceBooks
from evalrunner.report.recorded import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondShares:
    """USD of busy time that falls on one trial; 0 for a model without a price by the second.

    None when the time of some call is unknown.
    """

    listed: Decimal | None = Decimal(0)
    """On each answered trial."""
    paid: Decimal | None = Decimal(0)
    """On each answered trial whose answer is not cached, of those calls' time."""


def is_timed(spec: CellSpec, books: PriceBooks) -> bool:
    """Whether a cell's model is priced by the second."""
    prices = _own_prices(spec, books)
    return prices is not None and prices.per_second is not None


def second_shares(
    specs: Sequence[CellSpec], books: PriceBooks, surveys: Mapping[int, Survey]
) -> dict[int, SecondShares]:
    """The shares of each cell, by its id.

    A model's busy time is the union of its calls' intervals over all cells that ask it, spread
    evenly over their answered trials.
    """
    by_model: dict[str, list[CellSpec]] = {}
    for spec in specs:
        by_model.setdefault(spec.model_key, []).append(spec)
    shares: dict[int, SecondShares] = {}
    for group in by_model.values():
        found = [surveys[spec.id] for spec in group]
        for spec in group:
            shares[spec.id] = _shares(_own_prices(spec, books), found)
    return shares


def _own_prices(spec: CellSpec, books: PriceBooks) -> UnitPrices | None:
    model = spec.settings.model
    return books.prices(spec, model.price or model.name)


def _shares(prices: UnitPrices | None, found: Sequence[Survey]) -> SecondShares:
    if prices is None or prices.per_second is None:
        return SecondShares()
    starts = np.concatenate([np.frombuffer(each.starts) for each in found])
    lengths = np.concatenate([np.frombuffer(each.lengths) for each in found])
    is_paid = np.concatenate([np.frombuffer(each.is_paid, dtype=np.bool_) for each in found])
    n_answered, n_paid = sum(s.n_answered for s in found), sum(s.n_paid for s in found)
    price = prices.per_second
    return SecondShares(
        listed=_share(price, starts, lengths, n=n_answered),
        paid=_share(price, starts[is_paid], lengths[is_paid], n=n_paid),
    )


def _share(
    price: Decimal, starts: NDArray[np.float64], lengths: NDArray[np.float64], *, n: int
) -> Decimal | None:
    if lengths.size < n:
        return None
    return price * Decimal(str(_busy(starts, lengths))) / n if n else Decimal(0)


def _busy(starts: NDArray[np.float64], lengths: NDArray[np.float64]) -> float:
    """Seconds of the union; calls whose start is unknown are counted as if each ran alone."""
    dated = starts > 0
    union = busy_seconds(starts[dated], starts[dated] + lengths[dated])
    return union + float(lengths[~dated].sum())
