"""What any model must beat: eight answers that need no language model.

Baselines answer the case's `input`; the rendered prompt, written for language models, is not read.
`majority`, `keywords` and the two TF-IDF kinds are trained on a file of labelled examples.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.util
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field, model_validator

from evalrunner.errors import ConfigError, FailureKind, Problem, ProviderError
from evalrunner.project import Project
from evalrunner.providers import ModelSettings
from evalrunner.providers.baseline.rules import train_keywords, train_majority
from evalrunner.providers.baseline.training import Examples, Predict, load_examples, text_of
from evalrunner.providers.baseline.vectors import has_word, train_logistic, train_nearest
from evalrunner.providers.files import Fingerprint, fingerprint
from evalrunner.providers.recording import row_of
from evalrunner.types import Case, Completion, Json, Prompt, Request

__all__ = [
    "BaselineProvider",
    "BaselineSettings",
    "build_request",
    "check",
    "make",
    "untrained_answer",
]

Kind = Literal[
    "majority",
    "constant",
    "by_case",
    "empty",
    "copy_input",
    "keywords",
    "tfidf_knn",
    "tfidf_logistic",
]

_TRAINERS: dict[str, Callable[[Examples], Predict]] = {
    "majority": train_majority,
    "keywords": train_keywords,
    "tfidf_knn": train_nearest,
    "tfidf_logistic": train_logistic,
}
_BY_SCIKIT_LEARN = frozenset({"tfidf_knn", "tfidf_logistic"})
_WHERE = "model.train"


class BaselineSettings(ModelSettings):
    """A baseline and what it learns from."""

    provider: Literal["baseline"]
    name: str = ""
    """Empty = `kind`."""
    kind: Kind
    train: str | None = None
    """Labelled examples (.jsonl, .json, .csv) for the kinds that learn. Keep them apart from the
    test set: what is in both is known by heart."""
    input_field: str = "input"
    """Field of the training file that holds the text."""
    target: str = "expected_output"
    """Field of the training file that holds the right answer."""
    text: str | None = None
    """The answer of `constant`."""
    texts: dict[str, str] = Field(default_factory=dict)
    """The answers of `by_case`, by the case's id."""

    @model_validator(mode="before")
    @classmethod
    def _named_after_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("name") and values.get("kind"):
            return {**values, "name": str(values["kind"])}
        return values

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> BaselineSettings:
        if self.kind in _TRAINERS and self.train is None:
            raise ValueError(f"kind {self.kind!r} learns: set 'train' to a file of examples")
        if (self.kind == "constant") != (self.text is not None):
            raise ValueError("'text' is the answer of kind 'constant', and of no other kind")
        if (self.kind == "by_case") != bool(self.texts):
            raise ValueError("'texts' are the answers of kind 'by_case', and of no other kind")
        return self


def build_request(
    settings: BaselineSettings, prompt: Prompt, case: Case, *, sample: int, project: Project
) -> Request:
    """The question; its identity holds the content of the training file, and not the prompt."""
    file = _training_file(settings, project)
    body: dict[str, Json] = {"input": text_of(case.input), "text": settings.text}
    if settings.kind == "by_case":
        body |= {"text": settings.texts.get(case.id)}
    if file is not None:
        body |= {"input_field": settings.input_field, "target": settings.target}
    return Request.build(
        provider=settings.provider,
        model=settings.name,
        origin="",
        path=settings.kind if file is None else f"{settings.kind}@{file.sha256}",
        body=body,
        sample=sample,
        prompt=prompt,
        case=case,
    )


def check(settings: BaselineSettings, project: Project) -> None:
    """Raise ConfigError when the training file or scikit-learn is missing or cannot be used."""
    if settings.kind in _BY_SCIKIT_LEARN and importlib.util.find_spec("sklearn") is None:
        what = f"{settings.kind!r} needs scikit-learn, which is not installed"
        hint = "type: pip install 'evalrunner[baseline]'"
        raise ConfigError(Problem(where="model.kind", what=what, hint=hint))
    file = _training_file(settings, project)
    if file is None:
        return
    examples = load_examples(file, input_field=settings.input_field, target=settings.target)
    if settings.kind in _BY_SCIKIT_LEARN and not any(map(has_word, examples.texts)):
        what = f"no text of {settings.train!r} has a word"
        raise ConfigError(Problem(where=_WHERE, what=what, hint="use kind: majority"))
    if settings.kind == "tfidf_logistic" and len(examples.classes) == 1:
        what = f"every example has the answer {examples.majority!r}: there is nothing to tell apart"
        raise ConfigError(Problem(where=_WHERE, what=what, hint="use kind: majority"))


def make(settings: BaselineSettings, project: Project) -> BaselineProvider:
    """The provider, not trained yet. Raises ConfigError as `check` does."""
    return BaselineProvider(settings, project)


class BaselineProvider:
    """Trains once, then answers in the event loop's thread: an answer takes a millisecond."""

    def __init__(self, settings: BaselineSettings, project: Project) -> None:
        check(settings, project)
        self._settings = settings
        self._project = project
        self._predict: Predict | None = None
        self._training = asyncio.Lock()

    async def open(self) -> None:
        """Train now, so that it slows down nobody's answers; else the first answer does it."""
        await self._trained()

    async def complete(self, request: Request) -> Completion:
        """The prediction for the case's input; its latency is without training."""
        if request.case is None:
            message = "a baseline answers cases, this request has none"
            raise ProviderError(message, kind=FailureKind.BAD_REQUEST)
        predict = await self._trained()
        started_at, began = time.time(), time.perf_counter()
        answer = predict(_read(self._settings, request.case))
        latency_s = time.perf_counter() - began
        completion = Completion(text=answer, started_at=started_at, latency_s=latency_s)
        return replace(completion, raw=row_of(completion))

    async def aclose(self) -> None:
        """Nothing was opened."""

    async def _trained(self) -> Predict:
        if self._predict is not None:
            return self._predict
        async with self._training:
            if self._predict is None:
                self._predict = await asyncio.to_thread(_predictor, self._settings, self._project)
            return self._predict


def untrained_answer(settings: BaselineSettings, case: Case) -> str | None:
    """What a baseline that learns nothing answers; None for one that learns."""
    if settings.kind in _TRAINERS:
        return None
    return _untrained(settings)(_read(settings, case))


def _read(settings: BaselineSettings, case: Case) -> str:
    """What an answer is made from."""
    return case.id if settings.kind == "by_case" else text_of(case.input)


def _predictor(settings: BaselineSettings, project: Project) -> Predict:
    file = _training_file(settings, project)
    if file is None:
        return _untrained(settings)
    return _train(settings.kind, file, settings.input_field, settings.target)


def _untrained(settings: BaselineSettings) -> Predict:
    if settings.kind == "copy_input":
        return lambda text: text
    if settings.kind == "by_case":
        return lambda case_id: settings.texts.get(case_id, "")
    answer = settings.text or ""
    return lambda _text: answer


@functools.lru_cache(maxsize=8)
def _train(kind: str, file: Fingerprint, input_field: str, target: str) -> Predict:
    """Shared by all cells with this baseline."""
    return _TRAINERS[kind](load_examples(file, input_field=input_field, target=target))


def _training_file(settings: BaselineSettings, project: Project) -> Fingerprint | None:
    """None for the kinds that learn nothing."""
    if settings.train is None or settings.kind not in _TRAINERS:
        return None
    return fingerprint(project, settings.train, where=_WHERE)
