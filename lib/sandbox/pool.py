"""Many programs at once: as many sandboxes as there are cores, each with a thread that compares what comes back."""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lib import progress_bar
from lib.problems import code_tests
from lib.problems.code_tests import TestsError
from lib.sandbox.box import Box, Limits
from lib.sandbox.verdict import Runner, Verdict, run
from lib.sandbox.walls import best


def run_all(
    pairs: Sequence[tuple[str | None, Any]],
    workers: int | None = None,
    profile: str = "exact",
    limits: Limits | None = None,
    allow_unsafe: bool = False,
    open_runner: Callable[[], Runner] | None = None,
) -> list[Verdict]:
    """Verdicts on pairs of a program and its tests, in their order; a pair of equal code and the same tests runs once.

    Args:
        workers: sandboxes at a time, by default one per usable core; verdicts do not depend on it.
        allow_unsafe: whether to go on with the walls there are, where too few can be had.
        open_runner: makes what runs programs in place of a sandbox; called once for each worker.

    Raises:
        SandboxError: nothing here is safe enough to run code in.
        ValueError: an unknown profile.
    """
    keys = [(code, tests if isinstance(tests, str) else id(tests)) for code, tests in pairs]
    distinct = dict(zip(keys, pairs, strict=True))
    if any(code for code, _ in distinct) and open_runner is None:
        walls = best(allow_unsafe)
        open_runner = lambda: Box(walls)  # noqa: E731
    count = max(1, min(workers or len(os.sched_getaffinity(0)), len(distinct)))
    own, runners = threading.local(), []
    tests_of = {key[1]: tests for key, (_, tests) in distinct.items()}

    @functools.lru_cache(2 * count)  # tests are large: few at a time, and once for the programs of one problem
    def read(key: str | int) -> Any:
        return _read(tests_of[key])

    def start() -> None:
        own.runner = open_runner() if open_runner else None
        runners.append(own.runner)

    def one(key: tuple[str | None, str | int]) -> Verdict:
        return run(key[0], read(key[1]), limits, profile, own.runner)

    pool = ThreadPoolExecutor(count, initializer=start)
    try:
        with progress_bar.bar(len(distinct), "program") as bar:
            verdicts = {}
            for key, verdict in zip(distinct, pool.map(one, distinct), strict=True):
                verdicts[key] = verdict
                bar.update()
        return [verdicts[key] for key in keys]
    finally:
        pool.shutdown(cancel_futures=True)
        for runner in filter(None, runners):
            runner.close()


def _read(tests: Any) -> Any:
    """Tests as read; left as they are if reading them takes the program, or they cannot be read."""
    try:
        return code_tests.read_tests(tests)
    except TestsError:
        return tests
