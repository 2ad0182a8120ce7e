"""Faults D1, D2, D14 and D15: what is said about a mistake, and that it is said once."""

from __future__ import annotations

import pytest

from evalrunner.config import compose

BASE = ("dataset=tickets", "model=luna", "scorer=[exact]")
GLOBAL = "# @package _global_\n"


def test_an_unknown_key_is_refused_with_file_line_and_nearest_name(make_project, refusal):
    """D1."""
    text = "provider: openai\nname: x\nlimits:\n  rmp: 4\n"
    project = make_project({"model/typo.yaml": text})

    (problem,) = refusal(lambda: compose(["dataset=tickets", "model=typo"], project))

    assert problem.where == "conf/model/typo.yaml:4 model.limits.rmp"
    assert "model.limits.rpm" in problem.hint


@pytest.mark.parametrize("override", ["modl.name=x", "+modl.name=x", "++modl.name=x"])
def test_an_unknown_key_is_refused_however_it_came_in(project, refusal, override):
    """D1: Hydra lets `+` and `++` through even where a schema is strict."""
    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert problem.where == override
    assert "did you mean model?" in problem.hint


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("run.repeat=3", "run.repeats"),
        ("dataset.slice=[a]", "dataset.slices"),
        ("scorer.exact.ignore_cas=true", "scorer.exact.ignore_case"),
        ("pricing.overrides.x={inpt: 1, input: 1, output: 1}", "pricing.overrides.x.input"),
        ("decide.requests_per_mnth=3", "decide.requests_per_month"),
        ("dataset.shema=x", "dataset.schema"),
    ],
)
def test_nearest_names_are_found_at_every_depth(project, refusal, override, hint):
    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert f"did you mean {hint}?" in problem.hint


@pytest.mark.parametrize(
    ("override", "hint"),
    [("model=lina", "model=luna?"), ("dataset=ticket", "dataset=tickets?")],
)
def test_an_unknown_file_is_refused_with_the_nearest_and_all(project, refusal, override, hint):
    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert problem.where == override
    assert problem.hint.startswith(hint)


def test_an_unknown_choice_in_an_experiment_names_that_file_and_line(make_project, refusal):
    text = f"{GLOBAL}defaults:\n  - override /dataset: other\n  - override /model: lina\n"
    project = make_project({"experiment/wrong.yaml": text})

    (problem,) = refusal(lambda: compose(["experiment=wrong"], project))

    assert problem.where == "conf/experiment/wrong.yaml:4"
    assert problem.what == "there is no model 'lina'"
    assert "model=luna?" in problem.hint


def test_a_group_without_its_slash_is_explained(make_project, refusal):
    text = f"{GLOBAL}defaults:\n  - model: luna\n"
    project = make_project({"experiment/wrong.yaml": text})

    (problem,) = refusal(lambda: compose(["dataset=other", "experiment=wrong"], project))

    assert problem.where == "conf/experiment/wrong.yaml:3"
    assert "/model: luna" in problem.hint


@pytest.mark.parametrize(
    ("override", "where", "text"),
    [
        ("~run.foo", "~run.foo", "does not exist"),
        ("++model=opus", "++model=opus", "force-add"),
        ("model@judge.model=opus", "model@judge.model=opus", "override model?"),
        ("judge.repeats=3", "packaged conf/judge/none.yaml:2 judge.model", "judge=NAME"),
        ("run=3", "run=3", "mapping of keys to values"),
        ("=3", "=3", "KEY=VALUE"),
        ("", "''", "KEY=VALUE"),
        ("experiment=null", "experiment=null", "experiment=none?"),
        ("dataset=3", "dataset=3", "there is no dataset '3'"),
    ],
)
def test_other_slips_are_explained_in_place(project, refusal, override, where, text):
    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert problem.where == where
    assert text in f"{problem.what} {problem.hint}"


def test_a_list_of_models_is_a_sweep_that_was_meant(make_project, refusal):
    """Hydra would silently mix both files into one model."""
    text = f"{GLOBAL}defaults:\n  - override /model: [luna, opus]\n"
    project = make_project({"experiment/mixed.yaml": text})

    (from_file,) = refusal(lambda: compose(["dataset=tickets", "experiment=mixed"], project))
    (project.root / "conf" / "experiment" / "mixed.yaml").unlink()
    (typed,) = refusal(lambda: compose(["dataset=tickets", "model=[luna,opus]"], project))

    assert from_file.where.startswith("conf/experiment/mixed.yaml:3")
    assert typed.where == "model=[luna,opus]"
    assert "model=luna,opus" in typed.hint


def test_values_beside_keys_that_look_secret_are_not_repeated(project, refusal):
    """The shape of an AIza key is no reason to print it."""
    key = "AIzaSyabcdefghijklmnop"

    (problem,) = refusal(lambda: compose([*BASE, f"model.api_key_env={key}"], project))

    assert problem.where == "model.api_key_env=…"
    assert key not in str(problem)


def test_an_unknown_provider_or_kind_lists_what_there_is(project, refusal):
    (model,) = refusal(lambda: compose([*BASE, "model.provider=opanai"], project))
    (scorer,) = refusal(lambda: compose([*BASE, "scorer.exact.kind=exactmatch"], project))
    (missing,) = refusal(lambda: compose([*BASE, "~model.provider"], project))

    assert (model.where, scorer.where) == ("model.provider=opanai", "scorer.exact.kind=exactmatch")
    assert "did you mean openai?" in model.hint
    assert "did you mean exact_match?" in scorer.hint
    assert "provider is missing" in missing.what


def test_a_missing_key_names_the_file_that_should_have_it(make_project, refusal):
    project = make_project({"dataset/bare.yaml": "name: bare\n"})

    (problem,) = refusal(lambda: compose(["dataset=bare", "model=luna"], project))

    assert problem.where == "conf/dataset/bare.yaml dataset.path"
    assert "dataset.path=VALUE" in problem.hint


def test_a_value_of_question_marks_must_be_set(make_project, refusal):
    project = make_project({"dataset/open.yaml": "name: open\npath: ???\n"})

    (problem,) = refusal(lambda: compose(["dataset=open", "model=luna"], project))

    assert problem.where == "conf/dataset/open.yaml:2 dataset.path"
    assert "???" in problem.what
    assert compose(["dataset=open", "model=luna", "dataset.path=x.jsonl"], project).cells


def test_all_problems_of_all_cells_come_at_once_each_listed_once(project, refusal):
    problems = refusal(
        lambda: compose(
            ["dataset=tickets", "model=luna,opus", "run.repeats=0", "run.margin=0,0.1"], project
        )
    )

    assert [(p.where, p.what.partition(" (in ")[2]) for p in problems] == [
        ("run.repeats=0", "4 of 4 cells)"),
        ("run.margin=0", "2 of 4 cells)"),
    ]


def test_wrong_choices_of_a_sweep_come_at_once(project, refusal):
    problems = refusal(lambda: compose(["dataset=tickest", "model=lina,luna,opsu"], project))

    assert [p.what for p in problems] == [
        "there is no dataset 'tickest'",
        "there is no model 'lina'",
        "there is no model 'opsu'",
    ]


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("model.name=007", "name", "007"),
        ("model.name=on", "name", "on"),
        ("model.name=2024-11-20", "name", "2024-11-20"),
        ("model.name=gpt-4o:2024", "name", "gpt-4o:2024"),
        ("model.name='1e3'", "name", "1e3"),
        ("model.label=null", "label", None),
    ],
)
def test_words_that_look_like_other_things_stay_what_they_are(project, override, key, value):
    """D15."""
    assert getattr(compose([*BASE, override], project).cells[0].settings.model, key) == value


@pytest.mark.parametrize("override", ["model.name=1e3", "model.name=7", "model.name=true"])
def test_a_name_that_became_a_number_is_refused_with_quotes_as_the_way_out(
    project, refusal, override
):
    """D15: 1e3 would be asked for as 1000.0."""
    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert problem.where == override
    assert "quote" in problem.hint


def test_yamls_off_is_understood_where_off_is_meant(make_project):
    """D15: YAML 1.1 reads a bare `off` as false."""
    project = make_project({"experiment/fresh.yaml": f"{GLOBAL}run: {{cache: off}}\n"})

    from_file = compose([*BASE, "experiment=fresh"], project).cells[0]
    typed = compose([*BASE, "run.cache=off"], project).cells[0]

    assert (from_file.settings.run.cache, typed.settings.run.cache) == ("off", "off")


@pytest.mark.parametrize(
    ("override", "hint"),
    [
        ("dataset.name=hi (there)", """'dataset.name="hi (there)"'"""),
        ("dataset.name=é", """'dataset.name="é"'"""),
        ("dataset.name=a=b", """'dataset.name="a=b"'"""),
        ("dataset.name=#1", """'dataset.name="#1"'"""),
        ("dataset.name={a", """'dataset.name="{a"'"""),
        ('dataset.name="a', """'dataset.name="a"'"""),
    ],
)
def test_values_that_need_quotes_are_shown_with_them(project, refusal, override, hint):
    """D2: and the shown form works."""
    (problem,) = refusal(lambda: compose([*BASE, override], project))

    assert problem.where == override
    assert "\n" not in problem.what
    assert hint in problem.hint
    assert compose([*BASE, hint.strip("'")], project).cells[0].settings.dataset.name


def test_a_quoted_comma_is_text_and_a_bare_one_a_sweep(project):
    """D2."""
    quoted = compose([*BASE, 'dataset.name="a, b"'], project)
    bare = compose([*BASE, "dataset.name=a,b"], project)

    assert [c.settings.dataset.name for c in quoted.cells] == ["a, b"]
    assert [c.settings.dataset.name for c in bare.cells] == ["a", "b"]


def test_a_word_without_key_is_explained(project, refusal):
    (problem,) = refusal(lambda: compose([*BASE, "compare"], project))

    assert (problem.where, problem.hint) == ("compare", "experiment=compare?")


def test_a_group_that_no_defaults_list_names_is_explained(make_project, refusal):
    project = make_project({"suite/x.yaml": f"{GLOBAL}run: {{name: s}}\n"})

    (problem,) = refusal(lambda: compose([*BASE, "suite=x"], project))

    assert "+suite=x" in problem.hint
    assert compose([*BASE, "+suite=x"], project).cells[0].settings.run.name == "s"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("name: a: b\n", 1, "mapping values are not allowed"),
        ("name: [a\n", 2, "expected"),
        ("name: x\nname: y\n", 2, "'name' is given twice"),
        ("name:\n\tx\n", 2, "cannot start any token"),
    ],
)
def test_invalid_yaml_is_refused_with_its_line(make_project, refusal, text, line, what):
    project = make_project({"model/broken.yaml": text})

    (problem,) = refusal(lambda: compose(["dataset=tickets", "model=broken"], project))

    assert problem.where == f"conf/model/broken.yaml:{line}"
    assert what in problem.what


def test_invalid_yaml_that_nobody_selects_does_not_stop_a_run(make_project):
    project = make_project({"model/broken.yaml": "name: [a\n"})

    assert len(compose(BASE, project).cells) == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"- a\n- b\n", "list"), (b"hello\n", "str"), (b"name: \xff\n", "not UTF-8")],
)
def test_files_that_are_no_mapping_or_no_text_are_refused(project, refusal, content, what):
    (project.root / "conf" / "model" / "odd.yaml").write_bytes(content)

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/model/odd.yaml"
    assert what in problem.what


@pytest.mark.parametrize("key", ["null", "1.5", "true", "2"])
def test_keys_that_are_no_text_are_refused(make_project, refusal, key):
    project = make_project({"model/odd.yaml": f"provider: openai\nname: x\n{key}: y\n"})

    (problem,) = refusal(lambda: compose(["dataset=tickets", "model=odd"], project))

    assert "\n" not in problem.what


def test_a_byte_order_mark_is_accepted(project):
    path = project.root / "conf" / "scorer" / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf# @package scorer.bom\nkind: exact_match\n")

    assert compose([*BASE, "scorer=[bom]"], project).cells[0].axes["scorer"] == "bom"


def test_a_crooked_package_line_is_refused(make_project, refusal):
    project = make_project({"scorer/odd.yaml": "# @package scorer . odd\nkind: exact_match\n"})

    (problem,) = refusal(lambda: compose(BASE, project))

    assert problem.where == "conf/scorer/odd.yaml"


def test_a_grid_that_explodes_is_refused_before_it_is_spelled_out(project, refusal):
    """D6, and a range that would fill the memory."""
    huge = "run.seed=range(0,1000000000)"
    product = ["run.seed=range(0,200)", "run.repeats=range(1,201)"]

    (one,) = refusal(lambda: compose([*BASE, huge], project))
    (two,) = refusal(lambda: compose([*BASE, *product], project))

    assert "run.seed (over 10,000)" in one.what
    assert "run.seed (200) x run.repeats (200)" in two.what


def test_a_grid_that_explodes_in_yaml_is_refused(make_project, refusal):
    text = "# @package hydra.sweeper\nparams: {run.seed: 'range(0,10001)'}\n"
    project = make_project({"sweep/huge.yaml": text})

    (problem,) = refusal(lambda: compose([*BASE, "sweep=huge"], project))

    assert "more than 10,000 cells" in problem.what


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("run.seed=shuffle(1,2,3)", "shuffle()"),
        ("run.seed=shuffle(range(0,3))", "shuffle()"),
        ("run.margin=interval(0.1,0.2)", "interval()"),
        ("run.seed=range(0,3,0)", "step of 0"),
        ("model=glob(nothing*)", "matches nothing"),
    ],
)
def test_sweeps_that_cannot_be_planned_are_refused(project, refusal, override, what):
    (problem,) = refusal(lambda: compose(["dataset=tickets", "model=luna", override], project))

    assert problem.where == override
    assert what in problem.what


def test_a_cell_that_is_in_the_grid_twice_is_refused(project, refusal):
    (problem,) = refusal(lambda: compose(["dataset=tickets", "model=luna,opus,luna"], project))

    assert problem.where == "dataset=tickets model=luna"
    assert "run.repeats" in problem.hint


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ("{model: [luna, opus]}", "is no text"),
        ("{run.quality: null}", "is no text"),
        ("[model]", "no mapping"),
    ],
)
def test_sweep_params_that_are_no_text_are_explained(make_project, refusal, params, what):
    project = make_project({"sweep/odd.yaml": f"# @package hydra.sweeper\nparams: {params}\n"})

    (problem,) = refusal(lambda: compose([*BASE, "sweep=odd"], project))

    assert "conf/sweep/odd.yaml" in problem.where
    assert what in problem.what


def test_mistakes_in_sweep_params_name_the_file(make_project, refusal):
    project = make_project({"sweep/odd.yaml": "# @package hydra.sweeper\nparams: {model: lina}\n"})

    (problem,) = refusal(lambda: compose(["dataset=tickets", "sweep=odd"], project))

    assert problem.where.startswith("conf/sweep/odd.yaml")
    assert "model=luna?" in problem.hint


def test_sweep_params_may_be_single_values_of_any_type(make_project):
    text = "# @package hydra.sweeper\nparams: {run.repeats: 3, run.race: true}\n"
    project = make_project({"sweep/fixed.yaml": text})

    (cell,) = compose([*BASE, "sweep=fixed"], project).cells

    assert (cell.settings.run.repeats, cell.settings.run.race) == (3, True)


def test_keys_of_the_whole_run_cannot_differ_between_its_cells(project, refusal):
    problems = refusal(lambda: compose([*BASE, "run.budget_usd=1,2", "run.name=a,b"], project))

    assert [p.where for p in problems] == ["run.name", "run.budget_usd"]
    assert "run.name=VALUE" in problems[0].hint


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("run.confidence=1", "less than 1"),
        ("run.confidence=0", "greater than 0"),
        ("run.max_missing=1.5", "less than or equal to 1"),
        ("run.repeats=0", "greater than or equal to 1"),
        ("run.cache=maybe", "'use', 'refresh' or 'off'"),
        ("run.on_refused=ignore", "'fail', 'score' or 'skip'"),
        ("run.budget_usd=-1", "greater than or equal to 0"),
        ("run.name=../x", "pattern"),
        ("run.seed=1.5", "integer"),
        ("decide.quality_floor=2", "less than or equal to 1"),
        ("decide.require={exact: 3}", "less than or equal to 1"),
        ("production.cache_hit_rate=-0.1", "greater than or equal to 0"),
        ("executor.kind=cluster", "local"),
        ("~scorer.exact_match", "at least 1 item"),
    ],
)
def test_values_out_of_bounds_are_refused(project, refusal, override, what):
    problems = refusal(lambda: compose(["dataset=tickets", "model=luna", override], project))

    assert what in problems[0].what


def test_a_circle_of_references_is_refused_where_it_is(make_project, refusal):
    text = f"{GLOBAL}run: {{name: '${{run.quality}}', quality: '${{run.name}}'}}\n"
    project = make_project({"experiment/circle.yaml": text})

    problems = refusal(lambda: compose([*BASE, "experiment=circle"], project))

    assert problems[0].where.startswith("conf/experiment/circle.yaml:2 run.")
    assert "circle" in problems[0].what


def test_a_reference_to_nothing_is_refused_where_it_is(make_project, refusal):
    text = f"{GLOBAL}run: {{name: '${{modle.name}}'}}\n"
    project = make_project({"experiment/nothing.yaml": text})

    (problem,) = refusal(lambda: compose([*BASE, "experiment=nothing"], project))

    assert problem.where == "conf/experiment/nothing.yaml:2 run.name"
    assert "${modle.name}" in problem.what
