"""Prices as dated data, and exact costs.

Unit prices come from the `genai-prices` package and from the configuration; they are frozen into
the manifest, so that a report never changes. An unknown price is None, never 0.
"""

from evalrunner.pricing.book import PriceBook, PriceOverride, PricingSettings
from evalrunner.pricing.units import (
    Rates,
    UnitPrices,
    busy_seconds,
    cost_usd,
    list_price_usd,
    most_usd,
)

__all__ = [
    "PriceBook",
    "PriceOverride",
    "PricingSettings",
    "Rates",
    "UnitPrices",
    "busy_seconds",
    "cost_usd",
    "list_price_usd",
    "most_usd",
]
