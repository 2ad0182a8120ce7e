"""Two models behind both real SDKs and real HTTP: what is sent, what is kept, what is paid."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from wire_server import Reply, answer

KEYS = {
    "OPENAI_API_KEY": "sk-proj-canary0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-canary0123456789abcdef",
}
SDKS = {"anthropic", "openai"}
# q4 asks what q1 asks; q5 is refused by a server that has a bad day.
CASES = ("2+2?", "Capital of France?", "Say no.", "2+2?", "bad day")
DISTINCT = 4
GRID = ("dataset=questions", "model=gpt,claude", "run.max_missing=1")
ONE = ("dataset=questions", "model=gpt")


@pytest.fixture(scope="module", autouse=True)
def project(module_cli, module_wire):
    """A project whose two models are the wire server under a name that is not loopback's."""
    url = f"http://models.test:{module_wire.port}"
    write(module_cli.root, url)
    return module_cli


def write(root, url):
    files = {
        "conf/dataset/questions.yaml": "name: questions\npath: datasets/questions.jsonl\n",
        "conf/model/gpt.yaml": f"provider: openai\nname: gpt-6-luna\nbase_url: {url}/v1\n",
        "conf/model/claude.yaml": f"provider: anthropic\nname: claude-opus-5-5\nbase_url: {url}\n",
        "datasets/questions.jsonl": "".join(
            json.dumps({"id": f"q{n}", "input": text, "expected_output": f"echo: {text}"}) + "\n"
            for n, text in enumerate(CASES, start=1)
        ),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="module")
def trusted(project, module_wire):
    """The host is trusted with both keys, as the refusal said."""
    before = project("run", *GRID, **KEYS)
    for name in KEYS:
        project("trust", "models.test", name)
    return before


@pytest.fixture(scope="module")
def first(project, module_wire, trusted):
    """A run whose last case fails once for each model, then the number of requests it took."""
    module_wire.handler = lambda seen: (
        Reply(status=400, body={"error": {"type": "invalid_request_error", "message": "bad day"}})
        if "bad day" in json.dumps(seen.body)
        else answer(seen)
    )
    sent = len(module_wire.requests)
    done = project("run", *GRID, **KEYS)
    module_wire.handler = answer
    return done, project.runs()[-1], module_wire.requests[sent:]


@pytest.fixture(scope="module")
def again(project, module_wire, first):
    """The same command again, the server in good health."""
    sent = len(module_wire.requests)
    done = project("run", *GRID, **KEYS)
    return done, project.runs()[-1], module_wire.requests[sent:]


@pytest.fixture(scope="module")
def keyless(project, module_wire, again):
    """The same command a third time, without any key."""
    sent = len(module_wire.requests)
    done = project("run", *GRID, sockets=False)
    return done, project.runs()[-1], module_wire.requests[sent:]


def trials_of(run):
    return [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]


def cells_of(run):
    return json.loads((run / "summary.json").read_text())["cells"]


def test_key_for_an_unknown_host_is_refused_with_the_command_that_trusts_it(trusted, module_wire):
    assert trusted.code == 2
    for name in KEYS:
        assert f"evalrunner trust models.test {name}" in trusted.err
    assert "canary" not in trusted.err


def test_equal_requests_of_a_run_are_sent_once(first):
    done, _, requests = first

    asked = Counter(json.dumps(seen.body, sort_keys=True) for seen in requests)

    assert done.code == 0, done.err
    assert done.modules >= SDKS
    assert len(requests) == 2 * DISTINCT
    assert set(asked.values()) == {1}
    assert all(seen.authorized for seen in requests)


def test_answers_of_both_sdks_are_scored(first):
    _, run, _ = first

    for cell in cells_of(run):
        assert (cell["n_planned"], cell["n_ok"], cell["n_error"]) == (5, 4, 1)
        assert (cell["quality"]["value"], cell["quality"]["n"]) == (1.0, 4)
        assert cell["cost"]["usd_spent"] > 0


def test_failed_request_is_unscored_and_says_why(first):
    _, run, _ = first

    failed = [trial for trial in trials_of(run) if trial["case_id"] == "q5"]

    assert [trial["status"] for trial in failed] == ["error", "error"]
    assert {trial["error"]["kind"] for trial in failed} == {"bad_request"}
    assert all("bad day" in trial["error"]["message"] for trial in failed)
    assert all(trial["scores"]["exact_match"]["value"] is None for trial in failed)


def test_no_key_reaches_the_run_directory_or_the_screen(first):
    done, run, _ = first

    texts = [path.read_bytes() for path in run.rglob("*") if path.is_file()]

    assert not any(b"canary0123" in text for text in texts)
    assert "canary0123" not in done.out + done.err


def test_errors_are_not_cached_and_answers_are(again):
    done, run, requests = again

    assert done.code == 0, done.err
    assert len(requests) == 2
    assert all("bad day" in json.dumps(seen.body) for seen in requests)
    assert {trial["status"] for trial in trials_of(run)} == {"ok"}


def test_run_answered_by_the_cache_needs_no_key_no_network_and_no_sdk(keyless):
    done, run, requests = keyless

    assert done.code == 0, done.err
    assert requests == []
    assert done.reached == ""
    assert not SDKS & done.modules
    assert all(trial["cached"] for trial in trials_of(run))


def test_cached_answers_are_free_and_cost_the_same_at_list_price(again, keyless):
    paid, free = cells_of(again[1]), cells_of(keyless[1])

    for before, after in zip(paid, free, strict=True):
        assert after["cost"]["usd_per_1000"]["value"] == before["cost"]["usd_per_1000"]["value"]
        assert after["cost"]["usd_spent"] == 0
        assert after["cost"]["saved_cache"] > 0


def test_cached_answers_are_copied_into_the_journal(keyless):
    _, run, _ = keyless

    records = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]

    calls = [record for record in records if record["type"] == "call"]
    assert len(calls) == 2 * DISTINCT
    assert all(call["cached"] and json.loads(call["body"]) for call in calls)
    assert not [record for record in records if record["type"] == "intent"]


def test_missing_keys_are_named_together_before_anything_is_sent(project, module_wire, keyless):
    sent, runs = len(module_wire.requests), project.runs()

    done = project("run", *GRID, "run.repeats=2")

    assert done.code == 2
    assert all(f"{name} is not set" in done.err for name in KEYS)
    assert len(module_wire.requests) == sent
    assert project.runs() == runs


def test_repeats_are_separate_samples_and_more_of_them_pay_the_difference(
    project, module_wire, keyless
):
    counts = []
    for repeats in (3, 5):
        sent = len(module_wire.requests)
        done = project("run", *ONE, f"run.repeats={repeats}", **KEYS)
        assert done.code == 0, done.err
        counts.append(len(module_wire.requests) - sent)

    assert counts == [DISTINCT * 2, DISTINCT * 2]
    assert len(trials_of(project.runs()[-1])) == len(CASES) * 5


@pytest.mark.parametrize("mode", ["refresh", "off"])
def test_cache_that_is_not_to_be_read_is_not_read(project, module_wire, keyless, mode):
    sent = len(module_wire.requests)

    done = project("run", *ONE, f"run.cache={mode}", **KEYS)

    assert done.code == 0, done.err
    assert len(module_wire.requests) - sent == DISTINCT


def test_outputs_that_cannot_be_written_stop_the_run_before_any_request(
    project, module_wire, keyless
):
    (project.root / "blocked").write_text("a file where the directory should be")
    sent = len(module_wire.requests)

    done = project("run", *GRID, "run.outputs=blocked", "run.cache=off", **KEYS)

    assert done.code == 5
    assert "run.outputs=DIR" in done.err
    assert len(module_wire.requests) == sent


def test_plan_asks_no_network_and_tells_what_is_to_pay(project, module_wire, keyless):
    sent, runs = len(module_wire.requests), project.runs()

    done = project("plan", *GRID, "run.repeats=7", "--json", sockets=False, **KEYS)

    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert plan["calls"]["total"] == 2 * len(CASES) * 7
    assert 0 < plan["calls"]["to_pay"] <= 2 * DISTINCT * 6
    assert 0 < plan["cost"]["low"] <= plan["cost"]["high"] <= plan["cost"]["ceiling"]
    assert len(module_wire.requests) == sent
    assert project.runs() == runs
