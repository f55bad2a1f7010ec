r"""Counts of what a text does, without a model: sums, comments in programs, restarts, and facts taken up.

| count | what is one |
|---|---|
| sum | numbers joined by signs, with their result: `12 + 3 = 15`, `\frac{1}{3} \times 9 = 3`; not in a program |
| comment | a line of a fenced program that has one |
| restart | "wait", "hmm", "actually", "alternatively" and the like, outside programs or in their comments |

A sum that is written twice counts once, however it is spaced. Deductions without a sum are not counted.
"""

import re
from dataclasses import dataclass

FENCE = re.compile(r"^[ \t]*```.*$", re.MULTILINE)
COMMENT = re.compile(r"(?:#|//).*\w.*$", re.MULTILINE)
SPELLED = [  # LaTeX and typography, as plain signs
    (re.compile(r"(?<=\d)\{,\}(?=\d)|(?<=\d)\\,(?=\d)"), ","),
    (re.compile(r"\\[dt]?frac\s*\{([^{}]{1,40})\}\s*\{([^{}]{1,40})\}"), r"\1/\2"),
    (re.compile(r"\\(?:text|mathrm|textbf|mathbf)\s*\{[^{}]{0,60}\}"), " "),
    (re.compile(r"\\times|\\cdot|[×·]"), "*"),
    (re.compile(r"\\div|÷"), "/"),
    (re.compile(r"[−–]"), "-"),
    (re.compile(r"\\approx|≈"), "="),
    (re.compile(r"\\(?:left|right|quad|boxed|[ ,;!()\[\]%])|[${}&*]{2}|[${}&]"), " "),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
]
# limits on repeats keep the search linear in texts made to slow it down
_TERM = r"\(?[ \t]{0,3}(?<![\d.])\d{1,15}(?:\.\d{1,15})?%?\)?(?:[ \t][A-Za-z]{1,15})?\)?"
SUM = re.compile(
    rf"{_TERM}(?:[ \t]{{0,3}}[-+*/][ \t]{{0,3}}{_TERM}){{1,12}}[ \t]{{0,3}}=[ \t]{{0,3}}-?\d{{1,15}}(?:\.\d{{1,15}})?"
)
RESTART = re.compile(
    r"\b(?:wait|hmm+|hold on|scratch that|on second thought|actually|alternatively|start over|(?:try|start|check) again"
    r"|let me (?:re)?(?:check|think|try|consider)|that(?:'s| is) (?:not right|wrong))\b",
    re.IGNORECASE,
)
RESULT = re.compile(r"\\boxed[ ]?\{[^\n}]{0,200}|^####.*$|\banswer is\b[^\n.]{0,200}", re.MULTILINE | re.IGNORECASE)
CONTRAST = re.compile(r"\b(?:not|instead of|rather than|no longer)\s+[\w.,]{1,20}", re.IGNORECASE)
WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d]\w+")


@dataclass(frozen=True)
class TextCounts:
    """The counts of one text; `sums` are the sums themselves, without spaces, each once."""

    sums: tuple[str, ...] = ()
    comments: int = 0
    restarts: int = 0
    after_result: int = 0  # sums that are first written behind the first stated result


def count(text: str | None) -> TextCounts:
    """The counts of `text`, all 0 if it is None or empty."""
    if not isinstance(text, str) or not text:
        return TextCounts()
    parts = FENCE.split(text)  # a fence that is never closed ends with the text
    prose, programs = "\n".join(parts[::2]), "\n".join(parts[1::2])
    comments, written, result = COMMENT.findall(programs), sums(prose), RESULT.search(prose)
    late = set(written) - set(sums(prose[: result.end()])) if result else set()
    restarts = len(RESTART.findall(prose)) + sum(len(RESTART.findall(line)) for line in comments)
    return TextCounts(tuple(written), len(comments), restarts, len(late))


def sums(text: str) -> list[str]:
    """The sums written out in a text, in order, each once and without spaces, units and signs of LaTeX."""
    for pattern, plain in SPELLED:
        text = pattern.sub(plain, text)
    return list(dict.fromkeys(re.sub(r"[^-+*/=.\d]", "", match) for match in SUM.findall(text)))


def facts(old: str, new: str) -> tuple[frozenset[str], frozenset[str]]:
    """The numbers and words that only the first of two statements holds, and those that only the second does."""
    olds, news = (frozenset(map(str.lower, WORD.findall(text))) for text in (old, new))
    return olds - news, news - olds


def takes_up(thought: str | None, only_old: frozenset[str], only_new: frozenset[str]) -> str | None:
    """Which of two statements a thought works with, by what only one of them holds: `old`, `new`, `both` or None.

    Numbers decide where the statements differ in any, words elsewhere; and where the thought holds sums, the numbers
    that these start from, as a thought may name what it does not use, and come to one by chance; so a number
    with which a sum goes on from one before is not counted. Nor is what is only ruled out, as 29 in "18, not 29".
    """
    if not isinstance(thought, str):
        return None
    thought = CONTRAST.sub("", thought)
    words = {word.lower() for word in WORD.findall(thought)}
    if numbers := {fact for fact in only_old | only_new if fact[0].isdigit()}:
        written = sums(thought)
        words = (_operands(written) if written else words) & numbers
    is_old, is_new = bool(words & only_old), bool(words & only_new)
    if is_old and is_new:
        return "both"
    return "old" if is_old else "new" if is_new else None


def _operands(written: list[str]) -> set[str]:
    """The numbers that sums start from, but for a first one to which a sum before has come."""
    used: set[str] = set()
    reached: set[str] = set()
    for one in written:
        start, _, result = one.partition("=")
        first, *others = WORD.findall(start)
        used |= {first, *others} if first not in reached else set(others)
        reached.add(result)
    return used
