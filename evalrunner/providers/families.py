"""Who made a model, by its name: a judge may prefer answers of its own family."""

from __future__ import annotations

import re

from evalrunner.providers import ApiModelSettings, ModelSettings

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


def maker_of(model: ModelSettings) -> str | None:
    """The family that a configured model belongs to; None = unknown."""
    is_own_host = (
        isinstance(model, ApiModelSettings)
        and model.base_url is None
        and model.base_url_env is None
    )
    return family_of(model.provider, model.name, is_own_host=is_own_host)


def family_of(provider: str, name: str, *, is_own_host: bool) -> str | None:
    """The maker of a model: by its name, else by whose API it is; None = unknown.

    `is_own_host` says that the provider's own API answers, not a server that speaks its protocol.
    """
    for word in re.split(r"[^a-z0-9]+", name.lower()):
        for beginning, maker in _MAKERS.items():
            if word.startswith(beginning):
                return maker
    return provider if is_own_host and provider in {"openai", "anthropic"} else None
