"""`evalrunner report RUN`: rebuild everything derived, without network and key."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from evalrunner.cli.screens import results
from evalrunner.report import build_report


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    pricing = None
    if arguments.pricing:
        from evalrunner.config import compose_group
        from evalrunner.project import Project

        pricing = compose_group("pricing", arguments.pricing, Project(Path(arguments.project)))
    summary = build_report(Path(arguments.run), pricing=pricing)
    if arguments.json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        results(summary)
    sys.stderr.write(f"rebuilt: {arguments.run}\n")
    return 0
