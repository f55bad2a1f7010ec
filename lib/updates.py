"""Updates: news for a thought in progress. A necessary one restores the original of a revised problem; a false one is
wrong and must be resisted, a noop one says what the problem says already: these two are controls.
"""

import pandas as pd

from lib import schema, tiny

GENERATOR = f"lib.tiny, seed {tiny.SEED}"


def by_construction(problems: pd.DataFrame) -> pd.DataFrame:
    """A necessary, a false and a noop update for each generated problem; problems of other sources get none.

    Args:
        problems: rows of the problems table.

    Returns:
        Rows of the updates table, each checked: `valid`, or `why_invalid` says what is wrong.

    Raises:
        ValueError: a generated problem that this generator did not make.
    """
    wanted = problems[problems["source"] == "tiny"].set_index("problem_id")
    made = dict(tiny.stories(1 + max(map(_number, wanted.index), default=-1)))
    rows = [row for problem_id, problem in wanted.iterrows() for row in _rows(problem_id, problem, made[problem_id])]
    return pd.DataFrame(rows, columns=schema.TABLES["updates"].names())


def _rows(problem_id: str, problem: pd.Series, made: tiny.Change) -> list[dict]:
    if problem["problem"] != made.original.text():
        raise ValueError(f"{problem_id}: not the problem that seed {tiny.SEED} makes; run 01_load again")
    necessary = {
        "update_id": "0",
        "kind": "necessary",
        "revised_problem": made.revised.text(),
        "revised_answer": str(made.revised.answer()),
        "update": made.update,
    }
    controls = [
        {"update_id": kind, "kind": kind, "revised_problem": None, "revised_answer": None, "update": news}
        for kind, news in (("false", tiny.false_news(made.original)), ("noop", tiny.known_news(made.original)))
    ]
    rows = []
    for update in (necessary, *controls):
        why = why_invalid(problem["problem"], problem["answer"], update)
        known = {"problem_id": problem_id, "revised_starter_code": None, "generator": GENERATOR}
        rows.append(known | update | {"valid": why is None, "why_invalid": why})
    return rows


def why_invalid(problem: str, answer: str, update: dict) -> str | None:
    """The first check that an update fails, or None."""
    if not update["update"].strip():
        return "the update is empty"
    if update["kind"] != "necessary":
        return None
    if update["revised_problem"] == problem:
        return "the revised problem is the original"
    if update["revised_answer"] == answer:
        return "both problems have the same answer"
    return None


def _number(problem_id: str) -> int:
    return int(problem_id.split("/")[1])
