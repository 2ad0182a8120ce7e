"""The sampler of the process: made by `configure`, or by what the environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from evalrunner.production.sampler import Sampler
from evalrunner.production.writer import warn

RATE, DIRECTORY = "EVALRUNNER_SAMPLE_RATE", "EVALRUNNER_SAMPLE_DIR"
_STATE: dict[str, Sampler | None] = {}


def configure(
    rate: float | None = 0.01,
    sink: str | os.PathLike[str] = "production-logs",
    **options: Any,
) -> Sampler:
    """Make the sampler of this process, with the arguments of `Sampler`; one before is closed.

    Without it the environment decides, at the first use: EVALRUNNER_SAMPLE_RATE and
    EVALRUNNER_SAMPLE_DIR, both of them. Raises ValueError as `Sampler` does.
    """
    made = Sampler(rate, sink, **options)
    before = _STATE.get("sampler")
    _STATE["sampler"] = made
    if before is not None:
        before.close()
    return made


def log_for_evaluation(
    input_text: str,
    output_text: str,
    metadata: Mapping[str, Any] | None = None,
    *,
    id: str | None = None,  # noqa: A002 - the record's field
) -> None:
    """Offer one call to the sampler of this process; without one nothing happens. Never raises."""
    sampler = default_sampler()
    if sampler is not None:
        sampler.log(input=input_text, output=output_text, id=id, metadata=metadata)


def default_sampler() -> Sampler | None:
    """The sampler of this process, if anybody asked for one."""
    if "sampler" not in _STATE:
        # Of two threads that are here, one makes it.
        _STATE.setdefault("sampler", _from_environment())
    return _STATE["sampler"]


def _from_environment() -> Sampler | None:
    rate, sink = os.environ.get(RATE), os.environ.get(DIRECTORY)
    if not rate or not sink:
        return None
    try:
        return Sampler(float(rate), sink)
    except ValueError:
        warn("nothing is sampled", f"{RATE} must be a number from 0 to 1, not {rate!r}")
        return None
