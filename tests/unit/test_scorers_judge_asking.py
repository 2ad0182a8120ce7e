"""Who is asked, how often, with which requests, and how many verdicts become one score."""

from __future__ import annotations

import asyncio
import dataclasses
import json

import pytest
from judge_scripts import (
    TICKET,
    Script,
    case_of,
    judge_of,
    judged,
    member,
    reference_reply,
    request_of,
    rubric_reply,
    scale_reply,
    scorer_of,
    user_turn,
)

from evalrunner.errors import (
    BudgetExceeded,
    FailureKind,
    ProviderError,
    ScorerError,
    StoreError,
)
from evalrunner.project import Project
from evalrunner.providers.python import PythonSettings
from evalrunner.providers.registry import wire_for
from evalrunner.scorers.judging import JudgeMember, JudgeScorer
from evalrunner.types import Completion, Criterion, JudgeCall, Status, Usage

PANEL = (member(), member("second", api="chat"), member("third", api="messages"))


def panel(*replies, kind="reference", case=None, combine="majority", **settings):
    """The score that a panel of one member for each reply gives."""
    judge = judge_of(*PANEL[: len(replies)], combine=combine)
    return judged(scorer_of(kind, judge=judge, **settings), Script(*replies), case=case)


def test_a_ticket_gets_four_verdicts_with_reasons_and_a_score_of_k_in_four():
    reply = rubric_reply("PASS", "FAIL", "PASS", "PASS", summary="No apology.")

    score = judged(scorer_of("rubric"), Script(reply))

    assert score.value == 0.75
    assert score.reason == "No apology."
    assert score.label is None
    assert score.criteria == (
        Criterion(criterion=TICKET[0], passed=True, reason="r1 (evidence: e1)"),
        Criterion(criterion=TICKET[1], passed=False, reason="r2 (evidence: e2)"),
        Criterion(criterion=TICKET[2], passed=True, reason="r3 (evidence: e3)"),
        Criterion(criterion=TICKET[3], passed=True, reason="r4 (evidence: e4)"),
    )


def test_criteria_count_by_their_weight():
    lines = ["a", {"criterion": "b", "weight": 2}, {"criterion": "c", "weight": 0.5}]

    score = judged(
        scorer_of("rubric"),
        Script(rubric_reply("PASS", "FAIL", "PASS")),
        case=case_of(rubric=lines),
    )

    assert score.value == pytest.approx(1.5 / 3.5)
    assert [each.criterion for each in score.criteria] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("levels", "reply", "value"),
    [
        (None, 1, 0),
        (None, 2, 0.25),
        (None, 5, 1),
        ({1: "bad", 3: "fair", 5: "good"}, 3, 0.5),
        ({0: "no", 10: "yes"}, 10, 1),
        ({2: "high", -1: "low", 1: "middle"}, 1, 0.5),
        ({2: "high", -1: "low", 1: "middle"}, -1, 0),
    ],
)
def test_levels_are_spread_evenly_from_0_to_1(levels, reply, value):
    score = judged(scorer_of("scale", levels=levels), Script(scale_reply(reply)))

    assert (score.value, score.label, score.reason) == (value, str(reply), "Because.")


def test_a_level_written_with_a_point_is_the_same_level():
    assert judged(scorer_of("scale"), Script('{"reason": "", "score": 4.0}')).label == "4"


@pytest.mark.parametrize(("verdict", "value"), [("CORRECT", 1), ("PARTLY", 0.3), ("WRONG", 0)])
def test_a_reference_is_met_missed_or_met_in_part(verdict, value):
    score = judged(scorer_of("reference", partly=0.3), Script(reference_reply(verdict)))

    assert (score.value, score.label) == (value, verdict)


def test_choices_have_the_scores_that_they_are_given():
    scorer = scorer_of(
        "classify", choices={"A": {"score": 0.9, "description": "good"}, "B": 0.2}, question="Well?"
    )

    score = judged(scorer, Script('{"reason": "So-so.", "choice": "B"}'))

    assert (score.value, score.label, score.reason) == (0.2, "B", "So-so.")
    assert "- A: good\n- B\n" in user_turn(request_of(scorer, case_of(), "x"))


@pytest.mark.parametrize(
    ("kind", "fields", "reason"),
    [
        ("rubric", {"rubric": None}, "no_rubric"),
        ("reference", {"expected_output": None}, "no_target"),
        ("reference", {"expected_output": []}, "no_target"),
    ],
)
def test_a_case_with_nothing_to_judge_by_is_unscored_and_asks_nobody(kind, fields, reason):
    scorer, case = scorer_of(kind), case_of(**fields)
    script = Script()

    score = judged(scorer, script, case=case)

    assert (score.value, score.reason, score.judgements) == (None, reason, ())
    assert scorer.target_problem(case) is None
    assert list(scorer.requests(case, "x")) == []
    assert script.asked == []


def test_criteria_of_the_configuration_serve_cases_without_any():
    scorer = scorer_of("rubric", criteria=["Is polite"])

    assert judged(scorer, Script(rubric_reply("PASS")), case=case_of(rubric=None)).value == 1


@pytest.mark.parametrize(
    "reply",
    [Completion(text="{", status=Status.TRUNCATED), Completion(text=None, status=Status.REFUSED)],
)
def test_a_judge_that_refuses_or_is_cut_short_gives_no_verdict(reply):
    """B3: nor is one taken that it had written before."""
    whole = dataclasses.replace(reply, text=reference_reply())
    for each in (reply, whole):
        script = Script(each)

        score = judged(scorer_of("reference"), script)

        assert (score.value, score.reason) == (None, f"judge_error: {reply.status.value}")
        assert len(script.asked) == len(score.judgements[0].calls) == 1


def test_a_judge_may_refuse_when_it_is_asked_again():
    refused = Completion(text=None, status=Status.REFUSED)

    score = judged(scorer_of("reference"), Script("Hm.", refused))

    assert score.reason == "judge_error: refused"
    assert len(score.judgements[0].calls) == 2


@pytest.mark.parametrize(
    "kind", [k for k in FailureKind if k not in {FailureKind.AUTH, FailureKind.QUOTA}]
)
def test_a_failure_of_the_provider_is_a_judgement(kind):
    score = judged(scorer_of("reference"), Script(ProviderError("x", kind=kind)))

    # What the user's own function raised is told, too.
    detail = ": x" if kind is FailureKind.FUNCTION else ""
    assert (score.value, score.reason) == (None, f"judge_error: {kind.value}{detail}")
    assert score.judgements[0].reason == score.reason
    assert score.judgements[0].calls == ()


def test_a_failure_after_the_first_reply_keeps_what_was_paid():
    error = ProviderError("x", kind=FailureKind.TIMEOUT)

    score = judged(scorer_of("reference"), Script("Hm.", error))

    assert score.reason == "judge_error: timeout"
    assert len(score.judgements[0].calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        BudgetExceeded("no money"),
        StoreError("no disk"),
        ProviderError("no key", kind=FailureKind.AUTH),
        ProviderError("no credit", kind=FailureKind.QUOTA),
    ],
    ids=str,
)
def test_what_stops_a_run_is_raised_once_the_other_judges_are_done(error):
    answered = []

    def reply(request):
        if request.provider == "anthropic":
            answered.append(request)
            return reference_reply()
        return error

    scorer = scorer_of("reference", judge=judge_of(*PANEL, repeats=2))

    with pytest.raises(type(error), match=str(error)):
        judged(scorer, Script(reply))

    assert len(answered) == 2


def test_a_judge_is_asked_again_with_its_reply_and_what_is_wrong_with_it():
    """B1."""
    script = Script("I say \ud83d" + "x" * 9000, reference_reply())

    judged(scorer_of("reference"), script)

    (_, first), (_, second) = script.asked
    asked, reply, complaint = second.body["input"]
    assert [asked] == first.body["input"]
    assert (reply["role"], complaint["role"]) == ("assistant", "user")
    assert reply["content"].startswith("I say \ufffdxxx")
    assert "[… 5,007 characters cut …]" in reply["content"]
    assert complaint["content"].startswith("That is no valid verdict: no JSON object was found")
    assert {**second.body, "input": 0} == {**first.body, "input": 0}
    assert second.sample == first.sample
    assert second.key != first.key


@pytest.mark.parametrize("nothing", [None, "", "  \n"])
def test_a_turn_is_never_empty(nothing):
    """Providers refuse such a request, and the verdict would be lost."""
    script = Script(Completion(text=nothing), reference_reply())

    assert judged(scorer_of("reference"), script).value == 1
    assert script.asked[1][1].body["input"][1]["content"] == "(nothing)"


def test_every_member_is_asked_as_often_as_wanted_and_all_at_once():
    scorer = scorer_of("reference", judge=judge_of(*PANEL, repeats=2))
    begun, most = 0, 0

    async def ask(wire, request):
        nonlocal begun, most
        begun += 1
        most = max(most, begun)
        await asyncio.sleep(0)
        begun -= 1
        return Completion(text=reference_reply())

    score = asyncio.run(scorer.judge_answer(case_of(), Completion(text="x"), ask=ask))

    assert [(each.judge, each.sample) for each in score.judgements] == [
        ("judge", 0),
        ("judge", 1),
        ("second", 0),
        ("second", 1),
        ("third", 0),
        ("third", 1),
    ]
    assert most == 6


def test_the_requests_that_are_planned_are_those_that_are_sent():
    judge = judge_of(*PANEL, repeats=2, retest=1)
    for kind in ("rubric", "scale", "reference", "classify"):
        scorer = scorer_of(kind, judge=judge)
        script = Script(lambda _: Completion(text="", status=Status.REFUSED))

        judged(scorer, script, text="x")

        planned = list(scorer.requests(case_of(), "x"))
        assert [request.key for _, request in planned] == [r.key for _, r in script.asked]
        assert [who.wire for who, _ in planned] == [wire for wire, _ in script.asked]
        assert len({request.key for _, request in planned}) == 7


def test_calls_say_what_they_used():
    usage = Usage(input_tokens=100, output_tokens=20)
    reply = Completion(
        text=reference_reply(), usage=usage, served_model="g-6", attempts=3, cached=True
    )
    script = Script(reply)

    score = judged(scorer_of("reference"), script)

    call = JudgeCall(
        key=script.asked[0][1].key, usage=usage, served_model="g-6", attempts=3, cached=True
    )
    assert score.judgements[0].calls == (call,)
    assert score.cost_usd is None


def test_the_form_is_sent_to_apis_that_keep_to_one():
    expected = ["reason", "verdict"]
    scorer = scorer_of("reference", judge=judge_of(*PANEL))

    responses, chat, messages = (request.body for _, request in scorer.requests(case_of(), "x"))

    assert responses["text"]["format"]["strict"] is True
    assert list(responses["text"]["format"]["schema"]["properties"]) == expected
    schema = chat["response_format"]["json_schema"]["schema"]
    assert schema == messages["output_config"]["format"]["schema"]
    assert schema["required"] == expected
    assert schema["additionalProperties"] is False


def test_servers_that_know_no_structured_output_are_asked_without():
    judge = judge_of(*PANEL, structured=False)

    bodies = [r.body for _, r in scorer_of("scale", judge=judge).requests(case_of(), "x")]

    assert all(not body.keys() & {"text", "response_format", "output_config"} for body in bodies)


def test_a_function_can_judge(tmp_path):
    """What runs in this process is sent no form, and is held to it all the same."""
    function = (
        "import evalrunner\n"
        "@evalrunner.model\n"
        "def judge(prompt, messages):\n"
        "    if len(messages) == 1:\n"
        "        return 'Let me think.'\n"
        '    return \'{"reason": "Thought.", "score": 2}\'\n'
    )
    (tmp_path / "models.py").write_text(function, encoding="utf-8")
    settings = PythonSettings(provider="python", function="models.py:judge")
    wire = wire_for(settings, Project(tmp_path))
    scorer = scorer_of("scale", judge=judge_of(JudgeMember(name="judge", wire=wire)))
    provider = wire.open()

    score = asyncio.run(
        scorer.judge_answer(
            case_of(), Completion(text="x"), ask=lambda _, request: provider.complete(request)
        )
    )

    assert (score.value, score.reason) == (0.25, "Thought.")
    assert len(score.judgements[0].calls) == 2


@pytest.mark.parametrize("kind", ["rubric", "scale", "reference", "classify"])
def test_forms_are_plain_and_give_the_reason_before_the_verdict(kind):
    """What both providers enforce: enums, no ranges, nothing optional."""
    schema = request_of(scorer_of(kind), case_of(), "x").body["text"]["format"]["schema"]

    def check(part):
        assert set(part) <= {"type", "properties", "required", "additionalProperties", "enum"}
        if part["type"] == "object":
            assert part["additionalProperties"] is False
            assert part["required"] == list(part["properties"])
        for each in part.get("properties", {}).values():
            check(each)

    check(schema)
    names = list(schema["properties"])
    one = schema["properties"].get("criterion_1", schema)
    assert list(one["properties"])[-2] == "reason"
    assert names[-1] == {"rubric": "summary", "scale": "score", "classify": "choice"}.get(
        kind, "verdict"
    )


def test_ten_criteria_are_asked_for_in_their_order():
    scorer = scorer_of("rubric", criteria=[f"Criterion {i}." for i in range(1, 13)])

    schema = request_of(scorer, case_of(), "x").body["text"]["format"]["schema"]

    assert schema["required"] == [*(f"criterion_{i}" for i in range(1, 13)), "summary"]


@pytest.mark.parametrize(
    ("verdicts", "value", "label"),
    [
        (["CORRECT", "CORRECT", "WRONG"], 1, "CORRECT"),
        (["WRONG", "CORRECT", "WRONG"], 0, "WRONG"),
        (["CORRECT", "WRONG"], 0.5, None),
        (["CORRECT", "PARTLY"], 0.75, None),
        (["CORRECT", "PARTLY", "WRONG"], 0.5, None),
        (["PARTLY"], 0.5, "PARTLY"),
    ],
)
def test_the_label_of_a_panel_is_the_most_frequent_one(verdicts, value, label):
    score = panel(*map(reference_reply, verdicts))

    assert (score.value, score.label) == (value, label)


@pytest.mark.parametrize(
    ("verdicts", "value", "label"),
    [
        (["CORRECT", "CORRECT", "WRONG"], 2 / 3, None),
        (["CORRECT", "PARTLY"], 0.75, None),
        (["WRONG", "WRONG"], 0, "WRONG"),
    ],
)
def test_a_panel_may_give_its_mean(verdicts, value, label):
    score = panel(*map(reference_reply, verdicts), combine="mean")

    assert (score.value, score.label) == (pytest.approx(value), label)


@pytest.mark.parametrize(
    ("combine", "value"), [("majority", (1 * 1 + 0.5 * 2) / 4), ("mean", (3 / 4 + 1 / 4) / 2)]
)
def test_criteria_of_a_panel_are_voted_on_one_by_one(combine, value):
    lines = ["a", {"criterion": "b", "weight": 2}, "c"]

    score = panel(
        rubric_reply("PASS", "PASS", "FAIL"),
        rubric_reply("PASS", "FAIL", "FAIL"),
        kind="rubric",
        case=case_of(rubric=lines),
        combine=combine,
    )

    assert score.value == value
    assert [each.passed for each in score.criteria] == [True, None, False]
    assert score.criteria[0].reason == "2 of 2 passed it: r1 (evidence: e1)"
    assert score.criteria[1].reason == "1 of 2 passed it: r2 (evidence: e2)"


def test_the_reason_for_a_criterion_is_the_majoritys():
    fail, good = rubric_reply("FAIL"), rubric_reply("PASS").replace("r1", "well done")

    score = panel(fail, good, good, kind="rubric", criteria=["a"])

    assert score.value == 1
    assert score.criteria[0].reason == "2 of 3 passed it: well done (evidence: e1)"


def test_verdicts_that_failed_do_not_count():
    error = ProviderError("x", kind=FailureKind.SERVER)

    score = panel(error, reference_reply("WRONG"), error)

    assert (score.value, score.label) == (0, "WRONG")
    assert [each.value for each in score.judgements] == [None, 0, None]


def test_a_panel_without_any_verdict_is_unscored():
    refused = Completion(text=None, status=Status.REFUSED)

    score = panel(refused, ProviderError("x", kind=FailureKind.SERVER))

    assert (score.value, score.reason) == (None, "judge_error: refused")
    assert [each.reason for each in score.judgements] == [
        "judge_error: refused",
        "judge_error: server",
    ]


def test_the_reason_of_a_panel_names_its_members():
    judge = judge_of(*PANEL[:2], repeats=2)
    scorer = scorer_of("scale", judge=judge)
    replies = [scale_reply(4, "Good."), scale_reply(5, "Best."), scale_reply(4, "Fine."), "x", "x"]

    score = judged(scorer, Script(*replies))

    assert score.reason.startswith(
        "judge: 4 (Good.); judge #2: 5 (Best.); second: 4 (Fine.); second #2: judge_error: parse: "
    )


def test_a_retest_is_asked_and_kept_and_does_not_count():
    judge = judge_of(*PANEL[:2], repeats=2, retest=1.0)
    scorer = scorer_of("reference", judge=judge)

    def reply(request):
        return reference_reply("WRONG" if request.sample == 2 else "CORRECT")

    score = judged(scorer, Script(reply))

    assert (score.value, score.label) == (1, "CORRECT")
    retest = score.judgements[-1]
    assert (retest.judge, retest.sample, retest.is_retest) == ("judge", 2, True)
    assert retest.value == 0
    assert sum(each.is_retest for each in score.judgements) == 1
    assert "#3" not in score.reason


def test_a_retest_alone_is_no_score():
    judge = judge_of(retest=1.0)

    def reply(request):
        return reference_reply() if request.sample else Completion(text="", status=Status.REFUSED)

    score = judged(scorer_of("reference", judge=judge), Script(reply))

    assert (score.value, score.reason) == (None, "judge_error: refused")
    assert score.judgements[-1].value == 1


@pytest.mark.parametrize("retest", [0.0, 0.1, 0.5, 1.0])
def test_about_the_wanted_share_of_cases_is_judged_again(retest):
    scorer = scorer_of("reference", judge=judge_of(retest=retest, seed=7))

    n = sum(len(list(scorer.requests(case_of(id=f"c{i}"), "x"))) - 1 for i in range(600))

    assert n == 600 * retest if retest in {0, 1} else abs(n - 600 * retest) < 40


def test_which_cases_are_judged_again_hangs_on_the_seed_and_not_on_the_answer():
    def chosen(text, **values):
        scorer = scorer_of("reference", judge=judge_of(retest=0.5, **values))
        cases = [case_of(id=f"c{i}") for i in range(40)]
        return [len(list(scorer.requests(case, text))) for case in cases]

    assert chosen("x") == chosen("y") == chosen("x", seed=0)
    assert chosen("x") != chosen("x", seed=1)


def keys(kind="rubric", *, text="Sorry!", case=None, judge=None, **settings):
    scorer = scorer_of(kind, judge=judge, **settings)
    return [request.key for _, request in scorer.requests(case or case_of(), text)]


def test_equal_questions_have_equal_keys():
    for kind in ("rubric", "scale", "reference", "classify"):
        assert keys(kind) == keys(kind)
        assert keys(kind) == keys(kind, judge=judge_of(combine="mean", seed=3))


@pytest.mark.parametrize(
    "changed",
    [
        {"case": case_of(rubric=[*TICKET[:3], "Tone is warm"])},
        {"case": case_of(rubric=TICKET[:3])},
        {"case": case_of(rubric=TICKET[::-1])},
        {"case": case_of(input="I was charged thrice!")},
        {"criteria": ["Is polite"]},
        {"text": "Sorry."},
        {"judge": judge_of(member(model="gpt-6.1-sol"))},
        {"judge": judge_of(instructions="Be strict.")},
        {"judge": judge_of(structured=False)},
    ],
    ids=[
        "other criterion",
        "fewer criteria",
        "other order",
        "other input",
        "configured criteria",
        "other answer",
        "other model",
        "instructions",
        "no schema",
    ],
)
def test_whatever_the_judge_is_told_is_in_the_key(changed):
    """B9."""
    assert set(keys(**changed)).isdisjoint(keys())


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("scale", {"levels": {1: "bad", 2: "good"}}),
        ("scale", {"question": "Is it kind?"}),
        ("classify", {"question": "Is it kind?"}),
        ("classify", {"choices": {"A": 1, "B": {"score": 0, "description": "bad"}}}),
        ("reference", {"case": case_of(expected_output="None is.")}),
        ("reference", {"max_characters": 100, "text": "x" * 101}),
    ],
)
def test_settings_that_the_judge_is_told_are_in_the_key(kind, changed):
    text = changed.get("text", "Sorry!")

    assert set(keys(kind, **changed)).isdisjoint(keys(kind, text=text))


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("reference", {"partly": 0.1}),
        ("rubric", {"max_characters": 500}),
        ("rubric", {"case": case_of(rubric=[{"criterion": c, "weight": 1.0} for c in TICKET])}),
        ("rubric", {"criteria": list(TICKET)}),
        ("rubric", {"criteria": [{"criterion": c, "weight": 9} for c in TICKET]}),
    ],
)
def test_what_the_judge_is_not_told_changes_no_request(kind, changed):
    """B9: weights and the worth of verdicts can be changed without paying again."""
    case = changed.pop("case", case_of())

    assert keys(kind, case=case, **changed) == keys(kind)


def test_more_samples_leave_the_first_ones_as_they_were():
    first = keys()

    assert keys(judge=judge_of(repeats=3))[:1] == first
    assert keys(judge=judge_of(member(), *PANEL[1:]))[:1] == first


def test_two_cells_with_one_answer_ask_once():
    assert keys(text="Same.") == keys(text="Same.")


def test_a_judge_scorer_is_one():
    for kind in ("rubric", "scale", "reference", "classify"):
        scorer = scorer_of(kind, max_characters=123)

        assert isinstance(scorer, JudgeScorer)
        assert scorer.needs_opponents is False
        assert scorer.max_characters == 123
        with pytest.raises(ScorerError, match="asks a judge"):
            asyncio.run(scorer.score(case_of(), Completion(text="x")))


def test_a_case_that_leads_to_no_question_is_the_scorers_trouble():
    scorer = scorer_of("rubric")

    with pytest.raises(ScorerError, match="case 't1': field 'rubric': a rubric is a list"):
        judged(scorer, Script(), case=case_of(rubric="polite"))


def test_inputs_that_are_no_text_are_shown_as_json():
    turns = [{"role": "user", "content": "Wo bleibt mein Paket, „Müller“?"}]

    content = user_turn(request_of(scorer_of("scale"), case_of(input=turns), "x"))

    assert json.dumps(turns, ensure_ascii=False) in content
