"""Records: what became of one thought at each position of one interrupt, cut into parts and with its grades.

`chosen` draws cases worth a look: for each interrupt some that turned wrong and some that stayed right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from lib import failures, interrupts, params, paths, schema, tables
from lib.engine import seed_of
from lib.interrupts import records
from lib.params.settings import Study

MODES = ("leakage", "panic", "self_doubt")
CUT = ["continuation_id", "trace_id", "interrupt", "position", "unit"]
CASE = ["interrupt", "trace_id"]
FULL = "full thinking"


@dataclass(frozen=True)
class Case:
    """One interrupt of one trace of a model, at all its positions."""

    model: str
    trace_id: str
    interrupt: str


@dataclass(frozen=True)
class Piece:
    """A part of a record."""

    kind: str  # kept, inserted, after (new thinking) or answer, or whole (an uncut thought)
    text: str | None  # None where the record cannot have this part
    tokens: int  # generated or inserted; in kept with the mark that opens the thought
    opener: int = 0  # characters at its start that were written for the model


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
    """The tables of one model of a study, each read when it is first needed; raises TableError where one is broken."""

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
        if name in self._read:
            return self._read[name]
        shape, own = schema.TABLES[name], None if name in ("problems", "updates") else self.model
        if name == "judgements" and not (paths.tables(self.study.name, own) / f"{name}.parquet").exists():
            frame = pd.DataFrame(columns=shape.names())
        else:
            frame = tables.read(name, self.study.name, own)
        single = [key for key in shape.key if key != "model"]  # a model's own table
        self._read[name] = frame.set_index(single[0], drop=False) if len(single) == 1 else frame
        return self._read[name]

    def record(self, case: Case) -> Record:
        """What became of a case; raises ValueError where the study has no such case."""
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
        steps = []
        for trace in [self._row("traces", row_id) for row_id in grades["row_id"][is_same]]:
            thought = Piece("whole", trace["reasoning"].strip(), trace["reasoning_tokens"])
            answer = Piece("answer", trace["answer"].strip() if trace["ended"] else None, trace["answer_tokens"])
            steps.append(Step(FULL, (thought, answer), self._row("grades", trace["trace_id"])))
        return steps

    def _row(self, table: str, name: str) -> dict[str, Any]:
        rows = self.table(table)
        if name not in rows.index:
            where = f"study {self.study.name}, model {self.model}"
            made_by = tables.MADE_BY[table]
            raise tables.TableError(f"{table} of {where}: no row {name}, expected one; run {made_by} again")
        return rows.loc[name].to_dict()


def interrupt_title(name: str) -> str:
    """Title of an interrupt; a step between two others has the whole one's, with its place."""
    whole, _, place = name.partition(".")
    return params.load_interrupt(whole).title + (f", step {place}" if place else "")


def settings_of(study: Study | str) -> Study:
    """A study, or the one of this name; raises `lib.params.ParamsError` if there is none."""
    return params.load_study(study) if isinstance(study, str) else study


def chosen(study: Study | str, models: Sequence[str] | None = None) -> list[Case]:
    """For each interrupt a case that turned wrong and one that stayed right, as far as there are any.

    A case turned wrong if it is right with full thinking and at some position is not; it stayed right if it is right
    with full thinking and at every position. The draw of a case does not depend on which others there are.

    They are drawn by the study's seed from all `models`, by default those of the study, and come in its order of
    interrupts. Raises ParamsError where there is no such study, and TableError.
    """
    own = settings_of(study)
    models = list(models) if models is not None else list(own.models)
    drawn = pd.concat([kinds(Reader(own, model).places).assign(model=model) for model in models], ignore_index=True)
    names = zip(drawn["model"], drawn["trace_id"], drawn["interrupt"], strict=True)
    drawn["draw"] = [seed_of(own.seed, "explorer", *name) for name in names]
    order = {name: i for i, name in enumerate(dict.fromkeys(drawn["interrupt"]))}
    drawn = drawn[drawn["kind"].notna()].assign(which=drawn["interrupt"].map(order))
    drawn = drawn.sort_values(["which", "kind", "draw"], ascending=[True, False, True], kind="stable")
    taken = drawn.groupby(["which", "kind"]).head(1)
    return [Case(*row) for row in taken[["model", "trace_id", "interrupt"]].itertuples(index=False)]


def kinds(places: pd.DataFrame) -> pd.DataFrame:
    """One row per case, in the order of `Reader.places`: interrupt, trace_id, kind (turned, stayed or null)."""
    is_right = places["status"].eq("correct") & places["oracle_correct"].fillna(False).astype(bool)
    groups = places[CASE].assign(turned=places["new_error"], stayed=is_right).groupby(CASE, sort=False)
    cases = groups.agg({"turned": "any", "stayed": "all"}).reset_index()
    kind = pd.Series(None, index=cases.index, dtype=object).mask(cases["stayed"], "stayed")
    return cases[CASE].assign(kind=kind.mask(cases["turned"], "turned"))
