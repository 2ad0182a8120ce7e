"""The Jinja2 environment of templates: no way into Python, strict about fields, bounded in use.

Filters and methods are allowed by name, so that a new version of Jinja2 adds none unseen. What is
random (`random`, `lipsum`) is left out: the same case is asked the same question every time.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache, partial
from typing import Any, NoReturn

import jinja2
from jinja2 import filters, meta, nodes
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Cycler, Joiner, Namespace
from jinja2.visitor import NodeTransformer

from evalrunner.errors import ConfigError, Problem
from evalrunner.prompts import _bounds
from evalrunner.types import Json

_FILTERS = """abs capitalize count d default dictsort e escape filesizeformat first float groupby
int items last length list lower map max min reject rejectattr reverse select selectattr sort string
title trim truncate unique upper urlencode wordcount"""
_OWN_FILTERS: Mapping[str, Callable[..., Any]] = {
    "format": _bounds.formatted,
    "indent": _bounds.indented,
    "replace": _bounds.replaced,
    "round": _bounds.rounded,
    "tojson": _bounds.as_json,
}
_METHODS = """capitalize casefold copy count endswith find format format_map get index isalnum
isalpha isascii isdecimal isdigit islower isnumeric isspace istitle isupper is_integer items join
keys lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip
split splitlines startswith strip swapcase title upper values"""
_OWN_METHODS: Mapping[str, Callable[..., str]] = {
    "join": _bounds.separated,
    "replace": _bounds.replaced,
}
_DATA = (str, bytes, int, float, list, tuple, dict, types.NoneType)
_GLOBALS: Mapping[str, Any] = {
    "cycler": Cycler,
    "dict": dict,
    "joiner": Joiner,
    "namespace": Namespace,
    "range": safe_range,
}
_OTHER_FILES = (nodes.Extends, nodes.FromImport, nodes.Import, nodes.Include)
MISSING = "the template needs a field that is missing"
# No template can name these: a filter's name has no blank.
_LOOP, _SLICE, _TILDE = "for loop", "slice of", "~ operator"


class Sandboxed:
    """One compiled template.

    Args:
        template: As compiled.
        path: Its name in the configuration, for messages.
        variables: What it reads of a case.
        optional: Those of them that it asks for with `is defined` or `default`.
    """

    def __init__(
        self,
        template: jinja2.Template,
        *,
        path: str,
        variables: frozenset[str],
        optional: frozenset[str],
    ) -> None:
        # Jinja2 leaves a chain of mappings, and copies it key by key for every rendering.
        template.globals = dict(template.globals)
        self._template = template
        self.path = path
        self.variables = variables
        self._optional = optional

    def render(self, fields: Mapping[str, Json]) -> str:
        """The text. Raises ConfigError naming the line."""
        try:
            with _bounds.metered():
                text = self._template.render(fields)
        except jinja2.UndefinedError as error:
            self._fail(error, f"{MISSING}: {error}")
        except RecursionError as error:
            self._fail(error, "the template fails: it calls itself without end")
        except (
            jinja2.TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            self._fail(error, f"the template fails: {type(error).__name__}: {error}")
        if len(text) > _bounds.LONGEST_PROMPT:
            what = f"the prompt is longer than {_bounds.LONGEST_PROMPT:,} characters"
            raise ConfigError(Problem(where=self.path, what=what, hint="shorten the input"))
        return text

    def unknown(self, fields: Collection[str]) -> Iterator[str]:
        """Variables that are neither fields nor functions, nor asked for with care."""
        known = {*fields, *_GLOBALS, *self._optional}
        return (name for name in sorted(self.variables) if name not in known)

    def _fail(self, error: Exception, what: str) -> NoReturn:
        line = _line_of(error)
        where = self.path if line is None else f"{self.path}:{line}"
        raise ConfigError(Problem(where=where, what=what)) from error


def compile_template(text: str, *, path: str) -> Sandboxed:
    """The template. Raises ConfigError naming the line where it is none."""
    environment = _environment()
    try:
        tree = environment.parse(text)
        _refuse_other_files(tree)
        variables = frozenset(meta.find_undeclared_variables(tree))
        optional = frozenset(_asked_for(tree))
        template = environment.from_string(_Bounded(environment).visit(tree), dict(_GLOBALS))
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(
            Problem(
                where=f"{path}:{error.lineno}",
                what=f"not a Jinja2 template: {error.message}",
                hint=_hint(error),
            )
        ) from error
    except (RecursionError, SyntaxError) as error:
        what = "the template is nested too deeply"
        raise ConfigError(Problem(where=path, what=what, hint="write it flatter")) from error
    return Sandboxed(template, path=path, variables=variables, optional=optional)


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})
    concat = staticmethod(_bounds.joined)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        del context
        return _bounds.arithmetic(self.binop_table[operator], operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        _bounds.spend()
        return _bounds.passed(super().call(context, function, *args, **kwargs))

    def getattr(self, obj: Any, attribute: str) -> Any:
        # `order.items` is the order's field of that name, before it is a method.
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, LoopContext):
            # As below, without asking for every kind of object that it is not.
            return not attr.startswith("_")
        is_allowed = not isinstance(obj, _DATA) or not callable(value) or attr in _METHODS.split()
        return is_allowed and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        owner = getattr(value, "__self__", None)
        if not isinstance(owner, str) or not isinstance(value, types.BuiltinMethodType):
            return None
        if value.__name__ in _OWN_METHODS:
            return partial(_OWN_METHODS[value.__name__], owner)
        wrapped: Callable[..., str] | None = super().wrap_str_format(value)
        return None if wrapped is None else partial(_format, wrapped, owner)


class _Bounded(NodeTransformer):
    """Puts the bounds into what Jinja2 offers no hook for: loops, `~` and slices."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self._environment = environment

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja2's naming
        self.generic_visit(node)
        node.iter = self._through(_LOOP, node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        parts = nodes.List(node.nodes, lineno=node.lineno, environment=self._environment)
        return self._through(_TILDE, parts)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._through(_SLICE, node) if isinstance(node.arg, nodes.Slice) else node

    def _through(self, name: str, node: nodes.Node) -> nodes.Filter:
        return nodes.Filter(
            node, name, [], [], None, None, lineno=node.lineno, environment=self._environment
        )


@cache
def _environment() -> _Sandbox:
    environment = _Sandbox(
        undefined=jinja2.StrictUndefined, autoescape=False, loader=None, finalize=_bounds.text_of
    )
    # Given to each template instead: a case's field of the same name is then still seen as read.
    environment.globals = {}
    environment.filters = {
        **{name: _bounds.measured(filters.FILTERS[name]) for name in _FILTERS.split()},
        **_OWN_FILTERS,
        "join": _join,
        "sum": _sum,
        _LOOP: _bounds.counted,
        _SLICE: _bounds.passed,
        _TILDE: _bounds.concatenated,
    }
    return environment


@jinja2.pass_environment
def _join(
    environment: jinja2.Environment, values: Any, separator: Any = "", attribute: Any = None
) -> str:
    """The filter `join`."""
    return _bounds.separated(separator, _picked(environment, values, attribute))


@jinja2.pass_environment
def _sum(
    environment: jinja2.Environment, values: Any, attribute: Any = None, start: float = 0
) -> Any:
    """The filter `sum`."""
    return _bounds.total(_picked(environment, values, attribute), start)


def _picked(environment: jinja2.Environment, values: Any, attribute: Any) -> Any:
    if attribute is None:
        return values
    return map(filters.make_attrgetter(environment, attribute), values)


def _format(wrapped: Callable[..., str], template: str, *values: Any, **named: Any) -> str:
    _bounds.check_format(template, values, named)
    return wrapped(*values, **named)


def _refuse_other_files(tree: nodes.Template) -> None:
    found = next(tree.find_all(_OTHER_FILES), None)
    if found is not None:
        word = type(found).__name__.lower()
        raise jinja2.TemplateSyntaxError(f"{word}: a template stands alone", found.lineno)


def _asked_for(tree: nodes.Template) -> Iterator[str]:
    guards = {"defined", "undefined", "default", "d"}
    for node in tree.find_all((nodes.Test, nodes.Filter)):
        if node.name in guards and isinstance(node.node, nodes.Name):
            yield node.node.name


def _hint(error: jinja2.TemplateSyntaxError) -> str:
    if "No filter named" in (error.message or ""):
        return (
            f"filters are: {', '.join(sorted([*_FILTERS.split(), *_OWN_FILTERS, 'join', 'sum']))}"
        )
    return "text that looks like a tag goes between {% raw %} and {% endraw %}"


def _line_of(error: Exception) -> int | None:
    """Line of the template at which it failed: Jinja2 puts it into the traceback."""
    line, at = None, error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == "<template>":
            line = at.tb_lineno
        at = at.tb_next
    return line
