"""Verdicts by OpenAI's Decisions API: what is asked, what is read, what it may cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from wire_models import request_for, settings_for
from wire_server import decision_body

from evalrunner.errors import ConfigError, FailureKind, ProviderError
from evalrunner.pricing import PriceBook, PriceOverride, PricingSettings, Rates, UnitPrices
from evalrunner.providers.openai import parse
from evalrunner.providers.tariff import Tariff
from evalrunner.types import Completion, Status, Usage

HOST = "http://127.0.0.1:1"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SHIPPED = sorted((Path(__file__).parents[2] / "prompts" / "judge").glob("*.schema.json"))


def form(**properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TEXT = {"type": "string"}
CRITERION = form(evidence=TEXT, reason=TEXT, verdict={"type": "string", "enum": ["PASS", "FAIL"]})
RUBRIC = form(criterion_1=CRITERION, criterion_2=CRITERION, summary=TEXT)
SCALE = form(reason=TEXT, score={"type": "integer", "enum": [1, 2, 3]})
PASSED = decision_body(("criterion_1.verdict", "PASS"), ("criterion_2.verdict", "FAIL"))


def judge(**changes):
    return settings_for("decisions", HOST, **changes)


def read(schema, body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(request_for(judge(), schema=schema), raw)


def with_answer(number, **changes):
    """Both criteria answered, one of them in another way."""
    answers = [dict(answer) for answer in PASSED["answers"]]
    answers[number] |= changes
    return {**PASSED, "answers": answers}


def test_each_choice_of_a_verdict_becomes_a_question():
    request = request_for(judge(), "Judge.", system="Be fair.", schema=RUBRIC)

    choices = [{"value": "PASS"}, {"value": "FAIL"}]
    assert request.body == {
        "model": "gpt-6-luna",
        "input": [
            {"role": "system", "content": "Be fair."},
            {"role": "user", "content": "Judge."},
        ],
        "questions": [
            {
                "type": "choice",
                "name": f"criterion_{n}.verdict",
                "instructions": "Following the instructions in the input, what is the verdict of "
                f"criterion {n}?",
                "choices": choices,
            }
            for n in (1, 2)
        ],
    }
    assert (request.origin, request.path) == (HOST, "/v1/decisions")


def test_descriptions_in_the_schema_come_before_the_question():
    verdict = {"enum": ["PASS", "FAIL"], "description": "PASS if it is met."}
    criterion = form(verdict=verdict) | {"description": "Apologizes."}

    (question,) = request_for(judge(), schema=form(criterion_1=criterion)).body["questions"]

    assert question["instructions"].split("\n")[:2] == ["Apologizes.", "PASS if it is met."]


def test_the_answers_make_a_verdict_whose_reasons_tell_the_confidence():
    completion = read(RUBRIC, with_answer(1, confidence=0.714))

    first, second = ("choice of gpt-6-luna with confidence 0.90", "0.71")
    verdict = json.loads(completion.text)
    assert (completion.status, completion.stop_reason) == (Status.OK, "complete")
    assert verdict["criterion_1"] == {"evidence": "", "reason": first, "verdict": "PASS"}
    assert verdict["criterion_2"]["verdict"] == "FAIL"
    assert verdict["criterion_2"]["reason"].endswith(second)
    assert verdict["summary"] == "choice of gpt-6-luna with confidence 0.71 or more"
    assert list(verdict) == ["criterion_1", "criterion_2", "summary"]


def test_levels_are_asked_for_as_text_and_come_back_as_numbers():
    (question,) = request_for(judge(), schema=SCALE).body["questions"]

    verdict = json.loads(read(SCALE, decision_body(("score", "3"))).text)

    assert question["choices"] == [{"value": "1"}, {"value": "2"}, {"value": "3"}]
    assert verdict["score"] == 3


def test_words_without_a_choice_beside_them_claim_no_confidence():
    schema = form(about=form(note=TEXT), choice={"enum": ["yes", "no"]})

    verdict = json.loads(read(schema, decision_body(("choice", "no"))).text)

    assert verdict == {"about": {"note": "choice of gpt-6-luna"}, "choice": "no"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_form_can_be_asked_for_and_is_kept_to(path):
    schema = json.loads(path.read_text())
    questions = request_for(judge(), schema=schema).body["questions"]
    chosen = [(question["name"], question["choices"][-1]["value"]) for question in questions]

    verdict = json.loads(read(schema, decision_body(*chosen)).text)

    Draft202012Validator(schema).validate(verdict)


def test_all_kinds_have_a_shipped_form():
    assert len(SHIPPED) >= 4


@pytest.mark.parametrize("number", [0, 1])
def test_one_refused_question_refuses_the_verdict(number):
    completion = read(RUBRIC, with_answer(number, type="refusal"))

    assert (completion.status, completion.stop_reason) == (Status.REFUSED, "refused")
    assert completion.text is None
    assert completion.usage == Usage(input_tokens=12, output_tokens=3)


@pytest.mark.parametrize(
    "body",
    [
        decision_body(("criterion_1.verdict", "PASS")),
        decision_body(*[("criterion_1.verdict", "PASS")] * 3),
        decision_body(("criterion_2.verdict", "PASS"), ("criterion_1.verdict", "PASS")),
        {**PASSED, "answers": None},
        {**PASSED, "answers": {"criterion_1.verdict": "PASS"}},
        {**PASSED, "answers": ["PASS", "FAIL"]},
        with_answer(0, choice="MAYBE"),
        with_answer(0, choice="pass"),
        with_answer(0, choice=True),
        with_answer(0, choice=["PASS"]),
        with_answer(0, choice=None),
        with_answer(0, type="predicate", probability=0.9),
        with_answer(0, type=["choice"]),
        with_answer(0, confidence=float("nan")),
        with_answer(0, confidence=1.5),
        with_answer(0, confidence=-0.1),
        with_answer(0, confidence="0.9"),
        with_answer(0, confidence=None),
        b"<html>",
        b"[]",
    ],
)
def test_what_answers_other_questions_is_no_answer(body):
    with pytest.raises(ProviderError) as caught:
        read(RUBRIC, body)

    assert caught.value.kind is FailureKind.BAD_BODY
    assert caught.value.possibly_billed


def test_an_error_in_place_of_answers_is_that_error():
    with pytest.raises(ProviderError, match="overloaded"):
        read(RUBRIC, {"error": {"type": "server_error", "message": "overloaded"}})


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["answers", "usage", "model", "error"]), JSON),
    st.dictionaries(st.sampled_from(["type", "name", "choice", "confidence"]), JSON),
)
def test_any_json_gives_a_completion_or_a_provider_error(fields, answer):
    raw = json.dumps({**with_answer(1, **answer), **fields}).encode()

    try:
        kept = read(RUBRIC, raw).raw
    except ProviderError as error:
        kept = error.body

    assert kept == raw


def test_usage_comes_in_classes_that_are_each_counted_once():
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 300},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 4},
    }

    assert read(RUBRIC, {**PASSED, "usage": usage}).usage == Usage(
        input_tokens=100,
        cache_read_tokens=600,
        cache_write_5m_tokens=300,
        output_tokens=9,
        reasoning_tokens=4,
    )


def test_a_request_without_a_form_is_a_problem_of_the_configuration():
    with pytest.raises(ConfigError, match="it can only judge") as caught:
        request_for(judge())

    assert "judge.structured: true" in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        (form(reason=TEXT), "0 choices are to be made, not 1 to 400"),
        (form(**{f"c{n}": CRITERION for n in range(401)}), "401 choices are to be made"),
        (form(choice={"enum": ["yes"]}), "'choice' has 1 choices, not 2 to 255"),
        (form(choice={"enum": list(range(256))}), "'choice' has 256 choices"),
        (form(choice={"enum": ["1", 1]}), "'choice' has 1 choices"),
        (form(sure={"type": "number"}, a={"enum": [1, 2]}), "'sure' is neither a choice nor text"),
    ],
)
def test_a_form_that_questions_cannot_fill_is_a_problem_of_the_configuration(schema, what):
    with pytest.raises(ConfigError, match=what):
        request_for(judge(), schema=schema)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"transport": "batch"}, "cannot be asked in batches; set transport: live"),
        (
            {"client": "bedrock", "client_options": {"aws_region": "us-east-1"}},
            "'bedrock' has no api: decisions; leave client out",
        ),
        ({"params": {"reasoning": {"effort": "low"}}}, "api: decisions has no 'reasoning'"),
        ({"params": {"questions": []}}, "'questions' cannot be set here"),
    ],
)
def test_settings_that_the_endpoint_does_not_know_are_refused(changes, what):
    with pytest.raises(ValidationError, match=what):
        judge(**changes)


def test_what_the_endpoint_takes_besides_is_passed_through():
    settings = judge(params={"safety_identifier": "u1"}, prompt_cache="explicit")

    body = request_for(settings, schema=SCALE).body

    assert body["safety_identifier"] == "u1"
    assert body["prompt_cache_options"] == {"mode": "explicit"}


def prices(**overrides):
    settings = judge()
    pricing = PricingSettings(overrides=overrides)
    return PriceBook(pricing, at=NOW).prices(settings.name, settings.seller)


def test_decisions_are_charged_by_their_own_list_for_input_alone():
    usage = Usage(
        input_tokens=1_000, cache_read_tokens=600, cache_write_5m_tokens=400, output_tokens=9
    )
    completion = Completion(text="", usage=usage)

    cost = Tariff(prices()).cost(completion)
    overridden = prices(
        **{
            "gpt-6-luna": PriceOverride(
                input=Decimal(3), output=Decimal(50), cache_write=Decimal(4)
            )
        }
    )

    # USD 0.10 per million, developers.openai.com/api/docs/guides/decisions.
    assert cost == Decimal("0.0002")
    assert Tariff(overridden).cost(completion) == Decimal("0.006")


def test_the_same_model_asked_for_text_has_its_usual_price():
    settings = settings_for("responses", HOST)

    usual = PriceBook(PricingSettings(), at=NOW).prices(settings.name, settings.seller)

    assert settings.seller == "openai"
    assert usual.standard[0].output > 0


def test_a_cloud_sells_what_is_asked_there():
    options = {"client": "bedrock", "client_options": {"aws_region": "us-east-1"}}

    assert settings_for("responses", HOST, **options).seller == "bedrock"


def test_a_budget_can_reserve_what_a_decision_costs_at_most():
    request = request_for(judge(), schema=RUBRIC)

    assert Tariff(prices()).most(request) == request.size * Decimal("0.0000001")


def test_no_bound_is_claimed_where_unlimited_output_is_charged():
    rates = Rates(input=Decimal(1), output=Decimal(1))
    request = request_for(judge(), schema=RUBRIC)

    assert Tariff(UnitPrices(standard=(rates,), source="test")).most(request) is None
