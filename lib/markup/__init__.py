"""Where reasoning and answer stand among the ids that a model generates. All positions count ids.

Text becomes ids once, piece by piece (`lib.markup.tokens`), and is never decoded and encoded again; prompts and user
turns are built in `lib.markup.prompts`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lib.markup import harmony, tokens
from lib.markup.prompts import family
from lib.params.settings import Model

NEARBY = 32  # tokens looked at around a cut: more than one character or sentence end ever takes
CLOSERS = "\"')\\]*”’」』）"  # may follow the mark at the end of a sentence
SENTENCE_END = re.compile(rf"([.!?。！？])[{CLOSERS}]*(\s*)$|\n\s*$")
PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*$")
MAY_END = re.compile(rf"[.!?。！？{CLOSERS}\s{tokens.BROKEN}]$")  # last character of a token at any such end


@dataclass(frozen=True)
class Split:
    """Half-open spans of ids: the reasoning without its marks, the answer without the end of the turn."""

    reasoning: tuple[int, int]
    answer: tuple[int, int]
    ended: bool  # whether the thinking was closed


def split(token_ids: Sequence[int], model: Model, thinking: bool | None = None) -> Split:
    """The spans of reasoning and answer in generated ids.

    Without any mark all is reasoning, as in a thought that was cut off; or all is answer, if the model's file turns
    thinking off. Ids before an opening mark are neither. Of several thoughts the first is the reasoning. If it was
    never closed, the answer is empty.

    `thinking`: whether the prompt left a thought open, so that the ids begin inside it; None if not known.
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
    """The split of ids after a thought that the prompt has closed: all are answer."""
    ids = [int(token) for token in token_ids]
    return Split((0, 0), (0, _stop(ids, model)), ended=True)


def opens(token_ids: Sequence[int], model: Model) -> bool:
    """Whether generated ids open a thought and do not close it."""
    ids = [int(token) for token in token_ids]
    if family(model).channels:
        return harmony.is_open(ids, model)
    done = 0
    while start := tokens.find(ids, family(model).think, model, done):
        end = _end(ids, start[1], model)
        if end is None:
            return True
        done = end[1]
    return False


def whole_characters(token_ids: Sequence[int], count: int, model: Model) -> int:
    """The largest number of ids up to `count` after which a cut splits neither a character nor a message's header."""
    if family(model).channels:
        headers = harmony.headers([int(token) for token in token_ids], model)
        count = next((header.start for header in headers if header.start < count < header.stop), count)
    text = tokens.codec(model).text
    base = max(0, count - NEARBY)
    ids = [int(token) for token in token_ids[base : count + NEARBY]]
    whole = text(ids)
    kept = (k for k in range(count - base, 0, -1) if whole.startswith(text(ids[:k])))
    return base + next(kept, 0)


def boundary(token_ids: Sequence[int], start: int, count: int, unit: str, model: Model) -> int:
    """The largest k in start..count at which a sentence or paragraph of ids[start:k] ends; `start` if there is none.

    A sentence ends in . ! ? (and closing quotes or brackets) before white space or at the end of the ids, in a Chinese
    or Japanese full stop, or in a newline; a paragraph ends in a blank line. White space alone is none, and a token of
    spaces belongs to the text after it.
    """
    codec = tokens.codec(model)
    ids = [int(token) for token in token_ids]
    for k in range(count, start, -1):
        piece = codec.piece(ids[k - 1])
        if MAY_END.search(piece) and (piece.strip() or "\n" in piece):
            text = codec.text(ids[max(start, k - NEARBY) : k])
            follows = codec.piece(ids[k]) if k < len(ids) else ""
            ends = PARAGRAPH_END.search(text) if unit == "paragraph" else _ends_sentence(text, follows)
            if text.strip() and ends:
                return k
    return start


def _ends_sentence(text: str, follows: str) -> bool:
    match = SENTENCE_END.search(text)
    if not match or match[1] is None or match[1] in "。！？" or match[2]:
        return bool(match)
    return not follows or follows[0].isspace()


def _thought(ids: list[int], thinking: bool, model: Model) -> tuple[int | None, tuple[int, int] | None]:
    """The start of the first thought (None: not opened here), and the span of the mark that ends it (None: none)."""
    start, end = tokens.find(ids, family(model).think, model), _end(ids, 0, model)
    if start and thinking and tokens.decode(ids[: start[0]], model).strip():
        start = None  # a mark in the middle of a thought; at its very start the model repeats the prompt's
    if start is None or (end and end[0] < start[0]):
        return None, end
    return start[1], _end(ids, start[1], model)


def _end(ids: list[int], start: int, model: Model) -> tuple[int, int] | None:
    """The span of the first mark from `start` on that ends a thought; empty if the mark has another meaning too."""
    marks, special = family(model), tokens.codec(model).controls
    others = [tokens.find(ids, text, model, start) for text in marks.also_ends if text in special]
    spans = [tokens.find(ids, marks.think_end, model, start), *((span[0], span[0]) for span in others if span)]
    return min((span for span in spans if span), default=None)


def _stop(ids: list[int], model: Model) -> int:
    """The number of ids before those that end the turn."""
    controls = tokens.codec(model).controls
    ends = tokens.ends(model) | {controls.get(text) for text in family(model).ends}
    stop = len(ids)
    while stop and ids[stop - 1] in ends:
        stop -= 1
    return stop
