"""How a TinyLRM thinks about a word problem: the lines of its thought, written from a story and read back from text."""

import re
from dataclasses import dataclass
from functools import cache

from lib.problems.tiny_math import story as tiny
from lib.problems.tiny_math.story import Step, Story

LABELS = {"add": "Add {n}", "subtract": "Subtract {n}", "double": "Double", "triple": "Triple", "halve": "Halve"}
SIGNS = {"add": "+", "subtract": "-", "double": "*", "triple": "*", "halve": "/"}
DOUBT = "I am not sure about this update. I stay with the problem."

_SUM = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")
_LINES = {
    "start": re.compile(r"Start with (\d+)\.?"),
    "sum": re.compile(rf"(?:Add|Subtract|Double|Triple|Halve)(?: \d+)?: {_SUM.pattern}\.?"),
    "list": re.compile(r"From (\d+): (\d+(?:, \d+)*)\.?"),
    "result": re.compile(r"It is (\d+)\.?"),
    "check": re.compile(r"Let me check: (\d+(?:, \d+)*)\. That gives (\d+)\.?"),
    "news": re.compile(r"The update says (start with|add|subtract) (\d+), not (\d+)\.?"),
    "doubt": re.compile(re.escape(DOUBT)),
}


def equation(step: Step, before: int) -> str:
    """The sum of a step, as `12 + 3 = 15.`"""
    return f"{before} {SIGNS[step.kind]} {step.n} = {step.apply(before)}."


def step_line(step: Step, before: int) -> str:
    """The line of a step, as `Add 3: 12 + 3 = 15.`"""
    return f"{LABELS[step.kind].format(n=step.n)}: {equation(step, before)}\n"


def lines(story: Story) -> list[str]:
    """The thought line by line: the start, one line a step, and a look back over all values."""
    values = story.values()
    steps = [step_line(step, before) for step, before in zip(story.steps, values, strict=False)]
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
        """As it was written, without a full stop."""
        return f"{self.a} {self.sign} {self.b} = {self.result}"

    @property
    def right(self) -> int | None:
        """What it should come to; None for a quotient that is no whole number."""
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
    """A line of a thought; `kind` is a key of `_LINES`, or other for what was cut or is of no such form."""

    text: str
    kind: str
    numbers: tuple[int, ...]

    @property
    def sum(self) -> Sum:
        """The sum of a line of that kind."""
        return sums(self.text)[0]

    @property
    def values(self) -> tuple[int, ...]:
        """The values that a start, sum, list or result says are reached, in order."""
        match self.kind:
            case "start" | "result":
                return self.numbers
            case "sum":
                return (self.sum.result,)
            case "list":
                return self.numbers[1:]
        return ()


def read(thought: str) -> list[Line]:
    """The lines of a thought that are not blank."""
    return [_read(line.strip()) for line in thought.splitlines() if line.strip()]


def sums(text: str) -> list[Sum]:
    """The sums written out in a text, in order."""
    return [Sum(int(a), sign, int(b), int(result)) for a, sign, b, result in _SUM.findall(text)]


def story(problem: str) -> Story | None:
    """A word problem read back from its text; None if it is not one of ours."""
    opening = re.match(r"(\w+) has (\d+) (\w+)\. ", problem)
    if not opening or f" How many {opening[3]} does {opening[1]} have?" not in problem:
        return None
    name, start, things = opening[1], int(opening[2]), opening[3]
    told = problem[opening.end() : problem.rindex("How many ")].strip()
    sentences = [part + "." for part in told.split(".") if part]
    steps = [_step(sentence.strip(), name, things) for sentence in sentences]
    return None if None in steps else Story(name, things, start, tuple(filter(None, steps)))


@dataclass(frozen=True)
class News:
    """What an update says: the number of the start or of a step is `new`, where the problem had `old`."""

    kind: str  # start, add or subtract
    new: int
    old: int


def news(inserted: str, problem: Story) -> News | None:
    """The update in an inserted text about a problem; None if there is none of ours."""
    at_start = re.search(rf"{problem.name} has (\d+) {problem.things} at the start, not (\d+)\.", inserted)
    if at_start:
        return News("start", int(at_start[1]), int(at_start[2]))
    for sentence in re.findall(rf"{problem.name} [^.]*?, not \d+\.", inserted):
        told, old = sentence.rstrip(".").rsplit(", not ", 1)
        if step := _step(told + ".", problem.name, problem.things):
            return News(step.kind, step.n, int(old))
    return None


def revert(problem: Story, update: News) -> Story | None:
    """The problem as the update leaves it; None if what it replaces is not there."""
    if update.kind == "start":
        return Story(problem.name, problem.things, update.new, problem.steps)
    places = [i for i, step in enumerate(problem.steps) if (step.kind, step.n) == (update.kind, update.old)]
    if not places:
        return None
    steps = list(problem.steps)
    steps[places[0]] = Step(update.kind, update.new, steps[places[0]].wording)
    return Story(problem.name, problem.things, problem.start, tuple(steps))


def _read(text: str) -> Line:
    for kind, pattern in _LINES.items():
        if found := pattern.fullmatch(text):
            numbers = tuple(int(number) for number in re.findall(r"\d+", " ".join(filter(None, found.groups()))))
            return Line(text, kind, numbers)
    return Line(text, "other", ())


def _step(sentence: str, name: str, things: str) -> Step | None:
    for kind, wordings in tiny.WORDING.items():
        for i, wording in enumerate(wordings):
            if found := re.fullmatch(_pattern(wording, name, things), sentence):
                return Step(kind, tiny.FACTORS.get(kind) or int(found[1]), i)
    return None


@cache
def _pattern(wording: str, name: str, things: str) -> str:
    slots = {"name": re.escape(name), "things": re.escape(things), "n": r"(\d+)"}
    return re.sub(r"\\\{(\w+)\\\}", lambda slot: slots[slot[1]], re.escape(wording))
