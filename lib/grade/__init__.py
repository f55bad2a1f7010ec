"""Grades of whole tables: math answers, programs, and the rows of `grades`.

What the text alone settles never leaves this process. Answers that have to be parsed go to `lib.grade.math_workers`,
programs to `lib.sandbox`, both by way of `lib.grade.cluster`, which decides whether that is here or on a cluster.
"""

from collections.abc import Callable, Iterable
from functools import cache, partial

import numpy as np
import pandas as pd

from lib import answers, sandbox, schema
from lib.answers import Grade
from lib.grade import cluster, math_workers
from lib.sandbox.programs import between_last_fences, extract_code, is_closed

# What a study's `grading` means: the profile for math answers and that for programs.
PROFILES = {"exact": ("exact", "exact"), "published": ("published", "lcb")}
RESULTS = ["status", "extracted", "reason", "failed_test", "sandbox"]


def math(frame: pd.DataFrame, workers: int | None = None, profile: str = "exact") -> pd.DataFrame:
    """Grade every row of `frame`, whose columns include text, gold and source; index and order are kept.

    Returns a copy with the columns status, extracted and reason added, as in `answers.Grade`; an answer over a limit is
    ungradable, and the reason names the limit. Equal answers to one gold answer are graded once.

    Args:
        workers: the most processes (tasks of a cluster) to use, by default one per usable core.
        profile: `exact`, or `published` for the looser rules of `lib.answers.authors_rules`.

    Raises:
        ValueError: a column is missing, or the profile unknown.
        GradersError: there is no cluster where the variable MIDTHOUGHT_GRADERS wants one.
    """
    _require(frame, "text", "gold", "source")
    read = cache(partial(answers.read, profile=profile))
    texts = [read(text, source).answer for text, source in zip(_or_none(frame["text"]), frame["source"], strict=True)]
    return _with_grades(frame, _compare(texts, frame["gold"], frame["source"], workers, profile))


def code(
    frame: pd.DataFrame,
    workers: int | None = None,
    profile: str = "exact",
    limits: sandbox.Limits | None = None,
    allow_unsafe: bool = False,
    open_runner: Callable[[], sandbox.Runner] | None = None,
) -> pd.DataFrame:
    """Grade every row of `frame`, whose columns include code and tests, by running it in the sandbox.

    Returns a copy with these columns added; index and order are kept. Equal programs with the same tests run once.

    | column | meaning |
    |---|---|
    | status | correct, incorrect, no_answer (no code) or ungradable (the tests cannot be read) |
    | passed | whether it passed every test |
    | failed_test | the first test that it failed, from 0; those after it are not run |
    | reason | compile error, wrong answer, runtime error, time limit, memory limit or killed, with its detail |
    | sandbox | the walls that stood around it |

    `profile` is explained by `lib.sandbox.run`, the other arguments by `lib.sandbox.run_all`. A column `fn_name`, if
    there is one, names the method that functional tests call. Errors are those of `math`, and SandboxError where
    nothing is safe enough to run code in.
    """
    _require(frame, "code", "tests")
    names = frame["fn_name"] if "fn_name" in frame else [None] * len(frame)
    once: dict[str, str] = {}  # one object for equal tests, as they are large
    tests = [once.setdefault(given, given) if isinstance(given, str) else given for given in frame["tests"]]
    tests = [{"tests": t, "fn_name": n} if isinstance(n, str) and n else t for t, n in zip(tests, names, strict=True)]
    pairs = list(zip(_or_none(frame["code"]), tests, strict=True))
    keys = [(program, id(given)) for program, given in pairs]
    distinct = {key: pair for key, pair in zip(keys, pairs, strict=True) if pair[0]}
    work = partial(sandbox.run_all, profile=profile, limits=limits, allow_unsafe=allow_unsafe, open_runner=open_runner)
    results = cluster.scatter(work, list(distinct.values()), cluster.PROGRAMS, workers, "programs")
    by_key = dict(zip(distinct, results, strict=True))
    verdicts = [by_key.get(key) or sandbox.run(None, ()) for key in keys]  # without code there is nothing to send
    types = {"status": "str", "passed": "bool", "failed_test": "Int64", "reason": "str"}
    frame = frame.assign(**{n: pd.Series([getattr(v, n) for v in verdicts], frame.index, t) for n, t in types.items()})
    return frame.assign(sandbox=pd.Series([" + ".join(v.walls) or None for v in verdicts], frame.index, "str"))


def rows(
    traces: pd.DataFrame,
    continuations: pd.DataFrame,
    problems: pd.DataFrame,
    updates: pd.DataFrame,
    grading: str = "exact",
    allow_unsafe: bool = False,
) -> pd.DataFrame:
    """The table `grades`: one row per trace and per continuation, in that order.

    The text that is graded is the answer with its prefill put back, never the thinking. A row cut by the token limit is
    censored, unless a whole final answer stood before the cut; a thought that was never closed has no answer. A revised
    trace is graded by the revised answer or its tests, and ungradable where nobody knows them; everything else by those
    of the original. Rows that began with a revised statement also say whether their answer is the revised one.

    `grading` and `allow_unsafe` are those of the study. A ValueError names the first continuation without its trace, or
    row without its problem.
    """
    frame = _with_gold(_one_table(traces, continuations), problems, updates)
    frame[RESULTS] = None
    profile, code_profile = PROFILES[grading]
    is_code = frame["task"].eq("code")
    read = cache(partial(answers.read, profile=profile))
    math_rows = frame[~is_code]
    readings = pd.Series(list(map(read, _or_none(math_rows["answer"]), math_rows["source"])), math_rows.index, object)
    frame["stated"] = readings.map(lambda r: r.answer)
    cut, ended = frame["finish_reason"].eq("length"), frame["ended"].astype(bool)
    is_complete = pd.concat([readings.map(lambda r: r.is_complete), frame.loc[is_code, "answer"].map(_is_whole_code)])
    censored = cut & ~(ended & is_complete.astype(bool))
    frame.loc[censored, ["status", "reason"]] = ["censored", "token limit before a final answer"]
    frame.loc[~cut & ~ended, ["status", "reason"]] = ["no_answer", "thinking never closed"]
    unknown = frame["status"].isna() & frame["gold"].isna() & frame["tests"].isna()
    frame.loc[unknown, ["status", "reason"]] = ["ungradable", "no answer of this problem is known"]
    is_open = frame["status"].isna()
    _grade_math(frame, frame[is_open & ~is_code], profile)
    _grade_code(frame, frame[is_open & is_code], code_profile, allow_unsafe)
    frame["correct"] = frame["status"].eq("correct")
    frame["tokens"] = frame["reasoning_tokens"] + frame["answer_tokens"]
    return frame[schema.TABLES["grades"].names()]


def _require(frame: pd.DataFrame, *columns: str) -> None:
    if absent := set(columns) - set(frame.columns):
        raise ValueError(f"grade: missing columns: {', '.join(sorted(absent))}")


def _or_none(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), None)


def _compare(
    stated: Iterable[str | None], golds: pd.Series, sources: pd.Series, workers: int | None, profile: str
) -> list[Grade]:
    """Verdicts on stated answers, as `answers.read` gives them."""
    read_gold = cache(answers.read_gold)
    rows = list(zip(stated, map(read_gold, _or_none(golds), sources), sources, strict=True))
    verdicts = {row: answers.match(*row, profile) for row in dict.fromkeys(rows)}
    pairs = list(dict.fromkeys(row[:2] for row, verdict in verdicts.items() if verdict is None))
    work = partial(math_workers.compare_all, profile=profile)
    compared = dict(zip(pairs, cluster.scatter(work, pairs, cluster.ANSWERS, workers, "answers"), strict=True))
    return [verdicts[row] or compared[row[:2]] for row in rows]


def _with_grades(frame: pd.DataFrame, grades: list[Grade]) -> pd.DataFrame:
    names = ("status", "extracted", "reason")
    return frame.assign(**{n: pd.Series([getattr(g, n) for g in grades], frame.index, dtype="str") for n in names})


def _is_whole_code(text: str | None) -> bool:
    return extract_code(text) is not None and is_closed(text)


def _grade_math(frame: pd.DataFrame, graded: pd.DataFrame, profile: str) -> None:
    """Write the verdicts on math answers into `frame`, and whether an answer is the one of the revised problem."""
    by_revised = graded.assign(gold=graded["revised_gold"]).dropna(subset="gold")
    both = pd.concat([graded, by_revised])
    verdicts = _with_grades(both, _compare(_or_none(both["stated"]), both["gold"], both["source"], None, profile))
    first, second = verdicts.iloc[: len(graded)], verdicts.iloc[len(graded) :]
    names = ["status", "extracted", "reason"]
    frame.loc[graded.index, names] = first[names]
    equal = second["status"].map({"correct": True, "incorrect": False})
    frame["equals_revised"] = equal.reindex(frame.index).astype("boolean")


def _grade_code(frame: pd.DataFrame, graded: pd.DataFrame, profile: str, allow_unsafe: bool) -> None:
    """Write the verdicts on programs into `frame`, and whether a program passes the tests of the revised problem."""
    extract = between_last_fences if profile == "lcb" else extract_code
    graded = graded.assign(code=[extract(text) for text in graded["answer"]])[["code", "tests", "revised_tests"]]
    by_revised = graded.assign(tests=graded["revised_tests"]).dropna(subset="tests")
    verdicts = code(pd.concat([graded, by_revised]), profile=profile, allow_unsafe=allow_unsafe)
    first, second = verdicts.iloc[: len(graded)], verdicts.iloc[len(graded) :]
    frame.loc[graded.index, RESULTS] = first.assign(extracted=graded["code"])[RESULTS]
    equal = second["status"].map({"correct": True, "incorrect": False}).astype("boolean")
    frame.loc[equal.index, "equals_revised"] = equal


def _one_table(traces: pd.DataFrame, continuations: pd.DataFrame) -> pd.DataFrame:
    origin = traces[["trace_id", "variant", "update_id", "sample", "system"]]
    after = continuations.merge(origin, on="trace_id", how="left", validate="many_to_one", indicator="origin")
    _need(after["origin"].eq("both"), after["continuation_id"], "no trace")
    full = traces.assign(kind="trace", row_id=traces["trace_id"], interrupt=None, role=None, unit=None)
    full = full.assign(position=np.nan, remaining_tokens=pd.NA)
    after = after.assign(
        kind="continuation",
        row_id=after["continuation_id"],
        answer=after["prefill"].fillna("") + after["answer"].fillna(""),
    )
    return pd.concat([full, after], join="inner", ignore_index=True)


def _with_gold(frame: pd.DataFrame, problems: pd.DataFrame, updates: pd.DataFrame) -> pd.DataFrame:
    """Add gold and tests to every row, and those of the revised problem where the row has one."""
    original = problems.set_index("problem_id")["answer"]
    _need(frame["problem_id"].isin(original.index), frame["row_id"], "no problem")
    keys = ["problem_id", "update_id"]
    revised = updates[[*keys, "revised_answer", "revised_tests"]].rename(columns={"revised_answer": "revised_gold"})
    frame = frame.merge(revised.astype({"update_id": "str"}), on=keys, how="left", validate="many_to_one")
    gold = frame["problem_id"].map(original)
    by_revised = frame["variant"].eq("revised") & frame["kind"].eq("trace")
    tests = frame["problem_id"].map(problems.set_index("problem_id")["tests"])
    return frame.assign(
        gold=gold.mask(by_revised, frame["revised_gold"]), tests=tests.mask(by_revised, frame["revised_tests"])
    )


def _need(is_fine: pd.Series, names: pd.Series, problem: str) -> None:
    if not is_fine.all():
        raise ValueError(f"grade.rows: {problem} for row {names[~is_fine].iloc[0]} ({(~is_fine).sum()} such rows)")
