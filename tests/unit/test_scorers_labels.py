"""The labels scorer: which class an answer names."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalrunner.project import Project
from evalrunner.scorers import make_scorer
from evalrunner.scorers.labels import LabelsSettings, normalised_label
from evalrunner.types import Case, Completion, Score

INTENTS = ["refund", "card payment", "declined card payment", "C++", "C#", "Other?"]


def settings_of(**settings: Any) -> LabelsSettings:
    return LabelsSettings.model_validate({"kind": "labels", **settings})


def case_of(target: Any) -> Case:
    return Case(id="c1", fields={"id": "c1", "expected_output": target}, sha256="")


def score(settings: LabelsSettings, output: str | None, target: Any) -> Score:
    scorer = make_scorer("labels", settings, project=Project(Path()))
    return asyncio.run(scorer.score(case_of(target), Completion(text=output)))


OUTSIDE = (0.0, None, "outside_label_set")


@pytest.mark.parametrize(
    ("settings", "output", "target", "expected"),
    [
        # declared labels: spelled as declared
        ({}, "refund", "refund", (1, "refund", None)),
        ({}, ' **"Refund".** ', "refund", (1, "refund", None)),
        ({}, "Card  Payment", "card payment", (1, "card payment", None)),
        ({}, "card payment", "refund", (0, "card payment", None)),
        ({}, "other", "Other?", (1, "Other?", None)),
        ({}, "c++", "C++", (1, "C++", None)),
        ({}, "C#.", "C++", (0, "C#", None)),
        ({}, "I think it is refund", "refund", OUTSIDE),
        ({}, "unknown", "refund", OUTSIDE),
        ({}, "", "refund", OUTSIDE),
        ({}, None, "refund", OUTSIDE),
        ({}, "...", "refund", OUTSIDE),
        # found inside a longer answer
        ({"search": True}, "I think it is a Refund!", "refund", (1, "refund", None)),
        ({"search": True}, "refund? Yes: refund", "refund", (1, "refund", None)),
        ({"search": True}, "refund or card payment", "refund", OUTSIDE),
        ({"search": True}, "refunds", "refund", OUTSIDE),
        ({"search": True}, "a declined card payment", "refund", (0, "declined card payment", None)),
        ({"search": True}, "nothing of this", "refund", OUTSIDE),
        ({"search": True}, "It is C++, surely", "C++", (1, "C++", None)),
        ({"search": True, "extract": "Intent: (.*)"}, "refund\nIntent: C#", "C#", (1, "C#", None)),
        # nothing declared: any text is a class
        ({"labels": None}, "Refund", "refund", (1, "refund", None)),
        ({"labels": None}, " card\n arrival ", "refund", (0, "card arrival", None)),
        ({"labels": None}, "reverted?", "Reverted?", (1, "Reverted?", None)),
        ({"labels": None}, "7", 7, (1, "7", None)),
        ({"labels": None}, "True", True, (1, "true", None)),
        ({"labels": None}, " ", "refund", OUTSIDE),
        # JSON scalars
        ({"labels": [True, False]}, "TRUE", True, (1, "true", None)),
        ({"labels": [1, 2]}, "3", 2, OUTSIDE),
    ],
)
def test_an_answer_names_one_class_or_is_outside(settings, output, target, expected):
    found = score(settings_of(**{"labels": INTENTS, **settings}), output, target)

    assert (found.value, found.label, found.reason) == expected


def test_a_target_that_is_no_declared_label_is_found_before_the_run():
    scorer = make_scorer("labels", settings_of(labels=["a", "b"]), project=Project(Path()))

    assert scorer.target_problem(case_of("A")) is None
    assert scorer.target_problem(case_of("c")) == (
        "case 'c1': field 'expected_output': 'c' is none of the labels: a, b"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ["a", "A"]}, "'A' cannot be told from 'a'"),
        ({"labels": ["a", "a"]}, "'a' cannot be told from 'a'"),
        ({"labels": ["other", "Other?"]}, "cannot be told from"),
        ({"labels": ["a", "..."]}, "'...' cannot be told from ''"),
        ({"labels": []}, "at least 1"),
        ({"labels": [["a"]]}, "string"),
        ({"search": True}, "needs the list `labels`"),
    ],
)
def test_labels_that_no_answer_could_tell_apart_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        settings_of(**settings)


def test_the_truth_is_spelled_as_scores_spell_it():
    assert settings_of(labels=["Refund"]).truth_label(" refund. ") == "Refund"
    assert settings_of().truth_label("Refund?") == "Refund?"
    assert settings_of().truth_label(True) == "true"


@pytest.mark.parametrize("target", ["", " ", "?", [1], {"a": 1}])
def test_a_truth_that_is_no_class_is_refused(target):
    with pytest.raises(ValueError, match=r"names no class|is not one class"):
        settings_of().truth_label(target)


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    once = normalised_label(text)

    assert normalised_label(once) == once


@given(st.sampled_from(INTENTS), st.sampled_from(["{}", "'{}'", " {}.\n", "**{}**", "{}!"]))
def test_a_dressed_label_is_still_the_label(label, dress):
    assert settings_of(labels=INTENTS).label_in(dress.format(label)) == label


def test_the_packaged_intents_are_those_of_the_shipped_tickets():
    import yaml

    from evalrunner.project import packaged

    path = packaged("datasets") / "support_tickets.jsonl"
    tickets = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    content = yaml.safe_load((packaged("conf") / "scorer" / "intent.yaml").read_bytes())

    assert content["labels"] == sorted({ticket["expected_intent"] for ticket in tickets})
