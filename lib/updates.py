"""Updates: pairs of a revised problem and the news that restores the original."""

import pandas as pd

from lib import schema, tiny

COLUMNS = {
    "update_id": "0",
    "kind": "necessary",
    "revised_starter_code": None,
    "generator": f"lib.tiny, seed {tiny.SEED}",
}


def by_construction(problems: pd.DataFrame) -> pd.DataFrame:
    """One necessary update for each generated problem; problems of other sources get none.

    Args:
        problems: rows of the problems table.

    Returns:
        Rows of the updates table, each checked: `valid`, or `why_invalid` says what is wrong.

    Raises:
        ValueError: a generated problem that this generator did not make.
    """
    wanted = problems[problems["source"] == "tiny"].set_index("problem_id")
    made = dict(tiny.stories(1 + max(map(_number, wanted.index), default=-1)))
    rows = [_row(problem_id, problem, made[problem_id]) for problem_id, problem in wanted.iterrows()]
    return pd.DataFrame(rows, columns=schema.TABLES["updates"].names())


def _row(problem_id: str, problem: pd.Series, made: tiny.Change) -> dict:
    if problem["problem"] != made.original.text():
        raise ValueError(f"{problem_id}: not the problem that seed {tiny.SEED} makes; run 01_load again")
    row = {
        "problem_id": problem_id,
        **COLUMNS,
        "revised_problem": made.revised.text(),
        "revised_answer": str(made.revised.answer()),
        "update": made.update,
    }
    why = why_invalid(problem["problem"], problem["answer"], row)
    return row | {"valid": why is None, "why_invalid": why}


def why_invalid(problem: str, answer: str, update: dict) -> str | None:
    """The first check that a necessary update fails, or None."""
    if update["revised_problem"] == problem:
        return "the revised problem is the original"
    if update["revised_answer"] == answer:
        return "both problems have the same answer"
    if not update["update"].strip():
        return "the update is empty"
    return None


def _number(problem_id: str) -> int:
    return int(problem_id.split("/")[1])
