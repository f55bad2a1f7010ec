"""Generate the traces and continuations of a study: requests out, rows of the two tables in."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from lib import interrupts, markup
from lib.engine import Completion, Engine, Request, Usage
from lib.engine import store as parts
from lib.engine.store import Store
from lib.interrupts import Splice, plan
from lib.interrupts.plan import Job
from lib.markup import Split, tokens
from lib.params.settings import Interrupt, Model, Study

Row = dict[str, Any]
Planned = tuple[tuple[Job, Splice], Completion]


def initial(
    ready: Engine,
    study: Study,
    problems: pd.DataFrame,
    updates: pd.DataFrame,
    chosen: Iterable[Interrupt],
    store: Store | None = None,
    usage: Usage | None = None,
) -> pd.DataFrame:
    """One uninterrupted trace per problem and sample, and per revised problem that an interrupt needs.

    `chosen`, the interrupts to come, decide which, see `plan.questions`; `store` and `usage` are those of
    `store.completed`. Rows of the traces table, in the order of the problems, originals first.
    """
    rows = list(plan.questions(study, problems, updates, ready.model, chosen))
    planned = ((i, Request.of(ready.model, row["prompt_ids"], row["seed"])) for i, row in enumerate(rows))
    for i, done in parts.completed(ready, planned, store, usage, len(rows)):
        done.raise_for_error(rows[i]["trace_id"])
        rows[i] |= _measured(done, markup.split(done.token_ids, ready.model, rows[i].pop("thinking")), ready.model)
    return pd.DataFrame(rows)


def continuations(
    ready: Engine,
    study: Study,
    traces: pd.DataFrame,
    updates: pd.DataFrame,
    chosen: Iterable[Interrupt],
    problems: pd.DataFrame | None = None,
    store: Store | None = None,
    usage: Usage | None = None,
) -> pd.DataFrame:
    """Every interrupt at every position of every trace it applies to, in one pass of the engine.

    A necessary update is spliced into traces of the revised problem, any other interrupt into traces of the original.
    A splice that fills the model's context, as of a trace that was cut off, is not asked: its row ends in "length".
    Each step of a chain cuts what followed the step before, in one more pass of the engine. The rows before the last
    are kept too, the first under the name of its own interrupt.

    `problems` are needed by a restart only; `store` and `usage` are those of `store.completed`. Rows of the
    continuations table, trace by trace and position by position; later steps stand at the end.
    """
    jobs = list(plan.jobs(study, traces, updates, list(chosen), problems))
    rows: dict[str, Row] = {}
    chars: dict[tuple[str, int], int] = {}  # kept_chars by what was cut, and kept_tokens
    while jobs:
        rows |= {plan.row_id(job): {} for job in jobs}
        full: list[Planned] = []
        planned = _planned(study, jobs, ready.model, full)
        later = []
        for (job, cut), done in chain(parts.completed(ready, planned, store, usage, len(jobs)), full):
            done.raise_for_error(plan.row_id(job))
            row = _row(study, job, cut) | _continued(done, cut, ready.model)
            where = job.parent_id or job.trace["trace_id"], cut.kept_tokens
            if where not in chars:
                chars[where] = _kept_chars(job.trace, cut.kept_tokens, ready.model)
            row |= {"kept_chars": chars[where], "inserted": tokens.decode(cut.inserted_ids, ready.model)}
            rows[row["continuation_id"]] = row
            for step in plan.following(job, cut, done.token_ids):
                step.trace |= {"reasoning_start": row["reasoning_start"], "reasoning": row["reasoning"]}
                later.append(step)
        jobs = sorted(later, key=plan.row_id)  # they came as they finished
    return pd.DataFrame(list(rows.values()))


def transcript(trace: Mapping[str, Any], continuation: Mapping[str, Any], model: Model) -> str:
    """A continuation as text: the kept thought, the inserted words in ⟦ ⟧, then what the model wrote."""
    kept = tokens.decode(trace["token_ids"][: continuation["kept_tokens"]], model)
    inserted = tokens.decode(continuation["inserted_ids"], model)
    return f"{kept}⟦{inserted}⟧{tokens.decode(continuation['token_ids'], model)}"


def _planned(
    study: Study, jobs: Sequence[Job], model: Model, full: list[Planned]
) -> Iterator[tuple[tuple[Job, Splice], Request]]:
    """The request of each job; where its splice leaves no room to generate anything, it goes to `full` instead."""
    for job in jobs:
        cut = plan.splice(job, model)
        limit = plan.limit(study, job, cut, model)
        request = Request.of(model, cut.ids, plan.own_seed(study, job), limit, cut.budget)
        if len(cut.ids) < model.max_model_len:
            yield (job, cut), request
        else:
            full.append(((job, cut), Completion(request.key, np.array([], dtype=np.int32), "length", 0)))


def _row(study: Study, job: Job, cut: Splice) -> Row:
    """The columns of a continuation that are known before it is generated."""
    where = interrupts.position(job.at)
    return {key: job.trace[key] for key in plan.COPIED} | {
        "continuation_id": plan.row_id(job),
        "interrupt": job.names[0],
        "role": job.steps[0].role,
        "parent_id": job.parent_id,
        "position": float(where.value),
        "unit": where.unit,
        "kept_tokens": cut.kept_tokens,
        "remaining_tokens": cut.remaining_tokens,
        "budget": cut.budget,
        "inserted_ids": np.array(cut.inserted_ids, dtype=np.int32),
        "prefill": cut.prefill,
        "seed": plan.own_seed(study, job),
    }


def _kept_chars(trace: Row, kept_tokens: int, model: Model) -> int:
    """Characters of a row's `reasoning` that its first tokens are; where the next token changes one, up to that."""
    kept = tokens.decode(trace["token_ids"][trace["reasoning_start"] : kept_tokens], model)
    differ = (i for i, (own, whole) in enumerate(zip(kept, trace["reasoning"], strict=False)) if own != whole)
    return len(kept) if trace["reasoning"].startswith(kept) else next(differ, len(trace["reasoning"]))


def _continued(done: Completion, cut: Splice, model: Model) -> Row:
    if cut.closed:
        return _measured(done, markup.answer_only(done.token_ids, model), model)
    return _measured(done, markup.split(done.token_ids, model, cut.thinking), model)


def _measured(done: Completion, parts: Split, model: Model) -> Row:
    reasoning = tokens.decode(done.token_ids[slice(*parts.reasoning)], model)
    answer = tokens.decode(done.token_ids[slice(*parts.answer)], model)
    return {
        "token_ids": done.token_ids,
        "reasoning_start": parts.reasoning[0],
        "reasoning_tokens": parts.reasoning[1] - parts.reasoning[0],
        "answer_start": parts.answer[0] if parts.ended else len(done.token_ids),
        "ended": parts.ended,
        "answer_tokens": parts.answer[1] - parts.answer[0],
        "reasoning_chars": len(reasoning),
        "answer_chars": len(answer),
        "reasoning": reasoning,
        "answer": answer,
        "finish_reason": done.finish_reason,
    }
