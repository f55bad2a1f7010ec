"""A judge's reply, read as one verdict for every criterion it was asked about, or as the reason why there is none.

A reply is one JSON object of the form that `schema` asks for or, where a grammar was too much for the judge, lines of
plain text: `VERDICT <criterion>: <label>`, with `EVIDENCE <criterion>: <quote>` among them. Either has to be the very
end of the reply; what comes before is never searched. A judgement that could not be read is a status, never a label.

| status of a reply | |
|---|---|
| ok | every criterion has one verdict, which may be `cannot_assess` |
| parse_error | the end is no set of verdicts, or one that is incomplete, double, unknown or not on the menu |
| truncated | the limit of tokens was reached before the verdicts were whole |
| refused | the judge declined to judge |
| infra_error | the engine gave up |
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from lib import markup
from lib.engine import Completion, json_reply
from lib.grm.fence import visible
from lib.grm.rubric import CANNOT, Criterion
from lib.markup import tokens
from lib.params.settings import FAMILIES, Model

MOST_CHARS = 200_000  # a longer reply is not what was asked for
MOST_QUOTES = 3
FIELDS = ("criterion", "evidence", "reason", "verdict")  # written in this order: grounds before the verdict

Status = Literal["ok", "abstain", "parse_error", "truncated", "refused", "infra_error", "evidence_missing"]
Path = Literal["grammar", "plain", "repaired"]

_LINE = re.compile(r"(verdict|evidence)[*`]*\s+[*`]*([^\s:*`]+)[*`]*\s*:[*`]*\s*(.*)", re.IGNORECASE)
_DRESS = "*`\"'“”‘’. "  # what may stand around a label without being part of it
_UNSEEN = "\ufeff\u200b\u200c\u200d\u2060\0 \t\r\n"  # around a reply

# refusals, in the languages that judges fall into
_OPENING_CHARS = 300  # a refusal comes first
_SORRY = (
    r"(?:(?:i'm|i am|we're|we are) (?:very |so |really |truly )?sorry|sorry|i apologi[sz]e|unfortunately|apologies)"
)
_ABLE = (
    r"(?:(?:can ?not|can't|won't|will not|must not)|(?:'m|am|'re|are) (?:unable|not able) to|(?:must|have to) decline)"
)
_DEED = r"(?:help|assist|comply|continue|fulfil|provide|engage|participate|discuss|respond|do (?:that|this|so))"
_DECLINE = rf"(?:{_ABLE} (?:\w+ )?{_DEED}|(?:must|have to) decline)"
_OPENINGS = (
    rf"(?:{_SORRY}[,.;:!]* ?(?:but )?)?(?:as an? [\w -]{{2,40}}, )?(?:i|we) ?{_DECLINE}\b",
    r"(?:es tut mir leid, (?:aber )?ich kann|ich kann (?:dabei|damit|dir|ihnen|hierbei)(?: \w+)? nicht)",
    r"(?:je suis désolée?,? (?:mais )?je ne peux pas|je ne peux pas (?:vous |t')?(?:aider|répondre|continuer))",
    r"(?:lo siento,? (?:pero )?no puedo|no puedo (?:ayudar|continuar|responder))",
    r"(?:desculpe,? (?:mas )?não posso|mi dispiace,? (?:ma )?non posso)",
    r"(?:(?:很|非常)?(?:抱歉|对不起),? ?(?:但)?我(?:无法|不能)|我(?:无法|不能)(?:提供|协助|帮助|满足|完成|继续))",
    r"申し訳(?:ありません|ございません)",
    r"(?:(?:извините|простите|к сожалению),? (?:но )?я не могу|я не могу (?:помочь|продолжить|ответить))",
)
_REFUSAL = re.compile("|".join(_OPENINGS))


@dataclass(frozen=True)
class Verdict:
    """A judge's verdict on one criterion, and the grounds."""

    label: str  # of the criterion's menu, or `cannot_assess`
    evidence: tuple[str, ...] = ()  # quotes as the judge wrote them, at most three
    reason: str = ""


@dataclass(frozen=True)
class Reply:
    """A reply as it was read. Only one that is ok has verdicts, one for each criterion."""

    status: Status
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)  # by criterion id, in the order asked
    path: Path | None = None  # grammar: as the schema has it; repaired: nearly so; plain: lines of text
    why: str | None = None  # what is wrong where the status is not ok


class FormatError(ValueError):
    """A reply that is not what was asked for; its text is one line."""


class _Row(NamedTuple):
    """One verdict in the judge's own spelling."""

    criterion: str
    label: str
    evidence: tuple[str, ...]
    reason: str
    is_literal: bool = True  # whether its fields are just those of the schema


def schema(criteria: Sequence[Criterion]) -> dict[str, Any]:
    """The JSON schema of a reply: a closed object of one judgement per criterion, each with its own menu of labels."""
    menus: dict[tuple[str, ...], list[str]] = {}
    for criterion in criteria:
        menus.setdefault(criterion.levels, []).append(criterion.id)
    text, quotes = {"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": MOST_QUOTES}
    rows = []
    for labels, ids in menus.items():
        kinds = (text | {"enum": ids}, quotes, text, text | {"enum": [*labels, CANNOT]})
        rows.append(closed(dict(zip(FIELDS, kinds, strict=True))))
    items, count = rows[0] if len(rows) == 1 else {"anyOf": rows}, len(criteria)
    return closed({"judgements": {"type": "array", "items": items, "minItems": count, "maxItems": count}})


def closed(properties: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object with all of these properties and no other."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def read(text: str | None, criteria: Sequence[Criterion], finish_reason: str | None = "stop") -> Reply:
    """Read the verdicts of a reply, exactly one per criterion.

    Labels may differ from the menu in case, width, emphasis and invisible characters, and in nothing else. A token
    limit that is reached after a whole JSON object does no harm; plain lines may always go on.
    """
    text, is_cut = (text or "").strip(_UNSEEN), finish_reason == "length"
    if finish_reason in ("abort", "error"):
        return Reply("infra_error", why=f"the engine ended the reply: {finish_reason}")
    if finish_reason == "content_filter":
        return Reply("refused", why="withheld by a filter")
    try:
        rows, path = _parse(text, is_cut)
        verdicts, is_literal = _match(rows, criteria)
    except FormatError as error:
        if is_cut:
            return Reply("truncated", why=f"cut at the limit of tokens: {error}")
        if is_refusal(after_thinking(text)):
            return Reply("refused", why="the judge declined")
        return Reply("parse_error", why=str(error))
    return Reply("ok", verdicts, path if is_literal or path == "plain" else "repaired")


def answer_text(done: Completion, model: Model) -> str:
    """The text after the thinking; the whole text where nothing follows, as a schema may leave no room to think."""
    answer = markup.split(done.token_ids, model).answer
    return tokens.decode(done.token_ids[slice(*answer)], model) or tokens.decode(done.token_ids, model)


def is_refusal(text: str) -> bool:
    """Whether a text opens by declining the task; to say that something cannot be found or told is no refusal."""
    opening = unicodedata.normalize("NFKC", visible(text)[:_OPENING_CHARS]).casefold().replace("’", "'")
    return _REFUSAL.match(" ".join(opening.split())) is not None


def after_thinking(text: str) -> str:
    """What follows the first mark that ends a thought; later ones may be quoted. All of it without such a mark."""
    ends = [text.find(closes) + len(closes) for _, closes in _thinking_marks() if closes in text]
    return text[min(ends, default=0) :]


def _thinking_marks() -> set[tuple[str, str]]:
    return {(family.think, family.think_end) for family in FAMILIES.values()}


def _parse(text: str, is_cut: bool) -> tuple[list[_Row], Path]:
    if not text:
        raise FormatError("empty reply")
    if len(text) > MOST_CHARS:
        raise FormatError(f"longer than {MOST_CHARS} characters")
    if any(text.startswith(opens) and closes not in text for opens, closes in _thinking_marks()):
        raise FormatError("the thinking was not closed")
    found = json_reply.last(text, "judgements", mend=not is_cut)
    if found is not None:
        return _object_rows(found.value), "grammar" if found.is_alone and not found.is_mended else "repaired"
    if is_cut:
        raise FormatError("no whole object")
    return _line_rows(after_thinking(text)), "plain"


def _match(rows: list[_Row], criteria: Sequence[Criterion]) -> tuple[dict[str, Verdict], bool]:
    """The verdicts by id, in the order asked; and whether criteria and labels are spelt as in the schema."""
    by_key, verdicts, is_literal = {_key(one.id): one for one in criteria}, {}, True
    for row in rows:
        criterion = by_key.get(_key(row.criterion))
        if criterion is None:
            raise FormatError(f"{row.criterion[:60]!r}: no such criterion")
        if criterion.id in verdicts:
            raise FormatError(f"{criterion.id}: judged twice")
        label = {_key(label): label for label in (*criterion.levels, CANNOT)}.get(_key(row.label))
        if label is None:
            raise FormatError(f"{criterion.id}: {row.label[:60]!r} is not on the menu")
        verdicts[criterion.id] = Verdict(label, row.evidence, row.reason)
        is_literal &= row.is_literal and (row.criterion, row.label) == (criterion.id, label)
    if missing := [one.id for one in criteria if one.id not in verdicts]:
        raise FormatError(f"{missing[0]}: not judged")
    return {one.id: verdicts[one.id] for one in criteria}, is_literal


def _object_rows(value: dict[str, Any]) -> list[_Row]:
    rows = value.get("judgements")
    if len(value) != 1 or not isinstance(rows, list):
        raise FormatError("expected an object with a list of judgements and nothing else")
    return [_object_row(row) for row in rows]


def _object_row(row: Any) -> _Row:
    """One judgement of an object; grounds may be missing, as evidence is checked later, but a verdict may not."""
    if not isinstance(row, dict) or set(row) - set(FIELDS):
        raise FormatError(f"judgement: expected an object of {', '.join(FIELDS)}")
    label, quotes, reason = row.get("verdict"), row.get("evidence"), row.get("reason")
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)  # where the labels are digits; elsewhere it is not on the menu
    is_literal = tuple(row) == FIELDS and isinstance(quotes, list) and len(quotes) <= MOST_QUOTES and reason is not None
    quotes = [quotes] if isinstance(quotes, str) else [] if quotes is None else quotes
    texts = [row.get("criterion"), label, "" if reason is None else reason]
    if not isinstance(quotes, list) or not all(isinstance(text, str) for text in [*texts, *quotes]):
        raise FormatError(f"judgement of {str(texts[0])[:60]!r}: expected texts, and a list of them as evidence")
    criterion, label, reason = map(_without_surrogates, texts)
    quotes = tuple(_without_surrogates(quote) for quote in quotes if quote.strip())[:MOST_QUOTES]
    return _Row(criterion, label, quotes, reason, is_literal)


def _line_rows(text: str) -> list[_Row]:
    """The verdicts of the last lines, up from the end to the first line that is neither a verdict nor evidence.

    What stands before them is the reason of each.
    """
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    parsed: list[tuple[str, str, str]] = []
    while lines and (match := _LINE.fullmatch(_compatible(lines[-1]).strip("*` "))):
        parsed.insert(0, (match[1].casefold(), match[2], match[3]))
        lines.pop()
    if not parsed or parsed[-1][0] != "verdict":
        raise FormatError("no verdict at the end")
    verdicts = [(criterion, label) for kind, criterion, label in parsed if kind == "verdict"]
    quotes: dict[str, list[str]] = {_key(criterion): [] for criterion, _ in verdicts}
    for kind, criterion, quote in parsed:
        if kind == "evidence":
            if _key(criterion) not in quotes:
                raise FormatError(f"{criterion[:60]!r}: evidence without a verdict")
            quotes[_key(criterion)].append(quote)
    reason = "\n".join(lines).strip()
    return [_Row(one, label, tuple(quotes[_key(one)][:MOST_QUOTES]), reason) for one, label in verdicts]


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", visible(text))


def _key(text: str) -> str:
    """What two spellings of a label or an id have in common."""
    return " ".join(_compatible(text).casefold().split()).strip(_DRESS)


def _without_surrogates(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can spell and no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
