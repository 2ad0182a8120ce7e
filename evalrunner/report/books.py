"""The price book of each cell: frozen in the manifest, given anew, or looked up now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.pricing import PriceBook, PricingSettings, UnitPrices, cost_usd
from evalrunner.providers import ApiModelSettings, ModelSettings
from evalrunner.types import Json, Usage, sha256_of


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

    def prices(
        self, spec: CellSpec, name: str, *, model: ModelSettings | None = None
    ) -> UnitPrices | None:
        """Unit prices of what `model` calls `name`, by default the cell's; None = unknown."""
        model = model or spec.settings.model
        return self._book(spec).prices(name, model.seller)

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


class ModelPrices:
    """Unit prices of whatever answers for one model of a cell: its candidate, or one of its judges.

    Args:
        spec: The cell, for its own prices.
        books: Where unit prices are looked up.
        model: Who is asked.
    """

    def __init__(self, spec: CellSpec, books: PriceBooks, model: ModelSettings) -> None:
        self._spec = spec
        self._books = books
        self._model = model
        self._known: dict[str | None, UnitPrices | None] = {}
        """By the model that answered: a look-up hashes the whole price configuration."""

    @property
    def is_batch(self) -> bool:
        """Whether answers come from batches."""
        return isinstance(self._model, ApiModelSettings) and self._model.transport == "batch"

    def batch_saved(self, usage: Usage | None, served_model: str | None) -> Decimal | None:
        """USD that a paid answer would have cost more without a batch; None = unknown."""
        if not self.is_batch:
            return Decimal(0)
        prices = self.of(served_model)
        single, paid = (cost_usd(usage, prices, batch=batch) for batch in (False, True))
        return None if single is None or paid is None else single - paid

    def of(self, served_model: str | None) -> UnitPrices | None:
        """Prices of the model that answered, else of the one that was asked for."""
        if served_model not in self._known:
            self._known[served_model] = self._look_up(served_model)
        return self._known[served_model]

    def _look_up(self, served_model: str | None) -> UnitPrices | None:
        own = self._model.price or self._model.name
        is_own = self._model.price is not None or served_model in {None, self._model.name}
        # A price of the user's own for the model that was asked for beats the table's for its
        # snapshot, unless the snapshot has one too.
        if not is_own and served_model is not None:
            overrides = self._books.overrides(self._spec)
            if served_model in overrides or own not in overrides:
                served = self._books.prices(self._spec, served_model, model=self._model)
                if served is not None:
                    return served
        return self._books.prices(self._spec, own, model=self._model)


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
