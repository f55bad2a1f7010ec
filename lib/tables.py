"""Tables on disk: parquet files, checked against `lib.schema`, written whole or not at all.

Equal frames give equal bytes: rows are sorted by key, columns stand in the order of the schema, and nothing
of the day, the machine or pandas is stored.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lib import paths, schema

MADE_BY = {
    "problems": "01_load",
    "updates": "02_augment",
    "traces": "03_initial",
    "continuations": "04_interrupt",
    "grades": "05_grade",
    "labels": "06_failure_modes",
    "judgements": "05_grade",
}

INT32_MAX = 2**31 - 1


class TableError(ValueError):
    """A table that cannot be written or read; its text is one line."""


def write(
    frame: pd.DataFrame, name: str, study: str, model: str | None = None, params: dict[str, Any] | None = None
) -> None:
    """Check `frame` against the schema of table `name` and store it, sorted by key.

    `params`, the resolved parameters that made the rows, go beside it as JSON. On any failure, a full disk
    included, what was there before stays.

    Raises:
        TableError: columns, a type or a key that break the schema, told with column and row; a failed write.
    """
    path = _path(name, study, model)
    rows = _checked(frame, schema.TABLES[name], paths.show(path))
    beside = path.with_suffix(".json")
    if params is None:
        with atomic_write(path) as file:
            pq.write_table(rows, file, compression="zstd")
        beside.unlink(missing_ok=True)
        return
    with atomic_write(beside) as notes, atomic_write(path) as file:
        notes.write((json.dumps(params, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())
        notes.flush()
        pq.write_table(rows, file, compression="zstd")


def read(name: str, study: str, model: str | None = None) -> pd.DataFrame:
    """Table `name` of a study, or of one model in it.

    Columns of type ids hold one numpy int32 array per row. Columns of type int and bool have a numpy dtype
    where they are complete, pandas' nullable `Int64` and `boolean` where a value is missing (never float).

    Raises:
        TableError: a file missing, truncated or of another schema, told with the notebook that makes it.
    """
    path = _path(name, study, model)
    again = f"run notebook {MADE_BY[name]} of study {study}" + (f" for model {model}" if model else "")
    if not path.is_file():
        raise TableError(f"{paths.show(path)}: no such table, {again} first")
    try:
        rows = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{paths.show(path)}: truncated or not parquet ({reason}), {again} again") from error
    if not rows.schema.equals(schema.TABLES[name].arrow()):
        difference = _difference(rows.schema.names, schema.TABLES[name].names()) or "types differ"
        raise TableError(f"{paths.show(path)}: not the columns of table {name} ({difference}), {again} again")
    return _to_pandas(rows)


def write_summary(frame: pd.DataFrame, slug: str, study: str) -> None:
    """Store a small table, as behind the figure of the same slug, as CSV with six significant digits.

    Raises:
        TableError: a failed write.
    """
    text = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    with atomic_write(paths.summary(study) / f"{slug}.csv") as file:
        file.write(text.encode())


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write in place of `path`, which is replaced only when the block ends well.

    Raises:
        TableError: the operating system refused (disk full, no permission); `path` is as it was.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise TableError(f"{paths.show(path)}: not written ({error.strerror or error})") from error
    finally:
        if part.exists():
            part.unlink()


def _path(name: str, study: str, model: str | None) -> Path:
    if name not in schema.TABLES:
        raise TableError(f"{name}: no such table, expected one of {', '.join(schema.TABLES)}")
    return paths.tables(study, model) / f"{name}.parquet"


def _checked(frame: pd.DataFrame, table: schema.Table, file: str) -> pa.Table:
    if difference := _difference(list(frame.columns), table.names()):
        raise TableError(f"{file}: {difference}")
    for column in table.columns:
        _check_values(frame, column, table.key, file)
    key = list(table.key)
    if (twice := frame.duplicated(key)).any():
        raise TableError(f"{file}: key {_row(frame[twice], 0, table.key)} stands twice, expected once")
    ordered = frame.sort_values(key, kind="stable", ignore_index=True)
    return pa.table([_array(ordered[c.name], c, file) for c in table.columns], schema=table.arrow())


def _difference(columns: list[str], expected: list[str]) -> str:
    told = {
        "missing columns": [name for name in expected if name not in columns],
        "unknown columns": [name for name in columns if name not in expected],
        "repeated columns": sorted({name for name in columns if columns.count(name) > 1}),
    }
    return "; ".join(f"{what}: {', '.join(map(str, names))}" for what, names in told.items() if names)


def _check_values(frame: pd.DataFrame, column: schema.Column, key: tuple[str, ...], file: str) -> None:
    fits = FITS[column.type]
    missing = frame[column.name].isna()
    for i, (value, null) in enumerate(zip(frame[column.name].tolist(), missing, strict=True)):
        if null and column.name in key:
            raise TableError(f"{file}: column {column.name}, row number {i}: null, expected a key")
        if not null and not fits(value):
            got = f"{type(value).__name__} {str(value)[:60]!r}"
            where = f"{file}: column {column.name}, row {_row(frame, i, key)}"
            raise TableError(f"{where}: expected {column.type}, got {got}")


def _row(frame: pd.DataFrame, i: int, key: tuple[str, ...]) -> str:
    return " ".join(str(frame[name].iloc[i]) for name in key)


def _array(values: pd.Series, column: schema.Column, file: str) -> pa.Array:
    try:
        return pa.array(values, schema.ARROW[column.type], from_pandas=True)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise TableError(f"{file}: column {column.name}: expected {column.type} ({error})") from error


def _to_pandas(rows: pa.Table) -> pd.DataFrame:
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame = rows.to_pandas()
    for name, values in zip(rows.column_names, rows.columns, strict=True):
        if values.null_count and values.type in nullable:
            frame[name] = values.to_pandas(types_mapper=nullable.get)
    return frame


def _is_int(value: Any) -> bool:
    # pandas turns a column of ints with a null into floats; such whole numbers are still ints
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_ids(value: Any) -> bool:
    if not isinstance(value, (list, tuple, np.ndarray)):
        return False
    ids = np.asarray(value)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        return False
    return ids.size == 0 or (ids.min() >= 0 and ids.max() <= INT32_MAX)


FITS: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "int": _is_int,
    "float": lambda value: isinstance(value, Real) and not isinstance(value, (bool, np.bool_)),
    "bool": lambda value: isinstance(value, (bool, np.bool_)),
    "ids": _is_ids,
}
