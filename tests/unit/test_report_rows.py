"""`trials.jsonl` and `errors.jsonl`: one row a planned trial, whatever the journal looks like."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runs import CASES, failed, line, new_run, project, rows_of, tokens, trial, write_journal

from evalrunner.errors import ConfigError, StoreError
from evalrunner.report import build_report

ROW = [
    "cell",
    "case_id",
    "repeat",
    "axes",
    "input",
    "prompt_sha256",
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
]
COUNTS = ("n_ok", "n_refused", "n_truncated", "n_error", "n_skipped")


@pytest.fixture
def run(tmp_path):
    return new_run(project(tmp_path), "prompt=ask,beg")


def report(directory, records, **options):
    write_journal(directory, records)
    summary = build_report(directory, figures=False, **options)
    return summary, rows_of(directory / "trials.jsonl"), rows_of(directory / "errors.jsonl")


def test_rows_have_the_documented_keys_in_their_order(run):
    """Design 8; what was added since stands behind."""
    records = [trial(usage=tokens(3, 4)), failed(0, 1), trial(0, 2, status="refused", value=0.0)]

    _, rows, _ = report(run, records)

    assert all(list(row)[: len(ROW)] == ROW for row in rows)
    assert list(rows[0]["usage"]) == [
        "input_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "output_tokens",
        "reasoning_tokens",
        "estimated",
    ]
    assert list(rows[0]["scores"]["exact_match"]) == [
        "value",
        "reason",
        "label",
        "criteria",
        "cost_usd",
    ]


def test_rows_are_in_grid_order_whatever_the_order_of_the_journal(run):
    records = [trial(cell, case) for cell in (1, 0) for case in (2, 0, 1)]

    _, rows, _ = report(run, records)

    assert [(row["cell"], row["case_id"]) for row in rows] == [
        (cell, f"c{case}") for cell in (0, 1) for case in (0, 1, 2)
    ]
    assert [row["axes"]["prompt"] for row in rows] == ["ask"] * 3 + ["beg"] * 3
    assert rows[1]["input"] == "to delivery"


def test_trials_that_were_never_done_are_skipped_not_wrong(run):
    summary, rows, errors = report(run, [trial(0, 0)])

    missing = rows[1]
    assert missing["status"] == "skipped"
    assert missing["error"]["kind"] == "cancelled"
    assert missing["scores"] == {}
    assert (missing["cost_usd"], missing["spent_usd"], missing["latency_s"]) == (None, 0.0, None)
    assert errors == []
    cells = summary["cells"]
    assert [(c["n_planned"], c["n_ok"], c["n_skipped"]) for c in cells] == [(3, 1, 2), (3, 0, 3)]
    assert cells[0]["quality"]["n"] == 1
    assert cells[1]["quality"]["value"] is None


def test_run_without_a_journal_has_only_skipped_trials(run):
    summary = build_report(run, figures=False)

    assert [cell["n_skipped"] for cell in summary["cells"]] == [3, 3]
    assert {row["status"] for row in rows_of(run / "trials.jsonl")} == {"skipped"}


def test_trials_that_a_budget_cut_off_say_so(run):
    path = run / "manifest.json"
    manifest = json.loads(path.read_bytes()) | {"ending": {"budget": "run.budget_usd is used up"}}
    path.write_text(json.dumps(manifest))

    _, rows, _ = report(run, [trial(0, 0)])

    assert rows[1]["error"] == {"kind": "budget", "message": "run.budget_usd is used up"}


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.sampled_from(["ok", "refused", "truncated", "error", "unscored", None]),
        min_size=6,
        max_size=6,
    )
)
def test_planned_trials_are_exactly_the_sum_of_their_outcomes(run, outcomes):
    """Design 5: n_planned = n_ok + n_refused + n_truncated + n_error + n_skipped."""
    records = []
    for number, outcome in enumerate(outcomes):
        cell, case = divmod(number, 3)
        if outcome == "error":
            records.append(failed(cell, case))
        elif outcome == "unscored":
            records.append(trial(cell, case, value=None))
        elif outcome is not None:
            records.append(trial(cell, case, status=outcome))

    summary, rows, _ = report(run, records)

    assert len(rows) == 6
    for cell in summary["cells"]:
        own = outcomes[3 * cell["id"] : 3 * cell["id"] + 3]
        assert cell["n_planned"] == 3 == sum(cell[name] for name in COUNTS)
        assert cell["n_error"] == own.count("error")
        assert cell["n_skipped"] == own.count(None)
        assert cell["n_unscored"] == own.count("unscored")


def test_last_record_of_a_trial_counts(run):
    """A resumed run answers what failed before."""
    _, rows, _ = report(run, [failed(0, 0), trial(0, 0, output="now")])

    assert (rows[0]["status"], rows[0]["output"]) == ("ok", "now")


def test_errors_hold_every_trial_that_scored_nothing(run):
    reasons = {"value": 0.0, "reason": "refused", "label": None, "criteria": [], "cost_usd": None}
    records = [
        trial(0, 0, value=0.0, output="to sales"),
        trial(0, 1, value=1.0),
        trial(0, 2, value=None),
        failed(1, 0),
        trial(1, 1, status="refused", output=None, scores={"exact_match": reasons}),
        trial(1, 2, value=0.5),
    ]

    _, _, errors = report(run, records)

    assert [(e["cell"], e["id"], e["expected"], e["got"]) for e in errors] == [
        (0, "c0", "billing", "to sales"),
        (1, "c1", "delivery", None),
    ]
    assert errors[0]["input"] == "to billing"
    assert list(errors[0])[:2] == ["id", "cell"]


def test_missing_targets_are_unscored_and_counted(run):
    """Never right and never wrong."""
    none = {"value": None, "reason": "no_target", "label": None, "criteria": [], "cost_usd": None}

    summary, rows, errors = report(run, [trial(0, 0, scores={"exact_match": none}), trial(0, 1)])

    assert summary["cells"][0]["n_unscored"] == 1
    assert summary["cells"][0]["quality"] | {"low": 0, "high": 0} == {
        "value": 1.0,
        "low": 0,
        "high": 0,
        "n": 1,
        "method": summary["cells"][0]["quality"]["method"],
    }
    assert rows[0]["scores"]["exact_match"]["reason"] == "no_target"
    assert errors == []


# --- journals that are not whole ----------------------------------------


def test_corrupt_line_costs_its_trial_and_is_counted(run):
    """E5: one flipped bit; every other trial stays."""
    spoiled = line(trial(0, 1)).replace(b'"to billing"', b'"to bullion"')

    summary, rows, _ = report(run, [trial(0, 0), spoiled, trial(0, 2)])

    assert [row["status"] for row in rows[:3]] == ["ok", "skipped", "ok"]
    assert summary["run"]["corrupt_lines"] == [2]
    assert "1 lines of the journal cannot be read" in (run / "summary.md").read_text()


@pytest.mark.parametrize("junk", [b"\n", b"garbage\n", b"\xff\x00\n", b"{}\n", b"[1]\n", b"null\n"])
def test_lines_that_are_no_records_are_passed_over(run, junk):
    summary, rows, _ = report(run, [junk, trial(0, 0)])

    assert rows[0]["status"] == "ok"
    assert summary["run"]["corrupt_lines"] == [1]


def test_torn_last_line_is_no_line(run):
    """E4."""
    summary, rows, _ = report(run, [trial(0, 0), line(trial(0, 1))[:-20]])

    assert [row["status"] for row in rows[:2]] == ["ok", "skipped"]
    assert summary["run"]["corrupt_lines"] == []


def test_record_without_its_fields_is_read_as_missing(run):
    """F14: a journal from elsewhere, its checksums in order."""
    bare = {"type": "trial", "cell": 0, "case": 0, "repeat": 0, "status": "ok", "cached": True}

    _, rows, _ = report(run, [bare, {"type": "of next year"}, trial(0, 1)])

    assert [row["status"] for row in rows[:2]] == ["skipped", "ok"]


def test_surrogates_and_controls_of_answers_round_trip(run):
    """A21."""
    odd = "\ud800 \x00 \u2028 \x1b[2J \U0001f600 é </script>"

    report(run, [trial(0, 0, output=odd, value=0.0)])

    text = (run / "trials.jsonl").read_bytes()
    assert text.isascii()
    assert len(text.splitlines()) == 6
    assert json.loads(text.splitlines()[0])["output"] == odd
    assert json.loads((run / "errors.jsonl").read_bytes())["got"] == odd


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_answer_round_trips(run, answer):
    _, rows, _ = report(run, [trial(0, 0, output=answer)])

    assert rows[0]["output"] == answer


# --- files ----------------------------------------


def test_report_is_refused_where_there_is_no_run(tmp_path):
    with pytest.raises(ConfigError, match=r"no plan\.json"):
        build_report(tmp_path)


def test_failing_report_leaves_the_last_one_whole(run):
    """Derived files are replaced together, at the end."""
    report(run, [trial(0, 0)])
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    (run / "cases.jsonl").write_text("{}\n")

    with pytest.raises(StoreError):
        build_report(run, figures=False)

    after = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    assert after == before | {"cases.jsonl": b"{}\n"}


def test_disk_that_is_full_is_told_as_such(run, monkeypatch):
    """E6: exit 5 and what to do, no defect of ours."""
    write_journal(run, [trial(0, 0, output="x" * 100_000)])
    opened = os.open

    def full(path, flags, mode=0o777):
        if path.name.startswith(".trials.jsonl"):
            return opened("/dev/full", os.O_WRONLY)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", full)

    with pytest.raises(StoreError, match="No space left on device") as caught:
        build_report(run, figures=False)

    assert caught.value.exit_code == 5
    assert "evalrunner report RUN" in str(caught.value)


def test_derived_files_follow_no_link(run, tmp_path):
    """E14: an old link is replaced, its target is not written to."""
    target = tmp_path / "precious"
    target.write_text("mine")
    (run / "trials.jsonl").symlink_to(target)

    report(run, [trial(0, 0)])

    assert target.read_text() == "mine"
    assert not (run / "trials.jsonl").is_symlink()


def test_cells_of_two_data_sets_have_each_their_own_cases(tmp_path):
    root = project(
        tmp_path,
        {"conf/dataset/mail.yaml": "name: mail\npath: datasets/mail.jsonl\n"},
        cases=CASES,
    )
    (root / "datasets" / "mail.jsonl").write_text(
        json.dumps({"id": "c0", "input": "other", "expected_output": "z"}) + "\n"
    )
    directory = new_run(root, "dataset=tickets,mail")

    summary, rows, _ = report(directory, [trial(0, 0), trial(1, 3, case_id="c0", output="z")])

    assert [row["input"] for row in rows] == ["to billing", "to delivery", "to account", "other"]
    assert [cell["facet"] for cell in summary["cells"]] == [0, 1]
    assert [cell["n_cases"] for cell in summary["cells"]] == [3, 1]


def test_directory_that_cannot_be_written_leaves_no_half_files(run, monkeypatch):
    """E7: found when the second of the two files is opened."""
    opened = os.open

    def refuse(path, flags, mode=0o777):
        if "errors.jsonl" in str(path):
            raise OSError(28, "No space left on device")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(StoreError, match="No space left on device"):
        build_report(run, figures=False)

    assert [path.name for path in run.iterdir() if "trials.jsonl" in path.name] == []
