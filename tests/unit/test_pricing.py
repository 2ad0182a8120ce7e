import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from genai_prices import Usage as TableUsage
from genai_prices import __version__ as table_version
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalrunner.pricing import (
    PriceBook,
    PriceOverride,
    PricingSettings,
    Rates,
    UnitPrices,
    busy_seconds,
    cost_usd,
    list_price_usd,
)
from evalrunner.types import Usage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONF = Path(__file__).parents[2] / "conf" / "pricing"

USAGES = [
    Usage(),
    Usage(input_tokens=1234, output_tokens=567, reasoning_tokens=500),
    Usage(input_tokens=7, cache_read_tokens=90_001, output_tokens=3),
    Usage(input_tokens=7, cache_write_5m_tokens=4_321, output_tokens=3),
    Usage(
        input_tokens=11,
        cache_read_tokens=2_003,
        cache_write_5m_tokens=501,
        cache_write_1h_tokens=77,
        output_tokens=999,
    ),
    Usage(input_tokens=100_000, output_tokens=1),
    Usage(input_tokens=99_000, cache_read_tokens=1_001, output_tokens=1),
    Usage(input_tokens=272_001, output_tokens=10),
    Usage(cache_read_tokens=300_000, cache_write_5m_tokens=5, output_tokens=10),
]
counts = st.integers(0, 2_000_000)
usages = st.builds(
    Usage,
    input_tokens=counts,
    cache_read_tokens=counts,
    cache_write_5m_tokens=counts,
    cache_write_1h_tokens=counts,
    output_tokens=counts,
)
rates = st.decimals(0, 1000, places=6)
unit_prices = st.builds(
    UnitPrices,
    standard=st.tuples(
        st.builds(
            Rates,
            input=rates,
            output=st.none() | rates,
            cache_read=st.none() | rates,
            cache_write_5m=st.none() | rates,
            cache_write_1h=st.none() | rates,
        )
    ),
    batch=st.none(),
    per_second=st.none() | rates,
    source=st.text(max_size=5),
    valid_from=st.none() | st.dates(),
)


def book(overrides=None, *, source="genai-prices", at=NOW):
    return PriceBook(
        PricingSettings.model_validate({"source": source, "overrides": overrides or {}}), at=at
    )


def table_cost(usage, name, provider, *, batch=False, at=NOW):
    """The same usage, priced by the package itself, which counts cached tokens as input too."""
    reported = TableUsage(
        input_tokens=usage.total_input_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        output_tokens=usage.output_tokens,
    )
    context = {"processing": "batch"} if batch else None
    found = calc_price(
        reported,
        name,
        provider_id=provider,
        genai_request_timestamp=at,
        price_context=context,
    )
    return found.total_price


def token_models():
    """Every model of the two sellers that the table prices by input and output tokens."""
    return [
        (model.id, provider.id)
        for provider in get_snapshot().providers
        if provider.id in {"anthropic", "openai"}
        for model in provider.models
        if model.is_match(model.id)
        and model.get_prices(NOW).input_mtok is not None
        and model.get_prices(NOW).output_mtok is not None
    ]


@pytest.mark.parametrize("usage", USAGES)
@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("claude-haiku-5-5", "anthropic"),
        ("claude-opus-5-5", "anthropic"),
        ("claude-sonnet-5-5", "anthropic"),
        ("gpt-6-luna", "openai"),
        ("gpt-6-sol", "openai"),
        ("gpt-5.4", "openai"),
        ("gpt-5.5-pro", "openai"),
        ("gpt-4.1", "openai"),
    ],
)
def test_costs_equal_the_tables_own_to_the_last_digit(name, provider, usage):
    prices = book().prices(name, provider)

    assert cost_usd(usage, prices) == table_cost(usage, name, provider)
    assert cost_usd(usage, prices, batch=True) == table_cost(usage, name, provider, batch=True)


def test_every_model_of_the_table_is_found_and_costs_the_same():
    prices, usage = book(), USAGES[4]

    costs = {model: cost_usd(usage, prices.prices(*model)) for model in token_models()}

    assert len(costs) > 100
    assert costs == {(name, seller): table_cost(usage, name, seller) for name, seller in costs}


def test_a_long_prompt_pays_the_higher_rate_for_all_its_tokens():
    """Haiku 5.5 is five times dearer above 100,000 prompt tokens, cached ones included."""
    prices = book().prices("claude-haiku-5-5", "anthropic")

    at_threshold = cost_usd(Usage(input_tokens=60_000, cache_read_tokens=40_000), prices)
    above = cost_usd(Usage(input_tokens=60_000, cache_read_tokens=40_001), prices)

    assert at_threshold == Decimal("0.0064")
    assert above == Decimal("0.03200005")


def test_a_model_with_several_thresholds_pays_by_the_last_one_passed():
    prices = book().prices("qwen/qwen3-coder-flash", "openrouter")

    for size in (32_000, 32_001, 128_000, 128_001):
        usage = Usage(input_tokens=size, output_tokens=1)
        assert cost_usd(usage, prices) == table_cost(usage, "qwen/qwen3-coder-flash", "openrouter")


def test_prices_are_those_of_the_day_of_the_run():
    early = book(at=datetime(2026, 3, 1, tzinfo=UTC)).prices("claude-opus-4-6", "anthropic")
    late = book().prices("claude-opus-4-6", "anthropic")

    usage = Usage(input_tokens=250_000)
    assert early.valid_from is None
    assert late.valid_from == date(2026, 3, 13)
    assert cost_usd(usage, early) == table_cost(
        usage, "claude-opus-4-6", "anthropic", at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    assert cost_usd(usage, early) == 2 * cost_usd(usage, late)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("claude-opus-5.5x", "anthropic"),
        ("claude-opus-4-6-foo", "anthropic"),
        ("gpt-6-lunar", "openai"),
        ("my-own-model", "openai"),
        ("Mixtral-8x7B-Instruct-v0.1-of-mine", "replay"),
        ("whisper-1", "openai"),
        ("majority", None),
    ],
)
def test_a_name_that_only_resembles_a_model_has_no_price(name, provider):
    assert book().prices(name, provider) is None


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("claude-opus-5-5-20261001", "anthropic", "claude-opus-5-5"),
        ("claude-opus-5.5", "anthropic", "claude-opus-5-5"),
        ("gpt-6-luna-2026-10-01", "openai", "gpt-6-luna"),
        ("gpt-6-luna-20261001", "openai", "gpt-6-luna"),
        ("GPT-6-luna", "openai", "gpt-6-luna"),
        ("claude-opus-5-5@20261001", "vertex", "claude-opus-5-5"),
        ("gpt-6-luna", "azure", "gpt-6-luna"),
        ("gpt-6-luna", "replay", "gpt-6-luna"),
        ("claude-opus-5-5", None, "claude-opus-5-5"),
    ],
)
def test_snapshots_aliases_and_clouds_have_the_models_price(name, provider, model):
    seller = "openai" if model.startswith("gpt") else "anthropic"

    prices = book()

    assert prices.prices(name, provider).standard == prices.prices(model, seller).standard


def test_bedrock_ids_have_bedrocks_own_regional_price():
    prices = book()

    regional = prices.prices("us.anthropic.claude-opus-5-5-v1:0", "bedrock")
    world = prices.prices("global.anthropic.claude-opus-5-5-v1:0", "bedrock")

    assert regional.standard[0].input == Decimal("1.1") * world.standard[0].input


def test_a_name_guarded_by_several_conditions_is_found_in_one_of_them():
    prices = book()

    assert prices.prices("gemini-2.5-pro", None) is not None
    assert prices.prices("gemini-2.5-pro-junk", None) is None


def test_a_fine_tuned_model_has_the_price_of_fine_tuned_models():
    found = book().prices("ft:gpt-4o-mini-2024-07-18:acme::x", "openai")

    assert found.standard[0].input == Decimal("0.3")


def test_a_resold_model_has_no_batch_price():
    """The seller's batch discount is not the reseller's."""
    resold = book().prices("gpt-6-luna", "azure")

    assert resold.batch is None
    assert cost_usd(Usage(input_tokens=1), resold, batch=True) is None


def test_unknown_stays_unknown():
    priced = UnitPrices(standard=(Rates(input=Decimal(1)),), source="test")
    usage = Usage(input_tokens=1, output_tokens=1)

    assert cost_usd(usage, None) is None
    assert cost_usd(None, priced) is None
    assert cost_usd(usage, priced) is None
    assert cost_usd(Usage(input_tokens=1), priced) == Decimal("0.000001")
    assert list_price_usd(usage, None) is None
    assert list_price_usd(None, priced) is None
    assert list_price_usd(usage, priced) is None


def test_cached_tokens_without_a_cache_price_cost_as_much_as_input():
    prices = UnitPrices(standard=(Rates(input=Decimal(2), output=Decimal(8)),), source="test")
    usage = Usage(cache_read_tokens=10, cache_write_5m_tokens=20, cache_write_1h_tokens=30)

    assert cost_usd(usage, prices) == cost_usd(Usage(input_tokens=60), prices)
    assert list_price_usd(usage, prices, cache_hit_rate=1) == cost_usd(usage, prices)


def test_one_hour_writes_without_a_price_cost_as_much_as_five_minute_ones():
    rate = Rates(input=Decimal(2), cache_write_5m=Decimal(3))
    prices = UnitPrices(standard=(rate,), source="test")

    assert cost_usd(Usage(cache_write_1h_tokens=5), prices) == Decimal("0.000015")


def test_list_price_does_not_depend_on_what_the_run_found_cached():
    prices = book().prices("claude-opus-5-5", "anthropic")
    warm = Usage(input_tokens=100, cache_read_tokens=900, output_tokens=50)
    cold = Usage(input_tokens=100, cache_write_1h_tokens=900, output_tokens=50)

    assert list_price_usd(warm, prices) == list_price_usd(cold, prices) == Decimal("0.005")
    assert list_price_usd(warm, prices, cache_hit_rate=0.9) == cost_usd(warm, prices)


def test_list_price_of_a_long_prompt_is_the_long_prompts_price():
    prices = book().prices("claude-haiku-5-5", "anthropic")
    usage = Usage(input_tokens=100_001, output_tokens=10)

    assert list_price_usd(usage, prices) == cost_usd(usage, prices)


def test_an_override_wins_and_is_read_from_yaml_exactly():
    text = """
    overrides:
      gpt-6-luna: {input: 0.15, output: 0.60, cache_read: 0.02, cache_write: 0.19,
                   cache_write_1h: 0.3, batch_factor: 0.5, per_second: 0.00028,
                   valid_from: 2026-11-01, source: "https://example.org/prices"}
    """
    settings = PricingSettings.model_validate(yaml.safe_load(text))

    found = PriceBook(settings, at=NOW).prices("gpt-6-luna", "openai")

    assert found.standard == (
        Rates(
            input=Decimal("0.15"),
            output=Decimal("0.6"),
            cache_read=Decimal("0.02"),
            cache_write_5m=Decimal("0.19"),
            cache_write_1h=Decimal("0.3"),
        ),
    )
    assert found.batch[0].cache_write_5m == Decimal("0.095")
    assert (found.per_second, found.valid_from) == (Decimal("0.00028"), date(2026, 11, 1))
    assert found.source == "https://example.org/prices"


def test_an_override_holds_from_its_day_on():
    overrides = {"gpt-6-luna": {"input": 9, "output": 9, "valid_from": "2026-11-20"}}

    before = book(overrides, at=datetime(2026, 11, 19, 23, 59, tzinfo=UTC))
    after = book(overrides, at=datetime(2026, 11, 20, 0, 0, tzinfo=UTC))

    assert before.prices("gpt-6-luna", "openai").source == f"genai-prices {table_version}"
    assert after.prices("gpt-6-luna", "openai").source == "override"


def test_a_model_on_own_hardware_is_charged_by_time_alone():
    overrides = {"tfidf": {"per_second": 0.00005}}

    found = book(overrides).prices("tfidf", "baseline")

    assert (found.standard, found.batch, found.per_second) == ((), (), Decimal("0.00005"))
    assert cost_usd(None, found) == cost_usd(Usage(output_tokens=5), found) == 0
    assert cost_usd(None, found, batch=True) == list_price_usd(None, found) == 0


@pytest.mark.parametrize(
    "override",
    [
        {"input": 1},
        {"output": 1},
        {},
        {"cache_read": 1},
        {"input": -1, "output": 1},
        {"input": float("nan"), "output": 1},
        {"input": 1, "output": 1, "outputs": 1},
    ],
)
def test_an_incomplete_or_impossible_override_is_refused(override):
    with pytest.raises(ValidationError):
        PriceOverride.model_validate(override)


def test_without_a_table_only_overrides_have_a_price():
    without = book({"mine": {"input": 1, "output": 2}}, source="none")

    assert without.prices("gpt-6-luna", "openai") is None
    assert without.prices("mine", "openai").standard[0].output == 2


def test_the_shipped_pricing_groups_are_valid():
    groups = {
        path.stem: PricingSettings.model_validate(yaml.safe_load(path.read_text("utf-8")))
        for path in CONF.glob("*.yaml")
    }

    assert groups["list"] == PricingSettings(source="genai-prices")
    assert groups["none"] == PricingSettings(source="none")


def test_a_frozen_book_repeats_every_answer_and_knows_nothing_else():
    live = book({"mine": {"input": 0.1, "output": 0.2, "batch_factor": 0.333}})
    asked = [("claude-haiku-5-5", "anthropic"), ("mine", "openai"), ("unheard-of", None)]
    answers = [live.prices(*model) for model in asked]

    frozen = PriceBook.from_manifest(json.loads(json.dumps(live.frozen(), allow_nan=False)))

    assert [frozen.prices(*model) for model in asked] == answers
    assert frozen.prices("gpt-6-luna", "openai") is None
    assert live.prices(*asked[0]) is answers[0]


def test_a_frozen_book_says_where_its_prices_are_from():
    live = book()
    live.prices("gpt-6-luna", "openai")

    frozen = live.frozen()

    assert frozen["at"] == "2026-11-20T12:00:00+00:00"
    assert frozen["models"][0]["prices"]["source"] == f"genai-prices {table_version}"
    assert PriceBook.from_manifest(frozen).frozen()["models"] == frozen["models"]


def test_the_price_table_is_loaded_only_for_models_that_may_be_in_it():
    code = (
        "import sys; from datetime import datetime, UTC; from evalrunner.pricing import *\n"
        "book = PriceBook(PricingSettings(overrides={'m': {'per_second': 1}}),"
        " at=datetime.now(UTC))\n"
        "book.prices('m', 'replay'); book.prices('majority', 'baseline')\n"
        "PriceBook.from_manifest(book.frozen()).prices('gpt-6-luna', 'openai')\n"
        "sys.exit('genai_prices' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(unit_prices)
def test_prices_survive_json(prices):
    text = json.dumps(prices.to_json(), allow_nan=False)

    assert UnitPrices.from_json(json.loads(text)) == prices


@given(usages, usages)
def test_cost_is_additive_without_tiers(first, second):
    prices = book().prices("claude-opus-5-5", "anthropic")
    both = Usage(
        input_tokens=first.input_tokens + second.input_tokens,
        cache_read_tokens=first.cache_read_tokens + second.cache_read_tokens,
        cache_write_5m_tokens=first.cache_write_5m_tokens + second.cache_write_5m_tokens,
        cache_write_1h_tokens=first.cache_write_1h_tokens + second.cache_write_1h_tokens,
        output_tokens=first.output_tokens + second.output_tokens,
    )

    assert cost_usd(both, prices) == cost_usd(first, prices) + cost_usd(second, prices)


@given(usages)
def test_costs_equal_the_tables_own_for_any_usage(usage):
    prices = book().prices("gpt-6-luna", "openai")

    assert cost_usd(usage, prices) == table_cost(usage, "gpt-6-luna", "openai")


@pytest.mark.parametrize(
    ("intervals", "seconds"),
    [
        ([], 0.0),
        ([(3, 5)], 2.0),
        ([(0, 2), (1, 3), (10, 11)], 4.0),
        ([(10, 11), (0, 5), (1, 2)], 6.0),
        ([(0, 1), (1, 2)], 2.0),
        ([(0, 4), (0, 4)], 4.0),
    ],
)
def test_busy_time_counts_overlapping_calls_once(intervals, seconds):
    starts, ends = [s for s, _ in intervals], [e for _, e in intervals]

    assert busy_seconds(starts, ends) == seconds


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12))
def test_busy_time_is_the_length_of_the_union(pairs):
    starts, ends = [s for s, _ in pairs], [s + length for s, length in pairs]

    covered = {second for s, length in pairs for second in range(s, s + length)}
    assert busy_seconds(starts, ends) == len(covered)
