"""Math grading: beside math-verify called in a loop, and with one worker and several."""

import os
from collections.abc import Callable, Iterator

import pandas as pd

from lib import grade
from tests.bench import answers, clock
from tests.bench.answers import Pair
from tests.bench.rows import Row

LESS = 5  # the loop gets a fifth of the answers, as each takes it so long; both are counted by answer


def math(runs: int, size: float) -> Iterator[Row]:
    """Answers that plain reading settles, and answers that have to be parsed."""
    count = clock.sized(2000, size, 20)
    yield _beside("math: math-verify in a loop / ours, plain answers", answers.plain, count, runs, ">= 8")
    name = "math: math-verify in a loop / ours, symbolic answers"
    yield _beside(name, answers.symbolic, clock.sized(300, size, 12), runs, ">= 1.7")


def scaling(runs: int, size: float) -> Iterator[Row]:
    """Symbolic answers with one process and with more, as far as there are cores."""
    count = clock.sized(200, size, 24)
    for workers in worker_counts():
        works = {"one": _ours(answers.symbolic, count, 1), "more": _ours(answers.symbolic, count, workers, seed="more")}
        took = clock.in_turns(works, runs)
        told = (
            f"{count} symbolic answers; with one {rate(count, took['one'])}, with {workers} {rate(count, took['more'])}"
        )
        name = f"workers: math with 1 process / with {workers}"
        yield Row(name, "other / ours", "s", took["more"], took["one"], told=told)


def worker_counts() -> list[int]:
    """2, 4, 8 and so on, as far as there are cores; 2 in any case."""
    cores = len(os.sched_getaffinity(0))
    return [2**i for i in range(1, max(2, cores.bit_length()))]


def rate(count: int, took: tuple[float, ...]) -> str:
    """So many things in the median time, as a rate."""
    return f"{count / sorted(took)[len(took) // 2]:,.0f} a second"


def _beside(name: str, pairs: Callable[[int, object], list[Pair]], count: int, runs: int, limit: str) -> Row:
    few = max(12, count // LESS)
    took = clock.in_turns({"loop": _loop(pairs, few), "ours": _ours(pairs, count, 2)}, runs)
    ours, loop = (tuple(t / n for t in took[name]) for name, n in (("ours", count), ("loop", few)))
    told = f"{count} answers, {rate(1, ours)} with 2 processes; {few} in the loop, {rate(1, loop)}"
    return Row(name, "other / ours", "s", ours, loop, limit, told)


def _ours(pairs: Callable[[int, object], list[Pair]], count: int, workers: int, seed: str = "") -> clock.Work:
    def work(turn: int) -> None:
        frame = pd.DataFrame(pairs(count, f"{seed}{turn}"), columns=["text", "gold"])
        graded = grade.math(frame.assign(source="math500"), workers=workers)
        assert graded["status"].isin(["correct", "incorrect"]).all()

    return work


def _loop(pairs: Callable[[int, object], list[Pair]], count: int) -> clock.Work:
    def work(turn: int) -> None:
        import math_verify

        for text, gold in pairs(count, turn):
            math_verify.verify(math_verify.parse(f"${gold}$"), math_verify.parse(text))

    return work
