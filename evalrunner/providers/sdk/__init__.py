"""What the two official SDKs have in common: where to send, how to send, what went wrong.

Only `wire` runs with an SDK; the rest is pure, so that requests and cache keys need none.
"""

from __future__ import annotations

from evalrunner.providers.sdk.endpoints import Endpoint, endpoint_of
from evalrunner.providers.sdk.options import SdkSettings
from evalrunner.providers.sdk.wire import WireProvider

__all__ = ["Endpoint", "SdkSettings", "WireProvider", "endpoint_of"]
