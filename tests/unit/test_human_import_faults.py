"""Malformed files: every problem at once, with its line, and nothing is recorded."""

import csv
import gzip
import io
import json
import resource
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

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
)

from evalrunner.cli import main
from evalrunner.errors import ConfigError, StoreError
from evalrunner.human.forms.argilla import write_argilla
from evalrunner.human.forms.csv import write_csv
from evalrunner.human.forms.label_studio import write_label_studio
from evalrunner.human.importing import _record, import_votes
from evalrunner.store.journal import encode_line
from evalrunner.store.people import HumanExport, read_votes, write_export
from evalrunner.types.people import TaskKey, Vote


def packed(name):
    """A zip file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, "task_id,vote\n")
    return data.getvalue()


GOOD = {"task_id": IDS[0], "rater": "ann", "vote": "left"}
RATED = {"task_id": IDS[0], "rater": "ann", "criterion": CRITERIA[0], "label": 1}


def refused(run, *files, **options):
    """Where and what of every problem; nothing may have been recorded."""
    with pytest.raises(ConfigError) as caught:
        import_votes(run, files, **options)
    assert not (run / "votes.jsonl").exists()
    return [(problem.where, problem.what) for problem in caught.value.problems]


def refused_line(tmp_path, text, *, kind="pairwise"):
    """Line and text of the only problem of a file."""
    run = tmp_path / "run"
    run_with_tasks(run, kind)
    file = saved(tmp_path / "file", text)
    ((where, what),) = refused(run, file)
    return where.removeprefix(f"{file}").lstrip(":"), what


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task_id": "f" * 16}, f"this run has no task '{'f' * 16}'"),
        ({"task_id": 7}, "'task_id' must be a text, not 7"),
        ({"rater": "eve"}, "unknown rater 'eve'; there are: ann, bob"),
        ({"rater": ["ann"]}, "unknown rater ['ann']"),
        ({"rater": None}, "'rater' is missing"),
        ({"rater": "bob"}, f"task {IDS[0]} was made for 'ann', but the file says 'bob'"),
        ({"vote": "maybe"}, "'vote' must be one of left, right, tie, both_bad, skip, not 'maybe'"),
        ({"vote": None}, "'vote' must be one of"),
        ({"seconds": -1}, "'seconds' must be a number of 0 or more, not -1"),
        ({"note": 3}, "'note' must be a text, not 3"),
        ({"note": "x" * 10_001}, "the note has 10,001 characters; at most 10,000 are kept"),
        ({"at": "yesterday"}, "'at' must be a time (ISO 8601), not 'yesterday'"),
        ({"criterion": "is polite", "label": 1}, "asks which output is better, not for a label"),
    ],
)
def test_a_vote_that_cannot_be_is_refused_with_its_line(tmp_path, changes, words):
    place, what = refused_line(tmp_path, lines(GOOD | {"task_id": IDS[1]}, GOOD | changes))

    assert place == "2"
    assert words in what


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (RATED | {"criterion": "is kind"}, "has no criterion 'is kind'; there are: "),
        (RATED | {"criterion": None}, "'criterion' is missing"),
        (RATED | {"label": 2}, "'label' must be a number from 0 to 1, not 2"),
        (RATED | {"label": "yes"}, "'label' must be a number from 0 to 1, not 'yes'"),
        (GOOD, "asks for a label of each criterion, not for a vote"),
    ],
)
def test_a_rating_that_cannot_be_is_refused_with_its_line(tmp_path, row, words):
    place, what = refused_line(
        tmp_path, lines(RATED | {"criterion": CRITERIA[1]}, row), kind="rubric"
    )

    assert place == "2"
    assert words in what


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"task_id": "a', "not JSON"),
        ('{"task_id": NaN}', "NaN is no JSON"),
        ('{"a": ' + "[" * 101 + "]" * 101 + "}", "nested more than 100 levels deep"),
        ('{"a": ' + "[" * 200_000, "nested more than 100 levels deep"),
        ("[1]", "must be an object {…}, not [1]"),
        ('{"task_id": "a", "task_id": "b"}', "the key 'task_id' stands twice"),
    ],
)
def test_a_line_that_is_no_vote_is_refused_with_its_number(tmp_path, line, words):
    place, what = refused_line(
        tmp_path, lines(GOOD) + line + "\n" + lines(GOOD | {"task_id": IDS[1]})
    )

    assert place == "2"
    assert words in what


def test_a_line_that_was_altered_is_refused(tmp_path):
    whole = encode_line(GOOD) + encode_line(GOOD | {"task_id": IDS[1]})

    place, what = refused_line(tmp_path, whole.replace(b'"left"', b'"tie"', 1))

    assert (place, what) == ("1", "its checksum does not match: the line was altered")


def test_a_truncated_file_of_lines_is_refused(tmp_path):
    whole = encode_line(GOOD) + encode_line(GOOD | {"task_id": IDS[1]})

    place, what = refused_line(tmp_path, whole[:-20])

    assert place == "2"
    assert what.startswith("not JSON")


def test_an_answer_other_than_the_recorded_one_is_named(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run, "rubric")
    import_votes(run, [saved(tmp_path / "one.jsonl", lines(RATED))])
    file = saved(tmp_path / "two.jsonl", lines(RATED | {"label": None}))

    with pytest.raises(ConfigError) as caught:
        import_votes(run, [file])

    (problem,) = caught.value.problems
    assert problem.where == f"{file}:1"
    what = f"criterion 'is polite' of task {IDS[0]} is recorded as 1, here it is skipped"
    assert problem.what == what
    assert "--replace" in problem.hint


def test_a_task_that_is_answered_twice_is_refused_where_it_comes_again(tmp_path):
    place, what = refused_line(tmp_path, lines(GOOD, GOOD | {"task_id": IDS[1]}, GOOD))

    assert place == "3"
    assert what == f"task {IDS[0]} is answered twice: first in {tmp_path / 'file'}, line 1"


def test_a_criterion_that_is_rated_twice_is_refused_also_across_files(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run, "rubric")
    one = saved(tmp_path / "one.jsonl", encode_line(RATED))
    two = saved(tmp_path / "two.jsonl", b"\n" + encode_line(RATED))

    assert refused(run, one, two) == [
        (
            f"{two}:2",
            f"criterion 'is polite' of task {IDS[0]} is answered twice: first in {one}, line 1",
        )
    ]


def test_all_problems_of_all_files_are_told_at_once(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    bad = [GOOD | {"task_id": "x"}, GOOD, GOOD | {"rater": "eve"}]
    one = saved(tmp_path / "one.jsonl", lines(*bad))
    two = tmp_path / "missing.csv"
    three = saved(tmp_path / "three.csv", "task_id,vote\nx,left\n")

    found = refused(run, one, two, three)

    assert [where for where, _ in found] == [f"{one}:1", f"{one}:3", str(two), f"{three}:2"]


def test_of_many_problems_of_a_file_twenty_are_shown_and_the_others_counted(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    file = saved(tmp_path / "v.jsonl", lines(GOOD, *[GOOD | {"task_id": "x"}] * 25))

    with pytest.raises(ConfigError) as caught:
        import_votes(run, [file])

    found = caught.value.problems
    assert len(found) == 21
    assert (found[-1].where, found[-1].what) == (str(file), "and 5 more")
    assert caught.value.n_problems == 25


def test_the_command_counts_every_problem_and_says_what_was_not_done(tmp_path, capsys):
    run = tmp_path / "run"
    run_with_tasks(run)
    file = saved(tmp_path / "v.jsonl", lines(GOOD, *[GOOD | {"task_id": "x"}] * 35))

    code = main(["human", "import", str(run), str(file)])

    assert code == 2
    assert capsys.readouterr().err.startswith("35 problems, nothing was recorded:\n")


def test_votes_of_another_run_are_told_once(tmp_path):
    place, what = refused_line(tmp_path, lines(*[GOOD | {"task_id": "x"}] * 25))

    assert (place, what) == ("", "none of its 25 votes is about a task of this run")


def test_a_file_that_is_given_twice_is_told(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    file = saved(tmp_path / "v.jsonl", lines(GOOD))

    again = tmp_path / "run" / ".." / "v.jsonl"
    assert refused(run, file, again) == [(str(again), "is given twice")]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("key.jsonl", "is the key of the tasks, which no rater must see"),
        ("tasks.jsonl", "is the list of the tasks, which nobody answers in"),
    ],
)
def test_files_of_the_export_itself_are_named(tmp_path, name, words):
    run = tmp_path / "run"
    tasks = run_with_tasks(run)
    key = TaskKey(
        task_id=tasks[0].task_id,
        rater="ann",
        order=0,
        kind="pairwise",
        case_id="c1",
        left=0,
        right=1,
        left_repeat=0,
        right_repeat=0,
        left_sha256="0",
        right_sha256="1",
        chance=1.0,
    )
    write_export(run, HumanExport(settings={}, tasks=tasks, key=[key]))

    assert refused(run, run / "human" / name) == [(str(run / "human" / name), words)]


def mixed_up(run, tmp_path, column):
    """The first two rows with their texts in one column exchanged."""
    first, second, *_ = run_with_tasks(run)
    second = replace(second, input="When?", output_a="Now.", output_b="Later.")
    second = replace(second, rating_criteria=("is short",))
    write_export(run, HumanExport(settings={}, tasks=[first, second], key=[]))
    rows = list(csv.DictReader(io.StringIO(write_csv([first, second])[".csv"][1:], newline="")))
    rows[0][column], rows[1][column] = rows[1][column], rows[0][column]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(row | {"vote": "left"} for row in rows)
    return saved(tmp_path / "v.csv", out.getvalue())


@pytest.mark.parametrize("column", ["input", "output_a", "output_b", "rating_criteria", "task_id"])
def test_a_column_that_was_sorted_by_itself_is_refused_in_every_row(tmp_path, column):
    """The vote would count for outputs that the rater did not see beside it."""
    run = tmp_path / "run"

    found = refused(run, mixed_up(run, tmp_path, column))

    shown = f"{column} is" if column != "task_id" else "output_b and rating_criteria are"
    assert len(found) == 2
    assert all(f"{shown} not what task " in what for _, what in found)
    assert found[0][0] == f"{tmp_path / 'v.csv'}:2"


def test_outputs_that_were_swapped_in_a_csv_are_refused(tmp_path):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run, output_a="One.", output_b="Two."))[".csv"]
    swapped = text.replace("output_a,output_b", "output_b,output_a")
    file = saved(tmp_path / "v.csv", filled_csv(swapped, ["left", "", "", ""], column="vote"))

    what = f"output_a and output_b are not what task {IDS[0]} showed"
    assert [said[: len(what)] for _, said in refused(run, file)] == [what]


def test_a_rating_of_another_output_is_refused(tmp_path):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run, "rubric"))[".csv"]
    bent = text.replace("=On its", "=Off its", 1)
    file = saved(tmp_path / "v.csv", filled_csv(bent, ["yes"] * 12, column="label"))

    assert ["output_a is not what task" in what for _, what in refused(run, file)] == [True]


def test_a_tenth_of_an_output_is_another_output(tmp_path):
    """Only what fills a cell may have been cut."""
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run, output_b="One. Two."))[".csv"].replace("One. Two.", "One.")
    file = saved(tmp_path / "v.csv", filled_csv(text, ["left"] + [""] * 3, column="vote"))

    assert ["output_b is not what task" in what for _, what in refused(run, file)] == [True]


def test_argilla_records_that_show_other_outputs_are_refused(tmp_path):
    run = tmp_path / "run"
    records = responded(
        write_argilla(run_with_tasks(run))[".argilla.json"], ["left"] * 4, question="vote"
    )
    records[3]["output_b"] = "another"

    ((where, what),) = refused(run, saved(tmp_path / "r.json", records))

    assert where.endswith(":record 4")
    assert f"output_b is not what task {IDS[3]} showed" in what


def test_a_full_disk_records_all_or_nothing(tmp_path):
    """E6."""
    run = tmp_path / "run"
    run_with_tasks(run)
    import_votes(run, [saved(tmp_path / "one.jsonl", lines(GOOD))])
    before = (run / "votes.jsonl").read_bytes()
    more = [GOOD | {"task_id": IDS[1]}, GOOD | {"task_id": IDS[2], "rater": "bob"}]
    file = saved(tmp_path / "two.jsonl", lines(*more))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) * 2 + 5, limit[1]))
    try:
        with pytest.raises(StoreError, match=r"nothing was recorded: .*, then type it again"):
            import_votes(run, [file])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)

    assert (run / "votes.jsonl").read_bytes() == before
    assert import_votes(run, [file]).recorded == {"ann": 1, "bob": 1}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("\ufeff \n", "is empty"),
        ("Dear all, thank you!\n", "is no file of votes"),
        (packed("[Content_Types].xml"), "is a workbook"),
        (packed("votes.csv"), "is no text file"),
        (gzip.compress(b"task_id,vote\n", mtime=0), "is no text file"),
        (Path(sys.executable).resolve().read_bytes()[:5_000], "is no text file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "is a workbook"),
        ("name,vote\nann,left\n", "no columns task_id and vote (or label)"),
        ("task_id,name\nann,left\n", "no columns task_id and vote (or label)"),
    ],
)
def test_a_file_that_is_no_votes_at_all_is_refused(tmp_path, content, words):
    place, what = refused_line(tmp_path, content)

    assert place == ""
    assert words in what


def test_json_that_is_no_votes_at_all_is_refused_once(tmp_path):
    place, what = refused_line(tmp_path, lines({"id": 1}, {"id": 2}))

    assert (place, what) == ("1", "is no vote: it has no 'task_id'")


def test_a_directory_is_no_file_of_votes(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)

    assert refused(run, tmp_path) == [(str(tmp_path), "cannot be read: Is a directory")]


def test_a_file_of_hundreds_of_megabytes_is_not_read(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)
    file = tmp_path / "big.csv"
    with file.open("wb") as opened:
        opened.truncate(300_000_000)

    ((where, what),) = refused(run, file)

    assert where == str(file)
    assert "300,000,000 bytes" in what


def test_a_csv_row_is_named_by_its_first_line(tmp_path):
    run = tmp_path / "run"
    text = write_csv(run_with_tasks(run))[".csv"]
    filled = filled_csv(text, ["left", "perhaps", "right", "5"], column="vote").decode()
    file = saved(tmp_path / "v.csv", filled)
    starts = [filled[: filled.index(task_id)].count("\n") + 1 for task_id in IDS]

    found = refused(run, file)

    what = "is no vote: write left, right, tie, both_bad or skip"
    assert found == [
        (f"{file}:{starts[1]}", f"'perhaps' {what}"),
        (f"{file}:{starts[3]}", f"'5' {what}"),
    ]


@pytest.mark.parametrize(
    ("rows", "place", "words"),
    [
        (f"{IDS[0]},left\n{IDS[1]}\n", "3", "1 cell, but the header names 2 columns"),
        (f"{IDS[0]},left\n{IDS[1]},left,x\n", "3", "3 cells, but the header names 2 columns"),
        (f'{IDS[0]},left\n{IDS[1]},"left\n', "3", "not CSV: unexpected end of data"),
        (f"\n\n{IDS[0]},nan\n", "4", "'nan' is no vote"),
        (f"{IDS[0]},left\n,right\n", "3", "'task_id' must be a text, not ''"),
    ],
)
def test_a_csv_that_was_cut_or_bent_is_refused_with_its_line(tmp_path, rows, place, words):
    found, what = refused_line(tmp_path, f"task_id,vote\n{rows}")

    assert found == place
    assert words in what


@pytest.mark.parametrize("label", ["2", "nan", "inf", "-1", "often"])
def test_a_label_that_is_none_is_refused(tmp_path, label):
    rows = f"task_id,criterion,label\n{IDS[0]},is polite,{label}\n"

    place, what = refused_line(tmp_path, rows, kind="rubric")

    assert place == "2"
    assert what == f"'{label}' is no label: write yes or no (or 1 or 0), or skip"


def test_a_label_may_lie_between(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run, "rubric")
    rows = f"task_id;criterion;label\n{IDS[0]};is polite;0,5\n"

    import_votes(run, [saved(tmp_path / "r.csv", rows)])

    assert [rating.label for rating in read_votes(run)[0]] == [0.5]


def test_two_columns_of_one_name_are_refused(tmp_path):
    place, what = refused_line(tmp_path, f"task_id,vote,Vote\n{IDS[0]},left,right\n")

    assert (place, what) == ("1", "columns of the same name: 'vote'")


def test_another_rater_in_a_csv_is_refused(tmp_path):
    place, what = refused_line(tmp_path, f"task_id,rater,vote\n{IDS[0]},bob,left\n")

    assert place == "2"
    assert "was made for 'ann', but the file says 'bob'" in what


@pytest.mark.parametrize(
    ("content", "place", "encodings"),
    [
        (b"task_id,vote\na,\x81\n", "2", "utf-8 nor cp1252"),
        (b'{"task_id":\n"\xe4"}', "2", "utf-8"),
        ("task_id,vote\n".encode("utf-16") + b"x", "2", "utf-16"),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_line(tmp_path, content, place, encodings):
    found, what = refused_line(tmp_path, content)

    assert found == place
    assert what.startswith(f"not {encodings}: byte 0x")


def label_studio(tmp_path, change):
    run = tmp_path / "run"
    text = write_label_studio(run_with_tasks(run))[".label-studio.json"]
    exported = annotated(text, ["left", "right", "tie", "tie"], control="vote")
    change(exported[1])
    file = saved(tmp_path / "export.json", exported)
    ((where, what),) = refused(run, file)
    assert where == f"{file}:record 2"
    return what


def test_two_annotators_of_a_task_are_refused(tmp_path):
    def change(task):
        other = task["annotations"][0] | {"completed_by": {"id": 7, "email": "eve@example.com"}}
        task["annotations"].append(other)

    what = label_studio(tmp_path, change)

    assert what.startswith("2 annotations, by 1, 'eve@example.com'; a task is asked one rater")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda task: task.pop("annotations"), "has no 'annotations'"),
        (lambda task: task.update(annotations=[1]), "'annotations' must be a list of objects"),
        (lambda task: task["data"].pop("task_id"), "its 'data' has no task_id"),
        (lambda task: task["data"].update(task_id="x"), "this run has no task 'x'"),
        (lambda task: task["data"].update(rater="eve"), "unknown rater 'eve'"),
        (lambda task: task["data"].update(output_a=7), "output_a is not what task"),
        (lambda task: task["annotations"][0].update(result=None), "'result' of an annotation"),
        (lambda task: task["annotations"][0].update(lead_time="x"), "'seconds' must be a number"),
    ],
)
def test_a_label_studio_task_that_cannot_be_is_refused(tmp_path, change, words):
    assert words in label_studio(tmp_path, change)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["left", "tie"], "2 choices where one is asked for"),
        (["great"], "'great' is no vote"),
        ([1], "'vote' must be a list of texts, not [1]"),
    ],
)
def test_a_label_studio_choice_that_cannot_be_is_refused(tmp_path, chosen, words):
    def change(task):
        task["annotations"][0]["result"][0]["value"]["choices"] = chosen

    assert words in label_studio(tmp_path, change)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metadata": {}}, "has no metadata 'task_id'"),
        ({"responses": None}, "has no 'responses'"),
        ({"status": None}, "export with records.to_list(flatten=True)"),
        ({"responses": {"vote": "left"}}, "the responses to 'vote' must be a list of objects"),
        ({"responses": {"vote": [{"value": "x", "user_id": "u"}]}}, "'x' is no vote"),
        ({"responses": {"vote": [{"value": 7, "user_id": "u"}]}}, "'7' is no vote"),
        (
            {"responses": {"vote": [{"value": "tie", "user_id": user} for user in "uv"]}},
            "2 responses, by 'u', 'v'; a task is asked one rater",
        ),
    ],
)
def test_an_argilla_record_that_cannot_be_is_refused(tmp_path, changes, words):
    run = tmp_path / "run"
    records = json.loads(write_argilla(run_with_tasks(run))[".argilla.json"])
    for record in records:
        record |= {"status": "completed", "responses": {"vote": [{"value": "tie", "user_id": "u"}]}}
    records[2] |= changes
    file = saved(tmp_path / "records.json", records)

    ((where, what),) = refused(run, file)

    assert where == f"{file}:record 3"
    assert words in what


def test_argilla_columns_that_do_not_fit_are_refused(tmp_path):
    row = {"_server_id": "s", "task_id": IDS[0], "vote.responses": ["left"]}

    place, what = refused_line(tmp_path, lines(row))

    assert place == "1"
    assert what == "'vote.responses' must be a list, and so its .users and .status, as long"


@pytest.mark.parametrize(
    ("end", "place", "words"),
    [
        ("", "record 1", "the file ends after it, in the list"),
        (",", "record 2", "not JSON: Expecting value, line 1 of the file"),
        (', {"task', "record 2", "not JSON"),
        (' {"a": 1}]', "record 1", "a comma is missing after it"),
        (', {"a": NaN}]', "record 2", "NaN is no JSON"),
        (', {"a": ' + "[" * 101 + "]" * 101 + "}]", "record 2", "nested too deep"),
        (", 7]", "record 2", "must be an object {…}, not 7"),
    ],
)
def test_a_list_that_was_cut_or_bent_is_refused_with_the_record(tmp_path, end, place, words):
    found, what = refused_line(tmp_path, f"[{json.dumps(GOOD)}{end}")

    assert found == place
    assert words in what


def test_an_empty_list_has_no_votes(tmp_path):
    run = tmp_path / "run"
    run_with_tasks(run)

    imported = import_votes(run, [saved(tmp_path / "v.json", " [ ] ")])

    assert not imported.read


def test_votes_that_came_in_meanwhile_are_not_overruled(tmp_path):
    """What was checked against must still be what is recorded once the lock is held."""
    run = tmp_path / "run"
    run_with_tasks(run)
    vote = Vote(task_id=IDS[0], rater="ann", vote="left")
    _record(run, [vote], {})

    with pytest.raises(ConfigError, match="votes came in while the files were checked"):
        _record(run, [vote], {})

    assert read_votes(run) == ([vote], [])


def test_a_run_without_tasks_says_what_to_type(tmp_path):
    (tmp_path / "plan.json").write_text('{"schema_version": 1}')

    with pytest.raises(ConfigError, match="evalrunner human export"):
        import_votes(tmp_path, [])
