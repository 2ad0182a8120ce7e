"""What all benchmarks share: a server and a client on cores of their own, and a table at the end.

Every measured command is a process of its own, started as a user starts it, in a temporary project
with its own `conf/`, cache and outputs.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any, Self

import evalrunner

HERE = Path(__file__).parent
_LIBRARIES = ("evalrunner", "openai", "anthropic", "httpx2", "aiohttp", "hydra-core", "pydantic")
_FOREIGN = re.compile(
    r"(OPENAI|ANTHROPIC|AZURE|AWS|GOOGLE|CLOUD_ML|EVALRUNNER)_|.*(API_KEY|_proxy)$"
    r"|PYTHON(DONTWRITEBYTECODE|UNBUFFERED)$",
    re.IGNORECASE,
)
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def arguments(doc: str | None, *, full: str | None = None) -> argparse.Namespace:
    """The options of a benchmark; `full` describes `--full` where there is one."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--small", action="store_true", help="a tenth of the work, to try it out")
    if full is not None:
        parser.add_argument("--full", action="store_true", help=full)
    return parser.parse_args()


def cores() -> tuple[int | None, int | None]:
    """Processors of the client and of the server; None where they cannot be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[-1]) if len(usable) > 1 else (None, None)


class Server:
    """`server.py` in a process of its own; options are its command line's, in Python's spelling."""

    def __init__(self, *, core: int | None = None, **options: float | str) -> None:
        words = []
        for name, value in options.items():
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, str(value)]
        if core is not None:
            words += ["--core", str(core)]
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def stats(self) -> dict[str, Any]:
        """What the server has seen."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


@dataclass(frozen=True)
class Measured:
    """How one command ended and what it took."""

    code: int
    wall_s: float
    cpu_s: float
    """User and system time of the process itself; its children's is left out."""
    peak_mb: float
    started_at: float
    """Unix time at which the process was started."""
    out: str
    err: str


def start(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], core: int | None = None
) -> subprocess.Popen[str]:
    """A command, started on `core` with its output in files of `cwd`."""
    with (cwd / "stdout").open("w") as out, (cwd / "stderr").open("w") as err:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
        )
    if core is not None:
        # Before the interpreter is up, so that all its threads inherit it.
        os.sched_setaffinity(process.pid, {core})
    return process


def measure(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], core: int | None = None
) -> Measured:
    """Run a command to its end."""
    started_at, started = time.time(), time.perf_counter()
    process = start(words, cwd=cwd, env=env, core=core)
    # Not reaped yet, so that its own time can be read without that of its children.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall = time.perf_counter() - started
    cpu = _own_cpu_s(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Measured(
        code=process.returncode,
        wall_s=wall,
        cpu_s=usage.ru_utime + usage.ru_stime if cpu is None else cpu,
        peak_mb=kilobytes * 1024 / 1e6,
        started_at=started_at,
        out=(cwd / "stdout").read_text(),
        err=(cwd / "stderr").read_text(),
    )


def _own_cpu_s(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


class Project:
    """A project directory with models `openai` (Responses), `chat`, `anthropic` and `echo`.

    The first three are the server at `url`, the last a Python function.
    """

    def __init__(self, root: Path, *, url: str = "http://127.0.0.1:9", n_cases: int) -> None:
        self.root = root
        self.env = {k: v for k, v in os.environ.items() if not _FOREIGN.match(k)} | {
            "EVALRUNNER_CACHE_DIR": str(root / "cache"),
            "EVALRUNNER_CONFIG_DIR": str(root / "config"),
        }
        self.point_at(url)
        self.write("models.py", _MODELS)
        self.write("conf/model/echo.yaml", "provider: python\nfunction: models.py:echo\n")
        self.write("conf/dataset/cases.yaml", "name: cases\npath: datasets/cases.jsonl\n")
        # The price of a model that does not exist: 1 and 4 USD per million tokens.
        self.write(
            "conf/pricing/bench.yaml",
            "source: none\n"
            "overrides: {bench: {input: 1, output: 4}, echo: {input: 0, output: 0}}\n",
        )
        self.write_cases(n_cases)

    def point_at(self, url: str) -> None:
        """Let the three models be the server at `url`."""
        for name, api in (("openai", "responses"), ("chat", "chat")):
            text = f"provider: openai\nname: bench\napi: {api}\nbase_url: {url}/v1\n"
            self.write(f"conf/model/{name}.yaml", text)
        text = f"provider: anthropic\nname: bench\nbase_url: {url}\n"
        self.write("conf/model/anthropic.yaml", text)

    def write(self, name: str, text: str) -> None:
        """A file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_cases(self, n: int) -> None:
        """A test set whose answers are the questions, about 200 bytes each."""
        path = self.root / "datasets" / "cases.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            file.writelines(f"{json.dumps(case_of(number))}\n" for number in range(n))

    def forget(self) -> None:
        """Remove all runs and the cache."""
        for name in ("cache", "outputs"):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def words(self, *words: str) -> list[str]:
        """The command line of `evalrunner WORDS`."""
        return [sys.executable, "-m", "evalrunner", *words]

    def run(self, *overrides: str, core: int | None = None) -> Measured:
        """`evalrunner run` over the cases, measured; it must succeed."""
        common = ("run", "--yes", "dataset=cases", "pricing=bench")
        done = measure(self.words(*common, *overrides), cwd=self.root, env=self.env, core=core)
        if done.code != 0:
            raise SystemExit(f"evalrunner run {' '.join(overrides)}: {done.code}\n{done.err}")
        return done

    def runs(self) -> list[Path]:
        """Run directories, oldest first."""
        return sorted((self.root / "outputs").glob("*/*"), key=lambda path: path.stat().st_mtime)

    def summary(self) -> dict[str, Any]:
        """Of the latest run."""
        found: dict[str, Any] = json.loads((self.runs()[-1] / "summary.json").read_text())
        return found


_MODELS = """
import evalrunner


@evalrunner.model
def echo(prompt):
    return prompt
"""


def case_of(number: int) -> dict[str, str]:
    """One case of the test sets."""
    text = f"Case {number}: which of our offices answers a customer who asks for invoice {number}?"
    return {"id": f"c{number}", "input": text, "expected_output": text}


@contextmanager
def project(*, n_cases: int, url: str = "http://127.0.0.1:9") -> Iterator[Project]:
    """A temporary project, removed afterwards."""
    # As after an installation: nobody's second start compiles the package again.
    compileall.compile_dir(Path(evalrunner.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory(prefix="evalrunner-benchmark-") as name:
        yield Project(Path(name), url=url, n_cases=n_cases)


def journal_records(run: Path, kind: str) -> list[dict[str, Any]]:
    """The whole lines of one type in a journal; a torn last line is no line."""
    path = run / "journal.jsonl"
    if not path.exists():
        return []
    mark = f'"type":"{kind}"'
    with path.open() as file:
        return [json.loads(line) for line in file if line.endswith("\n") and mark in line]


def middle(values: Sequence[float]) -> float:
    """The median."""
    return float(median(values))


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]], *notes: str) -> None:
    """Print a table with the versions and the machine that its numbers are from."""
    texts = [[_text(field) for field in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    print(f"\n{title}\n")
    for place, row in enumerate(texts):
        cells = (
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  " + "  ".join(cells).rstrip())
        if place == 0:
            print("  " + "  ".join("-" * width for width in widths))
    print()
    for note in notes:
        print(f"  {note}")
    print(f"  {versions()}")


def versions() -> str:
    """Versions, processors and load of this measurement."""
    named = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    python = f"Python {platform.python_version()} on {platform.system()}"
    return f"{python}, {os.cpu_count()} cores{load}; {named}"


def verdict(*, holds: bool) -> str:
    """How a bar is met, in a table."""
    return "yes" if holds else "NO"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "–"


def _text(field: Any) -> str:
    if isinstance(field, float):
        return f"{field:.3g}" if abs(field) < 10 else f"{field:,.1f}"
    return f"{field:,}" if isinstance(field, int) else str(field)
