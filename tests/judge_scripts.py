"""Judges that reply as a test says: real scorers, wires and requests, only nobody is called."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

from wire_models import settings_for

from evalrunner.project import Project
from evalrunner.providers.registry import wire_for
from evalrunner.scorers import make_scorer
from evalrunner.scorers.judge import (
    ClassifySettings,
    ReferenceSettings,
    RubricSettings,
    ScaleSettings,
)
from evalrunner.scorers.judging import Judge, JudgeMember
from evalrunner.types import Case, Completion, Status, Usage, sha256_of

SETTINGS = {
    "rubric": RubricSettings,
    "scale": ScaleSettings,
    "reference": ReferenceSettings,
    "classify": ClassifySettings,
}
TICKET = (
    "Acknowledges the double charge",
    "Apologizes for the inconvenience",
    "Provides clear next steps",
    "Tone is empathetic",
)
FENCE = re.compile(r"^<<<([A-Z_]+) ([0-9a-f]{32})\n(.*?)\n\1 \2>>>$", re.DOTALL | re.MULTILINE)
"""Name, number and content of each fenced text of a request."""


def case_of(**fields):
    whole = {
        "id": "t1",
        "input": "I was charged twice!",
        "rubric": list(TICKET),
        "expected_output": "The second payment is returned.",
        **fields,
    }
    return Case(id=whole["id"], fields=whole, sha256=sha256_of(whole))


def member(name="judge", *, api="responses", model="gpt-6-luna"):
    settings = settings_for(api, "http://127.0.0.1:9", name=model)
    return JudgeMember(name=name, wire=wire_for(settings, Project(Path())))


def judge_of(*members, **values):
    return Judge(members=members or (member(),), **values)


def scorer_of(kind, *, judge=None, root=Path(), **settings):
    built = SETTINGS[kind].model_validate({"kind": kind, **settings})
    return make_scorer("mine", built, project=Project(root), judge=judge or judge_of())


def request_of(scorer, case, text):
    """The one request of a judge that is asked once."""
    ((_, request),) = scorer.requests(case, text)
    return request


def user_turn(request):
    """The last turn, in the form of OpenAI's Responses."""
    return request.body["input"][-1]["content"]


def fences(request):
    return {name: content for name, _, content in FENCE.findall(user_turn(request))}


def around_fences(request):
    """Everything that is said to the judge and not by somebody else."""
    outside = FENCE.sub(lambda found: f"[{found.group(1)}]", user_turn(request))
    return request.body["instructions"], outside


class Script:
    """Stands for all layers between a scorer and its judges.

    Args:
        reply: From a request to text, a completion, or an error to raise; or these in order.
    """

    def __init__(self, *reply):
        self._replies = list(reply)
        self.asked = []

    async def ask(self, wire, request):
        self.asked.append((wire, request))
        # Others get their turn, as with a real judge.
        await asyncio.sleep(0)
        reply = self._replies[0] if callable(self._replies[0]) else self._replies.pop(0)
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Completion):
            return reply
        return Completion(text=reply, usage=Usage(input_tokens=9, output_tokens=3), attempts=1)


def judged(scorer, script, *, case=None, text="Sorry!", status=Status.OK):
    """The score of an answer."""
    completion = Completion(text=text, status=status)
    return asyncio.run(scorer.judge_answer(case or case_of(), completion, ask=script.ask))


def rubric_reply(*verdicts, summary="All in all."):
    found = {
        f"criterion_{i}": {"evidence": f"e{i}", "reason": f"r{i}", "verdict": verdict}
        for i, verdict in enumerate(verdicts, start=1)
    }
    return json.dumps({**found, "summary": summary})


def reference_reply(verdict="CORRECT", reason="Because."):
    return json.dumps({"reason": reason, "verdict": verdict})


def scale_reply(score, reason="Because."):
    return json.dumps({"reason": reason, "score": score})
