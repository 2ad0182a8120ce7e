"""What a run adds to the summary of a build: appended, small enough, never a reason to fail."""

from __future__ import annotations

import pytest

from evalrunner.cli.step_summary import append_step_summary

NAMES = ("summary.md", "gate.md")


@pytest.fixture
def directory(tmp_path):
    """A run directory as far as it matters here."""
    (tmp_path / "run").mkdir()
    for name in NAMES:
        (tmp_path / "run" / name).write_text(f"# {name}\n")
    return tmp_path / "run"


def test_files_are_appended_to_what_other_steps_wrote(directory, tmp_path):
    target = tmp_path / "step.md"
    target.write_text("# lint\n")

    append_step_summary(directory, NAMES, environ={"GITHUB_STEP_SUMMARY": str(target)})

    assert target.read_text() == "# lint\n\n# summary.md\n\n# gate.md\n"


@pytest.mark.parametrize("environ", [{}, {"GITHUB_STEP_SUMMARY": ""}])
def test_nothing_is_written_where_no_build_server_asks(directory, environ, tmp_path):
    append_step_summary(directory, NAMES, environ=environ)

    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_file_stays_under_its_limit_and_the_rest_is_said(directory, tmp_path, capsys):
    """F15: above 1,024 kB the server would drop everything, other steps' text included."""
    target = tmp_path / "step.md"
    target.write_text("x" * 600_000)
    (directory / "summary.md").write_text("y" * 500_000)

    append_step_summary(directory, NAMES, environ={"GITHUB_STEP_SUMMARY": str(target)})

    text = target.read_text()
    assert text == "x" * 600_000 + "\n# gate.md\n"
    assert "summary.md has no room" in capsys.readouterr().err


def test_file_that_cannot_be_written_only_warns(directory, tmp_path, capsys):
    target = tmp_path / "no such directory" / "step.md"

    append_step_summary(directory, NAMES, environ={"GITHUB_STEP_SUMMARY": str(target)})

    assert capsys.readouterr().err.startswith("warning: cannot write to GITHUB_STEP_SUMMARY")
