"""The experiments that ship, run as the README tells, and rebuilt from their run directories."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

HEAVY = {"anthropic", "openai", "hydra", "omegaconf", "matplotlib", "scipy", "numpy", "pydantic"}
RECORDED = {"manifest.json", "plan.json", "cases.jsonl", "journal.jsonl", "multirun.yaml"}
DERIVED = {
    "trials.jsonl",
    "errors.jsonl",
    "summary.json",
    "summary.csv",
    "summary.md",
    "pareto.png",
    "pareto.svg",
    "pareto.csv",
    "report.html",
}


@pytest.fixture(scope="module")
def gsm8k(module_cli):
    """A finished `gsm8k_replay` and what the command said."""
    done = module_cli("run", "experiment=gsm8k_replay", sockets=False, FIGURES="all")
    (run,) = module_cli.outputs.glob("gsm8k_replay/*")
    return run, done


@pytest.fixture(scope="module")
def quickstart(module_cli):
    """A finished `quickstart` and what the command said."""
    done = module_cli("run", "experiment=quickstart", sockets=False, FIGURES="all")
    (run,) = module_cli.outputs.glob("quickstart/*")
    return run, done


def cells_of(run):
    return {cell["label"]: cell for cell in json.loads((run / "summary.json").read_text())["cells"]}


def test_recorded_gsm8k_answers_get_their_published_scores(gsm8k):
    run, done = gsm8k

    cells = cells_of(run)

    assert done.code == 0, done.err
    quality = {label: cell["quality"]["value"] for label, cell in cells.items()}
    assert quality == {
        "mixtral_8x7b_recorded": pytest.approx(839 / 1319),
        "gpt_4_1106_recorded": pytest.approx(1172 / 1319),
    }
    assert {cell["quality"]["n"] for cell in cells.values()} == {1319}


def test_estimated_usage_is_marked_wherever_its_cost_is_shown(gsm8k):
    run, done = gsm8k

    cells = cells_of(run)

    assert all(cell["cost"]["estimated"] for cell in cells.values())
    # Once for each row of the table, and in the recommendation.
    assert done.out.count("(estimated)") == 3
    assert (run / "summary.md").read_text().count("(estimated)") == 3


README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_readme_shows_the_numbers_that_the_quickstart_gives(quickstart):
    _, done = quickstart

    rows = re.findall(r"^(\w+) +(\d+\.\d % \([\d.–]+\))", done.out, flags=re.MULTILINE)

    assert len(rows) == 4, done.out
    for model, quality in rows:
        assert re.search(rf"^{model} +{re.escape(quality)}", README, flags=re.MULTILINE), quality


def test_readme_is_short_and_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)

    assert README.count("\n") < 200
    assert links
    assert [link for link in links if not (Path(__file__).parents[2] / link).exists()] == []


def test_quickstart_compares_four_classifiers_offline(quickstart):
    run, done = quickstart

    cells = cells_of(run)

    assert done.code == 0, done.err
    assert done.reached == ""
    assert set(cells) == {"majority", "keywords", "tfidf_knn", "tfidf_logistic"}
    assert {cell["n_planned"] for cell in cells.values()} == {308}
    assert cells["majority"]["quality"]["value"] == pytest.approx(4 / 308)
    assert 0.8 < cells["tfidf_logistic"]["quality"]["value"] < 0.95
    assert all(cell["cost"]["usd_per_1000"]["value"] > 0 for cell in cells.values())


def test_results_go_to_stdout_and_the_rest_to_stderr(quickstart):
    run, done = quickstart

    said = done.out.split("\n")

    assert said[0].startswith("Use tfidf_logistic: ")
    assert said[said.index("") + 2].startswith("tfidf_logistic")
    assert str(run.relative_to(run.parents[2])) in done.err
    assert "Traceback" not in done.err
    assert "Warning" not in done.err


def test_run_directory_holds_what_the_design_names(quickstart):
    run, _ = quickstart

    names = {path.name for path in run.iterdir()}

    assert names >= RECORDED | DERIVED | {"prompts", "cells"}
    assert sorted(path.name for path in (run / "cells").iterdir()) == ["0", "1", "2", "3"]
    hydra = run / "cells" / "1" / ".hydra"
    assert "model=keywords" in (hydra / "overrides.yaml").read_text()
    assert "provider: baseline" in (hydra / "config.yaml").read_text()
    assert len(list((run / "prompts").iterdir())) == 1


def test_plan_and_trials_have_the_documented_fields(quickstart):
    run, _ = quickstart

    plan = json.loads((run / "plan.json").read_text())
    trial = json.loads((run / "trials.jsonl").read_text().partition("\n")[0])

    assert plan.keys() >= {"schema_version", "cells", "cases", "repeats", "calls", "cost"}
    assert plan["cells"][0].keys() >= {
        *("id", "label", "axes", "facet", "role", "overrides", "config", "config_sha256")
    }
    assert trial.keys() >= {
        *("cell", "case_id", "repeat", "axes", "input", "prompt_sha256", "output", "status"),
        *("error", "stop_reason", "scores", "usage", "cost_usd", "spent_usd", "latency_s"),
        *("attempts", "cached", "served_model", "request_id"),
    }


def test_errors_file_lists_exactly_the_trials_that_scored_nothing(quickstart):
    run, _ = quickstart

    trials = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
    errors = [json.loads(line) for line in (run / "errors.jsonl").read_text().splitlines()]

    wrong = [
        (trial["cell"], trial["case_id"])
        for trial in trials
        if trial["scores"]["labels"]["value"] == 0
    ]
    assert [(error["cell"], error["id"]) for error in errors] == wrong
    assert all(error["expected"] != error["got"] for error in errors)


def test_manifest_says_what_the_run_was_made_from(quickstart):
    run, _ = quickstart

    manifest = json.loads((run / "manifest.json").read_text())

    assert manifest["argv"] == ["evalrunner", "run", "experiment=quickstart"]
    assert manifest["finished_at"] > manifest["started_at"]
    assert manifest["libraries"].keys() >= {"anthropic", "openai", "hydra-core", "genai-prices"}
    assert all(len(digest) == 64 for digest in manifest["files"].values())
    assert len(manifest["files"]) == 2


def test_report_rebuilds_every_derived_file_to_the_byte(module_cli, quickstart):
    run, _ = quickstart
    derived = [
        path
        for path in run.iterdir()
        if path.is_file() and path.name not in RECORDED and not path.name.startswith(".")
    ]
    before = {path.name: path.read_bytes() for path in derived}
    for path in derived:
        path.unlink()

    done = module_cli("report", str(run), sockets=False, FIGURES="all")

    assert done.code == 0, done.err
    assert done.reached == ""
    assert before.keys() > DERIVED
    assert {name: (run / name).read_bytes() for name in before} == before
    assert not {"anthropic", "openai", "hydra"} & done.modules


def test_report_under_another_price_table_changes_cost_alone(module_cli, gsm8k, tmp_path):
    run, _ = gsm8k
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)

    done = module_cli("report", str(copy), "--pricing", "none", "--json", sockets=False)

    assert done.code == 0, done.err
    before, after = cells_of(run), cells_of(copy)
    assert json.loads(done.out)["cells"] == list(after.values())
    assert all(cell["cost"]["usd_per_1000"] is None for cell in after.values())
    assert all(cell["pareto"]["status"] == "unpriced" for cell in after.values())
    about_cost = {"cost", "pareto"}
    assert {
        label: {key: value for key, value in cell.items() if key not in about_cost}
        for label, cell in before.items()
    } == {
        label: {key: value for key, value in cell.items() if key not in about_cost}
        for label, cell in after.items()
    }


def test_report_on_no_run_directory_is_refused(cli):
    done = cli("report", "nowhere")

    assert done.code == 2
    assert "is no run directory" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(cli, word):
    done = cli(word)

    assert done.code == 0
    assert "evalrunner" in done.out
    assert not HEAVY & done.modules
