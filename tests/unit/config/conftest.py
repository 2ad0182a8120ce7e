"""A small project of one's own: two models, two prompts, two datasets, an experiment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project

FILES = {
    "dataset/tickets.yaml": "name: tickets\npath: datasets/tickets.jsonl\n",
    "dataset/other.yaml": "name: other\npath: datasets/other.jsonl\n",
    "model/luna.yaml": """\
        provider: openai
        name: gpt-6-luna
        api_key_env: OPENAI_API_KEY
        params: {reasoning: {effort: low}}
        limits:
          rpm: 1e3
        """,
    "model/opus.yaml": "provider: anthropic\nname: claude-opus-5-5\n",
    "prompt/plain.yaml": "user: prompts/plain.j2\n",
    "prompt/steps.yaml": "user: prompts/steps.j2\n",
    "scorer/exact.yaml": "# @package scorer.exact\nkind: exact_match\n",
    "scorer/number.yaml": "# @package scorer.number\nkind: numeric\n",
    "experiment/compare.yaml": """\
        # @package _global_
        defaults:
          - override /dataset: tickets
          - override /model: luna
          - override /scorer: [exact]
        run: {name: compare, repeats: 3}
        """,
    "sweep/models.yaml": "# @package hydra.sweeper\nparams:\n  model: luna,opus\n",
}

Files = dict[str, str]
MakeProject = Callable[..., Project]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """A project with `FILES` in its conf/, changed and added to by what is passed."""

    def make(files: Files | None = None, *, base: Files = FILES) -> Project:
        for name, text in (base | (files or {})).items():
            path = tmp_path / "project" / "conf" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text), encoding="utf-8")
        (tmp_path / "project").mkdir(exist_ok=True)
        return Project(tmp_path / "project")

    return make


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """The plain example project."""
    return make_project()


@pytest.fixture
def refusal() -> Callable[[Callable[[], object]], tuple[Problem, ...]]:
    """The problems with which a call is refused."""

    def problems_of(call: Callable[[], object]) -> tuple[Problem, ...]:
        with pytest.raises(ConfigError) as caught:
            call()
        return caught.value.problems

    return problems_of
