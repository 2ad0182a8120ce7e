"""The scorers that read a score from elsewhere: the user's function, and a recorded row."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from evalrunner.errors import ConfigError, ScorerError
from evalrunner.project import Project
from evalrunner.scorers import make_scorer
from evalrunner.scorers.python import PythonScorer, PythonSettings
from evalrunner.scorers.recorded import RecordedSettings
from evalrunner.types import Case, Completion, Score

CASE = Case(id="c1", fields={"id": "c1", "input": "?", "expected_output": ["a"]}, sha256="")
COMPLETION = Completion(text="the answer", stop_reason="complete")


def scorer_of(root: Path, body: str, signature: str = "output, case, *, completion") -> Any:
    source = f"import evalrunner\n\n@evalrunner.scorer\ndef mine({signature}):\n    {body}\n"
    (root / "mine.py").write_text(source, encoding="utf-8")
    settings = PythonSettings(kind="python", function="mine.py:mine")
    return make_scorer("mine", settings, project=Project(root))


def score(scorer: Any, completion: Completion = COMPLETION) -> Score:
    return asyncio.run(scorer.score(CASE, completion))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("True", Score(value=1.0)),
        ("False", Score(value=0.0)),
        ("0.25", Score(value=0.25)),
        ("1", Score(value=1.0)),
        ("None", Score(value=None, reason="unscored_by_function")),
        ("{'value': 0.5, 'reason': 'half'}", Score(value=0.5, reason="half")),
        ("{'value': True}", Score(value=1.0)),
        ("{'value': None, 'reason': 'off topic'}", Score(value=None, reason="off topic")),
        ("{'value': None}", Score(value=None, reason="unscored_by_function")),
        ("__import__('numpy').float32(0.5)", Score(value=0.5)),
        ("__import__('numpy').bool_(True)", Score(value=1.0)),
        ("__import__('fractions').Fraction(1, 4)", Score(value=0.25)),
        ("len(output) == 10", Score(value=1.0)),
        ("case['id'] == 'c1' and case['expected_output'] == ['a']", Score(value=1.0)),
        ("completion.stop_reason == 'complete'", Score(value=1.0)),
    ],
)
def test_what_a_function_returns_becomes_a_score(tmp_path, expression, expected):
    assert score(scorer_of(tmp_path, f"return {expression}")) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1.5", "returned 1.5; expected"),
        ("-0.1", "returned -0.1"),
        ("float('nan')", "returned nan"),
        ("'good'", r"returned 'good' \(str\)"),
        ("[1]", r"returned \[1\] \(list\)"),
        ("(1, 'x')", "tuple"),
        ("1j", "complex"),
        ("__import__('numpy').array([1.0, 0.0])", "returned"),
        ("{}", "returned a mapping of nothing"),
        ("{'score': 1}", "returned a mapping of score"),
        ("{'value': 1, 'note': 'x'}", "returned a mapping of value, note"),
        ("{'value': 1, 'reason': 3}", "a reason that is no text but int"),
        ("{'value': 'x'}", r"returned 'x' \(str\)"),
    ],
)
def test_anything_else_is_an_error_and_never_a_score(tmp_path, expression, message):
    """The caller makes it unscored: a broken scorer must not look like a bad model."""
    with pytest.raises(ScorerError, match=message) as caught:
        score(scorer_of(tmp_path, f"return {expression}"))

    assert "scorer 'mine': case 'c1': 'mine.py:mine'" in str(caught.value)


def test_an_exception_names_the_function_the_case_and_the_line(tmp_path):
    """A23: one case that raises in user code."""
    with pytest.raises(ScorerError) as caught:
        score(scorer_of(tmp_path, "return case['no_such_field']"))

    message = str(caught.value)
    assert message == (
        "scorer 'mine': case 'c1': 'mine.py:mine' raised KeyError, line 5: 'no_such_field'"
    )
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_function_that_exits_does_not_end_the_run(tmp_path):
    with pytest.raises(ScorerError, match="raised SystemExit"):
        score(scorer_of(tmp_path, "raise SystemExit(1)"))


def test_cancelling_passes_through(tmp_path):
    source = (
        "import asyncio, evalrunner\n\n"
        "@evalrunner.scorer\nasync def mine():\n    await asyncio.sleep(60)\n"
    )
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    settings = PythonSettings(kind="python", function="mine.py:mine")
    scorer = make_scorer("mine", settings, project=Project(tmp_path))

    async def cancelled() -> None:
        task = asyncio.create_task(scorer.score(CASE, COMPLETION))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_no_answer_is_given_as_an_empty_text(tmp_path):
    scorer = scorer_of(tmp_path, "return output == '' and completion.text is None")

    assert score(scorer, Completion(text=None)).value == 1


def test_what_a_function_does_to_the_case_reaches_nobody(tmp_path):
    score(scorer_of(tmp_path, "return case['expected_output'].clear() or case.clear()"))

    assert CASE.fields == {"id": "c1", "input": "?", "expected_output": ["a"]}


def test_the_scorer_knows_the_hash_of_its_file_and_needs_no_target(tmp_path):
    scorer = scorer_of(tmp_path, "return 1", signature="output")

    assert isinstance(scorer, PythonScorer)
    assert len(scorer.function_sha256) == 64
    assert scorer.target_problem(CASE) is None


def test_a_function_that_cannot_be_loaded_names_the_config_key(tmp_path):
    with pytest.raises(ConfigError, match=r"scorer\.mine\.function"):
        scorer_of(tmp_path, "return 1", signature="output, expected")


def recorded(raw: bytes, field: str = "reward") -> Score:
    settings = RecordedSettings(kind="recorded", field=field)
    scorer = make_scorer("reward", settings, project=Project(Path()))
    assert scorer.target_problem(CASE) is None
    return asyncio.run(scorer.score(CASE, Completion(text="x", raw=raw)))


@pytest.mark.parametrize(
    ("row", "field", "expected"),
    [
        ({"reward": 0.5}, "reward", 0.5),
        ({"reward": 1}, "reward", 1.0),
        ({"reward": True}, "reward", 1.0),
        ({"reward": "0.0"}, "reward", 0.0),
        ({"info": {"score": 0.25}}, "info.score", 0.25),
        ({"info.score": 0.75}, "info.score", 0.75),
    ],
)
def test_a_recorded_score_is_read_from_the_row(row, field, expected):
    assert recorded(json.dumps(row).encode(), field) == Score(value=expected)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'{"reward": null}', b'{"reward": ""}', b'{"info": 1}']
)
def test_a_row_without_a_score_is_unscored(raw):
    assert recorded(raw) == Score(value=None, reason="no_recording")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"reward": 2}', "is 2, not a number in"),
        (b'{"reward": -0.1}', "not a number in"),
        (b'{"reward": "good"}', "is 'good', not"),
        (b'{"reward": "nan"}', "is 'nan', not"),
        (b'{"reward": [1]}', "not a number in"),
        (b'{"reward": ' + b"9" * 400 + b"}", "not a number in"),
        (b'{"reward": NaN}', "no recorded row: NaN is not JSON"),
        (b"<html>", "no recorded row"),
        (b"\xff", "no recorded row"),
    ],
)
def test_any_other_record_is_an_error(raw, message):
    with pytest.raises(ScorerError, match=message):
        recorded(raw)
