"""Forms come back filled in, and are recorded as what the raters said."""

import asyncio
import csv
import io
import json
from collections import Counter
from dataclasses import replace

import pytest
from human_files import (
    CRITERIA,
    IDS,
    annotated,
    filled_csv,
    lines,
    responded,
    run_with_tasks,
    saved,
    tasks_of,
)
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.cli import main
from evalrunner.datasets import Problems
from evalrunner.errors import ConfigError
from evalrunner.human.forms.argilla import write_argilla
from evalrunner.human.forms.csv import write_csv
from evalrunner.human.forms.label_studio import write_label_studio
from evalrunner.human.importing import import_votes
from evalrunner.human.importing.answers import table_answer
from evalrunner.human.importing.checks import Checker
from evalrunner.human.importing.files import rows_of_table
from evalrunner.store.people import VoteJournal, read_votes, vote_json
from evalrunner.types.people import Rating, Vote

CHOICES = ("left", "right", "tie", "both_bad")


def recorded(run):
    votes, broken = read_votes(run)
    assert not broken
    return votes


def choices(run):
    return {vote.task_id: (vote.rater, vote.vote) for vote in recorded(run)}


def labels(run):
    return {(each.task_id, each.criterion): each.label for each in recorded(run)}


EXPECTED = dict(zip(IDS, zip(("ann", "ann", "bob", "bob"), CHOICES, strict=True), strict=True))
MET = [1, 0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 1]
RATED = {
    (task_id, criterion): float(MET[3 * place + number])
    for place, task_id in enumerate(IDS)
    for number, criterion in enumerate(CRITERIA)
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_comes_back_however_a_spreadsheet_saves_it(tmp_path, encoding, separator):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run))[".csv"]
    answers = ["Left", " b ", "3.0", "both bad"]
    filled = filled_csv(text, answers, column="vote", separator=separator, encoding=encoding)

    imported = import_votes(run, [saved(tmp_path / "votes.csv", filled)])

    assert choices(run) == EXPECTED
    assert imported.recorded == Counter(ann=2, bob=2)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_note_keeps_its_letters_in_the_encoding_of_the_country(tmp_path, encoding):
    run = tmp_path / "run"
    run_with_tasks(run)
    text = f'task_id;vote;note\r\n{IDS[0]};1;"\'=très bien;\r\nvraiment"\r\n;;\r\n'

    import_votes(run, [saved(tmp_path / "v.csv", text.encode(encoding))])

    (vote,) = recorded(run)
    assert vote.note == "'=très bien;\r\nvraiment"


@given(criteria=st.lists(st.text(min_size=1), min_size=1, unique_by=lambda text: (*text.split(),)))
def test_a_criterion_of_any_text_is_found_again(criteria):
    task = replace(tasks_of("rubric")[0], rating_criteria=tuple(criteria))
    filled = filled_csv(write_csv([task])[".csv"], ["no"] * len(criteria), column="label")
    problems = Problems("r.csv")
    checker = Checker([task], {}, may_replace=False)

    for line, row in rows_of_table(filled.decode("utf-8-sig"), problems):
        checker.take(table_answer(row), line=line, problems=problems)

    assert not problems
    assert [rating.criterion for rating in checker.answers] == criteria


def resaved(text, change, **options):
    """A CSV as a program saves it again that changes texts; all rows are answered."""
    filled = filled_csv(text, CHOICES, column="vote").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(filled, newline="")))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(change(dict(row)) for row in rows)
    return out.getvalue().encode(**({"encoding": "utf-8"} | options))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "  \n") + " \n",
        lambda text: text.removeprefix("'"),
        lambda text: f"\ufeff{text}",
        lambda text: text[:32_767],
        lambda text: text.replace("\x01", ""),
    ],
)
def test_what_a_spreadsheet_does_to_texts_is_no_other_task(tmp_path, change):
    run = tmp_path / "run"
    long = "=\x01 \N{GRINNING FACE}é\n" * 9_000
    tasks = run_with_tasks(run, output_b=long)
    text = write_csv(tasks)[".csv"]

    def changed(row):
        return row | {name: change(row[name]) for name in ("input", "output_a", "output_b")}

    import_votes(run, [saved(tmp_path / "v.csv", resaved(text, changed))])

    assert choices(run) == EXPECTED


def test_letters_that_an_encoding_lacks_are_no_other_task(tmp_path):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run, output_b="Très bien \N{GRINNING FACE} \u2192 \u5317"))

    filled = resaved(text[".csv"], lambda row: row, encoding="cp1252", errors="replace")
    import_votes(run, [saved(tmp_path / "v.csv", filled)])

    assert choices(run) == EXPECTED


def test_a_rated_csv_comes_back_with_every_criterion(tmp_path):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run, "rubric"))[".csv"]
    answers = [("yes", "1", "Pass", "met")[i % 4] if m else "No" for i, m in enumerate(MET)]

    import_votes(run, [saved(tmp_path / "r.csv", filled_csv(text, answers, column="label"))])

    assert labels(run) == RATED


def test_label_studio_comes_back(tmp_path):
    run = tmp_path / "run"
    text = write_label_studio(run_with_tasks(run))[".label-studio.json"]
    exported = annotated(text, CHOICES, control="vote")
    note = {"from_name": "note", "type": "textarea", "value": {"text": ["hm", "well"]}}
    exported[0]["annotations"][0]["result"].append(note)

    import_votes(run, [saved(tmp_path / "export.json", exported)])

    assert choices(run) == EXPECTED
    first = next(vote for vote in recorded(run) if vote.task_id == IDS[0])
    assert (first.note, first.seconds) == ("hm\nwell", 4.5)
    assert first.at == "2026-01-02T03:04:05.678900Z"


def test_label_studio_comes_back_with_every_criterion(tmp_path):
    run = tmp_path / "run"
    text = write_label_studio(run_with_tasks(run, "rubric"))[".label-studio.json"]
    answers = ["met" if met else "not_met" for met in MET]

    exported = annotated(text, answers, control="label")
    import_votes(run, [saved(tmp_path / "export.json", exported)])

    assert labels(run) == RATED


def test_label_studio_skips_are_skips_unless_answered_later_and_drafts_are_nothing(tmp_path):
    run = tmp_path / "run"
    text = write_label_studio(run_with_tasks(run))[".label-studio.json"]
    exported = annotated(text, CHOICES, control="vote")
    cancelled = {"was_cancelled": True, "result": [], "completed_by": {"id": 2}}
    exported[0]["annotations"] = [cancelled]
    exported[1]["annotations"].append(cancelled)
    exported[2]["annotations"] = []
    exported[3]["annotations"][0]["result"] = []

    imported = import_votes(run, [saved(tmp_path / "export.json", exported)])

    assert choices(run) == {IDS[0]: ("ann", "skip"), IDS[1]: ("ann", "right")}
    assert imported.n_unanswered == 2


def test_argilla_comes_back(tmp_path):
    run = tmp_path / "run"
    text = write_argilla(run_with_tasks(run))[".argilla.json"]
    records = responded(text, CHOICES, question="vote")
    records[0] |= {
        "note.responses": ["hm"],
        "note.responses.users": ["u1"],
        "note.responses.status": ["submitted"],
    }

    import_votes(run, [saved(tmp_path / "records.json", records)])

    assert choices(run) == EXPECTED
    assert [vote.note for vote in recorded(run)] == ["hm", None, None, None]


def test_argilla_comes_back_with_every_criterion_as_json_lines(tmp_path):
    run = tmp_path / "run"
    text = write_argilla(run_with_tasks(run, "rubric"))[".argilla.json"]
    records = responded(text, ["met" if met else "not_met" for met in MET], question="label")

    import_votes(run, [saved(tmp_path / "records.jsonl", lines(*records))])

    assert labels(run) == RATED


@pytest.mark.parametrize(("status", "said"), [("discarded", "skip"), ("draft", None)])
def test_argilla_discards_are_skips_and_drafts_are_nothing(tmp_path, status, said):
    run = tmp_path / "run"
    text = write_argilla(run_with_tasks(run))[".argilla.json"]
    records = responded(text, CHOICES, question="vote", status=status)

    imported = import_votes(run, [saved(tmp_path / "records.json", records)])

    assert {vote.vote for vote in recorded(run)} == ({said} if said else set())
    assert imported.n_unanswered == (0 if said else 4)


def test_nested_argilla_records_count_once_their_status_says_submitted(tmp_path):
    run = tmp_path / "run"
    text = write_argilla(run_with_tasks(run))[".argilla.json"]
    records = json.loads(text)
    for record, choice, status in zip(
        records, CHOICES, ("completed", "pending", "completed", "pending"), strict=True
    ):
        record["responses"] = {"vote": [{"value": choice, "user_id": "u1"}]}
        record["status"] = status

    imported = import_votes(run, [saved(tmp_path / "records.json", records)])

    assert choices(run) == {IDS[0]: EXPECTED[IDS[0]], IDS[2]: EXPECTED[IDS[2]]}
    assert imported.n_unanswered == 2


def test_argilla_records_as_its_server_gives_them_come_back(tmp_path):
    run = tmp_path / "run"
    records = json.loads(write_argilla(run_with_tasks(run))[".argilla.json"])
    for record, choice in zip(records, CHOICES, strict=True):
        record["responses"] = [
            {"user_id": "u2", "status": "draft", "values": None},
            {"user_id": "u1", "status": "submitted", "values": {"vote": {"value": choice}}},
        ]

    import_votes(run, [saved(tmp_path / "records.json", records)])

    assert choices(run) == EXPECTED


def own_lines(run, *, note=None):
    votes = [
        Vote(task_id=task_id, rater=rater, vote=choice, note=note, seconds=1.5, is_flagged=True)
        for task_id, (rater, choice) in EXPECTED.items()
    ]

    async def write():
        async with VoteJournal(run) as journal:
            for vote in votes:
                await journal.append(vote)

    asyncio.run(write())
    return votes


def test_our_own_journal_comes_back_line_for_line(tmp_path):
    run, other = tmp_path / "run", tmp_path / "other"
    run_with_tasks(run)
    run_with_tasks(other)
    votes = own_lines(other, note="är \N{GRINNING FACE}")

    import_votes(run, [other / "votes.jsonl"])

    assert recorded(run) == votes


def test_lines_of_the_static_page_need_no_checksum_and_may_be_several_files(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    votes = [
        vote_json(Vote(task_id=task_id, rater=rater, vote=choice))
        for task_id, (rater, choice) in EXPECTED.items()
    ]
    ann = saved(tmp_path / "ann.jsonl", lines(*votes[:2]))
    bob = saved(tmp_path / "bob.jsonl", "\n" + lines(*votes[2:]).strip())

    import_votes(run, [ann, bob])

    assert choices(run) == EXPECTED


def test_in_our_own_journal_the_last_answer_to_a_task_counts(tmp_path):
    """`u` takes back a vote: the journal keeps both."""
    run, other = tmp_path / "run", tmp_path / "other"
    run_with_tasks(run)
    run_with_tasks(other)

    async def write():
        async with VoteJournal(other) as journal:
            for choice in ("left", "right"):
                await journal.append(Vote(task_id=IDS[0], rater="ann", vote=choice))

    asyncio.run(write())

    imported = import_votes(run, [other / "votes.jsonl"])

    assert choices(run) == {IDS[0]: ("ann", "right")}
    assert imported.read == Counter(ann=1)


def test_what_is_recorded_with_the_same_value_is_skipped(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    own_lines(run)
    again = saved(tmp_path / "again.jsonl", (run / "votes.jsonl").read_bytes())

    imported = import_votes(run, [again])

    assert imported.known == Counter(ann=2, bob=2)
    assert not +imported.recorded
    assert len(recorded(run)) == 4


def test_another_answer_than_the_recorded_one_counts_only_when_asked_for(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    own_lines(run)
    row = {"task_id": IDS[1], "rater": "ann", "vote": "left"}
    file = saved(tmp_path / "v.jsonl", lines(row))

    with pytest.raises(ConfigError, match="recorded as right, here it is left"):
        import_votes(run, [file])
    imported = import_votes(run, [file], may_replace=True)

    assert imported.replaced == Counter(ann=1)
    assert choices(run)[IDS[1]] == ("ann", "left")


def test_a_task_that_was_skipped_may_still_be_answered(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run, "rubric")
    row = {"task_id": IDS[0], "rater": "ann", "criterion": CRITERIA[0]}
    import_votes(run, [saved(tmp_path / "one.jsonl", lines(row | {"label": None}))])

    imported = import_votes(run, [saved(tmp_path / "two.jsonl", lines(row | {"label": 1}))])

    assert recorded(run)[-1] == Rating(
        task_id=IDS[0], rater="ann", criterion=CRITERIA[0], label=1.0
    )
    assert imported.replaced == Counter(ann=0)


def test_a_running_server_keeps_its_votes_to_itself(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    row = {"task_id": IDS[0], "rater": "ann", "vote": "left"}
    file = saved(tmp_path / "v.jsonl", lines(row))

    async def while_serving():
        async with VoteJournal(run):
            await asyncio.to_thread(import_votes, run, [file])

    with pytest.raises(ConfigError, match="another process works on what people are asked"):
        asyncio.run(while_serving())

    assert recorded(run) == []


def test_the_command_says_who_said_how_much_and_what_comes_next(tmp_path, capsys):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run))[".csv"]
    filled = filled_csv(text, ["left", "", "skip", "tie"], column="vote")
    file = saved(tmp_path / "votes.csv", filled)

    code = main(["human", "import", str(run), str(file)])
    out = capsys.readouterr()
    again = main(["human", "import", str(run), str(file), "--json"])
    counts = json.loads(capsys.readouterr().out)

    assert (code, again) == (0, 0)
    assert out.out.splitlines() == [
        "ann: 1 vote read, 1 recorded",
        "bob: 2 votes read, 2 recorded",
        "1 row without an answer",
    ]
    assert f"evalrunner human report {run}" in out.err
    assert counts == {
        "raters": [
            {"rater": "ann", "n_read": 1, "n_recorded": 0, "n_replaced": 0, "n_known": 1},
            {"rater": "bob", "n_read": 2, "n_recorded": 0, "n_replaced": 0, "n_known": 2},
        ],
        "n_unanswered": 1,
    }


def test_the_command_says_what_was_replaced_and_what_was_known(tmp_path, capsys):
    run = tmp_path / "run"
    run_with_tasks(run)
    own_lines(run)
    rows = [{"task_id": task_id, "rater": "ann", "vote": "left"} for task_id in IDS[:2]]
    file = saved(tmp_path / "v.jsonl", lines(*rows))
    empty = saved(tmp_path / "e.json", "[]")

    main(["human", "import", str(run), str(file), "--replace"])
    main(["human", "import", str(run), str(empty)])

    known = "1 skipped: recorded before with the same value"
    assert capsys.readouterr().out.splitlines() == [
        f"ann: 2 votes read, 1 recorded (1 in place of an earlier one), {known}",
        "no votes in these files",
    ]


def test_the_form_can_be_named(tmp_path, capsys):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run))[".csv"]
    file = saved(tmp_path / "votes.csv", filled_csv(text, CHOICES, column="vote"))

    as_lines = main(["human", "import", str(run), str(file), "--form", "votes"])
    as_table = main(["human", "import", str(run), str(file), "--form", "csv"])

    assert (as_lines, as_table) == (2, 0)
    assert f"{file}:1: not JSON" in capsys.readouterr().err
    assert choices(run) == EXPECTED
