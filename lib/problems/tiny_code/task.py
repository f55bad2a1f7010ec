"""Tasks: a few steps on a list, asked for as a method or as a program, and how they are drawn and told apart."""

import hashlib
import random
from dataclasses import dataclass, replace

from lib.problems.tiny_code.steps import FAMILIES, Step, draw_step, variations

VERBS = ("make", "shape", "clean", "change", "build", "find", "get", "filter", "order", "solve")
NOUNS = ("Items", "List", "Numbers", "Values", "Result")
METHODS = tuple(verb + noun for verb in VERBS for noun in NOUNS)
STEPS = (2, 4)
METHOD_SHARE = 1 / 2
TEST_SHARE = 1 / 4
INPUT = (-9, 40)  # numbers in test inputs
LENGTH = (5, 10)


@dataclass(frozen=True)
class Task:
    """A problem before it is text: its steps, and the method that is asked for, or None for a program."""

    steps: tuple[Step, ...]
    method: str | None = None

    def run(self, items: list[int]) -> list[int]:
        for step in self.steps:
            items = step.apply(items)
        return items

    def text(self) -> str:
        steps = "".join(f"{i}. {step.told()}\n" for i, step in enumerate(self.steps, 1))
        if self.method:
            return f"You are given a list of numbers. Do these steps:\n{steps}Return the list."
        return f"Read one line of numbers. Do these steps:\n{steps}Print the list on one line."

    def head(self) -> str:
        """What stands before the steps in a solution."""
        if self.method:
            return f"class Solution:\n    def {self.method}(self, items: list[int]) -> list[int]:\n"
        return "items = list(map(int, input().split()))\n"

    def indent(self) -> str:
        return " " * 8 if self.method else ""

    def tail(self) -> str:
        """What stands after the steps in a solution."""
        return self.indent() + ("return items" if self.method else "print(*items)")

    def starter_code(self) -> str | None:
        return self.head() + self.indent() if self.method else None

    def solution(self) -> str:
        """A program that is right."""
        lines = (f"{self.indent()}items = {step.code()}\n" for step in self.steps)
        return self.head() + "".join(lines) + self.tail()

    def is_test(self) -> bool:
        """Whether the core falls on the test side."""
        core = ", ".join(f"{step.kind} {step.n}" for step in self.steps)
        return hashlib.sha256(core.encode()).digest()[0] < 256 * TEST_SHARE

    def sensible(self) -> bool:
        """Whether no step could be left out."""
        return all(differ(self, without, PROBES) for without in self.shortened())

    def shortened(self) -> list["Task"]:
        return [replace(self, steps=self.steps[:i] + self.steps[i + 1 :]) for i in range(len(self.steps))]

    def swapped(self, i: int, j: int) -> "Task":
        steps = list(self.steps)
        steps[i], steps[j] = steps[j], steps[i]
        return replace(self, steps=tuple(steps))


def inputs(rng: random.Random, n: int) -> list[list[int]]:
    """Lists such as tests use, with repeated items in most."""
    lists = [[rng.randint(*INPUT) for _ in range(rng.randint(*LENGTH))] for _ in range(n)]
    for items in lists:
        for item in rng.sample(items, 2):
            items.insert(rng.randrange(len(items)), item)
    return lists


def differ(one: Task, other: Task, lists: list[list[int]]) -> bool:
    """Whether two tasks give different lists for any of these."""
    return any(one.run(items) != other.run(items) for items in lists)


PROBES = inputs(random.Random(0), 24)


def draw(rng: random.Random, test: bool) -> Task:
    """A random sensible task of the wanted side; no two of its steps are of one family."""
    while True:
        steps: tuple[Step, ...] = ()
        for _ in range(rng.randint(*STEPS)):
            steps = (*steps, draw_step(rng, {FAMILIES[step.kind] for step in steps}))
        task = Task(steps, rng.choice(METHODS) if rng.random() < METHOD_SHARE else None)
        if task.is_test() == test and task.sensible():
            return task


def slips(task: Task) -> list[Task]:
    """Wrong programs of plausible kinds: another number or comparison, a like step, a step lost, two steps swapped."""
    places = range(len(task.steps))
    others = [
        replace(task, steps=(*task.steps[:i], step, *task.steps[i + 1 :]))
        for i in places
        for step in variations(task.steps[i])
    ]
    return [*others, *task.shortened(), *(task.swapped(i, j) for j in places for i in range(j))]
