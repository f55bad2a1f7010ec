r"""Extractor: the final answer that a text states.

Only the answer part of an output is read, never the thinking. An answer must be *stated*; a text that merely
contains the right number has no answer. Where it may stand, the first rule that applies decides:

| rule | example | sources |
|---|---|---|
| the last box; boxes parted only by a comma or "and" are one answer | `\boxed{1} and \boxed{2}` | all |
| the last `####` line | `#### 12` | gsm8k, tiny |
| the last place that names the answer; of a sentence, what it says | `The answer is 12.`, `A: 12` | all |
| the whole text, if it is one number, with its unit perhaps, or one formula | `12 coins`, `\frac{1}{2}` | all |
| the formula that the text ends in | `Therefore $x > 5$.` | where `$` is not money |

A box that is never closed reaches to the end of its line.
"""

import re
from dataclasses import dataclass

from lib.answers import notation, units
from lib.answers.notation import FORMULA, MAX_CHARS, number, tidy
from lib.params.settings import FAMILIES

HASH_SOURCES = {"gsm8k", "tiny"}  # their reference solutions end in `#### n`, and their `$` is money
NUMBER_SOURCES = {"gsm8k", "tiny", "aime2024", "aime2025"}  # every gold answer is a plain number

THOUGHTS = sorted({(family.think, family.think_end) for family in FAMILIES.values() if not family.channels})
TURN_END = re.compile(r"<\|(?:im_start|im_end|eot_id|endoftext|return|end)\|>|<｜end▁of▁sentence｜>|</s>")
BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
MARKS = re.compile(r"\\(?:[()\[\]]|q?quad\b|text\b|mbox\b)|[${};,\s]+")  # what may stand around the words between boxes
REFUSES = "(?!(?:is|was|are|not|no|but|so|then|wrong|hence|thus|or|and)\\b)"
JOIN = re.compile(rf"\s*(?:{REFUSES}[\w()]+\s+){{0,4}}(?:and|or)\s+(?:\w+\s*=\s*)?")
HASHES = re.compile(r"####[ \t]*([^\n]*)")
STATED = re.compile(
    r"(?:\banswer\W{0,4}?\s*(?:(?:is|are)\b|[:=]|(?=\$|\\[(\[]))|^A:)[\s:*]*(?=[^\s:*])", re.IGNORECASE | re.MULTILINE
)
SENTENCE_END = re.compile(r"\.(?=\s|\*|$)|\n")
SAYS = re.compile(r".*\b(?:is|are|equals)\b:?\s+(.+)", re.DOTALL)
ONE_NUMBER = re.compile(r"(?<![\w.,])[-+]?\$?\d[\d,]*(?:\.\d+)?(?![\w])")
MORE_FORMULA = re.compile(r"\s*[-+*/^=(:,]?\s*\\?\$?\d|\s*(?:[+/^=\\$]|\*(?!\*))")  # what follows belongs to the number
PROSE = re.compile(r"(?<!\\)\b(?!(?:sqrt|pi|sin|cos|tan|log|ln|and|or)\b)[^\W\d_]{2,}", re.IGNORECASE)
LAST_WORDS = re.compile(r"\s*(?:is (?:the|our|my) (?:final )?(?:answer|solution))?\s*[.!]?\s*")


def last_box(text: str) -> str | None:
    """Content of the last box, wherever it stands; None if there is none."""
    openers = list(BOX.finditer(text))
    return tidy(_box(text, openers[-1].end())[1]) if openers else None


@dataclass(frozen=True)
class Reading:
    """The final answer that a text states: None if it states none, "" for an empty box.

    It is complete if it was written to its end, so that a cut after it did not shorten it.
    """

    answer: str | None
    is_complete: bool = False


def find(text: str, source: str) -> Reading:
    """The stated answer, by the first rule that applies."""
    text = _answer_part(text)
    if reading := _named(text, source):
        return reading
    if FORMULA.fullmatch(text.strip()):
        return Reading(tidy(text), True)
    if _is_bare(text):
        return Reading(tidy(text))
    return Reading(None if source in HASH_SOURCES else _last_formula(text))


def _named(text: str, source: str) -> Reading | None:
    """The answer that a box, `####` or the word "answer" shows."""
    if openers := list(BOX.finditer(text)):
        return _boxed(text, openers)
    if source in HASH_SOURCES and (hashes := list(HASHES.finditer(text))):
        return Reading(tidy(hashes[-1][1]), hashes[-1].end() < len(text))
    if stated := list(STATED.finditer(text)):
        return _statement(text[stated[-1].end() :], source)
    return None


def _answer_part(text: str) -> str:
    """What follows the thinking, up to the end of the turn; nothing of a thought that was never closed."""
    for think, think_end in THOUGHTS:
        _, ended, after = text.rpartition(think_end)
        if ended or think in text:
            text = after if ended and think not in after else ""
    end = TURN_END.search(text)
    return text[: end.start()] if end else text


def _is_bare(text: str) -> bool:
    """Whether a whole text is one number, with its unit perhaps, or one expression: a line without prose."""
    text = text.strip()
    if not text or len(text) > MAX_CHARS or "\n" in text:
        return False
    if number(units.without(tidy(text))) is not None:
        return True
    return not PROSE.search(notation.TEXT.sub("", text)) and not re.search(r"[.?!:]\s|[?!]$|#", text)


def _last_formula(text: str) -> str | None:
    """The formula that a text ends in; never complete, as a text that was cut there may have had more to say."""
    text = text[-2 * MAX_CHARS :]
    formulas = list(FORMULA.finditer(text))
    if formulas and LAST_WORDS.fullmatch(text, formulas[-1].end()):
        return tidy(formulas[-1][0])
    return None


def _boxed(text: str, openers: list[re.Match]) -> Reading:
    """Content of the last box, after that of boxes before it that belong to the same answer."""
    end, content, closed = _box(text, openers[-1].end())
    start, pieces = openers[-1].start(), [tidy(content)]
    for opener in reversed(openers[:-1]):
        end, content, _ = _box(text, opener.end())
        if end > start or not _joined(text[end:start]):
            break
        start = opener.start()
        pieces.append(tidy(content))
    return Reading(", ".join(reversed(pieces)), closed)


def _joined(between: str) -> bool:
    """Whether what stands between two boxes makes them one answer."""
    if len(between) > 80 or not re.search(r",|;|\band\b|\bor\b", between):
        return False
    words = MARKS.sub(" ", between)
    return not words.strip(" .") or bool(JOIN.fullmatch(words))


def _box(text: str, start: int) -> tuple[int, str, bool]:
    """End and content of a box whose content begins at `start`, and whether it is closed."""
    depth = 1
    for brace in BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)  # an escaped brace is a character of the answer
        if depth == 0:
            return brace.end(), text[start : brace.start()], True
    return len(text), text[start:].split("\n", 1)[0], False


def _statement(text: str, source: str) -> Reading:
    """The answer at the start of `text`, which comes after words like "the answer is"."""
    value = notation.NUMBER.match(text) if source in NUMBER_SOURCES else None
    if value and (value[2] or value[3]) and not MORE_FORMULA.match(text, value.end()):
        return Reading(tidy(value[0]), value.end() < len(text))
    if formula := FORMULA.match(text):
        return Reading(tidy(formula[0]), True)
    end = SENTENCE_END.search(text)
    return Reading(_answer_of(text[: end.start()] if end else text), end is not None)


def _answer_of(sentence: str) -> str:
    """What a sentence says the answer is: what follows its verb, or its only number, else all of it."""
    if len(sentence) > MAX_CHARS:
        return sentence
    clause = SAYS.fullmatch(sentence)
    if clause and (FORMULA.fullmatch(tidy(clause[1])) or _is_bare(clause[1])):
        return tidy(clause[1])
    if PROSE.search(units.without(sentence)) and len(values := ONE_NUMBER.findall(sentence)) == 1:
        return tidy(values[0])
    return tidy(sentence)
