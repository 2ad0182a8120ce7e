"""Runs in a real terminal: what they draw there, what foreign text may not do, and Ctrl-C."""

from __future__ import annotations

import json
import re

import pytest
from terminal import Terminal

N_CASES = 24
MODELS = """
import time

import evalrunner


@evalrunner.model
def slow(case):
    time.sleep(0.3)
    return case["input"]


@evalrunner.model
def broken(case):
    time.sleep(0.1)
    raise ValueError("[/foo] \\x1b]52;c;aGk=\\x07 boom \\x1b[2J")
"""
HOSTILE = "[/foo]\x1b]52;c;aGk=\x07"


@pytest.fixture
def project(tmp_path):
    """Two models that take their time, one of them with errors that steer terminals."""
    rows = ({"id": f"c{n}", "input": f"{n}", "expected_output": f"{n}"} for n in range(N_CASES))
    model = "provider: python\nlimits: {concurrency: 4}\n"
    files = {
        "conf/dataset/few.yaml": "name: few\npath: few.jsonl\n",
        "conf/model/slow.yaml": f"{model}function: models.py:slow\n",
        "conf/model/broken.yaml": f"{model}function: models.py:broken\n",
        "few.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "models.py": MODELS,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def terminal(project):
    """Makes a terminal in the project."""

    def make(*words, columns=80, **env):
        env |= {"EVALRUNNER_CACHE_DIR": str(project / "cache")}
        return Terminal(words, columns=columns, env=env, cwd=project)

    return make


GRID = ("run", "dataset=few", "model=slow,broken", "run.max_missing=1")


def test_hostile_label_and_error_cannot_steer_the_terminal(terminal):
    """F3: neither in the live view nor in the table nor in what follows."""
    screen = terminal(*GRID[:-1], f"model.label='{HOSTILE}','b'", GRID[-1], columns=160)

    code = screen.run()

    assert code == 0, screen.text
    assert "\x1b]" not in screen.raw
    assert "\x07" not in screen.raw
    assert r"[/foo]\x1b]52;c;aGk=\x07" in screen.text
    assert "Traceback" not in screen.text


def test_live_view_shows_rows_and_leaves_one_line_and_the_table(terminal):
    screen = terminal(*GRID)

    screen.run()

    frames = screen.raw.split("\x1b[1A")
    assert any(re.search(r"━━.*\d+/24", frame) for frame in frames)
    assert re.search(r"\d+ in flight, limit \d+", screen.text)
    rest = screen.text[screen.text.rindex("48/48 · ") :]
    assert "━" not in rest
    assert re.search(r"^cell +quality ", rest, re.MULTILINE)


@pytest.mark.parametrize("env", [{"CI": "true"}, {"TERM": "dumb"}])
def test_no_cursor_codes_in_ci_and_on_dumb_terminals(terminal, env):
    screen = terminal("run", "dataset=few", "model=broken", "run.max_missing=1", **env)

    screen.run()

    assert not re.search(r"\x1b\[[0-9;?]*[A-HJKhlsu]", screen.raw)
    assert "━" not in screen.raw


def test_no_color_is_respected(terminal):
    screen = terminal(*GRID, NO_COLOR="1")

    screen.run()

    colors = re.findall(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7])[;m]", screen.raw)
    assert colors == []
    assert "━" in screen.raw


def test_ctrl_c_says_what_is_awaited_and_stays_on_the_screen(terminal):
    screen = terminal("run", "dataset=few", "model=slow")

    code = screen.run(interrupt_at=r"[4-9]/24")

    assert code == 130
    said = re.search(r"finishing \d+ calls; Ctrl-C again to drop them", screen.raw)
    assert said is not None
    # Whatever is erased afterwards is the view, which is fewer lines than came after the message.
    after = screen.raw[said.end() :]
    lines, highest = 0, 0
    for step in re.findall(r"\n|\x1b\[1A", after):
        lines += 1 if step == "\n" else -1
        highest = min(highest, lines)
    assert highest >= 0
    assert "go on with: evalrunner run --resume" in screen.text
