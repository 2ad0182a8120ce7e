"""Recorded answers, looked up in a file instead of asked for: free, offline, the same every time.

A row is `{case_id | input, output | null, model?, repeat?, usage?, cost_usd?, latency_s?,
stop_reason?, ...}`, as in a run's own `trials.jsonl`. Of a .jsonl file only the places of its rows
are kept in memory; .json and .csv files are held whole.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.project import Project
from evalrunner.providers import ModelSettings
from evalrunner.providers.files import fingerprint
from evalrunner.providers.recording import Recording, estimated_usage, parse
from evalrunner.providers.replay_index import ReplayIndex
from evalrunner.types import Case, Completion, Json, Prompt, Request, canonical_json

_WHERE = "model.path"


class ReplaySettings(ModelSettings):
    """A file of recorded answers."""

    provider: Literal["replay"]
    name: str = ""
    """Empty = the file's name without its extension."""
    path: str
    """`.jsonl`, `.json` (an array) or `.csv`, in the project or the package."""
    select: dict[str, Json] = Field(default_factory=dict)
    """Fields and the value, or list of values, that rows must have: for a file with answers of
    several models (`{model: gpt-4}`) or cells of a run (`{cell: 0}`)."""
    usage: Literal["recorded", "estimate"] = "recorded"
    """`estimate` counts tokens from the text where a row has none; they are marked everywhere."""
    reprice: bool = False
    """Price the tokens of a row that has some, whatever cost the row names."""

    @model_validator(mode="before")
    @classmethod
    def _named_after_file(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("name") and values.get("path"):
            return {**values, "name": Path(str(values["path"])).stem}
        return values


def build_request(
    settings: ReplaySettings, prompt: Prompt, case: Case, *, sample: int, project: Project
) -> Request:
    """The look-up of `case`; its identity holds the content of the file, not only its name."""
    file = fingerprint(project, settings.path, where=_WHERE)
    body: dict[str, Json] = {
        "case_id": case.id,
        "case_sha256": case.sha256,
        "select": settings.select,
        "usage": settings.usage,
    }
    if settings.usage == "estimate":
        body["prompt_sha256"] = prompt.sha256
    return Request.build(
        provider=settings.provider,
        model=settings.name,
        origin="",
        path=f"{settings.path}@{file.sha256}",
        body=body,
        sample=sample,
        prompt=prompt,
        case=case,
    )


def check(settings: ReplaySettings, project: Project) -> None:
    """Raise ConfigError with everything that is wrong with the file."""
    ReplayProvider(settings, project)


def make(settings: ReplaySettings, project: Project) -> ReplayProvider:
    """The provider. Raises ConfigError as `check` does."""
    return ReplayProvider(settings, project)


class ReplayProvider:
    """Finds the row of a case by its id, or else by its exact input, and by the repeat."""

    def __init__(self, settings: ReplaySettings, project: Project) -> None:
        self._settings = settings
        file = fingerprint(project, settings.path, where=_WHERE)
        self._index = ReplayIndex(file.path, select=settings.select)

    async def complete(self, request: Request) -> Completion:
        """The recorded answer, with the whole row as its raw body.

        Raises ProviderError(NO_RECORDING) when there is none: no row, or one without an output.
        """
        return self.look_up(request)

    def look_up(self, request: Request) -> Completion:
        """As `complete`, at once."""
        fields = self._find(request)
        recording = Recording.model_validate(fields)
        if not recording.is_answer:
            raise self._none(request, _why_no_answer(recording, fields))
        if self._settings.reprice and recording.usage is not None:
            fields = {**fields, "cost_usd": None}
        if self._settings.usage == "estimate" and recording.usage is None:
            fields = {**fields, "usage": asdict(estimated_usage(request, recording.output))}
        return parse(request, canonical_json(fields).encode("ascii"))

    async def aclose(self) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """As `aclose`, at once."""
        self._index.close()

    def _find(self, request: Request) -> dict[str, Json]:
        if request.case is None:
            raise self._none(request, "the request belongs to no case of the test set")
        try:
            fields = self._index.find(request.case, request.sample)
        except (OSError, ValueError) as error:
            raise self._none(request, f"the file changed during the run: {error}") from error
        if fields is None:
            raise self._none(request, "there is no row for it")
        # An edited test set keeps its ids: scoring the old answer would be a false number.
        if fields.get("input") not in (None, "", request.case.input):
            raise self._none(request, "its row was recorded for another input")
        return fields

    def _none(self, request: Request, why: str) -> ProviderError:
        about = "a request" if request.case is None else f"case {request.case.id!r}"
        message = f"{self._settings.path} has no answer to {about}, repeat {request.sample}: {why}"
        return ProviderError(message, kind=FailureKind.NO_RECORDING)


def _why_no_answer(recording: Recording, fields: dict[str, Json]) -> str:
    if recording.status is None:
        return "its output is null"
    error = fields.get("error")
    kind = error.get("kind") if isinstance(error, dict) else None
    return f"it was recorded as {recording.status}" + (f" ({kind})" if kind else "")
