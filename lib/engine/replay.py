"""Recorded completions in place of an engine: for tests, and for readers without one.

The option `recorded` names a file, or a folder of files, relative to the repository: Parquet or JSON Lines with key,
token_ids, finish_reason and cached_tokens. The parts that a run keeps are such a folder. All other options of the
model's file stay as they were when it was recorded, as they are part of the keys.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet

from lib import paths
from lib.engine.request import Completion, EngineError, Request, check
from lib.params.settings import Model

SCHEMA = pa.schema(
    {"key": pa.string(), "token_ids": pa.list_(pa.int64()), "finish_reason": pa.string(), "cached_tokens": pa.int64()}
)


class Replay:
    """Completions by key, as they were recorded."""

    def __init__(self, model: Model):
        self.model = model
        self._recorded = str(model.options.get("recorded", ""))
        files = recorded(model)
        self._rows = pa.concat_tables([_read(file) for file in files]).combine_chunks()
        keys = self._rows["key"].to_pylist()
        self._places = {key: len(keys) - 1 - i for i, key in enumerate(reversed(keys))}  # of equal keys the first

    def generate(self, requests: Iterable[Request]) -> Iterator[Completion]:
        """As `Engine.generate`, in the order of the requests."""
        for request in requests:
            check(request, self.model)
            if request.key not in self._places:
                raise EngineError(
                    f"{request.key}: not among the {len(self._places)} completions recorded in {self._recorded}; "
                    "another prompt, seed, model or option than was recorded"
                )
            yield Completion(**self._rows.slice(self._places[request.key], 1).to_pylist()[0])

    def close(self) -> None:
        self._places, self._rows = {}, SCHEMA.empty_table()


def recorded(model: Model) -> list[Path]:
    """The files that a model's option `recorded` names; an EngineError if there are none."""
    where, named = f"params/models/{model.name}.yaml: options.recorded", str(model.options.get("recorded", ""))
    if not named:
        raise EngineError(f"{where}: missing, expected a file or folder")
    if files := _files(paths.ROOT / Path(named).expanduser()):
        return files
    raise EngineError(f"{where}: nothing recorded in {named}, expected files that end in .parquet or .jsonl")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix in (".parquet", ".jsonl") and file.is_file())
    return [path] if path.is_file() else []


def _read(file: Path) -> pa.Table:
    """The completions of a file; raises EngineError if it does not hold any."""
    try:
        rows = pa.parquet.read_table(file) if file.suffix == ".parquet" else pa.json.read_json(file)
        rows = rows.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowException, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        expected = ", ".join(SCHEMA.names)
        raise EngineError(f"{file.name}: no recorded completions ({reason}), expected {expected}") from error
    ends = set(rows["finish_reason"].unique().to_pylist())
    if any(column.null_count for column in rows.columns) or not ends <= {"stop", "length"}:
        raise EngineError(f"{file.name}: no recorded completions, expected no gaps, and finish_reason stop or length")
    return rows
