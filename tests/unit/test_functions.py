"""A user's function: found, refused with the way out, and called with what it names."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import evalrunner
from evalrunner.errors import ConfigError
from evalrunner.functions import UserFunction, call_user_function, load_function, user_line
from evalrunner.project import Project

HEADER = "import evalrunner\n\n"
GOOD = HEADER + "@evalrunner.scorer\ndef good(output):\n    return bool(output)\n"


def load(root: Path, source: str, name: str = "good", *, role: str = "scorer") -> UserFunction:
    (root / "mine.py").write_text(source, encoding="utf-8")
    return load_function(f"mine.py:{name}", Project(root), role=role, where="scorer.mine.function")


def problem(root: Path, source: str, name: str = "good", *, role: str = "scorer") -> str:
    with pytest.raises(ConfigError) as caught:
        load(root, source, name, role=role)
    return str(caught.value)


def call(function: Any, available: Mapping[str, Any]) -> Any:
    return asyncio.run(call_user_function(function, available))


def test_a_decorated_function_is_loaded_with_the_hash_of_its_file(tmp_path):
    function = load(tmp_path, GOOD)

    assert function(output="x") is True
    assert function.function_sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert function.path == tmp_path / "mine.py"
    assert function.spec == "mine.py:good"


def test_the_same_content_is_imported_once_and_an_edit_is_imported_again(tmp_path):
    first = load(tmp_path, GOOD)
    again = load(tmp_path, GOOD)
    edited = load(tmp_path, GOOD.replace("bool(output)", "not output"))

    assert again.function is first.function
    assert edited.function is not first.function
    assert edited(output="x") is False


def test_files_of_the_same_name_do_not_meet(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    one = load(tmp_path / "a", GOOD)
    two = load(tmp_path / "b", GOOD)

    assert one.function.__module__ != two.function.__module__


def test_nothing_is_written_beside_the_file(tmp_path):
    load(tmp_path, GOOD)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_helper_modules_beside_the_file_can_be_imported(tmp_path):
    (tmp_path / "helper_of_this_test.py").write_text("ANSWER = 42\n", encoding="utf-8")
    source = "import helper_of_this_test\n" + GOOD.replace(
        "bool(output)", "helper_of_this_test.ANSWER"
    )

    assert load(tmp_path, source)(output="") == 42


def test_a_helper_cannot_stand_in_front_of_an_installed_module(tmp_path):
    (tmp_path / "tabnanny.py").write_text("raise RuntimeError('shadowed')\n", encoding="utf-8")
    load(tmp_path, GOOD)

    assert Path(str(importlib.import_module("tabnanny").__file__)).parent != tmp_path


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mine.py", "names no function"),
        ("mine:good", "names no function"),
        ("mine.py:", "names no function"),
        ("mine.py:os.system", "names no function"),
        ("mine.py:a b", "names no function"),
        ("missing.py:good", "no file 'missing.py'"),
        ("../outside.py:good", "leads out of"),
        ("link.py:good", "leads out of"),
        ("/etc/passwd.py:good", "is absolute"),
    ],
)
def test_only_a_function_of_a_file_of_the_project_can_be_named(tmp_path, spec, message):
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside.py").write_text(GOOD, encoding="utf-8")
    (root / "mine.py").write_text(GOOD, encoding="utf-8")
    (root / "link.py").symlink_to(tmp_path / "outside.py")

    with pytest.raises(ConfigError, match=r"scorer\.x\.function") as caught:
        load_function(spec, Project(root), role="scorer", where="scorer.x.function")

    assert message in str(caught.value)


def test_a_file_of_the_installed_package_is_not_the_users(tmp_path):
    inside = Path(evalrunner.__file__).parent
    root = inside.parent

    assert (root / "evalrunner/decorators.py").is_file()
    with pytest.raises(ConfigError, match=r"from the project alone|no file"):
        load_function(
            "evalrunner/decorators.py:model",
            Project(tmp_path),
            role="model",
            where="model.function",
        )


def test_a_file_that_never_imports_evalrunner_is_not_run(tmp_path):
    marker = tmp_path / "was_run"
    message = problem(tmp_path, f"open({str(marker)!r}, 'w').close()\ndef good(output): ...\n")

    assert "was not imported" in message
    assert not marker.exists()


def test_a_syntax_error_names_its_line(tmp_path):
    message = problem(tmp_path, HEADER + "def good(:\n    pass\n")

    assert f"{tmp_path / 'mine.py'}, line 3" in message
    assert "SyntaxError" in message


def test_an_import_error_names_the_line_of_the_users_file(tmp_path):
    message = problem(tmp_path, HEADER + "x = 1\nimport no_such_module_anywhere\n")

    assert "mine.py, line 4: cannot be imported: ModuleNotFoundError" in message


def test_an_error_in_a_helper_names_the_line_that_called_it(tmp_path):
    message = problem(tmp_path, HEADER + "import json\njson.loads('{')\n")

    assert "mine.py, line 4: cannot be imported: JSONDecodeError" in message


def test_a_script_that_exits_does_not_end_the_program(tmp_path):
    message = problem(tmp_path, HEADER + "import sys\nsys.exit(3)\n")

    assert "SystemExit" in message


def test_a_failed_import_is_tried_again(tmp_path):
    source = HEADER + "import helper_that_comes_late\n" + GOOD
    problem(tmp_path, source)
    (tmp_path / "helper_that_comes_late.py").write_text("", encoding="utf-8")
    importlib.invalidate_caches()

    assert load(tmp_path, source)(output="x") is True


@pytest.mark.parametrize("source", ["\0", "import evalrunner\n\xff".encode("latin-1")])
def test_a_file_that_is_no_python_is_refused(tmp_path, source):
    path = tmp_path / "mine.py"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())

    with pytest.raises(ConfigError, match="cannot be imported"):
        load_function("mine.py:good", Project(tmp_path), role="scorer", where="w")


def test_an_undecorated_function_is_refused_with_the_decorated_ones(tmp_path):
    message = problem(tmp_path, GOOD + "def plain(output): ...\n", "plain")

    assert "'plain'" in message
    assert "is not decorated with @evalrunner.scorer; decorated there: good" in message


def test_a_typo_gets_the_nearest_name(tmp_path):
    message = problem(tmp_path, GOOD, "goood")

    assert "has no function 'goood'" in message
    assert "did you mean mine.py:good?" in message


def test_the_wrong_role_is_refused(tmp_path):
    message = problem(tmp_path, GOOD, role="model")

    assert "decorated with @evalrunner.scorer, not @evalrunner.model" in message


def test_a_name_that_is_no_function_is_refused(tmp_path):
    message = problem(tmp_path, HEADER + "good = 3\n")

    assert "is no function but int" in message
    assert "decorated there: none" in message


def test_a_parameter_that_the_role_does_not_offer_is_refused_at_load(tmp_path):
    message = problem(tmp_path, GOOD.replace("(output)", "(output, expected)"))

    assert "requires 'expected', which a scorer is not given" in message
    assert "output, case, completion" in message


def test_a_function_without_a_signature_is_refused_at_load(tmp_path):
    message = problem(
        tmp_path, HEADER + "import functools\ngood = evalrunner.scorer(functools.partial(max))\n"
    )

    assert "has no readable signature" in message


def test_a_module_of_the_project_is_no_import_of_evalrunner(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "mine.py").write_text("from . import evalrunner\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="was not imported"):
        load_function("pkg/mine.py:good", Project(tmp_path), role="scorer", where="w")


def test_a_parameter_with_a_default_may_have_any_name(tmp_path):
    function = load(tmp_path, GOOD.replace("good(output)", "good(output, threshold=0.5)"))

    assert call(function, {"output": "x", "case": {}, "completion": None}) is True


AVAILABLE = {"output": "o", "case": {"id": "c"}, "completion": 7}


def takes_output(output):
    return output


def takes_two(case, *, completion):
    return case["id"], completion


def takes_all(**kwargs):
    return kwargs


def takes_position(output, /, **kwargs):
    return output, sorted(kwargs)


def takes_defaulted_position(other="d", /, case=None):
    return other, case["id"]


def takes_nothing():
    return "nothing"


async def is_async(output):
    await asyncio.sleep(0)
    return output


def returns_coroutine(output):
    return is_async(output)


class Callable:
    def __call__(self, output):
        return output


class AsyncCallable:
    async def __call__(self, output):
        return output


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (takes_output, "o"),
        (takes_two, ("c", 7)),
        (takes_all, AVAILABLE),
        (takes_position, ("o", ["case", "completion"])),
        (takes_defaulted_position, ("d", "c")),
        (takes_nothing, "nothing"),
        (is_async, "o"),
        (returns_coroutine, "o"),
        (Callable(), "o"),
        (AsyncCallable(), "o"),
        (functools.partial(takes_two, completion=1), ("c", 1)),
        (functools.partial(is_async), "o"),
        (lambda output: output * 2, "oo"),
    ],
)
def test_a_function_gets_the_parameters_that_it_names(function, expected):
    assert call(function, AVAILABLE) == expected


@pytest.mark.parametrize(
    "definition",
    [
        "good = evalrunner.scorer(lambda output: 1)",
        (
            "import functools\ndef f(output, k): return k\n"
            "good = evalrunner.scorer(functools.partial(f, k=1))"
        ),
        "class C:\n    def __call__(self, output): return 1\ngood = evalrunner.scorer(C())",
        "@evalrunner.scorer\nasync def good(output): return 1",
    ],
)
def test_callables_of_every_kind_can_be_decorated(tmp_path, definition):
    function = load(tmp_path, HEADER + definition + "\n")

    assert call(function, AVAILABLE) == 1


def test_sync_functions_run_in_a_thread_and_async_ones_in_the_loop():
    async def thread_of_async():
        return threading.get_ident()

    def thread_of_sync():
        return threading.get_ident()

    assert call(thread_of_sync, {}) != threading.get_ident()
    assert call(thread_of_async, {}) == threading.get_ident()


def test_the_loop_goes_on_while_a_sync_function_works():
    started, released = threading.Event(), threading.Event()

    def slow():
        started.set()
        return released.wait(timeout=30)

    async def both():
        task = asyncio.create_task(call_user_function(slow, {}))
        while not started.is_set():  # noqa: ASYNC110 - a thread sets it
            await asyncio.sleep(0.001)
        released.set()
        return await task

    assert asyncio.run(both()) is True


def test_an_exception_passes_through_with_its_line(tmp_path):
    function = load(tmp_path, GOOD.replace("return bool(output)", "return 1 / 0"))

    with pytest.raises(ZeroDivisionError) as caught:
        call(function, AVAILABLE)

    assert user_line(caught.value, function.path) == 5


def test_stop_iteration_in_a_thread_becomes_an_error_and_not_an_endless_wait():
    def ends():
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        call(ends, {})


def test_an_error_that_never_passed_the_file_has_no_line(tmp_path):
    assert user_line(ValueError("x"), tmp_path / "mine.py") is None
