"""Code grading: beside a new interpreter for each test, beside bare forks and execs, and with one sandbox and more."""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from lib import grade, sandbox
from tests.bench import clock
from tests.bench.grading import rate, worker_counts
from tests.bench.rows import Row

TESTS = [{"input": f"{n}\n", "output": f"{n + 1}\n", "testtype": "stdin"} for n in range(100)]
# Seconds for each of 300 forks of an interpreter that has imported what a sandbox has, and for each of 60 forks of it
# that become a new interpreter, without even the module site.
FORKS = """
import os, sys, time
from lib.confined import child
out = os.dup(1)
child.warm_up([])
def each(times, become):
    started = time.monotonic()
    for _ in range(times):
        process = os.fork()
        if process == 0: become()
        os.waitpid(process, 0)
    return (time.monotonic() - started) / times
bare = each(300, lambda: os._exit(0))
new = each(60, lambda: os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", "pass"]))
os.write(out, f"{bare} {new}".encode())
"""


def programs(runs: int, size: float) -> Iterator[Row]:
    """Programs of two tests and of a hundred."""
    count, few = clock.sized(300, size, 20), clock.sized(30, size, 4)
    floors: list[tuple[float, float]] = []
    works = {
        "ours": _graded(count, 2),
        "plain": lambda turn: _in_new_interpreters(_programs(few, turn), TESTS[:2]),
        "floors": lambda turn: floors.append(_floors()),  # they tell the time themselves
    }
    took = clock.in_turns(works, runs)
    ours, plain = (tuple(t / n for t in took[name]) for name, n in (("ours", count), ("plain", few)))
    told = f"two tests each, 2 at a time on both sides; {rate(1, ours)}, {rate(1, plain)} by python file.py"
    yield Row("code: python file.py for each test / ours", "other / ours", "s", ours, plain, told=told)
    why = "beside other work, or on a slow core, forks take longer"
    told = f"{count} programs of two tests, 2 sandboxes"
    yield Row("code: programs a second", "1 / ours", "s", ours, (), ">= 150", told, why)
    bare, new = (tuple(seconds) for seconds in zip(*floors[1:], strict=True))
    told = f"a program of two tests forks three times, on 2 cores: {_milliseconds(bare)} bare"
    yield Row("code: ours / bare forks of a warm interpreter", "ours / other", "s", ours, bare, told=told)
    told = f"each test in an interpreter that starts anew and does nothing, on 2 cores: {_milliseconds(new)}"
    yield Row("code: ours / bare forks and execs", "ours / other", "s", ours, new, told=told)
    with _one_sandbox() as box:
        works = {"long": lambda turn: _passed(sandbox.run(f"print(int(input()) + 1)  # {turn}", TESTS, runner=box))}
        long = clock.in_turns(works, runs)["long"]
    yield Row("code: seconds for a program of 100 tests", "ours", "s", long, (), "<= 0.3", "one sandbox", why)


def scaling(runs: int, size: float) -> Iterator[Row]:
    """Programs in one sandbox and in more, as far as there are cores."""
    count = clock.sized(100, size, 10)
    for workers in worker_counts():
        took = clock.in_turns({"one": _graded(count, 1, "one"), "more": _graded(count, workers, "more")}, runs)
        told = f"{count} programs of two tests; with one {rate(count, took['one'])}, with {workers} "
        told += rate(count, took["more"])
        name = f"workers: code in 1 sandbox / in {workers}"
        yield Row(name, "other / ours", "s", took["more"], took["one"], told=told)


def _programs(count: int, mark: object) -> list[str]:
    return [f"print(int(input()) + 1)  # {mark} {n}" for n in range(count)]


def _graded(count: int, workers: int, mark: str = "") -> clock.Work:
    def work(turn: int) -> None:
        frame = pd.DataFrame({"code": _programs(count, f"{mark}{turn}"), "tests": [TESTS[:2]] * count})
        assert grade.code(frame, workers=workers)["passed"].all()

    return work


def _passed(verdict: sandbox.Verdict) -> None:
    assert verdict.passed, verdict.reason


def _in_new_interpreters(codes: list[str], tests: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:

        def run_one(place: int) -> None:
            file = Path(folder) / f"{place}.py"
            file.write_text(codes[place])
            for test in tests:
                command = [sys.executable, str(file)]
                done = subprocess.run(command, input=test["input"], capture_output=True, text=True, check=True)
                assert done.stdout == test["output"]

        list(pool.map(run_one, range(len(codes))))


def _floors() -> tuple[float, float]:
    """Seconds that a program of two tests takes at least, by forks alone and with execs, on 2 cores."""
    bare, new = map(float, subprocess.check_output([sys.executable, "-c", FORKS]).split())
    return 3 / 2 * bare, 2 / 2 * new


def _milliseconds(took: tuple[float, ...]) -> str:
    return f"{1000 * statistics.median(took):.1f} ms"


@contextmanager
def _one_sandbox() -> Iterator[sandbox.Box]:
    box = sandbox.Box(sandbox.best())
    try:
        yield box
    finally:
        box.close()
