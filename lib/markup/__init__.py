"""Where reasoning and answer stand among the ids that a model generates. Everything here counts in ids.

Text becomes ids once, piece by piece (`lib.markup.tokens`), and is never decoded and encoded again; prompts and turns
are put
together in `lib.markup.prompts`. Both are passed on from here, so that callers need this module only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lib.markup import boundaries, harmony, tokens
from lib.markup.boundaries import boundary
from lib.markup.prompts import closing, family, opened, opening, prompt_ids, user_turn
from lib.markup.tokens import decode, encode, find, marks, tokenizer
from lib.params.settings import Model

__all__ = [
    "Split",
    "answer_only",
    "boundary",
    "closing",
    "decode",
    "encode",
    "family",
    "marks",
    "opened",
    "opening",
    "opens",
    "prompt_ids",
    "split",
    "tokenizer",
    "user_turn",
    "whole_characters",
]


@dataclass(frozen=True)
class Split:
    """Half-open spans of ids: reasoning without its marks, answer without the closing mark of the turn."""

    reasoning: tuple[int, int]
    answer: tuple[int, int]
    ended: bool  # whether the thinking was closed


def split(token_ids: Sequence[int], model: Model, thinking: bool | None = None) -> Split:
    """Where reasoning and answer lie in generated ids.

    Without any mark all is reasoning, as a thought that was cut off looks so; where the model's file turns thinking off
    all is answer. What stands before an opening mark is neither. Of several thoughts the first is the reasoning.

    Args:
        token_ids: what the model generated, in order.
        model: whose markup it is.
        thinking: the prompt left a thought open, so that the ids begin inside it; None if that is not known.

    Returns:
        Spans over `token_ids`. Where thinking was never closed, the answer is empty and `ended` is False.
    """
    ids = [int(token) for token in token_ids]
    ids = ids[: _stop(ids, model)]
    if family(model).channels:
        return Split(*harmony.spans(ids, bool(thinking), model))
    start, end = _thought(ids, bool(thinking), model)
    if end is None and start is None and not thinking and model.template.get("enable_thinking") is False:
        return Split((0, 0), (0, len(ids)), ended=True)
    reasoning = (start or 0, len(ids) if end is None else end[0])
    return Split(reasoning, (len(ids) if end is None else end[1], len(ids)), ended=end is not None)


def answer_only(token_ids: Sequence[int], model: Model) -> Split:
    """The split of ids that follow a thought which the prompt has closed: all of it is answer."""
    ids = [int(token) for token in token_ids]
    return Split((0, 0), (0, _stop(ids, model)), ended=True)


def opens(token_ids: Sequence[int], model: Model) -> bool:
    """Whether generated ids hold the opening mark of a thought that is not closed in them."""
    ids = [int(token) for token in token_ids]
    if family(model).channels:
        return harmony.is_open(ids, model)
    done = 0
    while start := find(ids, family(model).think, model, done):
        end = _end(ids, start[1], model)
        if end is None:
            return True
        done = end[1]
    return False


def whole_characters(token_ids: Sequence[int], count: int, model: Model) -> int:
    """The largest number of ids up to `count` after which a cut splits neither a character nor a message's header."""
    if family(model).channels:
        around = harmony.headers([int(token) for token in token_ids], model)
        count = next((header.start for header in around if header.start < count < header.stop), count)
    return boundaries.whole_characters(token_ids, count, model)


def _thought(ids: list[int], thinking: bool, model: Model) -> tuple[int | None, tuple[int, int] | None]:
    """Where the first thought starts, None if it is not opened here, and the ids that end it, None if none do."""
    start, end = find(ids, family(model).think, model), _end(ids, 0, model)
    if start and thinking and decode(ids[: start[0]], model).strip():
        start = None  # a mark in the middle of a thought; right at its start it is one that the model has repeated
    if start is None or (end and end[0] < start[0]):
        return None, end
    return start[1], _end(ids, start[1], model)


def _end(ids: list[int], start: int, model: Model) -> tuple[int, int] | None:
    """The mark that ends a thought, from `start` on; what ends it without being its mark is of no length."""
    marks, special = family(model), tokens.codec(model).controls
    also = [find(ids, text, model, start) for text in marks.also_ends if text in special]
    found = [find(ids, marks.think_end, model, start), *((at[0], at[0]) for at in also if at)]
    return min((at for at in found if at), default=None)


def _stop(ids: list[int], model: Model) -> int:
    """The number of ids less those that end the turn."""
    controls = tokens.codec(model).controls
    ends = tokens.ends(model) | {controls.get(text) for text in family(model).ends}
    stop = len(ids)
    while stop and ids[stop - 1] in ends:
        stop -= 1
    return stop
