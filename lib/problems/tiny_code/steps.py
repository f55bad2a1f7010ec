"""Steps of the generated programming problems: how each is told, how Python writes it, and what it does to a list."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

MANY, FEW, NONE = range(2, 21), range(2, 6), range(0)


@dataclass(frozen=True)
class Kind:
    """One kind of step; `{n}` stands for its number, which is one of `numbers`, if it has any."""

    told: tuple[str, ...]
    short: str
    code: str
    apply: Callable[[list[int], int], list[int]]
    numbers: range = NONE


KINDS = {
    "double": Kind(
        ("double every item", "multiply every item by 2"),
        "double",
        "[x * 2 for x in items]",
        lambda items, n: [x * 2 for x in items],
    ),
    "triple": Kind(
        ("triple every item", "multiply every item by 3"),
        "triple",
        "[x * 3 for x in items]",
        lambda items, n: [x * 3 for x in items],
    ),
    "add": Kind(
        ("add {n} to every item", "make every item larger by {n}"),
        "add {n}",
        "[x + {n} for x in items]",
        lambda items, n: [x + n for x in items],
        MANY,
    ),
    "subtract": Kind(
        ("subtract {n} from every item", "make every item smaller by {n}"),
        "subtract {n}",
        "[x - {n} for x in items]",
        lambda items, n: [x - n for x in items],
        MANY,
    ),
    "drop below": Kind(
        ("drop the items below {n}", "remove all items less than {n}"),
        "drop below {n}",
        "[x for x in items if x >= {n}]",
        lambda items, n: [x for x in items if x >= n],
        MANY,
    ),
    "drop above": Kind(
        ("drop the items above {n}", "remove all items larger than {n}"),
        "drop above {n}",
        "[x for x in items if x <= {n}]",
        lambda items, n: [x for x in items if x <= n],
        MANY,
    ),
    "keep above": Kind(
        ("keep only the items above {n}", "keep the items larger than {n}"),
        "keep above {n}",
        "[x for x in items if x > {n}]",
        lambda items, n: [x for x in items if x > n],
        MANY,
    ),
    "keep below": Kind(
        ("keep only the items below {n}", "keep the items less than {n}"),
        "keep below {n}",
        "[x for x in items if x < {n}]",
        lambda items, n: [x for x in items if x < n],
        MANY,
    ),
    "even": Kind(
        ("keep only the even items", "drop the odd items"),
        "keep even",
        "[x for x in items if x % 2 == 0]",
        lambda items, n: [x for x in items if x % 2 == 0],
    ),
    "odd": Kind(
        ("keep only the odd items", "drop the even items"),
        "keep odd",
        "[x for x in items if x % 2 == 1]",
        lambda items, n: [x for x in items if x % 2 == 1],
    ),
    "reverse": Kind(
        ("reverse the list", "reverse the order of the items"),
        "reverse",
        "items[::-1]",
        lambda items, n: items[::-1],
    ),
    "sort": Kind(
        ("sort the list", "sort the items from small to large"),
        "sort",
        "sorted(items)",
        lambda items, n: sorted(items),
    ),
    "sort down": Kind(
        ("sort the list in descending order", "sort the items from large to small"),
        "sort down",
        "sorted(items)[::-1]",
        lambda items, n: sorted(items)[::-1],
    ),
    "first": Kind(
        ("keep the first {n} items", "drop all but the first {n} items"),
        "keep first {n}",
        "items[:{n}]",
        lambda items, n: items[:n],
        FEW,
    ),
    "skip": Kind(
        ("drop the first {n} items", "remove {n} items from the start"),
        "drop first {n}",
        "items[{n}:]",
        lambda items, n: items[n:],
        FEW,
    ),
    "unique": Kind(
        ("remove duplicates", "keep only the first of equal items"),
        "remove duplicates",
        "list(dict.fromkeys(items))",
        lambda items, n: list(dict.fromkeys(items)),
    ),
}
# Kinds that are taken for each other, and of which a problem has one at most.
LIKE = (
    ("double", "triple"),
    ("add", "subtract"),
    ("drop below", "keep above"),
    ("drop above", "keep below"),
    ("even", "odd"),
    ("sort", "sort down", "reverse"),
    ("first", "skip"),
    ("unique",),
)
FAMILIES = {kind: kinds[0] for kinds in LIKE for kind in kinds}


@dataclass(frozen=True)
class Step:
    """One step of a problem: its kind, its number (0 where it has none), and in which of the kind's wordings."""

    kind: str
    n: int = 0
    wording: int = 0

    def apply(self, items: list[int]) -> list[int]:
        return KINDS[self.kind].apply(items, self.n)

    def told(self) -> str:
        return KINDS[self.kind].told[self.wording].format(n=self.n)

    def short(self) -> str:
        return KINDS[self.kind].short.format(n=self.n)

    def code(self) -> str:
        """The expression for the new list."""
        return KINDS[self.kind].code.format(n=self.n)


def draw_step(rng: random.Random, taken: set[str]) -> Step:
    """A random step of a family that is not taken."""
    kind = rng.choice([kind for kind in KINDS if FAMILIES[kind] not in taken])
    found = KINDS[kind]
    return Step(kind, rng.choice(found.numbers) if found.numbers else 0, rng.randrange(len(found.told)))


def variations(step: Step) -> list[Step]:
    """Steps that a careless reader takes for this one: a number nearby, or a like kind."""
    nearby = [replace(step, n=step.n + by) for by in (-1, 1, 5)] if KINDS[step.kind].numbers else []
    like = next(kinds for kinds in LIKE if step.kind in kinds)
    return nearby + [replace(step, kind=kind) for kind in like if kind != step.kind]
