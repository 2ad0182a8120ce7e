"""The rating page as a file: from disk, without network, its votes downloaded; and how it looks."""

from __future__ import annotations

import dataclasses
import json

import pytest
from playwright.sync_api import expect
from rating_desk import CRITERIA, SECRETS, rated_run

from evalrunner.human.page import static_page
from evalrunner.store.people import read_export, vote_from_json

from .test_accessibility import NARROW, VIEWS, axe, serious

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "</script><!-- [link](https://evil.example) \u202edesrever \x00 \ud83d"
)
__all__ = ["axe"]


@pytest.fixture
def tasks(tmp_path):
    """Ann's seven pairs."""
    exported = read_export(rated_run(tmp_path, n=7))
    return [task for task in exported.tasks if task.rater == "ann"]


@pytest.fixture
def write(tmp_path):
    """Writes the page of some tasks; gives its address."""

    def written(tasks):
        path = tmp_path / "ann.html"
        path.write_text(static_page(tasks), encoding="utf-8")
        return path.as_uri()

    return written


def opened(page, url):
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    return page


def press(page, *keys):
    for key in keys:
        before = page.get_attribute("body", "data-ready")
        page.keyboard.press(key)
        page.wait_for_function("before => document.body.dataset.ready !== before", arg=before)


def downloaded(page, button="#download"):
    """The lines of the file that the page gives, and its name."""
    with page.expect_download() as waiting:
        page.locator(button).click()
    text = waiting.value.path().read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()], waiting.value.suggested_filename


def test_downloaded_votes_are_those_pressed(page, write, tasks):
    opened(page, write(tasks))

    press(page, "1", "ArrowRight", "3", "4")
    page.keyboard.press("f")
    page.keyboard.press("n")
    page.keyboard.type("both lost")
    page.keyboard.press("Escape")
    press(page, "s", "2", "u", "ArrowLeft", "1")
    lines, name = downloaded(page, "#end-download")

    votes = [vote_from_json(line) for line in lines]
    assert name == "votes-ann.jsonl"
    assert [vote.task_id for vote in votes] == [task.task_id for task in tasks]
    assert [vote.vote for vote in votes] == [
        *("left", "right", "tie", "both_bad", "skip", "left", "left")
    ]
    assert {vote.rater for vote in votes} == {"ann"}
    assert [vote.note for vote in votes if vote.is_flagged] == ["both lost"]
    assert all(vote.seconds is not None and vote.at for vote in votes)


def test_downloaded_ratings_are_those_pressed(page, write, tmp_path):
    exported = read_export(rated_run(tmp_path / "rubric", raters=("ann",), n=2, kind="rubric"))
    opened(page, write(exported.tasks))

    press(page, "1", "2", "s", "2")
    lines, _ = downloaded(page)

    assert [(line["criterion"], line["label"]) for line in lines] == [
        *zip(CRITERIA, (1, 0, None), strict=True),
        (CRITERIA[0], 0),
    ]
    assert all(vote_from_json(line).rater == "ann" for line in lines)


def test_a_reload_and_a_second_tab_lose_nothing(page, write, tasks):
    url = write(tasks)
    opened(page, url)
    press(page, "1", "2")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    other = opened(page.context.new_page(), url)
    press(other, "3")
    press(page, "u", "4", "1")

    lines, _ = downloaded(page)

    assert [line["vote"] for line in lines] == ["left", "both_bad", "tie", "left"]


def test_a_stale_tab_shows_the_other_answer_before_it_replaces_it(page, write, tasks):
    url = write(tasks)
    opened(page, url)
    stale = opened(page.context.new_page(), url)
    press(page, "1")

    press(stale, "2")
    expect(stale.locator("#status")).to_contain_text("was answered elsewhere since")
    shown = stale.locator("[aria-pressed=true]").all_inner_texts()
    (before, *_), _ = downloaded(stale)
    stale.wait_for_timeout(300)
    press(stale, "2")
    (after, *_), _ = downloaded(stale)

    assert shown == ["1 Response 1 is better"]
    assert (before["vote"], after["vote"]) == ("left", "right")
    assert {"known", "version"}.isdisjoint(after)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_buttons_of_the_last_page_do_not_touch(new_page, write, tasks, width):
    page = opened(new_page(viewport={"width": width, "height": 844}), write(tasks[:1]))
    press(page, "1")

    first, second = (page.locator(f"#end-{name}").bounding_box() for name in ("download", "undo"))
    assert (
        second["y"] - first["y"] - first["height"] >= 8
        or second["x"] - first["x"] - first["width"] >= 8
    )
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_without_storage_votes_stay_in_the_page_and_it_says_so(new_page, write, tasks):
    page = new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })"
    )
    opened(page, write(tasks))

    press(page, "1", "2")
    expect(page.locator("#status")).to_contain_text("download your votes before you close")
    lines, _ = downloaded(page)

    assert [line["vote"] for line in lines] == ["left", "right"]


def test_the_file_names_no_model_case_or_run(write, tasks, tmp_path):
    """F12."""
    write(tasks)

    text = (tmp_path / "ann.html").read_text("utf-8").lower()

    assert tasks[0].output_a.lower() in text
    assert [secret for secret in SECRETS if secret in text] == []


def test_a_page_is_for_one_rater(tmp_path):
    tasks = read_export(rated_run(tmp_path)).tasks

    with pytest.raises(ValueError, match="for one rater, not for ann, bob"):
        static_page(tasks)


def test_foreign_text_is_text(page, write, tasks):
    hostile = [
        dataclasses.replace(
            tasks[0],
            input=[{"role": HOSTILE, "content": [{"type": "text", "text": HOSTILE}]}],
            output_a=HOSTILE,
            output_b=f"{HOSTILE}2",
            rating_criteria=(HOSTILE,),
            instructions=HOSTILE,
        )
    ]
    opened(page, write(hostile))

    shown = page.locator("#output-1 .text").inner_text()
    assert shown.startswith(HOSTILE[:60])
    assert shown.endswith("\\u202edesrever \\x00 \\ud83d")
    assert page.title() == "Rating 0 of 1"
    assert page.locator("main img, main a, main script").count() == 0
    press(page, "1")


@pytest.mark.parametrize(
    ("value", "turns", "text"),
    [
        ("one\n  two", 0, "one\n  two"),
        ({"ticket": {"n": 1}}, 0, '{\n  "ticket": {\n    "n": 1\n  }\n}'),
        (
            [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}],
            2,
            "system\nBe short.\nuser\nHi",
        ),
        ([{"role": "user"}], 0, '[\n  {\n    "role": "user"\n  }\n]'),
        (None, 0, "null"),
    ],
)
def test_an_input_is_shown_as_what_it_is(page, write, tasks, value, turns, text):
    opened(page, write([dataclasses.replace(tasks[0], input=value)]))

    assert page.locator("#input .turn").count() == turns
    assert page.locator("#input .clip").inner_text().replace("\n\n", "\n") == text


def test_both_outputs_look_the_same_whatever_they_say(page, write, tasks):
    """F12: one of them long, the other short; Space opens and closes them together."""
    pair = dataclasses.replace(tasks[0], output_a="long\n" * 80, output_b="short")
    opened(page, write([pair]))
    boxes = """Array.from(document.querySelectorAll(".output .block"), each => {
        const { width, height, y } = each.getBoundingClientRect(), style = getComputedStyle(each);
        return [width, height, y, style.font, style.color, style.background, style.border].join();
    })"""

    short = page.evaluate(boxes)
    page.keyboard.press("Space")
    expanded = page.evaluate(boxes)
    page.keyboard.press("Space")

    assert short[0] == short[1]
    assert expanded[0] == expanded[1] != short[0]
    assert page.evaluate(boxes) == short


def test_outputs_stand_below_each_other_where_it_is_narrow(new_page, write, tasks):
    page = opened(new_page(**NARROW), write(tasks))

    first, second = (page.locator(f"#output-{n}").bounding_box() for n in (1, 2))
    assert first["x"] == second["x"]
    assert first["width"] == second["width"]
    assert second["y"] >= first["y"] + first["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("view", sorted(VIEWS))
@pytest.mark.parametrize("kind", ["pairwise", "rubric"])
def test_axe_finds_nothing_serious(new_page, axe, write, tmp_path, view, kind):
    exported = read_export(rated_run(tmp_path / kind, raters=("ann",), n=2, kind=kind))
    tasks = [dataclasses.replace(task, input="long\n" * 40) for task in exported.tasks]
    rules, options = VIEWS[view]
    page = opened(new_page(bypass_csp=True, **options), write(tasks))
    press(page, "1", *(["2", "1"] if kind == "rubric" else []))

    task = serious(page, axe, rules)
    page.keyboard.press("n")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    helping = serious(page, axe, rules)
    page.keyboard.press("Escape")
    press(page, "u")
    undone = serious(page, axe, rules)
    press(page, "c", *(["1", "1", "1"] if kind == "rubric" else ["4"]))
    expect(page.locator("#end-title")).to_be_visible()

    assert task == helping == undone == serious(page, axe, rules) == []


def test_tab_reaches_every_button_and_shows_where_it_is(page, write, tasks):
    opened(page, write(tasks))
    press(page, "1")
    names = page.evaluate(
        """Array.from(document.querySelectorAll("button"))
            .filter(each => each.checkVisibility() && !each.disabled)
            .map(each => each.textContent)"""
    )

    reached = []
    # Behind the last button the page itself has the focus, once.
    for _ in [*names, "page"]:
        page.keyboard.press("Tab")
        name, outline = page.evaluate(
            """(() => { const at = document.activeElement;
                return at === document.body ? ["", ""]
                    : [at.textContent, getComputedStyle(at).outlineStyle]; })()"""
        )
        assert outline != "none", name
        reached.append(name)

    assert sorted(filter(None, reached)) == sorted(names)
