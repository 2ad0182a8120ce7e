"""Logs of production calls as records, wherever they come from.

Two forms are known, told apart by what a line holds: the sampler's own daily files, and spans and
events of OpenTelemetry's conventions for generative AI as OTLP JSON.
"""

from evalrunner.production.logs.reading import Logs, read_logs, stream_logs
from evalrunner.production.logs.record import LoggedCall

__all__ = ["LoggedCall", "Logs", "read_logs", "stream_logs"]
