"""Raw requests and responses: what went over the wire, made again without the wire."""

import json
import shutil
import sys
from collections import Counter

import pytest
from judge_desk import Desk
from judge_runs import judged_project, judged_run, judging, records_of, session
from runs import new_run, project, write_journal
from wire_server import Reply, answer, response_body

from evalrunner.report import build_report
from evalrunner.report.page.cases import case_data, decoded, raw

LUNA = "provider: openai\nname: gpt-6-luna\nbase_url: {url}/v1\nmax_output_tokens: 50\n"
PYTHON_JUDGE = "model: {provider: python, function: models.py:judge}\n"
FUNCTIONS = """import evalrunner

@evalrunner.model
def echo(prompt):
    return prompt

@evalrunner.model
def judge(prompt):
    return '{"criteria": {}}'
"""


@pytest.fixture
def luna(tmp_path, wire):
    """A project whose model is the server."""
    return project(tmp_path, {"conf/model/luna.yaml": LUNA.format(url=wire.url)})


def data_of(run):
    return case_data(run, build_report(run, figures=False))


def calls_of(data):
    """(case, cell, repeat, call) of everything that is shown."""
    pages = [decoded(text) for name, text in data.scripts if name.startswith("raw-")]
    return [
        (case, int(cell), repeat, call)
        for page in pages
        for case, cells in page["raw"].items()
        for cell, repeats in cells.items()
        for repeat, calls in enumerate(repeats)
        for call in calls
    ]


def canonical(bodies):
    return Counter(json.dumps(body, sort_keys=True) for body in bodies)


def asked_again(seen):
    """The first reply of a judge is no verdict."""
    turns = seen.body["input"]
    if "text" in seen.body and len(turns) == 1:
        return Reply(body=response_body("I would rather not say."))
    return judging(seen)


def test_requests_are_those_that_were_sent_and_responses_those_that_came(luna, wire):
    run = new_run(luna, "model=luna", "prompt=ask,beg", "run.repeats=2")
    session(run)

    found = calls_of(data_of(run))

    sent = canonical(seen.body for seen in wire.requests)
    assert canonical(call["request"] for *_, call in found) == sent
    bodies = Counter(record["body"] for record in records_of(run, "call"))
    assert Counter(call["response"] for *_, call in found) == bodies
    assert {call["role"] for *_, call in found} == {"candidate"}
    places = {(case, cell, repeat) for case, cell, repeat, _ in found}
    assert places == {(f"c{n}", cell, r) for n in range(3) for cell in (0, 1) for r in (0, 1)}


@pytest.mark.parametrize("scorer", ["rubric", "scale", "pairwise"])
def test_questions_to_judges_are_shown_beside_the_answers_that_they_judge(tmp_path, wire, scorer):
    """Re-asks, retests and both orders of a pair included."""
    wire.handler = asked_again
    judged_project(tmp_path, wire.url)
    run = judged_run(tmp_path, "model=a,b", "judge=fair", "judge.retest=1", scorer=scorer)
    session(run)

    found = calls_of(data_of(run))

    judged = [call for *_, call in found if call["role"] == "judge judge"]
    assert {call["scorer"] for call in judged} == {scorer}
    sent = canonical(seen.body for seen in wire.requests if "text" in seen.body)
    # Both cells of a pair show the same question, which was sent once.
    assert canonical(call["request"] for call in judged).keys() == sent.keys()
    assert any(len(call["request"]["input"]) == 3 for call in judged)
    assert all(call["response"] for call in judged)


def test_nothing_of_the_users_is_needed_or_run(luna, wire, tmp_path_factory, monkeypatch):
    """Without project, key, SDK and network: the same page."""
    run = new_run(luna, "model=luna,echo", "prompt=ask")
    session(run)
    before = list(data_of(run).scripts)
    moved = tmp_path_factory.mktemp("elsewhere") / "run"
    shutil.copytree(run, moved)
    shutil.rmtree(luna)
    wire.requests.clear()
    monkeypatch.setitem(sys.modules, "openai", None)

    after = data_of(moved)

    assert list(after.scripts) == before
    assert len(calls_of(after)) == 3
    assert wire.requests == []
    assert "answer in this process" in after.raw_note


def test_function_that_judges_is_not_loaded(tmp_path, wire):
    """Its questions have no raw form; those of the panel's other judges do."""
    wire.handler = judging
    judged_project(tmp_path, wire.url)
    judge = (tmp_path / "conf/judge/fair.yaml").read_text().replace("model:", "panel:\n  other:")
    panel = judge.replace("\n  ", "\n    ").replace("    other", "  other")
    (tmp_path / "conf/judge/mixed.yaml").write_text(PYTHON_JUDGE + panel)
    (tmp_path / "models.py").write_text(FUNCTIONS)
    run = judged_run(tmp_path, "model=a", "judge=mixed")
    session(run)
    (tmp_path / "models.py").write_text("raise SystemExit('executed')")

    found = calls_of(data_of(run))

    roles = Counter(call["role"] for *_, call in found)
    assert roles == {"candidate": 3, "judge other": 3}
    sent = canonical(seen.body for seen in wire.requests)
    assert canonical(call["request"] for *_, call in found) == sent


def test_failed_trial_shows_what_the_server_said(luna, wire):
    refused = Reply(status=400, body={"error": {"message": "no such parameter"}})
    wire.handler = lambda seen: refused if "billing" in str(seen.body) else answer(seen)
    run = new_run(luna, "model=luna", "model.limits.max_attempts=1")
    session(run)

    found = {case: call for case, *_, call in calls_of(data_of(run))}

    assert "no such parameter" in found["c0"]["response"]
    assert "billing" in str(found["c0"]["request"])
    assert "resp" in found["c1"]["response"]


def test_run_that_was_resumed_shows_the_answers_of_all_sessions(luna, wire):
    wire.handler = lambda seen: Reply(status=500) if "account" in str(seen.body) else answer(seen)
    run = new_run(luna, "model=luna", "model.limits.max_attempts=1")
    session(run)
    wire.handler = answer
    session(run)

    found = {case: call for case, *_, call in calls_of(data_of(run))}

    assert [json.loads(found[case]["response"])["status"] for case in ("c0", "c1", "c2")] == [
        "completed"
    ] * 3


def test_damaged_answer_is_null_and_takes_nothing_with_it(luna):
    run = new_run(luna, "model=luna")
    session(run)
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    broken = next(n for n, text in enumerate(lines) if b'"type":"call"' in text)
    key = json.loads(lines[broken])["key"]
    lines[broken] = lines[broken].replace(b'"body"', b'"bodies"')
    (case,) = (r["case_id"] for r in records_of(run, "trial") if r["key"] == key)
    (run / "journal.jsonl").write_bytes(b"".join(lines))

    found = {name: call for name, *_, call in calls_of(data_of(run))}

    assert [name for name, call in found.items() if call["response"] is None] == [case]
    assert all(call["request"] for call in found.values())


def test_request_that_would_be_another_one_now_is_not_shown(luna, monkeypatch):
    """A base URL that comes from the environment."""
    model = (
        (luna / "conf/model/luna.yaml").read_text().replace("base_url: ", "base_url_env: BASE #")
    )
    url = (luna / "conf/model/luna.yaml").read_text().split("base_url: ")[1].split()[0]
    (luna / "conf/model/luna.yaml").write_text(model)
    monkeypatch.setenv("BASE", url)
    run = new_run(luna, "model=luna", environ={"BASE": url})
    session(run)
    same = calls_of(data_of(run))
    monkeypatch.setenv("BASE", "http://127.0.0.1:9/v1")
    other = calls_of(data_of(run))
    monkeypatch.delenv("BASE")
    unknown = data_of(run)

    assert all(call["request"] for *_, call in same)
    assert [call["request"] for *_, call in (*other, *calls_of(unknown))] == [None] * 6
    assert all(call["response"] for *_, call in (*other, *calls_of(unknown)))
    assert "base URL" in unknown.raw_note


def test_secret_in_an_answer_is_redacted(luna, wire, monkeypatch):
    """F6."""
    monkeypatch.setenv("SOME_API_KEY", "very-secret-value")
    wire.handler = lambda _: Reply(body=response_body("it is very-secret-value"))
    run = new_run(luna, "model=luna")
    session(run)

    found = calls_of(data_of(run))

    assert all("it is [redacted]" in call["response"] for *_, call in found)


def test_many_judged_trials_leave_the_judges_requests_out_and_say_so(tmp_path, wire, monkeypatch):
    wire.handler = judging
    judged_project(tmp_path, wire.url)
    run = judged_run(tmp_path, "model=a", "judge=fair")
    session(run)
    monkeypatch.setattr(raw, "MOST_JUDGED", 2)

    data = data_of(run)

    judged = [call for *_, call in calls_of(data) if call["role"] != "candidate"]
    assert [call["request"] for call in judged] == [None] * 3
    assert all(call["response"] for call in judged)
    assert "3 judged trials" in data.raw_note


def test_run_without_a_wire_has_no_raw_pages_and_says_why(tmp_path):
    run = write_journal(new_run(project(tmp_path)), [])

    data = data_of(run)

    index = decoded(dict(data.scripts)["index"])
    assert index["raw"]["has_pages"] is False
    assert "answer in this process" in index["raw"]["note"]
    assert calls_of(data) == []


def test_rescored_run_shows_its_own_judges_over_answers_of_its_parent(tmp_path, wire, monkeypatch):
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    desk = Desk(tmp_path / "project", wire)
    first = desk.run("model=a", "scorer=scale", "judge=fair")
    wire.requests.clear()
    assert desk.call("rescore", str(first), "judge=strict", "--yes") == 0
    (run,) = set(desk.runs()) - {first}

    data = case_data(run, json.loads((run / "summary.json").read_bytes()))

    assert {call["role"] for *_, call in calls_of(data)} == {"judge judge"}
    sent = canonical(seen.body for seen in wire.requests)
    assert canonical(call["request"] for *_, call in calls_of(data)) == sent
    cases = decoded(dict(data.scripts)["cases-0000"])["cases"]
    assert all(case["trials"]["0"][0]["output"] for case in cases)
