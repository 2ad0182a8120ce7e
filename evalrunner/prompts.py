"""Prompt templates: Jinja2 files, sandboxed and strict, rendered once with a case's fields as data.

Template text is read from files and never passes through the configuration system, so `${...}` and
`{{ }}` in data stay what they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.settings import Settings
from evalrunner.types import Case, Json, Message, Prompt

if TYPE_CHECKING:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_PROMPT = 20_000_000
"""Characters that one rendered template may have: a guard against templates that explode."""
_SHOWN_CASES = 20


class PromptSettings(Settings):
    """What a candidate is asked."""

    system: str | None = None
    """Template file of the system prompt; null = none."""
    user: str | None = "prompts/answer/plain.j2"
    """Template file of the user turn; null = the case's input as it is (text or messages)."""
    allow_target: bool = False
    """Let the templates read the scorers' targets and the rubric."""


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """One template as used: its path in the configuration, its text and the text's hash."""

    path: str
    text: str

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class PromptTemplate:
    """The compiled templates of one prompt configuration."""

    def __init__(self, *, system: TemplateFile | None, user: TemplateFile | None) -> None:
        self.files = tuple(file for file in (system, user) if file is not None)
        self._system = _compile(system) if system else None
        self._user = _compile(user) if user else None

    def render(self, case: Case) -> Prompt:
        """The prompt for `case`.

        Raises ConfigError naming template, case and variable when a field is missing, and when
        a case without user template has an input that is neither text nor messages.
        """
        system = self._system.render(case) if self._system else None
        if self._user is None:
            return Prompt(system=system, messages=_messages_of(case))
        content = self._user.render(case)
        return Prompt(system=system, messages=(Message(role="user", content=content),))

    def variables(self) -> dict[str, str]:
        """Every variable that the templates read, with the template it was seen in first."""
        found: dict[str, str] = {}
        for compiled in (self._system, self._user):
            for name in sorted(compiled.variables if compiled else ()):
                found.setdefault(name, compiled.path if compiled else "")
        return found

    def problems(self, cases: Iterable[Case], *, hidden: Collection[str]) -> list[Problem]:
        """Why these templates cannot serve these cases: hidden fields read, fields missing.

        Renders every case, so that nothing is left to be found after the first request.
        """
        ids: dict[str, list[str]] = {}
        first: dict[str, Problem] = {}
        fields: set[str] = set()
        for case in cases:
            fields.update(case.fields)
            try:
                self.render(case)
            except ConfigError as error:
                problem = error.problems[0]
                ids.setdefault(problem.what, []).append(case.id)
                first.setdefault(problem.what, problem)
        failures = [_for_cases(first[what], ids[what], fields=sorted(fields)) for what in ids]
        return self._leaks(hidden) + failures

    def _leaks(self, hidden: Collection[str]) -> list[Problem]:
        return [
            Problem(
                where=path,
                what=f"the template reads {name!r}, which holds what the answer is scored against",
                hint="remove it from the template, or set prompt.allow_target=true",
            )
            for name, path in self.variables().items()
            if name in hidden
        ]


def load_prompt(settings: PromptSettings, project: Project) -> PromptTemplate:
    """Templates read and compiled. Raises ConfigError with every problem of both files."""
    files: dict[str, TemplateFile | None] = {"system": None, "user": None}
    problems: list[Problem] = []
    for key in files:
        path = getattr(settings, key)
        try:
            files[key] = _read(path, project, where=f"prompt.{key}") if path else None
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return PromptTemplate(system=files["system"], user=files["user"])


class _Compiled:
    """One template with the variables that it reads."""

    def __init__(self, template: jinja2.Template, *, path: str, variables: frozenset[str]) -> None:
        self._template = template
        self.path = path
        self.variables = variables

    def render(self, case: Case) -> str:
        import jinja2

        try:
            text = self._template.render(case.fields)
        except jinja2.UndefinedError as error:
            raise ConfigError(Problem(where=self.path, what=_undefined(error))) from error
        except (jinja2.TemplateError, TypeError, ValueError, OverflowError, ArithmeticError) as e:
            what = f"the template fails: {type(e).__name__}: {e}"
            raise ConfigError(Problem(where=self.path, what=what)) from e
        if len(text) > LONGEST_PROMPT:
            what = f"the rendered prompt has {len(text):,} characters; most are {LONGEST_PROMPT:,}"
            raise ConfigError(Problem(where=self.path, what=what))
        return text


def _read(path: str, project: Project, *, where: str) -> TemplateFile:
    found: Path = project.find(path, where=where)
    try:
        text = found.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        raise ConfigError(Problem(where=path, what=what, hint="save it as UTF-8")) from error
    file = TemplateFile(path, text)
    _compile(file)
    return file


@cache
def _compile(file: TemplateFile) -> _Compiled:
    import jinja2
    from jinja2 import meta

    environment = _environment()
    try:
        variables = frozenset(meta.find_undeclared_variables(environment.parse(file.text)))
        return _Compiled(environment.from_string(file.text), path=file.path, variables=variables)
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(
            Problem(
                where=f"{file.path}:{error.lineno}",
                what=f"not a Jinja2 template: {error.message}",
                hint="text that looks like a tag goes between {% raw %} and {% endraw %}",
            )
        ) from error


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Sandbox(ImmutableSandboxedEnvironment):
        # The sandbox stops attribute access, but not `'a' * 300000000`.
        intercepted_binops = frozenset({"*", "**"})

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if not all(isinstance(side, int | float) and abs(side) < 1e9 for side in (left, right)):  # noqa: PLR2004
                raise SecurityError(f"{operator!r} works on numbers below 1e9 only")
            if operator == "**" and right > 64:  # noqa: PLR2004 - larger powers are only ever bombs
                raise SecurityError("powers above 64 are refused")
            return super().call_binop(context, operator, left, right)

    return Sandbox(undefined=StrictUndefined, autoescape=False, loader=None)


def _messages_of(case: Case) -> tuple[Message, ...]:
    given: Json = case.input
    if isinstance(given, str):
        return (Message(role="user", content=given),)
    if isinstance(given, list) and given and all(_is_message(item) for item in given):
        return tuple(Message(role=item["role"], content=item["content"]) for item in given)
    what = "without a user template the input must be text or a list of {role, content} messages"
    raise ConfigError(Problem(where="prompt.user", what=what, hint="set prompt.user to a template"))


def _is_message(item: Json) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get("role"), str) and "content" in item


def _undefined(error: Exception) -> str:
    return f"the template needs a field that is missing: {error}"


def _for_cases(problem: Problem, ids: list[str], *, fields: list[str]) -> Problem:
    shown = ", ".join(repr(case_id) for case_id in ids[:_SHOWN_CASES])
    more = f" and {len(ids) - _SHOWN_CASES} more" if len(ids) > _SHOWN_CASES else ""
    hint = problem.hint or f"fields of the cases are: {', '.join(fields)}"
    return Problem(where=problem.where, what=f"{problem.what} (cases {shown}{more})", hint=hint)
