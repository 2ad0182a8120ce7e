"""Candidates and judges behind one wire server, in all three formats, asked by the command line."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from dataclasses import dataclass

from judge_scripts import FENCE
from wire_server import Reply, Seen, chat_body, message_body, response_body

from evalrunner.cli import main

# Where it is imported already, runs draw their figures themselves: another process would take
# seconds of each test to import it.
importlib.import_module("matplotlib")

APIS = ("messages", "responses", "chat")
CANDIDATES = {"a": "responses", "b": "messages", "c": "chat"}
PRICE = {"input": 1, "output": 4}
"""USD per million tokens, the same for all: a request of 12 in and 3 out is 24 millionths."""
REQUEST_USD = 24e-6


@dataclass(frozen=True)
class Asked:
    """A request as whoever answers it sees it, whatever its format."""

    seen: Seen

    @property
    def model(self):
        return self.seen.body["model"]

    @property
    def api(self):
        path = self.seen.path.split("?")[0]
        return next(api for api, end in _ENDS.items() if path.endswith(end))

    @property
    def system(self):
        body = self.seen.body
        if self.api == "chat":
            return "".join(t["content"] for t in body["messages"] if t["role"] == "system")
        return _text(body.get("system" if self.api == "messages" else "instructions"))

    @property
    def turns(self):
        """Role and text of all turns but the system's."""
        body = self.seen.body
        turns = body["input" if self.api == "responses" else "messages"]
        return [(t["role"], _text(t["content"])) for t in turns if t["role"] != "system"]

    @property
    def question(self):
        """The first turn: with judges the one that holds the answer."""
        return self.turns[0][1]

    @property
    def schema(self):
        """Of the structured output that is asked for; None = text."""
        body = self.seen.body
        if self.api == "messages":
            return body.get("output_config", {}).get("format", {}).get("schema")
        if self.api == "responses":
            return body.get("text", {}).get("format", {}).get("schema")
        return body.get("response_format", {}).get("json_schema", {}).get("schema")

    @property
    def fences(self):
        """What others wrote, by name."""
        return {name: content for name, _, content in FENCE.findall(self.question)}

    @property
    def marks(self):
        """The numbers of its fences."""
        return {number for _, number, _ in FENCE.findall(self.question)}

    @property
    def outside(self):
        """Everything that is said to the judge and not by somebody else."""
        return FENCE.sub("", self.question)


class Desk:
    """A project of candidates a, b, c and judges fair, strict; each test says what they reply.

    Args:
        root: An empty directory.
        wire: Answers all of them. Candidates are told by their name: `cand-...`.
        judges: Format by name.
    """

    def __init__(self, root, wire, *, judges=None):
        self.root, self.wire = root, wire
        self.candidate = lambda asked: f"{asked.question} ({asked.model})"
        """Text, or a Reply."""
        self.judge = verdict
        self.judges = {"fair": "messages", "strict": "responses"} if judges is None else judges
        wire.handler = self._answer
        self._write()

    def cases(self, *cases):
        """The test set: texts, or fields of cases."""
        rows = [{"input": case} if isinstance(case, str) else case for case in cases]
        lines = (json.dumps({"id": f"c{n}", **row}) + "\n" for n, row in enumerate(rows))
        self.write("datasets/tickets.jsonl", "".join(lines))

    def write(self, name, content):
        """A file of the project; anything but text as JSON, which is YAML."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def call(self, *words):
        """The exit code of a command in this process."""
        return main([*words[:1], "--project", str(self.root), *words[1:]])

    def run(self, *overrides, code=0):
        """The directory of a run that ended with this exit code."""
        fixed = ("dataset=tickets", "pricing=even", "prompt=plain", "--yes")
        before = set(self.runs())
        assert self.call("run", *fixed, *overrides) == code
        (directory,) = set(self.runs()) - before
        return directory

    def runs(self):
        return sorted(self.root.glob("outputs/*/*"))

    def asked(self, prefix="", *, since=0):
        """Requests to the models whose name begins so, in the order of arrival."""
        found = map(Asked, self.wire.requests[since:])
        return [asked for asked in found if asked.model.startswith(prefix)]

    def counts(self, prefix="", *, since=0):
        """How often each request was sent."""
        asked = self.asked(prefix, since=since)
        return Counter(json.dumps(each.seen.body, sort_keys=True) for each in asked)

    def _answer(self, seen):
        asked = Asked(seen)
        reply = (self.candidate if asked.model.startswith("cand-") else self.judge)(asked)
        return reply if isinstance(reply, Reply) else said(asked, reply)

    def _write(self):
        models = {f"cand-{name}": api for name, api in CANDIDATES.items()}
        for name, api in CANDIDATES.items():
            self.write(f"conf/model/{name}.yaml", self.model(f"cand-{name}", api))
        for name, api in self.judges.items():
            self.write(f"conf/judge/{name}.yaml", {"model": self.model(f"judge-{name}", api)})
        names = [*models, *(f"judge-{name}" for name in self.judges)]
        prices = {"source": "none", "overrides": dict.fromkeys(names, PRICE)}
        self.write("conf/pricing/even.yaml", prices)
        self.write("conf/dataset/tickets.yaml", "name: tickets\npath: datasets/tickets.jsonl\n")
        self.cases("I was charged twice.", "Where is my lamp?", "The app is slow.")

    def model(self, name, api, **changes):
        """Settings of a model behind the server."""
        own = {"max_output_tokens": 500, "limits": {"concurrency": 4, "max_attempts": 1}}
        if api == "messages":
            where = {"provider": "anthropic", "base_url": self.wire.url}
        else:
            where = {"provider": "openai", "api": api, "base_url": f"{self.wire.url}/v1"}
        return {"name": name, **where, **own, **changes}


def said(asked, text, *, how="end"):
    """A reply in the format of the request: a whole one, a `truncated` or a `refused` one."""
    return Reply(body=_BODIES[asked.api](text, how) | {"model": asked.model})


def verdict(asked, choose=lambda options: options[0]):
    """A valid verdict for the form that is asked for, as text; by default the first option."""
    return json.dumps(_filled(asked.schema, choose))


def last(options):
    """The worst verdict of a rubric and the best level of a scale."""
    return options[-1]


def rows_of(run, name="trials.jsonl"):
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


def scores_of(run, scorer="rubric"):
    """Scores by case, of a run with one cell."""
    return {row["case_id"]: row["scores"][scorer] for row in rows_of(run)}


def summary_of(run):
    return json.loads((run / "summary.json").read_text())


def flags_of(run):
    """Flags by their code; the last of each."""
    return {flag["code"]: flag for flag in summary_of(run)["flags"]}


def _filled(schema, choose):
    if "enum" in schema:
        return choose(schema["enum"])
    if schema["type"] == "object":
        return {name: _filled(part, choose) for name, part in schema["properties"].items()}
    return "because"


def _text(content):
    if isinstance(content, list):
        return "".join(part["text"] for part in content)
    return content or ""


def _message(text, how):
    if how == "refused":
        return message_body(None, reason="refusal")
    return message_body(text, reason="max_tokens" if how == "truncated" else "end_turn")


def _response(text, how):
    if how == "refused":
        refusal = [{"type": "refusal", "refusal": "I would rather not."}]
        output = [{"type": "message", "role": "assistant", "content": refusal}]
        return response_body(output=output)
    if how == "truncated":
        cut = {"reason": "max_output_tokens"}
        return response_body(text, status="incomplete", incomplete_details=cut)
    return response_body(text)


def _chat(text, how):
    if how == "refused":
        message = {"role": "assistant", "content": None, "refusal": "I would rather not."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return chat_body(choices=[choice])
    return chat_body(text, reason="length" if how == "truncated" else "stop")


_BODIES = {"messages": _message, "responses": _response, "chat": _chat}
_ENDS = {"messages": "/messages", "responses": "/responses", "chat": "/chat/completions"}
