"""Recorded answers: found by case and repeat, and never made up."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from evalrunner.errors import ConfigError, FailureKind, Problem, ProviderError
from evalrunner.project import Project
from evalrunner.providers.files import read_rows
from evalrunner.providers.replay import ReplaySettings, build_request, check, make
from evalrunner.types import Case, Completion, Message, Prompt, Request, Status, Usage, sha256_of

PROMPT = Prompt(system=None, messages=(Message(role="user", content="Where is my card?"),))


def case(case_id: str = "c1", value: object = "Where is my card?") -> Case:
    fields = {"id": case_id, "input": value}
    return Case(id=case_id, fields=fields, sha256=sha256_of(fields))


def write(tmp_path: Path, *rows: object) -> Project:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (tmp_path / "recorded.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Project(tmp_path)


def settings(**values: object) -> ReplaySettings:
    return ReplaySettings.model_validate({"provider": "replay", "path": "recorded.jsonl", **values})


def ask(project: Project, asked: Case | None = None, *, sample: int = 0, **values: object):
    async def answer() -> Completion:
        provider = make(settings(**values), project)
        request = build_request(
            settings(**values), PROMPT, asked or case(), sample=sample, project=project
        )
        try:
            return await provider.complete(request)
        finally:
            await provider.aclose()

    return asyncio.run(answer())


def missing(project: Project, asked: Case | None = None, **values: object) -> str:
    with pytest.raises(ProviderError) as caught:
        ask(project, asked, **values)
    assert caught.value.kind is FailureKind.NO_RECORDING
    return str(caught.value)


def problems(project: Project, **values: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(settings(**values), project)
    return [str(problem) for problem in caught.value.problems]


def test_a_model_is_named_after_its_file_unless_it_has_a_name():
    assert settings().name == "recorded"
    assert settings(name="gpt-4").name == "gpt-4"


def test_a_row_is_found_by_case_id_and_kept_whole(tmp_path):
    row = {"case_id": "c1", "output": "lost", "model": "gpt-4", "annotator": "ä"}
    completion = ask(write(tmp_path, {"case_id": "c0", "output": "x"}, row))

    assert completion.text == "lost"
    assert completion.served_model == "gpt-4"
    assert json.loads(completion.raw) == row
    assert completion.status is Status.OK


def test_a_row_without_case_id_is_found_by_exact_input(tmp_path):
    project = write(tmp_path, {"input": "Where is my card?", "output": "lost"})

    assert ask(project, case("any")).text == "lost"
    assert "there is no row" in missing(project, case("any", "where is my card?"))


def test_an_id_that_is_a_number_in_the_file_matches(tmp_path):
    assert ask(write(tmp_path, {"case_id": 7, "output": "x"}), case("7")).text == "x"


def test_each_repeat_has_its_own_row(tmp_path):
    project = write(
        tmp_path,
        {"case_id": "c1", "output": "first"},
        {"case_id": "c1", "output": "second", "repeat": 1},
    )

    assert [ask(project, sample=n).text for n in (0, 1)] == ["first", "second"]
    assert "repeat 2: there is no row" in missing(project, sample=2)


def test_a_case_without_row_has_no_recording(tmp_path):
    message = missing(write(tmp_path, {"case_id": "c0", "output": "x"}))

    assert message == (
        "recorded.jsonl has no answer to case 'c1', repeat 0: there is no row for it"
    )


def test_a_null_output_is_no_recording_and_an_empty_one_is_an_answer(tmp_path):
    project = write(tmp_path, {"case_id": "c1", "output": None}, {"case_id": "c2", "output": ""})

    assert "its output is null" in missing(project)
    assert ask(project, case("c2")).text == ""


def test_an_answer_to_another_input_is_not_used(tmp_path):
    """An edited test set keeps its ids; its old answers must not be scored."""
    project = write(tmp_path, {"case_id": "c1", "input": "Where is my PIN?", "output": "x"})

    assert "recorded for another input" in missing(project)


def test_unknown_usage_cost_and_latency_stay_unknown(tmp_path):
    completion = ask(write(tmp_path, {"case_id": "c1", "output": "x"}))

    assert completion.usage is None
    assert completion.cost_usd is None
    assert completion.latency_s is None


def test_recorded_usage_cost_and_latency_are_taken_over(tmp_path):
    usage = {"input_tokens": 9, "cache_read_tokens": 4, "output_tokens": 2, "reasoning_tokens": 1}
    row = {"case_id": "c1", "output": "x", "usage": usage, "cost_usd": 0.1, "latency_s": 1.5}
    completion = ask(write(tmp_path, row), usage="estimate")

    assert completion.usage == Usage(
        input_tokens=9, cache_read_tokens=4, output_tokens=2, reasoning_tokens=1
    )
    assert completion.cost_usd == Decimal("0.1")
    assert completion.latency_s == 1.5


def test_estimated_usage_counts_prompt_and_output_and_says_so(tmp_path):
    completion = ask(write(tmp_path, {"case_id": "c1", "output": "lost it"}), usage="estimate")

    # 17 bytes and 7 bytes at 3.5 bytes a token, rounded up.
    assert completion.usage == Usage(input_tokens=5, output_tokens=2, estimated=True)
    assert json.loads(completion.raw)["usage"]["estimated"] is True


@pytest.mark.parametrize(
    ("stop_reason", "status", "word"),
    [
        ("stop", Status.OK, "complete"),
        ("end_turn", Status.OK, "complete"),
        ("max_tokens", Status.TRUNCATED, "truncated"),
        ("context_exceeded", Status.TRUNCATED, "context_exceeded"),
        ("refusal", Status.REFUSED, "refused"),
        ("content_filter", Status.REFUSED, "filtered"),
        ("other:odd", Status.OK, "other:odd"),
    ],
)
def test_a_recorded_stop_reason_decides_the_status(tmp_path, stop_reason, status, word):
    row = {"case_id": "c1", "output": "x", "stop_reason": stop_reason}
    completion = ask(write(tmp_path, row))

    assert (completion.status, completion.stop_reason) == (status, word)


def test_a_refusal_without_text_is_an_answer(tmp_path):
    row = {"case_id": "c1", "output": None, "stop_reason": "refusal"}
    completion = ask(write(tmp_path, row))

    assert (completion.text, completion.status) == (None, Status.REFUSED)


def test_the_trials_of_an_earlier_run_can_be_replayed(tmp_path):
    usage = {"input_tokens": 5, "cache_read_tokens": 0, "cache_write_5m_tokens": 0,
             "cache_write_1h_tokens": 0, "output_tokens": 2, "reasoning_tokens": 0,
             "estimated": False}  # fmt: skip
    trial = {"cell": 0, "case_id": "c1", "repeat": 0, "axes": {"model": "a"},
             "input": "Where is my card?", "prompt_sha256": "ab", "output": "lost",
             "status": "ok", "error": None, "stop_reason": "complete", "scores": {},
             "usage": usage, "cost_usd": 0.0004, "spent_usd": 0.0004, "latency_s": 0.8,
             "attempts": 1, "cached": False, "served_model": "a-1", "request_id": "r1"}  # fmt: skip
    failed = {**trial, "case_id": "c2", "output": None, "status": "error", "usage": None,
              "error": {"kind": "server", "message": "500"}, "cost_usd": None}  # fmt: skip
    silent = {**trial, "case_id": "c3", "output": None}
    other = {**trial, "cell": 1, "output": "stolen"}
    project = write(tmp_path, trial, failed, silent, other)

    completion = ask(project, select={"cell": 0})
    assert (completion.text, completion.cost_usd) == ("lost", Decimal("0.0004"))
    assert completion.usage == Usage(input_tokens=5, output_tokens=2)
    assert (completion.served_model, completion.request_id) == ("a-1", "r1")
    assert ask(project, select={"cell": "1"}).text == "stolen"
    assert "recorded as error (server)" in missing(project, case("c2"), select={"cell": 0})
    assert ask(project, case("c3"), select={"cell": 0}).text is None


def test_select_takes_the_rows_of_one_model(tmp_path):
    rows = [{"case_id": "c1", "output": name, "model": name} for name in ("a", "b")]
    project = write(tmp_path, *rows)

    assert ask(project, select={"model": "b"}).text == "b"
    assert ask(project, select={"model": ["b", "c"]}).text == "b"
    assert "holds no row of its 2 that match" in problems(project, select={"model": "z"})[0]


def test_two_rows_for_one_case_and_repeat_are_refused_with_both_lines(tmp_path):
    rows = [{"case_id": "c1", "output": name} for name in ("a", "b")]
    (problem,) = problems(write(tmp_path, rows[0], "", rows[1]))

    assert "recorded.jsonl:3: answers the same case and repeat as line 1" in problem
    assert "model.select" in problem


def test_all_bad_rows_are_shown_at_once_with_their_lines(tmp_path):
    shown = problems(
        write(
            tmp_path,
            {"case_id": "c1", "output": "x"},
            "{not json",
            "[1]",
            {"output": "x"},
            {"case_id": "c2"},
            {"case_id": "c3", "output": "x", "usage": {"prompt_tokens": 5}},
            {"case_id": "c4", "output": "x", "usage": {"input_tokens": 5}},
            {"case_id": "c5", "output": "x", "cost_usd": -1},
            '{"case_id": "c6", "output": "x", "latency_s": NaN}',
            {"case_id": "c7", "output": "x", "repeat": -1},
            {"case_id": "c8", "output": "x", "status": "great"},
        )
    )

    found = dict(problem.removeprefix("recorded.jsonl:").split(": ", 1) for problem in shown)
    assert list(found) == ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]
    assert found["3"] == "is no JSON object but list"
    assert "it belongs to no case" in found["4"]
    assert found["5"] == "output: Field required"
    assert "usage.prompt_tokens" in found["6"]
    assert found["7"] == "usage.output_tokens: Field required"
    assert "NaN is no JSON" in found["9"]


def test_only_the_first_twenty_bad_rows_are_shown_and_the_rest_counted(tmp_path):
    shown = problems(write(tmp_path, *["{"] * 25))

    assert len(shown) == 21
    assert shown[-1] == "recorded.jsonl: and 5 more"


def test_an_empty_file_is_refused(tmp_path):
    assert problems(write(tmp_path, "")) == ["recorded.jsonl: holds no row"]


def test_bytes_that_are_no_utf8_are_refused_with_their_line(tmp_path):
    (tmp_path / "recorded.jsonl").write_bytes(b'{"case_id": "c1", "output": "\xff"}\n')

    assert problems(Project(tmp_path))[0].startswith("recorded.jsonl:1: 'utf-8' codec")


def test_a_missing_file_is_refused(tmp_path):
    assert problems(Project(tmp_path))[0].startswith("model.path: no file 'recorded.jsonl'")


def test_a_file_that_vanishes_is_an_error_of_the_configuration(tmp_path):
    project = write(tmp_path, {"case_id": "c1", "output": "x"})
    check(settings(), project)
    path = tmp_path / "recorded.jsonl"
    path.unlink()
    found: list[Problem] = []

    assert "cannot be read: No such file" in problems(project)[0]
    assert list(read_rows(path, problems=found)) == []
    assert "cannot be read: No such file" in str(found[0])


def test_a_deeply_nested_row_is_refused_with_its_line(tmp_path):
    """C9: a recursion limit is no traceback for the user."""
    (problem,) = problems(write(tmp_path, "[" * 100_000))

    assert problem == "recorded.jsonl:1: is nested too deeply"


def test_a_request_without_a_case_has_no_recording(tmp_path):
    provider = make(settings(), write(tmp_path, {"case_id": "c1", "output": "x"}))
    request = Request.build(provider="replay", model="x", origin="", path="x", body={})

    with pytest.raises(ProviderError, match="belongs to no case"):
        asyncio.run(provider.complete(request))


def test_an_unknown_kind_of_file_is_refused(tmp_path):
    (tmp_path / "recorded.xlsx").write_bytes(b"PK")

    (problem,) = problems(Project(tmp_path), path="recorded.xlsx")
    assert "cannot read '.xlsx' files" in problem
    assert ".jsonl, .json, .csv" in problem


def test_a_csv_file_answers_and_its_empty_cells_are_unknown(tmp_path):
    text = (
        "\ufeffcase_id,output,repeat,usage,cost_usd\n"
        'c1,"lost,\nor stolen",,"{""input_tokens"": 3, ""output_tokens"": 1}",0.1\n'
        "c2,,,,\n"
    )
    (tmp_path / "recorded.csv").write_text(text, encoding="utf-8")
    project = Project(tmp_path)

    completion = ask(project, path="recorded.csv")
    assert completion.text == "lost,\nor stolen"
    assert completion.usage == Usage(input_tokens=3, output_tokens=1)
    assert completion.cost_usd == Decimal("0.1")
    assert "its output is null" in missing(project, case("c2"), path="recorded.csv")


def test_ragged_csv_rows_are_refused_with_their_lines(tmp_path):
    (tmp_path / "recorded.csv").write_text("case_id,output\nc1\nc2,x,y\nc3,z\n")

    shown = problems(Project(tmp_path), path="recorded.csv")
    assert [problem.split(": ")[0] for problem in shown] == ["recorded.csv:2", "recorded.csv:3"]


def test_a_csv_file_that_is_no_utf8_is_refused(tmp_path):
    (tmp_path / "recorded.csv").write_bytes(b"case_id,output\nc1,\xff\n")

    assert "'utf-8' codec" in problems(Project(tmp_path), path="recorded.csv")[0]


def test_a_json_array_answers(tmp_path):
    (tmp_path / "recorded.json").write_text('[{"case_id": "c1", "output": "lost"}]')

    assert ask(Project(tmp_path), path="recorded.json").text == "lost"


@pytest.mark.parametrize("text", ['{"case_id": "c1"}', "[1]", "[", "[" * 100_000])
def test_json_that_is_no_array_of_objects_is_refused(tmp_path, text):
    (tmp_path / "recorded.json").write_text(text)

    assert problems(Project(tmp_path), path="recorded.json")[0].startswith("recorded.json")


def test_a_byte_order_mark_and_unicode_line_separators_move_no_offset(tmp_path):
    """C3, C4: rows end at newlines only."""
    rows = [json.dumps({"case_id": f"c{n}", "output": f"\u2028{n}"}, ensure_ascii=False)
            for n in range(3)]  # fmt: skip
    (tmp_path / "recorded.jsonl").write_text("\ufeff" + "\r\n".join(rows), encoding="utf-8")
    project = Project(tmp_path)

    assert [ask(project, case(f"c{n}")).text for n in range(3)] == [f"\u2028{n}" for n in range(3)]


def test_a_file_edited_during_the_run_gives_no_wrong_answer(tmp_path):
    project = write(tmp_path, {"case_id": "c0", "output": "x"}, {"case_id": "c1", "output": "lost"})
    provider = make(settings(), project)
    request = build_request(settings(), PROMPT, case(), sample=0, project=project)
    write(tmp_path, {"case_id": "c0", "output": "x"}, {"case_id": "c9", "output": "lost"})

    with pytest.raises(ProviderError, match="changed during the run") as caught:
        asyncio.run(provider.complete(request))
    asyncio.run(provider.aclose())

    assert caught.value.kind is FailureKind.NO_RECORDING


def test_another_file_content_selection_or_repeat_is_another_request(tmp_path):
    project = write(tmp_path, {"case_id": "c1", "output": "x"})
    plain = build_request(settings(), PROMPT, case(), sample=0, project=project)
    selected = settings(select={"model": "a"})
    chosen = build_request(selected, PROMPT, case(), sample=0, project=project)
    repeat = build_request(settings(), PROMPT, case(), sample=1, project=project)
    write(tmp_path, {"case_id": "c1", "output": "yy"})
    edited = build_request(settings(), PROMPT, case(), sample=0, project=project)

    assert len({plain.key, chosen.key, repeat.key, edited.key}) == 4
    assert plain.origin == ""


def test_the_shipped_gsm8k_recordings_answer_all_1319_questions():
    project = Project(Path(__file__).parents[2])
    cases = [
        json.loads(line)
        for line in (project.root / "datasets/gsm8k.jsonl").read_text("utf-8").split("\n")
        if line
    ]

    async def answers(path: str) -> list[Completion]:
        chosen = settings(path=path, usage="estimate")
        provider = make(chosen, project)
        asked = [Case(id=row["id"], fields=row, sha256=sha256_of(row)) for row in cases]
        requests = [build_request(chosen, PROMPT, one, sample=0, project=project) for one in asked]
        try:
            return [await provider.complete(request) for request in requests]
        finally:
            await provider.aclose()

    for path in ("datasets/gsm8k_mixtral_8x7b.jsonl", "datasets/gsm8k_gpt_4_1106.jsonl"):
        completions = asyncio.run(answers(path))
        assert len(completions) == 1319
        assert all(
            answer.text and answer.usage and answer.usage.estimated for answer in completions
        )
