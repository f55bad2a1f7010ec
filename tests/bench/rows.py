"""A row of the table: what was measured beside what, in how many runs, and how far that is from its limit."""

import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# What the number of a row is, made of what ours and the other took.
KINDS: dict[str, Callable[[float, float], float]] = {
    "ours / other": lambda ours, other: ours / other,
    "other / ours": lambda ours, other: other / ours,
    "ours - other": lambda ours, other: ours - other,
    "ours": lambda ours, other: ours,
    "1 / ours": lambda ours, other: 1 / ours,
}
ALONE = ("ours", "1 / ours")  # these need no other
EXACT = ("tokens", "rows", "MiB")  # units of what is counted and not timed: once is enough
HEADER = ("what", "measured", "spread", "limit", "how far", "runs", "of what")


@dataclass(frozen=True)
class Limit:
    """What is asked of a number: at most, or at least, so much."""

    side: str  # "<=" or ">="
    bound: float

    @classmethod
    def read(cls, text: str) -> "Limit":
        """A limit from a text such as "<= 1.10"; raises ValueError for any other."""
        if not (found := re.fullmatch(r"(<=|>=) (\d+(?:\.\d+)?)", text)):
            raise ValueError(f"limit {text!r}: expected <= or >=, a space and a number")
        return cls(found[1], float(found[2]))

    def met(self, value: float) -> bool:
        """Whether a number is on the right side; the bound itself is."""
        return value <= self.bound if self.side == "<=" else value >= self.bound

    def far(self, value: float) -> str:
        """How far a number is from the bound, in percent of it; of a bound of 0, plainly."""
        state = "met" if self.met(value) else "missed"
        if not self.bound:
            return state if value == 0 else f"{state}, {number(abs(value))} off"
        return f"{state}, {100 * abs(value - self.bound) / self.bound:.0f} % {'to spare' if state == 'met' else 'off'}"


@dataclass(frozen=True)
class Row:
    """One number, with the runs that it comes from: ours and the other's, taken in turns."""

    name: str
    kind: str  # a key of `KINDS`
    unit: str  # of what a run took: s, tokens, MiB, rows
    ours: tuple[float, ...] = ()  # of each run
    other: tuple[float, ...] = ()
    limit: str | None = None  # as `Limit.read` takes it; None: nothing is asked of it
    told: str = ""  # sizes, and what the two sides are
    why: str = ""  # why its limit is missed here, where that is known
    failed: str = ""  # what broke; then there are no runs
    part: str = ""  # of the suite

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.name}: kind {self.kind!r}: expected one of {', '.join(KINDS)}")
        if self.limit is not None:
            Limit.read(self.limit)
        if self.failed:
            return
        if not self.ours or (self.kind not in ALONE and len(self.other) != len(self.ours)):
            raise ValueError(f"{self.name}: {len(self.ours)} and {len(self.other)} runs, expected as many of both")

    @property
    def value(self) -> float:
        """The number, of the medians of both sides."""
        return KINDS[self.kind](statistics.median(self.ours), statistics.median(self.other or (1.0,)))

    @property
    def each(self) -> list[float]:
        """The number run by run."""
        return [KINDS[self.kind](*pair) for pair in zip(self.ours, self.other or (1.0,) * len(self.ours), strict=True)]

    @property
    def is_met(self) -> bool | None:
        """Whether its limit is met; None where there is none, or no number."""
        return None if self.limit is None or self.failed else Limit.read(self.limit).met(self.value)

    def cells(self) -> tuple[str, ...]:
        """The row as texts, in the order of `HEADER`."""
        if self.failed:
            return (self.name, "failed", "", self.limit or "", "", "0", self.failed)
        limit = Limit.read(self.limit) if self.limit else None
        spread = f"{number(min(self.each))} to {number(max(self.each))}" if len(self.ours) > 1 else ""
        far = limit.far(self.value) if limit else ""
        told = "; ".join(filter(None, (self.told, self.why if self.is_met is False else "")))
        return (self.name, number(self.value), spread, self.limit or "", far, str(len(self.ours)), told)

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON, with the medians, the number and its spread beside the runs."""
        told = asdict(self) | {"runs": len(self.ours), "met": self.is_met}
        if self.failed:
            return told
        medians = [statistics.median(side) if side else None for side in (self.ours, self.other)]
        told |= {"median_ours": medians[0], "median_other": medians[1]}
        return told | {"value": self.value, "low": min(self.each), "high": max(self.each)}


def number(value: float) -> str:
    """Three digits that count, and all digits before the point."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    decimals = 2 if abs(value) >= 1 else 3
    return f"{value:.{decimals}f}"


def aligned(rows: Sequence[Row]) -> str:
    """The rows as a table for a terminal."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    widths[-1] = 0
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown, ending in a line break."""
    lines = [HEADER, tuple("---" for _ in HEADER), *(row.cells() for row in rows)]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)
