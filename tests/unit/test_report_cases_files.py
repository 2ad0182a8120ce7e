"""Where case data goes: into the page while it is small, else into script files beside it."""

import base64
import json
import re

import pytest
from runs import new_run, project, trial, write_journal

from evalrunner.errors import StoreError
from evalrunner.report import build_report
from evalrunner.report.page import cases, write_page
from evalrunner.report.page.cases import case_data, decoded, groups

SIDE_FILE = re.compile(r'evalrunnerBlob\("([a-z]+-\d{4})","([A-Za-z0-9+/=]+)"\);\n')


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Pages of one case each."""
    monkeypatch.setattr(groups, "_PAGE_BYTES", 1)
    run = new_run(project(tmp_path), "prompt=ask")
    build_report(write_journal(run, [trial(), trial(0, 1)]), figures=False)
    return run


@pytest.fixture
def large(run, monkeypatch):
    """As `run`, too large to be in the page."""
    monkeypatch.setattr(cases, "MOST_INLINE", 100)
    return run


def data_of(run):
    return case_data(run, json.loads((run / "summary.json").read_bytes()))


def side_files(run):
    """Name and content of what is in the script files."""
    paths = sorted((run / "report").iterdir())
    found = [SIDE_FILE.fullmatch(path.read_text()) for path in paths]
    assert [match[1] for match in found] == [path.stem for path in paths]
    return {match[1]: decoded(match[2]) for match in found}


def test_small_data_is_in_the_page_and_nothing_beside_it(run):
    data = data_of(run)
    write_page(run)

    assert [name for name, _ in data.scripts] == ["index", "cases-0000", "cases-0001", "cases-0002"]
    assert (data.is_inline, data.n_blobs, data.n_cases, data.n_trials) == (True, 3, 3, 3)
    page = (run / "report.html").read_text()
    assert all(text in page for _, text in data.scripts)
    assert not (run / "report").exists()


def test_large_data_is_beside_the_page_one_file_a_page(large):
    data = data_of(large)
    write_page(large)

    assert [name for name, _ in data.scripts] == ["index"]
    index = decoded(dict(data.scripts)["index"])
    assert (index["is_inline"], index["page_size"]) == (False, 1)
    found = side_files(large)
    assert [found[name]["cases"][0]["id"] for name in sorted(found)] == ["c0", "c1", "c2"]
    assert [found[name]["page"] for name in sorted(found)] == [0, 1, 2]
    assert "strict-dynamic" in (large / "report.html").read_text()


def test_files_of_an_earlier_report_are_removed_and_nobody_elses(large):
    (large / "report").mkdir()
    for name in ("cases-0009.js", "raw-0000.js", "notes.txt"):
        (large / "report" / name).write_text("old")

    write_page(large)

    names = {path.name for path in (large / "report").iterdir()}
    assert names == {"cases-0000.js", "cases-0001.js", "cases-0002.js", "notes.txt"}


def test_directory_of_a_report_that_was_large_once_is_removed(run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(cases, "MOST_INLINE", 100)
        write_page(run)
    assert (run / "report").is_dir()

    write_page(run)

    assert not (run / "report").exists()


def test_nothing_is_written_or_removed_through_a_link(large, tmp_path):
    """E14."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "cases-0009.js").write_text("theirs")
    (large / "report").symlink_to(outside)

    write_page(large)

    assert [path.name for path in outside.iterdir()] == ["cases-0009.js"]
    assert (outside / "cases-0009.js").read_text() == "theirs"
    assert not (large / "report").is_symlink()
    assert len(side_files(large)) == 3


def test_file_that_is_a_link_is_replaced_and_its_target_kept(large, tmp_path):
    """E14."""
    target = tmp_path / "target"
    target.write_text("theirs")
    (large / "report").mkdir()
    (large / "report" / "cases-0000.js").symlink_to(target)

    write_page(large)

    assert target.read_text() == "theirs"
    assert len(side_files(large)) == 3


def test_file_in_the_place_of_the_directory_is_told_and_costs_no_summary(large):
    (large / "report").write_text("in the way")

    with pytest.raises(StoreError, match="cannot write"):
        write_page(large)

    assert json.loads((large / "summary.json").read_bytes())["cells"]


def test_pages_hold_so_many_cases_that_a_browser_reads_one_at_once(tmp_path):
    rows = [{"id": f"c{n}", "input": "a", "expected_output": "b"} for n in range(120)]
    run = new_run(project(tmp_path, cases=rows))
    records = [trial(0, n, output=f"{n} " * 20_000) for n in range(120)]
    summary = build_report(write_journal(run, records), figures=False)

    data = case_data(run, summary)

    scripts = dict(data.scripts)
    index = decoded(scripts["index"])
    sizes = [len(json.dumps(decoded(text))) for name, text in scripts.items() if name != "index"]
    assert index["page_size"] == 20
    assert len(sizes) == index["groups"][0]["n_pages"] == 6
    assert max(sizes) < 2_000_000


def test_blob_has_neither_time_nor_name_in_its_header(run):
    for _, text in data_of(run).scripts:
        header = base64.b64decode(text)[:10]
        assert header[:4] == b"\x1f\x8b\x08\x00"
        assert header[4:8] == bytes(4)
