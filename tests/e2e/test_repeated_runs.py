"""Published trials of a benchmark, replayed: reliability, and what the next plan learns of it."""

import csv
import json
from pathlib import Path

import pytest

from evalrunner.cli import main

GOLDEN = Path(__file__).parents[1] / "unit" / "golden" / "tau_bench_airline.csv"
GRID = ("dataset=tau", "model=gpt_4o,other", "prompt=plain", "scorer=recorded", "run.repeats=4")


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project with the 50 tasks x 4 trials, and a model that earns other rewards."""
    with GOLDEN.open(encoding="utf-8") as file:
        trials = list(csv.DictReader(file))
    recorded = [
        {
            "case_id": trial["task_id"],
            "repeat": int(trial["trial"]),
            "output": "done",
            "reward": float(trial["reward"]),
        }
        for trial in trials
    ]
    other = [row | {"reward": 1 - row["reward"]} for row in recorded]
    tasks = dict.fromkeys(trial["task_id"] for trial in trials)
    files = {
        "conf/dataset/tau.yaml": "name: tau\npath: datasets/tau.jsonl\n",
        "conf/model/gpt_4o.yaml": "provider: replay\npath: datasets/gpt_4o.jsonl\n",
        "conf/model/other.yaml": "provider: replay\npath: datasets/other.jsonl\n",
        "datasets/tau.jsonl": lines({"id": task, "input": f"task {task}"} for task in tasks),
        "datasets/gpt_4o.jsonl": lines(recorded),
        "datasets/other.jsonl": lines(other),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def planned(capsys, *overrides):
    capsys.readouterr()
    assert main(["plan", *GRID, *overrides, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_trials_of_tau_bench_give_the_published_reliability(root, capsys):
    """Yao et al. (2024): pass^1..4 of gpt-4o, airline .420 .273 .220 .200; SE by case .0522."""
    assert main(["run", *GRID]) == 0

    said = capsys.readouterr().out
    (directory,) = root.glob("outputs/adhoc/*")
    cell = json.loads((directory / "summary.json").read_text())["cells"][0]
    repeats = cell["repeats"]
    assert [round(each, 4) for each in repeats["pass_hat_k"]] == [0.42, 0.2733, 0.22, 0.2]
    assert cell["quality"]["value"] == pytest.approx(0.42)
    assert repeats["se_k"] == pytest.approx(0.0522, abs=5e-5)
    assert repeats["between"] == pytest.approx(0.09966, abs=5e-6)
    assert repeats["within"] == pytest.approx(0.14667, abs=5e-6)
    assert repeats["icc"] == pytest.approx(0.4046, abs=5e-5)
    assert "gpt_4o: right every time 20.0 % of 50 cases (pass^4)" in said
    assert "gpt\\_4o: right every time 20.0 %" in (directory / "summary.md").read_text()


def test_next_plan_knows_how_far_the_cells_lay_apart_and_what_repeats_help(root, capsys):
    (before,) = planned(capsys)["power"]
    assert main(["run", *GRID]) == 0
    (directory,) = root.glob("outputs/adhoc/*")

    (after,) = planned(capsys, "run.target_difference=0.1")["power"]

    assert (before["basis"], before["discordant"], before["noise"]) == ("assumed", 0.2, None)
    assert after["basis"] == f"adhoc/{directory.name}"
    assert after["noise"] == pytest.approx(2 * 0.14667, abs=1e-4)
    assert after["discordant"] > 4 * 0.09966  # of the mirrored rewards, four times that between
    assert after["smallest_difference"] > before["smallest_difference"]
    by_repeats = {each["repeats"]: each["cases"] for each in after["target"]["options"]}
    assert sorted(by_repeats) == [1, 2, 4, 8]
    assert by_repeats[1] > by_repeats[2] > by_repeats[4] > by_repeats[8]


def test_plan_shows_the_smallest_difference_and_warns_of_a_target_beyond_it(root, capsys):
    assert main(["plan", *GRID, "run.target_difference=0.03"]) == 0

    said = capsys.readouterr().out
    assert "the smallest difference that 50 cases x 4 show: 17.3 points (80 % power;" in said
    assert "a difference of 3.0 points takes 1,742 cases x 4 repeats ($0)" in said
    assert "warning: run.target_difference: a difference of 3.0 points takes 1,742 cases" in said


def test_run_warns_of_a_target_that_it_cannot_show_and_its_plan_holds_it(root, capsys):
    assert main(["run", *GRID, "run.target_difference=0.03"]) == 0

    assert "warning: run.target_difference" in capsys.readouterr().err
    (path,) = root.glob("outputs/adhoc/*/plan.json")
    (power,) = json.loads(path.read_text())["power"]
    assert power["target"]["is_reachable"] is False
