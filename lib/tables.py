"""Tables on disk: parquet files, checked against `lib.schema`, written whole or not at all.

Equal frames give equal bytes: rows are sorted by key, columns stand in the order of the schema, and nothing
of the day, the machine or pandas is stored.
"""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lib import paths, schema

MADE_BY = {
    "problems": "01_load",
    "updates": "02_augment",
    "traces": "03_initial",
    "continuations": "04_interrupt",
    "grades": "05_grade",
    "labels": "05_grade",
    "judgements": "05_grade",
}

INFERRED = {  # what Arrow may take the values of a column for, so that they can be cast to the column's type
    "string": (pa.types.is_string, pa.types.is_large_string),
    "int": (pa.types.is_integer, pa.types.is_floating),  # pandas turns ints with a null into floats
    "float": (pa.types.is_integer, pa.types.is_floating),
    "bool": (pa.types.is_boolean,),
    "ids": (pa.types.is_list,),
}
UNFIT = (pa.ArrowException, ValueError, TypeError, OverflowError)  # what Arrow raises over a value


class TableError(ValueError):
    """A table that cannot be written or read; its text is one line."""


def write(
    frame: pd.DataFrame, name: str, study: str, model: str | None = None, params: dict[str, Any] | None = None
) -> None:
    """Check `frame` against the schema of table `name` and store it, sorted by key, with `params` beside it as JSON.

    On any failure, a full disk included, what was there before stays. A TableError: columns, a type or a key that break
    the schema, told with column and row; a failed write.
    """
    path = _path(name, study, model)
    rows, beside = _checked(frame, schema.TABLES[name], paths.show(path)), path.with_suffix(".json")
    with ExitStack() as files:
        if params is not None:
            notes = files.enter_context(atomic_write(beside))
            notes.write((json.dumps(params, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode())
            notes.flush()
        pq.write_table(rows, files.enter_context(atomic_write(path)), compression="zstd")
    if params is None:
        beside.unlink(missing_ok=True)


def read(name: str, study: str, model: str | None = None) -> pd.DataFrame:
    """Table `name` of a study, or of one model in it.

    Columns of type ids hold one numpy int32 array per row. Columns of type int and bool have a numpy dtype
    where they are complete, pandas' nullable `Int64` and `boolean` where a value is missing (never float). A
    TableError: a file missing, truncated or of another schema, told with the notebook that makes it.
    """
    path = _path(name, study, model)
    file = paths.show(path)
    notebook = f"run notebook {MADE_BY[name]} of study {study}" + (f" for model {model}" if model else "")
    if not path.is_file():
        raise TableError(f"{file}: no such table, {notebook} first")
    try:
        rows = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise TableError(f"{file}: truncated or not parquet ({reason}), {notebook} again") from error
    version = (rows.schema.metadata or {}).get(b"schema_version", b"1").decode()
    if version != str(schema.VERSION):
        raise TableError(f"{file}: schema version {version}, expected {schema.VERSION}, {notebook} again")
    if not rows.schema.equals(schema.TABLES[name].arrow()):
        difference = _difference(rows.schema.names, schema.TABLES[name].names()) or "types differ"
        raise TableError(f"{file}: not the columns of table {name} ({difference}), {notebook} again")
    frame = rows.to_pandas()
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    for column, values in zip(rows.column_names, rows.columns, strict=True):
        if values.null_count and values.type in nullable:
            frame[column] = values.to_pandas(types_mapper=nullable.get)
    return frame


def write_summary(frame: pd.DataFrame, slug: str, study: str) -> None:
    """Store a small table, as behind the figure of the same slug, as CSV with six significant digits."""
    text = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    with atomic_write(paths.summary(study) / f"{slug}.csv") as file:
        file.write(text.encode())


def read_summary(slug: str, study: str) -> pd.DataFrame:
    """A small table that `write_summary` stored, its empty texts as ""; a TableError where there is none."""
    path = paths.summary(study) / f"{slug}.csv"
    try:
        frame = pd.read_csv(path, dtype={"why": str})  # a column of reasons may be empty as a whole
        return frame.fillna(dict.fromkeys(frame.select_dtypes("str"), ""))
    except FileNotFoundError as error:
        raise TableError(f"{paths.show(path)}: no such file, expected a summary of study {study}") from error


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file to write in place of `path`, which is replaced only when the block ends well.

    A TableError: the operating system refused (disk full, no permission); `path` is as it was.
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
    key = list(table.key)
    for column in table.columns[: len(key)]:
        if (missing := frame[column.name].isna()).any():
            raise TableError(f"{file}: column {column.name}, row number {missing.argmax()}: null, expected a key")
        _array(frame, column, key, file)
    if (repeated := frame.duplicated(key)).any():
        raise TableError(f"{file}: key {_row(frame[repeated], 0, key)} stands twice, expected once")
    ordered = frame.sort_values(key, kind="stable", ignore_index=True)
    return pa.table([_array(ordered, column, key, file) for column in table.columns], schema=table.arrow())


def _difference(columns: list[str], expected: list[str]) -> str:
    differences = {
        "missing columns": [name for name in expected if name not in columns],
        "unknown columns": [name for name in columns if name not in expected],
        "repeated columns": sorted({name for name in columns if columns.count(name) > 1}),
    }
    return "; ".join(f"{what}: {', '.join(map(str, names))}" for what, names in differences.items() if names)


def _array(frame: pd.DataFrame, column: schema.Column, key: list[str], file: str) -> pa.Array:
    """A column as Arrow stores it; the first row that does not fit is looked for only where one does not."""
    try:
        return _cast(frame[column.name], column.type)
    except UNFIT:
        where = f"{file}: column {column.name}"
    for i, value in enumerate(frame[column.name]):
        try:
            _cast(pd.Series([value], dtype=object), column.type)
        except UNFIT:
            got = f"{type(value).__name__} {str(value)[:60]!r}"
            raise TableError(f"{where}, row {_row(frame, i, key)}: expected {column.type}, got {got}") from None
    try:  # each fits alone: numpy types that Arrow infers no common one for
        return pa.array(frame[column.name], schema.ARROW[column.type], from_pandas=True)
    except UNFIT as error:
        raise TableError(f"{where}: expected {column.type} ({error})") from error


def _cast(values: pd.Series, kind: str) -> pa.Array:
    """Values as an Arrow array of the schema's type; nothing is converted but ints and floats that lose nothing."""
    array, target = pa.array(values, from_pandas=True), schema.ARROW[kind]
    if array.null_count == len(array):
        return pa.nulls(len(array), target)
    fits = any(is_kind(array.type) for is_kind in INFERRED[kind])
    if values.dtype == object and kind in ("int", "float"):  # where Arrow takes a truth value among floats for one
        fits = fits and not values.map(pd.api.types.is_bool).any()
    if fits and kind == "ids" and len(ids := pc.list_flatten(array)):
        fits = pa.types.is_integer(ids.type) and not ids.null_count and pc.min(ids).as_py() >= 0
    if not fits:
        raise TypeError(f"expected {kind}, got {array.type}")
    return array.cast(target)


def _row(frame: pd.DataFrame, i: int, key: list[str]) -> str:
    return " ".join(map(str, frame[key].iloc[i]))
