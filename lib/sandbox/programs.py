"""Programs in answers: extraction of the code, and comparison of what it writes with what a test expects.

Nothing here runs code.
"""

import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any

OPENER = re.compile(r"\s{0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*")
LANGUAGES = {"python", "python3", "py", ""}
END_OF_THINKING = re.compile(r".*</think>|.*\[/THINK\]", re.DOTALL)
CLOSENESS = 1e-9  # of floats that a method returns, relative and absolute


def extract_code(text: str | None) -> str | None:
    r"""The code that an answer gives: its last fenced block of Python, or without a language; None if there is none.

    | shape of the answer | what is taken |
    |---|---|
    | blocks marked as Python (python, py, python3, in any case) | the last of them |
    | only bare blocks | the last of them |
    | a block that is never closed, as the token limit cuts it or the opener was written for the model | all after it |
    | a fence with a language inside an open block | nothing: it does not say where the code begins |
    | no fence | nothing |

    What stands before the end of the thinking does not count. LiveCodeBench takes what lies between the last two
    fences, whatever their language; the two differ where an answer ends in an example of its output.
    """
    blocks = _blocks(END_OF_THINKING.sub("", text or "", count=1))
    if blocks is None:
        return None
    marked = [code for language, code in blocks if language] or [code for _, code in blocks]
    return marked[-1] if marked and marked[-1].strip() else None


def is_closed(text: str | None) -> bool:
    """Whether the last fence in a text closes a block, so that a cut after it did not shorten the code."""
    return len([line for line in (text or "").split("\n") if OPENER.fullmatch(line)]) % 2 == 0


def between_last_fences(text: str | None) -> str | None:
    """The code as LiveCodeBench finds it: the lines between the last two that hold a fence."""
    lines = (text or "").split("\n")
    fences = [number for number, line in enumerate(lines) if "```" in line]
    code = "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) >= 2 else ""
    return code if code.strip() else None


def same_output(got: str, wanted: str) -> bool:
    """Whether a program printed what it should: LiveCodeBench's rule.

    Space around lines and around the whole does not count. Lines are equal as text, or as decimal numbers, exactly: a
    test does not say how close would be close enough.
    """
    ours, theirs = (text.strip().split("\n") for text in (got, wanted))
    return len(ours) == len(theirs) and all(map(_same_line, ours, theirs))


def same_value(got: Any, wanted: Any) -> bool:
    """Whether a method returned what it should; both are what JSON can say.

    True is not 1, and a text is not a number. Whole numbers and decimals are compared by value, decimals to 9 digits.
    """
    if isinstance(got, list) and isinstance(wanted, list):
        return len(got) == len(wanted) and all(map(same_value, got, wanted))
    if isinstance(got, dict) and isinstance(wanted, dict):
        return got.keys() == wanted.keys() and all(same_value(got[key], wanted[key]) for key in got)
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (got, wanted)]
    if all(numbers) and float in (type(got), type(wanted)):
        return got == wanted or _is_close(got, wanted)
    return type(got) is type(wanted) and got == wanted


def _is_close(got: float, wanted: float) -> bool:
    try:
        return math.isclose(got, wanted, rel_tol=CLOSENESS, abs_tol=CLOSENESS)
    except OverflowError:  # a whole number that no float can hold
        return False


def _same_line(ours: str, theirs: str) -> bool:
    ours, theirs = ours.strip(), theirs.strip()
    if ours == theirs:
        return True
    try:
        return list(map(Decimal, ours.split())) == list(map(Decimal, theirs.split()))
    except InvalidOperation:
        return False


def _blocks(text: str) -> list[tuple[str, str]] | None:
    """Language and content of the blocks of Python and of no language; None if fences do not pair up."""
    blocks, fence, language, start = [], "", "", 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        mark = OPENER.fullmatch(line)
        if not mark or (fence and not mark[1].startswith(fence)):
            continue
        if fence and mark[2]:
            return None
        if fence:
            blocks.append((language, "\n".join(lines[start:number])))
            fence = ""
        else:
            fence, language, start = mark[1], mark[2].lower(), number + 1
    if fence:
        blocks.append((language, "\n".join(lines[start:]).removesuffix("\n")))
    return [block for block in blocks if block[0] in LANGUAGES]
