"""Updates: news for a thought in progress. A necessary one restores the original of a revised problem; a false one is
wrong and must be resisted, a noop one says what the problem says already: these two are controls.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lib import schema
from lib.problems import tiny_code, update_benchmark
from lib.problems.tiny_math import story
from lib.updates import controls

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
GENERATOR = f"lib.problems.tiny_math.story, seed {story.SEED}"


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
    made = dict(story.stories(1 + max(map(_number, wanted.index), default=-1)))
    rows = [row for problem_id, problem in wanted.iterrows() for row in _rows(problem_id, problem, made[problem_id])]
    return pd.DataFrame(rows, columns=schema.TABLES["updates"].names())


def collect(
    problems: pd.DataFrame, sources: Iterable[str] = ("tiny",), data_dir: str | Path | None = None
) -> pd.DataFrame:
    """The updates that come with the sources of a study: made for generated problems, released with a benchmark.

    Args:
        problems: rows of the problems table; only these get updates.
        sources: of the study.
        data_dir: where benchmarks are read from, as `lib.problems.load` takes it.

    Returns:
        Rows of the updates table, as `by_construction`.

    Raises:
        lines.ProblemError: a released benchmark cannot be loaded.
    """
    frames = [by_construction(problems), _of_code(problems)]
    for source in sources:
        if source in update_benchmark.CONFIGS:
            rows, revision = update_benchmark.load(source, data_dir)
            frames.append(_released(rows, problems, f"{update_benchmark.HUB}@{revision}"))
    return pd.concat([frame for frame in frames if len(frame)] or frames, ignore_index=True)


def with_controls(problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The updates, and a false and a noop one after those of every problem that has none of the kind, by `controls`."""
    rows, columns = [], schema.TABLES["updates"].names()
    have = set(zip(made["problem_id"], made["kind"], strict=True))
    for asked in problems.to_dict("records"):
        missing = [kind for kind in ("false", "noop") if (asked["problem_id"], kind) not in have]
        told = (
            controls.control_updates(asked["problem_id"], asked["problem"], _text(asked["answer"])) if missing else {}
        )
        for kind in missing:
            update = {"problem_id": asked["problem_id"], "update_id": kind, "kind": kind, "update": told[kind]}
            why = why_invalid(asked, update) if told[kind] else "no sentence of the problem has a number to say wrongly"
            rows.append(update | {"generator": controls.GENERATOR, "valid": why is None, "why_invalid": why})
    if not rows:
        return made
    return pd.concat([made, pd.DataFrame(rows).reindex(columns=columns)], ignore_index=True)


def funnel(problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """How many problems of each source got how far with a necessary update.

    | column | necessary updates that |
    |---|---|
    | made | there is a row of |
    | parsed | have a revised problem and an update |
    | differs | also pass the checks of the two texts |
    | known | also have an answer, or tests, of the revised problem |
    | necessary | are valid in the end, with another answer |
    | unsolved | are valid so far, but nobody knows the answer of the revised problem |
    """
    columns = ["problem_id", "source", "problem", "answer", "starter_code", "tests"]
    rows = made[made["kind"].eq("necessary")].merge(problems[columns], on="problem_id")
    parsed = rows["revised_problem"].notna() & rows["update"].notna()
    texts = rows.assign(revised_answer=None).astype({"answer": object}).to_dict("records")
    sound = pd.Series([why_invalid(row, row) is None for row in texts], rows.index, dtype=bool)
    known, valid = rows[["revised_answer", "revised_tests"]].notna().any(axis=1), rows["valid"].astype(bool)
    flags = {
        "problems": problems.groupby("source").size(),
        "made": rows.groupby("source").size(),
        "parsed": parsed.groupby(rows["source"]).sum(),
        "differs": (parsed & sound).groupby(rows["source"]).sum(),
        "known": (parsed & sound & known).groupby(rows["source"]).sum(),
        "necessary": (valid & known).groupby(rows["source"]).sum(),
        "unsolved": (valid & ~known).groupby(rows["source"]).sum(),
    }
    order = problems["source"].unique()
    return pd.DataFrame({name: counts.reindex(order) for name, counts in flags.items()}).fillna(0).astype(int)


def _of_code(problems: pd.DataFrame) -> pd.DataFrame:
    """The updates of generated programming problems, which come with the problems."""
    wanted = problems[problems["source"] == "tiny-code"].set_index("problem_id")
    made = tiny_code.updates(1 + max(map(_number, wanted.index), default=-1))
    rows = []
    for update in made:
        if update["problem_id"] in wanted.index:
            # the generator makes no revision whose solution passes the tests
            why = why_invalid(wanted.loc[update["problem_id"]], update | {"tests_fail": True}, solved=True)
            rows.append(update | {"valid": why is None, "why_invalid": why})
    return pd.DataFrame(rows, columns=schema.TABLES["updates"].names())


def _released(rows: list[dict], problems: pd.DataFrame, generator: str) -> pd.DataFrame:
    known = problems.set_index("problem_id")
    made = []
    for row in rows:
        if row["problem_id"] in known.index:
            names = ("problem_id", "revised_problem", "revised_starter_code", "update")
            update = {name: row[name] for name in names} | {"kind": "necessary", "revised_answer": None}
            asked = known.loc[row["problem_id"]]
            why = why_invalid(asked, update)
            made.append(update | {"update_id": "0", "generator": generator, "valid": why is None, "why_invalid": why})
    return pd.DataFrame(made, columns=schema.TABLES["updates"].names())


def _rows(problem_id: str, problem: pd.Series, made: story.Change) -> list[dict]:
    if problem["problem"] != made.original.text():
        raise ValueError(f"{problem_id}: not the problem that seed {story.SEED} makes; run 01_load again")
    necessary = {
        "update_id": "0",
        "kind": "necessary",
        "revised_problem": made.revised.text(),
        "revised_answer": str(made.revised.answer()),
        "revised_by": GENERATOR,
        "update": made.update,
    }
    controls = [
        {"update_id": kind, "kind": kind, "revised_problem": None, "revised_answer": None, "update": news}
        for kind, news in (("false", story.false_update(made.original)), ("noop", story.noop_update(made.original)))
    ]
    rows = []
    for update in (necessary, *controls):
        why = why_invalid(problem, update, solved=True)
        known = {"problem_id": problem_id, "revised_starter_code": None, "generator": GENERATOR}
        rows.append(known | update | {"valid": why is None, "why_invalid": why})
    return rows


def why_invalid(asked: Mapping[str, Any], update: Mapping[str, Any], solved: bool = False) -> str | None:
    """The first check that an update fails, or None.

    | check | kinds |
    |---|---|
    | the update says something, but not the answer | all |
    | the update does not say the whole problem | necessary, false |
    | the revised problem differs, in its text or in its starter code, which is not lost | necessary |
    | the update says every number that the revision changed | necessary |
    | the update says no number that the problem does not say | noop |
    | the revised problem has another answer, or the tests fail a solution of it | necessary |

    Args:
        asked: problem, answer and starter_code of the problem.
        update: kind, update, revised_problem, revised_answer, revised_starter_code, and for code `tests_fail`: whether
            the problem's tests fail a solution of the revised problem.
            the problem's tests fail a solution of the revised problem; for math `same_answer`: whether the answers
            of both problems are equal, where their texts differ.
        solved: whether somebody tried to solve the revised problem, so that a missing answer, or a missing
            `tests_fail`, is a fault.
    """
    gold, news = _text(asked["answer"]), _text(update["update"])
    if not news:
        return "the update is empty"
    if gold and _names(news, gold):
        return "the update names the answer"
    if update["kind"] != "noop" and _plain(asked["problem"]) in _plain(news):
        return "the update repeats the problem"
    if update["kind"] == "noop":
        unsaid = sorted(set(NUMBER.findall(news)) - set(NUMBER.findall(asked["problem"])))
        return f"the update says {unsaid[0]}, which the problem does not" if unsaid else None
    if update["kind"] == "false":
        return None
    return _why_no_revision(asked, update, news) or _why_unnecessary(gold, update, solved)


def _why_no_revision(asked: Mapping[str, Any], update: Mapping[str, Any], news: str) -> str | None:
    revised, starter = _text(update["revised_problem"]), _text(asked.get("starter_code"))
    revised_starter = update.get("revised_starter_code")
    if not revised:
        return "there is no revised problem"
    if starter and isinstance(revised_starter, str) and not revised_starter.strip():
        return "the starter code is lost"
    if _plain(revised) == _plain(asked["problem"]) and _text(revised_starter) in (None, starter):
        return "the revised problem is the original"
    changed = set(NUMBER.findall(asked["problem"])) - set(NUMBER.findall(revised))
    if missing := sorted(changed - set(NUMBER.findall(news))):
        return f"the update does not say {missing[0]}, which the revision changed"
    return None


def _why_unnecessary(gold: str | None, update: Mapping[str, Any], solved: bool) -> str | None:
    if gold and solved and not _text(update["revised_answer"]):
        return "no answer of the revised problem is known"
    if gold and (update.get("same_answer") or _text(update["revised_answer"]) == gold):
        return "both problems have the same answer"
    if not gold and (update.get("tests_fail") is False or (solved and update.get("tests_fail") is None)):
        return "the tests pass a solution of the revised problem"
    return None


def _text(value: object) -> str | None:
    """A text that is not blank, else None: what a table has no value for may be null or not a number."""
    return value.strip() or None if isinstance(value, str) else None


def _names(update: str, answer: str) -> bool:
    """Whether an update says what the answer is, as in "so the answer is 12"."""
    return bool(
        re.search(rf"\b(?:answer|result|solution)\b[^.?!\n]*(?<![\w.]){re.escape(answer)}(?![\w])", update, re.I)
    )


def _plain(text: str) -> str:
    return " ".join(text.split())


def _number(problem_id: str) -> int:
    return int(problem_id.split("/")[1])
