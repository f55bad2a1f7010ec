"""Differences between stored results and the same derived again, told in one line each."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from lib import schema

MACHINES_OWN = {"grades": ("sandbox",)}  # columns that tell about the machine and not about a model
ENGINES_OWN = ("judge", "model")  # parameters whose engine is a replay when results are derived again


@dataclass(frozen=True)
class Difference:
    """A file, what differs in it, and whether it is a difference in results."""

    file: str
    told: str
    counts: bool = True  # false: it may differ between machines, or no row differs

    def __str__(self) -> str:
        return f"{self.file}: {self.told}" + ("" if self.counts else " (no difference in results)")


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
            told = "derived, but not stored" if new.is_file() else "stored, but not derived again"
            found.append(Difference(name, told))
        elif old.read_bytes() != new.read_bytes():
            found += {".parquet": _rows, ".json": _values}.get(old.suffix, _lines)(name, old, new)
    return found


def _rows(name: str, old: Path, new: Path) -> list[Difference]:
    table = old.stem
    try:
        before, after = (pq.ParquetFile(file).read() for file in (old, new))
    except (pa.ArrowException, OSError) as error:
        return [Difference(name, f"not a table ({str(error).splitlines()[0][:80]})")]
    if not before.schema.equals(after.schema):
        return [Difference(name, _columns(before.schema, after.schema))]
    key = list(schema.TABLES[table].key)
    frames = [rows.to_pandas(types_mapper=_nullable).set_index(key) for rows in (before, after)]
    for which, (one, other) in {"stored": frames, "derived again": frames[::-1]}.items():
        if len(lost := one.index.difference(other.index)):
            return [Difference(name, f"row {_named(lost[0])}: only {which}; {len(lost)} such rows")]
    if not frames[0].index.is_unique or len(frames[0]) != len(frames[1]):
        return [Difference(name, f"{len(frames[0])} rows stored, {len(frames[1])} derived again")]
    return _cells(name, frames[0], frames[1].loc[frames[0].index], MACHINES_OWN.get(table, ()))


def _cells(name: str, before: pd.DataFrame, after: pd.DataFrame, own: tuple[str, ...]) -> list[Difference]:
    """The first cell that differs, of all columns that tell about a model and of each that tells about the machine."""
    unlike = before.ne(after).fillna(True).astype(bool) & ~(before.isna() & after.isna())
    found = []
    for columns in [[c for c in before.columns if c not in own], *([c] for c in own if c in before.columns)]:
        hit = unlike[columns]
        rows = hit.any(axis=1)
        if rows.any():
            i, column = int(rows.argmax()), hit.columns[int(hit[rows].iloc[0].to_numpy().argmax())]
            values = f"stored {_shown(before[column].iloc[i])}, now {_shown(after[column].iloc[i])}"
            told = f"row {_named(before.index[i])}, column {column}: {values}; {int(rows.sum())} rows differ"
            found.append(Difference(name, told, counts=column not in own))
    return found or [Difference(name, "the same rows in other bytes", counts=False)]


def _values(name: str, old: Path, new: Path) -> list[Difference]:
    try:
        before, after = (_flat(_without_engine(json.loads(file.read_bytes()))) for file in (old, new))
    except ValueError as error:
        return [Difference(name, f"not JSON ({error})")]
    keys = [key for key in sorted(before.keys() | after.keys()) if before.get(key, ...) != after.get(key, ...)]
    if not keys:
        return []
    values = [_shown(flat[keys[0]]) if keys[0] in flat else "nothing" for flat in (before, after)]
    return [Difference(name, f"{keys[0]}: stored {values[0]}, now {values[1]}; {len(keys)} values differ")]


def _lines(name: str, old: Path, new: Path) -> list[Difference]:
    before, after = (file.read_text(encoding="utf-8", errors="replace").splitlines() for file in (old, new))
    shared = zip(before, after, strict=False)
    unlike = [i for i, (one, other) in enumerate(shared) if one != other]
    if not unlike:
        return [Difference(name, f"{len(before)} lines stored, {len(after)} derived again")]
    first = unlike[0]
    told = f"line {first + 1}: stored {_shown(before[first])}, now {_shown(after[first])}; {len(unlike)} lines differ"
    return [Difference(name, told)]


def _columns(before: pa.Schema, after: pa.Schema) -> str:
    for which, one, other in (("stored", before, after), ("derived again", after, before)):
        if lost := [column for column in one.names if column not in other.names]:
            return f"column {lost[0]}: only {which}"
    return "columns of other types or in another order"


def _nullable(kind: pa.DataType) -> Any:
    return {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get(kind)


def _without_engine(values: Any) -> Any:
    """Parameters without what a replay in place of an engine changes."""
    if not isinstance(values, dict):
        return values
    plain = dict(values)
    for key in ENGINES_OWN:
        if isinstance(own := plain.get(key), dict):
            options = {name: value for name, value in (own.get("options") or {}).items() if name != "recorded"}
            plain[key] = {name: value for name, value in own.items() if name != "engine"} | {"options": options}
    return plain


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        return {k: v for name, inner in value.items() for k, v in _flat(inner, f"{key}.{name}".lstrip(".")).items()}
    return {key: value}


def _named(key: Any) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _shown(value: Any) -> str:
    if not isinstance(value, (list, dict)) and pd.isna(value):
        return "null"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
