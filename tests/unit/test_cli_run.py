"""What `run`, `plan`, `report` and `trust` print and return, called in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from evalrunner.cli import main

pytestmark = pytest.mark.usefixtures("quick_runs")

ROWS = [
    {"id": "c1", "input": "say\x1b[2J yes", "expected_output": "yes"},
    {"id": "c2", "input": "x" * 700, "expected_output": "no"},
]
GRID = ("dataset=two", "model=empty,copy_input", "pricing=compute")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project with two cases."""
    files = {
        "conf/dataset/two.yaml": "name: two\npath: two.jsonl\n",
        "two.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def run(project, capsys):
    """The directory of a finished run, and what was said."""
    code = main(["run", *GRID])
    said = capsys.readouterr()
    assert code == 0, said.err
    (directory,) = project.glob("outputs/adhoc/*")
    return directory, said


def test_run_prints_its_table_and_says_where_to_look(run):
    directory, said = run

    decided, table, _ = said.out.split("\n\n")
    assert decided.startswith("Use ")
    assert table.split("\n")[0].split()[:2] == ["cell", "quality"]
    relative = directory.relative_to(directory.parents[2])
    assert f"look at: {relative}/report.html" in said.err
    assert "4/4" in said.err


def test_json_is_all_that_stdout_gets(capsys, project):
    code = main(["run", *GRID, "--json"])

    said = capsys.readouterr()
    assert code == 0
    (directory,) = project.glob("outputs/adhoc/*")
    assert json.loads(said.out) == json.loads((directory / "summary.json").read_text())


def test_report_as_json_prints_exactly_what_is_in_the_file(run, capsys):
    directory, _ = run

    code = main(["report", str(directory), "--json"])

    assert code == 0
    assert capsys.readouterr().out == (directory / "summary.json").read_text()


def test_build_summary_gets_each_command_once(project, capsys, monkeypatch):
    step = project / "step.md"
    step.write_text("# lint\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))

    main(["run", *GRID])
    (directory,) = project.glob("outputs/adhoc/*")
    after_run = step.read_text()
    main(["report", str(directory), "--fail-on", "flag:judge_noise", "--json"])

    summary, gate = ((directory / name).read_text() for name in ("summary.md", "gate.md"))
    assert after_run == f"# lint\n\n{summary}"
    assert step.read_text() == f"{after_run}\n{summary}\n{gate}"


def test_flag_that_nobody_raises_is_refused_with_the_nearest_name(project, capsys):
    code = main(["run", *GRID, "--fail-on", "flag:judge_inflaton"])

    assert code == 2
    said = capsys.readouterr().err
    assert "there is no flag 'judge_inflaton'" in said
    assert "flag:judge_inflation?" in said
    assert not (project / "outputs").exists()


def test_report_prints_the_same_table_as_the_run(run, capsys):
    directory, said = run

    code = main(["report", str(directory)])

    again = capsys.readouterr()
    assert code == 0
    assert again.out == said.out
    assert f"rebuilt: {directory}" in again.err


def test_resuming_a_finished_run_changes_nothing(run, capsys):
    directory, said = run
    before = (directory / "trials.jsonl").read_bytes()

    code = main(["run", "--resume", str(directory)])

    assert code == 0
    assert capsys.readouterr().out == said.out
    assert (directory / "trials.jsonl").read_bytes() == before


def test_resuming_may_change_limits_and_nothing_else(run, capsys):
    directory, _ = run

    allowed = main(["run", "--resume", str(directory), "run.budget_usd=1"])
    capsys.readouterr()
    refused = main(["run", "--resume", str(directory), "run.seed=1", "model=empty"])

    said = capsys.readouterr()
    assert allowed == 0
    assert refused == 2
    assert "run.seed" in said.err
    assert "model=empty" in said.err


@pytest.mark.parametrize("words", [["plan", *GRID], ["run", *GRID, "--dry-run"]])
def test_plan_shows_the_grid_and_writes_nothing(capsys, project, words):
    code = main(words)

    said = capsys.readouterr()
    assert code == 0
    assert "2 cells, 4 trials:" in said.out
    assert "  0  empty: 2 cases" in said.out
    assert "requests to pay: 0 · cost: $0" in said.out
    assert not (project / "outputs").exists()


def test_plan_renders_foreign_text_inert(capsys):
    """F3."""
    main(["plan", "dataset=two", "model=empty"])

    said = capsys.readouterr()
    assert "\x1b" not in said.out
    assert r"| [user] say\x1b[2J yes" in said.out


def test_plan_shows_calls_costs_and_hosts_of_what_must_be_paid(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")

    code = main(["plan", "dataset=two", "model=gpt_6_luna", "run.repeats=2", "run.budget_usd=9"])

    said = capsys.readouterr()
    assert code == 0, said.err
    assert "2 cases x 2, 0 cached, 4 to pay" in said.out
    assert "https://api.openai.com" in said.out
    assert "ceiling $" in said.out
    assert "basis: no history" in said.out
    assert "budget: $9.00 (hard cap)" in said.out


def test_plan_of_a_model_without_a_price_says_so(capsys, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")

    code = main(["plan", "dataset=two", "model=gpt_6_luna", "model.name=unheard-of"])

    assert code == 0
    assert "cost unknown (no price)" in capsys.readouterr().out


def test_plan_of_many_cells_shows_the_first_and_counts_the_rest(capsys):
    code = main(["plan", "dataset=two", "model=empty", "run.seed=range(0,45)"])

    said = capsys.readouterr()
    assert code == 0
    assert "… and 5 more cells" in said.out


def test_long_prompts_are_cut_with_their_length(capsys):
    main(["plan", "dataset=two", "model=empty", "dataset.filter={id: [c2]}"])

    assert "[… 107 characters more …]" in capsys.readouterr().out


def test_unpriced_cells_are_named_at_the_end(capsys):
    code = main(["run", *GRID, "pricing=none"])

    said = capsys.readouterr()
    assert code == 0
    assert "without a known price: empty, copy_input" in said.err
    assert said.out.count("unknown price") == 2


def test_too_many_missing_trials_exit_3(capsys, project):
    recorded = project / "recorded.jsonl"
    recorded.write_text('{"case_id": "c1", "output": "yes"}\n')
    model = "provider: replay\nname: mine\npath: recorded.jsonl\n"
    (project / "conf" / "model").mkdir()
    (project / "conf" / "model" / "mine.yaml").write_text(model)

    strict = main(["run", "dataset=two", "model=mine"])
    lenient = main(["run", "dataset=two", "model=mine", "run.max_missing=0.5"])

    assert strict == 3
    assert lenient == 0
    assert "1 error" in capsys.readouterr().out


def test_trust_says_what_it_wrote_down(capsys, tmp_path):
    code = main(["trust", "Proxy.Example.com", "OPENAI_API_KEY"])

    said = capsys.readouterr()
    assert code == 0
    assert "OPENAI_API_KEY may now be sent to" in said.out
    trusted = json.loads((tmp_path / "evalrunner-config" / "trust.json").read_text())
    assert trusted == {"OPENAI_API_KEY": ["proxy.example.com"]}


def test_key_given_in_place_of_its_name_is_refused_and_not_echoed(capsys):
    code = main(["trust", "proxy.example.com", "sk-proj-canary-0123456789"])

    said = capsys.readouterr()
    assert code == 2
    assert "canary" not in said.out + said.err


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--json", *GRID],
        ["run", *GRID, "--json"],
        ["run", GRID[0], "--json", *GRID[1:]],
        ["run", "-m", *GRID, "--json"],
    ],
)
def test_options_and_overrides_may_be_mixed(capsys, words):
    code = main(words)

    assert code == 0
    assert len(json.loads(capsys.readouterr().out)["cells"]) == 2


def test_reader_that_goes_away_is_no_error(run, project):
    """E3."""
    directory, _ = run
    command = f"'{sys.executable}' -m evalrunner report '{directory}' --json | true"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=project,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_defect_is_reported_as_one_and_debug_shows_it(capsys, monkeypatch):
    def broken(arguments):
        raise ZeroDivisionError("sk-proj-canary0123456789abcdef")

    monkeypatch.setattr("evalrunner.cli.trust.main", broken)

    code = main(["trust", "host", "NAME"])

    said = capsys.readouterr()
    assert code != 0
    assert "a defect of evalrunner: ZeroDivisionError" in said.err
    assert "--debug" in said.err
    assert "canary" not in said.err
    with pytest.raises(ZeroDivisionError):
        main(["trust", "host", "NAME", "--debug"])


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["calibrate", "RUN"], "type the command again"),
        (["human", "export", "RUN"], "type the command again"),
        (["report", "RUN"], "type the command again"),
        (["dataset", "check", "FILE"], "type the command again"),
        (["run"], "`run --resume RUN` goes on"),
    ],
)
def test_interrupt_while_modules_are_imported_exits_130(monkeypatch, capsys, command, words):
    class Interrupted:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == f"evalrunner.cli.{command[0]}":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, f"evalrunner.cli.{command[0]}", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted, *sys.meta_path])

    code = main(command)

    assert code == 130
    said = capsys.readouterr().err
    assert said.startswith("\ninterrupted")
    assert ("what was recorded is kept" in said) is (command[0] in {"run", "human", "calibrate"})
    assert said.endswith(f"{words}\n")
    assert said.count("\n") == 2


def test_interrupt_outside_a_run_exits_130(monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("evalrunner.cli.trust.main", interrupted)

    assert main(["trust", "host", "NAME"]) == 130
