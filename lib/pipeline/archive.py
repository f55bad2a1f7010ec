"""Archive a study in one file: `python -m lib.pipeline.archive --study tiny --to tiny.zip`, or `--to s3://bucket/tiny.zip`.

It holds what is needed to derive 05 and 06 again without an engine, and to read what was found: parameters, tables,
completions, summaries, figures, executed notebooks, provenance, and a manifest with a checksum of each. Equal files
and equal code give equal bytes.
"""

import argparse
import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lib import params, paths, tables
from lib.params.settings import Study
from lib.pipeline import leaks, provenance, remote
from lib.pipeline.remote import RemoteError
from lib.pipeline.unpack import FORMAT, MANIFEST, checksum, is_result

DAY = (1980, 1, 1, 0, 0, 0)  # the first of a zip file: the time of packing is left out
LEVEL = 6


class ArchiveError(ValueError):
    """A study that cannot be archived; its text is one line per fault."""


def pack(study: str, to: Path) -> dict[str, Path]:
    """Archive a study; `to` appears whole or not at all. Returns its files by their names in it, without the manifest.

    Raises:
        ParamsError: a file of parameters is missing or not sound.
        ArchiveError: a table is missing, a file is a link, or one tells of this machine or a secret.
        TableError: `to` cannot be written.
    """
    files = members(study)
    if faults := [fault for name, file in files.items() for fault in leaks.faults(name, file)]:
        raise ArchiveError("\n".join(faults))
    sums = {}
    with tables.atomic_write(to) as file, zipfile.ZipFile(file, "w") as packed:
        for name, source in files.items():
            data = source.read_bytes()
            sums[name] = {"bytes": len(data), "sha256": checksum(data)}
            _put(packed, name, data)
        manifest = {"format": FORMAT, "study": study, "code": provenance.code(), "members": sums}
        manifest["provenance"] = provenance.steps(study)
        _put(packed, MANIFEST, (json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())
    return files


def members(study: str) -> dict[str, Path]:
    """The files of a study's archive by the names of its members, in their order; raises as `pack`."""
    settings, folder = params.load_study(study), paths.outputs() / study
    measured = {file.parent.name for file in folder.glob("tables/*/continuations.parquet")}
    models = {*settings.models, *measured}
    files = {f"params/{file.relative_to(paths.PARAMS).as_posix()}": file for file in _parameters(settings, models)}
    results = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    files |= {f"outputs/{study}/{name}": file for name, file in results.items() if is_result(name)}
    needed = ["problems", "updates", *(f"{model}/{name}" for model in models for name in ("traces", "continuations"))]
    for name in sorted(needed):
        if f"outputs/{study}/tables/{name}.parquet" not in files:
            made_by = tables.MADE_BY[name.rsplit("/", 1)[-1]]
            raise ArchiveError(f"{paths.show(folder)}/tables/{name}.parquet: no such table, run {made_by} first")
    if links := [name for name, file in files.items() if file.is_symlink()]:
        raise ArchiveError(f"{links[0]}: a link, expected a file of its own")
    return dict(sorted(files.items()))


def _parameters(settings: Study, models: set[str]) -> Iterator[Path]:
    """The files that a study is made of, and those that they name."""
    yield paths.PARAMS / "studies" / f"{settings.name}.yaml"
    yield paths.PARAMS / "failure_modes.yaml"
    yield from (file for file in (paths.PARAMS / "published").glob("*") if file.is_file())
    yield from (paths.PARAMS / "studies" / settings.name).glob("decisions.csv")
    for name in {*models, settings.writer, settings.solver, settings.judge} - {None}:
        params.load_model(name)
        yield paths.PARAMS / "models" / f"{name}.yaml"
    chosen = [params.load_interrupt(name) for name in settings.interrupts]
    steps = [part for interrupt in chosen for part in params.load_steps(interrupt)]
    for name in {interrupt.name for interrupt in [*chosen, *steps]}:
        yield paths.PARAMS / "interrupts" / f"{name}.yaml"
        if wording := params.read("interrupts", name).get("prompt_file"):
            yield _inside(name, wording)
    yield from (paths.PARAMS / "rubrics" / f"{name}.yaml" for name in settings.rubrics)
    if settings.writer:
        yield from (paths.PARAMS / "prompts").glob("*.yaml")


def _inside(interrupt: str, wording: str) -> Path:
    file = (paths.ROOT / wording).resolve()
    if not file.is_relative_to(paths.PARAMS.resolve()):
        where = params.location("interrupts", interrupt)
        raise ArchiveError(f"{where}: prompt_file: {wording}: expected a file below params/, as others lack it")
    return paths.PARAMS / file.relative_to(paths.PARAMS.resolve())


def _put(packed: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a member with nothing of the day or the machine about it."""
    entry = zipfile.ZipInfo(name, DAY)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    packed.writestr(entry, data, compresslevel=LEVEL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", default="tiny")
    parser.add_argument(
        "--to",
        help="the file to write, such as tiny.zip or s3://bucket/tiny.zip; default: beside the study's outputs, in the "
        "object store too if they are in one",
    )
    args = parser.parse_args()
    known = (ArchiveError, RemoteError, params.ParamsError, provenance.ProvenanceError, tables.TableError, OSError)
    try:
        with tempfile.TemporaryDirectory() as folder:
            params.load_study(args.study)
            store = paths.store()
            places = [args.to] if args.to else [str(paths.outputs() / f"{args.study}.zip")]
            places += [f"{store}/{args.study}.zip"] if store and not args.to else []
            to, urls = places[0], [place for place in places if paths.is_url(place)]
            name = Path(to).name
            for url in urls:
                remote.split(url)  # an unsound one is an error before the packing
            file = Path(folder, name) if paths.is_url(to) else Path(to)
            files = pack(args.study, file)
            for url in urls:
                remote.send(file, url)
            data = file.read_bytes()
    except known as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    print(f"{name}: {len(files)} files, {len(data) / 2**20:.1f} MiB{''.join(f', put to {url}' for url in urls)}")
    print(f"sha256 {checksum(data)}")


if __name__ == "__main__":
    main()
