r"""Rules of the published study, looser than ours, for accuracies that compare with its tables.

| source | what counts as equal |
|---|---|
| gsm8k, tiny, aime2024 | the last integers of both are equal |
| math500, aime2025 | the same text, or numbers as below, or members so in any brackets, or equal by `equality` |

The answer is looked for in the whole text, thinking and all: "the final answer is $...$. I hope", else the last box,
else what follows the last "the answer is", else the last number. Numbers are equal within a relative 1e-4 of the gold
one, of its hundredth or of its hundredfold.

So `\frac{7}{33}` is right for 33 in gsm8k, and `588.05` and `5.88` are right for 588 in aime2025. These are conventions
to compare with, not to measure by. What that grader refused by accident (it tore `70,000` apart), or accepted only
because an answer ran as a program, is not repeated: this is as safe as the exact profile.
"""

import re
from fractions import Fraction
from types import ModuleType

from lib.answers import notation

INTEGER_SOURCES = {"gsm8k", "aime2024", "tiny"}
RELATIVE = Fraction(1, 10_000)
FACTORS = (1, 100, Fraction(1, 100))

FORMAL = re.compile(r"final answer is \$([^$]{1,2000})\$\. I hope")
STATED = re.compile(r"(?:final answer is|answer is|answer:)[\s:*]*", re.IGNORECASE)
DIGITS = r"(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d+)"
INTEGER = re.compile(rf"-?{DIGITS}")
DECIMAL = re.compile(rf"-?(?:{DIGITS}(?:\.\d+)?|\.\d+)")
BRACKETS = re.compile(r"\\left|\\right|\\[{}]|[()\[\]]")


def find(text: str, box: str | None) -> str | None:
    """The answer of a whole text; `box` is the content of its last box, if there is one."""
    if formal := FORMAL.search(text):
        return notation.tidy(formal[1])
    if box is not None:
        return box
    if stated := list(STATED.finditer(text)):
        line = text[stated[-1].end() :].strip().split("\n")[0][: 2 * notation.MAX_CHARS]
        return notation.tidy(re.split(r"\.(?=\s|$)|\$\. ", line)[0])
    numbers = DECIMAL.findall(text)
    return numbers[-1] if numbers else None


def same(answer: str, gold: str, source: str) -> bool | None:
    """Equality by reading alone; None if both have to be parsed."""
    if source in INTEGER_SOURCES:
        given, wanted = (INTEGER.findall(text) for text in (_joined(answer), _joined(gold)))
        return bool(given and wanted) and _value(given[-1]) == _value(wanted[-1])
    if _bare(answer) == _bare(gold):
        return True
    value, wanted = notation.number(answer), notation.number(gold)
    return None if value is None or wanted is None else near(value, wanted)


def near(value: Fraction, wanted: Fraction) -> bool:
    """Whether a number is the gold one, its hundredth or its hundredfold, each to a relative 1e-4."""
    return any(abs(value - wanted * factor) <= RELATIVE * abs(wanted * factor) for factor in FACTORS)


def loosely(equality: ModuleType, answer: str, gold: str) -> bool:
    """Equality of what has to be parsed: near the gold value, or all members so, whatever brackets they have."""
    given, wanted = members(answer), members(gold)
    if len(given) != len(wanted):
        return False
    return all(_member(equality, *pair) for pair in zip(given, wanted, strict=True))


def _member(equality: ModuleType, answer: str, gold: str) -> bool:
    if not answer or not gold:
        return answer == gold
    return any(equality.close(gold, answer, factor, RELATIVE) for factor in FACTORS) or equality.same(gold, answer)


def members(answer: str) -> list[str]:
    """The parts of an answer between commas, without the brackets around the whole."""
    inner = BRACKETS.sub("", notation.tidy(answer))
    return [part.strip() for part in inner.split(",")]


def _joined(text: str) -> str:
    return re.sub(rf"(?<=\d){notation.GROUP}(?=\d{{3}})", ",", text)


def _bare(text: str) -> str:
    return re.sub(r"\s+|\\left|\\right|\\[,;:!]", "", notation.tidy(text)).replace("dfrac", "frac")


def _value(integer: str) -> int:
    return int(integer.replace(",", ""))
