"""The price book of each cell: frozen in the manifest, given anew, or looked up now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.pricing import PriceBook, PricingSettings, UnitPrices
from evalrunner.types import Json, sha256_of


class PriceBooks:
    """Unit prices of all cells.

    Args:
        manifest: Of the run.
        pricing: Prices for all cells, in place of the run's own.
        is_open: Models that the frozen prices do not know are looked up, as of the run's start: a
            resumed run may be answered by a model that the first session never met.
    """

    def __init__(
        self,
        manifest: Mapping[str, Any],
        pricing: PricingSettings | None = None,
        *,
        is_open: bool = False,
    ) -> None:
        self._at = datetime.fromisoformat(manifest["started_at"])
        self._frozen: Mapping[str, Json] = manifest["pricing"] or {}
        self._pricing = pricing
        self._is_open = is_open
        self._books: dict[str, _Book] = {}

    def prices(self, spec: CellSpec, name: str) -> UnitPrices | None:
        """Unit prices of the model called `name`, in a cell; None = unknown."""
        model = spec.settings.model
        seller = getattr(model, "client", None) or model.provider
        return self._book(spec).prices(name, seller)

    def overrides(self, spec: CellSpec) -> Collection[str]:
        """Models that a cell's configuration prices itself."""
        return (self._pricing or spec.settings.pricing).overrides

    def frozen(self) -> dict[str, Json]:
        """For the manifest: every price that was asked for, by the hash of the pricing settings."""
        return dict(self._frozen) | {key: book.frozen() for key, book in self._books.items()}

    def _book(self, spec: CellSpec) -> _Book:
        key = sha256_of(spec.config["pricing"]) if self._pricing is None else "given"
        if key not in self._books:
            known = self._frozen.get(key) if self._pricing is None else None
            fresh = PriceBook(self._pricing or spec.settings.pricing, at=self._at)
            self._books[key] = _Book(known, fresh, is_open=self._is_open)
        return self._books[key]


class _Book:
    """Frozen answers first."""

    def __init__(self, known: Json, fresh: PriceBook, *, is_open: bool) -> None:
        self._fresh = fresh
        self._is_open = is_open or known is None
        self._models = [] if known is None else list(known["models"])
        self._known = None if known is None else PriceBook.from_manifest(known)
        self._names = {(entry["name"], entry["provider"]) for entry in self._models}

    def prices(self, name: str, seller: str) -> UnitPrices | None:
        if self._known is not None and (not self._is_open or (name, seller) in self._names):
            return self._known.prices(name, seller)
        return self._fresh.prices(name, seller)

    def frozen(self) -> dict[str, Json]:
        fresh = self._fresh.frozen()
        models = sorted(
            [*self._models, *fresh["models"]], key=lambda m: (m["name"], m["provider"] or "")
        )
        return fresh | {"models": models}
