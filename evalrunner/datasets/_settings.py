"""What `conf/dataset/*.yaml` may say."""

from __future__ import annotations

from typing import TypeAlias

from pydantic import ConfigDict, Field, field_validator

from evalrunner.settings import Settings

Scalar: TypeAlias = str | int | float | bool | None


class DatasetSettings(Settings):
    """One test set, and which of its cases to take."""

    # `schema` names a method of BaseModel, so the key is an alias; dumps use the key.
    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    name: str
    path: str
    """Looked up in the project, then in the installed package: .jsonl, .json, .csv or .parquet."""
    schema_: str | None = Field(default=None, alias="schema")
    """A JSON Schema file for the cases, checked beside the built-in one; it sees renamed rows."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Renames, new name first: `{input: question, expected_output: answer}`."""
    slices: list[str] = Field(default_factory=list)
    """Fields to break results down by."""
    cluster: str | None = None
    """Field that groups dependent cases (a conversation, a customer)."""
    limit: int | None = Field(default=None, ge=0)
    """How many cases of a seeded shuffle to take; null = all."""
    stratify: str | None = None
    """Field whose shares `limit` keeps."""
    filter: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    """Values a case must have: `{category: [billing, refund]}`; compared as text."""
    encoding: str = "utf-8"
    """Of a text file; a byte order mark is accepted."""
    allow_empty: bool = False
    """Accept an empty `input` or `expected_output`."""

    @field_validator("encoding")
    @classmethod
    def _is_text_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(f"{error}; for example utf-8, cp1252, utf-16") from error
        return value
