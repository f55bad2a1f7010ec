"""How far a run is, shown on stderr: a bar on a terminal, lines in a log.

Both are plain text in a notebook too, so that they leave no widget in the stored outputs.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from tqdm import tqdm

PROGRESS = "MIDTHOUGHT_PROGRESS"  # `bar` or `lines`: a notebook's kernel does not see the terminal that it writes to
EVERY = 30.0  # seconds between two lines of a log
BRIEF = 5.0  # seconds up to which the end of a run is not worth one


def progress(total: int, completions: Iterable[Any], name: str = "") -> Iterator[Any]:
    """Pass completions through and show how many are done, the time left and tokens per second.

    The clock starts with the first, as the model may have had to be loaded for it. What a run before has answered
    already never comes by, so that the end may come early.

    Args:
        total: requests that there are at most.
        completions: with `token_ids`.
        name: what a line of a log begins with, as several runs may write into it.
    """
    return (_bar if _draws() else _lines)(total, completions, name)


def _draws() -> bool:
    """Whether a line can be drawn over: on a terminal, and in a notebook that somebody has opened."""
    if PROGRESS in os.environ:
        return os.environ[PROGRESS] == "bar"
    return sys.stderr.isatty() or type(sys.stderr).__module__ == "ipykernel.iostream"


def _bar(total: int, completions: Iterable[Any], name: str) -> Iterator[Any]:
    tokens = 0
    with tqdm(
        total=total, unit="request", mininterval=2, file=sys.stderr, dynamic_ncols=True, disable=not total
    ) as bar:
        for done in completions:
            if bar.n:
                tokens += len(done.token_ids)
            else:
                bar.unpause()
            bar.set_postfix_str(f"{tokens / max(bar.format_dict['elapsed'], 1e-3):,.0f} tokens/s", refresh=False)
            bar.update()
            yield done
        bar.total = bar.n


def _lines(total: int, completions: Iterable[Any], name: str) -> Iterator[Any]:
    count = tokens = 0
    begun = told = 0.0
    for done in completions:
        now = time.monotonic()
        if not count:
            begun = told = now
        else:
            tokens += len(done.token_ids)
        count += 1
        if now - told >= EVERY:
            told = now
            left = f", {_clock((total - count) * (now - begun) / (count - 1))} left" if count > 1 else ""
            _tell(f"{name}: {count:,} of {total:,} requests{left}, {_rate(tokens, now - begun)}")
        yield done
    gone = time.monotonic() - begun
    if count and gone > BRIEF:
        _tell(f"{name}: {count:,} requests answered in {_clock(gone)}, {_rate(tokens, gone)}")


def _rate(tokens: int, seconds: float) -> str:
    return f"{tokens / max(seconds, 1e-3):,.0f} tokens/s"


def _clock(seconds: float) -> str:
    return tqdm.format_interval(seconds)


def _tell(message: str) -> None:
    print(message.removeprefix(": "), file=sys.stderr, flush=True)
