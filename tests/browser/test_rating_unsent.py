"""What a rater said and the server has not: kept, sent, and never over another answer."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Error, expect
from rating_desk import CRITERIA, SECRETS, rated_run

from evalrunner.store.people import read_export, read_votes

from .test_rating import new_tab, opened, press, recorded, serve, traffic

__all__ = ["new_tab", "serve", "traffic"]

AWAY = "ERR_CONNECTION|ERR_EMPTY_RESPONSE|Failed to load resource"
STALE = "409"
STORED = "JSON.stringify(Object.entries(localStorage))"


def press_unheard(page, server, key):
    """Kill the server, press a key, and wait until the page says that nobody heard it."""
    server.kill()
    page.keyboard.press(key)
    expect(page.locator("#banner")).to_contain_text("Not saved yet")


def reload_in_vain(page):
    """Reload a page whose server is gone, whatever it warns of."""
    page.on("dialog", lambda dialog: dialog.accept())
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        page.reload()


def test_saved_and_not_saved_are_never_said_at_once(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=3)
    server = serve(run)
    # So low that there is something to scroll, and the bars still stick.
    page = new_tab(allowed=AWAY, viewport={"width": 390, "height": 650})
    opened(page, server.links["ann"])
    press(page, "1")
    expect(page.locator("#status")).to_have_text("Saved. Task 2 of 3.")

    page.mouse.wheel(0, 2_000)
    page.wait_for_function("() => scrollY > 50")
    press_unheard(page, server, "2")
    expect(page.locator("#status")).to_have_text("")
    expect(page.locator("#banner")).to_be_in_viewport(ratio=1)
    serve(run, "--port", str(server.port))

    expect(page.locator("#status")).to_have_text("Saved. Task 3 of 3.")
    expect(page.locator("#banner")).to_be_hidden()


@pytest.mark.parametrize("is_new_tab", [False, True])
def test_an_unsent_answer_outlives_its_page(serve, new_tab, tmp_path, is_new_tab):
    run = rated_run(tmp_path, n=3)
    server = serve(run)
    page = opened(new_tab(allowed=AWAY), server.links["ann"])
    press(page, "1")
    page.keyboard.press("n")
    page.keyboard.type("late")
    page.keyboard.press("Escape")

    press_unheard(page, server, "2")
    expect(page.locator("#banner")).to_contain_text("kept in this browser; trying again")
    reload_in_vain(page)
    again = serve(run, "--port", str(server.port))
    if is_new_tab:
        page.close()
        page = page.context.new_page()
    opened(page, again.links["ann"])

    expect(page.locator("#status")).to_have_text(
        "Saved: your answer from before this page was loaded again."
    )
    expect(page.locator("#progress-text")).to_have_text("Task 3 of 3")
    assert recorded(run) == {"ann": ["left", "right"]}
    assert [said.note for said in read_votes(run)[0]] == [None, "late"]
    # Once is enough.
    assert [json.loads(kept) for _, kept in json.loads(page.evaluate(STORED))] == [{}]
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert len(read_votes(run)[0]) == 2


def test_of_a_rubric_the_criterion_that_waits_outlives_its_page(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, raters=("ann",), n=2, kind="rubric")
    server = serve(run)
    page = opened(new_tab(allowed=AWAY), server.links["ann"])
    press(page, "1")

    press_unheard(page, server, "2")
    # Another criterion does not push it out.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("1")
    reload_in_vain(page)
    opened(page, serve(run, "--port", str(server.port)).links["ann"])

    expect(page.locator("[aria-current=true]")).to_contain_text(CRITERIA[2])
    assert recorded(run) == {"ann": [1.0, 0.0]}


def test_an_unsent_answer_is_its_raters_alone_and_tells_nothing(serve, new_tab, traffic, tmp_path):
    """F12: two raters at one machine; what is kept names no model, text, link or rater."""
    run = rated_run(tmp_path, n=3)
    server = serve(run)
    page = opened(new_tab(allowed=AWAY), server.links["ann"])
    press_unheard(page, server, "2")
    stored = page.evaluate(STORED)
    reload_in_vain(page)
    again = serve(run, "--port", str(server.port))
    traffic.clear()

    opened(page, again.links["bob"])
    expect(page.locator("#progress-text")).to_have_text("Task 1 of 3")
    bobs = (recorded(run), "\n".join(traffic))
    opened(page, again.links["ann"])

    tasks = read_export(run).tasks
    anns = [task for task in tasks if task.rater == "ann"]
    secrets = [*SECRETS, *again.links, *map(again.token, again.links)]
    secrets += [text for task in tasks for text in (task.input, task.output_a, task.output_b)]
    assert anns[0].task_id in stored
    assert [secret for secret in secrets if secret.lower() in stored.lower()] == []
    assert bobs[0] == {}
    assert [task.task_id for task in anns if task.task_id in bobs[1]] == []
    assert recorded(run) == {"ann": ["right"]}


def test_an_unsent_answer_to_a_task_that_was_answered_since_is_not_used(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=3)
    server = serve(run)
    page = opened(new_tab(allowed=f"{AWAY}|{STALE}"), server.links["ann"])
    task = server.task("ann")["task"]["task_id"]
    press_unheard(page, server, "2")
    reload_in_vain(page)

    again = serve(run, "--port", str(server.port))
    # From another device.
    again.vote("ann", {"task_id": task, "vote": "tie"})
    opened(page, again.links["ann"])

    expect(page.locator("#status")).to_contain_text("An unsent answer from before was not used")
    expect(page.locator("#progress-text")).to_have_text("Task 2 of 3")
    assert recorded(run) == {"ann": ["tie"]}
    assert task not in page.evaluate(STORED)


def test_without_storage_an_unsent_answer_is_kept_in_the_page(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=3)
    server = serve(run)
    page = new_tab(allowed=AWAY)
    page.add_init_script(
        "for (const kind of ['localStorage', 'sessionStorage'])"
        "  Object.defineProperty(window, kind, { get() { throw new Error('no'); } })"
    )
    opened(page, server.links["ann"])
    press(page, "1")

    press_unheard(page, server, "2")
    expect(page.locator("#banner")).to_contain_text("kept in this page; trying again")
    serve(run, "--port", str(server.port))

    expect(page.locator("#progress-text")).to_have_text("Task 3 of 3")
    assert recorded(run) == {"ann": ["left", "right"]}


def test_a_new_link_sends_what_an_old_one_could_not(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=2)
    server = serve(run)
    page = opened(new_tab(allowed="403|404"), server.links["ann"])

    server.kill()
    (run / "human" / "secrets.json").unlink()
    again = serve(run, "--port", str(server.port))
    page.keyboard.press("1")
    expect(page.locator("#banner")).to_have_text("Not saved: this link is not, or no longer, valid")
    opened(page, again.links["ann"])

    expect(page.locator("#progress-text")).to_have_text("Task 2 of 2")
    assert recorded(run) == {"ann": ["left"]}


def test_a_note_after_the_key_goes_with_the_answer_that_waits(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=2)
    server = serve(run)
    page = opened(new_tab(allowed=AWAY), server.links["ann"])

    press_unheard(page, server, "2")
    page.keyboard.press("f")
    page.keyboard.press("n")
    page.keyboard.type("both")
    page.keyboard.press("Escape")
    serve(run, "--port", str(server.port))
    expect(page.locator("#progress-text")).to_have_text("Task 2 of 2")

    (said,) = read_votes(run)[0]
    assert (said.vote, said.note, said.is_flagged) == ("right", "both", True)


def test_a_stale_tab_shows_the_present_answer_and_replaces_it_only_when_told_again(
    serve, new_tab, tmp_path
):
    run = rated_run(tmp_path, n=3)
    url = serve(run).links["ann"]
    page = opened(new_tab(allowed=STALE), url)
    stale = opened(page.context.new_page(), url)
    page.keyboard.press("n")
    page.keyboard.type("why")
    page.keyboard.press("Escape")
    press(page, "1")

    press(stale, "2")
    expect(stale.locator("#status")).to_have_text(
        "Not saved: this task was answered elsewhere since. "
        "That answer is marked; a new one replaces it."
    )
    expect(stale.locator("[aria-pressed=true]")).to_have_text("1 Response 1 is better")
    expect(stale.locator("#note")).to_have_value("why")
    expect(stale.locator("#banner")).to_be_hidden()
    kept = recorded(run)
    press(stale, "2")

    expect(stale.locator("#status")).to_have_text("Saved. Task 2 of 3.")
    assert kept == {"ann": ["left"]}
    assert recorded(run) == {"ann": ["right"]}


def test_a_stale_tab_may_leave_the_present_answer_or_say_the_same(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=3)
    url = serve(run).links["ann"]
    page = opened(new_tab(allowed=STALE), url)
    stale = opened(page.context.new_page(), url)
    press(page, "1")

    press(stale, "2", "c")
    expect(stale.locator("#progress-text")).to_have_text("Task 2 of 3")
    press(page, "3")
    press(stale, "3")
    expect(stale.locator("#status")).to_have_text("Saved. Task 3 of 3.")

    assert recorded(run) == {"ann": ["left", "tie"]}
    assert len(read_votes(run)[0]) == 2


def test_a_stale_tab_of_a_rubric_shows_the_criterion_that_was_answered(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, raters=("ann",), n=2, kind="rubric")
    url = serve(run).links["ann"]
    page = opened(new_tab(allowed=STALE), url)
    stale = opened(page.context.new_page(), url)
    press(page, "1", "1")

    stale.keyboard.press("2")
    expect(stale.locator("#status")).to_contain_text("was answered elsewhere since")
    expect(stale.locator("[aria-current=true]")).to_contain_text(CRITERIA[0])
    expect(stale.locator("#onward")).to_be_hidden()
    kept = recorded(run)
    stale.wait_for_timeout(300)
    stale.keyboard.press("2")
    expect(stale.locator("[aria-current=true]")).to_contain_text(CRITERIA[2])

    assert kept == {"ann": [1.0, 1.0]}
    assert recorded(run) == {"ann": [0.0, 1.0]}


def test_a_second_thought_replaces_an_own_answer_whose_receipt_got_lost(serve, new_tab, tmp_path):
    run = rated_run(tmp_path, n=2)
    page = opened(new_tab(allowed=f"{AWAY}|{STALE}"), serve(run).links["ann"])
    lost = []

    def lose_first(route):
        answer = route.fetch()
        if lost:
            route.fulfill(response=answer)
        else:
            lost.append(answer.status)
            route.abort("connectionreset")

    page.route("**/api/votes", lose_first)
    page.keyboard.press("1")
    expect(page.locator("#banner")).to_contain_text("Not saved yet")
    page.keyboard.press("4")
    expect(page.locator("#progress-text")).to_have_text("Task 2 of 2")

    assert lost == [200]
    assert [said.vote for said in read_votes(run)[0]] == ["left", "both_bad"]
