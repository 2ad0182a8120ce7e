"""Whether a test set still looks like production: its categories, its texts, and what it lacks.

Tests decide, not rules of thumb: with few cases every distance is far from 0 without any drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from evalrunner.errors import ConfigError, Problem
from evalrunner.health import shown_value, text_of
from evalrunner.production.dataset.questions import case_input
from evalrunner.production.drift.coverage import coverage_facts, find_unseen, to_label
from evalrunner.production.drift.mix import ENOUGH, Mixes, mix_facts
from evalrunner.production.drift.scores import reweighted_scores
from evalrunner.production.drift.texts import text_facts
from evalrunner.production.logs import LoggedCall
from evalrunner.stats import holm
from evalrunner.types import Case, Json

__all__ = ["LEVEL", "find_drift"]

LEVEL = 0.05
"""Of all tests together: how often they see a drift where there is none."""
_DEFAULT = "category"

Verdict = Literal["drift", "no drift", "cannot be told"]


def find_drift(
    cases: Sequence[Case],
    calls: Sequence[LoggedCall],
    *,
    by: str | None = None,
    run: Path | None = None,
    name: str = "the test set",
) -> dict[str, Any]:
    """What `production drift --json` prints.

    `by` None = `category` where both sides have it; `name` is the test set's in messages. Raises
    ConfigError for a `by` that one side lacks, and as `reweighted_scores`.
    """
    asked = [(call, value) for call in calls if (value := case_input(call)) is not None]
    kept = [call for call, _ in asked]
    weights = [call.weight for call in kept]
    field = _field(cases, kept, by)
    categories = [None if field is None else call.field(field) for call in kept]
    labels = [None if field is None else shown_value(case.fields.get(field)) for case in cases]
    mixes = Mixes.of(labels, categories, weights)
    mix = mix_facts(mixes, rng=np.random.default_rng([0, 1]))
    if run is not None and (field is None or mix is None):
        what = "the mix of production is unknown: no field that both sides have"
        raise ConfigError(Problem(where="--run", what=what, hint="name one with --by FIELD"))
    ours, theirs = [text_of(case.input) for case in cases], [text_of(value) for _, value in asked]
    texts = text_facts(ours, theirs, weights, rng=np.random.default_rng([0, 2]))
    unseen = find_unseen(ours, theirs, rng=np.random.default_rng([0, 3]))
    known = frozenset(mixes.cases)
    return {
        "n_cases": len(cases),
        "n_calls": len(calls),
        "n_without_input": len(calls) - len(kept),
        "by": field,
        **_verdict(mix, texts, is_mix_asked=by is not None),
        "mix": mix,
        "texts": texts,
        "coverage": coverage_facts(unseen, weights),
        "to_label": []
        if unseen is None
        else [
            {"category": name, "n_cases": mixes.cases.get(name or "", 0), **facts}
            | {"examples": [_example(kept[at], theirs[at]) for at in places]}
            for name, facts, places in to_label(unseen, categories, weights, known=known)
        ],
        "scores": []
        if run is None or field is None
        else reweighted_scores(run, field, mixes.shares, inputs=frozenset(ours), name=name),
        # From fewer calls the shares are mostly chance.
        "production": {"by": field, "mix": mixes.to_paste}
        if mix is not None and mix["n_calls"] >= ENOUGH
        else None,
    }


def _field(cases: Sequence[Case], calls: Sequence[LoggedCall], by: str | None) -> str | None:
    name = by or _DEFAULT
    in_cases = any(shown_value(case.fields.get(name)) is not None for case in cases)
    in_calls = any(call.field(name) is not None for call in calls)
    if in_cases and in_calls:
        return name
    if by is None:
        return None
    problems = []
    if not in_cases:
        names = ", ".join(sorted({name for case in cases for name in case.fields})[:20])
        hint = f"its cases have: {names}; rename one with fields: {{{by}: NAME}} in conf/dataset"
        what = f"no case of the test set has {by!r}"
        problems.append(Problem(where="--by", what=what, hint=hint))
    if not in_calls:
        names = ", ".join(sorted({name for call in calls for name in call.metadata})[:20])
        hint = f"their metadata have: {names or 'nothing'}"
        problems.append(Problem(where="--by", what=f"no logged call has {by!r}", hint=hint))
    raise ConfigError(problems)


def _verdict(mix: Json, texts: Json, *, is_mix_asked: bool) -> dict[str, Any]:
    """Both tests' p-values, adjusted for there being two; what they say together."""
    p_values = {}
    if mix is not None:
        p_values["mix"] = mix["test"]["p_value"]
    if texts is not None:
        p_values["texts"] = texts["p_value"]
    adjusted = dict(zip(p_values, holm(list(p_values.values())).tolist(), strict=True))
    drifted = [name for name, p_value in adjusted.items() if p_value <= LEVEL]
    is_told = texts is not None and texts["is_enough"]
    is_told = is_told and (mix["is_enough"] if mix is not None else not is_mix_asked)
    verdict: Verdict = "drift" if drifted else "no drift" if is_told else "cannot be told"
    return {"verdict": verdict, "drifted": drifted, "p_adjusted": adjusted, "level": LEVEL}


def _example(call: LoggedCall, text: str) -> dict[str, Json]:
    return {"id": call.id, "input": text[:500]}
