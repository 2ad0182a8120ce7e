"""Every key that the design documents can be set on the command line, as it is written there."""

from __future__ import annotations

import json

import pytest

from evalrunner.cli import main

CASES = [
    {"id": f"c{n}", "input": f"question {n}", "question": "q", "truth": "yes", "kind": kind}
    for n, kind in enumerate("aabb")
]
BASE = ("dataset=mine", "prompt=plain", "scorer=exact_match")

DATASET = {
    "dataset.name": "renamed",
    "dataset.path": "other.jsonl",
    "dataset.schema": "cases.schema.json",
    "dataset.fields": {"topic": "kind"},
    "dataset.slices": ["topic"],
    "dataset.cluster": "topic",
    "dataset.limit": 2,
    "dataset.stratify": "topic",
    "dataset.filter": {"topic": ["a", "b"]},
}
OPENAI = {
    "model.name": "gpt-6-sol",
    "model.label": "mine",
    "model.api": "chat",
    "model.base_url": "http://127.0.0.1:1/v1",
    "model.api_key_env": "MY_KEY",
    "model.max_output_tokens": 77,
    "model.params": {"reasoning": {"effort": "high"}},
    "model.price": "gpt-6-luna",
    "model.limits.concurrency": 3,
    "model.limits.rpm": 100.0,
    "model.limits.tpm": 1000.0,
    "model.limits.deadline_s": 9.0,
    "model.limits.max_attempts": 2,
    "model.limits.budget_usd": "1.5",
    "model.transport": "live",
}
AZURE = {
    "model.client": "azure",
    "model.client_options": {
        "azure_endpoint": "https://mine.openai.azure.com",
        "api_version": "2026-10-21",
    },
}
BASE_URL_ENV = {"model.base_url_env": "MY_URL"}
REPLAY = {"model.path": "recorded.jsonl", "model.usage": "estimate"}
PYTHON = {"model.function": "models.py:other"}
BASELINE = {"model.kind": "keywords", "model.train": "other.jsonl"}
PROMPT = {
    "prompt.system": "question.j2",
    "prompt.user": "question.j2",
    "prompt.allow_target": True,
}
SCORER = {
    "scorer.exact_match.target": "truth",
    "scorer.exact_match.extract": "(.*)",
    "scorer.exact_match.ignore_case": False,
}
JUDGE = {
    "judge.model.name": "gpt-6-sol",
    "judge.repeats": 2,
    "judge.retest": 0.5,
    "judge.canaries": True,
}
PRICING = {
    "pricing.source": "none",
    "pricing.overrides.mine.input": "0.15",
    "pricing.overrides.mine.output": "0.6",
    "pricing.overrides.mine.cache_read": "0.02",
    "pricing.overrides.mine.cache_write": "0.19",
    "pricing.overrides.mine.batch_factor": "0.5",
    "pricing.overrides.mine.valid_from": "2026-11-01",
    "pricing.overrides.mine.source": "https://example.com",
    "pricing.overrides.own.per_second": "0.001",
}
RUN = {
    "run.name": "mine",
    "run.repeats": 2,
    "run.seed": 5,
    "run.quality": "exact_match",
    "run.baseline": {"model": "local"},
    "run.budget_usd": "7",
    "run.confirm_above_usd": "8",
    "run.max_missing": 0.1,
    "run.on_refused": "score",
    "run.on_truncated": "skip",
    "run.margin": 0.03,
    "run.confidence": 0.9,
    "run.cache": "refresh",
    "run.cache_dir": "kept",
    "run.cache_remote": "file:///nowhere",
    "run.race": True,
    "run.canaries": True,
    "run.target_difference": 0.05,
    "run.outputs": "elsewhere",
}
DECIDE = {
    "decide.requests_per_month": 1000.0,
    "decide.budget_usd_per_month": "50",
    "decide.quality_floor": 0.8,
    "decide.max_latency_p90_s": 2.5,
    "decide.require": {"exact_match": 0.99},
}
PRODUCTION = {
    "production.input_tokens": 900.0,
    "production.output_tokens": 100.0,
    "production.cache_hit_rate": 0.5,
    "production.by": "category",
    "production.mix": {"billing": 620.0, "refund": 211.0},
}
LOCAL = ("model=local", "pricing=compute")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A small project with a file for whatever the keys name."""
    rows = "".join(json.dumps(case | {"expected_output": "yes"}) + "\n" for case in CASES)
    recorded = "".join(
        json.dumps({"case_id": case["id"], "output": "yes"}) + "\n" for case in CASES
    )
    functions = "import evalrunner\n" + "".join(
        f"@evalrunner.model\ndef {name}(prompt):\n    return prompt\n" for name in ("f", "other")
    )
    files = {
        "conf/dataset/mine.yaml": "name: mine\npath: mine.jsonl\n",
        "conf/model/local.yaml": "provider: python\nfunction: models.py:f\nprice: cloud_vcpu\n",
        "conf/model/replayed.yaml": "provider: replay\nname: m\npath: mine.jsonl\n",
        "conf/judge/strict.yaml": "defaults: [/model@model: gpt_6_luna]\ntemplate: null\n",
        "cases.schema.json": "{}",
        "question.j2": "{{ input }}",
        "mine.jsonl": rows,
        "other.jsonl": rows,
        "recorded.jsonl": recorded,
        "models.py": functions,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "MY_KEY"):
        monkeypatch.setenv(name, "0123456789abcdef")
    monkeypatch.setenv("MY_URL", "http://127.0.0.1:2/v1")


def typed(value):
    """A value as one types it in an override."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}: {typed(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(typed(item) for item in value) + "]"
    if isinstance(value, str) and ("/" in value or "(" in value):
        return f"'{value}'"
    return str(value).lower() if isinstance(value, bool) else str(value)


def at(config, key):
    for part in key.split("."):
        config = config[part]
    return config


@pytest.mark.parametrize(
    ("chosen", "keys"),
    [
        pytest.param(LOCAL, DATASET, id="dataset"),
        pytest.param(("model=gpt_6_luna",), OPENAI, id="model openai"),
        pytest.param(("model=gpt_6_luna",), AZURE, id="model client"),
        pytest.param(("model=gpt_6_luna",), BASE_URL_ENV, id="model base_url_env"),
        pytest.param(("model=replayed",), REPLAY, id="model replay"),
        pytest.param(LOCAL, PYTHON, id="model python"),
        pytest.param(("model=majority", "pricing=compute"), BASELINE, id="model baseline"),
        pytest.param(LOCAL, PROMPT, id="prompt"),
        pytest.param(LOCAL, SCORER, id="scorer"),
        pytest.param((*LOCAL, "judge=strict"), JUDGE, id="judge"),
        pytest.param(LOCAL, PRICING, id="pricing"),
        pytest.param(LOCAL, RUN, id="run"),
        pytest.param(LOCAL, DECIDE, id="decide"),
        pytest.param(LOCAL, PRODUCTION, id="production"),
    ],
)
def test_documented_keys_can_be_set_without_a_plus(capsys, chosen, keys):
    overrides = [f"{key}={typed(value)}" for key, value in keys.items()]

    code = main(["plan", *BASE, *chosen, *overrides, "--json"])

    said = capsys.readouterr()
    assert code == 0, said.err
    config = json.loads(said.out)["cells"][0]["config"]
    assert {key: at(config, key) for key in keys} == keys


def test_cfg_job_shows_what_an_override_sets(capsys):
    code = main(["run", *BASE, *LOCAL, "run.seed=41", "--cfg", "job", "--package", "run"])

    said = capsys.readouterr()
    assert code == 0, said.err
    assert "seed: 41" in said.out
