"""`python -m tests.bench`: measure, and print the table."""

import sys

from tests.bench.suite import main

if __name__ == "__main__":
    sys.exit(main())
