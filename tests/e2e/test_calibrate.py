"""Labels of a real run: checked, recorded, and what they say of scorer and cells."""

from __future__ import annotations

import json
import shutil

import pytest

FLATTERED = 3
"""Cell that the scorer passes too often."""


@pytest.fixture(scope="module")
def run(module_cli):
    """The packaged quickstart, offline."""
    done = module_cli("run", "experiment=quickstart", "dataset.limit=120", sockets=False)
    assert done.code == 0, done.err
    (directory,) = module_cli.runs()
    return directory


@pytest.fixture
def calibrate(module_cli, run, tmp_path):
    """Calibrates a copy of the run."""
    directory = tmp_path / "quickstart" / run.name
    shutil.copytree(run, directory)

    def call(*words):
        return directory, module_cli("calibrate", str(directory), *words, sockets=False)

    return call


def labels_of(run, n_cases=60):
    """People agree with the scorer, but for every fourth pass of one cell: they fail it."""
    found, passed = [], 0
    for line in (run / "trials.jsonl").read_text().splitlines():
        row = json.loads(line)
        label = next(iter(row["scores"].values()))["value"]
        if row["cell"] == FLATTERED and label == 1:
            passed += 1
            label = 0 if passed % 4 == 0 else label
        found.append({"case_id": row["case_id"], "cell": row["cell"], "label": label})
    cases = list(dict.fromkeys(each["case_id"] for each in found))[:n_cases]
    return [each for each in found if each["cell"] in {2, FLATTERED} and each["case_id"] in cases]


def write(path, labels):
    path.write_text("".join(json.dumps(label) + "\n" for label in labels))
    return str(path)


def test_labels_are_recorded_once_and_correct_the_scores(calibrate, run, tmp_path):
    labels = labels_of(run)
    given = write(tmp_path / "given.jsonl", labels)

    directory, done = calibrate("--labels", given, "--within", "8")
    assert done.code == 0, done.err
    assert f"recorded {len(labels)} labels" in done.err
    assert "from people: " in done.out
    assert "±8" in done.out
    assert "corrected" in done.out

    again = calibrate("--labels", given, "--json")[1]
    assert again.code == 0, again.err
    assert f"recorded 0 labels of {given}, {len(labels)} were there before" in again.err
    found = json.loads(again.out)
    (first,) = [e for e in found["calibration"] if e["cell"] == FLATTERED]
    summary = json.loads((directory / "summary.json").read_text())
    assert first["n_labels"] == 60
    assert first["inflation"]["value"] > 0.05
    assert first["corrected"]["value"] < first["raw"]["value"]
    assert (
        summary["cells"][FLATTERED]["corrected"]
        == found["corrected"][str(FLATTERED)]
        == first["corrected"]
    )
    assert "judge_uneven" in {flag["code"] for flag in summary["flags"]}
    assert "calibration" in (directory / "report.html").read_text()


def test_labels_of_two_raters_tell_what_divides_them(calibrate, run, tmp_path):
    labels = [each for each in labels_of(run) if each["cell"] == FLATTERED]
    ann = [each | {"rater": "ann"} for each in labels]
    bob = [
        each | {"rater": "bob", "label": 1 - each["label"] if n < 9 else each["label"]}
        for n, each in enumerate(labels)
    ]

    done = calibrate("--labels", write(tmp_path / "both.jsonl", [*ann, *bob]), "--within", "3")[1]

    assert done.code == 0, done.err
    assert "9 answers on which raters are divided left out" in done.out
    assert "with one rater" in done.out
    (ceiling,) = [line for line in done.out.splitlines() if line.startswith("people with each")]
    assert "85.0 %" in ceiling
    assert ceiling.split()[-1] == "60"
    assert done.out.count("±3") == 1


def test_faulty_file_is_refused_as_a_whole(calibrate, run, tmp_path):
    labels = labels_of(run)
    faulty = [*labels[:2], {**labels[2], "case_id": "nobody"}, {**labels[3], "label": 3}]

    directory, done = calibrate("--labels", write(tmp_path / "faulty.jsonl", faulty))

    assert done.code == 2
    assert "faulty.jsonl:3: the run has no case 'nobody'" in done.err
    assert "faulty.jsonl:4: 'label' must be a number from 0 to 1" in done.err
    assert not (directory / "labels.jsonl").exists()


def test_run_that_nobody_labelled_says_what_to_type(calibrate):
    directory, done = calibrate()

    assert done.code == 2
    assert f"type: evalrunner human export {directory}" in done.err


def test_labels_that_can_not_be_used_are_an_error_with_counts(calibrate):
    directory, _ = calibrate()
    write(directory / "labels.jsonl", [{"case_id": "gone", "cell": 0, "label": 1}])

    done = calibrate()[1]

    assert done.code == 2
    assert "no label is about an answer" in done.err
    assert "1 label not used: the run has no case 'gone'" in done.err


@pytest.mark.parametrize("points", ["0", "50", "-3", "nan"])
def test_impossible_half_width_is_refused(calibrate, points):
    done = calibrate(f"--within={points}")[1]

    assert done.code == 2
    assert "must be above 0 and below 50" in done.err
