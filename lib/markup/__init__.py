"""Where reasoning and answer stand among the ids that a model generates. All positions count ids.

Text becomes ids once, piece by piece (`lib.markup.tokens`), and is never decoded and encoded again; prompts and user
turns are built in `lib.markup.prompts`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lib.markup import harmony, tokens
from lib.markup.prompts import family, is_silent
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

    Without any mark all is reasoning, as in a thought that was cut off; or all is answer, if the prompt closes the
    thought or, where it is known to open none, if the model ended its turn by itself. Ids before an opening mark are
    neither. Of several thoughts the first is the reasoning. If it was never closed, the answer is empty.

    `thinking`: whether the prompt left a thought open, so that the ids begin inside it; None if not known.
    """
    whole, marks = [int(token) for token in token_ids], family(model)
    ids = whole[: _stop(whole, model)]
    if marks.channels:
        has_marks = harmony.has_marks(ids, model)
        parts = Split(*harmony.spans(ids, bool(thinking), model))
    else:
        start, end = _thought(ids, bool(thinking), model)
        has_marks = bool(start or end)
        reasoning = (start[1] if start else 0, len(ids) if end is None else end[0])
        parts = Split(reasoning, (len(ids) if end is None else _behind(ids, end, model), len(ids)), end is not None)
    is_whole = thinking is False and len(ids) < len(whole)
    if not has_marks and not thinking and (is_whole or is_silent(model)):
        return Split((0, 0), (0, len(ids)), ended=True)
    return parts


def answer_only(token_ids: Sequence[int], model: Model) -> Split:
    """The split of ids after a thought that the prompt has closed: all are answer, but a mark that closes it again."""
    ids = [int(token) for token in token_ids]
    ids = ids[: _stop(ids, model)]
    start = 0
    if family(model).channels:
        start = next((header.stop for header in harmony.headers(ids, model) if header.start == 0), 0)
    else:
        opener, end = _thought(ids, False, model)
        inner = ids[opener[1] if opener else 0 : end[0] if end else len(ids)]
        if end and not (opener and opener[0]) and not tokens.decode(inner, model).strip():
            start = _behind(ids, end, model)
    return Split((0, 0), (start, len(ids)), ended=True)


def opens(token_ids: Sequence[int], model: Model) -> bool:
    """Whether generated ids open a thought and do not close it."""
    ids = [int(token) for token in token_ids]
    if family(model).channels:
        return harmony.is_open(ids, model)
    done = 0
    while start := tokens.find(ids, family(model).think, model, done):
        end = _end(ids, start, model)
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


Span = tuple[int, int]


def _thought(ids: list[int], thinking: bool, model: Model) -> tuple[Span | None, Span | None]:
    """The spans of the marks that open the first thought (None: not opened here), and that end it (None: none)."""
    start, end = tokens.find(ids, family(model).think, model), _end(ids, None, model)
    if start and thinking and tokens.decode(ids[: start[0]], model).strip():
        start = None  # a mark in the middle of a thought; at its very start the model repeats the prompt's
    if start is None or (end and end[0] < start[0]):
        return None, end
    return start, _end(ids, start, model)


def _end(ids: list[int], opener: Span | None, model: Model) -> Span | None:
    """The span of the first mark behind an opener that ends a thought; empty if the mark has another meaning too.

    A mark that is plain text may share an id with the opener, which then counts as the opener's.
    """
    marks, special, start = family(model), tokens.codec(model).controls, opener[1] if opener else 0
    others = [tokens.find(ids, text, model, start) for text in marks.also_ends if text in special]
    spans = [(span[0], span[0]) for span in others if span]
    if opener and not tokens.codec(model).special.search(marks.think_end):
        own = tokens.find(ids, marks.think_end, model, opener[0], after=marks.think)
    else:
        own = tokens.find(ids, marks.think_end, model, start)
    first = min([*spans, *([own] if own else [])], default=None)
    return first and (max(first[0], start), max(first[1], start))


def _behind(ids: list[int], end: Span, model: Model) -> int:
    """Where the answer begins behind the mark that ends a thought: after the header of an answer, if it has one."""
    header = family(model).header.strip()
    span = tokens.find(ids[: end[1] + NEARBY + len(header)], header, model, end[1]) if header else None
    return span[1] if span and not tokens.decode(ids[end[1] : span[0]], model).strip() else end[1]


def _stop(ids: list[int], model: Model) -> int:
    """The number of ids before those that end the turn."""
    controls = tokens.codec(model).controls
    ends = tokens.ends(model) | {controls.get(text) for text in family(model).ends}
    stop = len(ids)
    while stop and ids[stop - 1] in ends:
        stop -= 1
    return stop
