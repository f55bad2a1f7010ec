"""Records: what became of one thought at each position of one interrupt, cut into parts and with its grades."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from lib import failures, interrupts, params, paths, schema, tables
from lib.interrupts import records
from lib.params.settings import Study

MODES = ("leakage", "panic", "self_doubt")
CUT = ["continuation_id", "trace_id", "interrupt", "position", "unit"]
FULL = "full thinking"


@dataclass(frozen=True)
class Case:
    """One interrupt of one trace of a model, at all its positions."""

    model: str
    trace_id: str
    interrupt: str


@dataclass(frozen=True)
class Piece:
    """A part of a record; `kind` is kept, inserted, after (new thinking) or answer, or whole (an uncut thought).

    `text` is None where the record cannot have this part. `tokens` counts its generated or inserted tokens, in
    kept with the mark that opens the thought. `opener` is the number of characters at its start that were written for
    the model.
    """

    kind: str
    text: str | None
    tokens: int
    opener: int = 0


@dataclass(frozen=True)
class Step:
    """A record at one position: its parts in order, its row of grades, its failure modes and its judgements."""

    at: str
    pieces: tuple[Piece, ...]
    grade: Mapping[str, Any]
    modes: tuple[str, ...] = ()  # `turned wrong` first, if it did
    judgements: tuple[Mapping[str, Any], ...] = ()  # rows of the table judgements


@dataclass(frozen=True)
class Record:
    """A case with what the model was asked; the last step is the uninterrupted run, where there is one."""

    case: Case
    title: str  # names model, interrupt and trace
    problem: str
    steps: tuple[Step, ...]


@dataclass
class Reader:
    """The tables of one model of a study, each read when it is first needed.

    Everything raises `lib.tables.TableError` where a table is missing or broken.
    """

    study: Study
    model: str
    _read: dict[str, pd.DataFrame] = field(default_factory=dict)

    @cached_property
    def places(self) -> pd.DataFrame:
        """One row per continuation: the columns `CUT`, at, problem_id, status, oracle_correct, new_error and modes.

        They stand by interrupt as the study has them, then problem, trace and position.
        """
        labels = self.table("labels").reset_index(drop=True).drop(columns=["interrupt", "position", "unit"])
        rows = self.table("continuations")[CUT].reset_index(drop=True).merge(labels, on="continuation_id")
        named, units = list(self.study.interrupts), list(interrupts.UNITS.values())
        rows = rows.assign(
            at=list(map(interrupts.format_position, rows["position"], rows["unit"])),
            # a step between two interrupts has a name that the study does not list
            which=rows["interrupt"].map(lambda name: named.index(name) if name in named else len(named)),
            scale=rows["unit"].map(units.index),
        )
        order = ["which", "interrupt", "problem_id", "trace_id", "scale", "position"]
        return rows.sort_values(order, kind="stable", ignore_index=True).drop(columns=["which", "scale"])

    def table(self, name: str) -> pd.DataFrame:
        """A table of the model, or of its study, by its key where that is one column; no judgements without a judge."""
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> pd.DataFrame:
        shape, own = schema.TABLES[name], None if name in ("problems", "updates") else self.model
        if name == "judgements" and not (paths.tables(self.study.name, own) / f"{name}.parquet").exists():
            return pd.DataFrame(columns=shape.names())
        frame = tables.read(name, self.study.name, own)
        single = [key for key in shape.key if key != "model"]  # a model's own table
        return frame.set_index(single[0], drop=False) if len(single) == 1 else frame

    def record(self, case: Case) -> Record:
        """What became of a case.

        Raises:
            ValueError: the study has no such case; its text names it.
        """
        rows = self.places[self.places["trace_id"].eq(case.trace_id) & self.places["interrupt"].eq(case.interrupt)]
        if rows.empty or case.model != self.model:
            raise ValueError(f"{case}: no such case in study {self.study.name}, expected one of model {self.model}")
        steps = [self._step(row) for row in rows.to_dict("records")]
        problem = self._item(self._row("continuations", rows["continuation_id"].iloc[0]))["problem"]
        titles = (params.load_model(self.model).title, interrupt_title(case.interrupt), case.trace_id)
        return Record(case, " · ".join(titles), problem, (*steps, *self._full(rows["continuation_id"].iloc[0])))

    def _step(self, place: Mapping[str, Any]) -> Step:
        name = place["continuation_id"]
        flags = ("turned wrong",) if place["new_error"] else ()
        modes = tuple(mode.replace("_", "-") for mode in MODES if place[mode])
        judged = self.table("judgements")
        judgements = tuple(judged[judged["continuation_id"].eq(name)].to_dict("records"))
        pieces = tuple(self._pieces(self._row("continuations", name)))
        return Step(place["at"], pieces, self._row("grades", name), flags + modes, judgements)

    def _pieces(self, row: Mapping[str, Any]) -> list[Piece]:
        """The parts of a continuation; the second of several interrupts comes after what led to it."""
        parent = row["parent_id"]
        before = self._pieces(self._row("continuations", parent))[:-2] if isinstance(parent, str) else []
        item, prefill = self._item(row), (row["prefill"] or "").strip()
        inserted = item["inserted"].removesuffix(prefill).rstrip()
        was_closed = row["ended"] and not row["answer_start"]  # the model did not close its thinking, the splice did
        opener = len(prefill) if (item["answer"] or "").startswith(prefill) else 0
        return [
            *before,
            Piece("kept", item["kept"], row["kept_tokens"]),
            Piece("inserted", inserted, len(row["inserted_ids"])),
            Piece("after", None if was_closed else item["after"], row["reasoning_tokens"]),
            Piece("answer", item["answer"], row["answer_tokens"], opener),
        ]

    def _item(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The texts of a continuation; of several interrupts, those of the last alone."""
        trace, problem = self._row("traces", row["trace_id"]), row["problem_id"]
        if isinstance(row["parent_id"], str):  # what came before stands in parts of its own
            trace["reasoning"] = self._row("continuations", row["parent_id"])["reasoning"]
            row = dict(row) | {"parent_id": None}
        statements = [frame[frame["problem_id"].eq(problem)] for frame in map(self.table, ("problems", "updates"))]
        return records.items(pd.DataFrame([trace]), pd.DataFrame([row]), *statements).iloc[0].to_dict()

    def _full(self, name: str) -> list[Step]:
        """The uninterrupted run on the original problem that errors are new against."""
        grades = self.table("grades")
        own = grades.loc[name]
        is_same = grades["kind"].eq("trace") & grades["variant"].eq("original")
        for key in failures.SAME_SAMPLE:
            is_same &= grades[key].isna() if pd.isna(own[key]) else grades[key].eq(own[key])
        return [self._whole(self._row("traces", row_id)) for row_id in grades["row_id"][is_same]]

    def _whole(self, trace: Mapping[str, Any]) -> Step:
        pieces = (
            Piece("whole", trace["reasoning"].strip(), trace["reasoning_tokens"]),
            Piece("answer", trace["answer"].strip() if trace["ended"] else None, trace["answer_tokens"]),
        )
        return Step(FULL, pieces, self._row("grades", trace["trace_id"]))

    def _row(self, table: str, name: str) -> dict[str, Any]:
        rows = self.table(table)
        if name not in rows.index:
            where = f"study {self.study.name}, model {self.model}"
            raise tables.TableError(
                f"{table} of {where}: no row {name}, expected one; run {tables.MADE_BY[table]} again"
            )
        return rows.loc[name].to_dict()


def interrupt_title(name: str) -> str:
    """Title of an interrupt; a step between two others has the whole one's, with its place."""
    whole, _, place = name.partition(".")
    return params.load_interrupt(whole).title + (f", step {place}" if place else "")
