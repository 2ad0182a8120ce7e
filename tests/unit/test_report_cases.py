"""The data of the case browser: what is filtered by, and every answer beside its case."""

import hashlib
import json
import re
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import CASES, failed, line, new_run, project, tokens, trial, write_journal

from evalrunner.errors import StoreError
from evalrunner.report import build_report
from evalrunner.report.page import write_page
from evalrunner.report.page.cases import case_data, decoded

TRIAL = [
    "repeat",
    "prompt",
    "output",
    "status",
    "error",
    "stop_reason",
    "scores",
    "usage",
    "cost_usd",
    "spent_usd",
    "latency_s",
    "attempts",
    "cached",
    "served_model",
    "request_id",
    "detail",
    "shown",
]


@pytest.fixture
def root(tmp_path):
    return project(tmp_path)


def data_of(directory, records):
    """The case data of a run with this journal."""
    summary = build_report(write_journal(directory, records), figures=False)
    return case_data(directory, summary)


def blobs_of(directory, records):
    """What is in the page, by name."""
    data = data_of(directory, records)
    assert data.is_inline
    return {name: decoded(text) for name, text in data.scripts}


def test_index_has_score_and_status_of_every_case_and_cell(root):
    run = new_run(root, "prompt=ask,beg")
    records = [
        trial(value=0.12345),
        trial(0, 1, status="refused", value=0.0),
        failed(0, 2),
        trial(1, 0, value=None),
        trial(1, 1, status="truncated", value=0.0),
    ]

    index = blobs_of(run, records)["index"]

    (group,) = index["groups"]
    assert group["ids"] == ["c0", "c1", "c2"]
    assert group["titles"] == [case["input"] for case in CASES]
    assert group["score"] == {"0": [0.123, 0, None], "1": [None, 0, None]}
    assert group["status"] == {"0": "ore", "1": "uts"}
    assert (group["first_page"], group["n_pages"], group["cells"]) == (0, 1, [0, 1])
    assert (index["version"], index["is_inline"], group["people"]) == (1, True, {})
    names = ("id", "role", "group", "repeats", "quality")
    assert [[cell[name] for name in names] for cell in index["cells"]] == [
        [0, "candidate", 0, 1, "exact_match"],
        [1, "candidate", 0, 1, "exact_match"],
    ]


def test_page_has_the_case_its_prompts_and_every_trial(root):
    run = new_run(root, "prompt=ask,beg")
    records = [trial(usage=tokens(3, 4)), failed(1, 0)]

    page = blobs_of(run, records)["cases-0000"]

    first = page["cases"][0]
    assert (first["id"], first["input"], first["expected"]) == ("c0", "to billing", "billing")
    assert (first["rubric"], first["fields"]) == (None, {"channel": "mail"})
    asked = {prompt["user"] for prompt in first["prompts"].values()}
    assert asked == {"Which team? to billing", "Please, which team? to billing"}
    (done,), (lost,) = first["trials"]["0"], first["trials"]["1"]
    assert list(done) == TRIAL
    assert (done["output"], done["usage"]["output_tokens"]) == ("to billing", 4)
    assert done["scores"]["exact_match"]["value"] == 1.0
    assert done["shown"] == {"cost": "–", "latency": "500 ms"}
    assert (lost["status"], lost["error"]["kind"]) == ("error", "timeout")
    (skipped,) = page["cases"][1]["trials"]["0"]
    assert (skipped["status"], skipped["output"]) == ("skipped", None)


def test_prompt_of_a_trial_is_found_by_its_hash(root):
    """Rendered again from the run's own copies, for whole messages too."""
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    given = [*messages, {"role": "user", "content": "to\nbilling"}]
    cases = [{"id": "c0", "input": given, "expected_output": "billing"}]
    run = new_run(project(root, cases=cases), "prompt=short", "prompt.user=null")
    page = blobs_of(run, [trial()])
    (sha256,) = page["cases-0000"]["cases"][0]["prompts"]

    page = blobs_of(run, [trial(prompt_sha256=sha256)])

    (case,) = page["cases-0000"]["cases"]
    prompt = case["prompts"][case["trials"]["0"][0]["prompt"]]
    assert prompt == {"system": None, "user": given}
    assert page["index"]["groups"][0]["titles"] == ["to billing"]


def test_repeats_stand_side_by_side_and_count_by_their_mean_and_their_worst(root):
    run = new_run(root, "run.repeats=2")
    records = [trial(), trial(repeat=1, value=0.0), trial(0, 1), failed(0, 1, 1)]

    blobs = blobs_of(run, records)

    (group,) = blobs["index"]["groups"]
    assert group["score"]["0"] == [0.5, 1, None]
    assert group["status"]["0"] == "oes"
    first = blobs["cases-0000"]["cases"][0]
    assert [each["repeat"] for each in first["trials"]["0"]] == [0, 1]
    assert [each["scores"]["exact_match"]["value"] for each in first["trials"]["0"]] == [1, 0]


def test_cells_with_other_cases_are_a_group_with_pages_of_its_own(root):
    """A sweep over data sets: facets that share no case."""
    other = {
        "conf/dataset/other.yaml": "name: other\npath: datasets/other.jsonl\n",
        "datasets/other.jsonl": '{"id": "x", "input": {"a": 1}, "expected_output": [1]}\n',
    }
    run = new_run(project(root, other), "dataset=tickets,other", "prompt=ask")

    blobs = blobs_of(run, [trial(), trial(1, 3, case_id="x")])

    first, second = blobs["index"]["groups"]
    assert (first["first_page"], second["first_page"]) == (0, 1)
    assert (second["ids"], second["titles"], second["cells"]) == (["x"], ['{"a":1}'], [1])
    assert [cell["group"] for cell in blobs["index"]["cells"]] == [0, 1]
    (case,) = blobs["cases-0001"]["cases"]
    assert (case["input"], case["expected"]) == ({"a": 1}, [1])
    assert list(case["trials"]) == ["1"]


def test_canaries_stand_beside_the_candidates_for_the_cases_that_they_have(root):
    cases = [{"id": f"c{n}", "input": f"ask {n}", "expected_output": "x"} for n in range(23)]
    run = new_run(project(root, cases=cases), "prompt=ask", "run.canaries=true")

    blobs = blobs_of(run, [trial(1, 0, output="", value=0.0)])

    (group,) = blobs["index"]["groups"]
    assert group["cells"][:2] == [0, 1]
    assert group["status"]["1"] == "o" + 19 * "s" + "---"
    assert group["score"]["1"] == [0, *[None] * 22]
    pages = [case for name in blobs if name.startswith("cases-") for case in blobs[name]["cases"]]
    assert ["1" in case["trials"] for case in pages] == [True] * 20 + [False] * 3


def test_candidates_are_compared_with_the_baseline_or_else_with_the_best(root):
    records = [trial(0, 0, value=0.0), trial(1, 0), trial(2, 0, value=0.0)]

    best = blobs_of(new_run(root, "prompt=ask,beg,short"), records)
    chosen = blobs_of(new_run(root, "prompt=ask,beg,short", "run.baseline={prompt: ask}"), records)

    assert [cell["reference"] for cell in best["index"]["cells"]] == [1, None, 1]
    assert [cell["reference"] for cell in chosen["index"]["cells"]] == [None, 0, 0]


def test_quality_may_be_a_metric_of_a_scorer(root):
    cases = [{"id": "c0", "input": "a", "expected_output": {"amount": 3, "day": 1}}]
    fields = "scorer=json_fields"
    run = new_run(project(root, cases=cases), fields, "run.quality=json_fields.amount")
    criteria = [
        {"criterion": "amount", "passed": False, "reason": None},
        {"criterion": "day", "passed": True, "reason": None},
    ]
    score = {"value": 0.5, "reason": None, "label": None, "criteria": criteria, "cost_usd": None}

    index = blobs_of(run, [trial(scores={"json_fields": score})])["index"]

    assert index["cells"][0]["quality"] == "json_fields.amount"
    assert index["groups"][0]["score"]["0"] == [0]


def test_slices_have_one_value_a_case_and_say_which_cases_lack_it(root):
    sliced = ({"tags": ["late", "new"]}, {"channel": "mail"}, {"tags": ["late"], "channel": "chat"})
    common = {"input": "a", "expected_output": "b"}
    cases = [{"id": f"c{n}", **common, **more} for n, more in enumerate(sliced)]
    run = new_run(project(root, cases=cases), "dataset.slices=[tags,channel]")

    (group,) = blobs_of(run, [])["index"]["groups"]

    tags, channel = group["slices"]["tags"], group["slices"]["channel"]
    assert [tags["values"][code] for code in tags["codes"]] == ["late", "(missing)", "late"]
    assert [channel["values"][code] for code in channel["codes"]] == ["(missing)", "mail", "chat"]


def test_labels_of_people_are_averaged_for_the_output_that_they_were_given_for(root):
    run = new_run(root, "prompt=ask,beg")
    output = hashlib.sha256(b"to billing").hexdigest()
    labels = [
        {"case_id": "c0", "cell": 0, "label": 1, "rater": "a"},
        {"case_id": "c0", "cell": "beg", "scorer": "exact_match", "label": 0},
        {"case_id": "c0", "cell": 0, "label": 0.5, "rater": "b"},
        {"case_id": "c0", "cell": 0, "scorer": "another", "label": 0},
        {"case_id": "c0", "cell": 0, "criterion": "Polite", "label": 0},
        {"case_id": "c1", "output_sha256": output, "label": 0},
        {"case_id": "c1", "output_sha256": "of another answer", "label": 1},
        {"case_id": "c2", "label": 1},
        {"case_id": "c2", "cell": 0, "label": 7},
        {"case_id": "c2", "cell": 0, "label": True},
        "no label",
    ]
    lines = "".join(json.dumps(label) + "\n" for label in labels)
    (run / "labels.jsonl").write_text(lines + '{"torn')
    records = [trial(cell, case) for cell in (0, 1) for case in (0, 1, 2)]

    (group,) = blobs_of(run, records)["index"]["groups"]

    assert group["people"] == {"0": [0.75, 0, None], "1": [0, 0, None]}


def test_label_of_a_case_alone_counts_where_there_is_one_candidate(root):
    run = new_run(root, "run.repeats=2")
    labels = [{"case_id": "c0", "label": 1}, {"case_id": "c1", "repeat": 1, "label": 0}]
    (run / "labels.jsonl").write_text("".join(json.dumps(each) + "\n" for each in labels))

    (group,) = blobs_of(run, [trial(), trial(0, 1), trial(0, 1, 1)])["index"]["groups"]

    assert group["people"] == {"0": [1, 0, None]}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(output=st.text(st.characters(exclude_categories=()), max_size=40))
def test_whatever_a_model_says_is_in_the_page_unchanged(root, output):
    """A21."""
    run = next(root.glob("outputs/tests/*"), None) or new_run(root)

    page = blobs_of(run, [trial(output=output)])["cases-0000"]

    assert page["cases"][0]["trials"]["0"][0]["output"] == output


@pytest.mark.parametrize(
    "output",
    ["\ud800 half", "a\x00b", "</script><script>alert(1)</script>", "\u2028\u2029", "]]>", "é" * 9],
)
def test_hostile_text_is_in_no_byte_of_the_page_but_packed(root, output):
    """F1, A21."""
    run = new_run(root)

    data = data_of(run, [trial(output=output)])

    scripts = dict(data.scripts)
    assert all(re.fullmatch(r"[A-Za-z0-9+/=]+", text) for text in scripts.values())
    shown = decoded(scripts["cases-0000"])["cases"][0]["trials"]["0"][0]
    assert shown["output"] == output


def test_output_of_a_megabyte_is_whole(root):
    output = "0123456789" * 100_000

    page = blobs_of(new_run(root), [trial(output=output)])["cases-0000"]

    assert page["cases"][0]["trials"]["0"][0]["output"] == output


def test_whole_number_that_a_browser_would_round_is_text(root):
    """C7."""
    cases = [{"id": "c0", "input": "a", "expected_output": 2**60 + 1, "n": 7, "yes": True}]

    page = blobs_of(new_run(project(root, cases=cases)), [])["cases-0000"]

    (case,) = page["cases"]
    assert case["expected"] == str(2**60 + 1)
    assert case["fields"] == {"n": 7, "yes": True}


def test_secret_is_in_no_blob_and_ids_stay_what_they_are(root, monkeypatch):
    """F6; an id that looks like a key is none."""
    monkeypatch.setenv("SOME_API_KEY", 'secret "value" 1')
    cases = [{"id": "sk-aaaaaaaaaaaaaaaaaaaa", "input": "a", "expected_output": "b"}]
    run = new_run(project(root, cases=cases))
    said = 'the key is secret "value" 1, or\nsk-bbbbbbbbbbbbbbbbbbbb'

    blobs = blobs_of(run, [trial(output=said, case_id=cases[0]["id"])])

    (case,) = blobs["cases-0000"]["cases"]
    assert case["id"] == cases[0]["id"] == blobs["index"]["groups"][0]["ids"][0]
    assert case["trials"]["0"][0]["output"] == "the key is [redacted], or\n[redacted]"


def test_run_that_was_moved_away_from_its_project_shows_the_same(root, tmp_path_factory):
    run = new_run(root, "prompt=ask,beg")
    records = [trial(), trial(1, 1)]
    before = list(data_of(run, records).scripts)
    moved = tmp_path_factory.mktemp("elsewhere") / "run"
    shutil.copytree(run, moved)
    shutil.rmtree(root)

    after = case_data(moved, build_report(moved, figures=False))

    assert list(after.scripts) == before


def test_same_run_gives_the_same_bytes(root):
    run = new_run(root, "prompt=ask,beg")

    first, second = (list(data_of(run, [trial()]).scripts) for _ in range(2))

    assert first == second


def test_damaged_lines_of_the_journal_count_as_never_written(root):
    run = new_run(root)
    broken = line(trial(0, 1)).replace(b"to billing", b"to BILLING")

    (group,) = blobs_of(run, [trial(), broken, b"\xff\xfe\n"])["index"]["groups"]

    assert group["status"]["0"] == "oss"


def test_last_of_several_records_of_a_trial_counts_as_after_a_resume(root):
    run = new_run(root)

    blobs = blobs_of(run, [failed(), trial(output="at last")])

    assert blobs["index"]["groups"][0]["status"]["0"] == "oss"
    assert blobs["cases-0000"]["cases"][0]["trials"]["0"][0]["output"] == "at last"


def test_directory_without_trials_has_no_case_data(root):
    assert case_data(new_run(root), {"cells": [], "run": {}}) is None


@pytest.mark.parametrize("damage", ["", "{}\n", "no JSON\n", "[]\n", '{"cell": 0}\n'])
def test_trials_of_another_run_are_refused_and_the_summary_stays(root, damage):
    run = new_run(root)
    summary = build_report(write_journal(run, [trial()]), figures=False)
    written = (run / "summary.json").read_bytes()
    rows = (run / "trials.jsonl").read_text().splitlines(keepends=True)
    (run / "trials.jsonl").write_text("".join([rows[0], damage]))

    with pytest.raises(StoreError, match="evalrunner report"):
        write_page(run)

    assert (run / "summary.json").read_bytes() == written
    assert json.loads(written) == json.loads(json.dumps(summary))


def test_row_whose_case_is_another_one_now_is_refused(root):
    run = new_run(root)
    summary = build_report(write_journal(run, [trial()]), figures=False)
    cases = (run / "cases.jsonl").read_text()
    (run / "cases.jsonl").write_text(cases.replace("to billing", "to nobody"))

    with pytest.raises(StoreError, match="evalrunner report"):
        case_data(run, summary)
