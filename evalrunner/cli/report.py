"""`evalrunner report RUN`: rebuild everything derived, without network and key."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from evalrunner.cli.figures import Figures
from evalrunner.cli.gate import Gate, show_summary
from evalrunner.planning import read_specs
from evalrunner.pricing import PricingSettings
from evalrunner.report import build_report
from evalrunner.report.page import PageDraft
from evalrunner.store import run_directory


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    pricing = None
    if arguments.pricing:
        from evalrunner.config import compose_group
        from evalrunner.project import Project

        pricing = compose_group("pricing", arguments.pricing, Project(Path(arguments.project)))
    gate, directory = Gate.of(arguments), run_directory(Path(arguments.run))
    specs = read_specs(directory) if gate else ()
    if gate:
        gate.check_plan(specs)
    summary = rebuild(directory, pricing=pricing)
    sys.stderr.write(f"rebuilt: {arguments.run}\n")
    if gate:
        return gate.show(summary, specs, directory, as_json=arguments.json)
    show_summary(summary, directory, as_json=arguments.json)
    return 0


def rebuild(directory: Path, *, pricing: PricingSettings | None = None) -> dict[str, Any]:
    """Write everything derived again, the page while the figures are drawn; returns the summary."""
    with Figures(directory) as figures:
        summary = build_report(directory, pricing=pricing, figures=False)
        with figures.drawing(summary):
            page = PageDraft(directory)
    page.write()
    return summary
