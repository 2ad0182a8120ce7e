"""What the provider's own prompt cache did for a cell; our response cache is another thing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from evalrunner.report.prices import CellPrices
from evalrunner.types import Json, Usage


class PromptCacheTally:
    """Adds up the paid answers of a cell."""

    def __init__(self, prices: CellPrices) -> None:
        self._prices = prices
        self._read = self._total = 0
        self._saved: Decimal | None = Decimal(0)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row of `trials.jsonl`, if this run paid for it."""
        if row["spent_usd"] == 0 or row["usage"] is None or row["usage"]["estimated"]:
            return
        usage = Usage(**row["usage"])
        self._read += usage.cache_read_tokens
        self._total += usage.total_input_tokens
        if usage.input_tokens == usage.total_input_tokens and row["spent_usd"] is not None:
            # Neither read nor written, and its price is known: it saved nothing.
            return
        saved = self._prices.prompt_cache_saved(usage, row["served_model"])
        self._saved = None if self._saved is None or saved is None else self._saved + saved

    def to_json(self) -> dict[str, Json] | None:
        """Share of the input tokens that was read from the cache, and USD that this saved.

        Savings below 0 mean that writing cost more than reading saved, null that a price is
        unknown. None where no paid answer reported its input.
        """
        if not self._total:
            return None
        saved = None if self._saved is None else float(self._saved)
        return {"hit_share": self._read / self._total, "saved_usd": saved}
