"""What both providers' settings refuse, early and without echoing a secret."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import field_validator, model_validator

from evalrunner.providers import ApiModelSettings
from evalrunner.providers.sdk.clouds import CLOUDS, Cloud, clients_of
from evalrunner.providers.sdk.endpoints import check_url
from evalrunner.types import Json, canonical_json

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY_LOOK = re.compile(r"(sk|rk|pk)-.*|Bearer\s.*|AIza.*|(?=.*[0-9])[A-Za-z0-9]{20,}", re.DOTALL)
_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
_URL_OPTIONS = frozenset({"azure_endpoint"})


class SdkSettings(ApiModelSettings):
    """A model behind one of the two SDKs, checked as far as that goes without a network."""

    reserved_params: ClassVar[dict[str, str]] = {}
    """Body fields that `params` may not set, each with what to use in its place."""
    cache_params: ClassVar[dict[str, str]] = {}
    """By value of `prompt_cache`, the body field that it sets."""

    prompt_cache: str | None = None
    """How the provider caches beginnings of prompts; null = nothing is said about it."""

    @model_validator(mode="before")
    @classmethod
    def _key_of_the_client(cls, data: Any) -> Any:
        """Each cloud has its own key; an explicit null means that none is needed."""
        if not isinstance(data, dict) or "api_key_env" in data:
            return data
        cloud = CLOUDS.get((str(data.get("provider")), data.get("client")))
        return data if cloud is None else {**data, "api_key_env": cloud.key_env}

    @field_validator("api_key_env", "base_url_env")
    @classmethod
    def _names_a_variable(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if _KEY_LOOK.fullmatch(value.strip()):
            raise ValueError(
                "this looks like a key itself; give the name of the environment variable that "
                "holds it (e.g. OPENAI_API_KEY), and revoke the key if the file was shared"
            )
        if not _VARIABLE.fullmatch(value):
            raise ValueError("must be the name of an environment variable, e.g. OPENAI_API_KEY")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        return None if value is None else check_url(value)

    @field_validator("params")
    @classmethod
    def _params_are_json(cls, value: dict[str, Json]) -> dict[str, Json]:
        try:
            canonical_json(value)
        except (TypeError, ValueError):
            raise ValueError(
                "params must be plain JSON values (no dates, NaN or infinity)"
            ) from None
        for name in value:
            if name in cls.reserved_params:
                raise ValueError(f"{name!r} cannot be set here: {cls.reserved_params[name]}")
        return value

    @property
    def shares_prefixes(self) -> bool:
        """Whether a request is cheaper once another one with the same beginning came back."""
        return False

    @model_validator(mode="after")
    def _one_prompt_cache(self) -> SdkSettings:
        field = self.cache_params.get(self.prompt_cache or "")
        if field is not None and field in self.params:
            raise ValueError(f"set prompt_cache or params.{field}, not both")
        return self

    @model_validator(mode="after")
    def _one_base_url(self) -> SdkSettings:
        if self.base_url is not None and self.base_url_env is not None:
            raise ValueError("set base_url or base_url_env, not both")
        return self

    @model_validator(mode="after")
    def _batches_are_offered(self) -> SdkSettings:
        if self.transport == "batch" and self.client is not None:
            raise ValueError(
                f"transport: batch is the provider's own Batch API, not that of {self.client!r}; "
                "leave client out, or set transport: live"
            )
        return self

    @model_validator(mode="after")
    def _client_is_known(self) -> SdkSettings:
        cloud = CLOUDS.get((self.provider, self.client))
        if cloud is None:
            known = ", ".join(clients_of(self.provider))
            raise ValueError(f"no client {self.client!r} for {self.provider}; there are: {known}")
        unknown = sorted(set(self.client_options) - set(cloud.options))
        if unknown:
            known = ", ".join(cloud.options) or "none"
            raise ValueError(f"client_options has no {unknown[0]!r}; there are: {known}")
        self._check_needed(cloud)
        for name, value in self.client_options.items():
            _check_option(name, value)
        return self

    def _check_needed(self, cloud: Cloud) -> None:
        has_url = self.base_url is not None or self.base_url_env is not None
        needed = cloud.required if has_url else cloud.url_options + cloud.required
        for name in needed:
            if name not in self.client_options:
                raise ValueError(f"client {self.client!r} needs client_options.{name}")
        for name in cloud.url_options:
            if has_url and name in self.client_options:
                raise ValueError(f"set client_options.{name} or the base URL, not both")


def _check_option(name: str, value: Any) -> None:
    """Options become parts of URLs, so they are plain names."""
    if not isinstance(value, str):
        raise ValueError(f"client_options.{name} must be text; put it in quotes")  # noqa: TRY004 - pydantic converts ValueError only
    if name in _URL_OPTIONS:
        check_url(value)
    elif not _OPTION.fullmatch(value):
        raise ValueError(f"client_options.{name} may have letters, digits and . _ : - only")
