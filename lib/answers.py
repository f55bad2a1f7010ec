r"""The final answer of a text, and whether it equals the gold answer.

Only the answer part of an output is read, never the thinking. An answer must be *stated*; a text that merely
contains the right number has no answer. Where it may stand, the first rule that applies decides:

| rule | example | sources |
|---|---|---|
| the last box; boxes parted only by a comma, "and" or "or" are one answer | `\boxed{1} and \boxed{2}` | all |
| the last `####` line | `#### 12` | gsm8k, tiny |
| the last place that names the answer | `The answer is $\frac{1}{2}$.`, `A: 12` | all |
| the whole text, if it is one number or one formula | `12` | all |

A box that is never closed reaches to the end of its line. Comparison is exact where it can be: identical
texts and plain numbers (2.50 is 2.5, 70,000 is 70000, leading zeros and a currency sign do not count) are
settled without computer algebra and without any tolerance. The rest goes to math-verify, which takes `10\%`
as equal to 10 and to 0.1, and compares a decimal with an exact value to `DECIMALS` places. It is asymmetric
by design: the gold answer decides what form is asked for.
"""

import functools
import logging
import re
from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType

HASH_SOURCES = {"gsm8k", "tiny"}  # their reference solutions end in `#### n`
NUMBER_SOURCES = {"gsm8k", "tiny", "aime2024", "aime2025"}  # every gold answer is a plain number
MAX_CHARS = 2_000  # a longer "answer" is a derivation or garbage, and slow to parse
DECIMALS = 6

BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
JOIN = re.compile(
    r"(?=.*(?:,|;|and|or))(?:[\s$,;]|\\[()\[\]]|\\q?quad|and\b|or\b|\\text\{\s*(?:and|or)\s*\})+", re.DOTALL
)
HASHES = re.compile(r"####[ \t]*([^\n]*)")
STATED = re.compile(r"(?:\banswer\W{0,4}?\s*(?:(?:is|are)\b|[:=])|^A:)[\s:*]*(?=[^\s:*])", re.IGNORECASE | re.MULTILINE)
SENTENCE_END = re.compile(r"\.(?=\s|\*|$)|\n")
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
COMMA = r"(?:,|\{,\}|,\\!|\\,)"
NUMBER = re.compile(rf"([-+\u2212]?)\s*(?:\\?[$£€]\s*)?(\d{{1,3}}(?:{COMMA}\d{{3}})+(?!\d)|\d+)?(\.\d+)?")
MORE_FORMULA = re.compile(r"\s*[-+*/^=(:,]?\s*\\?\$?\d|\s*(?:[+/^=\\$]|\*(?!\*))")  # what follows belongs to the number


@dataclass(frozen=True)
class Grade:
    """Verdict on one answer; `status` is one of `schema.STATUSES`, without censored, which no text can show.

    `extracted` is the answer as found, None if there is none. `reason` says why the answer is neither right
    nor wrong, None if it is one of them.
    """

    status: str
    extracted: str | None
    reason: str | None = None


def extract(text: str | None, source: str) -> str | None:
    """The final answer stated in an answer text; None if it states none, "" for an empty box."""
    found = _find(text or "", source)
    return found[0] if found else None


def complete(text: str | None, source: str) -> bool:
    """Whether the stated answer was written to its end, so that a cut after it did not shorten it."""
    found = _find(text or "", source)
    return found is not None and found[1]


def grade(text: str | None, gold: str | None, source: str) -> Grade:
    """Grade one answer text. Never raises; sets no time limit (for untrusted text use `lib.grade.math`)."""
    return settle(text, gold, source) or _compare(extract(text, source), gold)


def settle(text: str | None, gold: str | None, source: str) -> Grade | None:
    """The verdict, if reading alone gives one (microseconds); None if both answers have to be parsed."""
    if not gold:
        return Grade("ungradable", None, "no gold answer")
    answer = extract(text, source)
    if not answer:
        return Grade("no_answer", None, "no final answer stated" if answer is None else "empty answer")
    if len(answer) > MAX_CHARS:
        return Grade("ungradable", answer[:MAX_CHARS], f"answer longer than {MAX_CHARS} characters")
    if answer == _tidy(gold):
        return Grade("correct", answer)
    given, wanted = number(answer), number(gold)
    if given is None or wanted is None:
        return None
    return Grade("correct" if given == wanted else "incorrect", answer)


def number(text: str) -> Fraction | None:
    """Exact value of a plain integer or decimal, also with thousands separators or a currency sign."""
    match = NUMBER.fullmatch(_tidy(text))
    if not match or not (match[2] or match[3]):
        return None
    sign = "-" if match[1] in ("-", "\u2212") else ""
    return Fraction(sign + re.sub(r"\D", "", match[2] or "0") + (match[3] or ""))


def _find(text: str, source: str) -> tuple[str, bool] | None:
    """The stated answer, and whether it is complete."""
    if openers := list(BOX.finditer(text)):
        return _boxed(text, openers)
    if source in HASH_SOURCES and (hashes := list(HASHES.finditer(text))):
        return _tidy(hashes[-1][1]), hashes[-1].end() < len(text)
    if stated := list(STATED.finditer(text)):
        return _statement(text[stated[-1].end() :], source)
    formula = FORMULA.fullmatch(text.strip())
    if formula or number(text) is not None:
        return _tidy(text), formula is not None
    return None


def _boxed(text: str, openers: list[re.Match]) -> tuple[str, bool]:
    """Content of the last box, after that of boxes before it that belong to the same answer."""
    end, content, closed = _box(text, openers[-1].end())
    start, pieces = openers[-1].start(), [_tidy(content)]
    for opener in reversed(openers[:-1]):
        end, content, _ = _box(text, opener.end())
        if end > start or not JOIN.fullmatch(text, end, start):
            break
        start, pieces = opener.start(), [_tidy(content), *pieces]
    return ", ".join(pieces), closed


def _box(text: str, start: int) -> tuple[int, str, bool]:
    """End and content of a box whose content begins at `start`, and whether it is closed."""
    depth = 1
    for brace in BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)  # an escaped brace is a character of the answer
        if depth == 0:
            return brace.end(), text[start : brace.start()], True
    return len(text), text[start:].split("\n", 1)[0], False


def _statement(text: str, source: str) -> tuple[str, bool]:
    """The answer at the start of `text`, which comes after words like "the answer is"."""
    value = NUMBER.match(text) if source in NUMBER_SOURCES else None
    if value and (value[2] or value[3]) and not MORE_FORMULA.match(text, value.end()):
        return _tidy(value[0]), value.end() < len(text)
    if formula := FORMULA.match(text):
        return _tidy(formula[0]), True
    end = SENTENCE_END.search(text)
    return _tidy(text[: end.start()] if end else text), end is not None


def _tidy(text: str) -> str:
    """Strip the marks around an answer: space, bold, math delimiters, the full stop of its sentence."""
    before = text if len(text) > 2 * MAX_CHARS else None  # too long to be an answer: leave it alone
    while text != before:
        before = text
        text = text.strip().removesuffix(".").strip("*").strip()
        if formula := FORMULA.fullmatch(text):
            text = next(filter(None, formula.groups()))
    return text.removesuffix("$") if text.count("$") == 1 else text


def _compare(answer: str, gold: str) -> Grade:
    """Parse both answers and compare them as expressions."""
    library = _math_verify()
    try:
        wanted, given = _parse(gold), _parse(answer)
        if not wanted or not given:
            return Grade("ungradable", answer, f"{'answer' if wanted else 'gold answer'} could not be parsed")
        same = library.verify(wanted, given, float_rounding=DECIMALS, timeout_seconds=None, raise_on_error=True)
    except Exception as error:  # whatever fails in the parser is a verdict of its own, never a wrong answer
        message = str(error).strip().split("\n")[0][:200]
        return Grade("ungradable", answer, f"{type(error).__name__}: {message}")
    return Grade("correct" if same else "incorrect", answer)


def _parse(answer: str) -> list:
    """Expressions in one answer, read as LaTeX only: the library's plain-text route evaluates Python."""
    library = _math_verify()
    return library.parse(
        rf"\boxed{{{_tidy(answer)}}}",
        extraction_config=[library.LatexExtractionConfig(boxed_match_priority=0)],
        fallback_mode="no_fallback",
        parsing_timeout=None,  # its own limit uses signals, which work only in a main thread
        raise_on_error=True,
    )


@functools.cache
def _math_verify() -> ModuleType:
    """math-verify, imported on first use (it takes a second), without its warning that it sets no limit."""
    import math_verify

    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return math_verify
