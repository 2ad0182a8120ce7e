"""D1 of the design: what composes, how it is called, and which file wins."""

from __future__ import annotations

import subprocess
import sys

import pytest
import yaml

from evalrunner.config import compose, compose_group
from evalrunner.errors import ConfigError
from evalrunner.project import Project
from evalrunner.types import sha256_of

BASE = ("dataset=tickets", "model=luna", "scorer=[exact]")


def test_a_single_evaluation_is_a_grid_of_one(project):
    grid = compose(BASE, project)

    (cell,) = grid.cells
    assert (cell.id, cell.label, cell.facet) == (0, "luna/plain", 0)
    assert cell.axes == {
        "dataset": "tickets",
        "model": "luna",
        "prompt": "plain",
        "judge": "none",
        "scorer": "exact",
    }
    assert cell.settings.model.limits.rpm == 1000


@pytest.mark.parametrize("flag", ["-m", "--multirun"])
def test_multirun_flag_is_accepted_and_not_needed(project, flag):
    with_flag = compose([*BASE, "prompt=plain,steps", flag], project)
    without = compose([*BASE, "prompt=plain,steps"], project)

    assert [c.axes for c in with_flag.cells] == [c.axes for c in without.cells]
    assert with_flag.overrides == without.overrides


def test_cells_come_in_sweep_order_with_labels_of_what_varies(project):
    grid = compose(["dataset=tickets", "model=luna,opus", "prompt=plain,steps"], project)

    assert [c.label for c in grid.cells] == [
        "luna/plain",
        "luna/steps",
        "opus/plain",
        "opus/steps",
    ]
    assert [c.id for c in grid.cells] == [0, 1, 2, 3]
    assert grid.cells[1].overrides == ("dataset=tickets", "model=luna", "prompt=steps")


def test_axes_that_do_not_vary_are_not_in_the_label(project):
    grid = compose(["dataset=tickets", "model=luna,opus"], project)

    assert [c.label for c in grid.cells] == ["luna", "opus"]


def test_every_swept_key_is_an_axis_with_its_value(project):
    grid = compose([*BASE, "run.seed=1,2", "model.params.effort=low,high"], project)

    assert [(c.axes["run.seed"], c.axes["model.params.effort"]) for c in grid.cells] == [
        (1, "low"),
        (1, "high"),
        (2, "low"),
        (2, "high"),
    ]
    assert grid.cells[0].label == "run.seed=1/model.params.effort=low"


def test_candidates_share_a_facet_and_measuring_axes_split_it(project):
    grid = compose(
        ["model=luna,opus", "dataset=tickets,other", "prompt=plain", "model.params.x=1,2"], project
    )

    facets = {(c.axes["dataset"], c.facet) for c in grid.cells}
    assert facets == {("tickets", 0), ("other", 1)}


def test_scorers_are_selected_by_a_list_and_joined_in_their_axis(project):
    grid = compose(["dataset=tickets", "model=luna", "scorer=[exact,number]"], project)

    assert grid.cells[0].axes["scorer"] == "exact+number"
    assert list(grid.cells[0].settings.scorer) == ["exact", "number"]


def test_lists_of_scorers_can_be_swept(project):
    grid = compose(["dataset=tickets", "model=luna", "scorer=[exact],[exact,number]"], project)

    assert [c.axes["scorer"] for c in grid.cells] == ["exact", "exact+number"]
    assert [c.facet for c in grid.cells] == [0, 1]


def test_an_experiment_overrides_groups_without_default(project):
    (cell,) = compose(["experiment=compare"], project).cells

    assert (cell.axes["dataset"], cell.axes["model"]) == ("tickets", "luna")
    assert (cell.settings.run.name, cell.settings.run.repeats) == ("compare", 3)


def test_the_command_line_wins_over_an_experiment(project):
    (cell,) = compose(["experiment=compare", "model=opus", "run.repeats=5"], project).cells

    assert cell.settings.model.name == "claude-opus-5-5"
    assert cell.settings.run.repeats == 5


def test_project_settings_come_before_the_experiment(make_project):
    project = make_project(
        {"project/default.yaml": "# @package _global_\nrun: {name: ours, confidence: 0.9}\n"}
    )

    (cell,) = compose(["experiment=compare"], project).cells

    assert (cell.settings.run.name, cell.settings.run.confidence) == ("compare", 0.9)


def test_a_sweep_is_a_group(project):
    grid = compose(["dataset=tickets", "sweep=models"], project)

    assert [c.axes["model"] for c in grid.cells] == ["luna", "opus"]
    assert grid.cells[1].overrides == ("model=opus", "dataset=tickets", "sweep=models")


def test_an_experiment_may_choose_a_sweep(make_project):
    entries = "  - override /dataset: other\n  - override /sweep: models\n"
    text = f"# @package _global_\ndefaults:\n{entries}"
    project = make_project({"experiment/swept.yaml": text})

    grid = compose(["experiment=swept"], project)

    assert [c.axes["model"] for c in grid.cells] == ["luna", "opus"]


INLINE = """\
    # @package _global_
    defaults:
      - override /dataset: tickets
    hydra: {mode: MULTIRUN, sweeper: {params: {model: "luna,opus", run.seed: "range(0,2)"}}}
    """


def test_an_experiments_inline_sweep_works(make_project):
    project = make_project({"experiment/inline.yaml": INLINE})

    grid = compose(["experiment=inline"], project)

    assert [(c.axes["model"], c.axes["run.seed"]) for c in grid.cells] == [
        ("luna", 0),
        ("luna", 1),
        ("opus", 0),
        ("opus", 1),
    ]


def test_sweep_file_and_experiment_setting_one_key_is_an_error_naming_both(make_project, refusal):
    project = make_project({"experiment/inline.yaml": INLINE})

    (problem,) = refusal(lambda: compose(["experiment=inline", "sweep=models"], project))

    assert "conf/sweep/models.yaml:3" in problem.what
    assert "conf/experiment/inline.yaml:4" in problem.what
    assert "model=a,b" in problem.hint


def test_the_command_line_wins_over_both_sweeps(make_project):
    project = make_project({"experiment/inline.yaml": INLINE})

    grid = compose(["experiment=inline", "sweep=models", "model=opus", "run.seed=7"], project)

    assert [(c.axes["model"], c.settings.run.seed) for c in grid.cells] == [("opus", 7)]


def test_swept_experiments_bring_their_own_sweeps(make_project):
    project = make_project({"experiment/inline.yaml": INLINE})

    grid = compose(["experiment=inline,compare", "run.name=both"], project)

    assert [(c.axes["experiment"], c.axes["model"]) for c in grid.cells] == [
        ("inline", "luna"),
        ("inline", "luna"),
        ("inline", "opus"),
        ("inline", "opus"),
        ("compare", "luna"),
    ]


def test_experiment_and_sweep_can_be_none_in_a_sweep(project):
    """A `null` in a sweep would crash Hydra, so there are files called none."""
    grid = compose([*BASE, "experiment=none", "sweep=none,models"], project)

    assert [c.axes["sweep"] for c in grid.cells] == ["none", "models"]


@pytest.mark.parametrize(
    ("override", "models"),
    [
        ("model=glob(*u*)", ["luna", "opus"]),
        ("model=glob([l*,o*],exclude=local*)", ["luna", "opus"]),
        ("model=choice(opus,luna)", ["opus", "luna"]),
        ("model=sort(opus,luna)", ["luna", "opus"]),
    ],
)
def test_sweep_functions_work(make_project, override, models):
    grid = compose(["dataset=tickets", override], make_project())

    found = [c.axes["model"] for c in grid.cells]
    assert [name for name in found if name in models] == models


def test_range_counts_in_whole_and_broken_numbers(project):
    whole = compose([*BASE, "run.repeats=range(1,4)"], project)
    broken = compose([*BASE, "run.margin=range(0.1,0.4,0.1)"], project)

    assert [c.settings.run.repeats for c in whole.cells] == [1, 2, 3]
    assert [c.settings.run.margin for c in broken.cells] == [0.1, 0.2, 0.3]


def test_choice_of_lists_sweeps_over_lists(project):
    grid = compose([*BASE, "dataset.slices=choice([a],[a,b])"], project)

    assert [c.settings.dataset.slices for c in grid.cells] == [["a"], ["a", "b"]]


@pytest.mark.parametrize(
    ("override", "keys"),
    [
        ("run.quality=exact", ("run", "quality")),
        ("decide.require.exact=0.9", ("decide", "require")),
        ("model.params.verbosity=low", ("model", "params")),
        ("model.limits.concurrency=4", ("model", "limits")),
        ("dataset.stratify=category", ("dataset", "stratify")),
        ("pricing.overrides.x.per_second=0.1", ("pricing", "overrides")),
        ("production.cache_hit_rate=0.5", ("production", "cache_hit_rate")),
    ],
)
def test_documented_keys_need_no_plus(make_project, override, keys):
    """Also those that no YAML file mentions: Hydra alone would refuse half of these."""
    project = make_project({"config.yaml": MINIMAL})

    (cell,) = compose([*BASE, override], project).cells

    assert getattr(getattr(cell.settings, keys[0]), keys[1])
    assert override in cell.overrides


MINIMAL = """\
defaults:
  - dataset: ???
  - model: ???
  - prompt: plain
  - scorer: [exact]
  - _self_
  - experiment: none
"""


def test_sweeps_need_no_plus_either(project):
    grid = compose([*BASE, "decide.quality_floor=0.5,0.9"], project)

    assert [c.settings.decide.quality_floor for c in grid.cells] == [0.5, 0.9]
    assert [c.overrides[-1] for c in grid.cells] == [
        "decide.quality_floor=0.5",
        "decide.quality_floor=0.9",
    ]


def test_group_overrides_are_not_rewritten(project):
    """`++model=luna` would be refused by Hydra, `++` is for values only."""
    grid = compose([*BASE, "model={name: gpt-6-sol}"], project)

    assert grid.cells[0].settings.model.name == "gpt-6-sol"
    assert grid.cells[0].axes["model"] == "luna"


def test_hydras_own_prefixes_keep_their_meaning(project, refusal):
    cell = compose([*BASE, "+model.params.x=1", "~model.params.reasoning"], project).cells[0]

    assert cell.settings.model.params == {"x": 1}
    (problem,) = refusal(lambda: compose([*BASE, "+model.name=x"], project))
    assert "An item is already at 'model.name'" in problem.what
    assert "remove + prefix" in problem.hint


def test_the_choice_of_a_group_resolves_in_an_interpolation(make_project):
    text = "# @package _global_\nrun: {name: '${hydra:runtime.choices.model}-${dataset.name}'}\n"
    project = make_project({"experiment/named.yaml": text})

    (cell,) = compose([*BASE, "experiment=named"], project).cells

    assert cell.settings.run.name == "luna-tickets"
    assert "${hydra:runtime.choices.model}" in cell.config_yaml


def test_another_primary_config_is_chosen_by_config_name(make_project):
    project = make_project({"small.yaml": MINIMAL + "run: {name: small}\n"})

    for arguments in (["--config-name", "small"], ["--config-name=small"], ["-cn", "small"]):
        (cell,) = compose([*BASE, *arguments], project).cells
        assert cell.settings.run.name == "small"
        assert cell.overrides == BASE


def test_users_files_win_and_packaged_ones_remain(make_project):
    project = make_project({"pricing/list.yaml": "source: none\n"})

    cell = compose([*BASE, "pricing=list"], project).cells[0]
    packaged = compose([*BASE, "scorer=[exact_match]"], project).cells[0]

    assert cell.settings.pricing.source == "none"
    assert packaged.axes["scorer"] == "exact_match"


def test_without_a_conf_the_packaged_one_serves_alone(tmp_path):
    project = Project(tmp_path)

    cell = compose(["dataset=banking77", "model=majority", "prompt=plain"], project).cells[0]

    assert cell.settings.dataset.name == "banking77"


def test_a_primary_config_without_defaults_is_refused_by_name(make_project, refusal):
    project = make_project({"config.yaml": "run: {name: mine}\n"})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/config.yaml"
    assert "conf/project/default.yaml" in problem.hint


def test_a_primary_config_without_self_is_refused(make_project, refusal):
    project = make_project({"config.yaml": "defaults:\n  - dataset: tickets\nrun: {seed: 1}\n"})

    (problem,) = refusal(lambda: compose(["model=luna"], project))

    assert "_self_" in problem.what
    assert "_self_" in problem.hint


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("scorer/bare.yaml", "# @package scorer.bare"),
        ("experiment/bare.yaml", "# @package _global_"),
        ("project/bare.yaml", "# @package _global_"),
        ("sweep/bare.yaml", "# @package hydra.sweeper"),
    ],
)
def test_a_file_without_its_package_line_is_refused_with_the_line(
    make_project, refusal, path, line
):
    project = make_project({path: "kind: exact_match\n"})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == f"conf/{path}"
    assert problem.hint.endswith(line)


def test_files_are_written_in_hydras_own_form(make_project):
    """`.hydra/config.yaml` and `multirun.yaml` equal what Hydra's own API composes."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf

    text = "# @package _global_\nrun: {name: '${dataset.name}', seed: 7}\n"
    project = make_project({"experiment/named.yaml": text, "config.yaml": MINIMAL})
    grid = compose([*BASE, "experiment=named"], project)

    with initialize_config_dir(str(project.conf), version_base="1.3"):
        expected = hydra_compose("config", [*BASE, "experiment=named"])

    assert grid.cells[0].config_yaml == OmegaConf.to_yaml(expected)
    multirun = yaml.safe_load(grid.multirun_yaml)
    assert multirun["hydra"]["overrides"]["task"] == [*BASE, "experiment=named"]
    assert multirun["run"]["name"] == "${dataset.name}"


def test_multirun_yaml_holds_the_sweep_as_typed(project):
    grid = compose(["dataset=tickets", "model=luna,opus", "run.seed=1,2"], project)

    multirun = yaml.safe_load(grid.multirun_yaml)
    assert multirun["hydra"]["overrides"]["task"] == list(grid.overrides)
    assert grid.overrides == ("dataset=tickets", "model=luna,opus", "run.seed=1,2")


def test_resolved_is_json_with_every_default_and_its_hash(project):
    (cell,) = compose(BASE, project).cells

    assert cell.resolved["run"]["confidence"] == 0.95
    assert cell.resolved["dataset"]["schema"] is None
    assert cell.config_sha256 == sha256_of(cell.resolved)


def test_the_same_input_composes_to_the_same_bytes(project):
    first, second = (compose([*BASE, "prompt=plain,steps"], project) for _ in range(2))

    assert [c.config_sha256 for c in first.cells] == [c.config_sha256 for c in second.cells]
    assert first.multirun_yaml == second.multirun_yaml


def test_cells_do_not_change_each_other(make_project):
    """Loaded files are shared by all cells; a cell that adds a key must not leave it behind."""
    project = make_project()

    grid = compose(["dataset=tickets", "model=luna", "run.baseline={model:luna},{}"], project)
    later = compose(
        ["dataset=tickets", "experiment=compare,none", "model=luna,opus", "run.name=x"], project
    )

    assert [c.settings.run.baseline for c in grid.cells] == [{"model": "luna"}, {}]
    assert [c.settings.run.repeats for c in later.cells] == [3, 3, 1, 1]
    assert [c.settings.model.name for c in later.cells][:2] == ["gpt-6-luna", "claude-opus-5-5"]


def test_editing_a_file_takes_effect_at_the_next_composition(make_project):
    assert compose(BASE, make_project()).cells[0].settings.model.name == "gpt-6-luna"

    project = make_project({"model/luna.yaml": "provider: openai\nname: gpt-7\n"})

    assert compose(BASE, project).cells[0].settings.model.name == "gpt-7"


def test_keys_from_the_command_line_are_told_from_those_of_a_sweep_file(make_project):
    text = "# @package hydra.sweeper\nparams: {dataset.path: /etc/passwd}\n"
    project = make_project({"sweep/path.yaml": text})

    from_file = compose([*BASE, "sweep=path"], project).cells[0]
    typed = compose([*BASE, "dataset.path=/data/x.jsonl"], project).cells[0]

    assert "dataset.path" not in from_file.command_line_keys
    assert "dataset.path" in typed.command_line_keys


def test_one_file_is_validated_alone(project, refusal):
    pricing = compose_group("pricing", "none", project)

    assert pricing.source == "none"
    (problem,) = refusal(lambda: compose_group("pricing", "nnoe", project))
    assert "pricing=none?" in problem.hint
    (problem,) = refusal(lambda: compose_group("prices", "list", project))
    assert "pricing" in problem.hint


def test_one_files_mistakes_are_located(make_project, refusal):
    project = make_project({"pricing/mine.yaml": "source: none\noverides: {}\n"})

    (problem,) = refusal(lambda: compose_group("pricing", "mine", project))

    assert problem.where == "conf/pricing/mine.yaml:2 pricing.overides"
    assert "pricing.overrides" in problem.hint


def test_one_file_with_a_broken_defaults_list_is_refused(make_project, refusal):
    project = make_project({"judge/broken.yaml": "defaults:\n  - /model@model: nobody\n"})

    (problem,) = refusal(lambda: compose_group("judge", "broken", project))

    assert problem.where == "conf/judge/broken.yaml"
    assert "'nobody'" in problem.what


def test_a_file_chosen_only_by_swept_experiments_is_their_axis_too(make_project):
    """The cell of an experiment that does not sweep a key shows the value that it has."""
    files = {
        "experiment/a.yaml": INLINE,
        "experiment/b.yaml": "# @package _global_\ndefaults:\n  - override /dataset: tickets\n",
    }
    grid = compose(["experiment=a,b", "model=luna"], make_project(files))

    assert [(c.axes["experiment"], c.axes["run.seed"]) for c in grid.cells] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
    ]


def test_a_swept_choice_of_one_experiment_is_read_off_the_others(make_project):
    sweep = "hydra: {sweeper: {params: {pricing: 'list,none'}}}\n"
    files = {"experiment/a.yaml": f"# @package _global_\n{sweep}"}

    grid = compose([*BASE, "experiment=a,none"], make_project(files))

    assert [c.axes["pricing"] for c in grid.cells] == ["list", "none", "list"]


def test_swept_experiments_cannot_exceed_the_limit_together(make_project, refusal):
    sweep = "hydra: {sweeper: {params: {run.seed: 'range(0,6000)'}}}\n"
    files = {f"experiment/{name}.yaml": f"# @package _global_\n{sweep}" for name in "ab"}

    (problem,) = refusal(lambda: compose([*BASE, "experiment=a,b"], make_project(files)))

    assert "over 10,000 cells" in problem.what


def test_a_judge_can_hold_a_model_of_the_model_group(make_project):
    text = "defaults:\n  - /model@model: opus\nrepeats: 2\n"
    project = make_project({"judge/strict.yaml": text})

    (cell,) = compose([*BASE, "judge=strict", "judge.model.max_output_tokens=99"], project).cells

    assert cell.settings.judge.model.name == "claude-opus-5-5"
    assert cell.settings.judge.model.max_output_tokens == 99
    assert cell.settings.judge.repeats == 2
    assert cell.axes["judge"] == "strict"


def test_a_judges_model_is_a_measuring_axis(make_project):
    project = make_project({"judge/strict.yaml": "defaults:\n  - /model@model: opus\n"})

    grid = compose([*BASE, "judge=strict", "model@judge.model=opus,luna"], project)

    assert [c.facet for c in grid.cells] == [0, 1]
    assert [c.settings.judge.model.name for c in grid.cells] == ["claude-opus-5-5", "gpt-6-luna"]


def test_importing_the_package_is_cheap():
    """`evalrunner --version` must not pay for Hydra, pydantic's models or an SDK."""
    code = "import sys, evalrunner.config; print(*sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"hydra", "omegaconf", "yaml", "pydantic", "openai", "anthropic"} & set(out)


def test_composing_imports_no_sdk(project):
    code = (
        "import sys; from pathlib import Path; from evalrunner.config import compose;"
        "from evalrunner.project import Project;"
        f"compose({list(BASE)!r}, Project(Path({str(project.root)!r}))); print(*sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert "hydra" in out
    assert not {"openai", "anthropic", "matplotlib", "scipy"} & set(out)


def test_nothing_chosen_lists_what_there_is(project, refusal):
    problems = refusal(lambda: compose([], project))

    assert [problem.where for problem in problems] == ["dataset", "model"]
    assert "tickets" in problems[0].hint
    assert "experiment=NAME: compare" in problems[0].hint


def test_an_unknown_attribute_of_the_package_is_an_attribute_error():
    import evalrunner.config

    with pytest.raises(AttributeError, match="nothing_such"):
        _ = evalrunner.config.nothing_such


def test_error_is_a_configuration_error(project):
    with pytest.raises(ConfigError) as caught:
        compose(["model=nope"], project)

    assert caught.value.exit_code == 2
