"""`evalrunner calibrate`: what it is given, and what it says of it."""

from __future__ import annotations

import pytest
from runs import CASES, new_run, project, trial, write_journal

from evalrunner.cli import main
from evalrunner.cli.calibrate import _budget
from evalrunner.report import build_report


@pytest.fixture
def run(tmp_path):
    directory = new_run(project(tmp_path, cases=CASES))
    write_journal(directory, [trial(0, case) for case in range(3)])
    build_report(directory, figures=False)
    return directory


def refused(run, capsys, name, content):
    file = run.parent / name
    file.write_bytes(content)
    code = main(["calibrate", str(run), "--labels", str(file)])
    assert code == 2
    assert not (run / "labels.jsonl").exists()
    return capsys.readouterr().err.replace(str(file), name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("votes.jsonl", b'{"task_id": "t", "rater": "ann", "vote": "left"}\n' * 3),
        ("votes.csv", b"\xef\xbb\xbftask_id,rater,label\nt,ann,yes\nt,bob,no\n"),
        ("votes.json", b'[{"task_id": "t", "rater": "ann", "criterion": "c", "label": 1}]'),
    ],
)
def test_votes_are_told_from_labels_once(run, capsys, name, content):
    said = refused(run, capsys, name, content)

    hint = f"type: evalrunner human import {run} {name}"
    assert said == f"error: {name}: is a file of votes\n    {hint}\n"


def test_labels_in_another_encoding_are_hinted_no_setting(run, capsys):
    said = refused(run, capsys, "labels.csv", "case_id,label,rater\nc0,1,Zoë\n".encode("cp1252"))

    assert "labels.csv:2: not utf-8: byte 0xeb" in said
    assert "save it as UTF-8" in said
    assert "encoding=" not in said


@pytest.mark.parametrize("label", ["null", None])
def test_a_label_that_is_missing_is_called_missing(run, capsys, label):
    row = '{"case_id": "c0"}' if label is None else f'{{"case_id": "c0", "label": {label}}}'

    said = refused(run, capsys, "labels.jsonl", f"{row}\n{row}\n".encode())

    assert said.startswith("2 problems, nothing was recorded:\n")
    assert "labels.jsonl:1: 'label' is missing" in said


@pytest.mark.parametrize(("within", "n"), [(0.03, 0), (0.1 * 0.3, 0), (0.04, 1), (None, 0)])
def test_a_width_that_the_table_has_is_not_shown_twice(within, n):
    spread = {"human": 0.2, "judge": 0.2, "shared": 0.1}
    table = [{"half_width": width, "labels": 9} for width in (0.01, 0.03, 0.05)]
    entry = {"label_budget": table, "label_spread": spread, "n_answers": 400}

    assert len(_budget(entry, within, 0.95)) == n
