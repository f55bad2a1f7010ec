"""Rows of benchmarks, from JSON Lines files or from the hub, and a user's own problems as a JSON Lines file.

A file of one's own is named as a source by its path, which ends in `.jsonl` (or `.json`, with one array of the same
objects); each line is an object with these columns:

| column | | meaning |
|---|---|---|
| problem, or question | required | the statement |
| answer | one of the two | gold answer of a math problem, LaTeX or plain, or a solution that ends in `#### answer` |
| final_answer, solution | in place of answer | the same; of a solution the last `\\boxed{}` |
| tests | one of the two | see `lib.problems.code_tests` |
| fn_name | optional | method that functional tests call |
| id | optional | name of the problem, unique in the file; default: the number of its line, from 0 |
| starter_code, difficulty, contest_date | optional | as in the problems table |
"""

import datetime
import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lib import paths, schema
from lib.problems import code_tests

Row = tuple[str, dict[str, Any]]  # the place to name in an error, and the row
Problem = dict[str, str | None]  # columns of the problems table

STATEMENTS = ("problem", "question")  # columns that may hold the statement, in the order in which they are looked for
ANSWERS = ("answer", "final_answer", "solution")  # and the gold answer of a math problem
OPTIONAL = ("tests", "fn_name", "id", "starter_code", "difficulty", "contest_date")
MISSPELT = 0.85  # likeness from which on an unknown column is taken for a known one


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
    revision = "sha256:" + hashlib.sha256(data).hexdigest()[:12]
    escaped = b"\\ud" in data.lower()  # without it there are no halves of characters to look for
    data = data.removeprefix(b"\xef\xbb\xbf")  # a byte order mark, which editors on Windows write
    if not data.strip():
        raise ProblemError(f"{path}: empty, {expected}")
    if data.lstrip().startswith(b"[") and isinstance(whole := _whole(data), list):
        placed = [(f"{path}[{i}]", row) for i, row in enumerate(whole)]
    else:
        lines = [(f"{path}:{i}", line) for i, line in enumerate(data.split(b"\n"), 1) if line.strip()]
        placed = [(where, _parse(line, where)) for where, line in lines]
    for where, row in placed:
        _check_object(row, where, escaped)
    return placed, revision


def _whole(data: bytes) -> Any:
    """What a file says that is one JSON array; None for another, whose lines are then read one by one."""
    try:
        return _loads(data.decode())
    except (ValueError, RecursionError):
        return None


def _loads(text: str) -> Any:
    """JSON, in which no name is repeated in an object; numbers with a point stay as they are written."""
    return json.loads(text, object_pairs_hook=_distinct, parse_float=str, parse_constant=_refuse)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return row


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _parse(line: bytes, where: str) -> Any:
    try:
        return _loads(line.decode())
    except UnicodeDecodeError as error:
        raise ProblemError(f"{where}: not UTF-8, expected one JSON object a line") from error
    except (ValueError, RecursionError) as error:
        reason = f"column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else error
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(reason).split(";")[0]
        raise ProblemError(f"{where}: not valid JSON ({reason}), expected one object a line") from error


def _check_object(row: Any, where: str, escaped: bool) -> None:
    if not isinstance(row, dict):
        raise ProblemError(f"{where}: expected a JSON object, got {type(row).__name__}")
    for name, value in row.items() if escaped else ():
        try:
            json.dumps({name: value}, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half, shown = (ascii(text)[1:-1] for text in (error.object[error.start], name))
            raise ProblemError(f"{where}: {shown}: {half} is half a character, expected whole ones") from None


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


def day(row: dict[str, Any], where: str) -> str:
    """The day of a field `contest_date`, which may have an hour too."""
    date = text(row, "contest_date", where)
    try:
        return datetime.datetime.fromisoformat(date).date().isoformat()
    except ValueError as error:
        raise ProblemError(f"{where}: contest_date: expected a day such as 2024-10-01, got {date[:40]!r}") from error


def need_distinct(rows: Iterable[tuple[str, str]]) -> None:
    """Refuse ids that occur twice, given as pairs of place and id."""
    seen: dict[str, str] = {}
    for where, name in rows:
        if name in seen:
            raise ProblemError(f"{where}: id {name!r} is that of {seen[name]} too, expected each id once")
        seen[name] = where


def after_hashes(solution: str) -> str:
    """The answer of a solution as GSM8K has it, which ends in "#### 1,234"; a ValueError if it does not."""
    _, mark, number = solution.strip().rpartition("####")
    if not mark or not number.strip() or "\n" in number.strip():
        raise ValueError("expected a solution that ends in '#### <number>'")
    return number.replace(",", "").strip()


def boxed(solution: str) -> str:
    """What the last \\boxed{} of a solution holds, as MATH has it; a ValueError if there is none."""
    *before, last = re.split(r"\\f?boxed\s*\{", solution)
    depth = 1
    for i, char in enumerate(last if before else ""):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0 and last[:i].strip():
            return last[:i].strip()
    raise ValueError("expected an answer in \\boxed{}")


def is_own(source: str) -> bool:
    """Whether a source is the path of a file of one's own."""
    return Path(source).suffix.lower() in schema.OWN


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
    answer, tests = _own_answer(row, where), row.get("tests")
    _need_spelling(row, where)
    if (answer is None) == (tests is None):
        both = "both" if answer else "neither"
        raise ProblemError(
            f"{where}: expected either answer (math) or tests (code), got {both}; its columns are {', '.join(row)[:80]}"
        )
    optional = {field: optional_text(row, field, where) for field in ("starter_code", "difficulty", "contest_date")}
    if optional["contest_date"]:
        optional["contest_date"] = day(row, where)
    problem_id = f"{name}/{optional_text(row, 'id', where) or f'{number:04d}'}"
    if "~" in problem_id or not problem_id.isprintable():
        raise ProblemError(f"{where}: id: expected one line without ~, got {problem_id!r}")
    return {
        "problem_id": problem_id,
        "problem": text(row, next((name for name in STATEMENTS if name in row), STATEMENTS[0]), where),
        "answer": answer,
        "tests": None if tests is None else _own_tests(tests, optional_text(row, "fn_name", where), where),
        **optional,
    }


def _own_answer(row: dict[str, Any], where: str) -> str | None:
    column = next((name for name in ANSWERS if row.get(name) not in (None, "")), None)
    if column is None or (column == "solution" and row.get("tests") is not None):  # of code it is a program
        return None
    answer = text(row, column, where)
    try:
        return boxed(answer) if column == "solution" else after_hashes(answer) if "####" in answer else answer
    except ValueError as error:
        raise ProblemError(f"{where}: {column}: {error}, got {answer[-40:]!r}") from None


def _need_spelling(row: dict[str, Any], where: str) -> None:
    """Refuse a column that is a known one misspelt; any other unknown one is the user's own."""
    known = (*STATEMENTS, *ANSWERS, *OPTIONAL)
    for column in row.keys() - set(known):
        close = difflib.get_close_matches(column.lower(), known, n=1, cutoff=MISSPELT)
        if close and close[0] not in row:
            raise ProblemError(f"{where}: {column}: no such column (did you mean {close[0]}?)")


def _own_tests(tests: Any, function: str | None, where: str) -> str:
    try:
        known = code_tests.read_tests(tests, function=function)
    except code_tests.TestsError as error:
        expected = "" if "expected" in str(error) else ", expected a list of objects with `input` and `output`"
        raise ProblemError(f"{where}: tests: {error}{expected}") from None
    kind = "functional" if known.function else "stdin"
    cases = [{"input": given, "output": expected, "testtype": kind} for given, expected in known.cases]
    return json.dumps({"tests": cases, "metadata": {"fn_name": known.function}}, ensure_ascii=False)
