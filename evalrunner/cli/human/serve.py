"""`evalrunner human serve RUN`: the rating page, until Ctrl-C."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from evalrunner.cli.opening import open_in_browser
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of
from evalrunner.human.server import Link, Progress, serve
from evalrunner.store import run_directory

_EVERY_S = 60.0
"""Between two lines about votes."""


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    screen = _Screen(arguments.run, opens=arguments.open)
    progress = serve(
        run_directory(Path(arguments.run)),
        raters=_names(arguments.raters),
        host=arguments.host,
        port=arguments.port,
        started=screen.started,
        told=screen.told,
    )
    screen.ended(progress)
    return 0


class _Screen:
    """Links on stdout; how it goes, quietly, on stderr."""

    def __init__(self, run: str, *, opens: bool) -> None:
        self._run = shlex.quote(run)
        self._opens = opens
        self._port = 0
        self._told_at: float | None = None

    def started(self, links: Sequence[Link]) -> None:
        self._port = links[0].port
        width = max(len(link.rater) for link in links)
        for link in links:
            sys.stdout.write(f"{link.rater.ljust(width)}  {link.url}\n")
        sys.stdout.flush()
        one = "the link is" if len(links) == 1 else "each link is"
        _say(f"{one} as good as a signature: whoever has it votes as that rater; Ctrl-C ends")
        if self._opens and len(links) == 1:
            open_in_browser(links[0].url)

    def told(self, rater: str, progress: Progress) -> None:
        done, n = progress[rater]
        now = time.monotonic()
        if done == n or self._told_at is None or now - self._told_at >= _EVERY_S:
            self._told_at = now
            _say(f"{rater}: {done:,} of {n_of(n, 'task')}")

    def ended(self, progress: Progress) -> None:
        width = max(map(len, progress))
        _say("")
        for rater, (done, n) in progress.items():
            _say(f"{rater.ljust(width)}  {done:,} of {n_of(n, 'task')} answered")
        if any(done < n for done, n in progress.values()):
            _say(f"go on:   evalrunner human serve {self._run} --port {self._port}")
        _say(f"results: evalrunner human report {self._run}")


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ConfigError(Problem(where="--raters", what="names nobody", hint="--raters ann,bob"))
    return names


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
