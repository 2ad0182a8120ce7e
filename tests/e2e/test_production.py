"""From logged calls to a test set that runs, and from a run to its score at production's mix."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalrunner.production import Sampler

DATA = Path(__file__).parents[2] / "datasets"


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """A quarter of banking77's training file as it would be logged; every third answer is wrong."""
    sink = tmp_path_factory.mktemp("calls")
    rows = [json.loads(x) for x in (DATA / "banking77_train.jsonl").read_text().splitlines()]
    with Sampler(rate=1.0, sink=sink, category="intent") as sampler:
        for number, row in enumerate(rows[::4]):
            truth = row["expected_output"]
            sampler.log(
                input=row["input"],
                output=truth if number % 3 else "no idea",
                id=f"call-{number}",
                metadata={"intent": truth},
            )
    assert (sampler.written, sampler.dropped) == (2501, 0)
    return sink


def test_a_test_set_from_logs_runs_at_once_and_offline(cli, logged):
    """Its recorded outputs are scored; nothing is asked of anybody."""
    made = cli("production", "dataset", str(logged), "--into", ".", "--name", "week", "--n", "154")

    done = cli(
        "run", "dataset=week", "model=week_recorded", "scorer=exact_match",
        "scorer.exact_match.target=category", "--json", sockets=False,
    )  # fmt: skip

    assert made.code == 0, made.err
    assert "154 cases without `expected_output`" in made.out
    assert "dataset=week model=week_recorded" in made.out
    assert done.code == 0, done.err
    (cell,) = json.loads(done.out)["cells"]
    assert (cell["n_error"], cell["quality"]["n"]) == (0, 154)
    assert cell["quality"]["low"] < 2 / 3 < cell["quality"]["high"]
    assert "category" in cell["slices"]
    again = cli("production", "dataset", str(logged), "--into", ".", "--name", "week")
    assert again.code == 2
    assert "there already" in again.err


def test_conversations_of_traces_run_as_messages(cli):
    """OTLP in, messages in the test set, and a prompt that passes them on."""
    turns = [
        {"role": "user", "parts": [{"type": "text", "content": "Reset it?"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "Sure?"}]},
        {"role": "user", "parts": [{"type": "text", "content": "yes"}]},
    ]
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": "Done."}]}]
    content = {"gen_ai.input.messages": turns, "gen_ai.output.messages": answer}
    attributes = [{"key": k, "value": {"stringValue": json.dumps(v)}} for k, v in content.items()]
    span = {"traceId": "1", "spanId": "2", "attributes": attributes}
    batch = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (cli.root / "trace.json").write_text(json.dumps(batch, indent=2))

    made = cli("production", "dataset", "trace.json", "--into", ".", "--json")
    done = cli(
        "run", "dataset=production", "model=production_recorded", "prompt=messages",
        "scorer=regex", "scorer.regex.pattern=Done", "--json", sockets=False,
    )  # fmt: skip

    assert json.loads(made.out)["n"] == 1
    assert done.code == 0, done.err
    assert json.loads(done.out)["cells"][0]["quality"]["value"] == 1


def test_drift_is_told_with_the_score_at_productions_mix(cli, logged):
    """A test set that never had half of the intents: its score is bounded, the gate fails."""
    rows = [json.loads(x) for x in (DATA / "banking77.jsonl").read_text().splitlines()]
    names = sorted({row["expected_output"] for row in rows})[:39]
    cases = [
        {**row, "category": row["expected_output"]}
        for row in rows
        if row["expected_output"] in names
    ]
    (cli.root / "conf/dataset").mkdir(parents=True)
    (cli.root / "datasets").mkdir()
    (cli.root / "datasets/half.jsonl").write_text("".join(f"{json.dumps(c)}\n" for c in cases))
    (cli.root / "conf/dataset/half.yaml").write_text("name: half\npath: datasets/half.jsonl\n")
    ran = cli("run", "dataset=half", "model=majority", "model.train=datasets/half.jsonl")
    assert ran.code == 0, ran.err
    (run,) = cli.runs()
    words = ("production", "drift", str(logged), "--dataset", "half", "--run", str(run), "--gate")

    shown, found = cli(*words), json.loads(cli(*words, "--json").out)

    assert shown.code == 1, shown.err
    assert "half against production: drift (mix and texts)" in shown.out
    assert '  production:\n    by: "category"\n    mix:\n' in shown.out  # fmt: skip
    (score,) = found["scores"]
    assert score["reweighted"]["value"] is None
    assert len(score["missing"]) == 38
    assert score["low"] < score["raw"]["value"] < score["high"]
    assert score["high"] - score["low"] == pytest.approx(score["missing_share"])
    assert {each["n_cases"] for each in found["to_label"][:10]} == {0}


def test_the_pasted_mix_gives_the_report_the_same_score(cli, logged):
    """Two ways to the score at production's mix, one number."""
    words = ("--into", ".", "--name", "even", "--n", "300", "--allocate", "equal")
    assert cli("production", "dataset", str(logged), *words).code == 0
    run = (
        "run", "dataset=even", "model=even_recorded", "scorer=exact_match",
        "scorer.exact_match.target=category",
    )  # fmt: skip
    assert cli(*run).code == 0
    drift = ("production", "drift", str(logged), "--dataset", "even", "--json")

    found = json.loads(cli(*drift, "--run", str(cli.runs()[0])).out)
    (cli.root / "conf/project").mkdir()
    pasted = {"production": found["production"]}
    (cli.root / "conf/project/default.yaml").write_text(
        f"# @package _global_\n{json.dumps(pasted)}\n"
    )
    report = cli(*run, "--json")

    assert report.code == 0, report.err
    (score,) = found["scores"]
    (entry,) = json.loads(report.out)["production"]["reweighted"]
    assert score["reweighted"] == entry["reweighted"]
    assert score["effective_n"] == pytest.approx(entry["n_eff"])
    assert score["reweighted"]["value"] != score["raw"]["value"]


def test_a_run_scored_by_labels_has_a_score_at_productions_mix(cli, logged):
    """A `labels` scorer needs the true labels; a run of another data set has nothing to say."""
    rows = [json.loads(x) for x in (DATA / "banking77.jsonl").read_text().splitlines()]
    (cli.root / "conf/dataset").mkdir(parents=True)
    for name, prefix in (("bank", ""), ("strange", "zug ")):
        cases = (
            {**r, "input": prefix + r["input"], "category": r["expected_output"]} for r in rows
        )
        (cli.root / f"{name}.jsonl").write_text("".join(f"{json.dumps(c)}\n" for c in cases))
        (cli.root / f"conf/dataset/{name}.yaml").write_text(f"name: {name}\npath: {name}.jsonl\n")
    labels = ("model=majority", "model.train=bank.jsonl", "scorer=labels")
    assert cli("run", "dataset=bank", "run.name=same", *labels).code == 0
    assert cli("run", "dataset=strange", "run.name=other", *labels).code == 0
    drift = ("production", "drift", str(logged), "--dataset", "bank", "--run")
    (same,), (other,) = (list(cli.root.glob(f"outputs/{name}/*")) for name in ("same", "other"))

    told, refused = cli(*drift, str(same), "--json"), cli(*drift, str(other))

    assert told.code == 0, told.err
    (score,) = json.loads(told.out)["scores"]
    assert 0 <= score["low"] <= score["high"] <= 1
    assert score["reweighted"]["n"] == len(rows)
    assert refused.code == 2
    assert "this run is of strange, not of bank" in refused.err


def test_the_gate_passes_for_the_same_traffic_and_cannot_tell_of_little(cli, logged):
    """0 without a drift, 3 where there is too little to see one, 2 for what is no log."""
    lines = sorted(line for path in logged.iterdir() for line in path.read_text().splitlines())
    rows = [json.loads(line) for line in lines]
    half = [{key: row[key] for key in ("id", "input", "category")} for row in rows[::2]]
    (cli.root / "half.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in half))
    (cli.root / "other.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows[1::2]))
    (cli.root / "few.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows[:20]))
    words = ("--dataset", "half.jsonl", "--gate")

    same, few = (cli("production", "drift", f"{name}.jsonl", *words) for name in ("other", "few"))
    none = cli("production", "drift", "half.jsonl", *words)

    assert same.code == 0, same.out + same.err
    assert "no drift" in same.out
    assert few.code == 3, few.out + few.err
    assert "to tell it takes 100 distinct texts" in few.out
    assert "mix:\n" not in few.out
    assert none.code == 2
    assert "no logged call" in none.err


def test_hostile_text_is_shown_harmless(cli):
    """Escapes of a terminal in every place that users can write to."""
    rows = [
        {"id": f"\x1b[2J{n}", "rate": 1, "input": f"\x1b]0;x\x07 {n * 'word '}",
         "output": "\x1b[1m", "category": "\x1b[31mred"}
        for n in range(40)
    ]  # fmt: skip
    name = "odd \x1b[2J\nname.jsonl"
    (cli.root / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"torn')
    cases = [{"input": f"case {n}", "category": "blue"} for n in range(40)]
    (cli.root / "cases.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases))

    drift = cli("production", "drift", name, "--dataset", "cases.jsonl")
    made = cli("production", "dataset", name, "--into", ".", "--n", "5")

    assert drift.code == made.code == 0, drift.err + made.err
    assert "\x1b" not in drift.out + drift.err + made.out + made.err
    assert "torn" in drift.err
    card = (cli.root / "datasets/production.md").read_text()
    assert "<" not in card
