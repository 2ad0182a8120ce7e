"""`evalrunner view`: which page it writes, which it rebuilds, and when a browser starts."""

import json
import os
import webbrowser

import pytest
from runs import new_run, project, trial, write_journal

from evalrunner.cli import main
from evalrunner.report import build_report


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A run directory with its report."""
    root = project(tmp_path_factory.mktemp("project"))
    directory = new_run(root)
    write_journal(directory, [trial(0, case) for case in range(3)])
    build_report(directory)
    return directory


@pytest.fixture
def opened(monkeypatch):
    """What a browser was asked to show."""
    urls = []
    monkeypatch.setattr(webbrowser, "open", urls.append)
    monkeypatch.setenv("DISPLAY", ":0")
    return urls


def terminal(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


def test_the_projects_outputs_are_indexed_and_the_path_is_printed(built, capsys, opened):
    root = built.parents[2]

    code = main(["view", "--project", str(root)])

    said = capsys.readouterr()
    assert code == 0
    assert said.out == f"{root}/outputs/index.html\n"
    assert said.err == "1 run: 1 stopped\n"
    assert (root / "outputs" / "index.html").is_file()
    # Standard output is no terminal.
    assert opened == []


def test_a_browser_opens_the_file_where_somebody_can_see_it(built, opened, monkeypatch):
    terminal(monkeypatch)

    main(["view", str(built.parent)])
    main(["view", str(built.parent), "--no-open"])
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    main(["view", str(built.parent)])

    assert opened == [(built.parent / "index.html").as_uri()]


def test_a_run_is_shown_by_its_own_report_as_it_is(built, capsys):
    before = (built / "report.html").stat()

    code = main(["view", str(built)])

    assert code == 0
    assert capsys.readouterr() == (f"{built}/report.html\n", "")
    assert (built / "report.html").stat().st_mtime_ns == before.st_mtime_ns
    assert not (built / "index.html").exists()


def test_a_missing_report_and_one_older_than_the_journal_are_rebuilt(built, capsys):
    page, journal = built / "report.html", built / "journal.jsonl"
    bytes_before = page.read_bytes()
    page.unlink()

    main(["view", str(built)])
    after_missing = page.read_bytes()
    os.utime(page, (1, 1))
    main(["view", str(built)])

    assert after_missing == bytes_before
    assert page.stat().st_mtime_ns > journal.stat().st_mtime_ns
    assert capsys.readouterr().err == f"rebuilt: {built}\n" * 2


def test_json_has_the_rows(built, capsys, opened, monkeypatch):
    terminal(monkeypatch)

    main(["view", str(built.parents[1]), "--json"])
    index = json.loads(capsys.readouterr().out)
    main(["view", str(built), "--json"])
    alone = json.loads(capsys.readouterr().out)

    assert index["page"] == f"{built.parents[1]}/index.html"
    assert alone["page"] == f"{built}/report.html"
    (row,) = index["runs"]
    assert row["path"] == f"tests/{built.name}"
    assert alone["runs"] == [row | {"path": "."}]
    assert row["facets"][0]["best"]["quality"]["n"] == 3
    assert row["files"] == ["report.html", "summary.md"]
    assert opened == []


@pytest.mark.parametrize("name", ["nowhere", "conf"])
def test_a_directory_that_holds_no_run_is_a_usage_error(built, capsys, name):
    path = built.parents[2] / name

    code = main(["view", str(path)])

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert str(path) in said.err
    assert not (path / "index.html").exists()


def test_what_is_left_of_a_run_cannot_be_rebuilt_and_says_so(tmp_path, capsys):
    directory = tmp_path / "torn"
    directory.mkdir()
    (directory / "manifest.json").write_text("{}")

    code = main(["view", str(directory)])

    assert code == 2
    assert "has no plan.json" in capsys.readouterr().err
