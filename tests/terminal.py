"""Runs a command in a real terminal of a given size, and keeps every byte that it wrote."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass, field

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What rich itself writes: colours, and where the cursor goes."""


@dataclass
class Terminal:
    """`evalrunner` with its three streams on a terminal."""

    words: tuple[str, ...]
    columns: int = 80
    rows: int = 24
    env: dict[str, str] = field(default_factory=dict)
    cwd: object = None
    raw: str = ""

    def run(self, *, interrupt_at=None):
        """The exit code; Ctrl-C is pressed once the screen has shown `interrupt_at`."""
        ours, theirs = pty.openpty()
        size = struct.pack("HHHH", self.rows, self.columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        environ = {k: v for k, v in os.environ.items() if k not in _UNWANTED}
        process = subprocess.Popen(
            [sys.executable, "-m", "evalrunner", *self.words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self.cwd,
            env=environ | {"TERM": "xterm-256color"} | self.env,
            start_new_session=True,
        )
        os.close(theirs)
        for chunk in _chunks(ours):
            self.raw += chunk
            if interrupt_at is not None and re.search(interrupt_at, self.raw):
                interrupt_at = None
                os.kill(process.pid, signal.SIGINT)
        os.close(ours)
        return process.wait()

    @property
    def text(self):
        """What was written, without the control sequences of the view itself."""
        return _CONTROL.sub("", self.raw).replace("\r\n", "\n")


_UNWANTED = {"CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "GITHUB_STEP_SUMMARY"}


def _chunks(descriptor):
    """What arrives until the other side is closed, which Linux tells by an error."""
    while True:
        try:
            chunk = os.read(descriptor, 65_536)
        except OSError:
            return
        if not chunk:
            return
        yield chunk.decode("utf-8", "replace")
