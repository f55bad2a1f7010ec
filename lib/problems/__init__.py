"""Benchmarks: the problems of every source as one frame with the columns of the problems table.

A benchmark comes from the hub or from a folder of JSON Lines; `BENCHMARKS` says where it is, in which revision, and
what its fields are called. `tiny` and `tiny-code` are generated here.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from lib import paths, schema
from lib.problems import jsonl, livecodebench, tiny_code, update_benchmark
from lib.problems.jsonl import Problem, ProblemError, Row
from lib.problems.tiny_math import story

NUMBER = re.compile(r"-?[0-9][0-9,]*(\.[0-9]+)?")


def _gsm8k(solution: str) -> str:
    return solution.replace(",", "").strip() if NUMBER.fullmatch(solution.strip()) else jsonl.after_hashes(solution)


def _integer(solution: str) -> str:
    number = re.search(r"\\boxed\{\s*(\d+)\s*\}", solution)
    if not number:
        raise ValueError("expected an integer in \\boxed{}")
    return number[1]


@dataclass(frozen=True)
class Benchmark:
    """Where a benchmark is and what its fields are called; `answers` has the fields to try, each with its rule.

    A folder may hold it under `file`, as `<source>.jsonl`, or as the `test.jsonl` of a folder of its name.
    """

    hub: str
    revision: str
    file: str
    size: int
    config: str | None = None
    problem: str = "problem"
    answers: dict[str, Callable[[str], str]] = field(default_factory=lambda: {"answer": str.strip})
    difficulty: str | None = None


BENCHMARKS = {
    "gsm8k": Benchmark(
        *("openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866", "gsm8k_test.jsonl", 1319),
        config="main",
        problem="question",
        answers={"answer": _gsm8k, "final_answer": _gsm8k},
    ),
    "math500": Benchmark(
        *("HuggingFaceH4/MATH-500", "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be", "math500.jsonl", 500),
        answers={"answer": str.strip, "solution": jsonl.boxed},
        difficulty="level",
    ),
    "aime2024": Benchmark(
        *("math-ai/aime24", "83a7f387baaa524a8bda0022eac0541582297103", "aime2024.jsonl", 30),
        answers={"answer": str.strip, "solution": _integer},
    ),
    "aime2025": Benchmark("math-ai/aime25", "563bb8404243c5f09de6ec262f2db674fe5bce9b", "aime2025.jsonl", 30),
}

KNOWN = (*BENCHMARKS, livecodebench.SOURCE, *update_benchmark.CONFIGS, "tiny", "tiny-code")
TINY_SIZE, TINY_CODE_SIZE = 1000, 500
SUBSET_SEED = 42


def load(source: str, data_dir: str | Path | None = None, window: livecodebench.Window | None = None) -> pd.DataFrame:
    """The problems table of a source, in the benchmark's own order.

    Args:
        source: a benchmark, `tiny`, `tiny-code`, or the path of a file of one's own problems (`lib.problems.jsonl`).
        data_dir: folder of JSON Lines, relative to the repository; without it the hub is asked, at the pinned revision.
        window: first and last day of the contests of LiveCodeBench; None takes all.

    Raises:
        ProblemError: an unknown source, a hub or file that cannot be read, or a row without a field.
    """
    if jsonl.is_own(source):
        name, rows, revision = jsonl.load_own(source)
        if name in KNOWN:
            raise ProblemError(f"{source}: {name} is the name of a benchmark, expected another name of the file")
        return _frame(rows, name, revision)
    if source == "tiny":
        return _frame(story.problems(TINY_SIZE), source, f"seed {story.SEED}")
    if source == "tiny-code":
        return _frame(tiny_code.problems(TINY_CODE_SIZE), source, f"seed {tiny_code.SEED}")
    if source == livecodebench.SOURCE:
        rows, revision = livecodebench.load(data_dir, window)
        return _frame(rows, source, revision)
    if source in update_benchmark.CONFIGS:
        rows, revision = update_benchmark.load(source, data_dir)
        return _frame(rows, None, revision)
    benchmark = _benchmark(source)
    if data_dir is None:
        origin, revision = f"{benchmark.hub}@{benchmark.revision[:7]}", benchmark.revision
        rows = list(jsonl.read_hub(source, benchmark.hub, benchmark.config, revision, benchmark.file))
    else:
        origin = _file(source, benchmark, Path(data_dir))
        rows, revision = jsonl.read(origin, f"expected the {benchmark.size} problems of {source} as JSON Lines")
    if len(rows) != benchmark.size:
        expected = f"expected the {benchmark.size} of {source}: the data is cut, or another split"
        raise ProblemError(f"{origin}: {len(rows)} problems, {expected}")
    return _frame([_problem(source, benchmark, i, row) for i, row in enumerate(rows)], source, revision)


def size(source: str) -> int:
    """How many problems a source has, without loading it; of LiveCodeBench those in the published window."""
    if jsonl.is_own(source):
        return len(jsonl.load_own(source)[1])
    sizes = {"tiny": TINY_SIZE, "tiny-code": TINY_CODE_SIZE, livecodebench.SOURCE: livecodebench.SIZE}
    return (sizes | update_benchmark.SIZES).get(source) or _benchmark(source).size


def subset(frame: pd.DataFrame, n: int | None) -> pd.DataFrame:
    """`n` problems drawn as `datasets` does (of GSM8K, 500 are those of the published study); all if n is None."""
    if n is None or n >= len(frame):
        return frame
    drawn = np.random.default_rng(SUBSET_SEED).permutation(len(frame))[:n]
    return frame.iloc[drawn].reset_index(drop=True)


def _benchmark(source: str) -> Benchmark:
    if source not in BENCHMARKS:
        close = difflib.get_close_matches(str(source), KNOWN, n=1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        own = "or a file of your own problems as JSON Lines, whose name ends in .jsonl"
        raise ProblemError(f"{source}: no such source{guess}, expected one of {', '.join(KNOWN)}, {own}")
    return BENCHMARKS[source]


def _file(source: str, benchmark: Benchmark, folder: Path) -> Path:
    """The file of a benchmark in a folder: under its own name, else under one that people give it."""
    names = (benchmark.file, f"{source}.jsonl", f"{source}/test.jsonl")
    found = (folder / name for name in names if (paths.ROOT / (folder / name).expanduser()).is_file())
    return next(found, folder / benchmark.file)


def _problem(source: str, benchmark: Benchmark, number: int, placed: Row) -> Problem:
    where, row = placed
    name = _column(row, *benchmark.answers)
    text = jsonl.text(row, name, where)
    try:
        answer = benchmark.answers[name](text)
    except ValueError as error:
        raise ProblemError(f"{where}: {name}: {error}, got {text[-40:]!r}") from error
    return {
        "problem_id": f"{source}/{number:04d}",
        "problem": jsonl.text(row, _column(row, benchmark.problem, *jsonl.STATEMENTS), where),
        "answer": answer,
        "difficulty": benchmark.difficulty and jsonl.text(row, benchmark.difficulty, where),
    }


def _column(row: dict, *names: str) -> str:
    """The first of these columns that a row has; the first of all if it has none."""
    return next((name for name in names if name in row), names[0])


def _frame(rows: list[Problem], source: str | None, revision: str) -> pd.DataFrame:
    """The table; a problem that has tests is one of code. If `source` is None, each row has its own."""
    frame = pd.DataFrame(rows).reindex(columns=schema.PROBLEMS.names())
    task = np.where(frame["tests"].notna(), "code", "math")
    return frame.assign(source=source or frame["source"], task=task, revision=revision).astype("str")
