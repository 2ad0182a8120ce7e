"""Votes, labels and exports on disk: recorded once, read for ever."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path

import pytest

from evalrunner.errors import ConfigError, StoreError
from evalrunner.store.people import (
    HumanExport,
    VoteJournal,
    append_labels,
    label_from_json,
    read_export,
    read_labels,
    read_secrets,
    read_votes,
    vote_from_json,
    vote_json,
    write_export,
    write_secrets,
)
from evalrunner.types.people import Label, Rating, Task, TaskKey, Vote

_SHA = "0" * 64
_VOTE = Vote(task_id="t1", rater="ann", vote="left", seconds=3.5, note="short", at="2026-01-01")
_RATING = Rating(task_id="t2", rater="ann", criterion="is polite", label=1.0, is_flagged=True)


def _export() -> HumanExport:
    task = Task(
        task_id="t1",
        rater="ann",
        order=0,
        kind="pairwise",
        input={"question": "why?"},
        output_a="a",
        output_b="b",
        rating_criteria=("is right",),
        instructions="compare",
    )
    key = TaskKey(
        task_id="t1",
        rater="ann",
        order=0,
        kind="pairwise",
        case_id="c1",
        left=1,
        right=0,
        left_repeat=0,
        right_repeat=0,
        left_sha256=_SHA,
        right_sha256=_SHA,
        chance=0.5,
    )
    return HumanExport(settings={"seed": 1}, tasks=[task], key=[key])


def _record(directory: Path, *said: Vote | Rating) -> None:
    (directory / "human").mkdir(exist_ok=True)

    async def append() -> None:
        async with VoteJournal(directory) as journal:
            for each in said:
                await journal.append(each)

    asyncio.run(append())


def test_an_export_is_read_as_it_was_written(tmp_path):
    write_export(tmp_path, _export())

    assert read_export(tmp_path) == _export()


def test_a_run_without_an_export_has_none(tmp_path):
    assert read_export(tmp_path) is None


def test_an_altered_export_is_refused_by_its_line(tmp_path):
    write_export(tmp_path, _export())
    path = tmp_path / "human" / "key.jsonl"
    path.write_text(path.read_text() + '{"task_id": "t2"}\n')

    with pytest.raises(StoreError, match=r"key\.jsonl, line 2"):
        read_export(tmp_path)


def test_votes_and_ratings_are_read_in_the_order_in_which_they_were_given(tmp_path):
    _record(tmp_path, _VOTE, _RATING)
    _record(tmp_path, _VOTE)

    assert read_votes(tmp_path) == ([_VOTE, _RATING, _VOTE], [])


def test_half_a_line_of_a_killed_server_costs_no_other_vote(tmp_path):
    _record(tmp_path, _VOTE)
    path = tmp_path / "votes.jsonl"
    path.write_bytes(path.read_bytes() + b'{"task_id": "t9", "ra')

    _record(tmp_path, _RATING)

    assert read_votes(tmp_path) == ([_VOTE, _RATING], [])


def test_a_line_changed_by_hand_is_told_and_not_counted(tmp_path):
    _record(tmp_path, _VOTE, _RATING)
    path = tmp_path / "votes.jsonl"
    path.write_text(path.read_text().replace('"left"', '"right"', 1))

    assert read_votes(tmp_path) == ([_RATING], [1])


def test_a_line_of_another_program_needs_no_checksum(tmp_path):
    (tmp_path / "votes.jsonl").write_text('{"task_id": "t1", "rater": "ann", "vote": "tie"}\n')

    assert read_votes(tmp_path) == ([Vote(task_id="t1", rater="ann", vote="tie")], [])


def test_two_processes_cannot_take_votes_at_once(tmp_path):
    (tmp_path / "human").mkdir()

    async def twice() -> None:
        async with VoteJournal(tmp_path), VoteJournal(tmp_path):
            pass

    with pytest.raises(ConfigError, match="another process works on what people are asked"):
        asyncio.run(twice())


def test_a_full_disk_is_no_matter_of_runs_to_raters(tmp_path, monkeypatch):
    """E6: there is no run to resume."""

    def refuse(fd, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def write():
        async with VoteJournal(tmp_path) as journal:
            monkeypatch.setattr(os, "write", refuse)
            await journal.append(Vote(task_id="t", rater="ann", vote="tie"))

    with pytest.raises(StoreError, match="the rating page keeps an answer") as caught:
        asyncio.run(write())

    assert "resume" not in str(caught.value)


def test_a_vote_survives_json(tmp_path):
    for said in (_VOTE, _RATING):
        assert vote_from_json(json.loads(json.dumps(vote_json(said)))) == said


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"rater": "ann", "vote": "left"}, "'task_id' is missing"),
        ({"task_id": "t", "rater": 3, "vote": "left"}, "'rater' must be a text"),
        ({"task_id": "t", "rater": "a", "vote": "LEFT"}, "'vote' must be one of left"),
        ({"task_id": "t", "rater": "a", "criterion": "c", "label": 2}, "from 0 to 1"),
        ({"task_id": "t", "rater": "a", "criterion": "c", "label": True}, "from 0 to 1"),
        ({"task_id": "t", "rater": "a", "vote": "tie", "seconds": -1}, "number of 0 or more"),
        ({"task_id": "t", "rater": "a", "vote": "tie", "seconds": float("nan")}, "of 0 or more"),
    ],
)
def test_what_is_no_vote_is_refused(record, what):
    with pytest.raises(ValueError, match=what):
        vote_from_json(record)


def test_labels_are_added_and_read_in_order(tmp_path):
    one = Label(case_id="c1", label=1.0, cell=0, rater="ann")
    other = Label(case_id="c2", label=0.0, cell="gpt", criterion="polite", output_sha256=_SHA)
    append_labels(tmp_path, [one])
    append_labels(tmp_path, [other])

    assert read_labels(tmp_path) == ([one, other], [])


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"case_id": "c"}, "'label' is missing"),
        ({"case_id": "c", "label": -1}, "from 0 to 1"),
        ({"label": 1}, "'case_id' is missing"),
        ({"case_id": "c", "label": 1, "cell": 1.5}, "'cell' must be"),
        ({"case_id": "c", "label": 1, "repeat": "1"}, "'repeat' must be"),
    ],
)
def test_what_is_no_label_is_refused(record, what):
    with pytest.raises(ValueError, match=what):
        label_from_json(record)


def test_only_the_owner_may_read_the_secrets(tmp_path):
    (tmp_path / "human").mkdir()
    write_secrets(tmp_path, {"ann": "secret"})
    path = tmp_path / "human" / "secrets.json"

    assert read_secrets(tmp_path) == {"ann": "secret"}
    assert path.stat().st_mode & 0o777 == 0o600

    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secrets(tmp_path)
