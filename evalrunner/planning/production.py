"""What one production request costs, as `production.*` says that production differs from a run."""

from __future__ import annotations

from decimal import Decimal

from evalrunner.config.settings import ProductionSettings
from evalrunner.pricing import UnitPrices, list_price_usd
from evalrunner.types import Usage


def production_price(
    usage: Usage | None, prices: UnitPrices | None, mix: ProductionSettings
) -> Decimal | None:
    """USD at list price of a request like the one measured; None = unknown. Time is not priced."""
    if usage is not None:
        usage = Usage(
            input_tokens=_assumed(mix.input_tokens, usage.total_input_tokens),
            output_tokens=_assumed(mix.output_tokens, usage.output_tokens),
        )
    return list_price_usd(usage, prices, cache_hit_rate=mix.cache_hit_rate)


def _assumed(production: float | None, measured: int) -> int:
    return measured if production is None else round(production)
