"""A plan on disk: enough to execute, resume and read a run without its sources, and no secrets."""

import hashlib
import json
import subprocess
from importlib import metadata

import pytest
import yaml
from runs import AT, CASES, new_run, planned, project

from evalrunner import __version__
from evalrunner.errors import StoreError
from evalrunner.planning import freeze, read_specs, thaw
from evalrunner.project import Project
from evalrunner.store import create_run

CANARY = "canary-0123456789abcdef"
KEYS = {"OPENAI_API_KEY": CANARY}
GRID = ("model=luna,echo", "prompt=ask,beg", "run.repeats=2")


def manifest_of(directory):
    return json.loads((directory / "manifest.json").read_bytes())


def sha256_of_file(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def requests_of(cells, cases):
    """Key of every request of a run."""
    return [
        cell.wire.build_request(cell.template.render(case), case, repeat).key
        for cell in cells
        for case in cases
        for repeat in range(cell.repeats)
    ]


# --- thawing ----------------------------------------


def test_thawed_cells_ask_exactly_what_was_planned(tmp_path):
    root = project(tmp_path)
    plan = planned(root, *GRID, environ=KEYS)
    directory = new_run(root, *GRID, environ=KEYS)

    cells = thaw(directory)

    assert [cell.label for cell in cells] == ["luna/ask", "luna/beg", "echo/ask", "echo/beg"]
    assert requests_of(cells, plan.case_sets[0]) == requests_of(plan.cells, plan.case_sets[0])
    assert [cell.shape for cell in cells] == [cell.shape for cell in plan.cells]
    assert [s.name for cell in cells for s in cell.scorers] == ["exact_match"] * 4


def test_run_needs_neither_configuration_nor_templates_of_its_project(tmp_path):
    """Editing a YAML file or a template during a run changes nothing."""
    root = project(tmp_path)
    plan = planned(root, *GRID, environ=KEYS)
    directory = new_run(root, *GRID, environ=KEYS)
    for name in ("conf/model/luna.yaml", "prompts/ask.j2", "conf/dataset/tickets.yaml"):
        (root / name).write_text("changed: {{ nothing }}")

    cells = thaw(directory)

    assert requests_of(cells, plan.case_sets[0]) == requests_of(plan.cells, plan.case_sets[0])


def test_settings_may_be_changed_while_thawing(tmp_path):
    directory = new_run(project(tmp_path))

    cells = thaw(directory, change=lambda config: config | {"run": config["run"] | {"margin": 0.5}})

    assert cells[0].settings.run.margin == 0.5


def test_specs_can_be_read_where_nothing_can_be_executed(tmp_path):
    """A report needs no project: not its functions, nor its templates."""
    root = project(tmp_path)
    directory = new_run(root, *GRID, environ=KEYS)
    (root / "models.py").unlink()

    specs = read_specs(directory)

    assert [(spec.id, spec.label, spec.n_trials) for spec in specs] == [
        (0, "luna/ask", 6),
        (1, "luna/beg", 6),
        (2, "echo/ask", 6),
        (3, "echo/beg", 6),
    ]


def test_changed_copy_of_a_template_is_refused(tmp_path):
    directory = new_run(project(tmp_path))
    (copy,) = (directory / "prompts").iterdir()
    copy.write_text("{{ input }}!")

    with pytest.raises(StoreError, match="is not the template that this run was started with"):
        thaw(directory)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda manifest, path: manifest["prompts"].clear(),
        lambda manifest, path: manifest["prompts"][path].pop("copy"),
        lambda manifest, path: manifest["prompts"][path].update(copy="prompts/none.j2"),
        lambda manifest, path: manifest["prompts"][path].update(copy="../../../prompts/short.j2"),
        lambda manifest, path: manifest["prompts"][path].update(copy="/etc/hostname"),
        lambda manifest, path: manifest.update(prompts=None),
    ],
)
def test_manifest_that_was_tampered_with_is_refused(tmp_path, spoil):
    """F14: a run directory from elsewhere cannot make its reader send other files."""
    directory = new_run(project(tmp_path))
    manifest = manifest_of(directory)
    spoil(manifest, "prompts/short.j2")
    (directory / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(StoreError, match=r"prompts|outside"):
        thaw(directory)


@pytest.mark.parametrize("text", ['{"cells": [{}]}', '{"cells": [{"id": 0}]}', "[]", "{", "\xff"])
def test_plan_that_cannot_be_read_is_refused(tmp_path, text):
    """F14."""
    directory = new_run(project(tmp_path))
    (directory / "plan.json").write_bytes(text.encode("latin-1"))

    with pytest.raises(StoreError):
        read_specs(directory)


def test_templates_of_one_name_do_not_overwrite_each_other(tmp_path):
    root = project(tmp_path, {"prompts/a/x.j2": "A {{ input }}", "prompts/b/x.j2": "B {{ input }}"})

    directory = new_run(root, "prompt.user=prompts/a/x.j2,prompts/b/x.j2")

    texts = {path.read_text() for path in (directory / "prompts").iterdir()}
    assert texts == {"A {{ input }}", "B {{ input }}"}
    case = planned(root).case_sets[0][0]
    assert [cell.template.render(case).text for cell in thaw(directory)] == [
        "A to billing",
        "B to billing",
    ]


def test_cases_are_frozen_with_their_hashes(tmp_path):
    root = project(tmp_path)
    directory = new_run(root)

    rows = [json.loads(line) for line in (directory / "cases.jsonl").read_bytes().splitlines()]

    assert [{k: v for k, v in row.items() if k != "sha256"} for row in rows] == list(CASES)
    assert [row["sha256"] for row in rows] == [c.sha256 for c in planned(root).case_sets[0]]


# --- Hydra's files ----------------------------------------


def test_overrides_are_kept_in_hydras_own_form(tmp_path):
    """A list of strings for every YAML reader, whatever stands in them."""
    odd = "pricing.overrides={gpt-6-luna: {input: 1, output: 2}}"
    directory = new_run(project(tmp_path), odd, "prompt=ask,beg", 'dataset.name="a: #b"')

    for number, prompt in enumerate(("ask", "beg")):
        hydra = directory / "cells" / str(number) / ".hydra"
        kept = yaml.safe_load((hydra / "overrides.yaml").read_text())
        assert all(isinstance(override, str) for override in kept)
        assert [o for o in kept if o.startswith("prompt=")] == [f"prompt={prompt}"]
        assert odd in kept
        config = yaml.safe_load((hydra / "config.yaml").read_text())
        assert config["prompt"]["user"] == f"prompts/{prompt}.j2"


def test_sweep_is_kept_once_for_the_run(tmp_path):
    directory = new_run(project(tmp_path), "prompt=ask,beg")

    kept = yaml.safe_load((directory / "multirun.yaml").read_text())

    assert kept["hydra"]["overrides"]["task"]


# --- the manifest ----------------------------------------


def test_manifest_says_what_the_run_was_made_from(tmp_path):
    root = project(tmp_path)
    directory = new_run(root, "model=luna,echo", "run.seed=7", environ=KEYS)

    manifest = manifest_of(directory)

    assert manifest["evalrunner"] == __version__
    assert manifest["seed"] == 7
    assert manifest["started_at"] == AT.isoformat()
    assert manifest["finished_at"] is None
    assert manifest["argv"] == ["evalrunner", "run", "model=luna,echo", "run.seed=7"]
    assert manifest["base_urls"] == ["https://api.openai.com"]
    assert manifest["project"] == str(root)
    assert manifest["parent"] is None
    assert manifest["python"].count(".") == 2
    for library in ("anthropic", "openai", "hydra-core", "pydantic", "genai-prices", "jinja2"):
        assert manifest["libraries"][library] == metadata.version(library)


def test_files_that_decide_answers_and_scores_are_hashed_by_their_configured_name(tmp_path):
    root = project(
        tmp_path,
        {
            "conf/scorer/own.yaml": "# @package scorer.own\nkind: python\nfunction: own.py:right\n",
            "conf/scorer/form.yaml": (
                "# @package scorer.form\nkind: json_schema\nschema: schemas/form.json\n"
            ),
            "own.py": (
                "import evalrunner\n\n@evalrunner.scorer\ndef right(output):\n    return True\n"
            ),
            "schemas/form.json": "{}",
            "schemas/case.json": "{}",
        },
    )

    directory = new_run(root, "scorer=[own,form]", "dataset.schema=schemas/case.json")

    files = manifest_of(directory)["files"]
    assert files == {name: sha256_of_file(root / name) for name in files}
    assert set(files) == {
        "datasets/tickets.jsonl",
        "models.py",
        "own.py",
        "schemas/case.json",
        "schemas/form.json",
    }


def test_two_data_sets_of_one_name_have_each_their_own_hash(tmp_path):
    """The name is the user's word for both; the files differ."""
    rows = "".join(json.dumps(case | {"input": "x"}) + "\n" for case in CASES)
    root = project(tmp_path, {"datasets/other.jsonl": rows})

    directory = new_run(root, "dataset.path=datasets/tickets.jsonl,datasets/other.jsonl")

    files = manifest_of(directory)["files"]
    for name in ("datasets/tickets.jsonl", "datasets/other.jsonl"):
        assert files[name] == sha256_of_file(root / name)


def test_data_set_by_absolute_path_is_hashed_too(tmp_path):
    root = project(tmp_path / "project")
    path = tmp_path / "elsewhere.jsonl"
    path.write_bytes((root / "datasets" / "tickets.jsonl").read_bytes())

    directory = new_run(root, f"dataset.path={path}")

    assert manifest_of(directory)["files"][str(path)] == sha256_of_file(path)


def git(root, *words):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid")
    subprocess.run(["git", "-C", root, *identity, *words], check=True, capture_output=True)


def test_git_commit_and_changes_are_noted(tmp_path):
    root = project(tmp_path)
    assert manifest_of(new_run(root))["git"] is None
    git(root, "init", "-q")
    (root / ".gitignore").write_text("outputs\n__pycache__\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    head = subprocess.run(
        ["git", "-C", root, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()

    assert manifest_of(new_run(root))["git"] == {"commit": head, "dirty": False}

    (root / "prompts" / "short.j2").write_text("{{ input }}?\n")

    assert manifest_of(new_run(root))["git"] == {"commit": head, "dirty": True}


def test_project_without_git_on_the_path_still_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert manifest_of(new_run(project(tmp_path)))["git"] is None


def test_settings_of_a_strangers_repository_start_no_command(tmp_path):
    """`git status` runs whatever core.fsmonitor names."""
    root = project(tmp_path)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    ran = tmp_path / "ran"
    git(root, "config", "core.fsmonitor", f"touch {ran}; false")
    ran.unlink(missing_ok=True)

    new_run(root)

    assert not ran.exists()


# --- secrets ----------------------------------------


def test_no_file_of_a_new_run_holds_a_secret(tmp_path, monkeypatch):
    """F6, D13: not the command line, not a comment, not a typed key."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    root = project(tmp_path)
    plan = planned(root, "model=luna", environ=KEYS)
    argv = ["evalrunner", "run", f"--debug={CANARY}", "x=sk-ant-api03-abcdefghijklmnop"]

    frozen = freeze(plan, Project(root), argv=argv, at=AT)
    directory = create_run(root / "outputs", "tests", frozen, at=AT)

    texts = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    assert len(texts) >= 6
    assert not any(CANARY.encode() in text or b"abcdefghijklmnop" in text for text in texts)
    assert manifest_of(directory)["argv"][2] == "--debug=[redacted]"


def test_names_of_keys_are_kept_and_their_values_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)

    directory = new_run(project(tmp_path), "model=luna", environ=KEYS)

    assert b"OPENAI_API_KEY" in (directory / "plan.json").read_bytes()
