"""Comparison of stored results with the same derived again: one line for each file that differs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lib import schema

OF_MACHINE = {"grades": ["sandbox"]}  # columns that depend on the machine and not on a model
WITH_ENGINE = ("judge", "model")  # parameters whose engine is a replay when results are derived again


@dataclass(frozen=True)
class Difference:
    """A file, what differs in it, and whether it is a difference in results."""

    file: str
    message: str
    counts: bool = True  # false: it may differ between machines, or no row differs

    def __str__(self) -> str:
        return f"{self.file}: {self.message}" + ("" if self.counts else " (no difference in results)")


def between(stored: Path, fresh: Path, names: list[str]) -> list[Difference]:
    """How files differ that should be equal, in the order of `names`.

    Args:
        stored: folder of the results as they are.
        fresh: folder of the same, derived again.
        names: files relative to both: parquet tables of `lib.schema`, JSON, CSV.
    """
    found = []
    for name in names:
        old, new = stored / name, fresh / name
        if not (old.is_file() and new.is_file()):
            found.append(Difference(name, f"{'derived' if new.is_file() else 'stored'}, but not on the other side"))
        elif old.read_bytes() != new.read_bytes():
            try:
                found += _rows(name, old, new) if old.suffix == ".parquet" else _values(name, _read(old), _read(new))
            except (pa.ArrowException, OSError, ValueError) as error:
                found.append(Difference(name, f"not readable ({str(error).splitlines()[0][:80]})"))
    return found


def _rows(name: str, old: Path, new: Path) -> list[Difference]:
    """The first cell that differs, of all columns that depend on a model and of each that depends on the machine."""
    tables = [pq.ParquetFile(file).read() for file in (old, new)]
    if not tables[0].schema.equals(tables[1].schema):
        lost = [*(set(tables[0].schema) ^ set(tables[1].schema))]
        columns = ", ".join(sorted({column.name for column in lost})) or "their order"
        return [Difference(name, f"columns of the two sides differ: {columns}")]
    nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get
    key = list(schema.TABLES[old.stem].key)
    before, after = (rows.to_pandas(types_mapper=nullable).set_index(key) for rows in tables)
    for side, lost in {
        "stored": before.index.difference(after.index),
        "derived again": after.index.difference(before.index),
    }.items():
        if len(lost):
            return [Difference(name, f"row {_label(lost[0])}: only {side}; {len(lost)} such rows")]
    if not before.index.is_unique or len(before) != len(after):
        return [Difference(name, f"{len(before)} rows stored, {len(after)} derived again")]
    after = after.loc[before.index]
    unlike = before.ne(after).fillna(True).astype(bool) & ~(before.isna() & after.isna())
    of_machine = [column for column in OF_MACHINE.get(old.stem, ()) if column in unlike]
    found = []
    for columns in [[column for column in unlike if column not in of_machine], *([column] for column in of_machine)]:
        rows = unlike[columns].any(axis=1)
        if rows.any():
            label = rows.idxmax()
            column = unlike.loc[label, columns].idxmax()
            values = f"stored {_show(before.at[label, column])}, now {_show(after.at[label, column])}"
            message = f"row {_label(label)}, column {column}: {values}; {rows.sum()} rows differ"
            found.append(Difference(name, message, counts=column not in of_machine))
    return found or [Difference(name, "the same rows in other bytes", counts=False)]


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
