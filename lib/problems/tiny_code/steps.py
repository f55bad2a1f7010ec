"""Steps of the generated programming problems: their wording, and the expression that applies them to a list."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

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
