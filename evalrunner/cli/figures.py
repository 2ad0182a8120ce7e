"""The figures of a run, drawn by a process of their own that is started before the first trial.

Importing matplotlib takes as long as hundreds of cached samples. In another process that happens
beside the run, or while it waits for answers, and makes no measured answer slower.
"""

from __future__ import annotations

import gc
import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evalrunner.errors import StoreError


class Figures:
    """Draws the figures of a run directory; the process ends with the block.

    Args:
        directory: Of the run.
        after_s: Seconds that the run's own start takes: until then the process does nothing, for
            they may share one processor.
    """

    def __init__(self, directory: Path, *, after_s: float = 0.0) -> None:
        self._directory = directory
        self._after_s = after_s
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Where matplotlib is imported already, another process would gain nothing.
        if "matplotlib" not in sys.modules:
            with suppress(OSError):
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    # -P: nothing is imported from the working directory, a stranger's project.
                    [sys.executable, "-P", "-m", __name__, self._directory, str(self._after_s)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    # Ctrl-C is for the run, which is drawn nevertheless.
                    start_new_session=True,
                )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    @contextmanager
    def drawing(self, summary: Mapping[str, Any]) -> Iterator[None]:
        """Draw what `summary.json` says by now, beside the block; they are there when it ends.

        Where no process can, they are drawn here, after the block. Raises StoreError.
        """
        if self._process is not None and self._process.stdin is not None:
            # A process that has ended reads nothing: its exit code says so below.
            with suppress(OSError):
                self._process.stdin.write(b"draw\n")
                self._process.stdin.flush()
        yield
        if self._process is not None:
            self._process.communicate()
            if self._process.returncode == 0:
                return
        from evalrunner.plots import draw_run

        draw_run(summary, self._directory)


def main(directory: Path, *, after_s: float) -> int:
    """Draw the run in `directory` once standard input says so; without that, end with it."""
    select.select([sys.stdin], [], [], after_s)
    from evalrunner.plots import draw_run

    # Else the interpreter looks through all of matplotlib once more when it ends: a tenth of a
    # second, for which the run's command waits.
    gc.freeze()
    if sys.stdin.readline():
        try:
            draw_run(json.loads((directory / "summary.json").read_bytes()), directory)
        except (OSError, StoreError):
            # Who asked will try again, and say what is wrong.
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), after_s=float(sys.argv[2])))
