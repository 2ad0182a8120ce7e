"""Both SDKs against a server that speaks both Batch APIs: what is asked, and what comes of it."""

from __future__ import annotations

import logging

import pytest
from batch_server import (
    CANCELED,
    ERRORED,
    EXPIRED,
    GARBLED,
    INVALID,
    LEFT_OUT,
    THROTTLED,
    BatchServer,
)
from batch_sessions import index_of, records_of, session, texts_of
from wire_models import APIS, ask, provider_for, request_for, settings_for
from wire_server import Reply

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers import gated
from evalrunner.providers.batches.openai import OpenAIBatches
from evalrunner.types import Batch

TEXTS = [f"question {n}" for n in range(8)]
ECHOES = [f"echo: {text}" for text in TEXTS]
OPENAI = ("responses", "chat")


@pytest.fixture
def server(wire, monkeypatch):
    monkeypatch.setattr(gated, "_BACKOFF_S", 0.01)
    return BatchServer(wire)


@pytest.fixture(params=APIS)
def api(request):
    return request.param


def batch_settings(api, server, **changes):
    return settings_for(api, server.url, transport="batch", **changes)


@pytest.fixture
def settings(api, server):
    return batch_settings(api, server)


def kinds_of(results):
    return [r.kind.value if isinstance(r, ProviderError) else "answered" for r in results]


def test_answers_find_their_requests_in_whatever_order_they_come(server, settings, tmp_path):
    """A26."""
    results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert [len(batch.items) for batch in server.batches.values()] == [len(TEXTS)]
    (record,) = [r for r in records_of(tmp_path, "call") if "question 3" in r["body"]]
    assert record["body"] == results[3].raw.decode()
    assert record["request_id"] == results[3].request_id
    assert results[3].request_id.startswith(("item_", "msg_"))


def test_batch_tells_no_latency_of_an_answer(server, settings, tmp_path):
    (completion,) = session(tmp_path, settings, TEXTS[:1])

    (record,) = records_of(tmp_path, "call")
    assert completion.latency_s is record["latency_s"] is None
    assert completion.started_at > 0


def test_requests_are_what_a_live_call_would_send(server, wire, api, tmp_path):
    live, batch = settings_for(api, server.url), batch_settings(api, server)
    ask(live, TEXTS[0])
    sent = wire.requests[-1]
    session(tmp_path, batch, TEXTS[:1])

    (handed,) = server.batches.values()
    (item,) = handed.items
    assert item.get("params", item.get("body")) == sent.body
    assert item["custom_id"] == request_for(live, TEXTS[0]).key
    if api == "messages":
        assert handed.headers["anthropic-version"] == sent.headers["anthropic-version"]
    else:
        assert item["url"] == handed.request["endpoint"] == sent.path
        assert handed.request["completion_window"] == "24h"
        assert handed.request["metadata"]["evalrunner_run"] == tmp_path.name


@pytest.mark.parametrize(("own", "days"), [(True, 30), (False, None)])
def test_openai_is_told_not_to_keep_answers_for_ever(server, own, days):
    """Servers that only speak its language may not know the field."""
    url = {"base_url": "https://api.openai.com/v1"} if own else {}
    api = OpenAIBatches(provider_for(batch_settings("chat", server, **url)))
    batch = Batch(token="t", model="m", origin="", keys=(), begun_at=0.0)

    body = api.creation(batch, "file-1", run="r")

    kept_s = body.get("output_expires_after", {}).get("seconds")
    assert kept_s == (days and days * 86_400)
    assert body["endpoint"] == "/v1/chat/completions"


def test_items_that_may_work_next_time_go_into_another_batch(server, settings, tmp_path):
    """A26."""
    again = {"question 1": EXPIRED, "question 2": ERRORED, "question 5": THROTTLED}
    for text, fate in again.items():
        server.fate(text, fate)

    results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert [server.asked[text] for text in TEXTS] == [2 if t in again else 1 for t in TEXTS]
    assert [r.attempts for r in results] == [2 if t in again else 1 for t in TEXTS]
    assert index_of(tmp_path).possibly_billed == {}


def test_items_that_are_wrong_are_not_sent_again_and_spare_the_rest(server, settings, tmp_path):
    for text in TEXTS[2:]:
        server.fate(text, INVALID)

    results = session(tmp_path, settings, TEXTS)

    assert kinds_of(results) == ["answered"] * 2 + ["bad_request"] * 6
    assert "this prompt is too long" in str(results[2])
    assert set(server.asked.values()) == {1}


def test_cancelled_items_are_not_sent_again_by_themselves(server, settings, tmp_path):
    server.fate("question 0", CANCELED)

    results = session(tmp_path, settings, TEXTS)

    assert kinds_of(results) == ["bad_request"] + ["answered"] * 7
    assert "cancelled at the provider" in str(results[0])
    assert server.asked["question 0"] == 1


@pytest.mark.parametrize("fate", [LEFT_OUT, GARBLED])
def test_item_without_a_usable_answer_is_possibly_billed(server, settings, tmp_path, fate):
    server.fate("question 0", fate, fate, fate)

    results = session(tmp_path, settings, TEXTS)

    assert kinds_of(results) == ["bad_body"] + ["answered"] * 7
    assert list(index_of(tmp_path).possibly_billed.values()) == [3]


def test_lone_surrogate_spoils_its_own_request_only(server, settings, tmp_path):
    results = session(tmp_path, settings, ["\ud800", "fine"])

    assert kinds_of(results) == ["encoding", "answered"]


@pytest.mark.parametrize("text", ["a\u2028b\u0085c", "naïve 😀 \x00"])
def test_answer_may_hold_any_character(server, settings, tmp_path, text):
    assert texts_of(session(tmp_path, settings, [text])) == [f"echo: {text}"]


@pytest.mark.parametrize("most", [(3, 10**9), (1000, 3 * 600)])
def test_batches_stay_within_the_limits_of_the_provider(server, settings, tmp_path, most):
    results = session(tmp_path, settings, TEXTS, most=most)

    sizes = [len(batch.items) for batch in server.batches.values()]
    assert texts_of(results) == ECHOES
    assert len(sizes) > 1
    assert max(sizes) <= 3 or most[0] > 3
    assert set(server.asked.values()) == {1}


def test_batch_that_is_too_large_all_the_same_is_halved(server, settings, tmp_path):
    server.creations.append(Reply(status=413, body={"error": {"message": "too large"}}))

    results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert [len(batch.items) for batch in server.batches.values()] == [4, 4]


def test_throttled_creation_waits_without_failing_anybody(server, settings, tmp_path):
    reply = Reply(status=429, body={"error": {"message": "slow"}}, headers={"retry-after": "0.1"})
    server.creations.extend([reply, reply])

    results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert {result.attempts for result in results} == {1}
    assert len(server.batches) == 1


@pytest.mark.parametrize(("status", "kind"), [(400, "bad_request"), (401, "auth")])
def test_refused_creation_is_refused_for_all(server, settings, tmp_path, status, kind):
    reply = Reply(status=status, body={"error": {"message": "no"}})
    server.creations.extend([reply] * 9)

    results = session(tmp_path, settings, TEXTS)

    assert set(kinds_of(results)) == {kind}
    assert server.batches == {}
    assert index_of(tmp_path).possibly_billed == {}
    assert index_of(tmp_path).batches == ()


@pytest.mark.parametrize("fault", ["close", "reset", "garbage", "hang"])
def test_creation_whose_answer_was_lost_is_found_again(server, api, tmp_path, fault):
    """A26."""
    server.creations.append(fault)

    results = session(tmp_path, batch_settings(api, server, deadline_s=0.6), TEXTS)

    assert texts_of(results) == ECHOES
    assert set(server.asked.values()) == {1}
    assert index_of(tmp_path).possibly_billed == {}


@pytest.mark.parametrize(
    "reply", [Reply(status=500, body={"error": {"message": "oops"}}), Reply(fault="close")]
)
def test_creation_that_never_happened_is_done_again(server, settings, tmp_path, reply):
    server.creations.append(reply)

    results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert set(server.asked.values()) == {1}
    assert {result.attempts for result in results} == {2}
    assert index_of(tmp_path).possibly_billed == {}


def test_looks_that_fail_do_not_end_the_wait(server, settings, tmp_path):
    server.looks = 2
    server.replies.extend(
        [
            Reply(status=500, body={"error": {"message": "oops"}}),
            Reply(fault="reset"),
            Reply(body=b"<html>a proxy</html>"),
            Reply(status=429, body={"error": {"message": "slow"}}),
            Reply(status=404, body={"error": {"message": "not yet"}}),
        ]
    )

    results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert set(server.asked.values()) == {1}


def test_results_that_break_off_are_read_again(server, settings, tmp_path):
    server.cuts = 2

    results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert len(records_of(tmp_path, "call")) == len(TEXTS)
    assert set(server.asked.values()) == {1}


def test_lines_that_are_no_results_are_left_out(server, tmp_path, caplog):
    settings = batch_settings("responses", server)
    rows = server._openai_files

    def with_noise(batch):
        names = rows(batch)
        server.files[names["output_file_id"]] += b'not json\n{"custom_id": 5}\n[]\n'
        return names

    server._openai_files = with_noise
    with caplog.at_level(logging.WARNING):
        results = session(tmp_path, settings, TEXTS)

    assert texts_of(results) == ECHOES
    assert caplog.text.count("is no result") == 3


def test_unknown_status_is_waited_out_and_is_no_reason_to_pay_again(server, settings, tmp_path):
    """A26."""
    server.status, server.held = "reticulating", True

    results = session(tmp_path, settings, TEXTS, limit_s=0.3)
    server.held = False
    resumed = session(tmp_path, settings, TEXTS)

    assert set(kinds_of(results)) == {"timeout"}
    assert "'reticulating'" in str(results[0])
    assert texts_of(resumed) == ECHOES
    assert set(server.asked.values()) == {1}


@pytest.mark.parametrize("api", OPENAI)
@pytest.mark.parametrize(
    ("status", "kinds", "times"),
    [("expired", ["answered"] * 8, 2), ("cancelled", ["bad_request"] + ["answered"] * 7, 1)],
)
def test_batch_that_ended_early_has_answered_a_part(server, api, tmp_path, status, kinds, times):
    """A26."""
    server.ends.append((status, []))
    server.fate("question 0", LEFT_OUT)

    results = session(tmp_path, batch_settings(api, server), TEXTS)

    assert kinds_of(results) == kinds
    assert server.asked["question 0"] == times
    assert {server.asked[text] for text in TEXTS[1:]} == {1}


def test_lines_that_fail_validation_do_not_take_the_others_down(server, tmp_path):
    bad = {"code": "invalid_request", "line": 3, "message": "no model", "param": "model"}
    server.ends.append(("failed", [bad]))

    results = session(tmp_path, batch_settings("responses", server), TEXTS)

    assert kinds_of(results) == ["answered"] * 2 + ["bad_request"] + ["answered"] * 5
    assert "no model" in str(results[2])
    assert index_of(tmp_path).possibly_billed == {}


def test_batch_that_fails_validation_as_a_whole_fails_all(server, tmp_path):
    bad = {"code": "model_not_found", "line": None, "message": "no such model"}
    server.ends.append(("failed", [bad]))

    results = session(tmp_path, batch_settings("chat", server), TEXTS)

    assert set(kinds_of(results)) == {"not_found"}


def test_failed_batch_that_says_nothing_goes_again(server, tmp_path):
    server.ends.append(("failed", []))

    results = session(tmp_path, batch_settings("chat", server), TEXTS)

    assert texts_of(results) == ECHOES


def test_full_queue_makes_batches_smaller_until_they_fit(server, tmp_path):
    full = {"code": "token_limit_exceeded", "line": None, "message": "Enqueued token limit"}
    server.ends.extend([("failed", [full])] * 4)

    results = session(tmp_path, batch_settings("responses", server), TEXTS, most=(4, 10**9))

    sizes = [len(batch.items) for batch in server.batches.values()]
    assert texts_of(results) == ECHOES
    assert {result.attempts for result in results} == {1}
    assert sizes[:2] == [4, 4]
    assert min(sizes) < 4


def test_queue_that_stays_full_is_given_up(server, tmp_path):
    full = {"code": "token_limit_exceeded", "line": None, "message": "Enqueued token limit"}
    server.ends.extend([("failed", [full])] * 99)
    settings = batch_settings("chat", server, limits={"max_attempts": 1})

    (result,) = session(tmp_path, settings, TEXTS[:1], limit_s=0.3)

    assert isinstance(result, ProviderError)
    assert result.kind is FailureKind.SERVER
    assert "Enqueued token limit" in str(result)


def test_status_names_the_batch_and_counts(server, settings, tmp_path):
    server.held = True
    seen = []

    def look(batched):
        seen.append(batched.status)
        return "in progress" in batched.status

    session(tmp_path, settings, TEXTS, leave_when=look)

    (batch,) = server.batches.values()
    assert seen[-1] == f"batch {batch.id}: in progress, 0/8 done"
    assert seen[0] == ""


def test_status_counts_several_batches_together(server, settings, tmp_path):
    server.held = True
    seen = []

    def look(batched):
        seen.append(batched.status)
        return len(server.batches) == 3 and "batches" in batched.status

    session(tmp_path, settings, TEXTS, most=(3, 10**9), leave_when=look)

    assert seen[-1] == "3 batches: 0/8 done"
