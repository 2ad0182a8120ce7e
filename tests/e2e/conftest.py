"""Runs the command as its users do: a process of its own, with no network but loopback."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from wire_server import WireServer

_FOREIGN = re.compile(
    r"(OPENAI|ANTHROPIC|AZURE|AWS|GOOGLE|CLOUD_ML|EVALRUNNER)_|GITHUB_STEP_SUMMARY$|.*(API_KEY|_proxy)$",
    re.IGNORECASE,
)
_TIMEOUT_S = 90

# Python imports a module of this name at start. It fences the process in, and writes down at exit
# which modules were imported.
_SITECUSTOMIZE = """
import atexit, importlib.util, os, pathlib, socket, sys, types

def _guarded(name):
    call = getattr(socket.socket, name)
    def checked(self, address):
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            _check(address[0])
        return call(self, address)
    setattr(socket.socket, name, checked)

def _check(host):
    host = host.decode() if isinstance(host, bytes) else host
    loopback = host in {None, "", "localhost", "127.0.0.1", "::1", "models.test"}
    if os.environ["FENCE"] == "no sockets" or not loopback:
        pathlib.Path(os.environ["FENCE_LOG"]).open("a").write(f"{host}\\n")
        raise RuntimeError(f"a test tried to reach {host!r}")

_look_up = socket.getaddrinfo
def _looked_up(host, *args, **kwargs):
    _check(host)
    # A name that is not loopback's: keys are needed for it, and it must be trusted.
    return _look_up("127.0.0.1" if host == "models.test" else host, *args, **kwargs)

for _name in ("connect", "connect_ex"):
    _guarded(_name)
socket.getaddrinfo = _looked_up

if os.environ["FIGURES"] == "none":
    _plots = sys.modules["evalrunner.plots"] = types.ModuleType("evalrunner.plots")
    (_package,) = importlib.util.find_spec("evalrunner").submodule_search_locations
    _plots.__path__ = [os.path.join(_package, "plots")]
    _plots.draw_run = lambda summary, directory: []

def _note():
    pathlib.Path(os.environ["MODULES_LOG"]).write_text("\\n".join(sys.modules))
atexit.register(_note)
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str
    modules: frozenset[str]
    """Names of all modules that were imported."""
    reached: str
    """Hosts that were asked for and refused, one a line."""


@dataclass
class Cli:
    """Runs `evalrunner` inside `root`, with a cache, a trust file and outputs of its own."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self._home = self.root / ".test"
        (self._home / "fence").mkdir(parents=True, exist_ok=True)
        (self._home / "fence" / "sitecustomize.py").write_text(_SITECUSTOMIZE)

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    def runs(self) -> list[Path]:
        """Run directories, oldest first."""
        return sorted(self.outputs.glob("*/*"))

    def __call__(self, *words: str, sockets: bool = True, **env: str) -> Done:
        process = self.start(*words, sockets=sockets, **env)
        return self.wait(process)

    def start(self, *words: str, sockets: bool = True, **env: str) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "evalrunner", *words],
            cwd=self.root,
            env=self._environ(sockets=sockets) | self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait(self, process: subprocess.Popen[str]) -> Done:
        """What came of a started command."""
        try:
            out, err = process.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        log, reached = self._home / "modules", self._home / "reached"
        modules = log.read_text().split("\n") if log.exists() else []
        log.unlink(missing_ok=True)
        text = reached.read_text() if reached.exists() else ""
        return Done(process.returncode, out, err, frozenset(modules), text)

    def until(self, claim, *, timeout_s=30.0) -> None:
        """Wait until `claim()` holds; fail when it does not in time."""
        deadline = time.monotonic() + timeout_s
        while not claim():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.01)

    def _environ(self, *, sockets: bool) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
        fence = [str(self._home / "fence"), kept.get("PYTHONPATH", "")]
        return kept | {
            "PYTHONPATH": os.pathsep.join(filter(None, fence)),
            "PYTHONWARNINGS": "default",
            "FENCE": "loopback" if sockets else "no sockets",
            "FENCE_LOG": str(self._home / "reached"),
            # Importing matplotlib takes longer than most of these runs. What figures show, and that
            # a run has them, is tested elsewhere: FIGURES="all" draws them.
            "FIGURES": "none",
            "MODULES_LOG": str(self._home / "modules"),
            "EVALRUNNER_CACHE_DIR": str(self._home / "cache"),
            "EVALRUNNER_CONFIG_DIR": str(self._home / "config"),
        }


@pytest.fixture
def cli(tmp_path):
    """The command in an empty directory."""
    return Cli(tmp_path)


@pytest.fixture(scope="module")
def module_cli(tmp_path_factory):
    """As `cli`, shared by the tests of a module."""
    return Cli(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def module_wire():
    """As `wire`, shared by the tests of a module."""
    server = WireServer()
    yield server
    server.stop()
