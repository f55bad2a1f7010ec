r"""The final answer of a text, and whether it equals the gold answer.

Only the answer part of an output is read, never the thinking. Where in it the answer stands is told in `stated`, how
answers are written (money, thousands, per cent, units) in `notation`, and what equals what in `algebra`. The gold
answer decides what form is asked for; it may stand in a text itself. By source:

| source | gold answer | so |
|---|---|---|
| gsm8k, tiny | `#### n`, a number | thousands commas, units and money do not count; 2.50 is 2.5 |
| math500 | LaTeX: formulas, intervals, sets, matrices, words | equal by value; brackets count; words in any font |
| aime2024, aime2025 | an integer from 0 to 999 | leading zeros do not count, and nothing is rounded |

The profile `published` grades by the looser rules of the published study instead: see `published`.
"""

from dataclasses import dataclass

from lib.answers import authors_rules, extract, notation
from lib.answers.notation import MAX_CHARS, number, tidy

PROFILES = ("exact", "published")


@dataclass(frozen=True)
class Grade:
    """Verdict on one answer; `status` is one of `schema.STATUSES`, without censored, which no text can show.

    `extracted` is the answer as found, None if there is none. `reason` says why the answer is neither right
    nor wrong, None if it is one of them.
    """

    status: str
    extracted: str | None
    reason: str | None = None


def final_answer(text: str | None, source: str, profile: str = "exact") -> str | None:
    """The final answer stated in an answer text; None if it states none, "" for an empty box."""
    if profile == "published":
        return authors_rules.find(text or "", extract.last_box(text or ""))
    found = extract.find(text or "", source)
    return found[0] if found else None


def complete(text: str | None, source: str) -> bool:
    """Whether the stated answer was written to its end, so that a cut after it did not shorten it."""
    found = extract.find(text or "", source)
    return found is not None and found[1]


def grade(text: str | None, gold: str | None, source: str, profile: str = "exact") -> Grade:
    """Grade one answer text. Sets no limit of time or memory (for text by a model use `lib.grade.math`).

    Raises:
        ValueError: an unknown profile.
    """
    verdict = settle(text, gold, source, profile)
    return verdict or compare(final_answer(text, source, profile), wanted(gold, source), profile)


def settle(text: str | None, gold: str | None, source: str, profile: str = "exact") -> Grade | None:
    """The verdict, if reading alone gives one (microseconds); None if both answers have to be parsed.

    Raises:
        ValueError: an unknown profile.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r}: expected one of {', '.join(PROFILES)}")
    asked = wanted(gold, source)
    if not asked:
        return Grade("ungradable", None, "no gold answer")
    answer = final_answer(text, source, profile)
    if not answer:
        return Grade("no_answer", None, "no final answer stated" if answer is None else "empty answer")
    if len(answer) > MAX_CHARS:
        return Grade("ungradable", answer[:MAX_CHARS], f"answer longer than {MAX_CHARS} characters")
    same = authors_rules.same(answer, asked, source) if profile == "published" else _read_alone(answer, asked)
    return None if same is None else Grade("correct" if same else "incorrect", answer)


def wanted(gold: str | None, source: str) -> str:
    """The gold answer itself, where a text states it; else all of the text."""
    found = extract.find(gold or "", source)
    return found[0] if found else tidy(gold or "")


def compare(answer: str, gold: str, profile: str = "exact") -> Grade:
    """Parse two answers, as `final_answer` and `wanted` give them, and compare them as expressions. May take very long.

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


def _read_alone(answer: str, gold: str) -> bool | None:
    if answer == gold or notation.squeezed(answer) == notation.squeezed(gold):
        return True
    value, asked = number(answer) or notation.decimal_comma(answer, gold), number(gold)
    if value is not None and asked is not None:
        return value == asked
    if notation.in_words(gold) and notation.words(answer) == notation.words(gold):
        return True
    return None
