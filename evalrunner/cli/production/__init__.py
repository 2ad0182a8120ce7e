"""`evalrunner production dataset|drift|trend LOG…`: each action is a module of its own."""

from __future__ import annotations

import argparse
from importlib import import_module


def main(arguments: argparse.Namespace) -> int:
    """Run the action; returns the exit code."""
    module = import_module(f"{__name__}.{arguments.action}")
    return int(module.main(arguments))
