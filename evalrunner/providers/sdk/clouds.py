"""The SDKs' cloud clients by short name: options, hosts and base URLs, as plain data.

Base URLs are computed here rather than by the SDK, so that what the plan shows, what the cache key
holds and what is called are one value. Regions come from the configuration, never from the
environment: two machines with the same YAML must ask the same model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """One way to reach a provider's models."""

    hosts: str
    """Regular expression for the whole host names that belong to it: its keys may go there.

    Kept narrow: names under `amazonaws.com` or `azure.com` alone can be had by anybody.
    """
    base_url: Callable[[Mapping[str, str]], str]
    """Base URL from `client_options`."""
    key_env: str | None
    """Variable that holds the key unless `api_key_env` says otherwise."""
    url_envs: tuple[str, ...] = ()
    """Variables from which the SDK itself takes the base URL."""
    url_options: tuple[str, ...] = ()
    """Options that make the base URL: needed unless `base_url` is given, and then refused."""
    required: tuple[str, ...] = ()
    """Options that the service needs in any case."""
    optional: tuple[str, ...] = ()
    credentials: str | None = None
    """Name of what signs requests when there is no key; None = a key is needed."""

    @property
    def options(self) -> tuple[str, ...]:
        """Every key that `client_options` may have."""
        return self.url_options + self.required + self.optional

    def owns(self, host: str) -> bool:
        """Whether `host` is one of its hosts."""
        return re.fullmatch(self.hosts, host) is not None


_NAME = "[a-z0-9-]+"
_AZURE_HOSTS = rf"{_NAME}\.(openai|cognitiveservices|services\.ai)\.azure\.com"
_VERTEX_HOSTS = rf"({_NAME}-)?aiplatform\.googleapis\.com|aiplatform\.(us|eu)\.rep\.googleapis\.com"


def _azure_url(options: Mapping[str, str]) -> str:
    return options["azure_endpoint"].rstrip("/") + "/openai"


def _openai_vertex_url(options: Mapping[str, str]) -> str:
    project, location = options["project"], options["location"]
    host = _vertex_prefix(location) + "aiplatform.googleapis.com"
    return f"https://{host}/v1/projects/{project}/locations/{location}/publishers/openai/v1"


def _anthropic_vertex_url(options: Mapping[str, str]) -> str:
    region = options["region"]
    if region in {"us", "eu"}:
        return f"https://aiplatform.{region}.rep.googleapis.com/v1"
    return f"https://{_vertex_prefix(region)}aiplatform.googleapis.com/v1"


def _vertex_prefix(location: str) -> str:
    return "" if location == "global" else f"{location}-"


def _template(text: str) -> Callable[[Mapping[str, str]], str]:
    return text.format_map


CLOUDS: Mapping[tuple[str, str | None], Cloud] = {
    ("openai", None): Cloud(
        hosts=rf"({_NAME}\.)?api\.openai\.com",
        base_url=_template("https://api.openai.com/v1"),
        key_env="OPENAI_API_KEY",
        url_envs=("OPENAI_BASE_URL",),
    ),
    ("openai", "azure"): Cloud(
        hosts=_AZURE_HOSTS,
        base_url=_azure_url,
        key_env="AZURE_OPENAI_API_KEY",
        # `name` is the deployment; `price` then names the model.
        url_options=("azure_endpoint",),
        required=("api_version",),
    ),
    ("openai", "bedrock"): Cloud(
        hosts=rf"bedrock-mantle\.{_NAME}\.api\.aws|bedrock-runtime\.{_NAME}\.amazonaws\.com",
        base_url=_template("https://bedrock-mantle.{aws_region}.api.aws/openai/v1"),
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        url_envs=("AWS_BEDROCK_BASE_URL",),
        required=("aws_region",),
        optional=("aws_profile",),
        credentials="AWS_CREDENTIALS",
    ),
    ("openai", "vertex"): Cloud(
        hosts=_VERTEX_HOSTS,
        base_url=_openai_vertex_url,
        key_env=None,
        url_options=("project", "location"),
        credentials="GOOGLE_CREDENTIALS",
    ),
    ("anthropic", None): Cloud(
        hosts=r"api\.anthropic\.com",
        base_url=_template("https://api.anthropic.com"),
        key_env="ANTHROPIC_API_KEY",
        url_envs=("ANTHROPIC_BASE_URL",),
    ),
    ("anthropic", "bedrock"): Cloud(
        hosts=rf"bedrock-runtime\.{_NAME}\.amazonaws\.com",
        base_url=_template("https://bedrock-runtime.{aws_region}.amazonaws.com"),
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        url_envs=("ANTHROPIC_BEDROCK_BASE_URL",),
        required=("aws_region",),
        optional=("aws_profile",),
        credentials="AWS_CREDENTIALS",
    ),
    ("anthropic", "bedrock_mantle"): Cloud(
        hosts=rf"bedrock-mantle\.{_NAME}\.api\.aws",
        base_url=_template("https://bedrock-mantle.{aws_region}.api.aws/anthropic"),
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        url_envs=("ANTHROPIC_BEDROCK_MANTLE_BASE_URL",),
        required=("aws_region",),
        optional=("aws_profile",),
        credentials="AWS_CREDENTIALS",
    ),
    ("anthropic", "vertex"): Cloud(
        hosts=_VERTEX_HOSTS,
        base_url=_anthropic_vertex_url,
        key_env=None,
        url_envs=("ANTHROPIC_VERTEX_BASE_URL",),
        required=("region", "project_id"),
        credentials="GOOGLE_CREDENTIALS",
    ),
    ("anthropic", "aws"): Cloud(
        hosts=rf"aws-external-anthropic\.{_NAME}\.api\.aws",
        base_url=_template("https://aws-external-anthropic.{aws_region}.api.aws"),
        key_env="ANTHROPIC_AWS_API_KEY",
        url_envs=("ANTHROPIC_AWS_BASE_URL",),
        required=("aws_region", "workspace_id"),
        optional=("aws_profile",),
        credentials="AWS_CREDENTIALS",
    ),
    ("anthropic", "google_cloud"): Cloud(
        hosts=r"claude\.googleapis\.com",
        base_url=_template(
            "https://claude.googleapis.com/v1/projects/{project}/locations/{location}"
            "/workspaces/{workspace_id}/invoke"
        ),
        key_env=None,
        url_envs=("ANTHROPIC_GOOGLE_CLOUD_BASE_URL",),
        url_options=("project", "location", "workspace_id"),
        credentials="GOOGLE_CREDENTIALS",
    ),
    ("anthropic", "foundry"): Cloud(
        hosts=_AZURE_HOSTS,
        base_url=_template("https://{resource}.services.ai.azure.com/anthropic"),
        key_env="ANTHROPIC_FOUNDRY_API_KEY",
        url_envs=("ANTHROPIC_FOUNDRY_BASE_URL",),
        url_options=("resource",),
    ),
}
"""By provider and `client`; None is the provider's own API."""


def clients_of(provider: str) -> list[str]:
    """Short names that `client:` may have for this provider."""
    return [client for owner, client in CLOUDS if owner == provider and client is not None]
