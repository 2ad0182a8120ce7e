#!/usr/bin/env python3
"""Makes the pictures of the README from the shipped experiment `quickstart`: `make pictures`.

The run is made anew in a directory that is thrown away: no key, no network, some seconds. What its
classifiers cost is processor time, so cost and latency differ a little each time; quality does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
WIDTH = 1280
"""Pixels."""
LARGEST = 250_000
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")


def main() -> None:
    """Run the experiment and replace `pareto.png` and `report.png`."""
    with tempfile.TemporaryDirectory() as outputs:
        run = evaluate(Path(outputs))
        shutil.copyfile(run / "pareto.png", HERE / "pareto.png")
        photograph(run / "report.html", HERE / "report.png")
    for name in ("pareto.png", "report.png"):
        size = (HERE / name).stat().st_size
        if size > LARGEST:
            sys.exit(f"{name} has {size:,} bytes: more than {LARGEST:,}")


def evaluate(outputs: Path) -> Path:
    """The directory of a new run."""
    words = ("experiment=quickstart", f"run.outputs={outputs}")
    command = [sys.executable, "-m", "evalrunner", "run", *words]
    subprocess.run(command, cwd=HERE.parents[1], check=True)  # noqa: S603 - our own command
    (run,) = outputs.glob("quickstart/*")
    return run


def photograph(page: Path, picture: Path) -> None:
    """The top of a report, as far as its table of cells."""
    browser_path = os.environ.get("EVALRUNNER_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        shown = browser.new_page(
            viewport={"width": WIDTH, "height": 800}, color_scheme="light", reduced_motion="reduce"
        )
        shown.goto(page.as_uri())
        height = shown.locator("#cells").evaluate("each => each.getBoundingClientRect().bottom")
        shown.screenshot(
            path=picture,
            full_page=True,
            clip={"x": 0, "y": 0, "width": WIDTH, "height": height},
            animations="disabled",
        )
        browser.close()


if __name__ == "__main__":
    main()
