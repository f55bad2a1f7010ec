r"""Verdicts on math answers: extract the final answer of a text, normalise it, and tell whether it equals the gold one.

`extract` finds where in a text the answer stands, never reading the thinking; `notation` and `units` normalise how it
is written (money, thousands, per cent, units); `equality` compares expressions, parsed by `latex`. The gold answer
decides what form is asked for; it may stand in a text itself. By source:

| source | gold answer | equivalence |
|---|---|---|
| gsm8k, tiny | `#### n`, a number | thousands commas, units and money do not count; 2.50 is 2.5 |
| math500 | LaTeX: formulas, intervals, sets, matrices, words | equal by value; brackets count; words in any font |
| aime2024, aime2025 | an integer from 0 to 999 | leading zeros do not count, and nothing is rounded |

The profile `published` grades by the looser rules of the published study instead: see `authors_rules`.
"""

from dataclasses import dataclass

from lib.answers import authors_rules, extract, notation, units
from lib.answers.extract import Reading
from lib.answers.notation import MAX_CHARS, number, tidy

PROFILES = ("exact", "published")


@dataclass(frozen=True)
class Grade:
    """Verdict on one answer; `status` is one of `schema.STATUSES`, without censored, which no text can show.

    `extracted` is the answer as written, None if there is none. `reason` says why the answer is neither right nor
    wrong, None if it is one of them.
    """

    status: str
    extracted: str | None
    reason: str | None = None


def grade(text: str | None, gold: str | None, source: str, profile: str = "exact") -> Grade:
    """Grade one answer text. Sets no limit of time or memory (for text by a model use `lib.grade.math`).

    Raises:
        ValueError: an unknown profile.
    """
    answer, gold = read(text, source, profile).answer, read_gold(gold, source)
    return match(answer, gold, source, profile) or compare(answer, gold, profile)


def read(text: str | None, source: str, profile: str = "exact") -> Reading:
    """The final answer that a text states.

    Raises:
        ValueError: an unknown profile.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r}: expected one of {', '.join(PROFILES)}")
    reading = extract.find(text or "", source)
    if profile == "published":
        return Reading(authors_rules.find(text or "", extract.last_box(text or "")), reading.is_complete)
    return reading


def read_gold(gold: str | None, source: str) -> str:
    """The gold answer itself, where a text states it; else all of the text."""
    answer = extract.find(gold or "", source).answer
    return tidy(gold or "") if answer is None else answer


def match(answer: str | None, gold: str, source: str, profile: str = "exact") -> Grade | None:
    """The verdict, if the normalised texts give one (microseconds); None if both answers have to be parsed.

    `answer` and `gold` are as `read` and `read_gold` give them.
    """
    if not gold:
        return Grade("ungradable", None, "no gold answer")
    if not answer:
        return Grade("no_answer", None, "no final answer stated" if answer is None else "empty answer")
    if len(answer) > MAX_CHARS:
        return Grade("ungradable", answer[:MAX_CHARS], f"answer longer than {MAX_CHARS} characters")
    same = authors_rules.same(answer, gold, source) if profile == "published" else _same_text(answer, gold, source)
    return None if same is None else Grade("correct" if same else "incorrect", answer)


def compare(answer: str, gold: str, profile: str = "exact") -> Grade:
    """The verdict by value: parse both answers and compare them as expressions. May take very long.

    Raises:
        MemoryError: there is too little of it to tell.
    """
    try:
        from lib.answers import equality  # its parser takes a second to import, and most answers need none

        same = equality.same(gold, answer) or (profile == "published" and authors_rules.loosely(equality, answer, gold))
    except MemoryError:
        raise
    except Exception as error:  # whatever else fails in the parser is a verdict of its own, never a wrong answer
        message = str(error).strip().split("\n")[0][:200]
        reason = message if type(error).__name__ == "UnreadableError" else f"{type(error).__name__}: {message}"
        return Grade("ungradable", answer, reason)
    return Grade("correct" if same else "incorrect", answer)


def _same_text(answer: str, gold: str, source: str) -> bool | None:
    if answer == gold or notation.squeezed(answer) == notation.squeezed(gold):
        return True
    if notation.in_words(gold):
        return True if notation.words(answer) == notation.words(gold) else None
    wanted = number(gold)
    if wanted is None:
        return None
    value = number(answer) or notation.decimal_comma(answer, gold)
    if value is not None:
        return None if units.conflict(answer, gold) else value == wanted
    if source in extract.NUMBER_SOURCES:
        quantity = units.split(notation.normal(answer), letters=True)
        value = number(quantity.value)
        return None if value is None else value * quantity.scale == wanted
    return None
