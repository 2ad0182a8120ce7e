"""`evalrunner human export|serve|import|report RUN`: each action is a module of its own."""

from __future__ import annotations

import argparse
from importlib import import_module

_MODULES = {"export": "export", "serve": "serve", "import": "imports", "report": "report"}


def main(arguments: argparse.Namespace) -> int:
    """Run the action; returns the exit code."""
    module = import_module(f"{__name__}.{_MODULES[arguments.action]}")
    return int(module.main(arguments))
