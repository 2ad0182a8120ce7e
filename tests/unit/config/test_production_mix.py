"""`production.by` and `production.mix`: the traffic that scores are told for."""

import pytest
from pydantic import ValidationError

from evalrunner.config import ProductionSettings


@pytest.mark.parametrize("mix", [{"a": 30, "b": 0}, {"a": 0.3, "b": 0.7}, {"a": 0.333, "b": 0.667}])
def test_a_mix_is_counts_or_shares(mix):
    found = ProductionSettings.model_validate({"by": "category", "mix": mix})

    assert (found.by, found.mix) == ("category", mix)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"mix": {"a": 1, "b": 2}}, "needs `by`"),
        ({"by": "category"}, "needs `mix`"),
        ({"by": "category", "mix": {"a": 0.3, "b": 0.3}}, "sum to 0.6"),
        ({"by": "category", "mix": {"a": -1, "b": 2}}, "greater than or equal to 0"),
        ({"by": "category", "mix": {"a": 0}}, "no category"),
    ],
)
def test_what_is_no_mix_is_said(settings, told):
    with pytest.raises(ValidationError, match=told):
        ProductionSettings.model_validate(settings)
