"""Changes: revisions of a task that other programs solve, and the news that leads back, or should not be believed."""

import random
from dataclasses import dataclass, replace

from lib.problems.tiny_code.steps import KINDS
from lib.problems.tiny_code.task import METHODS, PROBES, Task, differ


@dataclass(frozen=True)
class Change:
    """A task, a revision of it that other programs solve, and the sentence that leads from the revision back."""

    original: Task
    revised: Task
    update: str
    kind: str  # constant, order or name
    place: int = 0  # the step that changes, or the first of two


def change(rng: random.Random, original: Task, lists: list[list[int]] = PROBES, tries: int = 60) -> Change | None:
    """Alter a number, the order of two steps or the name, on the same side; None if no draw of `tries` does.

    A right solution of the revision must fail on one of `lists`.
    """
    ways = {"constant": _other_number, "order": _other_order, "name": _other_name}
    for _ in range(tries):
        kind = rng.choices(tuple(ways), weights=(2, 1, 1))[0]
        made = ways[kind](rng, original)
        if made and made.revised.is_test() == original.is_test() and is_necessary(made, lists):
            return made
    return None


def is_necessary(made: Change, lists: list[list[int]]) -> bool:
    """Whether a right solution of the revised problem is wrong for the original one."""
    return made.original.method != made.revised.method or differ(made.original, made.revised, lists)


def _other_number(rng: random.Random, original: Task) -> Change | None:
    places = [i for i, step in enumerate(original.steps) if KINDS[step.kind].numbers]
    if not places:
        return None
    place = rng.choice(places)
    step = original.steps[place]
    n = rng.choice([n for n in KINDS[step.kind].numbers if n != step.n])
    steps = (*original.steps[:place], replace(step, n=n), *original.steps[place + 1 :])
    told = step.told()
    revised = replace(original, steps=steps)
    return Change(original, revised, f"{told[0].upper()}{told[1:]}, not {n}.", "constant", place)


def _other_order(rng: random.Random, original: Task) -> Change:
    place = rng.randrange(len(original.steps) - 1)
    first, second = (step.told() for step in original.steps[place : place + 2])
    revised = original.swapped(place, place + 1)
    return Change(original, revised, f"First {first}, then {second}.", "order", place)


def _other_name(rng: random.Random, original: Task) -> Change | None:
    if original.method is None:
        return None
    name = rng.choice([name for name in METHODS if name != original.method])
    revised = replace(original, method=name)
    return Change(original, revised, f"The method is called {original.method}, not {name}.", "name")


def false_news(task: Task, items: list[int]) -> str:
    """A wrong result for given items: news that contradicts the problem, so that it must not be believed."""
    right = task.run(items)
    wrong = [*right[:-1], right[-1] + 1] if right else items[:1]
    return f"For {_listed(items)} the result is {_listed(wrong)}, not {_listed(right)}."


def known_news(task: Task) -> str:
    """What the problem says of its first step."""
    return f"The first step is to {task.steps[0].told()}."


def _listed(items: list[int]) -> str:
    return ", ".join(map(str, items)) or "no items"
