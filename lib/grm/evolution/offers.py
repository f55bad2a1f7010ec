"""Offers: the criteria in a model's reply, each of which is checked as if somebody hostile had written it."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from lib import params
from lib.engine import json_reply
from lib.grm import fence, reply
from lib.grm.rubric import VIEWS, Criterion, Rubric

MOST = 5  # criteria of one reply
MOST_CHARS = 100_000  # a longer reply is not what was asked for
LONGEST = {"id": 40, "question": 200}  # characters
KEYS = ("id", "question", "polarity", "views", "quote_from")
TAG = "proposed"

_PLAIN = re.compile(r"[^\W_][^\n\r\t\[\]{}<>|`\\]*\?")  # no brackets and bars, of which marks and fences are made
_BOTH = re.compile(r"\b(?:(?:first|second|other|both|two|either|each) (?:\w+ )?records?|records\b)", re.IGNORECASE)

Status = Literal["ok", "none", "parse_error", "truncated", "refused", "infra_error"]


@dataclass(frozen=True)
class Offer:
    """A reply as it was read."""

    status: Status
    said: tuple[Mapping[str, Any], ...] = ()  # its criteria as it has them, none unless the status is ok
    why: str | None = None


def views_of(rubric: Rubric) -> tuple[str, ...]:
    """What new criteria of a rubric may see: what its criteria see, but the reference, which would be the answer."""
    seen = {view for one in rubric.criteria for view in one.views} - {"reference"}
    return tuple(view for view in VIEWS if view in seen)


def schema(views: Collection[str]) -> dict[str, Any]:
    """The JSON schema of a reply: a closed object with a list of criteria."""
    text = {"type": "string"}
    one = {
        "id": text,
        "question": text,
        "polarity": {"type": "string", "enum": ["desired", "undesired"]},
        "views": {"type": "array", "items": {"type": "string", "enum": [*views]}, "minItems": 1},
        "quote_from": {"type": "string", "enum": [*views, ""]},
    }
    return _closed({"criteria": {"type": "array", "items": _closed(one), "maxItems": MOST}})


def read(text: str, finish_reason: str = "stop") -> Offer:
    """The criteria of a reply, whose end must be one JSON object with a list of at most five under `criteria`."""
    if finish_reason in ("abort", "error"):
        return Offer("infra_error", why=f"the engine ended the reply: {finish_reason}")
    if len(text) > MOST_CHARS:
        return Offer("parse_error", why=f"longer than {MOST_CHARS} characters")
    found = json_reply.last(text.strip(), "criteria")
    if found is None and finish_reason == "length":
        return Offer("truncated", why="cut at the limit of tokens")
    if found is None:
        is_refusal = reply.is_refusal(text)
        return Offer("refused", why="the model declined") if is_refusal else Offer("parse_error", why="no JSON object")
    said = found.value["criteria"]
    if set(found.value) != {"criteria"} or not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        return Offer("parse_error", why="expected a list of objects under criteria, and nothing beside it")
    if len(said) > MOST:
        return Offer("parse_error", why=f"{len(said)} criteria, expected at most {MOST}")
    return Offer("ok", tuple(said)) if said else Offer("none", why="nothing new was seen")


def criterion(
    said: Mapping[str, Any], rubric: Rubric, taken: Collection[str], specials: Collection[str]
) -> tuple[Criterion | None, str]:
    """The criterion that a reply means, and ""; or None and why it is none.

    Args:
        said: one object of an `Offer`.
        rubric: what it would be added to.
        taken: further ids that it must not have.
        specials: special tokens, none of which may stand in it.
    """
    if why := _misfit(said, views_of(rubric), specials):
        return None, why
    source = said["quote_from"]
    plain = {key: said[key] for key in KEYS[:4]} | {"evidence": source != "", "evidence_from": source, "tags": [TAG]}
    plain["id"] = _free(plain["id"], {*taken, *(one.id for one in rubric.criteria)})
    try:
        return TypeAdapter(Criterion).validate_json(json.dumps(plain)), ""
    except ValidationError as error:
        return None, "; ".join(map(params.format_error, error.errors()))


def short(value: Any) -> str | None:
    """A value as a table shows it: one line of visible characters, cut where it is long; None if it is no text."""
    if not isinstance(value, str):
        return None
    line = " ".join(fence.visible(value[:1000]).encode("utf-8", "replace").decode().split())
    return line if len(line) <= LONGEST["question"] else f"{line[: LONGEST['question']]}..."


def _misfit(said: Mapping[str, Any], views: Collection[str], specials: Collection[str]) -> str:
    """Why an object is no criterion of the few plain words that were asked for, "" if it is one."""
    if strange := [str(key)[:40] for key in said if key not in KEYS]:
        return f"unknown key {strange[0]!r}, expected {', '.join(KEYS)}"
    if absent := [key for key in KEYS if key not in said]:
        return f"{absent[0]}: missing, expected a value"
    for key, longest in LONGEST.items():
        if not isinstance(said[key], str) or len(said[key]) > longest:
            return f"{key}: expected a text of at most {longest} characters"
    question = said["question"]
    if fence.visible(question) != question or not question.isprintable() or not _PLAIN.fullmatch(question):
        return "question: expected one line of plain words that ends in a question mark"
    if fence.neutral(question, specials) != question:
        return "question: holds a special token, expected plain words"
    if _BOTH.search(question):
        return "question: speaks of several records, expected a question about one"
    sources = said["views"] if isinstance(said["views"], list) else []
    if strange := [str(view)[:40] for view in [*sources, said["quote_from"] or ""] if view not in (*views, "")]:
        return f"views: {strange[0]!r}, expected {', '.join(views)}"
    return ""


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with a number after it if it is taken."""
    numbered = (f"{name}_{i}" for i in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
