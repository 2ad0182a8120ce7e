"""Votes on a real run: in its summary, its page, its figure, and on the terminal."""

from __future__ import annotations

import json
import shutil

import pytest

TOLD = ("human.png", "human.svg", "human.csv")


@pytest.fixture(scope="module")
def exported(module_cli):
    """The packaged quickstart with tasks for two raters."""
    done = module_cli("run", "experiment=quickstart", "dataset.limit=60", sockets=False)
    assert done.code == 0, done.err
    (run,) = module_cli.runs()
    done = module_cli(
        "human", "export", str(run), "--raters", "ann,bob", "--cases", "30", sockets=False
    )
    assert done.code == 0, done.err
    return run


@pytest.fixture
def run(exported, tmp_path):
    directory = tmp_path / exported.parent.name / exported.name
    shutil.copytree(exported, directory)
    return directory


def key_of(run):
    rows = [json.loads(line) for line in (run / "human" / "key.jsonl").read_text().splitlines()]
    return [row for row in rows if not row["is_equal"]]


def vote_for(run, best):
    """Both raters prefer the outputs of one cell, and of the others the left one."""
    rows = [
        {
            "task_id": key["task_id"],
            "rater": key["rater"],
            "vote": "right" if key["right"] == best else "left",
            "seconds": 9.5,
        }
        for key in key_of(run)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (run / "votes.jsonl").write_text(text + '{"vote": "left"}\nno json\n')


def test_votes_are_told_in_summary_page_figure_and_terminal(module_cli, run):
    best = key_of(run)[0]["left"]
    vote_for(run, best)

    done = module_cli("human", "report", str(run), sockets=False, FIGURES="all")

    summary = json.loads((run / "summary.json").read_bytes())
    human = summary["human"]
    label = next(cell["label"] for cell in summary["cells"] if cell["id"] == best)
    assert done.code == 0, done.err
    assert human["n_answered"] == human["n_tasks"] == len(key_of(run))
    assert len(human["broken_lines"]) == 2
    top = max(human["win_rates"]["overall"], key=lambda each: each["win_rate"]["value"])
    assert top["cell"] == best
    assert done.out.startswith(f"people prefer {label}: it wins ")
    assert "2 raters answered" in done.out
    assert "broken lines of votes.jsonl" in done.out
    assert 'id="human"' in (run / "report.html").read_text()
    assert all((run / name).stat().st_size for name in TOLD)


def test_the_same_votes_give_the_same_bytes_and_json(module_cli, run):
    vote_for(run, 1)

    first = module_cli("human", "report", str(run), "--json", sockets=False)
    pages = [(run / name).read_bytes() for name in ("summary.json", "report.html")]
    again = module_cli("human", "report", str(run), "--json", sockets=False)

    assert json.loads(first.out) == json.loads(pages[0])["human"]
    assert again.out == first.out
    assert pages == [(run / name).read_bytes() for name in ("summary.json", "report.html")]


def test_without_votes_it_says_what_to_type(module_cli, exported, run):
    shutil.rmtree(run / "human")

    nobody_asked = module_cli("human", "report", str(run), sockets=False)
    nobody_voted = module_cli("human", "report", str(exported), sockets=False)
    (run / "votes.jsonl").write_text('{"task_id": "x", "rater": "ann", "vote": "left"}\n')
    others = module_cli("human", "report", str(run), sockets=False)

    assert [done.code for done in (nobody_asked, nobody_voted, others)] == [2, 2, 2]
    assert f"evalrunner human export {run}" in nobody_asked.err
    assert f"evalrunner human serve {exported}" in nobody_voted.err
    assert "1 vote in votes.jsonl for other tasks" in others.err


def test_only_skips_are_said_to_be_skips(module_cli, run):
    rows = [
        {"task_id": key["task_id"], "rater": key["rater"], "vote": "skip"} for key in key_of(run)
    ]
    (run / "votes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    done = module_cli("human", "report", str(run), sockets=False)

    assert done.code == 2
    assert f"2 raters skipped all {len(rows)} tasks, and answered none" in done.err
    assert f"evalrunner human serve {run}" in done.err


def test_a_run_without_votes_does_not_load_what_reads_them(module_cli, exported):
    done = module_cli("report", str(exported), "--json", sockets=False)

    summary = json.loads(done.out)
    assert (summary["human"], summary["calibration"], summary["calibrated"]) == (None, [], None)
    assert all(cell["corrected"] is None for cell in summary["cells"])
    readers = ("evalrunner.votes", "evalrunner.calibrate", "evalrunner.report.people.votes")
    assert not [name for name in done.modules if name.startswith(readers)]
