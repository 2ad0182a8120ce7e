"""The packaged `conf/scorer/*.yaml`: what they hold is what the settings say."""

from __future__ import annotations

import json
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from pydantic import Field, TypeAdapter

from evalrunner.project import Project, packaged
from evalrunner.providers.openai import OpenAISettings
from evalrunner.providers.registry import wire_for
from evalrunner.scorers import SCORER_SETTINGS, make_scorer
from evalrunner.scorers.judging import MAIN_JUDGE, Judge, JudgeMember

FILES = sorted((packaged("conf") / "scorer").glob("*.yaml"))
ADAPTER: TypeAdapter[Any] = TypeAdapter(
    Annotated[reduce(or_, SCORER_SETTINGS), Field(discriminator="kind")]
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_file_says_its_package_and_a_command(path):
    first, second, *_ = path.read_text(encoding="utf-8").splitlines()

    assert first == f"# @package scorer.{path.stem}"
    assert second.startswith("# evalrunner run ")
    assert f"scorer={path.stem}" in second.split()


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem != "regex"], ids=lambda path: path.stem
)
def test_each_file_makes_its_scorer(path):
    settings, project = ADAPTER.validate_python(yaml.safe_load(path.read_bytes())), Project(Path())
    model = OpenAISettings(provider="openai", name="gpt-6-1-sol")
    judge = Judge(members=(JudgeMember(name=MAIN_JUDGE, wire=wire_for(model, project)),))

    assert make_scorer(path.stem, settings, project=project, judge=judge).name == path.stem


def test_the_regex_file_takes_a_pattern_in_one_override():
    content = yaml.safe_load((packaged("conf") / "scorer" / "regex.yaml").read_bytes())

    assert ADAPTER.validate_python({**content, "pattern": "x"}).target is None
    assert ADAPTER.validate_python(content).target == "expected_output"


@pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem != "intent"], ids=lambda path: path.stem
)
def test_each_file_shows_every_key_with_its_default(path):
    content = yaml.safe_load(path.read_bytes())
    minimal = ADAPTER.validate_python({"kind": content["kind"]})

    assert minimal.model_dump(mode="json") == content


def test_every_kind_that_works_without_a_file_of_the_users_is_packaged():
    kinds = {s.model_fields["kind"].annotation.__args__[0] for s in SCORER_SETTINGS}

    assert {yaml.safe_load(path.read_bytes())["kind"] for path in FILES} == kinds - {"python"}


def test_the_union_has_a_json_schema_for_editors():
    schema = json.dumps(ADAPTER.json_schema())

    assert all(path.stem in schema for path in FILES if path.stem != "intent")
