"""Results in an object store: `MIDTHOUGHT_OUTPUTS=s3://bucket/folder python -m lib.pipeline.sync pull --study tiny`.

The pipeline needs a disk: make compares times, runs hold locks, tables are renamed into place. So it works on a copy,
which is pulled before a run, and pushed after each step that ended well; parts are pushed while a step runs, so that a
machine that is lost loses a minute of what its models wrote. `lib.pipeline.sharing` tells what happens where two
machines run
the same study.
"""

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lib import params, paths, tables
from lib.pipeline import sharing
from lib.pipeline.mirror import MirrorError, Plan
from lib.pipeline.remote import ObjectsError
from lib.pipeline.sharing import PARTS, Moved, SharingError

SECONDS = 60.0  # between two looks for new parts
SHOWN = 5  # names of conflicts
FAILURES = (SharingError, ObjectsError, MirrorError, tables.TableError, OSError)


@contextmanager
def kept(study: str, seconds: float = SECONDS) -> Iterator[None]:
    """Put what a step makes into the store: parts as they come, even of a step that fails, and all once it ended well.

    Nothing happens where results go to a folder. A store that fails is told on stderr and fails no step: what was made
    is in the working copy, and the next push takes it.
    """
    if not paths.store():
        yield
        return
    over = threading.Event()
    beside = threading.Thread(target=_put_parts, args=(study, seconds, over), daemon=True)
    beside.start()
    try:
        yield
    finally:
        over.set()
        beside.join()
    try:
        moved = sharing.push(study)
    except FAILURES as error:
        _tell(f"warning: {error}")
        return
    _tell(_pushed(study, moved))
    for line in _conflicts(study, moved.plan):
        _tell(f"warning: {line}")


def _put_parts(study: str, seconds: float, over: threading.Event) -> None:
    last = ""
    while True:
        ended = over.wait(seconds)
        try:
            sharing.push(study, below=PARTS)
            last = ""
        except FAILURES as error:
            if str(error) != last:  # a store that is away for hours is told once
                _tell(f"warning: {error}")
            last = str(error)
        if ended:
            return


def _pushed(study: str, moved: Moved) -> str:
    return f"{paths.store()}/{study}: {_count(moved, 'put there')}"


def _pulled(study: str, moved: Moved) -> str:
    left = {name for name in moved.plan.removed if not name.startswith(PARTS)}  # parts go when they are merged
    left = len(left - set(moved.names))
    told = f"; {left} that were removed here stay there (`make pull` brings them)" if left else ""
    return f"{paths.store()}/{study}: {_count(moved, 'brought from there')}{told}"


def _count(moved: Moved, how: str) -> str:
    if not moved.names:
        return f"nothing {how}, {len(moved.plan.equal)} files are equal"
    return f"{len(moved.names)} files ({moved.bytes / 2**20:.1f} MiB) {how}, {len(moved.plan.equal)} were equal"


def _conflicts(study: str, plan: Plan) -> list[str]:
    """A line for each file that both sides have changed, and what can be done."""
    if not plan.conflicts:
        return []
    told = [
        f"{paths.store()}/{study}/{name}: changed here and in the store since both were equal; neither was touched"
        for name in plan.conflicts[:SHOWN]
    ]
    if (more := len(plan.conflicts) - SHOWN) > 0:
        told.append(f"… and {more} files more")
    return [
        *told,
        f"`make push FORCE=1 STUDY={study}` keeps what is here, `make pull FORCE=1 STUDY={study}` the store's",
    ]


def _status(study: str, moved: Moved) -> str:
    plan = moved.plan
    counts = {
        "equal": plan.equal,
        "to push": plan.up,
        "to pull": plan.down,
        "removed here": plan.removed,
        "changed on both sides": plan.conflicts,
        "in the store, of nobody": moved.strange,
    }
    told = ", ".join(f"{len(names)} {what}" for what, names in counts.items() if names)
    return f"{paths.store()}/{study}: {told or 'nothing here or there'}\nworking copy: {paths.outputs() / study}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["pull", "push", "status"])
    parser.add_argument("--study", default="tiny")
    parser.add_argument("--force", action="store_true", help="this side wins where both have changed")
    parser.add_argument("--new", action="store_true", help="pull, but not what was removed here")
    args = parser.parse_args()
    try:
        params.load_study(args.study)
        if args.what == "status":
            moved = sharing.status(args.study)
            print(_status(args.study, moved))
        elif args.what == "push":
            moved = sharing.push(args.study, force=args.force)
            print(_pushed(args.study, moved))
        else:
            moved = sharing.pull(args.study, force=args.force, again=not args.new)
            print(_pulled(args.study, moved))
    except (*FAILURES, params.ParamsError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    if left := [name for name in moved.plan.conflicts if name not in moved.names]:
        sys.exit("\n".join(f"error: {line}" for line in _conflicts(args.study, Plan(conflicts=left))))


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
