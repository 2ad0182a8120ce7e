"""Decisions over real HTTP with the real SDK."""

from __future__ import annotations

import asyncio
import json

from openai.types.decision import Decision
from wire_models import ask, provider_for, request_for, settings_for

from evalrunner.types import Status, Usage

SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "verdict": {"type": "string", "enum": ["CORRECT", "PARTLY", "WRONG"]},
    },
}


def test_a_verdict_comes_back_from_the_decisions_endpoint(wire):
    completion = ask(settings_for("decisions", wire.url), "Judge.", system="Fair.", schema=SCHEMA)

    (seen,) = wire.requests
    assert (seen.path, seen.authorized) == ("/v1/decisions", True)
    assert json.loads(completion.text) == {
        "reason": "choice of gpt-6-luna with confidence 0.90",
        "verdict": "CORRECT",
    }
    assert completion.status is Status.OK
    assert completion.usage == Usage(input_tokens=12, output_tokens=3)
    assert (completion.served_model, completion.request_id) == ("gpt-6-luna", "req_decisions")


def test_the_body_is_what_the_sdks_own_method_sends(wire):
    settings = settings_for("decisions", wire.url)
    body = request_for(settings, "Judge.", system="Be fair.", schema=SCHEMA).body

    async def through_the_sdk():
        provider = provider_for(settings)
        client = await provider.open()
        decision = await client.decisions.create(**body)
        await provider.aclose()
        return decision

    decision = asyncio.run(through_the_sdk())
    ask(settings, "Judge.", system="Be fair.", schema=SCHEMA)

    theirs, ours = wire.requests
    assert (ours.path, ours.body) == (theirs.path, theirs.body)
    assert isinstance(decision, Decision)
    assert decision.answers[0].choice == "CORRECT"
