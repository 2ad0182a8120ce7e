"""The prices that a report used: who says so, and since when."""

from __future__ import annotations

from typing import Any

from evalrunner.report.books import PriceBooks
from evalrunner.types import Json


def price_facts(books: PriceBooks) -> list[dict[str, Json]]:
    """`summary.json["prices"]`: every model that a price was asked for, each once."""
    frozen = books.frozen()
    # Prices that the command line gave hold for all cells, and the run's own for none.
    used: list[Any] = [frozen["given"]] if "given" in frozen else [*frozen.values()]
    found: dict[str, dict[str, Json]] = {}
    for book in used:
        for entry in book["models"]:
            prices = entry["prices"] or {}
            found.setdefault(
                entry["name"],
                {
                    "name": entry["name"],
                    "is_known": entry["prices"] is not None,
                    "source": prices.get("source"),
                    "valid_from": prices.get("valid_from"),
                },
            )
    return [found[name] for name in sorted(found)]
