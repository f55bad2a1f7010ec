"""What a judge replied: one verdict for every criterion it was asked about, or the reason why there is none.

A reply is read as one JSON object of the form that `schema` asks for or, where a grammar was too much for the judge,
as lines of plain text. Either has to be the very end of the reply, and what comes before is never searched. A judgement
that could not be read is a status and never a label.

| status of a reply | |
|---|---|
| ok | every criterion has one verdict, which may be `cannot_assess` |
| parse_error | the end is no set of verdicts, or one that is incomplete, double, unknown or not on the menu |
| truncated | the limit of tokens was reached before the verdicts were whole |
| refused | the judge declined to judge |
| infra_error | the engine gave up |
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lib.engine import json_reply
from lib.grm import refusals, said
from lib.grm.said import FIELDS, MOST_QUOTES, MisfitError, Said, key
from lib.params import families

CANNOT = "cannot_assess"  # the verdict that gives the status abstain
MOST_CHARS = 200_000  # a longer reply is not what was asked for

Status = Literal["ok", "abstain", "parse_error", "truncated", "refused", "infra_error", "evidence_missing"]
Path = Literal["grammar", "plain", "repaired"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Asked:
    """A criterion as a judge is asked about it.

    Raises:
        ValueError: the id is no slug, or there are no labels, or two that differ only in case or in what is unseen.
    """

    id: str
    labels: tuple[str, ...]
    evidence: bool = False  # whether a verdict needs a quote
    bare: tuple[str, ...] = ("no",)  # labels that need none even then: nothing is there that could be quoted

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r}: expected an id of letters, digits and _.-")
        keys = [key(label) for label in self.labels]
        if not keys or "" in keys or len({*keys, CANNOT}) != len(keys) + 1:
            raise ValueError(f"{self.id}: labels: expected distinct labels other than {CANNOT}, got {self.labels}")


@dataclass(frozen=True)
class Verdict:
    """What a judge says on one criterion: a label of its menu or `cannot_assess`, and the grounds."""

    label: str
    evidence: tuple[str, ...] = ()  # quotes as the judge wrote them, at most three
    reason: str = ""


@dataclass(frozen=True)
class Reply:
    """A reply as it was read. Only one that is ok has judgements, one for each criterion."""

    status: Status
    judgements: Mapping[str, Verdict] = field(default_factory=dict)  # by the criterion's id, in the order asked
    path: Path | None = None  # grammar: as the schema has it; repaired: nearly so; plain: lines of text
    why: str | None = None  # what is wrong where the status is not ok


def schema(asked: Sequence[Asked]) -> dict[str, Any]:
    """The JSON schema of a reply: a closed object of one judgement per criterion, each with the labels of its own menu.

    Raises:
        ValueError: nothing is asked, or one criterion twice.
    """
    _by_key(asked)
    menus: dict[tuple[str, ...], list[str]] = {}
    for one in asked:
        menus.setdefault(one.labels, []).append(one.id)
    rows = [_row(ids, labels) for labels, ids in menus.items()]
    items = rows[0] if len(rows) == 1 else {"anyOf": rows}
    return _closed({"judgements": {"type": "array", "items": items, "minItems": len(asked), "maxItems": len(asked)}})


def example(asked: Sequence[Asked]) -> str:
    """The last lines of a reply in plain text, to show a judge; as it names no label, no echo of it is a verdict."""
    lines = []
    for one in asked:
        lines += [f"EVIDENCE {one.id}: <words of the text>"] if one.evidence else []
        lines.append(f"VERDICT {one.id}: <{' | '.join([*one.labels, CANNOT])}>")
    return "\n".join(lines)


def read(text: str | None, asked: Sequence[Asked], finish_reason: str | None = "stop") -> Reply:
    """The verdicts of a reply, of every criterion exactly one, or the status that says why there are none.

    In plain text the last lines are `VERDICT <criterion>: <label>`, and `EVIDENCE <criterion>: <quote>` among them.
    Labels may differ from the menu in case, width, emphasis and what is unseen, and in nothing else. A limit that is
    reached after a whole object does no harm, as that says itself where it ends; plain lines do not.

    Raises:
        ValueError: nothing is asked, or one criterion twice.
    """
    by_key = _by_key(asked)
    text, is_cut = _trimmed(text or ""), finish_reason == "length"
    if finish_reason in ("abort", "error"):
        return Reply("infra_error", why=f"the engine ended the reply: {finish_reason}")
    if finish_reason == "content_filter":
        return Reply("refused", why="withheld by a filter")
    try:
        rows, path = _said(text, is_cut)
        judgements, is_literal = _judgements(rows, by_key)
    except MisfitError as misfit:
        return _failed(text, str(misfit), is_cut)
    return Reply("ok", judgements, path if is_literal or path == "plain" else "repaired")


def _failed(text: str, why: str, is_cut: bool) -> Reply:
    if is_cut:
        return Reply("truncated", why=f"cut at the limit of tokens: {why}")
    if refusals.is_refusal(after_thinking(text)):
        return Reply("refused", why="the judge declined")
    return Reply("parse_error", why=why)


def _said(text: str, is_cut: bool) -> tuple[list[Said], Path]:
    """What the end of a reply says, whether or not it was asked for."""
    if not text:
        raise MisfitError("empty reply")
    if len(text) > MOST_CHARS:
        raise MisfitError(f"longer than {MOST_CHARS} characters")
    if any(text.startswith(opens) and closes not in text for opens, closes in _thinking_marks()):
        raise MisfitError("the thinking was not closed")
    found = json_reply.last(text, "judgements", mend=not is_cut)
    if found is not None:
        return said.of_object(found.value), "grammar" if found.is_alone and not found.is_mended else "repaired"
    if is_cut:
        raise MisfitError("no whole object")
    return said.of_lines(after_thinking(text)), "plain"


def _judgements(rows: list[Said], by_key: dict[str, Asked]) -> tuple[dict[str, Verdict], bool]:
    """The verdicts by id, in the order asked, and whether all is letter by letter as the schema has it."""
    found, is_literal = {}, True
    for one in rows:
        asked = by_key.get(key(one.criterion))
        if asked is None:
            raise MisfitError(f"{one.criterion[:60]!r}: no such criterion")
        if asked.id in found:
            raise MisfitError(f"{asked.id}: judged twice")
        label = {key(label): label for label in (*asked.labels, CANNOT)}.get(key(one.label))
        if label is None:
            raise MisfitError(f"{asked.id}: {one.label[:60]!r} is not on the menu")
        found[asked.id] = Verdict(label, one.evidence, one.reason)
        is_literal &= one.is_strict and (one.criterion, one.label) == (asked.id, label)
    if missing := [asked.id for asked in by_key.values() if asked.id not in found]:
        raise MisfitError(f"{missing[0]}: not judged")
    return {asked.id: found[asked.id] for asked in by_key.values()}, is_literal


def _by_key(asked: Sequence[Asked]) -> dict[str, Asked]:
    by_key = {key(one.id): one for one in asked}
    if not asked or len(by_key) != len(asked):
        raise ValueError(f"asked: expected criteria with distinct ids, got {[one.id for one in asked]}")
    return by_key


def _row(ids: list[str], labels: tuple[str, ...]) -> dict[str, Any]:
    quotes = {"type": "array", "items": {"type": "string"}, "maxItems": MOST_QUOTES}
    menu = {"type": "string", "enum": [*labels, CANNOT]}
    kinds = ({"type": "string", "enum": ids}, quotes, {"type": "string"}, menu)
    return _closed(dict(zip(FIELDS, kinds, strict=True)))


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _trimmed(text: str) -> str:
    return text.strip("\ufeff\u200b\u200c\u200d\u2060\0 \t\r\n")


def _thinking_marks() -> set[tuple[str, str]]:
    return {(family.think, family.think_end) for family in families.FAMILIES.values()}


def after_thinking(text: str) -> str:
    """What follows the first mark that ends a thought; later ones may be quoted. All of it without such a mark."""
    ends = [text.find(closes) + len(closes) for _, closes in _thinking_marks() if closes in text]
    return text[min(ends, default=0) :]
