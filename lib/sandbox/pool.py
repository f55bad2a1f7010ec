"""Pool of sandboxes: as many as there are cores, each with a thread that compares what comes back."""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lib import progress_bar
from lib.problems import code_tests
from lib.problems.code_tests import TestsError
from lib.sandbox.box import Box, DiedError, Limits, best
from lib.sandbox.verdict import Runner, Verdict, judge, run


def run_all(
    pairs: Sequence[tuple[str | None, Any]],
    workers: int | None = None,
    profile: str = "exact",
    limits: Limits | None = None,
    allow_unsafe: bool = False,
    open_runner: Callable[[], Runner] | None = None,
) -> list[Verdict]:
    """Verdicts on pairs of a program and its tests, in their order; errors as of `run`.

    What came from outside a program may have come from the others beside it: it runs again, alone, at the end.

    Args:
        workers: sandboxes at a time, by default one per usable core; verdicts do not depend on it.
        allow_unsafe: whether to go on with the walls there are, where too few can be had.
        open_runner: makes what runs programs in place of a sandbox; called once for each worker.
    """
    if open_runner is None and any(code for code, _ in pairs):
        open_runner = functools.partial(Box, best(allow_unsafe))
    count = max(1, min(workers or len(os.sched_getaffinity(0)), len(pairs)))
    own, runners = threading.local(), []
    first: dict[int, int] = {}
    places = [first.setdefault(id(tests), i) for i, (_, tests) in enumerate(pairs)]

    @functools.lru_cache(2 * count)  # tests are large: few at a time, and once for the programs of one problem
    def read(place: int) -> Any:
        return _read(pairs[place][1])

    def start() -> None:
        own.runner = open_runner() if open_runner else None
        runners.append(own.runner)

    def one(i: int) -> Verdict | None:
        try:
            return judge(pairs[i][0], read(places[i]), limits, profile, own.runner, is_last=False)
        except DiedError:
            return None

    pool = ThreadPoolExecutor(count, initializer=start)
    try:
        verdicts = []
        with progress_bar.bar(len(pairs), "program") as bar:
            for verdict in pool.map(one, range(len(pairs))):
                verdicts.append(verdict)
                bar.update()
        return [
            verdict or run(pairs[i][0], read(places[i]), limits, profile, runners[0])
            for i, verdict in enumerate(verdicts)
        ]
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
