"""The providers' Batch APIs: many requests handed over at once, answered within a day, cheaper.

`api` says what a Batch API can do, `anthropic` and `openai` are its two dialects, `collector`
gathers requests. `providers.batched` puts them together and stands in the place of the wire.
"""

from __future__ import annotations

from evalrunner.providers.batches.anthropic import AnthropicBatches
from evalrunner.providers.batches.api import BatchApi, Item, NoRoomError, State
from evalrunner.providers.batches.collector import Collector, Waiting
from evalrunner.providers.batches.openai import OpenAIBatches
from evalrunner.providers.sdk import WireProvider

__all__ = ["BatchApi", "Collector", "Item", "NoRoomError", "State", "Waiting", "batch_api"]

_DIALECTS = {"anthropic": AnthropicBatches, "openai": OpenAIBatches}


def batch_api(wire: WireProvider) -> BatchApi:
    """The Batch API of the model that `wire` asks."""
    return _DIALECTS[wire.settings.provider](wire)
