"""Scorers of JSON answers: json_schema (is it valid) and json_fields (field by field)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from evalrunner.errors import ConfigError, Problem, ScorerError
from evalrunner.project import Project
from evalrunner.scorers.base import (
    AnswerSettings,
    TargetScorer,
    TargetSettings,
    read_answer,
    shortened,
)
from evalrunner.scorers.json_text import (
    ABSENT,
    InvalidJsonError,
    comparable,
    json_equal,
    parse_json,
    value_at,
)
from evalrunner.scorers.numbers import is_close, target_numbers
from evalrunner.scorers.text import normalised_text
from evalrunner.settings import Settings
from evalrunner.types import Case, Completion, Criterion, Json, Score, canonical_json

Compare = Literal["exact", "numeric", "ignore_case", "set"]
_PLAIN_DATA = frozenset({"const", "enum", "default", "examples"})
"""Keywords of a schema whose values are data, where `$ref` means nothing."""


class JsonSchemaSettings(AnswerSettings):
    """The answer is JSON and valid for a schema."""

    # `schema` is a method of pydantic's models, so the field has another name inside Python.
    model_config = ConfigDict(serialize_by_alias=True)

    kind: Literal["json_schema"]
    schema_: str | dict[str, Json] | None = Field(default=None, alias="schema")
    """A file of the project, or the schema itself; null = any JSON value."""
    fenced: bool = False
    """Accept one Markdown fence around the JSON."""


class FieldRule(Settings):
    """How one field is compared."""

    compare: Compare = "exact"
    """exact: equal JSON. numeric: as numbers, also out of text. ignore_case: text, stripped and
    case-folded. set: lists, in any order, repeats ignored."""
    tolerance: float = Field(default=0, ge=0)
    """Absolute, for numeric."""


FieldNames = Annotated[list[str], Field(min_length=1)]
FieldRules = Annotated[dict[str, FieldRule], Field(min_length=1)]


class JsonFieldsSettings(TargetSettings):
    """Fields of a JSON answer against those of the target, an object."""

    kind: Literal["json_fields"]
    fields: FieldNames | FieldRules | None = None
    """Dotted paths, with rules or without; null = every key of each target. Others are ignored."""
    fenced: bool = False
    """Accept one Markdown fence around the JSON."""


class JsonSchema:
    """1 for an answer that is valid, 0 for one that is not, with the first reasons why.

    Args:
        name: The key under `scorer:` in the configuration.
        settings: Its settings.
        project: Where a schema file is looked up.

    Raises ConfigError for a schema that is missing, no JSON, no schema, or that refers to others.
    """

    def __init__(self, name: str, settings: JsonSchemaSettings, *, project: Project) -> None:
        self.name = name
        self.settings = settings
        self._extract = None if settings.extract is None else re.compile(settings.extract)
        self._validator = _validator(
            settings.schema_, where=f"scorer.{name}.schema", project=project
        )

    def target_problem(self, case: Case) -> None:
        """Nothing: validity needs no target."""
        del case

    async def score(self, case: Case, completion: Completion) -> Score:
        """1 or 0; never unscored."""
        answer = read_answer(completion, self._extract)
        if answer is None:
            return Score(value=0.0, reason="extract_not_found")
        try:
            value = parse_json(answer, fenced=self.settings.fenced)
        except InvalidJsonError as error:
            return Score(value=0.0, reason=f"invalid JSON: {error}")
        problems = self._problems(value, case)
        return Score(value=float(not problems), reason="; ".join(problems) or None)

    def _problems(self, value: Json, case: Case) -> list[str]:
        from jsonschema.exceptions import ValidationError
        from referencing.exceptions import Unresolvable

        try:
            found: list[ValidationError] = list(self._validator.iter_errors(value))
        except (RecursionError, OverflowError, Unresolvable) as error:
            what = f"scorer {self.name!r}: case {case.id!r}: the schema cannot be applied: {error}"
            raise ScorerError(what) from error
        found.sort(key=lambda problem: (problem.json_path, problem.message))
        return [f"{error.json_path}: {shortened(error.message)}" for error in found[:3]]


class JsonFields(TargetScorer[JsonFieldsSettings, dict[str, Json]]):
    """The share of fields that are right; one criterion a field, so that each has its accuracy.

    A field that the target lacks is not scored; one that it has as null is right when the answer
    has null or nothing there.
    """

    def _read_target(self, value: Json) -> dict[str, Json]:
        target = parse_json(value) if isinstance(value, str) else value
        if not isinstance(target, Mapping):
            raise ValueError("the target of json_fields must be an object")  # noqa: TRY004 - data
        canonical_json(target)  # refuses NaN, which nothing could equal
        for path, rule in self._rules(target).items():
            wanted = value_at(target, path)
            if wanted is not ABSENT and wanted is not None:
                _check_target(path, wanted, rule)
        return dict(target)

    def _compare(self, answer: str, target: dict[str, Json]) -> Score:
        try:
            value = parse_json(answer, fenced=self.settings.fenced)
        except InvalidJsonError as error:
            return self._failed(f"invalid JSON: {error}", target)
        if not isinstance(value, Mapping):
            return self._failed("not a JSON object", target)
        return _share(
            [_criterion(path, value, target, rule) for path, rule in self._rules(target).items()]
        )

    def _failed(self, reason: str, target: dict[str, Json]) -> Score:
        criteria = [
            Criterion(criterion=path, passed=None if value_at(target, path) is ABSENT else False)
            for path in self._rules(target)
        ]
        return _share(criteria, reason=reason)

    def _rules(self, target: Mapping[str, Json]) -> dict[str, FieldRule]:
        fields = self.settings.fields
        if isinstance(fields, dict):
            return fields
        return dict.fromkeys(target if fields is None else fields, FieldRule())


def _share(criteria: list[Criterion], *, reason: str | None = None) -> Score:
    known = [criterion.passed for criterion in criteria if criterion.passed is not None]
    if not known:
        return Score(value=None, reason="no_target", criteria=tuple(criteria))
    return Score(value=sum(known) / len(known), reason=reason, criteria=tuple(criteria))


def _criterion(
    path: str, answer: Mapping[str, Json], target: Mapping[str, Json], rule: FieldRule
) -> Criterion:
    wanted, got = value_at(target, path), value_at(answer, path)
    if wanted is ABSENT:
        return Criterion(criterion=path, passed=None, reason="no_target")
    if wanted is None:
        is_right = got is ABSENT or got is None
    else:
        is_right = got is not ABSENT and _is_right(got, wanted, rule)
    if is_right:
        return Criterion(criterion=path, passed=True)
    shown = "nothing" if got is ABSENT else shortened(canonical_json(got))
    reason = f"expected {shortened(canonical_json(wanted))}, got {shown}"
    return Criterion(criterion=path, passed=False, reason=reason)


def _is_right(got: Json, wanted: Json, rule: FieldRule) -> bool:
    if rule.compare == "numeric":
        return _is_same_number(got, wanted, tolerance=rule.tolerance)
    if rule.compare == "ignore_case":
        return _folded(got) == _folded(wanted)
    if rule.compare == "set":
        return isinstance(got, list) and set(map(comparable, got)) == set(map(comparable, wanted))
    return json_equal(got, wanted)


def _is_same_number(got: Json, wanted: Json, *, tolerance: float) -> bool:
    try:
        numbers = target_numbers(got)
    except ValueError:
        return False
    (truth,) = target_numbers(wanted)
    return len(numbers) == 1 and is_close(numbers[0], truth, absolute=tolerance, relative=0)


def _folded(value: Json) -> str:
    if isinstance(value, str):
        return "text " + normalised_text(value.strip(), ignore_case=True)
    return comparable(value)


def _check_target(path: str, wanted: Json, rule: FieldRule) -> None:
    if rule.compare == "set" and not isinstance(wanted, list):
        raise ValueError(f"{path!r} is compared as a set but is no list")
    if rule.compare == "numeric":
        try:
            n_numbers = len(target_numbers(wanted))
        except ValueError as error:
            raise ValueError(f"{path!r}: {error}") from error
        if n_numbers != 1:
            raise ValueError(f"{path!r} is compared as a number but is a list")


def _validator(schema: str | dict[str, Json] | None, *, where: str, project: Project) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing.jsonschema import EMPTY_REGISTRY

    content: Json = schema if isinstance(schema, dict) else True
    if isinstance(schema, str):
        content = _schema_file(project.find(schema, where=where), where=where)
    kind = validator_for(content, default=Draft202012Validator)
    try:
        kind.check_schema(content)
    except SchemaError as error:
        what = f"no JSON Schema: {error.json_path}: {error.message}"
        raise ConfigError(Problem(where=where, what=what)) from error
    except RecursionError as error:
        what = "the schema is nested too deeply to be checked"
        raise ConfigError(Problem(where=where, what=what)) from error
    _refuse_foreign_references(content, where=where)
    # With this registry nothing is ever fetched: the library's default one would go to the network.
    return kind(content, registry=EMPTY_REGISTRY)


def _schema_file(path: Path, *, where: str) -> Json:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (InvalidJsonError, UnicodeDecodeError) as error:
        raise ConfigError(Problem(where=where, what=f"{path} is no JSON: {error}")) from error


def _refuse_foreign_references(content: Json, *, where: str) -> None:
    from referencing import Resource
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012, EMPTY_REGISTRY

    root = Resource.from_contents(content, default_specification=DRAFT202012)
    base = root.id() or ""
    resolver = EMPTY_REGISTRY.with_resource(base, root).crawl().resolver(base)
    problems = []
    for reference in _references(content):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            what = f"the schema refers to {reference!r}, which is not in it"
            hint = "put it under $defs in the same schema; nothing is fetched"
            problems.append(Problem(where=where, what=what, hint=hint))
    if problems:
        raise ConfigError(problems)


def _references(content: Json) -> Iterator[str]:
    if isinstance(content, Mapping):
        reference = content.get("$ref")
        if isinstance(reference, str):
            yield reference
        children = [value for key, value in content.items() if key not in _PLAIN_DATA]
    else:
        children = content if isinstance(content, list) else []
    for child in children:
        yield from _references(child)
