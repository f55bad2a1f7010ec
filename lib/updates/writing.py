"""Updates that a model writes: it revises problems, and says what leads back to the original.

A math problem takes two steps (`math_revise`, `math_describe`), a code problem three passes: its statement is split,
the reduced statement altered, and for some problems the starter code too. Every request has a seed of its own; a reply
that does not fit is asked for again with another seed; what fits in the end, or why nothing does, is kept. Completions
go into the store of a run, so that a run that was stopped asks nothing twice.
"""

import hashlib
import random
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lib import engine, markup, params, schema, updates
from lib.engine import Completion, Engine, Request, json_reply, seed_of
from lib.engine import store as parts
from lib.engine.store import Store
from lib.params.settings import Study

ATTEMPTS = 3
SLOT = re.compile(r"\{(\w+)\}")
MATH = ("math_revise", "math_describe")
CODE = ("code_split", "code_alter", "code_starter")
STARTER_SHARE = 0.7  # of the medium and hard problems whose starter code is altered; all easy ones are

Values = Mapping[str, str]
Answers = dict[str, tuple[dict[str, str] | None, str | None]]  # by problem: the fields of its reply, or a reason


def write(
    ready: Engine, problems: pd.DataFrame, seed: int, store: Store | None = None, attempts: int = ATTEMPTS
) -> pd.DataFrame:
    """A necessary update for each problem, by the engine's model.

    Args:
        ready: an open engine.
        problems: rows of the problems table; math and code may be mixed.
        seed: of the study.
        store: where completions are looked up and kept; None keeps nothing.
        attempts: how often a reply that does not fit is asked for.

    Returns:
        Rows of the updates table in the order of the problems; a problem whose update failed has `valid` False and the
        reason. Whether the revised problem has another answer is not known here.
    """
    asking, is_code = _Asking(ready, seed, store, attempts), problems["task"].eq("code")
    rows = _math(asking, problems[~is_code]) | _code(asking, problems[is_code], seed)
    order = [rows[problem_id] for problem_id in problems["problem_id"]]
    return pd.DataFrame(order, columns=schema.TABLES["updates"].names())


def complete(study: Study, problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The updates that are there already, and those that the study's `writer` writes for problems without any.

    Raises:
        EngineError: the writer cannot be opened.
        PartsError: another run of the study holds what it has written.
    """
    left = problems[~problems["problem_id"].isin(made["problem_id"])]
    if study.writer is None or left.empty:
        return made
    model = params.load_model(study.writer)
    with parts.open(study.name, f"updates-{model.name}") as store, engine.when_needed(model) as ready:
        written = write(ready, left, study.seed, store)
    return pd.concat([made, written], ignore_index=True) if len(made) else written


class _Asking:
    """One step after the other, for many problems at once."""

    def __init__(self, ready: Engine, seed: int, store: Store | None, attempts: int):
        self.ready, self.seed, self.store, self.attempts = ready, seed, store, attempts

    def ask(self, name: str, values: Mapping[str, Values]) -> Answers:
        """The replies to a prompt that is filled in for each problem."""
        prompt, model = params.load_prompt(name), self.ready.model
        schema = json_reply.schema(prompt.fields) if model.structured else None
        answers: Answers = {}

        def request(problem_id: str, attempt: int) -> Request:
            text = SLOT.sub(lambda slot: values[problem_id].get(slot[1], slot[0]), prompt.text)
            seed = seed_of(self.seed, prompt.name, problem_id, attempt)
            return Request.of(model, markup.prompt_ids(text, model, None), seed, json_schema=schema)

        def read(problem_id: str, done: Completion) -> bool:
            text = markup.decode(done.token_ids[slice(*markup.split(done.token_ids, model).answer)], model)
            answers[problem_id] = (None, done.error) if done.error else json_reply.fields(text, prompt.fields)
            return answers[problem_id][0] is not None

        parts.ask(self.ready, list(values), request, read, self.attempts, self.store)
        return answers


def _math(asking: _Asking, problems: pd.DataFrame) -> dict[str, dict]:
    asked = problems.set_index("problem_id")
    revised = asking.ask("math_revise", {name: {"problem": asked.loc[name, "problem"]} for name in asked.index})
    pairs = {name: fields | {"problem": asked.loc[name, "problem"]} for name, (fields, _) in revised.items() if fields}
    described = asking.ask("math_describe", pairs)
    rows = {}
    for name in asked.index:
        made, why = _joined(revised[name], described.get(name))
        rows[name] = _row(asking, name, asked.loc[name], made, why, MATH)
    return rows


def _code(asking: _Asking, problems: pd.DataFrame, seed: int) -> dict[str, dict]:
    asked = problems.set_index("problem_id")
    split = asking.ask("code_split", {name: {"problem": asked.loc[name, "problem"]} for name in asked.index})
    altered = asking.ask("code_alter", {name: fields for name, (fields, _) in split.items() if fields})
    with_code = {name: {"starter_code": asked.loc[name, "starter_code"]} for name in _chosen(asked, seed)}
    starters = asking.ask("code_starter", with_code)
    rows = {}
    for name in asked.index:
        made, why = _joined(split[name], altered.get(name))
        if made:
            made, why = _with_starter(made, asked.loc[name, "starter_code"], starters.get(name))
        rows[name] = _row(asking, name, asked.loc[name], made, why, CODE)
    return rows


def _chosen(asked: pd.DataFrame, seed: int) -> list[str]:
    """Problems whose starter code is altered: all easy ones that have any, and a drawn share of the others."""
    have = [name for name in asked.index if isinstance(asked.loc[name, "starter_code"], str)]
    drawn = {name for name in have if random.Random(f"{seed} {name}").random() < STARTER_SHARE}
    return [name for name in have if asked.loc[name, "difficulty"] == "easy" or name in drawn]


def _joined(*steps: tuple[dict[str, str] | None, str | None] | None) -> tuple[dict[str, str] | None, str | None]:
    """The fields of all steps, or the reason of the first that failed."""
    fields: dict[str, str] = {}
    for step in steps:
        found, why = step or (None, "not asked")
        if found is None:
            return None, why
        fields |= found
    return fields, None


def _with_starter(made: dict[str, str], starter: Any, reply: tuple | None) -> tuple[dict[str, str] | None, str | None]:
    """The update of a code problem: corrections first, then what was held back. Starter code stays where it is kept."""
    told = [made["correction"], made["held_back"]]
    if reply:
        if reply[0] is None:
            return None, reply[1]
        starter, told = reply[0]["revised_starter_code"], [reply[0]["correction"], *told]
    starter = starter if isinstance(starter, str) else None
    return made | {"revised_starter_code": starter, "update": "\n\n".join(told)}, None


def _row(
    asking: _Asking, name: str, asked: pd.Series, made: dict | None, why: str | None, prompts: tuple[str, ...]
) -> dict[str, Any]:
    texts = "".join(params.load_prompt(prompt).text for prompt in prompts)
    generator = f"{asking.ready.model.name}, prompts {hashlib.sha256(texts.encode()).hexdigest()[:8]}"
    known = {"problem_id": name, "update_id": "0", "kind": "necessary", "generator": generator, "revised_answer": None}
    fields = {key: (made or {}).get(key) for key in ("revised_problem", "revised_starter_code", "update")}
    why = why or updates.why_invalid(asked, known | fields)
    return known | fields | {"valid": why is None, "why_invalid": why}
