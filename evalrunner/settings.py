"""The base of every settings class: what a composed YAML mapping must look like."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, and unknown keys are refused however they came in."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        # A key pasted where a name belongs must not come back in pydantic's own message.
        hide_input_in_errors=True,
    )
