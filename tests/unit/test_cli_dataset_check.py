"""`evalrunner dataset check`: every check is told, with cases, lines and what to do."""

import json

import numpy as np
import pytest

from evalrunner.cli import main

CLASSES = ("refund", "delivery", "billing")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sound(n=300):
    """Cases that nothing is wrong with."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefghij"), 7)) for _ in range(300)]
    return [
        {
            "id": f"c{at}",
            "input": " ".join(rng.choice(words, 12)),
            "expected_output": CLASSES[at % 3],
            "category": "ab"[at % 2],
            "tags": ["edge"] if at % 10 == 0 else ["plain"],
        }
        for at in range(n)
    ]


def write(here, rows, name="cases.jsonl"):
    (here / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def check(capsys, *words, code=0, path="cases.jsonl"):
    """The findings by the name of their check."""
    found = main(["dataset", "check", path, "--json", *words])
    said = capsys.readouterr()
    assert found == code, said.out + said.err
    document = json.loads(said.out)
    assert document["ok"] is (code == 0)
    return {each["check"]: each for each in document["checks"]}


def test_a_sound_test_set_has_no_finding(capsys, here):
    write(here, sound())

    found = check(capsys, "--strict")

    assert {each["status"] for each in found.values()} == {"ok", "note"}
    assert found["schema"]["message"].startswith("300 cases")
    assert found["edge cases"]["evidence"] == {"share": 0.1}
    assert found["lengths"]["evidence"]["n"] == 300
    assert found["scripts"]["evidence"]["scripts"] == {"Latin": 300}


def test_repeated_cases_stand_with_their_lines(capsys, here):
    rows = sound()
    rows[7]["input"] = rows[4]["input"].upper()
    rows[9]["input"] = f"{rows[5]['input']} s"
    write(here, rows)

    found = check(capsys)

    assert found["duplicates"]["status"] == "warning"
    assert found["duplicates"]["groups"] == [[{"id": "c4", "line": 5}, {"id": "c7", "line": 8}]]
    assert found["near-duplicates"]["status"] == "note"
    assert found["near-duplicates"]["groups"] == [
        [{"id": "c5", "line": 6}, {"id": "c9", "line": 10}]
    ]
    check(capsys, "--strict", code=1)


def test_many_repeated_cases_are_an_error(capsys, here):
    rows = sound()
    for at in range(40):
        rows[at]["input"] = rows[at + 3 * 40]["input"]
        rows[at]["expected_output"] = rows[at + 3 * 40]["expected_output"]
    write(here, rows)

    assert check(capsys, code=1)["duplicates"]["status"] == "error"


def test_contradicting_cases_are_an_error(capsys, here):
    rows = sound()
    rows[1]["input"] = rows[0]["input"]
    write(here, rows)

    found = check(capsys, code=1)["contradictions"]

    assert found["status"] == "error"
    assert found["groups"] == [[{"id": "c0", "line": 1}, {"id": "c1", "line": 2}]]


def test_a_label_in_the_input_is_an_error_where_it_is_marked(capsys, here):
    rows = sound()
    rows[3]["input"] += ' {"label": "refund"}'
    rows[6]["input"] += " I want a refund"
    write(here, rows)

    found = check(capsys, code=1)["leakage"]

    assert [group[0]["id"] for group in found["groups"]] == ["c3"]


def test_inputs_that_name_their_class_are_a_warning(capsys, here):
    rows = sound()
    for row in rows:
        row["input"] += f" please: {row['expected_output']}"
    write(here, rows)

    assert check(capsys)["leakage"]["status"] == "warning"


def test_cases_without_a_target_are_a_warning(capsys, here):
    rows = sound()
    del rows[5]["expected_output"]
    write(here, rows)

    found = check(capsys)["targets"]

    assert (found["status"], found["groups"]) == ("warning", [[{"id": "c5", "line": 6}]])


def test_a_test_set_for_judges_needs_no_target(capsys, here):
    write(here, [{k: v for k, v in row.items() if k != "expected_output"} for row in sound()])

    assert check(capsys, "--strict")["targets"]["status"] == "note"


def test_another_field_may_hold_the_truth(capsys, here):
    write(here, [row | {"intent": "x" if at else "y"} for at, row in enumerate(sound())])

    found = check(capsys, "--target", "intent")

    assert "300 of 300" in found["targets"]["message"]
    assert found["balance"]["status"] == "warning"


@pytest.mark.parametrize(
    ("expected", "status", "code"),
    [
        ("a=500,b=510", "ok", 0),
        ("a=0.5,b=0.5", "ok", 0),
        ("a=900,b=100", "warning", 0),
        ("a=0.9,b=0.1", "warning", 0),
        ("a=500,b=400,c=100", "error", 1),
    ],
)
def test_the_mix_is_held_to_the_expected_one(capsys, here, expected, status, code):
    write(here, sound())

    found = check(capsys, "--expected", expected, code=code)["coverage"]

    assert found["status"] == status
    assert ("taken as exact" in found["message"]) is ("." in expected)


def test_the_expected_mix_may_stand_in_a_file(capsys, here):
    write(here, sound())
    (here / "mix.json").write_text('{"a": 900, "b": 100}')

    found = check(capsys, "--expected", "mix.json", "--category", "category")

    assert found["coverage"]["evidence"]["n_mix"] == 1000


def logged(here, counts, *, rates=(0.01,), **more):
    """A log as the sampler writes it; the n-th category's calls have the n-th rate."""
    calls = [
        {"schema_version": 1, "id": f"{name}{at}", "at": "2026-11-20T12:00:00.000Z"}
        | {"rate": rates[number % len(rates)], "input": "x", "output": "y", "metadata": {}}
        | {key: value.format(name) for key, value in more.items()}
        | ({} if more else {"category": name})
        for number, (name, n) in enumerate(counts.items())
        for at in range(n)
    ]
    write(here, calls, "log.jsonl")


@pytest.mark.parametrize(
    ("counts", "rates", "status"),
    [
        ({"a": 400, "b": 410}, (0.01,), "ok"),
        ({"a": 700, "b": 110}, (0.01,), "warning"),
        ({"a": 400, "b": 40}, (0.1, 0.01), "ok"),
        ({"a": 400, "b": 400}, (0.1, 0.01), "warning"),
    ],
)
def test_the_mix_is_held_to_a_log(capsys, here, counts, rates, status):
    """A call that was logged with a chance of 1 % stands for ten that had 10 %."""
    write(here, sound())
    logged(here, counts, rates=rates)

    found = check(capsys, "--production", "log.jsonl")["coverage"]

    assert found["status"] == status
    assert found["evidence"]["n_mix"] == (sum(counts.values()) if len(rates) == 1 else None)


def test_a_log_without_the_field_is_told(capsys, here):
    write(here, sound())
    logged(here, {"a": 5}, model="m")

    assert main(["dataset", "check", "cases.jsonl", "--production", "log.jsonl"]) == 2
    assert "no logged call has a 'category'" in capsys.readouterr().err


def test_a_torn_line_of_a_log_is_left_out_and_told(capsys, here):
    write(here, sound())
    logged(here, {"a": 50, "b": 50})
    with (here / "log.jsonl").open("a") as file:
        file.write('{"schema_version": 1, "id"')

    code = main(["dataset", "check", "cases.jsonl", "--production", "log.jsonl"])

    said = capsys.readouterr()
    assert code == 0
    assert "1 line of the logs left out" in said.err


def test_a_size_that_cannot_show_the_difference_is_an_error(capsys, here):
    write(here, sound())

    found = check(capsys, "--difference", "2", code=1)["size"]

    assert found["status"] == "error"
    assert found["evidence"]["needed"] > 3000
    assert check(capsys, "--difference", "10")["size"]["status"] == "ok"


def test_few_cases_are_a_warning(capsys, here):
    write(here, sound(30))

    assert check(capsys)["size"]["status"] == "warning"


def test_cases_of_the_training_file_are_told(capsys, here):
    rows = sound()
    write(here, rows)
    near = rows[9]["input"] + " s"
    write(here, [{"input": rows[2]["input"].title()}, {"input": near}], "train.jsonl")

    found = check(capsys, "--train", "train.jsonl")

    assert [g[0]["id"] for g in found["in training"]["groups"]] == ["c2"]
    assert [g[0]["id"] for g in found["nearly in training"]["groups"]] == ["c9"]
    write(here, rows, "train.jsonl")
    assert check(capsys, "--train", "train.jsonl", code=1)["in training"]["status"] == "error"


def test_a_file_that_cannot_be_read_is_told_with_every_line(capsys, here):
    (here / "cases.jsonl").write_text('{"input": "a", "id": 1}\n{"input": "b", "id": 1}\n[1]\n')

    code = main(["dataset", "check", "cases.jsonl"])

    said = capsys.readouterr().err
    assert code == 2
    assert "cases.jsonl:2: id '1' is already in line 1" in said
    assert "cases.jsonl:3: a row must be an object" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--expected", "a"), "no category with a number"),
        (("--expected", "a=0.5,b=0.2"), "sum to 0.7"),
        (("--expected", "none.json"), "cannot be read"),
        (("--expected", "broken.json"), "not JSON"),
        (("--expected", "list.json"), "no object"),
        (("--difference", "0"), "between 0 and 100"),
        (("--expected", "a=1,b=2", "--production", "x.jsonl"), "one mix only"),
        (("--train", "none.jsonl"), "no file"),
    ],
)
def test_what_was_typed_wrong_is_said(capsys, here, words, told):
    write(here, sound(10))
    (here / "broken.json").write_text("{")
    (here / "list.json").write_text("[1]")

    code = main(["dataset", "check", "cases.jsonl", *words])

    assert code == 2
    assert told in capsys.readouterr().err


def test_lines_are_those_of_the_file_with_blank_lines_and_long_cells(capsys, here):
    write(here, sound(3))
    text = (here / "cases.jsonl").read_text().replace("\n", "\n\n")
    (here / "cases.jsonl").write_text(text + text.split("\n")[0].replace("c0", "c9") + "\n")
    (here / "cases.csv").write_text('input,id\n"one\nand two",x\nsame,y\nSAME,z\n')

    blank = check(capsys, code=1)["duplicates"]["groups"]
    long = check(capsys, path="cases.csv", code=1)["duplicates"]["groups"]

    assert [place["line"] for place in blank[0]] == [1, 7]
    assert [place["line"] for place in long[0]] == [4, 5]


def test_the_table_says_what_to_do(capsys, here):
    rows = sound()
    rows[8]["input"] = rows[4]["input"]
    write(here, rows)

    code = main(["dataset", "check", "cases.jsonl"])

    said = capsys.readouterr().out
    assert code == 1
    assert "FAIL  contradictions" in said
    assert "c4 (line 5) = c8 (line 9)  delivery | billing" in said
    assert "-> delete all but one of each group" in said
    assert "1 error, 1 warning" in said


@pytest.mark.parametrize(
    ("option", "typed", "near"),
    [("--target", "expectd_output", "expected_output"), ("--category", "categry", "category")],
)
def test_a_typed_field_that_no_case_has_is_refused(capsys, here, option, typed, near):
    write(here, sound())

    code = main(["dataset", "check", "cases.jsonl", option, typed])

    assert code == 2
    said = capsys.readouterr().err
    assert f"{option}: no case has a field {typed!r}" in said
    assert f"did you mean {near!r}?" in said


def test_without_a_target_nothing_is_said_to_be_checked_by_it(capsys, here):
    rows = [
        {"input": row["input"], "answer": row["expected_output"], "category": "a"}
        for row in sound()
    ]
    write(here, rows)

    found = check(capsys)

    for name in ("contradictions", "leakage"):
        assert found[name]["status"] == "note"
        assert found[name]["message"] == "not checked: no target"
    message = "no case has an 'expected_output': only judges can score; is it --target answer?"
    assert found["targets"]["message"] == message
    assert check(capsys, "--target", "answer")["contradictions"]["status"] == "ok"


def test_a_wrong_column_is_told_once_with_what_to_type(capsys, here):
    write(here, [{"question": row["input"]} for row in sound()])

    code = main(["dataset", "check", "cases.jsonl"])

    assert code == 2
    said = capsys.readouterr().err
    assert said.count("'input' is missing") == 1
    assert "in each of 300 rows" in said
    assert "--map input=NAME" in said
    assert "dataset.fields" not in said
    assert "more" not in said
    assert check(capsys, "--map", "input=question")["schema"]["status"] == "ok"
    assert main(["dataset", "stats", "cases.jsonl", "--map", "input=question"]) == 0


def test_hints_name_no_setting_that_the_command_refuses(capsys, here):
    write(here, [*sound(), {"id": "x", "input": ""}])

    code = main(["dataset", "check", "cases.jsonl"])

    assert code == 2
    said = capsys.readouterr().err
    assert "cases.jsonl:301: input is empty" in said
    assert "dataset.allow_empty" not in said


def test_a_rename_of_no_field_is_told_by_its_option(capsys, here):
    write(here, sound())

    code = main(["dataset", "check", "cases.jsonl", "--map", "input=inptu"])

    assert code == 2
    assert "--map: no row has a field 'inptu'" in capsys.readouterr().err
