"""Records: continuations as texts, cut into the parts that a judge, a rule or a reader looks at.

Everything is read from the tables; no tokenizer is needed.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lib import tables

COLUMNS = ["item_id", "problem_id", "interrupt", "position", "problem", "kept", "inserted", "after", "answer", "steps"]
Row = Mapping[str, Any]


def items(
    traces: pd.DataFrame,
    continuations: pd.DataFrame,
    problems: pd.DataFrame,
    updates: pd.DataFrame,
    earlier: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per continuation, in their order: the columns of `COLUMNS`, and `reference`.

    | column | text |
    |---|---|
    | problem | what the model was asked: the revised problem where its trace is of one |
    | kept | thinking before the interrupt; of several interrupts, all that led to the last one |
    | inserted | what was spliced in, by the last of several interrupts |
    | after | thinking after the interrupt; "" after a hard one |
    | answer | with its prefill; null where the thought never ended |
    | steps | the lines of kept and after, numbered |
    | reference | gold answer of the original problem; null for code |

    `traces` and `continuations` are of one model; `earlier` are continuations among which those stand that others cut,
    by default the same. A ValueError names a continuation without its trace, its problem or the one that it cut.
    """
    revised = updates.set_index(["problem_id", "update_id"])["revised_problem"]
    problem_of = problems.set_index("problem_id")[["problem", "answer"]].to_dict("index")
    trace_of = traces.set_index("trace_id")[["variant", "update_id", "reasoning"]].to_dict("index")
    before = continuations if earlier is None else earlier
    parent_of = before.set_index("continuation_id")[
        ["trace_id", "parent_id", "kept_chars", "inserted", "reasoning"]
    ].to_dict("index")
    for column, rows in (("trace_id", trace_of), ("problem_id", problem_of), ("parent_id", parent_of)):
        lost = continuations[column].notna() & ~continuations[column].isin(rows)
        if lost.any():
            name = continuations["continuation_id"][lost].iloc[0]
            raise ValueError(f"{name}: no {column.removesuffix('_id')} for it")
    records = []
    for row in continuations.to_dict("records"):
        trace, problem = trace_of[row["trace_id"]], problem_of[row["problem_id"]]
        is_revised = trace["variant"] == "revised"
        kept, after = kept_text(row, trace_of, parent_of), row["reasoning"].strip()
        records.append(
            {name: row[name] for name in ("problem_id", "interrupt", "position")}
            | {
                "item_id": row["continuation_id"],
                "problem": revised[row["problem_id"], trace["update_id"]] if is_revised else problem["problem"],
                "kept": kept,
                "inserted": row["inserted"].strip(),
                "after": after,
                "answer": f"{row['prefill'] or ''}{row['answer'] or ''}".strip() if row["ended"] else None,
                "steps": numbered(f"{kept}\n{after}") or None,
                "reference": problem["answer"],
            }
        )
    frame = pd.DataFrame(records, columns=[*COLUMNS, "reference"]).astype(object)
    return frame.where(frame.notna(), None)


def read(study: str, model: str) -> pd.DataFrame:
    """`items` of all continuations of one model in a study; a TableError if a table is missing or broken."""
    problems, updates = tables.read("problems", study), tables.read("updates", study)
    traces, continuations = (tables.read(name, study, model) for name in ("traces", "continuations"))
    return items(traces, continuations, problems, updates)


def kept_text(row: Row, trace_of: Mapping[str, Row], parent_of: Mapping[str, Row]) -> str:
    """The thinking before an interrupt; before the second of several: that before the first, its words, and the rest.

    `row` is a continuation; traces and continuations are given by their ids.
    """
    if not isinstance(row["parent_id"], str):
        return trace_of[row["trace_id"]]["reasoning"][: row["kept_chars"]].strip()
    parent = parent_of[row["parent_id"]]
    earlier = [kept_text(parent, trace_of, parent_of), parent["inserted"].strip()]
    return "\n".join(filter(None, [*earlier, parent["reasoning"][: row["kept_chars"]].strip()]))


def numbered(thinking: str) -> str:
    """The lines of a thought that are not blank, numbered from 1."""
    lines = [line.strip() for line in thinking.splitlines() if line.strip()]
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))
