"""The colours of all figures by their role; nothing else, so that a web page may import them.

Every colour that an SVG of ours holds is one of these, in this very spelling: a page can replace
them one by one, for a dark scheme.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

COLORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "paper": "#ffffff",
        "ink": "#1f2933",
        "muted": "#5b6776",
        "stairs": "#76828f",
        "faint": "#a9b3be",
        "grid": "#e6eaef",
        "tie": "#dfe5ec",
        "unknown": "#eef0f2",
        "shade-low": "#f4f8fb",
        "shade-middle": "#a9cfe8",
        "shade-high": "#4a9fd0",
        "palette-1": "#0072b2",
        "palette-2": "#d55e00",
        "palette-3": "#009e73",
        "palette-4": "#cc79a7",
        "palette-5": "#e69f00",
        "palette-6": "#56b4e9",
        "palette-7": "#000000",
    }
)
"""`tie`: bands behind all else. `unknown` and the shades fill the fields of heat maps, whose other
fills lie between the shades. The palette is that of Okabe and Ito (2008), without the yellow that
vanishes on white."""

PALETTE: Final = tuple(value for role, value in COLORS.items() if role.startswith("palette-"))
