"""Interrupts: a finished thought is cut at a position and something is spliced in, id by id."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lib import markup
from lib.params import Interrupt, Model


@dataclass(frozen=True)
class Splice:
    """What a continuation starts from: `prompt ids + first kept generated ids + inserted ids`."""

    ids: list[int]  # all three, in order: what the engine is asked to continue
    kept_tokens: int  # generated ids that were kept, the mark that opens the thinking among them
    inserted_ids: list[int]
    prefill: str  # start of the answer that was written for the model
    thinking: bool  # whether the continuation begins inside a thought
    closed: bool  # whether the splice has closed the thinking for good


def kept(token_ids: list[int], position: float, model: Model) -> int:
    """How many generated ids a cut keeps: the opening mark and floor(position x reasoning tokens) of the thought.

    The position is taken as the decimal it is written as, so that 0.29 of 100 tokens is 29 and not 28.
    """
    start, stop = markup.split(token_ids, model).reasoning
    return start + math.floor(Fraction(str(position)) * (stop - start))


def splice(
    trace: Mapping[str, Any], interrupt: Interrupt, position: float, model: Model, update: str | None = None
) -> Splice:
    """Cut a trace and splice an interrupt in.

    Args:
        trace: a row of the traces table; `prompt_ids`, `token_ids` and `task` are read.
        interrupt: what is spliced in.
        position: share of the trace's own reasoning tokens that is kept, 0 to 1.
        model: whose markup and tokenizer are used.
        update: the new information, for an interrupt that carries one.

    Raises:
        ValueError: a position outside 0 to 1, or an update missing or not called for.
    """
    if not 0 <= position <= 1:
        raise ValueError(f"position {position}: expected a fraction from 0 to 1")
    if interrupt.needs_update != (update is not None):
        wants = "needs an update" if interrupt.needs_update else "takes no update"
        raise ValueError(f"interrupt {interrupt.name} {wants}")
    token_ids = [int(token) for token in trace["token_ids"]]
    prefill = getattr(interrupt, f"prefill_{trace['task']}")
    text = interrupt.text.replace("{update}", update or "")
    inserted = _user_turn(text, model) if interrupt.role == "user" else _in_thought(text, interrupt, prefill, model)
    length = kept(token_ids, position, model)
    return Splice(
        ids=[int(token) for token in trace["prompt_ids"]] + token_ids[:length] + inserted,
        kept_tokens=length,
        inserted_ids=inserted,
        prefill=prefill,
        thinking=interrupt.role == "assistant",
        closed=interrupt.closes_thinking,
    )


def _in_thought(text: str, interrupt: Interrupt, prefill: str, model: Model) -> list[int]:
    marks = markup.family(model)
    ids = markup.encode(text, model)
    if interrupt.closes_thinking:
        ids += markup.encode(marks.think_end, model) + markup.encode(marks.gap + prefill, model)
    return ids


def _user_turn(text: str, model: Model) -> list[int]:
    """Close the thought and the turn, say the text as the user, and let the model open a new thought."""
    marks = markup.family(model)
    turn = f"{marks.think_end}{marks.gap}{marks.turn_end}{marks.user}{text.strip()}{marks.turn_end}{marks.assistant}"
    return markup.encode(turn, model)
