"""Make the report of a study: `python -m lib.report --study tiny [--to folder]`."""

import argparse
import sys
from pathlib import Path

from lib import params, paths, report, tables
from lib.pipeline import provenance


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lib.report", description=__doc__)
    parser.add_argument("--study", default="tiny")
    parser.add_argument("--to", type=Path, help="folder to make or to replace, by default outputs/<study>/report")
    args = parser.parse_args()
    known = (report.SiteError, params.ParamsError, provenance.ProvenanceError, tables.TableError, ValueError, OSError)
    try:
        made = report.build(args.study, args.to)
    except known as error:
        sys.exit(f"error: {error}")
    print(f"Report: {paths.show(made / 'index.html')}")


if __name__ == "__main__":
    main()
