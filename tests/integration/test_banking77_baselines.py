"""The baselines on the real banking77 messages: how good, how fast, how repeatable."""

from __future__ import annotations

import asyncio
import json
import statistics
from pathlib import Path

import pytest

from evalrunner.project import Project
from evalrunner.providers.baseline import BaselineSettings, build_request, make
from evalrunner.types import Case, Completion, Message, Prompt, sha256_of

ROOT = Path(__file__).parents[2]
PROMPT = Prompt(system=None, messages=(Message(role="user", content="not read"),))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    lines = (ROOT / "datasets/banking77.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    return [Case(id=row["id"], fields=row, sha256=sha256_of(row)) for row in rows]


async def predict(kind: str, cases: list[Case]) -> list[Completion]:
    project = Project(ROOT)
    settings = BaselineSettings.model_validate(
        {"provider": "baseline", "kind": kind, "train": "datasets/banking77_train.jsonl"}
    )
    provider = make(settings, project)
    await provider.open()
    requests = [build_request(settings, PROMPT, case, sample=0, project=project) for case in cases]
    return [await provider.complete(request) for request in requests]


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("majority", 1 / 77 - 1e-9, 1 / 77 + 1e-9),
        ("keywords", 0.60, 0.72),
        ("tfidf_knn", 0.80, 0.85),
        ("tfidf_logistic", 0.88, 0.91),
    ],
)
def test_accuracy_on_all_3080_test_messages(cases, kind, low, high):
    answers = asyncio.run(predict(kind, cases))

    right = [
        answer.text == case.fields["expected_output"]
        for answer, case in zip(answers, cases, strict=True)
    ]
    assert len(right) == 3080
    assert low <= statistics.mean(right) <= high
