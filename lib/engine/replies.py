"""What a model replied where it was asked for one JSON object: its fields, or why it does not fit."""

import json
from typing import Any

MOST_CHARS = 100_000  # a longer reply is not what was asked for
MOST_OBJECTS = 50  # places where an object may begin


def schema(fields: tuple[str, ...]) -> dict[str, Any]:
    """The JSON schema of an object of these fields, all texts."""
    texts = {name: {"type": "string"} for name in fields}
    return {"type": "object", "properties": texts, "required": list(fields), "additionalProperties": False}


def read(text: str | None, fields: tuple[str, ...]) -> tuple[dict[str, str] | None, str | None]:
    """The texts of the fields, in the last object of a reply that has them all; else None and the reason.

    What stands around the object, such as a fence or a sentence, does not matter. Other fields are left out.
    """
    if not (text or "").strip():
        return None, "empty reply"
    if len(text) > MOST_CHARS:
        return None, f"reply longer than {MOST_CHARS} characters"
    objects = _objects(text)
    if not objects:
        return None, "no JSON object in the reply"
    faults = [_fault(found, fields) for found in objects]
    for found, fault in zip(reversed(objects), reversed(faults), strict=True):
        if fault is None:
            return {name: found[name].strip() for name in fields}, None
    return None, faults[-1]


def _objects(text: str) -> list[dict[str, Any]]:
    """The objects of a text that are not part of another."""
    found, place, decoder = [], text.find("{"), json.JSONDecoder(strict=False)
    for _ in range(MOST_OBJECTS):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            found.append(value)
        place = text.find("{", end)
    return found


def _fault(found: dict[str, Any], fields: tuple[str, ...]) -> str | None:
    for name in fields:
        if name not in found:
            return f"the reply has no field {name}"
        if not isinstance(found[name], str) or not found[name].strip():
            return f"the reply's field {name} is not a text"
    return None
