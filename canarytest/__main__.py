"""`python -m canarytest` is the command `canarytest`."""

import sys

from canarytest.cli import main

if __name__ == "__main__":
    sys.exit(main())
