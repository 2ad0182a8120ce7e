"""Which module answers for which `provider:`, without importing any SDK."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from evalrunner.project import Project
from evalrunner.providers import (
    ApiModelSettings,
    ModelSettings,
    Provider,
    anthropic,
    baseline,
    openai,
    python,
    recording,
    replay,
)
from evalrunner.providers.files import fingerprint
from evalrunner.providers.sdk import endpoint_of
from evalrunner.types import Case, Completion, Json, Prompt, Request

_APIS: dict[str, tuple[Any, Any]] = {
    "anthropic": (anthropic, anthropic.AnthropicProvider),
    "openai": (openai, openai.OpenAIProvider),
}
_IN_PROCESS: dict[str, Any] = {"baseline": baseline, "python": python, "replay": replay}


class BuildRequest(Protocol):
    """Makes the request of a prompt; pure, needs neither SDK nor key."""

    def __call__(
        self, prompt: Prompt, case: Case, sample: int, *, schema: Mapping[str, Json] | None = None
    ) -> Request:
        """`schema` asks an API for JSON of that form; what runs in this process is told nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How one model configuration is asked."""

    settings: ModelSettings
    build_request: BuildRequest
    parse: Callable[[Request, bytes], Completion]
    """Turns a kept body into a completion."""
    open: Callable[..., Provider]
    """The provider itself; an API's takes `api_key` and `on_headers`. Called inside the loop."""
    origin: str = ""
    """Scheme, host and port that are called; empty for what runs in this process."""
    files: dict[str, str] = field(default_factory=dict)
    """Hash of each file beside the configuration that decides the answers, by its name there."""

    @property
    def is_api(self) -> bool:
        """Whether requests leave this process and are paid by somebody's key."""
        return isinstance(self.settings, ApiModelSettings)

    @property
    def is_recorded(self) -> bool:
        """Whether answers are recorded one by one: those that cost something to make again."""
        return self.is_api or self.settings.provider == "python"


def wire_for(settings: ModelSettings, project: Project) -> Wire:
    """The wire of a model. Raises ConfigError when it could never answer: a missing file, ..."""
    if isinstance(settings, ApiModelSettings):
        return _api_wire(settings)
    module = _IN_PROCESS[settings.provider]
    module.check(settings, project)

    def build(
        prompt: Prompt, case: Case, sample: int, *, schema: Mapping[str, Json] | None = None
    ) -> Request:
        del schema
        request: Request = module.build_request(
            settings, prompt, case, sample=sample, project=project
        )
        return request

    return Wire(
        settings=settings,
        build_request=build,
        parse=recording.parse,
        open=partial(module.make, settings, project),
        files=_files_of(settings, project),
    )


def _api_wire(settings: ApiModelSettings) -> Wire:
    module, provider = _APIS[settings.provider]

    def build(
        prompt: Prompt, case: Case, sample: int, *, schema: Mapping[str, Json] | None = None
    ) -> Request:
        request: Request = module.build_request(
            settings, prompt, case, sample=sample, schema=schema
        )
        return request

    return Wire(
        settings=settings,
        build_request=build,
        parse=module.parse,
        open=partial(provider, settings),
        origin=endpoint_of(settings).origin,
    )


def _files_of(settings: ModelSettings, project: Project) -> dict[str, str]:
    named = {
        "function": getattr(settings, "function", "").rpartition(":")[0],
        "path": getattr(settings, "path", ""),
        "train": getattr(settings, "train", ""),
    }
    return {
        name: fingerprint(project, name, where=f"model.{key}").sha256
        for key, name in named.items()
        if name
    }
