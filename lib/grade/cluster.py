"""Scatter and gather over a Ray cluster, with MIDTHOUGHT_GRADERS=ray; without it, all work stays on this machine.

A task is a chunk of answers and takes one core, where it is graded as it would be here: the verdicts are the same, row
by row. A task whose machine is lost is done again on another one.
"""

import os
from collections.abc import Callable
from typing import Any, TypeVar

from lib import cluster, progress_bar

VARIABLE = "MIDTHOUGHT_GRADERS"
PLACES = ("local", "ray")
ANSWERS, PROGRAMS = 256, 16  # the most in a chunk: seconds of work, as a task costs milliseconds
SHARE = 4  # tasks for each core at least, where there are so many answers, so that no core ends long before the others
AHEAD = 2  # tasks for each core that are given out: one to do and one to go on with

T, R = TypeVar("T"), TypeVar("R")
Work = Callable[[list[T], int | None], list[R]]  # takes items and the most workers; gives a result for each, in order


class GradersError(RuntimeError):
    """Answers cannot be graded where the variable says; its text is one line."""


def scatter(work: Work, items: list[T], chunk: int, workers: int | None, unit: str) -> list[R]:
    """The results of `work` on items, in their order: in this process, or in chunks on the cores of a cluster.

    `workers` is the most processes or tasks at a time; None: as many as there are cores. Few tasks wait ahead, as none
    is cancelled when one fails: in Ray 2.60 that can end the process that asks for it. A GradersError: the variable is
    wrong, there is no cluster, or it is lost for good.
    """
    place = os.environ.get(VARIABLE) or "local"
    if place not in PLACES:
        raise GradersError(f"the variable {VARIABLE} should be {' or '.join(PLACES)}, got {place!r}")
    if place == "local" or not items:
        return work(items, workers)
    try:
        ray = cluster.join()
    except cluster.ClusterError as error:
        raise GradersError(f"{VARIABLE}=ray: {error}") from error
    cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
    size = max(1, min(chunk, len(items) // (SHARE * cores)))
    starts = range(0, len(items), size)
    waiting, running, results = iter(starts), {}, {}
    task = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_one_core)
    try:
        with progress_bar.bar(len(starts), "chunk", unit) as bar:
            while len(results) < len(starts):
                while len(running) < (workers or AHEAD * cores) and (start := next(waiting, None)) is not None:
                    running[task.remote(work, items[start : start + size])] = start
                (done,), _ = ray.wait(list(running))
                results[running.pop(done)] = ray.get(done)
                bar.update()
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # grading itself failed, as it would here
    except ray.exceptions.RayError as error:
        raise GradersError(f"grading on the cluster: {cluster.first_line(error)}") from error
    return [result for start in starts for result in results[start]]


def _one_core(work: Work, items: list[Any]) -> list[Any]:
    return work(items, 1)
