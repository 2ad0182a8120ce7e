"""Runs with judges, in this process: a project, a server that answers and judges, one session."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from decimal import Decimal

from runs import AT, new_run, project
from wire_server import Reply, response_body

from evalrunner.datasets import CaseFile
from evalrunner.planning import thaw
from evalrunner.runner import Money, Progress, Run
from evalrunner.store import JOURNAL, RunStore, read_index

MODEL = "provider: openai\nname: {name}\nbase_url: {url}/v1\nmax_output_tokens: 50\n"
LIMITS = "limits: {{concurrency: {concurrency}, max_attempts: 1}}\n"
PRICING = "source: none\noverrides: {overrides}\n"
NAMES = ("cand-a", "cand-b", "cand-c", "judge-fair", "judge-strict")


def judged_project(root, url, *, n_cases=3, concurrency=4):
    """Models a, b and c, judges fair and strict, all with the same price, all at `url`."""
    files = {}
    for name in NAMES:
        kind, _, short = name.partition("-")
        text = MODEL.format(name=name, url=url) + LIMITS.format(concurrency=concurrency)
        if kind == "cand":
            files[f"conf/model/{short}.yaml"] = text
        else:
            lines = "".join(f"  {line}\n" for line in text.splitlines())
            files[f"conf/judge/{short}.yaml"] = f"model:\n{lines}"
    prices = {name: {"input": 1, "output": 4, "batch_factor": 0.5} for name in NAMES}
    files["conf/pricing/even.yaml"] = PRICING.format(overrides=json.dumps(prices))
    cases = [
        {"id": f"c{n}", "input": f"question {n}", "expected_output": f"{n}"} for n in range(n_cases)
    ]
    return project(root, files, cases=cases)


def judged_run(root, *overrides, scorer="rubric"):
    """A new run directory; a rubric has two criteria."""
    rubric = ["scorer.rubric.criteria=[Polite, Short]"] if scorer == "rubric" else []
    fixed = ("dataset=tickets", "pricing=even", "run.cache=off", f"scorer={scorer}")
    return new_run(root, *fixed, *rubric, *overrides)


def session(directory, *, interrupt_when=None, budget_usd=None):
    """Do what a run owes, as `run` and `--resume` do; how it ended, and the money."""

    async def run():
        cells = thaw(directory)
        index = read_index(directory / JOURNAL, [cell.shape for cell in cells], resume=True)
        money = Money(cells, at=AT, spent_usd=index.spent_usd, held_usd=index.held_usd)
        if budget_usd is not None:
            money.total.limit = Decimal(str(budget_usd))
        async with asyncio.timeout(60), RunStore(directory, index=index) as store:
            work = Run(
                cells,
                CaseFile(directory / "cases.jsonl"),
                store,
                owed=index.owed,
                cache=None,
                money=money,
                progress=Progress.of(cells, index),
            )
            watcher = asyncio.create_task(_interrupt(work, interrupt_when))
            try:
                return await work.execute(), money
            finally:
                watcher.cancel()

    return asyncio.run(run())


async def _interrupt(work, when):
    while when is None or not when():  # noqa: ASYNC110 - it asks a server in another thread
        await asyncio.sleep(0.005)
    work._interrupt()


def records_of(directory, kind):
    lines = (directory / JOURNAL).read_text().splitlines()
    return [record for line in lines if (record := json.loads(line))["type"] == kind]


def trials_of(directory):
    """The last record of each trial, by cell, case and repeat."""
    found = records_of(directory, "trial")
    return {(record["cell"], record["case"], record["repeat"]): record for record in found}


def owed_of(directory):
    """How many trials a resumed run would do."""
    shapes = [cell.shape for cell in thaw(directory)]
    index = read_index(directory / JOURNAL, shapes, resume=True)
    return sum(index.n_owed(shape.cell) for shape in shapes)


def judge_calls_of(record):
    return [
        call
        for score in record["scores"].values()
        for judgement in score.get("judgements", ())
        for call in judgement["calls"]
    ]


def counted_as_paid(directory):
    """How often each request is counted as paid by the trials as they stand."""
    calls = [
        call
        for record in trials_of(directory).values()
        for call in (record, *judge_calls_of(record))
    ]
    return Counter(call["key"] for call in calls if not call["cached"])


def paid(directory):
    """How often each request was answered for money."""
    return Counter(call["key"] for call in records_of(directory, "call") if not call["cached"])


def asked(wire, prefix=""):
    """How often each request was sent to models whose name begins so."""
    bodies = (seen.body for seen in wire.requests)
    return Counter(
        json.dumps(body, sort_keys=True) for body in bodies if body["model"].startswith(prefix)
    )


def judging(seen, *, choose=lambda options, text: options[0]):
    """Candidates echo and sign; judges choose among the words that the schema of a verdict allows.

    Equal answers of two models would be judged once.
    """
    body = seen.body
    if "text" in body:
        return Reply(body=response_body(verdict(body, choose=choose)))
    return Reply(body=response_body(f"{body['input'][-1]['content']} ({body['model']})"))


def verdict(body, *, choose=lambda options, text: options[0]):
    """A valid verdict on a request to a judge, as text."""
    schema, text = body["text"]["format"]["schema"], str(body["input"])
    return json.dumps(_filled(schema, lambda options: choose(options, text)))


def _filled(schema, choose):
    if "enum" in schema:
        return choose(schema["enum"])
    if schema["type"] == "object":
        return {name: _filled(part, choose) for name, part in schema["properties"].items()}
    return "because"
