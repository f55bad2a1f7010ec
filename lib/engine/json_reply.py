"""The JSON object of judgements that ends a text, mended where nothing has to be made up for it."""

import json
import re
from dataclasses import dataclass
from typing import Any

MOST_OBJECTS = 50  # places where an object may begin
ENDINGS = ("", "}", "]}", "}]}")  # what a judge may forget: brackets, and never a field

_OPENS = re.compile(r'\{\s*"judgements"\s*:')
_REST = re.compile(r"\s*(?:`{3,}|~{3,})?\s*")  # what may follow an object: the end of its fence
_COMMAS = re.compile(r'("(?:[^"\\]++|\\.?)*+"?)|,(?=\s*[}\]])', re.DOTALL)  # texts, also one without end, as they are


@dataclass(frozen=True)
class Found:
    """An object, and how it was found."""

    value: dict[str, Any]
    is_alone: bool  # whether nothing stands around it
    is_mended: bool  # whether brackets were added or commas taken out


def last(text: str, mend: bool = True) -> Found | None:
    """The object with the key `judgements` with which a text ends, apart from a fence; None if it ends otherwise.

    An object with a key twice is none, as nobody knows which of the two is meant.

    Args:
        text: a reply without blanks around it.
        mend: also take objects with closing brackets missing at the end or a comma before one.
    """
    end, value, start = 0, None, 0
    starts = [found.start() for found in _OPENS.finditer(text)][-MOST_OBJECTS:]
    for place in starts:
        if place >= end:
            value, start = _decoded(text, place), place
            end = value[1] if value else end
    if value is None:
        mended = _mended(text[start:]) if mend and starts else None
        return None if mended is None else Found(mended, False, True)
    if not _REST.fullmatch(text, end):
        return None
    return Found(value[0], start == 0 and end == len(text), False)


def _decoded(text: str, place: int) -> tuple[dict[str, Any], int] | None:
    try:
        # not strict: line breaks inside texts do no harm
        return json.JSONDecoder(strict=False, object_pairs_hook=_distinct).raw_decode(text, place)
    except (ValueError, RecursionError):
        return None


def _mended(text: str) -> dict[str, Any] | None:
    bare = text.rstrip("`~")
    text = _COMMAS.sub(lambda found: found[1] or "", bare if len(text) - len(bare) > 2 else text)
    for ending in ENDINGS:
        found = _decoded(text + ending, 0)
        if found and found[1] == len(text + ending):
            return found[0]
    return None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)
