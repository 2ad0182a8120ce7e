"""A sample of an application's real calls, in files from which evaluations are made.

    from evalrunner.production import Sampler, log_for_evaluation, sampled

Importing it loads no SDK, no Hydra and no numpy; nothing in it raises into the application or waits
for a disk. Records are JSON lines in `<sink>/<UTC date>-<process id>-<8 random>.jsonl`, one file a
process and day (mode 0600). What was written whole stays readable whatever happens; a last line
without its end, of a machine that lost its power, is to be skipped. The fields of a record:

    schema_version  1
    id              stable id of the call as the application gave it, or 32 random hex digits
    at              when it was logged, UTC, ISO 8601 with milliseconds and "Z"
    rate            chance in (0, 1] that a call like this is in the sample; its weight is 1/rate
    input, output   text; other values as JSON. Of `Sampler.wrap`: text of the last user turn, and
                    text of the answer or, with tool calls, a list of its parts
    metadata        object, as given; `@sampled` gives "function"
    category        text; only where the sampler has `category=` and it found one
    messages        only of `wrap`: all turns, system first, where there is more than `input`
    model           which model answered, as the provider says
    usage           tokens in disjoint classes: input_tokens, cache_read_tokens,
                    cache_write_tokens, output_tokens
    latency_s       seconds to the end of the answer
    stop_reason     only of `wrap`: why the answer ended, in the provider's word
    request_id      only of `wrap`: the provider's id of the answer
    cut             names of the fields that were too long and are only beginnings

Fields from `category` on are left out where they are unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalrunner.production.defaults import configure, log_for_evaluation
from evalrunner.production.record import SCHEMA_VERSION
from evalrunner.production.sampler import Sampler

if TYPE_CHECKING:
    from evalrunner.production.decorator import sampled

__all__ = ["SCHEMA_VERSION", "Sampler", "configure", "log_for_evaluation", "sampled"]


def __getattr__(name: str) -> object:
    """The decorator, imported when it is used: `inspect` alone doubles the start-up time."""
    if name != "sampled":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from evalrunner.production.decorator import sampled

    return sampled
