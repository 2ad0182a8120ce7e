"""Shows a page in the browser of whoever sits in front of the terminal."""

from __future__ import annotations

import os
import sys


def open_in_browser(url: str) -> None:
    """Open a page where there is somebody to see it, and a display to see it on."""
    if sys.stdout.isatty() and _has_display():
        import webbrowser

        webbrowser.open(url)


def _has_display() -> bool:
    """Whether a browser could show anything: over ssh it would start, and hide, in the terminal."""
    is_desktop = sys.platform in {"darwin", "win32"}
    return is_desktop or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
