"""The requests that a study makes, with their names and seeds, before anything is generated."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from lib import interrupts, params
from lib.engine import seed_of
from lib.interrupts import Splice
from lib.markup import prompts
from lib.params.settings import Interrupt, Model, Study

COPIED = ("trace_id", "problem_id", "source", "task", "model")


@dataclass
class Job:
    """One row of the continuations table to generate: a trace, the interrupt to splice in, and the steps after it."""

    trace: Mapping[str, Any]  # a row of traces, or a continuation in the shape of one
    steps: Sequence[Interrupt]  # the interrupt to splice in now, then those to come
    positions: Sequence[float | str]  # where each cuts
    names: Sequence[str]  # the interrupt of each row, as the table names it
    at: float | str  # position of the first, which names all rows
    parent_id: str | None = None
    spent: int = 0  # tokens generated before this trace and kept
    updates: Mapping[str, str] = field(default_factory=dict)  # updates that the steps carry, by kind


def questions(
    study: Study, problems: pd.DataFrame, updates: pd.DataFrame, model: Model, chosen: Iterable[Interrupt]
) -> Iterator[dict[str, Any]]:
    """The traces to generate: their prompts, names and seeds, and as `thinking` whether the prompt opens the thought.

    Originals always, as the reference; revised problems only if one of the interrupts cuts their traces; both once more
    for each system message that an interrupt needs.
    """
    needed = variants(chosen)
    for row in _statements(problems, updates).values():
        row = dict(row)
        statement, code = row.pop("problem"), row.pop("starter_code")
        variant = row["variant"] if row["update_id"] in (None, "0") else f"revised-{row['update_id']}"
        for system in needed[row["variant"]]:
            prompt = prompts.prompt_ids(statement, model, row["task"], system, code)
            mark = f"-{hashlib.sha256(system.encode()).hexdigest()[:6]}" if system else ""
            for sample in range(study.samples_by_source.get(row["source"], study.samples)):
                name = f"{row['problem_id']}~{variant}{mark}~{sample}"
                yield row | {
                    "trace_id": name,
                    "model": model.name,
                    "sample": sample,
                    "system": system or None,
                    "seed": seed_of(study.seed, name),
                    "prompt_ids": prompt,
                    "thinking": prompts.opened(prompt, model),
                }


def variants(chosen: Iterable[Interrupt]) -> dict[str, list[str]]:
    """The system messages under which traces are needed, the empty one first: of originals, of revised problems."""
    needed: dict[str, list[str]] = {"original": [""], "revised": []}
    for interrupt in chosen:
        parts = params.load_steps(interrupt)
        for variant in dict.fromkeys(("original", variant_of(parts))):
            needed[variant] += [part.system for part in parts]
    return {variant: sorted(set(systems)) for variant, systems in needed.items()}


def variant_of(parts: Iterable[Interrupt]) -> str:
    """Which traces the interrupts of a chain are for: revised ones as soon as one step restores the original."""
    return "revised" if any(part.variant == "revised" for part in parts) else "original"


def _statements(problems: pd.DataFrame, updates: pd.DataFrame) -> dict[tuple[str, str | None], dict[str, Any]]:
    """Problem statements by problem and update: originals (update None), then those that a valid update restores."""
    columns = ["problem_id", "update_id", "source", "task", "problem", "starter_code", "variant"]
    texts = problems.assign(variant="original", update_id=None)
    needed = updates[updates["valid"].astype(bool) & updates["kind"].eq("necessary")]
    revised = needed.merge(problems[["problem_id", "source", "task"]], on="problem_id").assign(variant="revised")
    revised = revised.assign(problem=revised["revised_problem"], starter_code=revised["revised_starter_code"])
    rows = [*texts[columns].to_dict("records"), *revised[columns].to_dict("records")]
    return {(row["problem_id"], row["update_id"]): row for row in rows}


def jobs(
    study: Study, traces: pd.DataFrame, updates: pd.DataFrame, chosen: list[Interrupt], problems: pd.DataFrame | None
) -> Iterator[Job]:
    """The first step of every interrupt at every position, trace by trace, so that requests share prefixes.

    A ValueError: an interrupt without a trace to cut, or without an update to carry.
    """
    parts = {interrupt.name: params.load_steps(interrupt) for interrupt in chosen}
    idle = dict.fromkeys(parts)
    statements = {} if problems is None else _statements(problems, updates)
    valid = updates[updates["valid"].astype(bool)].sort_values(["problem_id", "update_id"])
    texts = valid.drop_duplicates(["problem_id", "kind"]).set_index(["problem_id", "kind"])["update"].to_dict()
    texts |= valid.set_index(["problem_id", "update_id"])["update"].to_dict()
    for trace in traces.sort_values("trace_id").to_dict("records"):
        trace |= {key: None for key in ("update_id", "system") if pd.isna(trace[key])}
        trace |= statements.get((trace["problem_id"], trace["update_id"]), {})
        for position in study.positions:
            for interrupt in chosen:
                positions = (position, *interrupt.step_positions)
                job = Job(trace, parts[interrupt.name], positions, _names(interrupt), position)
                if _fits(job, texts):
                    idle.pop(interrupt.name, None)
                    yield job
    if idle:
        raise ValueError(
            f"params/interrupts/{next(iter(idle))}.yaml: no trace to cut: expected traces of "
            f"{variant_of(parts[next(iter(idle))])} problems, made with its system message, and valid updates if it "
            "carries any; run 02 and 03 for it"
        )


def row_id(job: Job) -> str:
    """The continuation_id of a job: trace, interrupt and position."""
    return f"{job.trace['trace_id']}~{job.names[0]}~{job.at}"


def own_seed(study: Study, job: Job) -> int:
    """The seed of a job's request; the same at every position for a restart, which is thus generated once."""
    where = () if job.steps[0].action == "restart" else (job.at,)
    return seed_of(study.seed, job.trace["trace_id"], job.names[0], *where)


def splice(job: Job, model: Model) -> Splice:
    """Splice in the first of a job's steps."""
    step = job.steps[0]
    update = job.updates[step.update] if step.needs_update else None
    return interrupts.splice(job.trace, step, job.positions[0], model, update)


def limit(study: Study, job: Job, cut: Splice, model: Model) -> int | None:
    """Most tokens to generate after a splice: None for the model's own limit, else what the trace leaves of it.

    A restart pays for the thought that it discards: it gets what an interrupt at the same position gets.
    """
    return None if study.second_pass == "full" else max(1, model.max_tokens - job.spent - cut.passed_tokens)


def following(job: Job, cut: Splice, token_ids: Sequence[int]) -> list[Job]:
    """The next step of a job, which cuts what this one generated; none after the last."""
    if len(job.steps) == 1:
        return []
    trace = {key: job.trace[key] for key in (*COPIED, "system")} | {
        "prompt_ids": cut.ids,
        "token_ids": token_ids,
        "thinking": cut.thinking,
    }
    spent = job.spent + cut.passed_tokens
    return [Job(trace, job.steps[1:], job.positions[1:], job.names[1:], job.at, row_id(job), spent, job.updates)]


def _names(interrupt: Interrupt) -> list[str]:
    """The interrupt column of each step's row: the first step's own name, the chain's name for the last."""
    between = [f"{interrupt.name}.{i}" for i in range(2, len(interrupt.steps))]
    return [*interrupt.steps[:1], *between, interrupt.name]


def _fits(job: Job, texts: Mapping[tuple[str, str], str]) -> bool:
    """Whether the interrupt applies to the trace and has the updates that it needs, put into `job.updates`."""
    needing = [step for step in job.steps if step.needs_update]
    if variant_of(job.steps) != job.trace["variant"] or job.steps[0].system != (job.trace["system"] or ""):
        return False
    keys = {step.update: job.trace["update_id"] if step.update == "necessary" else step.update for step in needing}
    job.updates = {kind: texts.get((job.trace["problem_id"], key)) for kind, key in keys.items()}
    return None not in job.updates.values()
