"""The page as a document: templates, assets, and the policy that lets nothing else run.

Every text that a template shows passes `visible_text`, then autoescape: what a model or a user
wrote can neither be markup nor hide or reorder what stands beside it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalrunner import formatting
from evalrunner.types import Estimate

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_ASSETS = _HERE / "assets"
_SYNTAX: dict[str, Any] = {
    "trim_blocks": True,
    "lstrip_blocks": True,
    # A page is rendered once in a process: to optimise takes longer than it saves.
    "optimized": False,
}
"""What decides how a template is compiled."""
_JOINERS = "\u200c\u200d"
"""Invisible, and needed to write Persian or to draw some emoji."""


def styles() -> list[str]:
    """The style sheets, `page.css` first: it sets what the others use."""
    first = _ASSETS / "page.css"
    rest = sorted(path for path in _ASSETS.glob("*.css") if path != first)
    return [path.read_text("utf-8") for path in (first, *rest)]


def scripts(*, browser: bool) -> list[str]:
    """The scripts, in order of their names; those of the case browser only on demand."""
    paths = sorted(_ASSETS.glob("*.js"))
    wanted = [path for path in paths if browser or not path.name.startswith("browser")]
    return [path.read_text("utf-8") for path in wanted]


def content_security_policy(
    *, scripts: Iterable[str], styles: Iterable[str], loads_scripts: bool
) -> str:
    """The policy under which a page runs these scripts and styles, and nothing else.

    `loads_scripts` lets the scripts load further ones: the case data beside the page.
    """
    dynamic = " 'strict-dynamic'" if loads_scripts else ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_source, scripts))}{dynamic}",
            f"style-src {' '.join(map(_source, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def render(template: str, *, folder: Path = _HERE / "templates", **context: object) -> str:
    """A template of `folder`, or else of this package, as HTML."""
    return environment(folder).get_template(template).render(context)


def compile_templates(names: Iterable[str]) -> None:
    """Do now what the first `render` of these templates of the package would take time for."""
    made = environment(_HERE / "templates")
    for name in names:
        made.get_template(name)


@functools.lru_cache(maxsize=4)
def environment(folder: Path) -> Environment:
    """Templates of `folder` and of this package, with the numbers' formats as filters."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from evalrunner.report.page.compiled import CompiledTemplates

    made = Environment(
        loader=FileSystemLoader([folder, _HERE / "templates"]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        auto_reload=False,
        bytecode_cache=CompiledTemplates(repr(_SYNTAX)),
        **_SYNTAX,
    )
    made.filters |= FILTERS
    return made


def estimate(value: Mapping[str, Any] | None) -> Estimate:
    """An estimate from its JSON; unknown for null."""
    return Estimate(value=None) if value is None else Estimate(**value)


def visible_text(text: str) -> str:
    """Foreign text for a page: control, bidi and surrogate characters made visible.

    Line feeds and tabs stay.
    """
    if text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


FILTERS: dict[str, Any] = {
    "count": formatting.count,
    "margin_points": formatting.margin_points,
    "n_of": formatting.n_of,
    "p_value": formatting.p_value,
    "number": formatting.number,
    "number_interval": lambda value, digits=2: formatting.number_interval(
        estimate(value), digits=digits
    ),
    "percent": formatting.percent,
    "percent_bounds": lambda value: formatting.percent_bounds(estimate(value)),
    "percent_interval": lambda value: formatting.percent_interval(estimate(value)),
    "points": formatting.points,
    "points_range": lambda bounds: formatting.points_range(*bounds),
    "points_interval": lambda value: formatting.points_interval(estimate(value)),
    "seconds": formatting.seconds,
    "usd": formatting.usd,
    "usd_interval": lambda value: formatting.usd_interval(estimate(value)),
}
"""Estimates go in as their JSON; None is shown as unknown."""


def _finalize(value: object) -> object:
    # Exactly str: what is markup already must not be touched.
    return visible_text(value) if type(value) is str else value


def _visible(character: str) -> str:
    if character in "\n\t" or character in _JOINERS:
        return character
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return character.encode("unicode_escape").decode("ascii")
    return character


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
