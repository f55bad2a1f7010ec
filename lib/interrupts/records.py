"""Items: continuations as a judge reads them, cut into the parts that criteria may see."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lib import markup
from lib.params.settings import Model

CUT = ["kept_tokens", "inserted_ids", "token_ids"]  # of a continuation that another interrupt cut
Ids = Sequence[int]
COLUMNS = ["item_id", "problem_id", "interrupt", "position", "problem", "kept", "inserted", "after", "answer", "steps"]


def items(
    traces: pd.DataFrame,
    continuations: pd.DataFrame,
    problems: pd.DataFrame,
    updates: pd.DataFrame,
    model: Model,
    earlier: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row per continuation, in their order: the columns of `COLUMNS`, and `reference`.

    Of several interrupts `inserted` is the last, and what led to it, the words of those before among it, is `kept`.
    `problem` is what the model was asked, so the revised problem where its trace is of one; `kept` and `after` are the
    thinking before and after the interrupt, without marks; `steps` numbers the lines of both; `reference` is the gold
    answer of the original, null for code. A part that holds nothing is "", as thinking after a hard interrupt; one
    that cannot be there is null, as the answer to a thought that never ended.

    Args:
        traces, continuations: rows of these tables, of one model.
        problems, updates: rows of these tables.
        model: whose markup it is.
        earlier: rows of the table continuations, among them those that later interrupts cut; default: `continuations`.

    Raises:
        ValueError: a continuation without its trace, its problem or the one that it cut; the message names it.
    """
    revised = updates.set_index(["problem_id", "update_id"])["revised_problem"]
    asked = problems.set_index("problem_id")[["problem", "answer"]].to_dict("index")
    origins = traces.set_index("trace_id")[["variant", "update_id", "token_ids"]].to_dict("index")
    used = set(continuations["trace_id"]) & set(origins)
    starts = {name: markup.split(origins[name]["token_ids"], model).reasoning[0] for name in used}
    before = continuations if earlier is None else earlier
    cut = before.set_index("continuation_id")[["parent_id", *CUT]].to_dict("index")
    for column, known in (("trace_id", origins), ("problem_id", asked), ("parent_id", cut)):
        lost = continuations[column].notna() & ~continuations[column].isin(known)
        if lost.any():
            raise ValueError(
                f"{continuations['continuation_id'][lost].iloc[0]}: no {column.removesuffix('_id')} for it"
            )
    rows = []
    for row in continuations.to_dict("records"):
        trace, problem = origins[row["trace_id"]], asked[row["problem_id"]]
        is_revised = trace["variant"] == "revised"
        shown = revised[row["problem_id"], trace["update_id"]] if is_revised else problem["problem"]
        own = trace["token_ids"], starts[row["trace_id"]]
        kept = _kept(own, row, model, cut)
        known = {"item_id": row["continuation_id"], "problem": shown, "reference": problem["answer"]}
        known |= {name: row[name] for name in ("problem_id", "interrupt", "position")}
        rows.append(known | _parts(kept, row, model))
    frame = pd.DataFrame(rows, columns=[*COLUMNS, "reference"]).astype(object)
    return frame.where(frame.notna(), None)


def _parts(kept: str, row: Mapping[str, Any], model: Model) -> dict[str, str | None]:
    new = row["token_ids"][: row["answer_start"]]
    after = markup.decode(new[slice(*markup.split(new, model).reasoning)], model).strip()
    after = after if row["reasoning_tokens"] else ""
    return {
        "kept": kept,
        "inserted": markup.decode(row["inserted_ids"], model).strip(),
        "after": after,
        "answer": f"{row['prefill'] or ''}{row['answer'] or ''}".strip() if row["ended"] else None,
        "steps": numbered(f"{kept}\n{after}") or None,
    }


def _kept(trace: tuple[Ids, int], row: Mapping[str, Any], model: Model, cut: Mapping[str, Mapping[str, Any]]) -> str:
    """The thinking before an interrupt; what led to the second of several is that before the first, and so on."""
    (ids, start), told = trace, []
    if isinstance(row["parent_id"], str):
        parent = cut[row["parent_id"]]
        told = [_kept(trace, parent, model, cut), markup.decode(parent["inserted_ids"], model).strip()]
        ids = parent["token_ids"]
        start, _ = markup.split(ids, model).reasoning
    return "\n".join(filter(None, [*told, markup.decode(ids[start : row["kept_tokens"]], model).strip()]))


def numbered(thinking: str) -> str:
    """The lines of a thought that are not blank, numbered from 1."""
    lines = [line.strip() for line in thinking.splitlines() if line.strip()]
    return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))
