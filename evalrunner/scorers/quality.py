"""What `run.quality` may name: a scorer, or a metric of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalrunner.errors import ConfigError, Problem
from evalrunner.scorers.base import ScorerSettings
from evalrunner.scorers.classification import METRICS
from evalrunner.scorers.labels import LabelsSettings
from evalrunner.scorers.structured import JsonFieldsSettings

ACCURACY = "accuracy"
"""Of a `labels` scorer: its score by another name."""


def resolve_quality(quality: str, scorers: Mapping[str, ScorerSettings]) -> tuple[str, str | None]:
    """The scorer that `run.quality` names, and the metric of it or None for its score.

    Raises ConfigError when no selected scorer has it.
    """
    if quality in scorers:
        return quality, None
    scorer = next((name for name in scorers if quality.startswith(f"{name}.")), None)
    if scorer is not None:
        metric, settings = quality.removeprefix(f"{scorer}."), scorers[scorer]
        if isinstance(settings, LabelsSettings) and metric in METRICS:
            return scorer, None if metric == ACCURACY else metric
        if isinstance(settings, JsonFieldsSettings) and metric in (settings.fields or [metric]):
            return scorer, metric
    raise ConfigError(
        Problem(
            where="run.quality",
            what=f"no selected scorer gives {quality!r}",
            hint=f"choose one of: {', '.join(_choices(scorers))}",
        )
    )


def trial_quality(scores: Mapping[str, Any], quality: tuple[str, str | None]) -> float | None:
    """One trial's own quality, from its scores as JSON; None = unscored.

    `quality` is what `resolve_quality` gives. An F1 has none by trial, so that its scorer's value
    counts.
    """
    scorer, metric = quality
    score = scores.get(scorer)
    if score is None or score["value"] is None:
        return None
    if metric is None or is_f1(metric) or not score.get("criteria"):
        return float(score["value"])
    passed = (c["passed"] for c in score["criteria"] if c["criterion"] == metric)
    found = next(passed, None)
    return None if found is None else float(found)


def is_f1(metric: str | None) -> bool:
    """Whether a metric that `resolve_quality` gives is one of classes, not of cases."""
    return metric is not None and metric != ACCURACY and metric in METRICS


def _choices(scorers: Mapping[str, ScorerSettings]) -> list[str]:
    found = list(scorers)
    for name, scorer in scorers.items():
        if isinstance(scorer, LabelsSettings):
            found += [f"{name}.{metric}" for metric in METRICS]
        if isinstance(scorer, JsonFieldsSettings):
            found += [f"{name}.{field}" for field in scorer.fields or ["<field>"]]
    return found
