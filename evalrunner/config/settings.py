"""What one cell of an experiment looks like: every documented key with its type and bounds.

Every provider and scorer module declares its own settings class; the unions are built here.
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from evalrunner.config.mixes import mix_problem
from evalrunner.datasets import DatasetSettings
from evalrunner.pricing import PricingSettings
from evalrunner.prompts import PromptSettings
from evalrunner.providers.anthropic import AnthropicSettings
from evalrunner.providers.baseline import BaselineSettings
from evalrunner.providers.openai import OpenAISettings
from evalrunner.providers.python import PythonSettings
from evalrunner.providers.replay import ReplaySettings
from evalrunner.scorers import SCORER_SETTINGS
from evalrunner.settings import Settings

AnyModelSettings: TypeAlias = Annotated[
    OpenAISettings | AnthropicSettings | PythonSettings | ReplaySettings | BaselineSettings,
    Field(discriminator="provider"),
]
# The scorers' registry is a tuple made at import; a type checker sees its union as Any.
_AnyScorer: Any = reduce(or_, SCORER_SETTINGS)
AnyScorerSettings: TypeAlias = Annotated[_AnyScorer, Field(discriminator="kind")]

OnFailure: TypeAlias = Literal["fail", "score", "skip"]
"""What a refused or truncated answer is worth: 0, whatever the scorers say, or nothing."""
Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]


def _off(value: object) -> object:
    return "off" if value is False else value


class RunSettings(Settings):
    """How an evaluation is run and judged, whatever it compares."""

    name: str = Field(default="adhoc", pattern=r"^[\w][\w.-]*$", max_length=100)
    """Directory under `outputs`."""
    repeats: int = Field(default=1, ge=1)
    """Answers drawn per case."""
    seed: int = Field(default=0, ge=0)
    quality: str | None = None
    """Scorer, or metric of one (`labels.macro_f1`), on the Pareto plot; null = the first scorer."""
    baseline: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """Axes that select the cell to compare with, one per facet: `{model: x, prompt: y}`."""
    budget_usd: Decimal | None = Field(default=None, ge=0)
    """Hard cap of what this run may pay; null = none."""
    confirm_above_usd: Decimal | None = Field(default=Decimal(5), ge=0)
    """Ask before a run whose ceiling is higher; null = never."""
    max_missing: Share = 0.02
    """Share of trials without a usable score above which the run counts as incomplete."""
    on_refused: OnFailure = "fail"
    on_truncated: OnFailure = "fail"
    margin: float = Field(default=0.02, gt=0, lt=1)
    """Loss of quality that does not matter: `not worse` means worse by less than this."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Level of every interval."""
    # YAML 1.1 reads a bare `off` as false.
    cache: Annotated[Literal["use", "refresh", "off"], BeforeValidator(_off)] = "use"
    cache_dir: str | None = None
    """Null = the user's cache directory."""
    cache_remote: str | None = None
    race: bool = False
    """Stop cells early that can no longer win."""
    canaries: bool = False
    """Add cells that must score badly, to test the scorers."""
    target_difference: float | None = Field(default=None, gt=0, lt=1)
    """Difference in quality that the test set should be able to show."""
    outputs: str = "outputs"
    """Where run directories are made, relative to the project."""


class DecideSettings(Settings):
    """What a configuration must offer to be recommended."""

    requests_per_month: float | None = Field(default=None, gt=0)
    budget_usd_per_month: Decimal | None = Field(default=None, ge=0)
    quality_floor: Share | None = None
    max_latency_p90_s: float | None = Field(default=None, gt=0)
    require: dict[str, Share] = Field(default_factory=dict)
    """Lower bounds of further scores: `{json_valid: 0.99}`."""


class ProductionSettings(Settings):
    """The traffic that costs and scores should be told for, instead of the test set's."""

    input_tokens: float | None = Field(default=None, ge=0)
    """Per request; null = as in the test set."""
    output_tokens: float | None = Field(default=None, ge=0)
    cache_hit_rate: Share = 0
    """Share of input tokens read from the provider's prompt cache."""
    by: str | None = None
    """Field of the cases whose mix in production `mix` tells."""
    mix: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """What was counted in production, by value of `by`; or shares, which sum to 1."""

    @model_validator(mode="after")
    def _mix_is_whole(self) -> ProductionSettings:
        if self.mix and self.by is None:
            raise ValueError("mix needs `by`, the field of the cases whose values it counts")
        if self.by is not None and not self.mix:
            raise ValueError("by needs `mix`, what was counted in production: {billing: 120, …}")
        if self.mix and (problem := mix_problem(self.mix)):
            raise ValueError(f"mix: {problem}; give counts, or shares that sum to 1")
        return self


class ExecutorSettings(Settings):
    """Where the calls are made."""

    kind: Literal["local"] = "local"


class JudgeSettings(Settings):
    """The model that scores what rules cannot."""

    model: AnyModelSettings
    template: str | None = None
    """Null = the scorer kind's own; a scorer's template wins."""
    instructions: str | None = None
    """Added to what every judge is told: how strict to be, what to overlook."""
    repeats: int = Field(default=1, ge=1)
    """Verdicts per answer."""
    panel: dict[str, AnyModelSettings] = Field(default_factory=dict)
    """More judges, by name."""
    retest: Share = 0
    """Share of the cases that is judged twice, to measure the judge's own noise."""
    combine: Literal["majority", "mean"] = "majority"
    """How several verdicts on one answer become its score."""
    structured: bool = True
    """Ask for verdicts as structured output; false for servers that do not know it."""
    canaries: bool = False
    """Add answers that must fail (empty, constant, another case's, ...), to test the judge."""


class Experiment(Settings):
    """One cell: everything that decides its answers, its scores and how they are reported."""

    dataset: DatasetSettings
    model: AnyModelSettings
    prompt: PromptSettings
    scorer: dict[str, AnyScorerSettings] = Field(min_length=1)
    """By the name under which scores are reported."""
    judge: JudgeSettings | None = None
    pricing: PricingSettings = PricingSettings()
    run: RunSettings = RunSettings()
    decide: DecideSettings = DecideSettings()
    production: ProductionSettings = ProductionSettings()
    executor: ExecutorSettings = ExecutorSettings()


GROUPS: dict[str, Any] = {
    "dataset": DatasetSettings,
    "model": AnyModelSettings,
    "prompt": PromptSettings,
    "scorer": dict[str, AnyScorerSettings],
    "judge": JudgeSettings | None,
    "pricing": PricingSettings,
    "executor": ExecutorSettings,
}
"""What one file of each group must look like."""
