"""`compare`, and the gates of `run` and `report`, as they are typed."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree as ET

import pytest
from runs import project, rows_of

from evalrunner.cli import main

pytestmark = pytest.mark.usefixtures("quick_runs")

MODELS = """import evalrunner

@evalrunner.model
def good(prompt):
    return prompt.split()[-1]

@evalrunner.model
def fair(prompt):
    return prompt.split()[-1] if int(prompt.split()[0]) % 10 else "no"

@evalrunner.model
def poor(prompt):
    return prompt.split()[-1] if int(prompt.split()[0]) % 2 else "no"

@evalrunner.model
def lean(prompt):
    n = int(prompt.split()[0])
    return prompt.split()[-1] if n % 2 == 0 or n % 10 == 1 else "no"

@evalrunner.model
def lame(prompt):
    if int(prompt.split()[0]) < 40:
        raise ValueError("down")
    return prompt.split()[-1]
"""
CASES = tuple(
    {
        "id": f"c{n:03}",
        "input": f"{n} to {('billing', 'delivery')[n % 2]}",
        "expected_output": ("billing", "delivery")[n % 2],
        "channel": ("mail", "chat")[n % 2],
    }
    for n in range(200)
)
FILES = {
    "models.py": MODELS,
    "conf/dataset/tickets.yaml": (
        "name: tickets\npath: datasets/tickets.jsonl\nslices: [channel]\n"
    ),
    **{
        f"conf/model/{name}.yaml": f"provider: python\nfunction: models.py:{name}\n"
        for name in ("good", "fair", "poor", "lean", "lame")
    },
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return project(tmp_path, FILES, cases=CASES)


def run(root, *words, name="tests"):
    before = set(root.glob(f"outputs/{name}/*"))
    code = main(["run", "experiment=base", f"run.name={name}", *words])
    made = set(root.glob(f"outputs/{name}/*")) - before
    return code, next(iter(made), None)


def summary_of(directory):
    return json.loads((directory / "summary.json").read_text())


# --- inside a run ----------------------------------------


def test_run_says_which_cell_is_better_and_lists_the_cases_they_differ_on(root, capsys):
    code, directory = run(root, "model=good,poor")

    said = capsys.readouterr().out
    (entry,) = summary_of(directory)["comparisons"]
    assert code == 0
    assert (entry["a"], entry["b"], entry["conclusion"]) == (0, 1, "better")
    assert entry["difference"]["value"] == 0.5
    assert "good is better than poor by 50.0 points" in said
    assert "good is better than poor by 50.0 points" in (directory / "summary.md").read_text()
    flips = rows_of(directory / "flips.jsonl")
    assert [flip["case_id"] for flip in flips] == [f"c{n:03}" for n in range(0, 200, 2)]


def test_baseline_is_compared_with_every_other_cell(root):
    _, directory = run(root, "model=good,fair,poor", "run.baseline={model: fair}")

    found = [(entry["a"], entry["b"]) for entry in summary_of(directory)["comparisons"]]
    assert found == [(0, 1), (2, 1)]


def test_facets_and_canaries_stay_apart(root):
    _, directory = run(root, "model=good,poor", "dataset.limit=20,30")

    entries, cells = (summary_of(directory)[key] for key in ("comparisons", "cells"))
    facets = {cell["id"]: cell["facet"] for cell in cells}
    assert len(entries) == 2
    assert all(facets[e["a"]] == facets[e["b"]] == e["facet"] for e in entries)


def test_slice_that_says_the_contrary_is_told(root, capsys):
    """`lean` is right by mail and on a fifth of the chats, `poor` on all chats alone."""
    run(root, "model=lean,poor")

    said = capsys.readouterr().out
    assert "  but in channel chat: poor is better than lean by 80.0 points" in said


def test_best_of_many_cells_is_said_to_be_flattered(root, capsys):
    names = ",".join(f"m{n}" for n in range(18))
    _, directory = run(root, "model=poor", f"model.name={names}", "dataset.limit=10")

    said = capsys.readouterr().out
    entries = summary_of(directory)["comparisons"]
    assert len(entries) == 17
    assert {(entry["b"], entry["selected"]) for entry in entries} == {(0, True)}
    assert "compared with model.name=m0, the best on these very cases" in said
    assert "… and 2 comparisons more, in summary.json" in said


def test_order_of_the_cases_in_the_file_changes_no_comparison(root):
    found = []
    for rows in (CASES, CASES[::-1]):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (root / "datasets/tickets.jsonl").write_text(text)
        _, directory = run(root, "model=good,fair,poor", "run.repeats=2")
        found.append(
            (
                json.dumps(summary_of(directory)["comparisons"]),
                (directory / "flips.jsonl").read_text(),
            )
        )

    assert found[0] == found[1]


def test_shipped_gsm8k_answers_differ_by_25_2_points(tmp_path, monkeypatch):
    """63.61 % and 88.86 % with decimals read; upstream's own flags say 21.8 points."""
    monkeypatch.chdir(tmp_path)
    assert main(["run", "experiment=gsm8k_replay"]) == 0

    (directory,) = tmp_path.glob("outputs/gsm8k_replay/*")
    (entry,) = summary_of(directory)["comparisons"]
    assert entry["difference"]["value"] == pytest.approx(839 / 1319 - 1172 / 1319)
    assert (entry["wins"], entry["losses"], entry["n_paired"]) == (65, 398, 1319)
    assert entry["conclusion"] == "worse"


# --- two runs --------------------------------------------


def test_second_run_is_held_to_the_first(root, capsys):
    (_, good), (_, poor) = run(root, "model=good"), run(root, "model=poor")
    capsys.readouterr()

    assert main(["compare", str(good), str(poor), "--gate"]) == 1
    said = capsys.readouterr().out
    assert main(["compare", str(poor), str(good), "--gate"]) == 0

    assert (
        f"good/short ({good.name}) is better than poor/short ({poor.name}) by 50.0 points" in said
    )
    assert "  lost 100: c000, c002" in said
    gate = said.split("\n\n")[-1].splitlines()
    assert gate[0] == "Gate failed: 1 check, 1 failed"
    assert gate[1].startswith("  failed  poor/short · ")
    assert (poor / "compare.md").read_text().startswith("## Gate failed: 1 check, 1 failed\n")
    assert ET.parse(poor / "compare.xml").find("testsuite").get("failures") == "1"


def test_few_cases_cannot_tell_and_the_gate_says_so(root, capsys):
    (_, one), (_, two) = (
        run(root, f"model={name}", "dataset.limit=12") for name in ("good", "fair")
    )
    capsys.readouterr()

    assert main(["compare", str(one), str(two), "--gate", "--json"]) == 3

    found = json.loads(capsys.readouterr().out)
    assert found["gate"]["outcome"] == "inconclusive"
    assert found["comparisons"][0]["n_more"] > 0


def test_wider_margin_makes_not_worse_of_cannot_tell(root, capsys):
    (_, one), (_, two) = run(root, "model=good"), run(root, "model=good")

    assert main(["compare", str(one), str(two), "--gate", "--margin", "0.005"]) == 3
    assert main(["compare", str(one), str(two), "--gate", "--margin", "0.05"]) == 0
    assert "differ by less than 5 points" in capsys.readouterr().out


@pytest.mark.parametrize("margin", ["0", "1.5", "-0.1"])
def test_margin_that_is_no_share_is_refused(root, margin, capsys):
    _, one = run(root, "model=good")

    assert main(["compare", str(one), str(one), f"--margin={margin}"]) == 2
    assert "--margin" in capsys.readouterr().err


def test_only_cases_that_did_not_change_are_paired(root, capsys):
    _, old = run(root, "model=good")
    rows = [dict(case) for case in CASES[5:]] + [CASES[0] | {"id": "new"}]
    rows[0]["input"] = "5 please to delivery"
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "datasets/tickets.jsonl").write_text(text)
    _, new = run(root, "model=good")
    capsys.readouterr()

    main(["compare", str(old), str(new), "--json"])
    found = json.loads(capsys.readouterr().out)
    main(["compare", str(old), str(new)])

    (entry,) = found["comparisons"]
    assert entry["cases"] == {"paired": 194, "changed": ["c005"], "only_a": 1, "only_b": 5}
    assert entry["n_paired"] == 194
    said = capsys.readouterr().out
    assert "194 cases paired, 1 only in the candidate, 5 only in the reference" in said
    assert "1 case changed and not paired: c005" in said


def test_cells_of_equal_model_and_prompt_are_paired(root, capsys):
    _, old = run(root, "model=good,poor")
    _, new = run(root, "model=poor,good,fair")
    capsys.readouterr()

    main(["compare", str(old), str(new), "--json"])

    found = json.loads(capsys.readouterr().out)
    pairs = [(entry["label_a"], entry["label_b"]) for entry in found["comparisons"]]
    assert pairs == [("poor", "poor"), ("good", "good")]
    assert found["unpaired"] == {"candidate": ["fair"], "reference": []}
    assert {entry["difference"]["value"] for entry in found["comparisons"]} == {0.0}


def test_screen_tells_of_contrary_slices_and_of_cells_without_a_partner(root, capsys):
    (_, old), (_, new) = run(root, "model=poor"), run(root, "model=lean,poor")
    capsys.readouterr()

    main(["compare", f"{old}:poor/short", f"{new}:lean"])
    sliced = capsys.readouterr().out
    main(["compare", str(old), str(new)])
    whole = capsys.readouterr().out

    assert "  but in channel chat: poor/short" in sliced
    assert "differ by less than 2 points" in whole
    assert "only in the candidate: lean" in whole


@pytest.mark.parametrize("cells", [("0", "1"), ("good", "poor")])
def test_cells_of_one_run_are_named_by_id_or_label(root, cells, capsys):
    _, directory = run(root, "model=good,poor")
    capsys.readouterr()

    code = main(["compare", f"{directory}:{cells[0]}", f"{directory}:{cells[1]}", "--gate"])

    assert code == 1
    assert "good is better than poor by 50.0 points" in capsys.readouterr().out


def test_unknown_cell_is_refused_with_those_there_are(root, capsys):
    _, directory = run(root, "model=good,poor")

    assert main(["compare", str(directory), f"{directory}:best"]) == 2
    assert "0 (good), 1 (poor)" in capsys.readouterr().err


def test_what_is_no_run_is_refused(root, capsys):
    assert main(["compare", str(root), str(root / "x:1")]) == 2
    assert "is no run directory" in capsys.readouterr().err


def test_runs_without_a_common_cell_are_refused(root, capsys):
    (_, one), (_, two) = run(root, "model=good,poor"), run(root, "model=fair,lame")

    assert main(["compare", str(one), str(two)]) == 2
    assert "RUN:CELL RUN:CELL" in capsys.readouterr().err


def test_runs_that_measure_another_quality_are_refused(root, capsys):
    (_, one), (_, two) = run(root, "model=good"), run(root, "model=good", "scorer=[contains]")

    assert main(["compare", str(one), str(two)]) == 2
    assert "quality is 'exact_match' in the first and 'contains' in the second" in (
        capsys.readouterr().err
    )


def test_scorer_that_was_set_differently_is_warned_of(root, capsys):
    (_, one), (_, two) = (
        run(root, "model=good", f"scorer.exact_match.ignore_case={value}")
        for value in ("true", "false")
    )
    capsys.readouterr()

    assert main(["compare", str(one), str(two)]) == 0
    assert "warning: the scorer is not set alike in both runs" in capsys.readouterr().out


def test_comparing_changes_neither_run(root):
    (_, one), (_, two) = run(root, "model=good"), run(root, "model=poor")
    before = {path: path.read_bytes() for d in (one, two) for path in d.rglob("*.json*")}

    main(["compare", str(one), str(two), "--gate"])

    after = {path: path.read_bytes() for d in (one, two) for path in d.rglob("*.json*")}
    assert after == before


def test_run_without_its_trials_says_how_to_rebuild_them(root, capsys):
    _, directory = run(root, "model=good")
    (directory / "trials.jsonl").unlink()

    assert main(["compare", str(directory), str(directory)]) == 5
    assert f"evalrunner report {directory}" in capsys.readouterr().err


def test_trials_that_lack_a_cell_of_the_plan_are_not_taken_for_whole(root, capsys):
    _, directory = run(root, "model=good,poor")
    path = directory / "trials.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:200]))

    assert main(["compare", f"{directory}:0", f"{directory}:1"]) == 5
    assert f"evalrunner report {directory}" in capsys.readouterr().err


def test_answers_missing_on_one_side_keep_a_conclusion_from_being_drawn(root, capsys):
    """`lame` gave no answer to 40 cases; had they been wrong, it would be worse than `poor`."""
    _, one = run(root, "model=fair")
    _, two = run(root, "model=lame", "run.max_missing=1")
    capsys.readouterr()

    assert main(["compare", str(one), str(two), "--gate", "--json"]) == 3

    (entry,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert entry["missing"]["only_b"] == 40
    assert "missing on one side" in entry["because"]


# --- gates of one run ------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["decide.quality_floor=0.8"], 0),
        (["decide.quality_floor=0.9"], 3),
        (["decide.quality_floor=0.97"], 1),
        (["decide.require={exact_match: 0.8}"], 0),
        (["decide.require={channel\\=mail: 0.95}"], 1),
        (["decide.quality_floor=0.8", "decide.require={channel\\=chat: 0.99}"], 3),
        (["decide.max_latency_p90_s=100"], 0),
    ],
)
def test_run_ends_with_what_the_gate_finds(root, words, expected, capsys):
    """`fair` gets 180 of 200: 85.1 to 93.4 %."""
    code, directory = run(root, "model=fair", *words, "--gate")

    said = capsys.readouterr().out
    assert code == expected
    head = (directory / "gate.md").read_text().splitlines()[0]
    assert said.split("\n\n")[-1].splitlines()[0] == head.removeprefix("## ")
    assert ET.parse(directory / "gate.xml").find("testsuite/testcase") is not None
    assert main(["report", str(directory), "--gate"]) == expected


def test_gate_that_asks_for_nothing_is_refused_before_the_run(root, capsys):
    code, directory = run(root, "model=good", "--gate")

    assert (code, directory) == (2, None)
    assert "decide.quality_floor" in capsys.readouterr().err


def test_gate_on_what_nobody_measures_is_refused_before_the_run(root, capsys):
    code, directory = run(root, "model=good", "decide.require={exakt: 0.9}", "--gate")

    assert (code, directory) == (2, None)
    assert "decide.require.exakt" in capsys.readouterr().err


def test_run_that_misses_too_much_passes_no_gate(root):
    code, _ = run(root, "model=lame", "decide.quality_floor=0.5", "--gate")

    assert code == 3


JUDGED = {
    "models.py": MODELS
    + """
import json, re

@evalrunner.model
def lenient(messages):
    found = {"evidence": "", "reason": "so it is", "verdict": "PASS"}
    numbers = sorted(set(re.findall(r'"criterion_(\\d+)"', messages[-1]["content"])))
    return json.dumps({f"criterion_{n}": found for n in numbers} | {"summary": "done"})
""",
    "conf/judge/lenient.yaml": (
        "model: {provider: python, function: 'models.py:lenient'}\ncanaries: true\n"
    ),
}


def test_flag_named_on_the_command_line_fails_the_run(root, capsys):
    """A judge that passes whatever it sees."""
    cases = [case | {"rubric": ["is kind"]} for case in CASES[:4]]
    project(root, FILES | JUDGED, cases=cases)
    words = ["model=good", "scorer=rubric", "judge=lenient"]

    code, directory = run(root, *words, "--fail-on", "flag:judge_inflation")

    assert code == 1, capsys.readouterr()
    assert "failed: 1 check" in (directory / "gate.md").read_text()
    assert main(["report", str(directory), "--fail-on", "flag:self_preference"]) == 0


@pytest.mark.parametrize("word", ["judge_noise", "flag:", "slice:x"])
def test_what_is_no_flag_code_is_refused(root, word, capsys):
    code, directory = run(root, "model=good", "--fail-on", word)

    assert (code, directory) == (2, None)
    assert "is not flag:CODE" in capsys.readouterr().err


def test_gate_of_a_report_is_in_its_json(root, capsys):
    _, directory = run(root, "model=good", "decide.quality_floor=0.9")
    capsys.readouterr()

    assert main(["report", str(directory), "--gate", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert found.pop("gate")["outcome"] == "passed"
    assert found == summary_of(directory)


def test_resumed_run_has_a_gate_too(root):
    _, directory = run(root, "model=good", "decide.quality_floor=0.999")
    (directory / "journal.jsonl").write_text("")
    shutil.rmtree(root / "cache", ignore_errors=True)

    assert main(["run", "--resume", str(directory), "--gate"]) == 3
