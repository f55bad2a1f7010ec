"""Results in an object store: `MIDTHOUGHT_OUTPUTS=s3://bucket/folder python -m lib.pipeline.sync pull --study tiny`.

The pipeline needs a disk: make compares times, runs hold locks, tables are renamed into place. So it works on a copy,
which is pulled before a run and pushed after each step that ended well; parts are pushed while a step runs, so that a
machine that is lost loses a minute of what its models wrote.

A store holds the files of a study under their own names, and one manifest with the size, digest and time of each that
is whole. A push takes what it overwrites out of the manifest, sends the files, and enters them again: what a killed
push leaves counts for nothing. A copy remembers the digests that both sides last had in common. What one side has
changed since then moves to the other; what both have is a conflict, which is named and touched on neither side unless
forced. Nothing is ever removed from a store.

Times. Make asks whether a table is newer than the code it is made by, and a fresh checkout makes all code new. So the
manifest says which sources (lib/, notebooks/, params/, models/, by content) a file is newer than. Where these are the
sources here, a file that is pulled becomes newer than them too, in the order that the files had; where they are not, it
becomes older than all of them, and make runs its step again. The completions are there, so nothing is asked twice.
"""

import argparse
import dataclasses
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from lib import params, paths, progress_bar, tables
from lib.pipeline import leaks, provenance, unpack
from lib.pipeline.remote import RemoteError, Store
from lib.pipeline.unpack import PROVENANCE

OWN = ".midthought"  # folder of what only this module reads, in the store and in the working copy
MANIFEST = f"{OWN}/manifest.json"
PARTS = "parts/"
LAST = {f"tables/.{what}" for what in ("interrupts", "positions", "models")}  # what the Makefile was asked for last
SECONDS = 60.0  # between two pushes of new parts
AT_ONCE = 8  # files on their way


class SyncError(RuntimeError):
    """A study that cannot be pulled or pushed; its text is one line."""


FAILURES = (SyncError, RemoteError, provenance.ProvenanceError, tables.TableError, OSError)


@checked_dataclass(frozen=True, config=ConfigDict(strict=True))
class Version:
    """The content of a file, and its place in time."""

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    mtime_ns: int = Field(ge=0, lt=2**62)
    sources: str | None = None  # digest of the sources that it is newer than, None where that is not known


class Manifest(BaseModel):
    """The files of a store that are whole."""

    format: Literal["midthought store 2"] = "midthought store 2"
    files: dict[str, Version]


class State(BaseModel):
    """What a working copy remembers of a store."""

    url: str
    agreed: dict[str, str] = {}  # digests of the files that both sides last had in common
    known: dict[str, Version] = {}  # so that a file here is not read twice


@dataclasses.dataclass
class Plan:
    """What has to move for both sides to be equal, by names."""

    equal: list[str] = dataclasses.field(default_factory=list)
    up: list[str] = dataclasses.field(default_factory=list)
    down: list[str] = dataclasses.field(default_factory=list)
    removed: list[str] = dataclasses.field(default_factory=list)  # removed here, still in the store
    conflicts: list[str] = dataclasses.field(default_factory=list)  # changed on both sides since they were equal


@dataclasses.dataclass(frozen=True)
class Moved:
    """What a push or a pull did: the files that moved, their size, the plan, and what would have leaked."""

    names: list[str]
    bytes: int
    plan: Plan
    leaks: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
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
        if not ours and not below:
            raise SyncError(f"{copy.folder}: nothing to push; `make reproduce STUDY={study}` makes its results")
        plan = compare(ours, theirs, copy.state.agreed)
        if PROVENANCE in plan.up and PROVENANCE in theirs:  # steps of several machines stand side by side
            other = provenance.parse(copy.store.read(PROVENANCE), f"{copy.store.url}/{PROVENANCE}")
            provenance.merge(study, other)
            ours |= copy.versions(PROVENANCE)
        chosen = plan.up + (plan.conflicts if force else [])
        faults = {name: leaks.faults(name, copy.folder / name) for name in chosen if not name.startswith(PARTS)}
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
        plan = compare(ours, theirs, copy.state.agreed)
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
                copy.state.known[name] = dataclasses.replace(theirs[name], mtime_ns=times[name])
        copy.save({name: theirs[name].sha256 for name in [*plan.equal, *chosen]})
        return Moved(chosen, sum(theirs[name].bytes for name in chosen), plan)


def compare(ours: dict[str, Version], theirs: dict[str, Version], agreed: dict[str, str]) -> Plan:
    """A three-way comparison by digests; `agreed` holds those of the last common state."""
    plan = Plan()
    for name in sorted(ours.keys() | theirs.keys()):
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
    """Whether a file of a study, named from its folder on, belongs into the store."""
    return name in LAST or unpack.is_result(name)


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
        self.folder, self.store, self.sources, self.state = folder, store, sources(), State(url=store.url)
        try:
            before = State.model_validate_json((folder / OWN / "state.json").read_bytes())
            self.state.known = before.known
            self.state.agreed = before.agreed if before.url == store.url else {}
        except (OSError, ValidationError):
            pass  # the worst of that is a conflict

    def save(self, equal: dict[str, str]) -> None:
        """Remember the digests of files that both sides now have."""
        self.state.agreed |= equal
        with tables.atomic_write(self.folder / OWN / "state.json") as file:
            file.write(self.state.model_dump_json().encode())

    def versions(self, below: str = "") -> dict[str, Version]:
        """The results in the copy as they are now; `below` narrows it to names that begin so."""
        versions = {}
        for file in sorted(self.folder.rglob("*")):
            name = file.relative_to(self.folder).as_posix()
            if not (is_result(name) and name.startswith(below) and file.is_file()) or file.is_symlink():
                continue
            try:
                with file.open("rb") as opened:
                    now, version = os.fstat(opened.fileno()), self.state.known.get(name)
                    if not version or (version.bytes, version.mtime_ns) != (now.st_size, now.st_mtime_ns):
                        digest = hashlib.file_digest(opened, "sha256").hexdigest()
                        version = Version(now.st_size, digest, now.st_mtime_ns)
            except FileNotFoundError:
                continue  # removed meanwhile, as parts are when they are merged into one
            if version.mtime_ns >= self.sources.newest:
                version = dataclasses.replace(version, sources=self.sources.digest)
            versions[name] = self.state.known[name] = version
        return versions

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
            files = Manifest.model_validate_json(self.store.read(MANIFEST)).files
        except ValidationError as error:
            where, first = f"{self.store.url}/{MANIFEST}", error.errors()[0]
            fault = " ".join([*map(str, first["loc"]), first["msg"]])
            raise SyncError(f"{where}: not readable ({fault}), expected a manifest of a study") from error
        return {name: version for name, version in files.items() if is_result(name)}

    def write_manifest(self, versions: dict[str, Version]) -> None:
        """Replace the manifest in the store."""
        self.store.write(MANIFEST, Manifest(files=dict(sorted(versions.items()))).model_dump_json(indent=1).encode())

    def send(self, versions: dict[str, Version]) -> list[str]:
        """Upload files; the names of those that are whole in the store and have not changed here meanwhile."""

        def put(name: str) -> None:
            try:
                self.store.put(self.folder / name, name)
            except (RemoteError, FileNotFoundError):
                if (self.folder / name).exists():
                    raise  # else it was removed meanwhile
            bar.update(versions[name].bytes)

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
        self.state.known |= versions


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
    lines = [f"{fault}; it was not put there" for fault in moved.leaks]
    conflicts = [name for name in moved.plan.conflicts if name not in moved.names]
    for name in conflicts:
        place = f"{paths.store()}/{study}/{name}"
        lines.append(f"{place}: changed here and in the store since both were equal; neither was touched")
    if conflicts:
        keep = [f"`make {what} FORCE=1 STUDY={study}`" for what in ("push", "pull")]
        lines.append(f"{keep[0]} keeps what is here, {keep[1]} the store's")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["pull", "push"])
    parser.add_argument("--study", default="tiny")
    parser.add_argument("--force", action="store_true", help="this side wins where both have changed")
    parser.add_argument("--new", action="store_true", help="pull, but not what was removed here")
    args = parser.parse_args()
    try:
        params.load_study(args.study)
        if args.what == "push":
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
