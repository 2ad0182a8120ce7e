"""A complete rating in a real browser: keyboard only, over a reload, a kill and a restart."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Error, expect
from rating_desk import CRITERIA, SECRETS, Serving, rated_run

from evalrunner.store.people import read_export, read_votes
from evalrunner.types.people import Rating

KEYS = {
    "1": "left",
    "2": "right",
    "3": "tie",
    "4": "both_bad",
    "ArrowLeft": "left",
    "ArrowRight": "right",
    "s": "skip",
}


@pytest.fixture
def serve():
    """Starts servers; those that still run end with the test."""
    started = []

    def start(run, *words):
        started.append(Serving(run, *words))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture
def traffic():
    """Everything that a server sent to the pages of this test."""
    return []


@pytest.fixture
def new_tab(browser, traffic):
    """Makes a page in a context of its own that asks nothing but this machine.

    The test fails when a page writes an error that is not `allowed`, or lets an exception through.
    """
    contexts, problems = [], []

    def make(*, allowed=r"^$", **options):
        def told(said):
            if said.type in {"error", "warning"} and not re.search(allowed, said.text):
                problems.append(said.text)

        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.route("**/*", lambda route: fetched(route, traffic))
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on("console", told)
        return page

    yield make
    for context in contexts:
        context.close()
    assert problems == []


def fetched(route, traffic):
    """Let a request through, and keep what comes back."""
    assert route.request.url.startswith("http://127.0.0.1:")
    try:
        answer = route.fetch()
    except Error:
        # Nobody listens there.
        route.abort("connectionrefused")
        return
    traffic.append(f"{answer.url} {answer.status} {answer.headers} {answer.text()}")
    route.fulfill(response=answer)


def opened(page, url):
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    return page


def press(page, *keys):
    """Press keys that each lead on, and wait for where they lead."""
    for key in keys:
        before = page.get_attribute("body", "data-ready")
        page.keyboard.press(key)
        page.wait_for_function("before => document.body.dataset.ready !== before", arg=before)


def recorded(run):
    """By rater, what stands in votes.jsonl of each task (or criterion) in the end, in order."""
    order = {task.task_id: task.order for task in read_export(run).tasks}
    last = {}
    for said in read_votes(run)[0]:
        part = said.criterion if isinstance(said, Rating) else None
        last[said.rater, order[said.task_id], part] = said
    found = {}
    for (rater, _, _), said in sorted(last.items(), key=lambda item: item[0][:2]):
        what = said.label if isinstance(said, Rating) else said.vote
        found.setdefault(rater, []).append(what)
    return found


def test_two_raters_by_keyboard_over_reload_kill_and_restart_say_what_they_pressed(
    serve, new_tab, traffic, tmp_path
):
    """The whole of it; F12: nothing that the browser gets tells where an output is from."""
    run = rated_run(tmp_path, n=7)
    server = serve(run)
    pressed = {"ann": ["1", "2", "3", "4", "ArrowLeft", "ArrowRight", "s"], "bob": list("2142331")}
    refused = "ERR_CONNECTION|ERR_EMPTY_RESPONSE|Failed to load resource"
    tabs = {
        rater: opened(new_tab(allowed=refused), server.links[rater]) for rater in ("ann", "bob")
    }
    for rater, page in tabs.items():
        press(page, *pressed[rater][:2])
    tabs["ann"].reload()
    tabs["ann"].wait_for_selector("body[data-ready]")
    expect(tabs["ann"].locator("#progress-text")).to_have_text("Task 3 of 7")
    press(tabs["ann"], pressed["ann"][2])

    server.kill()
    # Pressed while nobody listens: kept in the page, and sent once somebody does.
    tabs["bob"].keyboard.press(pressed["bob"][2])
    expect(tabs["bob"].locator("#banner")).to_contain_text("Not saved yet")
    while_away = recorded(run)
    again = serve(run, "--port", str(server.port))
    expect(tabs["bob"].locator("#progress-text")).to_have_text("Task 4 of 7")
    expect(tabs["bob"].locator("#banner")).to_be_hidden()
    tabs["bob"].wait_for_timeout(300)
    for rater, page in tabs.items():
        press(page, *pressed[rater][3:])

    expect(tabs["ann"].locator("#end-title")).to_contain_text("Thank you")
    assert [len(votes) for votes in while_away.values()] == [3, 2]
    assert recorded(run) == {rater: [KEYS[key] for key in keys] for rater, keys in pressed.items()}
    assert len(read_votes(run)[0]) == 14
    assert again.links == server.links
    shown = [f"{page.content()} {page.title()} {page.url}" for page in tabs.values()]
    assert sum('"output_a"' in text for text in traffic) >= 14
    assert [
        secret for secret in SECRETS for text in traffic + shown if secret in text.lower()
    ] == []


def test_undo_shows_what_was_said_and_a_new_answer_replaces_it(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=3)
    page = opened(new_tab(), serve(run).links["ann"])

    press(page, "1", "2", "u")
    shown = page.locator("[aria-pressed=true]").all_inner_texts()
    press(page, "u", "c")
    onward = page.locator("#progress-text").inner_text()
    press(page, "u", "3", "4", "u", "1")

    assert shown == ["2 Response 2 is better"]
    assert onward == "Task 3 of 3"
    assert recorded(run) == {"ann": ["left", "tie", "left"]}
    expect(page.locator("#end-text")).to_contain_text("You rated 3 tasks")


def test_a_note_takes_every_key_and_goes_with_the_vote_over_a_reload(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=2)
    page = opened(new_tab(), serve(run).links["ann"])

    page.keyboard.press("f")
    page.keyboard.press("n")
    page.keyboard.type("1 2 3 4 s u n ? wrong parcel")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("n")
    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Escape")
    press(page, "2")
    page.keyboard.press("n")
    page.keyboard.type("other")
    page.keyboard.press("Control+Enter")
    press(page, "1")

    first, second = read_votes(run)[0]
    assert (first.vote, first.note) == ("right", "1 2 3 4 s u n ? wrong parcel!")
    assert first.is_flagged
    assert (second.vote, second.note, second.is_flagged) == ("left", "other", False)
    assert first.seconds is not None
    assert 0 < first.seconds < 60


def test_a_held_or_hasty_key_votes_once(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=4)
    page = opened(new_tab(), serve(run).links["ann"])
    before = page.get_attribute("body", "data-ready")

    for _ in range(8):
        # Without an up in between, all but the first are repeats.
        page.keyboard.down("1")
    page.keyboard.up("1")
    page.keyboard.press("2", delay=0)
    page.wait_for_function("before => document.body.dataset.ready !== before", arg=before)

    assert recorded(run) == {"ann": ["left"]}


def test_single_keys_can_be_switched_off(serve, new_tab, tmp_path):
    """WCAG 2.1.4: who dictates, or hits keys by accident, votes by buttons alone."""
    run = rated_run(tmp_path, n=2)
    page = opened(new_tab(), serve(run).links["ann"])

    page.keyboard.press("?")
    page.locator("#single-keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("1")
    page.get_by_role("button", name="Tie").focus()
    press(page, "Enter")

    assert recorded(run) == {"ann": ["tie"]}


def test_a_rubric_is_answered_criterion_by_criterion_and_can_be_changed(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, raters=("ann",), n=2, kind="rubric")
    page = opened(new_tab(), serve(run).links["ann"])
    active = page.locator("[aria-current=true]")

    expect(active).to_contain_text(CRITERIA[0])
    press(page, "1", "2")
    page.keyboard.press("ArrowUp")
    expect(active).to_contain_text(CRITERIA[1])
    page.keyboard.press("1")
    expect(active).to_contain_text(CRITERIA[2])
    press(page, "s")
    expect(page.locator("#progress-text")).to_have_text("Task 2 of 2")
    press(page, "2", "2", "2", "u")
    expect(page.locator(".state")).to_have_text(["✗ not met"] * 3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("1")
    expect(page.locator(".state")).to_have_text(["✗ not met", "✓ met", "✗ not met"])
    press(page, "c")

    expect(page.locator("#end-title")).to_be_visible()
    assert recorded(run) == {"ann": [1.0, 1.0, None, 0.0, 1.0, 0.0]}


def test_what_the_disk_refuses_is_kept_and_said(serve, new_tab, tmp_path):
    import resource

    run = rated_run(tmp_path, n=2)
    server = serve(run)
    page = opened(new_tab(allowed="503"), server.links["ann"])
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)

    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, most))
    page.keyboard.press("1")
    expect(page.locator("#banner")).to_contain_text("Not saved yet: the computer that collects")
    # The rater thinks again meanwhile.
    page.keyboard.press("4")
    refused = recorded(run)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))
    expect(page.locator("#progress-text")).to_have_text("Task 2 of 2")

    assert refused == {}
    assert recorded(run) == {"ann": ["both_bad"]}
    expect(page.locator("#banner")).to_be_hidden()


def test_a_link_that_is_not_valid_any_more_says_so(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=2)
    server = serve(run)
    page = opened(new_tab(allowed="403|404"), server.links["ann"])

    server.kill()
    (run / "human" / "secrets.json").unlink()
    serve(run, "--port", str(server.port))
    page.keyboard.press("1")

    expect(page.locator("#banner")).to_have_text("Not saved: this link is not, or no longer, valid")
    assert recorded(run) == {}
