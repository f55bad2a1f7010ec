"""Tasks of two to four steps on a list, wrong solutions of them, and revisions with the update that leads back."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

VERBS = ("make", "shape", "clean", "change", "build", "find", "get", "filter", "order", "solve")
NOUNS = ("Items", "List", "Numbers", "Values", "Result")
METHODS = tuple(verb + noun for verb in VERBS for noun in NOUNS)
STEPS = (2, 4)
METHOD_SHARE = 1 / 2
TEST_SHARE = 1 / 4
INPUT = (-9, 40)  # range of the numbers in test inputs
LENGTH = (5, 10)
MANY, FEW, NONE = range(2, 21), range(2, 6), range(0)


@dataclass(frozen=True)
class Kind:
    """One kind of step; `{n}` stands for its number, which is one of `numbers` if it has any."""

    short: str
    code: str
    wordings: tuple[str, str]
    numbers: range = NONE


KINDS = {
    "double": Kind("double", "[x * 2 for x in items]", ("double every item", "multiply every item by 2")),
    "triple": Kind("triple", "[x * 3 for x in items]", ("triple every item", "multiply every item by 3")),
    "add": Kind(
        "add {n}", "[x + {n} for x in items]", ("add {n} to every item", "make every item larger by {n}"), MANY
    ),
    "subtract": Kind(
        "subtract {n}",
        "[x - {n} for x in items]",
        ("subtract {n} from every item", "make every item smaller by {n}"),
        MANY,
    ),
    "drop below": Kind(
        "drop below {n}",
        "[x for x in items if x >= {n}]",
        ("drop the items below {n}", "remove all items less than {n}"),
        MANY,
    ),
    "drop above": Kind(
        "drop above {n}",
        "[x for x in items if x <= {n}]",
        ("drop the items above {n}", "remove all items larger than {n}"),
        MANY,
    ),
    "keep above": Kind(
        "keep above {n}",
        "[x for x in items if x > {n}]",
        ("keep only the items above {n}", "keep the items larger than {n}"),
        MANY,
    ),
    "keep below": Kind(
        "keep below {n}",
        "[x for x in items if x < {n}]",
        ("keep only the items below {n}", "keep the items less than {n}"),
        MANY,
    ),
    "even": Kind("keep even", "[x for x in items if x % 2 == 0]", ("keep only the even items", "drop the odd items")),
    "odd": Kind("keep odd", "[x for x in items if x % 2 == 1]", ("keep only the odd items", "drop the even items")),
    "reverse": Kind("reverse", "items[::-1]", ("reverse the list", "reverse the order of the items")),
    "sort": Kind("sort", "sorted(items)", ("sort the list", "sort the items from small to large")),
    "sort down": Kind(
        "sort down", "sorted(items)[::-1]", ("sort the list in descending order", "sort the items from large to small")
    ),
    "first": Kind(
        "keep first {n}", "items[:{n}]", ("keep the first {n} items", "drop all but the first {n} items"), FEW
    ),
    "skip": Kind("drop first {n}", "items[{n}:]", ("drop the first {n} items", "remove {n} items from the start"), FEW),
    "unique": Kind(
        "remove duplicates", "list(dict.fromkeys(items))", ("remove duplicates", "keep only the first of equal items")
    ),
}
# Kinds that are easily confused; a problem has at most one of each family.
FAMILIES = (
    ("double", "triple"),
    ("add", "subtract"),
    ("drop below", "keep above"),
    ("drop above", "keep below"),
    ("even", "odd"),
    ("sort", "sort down", "reverse"),
    ("first", "skip"),
    ("unique",),
)


@dataclass(frozen=True)
class Step:
    """One step of a problem: its kind, its number (0 where it has none), and which of the kind's wordings it uses."""

    kind: str
    n: int = 0
    wording: int = 0

    def text(self) -> str:
        return KINDS[self.kind].wordings[self.wording].format(n=self.n)

    def short(self) -> str:
        return KINDS[self.kind].short.format(n=self.n)

    def code(self) -> str:
        """The Python expression for the new list, in terms of `items`."""
        return KINDS[self.kind].code.format(n=self.n)

    def apply(self, items: list[int]) -> list[int]:
        return _function(self.code())(items)

    def family(self) -> tuple[str, ...]:
        return next(kinds for kinds in FAMILIES if self.kind in kinds)


@cache
def _function(code: str) -> Callable[[list[int]], list[int]]:
    return eval(f"lambda items: {code}")  # an expression of KINDS, never of a model


def draw_step(rng: random.Random, taken: tuple[Step, ...] = ()) -> Step:
    """A random step of a family that none of `taken` is of."""
    used = {kind for step in taken for kind in step.family()}
    name = rng.choice([name for name in KINDS if name not in used])
    kind = KINDS[name]
    return Step(name, rng.choice(kind.numbers) if kind.numbers else 0, rng.randrange(len(kind.wordings)))


def variations(step: Step) -> list[Step]:
    """Steps that a careless reader may confuse with this one: a nearby number, or another kind of its family."""
    nearby = [replace(step, n=step.n + by) for by in (-1, 1, 5)] if KINDS[step.kind].numbers else []
    return nearby + [replace(step, kind=kind) for kind in step.family() if kind != step.kind]


@dataclass(frozen=True)
class Task:
    """A problem before it is text: its steps, and the method that is asked for (None: a program)."""

    steps: tuple[Step, ...]
    method: str | None = None

    def run(self, items: list[int]) -> list[int]:
        for step in self.steps:
            items = step.apply(items)
        return items

    def text(self) -> str:
        steps = "".join(f"{i}. {step.text()}\n" for i, step in enumerate(self.steps, 1))
        if self.method:
            return f"You are given a list of numbers. Do these steps:\n{steps}Return the list."
        return f"Read one line of numbers. Do these steps:\n{steps}Print the list on one line."

    def head(self) -> str:
        """The code of a solution before its steps."""
        if self.method:
            return f"class Solution:\n    def {self.method}(self, items: list[int]) -> list[int]:\n"
        return "items = list(map(int, input().split()))\n"

    def indent(self) -> str:
        return " " * 8 if self.method else ""

    def tail(self) -> str:
        """The code of a solution after its steps."""
        return self.indent() + ("return items" if self.method else "print(*items)")

    def starter_code(self) -> str | None:
        return self.head() + self.indent() if self.method else None

    def solution(self) -> str:
        """A correct program."""
        lines = (f"{self.indent()}items = {step.code()}\n" for step in self.steps)
        return self.head() + "".join(lines) + self.tail()

    def is_test(self) -> bool:
        """Whether the hash of the core (steps and numbers, without wording and names) falls on the test side."""
        core = ", ".join(f"{step.kind} {step.n}" for step in self.steps)
        return hashlib.sha256(core.encode()).digest()[0] < 256 * TEST_SHARE

    def is_sensible(self) -> bool:
        """Whether every step makes a difference."""
        return all(differ(self, shorter, PROBES) for shorter in self.shortened())

    def shortened(self) -> list["Task"]:
        """The task without one of its steps, for each step."""
        return [replace(self, steps=self.steps[:i] + self.steps[i + 1 :]) for i in range(len(self.steps))]

    def with_step(self, place: int, step: Step) -> "Task":
        return replace(self, steps=(*self.steps[:place], step, *self.steps[place + 1 :]))

    def swapped(self, i: int, j: int) -> "Task":
        """The task with two of its steps in each other's place."""
        return self.with_step(i, self.steps[j]).with_step(j, self.steps[i])


def draw_inputs(rng: random.Random, n: int) -> list[list[int]]:
    """Input lists for tests, most of them with repeated items."""
    lists = [[rng.randint(*INPUT) for _ in range(rng.randint(*LENGTH))] for _ in range(n)]
    for items in lists:
        for item in rng.sample(items, 2):
            items.insert(rng.randrange(len(items)), item)
    return lists


PROBES = draw_inputs(random.Random(0), 24)


def differ(one: Task, other: Task, lists: list[list[int]]) -> bool:
    """Whether two tasks give different results for any of the lists."""
    return any(one.run(items) != other.run(items) for items in lists)


def draw(rng: random.Random, test: bool) -> Task:
    """A random sensible task of the test or the training side; no two of its steps are of one family."""
    while True:
        steps: tuple[Step, ...] = ()
        for _ in range(rng.randint(*STEPS)):
            steps = (*steps, draw_step(rng, steps))
        task = Task(steps, rng.choice(METHODS) if rng.random() < METHOD_SHARE else None)
        if task.is_test() == test and task.is_sensible():
            return task


def mutants(task: Task) -> list[Task]:
    """Plausibly wrong solutions: another number, comparison or kind, a step left out, two steps swapped."""
    places = range(len(task.steps))
    varied = [task.with_step(i, step) for i in places for step in variations(task.steps[i])]
    return [*varied, *task.shortened(), *(task.swapped(i, j) for j in places for i in range(j))]


@dataclass(frozen=True)
class Change:
    """A task, a revision of it with another solution, and the update that leads from the revision back."""

    original: Task
    revised: Task
    update: str
    kind: str  # constant, order or name
    place: int = 0  # the step that changes, or the first of two


def change(rng: random.Random, original: Task, lists: list[list[int]] = PROBES, tries: int = 60) -> Change | None:
    """Alter a number, the order of two steps, or the name; None if none of `tries` draws does.

    The revision is on the same side of the train/test split, and a correct solution of it fails on one of `lists`.
    """
    ways = {"constant": _other_number, "order": _other_order, "name": _other_name}
    for _ in range(tries):
        kind = rng.choices(tuple(ways), weights=(2, 1, 1))[0]
        made = ways[kind](rng, original)
        if made and made.revised.is_test() == original.is_test() and _is_necessary(made, lists):
            return made
    return None


def _is_necessary(made: Change, lists: list[list[int]]) -> bool:
    return made.original.method != made.revised.method or differ(made.original, made.revised, lists)


def _other_number(rng: random.Random, original: Task) -> Change | None:
    places = [i for i, step in enumerate(original.steps) if KINDS[step.kind].numbers]
    if not places:
        return None
    place = rng.choice(places)
    step = original.steps[place]
    n = rng.choice([n for n in KINDS[step.kind].numbers if n != step.n])
    text = step.text()
    update = f"{text[0].upper()}{text[1:]}, not {n}."
    return Change(original, original.with_step(place, replace(step, n=n)), update, "constant", place)


def _other_order(rng: random.Random, original: Task) -> Change:
    place = rng.randrange(len(original.steps) - 1)
    first, second = (step.text() for step in original.steps[place : place + 2])
    return Change(original, original.swapped(place, place + 1), f"First {first}, then {second}.", "order", place)


def _other_name(rng: random.Random, original: Task) -> Change | None:
    if original.method is None:
        return None
    name = rng.choice([name for name in METHODS if name != original.method])
    update = f"The method is called {original.method}, not {name}."
    return Change(original, replace(original, method=name), update, "name")


def false_update(task: Task, items: list[int]) -> str:
    """An update that states a wrong result for `items`, so that it must not be believed."""
    right = task.run(items)
    wrong = [*right[:-1], right[-1] + 1] if right else items[:1]
    return f"For {_listed(items)} the result is {_listed(wrong)}, not {_listed(right)}."


def noop_update(task: Task) -> str:
    """An update that repeats the problem's first step."""
    return f"The first step is to {task.steps[0].text()}."


def _listed(items: list[int]) -> str:
    return ", ".join(map(str, items)) or "no items"
