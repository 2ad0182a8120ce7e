"""Beginnings that prompts share: what a provider's prompt cache can keep and read again."""

from __future__ import annotations

from evalrunner.types import Prompt, sha256_of

_LEAST_BYTES = 1024
"""No provider caches fewer than 512 tokens, and a token is two bytes or more of ordinary text."""


def prefix_key(prompt: Prompt) -> str:
    """Equal for prompts that begin alike: by the system prompt, else only repeats do."""
    return sha256_of([prompt.system]) if prompt.system else prompt.sha256


def is_worth_caching(prompt: Prompt) -> bool:
    """Whether the beginning is long enough for any provider to keep it."""
    if prompt.system:
        return len(prompt.system.encode("utf-8", "replace")) >= _LEAST_BYTES
    return sum(len(str(turn.content)) for turn in prompt.messages) >= _LEAST_BYTES
