"""Where answers are graded: in processes of this machine, or, with MIDTHOUGHT_GRADERS=ray, all over a cluster.

There, chunks of answers are tasks of Ray, one a core, and each is graded as it would be here: by `workers`, or in the
`sandbox` of the machine that it comes to. The verdicts are the same, row by row. A task whose machine is lost is done
again on another one.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from lib import cluster, progress_bar, sandbox
from lib.answers import Grade
from lib.grade import math_workers
from lib.grade.math_workers import Pair
from lib.sandbox import Limits, Runner, Verdict

VARIABLE = "MIDTHOUGHT_GRADERS"
PLACES = ("local", "ray")
PAIRS, PROGRAMS = 256, 16  # of a task at most: seconds of work, as a task costs milliseconds
SHARE = 4  # tasks for each core at least, where there are so many answers, so that no core ends long before the others
AHEAD = 2  # tasks for each core that are given out: one to do and one to go on with

T = TypeVar("T")


class GradersError(RuntimeError):
    """Answers cannot be graded where the variable says; its text is one line."""


def place() -> str:
    """What the variable MIDTHOUGHT_GRADERS says: `ray`, or `local`, as without it.

    Raises:
        GradersError: it says something else.
    """
    told = os.environ.get(VARIABLE) or "local"
    if told not in PLACES:
        raise GradersError(f"the variable {VARIABLE} should be {' or '.join(PLACES)}, got {told!r}")
    return told


def grades(pairs: list[Pair], count: int | None = None, profile: str = "exact") -> dict[Pair, Grade]:
    """As `workers.grades`, where the variable says; `count` is then the most tasks at a time.

    Raises:
        GradersError: the variable is wrong, there is no cluster, or it is lost for good.
    """
    if place() == "local" or not pairs:
        return math_workers.grades(pairs, count, profile)
    distinct = list(dict.fromkeys(pairs))
    chunks = [(chunk, 1, profile) for chunk in _chunks(distinct, PAIRS)]
    return {
        pair: grade
        for done in _everywhere(math_workers.grades, chunks, count, "answers")
        for pair, grade in done.items()
    }


def run_all(
    pairs: Sequence[tuple[str | None, Any]],
    count: int | None = None,
    profile: str = "exact",
    limits: Limits | None = None,
    allow_unsafe: bool = False,
    open_runner: Callable[[], Runner] | None = None,
) -> list[Verdict]:
    """As `sandbox.run_all`, where the variable says; `count` is then the most tasks at a time.

    Raises:
        GradersError: the variable is wrong, there is no cluster, or it is lost for good.
        SandboxError: a machine is not safe enough to run code on.
    """
    if place() == "local" or not any(code for code, _ in pairs):
        return sandbox.run_all(pairs, count, profile, limits, allow_unsafe, open_runner)
    keys = [(code, tests if isinstance(tests, str) else id(tests)) for code, tests in pairs]
    distinct = dict(zip(keys, pairs, strict=True))
    rest = (profile, limits, allow_unsafe, open_runner)
    chunks = [(*_packed(chunk), *rest) for chunk in _chunks(list(distinct.items()), PROGRAMS)]
    verdicts = [verdict for done in _everywhere(_run_packed, chunks, count, "programs") for verdict in done]
    by_key = dict(zip(distinct, verdicts, strict=True))
    return [by_key[key] for key in keys]


def _packed(chunk: list[tuple[Any, tuple[str | None, Any]]]) -> tuple[list[Any], list[tuple[str | None, int]]]:
    """The tests of a chunk, each once as they are large, and its programs, each with the number of its tests."""
    tests = {key[1]: given for key, (_, given) in chunk}
    numbers = {key: i for i, key in enumerate(tests)}
    return list(tests.values()), [(code, numbers[key[1]]) for key, (code, _) in chunk]


def _run_packed(tests: list[Any], programs: list[tuple[str | None, int]], *rest: Any) -> list[Verdict]:
    return sandbox.run_all([(code, tests[i]) for code, i in programs], 1, *rest)


def _chunks(rows: list[T], most: int) -> Iterator[list[T]]:
    size = max(1, min(most, len(rows) // (SHARE * _cores())))
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _everywhere(work: Callable[..., T], chunks: list[tuple], count: int | None, unit: str) -> list[T]:
    """The results of `work` on the arguments of each chunk, in their order; `count` tasks at a time, None: all cores.

    Few tasks wait ahead, as none is cancelled when one fails: in Ray 2.60 that can end the process that asks for it.
    """
    ray = _cluster()
    task = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(work)
    most, results, running = count or AHEAD * _cores(), {}, {}
    waiting = iter(enumerate(chunks))
    try:
        with progress_bar.bar(len(chunks), "chunk", unit) as bar:
            while len(results) < len(chunks):
                while len(running) < most and (chunk := next(waiting, None)):
                    running[task.remote(*chunk[1])] = chunk[0]
                (done,), _ = ray.wait(list(running))
                results[running.pop(done)] = ray.get(done)
                bar.update()
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what is said there is said of grading itself, as it would be here
    except ray.exceptions.RayError as error:
        raise GradersError(f"grading on the cluster: {cluster.line(error)}") from error
    return [results[i] for i in range(len(chunks))]


def _cores() -> int:
    return max(1, int(_cluster().cluster_resources().get("CPU", 1)))


def _cluster() -> Any:
    try:
        return cluster.join()
    except cluster.FleetError as error:
        raise GradersError(f"{VARIABLE}=ray: {error}") from error
