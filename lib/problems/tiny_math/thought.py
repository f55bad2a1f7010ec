"""The thought of a TinyLRM about a word problem: its lines written from a story, and read back from text."""

import re
from dataclasses import dataclass
from functools import cache

from lib.problems.tiny_math.story import FACTORS, WORDING, Step, Story

LABELS = {"add": "Add {n}", "subtract": "Subtract {n}", "double": "Double", "triple": "Triple", "halve": "Halve"}
SIGNS = {"add": "+", "subtract": "-", "double": "*", "triple": "*", "halve": "/"}
DOUBT = "I am not sure about this update. I stay with the problem."

SUM = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")
LINES = {
    "start": re.compile(r"Start with (\d+)\.?"),
    "sum": re.compile(rf"(?:Add|Subtract|Double|Triple|Halve)(?: \d+)?: {SUM.pattern}\.?"),
    "list": re.compile(r"From (\d+): (\d+(?:, \d+)*)\.?"),
    "result": re.compile(r"It is (\d+)\.?"),
    "check": re.compile(r"Let me check: (\d+(?:, \d+)*)\. That gives (\d+)\.?"),
    "news": re.compile(r"The update says (start with|add|subtract) (\d+), not (\d+)\.?"),
    "doubt": re.compile(re.escape(DOUBT)),
}


def equation(step: Step, before: int) -> str:
    """The sum of a step, such as `12 + 3 = 15.`"""
    return f"{before} {SIGNS[step.kind]} {step.n} = {step.apply(before)}."


def lines(story: Story) -> list[str]:
    """The whole thought: the start, one line a step such as `Add 3: 12 + 3 = 15.`, and a look back at all values."""
    values = story.values()
    steps = [
        f"{LABELS[step.kind].format(n=step.n)}: {equation(step, before)}\n"
        for step, before in zip(story.steps, values, strict=False)
    ]
    return [f"Start with {story.start}.\n", *steps, look_back(values)]


def look_back(values: list[int]) -> str:
    """The last line of a thought."""
    return f"Let me check: {', '.join(map(str, values))}. That gives {values[-1]}.\n"


@dataclass(frozen=True)
class Sum:
    """A sum as it is written, right or wrong."""

    a: int
    sign: str
    b: int
    result: int

    @property
    def text(self) -> str:
        return f"{self.a} {self.sign} {self.b} = {self.result}"

    @property
    def right(self) -> int | None:
        """The right result; None for a quotient that is not an integer."""
        match self.sign:
            case "+":
                return self.a + self.b
            case "-":
                return self.a - self.b
            case "*":
                return self.a * self.b
        return self.a // self.b if self.b and self.a % self.b == 0 else None


@dataclass(frozen=True)
class Line:
    """A line of a thought; `kind` is a key of `LINES`, or other (cut off, or of no known form)."""

    text: str
    kind: str
    numbers: tuple[int, ...] = ()

    @property
    def sum(self) -> Sum:
        """The sum of a line of kind sum."""
        return sums(self.text)[0]

    @property
    def values(self) -> tuple[int, ...]:
        """The values that a start, sum, list or result reaches, in order."""
        match self.kind:
            case "start" | "result":
                return self.numbers
            case "sum":
                return (self.sum.result,)
            case "list":
                return self.numbers[1:]
        return ()


def read_lines(thought: str) -> list[Line]:
    """The lines of a thought that are not blank."""
    return [read_line(line.strip()) for line in thought.splitlines() if line.strip()]


def read_line(text: str) -> Line:
    for kind, pattern in LINES.items():
        if match := pattern.fullmatch(text):
            numbers = tuple(int(number) for number in re.findall(r"\d+", " ".join(filter(None, match.groups()))))
            return Line(text, kind, numbers)
    return Line(text, "other")


def sums(text: str) -> list[Sum]:
    """The sums written out in a text, in order."""
    return [Sum(int(a), sign, int(b), int(result)) for a, sign, b, result in SUM.findall(text)]


def read_story(problem: str) -> Story | None:
    """The story of a word problem's text; None if it is not one of ours."""
    opening = re.match(r"(\w+) has (\d+) (\w+)\. ", problem)
    if not opening or f" How many {opening[3]} does {opening[1]} have?" not in problem:
        return None
    name, start, things = opening[1], int(opening[2]), opening[3]
    middle = problem[opening.end() : problem.rindex("How many ")].strip()
    steps = [_read_step(part.strip() + ".", name, things) for part in middle.split(".") if part]
    return None if None in steps else Story(name, things, start, tuple(filter(None, steps)))


@dataclass(frozen=True)
class Correction:
    """What an update says: the number of the start or of a step is `new`, not `old`."""

    kind: str  # start, add or subtract
    new: int
    old: int


def read_correction(inserted: str, problem: Story) -> Correction | None:
    """The correction of a problem in an inserted text; None if there is none of ours."""
    at_start = re.search(rf"{problem.name} has (\d+) {problem.things} at the start, not (\d+)\.", inserted)
    if at_start:
        return Correction("start", int(at_start[1]), int(at_start[2]))
    for sentence in re.findall(rf"{problem.name} [^.]*?, not \d+\.", inserted):
        step_text, old = sentence.rstrip(".").rsplit(", not ", 1)
        if step := _read_step(step_text + ".", problem.name, problem.things):
            return Correction(step.kind, step.n, int(old))
    return None


def _read_step(sentence: str, name: str, things: str) -> Step | None:
    for kind, wordings in WORDING.items():
        for i, wording in enumerate(wordings):
            if match := re.fullmatch(_pattern(wording, name, things), sentence):
                return Step(kind, FACTORS.get(kind) or int(match[1]), i)
    return None


@cache
def _pattern(wording: str, name: str, things: str) -> str:
    slots = {"name": re.escape(name), "things": re.escape(things), "n": r"(\d+)"}
    return re.sub(r"\\\{(\w+)\\\}", lambda slot: slots[slot[1]], re.escape(wording))
