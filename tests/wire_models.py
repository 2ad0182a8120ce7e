"""Real providers pointed at the wire server, one name for each wire format."""

from __future__ import annotations

import asyncio

from evalrunner.providers import anthropic, openai
from evalrunner.types import Case, Message, Prompt

APIS = ("responses", "chat", "messages")
KEY = "sk-test-0123456789abcdefghij"
CASE = Case(id="c1", fields={"id": "c1", "input": "2+2?"}, sha256="0")


def prompt(text="2+2?", *, system=None):
    return Prompt(system=system, messages=(Message(role="user", content=text),))


def settings_for(api, url, *, deadline_s=10.0, **changes):
    """Settings of a model that speaks `api` at the server's `url`."""
    values = {"limits": {"deadline_s": deadline_s}, **changes}
    if api == "messages":
        fixed = {"provider": "anthropic", "name": "claude-opus-5-5", "base_url": url}
        return anthropic.AnthropicSettings(**{**fixed, **values})
    fixed = {"provider": "openai", "name": "gpt-6-luna", "api": api, "base_url": f"{url}/v1"}
    return openai.OpenAISettings(**{**fixed, **values})


def module_of(settings):
    return anthropic if settings.provider == "anthropic" else openai


def provider_for(settings, *, api_key=KEY, **changes):
    made = (
        anthropic.AnthropicProvider if settings.provider == "anthropic" else openai.OpenAIProvider
    )
    return made(settings, api_key=api_key, **changes)


def request_for(settings, text="2+2?", *, system=None, sample=0, schema=None):
    asked = prompt(text, system=system)
    return module_of(settings).build_request(settings, asked, CASE, sample=sample, schema=schema)


def ask(settings, text="2+2?", *, system=None, schema=None, **changes):
    """The completion of one request, in a loop of its own."""

    async def run():
        provider = provider_for(settings, **changes)
        try:
            return await provider.complete(
                request_for(settings, text, system=system, schema=schema)
            )
        finally:
            await provider.aclose()

    return asyncio.run(run())


def base_url_of(settings):
    """Where the SDK's own client would send to; nothing is sent."""

    async def run():
        provider = provider_for(settings)
        client = await provider.open()
        await provider.aclose()
        return str(client.base_url).rstrip("/")

    return asyncio.run(run())
