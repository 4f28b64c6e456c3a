"""`python -m sow` is `sow`."""

import sys

from sow.cli import main

if __name__ == "__main__":
    sys.exit(main())
