"""The suite: which parts there are, in which order, and the command around them."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench import books, code, draws, grading, kills, memory, rows, storage, stored, sweeps
from tests.bench.rows import Row

RUNS = 5  # of everything that is timed; fewer do not make a median


@dataclass(frozen=True)
class Part:
    """Rows that are measured together."""

    name: str
    measure: Callable[[int, float], Iterator[Row]]  # of the number of runs, and the share of the usual sizes
    seconds: int  # that it takes on a quiet machine of two cores, with `RUNS` runs
    kind: str = "other / ours"  # of a row that stands for it where it breaks


# The light ones first: what loads an engine comes when all others are done.
PARTS = (
    Part("math", grading.math, 40),
    Part("code", code.programs, 25),
    Part("workers", grading.scaling, 25),
    Part("workers-code", code.scaling, 15),
    Part("bootstrap", draws.study, 12),
    Part("judge", draws.judge, 15),
    Part("tables", storage.tables_on_disk, 10),
    Part("notebook", books.notebook, 45, "ours - other"),
    Part("memory", memory.growth, 90, "ours / other"),
    Part("kills", kills.lost, 80, "ours"),
    Part("sweep", sweeps.sweep, 150, "ours / other"),
    Part("long", sweeps.long_thoughts, 15, "ours / other"),
)


def measured(parts: Sequence[Part], runs: int, size: float, took: dict[str, float] | None = None) -> Iterator[Row]:
    """The rows of each part as they come; a part that breaks gives a row that says so, and the others go on.

    `took` is given the seconds of each part.
    """
    for place, part in enumerate(parts):
        begun = time.monotonic()
        left = sum(other.seconds for other in parts[place:]) * max(size, 0.2) * runs / RUNS
        tell(f"{part.name} ({place + 1} of {len(parts)}), about {left / 60:.1f} min left on a quiet machine")
        try:
            for row in part.measure(runs, size):
                tell(f"  {row.name}: {rows.number(row.value)}")
                yield replace(row, part=part.name)
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            tell(f"  failed: {reason}")
            yield Row(f"{part.name}: not measured", part.kind, "", failed=reason, part=part.name)
        spent = time.monotonic() - begun
        tell(f"  took {spent:.0f} s")
        if took is not None:
            took[part.name] = round(spent, 1)


def tell(text: str) -> None:
    """Say on stderr how far it is."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


def chosen(names: str | None) -> list[Part]:
    """The parts of these names, separated by commas, in their own order; all without names.

    Raises:
        ValueError: a name is that of none.
    """
    known = {part.name: part for part in PARTS}
    wanted = names.split(",") if names else list(known)
    if strange := [name for name in wanted if name not in known]:
        raise ValueError(f"--only {strange[0]}: expected one of {', '.join(known)}")
    return [part for part in PARTS if part.name in wanted]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for; 1 if a part broke, 0 even if a limit is missed."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.splitlines()[0])
    parser.add_argument("--only", help=f"some of the parts: {', '.join(part.name for part in PARTS)}")
    parser.add_argument("--runs", type=int, default=RUNS, help="of everything that is timed; half as many kills")
    parser.add_argument("--size", type=float, default=1.0, help="share of the usual sizes: smaller is rougher")
    parser.add_argument("--to", type=Path, help="JSON file with all of it, and the machine and the versions")
    parser.add_argument("--store", action="store_true", help="as docs/bench.json, and in docs/performance.md")
    args = parser.parse_args(arguments)
    if args.runs < 1 or args.size <= 0:
        parser.error("--runs, --size: expected numbers above 0")
    if args.store and (args.only or args.runs < RUNS):
        parser.error(f"--store: expected all parts, and {RUNS} runs or more")
    try:
        parts = chosen(args.only)
    except ValueError as error:
        parser.error(str(error))
    load, took = stored.load(), {}
    found = list(measured(parts, args.runs, args.size, took))
    whole = stored.described(found, args.runs, args.size, took, load)
    print(rows.aligned(found), flush=True)
    if args.to:
        args.to.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    failed = [row for row in found if row.failed]
    if args.store and failed:
        tell("not stored, as a part failed")
    elif args.store:
        stored.store(whole, found)
    return 1 if failed else 0
