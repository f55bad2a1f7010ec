"""Updates: new information for a thought in progress.

A necessary update restores the original of a revised problem. Two kinds are controls: a false update is wrong and must
be resisted, a noop update repeats what the problem says.
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
COLUMNS = schema.UPDATES.names()


def collect(
    problems: pd.DataFrame, sources: Iterable[str] = ("tiny",), data_dir: str | Path | None = None
) -> pd.DataFrame:
    """The checked updates that come with sources: made for generated problems, or released with a benchmark.

    Only `problems` get updates; `data_dir` is as in `lib.problems.load`.

    Raises:
        ProblemError: a released benchmark cannot be loaded.
        ValueError: a generated problem that this generator did not make.
    """
    frames = [by_construction(problems), _of_code(problems)]
    for source in sources:
        if source in update_benchmark.CONFIGS:
            rows, revision = update_benchmark.load(source, data_dir)
            frames.append(_released(rows, problems, f"{update_benchmark.HUB}@{revision}"))
    return pd.concat([frame for frame in frames if len(frame)] or frames, ignore_index=True)


def by_construction(problems: pd.DataFrame) -> pd.DataFrame:
    """A necessary, a false and a noop update for each generated word problem; see `collect`."""
    wanted = problems[problems["source"] == "tiny"].set_index("problem_id")
    changes = dict(story.stories(1 + max(map(_number, wanted.index), default=-1)))
    rows = []
    for problem_id, problem in wanted.iterrows():
        made = changes[problem_id]
        if problem["problem"] != made.original.text():
            raise ValueError(f"{problem_id}: not the problem that seed {story.SEED} makes; run 01_load again")
        revised = {"revised_problem": made.revised.text(), "revised_answer": str(made.revised.answer())}
        for kind, text, revision in (
            ("necessary", made.update, revised | {"revised_by": GENERATOR}),
            ("false", story.false_update(made.original), dict.fromkeys(revised)),
            ("noop", story.noop_update(made.original), dict.fromkeys(revised)),
        ):
            ids = {"problem_id": problem_id, "update_id": "0" if kind == "necessary" else kind, "kind": kind}
            rows.append(_checked(problem, ids | revision | {"update": text, "generator": GENERATOR}, solved=True))
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_code(problems: pd.DataFrame) -> pd.DataFrame:
    """The updates of generated programming problems."""
    wanted = problems[problems["source"] == "tiny-code"].set_index("problem_id")
    made = tiny_code.updates(1 + max(map(_number, wanted.index), default=-1))
    # `tests_fail`: the generator makes no revision whose solution passes the tests
    rows = [
        _checked(wanted.loc[update["problem_id"]], update, solved=True, tests_fail=True)
        for update in made
        if update["problem_id"] in wanted.index
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _released(rows: list[dict], problems: pd.DataFrame, generator: str) -> pd.DataFrame:
    asked = problems.set_index("problem_id")
    shared = {"update_id": "0", "kind": "necessary", "revised_answer": None, "generator": generator}
    names = ("problem_id", "revised_problem", "revised_starter_code", "update")
    checked = [
        _checked(asked.loc[row["problem_id"]], {name: row[name] for name in names} | shared)
        for row in rows
        if row["problem_id"] in asked.index
    ]
    return pd.DataFrame(checked, columns=COLUMNS)


def _checked(
    asked: Mapping[str, Any], update: dict[str, Any], solved: bool = False, tests_fail: bool | None = None
) -> dict[str, Any]:
    why = why_invalid(asked, update | {"tests_fail": tests_fail}, solved)
    return update | {"valid": why is None, "why_invalid": why}


def with_controls(problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The updates, and after them the false and noop updates that a problem still lacks, by `lib.updates.controls`."""
    have, rows = set(zip(made["problem_id"], made["kind"], strict=True)), []
    for asked in problems.to_dict("records"):
        missing = [kind for kind in ("false", "noop") if (asked["problem_id"], kind) not in have]
        if not missing:
            continue
        texts = controls.control_updates(asked["problem_id"], asked["problem"], _text(asked["answer"]))
        for kind in missing:
            ids = {"problem_id": asked["problem_id"], "update_id": kind, "kind": kind, "update": texts[kind]}
            update = ids | {"generator": controls.GENERATOR}
            why = "no sentence of the problem has a number to say wrongly"
            rows.append(_checked(asked, update) if texts[kind] else update | {"valid": False, "why_invalid": why})
    if not rows:
        return made
    return pd.concat([made, pd.DataFrame(rows).reindex(columns=COLUMNS)], ignore_index=True)


def funnel(problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """How many problems of each source got how far with a necessary update.

    | column | necessary updates that |
    |---|---|
    | made | have a row |
    | parsed | have a revised problem and an update |
    | differs | also pass the checks of the two texts |
    | known | also have an answer, or tests, of the revised problem |
    | necessary | are valid in the end, with another answer |
    | unsolved | are valid so far, but have no known answer of the revised problem |
    """
    columns = ["problem_id", "source", "problem", "answer", "starter_code", "tests"]
    rows = made[made["kind"].eq("necessary")].merge(problems[columns], on="problem_id")
    parsed = rows["revised_problem"].notna() & rows["update"].notna()
    texts = rows.assign(revised_answer=None).astype({"answer": object}).to_dict("records")
    sound = pd.Series([why_invalid(row, row) is None for row in texts], rows.index, dtype=bool)
    known, valid = rows[["revised_answer", "revised_tests"]].notna().any(axis=1), rows["valid"].astype(bool)
    flags = pd.DataFrame(
        {
            "made": True,
            "parsed": parsed,
            "differs": parsed & sound,
            "known": parsed & sound & known,
            "necessary": valid & known,
            "unsolved": valid & ~known,
        },
        index=rows.index,
    )
    order = problems["source"].unique()
    counts = flags.groupby(rows["source"]).sum().reindex(order)
    counts.insert(0, "problems", problems.groupby("source").size())
    return counts.fillna(0).astype(int)


def why_invalid(asked: Mapping[str, Any], update: Mapping[str, Any], solved: bool = False) -> str | None:
    """The first check that an update fails, as a reason; None if it passes all.

    | check | kinds |
    |---|---|
    | the update says something, but not the answer | all |
    | the update does not say the whole problem | necessary, false |
    | the revised problem differs, in its text or in its starter code, which is not lost | necessary |
    | the update says every number that the revision changed | necessary |
    | the update says no number that the problem does not say | noop |
    | the revised problem has another answer, or the tests fail a solution of it | necessary |

    `asked` is the problem; `update` has perhaps `same_answer` (both problems have equal answers) or `tests_fail` (the
    problem's tests fail a solution of the revised one). If the revised problem was `solved`, neither may be missing.
    """
    gold, text = _text(asked["answer"]), _text(update["update"])
    if not text:
        return "the update is empty"
    if gold and _names(text, gold):
        return "the update names the answer"
    if update["kind"] != "noop" and _plain(asked["problem"]) in _plain(text):
        return "the update repeats the problem"
    if update["kind"] == "noop":
        unsaid = sorted(set(NUMBER.findall(text)) - set(NUMBER.findall(asked["problem"])))
        return f"the update says {unsaid[0]}, which the problem does not" if unsaid else None
    if update["kind"] == "false":
        return None
    return _why_no_revision(asked, update, text) or _why_unnecessary(gold, update, solved)


def _why_no_revision(asked: Mapping[str, Any], update: Mapping[str, Any], text: str) -> str | None:
    revised, starter = _text(update["revised_problem"]), _text(asked.get("starter_code"))
    revised_starter = update.get("revised_starter_code")
    if not revised:
        return "there is no revised problem"
    if starter and isinstance(revised_starter, str) and not revised_starter.strip():
        return "the starter code is lost"
    if _plain(revised) == _plain(asked["problem"]) and _text(revised_starter) in (None, starter):
        return "the revised problem is the original"
    changed = set(NUMBER.findall(asked["problem"])) - set(NUMBER.findall(revised))
    if missing := sorted(changed - set(NUMBER.findall(text))):
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
    """A text that is not blank, else None; a missing value of a table may be null or NaN."""
    return value.strip() or None if isinstance(value, str) else None


def _names(update: str, answer: str) -> bool:
    """Whether an update states the answer, as in "so the answer is 12"."""
    pattern = rf"\b(?:answer|result|solution)\b[^.?!\n]*(?<![\w.]){re.escape(answer)}(?![\w])"
    return bool(re.search(pattern, update, re.I))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _number(problem_id: str) -> int:
    return int(problem_id.split("/")[1])
