"""What every test stands on: no network but loopback, no key of the developer's, a wire server."""

from __future__ import annotations

import importlib
import ipaddress
import os
import re
import socket
import sys
from pathlib import Path

import hypothesis
import pytest

# With importlib mode nothing else puts this directory on the path; tests import `wire_server`.
sys.path.insert(0, str(Path(__file__).parent))

from wire_server import WireServer

# A busy machine is no failure, and a failure must come again. The examples are the same ones each
# time, so that more of them only take longer.
hypothesis.settings.register_profile("evalrunner", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("evalrunner")

# A command that is run as a process would compile the whole package at every start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_OURS = re.compile(
    r"(OPENAI|ANTHROPIC|AZURE|AWS|GOOGLE|CLOUD_ML|EVALRUNNER)_|GITHUB_STEP_SUMMARY$|.*(API_KEY|_proxy)$",
    re.IGNORECASE,
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests that share a browser, or runs that take seconds, go to one worker; others to any."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            module = nodeid.split("::")[0]
            if module.startswith("tests/browser/"):
                return "tests/browser"
            return module if module.startswith("tests/e2e/") else nodeid

    return Scheduling(config, log)


@pytest.fixture
def quick_runs(monkeypatch):
    """For tests of neither: runs draw no figures, and equal grids of equal files are composed once.

    The two together take longer than all the rest of a small run in this process.
    """
    from runs import composed_once

    # Where it is imported already, a run starts no process to draw in.
    importlib.import_module("matplotlib")
    monkeypatch.setattr("evalrunner.plots.draw_run", lambda summary, directory: [])
    monkeypatch.setattr("evalrunner.config.composition.compose_grid", composed_once)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch, tmp_path):
    """No key, base URL or proxy of this machine; trust is kept in a directory of the test's own."""
    for name in list(os.environ):
        if _OURS.match(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EVALRUNNER_CONFIG_DIR", str(tmp_path / "evalrunner-config"))


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch):
    """Refuse every connection and look-up that would leave this machine."""
    connect, connect_ex, getaddrinfo = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded(call):
        def checked(self, address):
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                _check(address[0])
            return call(self, address)

        return checked

    def looked_up(host, *args, **kwargs):
        _check(host)
        return getaddrinfo(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)


@pytest.fixture
def wire():
    """A server on loopback that speaks to both SDKs."""
    server = WireServer()
    yield server
    server.stop()


def _check(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return
    try:
        local = ipaddress.ip_address(name).is_loopback
    except ValueError:
        local = False
    if not local:
        # No OSError: the code under test would take that for a network fault and hide it.
        raise RuntimeError(f"a test tried to reach {name!r}: only loopback is allowed")
