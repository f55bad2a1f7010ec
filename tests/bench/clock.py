"""Time: works measured in turns, so that what else the machine does falls on all of them alike."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from lib import paths

Work = Callable[[int], object]  # is told the number of its run, 0 for the one that only warms up


def seconds(work: Callable[[], object]) -> float:
    """What a call takes on the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(works: Mapping[str, Work], runs: int, warm: bool = True) -> dict[str, tuple[float, ...]]:
    """Seconds of each work in each run; every run does each work once, in an order that turns from run to run.

    Args:
        works: by name.
        runs: how many count.
        warm: whether a first run, number 0, is made and not counted.
    """
    took: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(0 if warm else 1, runs + 1):
        names = list(works) if turn % 2 else list(works)[::-1]
        for name in names:
            spent = seconds(lambda name=name, turn=turn: works[name](turn))
            if turn:
                took[name].append(spent)
    return {name: tuple(spent) for name, spent in took.items()}


def in_process(folder: str, *arguments: str) -> str:
    """What Python prints with these arguments, in a process whose outputs go into `folder`.

    Raises:
        RuntimeError: it failed; with the last line of what it said.
    """
    env = os.environ | {paths.OUTPUTS_VARIABLE: folder}
    done = subprocess.run([sys.executable, *arguments], cwd=paths.ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{arguments[0]}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def sized(count: int, size: float, least: int = 1) -> int:
    """A count at a share of its usual size."""
    return max(least, round(count * size))


def middle(took: Sequence[float]) -> str:
    """The median, in seconds."""
    return f"{statistics.median(took):.1f} s"
