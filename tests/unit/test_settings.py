"""Settings never say back what they were given: it may be a key in the wrong place."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from evalrunner.config import Experiment
from evalrunner.datasets import DatasetSettings
from evalrunner.providers import Limits

SECRET = "sk-proj-canary0123456789abcdef"


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (Limits, {"rpm": SECRET}),
        (DatasetSettings, {"name": "d", "path": "p.jsonl", SECRET: 1, "limit": SECRET}),
        (Experiment, {"dataset": SECRET, "model": {"provider": SECRET}}),
    ],
)
def test_refused_value_is_not_echoed(settings, values):
    with pytest.raises(ValidationError) as refused:
        settings.model_validate(values)

    assert "input_value" not in str(refused.value)
