"""A study on several machines: its working copy and its store made equal, one way or the other.

What is put is whole or not there: the manifest tells what is coming, then the files go, then it tells that they are
there. Parts are named by their content, so that those of any number of machines lie side by side. Of any other file
the store has one: the machine that changed it since both were equal gives it to the other, and where both have, that
is told and neither is touched, until a person says which to take. Only where two machines put the same file within
the same seconds does the later one stand untold: the other takes it as if it had come after. Nothing is ever removed
from a store.

Times. Make asks whether a table is newer than the code it is made by, and a fresh checkout makes all code new. So it is
kept with each file which sources (lib/, notebooks/, params/, models/, by content) it is newer than. Where these are the
sources here, a file that is pulled becomes newer than them too, in the order that the files had; where they are not, it
becomes older than all of them, and make runs its step again. The completions are there, so nothing is asked twice.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock

from lib import paths, progress_bar, tables
from lib.pipeline import mirror, remote
from lib.pipeline.mirror import Copy, Plan, There, Version
from lib.pipeline.remote import Objects, ObjectsError

PARTS = "parts/"


class SharingError(RuntimeError):
    """A study that cannot be shared; its text is one line per fault."""


@dataclasses.dataclass(frozen=True)
class Moved:
    """What came of a push or a pull: the files that moved, their size, and what was seen before."""

    names: list[str]
    bytes: int
    plan: Plan
    strange: list[str]


@dataclasses.dataclass(frozen=True)
class Sources:
    """All that notebooks are made from besides tables: a digest, and when the first and last of it was changed (ns)."""

    digest: str
    oldest: int
    newest: int


def push(study: str, below: str = "", force: bool = False) -> Moved:
    """Put into the store what this copy has and the store has not.

    Args:
        study: by name.
        below: narrows it to names that begin so, such as `parts/`.
        force: whether this copy wins where both sides have changed.

    Raises:
        SharingError: `MIDTHOUGHT_OUTPUTS` is no URL.
        ObjectsError, MirrorError: the store cannot be used, or what stands in it.
        TableError, OSError: the working copy cannot be written or read.
    """
    with _session(study) as (copy, store):
        found, now = mirror.there(store, copy.name), sources()
        here = _here(copy, now, below)
        plan = mirror.compare(here, found, copy.agreed, here)
        if mirror.PROVENANCE in plan.conflicts and mirror.PROVENANCE in found.versions:
            _join_provenance(copy, store)
            here = _here(copy, now, below)
            plan.conflicts.remove(mirror.PROVENANCE)
            plan.up.append(mirror.PROVENANCE)
        chosen = plan.up + (plan.conflicts if force else [])
        told = dict(found.own)
        if chosen:
            mirror.tell(store, copy.name, told, {name: here[name] for name in chosen})
            _send(copy, store, here, chosen)
            listed = store.listed()
            sent = [name for name in chosen if name in listed and copy.unchanged(name, here[name])]
            told |= {name: dataclasses.replace(here[name], mark=listed[name].mark) for name in sent}
        for name in plan.equal:  # what another copy left untold, and what was made anew with the same bytes
            remade = here[name].sources == now.digest != found.versions[name].sources
            if name in found.read or remade:
                told[name] = dataclasses.replace(here[name], mark=found.listed[name].mark)
        if chosen or told != found.own:
            mirror.tell(store, copy.name, told)
        copy.agreed |= {name: here[name].sha256 for name in [*plan.equal, *chosen]}
        copy.save()
        return Moved(chosen, sum(here[name].bytes for name in chosen), plan, found.strange)


def pull(study: str, force: bool = False, again: bool = True) -> Moved:
    """Bring what the store has and this copy has not, with times as the text above says.

    Args:
        study: by name.
        force: whether the store wins where both sides have changed; what was here is set aside.
        again: whether to bring also what this copy had and somebody removed from it, as `make clean` does.

    Raises:
        As `push`; SharingError also for a file that changed while it was read.
    """
    with _session(study) as (copy, store):
        found, now = mirror.there(store, copy.name), sources()
        here = _here(copy, now)
        plan = mirror.compare(here, found, copy.agreed)
        if not force and mirror.PROVENANCE in plan.conflicts:
            plan.conflicts.remove(mirror.PROVENANCE)  # the next push joins them
        won = [name for name in plan.conflicts if force and name in found.versions]
        for name in won:
            _set_aside(copy, name)
        chosen = plan.down + won + (plan.removed if again else [])
        times = _times(chosen, plan, here, found, now)
        _bring(copy, store, found, times, chosen)
        for name in plan.equal if chosen else ():
            if name in times and copy.unchanged(name, here[name]):
                os.utime(copy.folder / name, ns=(times[name], times[name]))
        for name, time in times.items():
            copy.keep(name, dataclasses.replace(found.versions[name], mtime_ns=time))
        copy.agreed |= {name: found.versions[name].sha256 for name in [*plan.equal, *chosen]}
        copy.save()
        return Moved(chosen, sum(found.versions[name].bytes for name in chosen), plan, found.strange)


def status(study: str) -> Moved:
    """What would move; nothing does. Raises as `push`."""
    with _session(study) as (copy, store):
        found = mirror.there(store, copy.name)
        plan = mirror.compare(_here(copy, sources()), found, copy.agreed)
        if mirror.PROVENANCE in plan.conflicts:
            plan.conflicts.remove(mirror.PROVENANCE)
            plan.up.append(mirror.PROVENANCE)  # joined on the way
        return Moved([], 0, plan, found.strange)


def sources() -> Sources:
    """The sources as they are here."""
    found, times = hashlib.sha256(), [0]
    for folder in (paths.ROOT / "lib", paths.NOTEBOOKS, paths.PARAMS, paths.MODELS):
        for file in sorted(folder.rglob("*")):
            parts = file.relative_to(folder).parts
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                found.update(f"{folder.name}/{'/'.join(parts)}\0{digest}\n".encode())
                times.append(file.stat().st_mtime_ns)
    return Sources(found.hexdigest()[:16], min(times[1:], default=0), max(times))


@contextmanager
def _session(study: str) -> Iterator[tuple[Copy, Objects]]:
    """A study's working copy, for this process alone, and its store."""
    if not (url := paths.store()):
        raise SharingError(f"{paths.OUTPUTS_VARIABLE}: expected a URL such as s3://bucket/folder to share results by")
    folder, url = paths.outputs() / study, f"{url}/{study}"
    (folder / mirror.OWN).mkdir(parents=True, exist_ok=True)
    with FileLock(folder / mirror.OWN / "lock"):
        yield Copy(folder, url), Objects(url)


def _here(copy: Copy, now: Sources, below: str = "") -> dict[str, Version]:
    """The files of the copy; one that is newer than all sources is made from these."""
    found = copy.versions(below)
    for name, version in found.items():
        if version.mtime_ns >= now.newest:
            found[name] = dataclasses.replace(version, sources=now.digest)
            copy.keep(name, found[name])
    return found


def _send(copy: Copy, store: Objects, here: dict[str, Version], names: list[str]) -> None:
    def put(name: str) -> None:
        try:
            store.put(copy.folder / name, name, bar.update)
        except (ObjectsError, FileNotFoundError):
            if (copy.folder / name).exists():
                raise  # else it was removed meanwhile, as parts are when they are merged into one

    with progress_bar.bar(sum(here[name].bytes for name in names), "B", f"to {store.url}") as bar:
        remote.side_by_side(put, names)


def _bring(copy: Copy, store: Objects, found: There, times: dict[str, int], names: list[str]) -> None:
    def get(name: str) -> None:
        version, digest = found.versions[name], hashlib.sha256()
        with tables.atomic_write(copy.folder / name) as file:
            for chunk in store.chunks(name, version.bytes):
                digest.update(chunk)
                file.write(chunk)
                bar.update(len(chunk))
            if digest.hexdigest() != version.sha256:
                raise SharingError(f"{store.url}/{name}: changed while it was read, pull again")
            file.flush()  # with its time before it stands under its name, so that a kill leaves none that looks newer
            os.utime(file.fileno(), ns=(times[name], times[name]))

    with progress_bar.bar(sum(found.versions[name].bytes for name in names), "B", f"from {store.url}") as bar:
        remote.side_by_side(get, names)


def _times(chosen: list[str], plan: Plan, here: dict[str, Version], found: There, now: Sources) -> dict[str, int]:
    """The time of each file that comes, and of those here that equal the store's and whose sources are these."""
    fresh = [name for name in [*chosen, *plan.equal] if found.versions[name].sources == now.digest]
    times, last = {}, now.newest
    for time in sorted({found.versions[name].mtime_ns for name in fresh}):
        last = max(last + 1, time)
        times |= {name: last for name in fresh if found.versions[name].mtime_ns == time}
    for name in set(chosen) - set(fresh):
        times[name] = min(found.versions[name].mtime_ns, now.oldest - 1)
    # What is made from a table that has changed here since must be made again.
    changed = [here[n].mtime_ns for n in {*plan.up, *plan.conflicts} - set(chosen) if n in here and n in found.versions]
    return {name: min([time, *(other - 1 for other in changed)]) for name, time in times.items()}


def _set_aside(copy: Copy, name: str) -> None:
    aside = copy.folder / mirror.OWN / "replaced" / name
    aside.parent.mkdir(parents=True, exist_ok=True)
    os.replace(copy.folder / name, aside)


def _join_provenance(copy: Copy, store: Objects) -> None:
    """Put the steps of other machines beside those of this one; of two the later counts."""
    file = copy.folder / mirror.PROVENANCE
    (copy.folder / "tables").mkdir(exist_ok=True)
    with FileLock(copy.folder / "tables" / ".provenance.lock"):
        try:
            told = [json.loads(data)["steps"] for data in (store.read(mirror.PROVENANCE), file.read_bytes())]
            steps = sorted((step for each in told for step in each), key=lambda step: step["ended"])
            joined = {(step["step"], step["model"] or ""): step for step in steps}
        except (ValueError, KeyError, TypeError) as error:
            raise SharingError(f"{paths.show(file)}: not readable here or in the store ({error})") from error
        with tables.atomic_write(file) as opened:
            told = {"steps": [joined[key] for key in sorted(joined)]}
            opened.write((json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
