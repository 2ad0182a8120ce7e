"""A sweep with one bad model, big answers, and runs inside forked processes."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys

import pytest

ANSWERS = """
import evalrunner

@evalrunner.model
def fine(prompt):
    return prompt

@evalrunner.model
def broken(prompt):
    raise RuntimeError("out of order")

@evalrunner.model
def huge(prompt):
    return prompt * 10_000
"""


@pytest.fixture
def project(cli):
    """Three functions as models, and a few cases."""
    files = {
        "models.py": ANSWERS,
        "conf/dataset/letters.yaml": "name: letters\npath: letters.jsonl\n",
        "letters.jsonl": "".join(
            json.dumps({"id": n, "input": f"{n:02d}", "expected_output": f"{n:02d}"}) + "\n"
            for n in range(40)
        ),
    }
    for name in ("fine", "broken", "huge"):
        files[f"conf/model/{name}.yaml"] = f"provider: python\nfunction: models.py:{name}\n"
    for name, text in files.items():
        path = cli.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cli


def cells_of(run):
    return {cell["label"]: cell for cell in json.loads((run / "summary.json").read_text())["cells"]}


def test_one_failing_model_leaves_the_others_of_the_sweep_whole(project):
    """D7."""
    done = project("run", "dataset=letters", "model=fine,broken")
    (run,) = project.runs()

    cells = cells_of(run)

    assert done.code == 3, done.err
    assert (cells["fine"]["n_ok"], cells["fine"]["quality"]["value"]) == (40, 1.0)
    assert (cells["broken"]["n_error"], cells["broken"]["quality"]["value"]) == (40, None)
    assert "40 error" in done.out


def test_a_report_of_big_answers_needs_little_memory(project):
    """E15: 40 answers of 20 kB are read one by one."""
    project("run", "dataset=letters", "model=huge")
    (run,) = project.runs()
    program = (
        "import sys, tracemalloc; from pathlib import Path; from evalrunner.report import *; "
        "build_report(Path(sys.argv[1]), figures=False); tracemalloc.start(); "
        "build_report(Path(sys.argv[1]), figures=False); print(tracemalloc.get_traced_memory()[1])"
    )

    peak = subprocess.run(
        [sys.executable, "-c", program, str(run)], capture_output=True, text=True, check=True
    ).stdout

    assert (run / "trials.jsonl").stat().st_size > 40 * 20_000
    assert int(peak) < 600_000


def evaluate(root, code):
    from evalrunner.cli import main

    os.chdir(root)
    code.value = main(["run", "dataset=letters", "model=fine", f"run.outputs={root}/outputs"])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_run_in_a_forked_process_opens_everything_anew(project):
    """E16: nothing that was opened before the fork is used behind it."""
    context = multiprocessing.get_context("fork")
    codes = [context.Value("i", -1) for _ in range(2)]
    children = [context.Process(target=evaluate, args=(str(project.root), c)) for c in codes]

    for child in children:
        child.start()
    for child in children:
        child.join(60)

    assert [code.value for code in codes] == [0, 0]
    runs = list((project.root / "outputs").glob("adhoc/*"))
    assert [cells_of(run)["fine/plain"]["n_ok"] for run in runs] == [40, 40]
