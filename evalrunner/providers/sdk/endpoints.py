"""Where requests of a model go: one answer for the plan, the cache key, the key check and the wire.

The environment counts too (`base_url_env`, the SDK's own `*_BASE_URL`), so it is asked here and
nowhere else; the SDK is then told explicitly.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from evalrunner.errors import ConfigError, Problem
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.sdk.clouds import CLOUDS, Cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The base URL of a model's requests."""

    base_url: str
    origin: str
    """Scheme, host and port."""
    host: str
    """Lower case, without port."""
    path: str
    """Of the base URL, without a slash at its end."""
    source: str
    """What set it, for messages: a configuration key, an environment variable, or `default`."""

    @property
    def is_loopback(self) -> bool:
        """Whether requests stay on this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def cloud_of(settings: ApiModelSettings) -> Cloud:
    """The table entry for the settings' provider and client."""
    return CLOUDS[settings.provider, settings.client]


def endpoint_of(settings: ApiModelSettings, environ: Mapping[str, str] | None = None) -> Endpoint:
    """The effective endpoint; `environ` is `os.environ` by default.

    Raises ConfigError when `base_url_env` names an unset variable or the URL is none.
    """
    base_url, source = _effective_url(settings, os.environ if environ is None else environ)
    return endpoint_at(base_url, source=source)


def endpoint_at(base_url: str, *, source: str) -> Endpoint:
    """The endpoint of a base URL. Raises ConfigError when it is none."""
    try:
        return _parse(base_url, source)
    except ValueError as error:
        raise ConfigError(Problem(where=source, what=str(error))) from None


def check_url(url: str) -> str:
    """`url` itself. Raises ValueError for what is no plain http(s) base URL; never echoes it.

    A user part is refused because it is a secret in a shared file, and because
    `http://127.0.0.1@example.com` reads like loopback and is not.
    """
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        raise ValueError("the base URL has a blank, a backslash or a control character in it")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the base URL must look like https://host/path")
    if "@" in parts.netloc:
        raise ValueError(
            "the base URL must not hold a user name or password: name the variable that holds "
            "the key in api_key_env"
        )
    if parts.query or parts.fragment:
        raise ValueError("the base URL must not have a query or a fragment")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("the port of the base URL is no number up to 65535") from None
    return url


def _effective_url(settings: ApiModelSettings, environ: Mapping[str, str]) -> tuple[str, str]:
    cloud = cloud_of(settings)
    if settings.base_url is not None:
        return settings.base_url, "model.base_url"
    if settings.base_url_env is not None:
        value = environ.get(settings.base_url_env, "").strip()
        if not value:
            what = f"the environment variable {settings.base_url_env!r} is not set"
            hint = f"export {settings.base_url_env}=https://host/path, or set model.base_url"
            raise ConfigError(Problem(where="model.base_url_env", what=what, hint=hint))
        return value, f"environment variable {settings.base_url_env}"
    for name in cloud.url_envs:
        if value := environ.get(name, "").strip():
            return value, f"environment variable {name}"
    return cloud.base_url(settings.client_options), "default"


@lru_cache(maxsize=256)
def _parse(base_url: str, source: str) -> Endpoint:
    parts = urlsplit(check_url(base_url))
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    origin = f"{parts.scheme}://{shown}{port}"
    path = parts.path.rstrip("/")
    return Endpoint(base_url=origin + path, origin=origin, host=host, path=path, source=source)
