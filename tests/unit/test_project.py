"""Where files that a configuration names are found, and what may not be named."""

import os

import pytest

from evalrunner.errors import ConfigError
from evalrunner.project import Project, packaged

WHERE = "dataset.path"


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "datasets").mkdir(parents=True)
    (root / "datasets" / "own.jsonl").write_text("{}\n")
    (tmp_path / "outside.jsonl").write_text("{}\n")
    return Project(root)


def refusal(project, name, **options):
    with pytest.raises(ConfigError) as caught:
        project.find(name, where=WHERE, **options)
    (problem,) = caught.value.problems
    assert problem.where == WHERE
    return problem


@pytest.mark.parametrize(
    "name", ["datasets/own.jsonl", "./datasets/own.jsonl", "datasets/../datasets/own.jsonl"]
)
def test_file_of_the_project_is_found(project, name):
    assert project.find(name, where=WHERE) == project.root / "datasets" / "own.jsonl"


def test_packaged_file_is_found_behind_the_project(project):
    found = project.find("prompts/answer/plain.j2", where=WHERE)

    assert found == (packaged("prompts") / "answer" / "plain.j2").resolve()


def test_own_file_hides_the_packaged_one(project):
    own = project.root / "prompts" / "answer" / "plain.j2"
    own.parent.mkdir(parents=True)
    own.write_text("mine")

    assert project.find("prompts/answer/plain.j2", where=WHERE) == own


def test_missing_file_names_where_it_was_looked_for(project):
    problem = refusal(project, "datasets/none.jsonl")

    assert "no file 'datasets/none.jsonl'" in problem.what
    assert str(project.root) in problem.what
    assert problem.hint


@pytest.mark.parametrize(
    "name",
    [
        "../outside.jsonl",
        "datasets/../../outside.jsonl",
        "datasets/link.jsonl",
        "linked/outside.jsonl",
    ],
)
def test_path_that_leaves_the_project_is_refused(project, name):
    """Also through a link."""
    (project.root / "datasets" / "link.jsonl").symlink_to(project.root.parent / "outside.jsonl")
    (project.root / "linked").symlink_to(project.root.parent)

    assert "leads out of" in refusal(project, name).what


def test_link_inside_the_project_is_followed(project):
    (project.root / "alias.jsonl").symlink_to(project.root / "datasets" / "own.jsonl")

    assert project.find("alias.jsonl", where=WHERE).read_text() == "{}\n"


def test_project_that_is_itself_a_link_works(project, tmp_path):
    (tmp_path / "alias").symlink_to(project.root)

    assert Project(tmp_path / "alias").find("datasets/own.jsonl", where=WHERE).is_file()


@pytest.mark.parametrize(
    "name",
    [
        "evalrunner/types.py",
        "pyproject.toml",
        "prompts/../evalrunner/types.py",
        "tests/conftest.py",
    ],
)
def test_nothing_of_the_package_but_its_three_directories_can_be_named(project, name):
    refusal(project, name)


@pytest.mark.parametrize(
    "name", [".env", ".git/config", "datasets/.hidden.jsonl", "./.env", "datasets/../.env"]
)
def test_hidden_files_are_not_to_be_named(project, name):
    """A stranger's template path must not send the reader's own `.env` to a model."""
    for path in (".env", "datasets/.hidden.jsonl", ".git/config"):
        (project.root / path).parent.mkdir(exist_ok=True)
        (project.root / path).write_text("SECRET=1")

    assert "is hidden" in refusal(project, name).what


def test_absolute_path_needs_the_command_line(project, tmp_path):
    path = tmp_path / "outside.jsonl"

    problem = refusal(project, str(path))

    assert "is absolute" in problem.what
    assert problem.hint.startswith(f"give it on the command line (dataset.path={path})")
    assert project.find(str(path), where=WHERE, allow_absolute=True) == path


def test_absolute_path_of_other_keys_is_to_be_copied(project, tmp_path):
    """A hint never names a way that is closed as well."""
    with pytest.raises(ConfigError) as caught:
        project.find(str(tmp_path / "outside.jsonl"), where="model.train")

    assert caught.value.problems[0].hint == "copy it into the project"


def test_absolute_path_to_nothing_is_refused(project):
    assert "no file" in refusal(project, "/nonexistent/x.jsonl", allow_absolute=True).what


@pytest.mark.parametrize(
    "name",
    ["", ".", "datasets", "a\0b", "x" * 5000, "loop", "datasets/own.jsonl/x", "~/x", "C:\\x"],
)
def test_what_is_no_file_is_refused_and_never_a_traceback(project, name):
    """E13: NUL, endless names and links in a circle included."""
    (project.root / "loop").symlink_to(project.root / "loop")

    assert "no file" in refusal(project, name).what


def test_conf_is_the_projects_own_or_none(project):
    assert project.conf is None

    (project.root / "conf").mkdir()

    assert project.conf == project.root / "conf"


@pytest.mark.parametrize("name", ["conf", "prompts", "datasets"])
def test_package_ships_its_three_directories(name):
    assert packaged(name).is_dir()


def test_pipe_is_no_file(project):
    """Reading one would wait for ever."""
    os.mkfifo(project.root / "pipe.jsonl")

    assert "no file" in refusal(project, "pipe.jsonl").what
