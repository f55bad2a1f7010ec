"""Controls made from a problem's own words: false updates, and noop updates.

A sentence of the problem that holds a number is repeated, with another number or as it stands. No model is asked, so
every problem of any benchmark has its controls, the same ones on every run.
"""

import random
import re

GENERATOR = "lib.updates.controls"
SENTENCE = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
# a number by itself or before a variable; not one with an index, an ending or thousands
NUMBER = re.compile(r"(?<![\w.,\\])\d+(?:\.\d+)?(?!\d|_|,\d|\.\d|[A-Za-z]{2})")
LABEL = re.compile(r"^\s*(?:\d+[.)]|[-*])\s+")  # of an item in a list
LONGEST = 300  # characters of a sentence that is repeated whole
AROUND = 5  # words on each side of a number, where the sentence is too long
WORD = re.compile(r"(?<![\\\w])[A-Za-z]{3,}")  # a line without any is no sentence


def control_updates(problem_id: str, problem: str, answer: str | None = None) -> dict[str, str | None]:
    """The texts of a problem's `false` and `noop` updates, None if there is no number to replace.

    The false number is not the answer, and stands nowhere in the problem.
    """
    rng = random.Random(problem_id)
    sentences = (LABEL.sub("", sentence).strip() for sentence in SENTENCE.split(problem))
    numbers = [number for sentence in sentences if WORD.search(sentence) for number in NUMBER.finditer(sentence)]
    rng.shuffle(numbers)
    avoided = {number[0] for number in numbers} | {answer}
    for number in numbers:
        others = [number[0][:-1] + digit for digit in "123456789"]
        if others := [other for other in others if other not in avoided]:
            before, after = _around(number)
            same, other = before + number[0] + after, before + rng.choice(others) + after
            is_whole = same == number.string and same != problem.strip()
            return {
                "false": _quoted("Correction", other, is_whole),
                "noop": _quoted("As the problem says", same, is_whole),
            }
    return {"false": None, "noop": None}


def _around(number: re.Match) -> tuple[str, str]:
    """The text before and after a number: the whole sentence, or some words of a long one."""
    before, after = number.string[: number.start()], number.string[number.end() :]
    if len(number.string) <= LONGEST:
        return before, after
    first = re.search(rf"(?:\S+\s+){{0,{AROUND}}}\S*$", before)
    last = re.match(rf"\S*(?:\s+\S+){{0,{AROUND}}}", after)
    return first[0] if first else "", last[0] if last else ""


def _quoted(opening: str, text: str, is_whole: bool) -> str:
    return f"{opening}: {text}" if is_whole else f'{opening}: "{text}"'
