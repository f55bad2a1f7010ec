"""Results in an object store: `MIDTHOUGHT_OUTPUTS=s3://bucket/folder python -m lib.pipeline.sync pull --study tiny`.

The pipeline needs a disk: make compares times, runs hold locks, tables are renamed into place. So it works on a copy,
which is pulled before a run and pushed after each step that ended well; parts are pushed while a step runs, so that a
machine that is lost loses a minute of what its models wrote.

A store holds the files of a study under their own names, and one manifest with the size, digest and time of each that
is whole. A push takes what it overwrites out of the manifest, sends the files, and enters them again: what a killed
push leaves is in no manifest, and counts for nothing. A copy remembers the digests that both sides last had in common.
What one side has changed since then moves to the other; what both have is a conflict, which is named and touched on
neither side unless forced. Nothing is ever removed from a store.

Times. Make asks whether a table is newer than the code it is made by, and a fresh checkout makes all code new. So the
manifest says which sources (lib/, notebooks/, params/, models/, by content) a file is newer than. Where these are the
sources here, a file that is pulled becomes newer than them too, in the order that the files had; where they are not, it
becomes older than all of them, and make runs its step again. The completions are there, so nothing is asked twice.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from filelock import FileLock

from lib import params, paths, progress_bar, tables
from lib.pipeline import leaks, provenance
from lib.pipeline.remote import RemoteError, Store
from lib.pipeline.unpack import PLAIN, RESULTS

OWN = ".midthought"  # folder of what only this module reads, in the store and in the working copy
MANIFEST, FORMAT = f"{OWN}/manifest.json", "midthought store 2"
PARTS, PROVENANCE = "parts/", "provenance.json"
LAST = {f"tables/.{what}" for what in ("interrupts", "positions", "models")}  # what the Makefile was asked for last
UNFINISHED = (".failed.ipynb", ".partial.ipynb")
SECONDS = 60.0  # between two pushes of new parts
AT_ONCE = 8  # files on their way
SHOWN = 5  # names of conflicts


class SyncError(RuntimeError):
    """A study that cannot be pulled or pushed; its text is one line."""


FAILURES = (SyncError, RemoteError, provenance.ProvenanceError, tables.TableError, OSError)


@dataclass(frozen=True)
class Version:
    """The content of a file, and its place in time."""

    bytes: int
    sha256: str
    mtime_ns: int
    sources: str | None = None  # digest of the sources that it is newer than, None where that is not known

    def __post_init__(self) -> None:
        sizes = isinstance(self.bytes, int) and isinstance(self.mtime_ns, int) and 0 <= self.mtime_ns < 2**62
        if not sizes or not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ValueError("a file without bytes, mtime_ns and sha256")


@dataclass
class Plan:
    """What has to move for both sides to be equal, by names."""

    equal: list[str] = field(default_factory=list)
    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)  # removed here, still in the store
    conflicts: list[str] = field(default_factory=list)  # changed on both sides since they were equal


@dataclass(frozen=True)
class Moved:
    """What a push or a pull did: the files that moved, their size, the plan, and what would have leaked."""

    names: list[str]
    bytes: int
    plan: Plan
    leaks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sources:
    """All that notebooks are made from besides tables: a digest, and when the first and last of it was changed (ns)."""

    digest: str
    oldest: int
    newest: int


def push(study: str, below: str = "", force: bool = False) -> Moved:
    """Upload what this copy has and the store has not; files with a secret or a path of this machine stay here.

    Args:
        study: by name.
        below: narrows it to names that begin so, such as `parts/`.
        force: whether this copy wins where both sides have changed.

    Raises:
        SyncError: `MIDTHOUGHT_OUTPUTS` is no URL, or the manifest is not readable.
        RemoteError, ProvenanceError, TableError, OSError: the store or the working copy cannot be read or written.
    """
    with _open(study) as copy:
        theirs, ours = copy.manifest(), copy.versions(below)
        plan = compare(ours, theirs, copy.agreed, ours)
        if PROVENANCE in plan.up and PROVENANCE in theirs:  # steps of several machines stand side by side
            other = provenance.parse(copy.store.read(PROVENANCE), f"{copy.store.url}/{PROVENANCE}")
            provenance.merge(study, other)
            ours |= copy.versions(PROVENANCE)
        chosen = plan.up + (plan.conflicts if force else [])
        faults = {name: leaks.found(name, copy.folder / name) for name in chosen if not name.startswith(PARTS)}
        chosen = [name for name in chosen if not faults.get(name)]
        if any(name in theirs for name in chosen):
            copy.write_manifest({name: version for name, version in theirs.items() if name not in chosen})
        sent = copy.send({name: ours[name] for name in chosen})
        remade = [name for name in plan.equal if ours[name].sources == copy.sources.digest != theirs[name].sources]
        if sent or remade:
            copy.write_manifest(copy.manifest() | {name: ours[name] for name in [*sent, *remade]})
        copy.save({name: ours[name].sha256 for name in [*plan.equal, *sent]})
        return Moved(sent, sum(ours[name].bytes for name in sent), plan, [*chain(*faults.values())])


def pull(study: str, force: bool = False, again: bool = True) -> Moved:
    """Download what the store has and this copy has not, with times as the text above says.

    Args:
        study: by name.
        force: whether the store wins where both sides have changed; what was here is set aside.
        again: whether to bring also what this copy had and somebody removed from it, as `make clean` does.

    Raises:
        As `push`; SyncError also for a file that changed while it was read.
    """
    with _open(study) as copy:
        theirs, ours = copy.manifest(), copy.versions()
        plan = compare(ours, theirs, copy.agreed)
        chosen = plan.down + (plan.conflicts if force else []) + (plan.removed if again else [])
        for name in plan.conflicts if force else ():
            aside = copy.folder / OWN / "replaced" / name
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.replace(copy.folder / name, aside)
        times = _times(chosen, plan, ours, theirs, copy.sources) if chosen else {}
        copy.bring({name: dataclasses.replace(theirs[name], mtime_ns=times[name]) for name in chosen})
        for name in set(times) - set(chosen):
            if copy.unchanged(name, ours[name]):
                os.utime(copy.folder / name, ns=(times[name], times[name]))
                copy.known[name] = dataclasses.replace(theirs[name], mtime_ns=times[name])
        copy.save({name: theirs[name].sha256 for name in [*plan.equal, *chosen]})
        return Moved(chosen, sum(theirs[name].bytes for name in chosen), plan)


def status(study: str) -> Moved:
    """What would move; nothing does. Raises as `push`."""
    with _open(study) as copy:
        return Moved([], 0, compare(copy.versions(), copy.manifest(), copy.agreed))


def compare(
    ours: dict[str, Version], theirs: dict[str, Version], agreed: dict[str, str], names: Iterable[str] | None = None
) -> Plan:
    """A three-way comparison by digests, of all names or of some; `agreed` holds those of the last common state."""
    plan = Plan()
    for name in sorted(names if names is not None else ours.keys() | theirs.keys()):
        here, there = (side[name].sha256 if name in side else None for side in (ours, theirs))
        before = agreed.get(name)
        if here == there:
            plan.equal.append(name)
        elif there is None or (here and there == before):
            plan.up.append(name)
        elif here is None:
            (plan.removed if there == before else plan.down).append(name)
        elif here == before:
            plan.down.append(name)
        else:  # both have changed; the steps of a provenance are joined when it is pushed
            (plan.up if name == PROVENANCE else plan.conflicts).append(name)
    return plan


def is_result(name: str) -> bool:
    """Whether a file of a study, named from its folder on, belongs into the store: data, finished, not hidden."""
    kind, *others = name.split("/")
    if name == PROVENANCE or name in LAST:
        return True
    plain = bool(others) and all(PLAIN.fullmatch(part) for part in others)
    return plain and Path(name).suffix in RESULTS.get(kind, ()) and not name.endswith(UNFINISHED)


def sources() -> Sources:
    """The sources as they are here."""
    digest, times = hashlib.sha256(), [0]
    for folder in (paths.ROOT / "lib", paths.NOTEBOOKS, paths.PARAMS, paths.MODELS):
        for file in sorted(folder.rglob("*")):
            parts = file.relative_to(folder).parts
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{folder.name}/{'/'.join(parts)}\0{content}\n".encode())
                times.append(file.stat().st_mtime_ns)
    return Sources(digest.hexdigest()[:16], min(times[1:], default=0), max(times))


@contextmanager
def _open(study: str) -> Iterator["Copy"]:
    """A study's working copy and its store, for this process alone."""
    if not (url := paths.store()):
        raise SyncError(f"{paths.OUTPUTS_VARIABLE}: expected a URL such as s3://bucket/folder to share results by")
    folder = paths.outputs() / study
    (folder / OWN).mkdir(parents=True, exist_ok=True)
    with FileLock(folder / OWN / "lock"):
        yield Copy(folder, Store(f"{url}/{study}"))


class Copy:
    """The working copy of a study beside its store: what is in both, and what they last had in common."""

    def __init__(self, folder: Path, store: Store):
        self.folder, self.store, self.sources = folder, store, sources()
        self.agreed: dict[str, str] = {}  # digests of the last common state
        self.known: dict[str, Version] = {}  # so that a file is not read twice
        try:
            state = json.loads((folder / OWN / "state.json").read_bytes())
            self.known = {name: Version(**values) for name, values in state["known"].items()}
            self.agreed = state["agreed"] if state["url"] == store.url else {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # the worst of that is a conflict

    def save(self, equal: dict[str, str]) -> None:
        """Remember the digests of files that both sides now have."""
        self.agreed |= equal
        known = {name: dataclasses.asdict(version) for name, version in self.known.items()}
        state = {"url": self.store.url, "agreed": self.agreed, "known": known}
        with tables.atomic_write(self.folder / OWN / "state.json") as file:
            file.write(json.dumps(state, sort_keys=True).encode())

    def versions(self, below: str = "") -> dict[str, Version]:
        """The results in the copy as they are now; `below` narrows it to names that begin so."""
        found = {}
        for file in sorted(self.folder.rglob("*")):
            name = file.relative_to(self.folder).as_posix()
            if not (is_result(name) and name.startswith(below) and file.is_file()) or file.is_symlink():
                continue
            try:
                with file.open("rb") as opened:
                    now, version = os.fstat(opened.fileno()), self.known.get(name)
                    if not version or (version.bytes, version.mtime_ns) != (now.st_size, now.st_mtime_ns):
                        digest = hashlib.file_digest(opened, "sha256").hexdigest()
                        version = Version(now.st_size, digest, now.st_mtime_ns)
            except FileNotFoundError:
                continue  # removed meanwhile, as parts are when they are merged into one
            if version.mtime_ns >= self.sources.newest:
                version = dataclasses.replace(version, sources=self.sources.digest)
            found[name] = self.known[name] = version
        return found

    def unchanged(self, name: str, since: Version) -> bool:
        """Whether a file has not been written since a look at it."""
        try:
            now = (self.folder / name).stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (since.bytes, since.mtime_ns)

    def manifest(self) -> dict[str, Version]:
        """The files of the store that are whole; only data under names of results is accepted from there."""
        if MANIFEST not in self.store.names(OWN):
            return {}
        try:
            content = json.loads(self.store.read(MANIFEST))
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']!r}")
            versions = {name: Version(**values) for name, values in content["files"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            where = f"{self.store.url}/{MANIFEST}"
            raise SyncError(f"{where}: not readable ({error}), expected a manifest of {FORMAT!r}") from error
        return {name: version for name, version in versions.items() if is_result(name)}

    def write_manifest(self, versions: dict[str, Version]) -> None:
        """Replace the manifest in the store."""
        files = {name: dataclasses.asdict(version) for name, version in versions.items()}
        text = json.dumps({"format": FORMAT, "files": files}, indent=0, sort_keys=True)
        self.store.write(MANIFEST, text.encode())

    def send(self, versions: dict[str, Version]) -> list[str]:
        """Upload files; the names of those that are whole in the store and have not changed here meanwhile."""

        def put(name: str) -> None:
            try:
                self.store.put(self.folder / name, name, bar.update)
            except (RemoteError, FileNotFoundError):
                if (self.folder / name).exists():
                    raise  # else it was removed meanwhile

        with progress_bar.bar(sum(v.bytes for v in versions.values()), "B", f"to {self.store.url}") as bar:
            _side_by_side(put, versions)
        return [name for name, version in versions.items() if self.unchanged(name, version)]

    def bring(self, versions: dict[str, Version]) -> None:
        """Download files, each whole, with the digest of the manifest and the time it is to have here."""

        def get(name: str) -> None:
            version, digest = versions[name], hashlib.sha256()
            with tables.atomic_write(self.folder / name) as file:
                for chunk in self.store.chunks(name, version.bytes):
                    digest.update(chunk)
                    file.write(chunk)
                    bar.update(len(chunk))
                    if file.tell() > version.bytes:
                        break
                if digest.hexdigest() != version.sha256:
                    raise SyncError(f"{self.store.url}/{name}: changed while it was read, pull again")
                file.flush()  # with its time before it has its name, so that a kill leaves none that looks newer
                os.utime(file.fileno(), ns=(version.mtime_ns, version.mtime_ns))

        with progress_bar.bar(sum(v.bytes for v in versions.values()), "B", f"from {self.store.url}") as bar:
            _side_by_side(get, versions)
        self.known |= versions


def _side_by_side(work: Callable[[str], None], names: Iterable[str]) -> None:
    """Do a work for each name, some at once; the first failure ends it, and what has begun is waited for."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, names))


def _times(
    chosen: list[str], plan: Plan, ours: dict[str, Version], theirs: dict[str, Version], now: Sources
) -> dict[str, int]:
    """The time of each file that is pulled, and of those here that equal the store's and whose sources are these."""
    fresh = [name for name in [*chosen, *plan.equal] if theirs[name].sources == now.digest]
    times, last = {}, now.newest
    for time in sorted({theirs[name].mtime_ns for name in fresh}):
        last = max(last + 1, time)
        times |= {name: last for name in fresh if theirs[name].mtime_ns == time}
    for name in set(chosen) - set(fresh):
        times[name] = min(theirs[name].mtime_ns, now.oldest - 1)
    # What is made from a table that has changed here since must be made again.
    here = {*plan.up, *plan.conflicts} - {PROVENANCE, *chosen}
    changed = [ours[name].mtime_ns for name in here if name in ours and name in theirs]
    return {name: min([time, *(other - 1 for other in changed)]) for name, time in times.items()}


@contextmanager
def kept(study: str, seconds: float = SECONDS) -> Iterator[None]:
    """Push what a step makes: parts as they come, even of a step that fails, and all once it ended well.

    Nothing happens where results go to a folder. A store that fails is a warning on stderr and fails no step: what was
    made is in the working copy, and the next push takes it.
    """
    if not paths.store():
        yield
        return
    ended = threading.Event()
    pushing = threading.Thread(target=_push_parts, args=(study, seconds, ended), daemon=True)
    pushing.start()
    try:
        yield
    finally:
        ended.set()
        pushing.join()
    try:
        moved = push(study)
        lines = [_summary(study, moved, "put there"), *(f"warning: {line}" for line in _left_alone(study, moved))]
    except FAILURES as error:
        lines = [f"warning: {error}"]
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def _push_parts(study: str, seconds: float, ended: threading.Event) -> None:
    last, is_over = "", False
    while not is_over:
        is_over, failure = ended.wait(seconds), ""
        try:
            push(study, below=PARTS)
        except FAILURES as error:
            failure = str(error)
            if failure != last:  # a store that is away for hours is one warning
                print(f"warning: {failure}", file=sys.stderr, flush=True)
        last = failure


def _summary(study: str, moved: Moved, how: str) -> str:
    count, equal = len(moved.names), len(moved.plan.equal)
    if not count:
        return f"{paths.store()}/{study}: nothing {how}, {equal} files are equal"
    return f"{paths.store()}/{study}: {count} files ({moved.bytes / 2**20:.1f} MiB) {how}, {equal} were equal"


def _left_alone(study: str, moved: Moved) -> list[str]:
    """A line for each file that should have moved and did not, and what can be done about conflicts."""
    place = f"{paths.store()}/{study}"
    lines = [f"{fault}; it was not put there" for fault in moved.leaks]
    conflicts = [name for name in moved.plan.conflicts if name not in moved.names]
    lines += [
        f"{place}/{name}: changed here and in the store since both were equal; neither was touched"
        for name in conflicts[:SHOWN]
    ]
    if len(conflicts) > SHOWN:
        lines.append(f"… and {len(conflicts) - SHOWN} files more")
    if conflicts:
        lines.append(
            f"`make push FORCE=1 STUDY={study}` keeps what is here, `make pull FORCE=1 STUDY={study}` the store's"
        )
    return lines


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
            moved = status(args.study)
            counts = [f"{len(names)} {kind}" for kind, names in dataclasses.asdict(moved.plan).items() if names]
            print(f"{paths.store()}/{args.study}: {', '.join(counts) or 'nothing here or there'}")
        elif args.what == "push":
            moved = push(args.study, force=args.force)
            print(_summary(args.study, moved, "put there"))
        else:
            moved = pull(args.study, force=args.force, again=not args.new)
            print(_summary(args.study, moved, "brought from there"))
            removed = [name for name in moved.plan.removed if not name.startswith(PARTS)]  # merged parts are removed
            if left := set(removed) - set(moved.names):
                print(f"{len(left)} that were removed here stay there (`make pull` brings them)")
    except (*FAILURES, params.ParamsError) as error:
        sys.exit(f"error: {error}")
    if lines := _left_alone(args.study, moved):
        sys.exit("\n".join(f"error: {line}" for line in lines))


if __name__ == "__main__":
    main()
