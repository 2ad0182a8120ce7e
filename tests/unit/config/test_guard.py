"""hydra.md 6 and D5/D6 of the design: what a shared conf/ tries, and is refused.

Where an attack would leave a trace, the test looks for it; everything else is refused by name.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from evalrunner.config import compose, info, show

BASE = ("dataset=tickets", "model=luna", "scorer=[exact]")
GLOBAL = "# @package _global_\n"


def _forms(override: str) -> list[str]:
    return [override, f"+{override}", f"++{override}"]


@pytest.mark.parametrize(
    "text",
    [
        "model: {_target_: os.system, command: 'touch pwned'}",
        "model: {params: {deep: [{_target_: imaplib.IMAP4_stream}]}}",
        "run: {_partial_: true}",
        "_target_: os.system",
    ],
)
def test_target_is_refused_anywhere_in_yaml(make_project, refusal, text):
    """Attacks 1 to 3 of the list; D11 of the faults."""
    project = make_project({"experiment/evil.yaml": f"{GLOBAL}{text}\n"})

    (problem,) = refusal(lambda: compose([*BASE, "experiment=evil"], project))

    assert problem.where.startswith("conf/experiment/evil.yaml:2")
    assert "is refused" in problem.what
    assert not (project.root / "pwned").exists()


@pytest.mark.parametrize("override", _forms("model._target_=os.system"))
def test_target_is_refused_on_the_command_line(project, refusal, override):
    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert problem.where == override
    assert "_target_ is refused" in problem.what


@pytest.mark.parametrize(
    "override",
    [
        "model.params={x:{_target_:os.system}}",
        "+model.params.list=[{_target_:os.system}]",
        "model.params.x=choice({_target_:a},{_target_:b})",
    ],
)
def test_target_inside_of_a_value_is_refused(project, refusal, override):
    problems = refusal(lambda: compose([*BASE, override], project))

    assert all("_target_ is refused" in problem.what for problem in problems)


def test_target_in_a_file_nobody_selects_is_refused_too(make_project, refusal):
    project = make_project({"model/unused.yaml": "_target_: os.system\n"})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/model/unused.yaml:1 _target_"


def test_target_in_sweep_params_is_refused(make_project, refusal):
    text = "# @package hydra.sweeper\nparams:\n  model._target_: os.system,x\n"
    project = make_project({"sweep/evil.yaml": text})

    problems = refusal(lambda: compose([*BASE, "sweep=evil"], project))

    assert "_target_ is refused" in problems[0].what


HYDRA_KEYS = [
    ("callbacks", "{x: {_target_: a.B}}", "never runs code"),
    ("job_logging", "{handlers: {x: {'()': os.system}}}", "--debug"),
    ("hydra_logging", "{version: 1}", "--debug"),
    ("searchpath", "['pkg://evilpkg']", "--project"),
    ("searchpath", "['file:///etc']", "--project"),
    ("job", "{env_set: {OPENAI_BASE_URL: 'https://evil'}}", "base_url_env"),
    ("job", "{env_copy: [OPENAI_API_KEY]}", "api_key_env"),
    ("job", "{chdir: true}", "--project"),
    ("job", "{name: '../../x'}", "run.name"),
    ("run", "{dir: /tmp/x}", "run.outputs"),
    ("sweep", "{dir: ../x}", "run.outputs"),
    ("output_subdir", "../x", "run.outputs"),
    ("launcher", "{n_jobs: 2}", "executor"),
    ("sweeper", "{max_batch_size: 3}", "sweep="),
    ("verbose", "true", "--debug"),
]


@pytest.mark.parametrize(("key", "value", "way_out"), HYDRA_KEYS)
def test_hydras_settings_are_refused_in_yaml_with_our_equivalent(
    make_project, refusal, key, value, way_out
):
    """Attacks 4, 5, 7, 11 and 13 of the list."""
    project = make_project({"experiment/evil.yaml": f"{GLOBAL}hydra:\n  {key}: {value}\n"})

    problems = refusal(lambda: compose([*BASE, "experiment=evil"], project))

    problem = next(p for p in problems if f"hydra.{key} is refused" in p.what)
    assert problem.where.startswith("conf/experiment/evil.yaml:3 hydra.")
    assert way_out in problem.hint


@pytest.mark.parametrize(
    ("override", "way_out"),
    [
        ("hydra.run.dir=/tmp/x", "run.outputs"),
        ("hydra.sweep.dir=/tmp/x", "run.outputs"),
        ("hydra.sweep.subdir=x", "run.outputs"),
        ("hydra.job.name=x", "run.name"),
        ("hydra.job.chdir=true", "--project"),
        ("hydra.job.env_set.A=b", "api_key_env"),
        ("hydra/launcher=joblib", "executor"),
        ("hydra/sweeper=optuna", "sweep="),
        ("hydra/job_logging=none", "--debug"),
        ("hydra.searchpath=[pkg://x]", "--project"),
        ("hydra.callbacks.x._target_=a.B", "never runs code"),
        ("hydra.output_subdir=null", "run.outputs"),
    ],
)
def test_hydras_settings_are_refused_on_the_command_line(project, refusal, override, way_out):
    for form in _forms(override):
        (problem,) = refusal(lambda form=form: compose([*BASE, form], project))
        assert problem.where == form
        assert way_out in problem.hint


@pytest.mark.parametrize(
    ("arguments", "way_out"),
    [
        (["--config-dir", "/tmp"], "--project"),
        (["--config-dir=/tmp"], "--project"),
        (["-cd", "/tmp"], "--project"),
        (["--config-path", "/tmp"], "--project"),
        (["--experimental-rerun", "x.pickle"], "--resume"),
        (["--hydra-help"], "--help"),
    ],
)
def test_hydras_flags_are_refused_with_our_equivalent(project, refusal, arguments, way_out):
    (problem,) = refusal(lambda: compose([*BASE, *arguments], project))

    assert way_out in problem.hint


@pytest.mark.parametrize("name", ["../config", "/etc/passwd", ""])
def test_config_name_is_a_plain_name(project, refusal, name):
    (problem,) = refusal(lambda: compose([*BASE, f"--config-name={name}"], project))

    assert "--config-name" in problem.where


def test_unknown_flags_are_refused(project, refusal):
    (problem,) = refusal(lambda: compose([*BASE, "--frobnicate"], project))

    assert problem.where == "--frobnicate"


@pytest.mark.parametrize("group", ["launcher", "callbacks", "job_logging"])
def test_files_of_hydras_own_groups_are_refused(make_project, refusal, group):
    """Attack 6: a user's file in a hydra/ group would take the place of Hydra's."""
    project = make_project({f"hydra/{group}/default.yaml": "x: 1\n"})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/hydra/"


@pytest.mark.parametrize(
    "entry",
    ["override /hydra/launcher: evil", "override hydra/launcher: evil", "/hydra/callbacks: evil"],
)
def test_choosing_from_hydras_groups_is_refused_in_a_defaults_list(make_project, refusal, entry):
    project = make_project({"experiment/evil.yaml": f"{GLOBAL}defaults:\n  - {entry}\n"})

    (problem,) = refusal(lambda: compose([*BASE, "experiment=evil"], project))

    assert problem.where.startswith("conf/experiment/evil.yaml:3")
    assert "is refused" in problem.what


@pytest.mark.parametrize(
    "header", ["# @package hydra", "# @package hydra.callbacks.x", "# @package hydra.job"]
)
def test_a_package_line_cannot_reach_hydras_settings(make_project, refusal, header):
    project = make_project({"experiment/evil.yaml": f"{header}\nenv_set: {{A: b}}\n"})

    (problem,) = refusal(lambda: compose([*BASE, "experiment=evil"], project))

    assert "is refused" in problem.what


def test_a_package_in_a_defaults_list_cannot_reach_hydras_settings(make_project, refusal):
    """The net below: what composition itself put under `hydra:`."""
    entry = "/dataset@_global_.hydra.callbacks: other"
    project = make_project({"experiment/evil.yaml": f"{GLOBAL}defaults:\n  - {entry}\n"})

    (problem,) = refusal(lambda: compose([*BASE, "experiment=evil"], project))

    assert "hydra.callbacks is refused" in problem.what


@pytest.mark.parametrize(
    ("tag", "shown"),
    [
        ("!!python/object/apply:os.system ['touch pwned']", "python/object/apply:os.system"),
        ("!!python/object/apply:pathlib.Path [x]", "pathlib.Path"),
        ("!!python/name:os.system", "python/name"),
        ("!custom x", "!custom"),
        ("!!binary aGVsbG8=", "binary"),
    ],
)
def test_yaml_tags_are_refused(make_project, refusal, tag, shown):
    """D12 of the faults; OmegaConf's loader would build pathlib objects."""
    project = make_project({"model/evil.yaml": f"provider: openai\nname: {tag}\n"})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/model/evil.yaml:2"
    assert shown in problem.what
    assert not (project.root / "pwned").exists()


def test_yaml_alias_bombs_are_refused_before_they_expand(make_project, refusal):
    """Attack 9: 280 bytes that become 10^9 leaves."""
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        bomb += f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n"
    project = make_project({"experiment/bomb.yaml": GLOBAL + bomb})

    started = time.perf_counter()
    (problem,) = refusal(lambda: compose([*BASE, "experiment=bomb"], project))

    assert time.perf_counter() - started < 5
    assert problem.where == "conf/experiment/bomb.yaml:2"
    assert "aliases" in problem.what


def test_deeply_nested_yaml_is_refused(make_project, refusal):
    project = make_project({"experiment/deep.yaml": f"{GLOBAL}run: {'[' * 900}{']' * 900}\n"})

    (problem,) = refusal(lambda: compose([*BASE, "experiment=deep"], project))

    assert "nested" in problem.what


def test_a_deeply_nested_override_is_refused(project, refusal):
    nested = f"model.params.x={'[' * 3000}{']' * 3000}"

    (problem,) = refusal(lambda: compose([*BASE, nested], project))

    assert problem.where.startswith("model.params.x")


@pytest.mark.parametrize("times", [7, 10])
@pytest.mark.parametrize("shape", ["text", "mapping"])
def test_interpolation_bombs_are_refused_before_they_grow(make_project, refusal, shape, times):
    """Attack 10: 20 levels of seven or ten references each."""
    lines = [GLOBAL, "model: {params: {l0: 'xxxxxxxxxx'"]
    for level in range(1, 21):
        reference = f"${{model.params.l{level - 1}}}"
        if shape == "text":
            lines.append(f", l{level}: '{reference * times}'")
        else:
            parts = ", ".join(f"k{part}: '{reference}'" for part in range(times))
            lines.append(f", l{level}: {{{parts}}}")
    project = make_project({"experiment/bomb.yaml": "".join([*lines, "}}\n"])})

    started = time.perf_counter()
    problems = refusal(lambda: compose([*BASE, "experiment=bomb"], project))

    assert time.perf_counter() - started < 5
    assert "interpolations grow beyond" in problems[0].what


def test_an_interpolation_bomb_in_overrides_is_refused(project, refusal):
    texts = [f"model.params.l{n}='{f'${{model.params.l{n - 1}}}' * 10}'" for n in range(1, 21)]

    problems = refusal(lambda: compose([*BASE, "model.params.l0=xxxxxxxxxx", *texts], project))

    assert "interpolations grow beyond" in problems[0].what


@pytest.mark.parametrize(
    "reference",
    [
        "${oc.env:CANARY_KEY}",
        "x${oc.env:CANARY_KEY,default}y",
        "${oc.${dataset.name}:CANARY_KEY}",
        "${oc.decode:${oc.env:CANARY_KEY}}",
        "${oc.create:{a:1}}",
        "${oc.select:run.name}",
        "${now:%Y}",
        "${python_version:}",
        "${evil:x}",
    ],
)
def test_resolvers_do_not_exist(make_project, refusal, monkeypatch, reference):
    """Attack 8 and D3 of the faults: the key would be sent to the provider."""
    monkeypatch.setenv("CANARY_KEY", "canary-value-123")
    project = make_project({"experiment/leak.yaml": f"{GLOBAL}run: {{quality: '{reference}'}}\n"})

    problems = refusal(lambda: compose([*BASE, "experiment=leak"], project))

    assert problems[0].where.startswith("conf/experiment/leak.yaml:2 run.quality")
    assert "api_key_env" in problems[0].hint
    assert "canary-value" not in str(problems)


@pytest.mark.parametrize("override", _forms("run.quality='${oc.env:CANARY_KEY}'"))
def test_resolvers_do_not_exist_on_the_command_line(project, refusal, monkeypatch, override):
    monkeypatch.setenv("CANARY_KEY", "canary-value-123")

    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert "oc.env" in problem.what
    assert "canary-value" not in str(problem)


def test_a_defaults_list_cannot_read_the_environment(make_project, refusal, monkeypatch):
    """Hydra resolves defaults lists by OmegaConf, and would print the value as a missing file."""
    monkeypatch.setenv("CANARY_KEY", "canary-value-123")
    text = f"{GLOBAL}defaults:\n  - /dataset: '${{oc.env:CANARY_KEY}}'\n"
    project = make_project({"experiment/leak.yaml": text})

    problems = refusal(lambda: compose([*BASE, "experiment=leak"], project))

    assert "canary-value" not in str(problems)


def test_a_secrets_value_in_the_configuration_aborts(make_project, refusal, monkeypatch):
    """D3 and D13 of the faults: the value would be written into the run directory."""
    monkeypatch.setenv("CANARY_KEY", "canary-value-123")
    project = make_project({"experiment/leak.yaml": f"{GLOBAL}run: {{name: canary-value-123}}\n"})

    (from_file,) = refusal(lambda: compose([*BASE, "experiment=leak"], project))
    (typed,) = refusal(lambda: compose([*BASE, "run.quality=canary-value-123"], project))

    assert from_file.where == "conf/experiment/leak.yaml:2 run.name"
    assert "secret environment variable" in typed.what
    assert "canary-value" not in f"{from_file}{typed}"


def test_a_key_typed_as_an_override_is_not_repeated(project, refusal):
    key = "sk-proj-0123456789abcdefghij"

    (problem,) = refusal(lambda: compose([*BASE, f"model.api_key={key}"], project))

    assert "api_key_env" in problem.hint
    assert key not in str(problem)


@pytest.mark.parametrize("name", ["model/evil.yaml", "model"])
def test_links_that_leave_the_tree_are_refused(make_project, refusal, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text("provider: openai\nname: x\n")
    project = make_project()
    link = project.root / "conf" / name
    if name == "model":
        link = project.root / "conf" / "stolen"
    link.symlink_to(outside if name == "model" else outside / "secret.yaml")

    (problem,) = refusal(lambda: compose(BASE, project))

    assert "link that leads out" in problem.what


def test_links_inside_of_the_tree_are_fine(project):
    link = project.root / "conf" / "model" / "alias.yaml"
    link.symlink_to(project.root / "conf" / "model" / "luna.yaml")

    assert compose(["dataset=tickets", "model=alias"], project).cells[0].axes["model"] == "alias"


def test_a_conf_that_is_a_link_out_of_the_project_is_refused(project, refusal, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (project.root / "conf").rename(elsewhere)
    (project.root / "conf").symlink_to(elsewhere)

    (problem,) = refusal(lambda: compose(BASE, project))

    assert "leads out of the project" in problem.what


def test_huge_files_are_refused_unread(make_project, refusal):
    project = make_project({"model/huge.yaml": "x: " + "y" * 300_000})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/model/huge.yaml"
    assert "300,003 bytes" in problem.what


def test_a_tree_of_very_many_files_is_refused(make_project, refusal):
    project = make_project()
    folder = project.root / "conf" / "many"
    folder.mkdir()
    for number in range(5_001):
        (folder / f"{number}.txt").touch()

    (problem,) = refusal(lambda: compose(BASE, project))

    assert "more than 5,000" in problem.what


def test_a_pipe_in_the_tree_is_refused_and_does_not_block(project, refusal):
    os.mkfifo(project.root / "conf" / "model" / "pipe.yaml")

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/model/pipe.yaml"


def test_an_unreadable_file_is_a_problem_and_no_traceback(project, refusal, monkeypatch):
    """Permissions do not stop root, so the read itself fails here."""

    def fail(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", fail)

    problems = refusal(lambda: compose(BASE, project))

    assert "cannot be read: Permission denied" in problems[0].what


def test_yml_files_are_refused_with_a_rename(make_project, refusal):
    project = make_project({"model/old.yml": "provider: openai\n"})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.hint == "mv conf/model/old.yml conf/model/old.yaml"


def test_files_that_start_with_a_dot_do_not_disturb(project):
    (project.root / "conf" / "model" / ".#luna.yaml").symlink_to("nobody@host.123")
    (project.root / "conf" / "model" / ".old.yml").write_text("x: 1\n")

    assert len(compose(BASE, project).cells) == 1


def test_hydra_plugins_of_the_working_directory_are_never_imported(project, tmp_path):
    """Attack 12: Hydra imports every module of a package hydra_plugins on sys.path."""
    marker = tmp_path / "imported"
    plugin = project.root / "hydra_plugins" / "evil"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    code = (
        "import sys; sys.path.insert(0, ''); from pathlib import Path;"
        "from evalrunner.config import compose; from evalrunner.project import Project;"
        f"print(len(compose({list(BASE)!r}, Project(Path())).cells))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True
    )

    assert done.stdout == "1\n"
    assert not marker.exists()


def test_the_guard_stands_before_every_way_to_print_a_configuration(make_project, refusal):
    project = make_project({"experiment/evil.yaml": f"{GLOBAL}hydra: {{callbacks: {{x: 1}}}}\n"})
    arguments = [*BASE, "experiment=evil"]

    for call in (lambda: show(arguments, project), lambda: info("all", arguments, project)):
        (problem,) = refusal(call)
        assert "hydra.callbacks is refused" in problem.what


def test_all_problems_of_a_tree_come_at_once(make_project, refusal):
    project = make_project(
        {
            "model/a.yaml": "_target_: x\n",
            "experiment/b.yaml": f"{GLOBAL}hydra: {{run: {{dir: x}}}}\n",
            "prompt/c.yaml": "user: !!python/name:os.system\n",
        }
    )

    assert len(refusal(lambda: compose(BASE, project))) == 3
