"""`python tests/bench`: measure, and print the table."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # where `bench` is a package, as for the tests

from bench.suite import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
