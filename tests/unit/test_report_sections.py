"""The sections of the page that say where cells fail: slices, confusions, criteria, comparisons."""

import pytest
from pages import cell, estimate, shown, source

from evalrunner.report.page.sections import comparisons, confusion, criteria, slices
from evalrunner.report.page.sections.facets import cases_link, facet_titles, facets
from evalrunner.report.page.sections.shading import Scale

# --- what all of them use ----------------------------------------


def test_cells_of_a_facet_stand_best_first_and_without_canaries():
    cells = [
        cell(0, quality=estimate(None)),
        cell(1, quality=estimate(0.5)),
        cell(2, quality=estimate(0.9)),
        cell(3, quality=estimate(0.9)),
        cell(4, role="canary", quality=estimate(1.0)),
    ]

    (found,) = facets(source(cells))

    assert [each["id"] for each in found.cells] == [2, 3, 1, 0]
    assert found.title == ""


def test_facets_are_named_by_the_measuring_axes_that_vary():
    cells = [
        cell(0, facet=0, axes={"model": "a", "judge": "mild", "dataset": "x"}),
        cell(1, facet=1, axes={"model": "b", "judge": "strict", "dataset": "x"}),
    ]

    assert facet_titles(source(cells)) == {0: "judge: mild", 1: "judge: strict"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("billing", "#cases?cell=3&slice.category=billing"),
        ("a&b=c#d e+f", "#cases?cell=3&slice.category=a%26b%3Dc%23d%20e%2Bf"),
        ("Zürich\ud800", "#cases?cell=3&slice.category=Z%C3%BCrich%3F"),
    ],
)
def test_links_to_cases_are_of_any_text(value, expected):
    assert cases_link(3, **{"slice.category": value}) == expected


def test_shades_span_what_is_there_and_never_less_than_twenty_points():
    wide, narrow, none = Scale.of([0.1, 0.6, None]), Scale.of([0.95, 1.0]), Scale.of([])

    assert [wide.shade(share) for share in (0.1, 0.35, 0.6, None)] == [0, 5, 10, None]
    assert narrow == Scale(0.8, 1.0)
    assert Scale.of([0.0]) == Scale(0.0, 0.2)
    assert (none.low, none.high) == (0.8, 1.0)


# --- slices ----------------------------------------


def sliced(number, values, **changes):
    return cell(number, slices={"category": values}, **changes)


def test_worst_slice_comes_first_and_the_best_cell_on_the_left():
    weak = sliced(0, {"billing": estimate(0.4, 0.3, 0.5), "refund": estimate(0.6, 0.5, 0.7)})
    strong = sliced(1, {"billing": estimate(0.6, 0.5, 0.7), "refund": estimate(0.7, 0.6, 0.8)})
    weak["quality"], strong["quality"] = estimate(0.5, 0.42, 0.58), estimate(0.65, 0.57, 0.73)

    page = shown("slices", slices.section(source([weak, strong])))

    assert page.tables == [
        [
            ["category", "m1", "m0"],
            ["billing n = 40", "60.0 % 50.0–70.0", "40.0 % 30.0–50.0"],
            ["refund n = 40", "70.0 % 60.0–80.0", "60.0 % 50.0–70.0"],
            ["all cases", "65.0 % 57.0–73.0", "50.0 % 42.0–58.0"],
        ]
    ]
    assert "#cases?cell=0&slice.category=billing" in page.links
    assert ("td", {"class": "num heat-0", "title": "40.0 % (30.0–50.0), n = 40"}) in page.tags
    assert "Shades run from 40.0 % to 70.0 %" in page.text


def test_few_cases_are_muted_not_shaded_and_set_no_scale():
    values = {"rare": estimate(0.0, 0.0, 0.4, n=3), "often": estimate(0.8, 0.7, 0.9)}

    page = shown("slices", slices.section(source([sliced(0, values)])))

    assert ("td", {"class": "num few", "title": "0.0 % (0.0–40.0), n = 3"}) in page.tags
    assert "Shades run from 60.0 % to 80.0 %" in page.text
    assert "What fewer than 10 cases say is not shaded" in page.text


def test_slice_below_its_cell_is_marked_only_when_the_intervals_do_not_meet():
    values = {"low": estimate(0.3, 0.2, 0.4), "near": estimate(0.5, 0.35, 0.6)}
    whole = estimate(0.6, 0.5, 0.7)

    page = shown("slices", slices.section(source([sliced(0, values, quality=whole)])))

    assert page.tables[0][1] == ["low n = 40", "30.0 % ▼ below 20.0–40.0"]
    assert page.tables[0][2] == ["near n = 40", "50.0 % 35.0–60.0"]
    assert "one such mark may be chance" in page.text


def test_unknown_slices_are_a_dash_and_other_numbers_of_cases_are_told():
    first = sliced(0, {"a": estimate(0.5, 0.4, 0.6, n=50), "b": estimate(None, n=0)})
    second = sliced(1, {"a": estimate(0.5, 0.4, 0.6, n=20)})

    page = shown("slices", slices.section(source([first, second])))

    assert page.tables[0][1] == ["a n = 50", "50.0 % 40.0–60.0", "50.0 % 40.0–60.0 · n = 20"]
    assert page.tables[0][2] == ["b n = 0", "–", "–"]


def test_of_many_values_the_worst_are_open_and_the_rest_folded():
    values = {f"intent {n:03}": estimate(n / 200, n=n + 1) for n in range(150)}

    section = slices.section(source([sliced(0, values)]))
    page = shown("slices", section)

    assert [len(table) for table in page.tables] == [1 + 20 + 1, 1 + 80]
    assert page.tables[0][1][0] == "intent 000 n = 1"
    assert "80 more values of category , better than these" in page.text
    assert "… and 50 values more, in slices.csv" in page.text


def test_each_facet_has_its_own_heat_map():
    cells = [
        sliced(n, {"a": estimate(0.5)}, facet=n, axes={"model": "x", "judge": f"j{n}"})
        for n in range(2)
    ]

    page = shown("slices", slices.section(source(cells)))

    assert [table[0] for table in page.tables] == [["category", "m0"], ["category", "m1"]]
    assert "judge: j0" in page.text


# --- confusions ----------------------------------------


def classes(*counts, outside=0):
    """A summary's table of classes, with the confusions given and nothing computed."""
    names = sorted({name for count in counts for name in count[:2] if name})
    share = {"precision": 0.5, "recall": None, "f1": 0.5, "n": 1}
    return {
        "labels": {
            "classes": dict.fromkeys(names, share),
            "confusion": [list(count) for count in counts],
            "n_outside": outside,
        }
    }


def test_confusions_that_most_cells_share_come_first():
    """A baseline with one answer for everything has the most of them, and says the least."""
    constant = cell(0, classes=classes(("b", "a", 9), ("c", "a", 9), ("a", "a", 9)))
    model = cell(1, classes=classes(("c", "a", 1), ("c", "c", 8), ("a", "a", 9), ("b", "b", 9)))

    page = shown("confusion", confusion.section(source([constant, model])))

    assert page.tables[0] == [
        ["expected → answered", "m0", "m1"],
        ["c → a", "9", "1"],
        ["b → a", "9", "0"],
    ]
    assert "m0 : 9 of 27 trials right" in page.text


def test_few_classes_have_a_matrix_with_the_answers_outside_of_the_set():
    counts = (("a", "a", 3), ("a", "b", 1), ("b", "b", 2), ("b", None, 2))

    page = shown(
        "confusion", confusion.section(source([cell(0, classes=classes(*counts, outside=2))]))
    )

    assert page.tables[1] == [
        ["expected", "a", "b", "no class of the set"],
        ["a n = 4", "3", "1", "0"],
        ["b n = 4", "0", "2", "2"],
    ]
    assert page.tables[2][1:] == [
        ["a", "50.0 %", "50.0 %", "–", "1"],
        ["b", "50.0 %", "50.0 %", "–", "1"],
    ]
    assert "any class → no class of the set" in page.text
    assert "5 of 8 trials right, 2 answers outside the classes" in page.text


def test_many_classes_have_their_worst_pairs_and_the_figure(tmp_path):
    (tmp_path / "confusion-0.png").write_bytes(b"")
    counts = [(f"c{n:02}", f"c{(n + 1) % 30:02}", n + 1) for n in range(30)]

    page = shown(
        "confusion",
        confusion.section(source([cell(0, classes=classes(*counts))], directory=tmp_path)),
    )

    assert len(page.tables) == 2
    assert "c29 → c00 : 30 trials" in page.text
    assert "The most frequent of 30 pairs." in page.text
    assert "confusion-0.png" in page.links
    assert "confusion-0.svg" not in page.links


def test_no_mistake_is_said_in_words():
    page = shown("confusion", confusion.section(source([cell(0, classes=classes(("a", "a", 1)))])))

    assert "No answer was taken for another class." in page.text


# --- criteria ----------------------------------------


def test_criteria_of_enough_answers_come_worst_first_and_the_rest_is_folded():
    found = {
        "polite": estimate(0.9, 0.8, 1.0, n=20),
        "short": estimate(0.25, 0.1, 0.4, n=20),
        "names the order": estimate(0.0, 0.0, 0.8, n=1),
        "says when": estimate(0.5, 0.1, 0.9, n=2),
    }

    page = shown("criteria", criteria.section(source([cell(0, criteria={"rubric": found})])))

    assert page.tables[0] == [
        ["criterion", "m0"],
        ["short", "25.0 % 10.0–40.0 · n = 20"],
        ["polite", "90.0 % 80.0–100.0 · n = 20"],
    ]
    assert page.tables[1][1:] == [["names the order", "0 of 1"], ["says when", "1 of 2"]]
    assert "2 criteria asked of fewer than 5 answers of each cell; no answer met 1 of them" in (
        page.text
    )


def test_one_off_criteria_are_no_table_of_shares():
    found = {f"line {n}": estimate(float(n % 2), n=1) for n in range(50)}

    page = shown("criteria", criteria.section(source([cell(0, criteria={"rubric": found})])))

    assert "one by one they say little about a model" in page.text
    shades = [a["class"] for tag, a in page.tags if tag == "td" and "heat" in a["class"]]
    assert shades == []
    assert "the 50 criteria that were asked most" in page.text


def test_criterion_met_by_half_is_a_share_and_one_not_asked_a_dash():
    first = cell(0, criteria={"rubric": {"polite": estimate(0.25, n=2)}})
    second = cell(1, criteria={"rubric": {"short": estimate(None, n=0)}})

    page = shown("criteria", criteria.section(source([first, second])))

    assert page.tables[0][1:] == [["polite", "25 % of 2", "–"], ["short", "–", "–"]]


# --- comparisons ----------------------------------------


def compared(a=0, b=1, **changes):
    """An entry of `comparisons`: a quarter better, and surely so."""
    return {
        "facet": 0,
        "a": a,
        "b": b,
        "difference": estimate(0.25, 0.1, 0.4, n=120),
        "p": 0.001,
        "p_adjusted": 0.012,
        "n_paired": 120,
        "wins": 40,
        "ties": 70,
        "losses": 10,
        "conclusion": "better",
        "reverse": "cannot_tell",
        "because": None,
        "missing": {"only_a": 0, "only_b": 0, "neither": 0, "low": 0.25, "high": 0.25},
        "n_more": None,
        "method": "McNemar mid-p",
        "n_clusters": 120,
        "few_clusters": False,
        "selected": False,
        "margin": 0.02,
        "confidence": 0.95,
        "slices": {},
    } | changes


def comparisons_of(*entries, cells=2, **changes):
    run = source([cell(n) for n in range(cells)], comparisons=list(entries), **changes)
    return shown("comparisons", comparisons.section(run))


def test_a_comparison_says_how_much_how_sure_and_in_words():
    page = comparisons_of(compared())

    assert page.tables[0][1] == [
        "m0 against m1",
        "better m0 is better than m1 by 25.0 points (10.0 to 40.0), p = 0.012, n = 120",
        "25.0 points (10.0 to 40.0) n = 120",
        "",
        "p = 0.012",
        "40",
        "70",
        "10 which differ",
    ]
    assert "#cases?cell=0,1&disagree=1" in page.links
    assert "with 95 % intervals" in page.text


def test_forest_rows_share_an_axis_that_holds_no_difference():
    page = comparisons_of(compared(), compared(difference=estimate(0.1, 0.05, 0.2)))

    circles = [attributes["cx"] for tag, attributes in page.tags if tag == "circle"]
    assert circles == ["125.0", "50.0"]
    zeros = {a["x1"] for tag, a in page.tags if tag == "line" and a["class"] == "forest-zero"}
    assert zeros == {"0.0"}
    assert "0.0 to 40.0 points" in page.text


@pytest.mark.parametrize(
    ("conclusion", "reverse", "said"),
    [
        ("worse", "better", "worse m0 is worse than m1 by 25.0 points (10.0 to 40.0)"),
        ("not_worse", "not_worse", "as good m0 and m1 differ by less than 2 points (95 %)"),
        ("not_worse", "cannot_tell", "not worse m0 is not worse than m1 by more than 2 points"),
        ("cannot_tell", "not_worse", "not better m1 is not worse than m0 by more than 2 points"),
        ("cannot_tell", "cannot_tell", "cannot tell these 120 cases cannot tell m0 from m1; 410"),
    ],
)
def test_the_word_and_the_sentence_agree(conclusion, reverse, said):
    sides = {"worse": estimate(-0.25, -0.4, -0.1)}
    difference = sides.get(conclusion, estimate(0.01, -0.01, 0.03))
    entry = compared(conclusion=conclusion, reverse=reverse, difference=difference, n_more=410)

    page = comparisons_of(entry)

    assert page.tables[0][1][1].startswith(said)


def test_the_best_on_these_cases_comes_with_the_winners_curse():
    page = comparisons_of(compared(selected=True))

    assert "Compared with m1 , the best on these very cases" in page.text
    assert "winner’s curse" not in comparisons_of(compared()).text


def test_against_one_cell_the_best_comes_first_and_many_are_folded():
    entries = [
        compared(n, 30, difference=estimate(n / 100, n / 100 - 0.05, n / 100 + 0.05))
        for n in range(30)
    ]

    page = comparisons_of(*entries, cells=31)

    assert [len(table) for table in page.tables] == [21, 11]
    assert page.tables[0][1][0] == "m29 against m30"
    assert "10 more comparisons" in page.text


def test_slices_that_say_the_contrary_stand_with_their_pair():
    part = {name: compared()[name] for name in ("p", "n_paired", "missing", "because")}
    part |= {"difference": estimate(-0.3, -0.5, -0.1), "p_adjusted": 0.03}
    part |= {"conclusion": "worse", "reverse": "better", "wins": 1, "ties": 2, "losses": 9}

    page = comparisons_of(compared(slices={"category": {"refund & co": part}}))

    assert "but in category refund & co : m1 is better than m0 by 30.0 points" in page.text
    assert "#cases?cell=0,1&disagree=1&slice.category=refund%20%26%20co" in page.links


def test_nothing_in_common_is_a_dash_and_no_picture():
    unknown = compared(
        difference=estimate(None, n=0),
        p_adjusted=None,
        n_paired=0,
        wins=0,
        ties=0,
        losses=0,
        conclusion="cannot_tell",
        because="no case has a score of both",
    )

    page = comparisons_of(unknown)

    assert page.tables[0][1][2] == "– n = 0"
    assert page.tables[0][1][4] == "p –"
    assert "circle" not in {tag for tag, _ in page.tags}
    assert "no case has a score of both" in page.text


def test_racing_is_told_where_cells_are_compared():
    raced = {"by": 0, "cases": 30, "e_value": 41.0, "n_skipped": 90, "saved_usd": 0.5}
    cells = [cell(0), cell(1, raced=raced)]
    run = source(
        cells,
        comparisons=[compared()],
        run={"confidence": 0.95, "race": {"n_cells": 1, "n_trials": 90, "saved_usd": 0.5}},
    )

    page = shown("comparisons", comparisons.section(run))

    assert "racing stopped m1: after 30 cases m0 was better and not dearer (e = 41.0)" in page.text
    assert "racing left out 90 trials, about $0.50 at list price" in page.text


def test_cascades_that_pay_are_open_and_the_others_folded():
    cascade = {
        "cheap": 0,
        "strong": 1,
        "signal": "agreement of 3 repeats",
        "partner": None,
        "threshold": 0.9,
        "escalated": estimate(0.2),
        "quality": estimate(0.9, 0.85, 0.95),
        "usd_per_1000": estimate(0.5),
        "difference": estimate(0.0),
        "quality_share": 1.01,
        "cost_share": 0.25,
        "n": 120,
        "is_useful": True,
    }
    reached = {
        "quality": estimate(0.95),
        "usd_per_1000": estimate(0.4),
        "shares": {"0": 0.75, "1": 0.25},
    }
    routing = {
        "facet": 0,
        "oracle": reached,
        "static_by_category": {"category": {"cells": {"billing": 1}, **reached}},
        "cascades": [cascade, cascade | {"is_useful": False, "partner": 2}],
    }

    page = comparisons_of(compared(), cells=3, routing=[routing])

    first = ["agreement of 3 repeats", "20.0 %", "90.0 % (85.0–95.0)", "$0.50", "101 %", "25 %"]
    assert page.tables[1][1] == ["m0 → m1", *first]
    assert page.tables[2][1] == ["m0 and m2 → m1", *first]
    assert "would reach 95.0 % at $0.40 per 1,000: m0 75.0 %, m1 25.0 %" in page.text
    assert "billing : m1" in page.text
    assert "1 cascade that a cell alone is as good as" in page.text
