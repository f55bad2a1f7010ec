"""Controls made of a problem's own words: news that is wrong (false), and news that is known already (noop).

A sentence of the problem that holds a number is said again, with another number or as it stands. Nothing is asked of a
model, so every problem of any benchmark has its controls, the same ones on every run.
"""

import random
import re

GENERATOR = "lib.updates.controls"
SENTENCE = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
# a number by itself or before a variable; not one with an index, an ending or thousands
NUMBER = re.compile(r"(?<![\w.,\\])\d+(?:\.\d+)?(?!\d|_|,\d|\.\d|[A-Za-z]{2})")
LABEL = re.compile(r"^\s*(?:\d+[.)]|[-*])\s+")  # of an item in a list
LONGEST = 300  # characters of a sentence that is said again whole
AROUND = 5  # words on each side of a number, where the sentence is too long
WORD = re.compile(r"(?<![\\\w])[A-Za-z]{3,}")  # a line without any is no sentence


def control_updates(problem_id: str, problem: str, answer: str | None = None) -> dict[str, str | None]:
    """The texts of a problem's `false` and `noop` updates, None where no number could be said wrongly.

    The false number is not the answer, and stands nowhere in the problem.
    """
    rng = random.Random(problem_id)
    told = [(said, found) for said in _sentences(problem) for found in NUMBER.finditer(said)]
    rng.shuffle(told)
    avoided = {found[0] for _, found in told} | {answer}
    for said, found in told:
        if number := _other(rng, found[0], avoided):
            before, after = _around(said, found)
            same, other = before + found[0] + after, before + number + after
            whole = same == said and said != problem.strip()
            return {"false": _told("Correction", other, whole), "noop": _told("As the problem says", same, whole)}
    return {"false": None, "noop": None}


def _sentences(problem: str) -> list[str]:
    """Sentences without the labels of a list, which are no numbers of the problem."""
    said = (LABEL.sub("", text).strip() for text in SENTENCE.split(problem))
    return [text for text in said if WORD.search(text)]


def _other(rng: random.Random, number: str, avoided: set[str | None]) -> str | None:
    """A number with another last digit, None if all of these are avoided."""
    others = [number[:-1] + digit for digit in "123456789"]
    others = [other for other in others if other not in avoided]
    return rng.choice(others) if others else None


def _around(said: str, found: re.Match) -> tuple[str, str]:
    """What is said before and after a number: the whole sentence, or some words of a long one."""
    before, after = said[: found.start()], said[found.end() :]
    if len(said) <= LONGEST:
        return before, after
    first = re.search(rf"(?:\S+\s+){{0,{AROUND}}}\S*$", before)
    last = re.match(rf"\S*(?:\s+\S+){{0,{AROUND}}}", after)
    return first[0] if first else "", last[0] if last else ""


def _told(opening: str, text: str, whole: bool) -> str:
    return f"{opening}: {text}" if whole else f'{opening}: "{text}"'
