"""Flags about costs that are unknown, old, or of another model."""

import pytest
from runs import new_run, project, tokens, trial, write_journal
from summaries import canary, cell, flags

from evalrunner.report import build_report

UNKNOWN = {"usd_per_1000": None, "unpriced_calls": 100}


def price(name="m", **changes):
    values = {"name": name, "is_known": True, "source": "override", "valid_from": None}
    return values | changes


def test_candidates_without_a_price_are_told():
    (flag,) = flags("unpriced", cell(0, 80), cell(1, 90, cost=UNKNOWN))

    assert (flag["severity"], flag["cell"]) == ("yellow", 1)
    assert flag["message"] == "what m1 costs is unknown: no price is known"
    assert "pricing.overrides" in flag["remedy"]


def test_answers_without_token_counts_need_no_price():
    cells = [cell(n, 80, cost=UNKNOWN, usage=None) for n in range(3)]

    (flag,) = flags("unpriced", *cells)

    assert flag["message"] == (
        "what all candidates cost is unknown: their answers came without token counts"
    )


def test_the_price_of_answers_that_nothing_scored_is_missed_all_the_same():
    unscored = {"value": None, "low": None, "high": None, "n": 0, "method": "none"}

    (flag,) = flags("unpriced", cell(0, 0, quality=unscored, n_unscored=100, cost=UNKNOWN))

    assert flag["message"] == "what m0 costs is unknown: no price is known"


def test_what_gave_no_answer_has_no_cost_to_miss():
    assert flags("unpriced", cell(0, 0, n_ok=0, n_error=100, cost=UNKNOWN)) == []


def test_priced_candidates_and_free_canaries_are_not():
    assert flags("unpriced", cell(0, 80), canary(1, 0, cost=UNKNOWN)) == []


def test_price_that_was_noted_long_before_the_run_is_old():
    prices = [price("m", valid_from="2026-01-05"), price("n", valid_from="2026-10-01")]

    (flag,) = flags("stale_price", cell(0, 80), prices=prices)

    assert flag["message"] == "the price of m was noted 10 months before this run"
    assert flag["evidence"]["days_old"] == {"m": 319}


@pytest.mark.parametrize(
    "known",
    [
        price(valid_from="2026-06-01"),
        price(valid_from=None),
        price(valid_from="2020-01-01", source="genai-prices 0.2.3"),
    ],
)
def test_fresh_prices_and_those_of_the_table_are_not(known):
    assert flags("stale_price", cell(0, 80), prices=[known]) == []


def test_answer_of_a_model_without_a_price_of_its_own_is_told():
    prices = [price("luna"), price("luna-next", is_known=False)]

    (flag,) = flags("stale_price", cell(0, 80, served_models=["luna-next"]), prices=prices)

    assert flag["cell"] == 0
    assert flag["message"] == (
        "luna-next answered without a price of its own: m0 is charged as what was asked for"
    )


def test_report_says_which_prices_it_used(tmp_path):
    luna = "{gpt-6-luna: {input: 1, output: 2, valid_from: 2026-01-05, source: a page}}"
    directory = new_run(
        project(tmp_path),
        "model=luna",
        "pricing.source=none",
        f"pricing.overrides={luna}",
        environ={"OPENAI_API_KEY": "sk-proj-0123456789abcdef"},
    )
    records = [trial(0, n, usage=tokens(9, 9), served_model="gpt-6-luna") for n in range(3)]

    found = build_report(write_journal(directory, records), figures=False)

    assert found["prices"] == [price("gpt-6-luna", source="a page", valid_from="2026-01-05")]
    assert "stale_price" in {flag["code"] for flag in found["flags"]}


def test_two_models_behind_one_name_are_told():
    (flag,) = flags("alias_drift", cell(0, 80, served_models=["luna-1", "luna-2"]), cell(1, 70))

    assert (flag["severity"], flag["cell"]) == ("yellow", 0)
    assert "m0 got answers from more than one model (luna-1, luna-2)" in flag["message"]


def test_one_model_behind_each_name_is_not():
    cells = [cell(0, 80, served_models=["luna-1"]), cell(1, 70, served_models=["opus"]), cell(2, 1)]

    assert flags("alias_drift", *cells) == []
