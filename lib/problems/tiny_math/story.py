"""A generated benchmark of small word problems: a start and two to eight steps over integers from 0 to 99.

A hash of its *core* (start and steps, without names and things) puts a problem on the test or the training side, so
that no test problem, and no revision of one, can occur in training.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

NAMES = (
    *("Mia", "Noah", "Emma", "Liam", "Ada", "Omar", "Ivy", "Leo", "Nina", "Hugo", "Zoe", "Finn"),
    *("Lena", "Raj", "Sara", "Tom", "Yuki", "Ben", "Clara", "Dan", "Eva", "Gus", "Iris", "Jon"),
)
THINGS = ("coins", "books", "apples", "pens", "cards", "stones", "shells", "stamps", "cups", "balls", "plums", "keys")
WORDING = {
    "add": ("{name} finds {n} more.", "{name} buys {n} more.", "{name} gets {n} from a friend."),
    "subtract": ("{name} loses {n}.", "{name} sells {n}.", "{name} gives away {n}."),
    "double": ("The {things} double.",),
    "triple": ("The {things} triple.",),
    "halve": ("{name} keeps half of them.",),
}
FACTORS = {"double": 2, "triple": 3, "halve": 2}
MAX_VALUE = 99
STEPS = (2, 8)
START = (3, 40)
CHANGE = (2, 30)
TEST_SHARE = 1 / 4
SEED = 2026


@dataclass(frozen=True)
class Step:
    """One sentence of a problem: its kind, its number, and which of the kind's wordings it uses."""

    kind: str
    n: int
    wording: int = 0

    def apply(self, value: int) -> int | None:
        """The value after the step; None if it would leave 1..99 or halve an odd number."""
        match self.kind:
            case "add":
                result = value + self.n
            case "subtract":
                result = value - self.n
            case "halve":
                result = value // self.n if value % self.n == 0 else -1
            case _:
                result = value * self.n
        return result if 0 < result <= MAX_VALUE else None


@dataclass(frozen=True)
class Story:
    """A problem before it is text."""

    name: str
    things: str
    start: int
    steps: tuple[Step, ...]

    def values(self) -> list[int]:
        """The start and the value after each step, up to the first step that cannot be taken."""
        values = [self.start]
        for step in self.steps:
            if (value := step.apply(values[-1])) is None:
                break
            values.append(value)
        return values

    def is_solvable(self) -> bool:
        return len(self.values()) == len(self.steps) + 1

    def answer(self) -> int:
        return self.values()[-1]

    def sentence(self, step: Step) -> str:
        return WORDING[step.kind][step.wording].format(name=self.name, things=self.things, n=step.n)

    def text(self) -> str:
        steps = " ".join(self.sentence(step) for step in self.steps)
        return f"{self.name} has {self.start} {self.things}. {steps} How many {self.things} does {self.name} have?"

    def is_test(self) -> bool:
        """Whether the hash of the core falls on the test side."""
        core = f"{self.start} " + " ".join(f"{step.kind} {step.n}" for step in self.steps)
        return hashlib.sha256(core.encode()).digest()[0] < 256 * TEST_SHARE


@dataclass(frozen=True)
class Change:
    """A story, a revision of it with another answer, and the update that leads from the revision back."""

    original: Story
    revised: Story
    update: str
    place: int  # 0 for the start, i for the i-th step


def draw(rng: random.Random, test: bool) -> Story:
    """A random solvable story of the test or the training side; no two of its steps are the same."""
    while True:
        story = Story(rng.choice(NAMES), rng.choice(THINGS), rng.randint(*START), ())
        for _ in range(rng.randint(*STEPS)):
            story = replace(story, steps=(*story.steps, _draw_step(rng, story)))
        if story.is_test() == test:
            return story


def _draw_step(rng: random.Random, story: Story) -> Step:
    taken = {(step.kind, step.n) for step in story.steps}
    while True:
        kind = rng.choices(tuple(WORDING), weights=(4, 4, 1, 1, 1))[0]
        n = FACTORS.get(kind) or rng.randint(*CHANGE)
        step = Step(kind, n, rng.randrange(len(WORDING[kind])))
        if (kind, n) not in taken and step.apply(story.answer()) is not None:
            return step


def change(rng: random.Random, original: Story, tries: int = 400) -> Change | None:
    """Alter one number so that the answer changes and the side does not; None if none of `tries` draws does."""
    places = [0] + [i for i, step in enumerate(original.steps, 1) if step.kind in ("add", "subtract")]
    for _ in range(tries):
        place = rng.choice(places)
        revised = _revise(rng, original, place)
        if (
            revised.is_solvable()
            and revised.answer() != original.answer()
            and revised.is_test() == original.is_test()
            and len({(step.kind, step.n) for step in revised.steps}) == len(revised.steps)
        ):
            return Change(original, revised, _way_back(original, revised, place), place)
    return None


def _revise(rng: random.Random, story: Story, place: int) -> Story:
    if place == 0:
        return replace(story, start=rng.randint(*START))
    steps = list(story.steps)
    steps[place - 1] = replace(steps[place - 1], n=rng.randint(*CHANGE))
    return replace(story, steps=tuple(steps))


def _way_back(original: Story, revised: Story, place: int) -> str:
    if place == 0:
        return f"{original.name} has {original.start} {original.things} at the start, not {revised.start}."
    sentence = original.sentence(original.steps[place - 1]).rstrip(".")
    return f"{sentence}, not {revised.steps[place - 1].n}."


def false_update(story: Story) -> str:
    """An update that states a wrong sum of the story's own numbers, so that it must not be believed."""
    before, after = story.values()[:2]
    step = story.steps[0]
    sign = {"add": "+", "subtract": "-", "halve": "/"}.get(step.kind, "*")
    return f"{before} {sign} {step.n} is {after + 1 if after < MAX_VALUE else after - 1}, not {after}."


def noop_update(story: Story) -> str:
    """An update that repeats the story's first sentence."""
    return f"{story.name} has {story.start} {story.things} at the start."


def stories(n: int, seed: int = SEED) -> Iterator[tuple[str, Change]]:
    """`n` test stories by problem id, each with a revision; the first k are the same for every n."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < n:
        story = draw(rng, test=True)
        made = change(random.Random(story.text()), story)
        if story.text() not in seen and made is not None:
            yield f"tiny/{len(seen):04d}", made
            seen.add(story.text())


def problems(n: int, seed: int = SEED) -> list[dict[str, str]]:
    """The first `n` problems of the benchmark, as rows of the problems table."""
    return [
        {
            "problem_id": problem_id,
            "problem": made.original.text(),
            "answer": str(made.original.answer()),
            "difficulty": f"{len(made.original.steps)} steps",
        }
        for problem_id, made in stories(n, seed)
    ]
