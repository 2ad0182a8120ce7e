"""The rating server as a process of its own: who gets in, what is taken, and what is on disk."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from rating_desk import CRITERIA, SECRETS, Serving, rated_run

from evalrunner.store.people import read_export, read_votes
from evalrunner.store.people.export import locked_tasks
from evalrunner.types.people import Rating


@pytest.fixture
def serving(tmp_path):
    """A server over two raters' pairs; ended with the test."""
    server = Serving(rated_run(tmp_path))
    yield server
    server.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A server that the tests of this module leave without votes."""
    server = Serving(rated_run(tmp_path_factory.mktemp("shared")))
    yield server
    server.kill()


def recorded(run):
    """(rater, task, what was said) of every line of votes.jsonl."""
    return [
        (each.rater, each.task_id, each.label if isinstance(each, Rating) else each.vote)
        for each in read_votes(run)[0]
    ]


def human(*words):
    """`evalrunner human serve` with these words, which ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "evalrunner", "human", "serve", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_rater_is_led_through_the_tasks_and_every_vote_is_on_disk_before_the_next(serving):
    tasks = read_export(serving.run).tasks
    mine = [task.task_id for task in tasks if task.rater == "ann"]

    for place, choice in enumerate(("left", "right", "tie", "both_bad")):
        assert serving.task("ann")["task"]["task_id"] == mine[place]
        status, view = serving.vote("ann", {"task_id": mine[place], "vote": choice, "seconds": 2})
        assert status == 200
        assert recorded(serving.run)[-1] == ("ann", mine[place], choice)
        assert view["n_done"] == place + 1

    assert view["task"] is None
    assert view["seconds"] == 8
    assert serving.task("bob")["n_done"] == 0


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil:{port}",
        "",
    ],
)
def test_another_host_is_refused(shared, host):
    """F11: a name that was rebound to this address gets nothing, with or without a token."""
    page = shared.links["ann"].partition(str(shared.port))[2]
    host = host.format(port=shared.port)

    status, headers, body = shared.ask("GET", page, Host=host)
    voted, _ = shared.vote("ann", {"task_id": "x", "vote": "left"}, Host=host)

    assert (status, voted) == (421, 421)
    assert body == b"Refused\n"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST", "[::1]"])
def test_every_name_of_this_machine_for_itself_is_served(shared, host):
    page = shared.links["ann"].partition(str(shared.port))[2]

    status, _, _ = shared.ask("GET", page, Host=f"{host}:{shared.port}")

    assert status == 200


@pytest.mark.parametrize("path", ["/", "/r/", "/r/wrong", "/r/{token}x", "/favicon.ico", "/api"])
def test_without_its_token_a_page_says_nothing(shared, path):
    """F11: neither a missing nor a wrong token learns what is here."""
    status, headers, body = shared.ask("GET", path.format(token=shared.token("ann")))

    assert (status, body) == (403, b"Forbidden\n")
    assert "server" not in headers


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "Bearer ä"]
)
def test_without_its_token_nothing_is_told_or_taken(shared, authorization):
    """F11."""
    if authorization is not None:
        authorization = authorization.format(token=shared.token("ann"))
    task = shared.task("ann")["task"]["task_id"]

    asked, _, body = shared.ask("GET", "/api/task", Authorization=authorization)
    voted, _ = shared.vote("ann", {"task_id": task, "vote": "left"}, Authorization=authorization)

    assert (asked, voted) == (403, 403)
    assert set(json.loads(body)) == {"message"}
    assert recorded(shared.run) == []


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:{port}", "Host": "localhost:{port}"}, 403),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": None}, 415),
    ],
)
def test_a_foreign_page_cannot_vote(shared, headers, expected):
    """F11: neither by a script, whose Origin tells it, nor by a form, which cannot send JSON."""
    headers = {name: text and text.format(port=shared.port) for name, text in headers.items()}
    task = shared.task("ann")["task"]["task_id"]

    status, _ = shared.vote("ann", {"task_id": task, "vote": "left"}, **headers)

    assert status == expected
    assert recorded(shared.run) == []


def test_no_other_page_may_ask(shared):
    """F11: a browser that asks first is told no, and no response lets another page read it."""
    status, headers, _ = shared.ask(
        "OPTIONS",
        "/api/votes",
        Origin=f"http://127.0.0.1:{shared.port}",
        Access_Control_Request_Method="POST",
    )

    assert status in {403, 405}
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("size", [65_537, 5_000_000])
@pytest.mark.parametrize("is_told", [True, False])
def test_an_oversized_body_is_refused(shared, size, is_told):
    body = json.dumps({"task_id": "x" * size}).encode()
    length = str(len(body))
    headers = {"Content_Length": length}
    if not is_told:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        headers = {"Content_Length": None, "Transfer_Encoding": "chunked"}

    try:
        status, _ = shared.vote("ann", body, **headers)
    except (BrokenPipeError, ConnectionResetError):
        # It need not read on to say so.
        status = 413

    assert status == 413
    assert shared.task("ann")["n_done"] == 0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"vote": "left"}, 404),
        ({"task_id": "0123456789abcdef", "vote": "left"}, 404),
        ({"task_id": "{bob}", "vote": "left"}, 404),
        ({"task_id": "{bob}", "vote": "left", "rater": "bob"}, 404),
        ({"task_id": "{ann}"}, 400),
        ({"task_id": "{ann}", "vote": "middle"}, 400),
        ({"task_id": "{ann}", "vote": ["left"]}, 400),
        ({"task_id": "{ann}", "vote": None}, 400),
        ({"task_id": "{ann}", "criterion": CRITERIA[0], "label": 1}, 400),
        ({"task_id": "{ann}", "vote": "left", "note": 7}, 400),
        ([], 400),
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 60_000, 400),
    ],
)
def test_what_is_no_answer_to_an_own_task_is_refused_with_a_message(shared, answer, expected):
    ids = {name: shared.task(name)["task"]["task_id"] for name in ("ann", "bob")}
    if isinstance(answer, dict) and "task_id" in answer:
        answer = answer | {"task_id": answer["task_id"].format(**ids)}

    status, told = shared.vote("ann", answer)

    assert status == expected
    assert told["message"]
    assert recorded(shared.run) == []


def test_a_task_ahead_or_of_another_rater_is_not_shown(shared):
    tasks = {task.task_id: task for task in read_export(shared.run).tasks}
    hidden = [each for each, task in tasks.items() if task.rater == "bob" or task.order > 0]

    for task_id in hidden:
        status, _, _ = shared.ask(
            "GET", f"/api/task?id={task_id}", Authorization=f"Bearer {shared.token('ann')}"
        )
        assert status == 404


@pytest.mark.parametrize(("seconds", "kept"), [(12.5, 12.5), (-1, None), (4e9, None), ("9", None)])
def test_a_time_that_cannot_be_is_unknown(serving, seconds, kept):
    task = serving.task("ann")["task"]["task_id"]

    status, _ = serving.vote("ann", {"task_id": task, "vote": "tie", "seconds": seconds})

    (said,) = read_votes(serving.run)[0]
    assert (status, said.seconds) == (200, kept)


def test_an_answer_that_is_sent_twice_counts_once(serving):
    answer = {"task_id": serving.task("ann")["task"]["task_id"], "vote": "left", "note": "why"}

    first, second = (serving.vote("ann", answer) for _ in range(2))

    assert first == second
    assert len(recorded(serving.run)) == 1


def test_an_answer_replaces_only_the_one_that_its_page_knew(serving):
    task = serving.task("ann")["task"]["task_id"]
    first, _ = serving.vote("ann", {"task_id": task, "vote": "left", "known": 0})

    stale, told = serving.vote("ann", {"task_id": task, "vote": "right", "known": 0})
    before = [choice for *_, choice in recorded(serving.run)]
    (said,) = told["said"]
    again, view = serving.vote("ann", {"task_id": task, "vote": "right", "known": said["version"]})

    assert (first, stale, again) == (200, 409, 200)
    assert before == ["left"]
    assert told["conflict"]
    assert (told["task"]["task_id"], said["vote"], said["version"]) == (task, "left", 1)
    assert [choice for *_, choice in recorded(serving.run)] == ["left", "right"]
    assert view["n_done"] == 1


def test_of_stale_tabs_that_answer_at_once_one_is_taken_and_a_restart_knows_which(serving):
    task = serving.task("ann")["task"]["task_id"]
    answers = [
        {"task_id": task, "vote": choice, "known": 0}
        for choice in ("left", "right", "tie", "both_bad")
    ]

    with ThreadPoolExecutor(4) as tabs:
        codes = sorted(
            code for code, _ in tabs.map(lambda each: serving.vote("ann", each), answers)
        )
    serving.kill()
    server = Serving(serving.run)
    stale, _ = server.vote("ann", {"task_id": task, "vote": "skip", "known": 0})
    (said,) = server.task("ann", at=task)["said"]
    server.kill()

    assert codes == [200, 409, 409, 409]
    assert stale == 409
    assert (said["version"], len(recorded(serving.run))) == (1, 1)


def test_raters_of_one_browser_get_names_of_their_own_that_stay_and_tell_nothing(serving):
    names = {rater: serving.task(rater)["desk"] for rater in ("ann", "bob")}
    serving.kill()

    server = Serving(serving.run)
    again = {rater: server.task(rater)["desk"] for rater in ("ann", "bob")}
    server.kill()

    assert again == names
    assert len({*names.values()}) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names.values())


def test_undo_shows_the_last_task_and_a_new_vote_replaces_the_old_one(serving):
    first = serving.task("ann")["task"]["task_id"]
    _, view = serving.vote("ann", {"task_id": first, "vote": "left", "note": "so", "flagged": True})
    second = view["task"]["task_id"]

    back = serving.task("ann", at=view["before"])
    _, onward = serving.vote("ann", {"task_id": first, "vote": "right"})

    assert back["task"]["task_id"] == first
    assert [(said["vote"], said["note"], said["flagged"]) for said in back["said"]] == [
        ("left", "so", True)
    ]
    assert onward["task"]["task_id"] == second
    assert [choice for _, _, choice in recorded(serving.run)] == ["left", "right"]
    assert onward["n_done"] == 1


def test_a_rubric_ends_when_every_criterion_has_its_answer(tmp_path):
    server = Serving(rated_run(tmp_path, raters=("ann",), kind="rubric"))
    view = server.task("ann")
    task = view["task"]["task_id"]
    answers = list(zip(CRITERIA, (1, 0, None), strict=True))

    wrong = [
        server.vote("ann", {"task_id": task, **rest})[0]
        for rest in (
            {"vote": "left"},
            {"criterion": "Is short", "label": 1},
            {"criterion": CRITERIA[0]},
            {"criterion": CRITERIA[0], "label": 1.5},
        )
    ]
    views = [
        server.vote("ann", {"task_id": task, "criterion": text, "label": label})[1]
        for text, label in answers
    ]
    server.kill()

    assert view["task"]["output_b"] is None
    assert wrong == [400] * 4
    assert [each["task"]["task_id"] == task for each in views] == [True, True, False]
    assert [label for _, _, label in recorded(server.run)] == [1.0, 0.0, None]


def test_kill_and_restart_lose_nothing_and_links_stay_valid(serving):
    for rater, n in (("ann", 3), ("bob", 1)):
        for _ in range(n):
            task = serving.task(rater)["task"]["task_id"]
            assert serving.vote(rater, {"task_id": task, "vote": "left"})[0] == 200
    before = {rater: serving.task(rater) for rater in ("ann", "bob")}

    serving.kill()
    again = Serving(serving.run, "--port", str(serving.port))
    after = {rater: again.task(rater) for rater in ("ann", "bob")}
    links = again.links
    again.kill()

    assert after == before
    assert links == serving.links
    assert (before["ann"]["n_done"], before["bob"]["n_done"]) == (3, 1)


def test_raters_at_once_with_several_tabs_each_lose_nothing(tmp_path):
    raters = tuple(f"rater-{n}" for n in range(8))
    server = Serving(rated_run(tmp_path, raters=raters, n=10))
    tasks = [(task.rater, task.task_id) for task in read_export(server.run).tasks]

    # Every task from two tabs, whose votes differ.
    with ThreadPoolExecutor(16) as tabs:
        votes = [(*task, choice) for task in tasks for choice in ("left", "right")]
        codes = tabs.map(
            lambda vote: server.vote(vote[0], {"task_id": vote[1], "vote": vote[2]})[0], votes
        )
        codes = list(codes)
    views = [server.task(rater) for rater in raters]
    server.kill()

    assert codes == [200] * len(votes)
    assert sorted(recorded(server.run)) == sorted(votes)
    assert all(view["task"] is None and view["n_done"] == 10 for view in views)


def test_ctrl_c_ends_cleanly_and_says_what_is_there_and_what_next(serving):
    task = serving.task("ann")["task"]["task_id"]
    serving.vote("ann", {"task_id": task, "vote": "left"})

    code, err = serving.stop()

    assert code == 0
    assert "ann  1 of 4 tasks answered" in err
    assert "bob  0 of 4 tasks answered" in err
    assert f"evalrunner human report {serving.run}" in err
    assert f"--port {serving.port}" in err
    assert "Traceback" not in err
    # Links are on stdout, for whoever started it; no log keeps one.
    assert serving.token("ann") not in err


def test_secrets_are_for_the_owner_and_responses_for_raters(shared):
    """F12: headers, page and tasks hold nothing that tells a model, a case or a run."""
    page = shared.links["ann"].partition(str(shared.port))[2]
    seen = shared.ask("GET", page)
    task = shared.ask("GET", "/api/task", Authorization=f"Bearer {shared.token('ann')}")
    policy = dict(
        part.strip().split(" ", 1) for part in seen[1]["Content-Security-Policy"].split(";")
    )

    for _, headers, body in (seen, task):
        told = f"{headers}\n{body.decode()}".lower()
        assert [secret for secret in SECRETS if secret.lower() in told] == []
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
    assert set(json.loads(task[2])["task"]) == {
        "task_id",
        "kind",
        "input",
        "output_a",
        "output_b",
        "rating_criteria",
        "instructions",
    }
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].startswith("'sha256-")
    assert "unsafe" not in str(policy)
    assert (shared.run / "human" / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_second_server_on_the_run_is_refused(shared):
    done = human(shared.run, "--no-open")

    assert done.returncode == 2
    assert "another process works on what people are asked" in done.stderr


@pytest.mark.parametrize("port", [-1, 65_536, 80_000])
def test_what_is_no_port_is_refused_and_not_taken_for_another(tmp_path, port):
    done = human(rated_run(tmp_path), "--no-open", "--port", port)

    assert done.returncode == 2
    assert f"--port: {port} is no port" in done.stderr
    assert "type 1 to 65535" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_an_address_of_another_computer_is_blamed_on_the_host(tmp_path, host):
    words = ("--no-open", "--host", host, "--raters", "ann", "--port", "70000")

    done = human(rated_run(tmp_path), *words)

    assert done.returncode == 2
    assert f"--host: {host!r} is no address of this computer" in done.stderr
    assert "type --host 0.0.0.0 for all its networks" in done.stderr
    # With all that is wrong at once.
    assert "--port: 70000 is no port" in done.stderr


def test_while_votes_are_imported_no_server_starts_and_no_link_is_given(tmp_path):
    run = rated_run(tmp_path)
    with locked_tasks(run):
        done = human(run, "--no-open")

    assert (done.returncode, done.stdout) == (2, "")
    assert "another process" in done.stderr


def test_a_port_in_use_is_named(tmp_path):
    run = rated_run(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = human(run, "--no-open", "--port", port)

    assert done.returncode == 2
    assert f"port {port}: Address already in use" in done.stderr


def test_others_are_let_in_only_by_name_each_with_their_own_link(tmp_path):
    """F11: off loopback the command is refused until it says who may rate."""
    run = rated_run(tmp_path)

    refused = human(run, "--host", "0.0.0.0", "--no-open")
    unknown = human(run, "--host", "0.0.0.0", "--raters", "ann,eve", "--no-open")
    server = Serving(run, "--host", "0.0.0.0", "--raters", "bob,ann")
    own = server.ask("GET", "/api/task", Authorization=f"Bearer {server.token('bob')}")
    other = server.ask("GET", "/api/task", Host=f"evil.example:{server.port}")
    server.kill()

    assert refused.returncode == unknown.returncode == 2
    assert f"evalrunner human serve {run} --host 0.0.0.0 --raters ann,bob" in refused.stderr
    assert "'eve' has no tasks; those who have: ann, bob" in unknown.stderr
    assert len({*server.links.values()}) == 2
    assert "0.0.0.0" not in server.links["ann"]
    assert (own[0], other[0]) == (200, 421)


def test_without_an_export_the_way_to_one_is_named(tmp_path):
    (tmp_path / "plan.json").write_text('{"schema_version": 1}')

    done = human(tmp_path, "--no-open")

    assert done.returncode == 2
    assert f"type: evalrunner human export {tmp_path}" in done.stderr


def test_without_the_extra_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['uvicorn'] = None; from evalrunner.cli import main;"
        f"sys.exit(main(['human', 'serve', {str(rated_run(tmp_path))!r}, '--no-open']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 2
    assert "pip install 'evalrunner[human]'" in done.stderr


def test_what_the_disk_refuses_is_said_and_taken_once_there_is_space(serving):
    first = serving.task("ann")["task"]["task_id"]
    serving.vote("ann", {"task_id": first, "vote": "left"})
    second = serving.task("ann")["task"]["task_id"]
    unlimited = resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE)
    size = (serving.run / "votes.jsonl").stat().st_size

    # A file that may not grow is refused as a full disk is.
    resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, (size + 10, unlimited[1]))
    refused = [serving.vote("ann", {"task_id": second, "vote": "right"}) for _ in range(2)]
    full = recorded(serving.run)
    resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, unlimited)
    taken, view = serving.vote("ann", {"task_id": second, "vote": "right"})

    assert [status for status, _ in refused] == [503, 503]
    assert "could not write it down" in refused[0][1]["message"]
    assert str(serving.run) not in refused[0][1]["message"]
    assert full == [("ann", first, "left")]
    assert (taken, view["n_done"]) == (200, 2)
    assert recorded(serving.run)[-1] == ("ann", second, "right")
