"""Problems of one's own: a JSON Lines file, one problem a line, named as a source by its path.

| column | | meaning |
|---|---|---|
| problem | required | the statement |
| answer | one of the two | gold answer of a math problem, LaTeX or plain |
| tests | one of the two | see `lib.problems.code_tests` |
| fn_name | optional | method that functional tests call |
| id | optional | name of the problem, unique in the file; its line counts from 0 otherwise |
| starter_code, difficulty, contest_date | optional | as in the problems table |
"""

import json
from pathlib import Path
from typing import Any

from lib.problems import code_tests, jsonl
from lib.problems.jsonl import ProblemError

ENDING = ".jsonl"


def is_own(source: str) -> bool:
    """Whether a source is the path of a file."""
    return source.endswith(ENDING)


def load(source: str) -> tuple[str, list[dict[str, str | None]], str]:
    """Name of a file (without its folder and ending), its problems, and a revision that tells its bytes.

    Raises:
        ProblemError: the file cannot be read; a row lacks a column, has both an answer and tests, or repeats an id.
    """
    rows, revision = jsonl.read(
        Path(source), "expected problems as JSON Lines, with the columns that lib/problems/own.py lists"
    )
    name = Path(source).stem
    found = [(where, _normal(name, number, row, where)) for number, (where, row) in enumerate(rows)]
    jsonl.need_distinct((where, row["problem_id"]) for where, row in found)
    return name, [row for _, row in found], revision


def _normal(name: str, number: int, row: dict[str, Any], where: str) -> dict[str, str | None]:
    answer, tests = jsonl.maybe(row, "answer", where), row.get("tests")
    if (answer is None) == (tests is None):
        both = "both" if answer else "neither"
        raise ProblemError(f"{where}: expected either answer (math) or tests (code), got {both}")
    optional = {field: jsonl.maybe(row, field, where) for field in ("starter_code", "difficulty", "contest_date")}
    return {
        "problem_id": f"{name}/{jsonl.maybe(row, 'id', where) or f'{number:04d}'}",
        "problem": jsonl.text(row, "problem", where),
        "answer": answer,
        "tests": None if tests is None else _tests(tests, jsonl.maybe(row, "fn_name", where), where),
        **optional,
    }


def _tests(tests: Any, function: str | None, where: str) -> str:
    try:
        read = code_tests.read_tests(tests, function=function)
    except code_tests.TestsError as error:
        raise ProblemError(f"{where}: tests: {error}") from None
    kind = "functional" if read.function else "stdin"
    cases = [{"input": given, "output": wanted, "testtype": kind} for given, wanted in read.cases]
    return json.dumps({"tests": cases, "metadata": {"fn_name": read.function}}, ensure_ascii=False)
