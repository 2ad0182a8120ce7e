"""Prompt templates: Jinja2 files, sandboxed and strict, rendered once with a case's fields as data.

Template text is read from files and never passes through the configuration system, so `${...}` and
`{{ }}` in data stay what they are. What a template may do and use is decided in `_sandbox`.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.prompts._sandbox import MISSING, Sandboxed, compile_template
from evalrunner.settings import Settings
from evalrunner.types import Case, Json, Message, Prompt

__all__ = [
    "PromptSettings",
    "PromptTemplate",
    "Sandboxed",
    "TemplateFile",
    "compiled",
    "load_prompt",
    "read_template",
]

_SHOWN = 20
"""Cases named in one problem, and problems of one prompt that are told apart."""


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
        self._system = compiled(system) if system else None
        self._user = compiled(user) if user else None

    def render(self, case: Case) -> Prompt:
        """The prompt for `case`.

        Raises ConfigError naming the template's line and the variable when a field is missing, when
        the template uses more than a prompt may, and when a case without user template has an input
        that is neither text nor messages.
        """
        system = self._system.render(case.fields) if self._system else None
        if self._user is None:
            return Prompt(system=system, messages=_messages_of(case))
        content = self._user.render(case.fields)
        return Prompt(system=system, messages=(Message(role="user", content=content),))

    def variables(self) -> dict[str, str]:
        """Every variable that the templates read, with the template it was seen in first."""
        found: dict[str, str] = {}
        for compiled in self._compiled():
            for name in sorted(compiled.variables):
                found.setdefault(name, compiled.path)
        return found

    def problems(self, cases: Iterable[Case], *, hidden: Collection[str]) -> list[Problem]:
        """Why these templates cannot serve these cases: hidden fields read, fields missing.

        Renders every case, so that nothing is left to be found after the first request.
        """
        fields: set[str] = set()
        failures: dict[Problem, _Failures] = {}
        for case in cases:
            fields.update(case.fields)
            try:
                self.render(case)
            except ConfigError as error:
                problem = error.problems[0]
                if problem in failures or len(failures) < _SHOWN:
                    failures.setdefault(problem, _Failures()).add(case)
        unknown = [name for compiled in self._compiled() for name in compiled.unknown(fields)]
        absent = {f"{MISSING}: {name!r} is undefined" for name in unknown}
        return [
            *self._leaks(hidden),
            *(self._absent(name, sorted(fields)) for name in dict.fromkeys(unknown)),
            *(
                failed.problem(problem, fields=sorted(fields))
                for problem, failed in failures.items()
                if problem.what not in absent
            ),
        ]

    def _compiled(self) -> tuple[Sandboxed, ...]:
        return tuple(each for each in (self._system, self._user) if each is not None)

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

    def _absent(self, name: str, fields: Sequence[str]) -> Problem:
        near = difflib.get_close_matches(name, fields, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return Problem(
            where=self.variables()[name],
            what=f"the template reads {name!r}, a field that no case has",
            hint=f"{meant}fields of the cases are: {', '.join(fields)}",
        )


def load_prompt(
    settings: PromptSettings, project: Project, *, typed: Collection[str] = ()
) -> PromptTemplate:
    """Templates read and compiled. Raises ConfigError with every problem of both files.

    `typed` are the config keys from the command line: only there a path may be absolute.
    """
    files: dict[str, TemplateFile | None] = {"system": None, "user": None}
    problems: list[Problem] = []
    for key in files:
        path, where = getattr(settings, key), f"prompt.{key}"
        try:
            if path is not None:
                found = project.find(path, where=where, allow_absolute=where in typed)
                files[key] = read_template(found, path)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return PromptTemplate(system=files["system"], user=files["user"])


def read_template(found: Path, path: str) -> TemplateFile:
    """The file `found`, called `path` in the configuration. Raises ConfigError for no template."""
    try:
        text = found.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
        raise ConfigError(Problem(where=path, what=what, hint="save it as UTF-8")) from error
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ConfigError(Problem(where=path, what=what)) from error
    # A checkout with Windows line ends asks the same question and has the same hash.
    file = TemplateFile(path, text.replace("\r\n", "\n"))
    compiled(file)
    return file


@cache
def compiled(file: TemplateFile) -> Sandboxed:
    """The file, ready to be rendered. Raises ConfigError naming the line where that fails."""
    return compile_template(file.text, path=file.path)


@dataclass(slots=True)
class _Failures:
    """Cases that fail in the same way."""

    ids: list[str] = field(default_factory=list)
    n: int = 0

    def add(self, case: Case) -> None:
        self.n += 1
        if self.n <= _SHOWN:
            self.ids.append(case.id)

    def problem(self, problem: Problem, *, fields: Sequence[str]) -> Problem:
        shown = ", ".join(map(repr, self.ids))
        more = f" and {self.n - _SHOWN:,} more" if self.n > _SHOWN else ""
        is_missing = problem.what.startswith(MISSING)
        hint = f"fields of the cases are: {', '.join(fields)}" if is_missing else problem.hint
        what = f"{problem.what} (cases {shown}{more})"
        return Problem(where=problem.where, what=what, hint=hint)


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
