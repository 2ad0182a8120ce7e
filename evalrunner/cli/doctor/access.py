"""Keys, hosts and prices: who may be asked, with what, and for how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from evalrunner.cli.doctor.check import Check, State
from evalrunner.errors import ConfigError
from evalrunner.pricing import PriceBook, PricingSettings
from evalrunner.providers import ApiModelSettings, ModelSettings
from evalrunner.providers.keys import find_key, key_name, trusted_hosts
from evalrunner.providers.sdk.endpoints import endpoint_at

_USUAL_KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")
_BASE_URLS = ("ANTHROPIC_BASE_URL", "OPENAI_BASE_URL")
_LOG_LEVELS = ("ANTHROPIC_LOG", "OPENAI_LOG")


def key_checks(models: Mapping[str, ModelSettings], environ: Mapping[str, str]) -> Iterator[Check]:
    """Each key that some model needs: there or not, and whether it can be one; never its value."""
    holders: dict[str, ApiModelSettings | None] = dict.fromkeys(_USUAL_KEYS)
    for settings in _apis(models).values():
        if settings.api_key_env is not None and holders.get(settings.api_key_env) is None:
            holders[settings.api_key_env] = settings
    for name, holder in holders.items():
        yield _key_check(name, holder, environ)


def _key_check(name: str, holder: ApiModelSettings | None, environ: Mapping[str, str]) -> Check:
    try:
        key = find_key(holder, environ) if holder else environ.get(name, "").strip()
    except ConfigError as error:
        problem = error.problems[0]
        return Check(name, State.BROKEN, problem.what, problem.hint)
    if not key:
        return Check(name, State.WARNING, "not set", f"export {name}=… to use models that need it")
    return Check(name, State.OK, f"set, {len(key)} characters")


def variable_checks(environ: Mapping[str, str]) -> Iterator[Check]:
    """Variables that change where requests go or what is logged, without a word in any YAML."""
    for name in _BASE_URLS:
        if value := environ.get(name, "").strip():
            yield _base_url_check(name, value)
    for name in _LOG_LEVELS:
        if environ.get(name, "").strip().lower() == "debug":
            what = "debug: the SDK prints prompts and answers to stderr"
            yield Check(name, State.WARNING, what, f"unset {name}")


def _base_url_check(name: str, value: str) -> Check:
    try:
        endpoint = endpoint_at(value, source=name)
    except ConfigError as error:
        return Check(name, State.BROKEN, error.problems[0].what, f"mend it, or unset {name}")
    what = f"requests of models without base_url go to {endpoint.origin}"
    return Check(name, State.WARNING, what, f"unset {name} for the provider's own host")


def trust_checks(
    models: Mapping[str, ModelSettings], environ: Mapping[str, str]
) -> Iterator[Check]:
    """Which keys may go to further hosts."""
    names = {name for settings in _apis(models).values() if (name := key_name(settings))}
    found = False
    for name in sorted({*_USUAL_KEYS, *names}):
        try:
            hosts = trusted_hosts(name, environ)
        except ConfigError as error:
            problem = error.problems[0]
            what = f"{problem.where}: {problem.what}"
            yield Check("trusted hosts", State.BROKEN, what, problem.hint)
            return
        if hosts:
            found = True
            what = f"{name} may also be sent to {', '.join(sorted(hosts))}"
            yield Check("trusted hosts", State.OK, what)
    if not found:
        yield Check("trusted hosts", State.OK, "none: keys go to their providers' own hosts alone")


def price_check(models: Mapping[str, ModelSettings], *, at: datetime) -> Check:
    """Whether the price table knows every API model."""
    book = PriceBook(PricingSettings(), at=at)
    apis = {name: s for name, s in _apis(models).items() if s.api_key_env is not None}
    unknown = [
        f"{name} ({settings.price or settings.name})"
        for name, settings in apis.items()
        if book.prices(settings.price or settings.name, settings.seller) is None
    ]
    if unknown:
        what = f"none in genai-prices for {', '.join(unknown)}: their cost will be unknown"
        hint = "add them to pricing.overrides, see conf/pricing/compute.yaml"
        return Check("prices", State.WARNING, what, hint)
    return Check("prices", State.OK, f"known for all {len(apis)} API models")


def _apis(models: Mapping[str, ModelSettings]) -> dict[str, ApiModelSettings]:
    return {name: s for name, s in models.items() if isinstance(s, ApiModelSettings)}
