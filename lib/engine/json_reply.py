"""The JSON object in a model's reply: the last one, wherever it stands or as the end of the reply."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

MOST_CHARS = 100_000  # a longer reply is not what was asked for
MOST_OBJECTS = 50  # places where an object may begin
ENDINGS = ("", "}", "]}", "}]}")  # what a model may forget: brackets, and never a field

_REST = re.compile(r"\s*(?:`{3,}|~{3,})?\s*")  # what may follow an object: the end of its fence
_COMMAS = re.compile(r'("(?:[^"\\]++|\\.?)*+"?)|,(?=\s*[}\]])', re.DOTALL)  # texts, also one without end, as they are


@dataclass(frozen=True)
class Parsed:
    """An object, and how it was found."""

    value: dict[str, Any]
    is_alone: bool  # whether nothing stands around it
    is_mended: bool  # whether brackets were added or commas taken out


def schema(fields: Iterable[str]) -> dict[str, Any]:
    """The JSON schema of an object of these fields, all texts."""
    texts = {name: {"type": "string"} for name in fields}
    return {"type": "object", "properties": texts, "required": list(fields), "additionalProperties": False}


def fields(text: str | None, names: Iterable[str]) -> tuple[dict[str, str] | None, str | None]:
    """The texts of these fields, in the last object of a reply that has them all; else None and the reason."""
    if not (text or "").strip():
        return None, "empty reply"
    if len(text) > MOST_CHARS:
        return None, f"reply longer than {MOST_CHARS} characters"
    objects = [decoded[0] for _, decoded in islice(_read(text, re.finditer(r"\{", text)), MOST_OBJECTS) if decoded]
    if not objects:
        return None, "no JSON object in the reply"
    faults = [_fault(value, names) for value in objects]
    for value, fault in zip(reversed(objects), reversed(faults), strict=True):
        if fault is None:
            return {name: value[name].strip() for name in names}, None
    return None, faults[-1]


def last(text: str, key: str, mend: bool = False) -> Parsed | None:
    """The object whose first key is `key` with which a reply ends, apart from a fence; None if it ends otherwise.

    The reply has no white space around it. `mend`: also take an object that lacks closing brackets or has a comma
    before one.
    """
    openings = list(re.finditer(rf'\{{\s*"{key}"\s*:', text))[-MOST_OBJECTS:]
    if not openings:
        return None
    *_, (start, decoded) = _read(text, openings)
    if decoded is None:
        mended = _mended(text[start:]) if mend else None
        return None if mended is None else Parsed(mended, is_alone=False, is_mended=True)
    value, end = decoded
    if not _REST.fullmatch(text, end):
        return None
    return Parsed(value, is_alone=start == 0 and end == len(text), is_mended=False)


def _read(text: str, openings: Iterable[re.Match]) -> Iterator[tuple[int, tuple[dict[str, Any], int] | None]]:
    """Each place where an object may begin outside of one before, with the object and its end if there is one."""
    end = 0
    for place in (opening.start() for opening in openings):
        if place >= end:
            decoded = _decoded(text, place)
            end = decoded[1] if decoded else place + 1
            yield place, decoded


def _decoded(text: str, place: int) -> tuple[dict[str, Any], int] | None:
    """An object and its end; one with a key twice is none, as nobody knows which of the two is meant."""
    try:
        # not strict: line breaks inside texts do no harm
        return json.JSONDecoder(strict=False, object_pairs_hook=_distinct).raw_decode(text, place)
    except (ValueError, RecursionError):
        return None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands there twice")
    return dict(pairs)


def _mended(text: str) -> dict[str, Any] | None:
    bare = text.rstrip("`~")
    text = _COMMAS.sub(lambda match: match[1] or "", bare if len(text) - len(bare) > 2 else text)
    for ending in ENDINGS:
        decoded = _decoded(text + ending, 0)
        if decoded and decoded[1] == len(text + ending):
            return decoded[0]
    return None


def _fault(value: dict[str, Any], names: Iterable[str]) -> str | None:
    for name in names:
        if name not in value:
            return f"the reply has no field {name}"
        if not isinstance(value[name], str) or not value[name].strip():
            return f"the reply's field {name} is not a text"
    return None
