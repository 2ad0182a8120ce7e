"""`init` writes a project and never touches what is there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evalrunner.cli import main

FILES = {
    *(".gitignore", "README.md", "models.py", "scorers.py"),
    *("conf/dataset/my_tickets.yaml", "conf/experiment/first.yaml", "conf/model/my_model.yaml"),
    *("conf/prompt/answer.yaml", "conf/scorer/is_team.yaml"),
    *("datasets/my_tickets.jsonl", "prompts/answer.j2"),
}


def written(directory):
    return {
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    }


def test_new_directory_gets_a_project(capsys, tmp_path):
    target = tmp_path / "a" / "my evals"

    code = main(["init", str(target)])

    said = capsys.readouterr()
    assert code == 0
    assert written(target) == FILES
    assert f"cd '{target}'" in said.out
    assert "evalrunner run experiment=first" in said.out
    assert said.err == ""


def test_empty_directory_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    code = main(["init", "."])

    assert code == 0
    assert written(tmp_path) == FILES


def test_plan_of_the_new_project_has_no_problems(capsys, tmp_path):
    main(["init", str(tmp_path / "mine")])
    capsys.readouterr()

    code = main(["plan", "experiment=first", "--project", str(tmp_path / "mine")])

    said = capsys.readouterr()
    assert code == 0, said.err
    assert "3 cells, 36 trials" in said.out
    assert "Which team answers this ticket" in said.out


def test_experiment_of_the_new_project_is_ten_lines(tmp_path):
    main(["init", str(tmp_path / "mine")])

    lines = (tmp_path / "mine" / "conf" / "experiment" / "first.yaml").read_text().split("\n")

    assert len(lines) <= 10 + 1


def test_its_functions_can_be_called_as_any_other(tmp_path):
    main(["init", str(tmp_path / "mine")])
    probe = "import models, scorers; print(scorers.is_team(models.answer('', {'input': 'refund'})))"

    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path / "mine",
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "True"


def test_occupied_directory_is_refused_and_left_as_it_was(capsys, tmp_path):
    for name in "abcdefg":
        (tmp_path / name).write_text(name)

    code = main(["init", str(tmp_path)])

    said = capsys.readouterr()
    assert code == 2
    assert "'a', 'b', 'c', 'd', 'e' and 2 more" in said.err
    assert said.out == ""
    assert written(tmp_path) == set("abcdefg")


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_what_is_no_directory_is_refused(capsys, tmp_path, kind):
    target = tmp_path / "taken"
    if kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")

    code = main(["init", str(target)])

    assert code == 2
    assert "is no directory" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_place_that_cannot_be_written_is_an_error_of_the_disk(capsys, tmp_path):
    (tmp_path / "file").write_text("not a directory")

    code = main(["init", str(tmp_path / "file" / "project")])

    said = capsys.readouterr()
    assert code == 5
    assert "cannot write" in said.err
    assert os.strerror(20) in said.err
