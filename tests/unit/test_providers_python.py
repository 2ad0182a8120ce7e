"""A user's function as a model: what it is given, what it may return, and how it may fail."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from evalrunner.errors import ConfigError, FailureKind, ProviderError
from evalrunner.project import Project
from evalrunner.providers.python import PythonSettings, build_request, check, make
from evalrunner.providers.recording import parse
from evalrunner.types import Case, Completion, Message, Prompt, Request, Status, Usage, sha256_of

PROMPT = Prompt(
    system="Be brief.",
    messages=(
        Message(role="user", content="Hello"),
        Message(role="assistant", content="Yes?"),
        Message(role="user", content="Where is my card?"),
    ),
)
FIELDS = {"id": "c1", "input": "Where is my card?", "tags": ["vip"], "expected_output": "card"}
CASE = Case(id="c1", fields=FIELDS, sha256=sha256_of(FIELDS))


def project_with(tmp_path: Path, body: str) -> Project:
    source = "import evalrunner\nimport asyncio, sys, time\n\n@evalrunner.model\n" + body
    (tmp_path / "models.py").write_text(source, encoding="utf-8")
    return Project(tmp_path)


def settings(**values: object) -> PythonSettings:
    return PythonSettings.model_validate(
        {"provider": "python", "function": "models.py:answer", **values}
    )


def ask(tmp_path: Path, body: str, **values: object) -> Completion:
    project = project_with(tmp_path, body)
    request = build_request(settings(**values), PROMPT, CASE, sample=0, project=project)

    async def answer() -> Completion:
        provider = make(settings(**values), project)
        try:
            return await provider.complete(request)
        finally:
            await provider.aclose()

    return asyncio.run(answer())


def failure(tmp_path: Path, body: str, **values: object) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(tmp_path, body, **values)
    return caught.value


def test_a_model_is_named_after_its_function_unless_it_has_a_name():
    assert settings().name == "answer"
    assert settings(name="my rules").name == "my rules"


def test_a_function_gets_exactly_the_parameters_that_it_names(tmp_path):
    alone = ask(tmp_path, "def answer(prompt):\n    return prompt")
    everything = ask(
        tmp_path,
        "def answer(prompt, system='', *, messages, case):\n"
        "    return f'{system}|{messages[1]}|{case[\"id\"]}|{prompt}'",
    )

    assert alone.text == "Where is my card?"
    assert everything.text == (
        "Be brief.|{'role': 'assistant', 'content': 'Yes?'}|c1|Where is my card?"
    )


def test_a_prompt_without_system_text_gives_an_empty_system(tmp_path):
    project = project_with(tmp_path, "def answer(system):\n    return repr(system)")
    prompt = replace(PROMPT, system=None)
    request = build_request(settings(), prompt, CASE, sample=0, project=project)

    assert asyncio.run(make(settings(), project).complete(request)).text == "''"


def test_async_functions_are_awaited(tmp_path):
    body = "async def answer(prompt):\n    await asyncio.sleep(0)\n    return prompt"

    assert ask(tmp_path, body).text == "Where is my card?"


def test_sync_functions_run_side_by_side(tmp_path):
    """Even more of them than the threads of asyncio's own pool."""
    project = project_with(tmp_path, "def answer(prompt):\n    time.sleep(0.2)\n    return 'x'")
    provider = make(settings(), project)
    request = build_request(settings(), PROMPT, CASE, sample=0, project=project)

    async def ask_forty() -> list[Completion]:
        return await asyncio.gather(*(provider.complete(request) for _ in range(40)))

    began = time.perf_counter()
    answers = asyncio.run(ask_forty())

    assert len(answers) == 40
    assert time.perf_counter() - began < 7  # one after another: 8 s


def test_threads_are_reused_and_end_with_the_provider(tmp_path):
    project = project_with(
        tmp_path, "def answer():\n    import threading\n    return threading.current_thread().name"
    )
    provider = make(settings(), project)
    request = build_request(settings(), PROMPT, CASE, sample=0, project=project)

    async def ask_one_after_another() -> set[str | None]:
        names = set()
        for _ in range(50):
            names.add((await provider.complete(request)).text)
            await asyncio.sleep(0.001)
        await provider.aclose()
        await asyncio.sleep(0.1)
        return names

    names = asyncio.run(ask_one_after_another())

    assert len(names) < 10
    assert not names & {thread.name for thread in threading.enumerate()}


def test_a_function_that_hangs_keeps_the_program_from_nothing(tmp_path):
    """With asyncio's own threads this program would end after 30 s, when the function does."""
    project_with(tmp_path, "def answer():\n    time.sleep(30)")
    script = (
        "import asyncio, pathlib\n"
        "from evalrunner.project import Project\n"
        "from evalrunner.providers.python import PythonSettings, build_request, make\n"
        "from evalrunner.types import Case, Message, Prompt\n"
        "settings = PythonSettings(provider='python', function='models.py:answer',"
        " limits={'deadline_s': 0.1})\n"
        "project = Project(pathlib.Path.cwd())\n"
        "prompt = Prompt(system=None, messages=(Message(role='user', content='x'),))\n"
        "case = Case(id='c', fields={'id': 'c', 'input': 'x'}, sha256='0')\n"
        "request = build_request(settings, prompt, case, sample=0, project=project)\n"
        "asyncio.run(make(settings, project).complete(request))\n"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "gave no answer within 0.1 s" in done.stderr
    assert time.perf_counter() - began < 15


def test_what_a_function_changes_stays_its_own(tmp_path):
    ask(tmp_path, "def answer(case):\n    case['tags'].append('x')\n    return 'x'")

    assert CASE.fields["tags"] == ["vip"]


@pytest.mark.parametrize("returned", ["None", "{'output': None}"])
def test_none_is_an_answer_without_text(tmp_path, returned):
    completion = ask(tmp_path, f"def answer():\n    return {returned}")

    assert (completion.text, completion.status) == (None, Status.OK)


def test_a_dict_carries_usage_and_exact_cost(tmp_path):
    completion = ask(
        tmp_path,
        "def answer():\n"
        "    return {'output': 'x', 'input_tokens': 7, 'output_tokens': 2, 'cost_usd': 0.1}",
    )

    assert completion.usage == Usage(input_tokens=7, output_tokens=2)
    assert completion.cost_usd == Decimal("0.1")


def test_half_a_usage_is_unknown_and_not_zero(tmp_path):
    completion = ask(tmp_path, "def answer():\n    return {'output': 'x', 'input_tokens': 7}")

    assert completion.usage is None


def test_a_completion_is_kept_as_returned(tmp_path):
    completion = ask(
        tmp_path,
        "def answer():\n"
        "    from evalrunner.types import Completion, Status\n"
        "    return Completion(text='no', status=Status.REFUSED, latency_s=9.0, started_at=5.0)",
    )

    assert (completion.text, completion.status) == ("no", Status.REFUSED)
    assert (completion.latency_s, completion.started_at) == (9.0, 5.0)


def test_an_answer_can_be_read_again_from_its_raw_body(tmp_path):
    completion = ask(
        tmp_path,
        "def answer():\n"
        "    return {'output': 'x', 'input_tokens': 7, 'output_tokens': 2, 'cost_usd': 0.1}",
    )
    project = Project(tmp_path)
    request = build_request(settings(), PROMPT, CASE, sample=0, project=project)

    again = parse(request, completion.raw)

    measured = replace(completion, started_at=0.0, latency_s=None)
    assert again == measured


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_latency_is_that_of_the_call_alone(tmp_path, kind):
    sleep = "time.sleep(0.05)" if kind == "def" else "await asyncio.sleep(0.05)"
    before = time.time()
    completion = ask(tmp_path, f"{kind} answer():\n    {sleep}\n    return 'x'")

    assert completion.latency_s is not None
    assert 0.05 <= completion.latency_s < 0.5
    assert before <= completion.started_at <= time.time()


def test_waiting_for_a_free_thread_is_no_latency(tmp_path):
    """A hundred calls at once: each is timed from its own start."""
    project = project_with(tmp_path, "def answer():\n    return 'x'")
    provider = make(settings(), project)
    request = build_request(settings(), PROMPT, CASE, sample=0, project=project)

    async def ask_hundred() -> list[Completion]:
        return await asyncio.gather(*(provider.complete(request) for _ in range(100)))

    latencies = sorted(answer.latency_s or 0.0 for answer in asyncio.run(ask_hundred()))

    assert latencies[50] < 0.005


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_exception_is_an_error_that_names_the_users_line(tmp_path, kind):
    error = failure(tmp_path, f"{kind} answer():\n    raise ValueError('no such account')")

    assert error.kind is FailureKind.FUNCTION
    assert str(error) == "models.py:answer raised ValueError: no such account (models.py:6)"


def test_the_message_of_an_exception_is_redacted(tmp_path, monkeypatch):
    monkeypatch.setenv("BANK_API_KEY", "hunter2hunter2")
    error = failure(tmp_path, "def answer():\n    raise ValueError('hunter2hunter2 was refused')")

    assert "hunter2" not in str(error)
    assert "[redacted] was refused" in str(error)


@pytest.mark.parametrize("raised", ["SystemExit(3)", "StopIteration()", "KeyboardInterrupt()"])
def test_not_even_exits_out_of_a_thread_end_the_run(tmp_path, raised):
    error = failure(tmp_path, f"def answer():\n    raise {raised}")

    assert error.kind is FailureKind.FUNCTION
    assert raised.split("(")[0] in str(error)
    assert "models.py:6" in str(error)


def test_an_exit_out_of_an_async_function_does_not_end_the_run(tmp_path):
    error = failure(tmp_path, "async def answer():\n    sys.exit(3)")

    assert error.kind is FailureKind.FUNCTION


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        ("7", "returned int (7): return str"),
        ("b'x'", "returned bytes"),
        ("{}", "returned a dict with no 'output'"),
        ("{'output': 'x', 'tokens': 3}", "the keys ['tokens']"),
        ("{'output': 7}", "int (7) as output"),
        ("{'output': 'x', 'cost_usd': -1}", "cost_usd = -1"),
        ("{'output': 'x', 'cost_usd': float('nan')}", "cost_usd = nan"),
        ("{'output': 'x', 'cost_usd': '0.1'}", "str ('0.1') as cost_usd"),
        ("{'output': 'x', 'cost_usd': True}", "bool (True) as cost_usd"),
        ("{'output': 'x', 'input_tokens': -1, 'output_tokens': 1}", "-1 tokens"),
        ("{'output': 'x', 'input_tokens': 1.5, 'output_tokens': 1}", "1.5 tokens"),
        ("evalrunner.types.Completion(text='x', status='error')", "the status 'error'"),
    ],
)
def test_what_is_no_answer_is_an_error_and_never_a_score(tmp_path, returned, complaint):
    error = failure(tmp_path, f"def answer():\n    import evalrunner.types\n    return {returned}")

    assert error.kind is FailureKind.FUNCTION
    assert complaint in str(error)


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_function_past_its_deadline_is_a_timeout(tmp_path, kind):
    sleep = "time.sleep(20)" if kind == "def" else "await asyncio.sleep(20)"
    began = time.perf_counter()
    error = failure(tmp_path, f"{kind} answer():\n    {sleep}", limits={"deadline_s": 0.05})

    assert error.kind is FailureKind.TIMEOUT
    assert str(error) == "models.py:answer gave no answer within 0.05 s"
    assert time.perf_counter() - began < 15


def test_a_timeout_of_the_functions_own_is_its_own_error(tmp_path):
    error = failure(tmp_path, "async def answer():\n    raise TimeoutError('database')")

    assert error.kind is FailureKind.FUNCTION
    assert "database" in str(error)


def test_an_answer_after_the_deadline_is_dropped(tmp_path):
    project = project_with(tmp_path, "def answer():\n    time.sleep(0.2)\n    return 'late'")
    chosen = settings(limits={"deadline_s": 0.05})
    provider = make(chosen, project)
    request = build_request(chosen, PROMPT, CASE, sample=0, project=project)

    async def ask_and_wait() -> None:
        with pytest.raises(ProviderError, match="gave no answer"):
            await provider.complete(request)
        await asyncio.sleep(0.4)

    asyncio.run(ask_and_wait(), debug=True)


def test_a_request_without_a_case_is_an_error(tmp_path):
    provider = make(settings(), project_with(tmp_path, "def answer():\n    return 'x'"))
    request = Request.build(provider="python", model="x", origin="", path="x", body={})

    with pytest.raises(ProviderError, match="needs the prompt and the case"):
        asyncio.run(provider.complete(request))


def test_a_function_without_decorator_is_found_before_the_run(tmp_path):
    (tmp_path / "models.py").write_text("import evalrunner\ndef answer(prompt):\n    return prompt")

    with pytest.raises(ConfigError, match=r"not decorated with @evalrunner\.model"):
        check(settings(), Project(tmp_path))


def test_a_missing_file_is_found_before_the_run(tmp_path):
    with pytest.raises(ConfigError, match=r"model\.function: no file 'models\.py'"):
        check(settings(), Project(tmp_path))


def test_an_edited_function_or_case_is_another_request(tmp_path):
    project = project_with(tmp_path, "def answer():\n    return 'x'")
    first = build_request(settings(), PROMPT, CASE, sample=0, project=project)
    repeat = build_request(settings(), PROMPT, CASE, sample=1, project=project)
    other_case = replace(CASE, sha256="0" * 64)
    edited_case = build_request(settings(), PROMPT, other_case, sample=0, project=project)
    same = build_request(settings(), PROMPT, CASE, sample=0, project=project)
    project_with(tmp_path, "def answer():\n    return 'yy'")
    edited = build_request(settings(), PROMPT, CASE, sample=0, project=project)

    assert first.key == same.key
    assert len({first.key, repeat.key, edited_case.key, edited.key}) == 4
    assert first.origin == ""
