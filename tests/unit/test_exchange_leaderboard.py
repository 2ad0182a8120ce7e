"""Aggregates as points: other people's leaderboards with a frontier, a figure and warnings."""

import csv
import json
from pathlib import Path

import pytest

from evalrunner.cli import main
from evalrunner.errors import ConfigError
from evalrunner.exchange import Columns, leaderboard_summary, read_leaderboard

AIDER = Path(__file__).parent / "golden" / "aider_polyglot.csv"
FRONTIER = {
    "gpt-4o-mini-2024-07-18",
    "DeepSeek Chat V3 (prev)",
    "Grok 3 Mini Beta (high)",
    "DeepSeek-V3.2-Exp (Chat)",
    "DeepSeek-V3.2-Exp (Reasoner)",
    "gpt-5 (low)",
    "gpt-5 (medium)",
    "gpt-5 (high)",
}


def written(tmp_path, text, name="board.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def summarised(path, **columns):
    return leaderboard_summary(
        read_leaderboard(path, Columns(**columns)), name="board", score="score"
    )


def test_the_aider_table_has_eight_frontier_members_and_18_unpriced_rows(tmp_path, capsys):
    """Bars: unpriced rows are named, and none of them is drawn at 0."""
    directory = tmp_path / "aider"
    words = ["import", "leaderboard", str(AIDER), "--into", str(directory)]

    code = main([*words, "--score", "pass_rate_2", "--cost", "total_cost", "--n", "225"])

    assert code == 0
    summary = json.loads((directory / "summary.json").read_bytes())
    status = {cell["id"]: cell["pareto"]["status"] for cell in summary["cells"]}
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    assert {labels[cell] for cell in status if status[cell] == "frontier"} == FRONTIER
    unpriced = [cell for cell in status if status[cell] == "unpriced"]
    assert len(unpriced) == 18
    with (directory / "pareto.csv").open(encoding="utf-8", newline="") as file:
        rows = {int(row["cell"]): row for row in csv.DictReader(file)}
    assert all(rows[cell]["usd_per_1000"] == "" for cell in unpriced)
    assert min(float(row["usd_per_1000"]) for row in rows.values() if row["usd_per_1000"]) > 1
    (flag,) = [flag for flag in summary["flags"] if flag["code"] == "unknown_cost"]
    assert flag["evidence"]["models"] == [labels[cell] for cell in unpriced]
    assert "18 of 69 rows have no cost" in capsys.readouterr().out
    assert {path.name for path in directory.iterdir()} >= {
        "manifest.json",
        "pareto.png",
        "pareto.svg",
        "summary.csv",
        "summary.md",
        "aider_polyglot.csv",
    }


def test_scores_have_wilson_intervals_and_costs_are_by_request(tmp_path):
    path = written(tmp_path, "model,score,n,cost\na,87,100,2\nb,50,100,1\n")

    first, _ = summarised(path)["cells"]

    assert (first["quality"]["low"], first["quality"]["high"]) == pytest.approx(
        (0.7901965, 0.9224283), abs=1e-7
    )
    assert first["cost"]["usd_per_1000"]["value"] == pytest.approx(20)


def test_without_n_there_is_no_interval_and_a_flag_says_why(tmp_path):
    path = written(tmp_path, "model,score,cost\na,0.9,2\nb,0.5,3\n")

    summary = summarised(path)

    assert summary["cells"][0]["quality"]["low"] is None
    assert summary["cells"][0]["cost"]["usd_per_1000"]["value"] == 2
    assert [cell["pareto"]["status"] for cell in summary["cells"]] == ["frontier", "dominated"]
    assert "unknown_n" in {flag["code"] for flag in summary["flags"]}


def test_yaml_rows_are_read_like_those_of_csv(tmp_path):
    text = "- {model: a, score: 0.9, n: 10, cost: 1}\n- {model: b, score: null, n: 10, cost: 2}\n"

    cells = summarised(written(tmp_path, text, "board.yaml"))["cells"]

    assert [cell["quality"]["value"] for cell in cells] == [0.9, None]
    assert [cell["pareto"]["status"] for cell in cells] == ["frontier", "undecided"]


@pytest.mark.parametrize("cost", ["", "0", "0.0", " "])
def test_a_cost_of_nothing_is_unknown(tmp_path, cost):
    path = written(tmp_path, f"model,score,cost\na,0.9,{cost}\nb,0.8,1\n")

    cells = summarised(path)["cells"]

    assert cells[0]["cost"]["usd_per_1000"] is None
    assert [cell["pareto"]["status"] for cell in cells] == ["unpriced", "frontier"]


def test_aggregates_recommend_nothing(tmp_path):
    path = written(tmp_path, "model,score,cost\na,0.9,1\nb,0.8,2\n")

    summary = summarised(path)

    assert summary["recommendation"]["cell"] is None
    assert "aggregates" in summary["recommendation"]["because"]
    assert summary["cells"][0]["pareto"]["probability"] is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model,score\n", "has no row"),
        ("name,score\na,1\n", "has no column 'model'"),
        ("model,points\na,1\n", "name one with --score: 'model', 'points'"),
        ("model,score\na,many\n", "'many' is no number of 0 or more"),
        ("model,score\na,-1\n", "'-1' is no number of 0 or more"),
        ("model,score\na,nan\n", "'nan' is no number of 0 or more"),
        ("model,score\n,1\n", "row 1: names no model"),
        ("model,score\na,1500\n", "must be shares or percentages"),
        ('model,score\n"a,1\n', "is no CSV"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(tmp_path, text, said):
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        read_leaderboard(path, Columns())

    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n", "is no list of rows"),
        ("- [\n", "is no YAML"),
        ("- !!python/object:os.x {}\n", "is no YAML"),
    ],
)
def test_yaml_that_is_no_table_is_refused(tmp_path, text, said):
    path = written(tmp_path, text, "board.yml")

    with pytest.raises(ConfigError, match=said):
        read_leaderboard(path, Columns())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_leaderboard(tmp_path / "none.csv", Columns())


def test_a_file_of_unreasonable_size_is_refused(tmp_path):
    path = tmp_path / "big.csv"
    with path.open("wb") as file:
        file.truncate(10_000_001)

    with pytest.raises(ConfigError, match="more than 10,000,000 bytes"):
        read_leaderboard(path, Columns())


def test_a_directory_with_something_in_it_is_left_alone(tmp_path, capsys):
    path = written(tmp_path, "model,score\na,1\n")

    code = main(["import", "leaderboard", str(path), "--into", str(tmp_path)])

    assert code == 2
    assert "is not empty" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["board.csv"]
