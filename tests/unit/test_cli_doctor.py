"""`doctor` finds what would stop a run, tells no secret and asks no network."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from evalrunner.cli import main
from evalrunner.cli.doctor.machine import filesystem_of
from evalrunner.providers.cached import ResponseCache

SECRET = "sk-ant0canary-0123456789"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project made by `init`, with a cache and a trust file of its own."""
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "project"
    assert main(["init", str(root)]) == 0
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def checks(capsys, project):
    """The doctor's checks by name, and its exit code under `exit`."""

    def examine():
        capsys.readouterr()
        code = main(["doctor", "--json"])
        report = json.loads(capsys.readouterr().out)
        found = {check["name"]: check for check in report["checks"]}
        assert report["ok"] is (code == 0)
        return found | {"exit": code}

    return examine


def state(check):
    return check["state"]


def test_sound_project_is_not_broken_by_missing_keys(checks):
    found = checks()

    assert found["exit"] == 0
    assert state(found["OPENAI_API_KEY"]) == "warning"
    assert found["OPENAI_API_KEY"]["detail"] == "not set"
    assert "export OPENAI_API_KEY" in found["OPENAI_API_KEY"]["hint"]


def test_table_has_a_line_a_check_and_a_count(capsys, project):
    code = main(["doctor"])

    lines = capsys.readouterr().out.strip().split("\n")
    assert code == 0
    assert any(line.startswith("ok       python") for line in lines)
    assert any(line.startswith("warning  ANTHROPIC_API_KEY") for line in lines)
    assert lines[-1].endswith("0 broken")


def test_no_part_of_a_key_is_shown(capsys, project, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)

    main(["doctor"])

    said = capsys.readouterr()
    assert f"set, {len(SECRET)} characters" in said.out
    parts = {SECRET[i : i + 4] for i in range(len(SECRET) - 3)}
    assert not [part for part in parts if part in said.out + said.err]


def test_every_key_that_the_project_names_is_looked_up(checks, project, monkeypatch):
    model = "provider: openai\nname: m\nbase_url: http://127.0.0.1:1/v1\napi_key_env: MY_OWN_KEY\n"
    (project / "conf" / "model" / "own.yaml").write_text(model)
    monkeypatch.setenv("MY_OWN_KEY", "0123456789")

    found = checks()

    assert found["MY_OWN_KEY"]["detail"] == "set, 10 characters"


@pytest.mark.parametrize("value", ["sk-proj-with\nline-break", "sk-ant-of-the-other-provider"])
def test_key_that_cannot_be_one_is_broken(checks, monkeypatch, value):
    """A22."""
    monkeypatch.setenv("OPENAI_API_KEY", value)

    found = checks()

    assert found["exit"] == 2
    assert state(found["OPENAI_API_KEY"]) == "broken"


def test_base_url_of_the_environment_is_shown_as_its_origin(checks, monkeypatch):
    """A28."""
    monkeypatch.setenv("OPENAI_BASE_URL", "https://proxy.example.com:8443/secret/path")

    found = checks()

    assert found["exit"] == 0
    assert state(found["OPENAI_BASE_URL"]) == "warning"
    assert "https://proxy.example.com:8443" in found["OPENAI_BASE_URL"]["detail"]
    assert "secret" not in json.dumps(found)


def test_base_url_that_is_none_is_broken_and_not_echoed(checks, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://user:hunter22@example.com")

    found = checks()

    assert found["exit"] == 2
    assert state(found["ANTHROPIC_BASE_URL"]) == "broken"
    assert "hunter22" not in json.dumps(found)


@pytest.mark.parametrize("name", ["ANTHROPIC_LOG", "OPENAI_LOG"])
def test_sdk_that_logs_prompts_is_warned_of(checks, monkeypatch, name):
    """F7."""
    monkeypatch.setenv(name, "debug")

    found = checks()

    assert found["exit"] == 0
    assert state(found[name]) == "warning"
    assert found[name]["hint"] == f"unset {name}"


def test_file_that_cannot_be_composed_is_broken_and_named(checks, project):
    (project / "conf" / "model" / "typo.yaml").write_text("provider: openai\nnmae: x\n")

    found = checks()

    assert found["exit"] == 2
    assert state(found["configuration files"]) == "broken"
    assert "conf/model/typo.yaml" in found["configuration files"]["detail"]
    assert state(found["experiments"]) == "ok"


def test_experiment_that_cannot_be_composed_is_broken(checks, project):
    path = project / "conf" / "experiment" / "first.yaml"
    path.write_text(path.read_text().replace("run:", "runn:"))

    found = checks()

    assert found["exit"] == 2
    assert state(found["experiments"]) == "broken"
    assert "conf/experiment/first.yaml" in found["experiments"]["detail"]


def test_experiment_that_leaves_a_choice_open_is_sound(checks, project):
    path = project / "conf" / "experiment" / "open.yaml"
    path.write_text("# @package _global_\ndefaults:\n  - override /dataset: my_tickets\n")

    found = checks()

    assert found["exit"] == 0
    assert "left to the command line: open" in found["experiments"]["detail"]


def test_directory_without_conf_uses_the_packaged_one(checks, tmp_path, monkeypatch):
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path / "bare")

    found = checks()

    assert found["exit"] == 0
    assert "the packaged configuration alone" in found["conf/"]["detail"]


def test_price_of_an_unheard_of_model_is_missed(checks, project):
    (project / "conf" / "model" / "own.yaml").write_text("provider: openai\nname: unheard-of\n")

    found = checks()

    assert found["exit"] == 0
    assert state(found["prices"]) == "warning"
    assert "own (unheard-of)" in found["prices"]["detail"]


def test_prices_of_all_shipped_models_are_known(checks):
    found = checks()

    assert state(found["prices"]) == "ok"


def test_trusted_hosts_are_listed_with_their_key(checks):
    main(["trust", "proxy.example.com", "OPENAI_API_KEY"])

    found = checks()

    assert (
        "OPENAI_API_KEY may also be sent to proxy.example.com" in (found["trusted hosts"]["detail"])
    )


def test_broken_trust_file_is_broken(checks, tmp_path, monkeypatch):
    monkeypatch.setenv("EVALRUNNER_CONFIG_DIR", str(tmp_path))
    (tmp_path / "trust.json").write_text("[]")

    found = checks()

    assert found["exit"] == 2
    assert "trust.json" in found["trusted hosts"]["detail"]


def test_cache_is_looked_at_and_not_made(checks, tmp_path):
    before = checks()
    ResponseCache(tmp_path / "cache" / "responses.sqlite").close()
    after = checks()

    assert before["cache"]["detail"].endswith("(not there yet)")
    assert "0 answers" in after["cache"]["detail"]


@pytest.mark.parametrize("damage", ["foreign", "newer"])
def test_cache_that_cannot_be_used_is_warned_of(checks, tmp_path, damage):
    """E11."""
    path = tmp_path / "cache" / "responses.sqlite"
    path.parent.mkdir()
    if damage == "foreign":
        path.write_bytes(b"no database at all, but long enough to be looked at" * 30)
    else:
        ResponseCache(path).close()
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 99")

    found = checks()

    assert found["exit"] == 0
    assert state(found["cache"]) == "warning"


def test_outputs_that_cannot_be_written_are_broken(checks, project):
    (project / "outputs").write_text("a file")

    found = checks()

    assert found["exit"] == 2
    assert state(found["outputs"]) == "broken"
    assert "run.outputs=DIR" in found["outputs"]["hint"]


def test_looking_leaves_no_trace(checks, project, tmp_path):
    before = sorted(tmp_path.rglob("*"))

    checks()

    assert sorted(tmp_path.rglob("*")) == before


MOUNTS = """\
overlay / overlay rw 0 0
server:/home /home nfs4 rw 0 0
tmpfs /home/me/fast tmpfs rw 0 0
//host/share /mnt/my\\040share cifs rw 0 0
garbage
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/cache", "overlay"),
        ("/home/me/cache", "nfs4"),
        ("/home/me/fast/cache", "tmpfs"),
        ("/mnt/my share/cache", "cifs"),
        ("/homes", "overlay"),
    ],
)
def test_file_system_is_that_of_the_longest_mount_point(path, kind):
    """E10."""
    assert filesystem_of(Path(path), MOUNTS) == kind


def test_file_system_is_unknown_without_a_list_of_mounts():
    assert filesystem_of(Path("/home"), "") is None
