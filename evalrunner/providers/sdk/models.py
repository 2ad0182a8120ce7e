"""What a provider says about its models: that they exist, until when, and how long they answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from evalrunner.providers.sdk.bodies import objects, read_object
from evalrunner.providers.sdk.wire import WireProvider
from evalrunner.types import Json

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One model, as its provider describes it; None = it does not say."""

    is_retired: bool = False
    is_deprecated: bool = False
    ends_on: str | None = None
    """Day (ISO) on which it is to be shut down; it may be past while the model still answers."""
    max_output_tokens: int | None = None


async def look_up(provider: WireProvider, name: str, *, deadline_s: float) -> ModelFacts:
    """The facts of a model. Raises ProviderError, NOT_FOUND for one that does not exist."""
    path = f"{provider.models_path}/{quote(name, safe='')}"
    return facts_of(read_object(await provider.fetch(path, deadline_s=deadline_s)))


async def model_names(provider: WireProvider, *, deadline_s: float) -> list[str]:
    """The names of all models that the provider lists. Raises ProviderError."""
    body = await provider.fetch(
        provider.models_path, deadline_s=deadline_s, query=provider.models_query
    )
    names = (model.get("id") for model in objects(read_object(body).get("data")))
    return [name for name in names if isinstance(name, str)]


def facts_of(model: Mapping[str, Json]) -> ModelFacts:
    """The facts in a model object of either provider."""
    most = model.get("max_tokens")
    # Anthropic's field; compatible servers mean other things by that name.
    is_count = model.get("type") == "model" and isinstance(most, int) and most > 1
    return ModelFacts(
        is_retired=model.get("lifecycle") == "retired",
        is_deprecated=model.get("lifecycle") == "deprecated",
        ends_on=_day(model.get("retires_at")) or _day(model.get("shutdown_date")),
        max_output_tokens=most if is_count else None,
    )


def _day(value: Json) -> str | None:
    match = _DAY.match(value) if isinstance(value, str) else None
    return match.group() if match else None
