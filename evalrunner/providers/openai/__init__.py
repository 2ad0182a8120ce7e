"""OpenAI's models, and every server that speaks Chat Completions.

Requests and answers are handled as raw JSON; the SDK signs and sends, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from evalrunner.providers.openai import decisions
from evalrunner.providers.openai.answers import parse
from evalrunner.providers.sdk import SdkSettings, WireProvider, endpoint_of
from evalrunner.providers.sdk.bodies import mapping
from evalrunner.providers.sdk.clouds import CLOUDS
from evalrunner.providers.sdk.prefixes import prefix_key
from evalrunner.redact import Redactor
from evalrunner.types import Case, Completion, Json, Prompt, Request

__all__ = ["OpenAIProvider", "OpenAISettings", "build_request", "parse"]

_PATHS = {"responses": "/responses", "chat": "/chat/completions", "decisions": "/decisions"}
_OURS = "it comes from the prompt and the model's own keys"


class OpenAISettings(SdkSettings):
    """A model behind the OpenAI SDK."""

    provider: Literal["openai"]
    api: Literal["responses", "chat", "decisions"] = "responses"
    """`chat` for servers that are compatible with OpenAI's older API; `decisions` for judges alone.

    Decisions are choices with a confidence and without a text: `max_output_tokens` says nothing.
    """
    api_key_env: str | None = "OPENAI_API_KEY"
    prompt_cache: Literal["auto", "explicit"] | None = None
    """`auto`: requests with one system prompt are sent to where it is cached already.

    `explicit`: nothing is cached but what breakpoints of yours mark. By default (null) GPT-5.6 and
    later write every prompt of 1,024 tokens or more into the cache, at 1.25 times the input price:
    lost money where each prompt is asked once. Older models and compatible servers may refuse it.
    """

    reserved_params: ClassVar[dict[str, str]] = {
        "model": "use model.name",
        "messages": _OURS,
        "input": _OURS,
        "instructions": _OURS,
        "questions": _OURS,
        "stream": "answers are read whole",
        "background": "answers are read whole",
        "n": "use run.repeats: only one answer of a request is read",
        "store": "answers are never stored at OpenAI",
        "max_output_tokens": "use model.max_output_tokens",
        "max_completion_tokens": "use model.max_output_tokens",
    }
    cache_params: ClassVar[dict[str, str]] = {
        "auto": "prompt_cache_key",
        "explicit": "prompt_cache_options",
    }

    @property
    def shares_prefixes(self) -> bool:
        """Whether a request is cheaper once another one with the same beginning came back."""
        return self.prompt_cache == "auto"

    @property
    def seller(self) -> str:
        """Decisions have a price list of their own."""
        return "openai-decisions" if self.api == "decisions" else super().seller

    @model_validator(mode="after")
    def _can_decide(self) -> OpenAISettings:
        if self.api == "decisions":
            decisions.check(self)
        return self


def build_request(
    settings: OpenAISettings,
    prompt: Prompt,
    case: Case,
    *,
    sample: int,
    schema: Mapping[str, Json] | None = None,
) -> Request:
    """What will be sent for `prompt`; `schema` asks for JSON of that form. Needs no SDK."""
    endpoint = endpoint_of(settings)
    body = _BODIES[settings.api](settings, prompt, schema) | _cache_fields(settings, prompt)
    if settings.api == "chat" and CLOUDS["openai", None].owns(endpoint.host):
        # Compatible servers may refuse a field that they don't know.
        body["store"] = False
    version = settings.client_options.get("api_version")
    return Request.build(
        provider="openai",
        model=settings.name,
        origin=endpoint.origin,
        path=endpoint.path + _PATHS[settings.api] + (f"?api-version={version}" if version else ""),
        body=body,
        sample=sample,
        schema=schema,
        prompt=prompt,
        case=case,
    )


class OpenAIProvider(WireProvider):
    """Sends with `AsyncOpenAI` or one of its cloud clients."""

    settings: OpenAISettings
    custom_headers_env = "OPENAI_CUSTOM_HEADERS"
    models_path = "/models"

    def make_client(self, *, api_key: str | None, http: Mapping[str, Any]) -> Any:
        """The SDK's client for `settings.client`."""
        import openai

        headers = self.own_headers(openai.Omit(), api_key=api_key)
        if not CLOUDS["openai", None].owns(self.endpoint.host):
            # Taken from OPENAI_ORG_ID and OPENAI_PROJECT_ID: nobody else's business.
            headers |= {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        make: Mapping[str | None, Callable[..., Any]] = {
            None: openai.AsyncOpenAI,
            "azure": openai.AsyncAzureOpenAI,
            "bedrock": openai.AsyncBedrockOpenAI,
            "vertex": openai.AsyncOpenAI,
        }
        return make[self.settings.client](
            **self._credentials(api_key),
            max_retries=0,
            default_headers=headers,
            http_client=self.http_client(openai.DefaultAioHttpClient, http),
        )

    def sdk_errors(self) -> tuple[type[Exception], ...]:
        """Base of the SDK's exceptions."""
        import openai

        return (openai.OpenAIError,)

    @property
    def post_path(self) -> str:
        """Relative to the base URL, which ends in `/v1`."""
        return _PATHS[self.settings.api]

    def parse(self, request: Request, body: bytes, *, redactor: Redactor) -> Completion:
        """As the module's `parse`."""
        return parse(request, body, redactor=redactor)

    def _credentials(self, api_key: str | None) -> dict[str, Any]:
        base_url = self.endpoint.base_url
        if self.settings.client != "vertex":
            return {"api_key": api_key, "base_url": base_url, **self.client_options()}
        from openai.providers import vertex

        # A key for Vertex is an access token; without one Google's default credentials sign.
        token = None if api_key is None else lambda: api_key
        return {"provider": vertex(base_url=base_url, token_provider=token)}


def _responses_body(
    settings: OpenAISettings, prompt: Prompt, schema: Mapping[str, Json] | None
) -> dict[str, Json]:
    body: dict[str, Json] = {
        "model": settings.name,
        "input": [{"role": turn.role, "content": turn.content} for turn in prompt.messages],
        "max_output_tokens": settings.max_output_tokens,
        "store": False,
        **settings.params,
    }
    if prompt.system is not None:
        body["instructions"] = prompt.system
    if schema is not None:
        body["text"] = {**mapping(body.get("text")), "format": _json_schema(schema)}
        body["text"]["format"]["type"] = "json_schema"
    return body


def _chat_body(
    settings: OpenAISettings, prompt: Prompt, schema: Mapping[str, Json] | None
) -> dict[str, Json]:
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt.messages]
    if prompt.system is not None:
        turns.insert(0, {"role": "system", "content": prompt.system})
    body: dict[str, Json] = {"model": settings.name, "messages": turns, **settings.params}
    if "max_tokens" not in settings.params:
        # Old servers know only `max_tokens`, new models refuse it: params decide.
        body["max_completion_tokens"] = settings.max_output_tokens
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": _json_schema(schema)}
    return body


_BODIES: Mapping[str, Callable[..., dict[str, Json]]] = {
    "responses": _responses_body,
    "chat": _chat_body,
    "decisions": decisions.body_of,
}


def _cache_fields(settings: OpenAISettings, prompt: Prompt) -> dict[str, Json]:
    """Both are neutral in the cache key: they change what is billed, not what is answered."""
    if settings.prompt_cache == "auto":
        return {"prompt_cache_key": f"evalrunner-{prefix_key(prompt)[:32]}"}
    if settings.prompt_cache == "explicit":
        return {"prompt_cache_options": {"mode": "explicit"}}
    return {}


def _json_schema(schema: Mapping[str, Json]) -> dict[str, Json]:
    return {"name": "answer", "schema": dict(schema), "strict": True}
