"""Bad input: exit code 2, every problem at once with its way out, nothing written, nothing sent."""

from __future__ import annotations

import json
import sys

import pytest

from evalrunner.cli import main

ROWS = [{"id": "c1", "input": "2+2?", "expected_output": "4"}, {"id": "c2", "input": "3+3?"}]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project in which almost every file has one mistake."""
    files = {
        "conf/dataset/sums.yaml": "name: sums\npath: sums.jsonl\n",
        "conf/dataset/gone.yaml": "name: gone\npath: data/gone.jsonl\n",
        "conf/dataset/torn.yaml": "name: torn\npath: torn.jsonl\n",
        "conf/prompt/asks_more.yaml": "user: asks_more.j2\n",
        "conf/prompt/leaks.yaml": "user: leaks.j2\n",
        "conf/scorer/other_field.yaml": (
            "# @package scorer.other_field\nkind: exact_match\ntarget: expected_outptu\n"
        ),
        "conf/experiment/typo.yaml": (
            "# @package _global_\ndefaults:\n  - override /dataset: sums\n"
            "  - override /model: empty\nrun:\n  repets: 3\n"
        ),
        "asks_more.j2": "{{ input }} {{ passage }}",
        "leaks.j2": "{{ input }} {{ expected_output }}",
        "sums.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
        "torn.jsonl": '{"id": 1, "input": "a"}\n{"id": 1, "input": "b"}\n{"id": 2, "inp\n',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def refused(capsys, project):
    """What a command says that must end with exit code 2 and leave no run directory."""

    def refuse(*words):
        code = main(words)
        said = capsys.readouterr()
        assert code == 2, said.err
        assert said.out == ""
        assert "Traceback" not in said.err
        assert not (project / "outputs").exists()
        return said.err

    return refuse


def test_plan_lists_all_problems_of_all_cells_at_once(refused):
    said = refused(
        "plan",
        "dataset=sums,gone",
        "model=gpt_6_luna,claude_haiku_5_5",
        "prompt=plain,asks_more,leaks",
        "scorer=[exact_match,other_field]",
    )

    assert "data/gone.jsonl" in said
    assert "asks_more.j2" in said
    assert "'passage'" in said
    assert "leaks.j2" in said
    assert "did you mean 'expected_output'?" in said
    assert said.split("\n")[0].endswith("problems, nothing was spent:")


def test_missing_keys_are_listed_beside_the_problems_of_other_cells(refused):
    said = refused("plan", "dataset=sums", "model=gpt_6_luna", "prompt=plain,asks_more")

    assert "OPENAI_API_KEY is not set" in said
    assert "'passage'" in said


def test_each_problem_is_listed_once_however_many_cells_have_it(refused):
    said = refused(
        "run", "dataset=sums", "model=gpt_6_luna,gpt_6_1_sol", "prompt=plain", "run.seed=1,2,3"
    )

    assert said.count("OPENAI_API_KEY is not set") == 2
    assert "'gpt-6-luna' has requests to pay" in said
    assert "'gpt-6.1-sol' has requests to pay" in said


def test_plan_shows_calls_and_costs_although_a_key_is_missing(project, capsys):
    code = main(["plan", "dataset=sums", "model=gpt_6_luna", "prompt=plain"])

    said = capsys.readouterr()
    assert code == 2
    assert "ceiling $" in said.out
    assert "first prompt of cell 0" in said.out
    assert "OPENAI_API_KEY is not set" in said.err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        pytest.param(["modl.name=x"], "model", id="unknown group"),
        pytest.param(["run.repets=3"], "run.repeats", id="unknown key"),
        pytest.param(["model=emty"], "model=empty", id="unknown choice"),
        pytest.param(["scorer.exact_match.targt=x"], "target", id="unknown key of a scorer"),
        pytest.param(["run.repeats=0"], "run.repeats", id="out of bounds"),
        pytest.param(["run.repeats=many"], "run.repeats", id="no number"),
        pytest.param(["run.quality=labels"], "exact_match", id="quality of no scorer"),
        pytest.param(["run.baseline={model: x}"], "run.baseline", id="baseline of no cell"),
        pytest.param(["hydra/launcher=basic"], "hydra", id="a launcher"),
        pytest.param(["+model._target_=os.system"], "_target_", id="code"),
        pytest.param(["dataset.path=../../etc/passwd"], "dataset.path", id="out of the project"),
    ],
)
def test_typed_mistake_names_what_was_meant(refused, words, named):
    said = refused("run", "dataset=sums", "model=empty", *words)

    assert named in said


def test_mistake_in_a_file_is_named_by_file_and_key(refused):
    said = refused("run", "experiment=typo")

    assert "conf/experiment/typo.yaml" in said
    assert "repets" in said
    assert "run.repeats" in said


def test_unreadable_rows_are_listed_with_their_lines(refused):
    said = refused("run", "dataset=torn", "model=empty")

    assert "torn.jsonl:2" in said
    assert "torn.jsonl:3" in said


def test_scorer_file_without_its_package_line_is_refused(refused, project):
    (project / "conf" / "scorer" / "mine.yaml").write_text("kind: exact_match\n")

    said = refused("run", "dataset=sums", "model=empty", "scorer=mine")

    assert "# @package scorer.mine" in said


def test_budget_over_a_model_without_a_price_is_refused(refused, monkeypatch):
    """D4."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")

    said = refused(
        "run", "dataset=sums", "model=gpt_6_luna", "model.name=unheard-of", "run.budget_usd=1"
    )

    assert "pricing.overrides.unheard-of" in said


def test_dear_run_needs_a_yes_where_nobody_can_be_asked(refused, monkeypatch, wire):
    """D6."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)

    said = refused(
        "run",
        "dataset=sums",
        "model=gpt_6_luna",
        f"model.base_url={wire.url}/v1",
        "run.confirm_above_usd=0.0001",
    )

    assert "--yes" in said
    assert not [seen for seen in wire.requests if seen.method == "POST"]


@pytest.mark.parametrize("command", ["run", "plan"])
def test_experiment_must_choose_what_is_asked(refused, command):
    said = refused(command)

    assert "dataset=NAME" in said
    assert "model=NAME" in said


def test_resuming_what_is_no_run_is_refused(refused, project):
    said = refused("run", "--resume", "nowhere")

    assert "is no run directory" in said


def test_unknown_price_table_is_refused_with_its_nearest_name(refused, project):
    said = refused("report", "nowhere", "--pricing", "lst")

    assert "list" in said


@pytest.mark.parametrize("words", [["frobnicate"], ["run", "--frobnicate"], ["init"]])
def test_unknown_words_are_a_usage_error(words):
    with pytest.raises(SystemExit) as stopped:
        main(words)

    assert stopped.value.code == 2


def test_no_command_shows_the_help(capsys):
    code = main([])

    assert code == 2
    assert "doctor" in capsys.readouterr().out


def test_debug_shows_where_an_error_was_raised():
    from evalrunner.errors import ConfigError

    with pytest.raises(ConfigError, match="empty"):
        main(["run", "--debug", "dataset=sums", "model=emty"])


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["rn"], "did you mean run?\n"),
        (["reprot", "outputs/x"], "did you mean report?\n"),
        (["run", "--cfg", "jobs"], "did you mean job?\n"),
        (["xyz"], ")\n"),
    ],
)
def test_mistyped_command_is_told_the_nearest(words, end, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)

    assert stopped.value.code == 2
    assert capsys.readouterr().err.endswith(end)
