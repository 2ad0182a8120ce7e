"""A run directory that nobody may write into: every command says so, and what to do."""

from __future__ import annotations

import errno
import os

import pytest
from runs import new_run, project, trial, write_journal

from evalrunner.cli import main
from evalrunner.errors import StoreError
from evalrunner.plots.files import write_atomically
from evalrunner.report import build_report
from evalrunner.store.files import append_whole, write_text
from evalrunner.store.people import append_labels, append_votes
from evalrunner.types.people import Label, Vote

_REMEDY = "make the directory writable, or work on a copy of it"


@pytest.fixture
def run(tmp_path):
    directory = new_run(project(tmp_path))
    write_journal(directory, [trial(0, case) for case in range(3)])
    build_report(directory, figures=False)
    append_labels(directory, [Label(case_id="c0", label=1.0)])
    append_votes(directory, [Vote(task_id="t", rater="ann", vote="tie")])
    return directory


@pytest.fixture
def read_only(run, monkeypatch):
    """The run on a disk that is mounted read-only: what would change it fails first of all.

    As Linux does it: also the removal of a file that is not there.
    """

    def guarded(name):
        real = getattr(os, name)

        def call(path, *args, **options):
            writes = name != "open" or (args and args[0] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            if writes and str(path).startswith(str(run)):
                raise OSError(errno.EROFS, "Read-only file system", str(path))
            return real(path, *args, **options)

        monkeypatch.setattr(os, name, call)

    for name in ("open", "unlink", "mkdir", "replace", "rename"):
        guarded(name)
    return run


@pytest.mark.parametrize(
    "command", [["report"], ["calibrate"], ["human", "report"], ["human", "export"]]
)
def test_commands_say_that_they_cannot_write_and_what_to_do(read_only, capsys, quick_runs, command):
    """E7."""
    code = main([*command, str(read_only)])

    said = capsys.readouterr().err
    assert code == 5, said
    assert "a defect" not in said
    assert str(read_only) in said
    assert f"Read-only file system; {_REMEDY}" in said.replace("the journal is intact: ", "")


def test_every_writer_of_derived_files_says_where_and_what_to_do(read_only):
    """E7: the file that could not be made is not there to be removed either."""
    path = read_only / "summary.md"

    for write in (lambda: write_text(path, "x"), lambda: write_atomically(path, b"x")):
        with pytest.raises(StoreError, match=f"cannot write {path}: Read-only .*; {_REMEDY}"):
            write()
    with pytest.raises(OSError, match="Read-only"):
        append_whole(path, b"x")
    with pytest.raises(StoreError, match=f"nothing was recorded: {_REMEDY}, then type it again"):
        append_labels(read_only, [Label(case_id="c0", label=0.0)])
