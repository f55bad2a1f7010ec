"""Verify a study's results: `python -m lib.pipeline.verify --study tiny`, or `--archive tiny.zip` on any machine.

An archive may be in an object store: `--archive s3://bucket/tiny.zip`; each of its members is checked first.

The notebooks from 05 on run as this repository has them, on a copy of it in a folder of its own and without an engine;
parameters, traces, continuations and the judge's replies are those of the study. What they make is compared with what
is stored.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from lib import params, paths, schema, tables
from lib.pipeline import provenance, remote, unpack
from lib.pipeline.remote import RemoteError
from lib.pipeline.unpack import PLAIN, UnpackError

LARGEST = 64 * 2**30  # bytes of an archive that is fetched; less where the disk has less
FIRST = "05"  # number of the first notebook that computes from stored tables alone
ALWAYS = ("05_grade", "06_failure_modes")
INPUTS = ("problems", "updates", "traces", "continuations")
RECORDED = "recorded"  # folder of the judge's replies
OWN = {"lib", "notebooks", "params", "outputs", RECORDED}  # folders of the bench, where no model may be put
OF_MACHINE = {"grades": ["sandbox"]}  # columns that depend on the machine and not on a model
WITH_ENGINE = ("judge", "model")  # parameters whose engine is a replay when results are derived again


class RederiveError(RuntimeError):
    """Results that could not be derived again; its text is one line."""


@dataclass(frozen=True)
class Difference:
    """A file, what differs in it, and whether it is a difference in results."""

    file: str
    message: str
    counts: bool = True  # false: it may differ between machines, or no row differs

    def __str__(self) -> str:
        return f"{self.file}: {self.message}" + ("" if self.counts else " (no difference in results)")


def study(name: str) -> tuple[list[str], list[Difference]]:
    """Derive 05 and 06 of a study again and compare; its outputs are read only.

    Returns the names of the files that were compared, and how they differ.

    Raises:
        ParamsError: no such study, or an unsound one.
        RederiveError: as `rederive`.
    """
    params.load_study(name)
    with tempfile.TemporaryDirectory() as bench:
        return _compared(name, paths.outputs() / name, paths.PARAMS, Path(bench))


def archive(file: Path, again: bool = True) -> tuple[list[str], list[Difference]]:
    """Check an archive and derive 05 and 06 again from it, with its own parameters and this repository's code.

    Without `again` only checksums and names are checked. What the archive is goes to stdout. Returns as `study`.

    Raises:
        UnpackError: as `unpack.unpack`, and where the study in it allows programs outside the sandbox.
        RederiveError: as `rederive`.
    """
    with tempfile.TemporaryDirectory() as folder:
        bench, unpacked = Path(folder, "bench"), Path(folder, "unpacked")
        manifest = unpack.unpack(file, unpacked if again else None)
        shown = paths.printable(file.name)
        print(f"{shown}: {len(manifest['members'])} files as the manifest of study {manifest['study']} has them")
        theirs = manifest.get("code") or {}
        if theirs.get("code") != provenance.code()["code"]:
            other = f"version {theirs.get('version')}, commit {theirs.get('commit') or 'not known'}"
            print(f"{shown}: packed with other code: {paths.printable(other)}", flush=True)
        if not again:
            return [], []
        _expect_safe(file.name, unpacked, manifest["study"])
        bench.mkdir()
        return _compared(manifest["study"], unpacked / "outputs" / manifest["study"], unpacked / "params", bench)


def _compared(name: str, results: Path, parameters: Path, bench: Path) -> tuple[list[str], list[Difference]]:
    fresh = rederive(name, results, parameters, bench)
    names = made(results, fresh)
    return names, compare(results, fresh, names)


def _expect_safe(file: str, unpacked: Path, name: str) -> None:
    """Refuse to run somebody else's code, or programs without a sandbox, because somebody else's parameters say so."""
    where = f"params/studies/{name}.yaml"
    try:
        values = params.parse_file((unpacked / where).read_bytes(), where)
    except (OSError, params.ParamsError):
        raise UnpackError(f"{file}: {where}: missing or no YAML, expected the study's own file") from None
    for key, why in (
        ("allow_unsafe", "programs of others run in the sandbox"),
        ("allow_code", "no code of others runs"),
    ):
        if not isinstance(values, dict) or values.get(key, False) is not False:
            raise UnpackError(f"{file}: {where}: {key}: expected false, as {why}")


# deriving again


def rederive(study: str, results: Path, parameters: Path, bench: Path) -> Path:
    """Run the notebooks from 05 on over stored tables.

    Args:
        study: by name.
        results: the folder of the study's outputs; nothing is written there.
        parameters: a folder as `params/` is.
        bench: an empty folder to work in.

    Returns the folder of the new results, laid out as `results`; links in it are what they were derived from.

    Raises:
        RederiveError: a table or a reply of the judge is missing, or a notebook did not run to its end.
    """
    models = sorted(file.parent.name for file in results.glob("tables/*/continuations.parquet"))
    if not models:
        raise RederiveError(f"{study}: no table of continuations, expected one of each model")
    for folder in (paths.ROOT / "lib", paths.NOTEBOOKS):  # compiled modules too: faster
        shutil.copytree(folder, bench / folder.name, ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(parameters, bench / "params")
    settings, reported = _settings(bench, study), _reported(results)
    named = list(map(str, settings.get("models") or []))
    for model in {*models, *named, *reported}:
        _stand_in(bench, model)
    fresh = bench / "outputs" / study
    for name in INPUTS:
        for file in [*results.glob(f"tables/{name}.*"), *results.glob(f"tables/*/{name}.*")]:
            _link(fresh / file.relative_to(results), file)
    if judge := settings.get("judge"):
        _replay(bench, str(judge), results)
    only = [f"--models={','.join(reported)}"] if reported and reported != named else []
    for notebook, is_per_model in _steps(results):
        for model in models if is_per_model else [None]:
            _run(bench, notebook, study, model, [] if is_per_model else only)
    return fresh


def made(results: Path, fresh: Path) -> list[str]:
    """Names of the tables, their parameters and summaries that were derived, or are stored and should have been."""
    derived = {"grades", "labels", "judgements"} | {
        file.stem for file in fresh.glob("tables/**/*.parquet") if not file.is_symlink()
    }
    names = set()
    for folder in (results, fresh):
        stored = [*folder.glob("tables/**/*.parquet"), *folder.glob("tables/**/*.json")]
        files = [*(file for file in stored if file.stem in derived), *folder.glob("summary/*.csv")]
        names |= {file.relative_to(folder).as_posix() for file in files}
    return sorted(names)


def _steps(results: Path) -> Iterator[tuple[str, bool]]:
    """The notebooks to run, and whether once for each model: 05, 06, and later ones that the study has run."""
    for file in sorted(paths.NOTEBOOKS.glob("0[0-9]_*.ipynb")):
        ran = [*results.glob(f"notebooks/{file.name}"), *results.glob(f"notebooks/*/{file.name}")]
        if file.stem >= FIRST and (file.stem in ALWAYS or ran):
            yield file.stem, bool(re.search(r'"model: ', file.read_text()))


def _settings(bench: Path, study: str) -> dict:
    file = bench / "params" / "studies" / f"{study}.yaml"
    try:
        return params.parse_file(file.read_bytes(), f"params/studies/{study}.yaml")
    except (OSError, params.ParamsError) as error:
        raise RederiveError(str(error)) from None


def _reported(results: Path) -> list[str]:
    """The models that 06 was run for, by its summary; none if it was not."""
    try:
        return pd.read_csv(results / "summary" / "accuracy.csv", dtype=str)["model"].unique().tolist()
    except (OSError, ValueError, KeyError):
        return []


def _stand_in(bench: Path, model: str) -> None:
    """Have a local model's folder where the bench's parameters look for it; an empty one where it is not here.

    Nothing from 05 on reads it but a judge's own, and a replay of another judge finds nothing.
    """
    values = params.parse_file(_model_file(bench, model).read_bytes(), f"params/models/{model}.yaml")
    path = Path(str(values.get("path", "")))
    here, there = paths.ROOT / path, bench / path
    if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0] in OWN or there.exists():
        return
    if here.is_dir():
        _link(there, here)
    elif path.parts[0] == "models":
        there.mkdir(parents=True)
        (there / "config.json").write_text("{}\n")


def _model_file(bench: Path, model: str) -> Path:
    """The file of a model's parameters; what it is called may come from an archive of others."""
    file = bench / "params" / "models" / f"{model}.yaml"
    if not PLAIN.fullmatch(model) or not file.is_file():
        raise RederiveError(f"params/models/{model}.yaml: missing, though the study names {model} or has its tables")
    return file


def _replay(bench: Path, judge: str, results: Path) -> None:
    """Put a replay of its replies in place of the judge, the one model that 05 asks, so that none is loaded."""
    file = _model_file(bench, judge)
    _stand_in(bench, judge)
    (bench / RECORDED).mkdir()
    for part in results.glob(f"parts/judgements-{judge}-*/*.parquet"):
        _link(bench / RECORDED / f"{part.parent.name}-{part.name}", part)
    values = params.parse_file(file.read_bytes(), f"params/models/{judge}.yaml")
    values |= {"engine": "replay", "options": (values.get("options") or {}) | {"recorded": RECORDED}}
    file.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _link(place: Path, to: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(to.resolve())


def _run(bench: Path, notebook: str, study: str, model: str | None, more: list[str]) -> None:
    command = [sys.executable, "-m", "lib.pipeline.notebook", notebook, "--study", study, *more]
    command += ["--model", model] if model else []
    unset = (paths.OUTPUTS_VARIABLE, "JUPYTER_PATH", "PYTHONDONTWRITEBYTECODE")
    own = {key: value for key, value in os.environ.items() if key not in unset}
    own |= {"PYTHONPATH": str(bench), "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run(command, cwd=bench, env=own, capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise RederiveError(lines[-1].removeprefix("error: ").replace(f"{bench}/", ""))


# comparing


def compare(stored: Path, fresh: Path, names: list[str]) -> list[Difference]:
    """How the files `names` (tables of `lib.schema`, JSON, CSV) of two folders of results differ, in their order."""
    changes = []
    for name in names:
        old, new = stored / name, fresh / name
        if not (old.is_file() and new.is_file()):
            changes.append(Difference(name, f"{'derived' if new.is_file() else 'stored'}, but not on the other side"))
        elif old.read_bytes() != new.read_bytes():
            try:
                changes += _rows(name, old, new) if old.suffix == ".parquet" else _values(name, _read(old), _read(new))
            except (pa.ArrowException, OSError, ValueError) as error:
                changes.append(Difference(name, f"not readable ({str(error).splitlines()[0][:80]})"))
    return changes


def _rows(name: str, old: Path, new: Path) -> list[Difference]:
    """The first cell that differs, of all columns that depend on a model and of each that depends on the machine."""
    both = [pq.ParquetFile(file).read() for file in (old, new)]
    if not both[0].schema.equals(both[1].schema):
        lost = set(both[0].schema) ^ set(both[1].schema)
        columns = ", ".join(sorted({column.name for column in lost})) or "their order"
        return [Difference(name, f"columns of the two sides differ: {columns}")]
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get
    key = list(schema.TABLES[old.stem].key)
    before, after = (rows.to_pandas(types_mapper=nullable).set_index(key) for rows in both)
    for side, one, other in (("stored", before, after), ("derived again", after, before)):
        if len(lost := one.index.difference(other.index)):
            return [Difference(name, f"row {_label(lost[0])}: only {side}; {len(lost)} such rows")]
    if not before.index.is_unique or len(before) != len(after):
        return [Difference(name, f"{len(before)} rows stored, {len(after)} derived again")]
    after = after.loc[before.index]
    unlike = before.ne(after).fillna(True).astype(bool) & ~(before.isna() & after.isna())
    of_machine = [column for column in OF_MACHINE.get(old.stem, ()) if column in unlike]
    changes = []
    for columns in [[column for column in unlike if column not in of_machine], *([column] for column in of_machine)]:
        rows = unlike[columns].any(axis=1)
        if rows.any():
            label = rows.idxmax()
            column = unlike.loc[label, columns].idxmax()
            values = f"stored {_show(before.at[label, column])}, now {_show(after.at[label, column])}"
            message = f"row {_label(label)}, column {column}: {values}; {rows.sum()} rows differ"
            changes.append(Difference(name, message, counts=column not in of_machine))
    return changes or [Difference(name, "the same rows in other bytes", counts=False)]


def _values(name: str, before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    places = [place for place in {**before, **after} if before.get(place, ...) != after.get(place, ...)]
    if not places:
        return []
    stored, now = (_show(side[places[0]]) if places[0] in side else "nothing" for side in (before, after))
    return [Difference(name, f"{places[0]}: stored {stored}, now {now}; {len(places)} such places")]


def _read(file: Path) -> dict[str, Any]:
    """The values of a JSON file by their keys, without what a replay in place of an engine changes; else its lines."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix != ".json":
        return {f"line {number}": line for number, line in enumerate(text.splitlines(), 1)}
    values = json.loads(text)
    for key in WITH_ENGINE:
        if isinstance(own := values.get(key), dict):
            own.pop("engine", None)
            own["options"] = {name: value for name, value in (own.get("options") or {}).items() if name != "recorded"}
    return _flat(values)


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {k: v for name, inner in value.items() for k, v in _flat(inner, f"{key}.{name}".lstrip(".")).items()}
    return {key: value}


def _label(key: Any) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _show(value: Any) -> str:
    if not isinstance(value, (list, dict)) and pd.isna(value):
        return "null"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


# the command


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--study")
    which.add_argument("--archive", help="a file, or the URL of one")
    parser.add_argument("--checksums", action="store_true", help="of an archive, check only that it is whole")
    args = parser.parse_args()
    try:
        if args.study:
            label, (names, differences) = args.study, study(args.study)
        else:
            with _here(args.archive) as file:
                label, (names, differences) = file.name, archive(file, again=not args.checksums)
    except (UnpackError, RederiveError, RemoteError, params.ParamsError, tables.TableError, OSError) as error:
        sys.exit("\n".join(f"error: {line}" for line in str(error).splitlines()))
    if args.archive and args.checksums:
        return
    print(*differences, sep="\n", end="\n" if differences else "")
    differ = len({difference.file for difference in differences if difference.counts})
    print(f"{label}: {len(names)} files derived again, {differ or 'none'} of them with other results")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
