"""Files of a run directory: created once, replaced whole, never outside, named harmlessly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalrunner.errors import ConfigError, StoreError
from evalrunner.store import FrozenRun, create_run, run_directory
from evalrunner.store.files import (
    create_run_directory,
    read_json,
    safe_name,
    write_json,
    write_text,
)

AT = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
RESERVED = {
    "CON",
    "PRN",
    "AUX",
    "NUL",
    *(f"{name}{n}" for name in ("COM", "LPT") for n in range(10)),
}


def frozen(**changes):
    values = {"plan": {"schema_version": 1}, "manifest": {}, "case_sets": (), "files": {}}
    return FrozenRun(**{**values, **changes})


@given(st.text(st.characters(exclude_categories=()), max_size=300))
@example("../../etc/passwd")
@example("a/b:c")
@example("\x00")
@example("x" * 300)
@example("CON")
@example("nul.txt")
@example("com1.tar.gz")
@example("..")
@example("trailing. . .")
@example("-rf")
@example("x" * 39 + ". y")
@example("nul." + "x" * 60)
def test_any_text_becomes_one_harmless_path_component(text):
    """E13: by the rules of both POSIX and Windows."""
    name = safe_name(text)

    assert 1 <= len(name) <= 40
    assert name.isascii()
    assert PurePosixPath(name).parts == (name,)
    assert PureWindowsPath(name).parts == (name,)
    assert name.partition(".")[0].upper() not in RESERVED
    assert not name.startswith(("-", "."))
    assert not name.endswith((" ", "."))
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["run", "gpt-4o_v2", "console", "null", "com10", "a.b"])
def test_harmless_names_stay_as_they_are(name):
    assert safe_name(name) == name


def test_fifty_parallel_starts_make_fifty_directories(tmp_path):
    """D8: threads here; the random part is what keeps them apart, not the clock."""
    with ThreadPoolExecutor(50) as pool:
        made = list(
            pool.map(lambda _: create_run_directory(tmp_path / "out", "same", at=AT), range(50))
        )

    assert len({path.name for path in made}) == 50
    assert all(path.is_dir() and path.parent == tmp_path / "out" / "same" for path in made)


def test_parallel_processes_make_directories_of_their_own(tmp_path):
    """D8."""
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path;"
        "from evalrunner.store.files import create_run_directory as c;"
        "at = datetime(2026, 11, 23, tzinfo=UTC);"
        "[print(c(Path(sys.argv[1]), 'same', at=at)) for _ in range(10)]"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(5)]
    made = [line for child in children for line in child.communicate()[0].splitlines()]

    assert len(set(made)) == 50


def test_names_that_differ_in_case_only_still_get_directories_of_their_own(tmp_path):
    """E13: case-fold twins share a parent on some systems, never a run directory."""
    upper = create_run_directory(tmp_path, "Run", at=AT)
    lower = create_run_directory(tmp_path, "run", at=AT)

    assert upper.name.casefold() != lower.name.casefold()


def test_outputs_that_cannot_be_made_are_named_before_anything_is_spent(tmp_path):
    """E7."""
    (tmp_path / "outputs").write_text("a file in the way")

    with pytest.raises(StoreError, match=r"cannot create .*run\.outputs=DIR"):
        create_run_directory(tmp_path / "outputs", "x", at=AT)


def test_new_run_holds_what_was_frozen_with_its_names_synced(tmp_path, monkeypatch):
    """E8: a power cut right after the start loses no file of it."""
    synced, fsync = set(), os.fsync

    def traced(fd):
        synced.add(str(Path(f"/proc/self/fd/{fd}").readlink()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", traced)

    run = create_run(tmp_path, "x", frozen(files={"prompts/a.j2": "{{ input }}"}), at=AT)

    assert read_json(run / "plan.json") == {"schema_version": 1}
    assert (run / "prompts" / "a.j2").read_text() == "{{ input }}"
    assert (run / "cases.jsonl").read_bytes() == b""
    assert {str(run.parent), str(run), str(run / "prompts"), str(run / "cases.jsonl")} <= synced


def test_link_in_place_of_a_file_is_replaced_not_followed(tmp_path):
    """E14."""
    outside, path = tmp_path / "outside", tmp_path / "summary.json"
    outside.write_text("mine")
    path.symlink_to(outside)

    write_text(path, "new")

    assert outside.read_text() == "mine"
    assert path.read_text() == "new"
    assert not path.is_symlink()


def test_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    """E6."""
    path = tmp_path / "summary.json"
    path.write_text("old")
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from evalrunner.store.files import write_text;"
        "from evalrunner.errors import StoreError;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "try: write_text(Path(sys.argv[1]), 'x' * 1000)\n"
        "except StoreError as error: print(error)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )

    assert "cannot write" in done.stdout
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_are_none_never_reach_a_file(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "summary.json", {"cost": float("nan")})

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "is not JSON"), (b"[1]", "no JSON object"), (b"\xff", "is not JSON")],
)
def test_file_that_is_no_object_is_named(tmp_path, content, said):
    (tmp_path / "plan.json").write_bytes(content)

    with pytest.raises(StoreError, match=said) as caught:
        read_json(tmp_path / "plan.json")

    assert "plan.json" in str(caught.value)


def test_absurdly_nested_file_is_no_crash(tmp_path):
    (tmp_path / "plan.json").write_text('{"a":' + "[" * 100_000)

    with pytest.raises(StoreError, match="is not JSON"):
        read_json(tmp_path / "plan.json")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"cannot read .*plan\.json"):
        read_json(tmp_path / "plan.json")


@pytest.mark.parametrize("version", [2, 99, None, "1"])
def test_run_of_a_newer_version_is_refused_naming_the_version(tmp_path, version):
    """E17."""
    (tmp_path / "plan.json").write_text(json.dumps({"schema_version": version}))

    with pytest.raises(ConfigError, match="newer evalrunner") as caught:
        run_directory(tmp_path)

    assert f"schema {version}, not 1" in str(caught.value)
    assert "upgrade" in str(caught.value)


def test_directory_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"no plan\.json"):
        run_directory(tmp_path)


def test_run_of_this_version_is_taken(tmp_path):
    assert run_directory(create_run(tmp_path, "x", frozen(), at=AT)).is_dir()
