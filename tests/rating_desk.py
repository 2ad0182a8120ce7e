"""Exports for people to rate, and real `evalrunner human serve` processes over them."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from evalrunner.store.people import HumanExport, write_export
from evalrunner.types.people import Task, TaskKey

SECRETS = ("gpt-6-luna", "opus-5-5", "ticket-0", "shootout", "20261120T120000Z")
"""What nobody who rates may see: models, case ids, the run's name."""
CRITERIA = ("Names the next step", "Is polite", "Promises nothing that is not in the ticket")
CELLS = ("gpt-6-luna", "claude-opus-5-5")


def rated_run(
    root: Path, *, raters: tuple[str, ...] = ("ann", "bob"), n: int = 4, kind: str = "pairwise"
) -> Path:
    """A run directory whose name gives models away, with `n` tasks for each rater.

    Of the pairs, every other one has the first cell on the left.
    """
    run = root / "outputs" / "shootout-gpt-6-luna-opus-5-5" / "20261120T120000Z-abcdef"
    run.mkdir(parents=True)
    (run / "plan.json").write_text('{"schema_version": 1}')
    made = [_made(rater, place, kind) for rater in raters for place in range(n)]
    settings = {"schema_version": 1, "seed": 0, "kind": kind, "raters": list(raters), "n": n}
    tasks, key = [task for task, _ in made], [key for _, key in made]
    write_export(run, HumanExport(settings=settings, tasks=tasks, key=key))
    return run


def _made(rater: str, place: int, kind: str) -> tuple[Task, TaskKey]:
    is_pair = kind == "pairwise"
    task_id = _sha(f"{rater} {place}")[:16]
    left, right = (place % 2, 1 - place % 2)
    texts = [f"Sorry about parcel {place}. We send a new one today.", f"Parcel {place} is lost."]
    outputs = [texts[left], texts[right]] if is_pair else [texts[left], None]
    task = Task(
        task_id=task_id,
        rater=rater,
        order=place,
        kind="pairwise" if is_pair else "rubric",
        input=f"Where is my parcel {place}?",
        output_a=outputs[0] or "",
        output_b=outputs[1],
        rating_criteria=CRITERIA,
        instructions="Which reply would you send?",
    )
    key = TaskKey(
        task_id=task_id,
        rater=rater,
        order=place,
        kind=task.kind,
        case_id=f"ticket-0{place}",
        left=left,
        right=right if is_pair else None,
        left_repeat=0,
        right_repeat=0 if is_pair else None,
        left_sha256=_sha(texts[left]),
        right_sha256=_sha(texts[right]) if is_pair else None,
        chance=1.0,
    )
    return task, key


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Serving:
    """`evalrunner human serve` in a process of its own, once it takes requests."""

    def __init__(self, run: Path, *words: str) -> None:
        self.run = run
        self.process = subprocess.Popen(
            [sys.executable, "-m", "evalrunner", "human", "serve", str(run), "--no-open", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        n = len(json.loads((run / "human" / "settings.json").read_text())["raters"])
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline().split() for _ in range(n)]
        if not all(lines):
            raise AssertionError(self.process.communicate(timeout=30)[1])
        self.links = dict(lines)
        url = next(iter(self.links.values()))
        self.port = int(url.split("/")[2].rpartition(":")[2])

    def token(self, rater: str) -> str:
        """The rater's secret."""
        return self.links[rater].rpartition("/")[2]

    def ask(
        self, method: str, path: str, *, body: Any = None, **headers: str | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body; a header that is None is not sent."""
        sent = {"Host": f"127.0.0.1:{self.port}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if data is not None:
            sent.setdefault("Content-Length", str(len(data)))
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        found = answer.status, answer.headers, answer.read()
        connection.close()
        return found

    def task(self, rater: str, *, at: str | None = None) -> dict[str, Any]:
        """What the page of a rater shows."""
        query = "" if at is None else f"?id={at}"
        authorization = f"Bearer {self.token(rater)}"
        status, _, body = self.ask("GET", f"/api/task{query}", Authorization=authorization)
        assert status == 200, body
        return json.loads(body)

    def vote(self, rater: str, answer: Any, **headers: str | None) -> tuple[int, dict[str, Any]]:
        """Send an answer as the page does, but for `headers`."""
        usual = {
            "Authorization": f"Bearer {self.token(rater)}",
            "Content_Type": "application/json",
        }
        status, _, body = self.ask("POST", "/api/votes", body=answer, **(usual | headers))
        return status, json.loads(body) if body.startswith(b"{") else {"message": body.decode()}

    def kill(self) -> None:
        """As a power cut ends it."""
        self.process.kill()
        self.process.communicate(timeout=30)

    def stop(self) -> tuple[int, str]:
        """Exit code and stderr after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err
