"""A headless Chromium, pages of it that complain about everything, and reports for it to open.

All browser tests run in one worker, one after the other: there is one browser.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from judge_desk import Asked, last, said, verdict
from playwright.sync_api import sync_playwright
from runs import project
from wire_server import WireServer

# As root, and on a machine whose network is closed.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NO_BROWSER = """no chromium on the PATH: the tests of the report need one.
  Debian, Ubuntu   make browser                    (or: apt-get install chromium, as root)
  elsewhere        EVALRUNNER_CHROMIUM=/path/to/chromium make test
"""
_LOCAL = ("file:", "data:", "blob:", "about:")
_FOREIGN = re.compile(
    r"(OPENAI|ANTHROPIC|AZURE|AWS|GOOGLE|CLOUD_ML|EVALRUNNER)_|.*(API_KEY|_proxy)$", re.IGNORECASE
)
_TIMEOUT_MS = 10_000


@pytest.fixture(scope="package")
def browser():
    """One Chromium for all tests in this directory.

    While it is up, nothing else can start an event loop in this thread: runs are made by processes.
    That is also why it must end with the directory, which therefore is a package.
    """
    path = os.environ.get("EVALRUNNER_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.fail(_NO_BROWSER, pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def problems():
    """What went wrong in the pages of this test; a test that provokes something clears it."""
    return []


@pytest.fixture
def new_page(browser, problems):
    """Makes a page in a context of its own; takes the options of Playwright's `new_context`.

    The test fails when a page writes an error or a warning to its console, lets an exception
    through, opens a dialog or asks for anything that is not on this disk.
    """
    contexts = []

    def make(**options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        context.set_default_timeout(_TIMEOUT_MS)
        context.set_offline(True)
        context.on("page", lambda page: _watch(page, problems))
        return context.new_page()

    yield make
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(new_page):
    """A page as most readers have it: 1280 pixels wide, light, with JavaScript."""
    return new_page()


@pytest.fixture(scope="session")
def elsewhere():
    """Calls a function in another thread: one where it can start an event loop of its own."""

    def call(function, *args, **options):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(function, *args, **options).result()

    return call


@pytest.fixture(scope="session")
def make_run(tmp_path_factory):
    """Runs `evalrunner run` as its users do, in a project of its own; gives the run directory."""

    def run(*words, files=None, cases=None, **env):
        root = tmp_path_factory.mktemp("project")
        if files is not None:
            project(root, files, **({} if cases is None else {"cases": cases}))
        done = subprocess.run(
            [sys.executable, "-m", "evalrunner", "run", *words],
            cwd=root,
            env=_environ(root) | env,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        assert done.returncode == 0, done.stderr
        (directory,) = (root / "outputs").glob("*/*")
        return directory

    return run


@pytest.fixture(scope="session")
def quickstart(make_run):
    """A run of four classifiers, with slices by class and confusion matrices."""
    return make_run("experiment=quickstart", "dataset.limit=48")


@pytest.fixture(scope="session")
def support_replies(make_run, elsewhere):
    """A run of three models with a judge, retests, canaries and flags."""
    wire = elsewhere(WireServer)
    wire.handler = _answered
    places = (f"{key}.base_url={wire.url}" for key in ("model", "judge.model"))
    keys = {"OPENAI_API_KEY": "sk-proj-0123456789", "ANTHROPIC_API_KEY": "sk-ant-0123456789"}
    limit = ("dataset.limit=12", "--yes")
    try:
        return make_run("experiment=support_replies", *places, *limit, **keys)
    finally:
        wire.stop()


@pytest.fixture(scope="session")
def forty(make_run):
    """A run of forty models on one plot."""
    names = [f"m{n}" for n in range(40)]
    functions = "\n".join(_FUNCTION.format(name=name, n=n) for n, name in enumerate(names))
    files = {f"conf/model/{name}.yaml": _MODEL.format(name=name) for name in names}
    files["models.py"] = f"import evalrunner\n{functions}"
    cases = [{"id": f"c{n}", "input": f"{n}", "expected_output": "yes"} for n in range(30)]
    return make_run("experiment=base", f"model={','.join(names)}", files=files, cases=cases)


_MODEL = "provider: python\nfunction: models.py:{name}\n"
_FUNCTION = """
@evalrunner.model
def {name}(prompt):
    is_right = int(prompt) * 7 % 30 < 10 + {n} // 2
    return {{"output": "yes" if is_right else "no", "cost_usd": 0.00002 * 1.25 ** {n}}}
"""


def _answered(seen):
    # Every third ticket is answered without a signature, and fails one criterion.
    asked = Asked(seen)
    if asked.model != "claude-opus-5-5":
        end = "" if len(asked.question) % 3 == 0 else f" Yours, {asked.model}"
        return said(asked, f"Sorry about that: {asked.question[:80]}!{end}")
    is_signed = "! Yours, " in asked.fences["ANSWER"]
    return said(asked, verdict(asked) if is_signed else verdict(asked, last))


def _watch(page, problems):
    def told(message):
        if message.type in {"error", "warning"}:
            problems.append(f"console {message.type}: {message.text}")

    def asked(request):
        if not request.url.startswith(_LOCAL):
            problems.append(f"request: {request.url[:200]}")

    def dialog(shown):
        problems.append(f"dialog: {shown.message[:200]}")
        shown.dismiss()

    page.on("console", told)
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
    page.on("request", asked)
    page.on("dialog", dialog)


def _environ(root):
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    home = root / ".test"
    return kept | {
        "EVALRUNNER_CACHE_DIR": str(home / "cache"),
        "EVALRUNNER_CONFIG_DIR": str(home / "config"),
    }
