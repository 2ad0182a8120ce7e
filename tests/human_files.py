"""A run with tasks for two raters, and files as raters and other programs give them back."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

from evalrunner.store.people import HumanExport, write_export
from evalrunner.types.people import Task

IDS = ("a3f0b1c2d4e5f601", "1234567890123456", "12345e6789012345", "d3f0b1c2d4e5f604")
"""Of ann's two tasks and bob's two. A spreadsheet takes the middle ones for numbers."""
CRITERIA = ("is polite", "=gives a date", "names\n the next step")


def tasks_of(kind):
    """Two tasks of ann, two of bob."""
    first = Task(
        task_id=IDS[0],
        rater="ann",
        order=0,
        kind=kind,
        input="Where is my parcel; and when?",
        output_a='=On its "way",\nsoon.',
        output_b=None if kind == "rubric" else "",
        rating_criteria=CRITERIA,
        instructions="Which response better meets the criteria?",
    )
    return [
        replace(first, task_id=task_id, rater=rater, order=place % 2)
        for place, (task_id, rater) in enumerate(
            zip(IDS, ("ann", "ann", "bob", "bob"), strict=True)
        )
    ]


def run_with_tasks(directory, kind="pairwise", **changes):
    """A run directory with an export; its tasks."""
    tasks = [replace(task, **changes) for task in tasks_of(kind)]
    directory.mkdir()
    (directory / "plan.json").write_text('{"schema_version": 1}')
    settings = {"schema_version": 1, "kind": kind}
    write_export(directory, HumanExport(settings=settings, tasks=tasks, key=[]))
    return tasks


def filled_csv(text, answers, *, column, separator=",", encoding="utf-8-sig"):
    """A CSV with `answers` in the rows of one column, as a spreadsheet saves it again."""
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    saved = io.StringIO()
    writer = csv.DictWriter(saved, list(rows[0]), delimiter=separator)
    writer.writeheader()
    for row, answer in zip(rows, answers, strict=True):
        writer.writerow(row | {column: answer})
    return saved.getvalue().encode(encoding)


def annotated(text, answers, *, control, **annotation):
    """Label Studio's export of imported tasks, each submitted once with its answer."""
    exported = []
    for number, (task, answer) in enumerate(zip(json.loads(text), answers, strict=True), start=1):
        region = {
            "id": "x1",
            "from_name": control,
            "to_name": "input",
            "type": "choices",
            "value": {"choices": [answer]},
        }
        done = {
            "id": number,
            "completed_by": 1,
            "result": [region],
            "was_cancelled": False,
            "lead_time": 4.5,
            "updated_at": "2026-01-02T03:04:05.678900Z",
        }
        exported.append(
            {
                "id": number,
                "data": task["data"],
                "annotations": [done | annotation],
                "drafts": [{"result": [region | {"value": {"choices": ["tie"]}}]}],
                "predictions": [],
            }
        )
    return exported


def responded(text, answers, *, question, status="submitted"):
    """Records as Argilla's `records.to_list(flatten=True)` gives them, each answered once."""
    return [
        {
            "id": record["id"],
            "status": "completed",
            "_server_id": "5a1f",
            **record["fields"],
            **record["metadata"],
            f"{question}.responses": [answer],
            f"{question}.responses.users": ["u1"],
            f"{question}.responses.status": [status],
            "note.responses": None,
            "note.responses.users": None,
            "note.responses.status": None,
        }
        for record, answer in zip(json.loads(text), answers, strict=True)
    ]


def lines(*rows):
    """JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def saved(path: Path, content):
    """Write bytes, text or a JSON value; the path."""
    if not isinstance(content, str | bytes):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
