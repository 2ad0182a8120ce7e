"""Baselines: what each kind answers, what it learns, and what it refuses to start with."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from evalrunner.errors import ConfigError, ProviderError
from evalrunner.project import Project
from evalrunner.providers.baseline import BaselineSettings, build_request, check, make
from evalrunner.providers.baseline.rules import keyword_rules
from evalrunner.providers.baseline.training import Examples, text_of
from evalrunner.providers.recording import parse
from evalrunner.types import Case, Completion, Message, Prompt, Request, sha256_of

PROMPT = Prompt(system="Answer with one label.", messages=(Message(role="user", content="?"),))
EXAMPLES = [
    ("my card is lost", "card_lost"),
    ("I lost my card", "card_lost"),
    ("card gone, please block it", "card_lost"),
    ("please change my pin", "change_pin"),
    ("new pin please", "change_pin"),
    ("the transfer failed", "failed_transfer"),
]
LEARNING = ["majority", "keywords", "tfidf_knn", "tfidf_logistic"]


def project_with(tmp_path: Path, rows: list[dict[str, object]] | None = None) -> Project:
    if rows is None:
        rows = [{"input": text, "expected_output": target} for text, target in EXAMPLES]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "train.jsonl").write_text(lines, encoding="utf-8")
    return Project(tmp_path)


def settings(kind: str, **values: object) -> BaselineSettings:
    train = {"train": "train.jsonl"} if kind in LEARNING else {}
    return BaselineSettings.model_validate(
        {"provider": "baseline", "kind": kind, **train, **values}
    )


def request_for(chosen: BaselineSettings, project: Project, value: object) -> Request:
    fields = {"id": "c1", "input": value}
    case = Case(id="c1", fields=fields, sha256=sha256_of(fields))
    return build_request(chosen, PROMPT, case, sample=0, project=project)


def ask(project: Project, kind: str, value: object, **values: object) -> Completion:
    chosen = settings(kind, **values)
    request = request_for(chosen, project, value)
    return asyncio.run(make(chosen, project).complete(request))


def problems(project: Project, kind: str, **values: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(settings(kind, **values), project)
    return [str(problem) for problem in caught.value.problems]


def test_a_model_is_named_after_its_kind_unless_it_has_a_name():
    assert settings("empty").name == "empty"
    assert settings("empty", name="nothing").name == "nothing"


@pytest.mark.parametrize(
    ("kind", "values", "answer"),
    [
        ("constant", {"text": "yes"}, "yes"),
        ("empty", {}, ""),
        ("copy_input", {}, "please block my card"),
        ("majority", {}, "card_lost"),
        ("keywords", {}, "card_lost"),
        ("tfidf_knn", {}, "card_lost"),
        ("tfidf_logistic", {}, "card_lost"),
    ],
)
def test_each_kind_answers(tmp_path, kind, values, answer):
    assert ask(project_with(tmp_path), kind, "please block my card", **values).text == answer


@pytest.mark.parametrize("kind", ["keywords", "tfidf_knn", "tfidf_logistic"])
def test_learning_kinds_tell_classes_apart(tmp_path, kind):
    project = project_with(tmp_path)

    assert ask(project, kind, "a new PIN").text == "change_pin"
    assert ask(project, kind, "Transfer failed!").text == "failed_transfer"


@pytest.mark.parametrize("kind", ["keywords", "tfidf_knn"])
def test_a_text_without_known_words_gets_the_majority(tmp_path, kind):
    assert ask(project_with(tmp_path), kind, "zzz").text == "card_lost"
    assert ask(project_with(tmp_path), kind, "").text == "card_lost"


def test_of_equally_frequent_answers_the_first_in_order_is_the_majority():
    assert Examples(texts=("x", "y"), targets=("b", "a")).majority == "a"


def test_keyword_rules_are_the_words_that_set_a_class_apart():
    texts, targets = zip(*EXAMPLES, strict=True)
    rules = keyword_rules(Examples(texts=texts, targets=targets))

    assert [target for target, _ in rules["pin"]] == ["change_pin"]
    assert "my" not in {word for word, found in rules.items() if found[0][0] == "failed_transfer"}
    assert all(weight > 0 for found in rules.values() for _, weight in found)


def test_a_training_csv_with_other_field_names_can_be_used(tmp_path):
    (tmp_path / "train.csv").write_text("text,category\nlost card,card\nnew pin,pin\nmy pin,pin\n")
    values = {"train": "train.csv", "input_field": "text", "target": "category"}

    assert ask(Project(tmp_path), "majority", "x", **values).text == "pin"


def test_answers_that_are_no_text_are_learned_as_json(tmp_path):
    project = project_with(tmp_path, [{"input": "x", "expected_output": True}])

    assert ask(project, "majority", "x").text == "true"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hello", "hello"),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "a"),
        ([{"role": "assistant", "content": "b"}], "b"),
        ([{"role": "user", "content": [{"type": "text"}]}], '[{"type":"text"}]'),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ([], "[]"),
    ],
)
def test_the_text_of_an_input_is_its_last_user_turn_or_its_json(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize("kind", LEARNING)
def test_the_same_training_file_gives_the_same_answers(tmp_path, kind):
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    inputs = [text for text, _ in EXAMPLES] + ["please", "my"]

    def answers(root: Path) -> list[str | None]:
        project = project_with(root)
        return [ask(project, kind, value).text for value in inputs]

    assert answers(first) == answers(second)


def test_training_is_no_part_of_the_latency(tmp_path):
    rows = [
        {"input": f"word{n} other{n % 97}", "expected_output": f"class{n % 40}"}
        for n in range(4000)
    ]
    project = project_with(tmp_path, rows)

    latency_s = ask(project, "tfidf_logistic", "word7 other3").latency_s
    assert latency_s is not None
    assert 0 < latency_s < 0.1


def test_a_model_is_trained_once_for_all_who_wait(tmp_path):
    project = project_with(tmp_path)
    chosen = settings("keywords")
    provider = make(chosen, project)
    request = request_for(chosen, project, "new pin")

    async def ask_eight() -> tuple[list[Completion], int]:
        answers = await asyncio.gather(*(provider.complete(request) for _ in range(8)))
        trained = provider._predict
        await provider.open()
        await provider.aclose()
        return answers, int(trained is provider._predict)

    answers, kept = asyncio.run(ask_eight())

    assert {answer.text for answer in answers} == {"change_pin"}
    assert kept == 1


def test_an_answer_can_be_read_again_from_its_raw_body(tmp_path):
    completion = ask(project_with(tmp_path), "copy_input", "caf\u00e9 \ud800")
    request = request_for(settings("copy_input"), Project(tmp_path), "x")

    assert parse(request, completion.raw).text == "caf\u00e9 \ud800"
    assert completion.usage is None


def test_a_request_without_a_case_is_an_error(tmp_path):
    request = Request.build(provider="baseline", model="empty", origin="", path="empty", body={})

    with pytest.raises(ProviderError, match="has none"):
        asyncio.run(make(settings("empty"), Project(tmp_path)).complete(request))


def test_an_edited_training_file_is_another_request_and_another_prompt_is_not(tmp_path):
    project = project_with(tmp_path)
    chosen = settings("majority")
    first = request_for(chosen, project, "x")
    other = request_for(chosen, project, "y")
    same = build_request(
        chosen,
        Prompt(system=None, messages=PROMPT.messages),
        Case(id="c2", fields={"id": "c2", "input": "x"}, sha256="0" * 64),
        sample=0,
        project=project,
    )
    project_with(tmp_path, [{"input": "x", "expected_output": "z"}])
    edited = request_for(chosen, project, "x")

    assert first.key == same.key
    assert len({first.key, other.key, edited.key}) == 3
    assert ask(project, "majority", "x").text == "z"


@pytest.mark.parametrize("kind", LEARNING)
def test_a_kind_that_learns_needs_a_training_file(kind):
    with pytest.raises(ValidationError, match="set 'train' to a file of examples"):
        settings(kind, train=None)


@pytest.mark.parametrize(("kind", "text"), [("constant", None), ("empty", "x")])
def test_a_text_belongs_to_constant_and_to_nothing_else(kind, text):
    with pytest.raises(ValidationError, match="'text' is the answer of kind 'constant'"):
        settings(kind, text=text)


def test_a_missing_training_file_is_found_before_the_run(tmp_path):
    assert problems(Project(tmp_path), "majority")[0].startswith(
        "model.train: no file 'train.jsonl'"
    )


def test_an_empty_training_file_is_refused(tmp_path):
    assert "there is nothing to learn from" in problems(project_with(tmp_path, []), "majority")[0]


def test_rows_without_text_or_answer_are_shown_with_their_lines(tmp_path):
    rows = [
        {"input": "x", "expected_output": "y"},
        {"text": "x", "expected_output": "y"},
        {"input": "x", "expected_output": None},
    ]
    shown = problems(project_with(tmp_path, rows), "keywords")

    assert [problem.split(": ")[0] for problem in shown] == ["train.jsonl:2", "train.jsonl:3"]
    assert "has no 'input'; it has text, expected_output" in shown[0]
    assert "model.input_field" in shown[0]


def test_logistic_regression_refuses_a_single_class(tmp_path):
    project = project_with(tmp_path, [{"input": "x", "expected_output": "y"}])

    assert "nothing to tell apart" in problems(project, "tfidf_logistic")[0]


@pytest.mark.parametrize("kind", ["tfidf_knn", "tfidf_logistic"])
def test_vectors_refuse_texts_without_a_word(tmp_path, kind):
    rows = [{"input": mark, "expected_output": mark} for mark in "?!"]

    assert "has a word" in problems(project_with(tmp_path, rows), kind)[0]


def test_a_missing_scikit_learn_is_named_with_the_command_to_type(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)

    (problem,) = problems(project_with(tmp_path), "tfidf_knn")
    assert "needs scikit-learn, which is not installed" in problem
    assert "pip install 'evalrunner[baseline]'" in problem
    check(settings("keywords"), Project(tmp_path))


def test_settings_requests_and_rules_import_neither_scikit_learn_nor_numpy(tmp_path):
    project_with(tmp_path)
    script = (
        "import sys, pathlib\n"
        "from evalrunner.project import Project\n"
        "from evalrunner.providers.baseline import BaselineSettings, check\n"
        "check(BaselineSettings(provider='baseline', kind='tfidf_knn', train='train.jsonl'),"
        " Project(pathlib.Path.cwd()))\n"
        "print(sorted({'sklearn', 'numpy', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
