"""Choose a model and a prompt for production by your own test set.

Importing this package is cheap: it loads no SDK, no Hydra and no numpy.
"""

from evalrunner.decorators import model, scorer

__all__ = ["__version__", "model", "scorer"]

__version__ = "0.1.0"
