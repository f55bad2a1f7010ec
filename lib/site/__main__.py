"""Make the report of a study: `python -m lib.site --study tiny [--to folder]`."""

import argparse
import sys
from pathlib import Path

from lib import params, paths, site, tables
from lib.pipeline import provenance


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lib.site", description=__doc__)
    parser.add_argument("--study", default="tiny")
    parser.add_argument("--to", type=Path, help="folder to make or to replace, by default outputs/<study>/report")
    args = parser.parse_args()
    known = (site.SiteError, params.ParamsError, provenance.ProvenanceError, tables.TableError, ValueError, OSError)
    try:
        made = site.build(args.study, args.to)
    except known as error:
        sys.exit(f"error: {error}")
    print(f"Report: {paths.show(made / 'index.html')}")


if __name__ == "__main__":
    main()
