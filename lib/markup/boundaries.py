"""Boundaries of characters, sentences and paragraphs among ids."""

import re
from collections.abc import Sequence

from lib.markup import tokens
from lib.params.settings import Model

NEARBY = 32  # tokens looked at around a cut: more than one character or sentence end ever takes
CLOSERS = "\"')\\]*”’」』）"  # may follow the mark at the end of a sentence
SENTENCE_END = re.compile(rf"([.!?。！？])[{CLOSERS}]*(\s*)$|\n\s*$")
PARAGRAPH_END = re.compile(r"\n[^\S\n]*\n\s*$")
MAY_END = re.compile(rf"[.!?。！？{CLOSERS}\s{tokens.BROKEN}]$")  # last character of a token at any such end


def whole_characters(token_ids: Sequence[int], count: int, model: Model) -> int:
    """The largest number of ids up to `count` after which a cut splits no character."""
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
    ends = _paragraph_ends if unit == "paragraph" else _sentence_ends
    ids = [int(token) for token in token_ids]
    for k in range(count, start, -1):
        piece = codec.piece(ids[k - 1])
        if MAY_END.search(piece) and (piece.strip() or "\n" in piece):
            text = codec.text(ids[max(start, k - NEARBY) : k])
            follows = codec.piece(ids[k]) if k < len(ids) else ""
            if text.strip() and ends(text, follows):
                return k
    return start


def _paragraph_ends(text: str, follows: str) -> bool:
    return bool(PARAGRAPH_END.search(text))


def _sentence_ends(text: str, follows: str) -> bool:
    found = SENTENCE_END.search(text)
    if not found or found[1] is None or found[1] in "。！？" or found[2]:
        return bool(found)
    return not follows or follows[0].isspace()
