"""Scores with judgements as journals hold them, written by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runs import new_run, project, tokens, trial

KEYS = {
    "OPENAI_API_KEY": "sk-proj-0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef",
}
LUNA_PRICE = "gpt-6-luna: {input: 1, output: 2, batch_factor: 0.5}"
OPUS_PRICE = "claude-opus-5-5: {input: 10, output: 20}"
PRICES = ("pricing.source=none", f"pricing.overrides={{{LUNA_PRICE}, {OPUS_PRICE}}}")
OPUS = "{provider: anthropic, name: claude-opus-5-5, max_output_tokens: 100}"
BATCHED_LUNA = "{provider: openai, name: gpt-6-luna, transport: batch}"
JUDGES = {
    "conf/judge/severe.yaml": f"model: {OPUS}\n",
    "conf/judge/mild.yaml": "model: {provider: openai, name: gpt-6-luna}\n",
    "conf/judge/jury.yaml": f"model: {OPUS}\npanel:\n  luna: {BATCHED_LUNA}\n",
    "conf/judge/unknown.yaml": "model: {provider: openai, name: gpt-0-nobody}\n",
}
RUBRIC = ("scorer=rubric", "scorer.rubric.criteria=[polite,short]")


def judged_run(
    root: Path, *overrides: str, n_cases: int = 3, scorer: Any = RUBRIC, cases: Any = None
) -> Path:
    """A run directory of judged cells without a journal."""
    rows = cases or [
        {"id": f"c{n}", "input": f"question {n}", "expected_output": "x"} for n in range(n_cases)
    ]
    return new_run(project(root, JUDGES, cases=rows), *scorer, *PRICES, *overrides, environ=KEYS)


def call(key: str = "aa", **changes: Any) -> Any:
    """One request of a judge: 100 tokens in, 10 out."""
    values = {
        "key": key,
        "usage": tokens(100, 10),
        "cost_usd": None,
        "served_model": None,
        "attempts": 1,
        "cached": False,
    }
    return values | changes


def judgement(value: float | None = 1.0, **changes: Any) -> Any:
    """One verdict; without a value it failed."""
    values = {
        "judge": "judge",
        "sample": 0,
        "value": value,
        "label": None,
        "reason": "judge_error: parse" if value is None else "so",
        "criteria": [],
        "is_retest": False,
        "opponent": None,
        "is_first": None,
        "calls": [call()],
    }
    return values | changes


def lines(*passed: bool | None, names: Sequence[str] = ("polite", "short")) -> Any:
    """Verdicts by criterion."""
    return [
        {"criterion": name, "passed": each, "reason": None}
        for name, each in zip(names, passed, strict=True)
    ]


def judged(*judgements: Any, value: Any = "mean", **changes: Any) -> Any:
    """A score made of judgements; by default the mean of those that count."""
    given = [j["value"] for j in judgements if j["value"] is not None and not j["is_retest"]]
    if value == "mean":
        value = sum(given) / len(given) if given else None
    values = {
        "value": value,
        "reason": "so" if given else judgements[0]["reason"],
        "label": None,
        "criteria": [],
        "cost_usd": None,
        "judgements": list(judgements),
    }
    return values | changes


def judged_trial(
    cell: int, case: int, score: Any, *, scorer: str = "rubric", **changes: Any
) -> Any:
    """A trial's record with one judged score."""
    return trial(cell, case, scores={scorer: score}, **changes)
