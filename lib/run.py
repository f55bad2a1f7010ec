"""Runs: a study's problems become requests, the engine's completions become rows of traces and continuations."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from tqdm import tqdm

from lib import interrupts, markup
from lib.engine import Completion, Engine, Request
from lib.interrupts import Splice
from lib.markup import Split
from lib.params import Interrupt, Model, Study


def seed(study: Study, *parts: Any) -> int:
    """A request's own seed in 0..2**63 - 1, from the study's seed and everything that names the request."""
    text = "|".join(map(str, (study.seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def initial(engine: Engine, study: Study, problems: pd.DataFrame, updates: pd.DataFrame) -> pd.DataFrame:
    """One uninterrupted trace per problem and sample, and per revised problem that a valid update restores.

    Args:
        engine: an open engine.
        study: gives samples and seed.
        problems: rows of the problems table.
        updates: rows of the updates table.

    Returns:
        Rows of the traces table, in the order of the problems, originals first.
    """
    asked = {row["trace_id"]: row for row in _questions(study, problems, updates, engine.model)}
    requests = [Request(key, row["prompt_ids"], row["seed"]) for key, row in asked.items()]
    done = {completion.key: completion for completion in _progress(engine, requests)}
    return pd.DataFrame([row | _trace(done[key], engine.model) for key, row in asked.items()])


def continuations(
    engine: Engine,
    study: Study,
    traces: pd.DataFrame,
    updates: pd.DataFrame,
    chosen: Iterable[Interrupt],
) -> pd.DataFrame:
    """Every interrupt at every position of every trace it applies to, in one pass of the engine.

    An update is spliced into traces of the revised problem, any other interrupt into traces of the original.

    Args:
        engine: an open engine.
        study: gives positions and seed.
        traces: rows of the traces table, of the engine's model.
        updates: rows of the updates table.
        chosen: the interrupts.

    Returns:
        Rows of the continuations table: by trace, then position, then interrupt in the order of `chosen`.
    """
    news = updates.set_index(["problem_id", "update_id"])["update"].to_dict()
    asked: dict[str, tuple[dict[str, Any], Splice]] = {}
    chosen = list(chosen)
    for trace in traces.sort_values("trace_id").to_dict("records"):
        for position in study.positions:
            for interrupt in chosen:
                if interrupt.needs_update == (trace["variant"] == "revised"):
                    update = news[trace["problem_id"], trace["update_id"]] if interrupt.needs_update else None
                    cut = interrupts.splice(trace, interrupt, position, engine.model, update)
                    row = _cut_row(study, trace, interrupt, position, cut)
                    asked[row["continuation_id"]] = row, cut
    requests = [Request(key, cut.ids, row["seed"]) for key, (row, cut) in asked.items()]
    done = {completion.key: completion for completion in _progress(engine, requests)}
    return pd.DataFrame([row | _continuation(done[key], cut, engine.model) for key, (row, cut) in asked.items()])


def transcript(trace: Mapping[str, Any], continuation: Mapping[str, Any], model: Model) -> str:
    """A continuation as a reader wants it: kept thought, inserted words in ⟦ ⟧, then what the model wrote."""
    kept = markup.decode(trace["token_ids"][: continuation["kept_tokens"]], model)
    inserted = markup.decode(continuation["inserted_ids"], model)
    return f"{kept}⟦{inserted}⟧{markup.decode(continuation['token_ids'], model)}"


def _questions(study: Study, problems: pd.DataFrame, updates: pd.DataFrame, model: Model) -> Iterable[dict[str, Any]]:
    texts = problems[["problem_id", "source", "task", "problem"]].assign(variant="original", update_id=None)
    revised = updates[updates["valid"]].merge(problems[["problem_id", "source", "task"]], on="problem_id")
    revised = revised.assign(problem=revised["revised_problem"], variant="revised")[texts.columns]
    for row in [*texts.to_dict("records"), *revised.to_dict("records")]:
        prompt = markup.prompt_ids(row.pop("problem"), model)
        for sample in range(study.samples):
            name = f"{row['problem_id']}~{row['variant']}~{sample}"
            if row["variant"] == "revised" and row["update_id"] != "0":
                name = f"{row['problem_id']}~revised-{row['update_id']}~{sample}"
            yield row | {
                "trace_id": name,
                "model": model.name,
                "sample": sample,
                "seed": seed(study, name),
                "prompt_ids": prompt,
            }


def _cut_row(
    study: Study, trace: Mapping[str, Any], interrupt: Interrupt, position: float, cut: Splice
) -> dict[str, Any]:
    copied = ("trace_id", "problem_id", "source", "task", "model")
    return {key: trace[key] for key in copied} | {
        "continuation_id": f"{trace['trace_id']}~{interrupt.name}~{position}",
        "interrupt": interrupt.name,
        "role": interrupt.role,
        "position": float(position),
        "kept_tokens": cut.kept_tokens,
        "inserted_ids": cut.inserted_ids,
        "prefill": cut.prefill,
        "seed": seed(study, trace["trace_id"], interrupt.name, position),
    }


def _trace(done: Completion, model: Model) -> dict[str, Any]:
    return _measured(done, markup.split(done.token_ids, model), model)


def _continuation(done: Completion, cut: Splice, model: Model) -> dict[str, Any]:
    if cut.closed:
        return _measured(done, markup.answer_only(done.token_ids, model), model)
    return _measured(done, markup.split(done.token_ids, model, thinking=cut.thinking), model)


def _measured(done: Completion, parts: Split, model: Model) -> dict[str, Any]:
    reasoning = markup.decode(done.token_ids[slice(*parts.reasoning)], model)
    answer = markup.decode(done.token_ids[slice(*parts.answer)], model)
    return {
        "token_ids": done.token_ids,
        "reasoning_tokens": parts.reasoning[1] - parts.reasoning[0],
        "answer_start": parts.answer[0] if parts.ended else len(done.token_ids),
        "ended": parts.ended,
        "answer_tokens": parts.answer[1] - parts.answer[0],
        "reasoning_chars": len(reasoning),
        "answer_chars": len(answer),
        "answer": answer,
        "finish_reason": done.finish_reason,
        "cached_tokens": done.cached_tokens,
    }


def _progress(engine: Engine, requests: list[Request]) -> Iterable[Completion]:
    return tqdm(engine.generate(requests), total=len(requests), desc=engine.model.name, unit="request", mininterval=2)
