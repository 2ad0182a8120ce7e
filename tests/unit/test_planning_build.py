"""Plans: every problem before the first request, and what is counted."""

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from runs import CASES, planned, project

from evalrunner.errors import ConfigError
from evalrunner.prompts import PromptTemplate
from evalrunner.providers.cached import ResponseCache
from evalrunner.types import Answer

KEYS = {
    "OPENAI_API_KEY": "sk-proj-0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef",
}
PRICES = "pricing.overrides.{}={{input: 1.0, output: 2.0}}"


@pytest.fixture
def root(tmp_path):
    return project(tmp_path)


@pytest.fixture
def cache(tmp_path):
    responses = ResponseCache(tmp_path / "cache" / "responses.sqlite")
    yield responses
    responses.close()


def problems_of(root, *overrides, **around):
    with pytest.raises(ConfigError) as caught:
        planned(root, *overrides, **around)
    return caught.value.problems


def fill(cache, plan, cells, cases=None):
    """Keep an answer to every request of these cells, or to some cases of them."""
    entries = []
    for cell in (plan.cells[number] for number in cells):
        (chosen,) = plan.case_sets
        for case in chosen[slice(cases)]:
            for repeat in range(cell.repeats):
                request = cell.wire.build_request(cell.template.render(case), case, repeat)
                answer = Answer(
                    body=b"{}", started_at=1.0, latency_s=1.0, attempts=1, request_id=None
                )
                entries.append((request, answer))
    cache.put(entries)


# --- problems ----------------------------------------


def test_problems_of_all_cells_come_at_once_and_each_once(tmp_path):
    """Bad input: two models, two prompts and two scorers with one mistake each, in 4 cells."""
    root = project(
        tmp_path,
        {
            "prompts/ask.j2": "{{ inptu }}",
            "prompts/beg.j2": "{% if %}",
            "conf/model/gone.yaml": "provider: python\nfunction: gone.py:f\n",
            "conf/scorer/teams.yaml": "# @package scorer.teams\nkind: exact_match\ntarget: teem\n",
            "conf/scorer/own.yaml": "# @package scorer.own\nkind: python\nfunction: none.py:g\n",
        },
    )

    found = problems_of(root, "model=echo,gone", "prompt=ask,beg", "scorer=[teams,own]")

    assert sorted(problem.where for problem in found) == [
        "model.function",
        "prompts/ask.j2",
        "prompts/beg.j2:1",
        "scorer.own.function",
        "scorer.teams.target",
    ]


def test_problems_of_the_data_do_not_hide_those_of_the_rest(tmp_path):
    root = project(
        tmp_path,
        {"conf/scorer/own.yaml": "# @package scorer.own\nkind: python\nfunction: none.py:g\n"},
        cases=[CASES[0], CASES[0]],
    )

    found = problems_of(
        root, "model.function=gone.py:f", "scorer=own", "prompt.user=prompts/x.j2", "run.quality=x"
    )

    wheres = {problem.where for problem in found}
    assert {"model.function", "scorer.own.function", "prompt.user", "run.quality"} <= wheres
    assert len(found) == 5


def test_target_that_no_case_has_is_refused_with_the_nearest_name(root):
    (problem,) = problems_of(root, "scorer.exact_match.target=expected_ouput")

    assert problem.where == "scorer.exact_match.target"
    assert "no case of 'tickets' has the field 'expected_ouput'" in problem.what
    assert problem.hint.startswith("did you mean 'expected_output'?")
    assert "channel, expected_output, id, input" in problem.hint


def test_target_that_some_case_has_is_no_problem(tmp_path):
    root = project(tmp_path, cases=[{"id": "a", "input": "x"}, *CASES])

    assert planned(root).cells


def test_targets_that_a_scorer_cannot_read_are_listed_up_to_twenty(tmp_path):
    rows = [{"id": f"c{n}", "input": "x", "expected_output": f"word{n}"} for n in range(33)]
    root = project(tmp_path, cases=rows)

    found = problems_of(root, "scorer=numeric")

    assert len(found) == 21
    assert "case 'c0'" in found[0].what
    assert found[-1].what == "and 13 more such cases"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("accuracy", "exact_match, labels, labels.accuracy"),
        ("labels.nonsense", "labels.macro_f1"),
        ("exact_match.f1", "exact_match"),
        ("", "exact_match"),
    ],
)
def test_quality_that_names_no_scorer_and_no_metric_is_refused(root, name, hint):
    """A typo must not show in the report, when everything is paid."""
    found = problems_of(
        root,
        "scorer=[exact_match,labels]",
        f"run.quality='{name}'",
        "model=echo,luna",
        environ=KEYS,
    )

    (problem,) = found
    assert problem.where == "run.quality"
    assert hint in problem.hint


@pytest.mark.parametrize("name", ["exact_match", "labels", "labels.macro_f1", "labels.accuracy"])
def test_quality_may_be_a_scorer_or_a_metric_of_one(root, name):
    plan = planned(root, "scorer=[exact_match,labels]", f"run.quality={name}")

    assert plan.cells[0].quality == name


def test_quality_that_is_a_json_field_must_be_in_some_target(tmp_path):
    rows = [{"id": "a", "input": "x", "expected_output": {"amount": 1, "day": None}}]
    root = project(tmp_path, cases=rows)

    assert planned(root, "scorer=json_fields", "run.quality=json_fields.day").cells
    (problem,) = problems_of(root, "scorer=json_fields", "run.quality=json_fields.amont")
    assert "no target has the field 'amont'" in problem.what
    assert problem.hint == "fields of the targets are: amount, day"
    (problem,) = problems_of(
        root,
        "scorer=json_fields",
        "scorer.json_fields.fields=[amount]",
        "run.quality=json_fields.day",
    )
    assert problem.hint == "choose one of: json_fields, json_fields.amount"


@pytest.mark.parametrize(
    ("baseline", "count"),
    [("{model: luna}", 2), ("{model: luna, prompt: none}", 0), ("{modle: luna}", 0)],
)
def test_baseline_must_select_one_cell(root, baseline, count):
    grid = ("model=luna,echo", "prompt=ask,beg")
    (problem,) = problems_of(root, *grid, f"run.baseline={baseline}", environ=KEYS)

    assert problem.where == "run.baseline"
    assert f"selects {count} cells of facet 0, not one" in problem.what
    assert "luna/ask; luna/beg; echo/ask; echo/beg" in problem.hint


def test_baseline_must_select_one_cell_in_every_facet(tmp_path):
    root = project(
        tmp_path, {"conf/dataset/more.yaml": "name: more\npath: datasets/tickets.jsonl\n"}
    )

    plan = planned(root, "dataset=tickets,more", "prompt=ask,beg", "run.baseline={prompt: ask}")

    assert [cell.facet for cell in plan.cells] == [0, 0, 1, 1]
    found = problems_of(root, "dataset=tickets,more", "run.baseline={dataset: more}")
    assert ["selects 0 cells of facet 0" in p.what for p in found] == [True]


def test_templates_do_not_read_what_answers_are_scored_against(tmp_path):
    rows = [case | {"rubric": ["be kind"], "team": "billing"} for case in CASES]
    text = "{{ input }}{{ team }}{{ rubric }}{{ expected_output }}"
    root = project(tmp_path, {"prompts/ask.j2": text}, cases=rows)

    found = problems_of(root, "prompt=ask", "scorer.exact_match.target=team")

    assert sorted(p.what.split("'")[1] for p in found) == ["expected_output", "rubric", "team"]
    assert planned(root, "prompt=ask", "prompt.allow_target=true").cells


def test_prompt_problems_name_the_cases_and_the_fields_of_all(tmp_path):
    """The one case that fails and the one with a field of its own are both not the first."""
    rows = [*CASES, {"id": "odd", "input": "x", "mood": "bad"}]
    root = project(tmp_path, {"prompts/ask.j2": "{{ input }} {{ channel }}"}, cases=rows)

    (problem,) = problems_of(root, "prompt=ask", "model=echo,luna", environ=KEYS)

    assert "'channel' is undefined (cases 'odd')" in problem.what
    assert problem.hint == "fields of the cases are: channel, expected_output, id, input, mood"


def test_problems_of_the_cases_do_not_hide_a_missing_key(root):
    found = problems_of(root, "model=luna", "scorer.exact_match.target=teem")

    assert {problem.where for problem in found} == {
        "scorer.exact_match.target",
        "model.api_key_env",
    }


def test_each_prompt_is_rendered_once_for_all_cells_that_share_it(root, monkeypatch):
    """Once more for those cases that are looked at again: the first, for fields and to be shown."""
    rendered = Counter()
    render = PromptTemplate.render
    monkeypatch.setattr(
        PromptTemplate,
        "render",
        lambda self, case: rendered.update([(id(self), case.id)]) or render(self, case),
    )

    planned(root, "model=luna,opus,echo", "prompt=ask,beg", environ=KEYS)

    assert sorted(n for (_, case), n in rendered.items() if case != "c0") == [1, 1, 1, 1]


# --- keys, hosts, prices ----------------------------------------


def test_missing_keys_of_all_models_with_requests_to_pay_come_together(root):
    """D5."""
    found = problems_of(root, "model=luna,opus,echo")

    assert [problem.hint for problem in found] == [
        "export OPENAI_API_KEY=…",
        "export ANTHROPIC_API_KEY=…",
    ]


def test_model_that_is_answered_from_the_cache_needs_no_key(root, cache):
    fill(cache, planned(root, "model=luna,opus", environ=KEYS), [0])

    (problem,) = problems_of(root, "model=luna,opus", cache=cache)

    assert problem.hint == "export ANTHROPIC_API_KEY=…"


def test_model_with_one_request_to_pay_needs_its_key(root, cache):
    fill(cache, planned(root, "model=luna", environ=KEYS), [0], cases=2)

    (problem,) = problems_of(root, "model=luna", cache=cache)

    assert "'gpt-6-luna' has requests to pay" in problem.what


def test_key_is_never_planned_to_go_to_another_host(root):
    """D6: the refusal prints the command that trusts the host."""
    overrides = ("model=luna", "model.base_url=https://evil.test/v1")

    (problem,) = problems_of(root, *overrides, environ=KEYS)

    assert "OPENAI_API_KEY would be sent to evil.test" in problem.what
    assert "evalrunner trust evil.test OPENAI_API_KEY" in problem.hint
    assert planned(root, *overrides, environ=KEYS, trusted_hosts=frozenset({"evil.test"})).cells


@pytest.mark.parametrize(
    "rule",
    ["run.budget_usd=1", "model.limits.budget_usd=1", "decide.budget_usd_per_month=1"],
)
def test_unknown_price_is_a_problem_where_money_is_limited(root, rule):
    """D4."""
    (problem,) = problems_of(root, "model=luna", "model.name=gpt-unheard-of", rule, environ=KEYS)

    assert problem.where == rule.partition("=")[0]
    assert "'gpt-unheard-of' has no known price" in problem.what
    assert "pricing.overrides.gpt-unheard-of=" in problem.hint


def test_unknown_price_without_a_limit_leaves_the_cost_unknown(root):
    plan = planned(root, "model=luna", "model.name=gpt-unheard-of", environ=KEYS)

    cost = plan.to_json()["cost"]
    assert (cost["low"], cost["high"], cost["ceiling"]) == (None, None, None)


def test_price_that_is_not_needed_is_not_asked_for(root, cache):
    """A budget is no reason to refuse a run that is answered from the cache."""
    overrides = ("model=luna", "model.name=gpt-unheard-of")
    fill(cache, planned(root, *overrides, environ=KEYS), [0])

    plan = planned(root, *overrides, "run.budget_usd=1", cache=cache)

    assert plan.to_json()["cost"]["ceiling"] == 0


# --- counts and costs ----------------------------------------


def calls_of(plan):
    return [(calls.total, calls.cached, calls.to_pay) for calls in plan.calls]


def test_requests_of_this_process_are_paid_by_nobody(root):
    assert calls_of(planned(root, "model=echo,luna", environ=KEYS)) == [(3, 0, 0), (3, 0, 3)]


def test_equal_requests_are_counted_once_in_the_whole_run(tmp_path):
    """A24: twins inside a cell, and a second cell that asks the same."""
    root = project(tmp_path, cases=[*CASES, CASES[0] | {"id": "twin"}])

    plan = planned(root, "model=luna", "run.on_refused=fail,skip", environ=KEYS)

    assert calls_of(plan) == [(4, 1, 3), (4, 4, 0)]


def test_repeats_are_requests_of_their_own(root):
    assert calls_of(planned(root, "model=luna", "run.repeats=4", environ=KEYS)) == [(12, 0, 12)]


def test_more_repeats_pay_only_the_difference(root, cache):
    fill(cache, planned(root, "model=luna", "run.repeats=2", environ=KEYS), [0])

    plan = planned(root, "model=luna", "run.repeats=3", environ=KEYS, cache=cache)

    assert calls_of(plan) == [(9, 6, 3)]


def test_cost_range_and_ceiling_by_hand(tmp_path):
    """1 and 2 USD per million tokens in and out; 3.5 bytes a token likely, one at most."""
    root = project(tmp_path, cases=CASES[:1])

    plan = planned(
        root, "model=luna", "pricing.overrides={gpt-6-luna: {input: 1, output: 2}}", environ=KEYS
    )

    (cell,), ((case,),) = plan.cells, plan.case_sets
    request = cell.wire.build_request(cell.template.render(case), case, 0)
    size = len(json.dumps(dict(request.body), separators=(",", ":")))
    likely = -(-size * 2 // 7)
    cost = plan.costs[0]
    assert cost.low == (likely * 1 + 25 * 2) * Decimal("1e-6")
    assert cost.high == (likely * 1 + 100 * 2) * Decimal("1e-6")
    assert cost.ceiling >= (size * 1 + 100 * 2) * Decimal("1e-6")
    assert cost.ceiling < (size * 2 + 100 * 2) * Decimal("1e-6")
    assert cost.basis == "no history: bytes / 3.5 in, 25% to 100 % of max_output_tokens out"


def test_cost_of_a_run_is_that_of_its_cells(root):
    plan = planned(root, "model=luna,opus", "prompt=ask,beg", environ=KEYS)

    assert plan.cost.ceiling == sum(cost.ceiling for cost in plan.costs)
    assert plan.cost.low <= plan.cost.high <= plan.cost.ceiling
    assert plan.to_json()["cost"]["high"] == float(plan.cost.high)


def test_cost_of_a_run_is_unknown_when_one_cell_is(root):
    plan = planned(root, "model=luna,opus", "model.name=gpt-6-luna,gpt-unheard-of", environ=KEYS)

    assert plan.costs[0].ceiling is not None
    assert plan.cost.ceiling is None


def test_prices_are_those_of_the_moment_of_the_plan(root):
    overrides = (
        "model=luna",
        "pricing.source=none",
        "pricing.overrides={gpt-6-luna: {input: 1, output: 1, valid_from: 2026-12-01}}",
    )
    later = datetime(2026, 12, 1, tzinfo=UTC)

    assert planned(root, *overrides, environ=KEYS).cost.ceiling is None
    assert planned(root, *overrides, environ=KEYS, at=later).cost.ceiling > 0


def test_model_of_a_cloud_is_priced_as_the_cloud_sells_it(root):
    """Bedrock's price of a model need not be its maker's: `aws` and `anthropic` are two sellers."""
    from evalrunner.pricing import PriceBook, PricingSettings

    name = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    book = PriceBook(PricingSettings(), at=datetime(2026, 11, 20, tzinfo=UTC))
    assert book.prices(name, "bedrock") is not None

    plan = planned(
        root,
        "model=opus",
        f"model.name='{name}'",
        "model.client=bedrock",
        "model.client_options={aws_region: eu-central-1}",
        environ={"AWS_REGION": "eu-central-1"},
    )

    assert plan.cost.ceiling > 0


# --- what a plan holds ----------------------------------------


def test_first_prompt_of_each_cell_is_what_will_be_sent(tmp_path):
    root = project(
        tmp_path,
        {
            "conf/prompt/two.yaml": "system: prompts/beg.j2\nuser: prompts/ask.j2\n",
            "conf/prompt/raw.yaml": "user: null\n",
        },
        cases=[
            {"id": "a", "input": [{"role": "user", "content": [{"type": "text", "text": "é"}]}]}
        ],
    )

    plan = planned(root, "prompt=raw,two", "scorer=json_schema")

    assert plan.first_prompts[0] == '[user] [{"text":"\\u00e9","type":"text"}]'
    assert plan.first_prompts[1].startswith("[system] Please, which team? [{")


def test_cells_of_equal_cases_share_them(tmp_path):
    mail = "name: mail\npath: datasets/tickets.jsonl\nfilter: {channel: [mail]}\n"
    root = project(tmp_path, {"conf/dataset/mail.yaml": mail})

    plan = planned(root, "dataset=tickets,mail", "prompt=ask,beg")

    assert [(cell.first, cell.n) for cell in plan.cells] == [(0, 3), (0, 3), (3, 2), (3, 2)]
    cases = plan.to_json()["cases"]
    assert cases["n"] == 5
    assert [(each["name"], each["n"]) for each in cases["sets"]] == [("tickets", 3), ("mail", 2)]


def test_plan_has_the_documented_fields(root):
    """Design 8."""
    plan = planned(root, "model=luna", "prompt=ask,beg", "run.repeats=2", environ=KEYS).to_json()

    fields = ["schema_version", "cells", "cases", "repeats", "calls", "cost", "power"]
    assert list(plan) == fields
    assert plan["repeats"] == 2
    nothing = {"total": 0, "cached": 0, "to_pay": 0}
    assert plan["calls"] == {"total": 12, "cached": 0, "to_pay": 12, "judge": nothing}
    wanted = {"id", "label", "axes", "facet", "role", "overrides", "config", "config_sha256"}
    assert wanted <= set(plan["cells"][1])
    assert plan["cells"][1]["label"] == "beg"
    assert json.loads(json.dumps(plan, allow_nan=False)) == plan


def test_same_configuration_gives_the_same_plan(root):
    first, second = (planned(root, "model=echo,luna", environ=KEYS).to_json() for _ in range(2))

    assert first == second


def test_seed_matters_only_where_it_draws(tmp_path, monkeypatch):
    """A sweep over seeds reads a test set once, unless a limit draws from it."""
    from evalrunner.planning import parts

    read = []
    load = parts.load_cases
    monkeypatch.setattr(
        parts, "load_cases", lambda *a, **k: read.append(k["seed"]) or load(*a, **k)
    )
    root = project(tmp_path)

    planned(root, "run.seed=1,2,3")
    planned(root, "run.seed=1,2", "dataset.limit=2")

    assert len(read) == 1 + 2


def test_plan_writes_nothing_and_asks_no_network(root, monkeypatch):
    def refuse(*_):
        raise AssertionError("a plan must not use the network")

    monkeypatch.setattr("socket.socket.connect", refuse)
    before = sorted(path for path in root.rglob("*"))

    planned(root, "model=luna,opus", environ=KEYS)

    assert [p for p in sorted(root.rglob("*")) if "__pycache__" not in p.parts] == before


def test_lone_surrogate_does_not_stop_the_plan(tmp_path):
    """A20: that case fails before it is sent, the run goes on."""
    root = project(tmp_path, cases=[*CASES, {"id": "odd", "input": "\ud800"}])

    assert planned(root, "model=luna,opus,echo", environ=KEYS).n_trials == 12
