"""The costs of design 8, each worked out by hand: 1 and 2 USD per million tokens, in and out."""

import json

import pytest
from runs import CASES, failed, new_run, planned, project, rows_of, tokens, trial, write_journal

from evalrunner.pricing import PriceOverride, PricingSettings
from evalrunner.report import build_report

KEYS = {
    "OPENAI_API_KEY": "sk-proj-0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdef",
}
CACHED = "cache_read: 0.1, cache_write: 1.25, cache_write_1h: 2"
OWN = f"pricing.overrides={{gpt-6-luna: {{input: 1, output: 2, {CACHED}, batch_factor: 0.5}}}}"
SECONDS = "pricing.overrides={echo: {per_second: 3}}"


@pytest.fixture
def root(tmp_path):
    return project(tmp_path)


def report(directory, records, **options):
    write_journal(directory, records)
    summary = build_report(directory, figures=False, **options)
    return summary["cells"], rows_of(directory / "trials.jsonl")


def run(root, *overrides):
    return new_run(root, *overrides, environ=KEYS)


def costs(rows):
    return [(row["cost_usd"], row["spent_usd"]) for row in rows]


# --- tokens ----------------------------------------


def test_list_price_takes_every_input_token_as_uncached(root):
    """A request in production finds no cache of this run; this run paid each class at its rate."""
    usage = tokens(
        100,
        50,
        cache_read_tokens=1000,
        cache_write_5m_tokens=200,
        cache_write_1h_tokens=10,
        reasoning_tokens=40,
    )

    _, (row, *_) = report(run(root, "model=luna", OWN), [trial(usage=usage)])

    assert row["cost_usd"] == pytest.approx((1310 * 1 + 50 * 2) / 1e6, rel=1e-12)
    paid = 100 * 1 + 1000 * 0.1 + 200 * 1.25 + 10 * 2 + 50 * 2
    assert row["spent_usd"] == pytest.approx(paid / 1e6, rel=1e-12)


def test_costs_of_a_cell_by_hand(root):
    records = [
        trial(0, 0, usage=tokens(1000, 100)),
        trial(0, 1, usage=tokens(3000, 300), value=0.0),
        trial(0, 2, usage=tokens(2000, 200), cached=True),
    ]

    (cell,), rows = report(run(root, "model=luna", OWN), records)

    cost = cell["cost"]
    assert costs(rows) == [(0.0012, 0.0012), (0.0036, 0.0036), (0.0024, 0.0)]
    assert cost["usd_per_1000"]["value"] == pytest.approx(2.4)
    assert cost["usd_per_1000"]["n"] == 3
    assert cost["usd_total"] == pytest.approx(0.0072)
    assert cost["usd_spent"] == pytest.approx(0.0048)
    assert cost["saved_cache"] == pytest.approx(0.0024)
    assert cost["usd_per_correct"]["value"] == pytest.approx(0.0036)
    assert (cost["usd_judge"], cost["usd_retries"], cost["unpriced_calls"]) == (0, 0, 0)
    assert cost["estimated"] is False


def test_batch_discount_is_in_what_was_paid_and_not_in_the_list_price(root):
    directory = run(root, "model=luna", "model.transport=batch", OWN)

    (cell,), (row, *_) = report(directory, [trial(usage=tokens(1000, 100))])

    assert (row["cost_usd"], row["spent_usd"]) == (0.0012, 0.0006)
    assert cell["cost"]["saved_batch"] == pytest.approx(0.0006)


@pytest.mark.parametrize(
    ("changes", "saved"),
    [
        ({"usage": tokens(1000, 100), "cached": True}, 0.0),
        ({"usage": None}, None),
        ({"usage": None, "cost_usd": 0.25}, 0.0),
    ],
)
def test_batches_save_on_what_was_paid_by_the_token_only(root, changes, saved):
    """A recorded answer was not paid again; without its tokens nobody knows."""
    directory = run(root, "model=luna", "model.transport=batch", OWN)

    (cell,), _ = report(directory, [trial(**changes)])

    assert cell["cost"]["saved_batch"] == saved


def test_without_batches_nothing_is_saved_by_them(root):
    (cell,), _ = report(run(root, "model=luna", OWN), [trial(usage=tokens(1000, 100))])

    assert cell["cost"]["saved_batch"] == 0


def test_production_mix_takes_the_place_of_the_test_sets(root):
    directory = run(
        root,
        "model=luna",
        OWN,
        "production.input_tokens=2000",
        "production.output_tokens=10",
        "production.cache_hit_rate=0.5",
    )

    (cell,), (row, *_) = report(directory, [trial(usage=tokens(1000, 100))])

    assert row["cost_usd"] == pytest.approx((1000 * 1 + 1000 * 0.1 + 10 * 2) / 1e6, rel=1e-12)
    assert row["spent_usd"] == 0.0012
    assert cell["usage"]["input_tokens"] == 1000


def test_trials_without_an_answer_cost_nothing_and_are_in_no_mean(root):
    records = [trial(usage=tokens(1000, 100)), failed(0, 1)]

    (cell,), rows = report(run(root, "model=luna", OWN), records)

    assert costs(rows) == [(0.0012, 0.0012), (None, 0.0), (None, 0.0)]
    assert cell["cost"]["usd_per_1000"]["value"] == pytest.approx(1.2)
    assert cell["cost"]["usd_per_1000"]["n"] == 1


def test_judge_is_paid_by_the_run_and_no_part_of_the_price(root):
    """B8."""
    verdict = {"value": 1.0, "reason": None, "label": None, "criteria": [], "cost_usd": 0.5}
    records = [trial(usage=tokens(1000, 100), scores={"exact_match": verdict})]

    (cell,), (row, *_) = report(run(root, "model=luna", OWN), records)

    assert (row["cost_usd"], row["spent_usd"]) == (0.0012, 0.0012)
    assert cell["cost"]["usd_judge"] == 0.5
    assert cell["cost"]["usd_spent"] == pytest.approx(0.5012)
    assert cell["cost"]["usd_per_1000"]["value"] == pytest.approx(1.2)


# --- unknown costs ----------------------------------------


def test_unknown_price_is_null_everywhere_and_named(root):
    """D4: never 0."""
    directory = run(root, "model=luna,echo", "model.name=unheard-of")

    cells, rows = report(directory, [trial(0, 0, usage=tokens(9, 9)), trial(1, 0)])

    for cell in cells:
        cost = cell["cost"]
        assert (cost["usd_per_1000"], cost["usd_total"], cost["usd_spent"]) == (None, None, None)
        assert cost["usd_per_correct"] is None
        assert cost["unpriced_calls"] == 1
        assert cell["pareto"]["status"] == "unpriced"
    assert costs(rows)[0] == (None, None)
    assert "what luna and echo cost is unknown" in (directory / "summary.md").read_text()
    assert "unknown price" in (directory / "summary.md").read_text()


def test_answer_without_usage_has_no_cost(root):
    """A12: scored, unpriced, counted; more of them than run.max_missing and the mean is null."""
    records = [trial(0, n, usage=None if n else tokens(1000, 100)) for n in range(3)]

    (cell,), rows = report(run(root, "model=luna", OWN, "run.max_missing=0.7"), records)
    (strict,), _ = report(run(root, "model=luna", OWN), records)

    assert costs(rows)[1] == (None, None)
    assert cell["quality"]["n"] == 3
    assert cell["cost"]["unpriced_calls"] == 2
    assert cell["cost"]["usd_per_1000"]["value"] == pytest.approx(1.2)
    assert strict["cost"]["usd_per_1000"] is None
    assert cell["usage"]["unknown_calls"] == 2


def test_what_unpriced_cached_answers_saved_is_unknown(root):
    records = [trial(0, 0, usage=tokens(1, 1)), trial(0, 1, usage=None, cached=True)]

    (cell,), rows = report(run(root, "model=luna", OWN), records)

    assert rows[1]["spent_usd"] == 0
    assert cell["cost"]["saved_cache"] is None


def test_attempts_that_were_perhaps_charged_are_counted_once(root):
    """A10: two cells share the request; what they may have cost is unknown, not 0."""
    lost = {
        "type": "failure",
        "session": 1,
        "key": "shared",
        "attempt": 1,
        "model": "gpt-6-luna",
        "kind": "timeout",
        "status_code": None,
        "possibly_billed": True,
        "message": "",
        "body": "",
    }
    directory = run(root, "model=luna", OWN, "run.on_refused=fail,skip")
    records = [lost, *(trial(cell, 0, key="shared", usage=tokens(1, 1)) for cell in (0, 1))]

    cells, _ = report(directory, records)

    assert [cell["cost"]["possibly_billed"] for cell in cells] == [1, 0]
    assert [cell["cost"]["usd_retries"] for cell in cells] == [None, 0]
    summary = json.loads((directory / "summary.json").read_bytes())
    assert summary["run"]["possibly_billed"] == 1


# --- who answered ----------------------------------------


def served(root, name, *overrides):
    directory = run(root, "model=luna", *overrides)
    (cell,), (row, *_) = report(directory, [trial(usage=tokens(1000, 100), served_model=name)])
    return cell, row["cost_usd"]


def test_answer_is_priced_as_the_model_that_gave_it(root):
    """A18: another model's price, if it has one."""
    prices = (
        "pricing.overrides={gpt-6-luna: {input: 1, output: 2}, fallback: {input: 10, output: 20}}"
    )

    cell, cost = served(root, "fallback", prices)

    assert cost == 0.012
    assert cell["served_models"] == ["fallback"]


def test_answer_of_an_unpriced_model_is_priced_as_the_one_asked_for(root):
    """A18."""
    assert served(root, "gpt-of-next-year", OWN)[1] == 0.0012


def test_own_price_of_the_model_asked_for_beats_the_tables_for_its_snapshot(root):
    """A negotiated price holds for whatever the alias resolves to."""
    _, listed = served(root, "gpt-6-luna-2026-09-01")
    _, own = served(root, "gpt-6-luna-2026-09-01", OWN)

    assert own == 0.0012
    assert listed != own


def test_price_named_in_the_configuration_holds_whoever_answered(root):
    prices = "pricing.overrides={mine: {input: 5, output: 5}, fallback: {input: 10, output: 20}}"

    assert served(root, "fallback", prices, "model.price=mine")[1] == 0.0055


# --- what runs in this process ----------------------------------------


def test_cost_that_a_function_names_is_its_cost(root):
    """Cached answers of the same run are not paid a second time."""
    records = [
        trial(0, 0, cost_usd=0.25),
        trial(0, 1, cost_usd=0.25, cached=True),
        trial(0, 2, cost_usd=0.1, usage=tokens(10**6, 0)),
    ]

    (cell,), rows = report(run(root), records)

    assert costs(rows) == [(0.25, 0.25), (0.25, 0.0), (0.1, 0.1)]
    assert cell["cost"]["usd_spent"] == pytest.approx(0.35)
    assert cell["cost"]["saved_cache"] == 0.25
    assert cell["cost"]["usd_total"] == pytest.approx(0.6)


def test_recordings_are_priced_and_never_paid(tmp_path):
    rows = "".join(json.dumps({"case_id": case["id"], "output": "x"}) + "\n" for case in CASES)
    root = project(
        tmp_path,
        {
            "conf/model/past.yaml": (
                "provider: replay\nname: gpt-6-luna\npath: datasets/past.jsonl\nusage: estimate\n"
            ),
            "datasets/past.jsonl": rows,
        },
    )
    directory = run(root, "model=past", OWN)
    usage = tokens(1000, 100, estimated=True)

    (cell,), trials = report(
        directory, [trial(0, 0, usage=usage), trial(0, 1, usage=usage, cost_usd=0.5)]
    )

    assert costs(trials)[:2] == [(0.0012, 0.0), (0.5, 0.0)]
    assert cell["cost"]["usd_spent"] == 0
    assert cell["cost"]["estimated"] is True


def test_estimated_costs_are_marked_wherever_they_are_shown(root):
    """Item 5."""
    usage = tokens(1000, 100, estimated=True)
    directory = run(root, "model=luna", OWN, "prompt=ask,beg")

    cells, rows = report(
        directory, [trial(0, 0, usage=usage), trial(1, 0, usage=tokens(1000, 100))]
    )

    assert [cell["cost"]["estimated"] for cell in cells] == [True, False]
    assert rows[0]["usage"]["estimated"] is True
    table = [row for row in (directory / "summary.md").read_text().split("\n") if "| $" in row]
    assert ["(estimated)" in row for row in table] == [False, True, False]
    assert "Estimated: token counts were computed" in (directory / "summary.md").read_text()
    head, first, second = (directory / "summary.csv").read_text().split("\n")[:3]
    place = head.split(",").index("estimated")
    assert (first.split(",")[place], second.split(",")[place]) == ("True", "False")


# --- priced by the second ----------------------------------------


def test_busy_time_is_the_union_of_the_calls_spread_over_the_trials(root):
    """0-2 and 1-3 overlap, 10-11 does not: four seconds at 3 USD, over three trials."""
    times = [(100.0, 2.0), (101.0, 2.0), (110.0, 1.0)]
    records = [trial(0, n, started_at=t, latency_s=s) for n, (t, s) in enumerate(times)]

    (cell,), rows = report(run(root, SECONDS), records)

    assert [row["cost_usd"] for row in rows] == pytest.approx([4.0] * 3)
    assert [row["spent_usd"] for row in rows] == pytest.approx([4.0] * 3)
    assert cell["cost"]["usd_spent"] == pytest.approx(12.0)


def test_busy_time_of_a_model_is_shared_by_all_its_cells(root):
    """Two cells at the same moment use the same seconds."""
    directory = run(root, SECONDS, "prompt=ask,beg")
    records = [
        trial(cell, case, started_at=100.0 + case, latency_s=1.0)
        for cell in (0, 1)
        for case in range(3)
    ]

    cells, rows = report(directory, records)

    assert [row["cost_usd"] for row in rows] == pytest.approx([1.5] * 6)
    assert sum(cell["cost"]["usd_spent"] for cell in cells) == pytest.approx(9.0)


def test_answers_that_are_copies_are_not_paid_though_their_share_is_listed(root):
    """The two paid calls used two seconds; the copy carries the time of its original."""
    records = [
        trial(0, 0, started_at=100.0, latency_s=1.0),
        trial(0, 1, started_at=105.0, latency_s=1.0),
        trial(0, 2, started_at=100.0, latency_s=1.0, cached=True),
    ]

    (cell,), rows = report(run(root, SECONDS), records)

    assert [row["cost_usd"] for row in rows] == pytest.approx([2.0] * 3)
    assert [row["spent_usd"] for row in rows] == pytest.approx([3.0, 3.0, 0.0])
    assert cell["cost"]["usd_spent"] == pytest.approx(6.0)


def test_time_that_was_not_measured_leaves_the_cost_unknown(root):
    records = [trial(0, 0, latency_s=1.0), trial(0, 1, latency_s=None)]

    (cell,), rows = report(run(root, SECONDS), records)

    assert costs(rows)[:2] == [(None, None), (None, None)]
    assert cell["cost"]["usd_per_1000"] is None


def test_calls_without_a_date_are_counted_as_if_each_ran_alone(root):
    records = [trial(0, n, started_at=0.0, latency_s=1.0) for n in range(3)]

    _, rows = report(run(root, SECONDS), records)

    assert [row["cost_usd"] for row in rows] == pytest.approx([3.0] * 3)


def test_tokens_and_time_add_up(root):
    prices = "pricing.overrides={gpt-6-luna: {input: 1, output: 2, per_second: 3}}"
    records = [trial(usage=tokens(1000, 100), latency_s=1.0)]

    _, (row, *_) = report(run(root, "model=luna", prices), records)

    assert row["cost_usd"] == pytest.approx(3.0012)


# --- frozen prices ----------------------------------------


def test_later_reports_ignore_a_changed_price_table(root, monkeypatch):
    """The unit prices are in the manifest, with their source."""
    directory = run(root, "model=luna")
    first, _ = report(directory, [trial(usage=tokens(1000, 100))], freeze_prices=True)
    frozen = json.loads((directory / "manifest.json").read_bytes())["pricing"]
    (book,) = frozen.values()
    assert book["source"] == "genai-prices"
    assert book["models"][0]["name"] == "gpt-6-luna"
    assert book["models"][0]["prices"]["source"].startswith("genai-prices ")

    def refuse(*_, **__):
        raise AssertionError("the price table was asked")

    monkeypatch.setattr("evalrunner.pricing.table.look_up", refuse)
    again = build_report(directory, figures=False)

    assert again["cells"] == first


def test_report_without_freezing_leaves_the_manifest_alone(root):
    directory = run(root, "model=luna")
    before = (directory / "manifest.json").read_bytes()

    report(directory, [trial(usage=tokens(1, 1))])

    assert (directory / "manifest.json").read_bytes() == before


def test_model_that_shows_up_after_a_resume_is_priced_and_frozen_too(root):
    """The first session froze its prices before this one answered."""
    directory = run(root, "model=luna")
    report(directory, [trial(usage=tokens(1000, 100))], freeze_prices=True)
    records = [trial(0, n, usage=tokens(1000, 100), served_model="gpt-6-sol") for n in range(3)]

    _, closed = report(directory, records)
    _, opened = report(directory, records, freeze_prices=True)
    _, later = report(directory, records)

    sol = planned(root, "model=luna", "model.name=gpt-6-sol", environ=KEYS).costs[0]
    luna = planned(root, "model=luna", environ=KEYS).costs[0]
    assert sol.ceiling != luna.ceiling
    assert closed[0]["cost_usd"] != opened[0]["cost_usd"]
    assert later == opened
    (book,) = json.loads((directory / "manifest.json").read_bytes())["pricing"].values()
    assert [model["name"] for model in book["models"]] == ["gpt-6-luna", "gpt-6-sol"]


def test_another_price_table_changes_costs_alone(root):
    """Item 8: `evalrunner report RUN --pricing NAME`."""
    directory = run(root, "model=luna", OWN)
    records = [trial(0, 0, usage=tokens(1000, 100)), trial(0, 1, usage=tokens(10, 1), value=0.0)]
    (before,), rows = report(directory, records, freeze_prices=True)
    manifest = (directory / "manifest.json").read_bytes()
    other = PricingSettings(
        source="none", overrides={"gpt-6-luna": PriceOverride(input=10, output=20)}
    )

    (after,), repriced = report(directory, records, pricing=other)

    assert after["cost"]["usd_total"] == pytest.approx(10 * before["cost"]["usd_total"])
    money = {"cost_usd", "spent_usd"}
    for old, new in zip(rows, repriced, strict=True):
        assert {k: old[k] for k in old if k not in money} == {
            k: new[k] for k in new if k not in money
        }
    assert {k: v for k, v in after.items() if k != "cost"} == {
        k: v for k, v in before.items() if k != "cost"
    }
    assert (directory / "manifest.json").read_bytes() == manifest


def test_cells_with_prices_of_their_own_are_priced_by_them(root):
    directory = run(root, "model=luna", OWN, "pricing.overrides.gpt-6-luna.input=1,100")

    cells, _ = report(directory, [trial(cell, 0, usage=tokens(1000, 0)) for cell in (0, 1)])

    assert [c["cost"]["usd_per_1000"]["value"] for c in cells] == pytest.approx([1.0, 100.0])
    assert [c["facet"] for c in cells] == [0, 1]
