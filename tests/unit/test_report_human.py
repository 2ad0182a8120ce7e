"""What people say in words and on the page: who wins first, then how sure, then who they are."""

from __future__ import annotations

import pytest
from ballots import asked, pair, rated, rating, vote, voted
from pages import PAYLOADS, cell, shown, source

from evalrunner.report.page.sections import human as section_of
from evalrunner.report.vote_lines import (
    agreement_line,
    caution_lines,
    progress_line,
    unanswered_line,
    verdict_lines,
)
from evalrunner.votes import CaseGroups, human_json

LABELS = {n: f"m{n}" for n in range(8)}


def human(found, **changes):
    return human_json(found, judges=changes.pop("judges", {})) | changes


def page_of(found, *, n_cells=2, **changes):
    return shown(
        "human",
        section_of.section(source([cell(n, **changes) for n in range(n_cells)], human=found)),
    )


def rated_as(labels, criteria=("polite",)):
    """By cell, what a rater says of the first criterion in each case."""
    keys = {
        (cell, n): rated(f"c{n}", cell=cell) for cell in labels for n in range(len(labels[cell]))
    }
    said = [rating(key, criteria[0], labels[cell][n]) for (cell, n), key in keys.items()]
    tasks = {key.task_id: criteria for key in keys.values()}
    return human(asked(list(keys.values()), said, criteria=tasks))


def verdict(found):
    return list(verdict_lines(found, LABELS))


# --- sentences ----------------------------------------


def test_a_clear_winner_is_preferred():
    (said,) = verdict(human(voted(*["left"] * 18, "right", "tie")))

    assert said.startswith("people prefer m0: it wins 92.5 % (")
    assert said.endswith("ties as halves; it is better than m1")


def test_a_lead_that_may_be_chance_says_how_many_cases_it_takes():
    found = human(voted(*["left"] * 12, *["right"] * 8))

    (said,) = verdict(found)

    n_more = found["win_rates"]["pairs"][0]["n_more"]
    assert said.startswith("no cell is shown to be preferred: m0 leads, it wins 60.0 % (")
    assert said.endswith(
        f"whether it is better than m1 takes votes on about {n_more:,} further cases"
    )


def test_a_draw_cannot_be_told():
    (said,) = verdict(human(voted(*["left", "right"] * 6)))

    assert said.endswith("whether it is better than m1 cannot be told")


def test_of_many_rivals_some_are_named():
    keys = [pair(f"c{case}", left=0, right=n) for n in range(1, 8) for case in range(10)]
    facets = dict.fromkeys(range(8), 0)

    (said,) = verdict(human(asked(keys, [vote(key, "left") for key in keys], facets=facets)))

    assert "better than m1, m2, m3 and 4 others" in said


@pytest.mark.parametrize("n", [1, 5])
def test_few_votes_say_nothing_yet(n):
    """Equal outputs, of which nobody was asked, are no votes."""
    keys = [pair(f"c{k}") for k in range(n)]
    equal = [pair(f"e{k}", rater="", task_id=f"e{k}", is_equal=True) for k in range(20)]

    for asked_of in (keys, [*keys, *equal]):
        found = human(asked(asked_of, [vote(key, "left") for key in keys]))
        assert verdict(found) == ["so few votes say nothing yet of what people prefer"]


def test_few_votes_that_decide_are_told():
    (said,) = verdict(human(voted(*["left"] * 9)))

    assert said.startswith("people prefer m0: it wins 100.0 % (")


def test_one_that_beats_some_leads_and_is_not_preferred_to_all():
    """Over all cells m0 wins more than half, surely; over m2 nobody knows."""
    beaten = [pair(f"c{n}", left=0, right=1) for n in range(20)]
    even = [pair(f"c{n}", left=0, right=2) for n in range(20)]
    votes = [vote(key, "left") for key in beaten]
    votes += [vote(key, "left" if n < 12 else "right") for n, key in enumerate(even)]

    (said,) = verdict(human(asked([*beaten, *even], votes)))

    assert said.startswith("m0 leads: it wins 80.0 % (")
    assert "it is better than m1; whether it is better than m2 takes votes on about" in said


def test_rated_outputs_have_a_best_one_unless_none_was_finished():
    assert verdict(rated_as({0: [1.0] * 20, 1: [0.0] * 20})) == [
        "people find most criteria met by m0: 100.0 % (83.9–100.0)"
    ]
    assert verdict(rated_as({1: [1.0] * 20})) == [
        "people find 100.0 % (83.9–100.0) of the criteria met by m1"
    ]
    assert verdict(rated_as({0: [1.0]}, criteria=("polite", "short"))) == [
        "no output was rated on all its criteria"
    ]


def test_a_lead_in_criteria_that_may_be_chance_claims_nothing():
    (said,) = verdict(rated_as({0: [1.0] * 14 + [0.0] * 6, 1: [1.0] * 16 + [0.0] * 4}))

    assert said.startswith("no cell is shown to meet most criteria: m1 leads with 80.0 % (")
    assert ", m0 has 70.0 % (" in said


def test_few_ratings_say_nothing_yet():
    assert verdict(rated_as({0: [1.0], 1: [0.0]})) == [
        "so few ratings say nothing yet of how many criteria are met"
    ]


def test_progress_says_what_was_answered_skipped_and_not_asked():
    keys = [pair("c0"), pair("c1"), pair("c2")]
    equal = pair("c3", rater="", task_id="e", is_equal=True)
    said = [vote(keys[0], "left"), vote(keys[1], "skip")]

    assert progress_line(human(asked([*keys, equal], said))) == (
        "1 rater answered 1 of 3 tasks and skipped 1; "
        "1 pair of equal outputs count as ties, unasked"
    )


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (["left", "right", "tie"] * 10, "a vote can be relied on"),
        (["left", "right", "tie"] * 7 + ["left"] * 9, "tentative conclusions"),
        (["tie"] * 15 + ["left"] * 15, "a matter of taste"),
    ],
)
def test_agreement_is_told_in_words(second, expected):
    first = ["left", "right", "tie"] * 10
    keys = [pair(f"c{n}", name) for name in ("ann", "bob") for n in range(30)]
    said = [vote(key, choice) for key, choice in zip(keys, [*first, *second], strict=True)]

    assert expected in agreement_line(human(asked(keys, said)))


def test_agreement_that_tells_nothing_says_so():
    keys = [pair("c0"), pair("c0", "bob")]
    same = human(asked(keys, [vote(key, "left") for key in keys]))

    assert "is unknown" in agreement_line(human(voted("left")))
    assert "all said the same" in agreement_line(same)


def test_what_to_mind_is_told():
    key = pair("c0")
    found = human(
        asked([key], [vote(key, "left"), vote(key, "left", task_id="x")]),
        broken_lines=list(range(1, 13)),
    )

    assert list(caution_lines(found)) == [
        "1 vote for no task of their rater, not counted",
        "broken lines of votes.jsonl, not counted: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …",
    ]
    one_side = list(caution_lines(human(voted(*["right"] * 20))))
    assert one_side[0].startswith("ann stands apart: chose the right in 100 %")
    assert one_side[1].startswith("the right side wins 100.0 % of the decided votes (p < 0.001)")


def test_who_only_skipped_is_told_from_who_did_nothing():
    keys = [pair(f"c{n}", name) for name in ("ann", "bob") for n in range(11)]
    skips = [vote(key, "skip") for key in keys]
    half = rated("c0")
    began = asked([half], [rating(half, "a", 1.0)], criteria={half.task_id: ("a", "b")})

    said = [unanswered_line(human(found)) for found in (asked(keys, skips), asked(keys, skips[:3]))]

    assert said == [
        "2 raters skipped all 22 tasks, and answered none",
        "1 rater skipped 3 of 22 tasks, and answered none",
    ]
    assert unanswered_line(human(asked(keys, []))) == "nobody has voted yet"
    assert "1 rater began" in unanswered_line(human(began))


# --- the page ----------------------------------------


def test_a_run_that_nobody_answered_has_no_section():
    nobody = human(asked([pair("c0")], []))

    for found in (None, nobody):
        assert section_of.section(source([cell(0)], human=found)) is None
    assert section_of.section(source([cell(0)])) is None


def test_the_page_begins_with_who_wins_and_how_sure_that_is():
    page = page_of(human(voted(*["left"] * 18, "right", "tie")))

    assert page.text.startswith("People prefer m0: it wins 92.5 %")
    assert page.tables[0][1][:2] == ["m0", "92.5 % (74.4–98.1)"]
    assert page.tables[1][1][:3] == ["m0", "m1", "92.5 % (74.4–98.1)"]
    assert page.tables[1][1][-1] == "better"
    assert "#cell-1" in page.links


def test_undecided_pairs_say_what_they_take():
    found = human(voted(*["left"] * 12, *["right"] * 8, "both_bad"))

    row = page_of(found).tables[1][1]

    n_more = found["win_rates"]["pairs"][0]["n_more"]
    assert row[-1] == f"cannot tell about {n_more:,} cases more"
    assert row[4] == "1 1 both bad"


def test_slices_of_few_cases_are_muted():
    groups = CaseGroups(slices={"channel": {"mail": frozenset({"c0000"})}})

    page = page_of(human(voted("left", "right", groups=groups)))

    assert ["mail n = 1", "100.0 %", "0.0 %"] in page.tables[2]
    assert ("tr", {"class": "few"}) in page.tags


def test_ratings_are_shown_by_cell_and_criterion():
    keys = [rated(f"c{n}", cell=n % 2) for n in range(12)]
    tasks = {key.task_id: ("polite", "short") for key in keys}
    said = [
        rating(key, name, float(name == "polite" or key.left))
        for key in keys
        for name in tasks[key.task_id]
    ]

    page = page_of(human(asked(keys, said, criteria=tasks)))

    assert [row[0] for row in page.tables[0]] == ["cell", "m1", "m0"]
    assert [row[0] for row in page.tables[1]] == ["criterion", "short", "polite"]
    assert page.tables[1][1][2].startswith("0.0 %")


def test_pairs_are_explained_only_where_there_are_some():
    assert "A tie is half a win of each" in page_of(human(voted("left"))).text
    text = page_of(rated_as({0: [1.0]})).text
    assert "Intervals are by case." in text
    assert not any(word in text for word in ("tie", "sign test", "sides were drawn"))


@pytest.mark.parametrize(("n", "is_told"), [(9, False), (10, True)])
def test_time_for_a_task_takes_some_answers_and_says_how_many(n, is_told):
    keys = [pair(f"c{k}") for k in range(n)]

    text = page_of(human(asked(keys, [vote(key, "left", seconds=4) for key in keys]))).text

    assert ("Time for a task 4.0 s, nine of ten within 4.0 s; 10 tasks" in text) == is_told


def test_raters_judges_and_constancy_are_shown():
    keys = [pair(f"c{n}", name) for name in ("ann", "bob", "cleo") for n in range(4)]
    again = pair("c0", task_id="again", copy_of=keys[0].task_id)
    said = [vote(key, "left", seconds=4) for key in [*keys, again]]
    judge = {0: ("strict", "rubric", lambda _: 1.0)}

    page = page_of(human(asked([*keys, again], said), judges=judge))

    assert ["strict rubric", "100.0 % (51.0–100.0)", "–", "4"] in page.tables[2]
    assert page.tables[3][1][:5] == ["ann", "5 of 5", "0", "0", "4.0 s"]
    assert page.tables[4][1][0] == "ann , bob"
    assert "100.0 % of 1 asked again" in page.text


@pytest.mark.parametrize("text", PAYLOADS)
def test_foreign_text_stays_text(text):
    name = text.replace("\ud800", "?")
    keys = [pair("c0", name), pair("c1", name), rated("c2", name)]
    tasks = {keys[2].task_id: (text,)}
    groups = CaseGroups(slices={text: {text: frozenset({"c0"})}})
    said = [vote(key, "left", note=text) for key in keys[:2]] + [rating(keys[2], text, 1.0)]
    judge = {0: (text, text, lambda _: 1.0)}
    found = human(asked(keys, said, criteria=tasks, groups=groups), judges=judge)

    page = page_of(found, label=text)

    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.tags)
    assert not any("onload" in attributes for _, attributes in page.tags)
    assert not set(page.html) & {"\x1b", "\x07", "\ud800", "\u202e"}
