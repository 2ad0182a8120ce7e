"""Everything that answers: one method, `complete`, whatever stands behind it.

Live APIs, a user's function, recorded outputs and baselines are providers, and so are the layers
around them, which wrap a provider: `Cached(Gated(Recorded(Wire)))`. A wire provider is one module
with a settings class, `build_request` (pure, no SDK) and a class that implements `Provider`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, Protocol

from pydantic import Field

from evalrunner.settings import Settings
from evalrunner.types import Completion, Json, Request

__all__ = ["ApiModelSettings", "Limits", "ModelSettings", "Provider"]


class Provider(Protocol):
    """Answers requests inside one event loop."""

    async def complete(self, request: Request) -> Completion:
        """The answer. Raises ProviderError when there is none."""

    async def aclose(self) -> None:
        """Free what was opened; called once, in the loop that used the provider."""


class Limits(Settings):
    """How fast, how long and for how much one model may be asked."""

    concurrency: int | None = Field(default=None, ge=1)
    """Most requests in flight; null = found out while running."""
    rpm: float | None = Field(default=None, gt=0)
    """Requests per minute to stay under; null = the provider's own limit decides."""
    tpm: float | None = Field(default=None, gt=0)
    """Tokens per minute, as `rpm`."""
    deadline_s: float = Field(default=120, gt=0)
    """Wall-clock limit of one attempt, whatever trickles in."""
    max_attempts: int = Field(default=6, ge=1)
    budget_usd: Decimal | None = Field(default=None, ge=0)


class ModelSettings(Settings):
    """What every model configuration has; `provider` selects the subclass."""

    provider: str
    name: str
    """The model's id on the wire, or a name of your own for what runs in this process."""
    label: str | None = None
    """How it is called in tables and figures; null = `name`."""
    price: str | None = None
    """Entry of the price table; null = `name`."""
    limits: Limits = Limits()

    @property
    def seller(self) -> str:
        """Who is paid, by the name under which prices are looked up."""
        return self.provider


class ApiModelSettings(ModelSettings):
    """A model behind one of the two SDKs."""

    base_url: str | None = None
    """Null = the provider's own host."""
    base_url_env: str | None = None
    """Name of the environment variable that holds the base URL."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; never the key itself."""
    client: str | None = None
    """Short name of one of the SDK's cloud clients (azure, bedrock, vertex, ...)."""
    client_options: dict[str, Any] = Field(default_factory=dict)
    max_output_tokens: int = Field(default=1024, ge=1)
    """Thinking counts against it."""
    params: dict[str, Json] = Field(default_factory=dict)
    """Passed through to the request body."""
    transport: Literal["live", "batch"] = "live"

    @property
    def seller(self) -> str:
        """The cloud that resells the model, or its provider."""
        return self.client or super().seller
