"""Benchmarks in: every source as one frame with the columns of the problems table.

A benchmark comes from the hub or from a folder of JSON Lines; `BENCHMARKS` says where it is, in which
revision, and what its fields are called. Generated problems come from `lib.tiny`.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import paths, schema, tiny


class ProblemError(ValueError):
    """Problems that cannot be loaded; its text is one line."""


def _plain(answer: str) -> str:
    return answer.strip()


def _after_hashes(solution: str) -> str:
    # GSM8K: the solution ends in "#### 1,234"
    number = re.search(r"####\s*(\S.*)\Z", solution.strip())
    if not number:
        raise ValueError("expected a solution that ends in '#### <number>'")
    return number[1].replace(",", "").strip()


def _boxed(solution: str) -> str:
    number = re.search(r"\\boxed\{\s*(\d+)\s*\}", solution)
    if not number:
        raise ValueError("expected an integer in \\boxed{}")
    return number[1]


@dataclass(frozen=True)
class Benchmark:
    """Where a benchmark is and what its fields are called; `answers` are tried in turn, with their rules."""

    hub: str
    revision: str
    config: str | None
    file: str
    size: int
    problem: str
    answers: dict[str, Callable[[str], str]]
    difficulty: str | None = None


BENCHMARKS = {
    "gsm8k": Benchmark(
        hub="openai/gsm8k",
        revision="740312add88f781978c0658806c59bc2815b9866",
        config="main",
        file="gsm8k_test.jsonl",
        size=1319,
        problem="question",
        answers={"answer": _after_hashes},
    ),
    "math500": Benchmark(
        hub="HuggingFaceH4/MATH-500",
        revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        config=None,
        file="math500.jsonl",
        size=500,
        problem="problem",
        answers={"answer": _plain},
        difficulty="level",
    ),
    "aime2024": Benchmark(
        hub="math-ai/aime24",
        revision="83a7f387baaa524a8bda0022eac0541582297103",
        config=None,
        file="aime2024.jsonl",
        size=30,
        problem="problem",
        answers={"answer": _plain, "solution": _boxed},
    ),
    "aime2025": Benchmark(
        hub="math-ai/aime25",
        revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
        config=None,
        file="aime2025.jsonl",
        size=30,
        problem="problem",
        answers={"answer": _plain},
    ),
}

TINY_SIZE = 1000
SUBSET_SEED = 42


def load(source: str, data_dir: str | Path | None = None) -> pd.DataFrame:
    """All problems of a source, in the benchmark's own order, with the columns of the problems table.

    `data_dir` is a folder of JSON Lines (relative to the repository) to read a benchmark from; without it the
    hub is asked, at the pinned revision.

    Raises:
        ProblemError: an unknown source; a hub that cannot be reached; a file that is missing, empty or cut; a
            row without a field, told with its line.
    """
    if source == "tiny":
        rows = tiny.problems(TINY_SIZE, seed=tiny.SEED)
        return _frame(rows, source, f"seed {tiny.SEED}")
    benchmark = _benchmark(source)
    if data_dir is None:
        return _from_hub(source, benchmark)
    return _from_file(source, benchmark, Path(data_dir) / benchmark.file)


def size(source: str) -> int:
    """How many problems a source has, without loading them.

    Raises:
        ProblemError: an unknown source.
    """
    return TINY_SIZE if source == "tiny" else _benchmark(source).size


def subset(frame: pd.DataFrame, n: int | None, seed: int = SUBSET_SEED) -> pd.DataFrame:
    """`n` problems drawn as `datasets` does: shuffle, take the first n. All if n is None or too big.

    With n=500 and seed 42, GSM8K gives the 500 problems of the published study.
    """
    if n is None or n >= len(frame):
        return frame
    drawn = np.random.default_rng(seed).permutation(len(frame))[:n]
    return frame.iloc[drawn].reset_index(drop=True)


def _benchmark(source: str) -> Benchmark:
    if source not in BENCHMARKS:
        known = [*BENCHMARKS, "tiny"]
        close = difflib.get_close_matches(str(source), known, n=1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        raise ProblemError(f"{source}: no such source{guess}, expected one of {', '.join(known)}")
    return BENCHMARKS[source]


def _from_hub(source: str, benchmark: Benchmark) -> pd.DataFrame:
    import datasets  # slow to import, and needed only here

    hub = f"{benchmark.hub}@{benchmark.revision[:7]}"
    try:
        dataset = datasets.load_dataset(benchmark.hub, benchmark.config, split="test", revision=benchmark.revision)
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else "no reason given"
        raise ProblemError(
            f"{source}: {hub} could not be loaded from the hub ({type(error).__name__}: {reason}); "
            f"to work without the hub, put {benchmark.file} in a folder and set data_dir to that folder"
        ) from error
    rows = ((f"{hub}, row {i}", row) for i, row in enumerate(dataset))
    return _frame(_normal(source, benchmark, hub, rows), source, benchmark.revision)


def _from_file(source: str, benchmark: Benchmark, path: Path) -> pd.DataFrame:
    expected = f"expected the {benchmark.size} problems of {source} as JSON Lines"
    try:
        data = (paths.ROOT / path.expanduser()).read_bytes()
    except OSError as error:
        raise ProblemError(f"{path}: cannot be read ({error.strerror}), {expected}") from error
    if not data.strip():
        raise ProblemError(f"{path}: empty, {expected}")
    lines = [(f"{path}:{i}", line) for i, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    rows = ((where, _parse(line, where)) for where, line in lines)
    revision = "sha256:" + hashlib.sha256(data).hexdigest()[:12]
    return _frame(_normal(source, benchmark, str(path), rows), source, revision)


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise ProblemError(f"{where}: not UTF-8, expected one JSON object a line") from error
    except json.JSONDecodeError as error:
        reason = f"column {error.colno}: {error.msg}"
        raise ProblemError(f"{where}: not sound JSON ({reason}), expected one object a line") from error
    if not isinstance(row, dict):
        raise ProblemError(f"{where}: expected a JSON object, got {type(row).__name__}")
    return row


def _normal(
    source: str, benchmark: Benchmark, origin: str, rows: Iterable[tuple[str, dict[str, Any]]]
) -> list[dict[str, str | None]]:
    """Rows of any origin, each with the place to name in an error, in the project's own fields."""
    normal = []
    for i, (where, row) in enumerate(rows):
        difficulty = benchmark.difficulty and _text(row, benchmark.difficulty, where)
        normal.append(
            {
                "problem_id": f"{source}/{i:04d}",
                "problem": _text(row, benchmark.problem, where),
                "answer": _answer(row, benchmark.answers, where),
                "difficulty": difficulty,
            }
        )
    if len(normal) != benchmark.size:
        expected = f"expected the {benchmark.size} of {source}: the data is cut, or another split"
        raise ProblemError(f"{origin}: {len(normal)} problems, {expected}")
    return normal


def _answer(row: dict[str, Any], answers: dict[str, Callable[[str], str]], where: str) -> str:
    field = next((name for name in answers if name in row), next(iter(answers)))
    text = _text(row, field, where)
    try:
        return answers[field](text)
    except ValueError as error:
        raise ProblemError(f"{where}: {field}: {error}, got {text[-40:]!r}") from error


def _text(row: dict[str, Any], field: str, where: str) -> str:
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        got = json.dumps(value, default=str)[:60] if field in row else "no such field"
        raise ProblemError(f"{where}: {field}: expected a text, got {got}")
    return str(value)


def _frame(rows: list[dict[str, str | None]], source: str, revision: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows).assign(source=source, task="math", revision=revision)
    return frame.reindex(columns=schema.PROBLEMS.names()).astype("str")
