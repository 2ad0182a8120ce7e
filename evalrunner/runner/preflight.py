"""Asks the providers about the models of a run before any money is spent.

One free look-up per distinct model that has requests to pay, all at the same time, behind clients
of their own. A provider's own hosts know their models: what they say is believed. Elsewhere (a
server on this machine, a proxy) only what would stop every request is a problem.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from evalrunner.errors import ConfigError, FailureKind, Problem, ProviderError
from evalrunner.formatting import safe_text
from evalrunner.providers.keys import find_key
from evalrunner.providers.registry import Wire
from evalrunner.providers.sdk import Endpoint, SdkSettings, WireProvider, endpoint_of
from evalrunner.providers.sdk.clouds import CLOUDS
from evalrunner.providers.sdk.models import ModelFacts, look_up, model_names

DEADLINE_S = 5.0
"""Longest that one look-up may take; a provider that is slower than that is only a warning."""
_SHOWN_NAMES = 8
_NO_SCOPE = "missing scopes"
"""OpenAI's words for a restricted key that may ask models, but not about them."""
_FORBIDDEN = 403


def check_models(
    wires: Iterable[Wire], *, environ: Mapping[str, str], today: date
) -> tuple[str, ...]:
    """Warnings about the models behind `wires`; uses the network and pays nothing.

    Cloud clients have no such look-up and are left out. Raises ConfigError with all problems.
    """
    accounts = list(_accounts(wires, environ))
    if not accounts:
        return ()
    findings = asyncio.run(_check_all(accounts, environ, today))
    problems = dict.fromkeys(p for found in findings for p in found.problems)
    if problems:
        raise ConfigError(problems)
    return tuple(dict.fromkeys(w for found in findings for w in found.warnings))


@dataclass(slots=True)
class _Account:
    """Models that are asked with one key at one address."""

    wire: Wire
    endpoint: Endpoint
    models: list[SdkSettings] = field(default_factory=list)

    @property
    def is_own_host(self) -> bool:
        """Whether the provider itself answers there."""
        return CLOUDS[self.wire.settings.provider, None].owns(self.endpoint.host)

    @property
    def names(self) -> tuple[str, ...]:
        """Distinct names of the models."""
        return tuple(dict.fromkeys(model.name for model in self.models))


@dataclass(slots=True)
class _Findings:
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def _accounts(wires: Iterable[Wire], environ: Mapping[str, str]) -> Iterator[_Account]:
    found: dict[tuple[str, str, str | None], _Account] = {}
    for wire in wires:
        settings = wire.settings
        if isinstance(settings, SdkSettings) and settings.client is None:
            endpoint = endpoint_of(settings, environ)
            holder = (settings.provider, endpoint.base_url, settings.api_key_env)
            account = found.setdefault(holder, _Account(wire, endpoint))
            account.models.append(settings)
    yield from found.values()


async def _check_all(
    accounts: Sequence[_Account], environ: Mapping[str, str], today: date
) -> list[_Findings]:
    providers = [_provider(account, environ) for account in accounts]
    try:
        # Importing an SDK stops the loop for a second: before any look-up's deadline runs.
        for provider in providers:
            with contextlib.suppress(ProviderError):
                await provider.open()
        checks = map(_check, accounts, providers, itertools.repeat(today))
        return await asyncio.gather(*checks)
    finally:
        for provider in providers:
            await provider.aclose()


def _provider(account: _Account, environ: Mapping[str, str]) -> WireProvider:
    provider = account.wire.open(api_key=find_key(account.models[0], environ))
    if not isinstance(provider, WireProvider):
        raise TypeError(f"{type(provider).__name__} cannot be asked about its models")
    return provider


async def _check(account: _Account, provider: WireProvider, today: date) -> _Findings:
    found = _Findings()
    said = await asyncio.gather(*(_ask(provider, name) for name in account.names))
    answers = dict(zip(account.names, said, strict=True))
    for name, answer in answers.items():
        if isinstance(answer, ProviderError):
            await _note_failure(found, account, provider, name, answer)
    for settings in account.models:
        answer = answers[settings.name]
        if isinstance(answer, ModelFacts):
            _note_facts(found, account, settings, answer, today)
    return found


async def _ask(provider: WireProvider, name: str) -> ModelFacts | ProviderError:
    try:
        return await look_up(provider, name, deadline_s=DEADLINE_S)
    except ProviderError as error:
        return error


async def _note_failure(
    found: _Findings, account: _Account, provider: WireProvider, name: str, error: ProviderError
) -> None:
    host, own = account.endpoint.host, account.is_own_host
    never_sent = error.kind is FailureKind.CONNECTION and not error.possibly_billed
    if error.kind is FailureKind.NOT_FOUND:
        await _note_missing(found, account, provider, name)
    elif never_sent:
        found.problems.append(_unreachable(account, error))
    elif error.kind in {FailureKind.AUTH, FailureKind.QUOTA} and _is_final(error, own=own):
        found.problems.append(_refused(account, error))
    elif own or error.kind not in {FailureKind.BAD_BODY, FailureKind.BAD_REQUEST}:
        # A server elsewhere need not have this look-up at all: what it says instead is no news.
        said = f"no answer within {DEADLINE_S:g} s"
        why = said if error.kind is FailureKind.TIMEOUT else str(error)
        found.warnings.append(f"{host} could not be asked about {name!r}: {why}")


def _is_final(error: ProviderError, *, own: bool) -> bool:
    """Whether requests would be refused as the look-up was."""
    if _NO_SCOPE in str(error).lower():
        return False
    return own or error.status_code != _FORBIDDEN


async def _note_missing(
    found: _Findings, account: _Account, provider: WireProvider, name: str
) -> None:
    try:
        listed = await model_names(provider, deadline_s=DEADLINE_S)
    except ProviderError:
        listed = []
    host, own = account.endpoint.host, account.is_own_host
    hint = _meant(name, listed)
    if own and name not in listed:
        what = f"{host} has no model {name!r}"
        found.problems.append(Problem(where="model.name", what=what, hint=hint))
    elif listed and name not in listed:
        found.warnings.append(f"{host} does not list the model {name!r}; {hint}")


def _meant(name: str, listed: list[str]) -> str:
    near = difflib.get_close_matches(name, listed, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    if not listed:
        return "check the name, and whether the key's project may use the model"
    more = f" and {len(listed) - _SHOWN_NAMES} more" if len(listed) > _SHOWN_NAMES else ""
    return safe_text(f"it lists {', '.join(listed[:_SHOWN_NAMES])}{more}", limit=400)


def _unreachable(account: _Account, error: ProviderError) -> Problem:
    endpoint = account.endpoint
    where = "model.base_url" if endpoint.source == "default" else endpoint.source
    hint = "is this machine online?" if account.is_own_host else "is the server running?"
    return Problem(where=where, what=f"cannot reach {endpoint.base_url}: {error}", hint=hint)


def _refused(account: _Account, error: ProviderError) -> Problem:
    name = account.models[0].api_key_env
    where = f"environment variable {name}" if name else "model.api_key_env"
    what = f"{account.endpoint.host} refuses it: {error}"
    if error.kind is FailureKind.QUOTA:
        return Problem(where=where, what=what, hint="top the account up, or raise its limit")
    hint = f"export {name}=… with a key that works there" if name else "name the key's variable"
    return Problem(where=where, what=what, hint=hint)


def _note_facts(
    found: _Findings, account: _Account, settings: SdkSettings, facts: ModelFacts, today: date
) -> None:
    host, name, most = account.endpoint.host, settings.name, facts.max_output_tokens
    if facts.is_retired:
        what = f"{name!r} was retired by {host}" + (f" on {facts.ends_on}" if facts.ends_on else "")
        hint = "choose a newer model; recorded answers of this one can still be reported"
        found.problems.append(Problem(where="model.name", what=what, hint=hint))
    elif facts.ends_on is not None:
        tense = "is to be" if facts.ends_on >= today.isoformat() else "was to be"
        found.warnings.append(f"{name} {tense} shut down on {facts.ends_on}, says {host}")
    elif facts.is_deprecated:
        found.warnings.append(f"{name} is deprecated, says {host}")
    if most is not None and settings.max_output_tokens > most:
        what = f"{name!r} answers with {most} tokens at most, not {settings.max_output_tokens}"
        hint = f"model.max_output_tokens={most}"
        found.problems.append(Problem(where="model.max_output_tokens", what=what, hint=hint))
