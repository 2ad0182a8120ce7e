"""The case browser of `report.html`, in a real Chromium, on pages of real runs."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from evalrunner.report.page import cases as case_data
from evalrunner.report.page import write_page

ASSETS = Path(case_data.__file__).parent.parent / "assets"
N_CASES = 130
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    '<svg onload="alert(3)"><a href="javascript:alert(4)">x</a>',
    "{{ 7*7 }} <style>*{display:none}</style> &lt;b&gt;",
    "\u202ereversed \u2028 line \x1b[2J",
)
VISIBLE = {ord(each): f"\\{name}" for each, name in [("\u202e", "u202e"), ("\u2028", "u2028")]}
VISIBLE[0x1B] = "\\x1b"
MODELS = f"""
import collections
import evalrunner

HOSTILE = {HOSTILE!r}
asked = collections.Counter()

def number(prompt):
    return int(prompt.split()[1])

@evalrunner.model
def steady(prompt):
    return f"the parcel {{number(prompt)}} arrives on Monday"

@evalrunner.model
def wavering(prompt):
    n = number(prompt)
    asked[n] += 1
    if n == 7:
        raise ValueError("out of order")
    if n < 5:
        return HOSTILE[n]
    is_slip = n % 10 == 4 and asked[n] == 1
    day = "Tuesday" if n % 2 or is_slip else "Monday"
    hidden = " needle" if n == 129 else ""
    return f"the parcel {{n}} arrives on {{day}}{{hidden}}"
"""
FILES = {
    "models.py": MODELS,
    "conf/model/steady.yaml": "provider: python\nfunction: models.py:steady\n",
    "conf/model/wavering.yaml": "provider: python\nfunction: models.py:wavering\n",
    "conf/dataset/tickets.yaml": (
        "name: tickets\npath: datasets/tickets.jsonl\nslices: [channel]\n"
    ),
}
CASES = [
    {
        "id": f"case/{n:03}+?&#",
        "input": f"parcel {n} is late" if n else HOSTILE[0].replace("<", "parcel 0 <", 1),
        "expected_output": f"the parcel {n} arrives on Monday",
        "channel": "mail" if n % 3 else "chat & phone",
        "note": {"weight": n},
    }
    for n in range(N_CASES)
]
FILTERED = {
    "result=failed": 67,
    "result=zero": 67,
    "result=failed&cell=0": 0,
    "result=passed&scope=all": 62,
    "result=full&scope=all": 50,
    "result=partly": 12,
    "result=unscored&cell=1": 1,
    "status=error": 1,
    "low=1&high=99": 12,
    "high=50&cell=1": 79,
    "disagree=1": 79,
    "disagree=1&cell=0": 79,
    "flipped=1": 67,
    "people=1": 1,
    "slice.channel=chat+%26+phone": 44,
    "slice.channel=chat+%26+phone&result=failed": 23,
    "q=PARCEL+12": 11,
    "q=case%2F012%2B": 1,
}
"""How many of the cases an address shows."""


@pytest.fixture(scope="module")
def run(make_run):
    """Two models of which one wavers, two repeats, and labels of people for one of its answers."""
    words = ("experiment=base", "model=steady,wavering", "run.repeats=2")
    directory = make_run(*words, files=FILES, cases=CASES)
    label = {"case_id": CASES[6]["id"], "cell": "wavering", "label": 0, "labeler": "ana"}
    (directory / "labels.jsonl").write_text(json.dumps(label) + "\n", encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def report(run):
    """Its page, with the cases in pages of 50."""
    return _written(run)


@pytest.fixture(scope="module")
def large(run, tmp_path_factory):
    """The same as a page of a large run: the cases lie in `report/` beside it."""
    directory = tmp_path_factory.mktemp("large") / "run"
    shutil.copytree(run, directory)
    return _written(directory, most_inline=100)


@pytest.fixture
def opened(page, report):
    """Opens the page at an address."""
    return lambda hash_="": _open(page, report, hash_)


def test_no_script_of_the_browser_can_make_markup_of_text():
    """F1: there is no way from a string to HTML, to code or to a style in any of them."""
    parsers = (
        r"(inner|outer|insertAdjacent)HTML|document\.write|\beval\(|Function\(|\.style\b|srcdoc"
    )

    scripts = [path.read_text("utf-8") for path in ASSETS.glob("browser-*.js")]

    assert scripts
    assert [found[0] for text in scripts for found in re.finditer(parsers, text)] == []


def test_the_list_counts_and_marks_every_case(opened):
    """One line a case, with a sign for each candidate that says its score in words."""
    page = opened()

    expect(page.locator("#case-count")).to_have_text("130 of 130 cases")
    assert page.locator("#case-table-body tr").count() == 50
    assert page.locator("#case-table thead th bdi").all_inner_texts() == ["steady", "wavering"]
    line = page.locator("#case-table-body tr", has_text="case/013")
    assert line.locator(".mark").all_inner_texts()[0].split() == ["✓", "100.0", "%"]
    assert line.locator(".mark").nth(1).get_attribute("title") == "wavering: 0.0 %"


def test_an_address_filters_the_list(opened):
    """What other sections link to shows just these cases."""
    page = opened()

    shown = {address: _count_at(page, f"#cases?{address}") for address in FILTERED}

    assert shown == FILTERED


def test_controls_change_the_list_and_back_undoes_it(opened):
    """Choices are in the address, so that going back takes them back one by one."""
    page = opened("#cases")

    page.locator("#case-cells summary").click()
    page.get_by_label("steady").uncheck()
    page.keyboard.press("Escape")
    page.get_by_label("Result").select_option("failed")
    expect(page.locator("#case-count")).to_have_text("67 of 130 cases")
    assert page.evaluate("location.hash") == "#cases?cell=1&result=failed"
    channel = page.locator("#case-slices select")
    channel.select_option("chat & phone")
    expect(page.locator("#case-count")).to_have_text("23 of 130 cases")
    page.go_back()
    expect(page.locator("#case-count")).to_have_text("67 of 130 cases")
    expect(channel).to_have_value("")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("#case-count")).to_have_text("130 of 130 cases")


def test_the_worst_and_the_most_disputed_come_first_when_asked(opened):
    """Sorting by score and by disagreement; ids are sorted as people count."""
    page = opened("#cases?sort=worst&cell=1")
    marks = page.locator("#case-table-body .mark")

    assert marks.first.get_attribute("title") == "wavering: 0.0 %"
    page.get_by_label("Sort").select_option("disagreement")
    assert marks.first.get_attribute("title") == "wavering: 0.0 %"
    page.get_by_label("Sort").select_option("id")
    assert page.locator(".case-link").first.inner_text() == CASES[0]["id"]


def test_search_finds_text_in_outputs_of_another_blob(opened):
    """Titles at once, whole texts by going through all blobs; the place is highlighted."""
    page = opened("#cases")

    search = page.get_by_role("searchbox", name="Search")
    search.fill("PARCEL 12")
    expect(page.locator("#case-count")).to_have_text("11 of 130 cases")
    search.fill("needle")
    expect(page.locator("#case-count")).to_have_text("0 of 130 cases")
    expect(page.locator("#case-searched")).to_have_text(
        "in ids and beginnings of inputs; Enter searches whole texts"
    )
    page.keyboard.press("Enter")
    expect(page.locator("#case-count")).to_have_text("1 of 130 cases")
    expect(page.locator("#case-searched")).to_be_hidden()
    page.locator(".case-link").click()
    expect(page.locator("#case-title")).to_have_text(CASES[129]["id"])
    expect(page.locator(".answer-output").nth(1)).to_contain_text("needle")
    assert page.evaluate("CSS.highlights.get('case-found').size") == 1


def test_a_search_can_be_stopped(new_page, large):
    """It says so, and keeps what it found."""
    page = new_page()
    page.route("**/cases-0001.js", lambda _: None)
    _open(page, large, "#cases?q=parcel&whole=1")

    expect(page.locator("#case-task")).to_be_visible()
    expect(page.locator("#case-count")).to_have_text("50 of 130 cases so far")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#case-task")).to_be_hidden()
    expect(page.locator("#case-count")).to_have_text("50 of 130 cases, search stopped")


def test_a_permalink_opens_its_case_and_back_returns(opened):
    """Ids with any sign in them; the focus goes into the case and back to its link."""
    page = opened("#cases?page=2")

    page.locator(".case-link", has_text="case/060").click()
    expect(page.locator("#case-title")).to_have_text(CASES[60]["id"])
    expect(page.locator("#case-title")).to_be_focused()
    address = page.url
    page.go_back()
    expect(page.locator(".case-link", has_text="case/060")).to_be_focused()
    page.goto("about:blank")
    page.goto(address)
    expect(page.locator(".answer")).to_have_count(2)
    expect(page.locator("#case-place")).to_have_text("61 of 130")
    page.get_by_role("button", name="All cases").click()
    expect(page.locator(".case-link", has_text="case/060")).to_be_focused()


def test_a_permalink_chooses_the_cells(opened):
    """`cells` names the answers that stand side by side."""
    page = opened("#case=case%2F010%2B%3F%26%23&cells=1")

    expect(page.locator(".answer header")).to_contain_text("wavering")
    expect(page.locator(".answer")).to_have_count(1)


def test_the_cells_are_chosen_inside_a_case_too(opened):
    """With the control of the list, which goes back there; the address has what is shown."""
    page = opened("#case=case%2F010%2B%3F%26%23")

    page.locator(".case-bar #case-cells summary").click()
    page.get_by_role("checkbox", name="steady").uncheck()
    expect(page.locator(".answer")).to_have_count(1)
    expect(page.get_by_role("checkbox", name="wavering")).to_be_visible()
    assert page.url.endswith("&cells=1")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="All cases").click()
    expect(page.locator(".browser-filters #case-cells-count")).to_have_text("1 of 2")


def test_a_permalink_holds_the_diff(opened):
    """It is opened with it; who walks on keeps it; a case without such a text shows none."""
    page = opened("#case=case%2F009%2B%3F%26%23&diff=expected")

    expect(page.locator(".answer del")).to_have_text("Monday")
    page.get_by_label("Compare answers with").select_option("wavering")
    assert page.url.endswith("#case=case%2F009%2B%3F%26%23&diff=1")
    page.keyboard.press("j")
    expect(page.locator("#case-title")).to_have_text(CASES[10]["id"])
    expect(page.locator("#case-against")).to_have_value("1")
    assert page.url.endswith("#case=case%2F010%2B%3F%26%23&diff=1")
    page.keyboard.press("d")
    assert page.url.endswith("#case=case%2F010%2B%3F%26%23")
    _go(page, "#case=case%2F009%2B%3F%26%23&diff=7")
    expect(page.locator("#case-title")).to_have_text(CASES[9]["id"])
    expect(page.locator("#case-against")).to_have_value("")
    expect(page.locator(".answer :is(ins, del)")).to_have_count(0)


def test_an_unknown_case_is_said(opened):
    """A link to a case of another run shows the list and says why."""
    page = opened("#case=nobody")

    expect(page.locator("#case-said")).to_have_text("This run has no case nobody.")
    expect(page.locator("#case-count")).to_have_text("130 of 130 cases")


def test_keys_walk_open_compare_and_return(opened):
    """Everything by keyboard alone: j k Enter d Escape."""
    page = opened("#cases")
    press = page.keyboard.press

    for key in ("j", "j", "j", "k"):
        press(key)
    expect(page.locator(".case-link").nth(1)).to_be_focused()
    press("Enter")
    expect(page.locator("#case-title")).to_have_text(CASES[1]["id"])
    press("j")
    expect(page.locator("#case-title")).to_have_text(CASES[2]["id"])
    expect(page.locator(".answer")).to_have_count(2)
    press("f")
    expect(page.locator("#case-cells summary")).to_be_focused()
    expect(page.locator("#case-title")).to_have_text(CASES[2]["id"])
    press("d")
    expect(page.locator("#case-against")).to_have_value("expected")
    press("d")
    expect(page.locator("#case-against")).to_have_value("")
    press("Escape")
    expect(page.locator(".case-link").nth(2)).to_be_focused()


def test_j_turns_the_page_at_its_end(opened):
    """And k turns it back."""
    page = opened("#cases")
    page.locator(".case-link").last.focus()

    page.keyboard.press("j")
    expect(page.locator("#case-page")).to_have_text("Page 2 of 3")
    expect(page.locator(".case-link").first).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("#case-page")).to_have_text("Page 1 of 3")
    expect(page.locator(".case-link").last).to_be_focused()


def test_keys_do_nothing_while_somebody_types(opened):
    """Letters belong to fields; with a modifier to the browser; and they can be switched off."""
    page = opened("#cases")
    press = page.keyboard.press

    press("f")
    expect(page.locator("#case-cells summary")).to_be_focused()
    press("/")
    search = page.get_by_role("searchbox", name="Search")
    expect(search).to_be_focused()
    page.keyboard.type("fj?")
    expect(search).to_have_value("fj?")
    search.fill("")
    search.blur()
    press("?")
    expect(page.locator("#case-help")).to_be_visible()
    page.get_by_label("single-letter keys are on").uncheck()
    press("Escape")
    expect(page.locator("#case-help")).to_be_hidden()
    press("/")
    expect(search).not_to_be_focused()


def test_the_diff_marks_the_words_that_differ(opened):
    """With the expected answer, and with another cell's output."""
    page = opened("#case=case%2F009%2B%3F%26%23")
    right, wrong = page.locator(".answer").nth(0), page.locator(".answer").nth(1)

    page.get_by_label("Compare answers with").select_option("expected")
    expect(wrong.locator("del")).to_have_text("Monday")
    expect(wrong.locator("ins")).to_have_text("Tuesday")
    expect(right.locator("ins, del")).to_have_count(0)
    expect(right).to_contain_text("Equal.")
    page.get_by_label("Compare answers with").select_option("wavering")
    expect(right.locator("del")).to_have_text("Tuesday")
    expect(right.locator("ins")).to_have_text("Monday")
    expect(wrong.locator("ins, del")).to_have_count(0)


def test_the_diff_gives_back_both_texts(opened):
    """Whatever the texts: what is not inserted is the first, what is not deleted the second."""
    page = opened()

    broken = page.evaluate(
        """() => {
          let seed = 7;
          const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
          const letters = () => Array.from({ length: random(14) }, () => "ab c\\n,d漢"[random(8)]);
          const without = (parts, kind) => parts.filter((each) => each.kind !== kind);
          const text = (parts) => parts.map((each) => each.text).join("");
          for (let i = 0; i < 2000; i += 1) {
            const [before, after] = [letters().join(""), letters().join("")];
            const parts = evalrunner.diff(before, after);
            const read = [text(without(parts, "ins")), text(without(parts, "del"))];
            if (read[0] !== before || read[1] !== after) return [before, after, read];
          }
          return null;
        }"""
    )

    assert broken is None
    long = "evalrunner.diff(Array(3000).fill().map((_, i) => `a${i}`).join(' '), 'b '.repeat(3000))"
    assert page.evaluate(long) is None


def test_hostile_outputs_stay_text(opened):
    """F1: markup, links and invisible characters of a model are letters in the page."""
    page = opened("#cases?cell=1")
    answer = page.locator(".answer .prose").first

    for n, text in enumerate(HOSTILE):
        _go(page, f"#case=case%2F{n:03}%2B%3F%26%23&cells=1")
        page.locator("#case-against").select_option("")
        expect(answer).to_have_text(text.translate(VISIBLE))
        page.locator("#case-against").select_option("expected")
        expect(answer.locator("ins").first).to_be_visible()
        assert page.locator("#case-browser :is(script, img, style, svg, [onload])").count() == 0


def test_repeats_and_failures_are_shown(opened):
    """Each repeat has its own answer and sign; what failed says why."""
    page = opened("#case=case%2F014%2B%3F%26%23&cells=1")
    repeats = page.get_by_role("group", name="Repeats").get_by_role("button")

    texts = []
    for n in range(2):
        repeats.nth(n).click()
        expect(repeats.nth(n)).to_be_focused()
        texts.append(page.locator(".answer-output").inner_text().split()[-1])
        expect(page.locator(".answer-score")).to_contain_text("50.0 %mean of 2 repeats")
    assert sorted(texts) == ["Monday", "Tuesday"]
    page.goto(page.url.split("#")[0] + "#case=case%2F007%2B%3F%26%23&cells=1")
    expect(page.locator(".answer-score")).to_contain_text("–none of 2 repeats is scored")
    expect(page.locator(".answer-repeats .answer-status")).to_have_text("error")
    expect(page.locator(".answer-said").first).to_contain_text("out of order")


def test_people_who_disagree_are_shown(opened):
    """Their label stands beside the score."""
    page = opened("#case=case%2F006%2B%3F%26%23&cells=1")

    expect(page.locator(".answer-score")).to_contain_text("people: 0.0 %")


def test_judges_reasons_prompts_and_raw_bodies_are_shown(page, support_replies):
    """Each criterion with its verdict; what was sent and what came back, only when opened."""
    _open(page, support_replies / "report.html", "#cases?cell=0")
    answer = page.locator(".answer")

    page.locator(".case-link").first.click()
    expect(answer.locator(".criteria > li").first).to_be_visible()
    assert set(answer.locator(".criteria .mark").all_inner_texts()) <= {"✓\npassed", "✗\nfailed"}
    assert answer.locator(".criteria .score-reason").first.inner_text()
    answer.get_by_text("Prompt as sent").click()
    expect(answer.locator(".case-role")).to_have_text(["system", "user"])
    page.keyboard.press("r")
    expect(answer.locator(".raw-role")).to_have_text(["candidate", "judge judge, rubric"])
    expect(answer.locator(".raw .prose").first).to_contain_text('"claude-haiku-5-5"')


def test_a_case_is_copied_as_json_lines(new_page, report):
    """One line a trial of the shown cells; the link is copied with them."""
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    _open(page, report, "#case=case%2F010%2B%3F%26%23")
    expect(page.locator(".answer")).to_have_count(2)

    page.keyboard.press("c")
    expect(page.locator("#case-said")).to_have_text("Copied 4 trials as JSON lines.")
    lines = [json.loads(line) for line in _clipboard(page).splitlines()]
    assert [(line["cell"], line["repeat"]) for line in lines] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert {line["output"] for line in lines} == {"the parcel 10 arrives on Monday"}
    assert lines[0]["case_id"] == CASES[10]["id"]
    assert lines[0]["expected"] == CASES[10]["expected_output"]
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#case-said")).to_have_text("Copied the link to this case.")
    assert _clipboard(page).endswith("#case=case%2F010%2B%3F%26%23&cells=0,1")


def test_all_filtered_cases_are_copied_or_saved(new_page, report):
    """From all blobs; and by hand where the page may not use the clipboard."""
    page = new_page()
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', { value: undefined });"
        "Document.prototype.execCommand = () => false;"
    )
    _open(page, report, "#cases?result=partly&cell=1")

    page.get_by_role("button", name="Copy as JSONL").first.click()
    expect(page.locator("#case-copy-dialog")).to_be_visible()
    lines = page.locator("#case-copy-text").input_value().splitlines()
    page.locator("#case-copy-dialog").get_by_role("button", name="Close").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as JSONL").click()

    assert len(lines) == 24
    assert {json.loads(line)["case_id"] for line in lines} == {c["id"] for c in CASES[14::10]}
    assert saved.value.suggested_filename == "cases.jsonl"
    assert saved.value.path().read_text("utf-8").splitlines() == lines


def test_a_large_run_reads_its_side_files(page, large):
    """From disk, one by one as they are needed."""
    _open(page, large, "#case=case%2F120%2B%3F%26%23")

    expect(page.locator(".answer-output").first).to_contain_text("the parcel 120 arrives")
    assert sorted(path.name for path in (large.parent / "report").iterdir()) == [
        f"cases-{n:04}.js" for n in range(3)
    ]
    page.keyboard.press("Escape")
    page.get_by_role("searchbox", name="Search").fill("needle")
    page.keyboard.press("Enter")
    expect(page.locator("#case-count")).to_have_text("1 of 130 cases")


def test_a_missing_side_file_is_said(page, large, tmp_path, problems):
    """Who mails the page alone learns what is missing, and the list still works."""
    alone = shutil.copy(large, tmp_path / "report.html")
    _open(page, alone, "#case=case%2F120%2B%3F%26%23")

    expect(page.locator("#case-body [role=alert]")).to_contain_text(
        "the directory report/ must lie beside report.html"
    )
    page.keyboard.press("Escape")
    expect(page.locator("#case-count")).to_have_text("130 of 130 cases")
    assert all("ERR_FILE_NOT_FOUND" in problem for problem in problems)
    problems.clear()


def test_a_hundred_thousand_trials_can_be_browsed(page, large, tmp_path):
    """Twenty cells of 5,000 cases: open, filter, sort and turn pages."""
    _open(page, _swollen(large, tmp_path), "#cases")

    expect(page.locator("#case-count")).to_have_text("5,000 of 5,000 cases")
    expect(page.locator(".case-table thead th")).to_have_count(21)
    page.get_by_label("models disagree").check()
    expect(page.locator("#case-count")).to_have_text("4,500 of 5,000 cases")
    page.get_by_label("Sort").select_option("worst")
    page.get_by_role("button", name="Next page").click()
    expect(page.locator("#case-page")).to_have_text("Page 2 of 90")
    expect(page.locator("#case-table-body tr")).to_have_count(50)


def test_a_phone_shows_it_without_scrolling_sideways(new_page, report):
    """390 pixels: answers one under the other, nothing cut."""
    page = new_page(viewport={"width": 390, "height": 800})
    _open(page, report, "#cases")
    widths = [_width(page)]

    page.locator(".case-link").nth(9).click()
    expect(page.locator(".answer")).to_have_count(2)
    widths.append(_width(page))
    boxes = [page.locator(".answer").nth(n).bounding_box() for n in range(2)]

    assert max(widths) <= 390
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]


def test_print_has_the_open_case_and_never_the_list(opened):
    """A page of paper cannot be filtered."""
    page = opened("#cases")

    page.emulate_media(media="print")
    expect(page.locator("#cases")).to_be_hidden()
    page.emulate_media(media="screen")
    page.locator(".case-link").first.click()
    expect(page.locator(".answer")).to_have_count(2)
    page.emulate_media(media="print")
    expect(page.locator(".answer-output").first).to_be_visible()
    expect(page.locator("#case-list, .case-bar").first).to_be_hidden()


def test_without_scripts_the_section_says_where_the_trials_are(new_page, report):
    """`trials.jsonl` has them all."""
    page = new_page(java_script_enabled=False)
    page.goto(report.as_uri())

    expect(page.locator("#cases noscript a")).to_have_attribute("href", "trials.jsonl")
    expect(page.locator("#case-browser")).to_be_hidden()


def _written(directory, *, most_inline=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(case_data, "page_size", lambda *_: 50)
        if most_inline is not None:
            patch.setattr(case_data, "MOST_INLINE", most_inline)
        return write_page(directory)


def _open(page, report, hash_=""):
    page.goto(f"{report.as_uri()}{hash_}")
    expect(page.locator("#case-browser")).to_be_visible()
    return page


def _go(page, hash_):
    page.evaluate("(hash) => { location.hash = hash; }", hash_)


def _count_at(page, hash_):
    # The event that the browser answers to is over before the next one.
    page.evaluate(
        """(hash) => new Promise((done) => {
          addEventListener("hashchange", () => setTimeout(done), { once: true });
          location.hash = hash;
        })""",
        hash_,
    )
    return int(page.locator("#case-count").inner_text().split()[0])


def _clipboard(page):
    return page.evaluate("navigator.clipboard.readText()")


def _width(page):
    return page.evaluate("document.documentElement.scrollWidth")


def _swollen(report, directory):
    """A copy of the page with twenty cells of 5,000 cases in its index; on 500 all cells agree."""
    text = report.read_text("utf-8")
    found = re.search(r'id="blob-index">([^<]*)<', text)
    index = json.loads(gzip.decompress(base64.b64decode(found[1])))
    cell, n = index["cells"][0], 5000
    index["cells"] = [cell | {"id": id_, "label": f"m{id_}"} for id_ in range(20)]
    index["groups"] = [
        {
            "first_page": 0,
            "n_pages": n // 50,
            "cells": list(range(20)),
            "ids": [f"case-{row:05}" for row in range(n)],
            "titles": [f"input of case {row}" for row in range(n)],
            "slices": {},
            "score": {
                id_: [int(row % 10 == 0 or row % 20 != id_) for row in range(n)]
                for id_ in range(20)
            },
            "status": dict.fromkeys(range(20), "o" * n),
            "people": {},
        }
    ]
    data = base64.b64encode(gzip.compress(json.dumps(index).encode())).decode()
    path = directory / "report.html"
    path.write_text(text.replace(found[1], data), encoding="utf-8")
    return path
