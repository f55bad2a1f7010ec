"""LiveCodeBench: problems of programming contests, with the tests that decide.

The hub keeps one JSON Lines file per release; `release_v6` is all six. Private tests are packed there, and stay packed
in the problems table: they are large, and unpacked one problem at a time when a program is graded.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lib import paths
from lib.problems import code_tests, jsonl
from lib.problems.jsonl import Problem, ProblemError, Row

SOURCE = "livecodebench"
HUB = "livecodebench/code_generation_lite"
REVISION = "0fe84c3912ea0c4d4a78037083943e8f0c4dd505"
RELEASE = ("test.jsonl", *(f"test{number}.jsonl" for number in range(2, 7)))  # release_v6
LOCAL = ("livecodebench.jsonl", "lcb_sample.jsonl")  # names under which a folder may hold it
WINDOW = ("2024-10-01", "2025-05-01")  # of the published study, both days included
SIZE = 341  # problems of the release in that window

Window = tuple[str, str]  # first and last day, YYYY-MM-DD


def load(data_dir: str | Path | None, window: Window | None) -> tuple[list[Problem], str]:
    """Problems first published in the window (None: all), in the benchmark's order, and their revision.

    Beside the columns of the problems table each has `contest` and `title`, by which other data sets name it.

    Raises:
        ProblemError: hub, files or tests cannot be read; a row lacks a field or repeats an id; the window is empty.
    """
    rows, revision = _from_hub() if data_dir is None else _from_folder(Path(data_dir))
    first, last = window or ("", "9999")
    placed = [(where, _problem(row, where)) for where, row in rows if first <= jsonl.day(row, where) <= last]
    jsonl.need_distinct((where, problem["problem_id"]) for where, problem in placed)
    if not placed:
        raise ProblemError(f"{SOURCE}: no problem between {first} and {last}, expected another window")
    if data_dir is None and window == WINDOW and len(placed) != SIZE:
        raise ProblemError(f"{SOURCE}: {len(placed)} problems in the published window, expected {SIZE}")
    return [problem for _, problem in placed], revision


def _from_hub() -> tuple[Iterator[Row], str]:
    files = (jsonl.read(_downloaded(name), "expected a file of the release")[0] for name in RELEASE)
    return (row for rows in files for row in rows), REVISION


def _downloaded(name: str) -> Path:
    import huggingface_hub  # slow to import, and needed only here

    try:
        return Path(huggingface_hub.hf_hub_download(HUB, name, repo_type="dataset", revision=REVISION))
    except Exception as error:
        raise jsonl.hub_error(SOURCE, f"{HUB}@{REVISION[:7]}/{name}", LOCAL[0], error) from error


def _from_folder(folder: Path) -> tuple[list[Row], str]:
    for name in LOCAL:
        if (paths.ROOT / (folder / name).expanduser()).exists():
            return jsonl.read(folder / name, f"expected the problems of {SOURCE} as JSON Lines")
    raise ProblemError(f"{folder}: no {LOCAL[0]} there, expected the problems of {SOURCE} as JSON Lines")


def _problem(row: dict[str, Any], where: str) -> Problem:
    return {
        "problem_id": f"{SOURCE}/{jsonl.text(row, 'question_id', where)}",
        "problem": jsonl.text(row, "question_content", where),
        "starter_code": jsonl.optional_text(row, "starter_code", where),
        "tests": _tests(row, where),
        "difficulty": jsonl.optional_text(row, "difficulty", where),
        "contest_date": jsonl.day(row, where),
        "contest": jsonl.optional_text(row, "contest_id", where),
        "title": jsonl.optional_text(row, "question_title", where),
    }


def _tests(row: dict[str, Any], where: str) -> str:
    """Public and private tests as one JSON, the private ones still packed; refused if they cannot be read."""
    public, private = (jsonl.text(row, f"{kind}_test_cases", where) for kind in ("public", "private"))
    try:
        name = (json.loads(row.get("metadata") or "{}") or {}).get("func_name")
        tests = {"tests": json.loads(public), "private": private, "metadata": {"fn_name": name}}
        code_tests.read_tests(tests)
    except (ValueError, AttributeError) as error:
        raise ProblemError(f"{where}: tests: {error}") from None
    return json.dumps(tests, ensure_ascii=False)
