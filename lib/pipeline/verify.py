"""Verify a study's results: `python -m lib.pipeline.verify --study tiny`, or `--archive tiny.zip` on any machine.

An archive may be in an object store: `--archive s3://bucket/tiny.zip`.

Everything after 04 is derived again from the stored traces and continuations, and compared with what is stored; of an
archive every member is checked against its checksum first.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from lib import params, paths, tables
from lib.pipeline import compare, provenance, rederive, remote, unpack
from lib.pipeline.compare import Difference
from lib.pipeline.rederive import RederiveError
from lib.pipeline.remote import RemoteError
from lib.pipeline.unpack import SealedError

LARGEST = 64 * 2**30  # bytes of an archive that is fetched; less where the disk has less


def study(name: str) -> tuple[list[str], list[Difference]]:
    """Derive 05 and 06 of a study again and compare; its outputs are read only.

    Returns:
        The names of the files that were compared, and how they differ.

    Raises:
        ParamsError: no such study, or an unsound one.
        RederiveError: as `rederive.rederive`.
    """
    params.load_study(name)
    with tempfile.TemporaryDirectory() as bench:
        return _compared(name, paths.outputs() / name, paths.PARAMS, Path(bench))


def archive(file: Path, again: bool = True) -> tuple[list[str], list[Difference]]:
    """Check an archive and derive 05 and 06 again from it, with its own parameters and this repository's code.

    Args:
        file: the archive.
        again: whether to derive; without it only checksums and names are checked.

    Returns:
        The names of the files that were compared, and how they differ; none without `again`.

    Raises:
        SealedError: as `sealed.unpack`, and where the study in it allows programs outside the sandbox.
        RederiveError: as `rederive.rederive`.
    """
    with tempfile.TemporaryDirectory() as folder:
        bench, unpacked = Path(folder, "bench"), Path(folder, "unpacked")
        manifest = unpack.unpack(file, unpacked if again else None)
        if not again:
            return [], []
        _expect_safe(file.name, unpacked, manifest["study"])
        bench.mkdir()
        return _compared(manifest["study"], unpacked / "outputs" / manifest["study"], unpacked / "params", bench)


def told_of_code(manifest: dict) -> str | None:
    """One line if an archive was packed by other code than this, else nothing."""
    theirs, ours = manifest.get("code") or {}, provenance.code()
    if theirs.get("code") == ours["code"]:
        return None
    return f"packed with other code: version {theirs.get('version')}, commit {theirs.get('commit') or 'not known'}"


def _compared(name: str, results: Path, parameters: Path, bench: Path) -> tuple[list[str], list[Difference]]:
    fresh = rederive.rederive(name, results, parameters, bench)
    names = rederive.made(results, fresh)
    return names, compare.between(results, fresh, names)


def _expect_safe(file: str, unpacked: Path, name: str) -> None:
    """Refuse to run somebody else's programs without a sandbox because somebody else's parameters say so."""
    where = f"params/studies/{name}.yaml"
    try:
        values = yaml.safe_load((unpacked / where).read_bytes())
    except (OSError, yaml.YAMLError):
        raise SealedError(f"{file}: {where}: missing or no YAML, expected the study's own file") from None
    if not isinstance(values, dict) or values.get("allow_unsafe", False) is not False:
        raise SealedError(f"{file}: {where}: allow_unsafe: expected false, as programs of others run in the sandbox")


@contextmanager
def _here(place: str) -> Iterator[Path]:
    """An archive as a file of this disk: itself, or what is fetched from a store as long as the block lasts."""
    if not paths.is_url(place):
        yield Path(place)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, place.rsplit("/", 1)[-1] or "archive")
        remote.fetch(place, file, min(LARGEST, shutil.disk_usage(folder).free))
        yield file


def _archived(file: Path, again: bool) -> tuple[list[str], list[Difference]]:
    """As `archive`; what the archive is is told first."""
    manifest = unpack.unpack(file)
    print(f"{file.name}: {len(manifest['members'])} files as the manifest of study {manifest['study']} has them")
    if other := told_of_code(manifest):
        print(f"{file.name}: {other}")
    return archive(file) if again else ([], [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--study")
    which.add_argument("--archive", help="a file, or the URL of one")
    parser.add_argument("--checksums", action="store_true", help="of an archive, check only that it is whole")
    args = parser.parse_args()
    try:
        if args.study:
            label, (names, found) = args.study, study(args.study)
        else:
            with _here(args.archive) as file:
                label, (names, found) = file.name, _archived(file, again=not args.checksums)
    except (SealedError, RederiveError, RemoteError, params.ParamsError, tables.TableError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    if args.archive and args.checksums:
        return
    print(*found, sep="\n", end="\n" if found else "")
    differ = len({difference.file for difference in found if difference.counts})
    print(f"{label}: {len(names)} files derived again, {differ or 'none'} of them with other results")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
