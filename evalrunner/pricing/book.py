"""The price book of one run: the configuration's overrides first, then the price table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from typing import Literal

from pydantic import Field, model_validator

from evalrunner.pricing.units import Rates, UnitPrices
from evalrunner.settings import Settings
from evalrunner.types import Json

_IN_PROCESS = frozenset({"baseline", "python"})
"""Providers whose names are no models' names: only an override prices them."""
_INPUT_ONLY = frozenset({"openai-decisions"})
"""Sellers that charge for input alone, whatever the model costs elsewhere."""
_JSON_DIGITS = Context(prec=15)
"""Significant digits that a JSON number carries unchanged."""


class PriceOverride(Settings):
    """Prices of one model, in place of the whole entry of the table; USD per million tokens."""

    input: Decimal | None = Field(default=None, ge=0)
    """Null together with `output` = tokens are free and time is charged (`per_second`)."""
    output: Decimal | None = Field(default=None, ge=0)
    cache_read: Decimal | None = Field(default=None, ge=0)
    """Null = charged like any other input."""
    cache_write: Decimal | None = Field(default=None, ge=0)
    """Five-minute entries; null = charged like any other input."""
    cache_write_1h: Decimal | None = Field(default=None, ge=0)
    """One-hour entries; null = as `cache_write`."""
    batch_factor: Decimal | None = Field(default=None, ge=0)
    """What batch processing costs of the standard price, 0.5 = half; null = unknown."""
    per_second: Decimal | None = Field(default=None, ge=0)
    """USD per second in which the model is busy."""
    valid_from: date | None = None
    """Before this day (UTC) the table's price holds."""
    source: str | None = None
    """Where the price was read; null = "override"."""

    @model_validator(mode="after")
    def _is_complete(self) -> PriceOverride:
        if (self.input is None) != (self.output is None):
            raise ValueError("give `input` and `output` together: one without the other is no cost")
        if self.input is None and self.per_second is None:
            raise ValueError("a price needs `input` and `output`, or `per_second`")
        return self

    def unit_prices(self) -> UnitPrices:
        """These prices in the form that costs are computed from."""
        standard = self._rates(factor=Decimal(1))
        batch = None if self.batch_factor is None else self._rates(factor=self.batch_factor)
        return UnitPrices(
            standard=standard,
            batch=batch if standard else (),
            per_second=None if self.per_second is None else _JSON_DIGITS.plus(self.per_second),
            source=self.source or "override",
            valid_from=self.valid_from,
        )

    def _rates(self, *, factor: Decimal) -> tuple[Rates, ...]:
        if self.input is None:
            return ()
        return (
            Rates(
                input=_JSON_DIGITS.multiply(self.input, factor),
                output=_scaled(self.output, factor),
                cache_read=_scaled(self.cache_read, factor),
                cache_write_5m=_scaled(self.cache_write, factor),
                cache_write_1h=_scaled(self.cache_write_1h, factor),
            ),
        )


class PricingSettings(Settings):
    """`conf/pricing/*.yaml`."""

    source: Literal["genai-prices", "none"] = "genai-prices"
    """Table for the models that are not overridden; none = those have no price."""
    overrides: dict[str, PriceOverride] = Field(default_factory=dict)
    """By the model's name on the wire, or by what its `price` key says."""


class PriceBook:
    """Answers what a model costs, and remembers each answer for the manifest.

    Args:
        settings: The `pricing` group.
        at: When the run started; prices are those of this moment.
    """

    def __init__(self, settings: PricingSettings, *, at: datetime) -> None:
        self._settings = settings
        self._at = at
        self._known: dict[tuple[str, str | None], UnitPrices | None] = {}

    def prices(self, name: str, provider: str | None) -> UnitPrices | None:
        """Unit prices of the model called `name`; None = unknown.

        `provider` is who sells it: `openai`, `openai-decisions` (input alone is charged, also of an
        override), `anthropic`, or one of the SDKs' cloud clients (`bedrock`, ...). `python` and
        `baseline` models have a price only when it is overridden. Any other, and None, is for what
        only names its model (a recording, a `price` key): the table then decides by the name.
        """
        key = (name, provider)
        if key not in self._known:
            self._known[key] = self._find(name, provider)
        return self._known[key]

    def frozen(self) -> dict[str, Json]:
        """Every answer so far, for the manifest."""
        answers = sorted(self._known.items(), key=lambda item: (item[0][0], item[0][1] or ""))
        return {
            "source": self._settings.source,
            "at": self._at.isoformat(),
            "models": [
                {"name": name, "provider": provider, "prices": prices and prices.to_json()}
                for (name, provider), prices in answers
            ],
        }

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Json]) -> PriceBook:
        """A book that repeats the answers of `frozen`, needs no table, and knows nothing else."""
        at = datetime.fromisoformat(manifest["at"])
        book = cls(PricingSettings(source="none"), at=at)
        for entry in manifest["models"]:
            prices = entry["prices"]
            book._known[(entry["name"], entry["provider"])] = (
                None if prices is None else UnitPrices.from_json(prices)
            )
        return book

    def _find(self, name: str, provider: str | None) -> UnitPrices | None:
        found = self._listed(name, provider)
        return found.input_only() if found is not None and provider in _INPUT_ONLY else found

    def _listed(self, name: str, provider: str | None) -> UnitPrices | None:
        override = self._settings.overrides.get(name)
        if override is not None and self._is_valid(override):
            return override.unit_prices()
        if self._settings.source == "none" or provider in _IN_PROCESS:
            return None
        from evalrunner.pricing.table import look_up

        return look_up(name, provider, at=self._at)

    def _is_valid(self, override: PriceOverride) -> bool:
        return override.valid_from is None or self._at.astimezone(UTC).date() >= override.valid_from


def _scaled(rate: Decimal | None, factor: Decimal) -> Decimal | None:
    return None if rate is None else _JSON_DIGITS.multiply(rate, factor)
