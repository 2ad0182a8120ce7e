"""Figures are drawn beside the run: the same ones, and whatever becomes of the process for it."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from runs import project

from evalrunner.cli import figures
from evalrunner.cli.figures import Figures

RUN = """
import sys
from evalrunner.cli import main
{before}
code = main(["run", "experiment=base", "model=echo", "scorer=[labels]"])
print("drawn here" if "matplotlib" in sys.modules else "drawn beside")
sys.exit(code)
"""


def run(root, *, before=""):
    """`evalrunner run` in a process of its own; its run directory, and where the figures are from.

    -P, as the console script: the working directory is not imported from.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN.format(before=before)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (directory,) = (root / "outputs").glob("*/*")
    return directory, done.stdout.splitlines()[-1]


def drawings(directory):
    paths = [*directory.glob("pareto.*"), *directory.glob("report.html")]
    return {path.name: path.read_bytes() for path in paths}


def test_figures_drawn_beside_a_run_are_those_of_its_report(tmp_path):
    from evalrunner.report import build_report

    directory, where = run(project(tmp_path))
    beside = drawings(directory)

    build_report(directory)

    assert where == "drawn beside"
    assert sorted(beside) == ["pareto.csv", "pareto.png", "pareto.svg", "report.html"]
    assert drawings(directory) == beside


@pytest.mark.parametrize("python", ["/nonexistent/python", "/bin/false"])
def test_figures_are_drawn_by_the_run_where_no_process_can(tmp_path, python):
    directory, where = run(project(tmp_path), before=f"sys.executable = {python!r}")

    assert where == "drawn here"
    assert len(drawings(directory)) == 4


def test_a_package_in_the_working_directory_is_not_imported_for_the_figures(tmp_path):
    """A stranger's project may hold a directory `evalrunner`."""
    evil = "open('imported', 'w').close()\n"
    root = project(tmp_path, {"evalrunner/__init__.py": evil, "matplotlib.py": evil})

    _, where = run(root)

    assert where == "drawn beside"
    assert not (root / "imported").exists()


def test_the_process_ends_with_a_run_that_fails(tmp_path, monkeypatch):
    started = []
    popen = subprocess.Popen

    def start(*words, **options):
        started.append(popen(*words, **options))
        return started[-1]

    monkeypatch.setattr(figures.subprocess, "Popen", start)
    bare = SimpleNamespace(modules={}, executable=sys.executable)
    monkeypatch.setattr(figures, "sys", bare)

    with pytest.raises(RuntimeError), Figures(tmp_path):
        raise RuntimeError

    (process,) = started
    assert process.returncode is not None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("said", "code"), [("", 0), ("draw\n", 1)])
def test_the_process_draws_only_when_told_and_says_when_it_cannot(
    tmp_path, monkeypatch, said, code
):
    """Whoever started it may be gone; and there is no `summary.json` here."""
    path = tmp_path / "stdin"
    path.write_text(said)

    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)

        assert figures.main(tmp_path, after_s=0.0) == code
    assert list(tmp_path.iterdir()) == [path]
