"""Interrupts: cut a finished thought at a position and splice text into it, as token ids."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from lib import markup
from lib.markup import prompts, tokens
from lib.params.settings import UPDATE_SLOT, Interrupt, Model

UNITS = {"": "share", "t": "tokens", "s": "sentence", "p": "paragraph"}


@dataclass(frozen=True)
class Position:
    """Where a thought is cut: a count of tokens, or a share of the thought's tokens.

    Units sentence and paragraph are shares too, moved back to the last end of one.
    """

    value: Fraction
    unit: str  # share, tokens, sentence or paragraph


@dataclass(frozen=True)
class Splice:
    """The prompt of a continuation: `prompt ids + first k generated ids + inserted ids`."""

    ids: list[int]  # all three, in order: what the engine is asked to continue
    kept_tokens: int  # generated ids that were kept, the mark that opens the thinking among them
    inserted_ids: list[int]
    prefill: str  # start of the answer that was written for the model
    thinking: bool  # whether the continuation begins inside a thought
    closed: bool  # whether the splice has closed the thinking for good
    passed_tokens: int  # ids generated before the cut, kept or thrown away: what they cost
    remaining_tokens: int  # thinking that the cut took away
    budget: int | None = None  # tokens of thinking that the engine allows; None does not limit it


def position(text: float | str) -> Position:
    """Read a position: 0.3, "512t" (tokens), "0.3s" (back to a sentence's end), "0.3p" (back to a paragraph's).

    A share is taken as the decimal it is written as, so that 0.29 of 100 tokens is 29 and not 28. A ValueError:
    anything else, or a share outside 0 to 1.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE]-?\d+)?)([tsp]?)", str(text))
    if match and not (match[2] == "t" and not match[1].isdigit()):
        read = Position(Fraction(match[1]), UNITS[match[2]])
        if read.unit == "tokens" or read.value <= 1:
            return read
    raise ValueError(f'position {text}: expected a fraction from 0 to 1, or such as "512t", "0.3s", "0.3p"')


def format_position(value: float, unit: str) -> str:
    """The inverse of `position` for a table's columns: (0.3, share) is 0.3, (40, tokens) is 40t."""
    return f"{value:g}{next(suffix for suffix, name in UNITS.items() if name == unit)}"


def _cut(token_ids: list[int], reasoning: tuple[int, int], at: float | str, model: Model) -> int:
    """The number of generated ids that a cut keeps: the opening mark, and as much of the thought as `at` says.

    A count beyond the thought's end keeps all of it. No character is split: fewer ids are kept where the last one would
    hold only a part of one.
    """
    where = position(at)
    start, stop = reasoning
    if where.unit == "tokens":
        count = min(start + int(where.value), stop)
    else:
        count = start + math.floor(where.value * (stop - start))
    if where.unit in ("sentence", "paragraph") and count < stop:
        count = markup.boundary(token_ids, start, count, where.unit, model)
    return count if count == stop else max(start, markup.whole_characters(token_ids, count, model))


def splice(
    trace: Mapping[str, Any], interrupt: Interrupt, position: float | str, model: Model, update: str | None = None
) -> Splice:
    """Cut a trace of this model at a position, as `position` reads it, and splice an interrupt in.

    Args:
        trace: `prompt_ids`, `token_ids` and `task` of the traces table, and where there are such, `system`, `thinking`
            (whether the prompt leaves a thought open; else its end tells) and, for a restart, `problem` and
            `starter_code`.
        update: the new information, for an interrupt that carries one.

    Raises:
        ValueError: a position that is none, an update missing or not called for, a trace that was made with another
            system message than the interrupt needs, an interrupt of several steps.
    """
    _check(trace, interrupt, update)
    token_ids, prompt = ([int(token) for token in trace[name]] for name in ("token_ids", "prompt_ids"))
    text = interrupt.text.replace(UPDATE_SLOT, update or "")
    thinking = trace.get("thinking")
    thinking = prompts.opened(prompt, model) if thinking is None else thinking
    start, stop = markup.split(token_ids, model, thinking).reasoning
    if start == stop and interrupt.action != "restart" and prompts.closed(prompt, model):
        raise ValueError(
            f"{trace.get('trace_id', 'the trace')}: its prompt closes the thinking, so there is none to interrupt; "
            f"expected a template in params/models/{model.name}.yaml that leaves it on"
        )
    length = _cut(token_ids, (start, stop), position, model)
    if interrupt.action == "restart":
        statement, code = trace["problem"] + text, trace.get("starter_code")
        restarted = prompts.prompt_ids(statement, model, trace["task"], interrupt.system, code)
        return Splice(restarted, 0, [], "", prompts.opened(restarted, model), False, length, stop - length)
    if interrupt.action == "budget":
        return Splice(prompt, 0, [], "", thinking, False, 0, stop - length, budget=length - start)
    before = prompt + token_ids[:length]
    inserted = [] if thinking or markup.opens(token_ids[:length], model) else prompts.opening(model)
    inserted += prompts.user_turn(text.strip(), model) if interrupt.role == "user" else tokens.encode(text, model)
    prefill = getattr(interrupt, f"prefill_{trace['task']}")
    if interrupt.closes_thinking:
        inserted += _closed(before + inserted, interrupt, prefill, model)
    return Splice(
        ids=before + inserted,
        kept_tokens=length,
        inserted_ids=inserted,
        prefill=prefill,
        thinking=not interrupt.closes_thinking
        and (interrupt.role == "assistant" or prompts.opened(before + inserted, model)),
        closed=interrupt.closes_thinking,
        passed_tokens=length,
        remaining_tokens=stop - length,
    )


def _check(trace: Mapping[str, Any], interrupt: Interrupt, update: str | None) -> None:
    if interrupt.steps:
        raise ValueError(f"interrupt {interrupt.name} has several steps, expected one of {', '.join(interrupt.steps)}")
    if interrupt.needs_update != (update is not None):
        wants = "needs an update" if interrupt.needs_update else "takes no update"
        raise ValueError(f"interrupt {interrupt.name} {wants}")
    system = trace.get("system")
    system = system if isinstance(system, str) else ""  # a table's null comes as NaN
    if interrupt.action != "restart" and system != interrupt.system:
        actual, needed = (
            f"the system message {text[:60]!r}" if text else "no system message" for text in (system, interrupt.system)
        )
        name = trace.get("trace_id", "the trace")
        raise ValueError(f"{name} was made with {actual}, interrupt {interrupt.name} needs {needed}")


def _closed(before: list[int], interrupt: Interrupt, prefill: str, model: Model) -> list[int]:
    """Ids that end the thinking; in a new turn of the assistant it is opened first, to be closed empty."""
    opening = prompts.opening(model) if interrupt.role == "user" and not prompts.opened(before, model) else []
    return opening + prompts.closing(model) + tokens.encode(prefill, model)
