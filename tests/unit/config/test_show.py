"""`--cfg`, `--package`, `--resolve`, `--info` and shell completion."""

from __future__ import annotations

import logging

import pytest
import yaml

from evalrunner.config import complete, info, show

BASE = ("dataset=tickets", "model=luna", "scorer=[exact]")


def test_cfg_job_prints_the_unresolved_configuration(make_project):
    text = "# @package _global_\nrun: {name: '${dataset.name}'}\n"
    project = make_project({"experiment/named.yaml": text})

    shown = yaml.safe_load(show([*BASE, "experiment=named"], project))

    assert "hydra" not in shown
    assert shown["run"]["name"] == "${dataset.name}"
    assert shown["model"]["name"] == "gpt-6-luna"


def test_cfg_resolve_prints_values(make_project):
    text = "# @package _global_\nrun: {name: '${hydra:runtime.choices.model}'}\n"
    project = make_project({"experiment/named.yaml": text})

    shown = yaml.safe_load(show([*BASE, "experiment=named"], project, resolve=True))

    assert shown["run"]["name"] == "luna"


def test_cfg_hydra_and_all_print_hydras_node(project):
    hydra = yaml.safe_load(show(BASE, project, "hydra"))
    everything = yaml.safe_load(show(BASE, project, "all"))

    assert list(hydra) == ["hydra"]
    assert hydra["hydra"]["overrides"]["task"] == list(BASE)
    assert hydra["hydra"]["runtime"]["choices"]["model"] == "luna"
    assert everything["dataset"]["name"] == "tickets"


def test_cfg_prints_one_document_a_cell(project):
    documents = list(yaml.safe_load_all(show([*BASE, "model=luna,opus"], project)))

    assert [document["model"]["name"] for document in documents] == [
        "gpt-6-luna",
        "claude-opus-5-5",
    ]


def test_cfg_package_prints_a_part(project):
    assert show(BASE, project, package="model.params") == (
        "# @package model.params\nreasoning:\n  effort: low\n"
    )
    assert show(BASE, project, package="model.name").endswith("\ngpt-6-luna\n")
    assert yaml.safe_load(show(BASE, project, package="_global_"))["run"]["seed"] == 0


def test_cfg_of_an_unknown_package_is_refused(project, refusal):
    (problem,) = refusal(lambda: show(BASE, project, package="model.nothing"))

    assert problem.where == "--package model.nothing"


def test_cfg_shows_what_does_not_validate(project):
    """To look at a configuration is how one finds out what is wrong with it."""
    assert "modl" in show([*BASE, "modl.name=x"], project)


def test_cfg_resolve_refuses_what_cannot_be_resolved(project, refusal):
    problems = refusal(lambda: show([*BASE, "run.name='${nothing}'"], project, resolve=True))

    assert problems[0].where == "run.name"


@pytest.mark.parametrize(
    ("topic", "text"),
    [
        ("defaults", "model/luna"),
        ("defaults-tree", "model: luna"),
        ("searchpath", "provider".title()),
        ("config", "gpt-6-luna"),
        ("plugins", "BasicSweeper"),
        ("all", "model/luna"),
    ],
)
def test_info_reaches_hydra_without_sweeps(project, topic, text):
    assert text in info(topic, [*BASE, "run.seed=1,2"], project)


def test_info_leaves_the_logging_of_the_process_alone(project):
    """D10 of the faults."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level)

    info("config", BASE, project)

    assert (list(root.handlers), root.level) == before


def test_info_of_an_unknown_topic_is_refused(project, refusal):
    (problem,) = refusal(lambda: info("everything", BASE, project))

    assert "searchpath" in problem.hint


def test_completion_offers_groups_files_and_keys(project):
    assert "model=luna" in complete("model=l", project)
    assert "dataset=" in complete("da", project)
    assert "run.repeats=" in complete("dataset=tickets model=luna run.rep", project)


def test_what_hydra_cannot_compose_is_a_problem_and_no_traceback(project, refusal):
    for call in (lambda: show([], project), lambda: info("config", [], project)):
        (problem,) = refusal(call)
        assert "You must specify" in problem.what


def test_completion_after_nonsense_is_empty(project):
    assert complete("model=(( run.se", project) == []


def test_completion_is_silent_about_a_refused_tree(make_project):
    project = make_project({"model/evil.yaml": "_target_: x\n"})

    assert complete("model=l", project) == []
