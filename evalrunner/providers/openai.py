"""OpenAI's models, and every server that speaks Chat Completions.

Requests and answers are handled as raw JSON; the SDK signs and sends, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from evalrunner.providers.sdk import SdkSettings, WireProvider, endpoint_of
from evalrunner.providers.sdk.bodies import (
    UnusableError,
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
from evalrunner.providers.sdk.clouds import CLOUDS
from evalrunner.providers.sdk.failures import error_object_failure
from evalrunner.redact import Redactor
from evalrunner.types import Case, Completion, Json, Prompt, Request, Status, Usage

_PATHS = {"responses": "/responses", "chat": "/chat/completions"}
# Tuples: what arrives may be a list, and sets cannot even be asked about those.
_NO_ANSWER = ("failed", "cancelled", "queued", "in_progress")
_FINAL = (None, "final_answer")
_OURS = "it comes from the prompt and the model's own keys"


class OpenAISettings(SdkSettings):
    """A model behind the OpenAI SDK."""

    provider: Literal["openai"]
    api: Literal["responses", "chat"] = "responses"
    """`chat` for servers that are compatible with OpenAI's older API."""
    api_key_env: str | None = "OPENAI_API_KEY"

    reserved_params: ClassVar[dict[str, str]] = {
        "model": "use model.name",
        "messages": _OURS,
        "input": _OURS,
        "instructions": _OURS,
        "stream": "answers are read whole",
        "background": "answers are read whole",
        "n": "use run.repeats: only one answer of a request is read",
        "store": "answers are never stored at OpenAI",
        "max_output_tokens": "use model.max_output_tokens",
        "max_completion_tokens": "use model.max_output_tokens",
    }


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
    body_of = _responses_body if settings.api == "responses" else _chat_body
    body = body_of(settings, prompt, schema)
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
        prompt=prompt,
        case=case,
    )


def parse(request: Request, body: bytes, *, redactor: Redactor | None = None) -> Completion:
    """The completion in a raw body. Raises ProviderError for what is no answer."""
    answer = read_object(body, redactor=redactor)
    if error := _error_in(answer):
        raise error_object_failure(error, body, redactor=redactor)
    read = _read_chat if request.path.split("?")[0].endswith(_PATHS["chat"]) else _read_response
    try:
        text, status, stop_reason = read(answer)
    except UnusableError as error:
        raise bad_body(str(error), body, redactor=redactor) from None
    return Completion(
        text=text,
        status=status,
        stop_reason=stop_reason,
        usage=_usage(answer.get("usage")),
        served_model=text_or_none(answer.get("model")),
        request_id=text_or_none(answer.get("id")),
        service_tier=text_or_none(answer.get("service_tier")),
        raw=body,
    )


class OpenAIProvider(WireProvider):
    """Sends with `AsyncOpenAI` or one of its cloud clients."""

    settings: OpenAISettings
    custom_headers_env = "OPENAI_CUSTOM_HEADERS"

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
            http_client=openai.DefaultAioHttpClient(**http),
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


def _error_in(answer: Mapping[str, Json]) -> Json:
    """The error that came in place of an answer; None when there is an answer."""
    if answer.get("error"):
        return answer["error"]
    if answer.get("status") in _NO_ANSWER:
        message = f"the response has the status {answer['status']!r} instead of an answer"
        return {"type": "server_error", "message": message}
    return None


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


def _json_schema(schema: Mapping[str, Json]) -> dict[str, Json]:
    return {"name": "answer", "schema": dict(schema), "strict": True}


def _read_response(answer: Mapping[str, Json]) -> tuple[str | None, Status, str | None]:
    if not isinstance(answer.get("output"), list):
        raise UnusableError("no list 'output'")
    state = answer.get("status", "completed")
    text, refusal = _output_text(objects(answer["output"]))
    reason = mapping(answer.get("incomplete_details")).get("reason")
    if state == "incomplete" and reason == "content_filter":
        return text, Status.REFUSED, "filtered"
    if refusal is not None:
        return text or refusal, Status.REFUSED, "refused"
    if state == "incomplete":
        known = reason == "max_output_tokens"
        return text, Status.TRUNCATED, "truncated" if known else other(reason)
    if state != "completed":
        return text, Status.OK, None if state is None else other(state)
    return text, Status.OK, "complete"


def _output_text(items: list[dict[str, Json]]) -> tuple[str | None, str | None]:
    """Final text and refusal: commentary is thinking aloud and never part of the answer."""
    texts, refusals = [], []
    for item in items:
        if item.get("type") != "message" or item.get("phase") not in _FINAL:
            continue
        for part in objects(item.get("content")):
            if part.get("type") == "refusal":
                refusals.append(str(part.get("refusal") or ""))
            elif isinstance(part.get("text"), str):
                texts.append(part["text"])
            else:
                note_unknown_block(str(part.get("type")))
    return joined(texts), joined(refusals)


def _read_chat(answer: Mapping[str, Json]) -> tuple[str | None, Status, str | None]:
    choices = objects(answer.get("choices"))
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise UnusableError("no message in 'choices'")
    message, reason = choices[0]["message"], choices[0].get("finish_reason")
    text, refusal = _chat_text(message.get("content")), text_or_none(message.get("refusal"))
    if reason == "content_filter":
        return text, Status.REFUSED, "filtered"
    if refusal:
        return text or refusal, Status.REFUSED, "refused"
    if reason == "length":
        return text, Status.TRUNCATED, "truncated"
    if reason == "stop":
        return text, Status.OK, "complete"
    if reason is None and not text:
        raise UnusableError("neither content nor a stop reason")
    return text, Status.OK, None if reason is None else other(reason)


def _chat_text(content: Json) -> str | None:
    if isinstance(content, list):
        return joined([p["text"] for p in objects(content) if isinstance(p.get("text"), str)])
    return text_or_none(content)


def _usage(usage: Json) -> Usage | None:
    """Disjoint classes from OpenAI's, where input includes what was read and written.

    None when a part is missing or makes no sense: then the cost is unknown, never too low.
    """
    if not isinstance(usage, dict):
        return None
    old = "prompt_tokens" in usage
    prompt, answer = ("prompt", "completion") if old else ("input", "output")
    details = mapping(usage.get(f"{prompt}_tokens_details"))
    split = mapping(details.get("cache_write_tokens_details"))
    try:
        total, output = tokens(usage, f"{prompt}_tokens"), tokens(usage, f"{answer}_tokens")
        read, written = (
            tokens(details, "cached_tokens", 0),
            tokens(details, "cache_write_tokens", 0),
        )
        long = tokens(split, "ttl_12h_tokens", 0)
        thought = tokens(mapping(usage.get(f"{answer}_tokens_details")), "reasoning_tokens", 0)
    except ValueError:
        return None
    if read + written > total or long > written or thought > output:
        return None
    return Usage(
        input_tokens=total - read - written,
        cache_read_tokens=read,
        cache_write_5m_tokens=written - long,
        cache_write_1h_tokens=long,
        output_tokens=output,
        reasoning_tokens=thought,
    )
