"""Progress of a long run on stderr: a tqdm bar on a terminal, a line every 30 seconds in a log.

Both are plain text in a notebook too, so that they leave no widget in the stored outputs.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any, Self

from tqdm import tqdm

PROGRESS = "MIDTHOUGHT_PROGRESS"  # `bar` or `lines`: a notebook's kernel does not see the terminal that it writes to
EVERY = 30.0  # seconds between two lines of a log
BRIEF = 5.0  # seconds up to which a run gets no bar and no last line


def bar(total: int, unit: str, name: str = "") -> "tqdm | LogLines":
    """A progress bar, a context manager with `update(n)` as of tqdm; of the unit B, `total` counts bytes."""
    if not is_interactive():
        return LogLines(total, unit, name)
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


def completions(total: int, done: Iterable[Any], name: str = "") -> Iterator[Any]:
    """Pass an engine's completions through, and show how many of `total` have come and their tokens per second.

    The clock starts with the first, before which a model may have had to be loaded.
    """
    tokens, started = 0, 0.0
    with bar(total, "request", name) as progress:
        for one in done:
            if progress.n:
                tokens += len(one.token_ids)
            else:
                started = time.monotonic()
                progress.unpause()
            rate = tokens / max(time.monotonic() - started, 1e-3)
            progress.set_postfix_str(f"{rate:,.0f} tokens/s", refresh=False)
            progress.update()
            yield one
        progress.total = progress.n


def is_interactive() -> bool:
    """Whether a line can be drawn over: on a terminal, and in a notebook that somebody has opened."""
    if PROGRESS in os.environ:
        return os.environ[PROGRESS] == "bar"
    return sys.stderr.isatty() or type(sys.stderr).__module__ == "ipykernel.iostream"


class LogLines:
    """A progress bar for logs, with tqdm's interface. Its clock starts with the first update."""

    def __init__(self, total: int, unit: str, name: str = ""):
        self.total, self.unit, self.name, self.n = total, unit, name, 0
        self._postfix, self._first, self._started, self._printed, self._lock = "", 0, 0.0, 0.0, Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, *rest: object) -> None:
        seconds = time.monotonic() - self._started
        if self.n and kind is None and seconds > BRIEF:
            self._print(f"{_amount(self.n, self.unit)} in {tqdm.format_interval(seconds)}")

    def update(self, n: int = 1) -> None:
        """Count `n` more; threads may share a bar."""
        with self._lock:
            now = time.monotonic()
            if not self.n:
                self._first, self._started, self._printed = n, now, now
            self.n += n
            if now - self._printed < EVERY:
                return
            self._printed = now
            since, left = self.n - self._first, ""
            if since:
                seconds = max(0, self.total - self.n) * (now - self._started) / since
                left = f", {tqdm.format_interval(seconds)} left"
            done = _amount(self.n, self.unit) if self.unit == "B" else f"{self.n:,}"
            self._print(f"{done} of {_amount(self.total, self.unit)}{left}")

    def set_postfix_str(self, text: str, refresh: bool = False) -> None:
        self._postfix = f", {text}"

    def unpause(self) -> None:
        pass

    def _print(self, message: str) -> None:
        print(f"{self.name}: {message}{self._postfix}".removeprefix(": "), file=sys.stderr, flush=True)


def _amount(n: int, unit: str) -> str:
    return tqdm.format_sizeof(n, "B") if unit == "B" else f"{n:,} {unit}{'' if n == 1 else 's'}"
