"""What judges of one kind are told: the templates, and the schema of their verdicts beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.prompts import TemplateFile, compiled, read_template
from evalrunner.scorers.json_text import InvalidJsonError, parse_json
from evalrunner.scorers.judge.fence import fenced
from evalrunner.scorers.judge.verdicts import VerdictForm
from evalrunner.scorers.judging import Judge
from evalrunner.types import Case, Json, Message, Prompt

_DIRECTORY = "prompts/judge"
_SYSTEM = "system"
_DECLARED = re.compile(r"\s*\{#-?\s*judge:\s*(\w+)\s*-?#\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What judges are asked about one answer."""

    prompt: Prompt
    form: VerdictForm
    notes: tuple[str, ...] = ()
    """What of the texts was left out: `answer cut to 20,000 characters`."""


class JudgeTemplate:
    """The templates of one judge scorer.

    Args:
        system: The system turn of all kinds.
        user: The user turn of this kind.
        schema: Of its verdicts, before the kind fills in what depends on settings and case.
        instructions: Added to the system turn; null = none.
    """

    def __init__(
        self,
        *,
        system: TemplateFile,
        user: TemplateFile,
        schema: TemplateFile,
        instructions: str | None = None,
    ) -> None:
        self.files = (system, user, schema)
        """Everything that was read from a file."""
        self._user = compiled(user)
        parts = (compiled(system).render({}).strip(), (instructions or "").strip())
        self._system = "\n\n".join(part for part in parts if part)
        self._content: Json = parse_json(schema.text)

    def schema(self) -> dict[str, Json]:
        """A copy of the verdicts' schema."""
        copy: dict[str, Json] = json.loads(json.dumps(self._content))
        return copy

    def unknown(self, known: Collection[str]) -> tuple[str, ...]:
        """What the user's turn reads that is none of these names."""
        return tuple(self._user.unknown(known))

    def question(
        self,
        case: Case,
        *,
        texts: Mapping[str, str],
        values: Mapping[str, Json],
        form: VerdictForm,
        max_characters: int,
    ) -> Question:
        """What judges are asked, rendered once.

        Args:
            case: Its other fields can be read by the template, fenced as `texts` are.
            texts: By others: only shown between the marks of a fence.
            values: Our own: shown as they are.
            form: Of the verdict.
            max_characters: Of each foreign text.

        Raises ConfigError when the template fails.
        """
        extra = sorted(self._user.variables & case.fields.keys() - texts.keys() - values.keys())
        foreign = fenced(
            {**texts, **{name: as_text(case.fields[name]) for name in extra}},
            # Not the whole case: what judges are not told, such as weights, costs no new verdict.
            identity=(self.files[1].sha256, case.id),
            max_characters=max_characters,
            disarm=form.disarmed,
        )
        content = self._user.render({**values, **foreign.blocks}).strip()
        prompt = Prompt(system=self._system, messages=(Message(role="user", content=content),))
        return Question(prompt=prompt, form=form, notes=foreign.notes)


def load_judge_template(
    kind: str,
    *,
    scorer: str,
    template: str | None,
    judge: Judge,
    project: Project,
    verdict: Collection[str] = (),
    shown: Collection[str] = ("answer",),
) -> JudgeTemplate:
    """The templates of a judge scorer of this kind, called `scorer`.

    Its own `template` comes first, then the judge's, then the kind's. Raises ConfigError with every
    problem: a file that is missing or made for another kind, a template without one of the texts
    `shown`, a schema without one of the properties `verdict`.
    """
    where = f"scorer.{scorer}.template"
    if template is None and judge.template is not None:
        template, where = judge.template, "judge.template"
    problems: list[Problem] = []
    read: list[TemplateFile] = []
    for path, of_kind in (
        (f"{_DIRECTORY}/{_SYSTEM}.j2", _SYSTEM),
        (template or f"{_DIRECTORY}/{kind}.j2", kind),
    ):
        try:
            file = read_template(project.find(path, where=where), path)
            _check_kind(file, of_kind, where=where, scorer=scorer)
            read.append(file)
        except ConfigError as error:
            problems.extend(error.problems)
    try:
        schema = _read_schema(kind, verdict, project)
    except ConfigError as error:
        problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    system, user = read
    _check_shown(user, shown)
    return JudgeTemplate(system=system, user=user, schema=schema, instructions=judge.instructions)


def as_text(value: Json) -> str:
    """A field of a case as judges see it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _check_kind(file: TemplateFile, kind: str, *, where: str, scorer: str) -> None:
    declared = _DECLARED.match(file.text)
    if declared is not None and declared.group(1) == kind:
        return
    made_for = "it does not say for which kind of judge it is"
    if declared is not None:
        made_for = f"it is made for judges of kind {declared.group(1)!r}"
    alone = f"; a template for this scorer alone is scorer.{scorer}.template"
    raise ConfigError(
        Problem(
            where=where,
            what=f"{file.path!r} cannot be used by scorer {scorer!r}, of kind {kind!r}: {made_for}",
            hint=f"its first line must be {{# judge: {kind} #}}"
            + (alone if where == "judge.template" else ""),
        )
    )


def _check_shown(user: TemplateFile, shown: Collection[str]) -> None:
    missing = [name for name in shown if name not in compiled(user).variables]
    if missing:
        what = f"the template never shows {' and '.join(map(repr, missing))}"
        hint = f"put {{{{ {missing[0]} }}}} where the judge should see it, marks included"
        raise ConfigError(Problem(where=user.path, what=what, hint=hint))


def _read_schema(kind: str, verdict: Collection[str], project: Project) -> TemplateFile:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    path = f"{_DIRECTORY}/{kind}.schema.json"
    found = project.find(path, where=path)
    try:
        text = found.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        content = parse_json(text)
        Draft202012Validator.check_schema(content)
    except (InvalidJsonError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(where=path, what=f"{found} is no JSON: {error}")) from error
    except SchemaError as error:
        what = f"no JSON Schema: {error.json_path}: {error.message}"
        raise ConfigError(Problem(where=path, what=what)) from error
    properties = content.get("properties") if isinstance(content, dict) else None
    missing = [repr(name) for name in verdict if name not in (properties or {})]
    if missing:
        what = f"{found} has no property {' and '.join(missing)}, which verdicts are read by"
        raise ConfigError(Problem(where=path, what=what))
    return TemplateFile(path, text)
