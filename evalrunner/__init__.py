"""Choose a model and a prompt for production by your own test set.

Importing this package is cheap: it loads no SDK, no Hydra and no numpy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from evalrunner.decorators import model, scorer

__all__ = ["__version__", "model", "scorer"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """The decorators, imported when one is used: `typing` alone doubles the start-up time."""
    if name not in {"model", "scorer"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from evalrunner import decorators

    return getattr(decorators, name)
