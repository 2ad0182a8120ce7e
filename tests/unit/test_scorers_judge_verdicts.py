"""What judges reply: read strictly, found in prose, asked for again, never guessed at."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from judge_scripts import Script, judged, reference_reply, rubric_reply, scale_reply, scorer_of

from evalrunner.project import packaged
from evalrunner.scorers.json_text import InvalidJsonError, objects_in
from evalrunner.scorers.judge.fitting import fits
from evalrunner.scorers.judge.verdicts import (
    LONGEST_REASON,
    LONGEST_REPLY,
    VerdictError,
    VerdictForm,
    sentence,
)

PROMPTS = packaged("prompts/judge")
SCALE = VerdictForm(
    {
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
        },
        "required": ["reason", "score"],
        "additionalProperties": False,
    }
)
GOOD = '{"reason": "It is fine.", "score": 4}'
LOW = '{"reason": "A draft.", "score": 1}'

READABLE = {
    "whole": GOOD,
    "blanks": f"\n\n  {GOOD}\t\n",
    "byte order mark": f"\ufeff{GOOD}",
    "fence": f"```json\n{GOOD}\n```",
    "fence without language": f"```\n{GOOD}\n```",
    "fence never closed": f"```json\n{GOOD}",
    "prose before": f"Here is my verdict: {GOOD}",
    "prose behind": f"{GOOD}\nI hope this helps!",
    "prose with braces": f"By {{the rubric}} and {{}} I say {GOOD} :-}}",
    "prose with quotes": f'The "answer" says {{"hello"}}. {GOOD}',
    "last of two": f"{LOW}\nOn second thoughts:\n{GOOD}",
    "last of a list": f"[{LOW}, {GOOD}]",
    "last of JSON lines": f"{LOW}\n{GOOD}\n",
    "last valid one": f'{GOOD}\n{{"reason": "Or so.", "score": 9}}',
    "in an object": f'{{"verdict": {GOOD}}}',
    "in objects": f'{{"result": {{"verdict": {GOOD}}}}}',
    "truncated draft before": f'{{"reason": "It is {GOOD}',
    "line breaks in text": '{"reason": "It is\nfine.", "score": 4}',
    "escapes": r'{"reason": "It \"is\" \u007bfine\u007d.", "score": 4}',
    "integer with a point": '{"reason": "It is fine.", "score": 4.0}',
    "exponent": '{"reason": "It is fine.", "score": 4e0}',
    "keys in another order": '{"score": 4, "reason": "It is fine."}',
    "thinking before": f"<think>{LOW} no, better</think>{GOOD}",
    "half a character": '{"reason": "It is fine. \\ud83d", "score": 4}',
    "fake verdict in the reason": json.dumps({"reason": LOW, "score": 4}),
}

UNREADABLE = {
    "nothing": "",
    "blank": " \n\t",
    "prose": "I would rate this 4 out of 5.",
    "bare number": "4",
    "bare text": '"4"',
    "null": "null",
    "list": "[4]",
    "key and value": "score: 4",
    "XML": "<score>4</score>",
    "score as text": '{"reason": "", "score": "4"}',
    "score between": '{"reason": "", "score": 4.5}',
    "score above": '{"reason": "", "score": 6}',
    "score below": '{"reason": "", "score": 0}',
    "score far out": '{"reason": "", "score": 1e999}',
    "score of 5,000 digits": '{"reason": "", "score": ' + "9" * 5000 + "}",
    "score true": '{"reason": "", "score": true}',
    "score null": '{"reason": "", "score": null}',
    "score NaN": '{"reason": "", "score": NaN}',
    "score Infinity": '{"reason": "", "score": -Infinity}',
    "score in a list": '{"reason": "", "score": [4]}',
    "two scores": '{"reason": "", "score": [4, 5]}',
    "range": '{"reason": "", "score": "4-5"}',
    "fraction": '{"reason": "", "score": 4/5}',
    "no score": '{"reason": "It is fine."}',
    "no reason": '{"score": 4}',
    "reason null": '{"reason": null, "score": 4}',
    "reason an object": '{"reason": {"text": "fine"}, "score": 4}',
    "another key": '{"reason": "", "score": 4, "confidence": 1}',
    "another case": '{"Reason": "", "Score": 4}',
    "repeated key": '{"reason": "", "score": 2, "score": 5}',
    "truncated": GOOD[:-1],
    "truncated in text": '{"reason": "It is fi',
    "single quotes": "{'reason': 'fine', 'score': 4}",
    "comma behind": '{"reason": "", "score": 4,}',
    "comment": '{"reason": "", /* why */ "score": 4}',
    "missing comma": '{"reason": "" "score": 4}',
    "Python": '{"reason": None, "score": 4}',
    "escaped": json.dumps(GOOD),
    "two keys around it": f'{{"a": {GOOD}, "b": 1}}',
    "schema instead": json.dumps(SCALE.schema),
    "deep": '{"reason": ' + "[" * 200 + "]" * 200 + ', "score": 4}',
    "very deep": "[" * 100_000,
    "very deep objects": '{"a":' * 50_000,
    "very long": " " * LONGEST_REPLY + GOOD,
    "halves of characters": '\ud800{"reason": "\ud800}',
}


@pytest.mark.parametrize("reply", READABLE.values(), ids=READABLE.keys())
def test_a_verdict_is_found_wherever_a_judge_puts_it(reply):
    """B1."""
    assert SCALE.read(reply)["score"] == 4


SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "string", "enum": ["PASS", "FAIL"], "description": "the verdict"},
            {"type": "integer", "enum": [1, 2, True]},
            {"type": "integer"},
            {"type": "string", "maxLength": 1},
            {"type": ["string", "null"]},
            {"const": "PASS"},
        ]
    ),
    lambda parts: st.builds(
        lambda properties, required, closed: {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": not closed,
        },
        st.dictionaries(st.sampled_from("abc"), parts, max_size=3),
        st.lists(st.sampled_from("abc"), unique=True, max_size=2),
        st.booleans(),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.sampled_from(["PASS", "FAIL", "", "longer", 1, 2, 1.0, True, None, math.inf]),
    lambda parts: st.dictionaries(st.sampled_from("abcd"), parts, max_size=3) | st.lists(parts),
    max_leaves=6,
)


@given(value=VALUES, schema=SCHEMAS)
def test_what_is_found_to_fit_at_a_glance_is_valid(value, schema):
    """B2: being quick lets nothing pass that the whole schema language refuses."""
    if fits(value, schema):
        assert Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("kind", ["classify", "pairwise", "reference", "rubric", "scale"])
def test_verdicts_of_every_kind_fit_at_a_glance(kind):
    schema = json.loads((PROMPTS / f"{kind}.schema.json").read_bytes())

    assert fits(_least_of(schema), schema)
    assert not fits({**_least_of(schema), "more": ""}, schema)
    assert not fits({}, schema)


def _least_of(schema):
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: _least_of(part) for name, part in schema["properties"].items()}
    return ""


@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_verdict_is_asked_for_again_and_then_unscored(reply):
    """B1, B2: never 0, never a pass."""
    script = Script(reply, reply)

    score = judged(scorer_of("scale"), script)

    assert (score.value, score.label) == (None, None)
    assert score.reason.startswith("judge_error: parse: ")
    assert len(score.reason) <= 230
    assert len(script.asked) == 2


@pytest.mark.parametrize("reply", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_the_second_reply_is_as_good_as_the_first(reply):
    score = judged(scorer_of("scale"), Script(reply, scale_reply(5)))

    assert score.value == 1
    assert len(score.judgements[0].calls) == 2


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ('{"reason": "", "score": "4"}', "$.score: must be one of 1, 2, 3, 4, 5"),
        ('{"reason": 1, "score": 4}', "$.reason: must be of type string"),
        ('{"score": 4}', "$: 'reason' is a required property"),
        (f'{{"reason": "", "score": 4, "{"x" * 99}": 1}}', "$: has keys that were not asked for"),
        (f'{{"reason": "", "score": 7}} {LOW[:-1]}', "$.score: must be one of"),
        ("I can't.", "no JSON object was found"),
        ("[1]", "the reply is JSON, but no object"),
        ('{"score": 1, "score": 2}', "the key 'score' is repeated"),
        ("[" * 5000, "no JSON object was found: nested deeper than 100 levels"),
        ('{"":' * 25_000, "too many braces"),
        ("x" * 100_001, "longer than 100,000 characters"),
    ],
)
def test_what_is_wrong_with_a_reply_is_said_in_our_own_words(reply, problem):
    with pytest.raises(VerdictError) as error:
        SCALE.read(reply)

    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (rubric_reply("PASS"), "'criterion_2' is a required property"),
        (rubric_reply("PASS", "FAIL", "PASS"), "keys that were not asked for"),
        (rubric_reply("PASS", "pass"), "$.criterion_2.verdict: must be one of PASS, FAIL"),
        (rubric_reply("PASS", "PASS and FAIL"), "$.criterion_2.verdict: must be one of"),
        (rubric_reply("PASS", True), "$.criterion_2.verdict: must be one of PASS, FAIL"),
        ('{"criterion_1": "PASS", "criterion_2": "PASS", "summary": ""}', "of type object"),
        ('{"evidence": "", "reason": "", "verdict": "PASS"}', "required"),
    ],
)
def test_a_rubrics_verdict_is_whole_or_none(reply, problem):
    scorer = scorer_of("rubric", criteria=["Is polite", "Is short"])

    score = judged(scorer, Script(reply, reply))

    assert score.value is None
    assert problem in score.reason


@pytest.mark.parametrize("choice", ["C", "a", "A or B", "A, B", ["A", "B"], "", None, " A", True])
def test_one_choice_is_made_or_none(choice):
    """B2: both A and B is neither."""
    reply = json.dumps({"reason": "", "choice": choice})

    score = judged(scorer_of("classify", choices={"A": 1, "B": 0}), Script(reply, reply))

    assert score.value is None
    assert score.reason.startswith("judge_error: parse: $.choice: must be one of A, B")


@given(st.text(max_size=200))
def test_any_reply_is_a_verdict_or_an_error_and_nothing_else(reply):
    try:
        verdict = SCALE.read(reply)
    except VerdictError:
        return
    assert verdict["score"] in {1, 2, 3, 4, 5}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers(0, 6) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["reason", "score", "x"]), inner, max_size=3)
        ),
    )
)
def test_only_what_the_form_says_is_a_verdict(value):
    reply = json.dumps(value)
    try:
        verdict = SCALE.read(reply)
    except VerdictError:
        return
    assert set(verdict) == {"reason", "score"}
    assert isinstance(verdict["reason"], str)
    assert not isinstance(verdict["score"], bool)
    assert math.isfinite(verdict["score"])


def test_reasons_that_are_kept_are_bounded_and_can_be_written():
    assert sentence(" a \ud83d b ") == "a \ufffd b"
    assert len(sentence("x" * 10_000)) == LONGEST_REASON


def test_objects_are_found_in_order_and_inside_others_only_when_asked_for():
    text = 'a {"b": {"c": 1}} {nothing} {"d": "{}"}'

    assert list(objects_in(text)) == [(2, {"b": {"c": 1}}), (28, {"d": "{}"})]
    assert [at for at, _ in objects_in(text, nested=True)] == [2, 8, 28, 35]


def test_a_text_that_is_made_to_be_slow_to_search_is_given_up():
    with pytest.raises(InvalidJsonError, match="too many braces"):
        list(objects_in('{"a":' * 4000))


def test_a_verdict_is_found_behind_ten_thousand_braces():
    assert SCALE.read("{" * 10_000 + '{"' * 1000 + GOOD)["score"] == 4


def test_reference_verdicts_are_words_in_capitals():
    assert judged(scorer_of("reference"), Script(reference_reply("PARTLY"))).value == 0.5
    wrong = reference_reply("partly")
    assert judged(scorer_of("reference"), Script(wrong, wrong)).value is None
