"""The sections of the page on time, money, settings, repeats and judges; and all on real runs."""

import json

import pytest
from judgements import judged, judged_run, judged_trial, judgement, lines
from pages import PAYLOADS, cell, estimate, shown, source
from runs import new_run, project, tokens, trial, write_journal

from evalrunner.exchange import Columns, leaderboard_summary, read_leaderboard
from evalrunner.report import build_report
from evalrunner.report.page.sections import (
    SECTIONS,
    comparisons,
    confusion,
    costs,
    criteria,
    differences,
    judges,
    latency,
    repeats,
    slices,
)
from evalrunner.report.page.source import PageSource

BUILDERS = {
    "slices": slices,
    "confusion": confusion,
    "criteria": criteria,
    "comparisons": comparisons,
    "latency": latency,
    "costs": costs,
    "differences": differences,
    "repeats": repeats,
    "judges": judges,
}

# --- latency ----------------------------------------


def timed(number, p50, edges, counts, **changes):
    histogram = None if edges is None else {"edges_s": edges, "counts": counts}
    times = {"p50": p50, "p90": 2 * p50, "p99": 3 * p50, "histogram": histogram}
    return cell(number, latency_s=times, **changes)


def bars(page):
    """x, width and height of every bar."""
    return [
        (attributes["x"], attributes["width"], attributes["height"])
        for tag, attributes in page.tags
        if tag == "rect"
    ]


def test_histograms_share_one_logarithmic_axis():
    cells = [timed(0, 0.012, [0.01, 0.0133, 0.0178], [4, 1]), timed(1, 5.0, [4.22, 5.62], [8])]

    page = shown("latency", latency.section(source(cells)))

    assert page.tables[0] == [
        ["cell", "p50", "p90", "p99", "10 ms 100 ms 1.0 s 10.0 s", "n"],
        ["m0", "12 ms", "24 ms", "36 ms", "", "5"],
        ["m1", "5.0 s", "10.0 s", "15.0 s", "", "8"],
    ]
    assert bars(page) == [
        ("0.0", "9.9", "32.0"),
        ("9.9", "10.1", "8.0"),
        ("210.0", "10.0", "32.0"),
    ]


def test_summary_without_histograms_still_has_its_quantiles():
    old = timed(0, 0.5, None, None)
    del old["latency_s"]["histogram"]

    page = shown("latency", latency.section(source([old])))

    assert page.tables[0] == [["cell", "p50", "p90", "p99"], ["m0", "500 ms", "1.0 s", "1.5 s"]]
    assert "svg" not in page.html


def test_what_is_measured_is_said_of_recorded_answers():
    page = shown("latency", latency.section(source([timed(0, 0.5, [0.422, 0.562], [1])])))

    assert "the time that their call took then, not with that of the look-up" in page.text


def test_one_answer_of_thousands_is_seen():
    page = shown(
        "latency", latency.section(source([timed(0, 1.0, [0.75, 1.0, 1.33], [1, 10_000])]))
    )

    assert [height for _, _, height in bars(page)] == ["1.0", "32.0"]


# --- costs ----------------------------------------

PLAN = {"cells": []}


def priced(number, **cost):
    return cell(number, cost=cost)


def test_money_is_split_by_who_got_it_and_what_was_saved():
    first = {"usd_spent": 0.5, "usd_judge": 0.2, "saved_cache": 0.1, "saved_batch": 0.3}
    first |= {"prompt_cache": {"hit_share": 0.62, "saved_usd": 0.04}, "usd_total": 0.75}
    first |= {"usd_per_1000": estimate(2.5, 2.0, 3.0), "usd_per_correct": estimate(0.004)}
    run = source([priced(0, **first), priced(1, usd_spent=0.25, saved_batch=0.0)], plan=PLAN)

    page = shown("costs", costs.section(run))

    saved = ["saved by cache", "by batch", "by prompt cache"]
    assert page.tables[0] == [
        ["cell", "spent", "candidate", "judge", "retries", *saved],
        ["m0", "$0.50", "$0.30", "$0.20", "$0", "$0.10", "$0.30", "$0.04 62 % of input read"],
        ["m1", "$0.25", "$0.25", "$0", "$0", "$0", "$0", "$0"],
        ["all cells", "$0.75", "$0.55", "$0.20", "$0", "$0.10", "$0.30", "$0.04"],
    ]
    assert page.tables[1][1] == ["m0", "$0.75", "$2.50 (2.00–3.00)", "$0.004"]
    assert page.tables[1][2] == ["m1", "–", "–", "–"]


def test_sum_with_something_unknown_says_at_least():
    cells = [
        priced(0, usd_spent=0.5),
        priced(1, usd_spent=None, usd_judge=None, possibly_billed=2, unpriced_calls=7),
    ]

    page = shown("costs", costs.section(source(cells, plan=PLAN)))

    assert page.tables[0][0][-2:] == ["possibly billed", "unpriced calls"]
    assert page.tables[0][2][1:4] == ["–", "–", "–"]
    assert page.tables[0][2][-2:] == ["2", "7"]
    assert page.tables[0][3][1:4] == ["at least $0.50", "at least $0.50", "at least $0"]
    # Summaries of before batches were counted: unknown, not 0.
    assert page.tables[0][3][6] == "–"


def test_canaries_are_paid_for_and_are_no_calls_without_a_price():
    canary = cell(1, "canary:empty", role="canary", cost={"usd_judge": 0.1, "unpriced_calls": 20})

    page = shown("costs", costs.section(source([cell(0), canary], plan=PLAN)))

    assert page.tables[0][2][:4] == ["canary:empty", "$0", "$0", "$0.10"]
    assert "unpriced calls" not in page.text
    assert [row[0] for row in page.tables[1]] == ["cell", "m0"]


# --- settings ----------------------------------------


def planned(number, config, **changes):
    return {"id": number, "label": f"m{number}", "role": "candidate", "config": config} | changes


def settings_of(*configs, **changes):
    plan = {"cells": [planned(n, config) for n, config in enumerate(configs)]}
    run = source([cell(n) for n in range(len(configs))], plan=plan, **changes)
    return differences.section(run)


def test_only_settings_that_differ_are_shown_with_a_column_each():
    same = {"run": {"seed": 0}, "scorer": {}}
    one = {"model": {"name": "luna", "limits": {"rpm": None}, "stop": ["a", 1]}}
    other = {"model": {"name": "opus", "limits": {"rpm": 60}, "api": "responses", "stop": ["a", 1]}}

    page = shown("differences", settings_of(same | one, same | other))

    assert page.tables[0] == [
        ["setting", "m0", "m1"],
        ["model.api", "not set", "responses"],
        ["model.limits.rpm", "null", "60"],
        ["model.name", "luna", "opus"],
    ]


def test_many_cells_have_a_row_each():
    page = shown("differences", settings_of(*({"model": {"name": f"x{n}"}} for n in range(9))))

    assert "9 cells differ in 1 setting" in page.text
    assert page.tables[0][:3] == [["cell", "model.name"], ["m0", "x0"], ["m1", "x1"]]


def test_equal_cells_canaries_and_imports_have_no_differences():
    canary = planned(1, {"a": 2}, role="canary")

    assert settings_of({"a": 1}, {"a": 1}) is None
    assert differences.section(source([], plan={"cells": [planned(0, {"a": 1}), canary]})) is None
    assert differences.section(source([cell(0)])) is None


def test_long_values_are_cut():
    page = shown("differences", settings_of({"a": "x" * 5000}, {"a": "y"}))

    assert "x" * 300 + " [… 4,700 characters cut …]" in page.text
    assert "x" * 301 not in page.text


def prompts(root, **texts):
    """A manifest with copies of these templates, by their names."""
    (root / "prompts").mkdir()
    for name, text in texts.items():
        (root / "prompts" / name).write_bytes(text.encode())
    return {"prompts": {f"p/{name}.j2": {"copy": f"prompts/{name}"} for name in texts}}


def test_prompts_are_told_apart_line_by_line(tmp_path):
    manifest = prompts(tmp_path, ask="Which team?\n{{ input }}\n", beg="Please: <b>\n{{ input }}\n")
    configs = [{"prompt": {"user": f"p/{name}.j2"}} for name in ("ask", "beg")]

    section = settings_of(*configs, directory=tmp_path, manifest=manifest)
    page = shown("differences", section)

    (found,) = section["prompts"]
    assert (found["before"], found["after"]) == ("p/ask.j2", "p/beg.j2")
    assert [(line["kind"], line["text"]) for line in found["lines"]] == [
        ("place", "@@ -1,2 +1,2 @@"),
        ("removed", "-Which team?"),
        ("added", "+Please: <b>"),
        ("same", " {{ input }}"),
    ]
    assert "+Please: &lt;b&gt;" in page.html


def test_a_prompt_that_some_cells_lack_is_all_new(tmp_path):
    manifest = prompts(tmp_path, system="Be brief.\n")
    configs = [{"prompt": {"system": None}}, {"prompt": {"system": "p/system.j2"}}]

    (found,) = settings_of(*configs, directory=tmp_path, manifest=manifest)["prompts"]

    assert found["before"] is None
    assert [line["text"] for line in found["lines"]] == ["@@ -0,0 +1 @@", "+Be brief."]


@pytest.mark.parametrize("copy", ["../secret.txt", "/etc/hostname", "prompts/gone", "prompts/raw"])
def test_copies_outside_of_the_run_and_unreadable_ones_are_not_shown(tmp_path, copy):
    """F14: a run directory may be somebody else's."""
    root = tmp_path / "run"
    root.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    manifest = prompts(root, ask="Which?\n")
    (root / "prompts/raw").write_bytes(b"\xff\xfe\xfa")
    manifest["prompts"]["p/beg.j2"] = {"copy": copy}
    configs = [{"prompt": {"user": f"p/{name}.j2"}} for name in ("ask", "beg")]

    page = shown("differences", settings_of(*configs, directory=root, manifest=manifest))

    assert "The run’s copy of a text cannot be shown." in page.text
    assert "secret" not in page.text


# --- repeats and judges ----------------------------------------


def test_repeats_say_how_reliable_a_cell_is_and_what_would_help():
    found = {
        "k": 3,
        "score": "labels",
        "n": 50,
        "icc": 0.8,
        "se_one": 0.05,
        "se_k": 0.04,
        "pass_hat_k": [0.7, 0.65, 0.6],
        "pass_at_k": [0.7, 0.75, 0.8],
        "flip_rate": estimate(0.2, 0.1, 0.3),
        "advice": {"more": "cases", "because": "for as much money again …"},
    }
    graded = found | {"pass_hat_k": None, "pass_at_k": None, "advice": None, "icc": None}

    page = shown(
        "repeats",
        repeats.section(source([cell(0, repeats=found), cell(1, repeats=graded), cell(2)])),
    )

    rest = ["20.0 % (10.0–30.0)", "4.0 points", "5.0 points"]
    assert page.tables[0][1:] == [
        ["m0", "3× n = 50", "60.0 %", "80.0 %", *rest, "80 %"],
        ["m1", "3× n = 50", "–", "–", *rest, "–"],
    ]
    assert "m0 : more cases buy more certainty: for as much money again …" in page.text


def judged_cell(number, label=None, **changes):
    found = {
        "n_answers": 20,
        "n_passed": 12,
        "n_judgements": 40,
        "n_failed": 3,
        "failures": {"parse": 2, "refused": 1},
        "agreement": None,
        "retest": None,
        "position": None,
        "length": None,
        "cut": 0,
    }
    about = {"axes": {"judge": "strict"}, "scores": {"rubric": estimate(0.6, 0.5, 0.7)}}
    about |= {key: changes.pop(key) for key in ("role", "cost") if key in changes}
    return cell(number, label, judging={"rubric": found | changes}, **about)


def judging_of(*cells, **changes):
    facet = {
        "facet": 0,
        "judge": "strict",
        "judges": [{"name": "judge", "model": "opus", "family": "anthropic"}],
        "noise": None,
    }
    judging = {"facets": [facet | changes], "bradley_terry": [], "rankings": []}
    return source(cells, judging=judging)


def test_judges_are_shown_with_what_they_missed_and_what_they_cost():
    run = judging_of(judged_cell(0, cost={"usd_judge": 0.25}))

    page = shown("judges", judges.section(run))

    assert "Judge strict ( opus of anthropic ): 40 verdicts, $0.25." in page.text
    assert page.tables[0] == [
        ["cell", "passed", "mean score", "verdicts missing"],
        ["m0", "12 of 20", "60.0 % (50.0–70.0)", "3 of 40 parse 2 refused 1"],
    ]


def test_judges_biases_have_a_column_each_where_they_were_measured():
    measured = {
        "agreement": {"alpha": estimate(0.71, 0.6, 0.8), "agreed": estimate(0.9)},
        "retest": {"n": 12, "changed": estimate(0.25)},
        "position": {"inconsistent": estimate(0.1), "n_pairs": 30, "first": 2, "second": 1},
        "length": {"longer_won": estimate(0.6, 0.5, 0.7), "n": 30, "p": 0.04},
    }

    page = shown("judges", judges.section(judging_of(judged_cell(0, **measured), judged_cell(1))))

    assert page.tables[0][1][4:] == [
        "0.71 (0.60 to 0.80) 90.0 % agree",
        "25.0 % of 12",
        "10.0 % of 30 pairs first 2, second 1",
        "60.0 % (50.0–70.0) n = 30, p = 0.040",
    ]
    assert page.tables[0][2][4:] == ["–"] * 4


def test_canaries_stand_apart_and_an_unknown_price_is_said():
    lenient = judged_cell(1, "canary:empty", role="canary", n_passed=9)
    strict = judged_cell(2, "canary:constant", role="canary", n_passed=0)
    noise = {"cells": [0, 1], "difference": 0.1, "half_width": 0.03}
    run = judging_of(judged_cell(0, cost={"usd_judge": None}), lenient, strict, noise=noise)

    page = shown("judges", judges.section(run))

    assert "120 verdicts, unknown price." in page.text
    assert page.tables[1][1:] == [
        ["empty", "9 of 20 too lenient", "60.0 % (50.0–70.0)"],
        ["constant", "0 of 20 none", "60.0 % (50.0–70.0)"],
    ]
    assert "Differences under ±3.0 points between the two best" in page.text


def test_ratings_and_rankings_of_several_judges():
    run = judging_of(judged_cell(0))
    ratings = {"0": estimate(1512.4, 1490.0, 1530.0), "recorded": estimate(1600.2)}
    run.summary["judging"]["bradley_terry"] = [
        {"facet": 0, "scorer": "duel", "needs_prior": True, "cells": ratings}
    ]
    run.summary["judging"]["rankings"] = [{"pairs": [{"a": 0, "b": 0, "tau_b": 0.333, "n": 3}]}]

    page = shown("judges", judges.section(run))

    assert page.tables[1][1:] == [["recorded answers", "1600"], ["m0", "1512 (1490 to 1530)"]]
    assert "how far apart they are is an assumption" in page.text
    assert "rank 3 candidates: tau 0.33" in page.text


# --- whole runs ----------------------------------------


def built(name, run):
    return BUILDERS[name].section(run)


def test_every_section_is_in_the_page_in_the_order_of_the_questions():
    order = [section.id for section in SECTIONS]

    assert [name for name in order if name in BUILDERS] == list(BUILDERS)


def test_a_plain_run_has_the_sections_that_it_has_numbers_for(tmp_path):
    root = project(tmp_path, {"conf/scorer/class.yaml": "# @package scorer.labels\nkind: labels\n"})
    directory = new_run(root, "model=echo", "prompt=ask,beg", "dataset.slices=[channel]")
    write_journal(
        directory,
        [
            trial(n, case, value=float(case < 2 + n), latency_s=0.1)
            for n in (0, 1)
            for case in (0, 1, 2)
        ],
    )
    build_report(directory, figures=False)

    run = PageSource.read(directory)
    sections = {name: built(name, run) for name in BUILDERS}

    assert [name for name, each in sections.items() if each is None] == [
        "confusion",
        "criteria",
        "repeats",
        "judges",
    ]
    assert shown("slices", sections["slices"]).tables[0][1:] == [
        ["mail n = 2", "100.0 % 34.2–100.0", "50.0 % 9.5–90.5"],
        ["chat n = 1", "100.0 % 20.7–100.0", "100.0 % 20.7–100.0"],
        ["all cases", "100.0 % 43.9–100.0", "66.7 % 20.8–93.9"],
    ]
    assert shown("latency", sections["latency"]).tables[0][1][1:] == ["100 ms"] * 3 + ["", "3"]
    assert shown("differences", sections["differences"]).tables[0][1] == [
        "prompt.user",
        "prompts/ask.j2",
        "prompts/beg.j2",
    ]
    assert "+Please, which team? {{ input }}" in shown("differences", sections["differences"]).text


def test_a_judged_run_has_criteria_and_judges(tmp_path):
    directory = judged_run(tmp_path, "model=luna", "judge=severe")
    score = judged(judgement(criteria=lines(True, False)), criteria=lines(True, False))
    write_journal(directory, [judged_trial(0, n, score, usage=tokens(1000, 0)) for n in range(3)])
    build_report(directory, figures=False)

    run = PageSource.read(directory)

    assert shown("criteria", built("criteria", run)).tables[0][1:] == [
        ["short", "0 of 3"],
        ["polite", "3 of 3"],
    ]
    assert "Judge severe ( claude-opus-5-5 of anthropic ): 3 verdicts, $0.0036." in (
        shown("judges", built("judges", run)).text
    )
    assert shown("costs", built("costs", run)).tables[0][1][1:4] == ["$0.0066", "$0.003", "$0.0036"]


def test_a_leaderboard_has_none_of_them(tmp_path):
    """Aggregates: no slices, no latencies, nothing that this run paid, no plan."""
    table = tmp_path / "board.csv"
    table.write_text("model,score,cost\na,0.5,1\nb,0.7,2\n")
    rows = read_leaderboard(table, Columns(model="model", score="score", cost="cost", n=None))
    summary = leaderboard_summary(rows, name="board", score="score")
    run = PageSource(directory=tmp_path, summary=summary, plan={}, manifest={"prompts": None})

    assert {name: built(name, run) for name in BUILDERS} == dict.fromkeys(BUILDERS)


def foreign(text):
    """A run in which everything that somebody else may write is `text`."""
    table = {
        "classes": {
            text: {"precision": None, "recall": None, "f1": None, "n": 1},
            "b": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "n": 1},
        }
    }
    table |= {"confusion": [[text, "b", 1], ["b", text, 2], ["b", None, 1]], "n_outside": 1}
    judging = judged_cell(0)["judging"]["rubric"] | {"failures": {text: 1}}
    cells = [
        timed(
            n,
            0.5,
            [0.422, 0.562],
            [1],
            label=f"{text}{n}",
            axes={"judge": text},
            slices={text: {text: estimate(0.5, 0.1, 0.2)}},
            classes={text: table},
            criteria={text: {text: estimate(0.5, n=9)}},
            judging={text: judging},
            repeats={
                "k": 2,
                "n": 9,
                "icc": None,
                "se_one": None,
                "se_k": None,
                "pass_hat_k": None,
                "pass_at_k": None,
                "flip_rate": estimate(None),
                "advice": {"more": "cases", "because": text},
            },
        )
        for n in range(2)
    ]
    plan = {"cells": [planned(n, {text: f"{text}{n}"}, label=f"{text}{n}") for n in range(2)]}
    run = judging_of(*cells, judge=text, judges=[{"name": text, "model": text, "family": text}])
    part = {"difference": estimate(-0.3), "p_adjusted": 0.03, "p": 0.03, "n_paired": 3}
    part |= {"conclusion": "worse", "reverse": "better", "because": text, "wins": 0}
    entry = part | {
        "facet": 0,
        "a": 0,
        "b": 1,
        "difference": estimate(0.3),
        "ties": 1,
        "losses": 1,
        "n_more": None,
        "few_clusters": True,
        "selected": True,
        "margin": 0.02,
        "confidence": 0.95,
        "missing": {"only_a": 0, "only_b": 0, "low": None, "high": None},
        "slices": {
            text: {
                text: part
                | {"missing": {"only_a": 0, "only_b": 0, "neither": 0, "low": 0.0, "high": 0.0}}
            }
        },
    }
    entry["missing"]["neither"] = 0
    return PageSource(
        directory=run.directory,
        summary={**run.summary, "comparisons": [entry]},
        plan=plan,
        manifest={},
    )


@pytest.mark.parametrize("text", PAYLOADS)
@pytest.mark.parametrize("name", BUILDERS)
def test_foreign_text_stays_text(name, text):
    """F1: neither elements nor addresses nor attributes, nor what no file can hold."""
    calm = shown(name, built(name, foreign("calm")))

    page = shown(name, built(name, foreign(text)))

    assert [tag for tag, _ in page.tags] == [tag for tag, _ in calm.tags]
    assert [list(each) for _, each in page.tags] == [list(each) for _, each in calm.tags]
    assert all(link.startswith("#") for link in page.links)
    assert page.html.encode()
    assert not {"\x1b", "\x07", "\u202e"} & set(page.html)
    assert "on" not in {key[:2] for _, each in page.tags for key in each}
    assert "style" not in {key for _, each in page.tags for key in each}


@pytest.mark.parametrize("name", BUILDERS)
def test_sections_are_plain_data(name):
    """Equal summaries give equal pages, and a context can be looked at."""
    section = built(name, foreign("calm"))

    assert json.loads(json.dumps(section)) == json.loads(json.dumps(built(name, foreign("calm"))))
    assert shown(name, section).html == shown(name, section).html
