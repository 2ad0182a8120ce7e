"""The index over runs: what a row says of real run directories, whole, torn and foreign."""

import json
import os
import shutil
from datetime import timedelta

import filelock
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runs import AT, new_run, project, trial, write_journal

from evalrunner.errors import ConfigError
from evalrunner.report import build_report
from evalrunner.report.view import Status, read_rows, row_json, write_index
from evalrunner.report.view.page import index_html
from evalrunner.store import read_json, write_json

CELLS = "model=echo,luna"
FILES = {"conf/model/luna.yaml": "provider: python\nfunction: models.py:echo\nname: luna\n"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run of two cells, the second right on one case more; copied by the tests."""
    root = project(tmp_path_factory.mktemp("project"), FILES)
    directory = new_run(root, CELLS)
    right = {(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)}
    write_journal(
        directory,
        [
            trial(cell, case, value=float((cell, case) in right))
            for cell in range(2)
            for case in range(3)
        ],
    )
    build_report(directory, figures=False)
    finished = (AT + timedelta(minutes=1)).isoformat()
    write_json(
        directory / "manifest.json",
        read_json(directory / "manifest.json") | {"finished_at": finished, "ending": {}},
    )
    return directory


@pytest.fixture
def outputs(made, tmp_path):
    """Makes runs of one experiment, a day apart, each changed in one of its files."""

    def make(day=0, *, name="tickets", **changes):
        at = AT + timedelta(days=day)
        directory = tmp_path / "outputs" / name / f"{at:%Y%m%dT%H%M%SZ}-aaaaa{day}"
        shutil.copytree(made, directory)
        changed = {"manifest": {"started_at": at.isoformat()}} | changes
        for file, news in changed.items():
            path = directory / f"{file}.json"
            write_json(path, read_json(path) | news)
        return directory

    make.root = tmp_path / "outputs"
    return make


def only(outputs):
    (row,) = read_rows(outputs.root)
    return row


def test_a_row_says_what_the_run_was_and_found(outputs):
    outputs()

    row = only(outputs)

    assert (row.name, row.status, row.started_at) == ("adhoc", Status.DONE, AT)
    assert (row.models, row.n_cells, row.n_cases, row.repeats) == (("echo", "luna"), 2, 3, 1)
    (facet,) = row.facets
    assert facet.title == "exact_match · tickets"
    assert facet.best.label == "luna"
    assert facet.best.quality.model_dump() == {
        "value": 1.0,
        "low": pytest.approx(0.4385, abs=1e-4),
        "high": 1.0,
        "n": 3,
    }
    assert row.n_missing == 0
    # Of three cases, recorded without token counts.
    assert row.flags == (("yellow", "too_few_cases"), ("yellow", "unpriced"))


def test_the_recommended_cell_and_the_flags_are_those_of_the_summary(outputs):
    flags = [("yellow", "few_cases"), ("red", "judge_inflation"), ("yellow", "few_cases")]
    outputs(
        summary={
            "recommendations": [{"facet": 0, "cell": 0, "because": "cheaper"}],
            "flags": [{"code": code, "severity": severity} for severity, code in flags],
        }
    )

    row = only(outputs)

    assert row.facets[0].recommended.label == "echo"
    assert row.facets[0].because == "cheaper"
    assert row.flags == (("red", "judge_inflation"), ("yellow", "few_cases"))


def test_canaries_are_no_candidates_for_the_best_cell(outputs, made):
    cells = read_json(made / "summary.json")["cells"]
    cells[1] |= {"role": "canary"}
    outputs(summary={"cells": cells})

    row = only(outputs)

    assert row.facets[0].best.label == "echo"


@pytest.mark.parametrize(("spent", "total"), [((1.5, 2.0), 3.5), ((1.5, None), None)])
def test_unknown_spending_of_one_cell_makes_the_sum_unknown(outputs, made, spent, total):
    cells = read_json(made / "summary.json")["cells"]
    for cell, usd in zip(cells, spent, strict=True):
        cell["cost"]["usd_spent"] = usd
    outputs(summary={"cells": cells})

    assert only(outputs).usd_spent == total


def test_missing_trials_are_counted_but_not_those_that_racing_spared(outputs, made):
    cells = read_json(made / "summary.json")["cells"]
    cells[0] |= {"n_error": 2, "n_skipped": 5, "raced": {"n_skipped": 4}}
    cells[1] |= {"n_unscored": 1}
    outputs(summary={"cells": cells})

    assert only(outputs).n_missing == 4


@pytest.mark.parametrize(("parent", "is_rescored"), [(None, False), ("20261119T1-abc", True)])
def test_a_run_over_recorded_answers_is_marked(outputs, parent, is_rescored):
    outputs(manifest={"parent": parent})

    row = only(outputs)

    assert row.is_rescored is is_rescored
    assert ("scored anew" in index_html(outputs.root, [row])) is is_rescored


@pytest.mark.parametrize(
    ("manifest", "status", "reason"),
    [
        ({"finished_at": None}, Status.STOPPED, "killed"),
        ({"ending": {"budget": "spent"}}, Status.STOPPED, "budget"),
        ({"ending": {}}, Status.DONE, ""),
    ],
)
def test_the_status_is_how_the_run_ended(outputs, manifest, status, reason):
    outputs(manifest=manifest)

    row = only(outputs)

    assert (row.status, row.reason) == (status, reason)


def test_a_run_whose_lock_is_held_is_running_and_keeps_its_lock(outputs):
    directory = outputs(manifest={"finished_at": None})
    lock = filelock.FileLock(directory / ".lock")

    with lock:
        during = only(outputs).status
        is_still_held = lock.is_locked

    assert (during, is_still_held) == (Status.RUNNING, True)
    assert only(outputs).status is Status.STOPPED
    # Looking at it did not take the lock for good.
    lock.acquire(timeout=0)
    lock.release()


def test_a_run_before_its_first_report_has_a_grid_and_no_results(outputs):
    directory = outputs(manifest={"finished_at": None})
    (directory / "summary.json").unlink()

    row = only(outputs)

    assert (row.status, row.n_cells, row.facets, row.usd_spent) == (Status.STOPPED, 2, (), None)


def test_a_journal_younger_than_the_summary_is_said(outputs):
    directory = outputs()
    os.utime(directory / "summary.json", (1, 1))

    assert only(outputs).is_stale


def torn(path):
    path.write_bytes(path.read_bytes()[:100])


def newer(path):
    path.write_text(json.dumps({"schema_version": 2, "cells": "something else by then"}))


def foreign(path):
    path.write_text('{"schema_version": 1, "name": "somebody else\'s"}')


def binary(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0")


def no_file(path):
    path.unlink()


def folder(path):
    path.unlink()
    path.mkdir()


def link_out(path):
    path.unlink()
    path.symlink_to("/etc/passwd")


def deep(path):
    path.write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("file", "harm", "reason"),
    [
        ("plan", torn, "plan.json: Invalid JSON"),
        ("plan", newer, "plan.json was made by a newer evalrunner (schema 2, not 1)"),
        ("plan", foreign, "plan.json: cells: Field required"),
        ("plan", no_file, "it has no plan.json"),
        ("manifest", no_file, "it has no manifest.json"),
        ("manifest", folder, "manifest.json is no regular file"),
        ("manifest", link_out, "manifest.json is no regular file"),
        ("summary", torn, "summary.json: Invalid JSON"),
        ("summary", newer, "summary.json was made by a newer evalrunner"),
        ("summary", binary, "summary.json: Invalid JSON"),
        ("summary", deep, "summary.json: Invalid JSON"),
    ],
)
def test_what_cannot_be_read_is_listed_with_the_reason(outputs, file, harm, reason):
    outputs(1)
    harm(outputs(2) / f"{file}.json")

    rows = read_rows(outputs.root)

    assert sorted(row.status for row in rows) == [Status.DONE, Status.UNREADABLE]
    (row,) = (row for row in rows if row.status is Status.UNREADABLE)
    assert row.reason.startswith(reason)
    assert row.started_at == AT + timedelta(days=2)
    assert "unreadable" in write_index(outputs.root, rows).read_text()


def test_a_reason_quotes_nothing_of_the_file(outputs):
    secret = "sk-proj-0123456789"
    directory = outputs()
    (directory / "plan.json").write_text(json.dumps({"schema_version": 1, "cells": secret}))

    assert secret not in only(outputs).reason


def test_half_a_character_in_a_label_makes_no_run_unreadable(outputs, made):
    """Foreign text may hold lone surrogates; other characters are kept."""
    cells = read_json(made / "summary.json")["cells"]
    cells[1]["label"] = "luna \ud800 \U0001f600"
    outputs(summary={"cells": cells})

    row = only(outputs)

    assert row.facets[0].best.label == "luna \ufffd \U0001f600"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


READ = {
    *("schema_version", "kind", "started_at", "finished_at", "ending", "cells", "axes", "model"),
    *("dataset", "facet", "role", "config", "run", "name", "on_refused", "scorer", "judge", "id"),
    *("cases", "first", "n", "sets", "sha256", "repeats", "label", "quality", "value", "low"),
    *("quality_name", "cost", "usd_spent", "n_error", "raced", "recommendations", "cell", "flags"),
}


def places(value, path=()):
    """Where a JSON document has what the index reads, and more."""
    if path and (path[-1] in READ or isinstance(path[-1], int)):
        yield path
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


@pytest.fixture(scope="module")
def victim(made, tmp_path_factory):
    root = tmp_path_factory.mktemp("victim")
    directory = root / "tickets" / "20261120T120000Z-aaaaaa"
    shutil.copytree(made, directory)
    return root, {
        name: read_json(directory / f"{name}.json") for name in ("plan", "manifest", "summary")
    }


@settings(max_examples=100)
@given(data=st.data(), file=st.sampled_from(["plan", "manifest", "summary"]), value=JSON)
def test_no_content_of_a_file_breaks_the_index(victim, data, file, value):
    """F14: a field that is anything at all gives a row, a page and JSON."""
    root, documents = victim
    document = json.loads(json.dumps(documents[file]))
    place = data.draw(st.sampled_from(list(places(document))))
    parent = document
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    (directory,) = root.glob("*/*")
    path = directory / f"{file}.json"
    path.write_text(json.dumps(document))

    rows = read_rows(root)
    page = index_html(root, rows)
    json.dumps([row_json(row) for row in rows], allow_nan=False)

    path.write_text(json.dumps(documents[file]))
    assert len(rows) == 1
    assert page.endswith("</html>")


def test_runs_are_found_wherever_they_are_below_but_not_behind_links(outputs, tmp_path):
    inside = outputs(1)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(outputs(2, name="moved"), elsewhere)
    (outputs.root / "link").symlink_to(elsewhere)
    (outputs.root / "circle").symlink_to(outputs.root)
    (outputs.root / "empty").mkdir()
    (outputs.root / "README.md").write_text("no run")
    shutil.copytree(inside, outputs.root / ".trash" / "run")

    assert [row.path for row in read_rows(outputs.root)] == [f"tickets/{inside.name}"]
    assert [row.path for row in read_rows(tmp_path)] == [
        "elsewhere",
        f"outputs/tickets/{inside.name}",
    ]


def test_runs_of_an_experiment_stay_together_and_the_newest_comes_first(outputs):
    for day, name in ((1, "a"), (2, "b"), (3, "a"), (4, "c"), (0, "b")):
        directory = outputs(day, name=name)
        plan = read_json(directory / "plan.json")
        plan["cells"][0]["config"]["run"]["name"] = name
        write_json(directory / "plan.json", plan)

    found = [(row.name, row.started_at.day - AT.day) for row in read_rows(outputs.root)]

    assert found == [("c", 4), ("a", 3), ("a", 1), ("b", 2), ("b", 0)]


def test_a_directory_without_runs_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ConfigError, match="there is no run in it"):
        read_rows(tmp_path)
    with pytest.raises(ConfigError, match="is no directory"):
        read_rows(tmp_path / "nowhere")

    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_page_is_not_overwritten(outputs):
    outputs()
    page = outputs.root / "index.html"
    page.write_text("<title>my own</title>")

    with pytest.raises(ConfigError, match="is not overwritten"):
        write_index(outputs.root, read_rows(outputs.root))

    assert page.read_text() == "<title>my own</title>"


def test_the_same_runs_give_the_same_bytes(outputs):
    for day in range(3):
        outputs(day)
    first = write_index(outputs.root, read_rows(outputs.root)).read_bytes()

    second = write_index(outputs.root, read_rows(outputs.root)).read_bytes()

    assert first == second
    assert [path.name for path in outputs.root.iterdir() if path.name.startswith(".")] == []


def test_an_imported_leaderboard_is_listed_by_its_own_summary(outputs):
    directory = outputs()
    for name in ("plan.json", "journal.jsonl"):
        (directory / name).unlink()
    write_json(directory / "manifest.json", {"schema_version": 1, "kind": "leaderboard"})

    row = only(outputs)

    assert (row.status, row.n_cells, row.models) == (Status.IMPORTED, 2, ("echo", "luna"))


def test_links_lead_to_a_run_whatever_its_directory_is_called(outputs, made):
    name = 'a:b #1?&"<é>%20'
    shutil.copytree(made, outputs.root / name)
    (outputs.root / name / "report.html").touch()

    page = write_index(outputs.root, read_rows(outputs.root)).read_text()

    assert 'href="a%3Ab%20%231%3F%26%22%3C%C3%A9%3E%2520/report.html"' in page
    assert "<é>" not in page


def test_names_from_files_stay_text(outputs, made):
    payload = '<img src=x onerror="alert(1)">\u202e\x1b[2J'
    cells = read_json(made / "summary.json")["cells"]
    cells[1]["label"] = payload
    plan = read_json(made / "plan.json")
    plan["cells"][0]["config"]["run"]["name"] = payload
    plan["cells"][0]["axes"]["model"] = payload
    outputs(summary={"cells": cells}, plan=plan)

    page = write_index(outputs.root, read_rows(outputs.root)).read_text()

    assert page.count("&lt;img src=x onerror=&#34;alert(1)&#34;&gt;\\u202e\\x1b[2J") == 3
    assert "<img" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
