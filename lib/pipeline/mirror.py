"""A study's working copy and its store, compared by content.

In a store the files of a study have their own names, so that anyone can read them there. Beside them, in
`.midthought/`, stands one manifest of each working copy that has put files there; only that copy writes it, so that
two machines never overwrite what the other has told. A file of the store is what a manifest tells of it (content and
time): the one whose mark of the store is the file's, and where none is, as after a copy was killed, the one whose
digest is that of the file's bytes. What was not put there whole is therefore never taken for a file.
"""

import dataclasses
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib import tables
from lib.pipeline.remote import Listed, Objects
from lib.pipeline.unpack import PLAIN, RESULTS

OWN = ".midthought"  # folder of what only this and `lib.pipeline.sharing` read, in the store and in the working copy
FORMAT = "midthought store 1"
PROVENANCE = "provenance.json"
LAST = {f"tables/.{what}" for what in ("interrupts", "positions", "models")}  # what the Makefile was asked for last
UNFINISHED = (".failed.ipynb", ".partial.ipynb")
SHA256 = re.compile(r"[0-9a-f]{64}")


class MirrorError(RuntimeError):
    """A manifest that cannot be read; its text is one line."""


@dataclasses.dataclass(frozen=True)
class Version:
    """The content of a file, and its place in time."""

    bytes: int
    sha256: str
    mtime_ns: int
    sources: str | None = None  # digest of all that it was made from besides tables, None where that is not known
    mark: str | None = None  # the store's, None as long as the file is on its way


@dataclasses.dataclass
class There:
    """What a store holds of a study."""

    listed: dict[str, Listed]
    versions: dict[str, Version]
    own: dict[str, Version]  # as this copy's own manifest tells it
    read: set[str]  # files whose content had to be read to know what they are
    torn: list[str]  # files that are nothing of what manifests tell of them
    strange: list[str]  # files that no manifest tells of


@dataclasses.dataclass
class Plan:
    """What has to move for both sides to be equal, by names."""

    equal: list[str] = dataclasses.field(default_factory=list)
    up: list[str] = dataclasses.field(default_factory=list)
    down: list[str] = dataclasses.field(default_factory=list)
    removed: list[str] = dataclasses.field(default_factory=list)  # removed here, still in the store
    conflicts: list[str] = dataclasses.field(default_factory=list)  # changed on both sides since they were equal


class Copy:
    """The working copy of a study: what is in it, and what it last had in common with the store.

    Args:
        folder: of the study.
        url: of the study in the store; what is known of another store counts for nothing.
    """

    def __init__(self, folder: Path, url: str):
        self.folder, self.url = folder, url
        kept = _json(self._state) if self._state.is_file() else {}
        self.name: str = kept.get("name") or secrets.token_hex(8)
        same = kept.get("url") == url
        self.agreed: dict[str, str] = kept.get("agreed", {}) if same else {}
        self.known: dict[str, list[Any]] = kept.get("known", {})  # size, time, digest, sources: nothing is read twice

    @property
    def _state(self) -> Path:
        return self.folder / OWN / "state.json"

    def versions(self, below: str = "") -> dict[str, Version]:
        """The files that belong into the store, as they are now; `below` narrows it to names that begin so."""
        files = (file for file in self.folder.rglob("*") if file.is_file() and not file.is_symlink())
        names = (file.relative_to(self.folder).as_posix() for file in files)
        found = {name: self._version(name) for name in sorted(names) if mirrored(name) and name.startswith(below)}
        return {name: version for name, version in found.items() if version}

    def unchanged(self, name: str, since: Version) -> bool:
        """Whether a file has not been written since a look at it."""
        try:
            now = (self.folder / name).stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (since.bytes, since.mtime_ns)

    def keep(self, name: str, version: Version) -> None:
        """Remember a file as it is now."""
        self.known[name] = [version.bytes, version.mtime_ns, version.sha256, version.sources]

    def save(self) -> None:
        """Write down what is known; raises TableError where that fails."""
        told = {"name": self.name, "url": self.url, "agreed": self.agreed, "known": self.known}
        with tables.atomic_write(self._state) as file:
            file.write(json.dumps(told, sort_keys=True).encode())

    def _version(self, name: str) -> Version | None:
        """A file as it is now; None if it was removed meanwhile, as parts are when they are merged into one."""
        size, time, digest, sources = self.known.get(name) or (None, None, "", None)
        try:
            with (self.folder / name).open("rb") as opened:
                now = os.fstat(opened.fileno())
                if (size, time) != (now.st_size, now.st_mtime_ns):
                    digest, sources = hashlib.file_digest(opened, "sha256").hexdigest(), None
        except FileNotFoundError:
            return None
        version = Version(now.st_size, digest, now.st_mtime_ns, sources)
        self.keep(name, version)
        return version


def mirrored(name: str) -> bool:
    """Whether a file of a study, named from its folder on, belongs into the store: a result, finished, not hidden."""
    kind, *others = name.split("/")
    if name == PROVENANCE or name in LAST:
        return True
    plain = bool(others) and all(PLAIN.fullmatch(part) for part in others)
    return plain and Path(name).suffix in RESULTS.get(kind, ()) and not name.endswith(UNFINISHED)


def there(store: Objects, own: str) -> There:
    """What a store holds; `own` names the copy that asks.

    Raises:
        ObjectsError: the store refused or did not answer.
        MirrorError: a manifest is not readable.
    """
    listed = store.listed()
    manifests = sorted(name for name in listed if re.fullmatch(rf"{re.escape(OWN)}/[0-9a-f]+\.json", name))
    told = {name: _claims(store, name) for name in manifests}
    found = There(listed, {}, dict(told.get(manifest(own), {}).get("files", {})), set(), [], [])
    claims: dict[str, list[Version]] = {}
    for each in told.values():
        for name, version in [*each["files"].items(), *each["pending"].items()]:
            claims.setdefault(name, []).append(version)
    for name in filter(mirrored, listed):
        if name not in claims:
            found.strange.append(name)
            continue
        fits = [version for version in claims[name] if version.bytes == listed[name].bytes]
        same = [version for version in fits if version.mark == listed[name].mark]
        if fits and len({version.sha256 for version in same}) != 1:
            found.read.add(name)
            digest = store.digest(name)
            same = [version for version in fits if version.sha256 == digest]
        if same:
            found.versions[name] = max(same, key=lambda version: version.mtime_ns)
        else:
            found.torn.append(name)
    return found


def tell(store: Objects, own: str, files: dict[str, Version], pending: dict[str, Version] | None = None) -> None:
    """Write a copy's own manifest: what it has put, and what it is about to put."""
    told = {"files": files, "pending": pending or {}}
    plain = {kind: {name: dataclasses.asdict(v) for name, v in each.items()} for kind, each in told.items()}
    store.write(manifest(own), json.dumps({"format": FORMAT} | plain, indent=0, sort_keys=True).encode())


def manifest(copy: str) -> str:
    """Name of a copy's manifest in the store."""
    return f"{OWN}/{copy}.json"


def compare(here: dict[str, Version], other: There, agreed: dict[str, str], names: Iterable[str] | None = None) -> Plan:
    """What has to move, of all names or of some.

    What only one side has changed since both were equal moves to the other; what both have changed is a conflict.
    """
    plan = Plan()
    for name in sorted(names if names is not None else here.keys() | other.versions.keys()):
        ours, theirs = (side[name].sha256 if name in side else None for side in (here, other.versions))
        before = agreed.get(name)
        if ours == theirs:
            plan.equal.append(name)
        elif name in other.strange:
            plan.conflicts.append(name)
        elif theirs is None or (ours and theirs == before):
            plan.up.append(name)
        elif ours is None:
            (plan.removed if theirs == before else plan.down).append(name)
        elif ours == before:
            plan.down.append(name)
        else:
            plan.conflicts.append(name)
    return plan


def _claims(store: Objects, name: str) -> dict[str, dict[str, Version]]:
    try:
        told = json.loads(store.read(name))
        if told["format"] != FORMAT:
            raise ValueError(f"format {told['format']!r}")
        return {
            "files": {file: _claim(values) for file, values in told["files"].items()},
            "pending": {file: dataclasses.replace(_claim(v), mark=None) for file, v in told["pending"].items()},
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        where = f"{store.url}/{name}"
        raise MirrorError(f"{where}: not readable ({error}), expected a manifest of {FORMAT!r}") from error


def _claim(values: dict[str, Any]) -> Version:
    version = Version(**values)
    if not (isinstance(version.bytes, int) and isinstance(version.mtime_ns, int) and SHA256.fullmatch(version.sha256)):
        raise ValueError("a file without bytes, mtime_ns and sha256")
    return version


def _json(file: Path) -> dict[str, Any]:
    """What a file says; nothing where it cannot be read, as the worst of that is a conflict told."""
    try:
        told = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
