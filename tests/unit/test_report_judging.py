"""What judges cost, and what is said of them to people."""

import json
from decimal import Decimal

import pytest
from judgements import call, judged, judged_run, judged_trial, judgement, lines
from runs import failed, rows_of, tokens, write_journal

from evalrunner.cli.results import results
from evalrunner.pricing import PriceOverride, PricingSettings
from evalrunner.report import build_report

# 100 tokens in, 10 out, at 10 and 20 USD per million, and at 1 and 2 in a batch for half.
OPUS_CALL = 0.0012
LUNA_CALL = 0.00006


def report(directory, records, **options):
    write_journal(directory, records)
    summary = build_report(directory, figures=False, **options)
    return summary, rows_of(directory / "trials.jsonl")


def score_of(row):
    return row["scores"]["rubric"]


def money(row):
    return score_of(row)["cost_usd"], score_of(row)["spent_usd"]


# --- money ----------------------------------------


def test_judge_cost_stands_apart_from_the_price_of_the_candidate(tmp_path):
    """Fault B8: spent and summed up, and not on the Pareto axis."""
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    records = [
        judged_trial(0, case, judged(judgement()), usage=tokens(1000, 0)) for case in range(3)
    ]

    summary, rows = report(directory, records)

    (cell,) = summary["cells"]
    assert money(rows[0]) == pytest.approx((OPUS_CALL, OPUS_CALL))
    assert rows[0]["cost_usd"] == pytest.approx(0.001)
    assert cell["cost"]["usd_judge"] == pytest.approx(3 * OPUS_CALL)
    assert cell["cost"]["usd_spent"] == pytest.approx(3 * (OPUS_CALL + 0.001))
    assert cell["cost"]["usd_per_1000"]["value"] == pytest.approx(1)


def test_each_member_of_a_panel_is_paid_at_its_own_price(tmp_path):
    """One of them answers from batches, for half."""
    directory = judged_run(tmp_path, "model=luna", "judge=jury")
    verdicts = [judgement(calls=[call("aa"), call("ab")]), judgement(judge="luna")]

    summary, rows = report(directory, [judged_trial(0, 0, judged(*verdicts), usage=tokens())])

    assert score_of(rows[0])["cost_usd"] == pytest.approx(2 * OPUS_CALL + LUNA_CALL)
    assert summary["cells"][0]["cost"]["saved_batch"] == pytest.approx(LUNA_CALL)


def test_a_cached_verdict_of_a_batch_saves_nothing_by_the_batch(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=jury")
    verdict = judgement(judge="luna", calls=[call(cached=True)])

    summary, _ = report(directory, [judged_trial(0, 0, judged(verdict), usage=tokens())])

    cost = summary["cells"][0]["cost"]
    assert (cost["saved_batch"], cost["saved_cache"]) == (0, pytest.approx(LUNA_CALL))


def test_a_cost_that_the_judge_names_wins(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    verdict = judgement(calls=[call(cost_usd=0.5), call("ab")])

    _, rows = report(directory, [judged_trial(0, 0, judged(verdict, cost_usd=0.25))])

    assert money(rows[0]) == pytest.approx((0.75 + OPUS_CALL, 0.75 + OPUS_CALL))


def test_a_judge_is_priced_as_the_model_that_answered(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=unknown")
    verdict = judgement(calls=[call(served_model="claude-opus-5-5")])

    _, rows = report(directory, [judged_trial(0, 0, judged(verdict))])

    assert money(rows[0]) == pytest.approx((OPUS_CALL, OPUS_CALL))


@pytest.mark.parametrize("verdict", [judgement(), judgement(judge="nobody")])
def test_a_judge_without_a_known_price_makes_spending_unknown(tmp_path, verdict):
    """The candidate's own price is still known."""
    directory = judged_run(tmp_path, "model=luna", "judge=unknown")
    records = [judged_trial(0, 0, judged(verdict), usage=tokens(1000, 0))]

    summary, rows = report(directory, records)

    cost = summary["cells"][0]["cost"]
    assert money(rows[0]) == (None, None)
    assert (cost["usd_judge"], cost["usd_spent"]) == (None, None)
    assert cost["usd_per_1000"]["value"] == pytest.approx(1)


def test_a_judge_paid_by_the_second_has_no_known_price_by_the_call(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    pricing = PricingSettings(
        source="none", overrides={"claude-opus-5-5": PriceOverride(per_second=Decimal(3))}
    )

    _, rows = report(directory, [judged_trial(0, 0, judged(judgement()))], pricing=pricing)

    assert money(rows[0]) == (None, None)


def test_cached_verdicts_cost_nothing_here_and_count_as_saved(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    verdict = judgement(calls=[call(cached=True), call("ab")])

    summary, rows = report(
        directory, [judged_trial(0, 0, judged(verdict), cached=True, usage=tokens(1000, 0))]
    )

    cost = summary["cells"][0]["cost"]
    assert money(rows[0]) == pytest.approx((2 * OPUS_CALL, OPUS_CALL))
    assert cost["usd_judge"] == pytest.approx(OPUS_CALL)
    assert cost["saved_cache"] == pytest.approx(OPUS_CALL + 0.001)


def test_a_verdict_that_never_came_cost_nothing(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    verdict = judgement(None, reason="judge_error: timeout", calls=[])

    _, rows = report(directory, [judged_trial(0, 0, judged(verdict))])

    assert money(rows[0]) == (0, 0)


def test_scores_without_a_judge_stay_as_they_are(tmp_path):
    """So do those of answers that the policy for refusals scored."""
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    refused = {"value": 0.0, "reason": "refused", "label": None, "criteria": [], "cost_usd": None}

    summary, rows = report(directory, [judged_trial(0, 0, refused, status="refused")])

    assert score_of(rows[0]) == refused
    assert summary["cells"][0]["judging"] == {}
    assert summary["judging"] is None


def test_judge_attempts_that_may_have_been_charged_belong_to_the_cell_they_judged(tmp_path):
    directory = judged_run(tmp_path, "model=luna,opus", "judge=severe")
    intent = {
        "type": "intent",
        "session": 1,
        "key": "ab",
        "attempt": 1,
        "model": "claude-opus-5-5",
        "most_usd": 0.1,
    }
    lost = intent | {"type": "failure", "possibly_billed": True, "kind": "timeout"}
    records = [
        intent,
        lost,
        judged_trial(0, 0, judged(judgement(calls=[call("aa")]))),
        judged_trial(1, 0, judged(judgement(calls=[call("ab")]))),
    ]

    summary, _ = report(directory, records)

    costs = [cell["cost"] for cell in summary["cells"]]
    assert [cost["possibly_billed"] for cost in costs] == [0, 1]
    assert [cost["usd_retries"] for cost in costs] == [0, None]
    assert summary["run"]["possibly_billed"] == 1


@pytest.mark.parametrize("records", [[], [judged_trial(0, 0, judged(judgement()))]])
def test_judges_prices_are_frozen_although_no_verdict_came(tmp_path, records):
    directory = judged_run(tmp_path, "model=luna", "judge=severe")

    report(directory, records, freeze_prices=True)

    (book,) = json.loads((directory / "manifest.json").read_bytes())["pricing"].values()
    assert {"gpt-6-luna", "claude-opus-5-5"} <= {model["name"] for model in book["models"]}


def test_another_price_table_prices_old_verdicts(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    dearer = PriceOverride(input=Decimal(100), output=Decimal(200))
    pricing = PricingSettings(source="none", overrides={"claude-opus-5-5": dearer})
    records = [judged_trial(0, 0, judged(judgement()))]

    _, before = report(directory, records, freeze_prices=True)
    _, after = report(directory, records, pricing=pricing)

    assert score_of(after[0])["spent_usd"] == pytest.approx(10 * score_of(before[0])["spent_usd"])


# --- lines for people ----------------------------------------


def everything_at_once(root):
    """Two candidates, a failing judge, a retest, a long answer, and a canary that passes."""
    directory = judged_run(root, "model=luna,opus", "judge=severe", n_cases=5)
    plan = json.loads((directory / "plan.json").read_bytes())
    canary = plan["cells"][1] | {"id": 2, "label": "canary:<b>*x*\x1b", "role": "canary"}
    plan["cells"].append(canary)
    (directory / "plan.json").write_text(json.dumps(plan))
    records = [failed(1, 4)]
    for cell in range(3):
        for case in range(5 - (cell == 1)):
            criteria = lines(True, case % 2 == 0)
            verdicts = [judgement(0.75), judgement(0.5 + case % 2 / 2, is_retest=True, sample=1)]
            if cell == 1 and case == 0:
                refused = judgement(None, reason="judge_error: refused: no")
                verdicts.append(refused | {"sample": 2})
            score = judged(*verdicts, criteria=criteria, reason="so; answer cut to 9 characters")
            records.append(judged_trial(cell, case, score))
    write_journal(directory, records)
    return build_report(directory, figures=False), directory


def test_summary_tells_people_what_the_judges_did(tmp_path, capsys):
    """Fault B3: failures are told by candidate."""
    summary, directory = everything_at_once(tmp_path)

    results(summary)

    shown = capsys.readouterr().out
    assert "judge severe (claude-opus-5-5): 29 verdicts, $0.0348" in shown
    assert "opus · rubric: 1 of 9 verdicts missing (refused 1)" in shown
    assert "luna · rubric: no verdict missing" in shown
    assert "asked again 100.0 % of 5 changed, noise ±17.0 points" in shown
    assert "5 answers cut" in shown
    assert "fails most: “short”, met in 60.0 % (23.1–88.2) of 5" in shown
    assert "answers that must fail pass: <b>*x*\\x1b 5 of 5" in shown
    assert "they pass, see the flag judge_inflation" in shown
    assert "red judge_inflation: rubric: answers that must fail pass: <b>*x*\\x1b 5 of 5" in shown
    assert shown.count("fails most") == 1  # a criterion judged four times tells nothing
    text = (directory / "summary.md").read_text()
    assert "## Flags" in text
    assert "## Judges" in text


def test_foreign_names_are_harmless_in_the_lines_about_judges(tmp_path, capsys):
    summary, directory = everything_at_once(tmp_path)

    results(summary)

    assert "\x1b" not in capsys.readouterr().out
    text = (directory / "summary.md").read_text()
    assert "\x1b" not in text
    assert "<b>" not in text
    assert text.count("\\<b\\>\\*x\\*") >= 2


def test_canaries_are_marked_in_the_table_and_left_out_of_the_rest(tmp_path):
    """They are no candidates: not on the frontier, and in no figure."""
    summary, directory = everything_at_once(tmp_path)

    build_report(directory)

    canary = summary["cells"][2]
    assert canary["pareto"]["status"] is None
    row = next(x for x in (directory / "summary.md").read_text().split("\n") if "canary" in x)
    assert row.endswith("| canary |")
    assert "canary" not in (directory / "pareto.csv").read_text()
    assert "canary" not in (directory / "pareto.svg").read_text()
    assert summary["judging"]["facets"][0]["noise"]["cells"] == [0, 1]


def test_runs_without_judges_have_no_lines_about_them(tmp_path, capsys):
    directory = judged_run(tmp_path, "model=luna", scorer=("scorer=[exact_match]",))
    write_journal(directory, [])

    summary = build_report(directory, figures=False)
    results(summary)

    assert summary["judging"] is None
    assert [flag["code"] for flag in summary["flags"]] == ["missing_results"]
    assert "judge" not in capsys.readouterr().out
    assert "Judges" not in (directory / "summary.md").read_text()


def test_same_judgements_give_the_same_bytes(tmp_path):
    directory = judged_run(tmp_path, "model=luna,opus", "judge=jury", n_cases=20)
    records = [
        judged_trial(
            cell, case, judged(judgement(float(case % 2)), judgement(case % 3 / 2, judge="luna"))
        )
        for cell in range(2)
        for case in range(20)
    ]
    names = ("summary.json", "summary.md", "trials.jsonl")

    report(directory, records)
    first = [(directory / name).read_bytes() for name in names]
    report(directory, records[::-1])

    assert [(directory / name).read_bytes() for name in names] == first
