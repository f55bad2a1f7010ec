"""Updates that a model writes: it revises problems, and says what leads back to the original.

A math problem takes two prompts (`math_revise`, `math_describe`), a code problem three: its statement is split, the
reduced statement altered, and for some problems the starter code too. Every request has its own seed; a reply that
cannot be read is asked for again with another seed. What could be read in the end, or the reason, is kept.
"""

import hashlib
import random
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from lib import engine, markup, params, schema, updates
from lib.engine import Completion, Engine, Request, json_reply, seed_of
from lib.engine import store as parts
from lib.engine.store import Store
from lib.markup import prompts, tokens
from lib.params.settings import Study

ATTEMPTS = 3
SLOT = re.compile(r"\{(\w+)\}")
MATH = ("math_revise", "math_describe")
CODE = ("code_split", "code_alter", "code_starter")
STARTER_SHARE = 0.7  # of the medium and hard problems whose starter code is altered; all easy ones are

Reply = dict[str, str] | str  # the fields of a reply, or the reason why there are none
Ask = Callable[[str, Mapping[str, Mapping[str, str]]], dict[str, Reply]]  # prompt, slots by problem; replies by problem


def complete(study: Study, problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The updates so far, and those that the study's `writer`, if it has one, writes for problems without any.

    Raises:
        EngineError: the writer cannot be opened.
        PartsError: another run of the study is using the writer's completions.
    """
    left = problems[~problems["problem_id"].isin(made["problem_id"])]
    if study.writer is None or left.empty:
        return made
    model = params.load_model(study.writer)
    with parts.open(study.name, f"updates-{model.name}") as store, engine.when_needed(model) as ready:
        written = write(ready, left, study.seed, store)
    return pd.concat([made, written], ignore_index=True) if len(made) else written


def write(ready: Engine, problems: pd.DataFrame, seed: int, store: Store | None = None) -> pd.DataFrame:
    """A necessary update for each problem, by the engine's model, in their order; math and code may be mixed.

    A problem whose update failed has `valid` False and the reason. Whether the revised problem has another answer is
    not known here. Completions are looked up and kept in `store`, if there is one.
    """
    ask = partial(_ask, ready, seed, store)
    asked = problems.set_index("problem_id")
    is_code = asked["task"].eq("code")
    replies = _math(ask, asked[~is_code]) | _code(ask, asked[is_code], seed)
    rows = [_row(ready.model.name, name, problem, replies[name]) for name, problem in asked.iterrows()]
    return pd.DataFrame(rows, columns=schema.UPDATES.names())


def _ask(
    ready: Engine, seed: int, store: Store | None, name: str, slots: Mapping[str, Mapping[str, str]]
) -> dict[str, Reply]:
    """The replies to one prompt, filled in for each problem."""
    prompt, model = params.load_prompt(name), ready.model
    json_schema = json_reply.schema(prompt.fields) if model.structured else None
    replies: dict[str, Reply] = {}

    def request(problem_id: str, attempt: int) -> Request:
        text = SLOT.sub(lambda slot: slots[problem_id].get(slot[1], slot[0]), prompt.text)
        own_seed = seed_of(seed, prompt.name, problem_id, attempt)
        return Request.of(model, prompts.prompt_ids(text, model, None), own_seed, json_schema=json_schema)

    def read(problem_id: str, done: Completion) -> bool:
        text = tokens.decode(done.token_ids[slice(*markup.split(done.token_ids, model).answer)], model)
        fields, why = (None, done.error) if done.error else json_reply.fields(text, prompt.fields)
        replies[problem_id] = why if fields is None else fields
        return fields is not None

    parts.ask(ready, list(slots), request, read, ATTEMPTS, store)
    return replies


def _math(ask: Ask, problems: pd.DataFrame) -> dict[str, Reply]:
    statements = {name: {"problem": text} for name, text in problems["problem"].items()}
    revised = ask("math_revise", statements)
    described = ask("math_describe", {name: revised[name] | statements[name] for name in _readable(revised)})
    return {name: _joined(revised[name], described.get(name)) for name in problems.index}


def _code(ask: Ask, problems: pd.DataFrame, seed: int) -> dict[str, Reply]:
    """Replies with the update of a code problem: corrections first, then what was held back."""
    split = ask("code_split", {name: {"problem": text} for name, text in problems["problem"].items()})
    altered = ask("code_alter", {name: split[name] for name in _readable(split)})
    codes = {name: code for name, code in problems["starter_code"].items() if isinstance(code, str)}
    starters = ask("code_starter", {name: {"starter_code": codes[name]} for name in _to_alter(problems, codes, seed)})
    replies = {}
    for name in problems.index:
        replies[name] = reply = _joined(split[name], altered.get(name), starters.get(name))
        if isinstance(reply, dict):
            corrections = [one[name]["correction"] for one in (starters, altered) if name in one]
            reply.setdefault("revised_starter_code", codes.get(name))
            reply["update"] = "\n\n".join([*corrections, reply["held_back"]])
    return replies


def _to_alter(problems: pd.DataFrame, codes: Mapping[str, str], seed: int) -> list[str]:
    """Problems whose starter code is altered: all easy ones that have any, and a drawn share of the others."""
    is_easy = problems["difficulty"].eq("easy")
    return [name for name in codes if is_easy[name] or random.Random(f"{seed} {name}").random() < STARTER_SHARE]


def _readable(replies: Mapping[str, Reply]) -> list[str]:
    return [name for name, reply in replies.items() if isinstance(reply, dict)]


def _joined(*replies: Reply | None) -> Reply:
    """The fields of all replies, or the reason of the first that could not be read; None was not asked for."""
    fields: dict[str, str] = {}
    for reply in replies:
        if isinstance(reply, str):
            return reply
        fields |= reply or {}
    return fields


def _row(model: str, name: str, asked: pd.Series, reply: Reply) -> dict[str, Any]:
    names = CODE if asked["task"] == "code" else MATH
    digest = hashlib.sha256("".join(params.load_prompt(prompt).text for prompt in names).encode()).hexdigest()[:8]
    fields = reply if isinstance(reply, dict) else {}
    row = {"problem_id": name, "update_id": "0", "kind": "necessary", "generator": f"{model}, prompts {digest}"}
    row |= {key: fields.get(key) for key in ("revised_problem", "revised_starter_code", "update", "revised_answer")}
    why = reply if isinstance(reply, str) else updates.why_invalid(asked, row)
    return row | {"valid": why is None, "why_invalid": why}
