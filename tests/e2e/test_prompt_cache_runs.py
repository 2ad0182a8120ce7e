"""A run with the provider's prompt cache: who goes first, what is read, what it saved."""

from __future__ import annotations

import json
import math

import pytest
from wire_server import Reply, message_body

N = 12
WRITTEN, OWN = 4000, 10
REFUSED = "3?"


class CachingServer:
    """Bills a system prompt as written until the first request that had it was answered."""

    def __init__(self):
        self.warm = False
        self.early = 0

    def __call__(self, seen):
        if not isinstance(seen.body["system"], list):
            return Reply(body=message_body(usage={"input_tokens": WRITTEN + OWN} | OUTPUT))
        read = WRITTEN if self.warm else 0
        self.early += not self.warm
        self.warm = True
        counts = {"cache_read_input_tokens": read, "cache_creation_input_tokens": WRITTEN - read}
        usage = {"input_tokens": OWN, **counts} | OUTPUT
        refusal = {"reason": "refusal", "stop_details": {"category": "cyber"}}
        changes = refusal if seen.body["messages"][-1]["content"] == REFUSED else {}
        return Reply(body=message_body(usage=usage, **changes), delay_s=0.1)


OUTPUT = {"output_tokens": 3}
FILES = {
    "conf/dataset/questions.yaml": "name: questions\npath: datasets/questions.jsonl\n",
    "conf/prompt/long.yaml": "system: prompts/long.j2\nuser: prompts/user.j2\n",
    "conf/pricing/round.yaml": (
        "source: none\noverrides: {claude-opus-5-5: "
        "{input: 10, output: 50, cache_read: 1, cache_write: 12.5}}\n"
    ),
    "prompts/long.j2": "You sort tickets into these groups. " * 400,
    "prompts/user.j2": "{{ input }}",
    "datasets/questions.jsonl": "".join(
        json.dumps({"id": f"q{n}", "input": f"{n}?", "expected_output": "4"}) + "\n"
        for n in range(N)
    ),
}
GRID = ("dataset=questions", "model=claude", "prompt=long", "pricing=round", "run.cache=off")


@pytest.fixture(scope="module")
def done(module_cli, module_wire):
    """A run with the prompt cache and one without: exit, summary cell, rows, server."""
    model = f"provider: anthropic\nname: claude-opus-5-5\nbase_url: {module_wire.url}\n"
    for name, text in (FILES | {"conf/model/claude.yaml": model}).items():
        path = module_cli.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    server = module_wire.handler = CachingServer()
    results = {}
    for mode in ("5m", "null"):
        ended = module_cli("run", *GRID, f"model.prompt_cache={mode}")
        run = module_cli.runs()[-1]
        (cell,) = json.loads((run / "summary.json").read_text())["cells"]
        rows = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()]
        results[mode] = (ended, cell, rows)
    return results, server


def test_one_request_writes_the_shared_system_prompt_and_the_others_read_it(done):
    results, server = done
    ended, cell, _ = results["5m"]

    assert ended.code == 0, ended.err
    assert server.early == 1
    assert cell["usage"]["cache_write_5m_tokens"] == WRITTEN
    assert cell["usage"]["cache_read_tokens"] == (N - 1) * WRITTEN


def test_summary_tells_the_share_of_hits_and_what_they_saved(done):
    results, _ = done
    cost = results["5m"][1]["cost"]

    share = (N - 1) * WRITTEN / (N * (WRITTEN + OWN))
    saved = ((N - 1) * WRITTEN * (10 - 1) - WRITTEN * (12.5 - 10)) / 1e6
    assert math.isclose(cost["prompt_cache"]["hit_share"], share)
    assert math.isclose(cost["prompt_cache"]["saved_usd"], saved)


def test_what_the_prompt_cache_saved_is_the_difference_to_a_run_without_it(done):
    results, _ = done
    with_it, without = results["5m"][1]["cost"], results["null"][1]["cost"]

    assert without["prompt_cache"] == {"hit_share": 0, "saved_usd": 0}
    difference = without["usd_spent"] - with_it["usd_spent"]
    assert math.isclose(with_it["prompt_cache"]["saved_usd"], difference)
    assert with_it["usd_per_1000"] == without["usd_per_1000"]


def test_category_of_a_refusal_is_kept_with_its_trial(done):
    """A14."""
    results, _ = done
    rows = {row["case_id"]: row for row in results["5m"][2]}

    refused = rows.pop("q3")
    assert (refused["status"], refused["stop_reason"], refused["detail"]) == (
        "refused",
        "refused",
        "cyber",
    )
    assert {row["detail"] for row in rows.values()} == {None}
    assert list(refused)[-1] == "detail"
