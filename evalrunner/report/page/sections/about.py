"""The section `about`."""

from __future__ import annotations

from typing import Any

from evalrunner.report.page.source import PageSource


def section(page: PageSource) -> dict[str, Any]:
    """What its template shows."""
    return {"cells": page.summary["cells"]}
