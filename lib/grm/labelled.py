"""Labelled sets: solutions whose first faulty step people have marked, as items of a judge with their truth.

| set | what it is | source |
|---|---|---|
| mrben_math | multiple-choice mathematics | Mr-Ben (Zeng et al., arXiv 2406.13975) |
| mrben_coding | Python functions, a line a step; the code is text here and is never run | the same |
| bbmistake_arith | arithmetic; contradictory labels left out | BIG-Bench-Mistake (Tyen, arXiv 2311.08516) |
| prmbench | mathematics with faults of nine classes put in | PRMBench (Song et al., arXiv 2501.03124) |
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from lib.interrupts.records import numbered
from lib.problems import jsonl

COLUMNS = ["item_id", "problem_id", "problem", "steps", "kept", "answer", "reference", "first_fault", "is_sound"]


def load(name: str, folder: str | Path) -> pd.DataFrame:
    """The items of a set, from `<folder>/<name>.jsonl`.

    Returns:
        The columns of `COLUMNS`: the solution as numbered `steps` and, without numbers, as `kept` thinking; its final
        `answer`; `first_fault`, the first faulty step from 1, null if none; `is_sound`, whether none is. Solutions of
        one problem share its problem_id.

    Raises:
        ValueError: no set of this name.
        lines.ProblemError: the file cannot be read, or a row lacks a field.
    """
    if name not in SETS:
        raise ValueError(f"{name}: no such set, expected one of {', '.join(SETS)}")
    rows, _ = jsonl.read(Path(folder) / f"{name}.jsonl", f"expected the rows of {name} as JSON Lines")
    made = [(where, SETS[name](row, where)) for where, row in rows if not row.get("label_conflict")]
    jsonl.need_distinct((where, row["item_id"]) for where, row in made)
    frame = pd.DataFrame([row for _, row in made], columns=COLUMNS).astype({"first_fault": "Int64"})
    return frame.assign(is_sound=frame["first_fault"].isna())


def _mrben_math(row: dict[str, Any], where: str) -> dict[str, Any]:
    steps = [_bare(step) for step in _steps(row, where)[: row["n_steps"]]]
    problem = f"{jsonl.text(row, 'question', where)}\n{jsonl.text(row, 'options', where)}"
    known = {"problem_id": jsonl.text(row, "question_id", where), "problem": problem}
    return _item(row, where, steps) | known | {"answer": row.get("final_choice"), "reference": row.get("gold_answer")}


def _mrben_coding(row: dict[str, Any], where: str) -> dict[str, Any]:
    code = jsonl.text(row, "code", where)
    known = {"problem_id": jsonl.text(row, "question_id", where), "problem": jsonl.text(row, "question", where)}
    told = _item(row, where, [], "first_error_line") | known | {"answer": code, "kept": None}
    return told | {"steps": "\n".join(f"{i}. {line}" for i, line in enumerate(code.split("\n"), 1))}


def _bbmistake(row: dict[str, Any], where: str) -> dict[str, Any]:
    known = {"problem_id": jsonl.text(row, "id", where), "problem": jsonl.text(row, "input", where)}
    told = _item(row, where, _steps(row, where)) | known
    return told | {"answer": jsonl.text(row, "answer", where), "reference": jsonl.text(row, "target", where)}


def _prmbench(row: dict[str, Any], where: str) -> dict[str, Any]:
    known = {"problem_id": jsonl.text(row, "id", where), "problem": jsonl.text(row, "question", where)}
    return _item(row, where, _steps(row, where)) | known | {"answer": None, "reference": None}


SETS: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "mrben_math": _mrben_math,
    "mrben_coding": _mrben_coding,
    "bbmistake_arith": _bbmistake,
    "prmbench": _prmbench,
}


def _item(row: dict[str, Any], where: str, steps: list[str], fault: str = "first_error_step") -> dict[str, Any]:
    if fault not in row:
        raise jsonl.ProblemError(f"{where}: {fault}: expected a step from 1 or null, got no such field")
    flat = [" ".join(step.split()) for step in steps]  # a step is one line, so that its number is that of the line
    known = {"item_id": jsonl.text(row, "id", where), "first_fault": row[fault], "reference": None}
    return known | {"steps": numbered("\n".join(flat)), "kept": "\n".join(flat)}


def _steps(row: dict[str, Any], where: str) -> list[str]:
    steps = row.get("steps")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, str) and step.strip() for step in steps):
        raise jsonl.ProblemError(f"{where}: steps: expected a list of texts")
    return steps


def _bare(step: str) -> str:
    """A step without the tag `Step 3:` in front, as the numbers of the lines say the same."""
    head, found, rest = step.partition(":")
    return rest.strip() if found and head.strip().lower().startswith("step ") and rest.strip() else step
