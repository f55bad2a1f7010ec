"""The published benchmark of updates: 1,060 math problems and 341 of LiveCodeBench, each revised, with an update back.

Its code problems come without tests, which are those of LiveCodeBench. Its field `source` names the benchmark whose
rules grade an answer.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib.problems import jsonl, livecodebench
from lib.problems.jsonl import Problem, ProblemError, Row

HUB = "dynamic-lm/update-interrupt-benchmark"
REVISION = "main"  # its full commit is not known here; 6ac4ea4 was the newest in November 2026
CONFIGS = {"update_math": "Math", "update_coding": "Coding"}
SIZES = {"update_math": 1060, "update_coding": 341}


def load(source: str, data_dir: str | Path | None) -> tuple[list[Problem], str]:
    """Rows of one of the two parts: columns of a problem, and revised_problem, revised_starter_code and update.

    `data_dir` is a folder with `<source>.jsonl` (for code with LiveCodeBench's file too); without it the hub is asked.

    Raises:
        ProblemError: hub or files cannot be read; a row lacks a field, repeats an id, or is not in LiveCodeBench.
    """
    file, revision = f"{source}.jsonl", REVISION
    if data_dir is None:
        rows = jsonl.read_hub(source, HUB, CONFIGS[source], REVISION, file)
    else:
        rows, revision = jsonl.read(Path(data_dir) / file, f"expected rows of {HUB} as JSON Lines")
    placed = [(where, _math(row, where)) for where, row in rows] if source == "update_math" else _code(rows, data_dir)
    jsonl.need_distinct((where, problem["problem_id"]) for where, problem in placed)
    if data_dir is None and len(placed) != SIZES[source]:
        raise ProblemError(f"{source}: {len(placed)} rows of {HUB}, expected {SIZES[source]}")
    return [problem for _, problem in placed], revision


def _math(row: dict[str, Any], where: str) -> Problem:
    source = jsonl.text(row, "source", where)
    return _texts(row, where) | {
        "problem_id": f"{source}/{jsonl.text(row, 'id', where).zfill(4)}",
        "source": source,
        "answer": jsonl.text(row, "original_answer", where),
    }


def _code(rows: Iterable[Row], data_dir: str | Path | None) -> list[tuple[str, Problem]]:
    """Each row with the tests of its problem, which is found by contest and title."""
    contests = {(row["contest"], row["title"]): row for row in livecodebench.load(data_dir, None)[0]}
    placed = []
    for where, row in rows:
        key = jsonl.text(row, "contest_id", where), jsonl.text(row, "question_title", where)
        if key not in contests:
            raise ProblemError(
                f"{where}: {' / '.join(key)}: no such problem in {livecodebench.SOURCE}, so it has no tests"
            )
        known = {name: contests[key][name] for name in ("problem_id", "tests", "difficulty", "contest_date")}
        known["starter_code"] = jsonl.optional_text(row, "original_starter_code", where)
        placed.append((where, _texts(row, where) | known | {"source": livecodebench.SOURCE}))
    return placed


def _texts(row: dict[str, Any], where: str) -> Problem:
    return {
        "problem": jsonl.text(row, "original_problem", where),
        "revised_problem": jsonl.text(row, "revised_problem", where),
        "revised_starter_code": jsonl.optional_text(row, "revised_starter_code", where),
        "update": jsonl.text(row, "update", where),
    }
