"""Programs in answers: extraction of the code, and comparison of what it writes with what a test expects.

Nothing here runs code. All of it takes time linear in the length of a text, and no more memory than what is expected
and one line of an output.
"""

import math
import re
import textwrap
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import repeat, zip_longest
from typing import Any

FENCE = re.compile(r"`{3,}|~{3,}")
PYTHON = re.compile(
    r"py(thon|py)?[\d.]*|[\w./-]*\.py"
)  # what is said of a block of Python: a language, or a file's name
SESSIONS = {"python-repl", "pycon"}  # of an interpreter: no programs
LANGUAGE = re.compile(r"[{\[.\s]*([\w+#./-]*)")
QUOTED = re.compile(r"[ \t]*> ?")
BLANK = (
    " \t>\u200b\u200c\u200d\u2060\ufeff"  # what may stand before a fence that is alone: also of a quotation, or unseen
)
MARK = re.compile(rb"\S")
TOKEN = re.compile(r"\S+")
NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE)
MOST_DIGITS = 4300  # of a whole number that Python reads
CLOSENESS = 1e-9  # of floats that a method returns, relative and absolute


def extract_code(text: str | None) -> str | None:
    r"""The code that an answer gives: its last fenced block of Python, or without a language; None if there is none.

    | shape of the answer | what is taken |
    |---|---|
    | blocks marked as Python (python, py3, pypy, main.py, in any case) | the last of them |
    | only bare blocks | the last of them |
    | a block that is never closed, as the token limit cuts it or the opener was written for the model | all after it |
    | words before an opener or behind a closing fence, a closing fence behind the last line of code | the block |
    | a block in a list or a quotation | the block, without its margin |
    | a fence indented by four spaces or more within a block | part of the code, unless nothing else closes the block |
    | only blocks of another language; a fence marked as Python within a block | what LiveCodeBench takes |
    | a session of an interpreter, no fence, a thought that is never closed | nothing |

    What stands before the end of the thinking does not count. LiveCodeBench takes what lies between the last two
    fences, whatever their language; the two differ where an answer ends in an example of its output.
    """
    text = _after_thinking(text or "").replace("\r\n", "\n")
    blocks, _ = _blocks(text)
    marked = [code for language, code in blocks or () if code.strip() and PYTHON.fullmatch(language)]
    bare = [code for language, code in blocks or () if code.strip() and not language]
    if marked or bare:
        return (marked or bare)[-1]
    is_session = not blocks or blocks[-1][0] in SESSIONS
    return None if blocks is not None and is_session else between_last_fences(text)


def is_closed(text: str | None) -> bool:
    """Whether the last fence in a text closes a block, so that a cut after it did not shorten the code."""
    return _blocks((text or "").replace("\r\n", "\n"))[1]


def between_last_fences(text: str | None) -> str | None:
    """The code as LiveCodeBench finds it: the lines between the last two that hold a fence."""
    lines = (text or "").split("\n")
    fences = [number for number, line in enumerate(lines) if "```" in line]
    code = "\n".join(lines[fences[-2] + 1 : fences[-1]]) if len(fences) >= 2 else ""
    return code if code.strip() else None


def difference(got: bytes, wanted: str, is_lcb: bool = False) -> tuple[int, str | None, str | None] | None:
    """The first line in which an output differs, by LiveCodeBench's rule: number, the line, the expected one.

    None stands for a line that is not there, or for the whole if nothing differs. Space around lines and around the
    whole does not count. Lines are equal as text, or as decimal numbers, exactly: a test does not say how close would
    be close enough. Only what is written as a number is one (`is_lcb`: also `1_000`, digits of other scripts, and
    `0010`, which is as often a text).
    """
    if len(got) <= 4 * len(wanted) + 64 and got.strip() == wanted.strip().encode("utf-8", "surrogatepass"):
        return None
    lines = wanted.strip().split("\n") if wanted.strip() else []
    for number, (ours, theirs) in enumerate(zip_longest(_lines(got), lines)):
        if ours is None or theirs is None or not _same_line(ours, theirs.strip(), is_lcb):
            return number, ours, theirs
    return None


def same_output(one: str, other: str) -> bool:
    """Whether two outputs are equal by the rule of `difference`."""
    return difference(one.encode("utf-8", "surrogatepass"), other) is None


def same_value(got: Any, wanted: Any) -> bool:
    """Whether a method returned what it should; both are what JSON can say.

    True is not 1, and a text is not a number. Whole numbers and decimals are compared by value, decimals to 9 digits.
    """
    pairs = [(got, wanted)]
    while pairs:  # rather than a call for each level: there may be as many levels as the other side likes
        ours, theirs = pairs.pop()
        if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
            pairs.extend(zip(ours, theirs, strict=True))
        elif isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
            pairs.extend((ours[key], theirs[key]) for key in ours)
        elif isinstance(ours, list | dict) or not _same_leaf(ours, theirs):
            return False
    return True


def whole_number(digits: str) -> int | Decimal:
    """A whole number of JSON, however long; those that Python does not read compare as decimals do."""
    return int(digits) if len(digits) <= MOST_DIGITS else Decimal(digits)


def _after_thinking(text: str) -> str:
    """What follows the last end of thinking; nothing if a thought is opened and never closed."""
    for opener, closer in (("<think>", "</think>"), ("[THINK]", "[/THINK]")):
        _, found, after = text.rpartition(closer)
        if not found and text.lstrip().startswith(opener):
            return ""
        text = after
    return text


def _lines(output: bytes) -> Iterator[str]:
    """Lines of an output, one at a time, without the space around them and around the whole."""
    start, blank, has_begun = 0, 0, False
    while start <= len(output):
        mark = MARK.search(output, start)
        if not mark:
            return
        blank += has_begun * output.count(b"\n", start, mark.start())
        start = output.rfind(b"\n", start, mark.start()) + 1 or start
        end = output.find(b"\n", start)
        end = len(output) if end < 0 else end
        line = output[start:end].decode("utf-8", "replace").strip()
        start = end + 1
        if line:
            yield from repeat("", blank)
            yield line
            blank, has_begun = 0, True
        else:
            blank += has_begun


def _same_line(ours: str, theirs: str, is_lcb: bool) -> bool:
    if ours == theirs:
        return True
    tokens = zip_longest(TOKEN.finditer(ours), TOKEN.finditer(theirs))
    return all(one and other and _same_number(one[0], other[0], is_lcb) for one, other in tokens)


def _same_number(ours: str, theirs: str, is_lcb: bool) -> bool:
    if not is_lcb and not (NUMBER.fullmatch(ours) and NUMBER.fullmatch(theirs)):
        return False
    try:
        return Decimal(ours) == Decimal(theirs)
    except InvalidOperation:
        return False


def _same_leaf(got: Any, wanted: Any) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (got, wanted)]
    if all(numbers) and float in (type(got), type(wanted)):
        return got == wanted or _is_close(got, wanted)
    return type(got) is type(wanted) and got == wanted


def _is_close(got: float, wanted: float) -> bool:
    try:
        return math.isclose(got, wanted, rel_tol=CLOSENESS, abs_tol=CLOSENESS)
    except OverflowError:  # a whole number that no float can hold
        return False


def _blocks(text: str) -> tuple[list[tuple[str, str]] | None, bool]:
    """Language and code of the blocks, None if one of Python begins within another; and whether the last is closed."""
    blocks: list[tuple[str, str]] = []
    lines, fence, lead, said, start, deep = text.split("\n"), "", "", "", 0, 0
    for number, line in enumerate(lines):
        mark = FENCE.search(line)
        if not mark:
            continue
        before, behind = line[: mark.start()], line[mark.end() :].strip()
        is_alone = not before.strip(BLANK)
        if not fence:
            if (is_alone or _is_opener(mark[0], before, behind)) and "`" not in behind:
                fence, lead, said, start, deep = mark[0], before, behind, number + 1, 0
        elif not mark[0].startswith(fence) or not (is_alone or _ends_code(before, behind)):
            continue
        elif is_alone and PYTHON.fullmatch(_language(behind)):
            return None, False
        elif is_alone and _width(before) > _width(lead) + 3:
            deep = number  # a line of the code, such as one of a text in it, if another fence closes the block
        else:
            blocks.append((_language(said), _code([*lines[start:number], *([] if is_alone else [before])], lead)))
            fence = ""
    if fence:
        blocks.append((_language(said), _code(lines[start : deep or None], lead).removesuffix("\n")))
    return blocks, not fence or (deep > 0 and not any(map(str.strip, lines[deep + 1 :])))


def _is_opener(mark: str, before: str, behind: str) -> bool:
    """Whether a fence in a line with words before it opens a block, as in `**Code:**` and a fence."""
    is_word = len(behind.split()) == 1 and bool(_language(behind))
    return mark[0] == "`" and "`" not in before and (is_word or (not behind and not before.rstrip()[-1].isalnum()))


def _ends_code(before: str, behind: str) -> bool:
    """Whether a fence stands at the end of a line of code; a token that ends a turn may follow."""
    return "`" not in before and (not behind or behind.startswith("<|"))


def _language(said: str) -> str:
    return LANGUAGE.match(said)[1].lower()


def _width(lead: str) -> int:
    """How far a block is indented whose opener has this before it: a margin, the mark of a list, or words."""
    margin = lead if not any(map(str.isalpha, lead)) else lead[: len(lead) - len(lead.lstrip())]
    return len(margin.expandtabs(4))


def _code(lines: list[str], lead: str) -> str:
    """Lines of a block without the margin of the list, or the marks of the quotation, that it stands in."""
    if ">" in lead and not lead.strip(BLANK):
        lines = [QUOTED.sub("", line, count=1) for line in lines]
    code = "\n".join(lines)
    return textwrap.dedent(code) if code.lstrip("\n")[:1] in (" ", "\t") else code
