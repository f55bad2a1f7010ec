"""Rows of benchmarks, from JSON Lines files or from the hub, and a user's own problems as a JSON Lines file.

A file of one's own is named as a source by its path, which ends in `.jsonl`; each line is an object with these columns:

| column | | meaning |
|---|---|---|
| problem | required | the statement |
| answer | one of the two | gold answer of a math problem, LaTeX or plain |
| tests | one of the two | see `lib.problems.code_tests` |
| fn_name | optional | method that functional tests call |
| id | optional | name of the problem, unique in the file; default: the number of its line, from 0 |
| starter_code, difficulty, contest_date | optional | as in the problems table |
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lib import paths
from lib.problems import code_tests

Row = tuple[str, dict[str, Any]]  # the place to name in an error, and the row
Problem = dict[str, str | None]  # columns of the problems table


class ProblemError(ValueError):
    """Problems that cannot be loaded; its text is one line."""


def read(path: Path, expected: str) -> tuple[list[Row], str]:
    """The rows of a file (relative to the repository), and its digest as the revision.

    Raises:
        ProblemError: the file is missing or empty, or a line is no JSON object; `expected` says what should be there.
    """
    try:
        data = (paths.ROOT / path.expanduser()).read_bytes()
    except OSError as error:
        raise ProblemError(f"{path}: cannot be read ({error.strerror}), {expected}") from error
    if not data.strip():
        raise ProblemError(f"{path}: empty, {expected}")
    lines = [(f"{path}:{i}", line) for i, line in enumerate(data.split(b"\n"), 1) if line.strip()]
    return [(where, _parse(line, where)) for where, line in lines], "sha256:" + hashlib.sha256(data).hexdigest()[:12]


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


def read_hub(source: str, hub: str, config: str | None, revision: str, file: str) -> Iterator[Row]:
    """The test split of a data set of the hub; raises ProblemError, which names `file` as the way to work offline."""
    import datasets  # slow to import, and needed only here

    try:
        dataset = datasets.load_dataset(hub, config, split="test", revision=revision)
    except Exception as error:
        raise hub_error(source, f"{hub}@{revision[:7]}", file, error) from error
    return ((f"{hub}@{revision[:7]}, row {i}", row) for i, row in enumerate(dataset))


def hub_error(source: str, what: str, file: str, error: Exception) -> ProblemError:
    lines = str(error).splitlines()
    reason = f"{type(error).__name__}: {lines[0][:120] if lines else 'no reason given'}"
    return ProblemError(
        f"{source}: {what} could not be loaded from the hub ({reason}); "
        f"to work without the hub, put {file} in a folder and set data_dir to that folder"
    )


def text(row: dict[str, Any], field: str, where: str) -> str:
    """A field that must hold a text that is not blank; integers count as text."""
    value = row.get(field)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
        got = json.dumps(value, default=str)[:60] if field in row else "no such field"
        raise ProblemError(f"{where}: {field}: expected a text, got {got}")
    return str(value)


def optional_text(row: dict[str, Any], field: str, where: str) -> str | None:
    """A field that may be missing, null or empty; otherwise as `text`."""
    return None if row.get(field) in (None, "") else text(row, field, where)


def need_distinct(rows: Iterable[tuple[str, str]]) -> None:
    """Refuse ids that occur twice, given as pairs of place and id."""
    seen: dict[str, str] = {}
    for where, name in rows:
        if name in seen:
            raise ProblemError(f"{where}: id {name!r} is that of {seen[name]} too, expected each id once")
        seen[name] = where


def is_own(source: str) -> bool:
    """Whether a source is the path of a file of one's own."""
    return source.endswith(".jsonl")


def load_own(source: str) -> tuple[str, list[Problem], str]:
    """The name of a file of one's own (without folder and ending), its problems, and its revision.

    Raises:
        ProblemError: the file cannot be read; a row lacks a column, has both an answer and tests, or repeats an id.
    """
    expected = "expected problems as JSON Lines, with the columns that lib/problems/jsonl.py lists"
    rows, revision = read(Path(source), expected)
    name = Path(source).stem
    problems = [_own_problem(name, number, row, where) for number, (where, row) in enumerate(rows)]
    need_distinct((where, problem["problem_id"]) for (where, _), problem in zip(rows, problems, strict=True))
    return name, problems, revision


def _own_problem(name: str, number: int, row: dict[str, Any], where: str) -> Problem:
    answer, tests = optional_text(row, "answer", where), row.get("tests")
    if (answer is None) == (tests is None):
        both = "both" if answer else "neither"
        raise ProblemError(f"{where}: expected either answer (math) or tests (code), got {both}")
    optional = {field: optional_text(row, field, where) for field in ("starter_code", "difficulty", "contest_date")}
    return {
        "problem_id": f"{name}/{optional_text(row, 'id', where) or f'{number:04d}'}",
        "problem": text(row, "problem", where),
        "answer": answer,
        "tests": None if tests is None else _own_tests(tests, optional_text(row, "fn_name", where), where),
        **optional,
    }


def _own_tests(tests: Any, function: str | None, where: str) -> str:
    try:
        known = code_tests.read_tests(tests, function=function)
    except code_tests.TestsError as error:
        raise ProblemError(f"{where}: tests: {error}") from None
    kind = "functional" if known.function else "stdin"
    cases = [{"input": given, "output": expected, "testtype": kind} for given, expected in known.cases]
    return json.dumps({"tests": cases, "metadata": {"fn_name": known.function}}, ensure_ascii=False)
