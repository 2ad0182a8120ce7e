"""Looks keys up by the name of their variable, and binds each to the hosts that may receive it.

A shared YAML file with a `base_url` must not receive its reader's key. So a key goes to its
provider's own hosts and to loopback; any other host has to be trusted once, by hand.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.sdk.clouds import CLOUDS
from evalrunner.providers.sdk.endpoints import Endpoint, cloud_of, endpoint_at, endpoint_of

_HOST = re.compile(r"[a-z0-9]([a-z0-9.:-]*[a-z0-9])?")
_KEY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTES = frozenset("\"'")


def find_key(settings: ApiModelSettings, environ: Mapping[str, str]) -> str | None:
    """The key that `api_key_env` names, stripped of blanks and quotes; None when there is none.

    Raises ConfigError, without echoing the value, for what cannot be a key or is another's.
    """
    name = settings.api_key_env
    if name is None:
        return None
    key = environ.get(name, "").strip()
    if len(key) > 1 and key[0] == key[-1] and key[0] in _QUOTES:
        key = key[1:-1].strip()
    if not key:
        return None
    if what := _flaw(key, settings):
        hint = f"export {name}=… with the key alone"
        raise ConfigError(Problem(where=f"environment variable {name}", what=what, hint=hint))
    return key


def check_key_host(
    settings: ApiModelSettings, origin: str, trusted: Collection[str]
) -> Problem | None:
    """Why the settings' key must not go to `origin`; None when it may.

    `trusted` are further hosts for this key: `trusted_hosts(key_name(settings))` and whatever
    `--trust-host` names.
    """
    return _host_problem(settings, endpoint_at(origin, source="model.base_url"), trusted)


def key_problems(
    settings: ApiModelSettings, environ: Mapping[str, str], *, trusted: Collection[str] = ()
) -> list[Problem]:
    """Everything that keeps a paid request of this model from being sent."""
    try:
        endpoint, key = endpoint_of(settings, environ), find_key(settings, environ)
        name = key_name(settings)
        hosts = {*trusted, *(trusted_hosts(name, environ) if name else ())}
    except ConfigError as error:
        return list(error.problems)
    problem = _host_problem(settings, endpoint, hosts)
    problems = [] if problem is None else [problem]
    env = settings.api_key_env
    needed = not endpoint.is_loopback and cloud_of(settings).credentials is None
    if env is not None and key is None and needed:
        what = f"the environment variable {env} is not set; {settings.name!r} has requests to pay"
        problems.append(Problem(where="model.api_key_env", what=what, hint=f"export {env}=…"))
    return problems


def key_name(settings: ApiModelSettings) -> str | None:
    """What the trust file calls the settings' key: its variable, or the cloud's credentials."""
    return settings.api_key_env or cloud_of(settings).credentials


def trusted_hosts(name: str, environ: Mapping[str, str] | None = None) -> frozenset[str]:
    """Hosts that the user trusted with the key `name`. Raises ConfigError for a broken file."""
    return frozenset(_read(_trust_file(environ)).get(name, ()))


def trust_host(host: str, name: str, environ: Mapping[str, str] | None = None) -> Path:
    """Trust `host` with the key `name` from now on; returns the file that says so.

    Raises ConfigError when `host` is a URL or `name` looks like a key rather than a name.
    """
    host = host.lower()
    if not _HOST.fullmatch(host):
        what = f"{host!r} is no host name"
        raise ConfigError(Problem(where="HOST", what=what, hint="give it without https:// or path"))
    if not _KEY_NAME.fullmatch(name):
        what = "this is no name of an environment variable (never give the key itself)"
        raise ConfigError(Problem(where="KEY_NAME", what=what, hint="e.g. OPENAI_API_KEY"))
    path = _trust_file(environ)
    trust = _read(path)
    trust[name] = sorted({*trust.get(name, ()), host})
    _write(path, trust)
    return path


def _flaw(key: str, settings: ApiModelSettings) -> str | None:
    if re.search(r"\s", key):
        return "the key has a blank or a line break inside"
    if not key.isascii() or not key.isprintable():
        return "the key has a character that no key has (not printable ASCII)"
    if _QUOTES & set(key):
        return "the key has a quotation mark in it"
    if settings.client is None and settings.base_url is None and settings.base_url_env is None:
        if settings.provider == "openai" and key.startswith("sk-ant-"):
            return "this is a key for Anthropic, but the model's provider is openai"
        if settings.provider == "anthropic" and key.startswith("sk-proj-"):
            return "this is a key for OpenAI, but the model's provider is anthropic"
    return None


def _host_problem(
    settings: ApiModelSettings, endpoint: Endpoint, trusted: Collection[str]
) -> Problem | None:
    name, where, host = key_name(settings), endpoint.source, endpoint.host
    if name is None or endpoint.is_loopback or host in trusted:
        return None
    if _owns(settings, host):
        if endpoint.origin.startswith("https:"):
            return None
        what = f"{name} would go to {host} unencrypted"
        return Problem(where=where, what=what, hint=f"use https://{host}")
    what = f"{name} would be sent to {host}, which is none of its provider's hosts"
    hint = f"if you trust that host with this key: evalrunner trust {host} {name}"
    return Problem(where=where, what=what, hint=hint)


def _owns(settings: ApiModelSettings, host: str) -> bool:
    """Whether `host` belongs to the provider of the key and of the model."""
    own = cloud_of(settings)
    others = {
        cloud.key_env for (provider, _), cloud in CLOUDS.items() if provider != settings.provider
    }
    another_s = settings.api_key_env in others - {own.key_env, None}
    return own.owns(host) and not another_s


def _trust_file(environ: Mapping[str, str] | None) -> Path:
    given = (os.environ if environ is None else environ).get("EVALRUNNER_CONFIG_DIR")
    if given:
        return Path(given) / "trust.json"
    import platformdirs

    return Path(platformdirs.user_config_dir("evalrunner")) / "trust.json"


def _read(path: Path) -> dict[str, list[str]]:
    try:
        trust = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        trust = None
    well_formed = isinstance(trust, dict) and all(
        isinstance(hosts, list) and all(isinstance(host, str) for host in hosts)
        for hosts in trust.values()
    )
    if not well_formed:
        what = 'not readable as {"KEY_NAME": ["host", …]}'
        raise ConfigError(Problem(where=str(path), what=what, hint="mend it or delete it"))
    return dict(trust)


def _write(path: Path, trust: Mapping[str, list[str]]) -> None:
    """Whole or not at all: a torn file would stop every later run."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as file:
            file.write(json.dumps(trust, indent=2, sort_keys=True) + "\n")
        Path(file.name).replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
