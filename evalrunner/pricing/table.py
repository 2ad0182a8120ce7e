"""Looks a model up in the bundled price table of the `genai-prices` package, without a network.

The table matches names by prefix, so that `claude-opus-5.5x` would be priced as Opus 5.5. Here a
name counts only when it is one that the table lists, plus a date or a version.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from evalrunner.pricing.units import Rates, UnitPrices

if TYPE_CHECKING:
    from genai_prices.types import ConditionalPrice, MatchLogic, ModelInfo, ModelPrice, TieredPrices

_SELLERS = {
    "anthropic": "anthropic",
    "aws": "aws",
    "azure": "azure",
    "bedrock": "aws",
    "foundry": "azure",
    "google": "google",
    "openai": "openai",
    "openai-decisions": "openai-decisions",
    "openrouter": "openrouter",
    "vertex": "google",
}
"""Our providers and the SDKs' cloud clients, by the table's word for who is paid."""
_KEYS = {
    "input": ("input_mtok",),
    "output": ("output_mtok",),
    "cache_read": ("cache_read_mtok",),
    "cache_write_5m": ("cache_write_5m_mtok", "cache_write_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok",),
}
_SNAPSHOT = re.compile(
    r"[-@]?(?:\d{8}|\d{4}-\d{2}-\d{2}|latest|default)?(?:-v\d+)?(?::\d+)?", re.ASCII
)
_REGION = re.compile(r"(?:arn:[^/]*/)?(?:[a-z]{2,6}\.)?(?:anthropic\.)?", re.ASCII)


def look_up(name: str, provider: str | None, *, at: datetime) -> UnitPrices | None:
    """Prices of the model called `name` on the wire, as of `at`; None when the table has none.

    `provider` is who sells it, a key of `_SELLERS`; any other, and None = decided by the name.
    """
    import genai_prices
    from genai_prices.data_snapshot import get_snapshot

    seller = _SELLERS.get(provider or "")
    try:
        found, model = get_snapshot().find_provider_model(name, None, seller, None)
    except LookupError:
        return None
    if not _is_named(model, name.lower()):
        return None
    standard = _tiers(model.get_prices(at))
    if standard is None:
        return None
    # The table knows batch discounts only of the seller's own list, not of resold models.
    batch = _batch_tiers(model, at=at) if model in found.models else None
    source = f"genai-prices {genai_prices.__version__}"
    return UnitPrices(standard=standard, batch=batch, source=source, valid_from=_since(model, at))


def _is_named(model: ModelInfo, name: str) -> bool:
    return _is_variant(model.id.lower(), name) or _names(model.match, name)


def _names(clause: MatchLogic, name: str) -> bool:
    """Whether the clause lists this very name, and does not merely accept how it begins."""
    from genai_prices import types

    if isinstance(clause, types.ClauseOr):
        return any(_names(part, name) for part in clause.or_)
    if isinstance(clause, types.ClauseAnd):
        return clause.is_match(name) and any(_names(part, name) for part in clause.and_)
    if isinstance(clause, types.ClauseEquals):
        return clause.is_match(name)
    if isinstance(clause, types.ClauseRegex):
        return re.fullmatch(clause.regex, name) is not None
    # What is left holds one literal: a beginning, an end, or a part of a name.
    (literal,) = vars(clause).values()
    return clause.is_match(name) and _is_variant(literal.lower(), name)


def _is_variant(listed: str, name: str) -> bool:
    before, found, after = name.partition(listed)
    if not found:
        return False
    # A fine-tuned model is named by its owner: what follows the base model is free text.
    if listed.startswith("ft:"):
        return not before
    return bool(_REGION.fullmatch(before) and _SNAPSHOT.fullmatch(after))


def _batch_tiers(model: ModelInfo, *, at: datetime) -> tuple[Rates, ...] | None:
    context = {"processing": "batch"}
    for variant in model.price_variants or ():
        active = variant.constraint is None or variant.constraint.active(at)
        if variant.when == context and active:
            return _tiers(model.get_prices(at, context))
    return None


def _tiers(prices: ModelPrice) -> tuple[Rates, ...] | None:
    """None for what is not sold by input tokens."""
    columns = {name: _first(prices, keys) for name, keys in _KEYS.items()}
    starts = {0} | {start for column in columns.values() for start in _starts(column)}
    tiers = []
    for above in sorted(starts):
        row = {name: _rate(column, above) for name, column in columns.items()}
        price = row.pop("input")
        if price is None:
            return None
        tiers.append(Rates(above=above, input=price, **row))
    return tuple(tiers)


def _first(prices: ModelPrice, keys: tuple[str, ...]) -> Decimal | TieredPrices | None:
    found = (getattr(prices, key) for key in keys)
    return next((price for price in found if price is not None), None)


def _starts(price: Decimal | TieredPrices | None) -> list[int]:
    if price is None or isinstance(price, Decimal):
        return []
    return [tier.start for tier in price.tiers]


def _rate(price: Decimal | TieredPrices | None, above: int) -> Decimal | None:
    if price is None or isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if tier.start <= above]
    return reached[-1] if reached else price.base


def _since(model: ModelInfo, at: datetime) -> date | None:
    if not isinstance(model.prices, list):
        return None
    chosen = model.get_prices(at)
    conditions: list[ConditionalPrice] = model.prices
    constraint = next(price.constraint for price in conditions if price.prices is chosen)
    return getattr(constraint, "start_date", None)
