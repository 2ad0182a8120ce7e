"""What judgements say of the judges: failures, agreement, noise, place, length, rankings."""

import json
import math
import random

import numpy as np
import pytest
from judgements import judged, judged_run, judged_trial, judgement, lines
from runs import write_journal

from evalrunner.providers.families import family_of
from evalrunner.report import build_report
from evalrunner.stats import krippendorff_alpha, wilson_interval
from evalrunner.summary import CaseColumns, SummaryOptions
from evalrunner.summary.judging import JudgeTally
from evalrunner.summary.judging.criteria import CriteriaTally
from evalrunner.types import Estimate

PAIRWISE = ("scorer=pairwise", "scorer.pairwise.against=all")


def summarized(directory, records):
    write_journal(directory, records)
    return build_report(directory, figures=False)


def rubric(root, scores, *overrides):
    """`judging`, `criteria` and the whole summary of one cell with these scores."""
    directory = judged_run(root, "model=luna", "judge=jury", *overrides, n_cases=len(scores))
    summary = summarized(directory, [judged_trial(0, n, each) for n, each in enumerate(scores)])
    (cell,) = summary["cells"]
    return cell["judging"]["rubric"], cell["criteria"]["rubric"], summary


def pair(first, second, *, opponent=1, **changes):
    """Both orders of one comparison, as seen from the judged answer."""
    return [
        judgement(first, opponent=opponent, is_first=True, **changes),
        judgement(second, opponent=opponent, is_first=False, **changes),
    ]


def contests(root, outcomes, *, models="luna,opus", n_cases=4, texts=None):
    """The summary of a run with these judgements by cell and case."""
    directory = judged_run(
        root, f"model={models}", "judge=severe", scorer=PAIRWISE, n_cases=n_cases
    )
    records = [
        judged_trial(
            cell, case, judged(*verdicts), scorer="pairwise", output=(texts or {}).get(cell, "x")
        )
        for (cell, case), verdicts in outcomes.items()
    ]
    return summarized(directory, records)


# --- missing verdicts ----------------------------------------


def test_missing_verdicts_are_counted_by_kind_and_never_score(tmp_path):
    """Fault B3: of each candidate, with an interval."""
    refused = judgement(None, reason="judge_error: refused: policy")
    scores = [
        judged(judgement(1.0), judgement(None, judge="luna")),
        judged(refused, judgement(None, judge="luna", reason="judge_error: parse: no JSON")),
        judged(judgement(0.0), judgement(1.0, judge="luna")),
        judged(refused | {"reason": None}, judgement(1.0, judge="luna")),
    ]

    found, _, summary = rubric(tmp_path, scores)

    assert (found["n_answers"], found["n_judgements"], found["n_failed"]) == (4, 8, 4)
    assert found["failures"] == {"parse": 2, "refused": 1, "unknown": 1}
    assert (found["n_answers_failed"], found["n_answers_refused"]) == (3, 1)
    expected = wilson_interval(4, 8)
    assert (found["failure_rate"]["low"], found["failure_rate"]["high"]) == (
        expected.low,
        expected.high,
    )
    assert found["refusal_rate"]["value"] == 1 / 8
    (cell,) = summary["cells"]
    assert (cell["quality"]["n"], cell["n_unscored"]) == (3, 1)
    assert found["n_passed"] == 3


def test_quality_of_a_rubric_is_the_mean_of_its_scores(tmp_path):
    """The example of the documentation: k of four criteria are met."""
    names = (
        "Acknowledges the double charge",
        "Apologizes for the inconvenience",
        "Provides clear next steps",
        "Tone is empathetic",
    )
    criteria = lines(True, False, True, True, names=names)
    score = judged(judgement(0.75, criteria=criteria), criteria=criteria)

    _, shares, summary = rubric(tmp_path, [score])

    assert summary["cells"][0]["quality"]["value"] == 0.75
    assert list(shares) == [names[1], names[0], names[2], names[3]]
    assert [share["value"] for share in shares.values()] == [0, 1, 1, 1]


def test_answers_that_were_cut_are_counted(tmp_path):
    said = "all good; input cut to 20,000 characters"
    scores = [
        judged(judgement(), reason=f"{said}; answer cut to 20,000 characters"),
        judged(judgement(), reason=said),
        judged(judgement(), reason="the answer cut to 5 characters is fine"),
    ]

    assert rubric(tmp_path, scores)[0]["cut"] == 1


# --- criteria ----------------------------------------


def test_worst_criterion_stands_first_and_an_even_vote_is_half(tmp_path):
    scores = [
        judged(judgement(), criteria=lines(True, passed)) for passed in (True, None, False, False)
    ]

    shares = rubric(tmp_path, scores)[1]

    assert {name: share["value"] for name, share in shares.items()} == {"short": 0.375, "polite": 1}
    assert list(shares) == ["short", "polite"]
    assert shares["polite"]["method"] == "wilson"
    assert shares["short"]["method"] == "wilson, effective n"


def test_rubrics_of_single_cases_do_not_flood_the_summary():
    """Those criteria are listed that were asked most often."""
    tally = CriteriaTally()
    for case in range(12_000):
        tally.add(case, lines(True, False, names=(f"only in {case}", "in all")))

    found = tally.to_json(12_000, lambda column: Estimate(value=float(np.nanmean(column.means()))))

    assert len(found) == 50
    assert next(iter(found)) == "in all"
    assert "only in 48" in found
    assert "only in 49" not in found


# --- agreement ----------------------------------------


def test_agreement_of_a_panel_is_krippendorffs_alpha(tmp_path):
    rows = [(1.0, 1.0), (0.5, 0.5), (0.0, 0.5), (1.0, 0.0), (0.0, 0.0)]
    scores = [judged(judgement(a), judgement(b, judge="luna")) for a, b in rows]

    agreement = rubric(tmp_path, scores)[0]["agreement"]

    expected = krippendorff_alpha(
        np.transpose(rows), rng=np.random.default_rng(0), metric="ordinal"
    )
    assert agreement["alpha"]["value"] == expected.value
    assert agreement["alpha"]["low"] < expected.value < agreement["alpha"]["high"]
    assert (agreement["n_judgements"], agreement["level"]) == (2, "ordinal")
    assert agreement["agreed"]["value"] == 0.6


def test_agreement_on_a_rubric_is_that_on_its_criteria(tmp_path):
    """Judges that give equal shares for different criteria do not agree."""
    scores = [
        judged(
            judgement(0.5, criteria=lines(True, False)),
            judgement(0.5, judge="luna", criteria=lines(False, True)),
        )
        for _ in range(5)
    ]

    agreement = rubric(tmp_path, scores)[0]["agreement"]

    assert agreement["alpha"]["value"] < -0.8
    assert (agreement["alpha"]["n"], agreement["level"]) == (10, "nominal")


def test_failed_verdicts_and_retests_are_no_part_of_the_agreement(tmp_path):
    scores = [
        judged(
            judgement(float(n % 2)),
            judgement(None, judge="luna"),
            judgement(0.5, sample=1, is_retest=True),
        )
        for n in range(4)
    ]

    assert rubric(tmp_path, scores)[0]["agreement"] is None


def test_judges_that_answer_at_random_agree_as_chance_does(tmp_path):
    """The interval of alpha holds 0, and that of agreeing judges does not."""
    draw = random.Random(7)
    wild = [
        judged(judgement(float(draw.random() < 0.5)), judgement(float(draw.random() < 0.5)))
        for _ in range(80)
    ]
    sure = [judged(judgement(float(n % 2)), judgement(float(n % 2 or n == 4))) for n in range(80)]

    chance, _, flagged = rubric(tmp_path / "wild", wild)
    certain, _, clean = rubric(tmp_path / "sure", sure)

    assert chance["agreement"]["alpha"]["low"] < 0 < chance["agreement"]["alpha"]["high"]
    assert certain["agreement"]["alpha"]["low"] > 0.8
    severities = {flag["code"]: flag["severity"] for flag in flagged["flags"]}
    about_judges = {code: severities[code] for code in severities if code != "unpriced"}
    assert about_judges == {"judge_noise": "red", "self_preference": "yellow"}
    assert "judge_noise" not in {flag["code"] for flag in clean["flags"]}


def test_of_very_many_verdicts_a_random_part_is_compared():
    """Every other question is about another criterion: no regular choice would do."""
    tally = JudgeTally(10_000)
    for case in range(10_000):
        verdicts = [
            judgement(criteria=lines(case % 2 == 0, case % 3 == 0)),
            judgement(judge="luna", criteria=lines(case % 2 == 0, case % 3 != 0)),
        ]
        tally.add(case, judged(*verdicts))

    options = SummaryOptions(quality="rubric")
    found = tally.to_json(cases=CaseColumns(n=10_000), options=options, cell=0, scorer="rubric")

    alpha = found["agreement"]["alpha"]
    assert alpha["n"] == 10_000
    # Half of the questions agree, with verdicts of both kinds equally frequent.
    assert alpha["value"] == pytest.approx(0, abs=0.03)
    assert found["agreement"]["agreed"]["value"] == 0.5


# --- noise ----------------------------------------


def test_retested_verdicts_give_the_judges_own_noise(tmp_path):
    """Pairs (1, 1), (0, 1), (1, 0), (0, 0): two of four changed, s = sd of differences / sqrt 2."""
    pairs = [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
    scores = [judged(judgement(a), judgement(b, sample=1, is_retest=True)) for a, b in pairs]

    found = rubric(tmp_path, [*scores, judged(judgement(1.0))])[0]

    sd = math.sqrt((1 + 1) / 3) / math.sqrt(2)
    assert (found["retest"]["n"], found["retest"]["changed"]["value"]) == (4, 0.5)
    assert found["retest"]["sd"] == pytest.approx(sd)
    assert found["retest"]["se_of_mean"] == pytest.approx(sd / math.sqrt(5))
    assert found["noise"]["half_width"] == pytest.approx(1.959964 * sd / math.sqrt(5))
    assert found["n_judgements"] == 9


def test_noise_stands_beside_the_difference_that_it_may_explain(tmp_path):
    directory = judged_run(tmp_path, "model=luna,opus", "judge=severe", n_cases=20)
    records = []
    for cell in range(2):
        for case in range(20):
            first = float(case < 10 + cell)
            again = judgement(1 - first if case % 4 == 0 else first, sample=1, is_retest=True)
            records.append(judged_trial(cell, case, judged(judgement(first), again)))

    summary = summarized(directory, records)

    noise = summary["judging"]["facets"][0]["noise"]
    errors = [cell["judging"]["rubric"]["noise"]["se"] for cell in summary["cells"]]
    assert (noise["cells"], noise["difference"]) == ([1, 0], pytest.approx(0.05))
    assert noise["half_width"] == pytest.approx(1.959964 * math.hypot(*errors))
    (flag,) = [flag for flag in summary["flags"] if flag["code"] == "judge_noise"]
    assert (flag["severity"], flag["evidence"]["cells"]) == ("yellow", [1, 0])


# --- pairs ----------------------------------------


def test_a_judge_that_always_says_a_has_no_consistent_pair_and_no_winner(tmp_path):
    """Fault B6."""
    outcomes = {
        (cell, case): pair(1.0, 0.0, opponent=1 - cell) for cell in range(2) for case in range(4)
    }
    for verdicts in outcomes.values():
        verdicts[:] = [verdict | {"label": "A"} for verdict in verdicts]

    summary = contests(tmp_path, outcomes)

    for cell in summary["cells"]:
        position = cell["judging"]["pairwise"]["position"]
        assert (position["n_pairs"], position["first"], position["second"]) == (4, 4, 0)
        assert (position["inconsistent"]["value"], position["net"]) == (1, 1)
        assert position["p"] == pytest.approx(2 / 2**4)
    ratings = summary["judging"]["bradley_terry"][0]["cells"]
    assert ratings["0"]["value"] == pytest.approx(ratings["1"]["value"])
    (flag,) = [flag for flag in summary["flags"] if flag["code"] == "position_bias"]
    assert flag["severity"] == "red"


def test_consistent_pairs_lean_nowhere(tmp_path):
    """A tie and a win lean to a place; a pair without its other order is left out."""
    outcomes = {
        (0, 0): pair(1.0, 1.0),
        (0, 1): pair(0.5, 0.0),
        (0, 2): pair(0.5, 1.0),
        (0, 3): pair(1.0, None),
    }

    position = contests(tmp_path, outcomes)["cells"][0]["judging"]["pairwise"]["position"]

    assert (position["n_pairs"], position["first"], position["second"]) == (3, 1, 1)
    assert position["inconsistent"]["value"] == pytest.approx(2 / 3)


def test_bradley_terry_counts_each_comparison_once(tmp_path):
    """Both cells hold the same verdicts; cell 0 wins three of four."""
    outcomes = {}
    for case, won in enumerate((1.0, 1.0, 1.0, 0.0)):
        outcomes[0, case] = pair(won, won, opponent=1)
        outcomes[1, case] = pair(1 - won, 1 - won, opponent=0)

    (ranking,) = contests(tmp_path, outcomes)["judging"]["bradley_terry"]

    ratings = ranking["cells"]
    assert (ranking["facet"], ranking["scorer"], ranking["scale"]) == (0, "pairwise", "elo")
    assert ratings["0"]["value"] - ratings["1"]["value"] == pytest.approx(400 * math.log10(3))
    assert ratings["0"]["n"] == 4
    assert ratings["0"]["low"] < ratings["0"]["value"] < ratings["0"]["high"]


def test_equal_answers_are_ties_that_no_judge_was_asked_about(tmp_path):
    same = judgement(0.5, label="tie", opponent=1, calls=[])
    outcomes = {(0, 0): [same], (0, 1): pair(1.0, 1.0)}

    summary = contests(tmp_path, outcomes)

    found = summary["cells"][0]["judging"]["pairwise"]
    assert (found["n_judgements"], found["position"]["n_pairs"]) == (2, 1)
    ratings = summary["judging"]["bradley_terry"][0]["cells"]
    assert ratings["0"]["value"] - ratings["1"]["value"] == pytest.approx(400 * math.log10(3))


def test_recorded_answers_take_part_in_the_ranking(tmp_path):
    outcomes = {
        (cell, case): pair(float(case > cell), float(case > cell), opponent=-1)
        for cell in range(2)
        for case in range(4)
    }

    (ranking,) = contests(tmp_path, outcomes)["judging"]["bradley_terry"]

    ratings = {name: rating["value"] for name, rating in ranking["cells"].items()}
    assert list(ratings) == ["0", "1", "recorded"]
    assert ratings["0"] > ratings["1"] == pytest.approx(ratings["recorded"])


def test_longer_answers_that_always_win_are_noticed(tmp_path):
    """Whether they are better only people can tell."""
    outcomes = {
        (cell, case): pair(float(cell), float(cell), opponent=1 - cell)
        for cell in range(2)
        for case in range(8)
    }

    summary = contests(tmp_path, outcomes, n_cases=8, texts={0: "short", 1: "much longer"})

    length = summary["cells"][0]["judging"]["pairwise"]["length"]
    assert (length["n"], length["longer_won"]["value"]) == (8, 1)
    assert length["p"] == pytest.approx(2 / 2**8)
    assert [f["severity"] for f in summary["flags"] if f["code"] == "length_bias"] == ["yellow"]


def test_length_says_nothing_where_answers_are_equally_long(tmp_path):
    summary = contests(tmp_path, {(0, 0): pair(1.0, 1.0), (1, 0): pair(0.0, 0.0, opponent=0)})

    assert summary["cells"][0]["judging"]["pairwise"]["length"] is None


# --- judges that are swept ----------------------------------------


def swept(root, values):
    """Two judges over two models; `values` are the scores of cells 0 to 3 in each of 12 cases."""
    directory = judged_run(root, "judge=severe,mild", "model=luna,opus", n_cases=12)
    axes = [
        (cell["axes"]["judge"], cell["axes"]["model"])
        for cell in json.loads((directory / "plan.json").read_bytes())["cells"]
    ]
    records = [
        judged_trial(
            cell, case, judged(judgement(values[name] if case or values[name] is None else 1.0))
        )
        for cell, name in enumerate(axes)
        for case in range(12)
    ]
    return summarized(directory, records), axes


def test_summary_tells_how_far_the_ranking_depends_on_the_judge(tmp_path):
    values = {("severe", "luna"): 0.5, ("severe", "opus"): 0.0}
    values |= {("mild", "luna"): 0.5, ("mild", "opus"): 1.0}

    summary, axes = swept(tmp_path, values)

    (ranking,) = summary["judging"]["rankings"]
    assert ranking["facets"] == [0, 1]
    assert ranking["pairs"] == [{"a": 0, "b": 1, "tau_b": -1.0, "n": 2}]
    assert [axes[top["cell"]] for top in ranking["top"]] == [("severe", "luna"), ("mild", "opus")]
    assert {f["judge"]: f["judges"][0]["family"] for f in summary["judging"]["facets"]} == {
        "severe": "anthropic",
        "mild": "openai",
    }
    (flag,) = [flag for flag in summary["flags"] if flag["code"] == "judge_dependence"]
    assert "severe" in flag["message"]
    assert "mild" in flag["message"]


def test_judges_that_rank_alike_raise_no_flag(tmp_path):
    """However lenient one of them is."""
    values = {("severe", "luna"): 0.25, ("severe", "opus"): 0.0}
    values |= {("mild", "luna"): 1.0, ("mild", "opus"): 0.75}

    summary, _ = swept(tmp_path, values)

    (ranking,) = summary["judging"]["rankings"]
    assert ranking["pairs"][0]["tau_b"] == 1
    assert "judge_dependence" not in {flag["code"] for flag in summary["flags"]}


# --- families ----------------------------------------


@pytest.mark.parametrize(
    ("provider", "name", "family"),
    [
        ("anthropic", "claude-opus-5-5", "anthropic"),
        ("openai", "gpt-6-luna", "openai"),
        ("openai", "ft:gpt-6:acme", "openai"),
        ("openai", "meta-llama/Llama-4-70B-Instruct", "meta"),
        ("anthropic", "us.anthropic.claude-sonnet-4-5", "anthropic"),
        ("openai", "mistralai/Mixtral-8x22B", "mistral"),
        ("openai", "models/gemini-3-pro", "google"),
        ("replay", "claude-haiku-4-5", "anthropic"),
        ("openai", "in-house-7b", None),
        ("python", "majority", None),
    ],
)
def test_family_of_a_model_is_read_off_its_name(provider, name, family):
    assert family_of(provider, name, is_own_host=False) == family


def test_family_of_an_unknown_name_is_its_makers_whose_own_api_answers():
    assert family_of("openai", "omni-next", is_own_host=True) == "openai"
    assert family_of("python", "omni-next", is_own_host=True) is None


# --- little or nothing to go by ----------------------------------------


def test_a_single_retest_shows_no_spread(tmp_path):
    """Nor does one whose first verdict failed; lines of a rubric may be without a verdict."""
    again = judgement(1.0, sample=1, is_retest=True)
    scores = [
        judged(judgement(1.0, criteria=lines(None, True)), again),
        judged(judgement(None), again, judgement(0.0, judge="luna")),
    ]

    found = rubric(tmp_path, scores)[0]

    assert (found["retest"]["n"], found["retest"]["sd"], found["noise"]) == (1, None, None)


def test_verdicts_on_dependent_cases_are_clustered_by_their_field(tmp_path):
    cases = [{"id": f"c{n}", "input": "?", "who": f"customer {n // 4}"} for n in range(12)]
    directory = judged_run(tmp_path, "model=luna", "judge=jury", "dataset.cluster=who", cases=cases)
    records = [
        judged_trial(
            0, n, judged(judgement(float(n % 2)), judgement(float(n % 3 > 0), judge="luna"))
        )
        for n in range(12)
    ]

    (cell,) = summarized(directory, records)["cells"]

    alpha = cell["judging"]["rubric"]["agreement"]["alpha"]
    assert alpha["method"].endswith("clustered by who")


def test_a_judge_that_gave_no_verdict_has_no_ranking(tmp_path):
    values = dict.fromkeys([("severe", "luna"), ("severe", "opus")], 1.0)
    values |= dict.fromkeys([("mild", "luna"), ("mild", "opus")])

    summary, _ = swept(tmp_path, values)

    (ranking,) = summary["judging"]["rankings"]
    assert ranking["pairs"] == [{"a": 0, "b": 1, "tau_b": None, "n": 2}]
    assert [top["facet"] for top in ranking["top"]] == [0]
    assert "judge_dependence" not in {flag["code"] for flag in summary["flags"]}
