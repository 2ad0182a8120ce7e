"""Judges against people on the page and in words: trusted how far, off by how much, corrected."""

import pytest
from calibrations import (
    CEILING,
    calibrated,
    comparison,
    entry,
    instrument,
    known,
    refused,
    uneven,
)
from pages import PAYLOADS, Page, cell, estimate, source

from evalrunner.report.calibration_lines import calibration_lines, trust
from evalrunner.report.decisions import decision_lines
from evalrunner.report.markdown import summary_markdown
from evalrunner.report.page.document import render
from evalrunner.report.page.sections import calibration, cells, verdict

NOTHING = estimate(None, n=0)


def run(*entries, cells=3, found=None, **changes):
    made = calibrated([instrument()]) if found is None else found
    return source(
        [cell(n) for n in range(cells)],
        calibration=list(entries),
        calibrated=made,
        **changes,
    )


def shown(page):
    found = Page()
    section = calibration.section(page)
    found.feed(render("sections/calibration.html.j2", section=section, page=page))
    return found


def table(page, head):
    (found,) = (table for table in page.tables if head in table[0])
    return found


def test_a_run_without_labels_has_no_section():
    assert calibration.section(source([cell(0)])) is None
    assert calibration.section(source([cell(0)], calibration=[], calibrated=None)) is None


def test_agreement_stands_beside_that_of_people_with_each_other():
    page = shown(run(entry()))

    assert (
        "The judge agrees with people on 85.0 % (79.0–90.0) of 120 answers; with one rater on "
        "83.0 % (78.0–89.0), and people with each other on 92.0 % (88.0–95.0): these labels "
        "cannot tell whether that is less." in page.text
    )
    assert (
        "it flatters: its mean score is 8.3 points (4.1 to 12.5) above that of people, p < 0.001"
        in page.text
    )
    assert "kappa 0.66 (0.54 to 0.78), AC1 0.71 (0.60 to 0.82)" in page.text
    assert "2 raters: no judge can be asked for more" in page.text


@pytest.mark.parametrize(
    ("changes", "level", "said"),
    [
        ({"with_one_rater": known(0.8, 0.74, 0.86)}, "below people", "less than they do"),
        ({"with_one_rater": known(0.93, 0.9, 0.96)}, "as good as people", "no less than they do"),
        ({"with_one_rater": known(0.9, 0.85, 0.94)}, "open", "these labels cannot tell"),
        # Most raters are easier to agree with than one of them.
        (
            {"percent": known(0.95), "with_one_rater": known(0.8, 0.74, 0.86)},
            "below people",
            "less than they do",
        ),
        (
            {"kappa": known(0.1, -0.1, 0.3), "ac1": known(0.1, -0.1, 0.3)},
            "no better than chance",
            "no better than chance",
        ),
        ({"kappa": known(0.0, -0.1, 0.1), "ac1": known(0.9, 0.8, 1.0)}, "open", "cannot tell"),
        (
            {"percent": NOTHING, "kappa": NOTHING, "ac1": NOTHING},
            "open",
            "was held against no label",
        ),
    ],
)
def test_trust_is_measured_by_people_and_never_by_kappa_alone(changes, level, said):
    judge = entry(**changes)

    assert trust(judge, calibrated()) == level
    page = shown(run(judge))
    assert said in page.text
    kinds = {"below people": "warn", "as good as people": "good", "no better than chance": "bad"}
    badges = [dict(a).get("class") for tag, a in page.tags if tag == "span"]
    assert (f"badge badge-{kinds.get(level)}" in badges[:1]) == (level in kinds)


def test_an_unknown_ceiling_claims_nothing():
    page = shown(run(entry(percent=known(0.99, 0.97, 1.0)), found=calibrated(ceiling=None)))

    assert "how often people agree with each other is not known" in page.text
    assert "nothing was labelled by two raters" in page.text
    assert "as good as" not in page.text


@pytest.mark.parametrize(
    ("inflation", "p", "said"),
    [
        (
            known(-0.06, -0.1, -0.02),
            0.01,
            "too strict: its mean score is 6.0 points (2.0 to 10.0) below",
        ),
        (
            known(0.02, -0.03, 0.07),
            0.4,
            "no inflation is certain: its mean score less that of people is 2.0 points (−3.0 to 7",
        ),
        (known(0.2, 0.1, 0.3), None, "no inflation is certain"),
        (NOTHING, None, "nothing is known of how far its scores are above those of people"),
    ],
)
def test_inflation_is_said_with_its_direction_and_whether_it_is_certain(inflation, p, said):
    assert said in shown(run(entry(inflation=inflation, inflation_p=p))).text


def test_raw_corrected_and_second_opinion_stand_side_by_side():
    page = shown(run(entry(), entry(0), refused(1, corrected_rogan_gladen=None)))

    rows = table(page, "Rogan–Gladen")
    assert rows[1] == [
        "m0",
        "69.0 % (64.0–74.0)",
        "61.0 % (55.0–67.0)",
        "60.0 % (50.0–70.0)",
        "120",
        "8.3 points (4.1 to 12.5) p < 0.001",
        "85.0 % (79.0–90.0)",
    ]
    assert rows[2][:5] == [
        "m1",
        "69.0 % (64.0–74.0)",
        "not corrected 12 more labels 3 more that people fail",
        "–",
        "18",
    ]
    assert rows[3][:3] == ["all cells", "69.0 % (64.0–74.0)", ""]
    assert {"#cell-0", "#cell-1"} <= set(page.links)


def test_a_graded_judge_has_no_column_of_second_opinions():
    page = shown(run(entry(), entry(0, corrected_rogan_gladen=None)))

    assert not any("Rogan–Gladen" in table[0] for table in page.tables)


def test_confusion_counts_what_was_labelled():
    answers = shown(run(entry()))
    criteria = shown(run(entry(unit="criterion", n_units=318)))

    assert table(answers, "the judge passes")[1:] == [
        ["people pass", "70", "4", "95.0 % (89.0–98.0) sensitivity"],
        ["people fail", "14", "32", "70.0 % (58.0–80.0) specificity"],
    ]
    assert "Where they disagree, in answers" in answers.text
    assert "Where they disagree, in criteria" in criteria.text
    assert "of 318 criteria of 120 answers" in criteria.text


def test_what_divides_raters_is_said_to_be_left_out():
    page = shown(run(entry(unit="criterion", n_units=303, n_divided=87)))

    left_out = "87 criteria on which raters are divided left out"
    assert f"of 303 criteria of 120 answers ({left_out})" in page.text
    assert f"What most raters say; {left_out}." in page.text
    assert "divided" not in shown(run(entry())).text
    nothing = shown(run(entry(n_divided=4, n_units=0, percent=NOTHING)))
    assert (
        "The judge was held against no label of people (4 answers on which raters are divided "
        "left out)." in nothing.text
    )


def test_slices_come_with_the_most_flattered_first():
    part = {"n_labels": 20, "percent": known(0.8)}
    values = {"mild": part | {"inflation": known(0.01)}, "high": part | {"inflation": known(0.2)}}

    page = shown(
        run(
            entry(
                slices={
                    "category": values,
                    "many": dict.fromkeys("abc", part | {"inflation": NOTHING}),
                }
            )
        )
    )

    assert [row[0] for row in table(page, "category")] == ["category", "high", "mild"]
    assert table(page, "category")[1][2] == "20.0 points (15.0 to 25.0)"
    assert "By many (3 values)" in page.text


def test_values_beyond_a_hundred_are_counted():
    part = {"n_labels": 2, "percent": known(0.8), "inflation": known(0.0)}

    page = shown(run(entry(slices={"field": {f"v{n}": part for n in range(103)}})))

    assert len(table(page, "field")) == 101
    assert "… and 3 values more, in summary.json" in page.text


def test_label_budget_says_where_labels_for_all_are_not_enough():
    page = shown(run(entry(), entry(0), refused(1)))

    rows = table(page, "corrected score of")
    assert rows[0] == ["corrected score of", "labels now", "± 3 points", "± 5 points"]
    assert rows[1:] == [["m0", "120", "> 400", "180"]]


def test_a_scorer_without_a_judge_is_no_judge():
    page = shown(run(entry(judge="rubric")))

    assert "The scorer agrees with people" in page.text
    assert "judge rubric" not in page.text


def test_facets_are_named_only_where_names_do_not_tell_judges_apart():
    cells = [cell(n, facet=n, axes={"dataset": f"d{n}"}) for n in (0, 1)]
    same = [entry(), entry(facet=1)]
    other = [entry(), entry(facet=1, judge="mild")]

    twice = shown(source(cells, calibration=same, calibrated=calibrated()))
    once = shown(source(cells, calibration=other, calibrated=calibrated()))

    assert "dataset: d1" in twice.text
    assert "dataset: d1" not in once.text


def test_members_of_a_panel_are_instruments_and_no_cells():
    member = instrument("panel", member="opus", usd_per_1000_verdicts=None)
    made = calibrated(
        [instrument("panel", model=None), member | {"pareto": {"status": "unpriced"}}]
    )

    page = shown(run(entry(judge="panel"), entry(0, judge="panel", member="opus"), found=made))

    rows = table(page, "$ per 1,000 verdicts")
    assert [row[0] for row in rows] == [
        "judge",
        "panel rubric",
        "opus of the panel panel rubric · claude-opus-5-5",
        "people with each other",
    ]
    assert rows[1][1:6] == [
        "85.0 % (79.0–90.0) with one rater 83.0 % (78.0–89.0)",
        "0.66 (0.54 to 0.78)",
        "0.71 (0.60 to 0.82)",
        "8.3 points (4.1 to 12.5)",
        "$4.20 (4.00–4.40)",
    ]
    assert rows[2][5:7] == ["unknown price", "unpriced"]
    assert rows[3][1] == "one rater with another 92.0 % (88.0–95.0)"
    assert not any("corrected" in table[0] for table in page.tables)


# --- comparisons ----------------------------------------


def test_uneven_errors_are_said_with_what_they_break():
    found = calibrated(
        uneven=[uneven(), uneven(1, 2, is_uneven=False), uneven(2, 0, difference=known(-0.2))],
        comparisons=[comparison(), comparison(0, 2, corrected=NOTHING)],
    )

    page = shown(run(entry(), found=found))

    broken = "by its scores alone the two cannot be compared"
    assert (
        f"judge strict flatters m0 by 12.0 points more than m1, p = 0.009: {broken}." in page.text
    )
    assert "judge strict flatters m0 by 20.0 points more than m2" in page.text
    assert page.text.count("uneven errors") == 2
    assert table(page, "then")[1:] == [
        [
            "m0 against m1",
            "10.0 points (3.0 to 17.0)",
            "−1.0 points (−10.0 to 8.0)",
            "cannot tell",
            "12.0 points (4.0 to 20.0) p = 0.009",
            "120",
        ]
    ]
    assert "1 more pair in summary.json" in page.text


def test_pairs_without_common_labels_are_said_once():
    found = calibrated(
        comparisons=[comparison(corrected=NOTHING), comparison(1, 2, corrected=NOTHING)]
    )

    page = shown(run(entry(), found=found))

    assert "No pair has enough labels on common cases" in page.text
    assert not any("then" in table[0] for table in page.tables)


def test_a_pair_without_a_test_of_its_errors_has_a_dash():
    page = shown(run(entry(), found=calibrated(comparisons=[comparison(conclusion="better")])))

    assert table(page, "then")[1][3:5] == ["better", "–"]


# --- labels ----------------------------------------


def test_unused_labels_and_broken_lines_are_told():
    found = calibrated(
        sources={"labels": 1, "ratings": 54, "votes": 0},
        unused=["4 labels not used: the run has no case 'x'"],
        broken_lines=list(range(1, 31)),
    )

    page = shown(run(found=found))

    assert "Made of 1 label, 54 ratings by people" in page.text
    assert "4 labels not used: the run has no case 'x'" in page.text
    assert "30 lines that cannot be read: 1, 2, 3" in page.text
    assert "19, 20 …" in page.text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_foreign_names_stay_text(payload):
    """F3."""
    part = {"n_labels": 20, "percent": known(0.8), "inflation": known(0.1)}
    names = {"judge": payload, "scorer": f"{payload}s"}
    found = calibrated(
        [instrument(payload, member=payload, scorer=payload, model=payload)],
        uneven=[uneven(judge=payload)],
        unused=[payload],
    )
    entries = [
        entry(slices={payload: {payload: part}}, **names),
        refused(0, refused=payload, **names),
    ]
    page = source([cell(n, payload) for n in (0, 1)], calibration=entries, calibrated=found)

    html = shown(page).html

    assert not any(markup in html for markup in ("<script", "<img", "<svg onload"))
    assert not {"\x1b", "\u202e", "\ud800"} & set(html)
    lines = "\n".join(calibration_lines(page.summary))
    assert not {"\x1b", "\u202e", "\ud800"} & set(lines)


# --- in words ----------------------------------------


def test_lines_say_trust_inflation_and_each_score():
    found = calibrated(uneven=[uneven()], unused=["2 labels not used"], broken_lines=[17])
    page = run(entry(), entry(0), refused(1), found=found)

    lines = list(calibration_lines(page.summary))
    assert lines[0].startswith("judge strict, rubric: agrees with people on 85.0 % (79.0–90.0) of ")
    assert lines[0].endswith("on 92.0 % (88.0–95.0): these labels cannot tell whether that is less")
    flattered = "its mean score is 8.3 points (4.1 to 12.5) above that of people"
    assert lines[1] == f"  it flatters: {flattered}, p < 0.001"
    corrected = (
        "  m0: corrected 61.0 % (55.0–67.0), 69.0 % by the judge, 60.0 % by Rogan and Gladen"
    )
    assert lines[2] == f"{corrected}, 120 labels"
    assert lines[3].startswith(
        "  m1: 69.0 % (64.0–74.0) by the judge, too few labels to correct it"
    )
    assert lines[4].startswith("judge strict flatters m0 by 12.0 points more than m1, p = 0.009: ")
    assert lines[5:] == [
        "labels: 2 labels not used",
        "labels: 1 line cannot be read, the first is 17",
    ]


def test_lines_of_many_cells_are_cut_and_counted():
    page = run(entry(), *[entry(n) for n in range(25)], cells=25)

    lines = list(calibration_lines(page.summary))

    assert len(lines) == 23
    assert lines[-1] == "  … and 5 more cells, in summary.json"


def test_older_summaries_have_no_lines():
    assert list(calibration_lines({"run": {}, "cells": []})) == []


def choice(**changes):
    entry = {"facet": 0, "cell": 0, "because": "Use m0", "monthly_usd": None, "next_cheaper": None}
    return entry | {"steps": []} | changes


@pytest.mark.parametrize(
    ("corrected", "said"),
    [
        (None, []),
        (
            {"cell": 0, "because": "Use m0: …", "is_same": True},
            ["  corrected scores, the same choice: Use m0: …"],
        ),
        (
            {"cell": 1, "because": "Use m1", "is_same": False},
            ["  corrected scores choose otherwise: Use m1"],
        ),
        (
            {"cell": None, "because": "No recommendation by corrected scores: …", "is_same": False},
            ["  No recommendation by corrected scores: …"],
        ),
    ],
)
def test_the_corrected_recommendation_stands_under_the_raw_one(corrected, said):
    summary = run().summary | {"recommendations": [choice(corrected=corrected)]}

    assert list(decision_lines(summary)) == ["Use m0", *said]


def test_the_markdown_has_a_section_of_judges_against_people():
    ceiling = CEILING | {"percent": known(0.85)}
    summary = run(entry(), entry(0), found=calibrated(ceiling=ceiling)).summary
    cells = [
        made
        | {"retried": {"n": 0, "quality_without": None}, "pareto": {"status": "frontier"}}
        | dict.fromkeys(("n_error", "n_skipped", "n_unscored"), 0)
        for made in summary["cells"]
    ]
    facts = {"name": "x", "confidence": 0.95, "corrupt_lines": []}

    text = summary_markdown(summary | {"cells": cells, "flags": [], "run": facts})

    assert "## Judges against people\n\n- judge strict, rubric: agrees with people" in text
    assert "\n  - m0: corrected 61.0 % (55.0–67.0)" in text


# --- the table of cells, and what to do ----------------------------------------


def listed(number, **changes):
    """A cell with all that the table of cells needs."""
    counts = dict.fromkeys(("n_error", "n_skipped", "n_unscored", "n_refused", "n_truncated"), 0)
    status = {"status": "frontier", "probability": None}
    return cell(number, pareto=status, **counts | changes)


def whole(name, build, *cells, **changes):
    """A section with what the page as a whole gives to templates."""
    page = source(cells, **{"recommendations": [], "calibration": []} | changes)
    found = Page()
    section = build(page)
    found.feed(
        render(f"sections/{name}.html.j2", section=section, page=page, run=page.summary["run"])
    )
    return found


def test_the_table_of_cells_has_corrected_scores_only_where_there_are_some():
    corrected = known(0.61, 0.55, 0.67)

    page = whole("cells", cells.section, listed(0, corrected=corrected), listed(1, corrected=None))
    bare = whole("cells", cells.section, listed(0, corrected=None), listed(1))

    assert page.tables[0][0][:4] == ["Cell", "Quality", "Corrected", "n"]
    assert [row[2] for row in page.tables[0][1:]] == ["61.0 % (55.0–67.0)", "–"]
    assert "#calibration" in page.links
    assert "Corrected" not in bare.text
    assert "#calibration" not in bare.links


@pytest.mark.parametrize(
    ("raw", "corrected", "said", "kind"),
    [
        (0, {"cell": 0, "because": "Use m0", "is_same": True}, "the same when corrected", "good"),
        (0, {"cell": 1, "because": "Use m1", "is_same": False}, "another one when", "warn"),
        (0, {"cell": None, "because": "None", "is_same": False}, "not certain when", "warn"),
        (None, {"cell": None, "because": "None", "is_same": False}, None, None),
        (0, None, None, None),
    ],
)
def test_the_page_says_whether_corrected_scores_choose_the_same(raw, corrected, said, kind):
    entry = choice(cell=raw, corrected=corrected, difference=None, rejected=[])

    page = whole("verdict", verdict.section, listed(0), listed(1), recommendations=[entry])

    assert ("when corrected" in page.text) == (said is not None)
    assert ("#calibration" in page.links) == (corrected is not None)
    if said is not None:
        assert said in page.text
        assert f"badge-{kind}" in page.html
    if corrected is not None:
        assert page.text.count(corrected["because"]) == (2 if corrected["cell"] == raw == 0 else 1)


def test_an_older_recommendation_says_nothing_of_corrected_scores():
    entry = choice(difference=None, rejected=[])

    page = whole("verdict", verdict.section, listed(0), listed(1), recommendations=[entry])

    assert "corrected" not in page.text
