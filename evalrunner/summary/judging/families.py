"""Who made a model, by its name: a judge may prefer answers of its own family."""

from __future__ import annotations

import re

_MAKERS = {
    "chatgpt": "openai",
    "claude": "anthropic",
    "codestral": "mistral",
    "cohere": "cohere",
    "command": "cohere",
    "deepseek": "deepseek",
    "devstral": "mistral",
    "gemini": "google",
    "gemma": "google",
    "glm": "zhipu",
    "gpt": "openai",
    "grok": "xai",
    "kimi": "moonshot",
    "llama": "meta",
    "magistral": "mistral",
    "ministral": "mistral",
    "mistral": "mistral",
    "mixtral": "mistral",
    "nemotron": "nvidia",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "phi": "microsoft",
    "qwen": "alibaba",
    "qwq": "alibaba",
}
"""How a word of a model's name begins, and its maker."""


def family_of(provider: str, name: str, *, is_own_host: bool) -> str | None:
    """The maker of a model: by its name, else by whose API it is; None = unknown.

    `is_own_host` says that the provider's own API answers, not a server that speaks its protocol.
    """
    for word in re.split(r"[^a-z0-9]+", name.lower()):
        for beginning, maker in _MAKERS.items():
            if word.startswith(beginning):
                return maker
    return provider if is_own_host and provider in {"openai", "anthropic"} else None
