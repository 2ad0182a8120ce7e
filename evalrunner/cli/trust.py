"""`evalrunner trust HOST KEY_NAME`: from now on this key may be sent to this host."""

from __future__ import annotations

import argparse
import sys

from evalrunner.providers.keys import trust_host


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    path = trust_host(arguments.host, arguments.key_name)
    sys.stdout.write(f"{arguments.key_name} may now be sent to {arguments.host} ({path})\n")
    return 0
