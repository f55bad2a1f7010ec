"""Unpacking an archive of a study without trust in who packed it: whether it holds what its manifest says.

Checksums tell damage. They do not tell who made an archive: for that its own SHA-256 must come another way.
"""

import hashlib
import json
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib.paths import printable

FORMAT = "midthought archive 1"
MANIFEST = "manifest.json"
PROVENANCE = "provenance.json"
UNFINISHED = (".failed.ipynb", ".partial.ipynb")
LARGEST_MANIFEST = 8 * 2**20  # bytes
SMALL, RATIO = 2**20, 300  # bytes that may be packed to any size; how many times smaller larger ones may be packed
CHUNK = 2**20  # bytes of a member that are in memory at a time
RESULTS = {  # kinds of files that are results, by the folder of the study's outputs
    "tables": {".parquet", ".json"},
    "parts": {".parquet"},
    "summary": {".csv"},
    "figures": {".pdf", ".svg", ".png", ".txt", ".tex"},
    "notebooks": {".ipynb"},
    "report": {".html", ".css", ".svg", ".png", ".pdf", ".csv", ".ipynb", ".tex"},
}
# Data and pictures: nothing that any library here would run, such as code or weights beside a tokenizer.
ENDINGS = {".yaml"}.union(*RESULTS.values())
# What `zipfile` raises over damage, depending on where it is.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)
SHA256 = re.compile(r"[0-9a-f]{64}")
LONGEST, PLAIN_TYPES = 300, (str, bool, type(None))  # characters of a name or of what is told of the code; its types
PLAIN = re.compile(r"[\w][\w.+-]*")  # a name that is one part of a path, and not hidden


class UnpackError(ValueError):
    """An archive that cannot be trusted; its text is one line per fault."""


def is_result(name: str) -> bool:
    """Whether a file of a study, named from its folder on, belongs into an archive: data, finished, not hidden."""
    kind, *others = name.split("/")
    plain = bool(others) and all(PLAIN.fullmatch(part) for part in others)
    is_finished = Path(name).suffix in RESULTS.get(kind, ()) and not name.endswith(UNFINISHED)
    return name == PROVENANCE or (plain and is_finished)


def checksum(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def unpack(archive: Path, folder: Path | None = None) -> dict[str, Any]:
    """Check an archive, every member of it, and unpack it into an empty folder if one is given.

    Nothing is written before all is checked, and nothing outside the folder, whatever a member is called.

    Returns:
        The manifest: format, study, code, members (bytes and sha256 by name), provenance.

    Raises:
        UnpackError: not a zip file, cut short, or without a sound manifest; members that are missing, altered,
            unlisted, named twice, links, locked by a password, or that would lie outside. A line for each.
    """
    try:
        with zipfile.ZipFile(archive) as packed:
            manifest = _manifest(packed, printable(archive.name))
            faults = [*_strange(packed, manifest), *_absent(packed, manifest)]
            if not faults:
                faults = [fault for name in manifest["members"] if (fault := _altered(packed, manifest, name))]
            if faults:
                raise UnpackError("\n".join(f"{printable(archive.name)}: {printable(fault)}" for fault in faults))
            for name in manifest["members"] if folder else ():
                _write(folder / name, _chunks(packed, manifest, name))
    except UnpackError:
        raise
    except DAMAGED as error:
        raise UnpackError(f"{printable(archive.name)}: no zip file, or cut short ({printable(str(error))})") from None
    except OSError as error:
        raise UnpackError(f"{printable(archive.name)}: {error.strerror or error}") from None
    return manifest


def _manifest(packed: zipfile.ZipFile, file: str) -> dict[str, Any]:
    listed = [entry for entry in packed.infolist() if entry.filename == MANIFEST]
    if len(listed) != 1:
        raise UnpackError(f"{file}: {MANIFEST}: found {len(listed)} times, expected once; not an archive of a study")
    try:
        if listed[0].file_size > LARGEST_MANIFEST or _is_bomb(listed[0]):
            raise ValueError(f"{listed[0].file_size:,} bytes, packed in {listed[0].compress_size:,}")
        with packed.open(listed[0]) as opened:
            manifest = json.loads(opened.read(LARGEST_MANIFEST))
        members = manifest["members"].values()
        sound = all(
            type(own["bytes"]) is int and own["bytes"] >= 0 and SHA256.fullmatch(own["sha256"]) for own in members
        )
        told = manifest.get("code", {})
        sound = sound and all(len(str(value)) <= LONGEST and type(value) in PLAIN_TYPES for value in told.values())
        sound = sound and all(
            len(str(name)) <= LONGEST for name in [*told, *manifest["members"], manifest.get("study")]
        )
    except (*DAMAGED, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = printable(str(error))[:80] or type(error).__name__
        raise UnpackError(f"{file}: {MANIFEST}: not readable ({reason}), expected JSON with members") from None
    if not sound or manifest.get("format") != FORMAT or not PLAIN.fullmatch(str(manifest.get("study", ""))):
        raise UnpackError(f"{file}: {MANIFEST}: not readable, expected format {FORMAT!r}, a study and its members")
    return manifest


def _strange(packed: zipfile.ZipFile, manifest: dict[str, Any]) -> list[str]:
    """Members that no archive of ours has."""
    entries = packed.infolist()
    names = [entry.filename for entry in entries]
    odd = [f"{name}: would lie outside the study, expected params/ or outputs/" for name in names if _outside(name)]
    odd += [f"{name}: listed in the manifest, but would lie outside" for name in manifest["members"] if _outside(name)]
    odd += [f"{name}: not a kind of file that an archive holds" for name in names if Path(name).suffix not in ENDINGS]
    odd += [f"{name}: stands twice" for name, count in sorted(Counter(names).items()) if count > 1]
    for entry in entries:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or entry.is_dir():
            odd.append(f"{entry.filename}: a link or folder, expected a file")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            odd.append(f"{entry.filename}: locked by a password, or packed in a way that this does not read")
        listed = manifest["members"].get(entry.filename, {}).get("bytes", entry.file_size)
        if entry.filename != MANIFEST and (entry.file_size != listed or _is_bomb(entry)):
            what = (
                f"altered, not the {listed} bytes that the manifest tells"
                if entry.file_size != listed
                else (f"{entry.file_size:,} bytes packed in {entry.compress_size:,}, expected data")
            )
            odd.append(f"{entry.filename}: {what}")
    folded = Counter(name.casefold() for name in set(names))
    odd += [f"{name}: differs from another only in capitals" for name, count in folded.items() if count > 1]
    return odd


def _is_bomb(entry: zipfile.ZipInfo) -> bool:
    """Whether a member is packed to a size that no data of a study is."""
    return entry.file_size > max(SMALL, RATIO * entry.compress_size)


def _outside(name: str) -> bool:
    """Whether a member would lie elsewhere than below params/ or outputs/, read as any system might read its name."""
    first, *others = name.split("/")
    if name == MANIFEST:
        return False
    return first not in ("params", "outputs") or not others or not all(PLAIN.fullmatch(part) for part in others)


def _absent(packed: zipfile.ZipFile, manifest: dict[str, Any]) -> list[str]:
    names, listed = set(packed.namelist()) - {MANIFEST}, set(manifest["members"])
    missing = [f"{name}: missing, though the manifest lists it" for name in sorted(listed - names)]
    return missing + [f"{name}: not in the manifest" for name in sorted(names - listed)]


def _altered(packed: zipfile.ZipFile, manifest: dict[str, Any], name: str) -> str | None:
    listed = manifest["members"][name]
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in _chunks(packed, manifest, name):
            digest.update(chunk)
            size += len(chunk)
    except DAMAGED as error:
        return f"{name}: altered or cut short ({error or type(error).__name__})"
    if size != listed["bytes"]:
        return f"{name}: altered, not the {listed['bytes']} bytes that the manifest tells"
    return None if digest.hexdigest() == listed["sha256"] else f"{name}: altered, its SHA-256 is not the manifest's"


def _chunks(packed: zipfile.ZipFile, manifest: dict[str, Any], name: str) -> Iterator[bytes]:
    """A member, and no more than a byte over what it should be: a small file can unpack to a very large one."""
    left = manifest["members"][name]["bytes"] + 1
    with packed.open(name) as opened:
        while left and (chunk := opened.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


def _write(file: Path, chunks: Iterator[bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("xb") as opened:
        opened.writelines(chunks)
