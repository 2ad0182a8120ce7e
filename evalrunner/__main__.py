"""`python -m evalrunner`: the same as the console script."""

import sys

from evalrunner.cli import main

if __name__ == "__main__":
    sys.exit(main())
