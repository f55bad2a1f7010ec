"""What the end of a reply says, criterion by criterion, whether or not that was asked."""

import re
import unicodedata
from typing import Any, NamedTuple

from lib.grm.fence import visible

MOST_QUOTES = 3
FIELDS = ("criterion", "evidence", "reason", "verdict")  # grounds before the verdict, as they are written in order

_LINE = re.compile(r"(verdict|evidence)[*`]*\s+[*`]*([^\s:*`]+)[*`]*\s*:[*`]*\s*(.*)", re.IGNORECASE)
_DRESS = "*`\"'“”‘’. "  # what may stand around a label without being part of it


class Said(NamedTuple):
    """One judgement in the judge's own spelling."""

    criterion: str
    label: str
    evidence: tuple[str, ...]
    reason: str
    is_strict: bool = True  # whether its fields are just those of the schema


class MisfitError(ValueError):
    """A reply that is not what was asked for; its text is one line."""


def of_object(found: dict[str, Any]) -> list[Said]:
    """The judgements of a JSON object.

    Raises:
        MisfitError: there are other fields than those of the schema, or something else than texts in them.
    """
    rows = found.get("judgements")
    if len(found) != 1 or not isinstance(rows, list):
        raise MisfitError("expected an object with a list of judgements and nothing else")
    return [_of_row(row) for row in rows]


def of_lines(text: str) -> list[Said]:
    """The judgements of the last lines, up from the end to the first line that is neither a verdict nor evidence.

    What stands before them is the reason of each.

    Raises:
        MisfitError: the last line is no verdict, or there is evidence for what has none.
    """
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    found = []
    while lines and (match := _LINE.fullmatch(clear(lines[-1]).strip("*` "))):
        found.append((match[1].casefold(), match[2], match[3]))
        lines.pop()
    if not found or found[0][0] != "verdict":
        raise MisfitError("no verdict at the end")
    verdicts = [(criterion, label) for kind, criterion, label in reversed(found) if kind == "verdict"]
    quotes: dict[str, list[str]] = {key(criterion): [] for criterion, _ in verdicts}
    for kind, criterion, rest in reversed(found):
        if kind == "evidence":
            if key(criterion) not in quotes:
                raise MisfitError(f"{criterion[:60]!r}: evidence without a verdict")
            quotes[key(criterion)].append(rest)
    reason = "\n".join(lines).strip()
    return [Said(one, label, tuple(quotes[key(one)][:MOST_QUOTES]), reason) for one, label in verdicts]


def clear(text: str) -> str:
    """The text in compatible letters, wide ones as plain ones, without what is unseen."""
    return unicodedata.normalize("NFKC", visible(text))


def key(text: str) -> str:
    """What two spellings of a label or an id have in common."""
    return " ".join(clear(text).casefold().split()).strip(_DRESS)


def _of_row(row: Any) -> Said:
    """One judgement of an object; grounds may be missing, as evidence is checked later, but a verdict may not."""
    if not isinstance(row, dict) or set(row) - set(FIELDS):
        raise MisfitError(f"judgement: expected an object of {', '.join(FIELDS)}")
    label, quotes, reason = row.get("verdict"), row.get("evidence"), row.get("reason")
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)  # where the labels are digits; elsewhere it is not on the menu
    is_strict = tuple(row) == FIELDS and isinstance(quotes, list) and len(quotes) <= MOST_QUOTES and reason is not None
    quotes = [quotes] if isinstance(quotes, str) else [] if quotes is None else quotes
    texts = [row.get("criterion"), label, "" if reason is None else reason]
    if not isinstance(quotes, list) or not all(isinstance(text, str) for text in [*texts, *quotes]):
        raise MisfitError(f"judgement of {str(texts[0])[:60]!r}: expected texts, and a list of them as evidence")
    criterion, label, reason = (_sound(text) for text in texts)
    quotes = tuple(_sound(quote) for quote in quotes if quote.strip())[:MOST_QUOTES]
    return Said(criterion, label, quotes, reason, is_strict)


def _sound(text: str) -> str:
    """The text without halves of surrogate pairs, which JSON can spell and no file can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
