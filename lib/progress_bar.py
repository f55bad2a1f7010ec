"""How far a long work is, shown on stderr: a bar on a terminal, lines in a log.

Both are plain text in a notebook too, so that they leave no widget in the stored outputs.
"""

import os
import sys
import time
from collections.abc import Callable
from threading import Lock
from typing import Self

from tqdm import tqdm

PROGRESS = "MIDTHOUGHT_PROGRESS"  # `bar` or `lines`: a notebook's kernel does not see the terminal that it writes to
EVERY = 30.0  # seconds between two lines of a log
BRIEF = 5.0  # seconds up to which a work is not worth a bar, nor its end a line


class Lines:
    """What a bar would show, as a line now and then. The clock starts with the first update."""

    def __init__(self, total: int, unit: str, name: str = "", note: Callable[[float], str] | None = None):
        """`name` begins each line, as several works may write into a log; `note` tells more of the seconds gone."""
        self.total, self.unit, self.name, self.note, self.n = total, unit, name, note, 0
        self._first, self._begun, self._told, self._lock = 0, 0.0, 0.0, Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *rest: object) -> None:
        gone = time.monotonic() - self._begun
        if self.n and kind is None and gone > BRIEF:
            self._tell(f"{amount(self.n, self.unit)} in {clock(gone)}", gone)

    def update(self, n: int = 1) -> None:
        """So many more are done; several threads may say so."""
        with self._lock:
            now = time.monotonic()
            if not self.n:
                self._first, self._begun, self._told = n, now, now
            self.n += n
            if now - self._told < EVERY:
                return
            self._told = now
            since, left = self.n - self._first, ""
            if since:
                left = f", {clock(max(0, self.total - self.n) * (now - self._begun) / since)} left"
            done = amount(self.n, self.unit) if self.unit == "B" else f"{self.n:,}"
            self._tell(f"{done} of {amount(self.total, self.unit)}{left}", now - self._begun)

    def _tell(self, message: str, gone: float) -> None:
        note = f", {self.note(gone)}" if self.note else ""
        print(f"{self.name}: {message}{note}".removeprefix(": "), file=sys.stderr, flush=True)


def bar(total: int, unit: str, name: str = "") -> tqdm | Lines:
    """What is told by `update` how many of `total` more are done; a context that ends with the work.

    Args:
        total: how many there are; of the unit B, bytes.
        unit: of one of them.
        name: of the work.
    """
    if not draws():
        return Lines(total, unit, name)
    return tqdm(
        total=total,
        desc=name or None,
        unit=unit,
        unit_scale=unit == "B",
        delay=BRIEF,
        mininterval=1,
        file=sys.stderr,
        dynamic_ncols=True,
        leave=unit != "B",
    )


def draws() -> bool:
    """Whether a line can be drawn over: on a terminal, and in a notebook that somebody has opened."""
    if PROGRESS in os.environ:
        return os.environ[PROGRESS] == "bar"
    return sys.stderr.isatty() or type(sys.stderr).__module__ == "ipykernel.iostream"


def amount(n: int, unit: str) -> str:
    """So many, as a text: 1,200 programs, 3.40MB."""
    return tqdm.format_sizeof(n, "B") if unit == "B" else f"{n:,} {unit}{'' if n == 1 else 's'}"


def clock(seconds: float) -> str:
    """A span of time as minutes and seconds, or hours."""
    return tqdm.format_interval(seconds)
