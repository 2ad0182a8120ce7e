"""Anthropic's models through the Messages API.

Requests and answers are handled as raw JSON; the SDK signs and sends, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from evalrunner.providers.sdk import SdkSettings, WireProvider, endpoint_of
from evalrunner.providers.sdk.bodies import (
    bad_body,
    joined,
    mapping,
    note_unknown_block,
    objects,
    other,
    read_object,
    text_or_none,
    tokens,
)
from evalrunner.providers.sdk.failures import error_object_failure
from evalrunner.redact import Redactor
from evalrunner.types import Case, Completion, Json, Prompt, Request, Status, Usage

API_VERSION = "2026-10-21"
"""What the SDK sends unless told otherwise; a test holds the two together."""
_NO_SAMPLING_SINCE = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
_PATH = "/v1/messages"
_VERSION_IN_BODY = frozenset({"bedrock", "vertex"})
_OURS = "it comes from the prompt"
_THINKING = ("thinking", "redacted_thinking")
_STOPS = {
    "end_turn": (Status.OK, "complete"),
    "stop_sequence": (Status.OK, "complete"),
    "max_tokens": (Status.TRUNCATED, "truncated"),
    "model_context_window_exceeded": (Status.TRUNCATED, "context_exceeded"),
    # A paused turn wants to be continued: what is there is not the whole answer.
    "pause_turn": (Status.TRUNCATED, "paused"),
    "refusal": (Status.REFUSED, "refused"),
}


class AnthropicSettings(SdkSettings):
    """A model behind the Anthropic SDK."""

    provider: Literal["anthropic"]
    api_key_env: str | None = "ANTHROPIC_API_KEY"
    api_version: str = Field(default=API_VERSION, pattern=r"^\d{4}-\d{2}-\d{2}$")
    """Sent as `anthropic-version`; quote it in YAML, or it becomes a date."""
    betas: list[str] = Field(default_factory=list)
    """Sent as `anthropic-beta`."""
    prompt_cache: Literal["5m", "1h"] | None = None
    """Keep the system prompt in Anthropic's cache for so long; null = not at all.

    Writing costs 1.25 (5m) or 2 (1h) times the input price, reading a tenth or a twentieth.
    """

    reserved_params: ClassVar[dict[str, str]] = {
        "model": "use model.name",
        "messages": _OURS,
        "input": _OURS,
        "system": _OURS,
        "stream": "answers are read whole",
        "max_tokens": "use model.max_output_tokens",
        "anthropic_version": "use model.api_version",
        "anthropic_beta": "use model.betas",
    }
    cache_params: ClassVar[dict[str, str]] = {"5m": "cache_control", "1h": "cache_control"}

    @property
    def shares_prefixes(self) -> bool:
        """Whether a request is cheaper once another one with the same beginning came back."""
        return self.prompt_cache is not None

    @model_validator(mode="after")
    def _url_leaves_the_version_out(self) -> Self:
        if self.base_url and self.base_url.rstrip("/").endswith("/v1"):
            raise ValueError("leave /v1 out of base_url: the SDK adds it")
        return self

    @model_validator(mode="after")
    def _sampling_is_accepted(self) -> Self:
        refused = [name for name in _SAMPLING if name in self.params]
        if refused and self.api_version >= _NO_SAMPLING_SINCE:
            raise ValueError(
                f"params.{refused[0]} is refused by Claude since API version "
                f"{_NO_SAMPLING_SINCE}; leave it out, or for an older model keep it and set "
                'api_version: "2023-06-01"'
            )
        return self


def build_request(
    settings: AnthropicSettings,
    prompt: Prompt,
    case: Case,
    *,
    sample: int,
    schema: Mapping[str, Json] | None = None,
) -> Request:
    """What will be sent for `prompt`; `schema` asks for JSON of that form. Needs no SDK."""
    endpoint = endpoint_of(settings)
    request = Request.build(
        provider="anthropic",
        model=settings.name,
        origin=endpoint.origin,
        path=endpoint.path + _PATH,
        body=_body(settings, prompt, schema),
        headers=_headers(settings),
        sample=sample,
        prompt=prompt,
        case=case,
    )
    if settings.prompt_cache is None:
        return request
    # After the key is made: how a prompt is billed does not change what is answered.
    return replace(request, body=_with_breakpoint(request.body, ttl=settings.prompt_cache))


def parse(
    request: Request,  # noqa: ARG001 - every provider's parse has it
    body: bytes,
    *,
    redactor: Redactor | None = None,
) -> Completion:
    """The completion in a raw body. Raises ProviderError for what is no answer."""
    answer = read_object(body, redactor=redactor)
    if answer.get("error"):
        raise error_object_failure(answer["error"], body, redactor=redactor)
    blocks, reason = answer.get("content"), answer.get("stop_reason")
    if not isinstance(blocks, list) or (reason is None and not blocks):
        raise bad_body("no list 'content', or an empty one and no reason", body, redactor=redactor)
    unknown = (Status.OK, None if reason is None else other(reason))
    status, stop_reason = _STOPS.get(str(reason), unknown)
    usage = mapping(answer.get("usage"))
    return Completion(
        text=_text(objects(blocks)),
        status=status,
        stop_reason=stop_reason,
        detail=text_or_none(mapping(answer.get("stop_details")).get("category")),
        usage=_usage(usage),
        served_model=text_or_none(answer.get("model")),
        request_id=text_or_none(answer.get("id")),
        # Fast mode has its own price and no tier of its own.
        service_tier="fast" if usage.get("speed") == "fast" else _tier(usage),
        raw=body,
    )


class AnthropicProvider(WireProvider):
    """Sends with `AsyncAnthropic` or one of its cloud clients."""

    settings: AnthropicSettings
    custom_headers_env = "ANTHROPIC_CUSTOM_HEADERS"
    models_path = "/v1/models"
    models_query: ClassVar[dict[str, object]] = {"limit": 1000}

    def make_client(self, *, api_key: str | None, http: Mapping[str, Any]) -> Any:
        """The SDK's client for `settings.client`."""
        import anthropic

        return self._client_class(anthropic)(
            **self._credentials(api_key),
            **self.client_options(),
            base_url=self.endpoint.base_url,
            max_retries=0,
            default_headers=self.own_headers(anthropic.Omit(), api_key=api_key),
            http_client=self.http_client(anthropic.DefaultAioHttpClient, http),
        )

    def sdk_errors(self) -> tuple[type[Exception], ...]:
        """Base of the SDK's exceptions."""
        import anthropic

        return (anthropic.AnthropicError,)

    @property
    def post_path(self) -> str:
        """The same for all clients: Bedrock's and Vertex's rewrite it."""
        return _PATH

    def parse(self, request: Request, body: bytes, *, redactor: Redactor) -> Completion:
        """As the module's `parse`."""
        return parse(request, body, redactor=redactor)

    def _client_class(self, anthropic: Any) -> Callable[..., Any]:
        names = {
            None: "AsyncAnthropic",
            "bedrock": "AsyncAnthropicBedrock",
            "bedrock_mantle": "AsyncAnthropicBedrockMantle",
            "vertex": "AsyncAnthropicVertex",
            "aws": "AsyncAnthropicAWS",
            "google_cloud": "AsyncAnthropicGoogleCloud",
            "foundry": "AsyncAnthropicFoundry",
        }
        made: Callable[..., Any] = getattr(anthropic, names[self.settings.client])
        return made

    def _credentials(self, api_key: str | None) -> dict[str, Any]:
        if api_key is None:
            return {}
        if self.settings.client == "vertex":
            return {"access_token": api_key}
        if self.settings.client == "google_cloud":
            return {"token_provider": lambda: api_key}
        return {"api_key": api_key}


def _body(
    settings: AnthropicSettings, prompt: Prompt, schema: Mapping[str, Json] | None
) -> dict[str, Json]:
    body: dict[str, Json] = {
        "model": settings.name,
        "max_tokens": settings.max_output_tokens,
        "messages": [{"role": turn.role, "content": turn.content} for turn in prompt.messages],
        **settings.params,
    }
    if prompt.system is not None:
        body["system"] = prompt.system
    if schema is not None:
        form = {"type": "json_schema", "schema": dict(schema)}
        body["output_config"] = {**mapping(body.get("output_config")), "format": form}
    if settings.client in _VERSION_IN_BODY:
        body["anthropic_version"] = settings.api_version
    return body


def _with_breakpoint(body: Mapping[str, Json], *, ttl: str) -> dict[str, Json]:
    """The body with a mark where the part ends that other requests begin with as well.

    Only what ends at a mark is written and can be read again. A top-level `cache_control` marks
    the last block, the case's own text: then every case pays for an entry that no other case
    reads. So it is used only where nothing but the repeats of a case share anything.
    """
    mark = {"type": "ephemeral", "ttl": ttl}
    system = body.get("system")
    if not system:
        return {**body, "cache_control": mark}
    return {**body, "system": [{"type": "text", "text": system, "cache_control": mark}]}


def _headers(settings: AnthropicSettings) -> dict[str, str]:
    headers = {}
    if settings.client not in _VERSION_IN_BODY:
        headers["anthropic-version"] = settings.api_version
    if settings.betas:
        headers["anthropic-beta"] = ",".join(settings.betas)
    return headers


def _text(blocks: list[dict[str, Json]]) -> str | None:
    texts = []
    for block in blocks:
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            texts.append(block["text"])
        elif block.get("type") not in _THINKING:
            note_unknown_block(str(block.get("type")))
    return joined(texts)


def _tier(usage: Mapping[str, Json]) -> str | None:
    return text_or_none(usage.get("service_tier"))


def _usage(usage: Mapping[str, Json]) -> Usage | None:
    """Anthropic's classes are disjoint already; only the cache writes have to be split.

    None when a part is missing or makes no sense: then the cost is unknown, never too low.
    """
    split = mapping(usage.get("cache_creation"))
    try:
        short = tokens(split, "ephemeral_5m_input_tokens", 0)
        long = tokens(split, "ephemeral_1h_input_tokens", 0)
        written = tokens(usage, "cache_creation_input_tokens", short + long)
        output = tokens(usage, "output_tokens")
        details = mapping(usage.get("output_tokens_details"))
        counted = Usage(
            input_tokens=tokens(usage, "input_tokens"),
            cache_read_tokens=tokens(usage, "cache_read_input_tokens", 0),
            cache_write_5m_tokens=written - long,
            cache_write_1h_tokens=long,
            output_tokens=output,
            reasoning_tokens=tokens(details, "thinking_tokens", 0),
        )
    except ValueError:
        return None
    makes_sense = written >= short + long and counted.reasoning_tokens <= output
    return counted if makes_sense else None
