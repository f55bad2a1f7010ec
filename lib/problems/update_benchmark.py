"""The published benchmark of updates: 1,060 math problems and 341 of LiveCodeBench, each revised, with the way back.

Its rows are the revised problems and updates of problems that other benchmarks hold; code comes without tests, which
are those of LiveCodeBench. What it calls `source` is the benchmark whose rules grade an answer.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib.problems import jsonl, livecodebench
from lib.problems.jsonl import ProblemError, Row

HUB = "dynamic-lm/update-interrupt-benchmark"
REVISION = "main"  # its full commit is not known here; 6ac4ea4 was the newest in November 2026
CONFIGS = {"update_math": "Math", "update_coding": "Coding"}
SIZES = {"update_math": 1060, "update_coding": 341}

Made = dict[str, str | None]  # a row of the problems table with the fields of its update beside it


def load(source: str, data_dir: str | Path | None) -> tuple[list[Made], str]:
    """Rows of one of the two parts: columns of a problem, and revised_problem, revised_starter_code and update.

    `data_dir` is a folder with `<source>.jsonl` (for code with LiveCodeBench's file too); without it the hub is asked.

    Raises:
        ProblemError: hub or files cannot be read; a row lacks a field, repeats an id, or is not in LiveCodeBench.
    """
    rows, revision = _from_hub(source) if data_dir is None else _from_folder(source, Path(data_dir))
    made = [(where, _math(row, where)) for where, row in rows] if source == "update_math" else _coding(rows, data_dir)
    jsonl.need_distinct((where, row["problem_id"]) for where, row in made)
    if data_dir is None and len(made) != SIZES[source]:
        raise ProblemError(f"{source}: {len(made)} rows of {HUB}, expected {SIZES[source]}")
    return [row for _, row in made], revision


def _from_folder(source: str, folder: Path) -> tuple[list[Row], str]:
    return jsonl.read(folder / f"{source}.jsonl", f"expected rows of {HUB} as JSON Lines")


def _from_hub(source: str) -> tuple[Iterator[Row], str]:
    import datasets  # slow to import, and needed only here

    config = CONFIGS[source]
    try:
        found = datasets.load_dataset(HUB, config, split="test", revision=REVISION)
    except Exception as error:
        raise ProblemError(
            f"{source}: {HUB}, configuration {config}, split test could not be loaded from the hub "
            f"({jsonl.cause(error)}); to work without it, set data_dir to a folder with {source}.jsonl"
        ) from error
    return ((f"{HUB}, {config}, row {i}", row) for i, row in enumerate(found)), REVISION


def _math(row: dict[str, Any], where: str) -> Made:
    graded_by = jsonl.text(row, "source", where)
    return _common(row, where) | {
        "problem_id": f"{graded_by}/{jsonl.text(row, 'id', where).zfill(4)}",
        "source": graded_by,
        "answer": jsonl.text(row, "original_answer", where),
    }


def _coding(rows: list[Row] | Iterator[Row], data_dir: str | Path | None) -> list[tuple[str, Made]]:
    """Each row with the tests of its problem, which is found by contest and title."""
    known, _ = livecodebench.load(data_dir, None)
    by_title = {(row["contest"], row["title"]): row for row in known}
    made = []
    for where, row in rows:
        key = jsonl.text(row, "contest_id", where), jsonl.text(row, "question_title", where)
        if key not in by_title:
            raise ProblemError(
                f"{where}: {' / '.join(key)}: no such problem in {livecodebench.SOURCE}, so it has no tests"
            )
        own = {name: by_title[key][name] for name in ("problem_id", "tests", "difficulty", "contest_date")}
        starter = jsonl.maybe(row, "original_starter_code", where)
        made.append((where, _common(row, where) | own | {"source": livecodebench.SOURCE, "starter_code": starter}))
    return made


def _common(row: dict[str, Any], where: str) -> Made:
    return {
        "problem": jsonl.text(row, "original_problem", where),
        "revised_problem": jsonl.text(row, "revised_problem", where),
        "revised_starter_code": jsonl.maybe(row, "revised_starter_code", where),
        "update": jsonl.text(row, "update", where),
    }
