"""Evidence: find the words that a judge quotes in the text it judged."""

import re
import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz

from lib.grm.fence import visible
from lib.grm.reply import Status, Verdict
from lib.grm.rubric import CANNOT, Criterion

LEAST_SCORE = 90  # of 100, by `rapidfuzz.fuzz.partial_ratio_alignment`: a slip of the pen in ten characters
LEAST_CHARS = 12  # of a quote that may differ from the text; a shorter one resembles too much

_ALIKE = str.maketrans("‘’‚′“”„″«»‐‑‒–—―−", '\'\'\'\'""""""-------')
_MARKS = "\"'` "  # what a judge may put around a quote
_KEPT = re.compile(r"-?\d+(?:[.,]\d+)*|\b(?:not|no|never|nor|cannot)\b|n't\b", re.IGNORECASE)  # changes the sense


def locate(quote: str, text: str) -> tuple[int, int] | None:
    """The half-open range of characters where a quote stands in a text; None if it is not there, or is empty.

    White space, dashes, quotation marks, invisible characters and Unicode forms do not matter. A quote of `LEAST_CHARS`
    or more may differ a little, but not in a number or a plain English negation. No match splits a number, and a
    shorter one no word; the first counts.
    """
    shown, places = _normal(text)
    for wanted in dict.fromkeys(_normal(quote)[0].strip(marks) for marks in (" ", _MARKS)):
        if any(char.isalnum() for char in wanted) and (span := _exact(wanted, shown) or _near(wanted, shown)):
            start, end = span
            return places[start], _end(text, places[end - 1])
    return None


def first(verdict: Verdict, text: str) -> tuple[int, int] | None:
    """The place of the first quote of a verdict that is in the text."""
    spans = (locate(quote, text) for quote in verdict.evidence)
    return next((span for span in spans if span), None)


def check(verdict: Verdict, criterion: Criterion, text: str) -> Status:
    """The status of a verdict: abstain, evidence_missing if a quote is needed and none is in the text, else ok."""
    if verdict.label == CANNOT:
        return "abstain"
    if verdict.label in criterion.quoted and not first(verdict, text):
        return "evidence_missing"
    return "ok"


@lru_cache(maxsize=64)  # a text is asked about for each quote of each criterion
def _normal(text: str) -> tuple[str, list[int]]:
    """The text in the form that quotes are compared in, and the offset in `text` that each character comes from."""
    chars: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):  # decomposed one by one, so that offsets are known
        for part in unicodedata.normalize("NFKD", visible(char)).translate(_ALIKE):
            part = " " if part.isspace() else part
            if part != " " or (chars and chars[-1] != " "):
                chars.append(part)
                places.append(place)
    return "".join(chars), places


def _exact(wanted: str, shown: str) -> tuple[int, int] | None:
    start = shown.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not _is_torn(shown, start, len(wanted)) and not _is_torn(shown, end, len(wanted)):
            return start, end
        start = shown.find(wanted, start + 1)
    return None


def _near(wanted: str, shown: str) -> tuple[int, int] | None:
    if len(wanted) < LEAST_CHARS or len(shown) < LEAST_CHARS:
        return None
    if len(wanted) > len(shown):  # the other way round, a long quote would be found in any text that it holds
        start, end, score = 0, len(shown), fuzz.ratio(wanted, shown)
    else:
        found = fuzz.partial_ratio_alignment(wanted, shown, score_cutoff=LEAST_SCORE)
        start, end, score = (found.dest_start, found.dest_end, found.score) if found else (0, 0, 0)
    if score < LEAST_SCORE:
        return None
    start, end = _whole_words(shown, start, end)
    return (start, end) if _KEPT.findall(wanted) == _KEPT.findall(shown[start:end]) else None


def _whole_words(shown: str, start: int, end: int) -> tuple[int, int]:
    """The span without blanks at its ends, widened to the ends of its words and numbers."""
    while start < end and shown[start] == " ":
        start += 1
    while end > start and shown[end - 1] == " ":
        end -= 1
    while _is_torn(shown, start, 0):
        start -= 1
    while _is_torn(shown, end, 0):
        end += 1
    return start, end


def _is_torn(shown: str, place: int, chars: int) -> bool:
    """Whether a cut at this place tears a character or a number; in a short quote, a word counts as well."""
    if not 0 < place < len(shown):
        return False
    left, right = shown[place - 1], shown[place]
    if unicodedata.combining(right) or (left + right).isdigit():
        return True
    if right in ".," and left.isdigit() and shown[place + 1 : place + 2].isdigit():
        return True
    if left in ".," and right.isdigit() and shown[place - 2 : place - 1].isdigit():
        return True
    return chars < LEAST_CHARS and left.isascii() and right.isascii() and left.isalnum() and right.isalnum()


def _end(text: str, place: int) -> int:
    """Where the character at a place ends, with the accents that follow it."""
    end = place + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return end
