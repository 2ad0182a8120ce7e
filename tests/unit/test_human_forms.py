"""Forms of other programs: what raters get, whole and harmless, and nothing of the key."""

import csv
import io
import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.human.forms.argilla import write_argilla
from evalrunner.human.forms.csv import cell_text, write_csv
from evalrunner.human.forms.label_studio import write_label_studio
from evalrunner.types.people import Task

WRITERS = (write_csv, write_label_studio, write_argilla)


def pair(**changes):
    fields = {
        "task_id": "a3f0b1c2d4e5f607",
        "rater": "ann",
        "order": 0,
        "kind": "pairwise",
        "input": "Where is my parcel?",
        "output_a": "On its way.",
        "output_b": "We cannot say.",
        "rating_criteria": ("is polite", "gives a date"),
        "instructions": "Which response better meets the criteria?",
    }
    return Task(**(fields | changes))


def rubric(**changes):
    return pair(**({"kind": "rubric", "output_b": None} | changes))


def cells(text):
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def test_a_spreadsheet_gets_a_row_a_pair():
    (row,) = cells(write_csv([pair()])[".csv"])

    assert list(row) == [
        "task_id",
        "rater",
        "input",
        "output_a",
        "output_b",
        "rating_criteria",
        "instructions",
        "vote",
        "note",
    ]
    assert row["output_a"] == "On its way."
    assert row["rating_criteria"] == "1. is polite\n2. gives a date"
    assert (row["vote"], row["note"]) == ("", "")
    assert "left" in row["instructions"]


def test_a_spreadsheet_gets_a_row_a_criterion():
    rows = cells(write_csv([rubric()])[".csv"])

    assert [row["criterion"] for row in rows] == ["is polite", "gives a date"]
    assert [row["label"] for row in rows] == ["", ""]
    assert {row["output_a"] for row in rows} == {"On its way."}
    assert "output_b" not in rows[0]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =HYPERLINK(1)",
        "\n=1",
        "＝1",
        "1234567890123456",
        "12345e6789012345",
        "0042",
        "3/4",
        ".5",
        "10:30 am",
        "True",
        "May 5",
        "5-Mar-2026",
        "12 january",
    ],
)
def test_what_a_spreadsheet_would_calculate_or_rewrite_stays_text(text):
    assert cell_text(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "rater-1", "'=1", "1. first", "a3f0", "none -", "May", "May 5 do", "That is true"]
)
def test_other_text_is_not_touched(text):
    assert cell_text(text) == text


@given(texts=st.tuples(*[st.text(st.characters(exclude_characters="\0"))] * 4))
def test_any_text_survives_a_csv_and_no_cell_is_a_formula(texts):
    given_input, output_a, output_b, instructions = texts
    task = pair(input=given_input, output_a=output_a, output_b=output_b, instructions=instructions)

    (row,) = cells(write_csv([task])[".csv"])

    for name in ("input", "output_a", "output_b"):
        text = getattr(task, name)
        assert row[name] in {text, f"'{text}"}
    assert all(not re.match(r"[\t\r]|\s*[=+@＝＋－＠-]", cell) for cell in row.values())


def test_text_that_is_no_utf8_is_replaced_in_every_form():
    tasks = [pair(input="\ud800", output_a="a\0b", output_b="\ud83d\ude00")]

    texts = [text for write in WRITERS for text in write(tasks).values()]

    for text in texts:
        text.encode()
        assert "\0" not in text
        assert "\\u0000" not in text
        assert "\\ud800" not in text
    assert "\N{GRINNING FACE}" in texts[0]


def test_an_input_of_several_fields_is_shown_as_json():
    (row,) = cells(write_csv([pair(input={"question": "Où?"})])[".csv"])

    assert row["input"] == '{\n  "question": "Où?"\n}'


@pytest.mark.parametrize("tasks", [[pair()], [rubric()]], ids=["pairwise", "rubric"])
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_form_holds_the_task_and_nothing_else(write, tasks):
    """F12: no order, cell, case or model; one set of styles for both outputs."""
    known = {
        *("task_id", "rater", "input", "output_a", "output_b", "rating_criteria", "instructions"),
        *("vote", "note", "criterion", "label"),
    }

    files = write(tasks)

    if write is write_csv:
        assert set(cells(files[".csv"])[0]) <= known
    elif write is write_label_studio:
        assert all(set(row["data"]) <= known for row in json.loads(files[".label-studio.json"]))
        assert all(set(row) == {"data"} for row in json.loads(files[".label-studio.json"]))
    else:
        for record in json.loads(files[".argilla.json"]):
            assert set(record) == {"id", "fields", "metadata"}
            assert set(record["fields"]) <= known
            assert record["metadata"] == {"task_id": tasks[0].task_id, "rater": "ann"}


@pytest.mark.parametrize(
    ("task", "question", "answers"),
    [
        (pair(), "vote", ["left", "right", "tie", "both_bad"]),
        (rubric(), "label", ["met", "not_met"]),
    ],
    ids=["pairwise", "rubric"],
)
def test_label_studio_asks_by_keys_and_shows_only_what_its_tasks_have(task, question, answers):
    files = write_label_studio([task])

    root = ET.fromstring(files[".label-studio.xml"])
    (choices,) = root.iter("Choices")
    assert choices.get("name") == question
    assert [choice.get("alias") for choice in choices] == answers
    assert [choice.get("hotkey") for choice in choices] == list("1234"[: len(answers)])
    shown = {value[1:] for tag in root.iter() if (value := tag.get("value", "")).startswith("$")}
    names = {tag.get("name") for tag in root.iter("Text")}
    assert choices.get("toName") in names
    for row in json.loads(files[".label-studio.json"]):
        assert shown | {"task_id", "rater"} == set(row["data"])


def test_label_studio_styles_both_outputs_alike():
    """F12."""
    root = ET.fromstring(write_label_studio([pair()])[".label-studio.xml"])

    (columns,) = [view for view in root.iter("View") if view.get("className") == "pair"]
    left, right = columns
    assert left.attrib == right.attrib
    assert [child.attrib.keys() for child in left] == [child.attrib.keys() for child in right]


def test_label_studio_gets_a_task_a_criterion():
    """A configuration is one for the project, but criteria differ from case to case."""
    tasks = [rubric(), rubric(task_id="b" * 16, rating_criteria=("is short",))]

    rows = json.loads(write_label_studio(tasks)[".label-studio.json"])

    assert [(row["data"]["task_id"][0], row["data"]["criterion"]) for row in rows] == [
        ("a", "is polite"),
        ("a", "gives a date"),
        ("b", "is short"),
    ]


@pytest.mark.parametrize(
    ("task", "question", "answers"),
    [
        (pair(), "vote", ["left", "right", "tie", "both_bad"]),
        (rubric(), "label", ["met", "not_met"]),
    ],
    ids=["pairwise", "rubric"],
)
def test_argilla_gets_settings_that_name_every_field_of_its_records(task, question, answers):
    files = write_argilla([task])

    settings = json.loads(files[".argilla-settings.json"])
    asked, note = settings["questions"]
    assert asked["name"] == question
    assert [option["value"] for option in asked["settings"]["options"]] == answers
    assert (note["name"], note["required"]) == ("note", False)
    names = {field["name"] for field in settings["fields"]}
    records = json.loads(files[".argilla.json"])
    assert all(set(record["fields"]) == names for record in records)
    assert len({record["id"] for record in records}) == len(records)
    assert {each["name"] for each in settings["metadata"]} == {"task_id", "rater"}
