"""Flags on data that nobody made for them: recorded answers, and real categories."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def gsm8k(module_cli):
    """The recorded answers of two models to 1,319 problems, scored by the last number."""
    done = module_cli("run", "experiment=gsm8k_replay", sockets=False)
    assert done.code == 0, done.err
    (run,) = module_cli.outputs.glob("gsm8k_replay/*")
    return run, done


def summary_of(run):
    return json.loads((run / "summary.json").read_text())


def test_simpler_reading_costs_gpt_4_the_42_answers_of_the_published_trap(gsm8k):
    """Trap 2: 85.67 % as published, by whole numbers; 88.86 % where "$20.00" is 20."""
    run, done = gsm8k

    summary = summary_of(run)

    readings = {entry["cell"]: entry for entry in summary["extraction"]}
    labels = {cell["label"]: cell["id"] for cell in summary["cells"]}
    trap = readings[labels["gpt_4_1106_recorded"]]
    assert trap["n_disagree"] == len(set(trap["cases"])) == 42
    assert trap["value"]["value"] == pytest.approx(0.8567, abs=1e-4)
    (flag,) = [f for f in summary["flags"] if f["code"] == "extraction_disagrees"]
    assert flag["cell"] == labels["gpt_4_1106_recorded"]  # 5 of Mixtral's are no trap
    assert "42 of 1,319 answers of gpt_4_1106_recorded score differently" in done.out


def test_ordinary_run_has_no_red_flag_and_its_recommendation(gsm8k):
    run, _ = gsm8k

    summary = summary_of(run)

    assert {flag["severity"] for flag in summary["flags"]} == {"yellow"}
    assert summary["recommendation"]["cell"] == 1


def test_build_fails_on_a_flag_that_it_names(module_cli, gsm8k):
    run, _ = gsm8k

    raised, absent, unheard = (
        module_cli("report", str(run), "--fail-on", f"flag:{code}")
        for code in ("extraction_disagrees", "too_easy", "too_esay")
    )

    assert (raised.code, absent.code, unheard.code) == (1, 0, 2)
    assert "flag:too_easy?" in unheard.err
    assert "hidden_failure" in unheard.err


def test_intents_behind_a_fair_headline_are_found(module_cli):
    done = module_cli(
        "run",
        "experiment=quickstart",
        "model=keywords",
        "dataset.limit=null",
        "dataset.slices=[expected_output]",
        "run.name=slices",
        sockets=False,
    )

    (run,) = module_cli.outputs.glob("slices/*")
    (flag,) = [f for f in summary_of(run)["flags"] if f["code"] == "hidden_failure"]
    assert done.code == 0, done.err
    worst = flag["evidence"]["slices"][0]
    assert (worst["value"], worst["quality"], worst["n"]) == ("why_verify_identity", 0.2, 40)
    assert flag["evidence"]["n_slices"] == 9
