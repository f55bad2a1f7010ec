"""Grades of whole tables: math answers, programs, and the rows of `grades`.

What plain reading settles never leaves this process. Answers that have to be parsed go to `lib.grade.math_workers`,
programs to
`lib.sandbox`, both by way of `lib.grade.cluster`, which knows whether that is here or on a cluster.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lib import answers, sandbox, schema
from lib.grade import cluster
from lib.sandbox import programs

# What a study's `grading` means: the profile for math answers and that for programs.
PROFILES = {"exact": ("exact", "exact"), "published": ("published", "lcb")}
RESULTS = ["status", "extracted", "reason", "failed_test", "sandbox"]


def math(frame: pd.DataFrame, workers: int | None = None, profile: str = "exact") -> pd.DataFrame:
    """Grade every row of `frame`, whose columns include text, gold and source; index and order are kept.

    Returns a copy with the columns status, extracted and reason added, as in `answers.Grade`; an answer over
    a limit is ungradable, and the reason names the limit. Equal rows, and equal answers to one gold answer, are
    graded once. `workers` is the most processes (tasks of a cluster) to use, by default one per usable core; none is
    if plain reading settles every row. `profile` names the rules: `exact`, or the looser ones of
    `lib.answers.authors_rules`.

    Raises:
        ValueError: a column is missing, or the profile unknown.
        GradersError: there is no cluster where the variable MIDTHOUGHT_GRADERS wants one.
    """
    if absent := {"text", "gold", "source"} - set(frame.columns):
        raise ValueError(f"grade.math: missing columns: {', '.join(sorted(absent))}")
    texts, golds = (frame[name].astype(object).where(frame[name].notna(), None) for name in ("text", "gold"))
    rows = list(zip(texts, golds, frame["source"], strict=True))
    verdicts = {row: answers.settle(*row, profile) for row in dict.fromkeys(rows)}
    open_rows = [row for row, verdict in verdicts.items() if verdict is None]
    pairs = [
        (answers.final_answer(text, source, profile), answers.wanted(gold, source)) for text, gold, source in open_rows
    ]
    compared = cluster.grades(pairs, workers, profile)
    verdicts |= {row: compared[pair] for row, pair in zip(open_rows, pairs, strict=True)}
    grades = [verdicts[row] for row in rows]
    columns = {
        name: pd.Series([getattr(grade, name) for grade in grades], frame.index, dtype="str")
        for name in ("status", "extracted", "reason")
    }
    return frame.assign(**columns)


def code(
    frame: pd.DataFrame,
    workers: int | None = None,
    profile: str = "exact",
    limits: sandbox.Limits | None = None,
    allow_unsafe: bool = False,
    open_runner: Callable[[], sandbox.Runner] | None = None,
) -> pd.DataFrame:
    """Grade every row of `frame`, whose columns include code and tests, by running it in the sandbox.

    Returns a copy with these columns added; index and order are kept.

    | column | meaning |
    |---|---|
    | status | correct, incorrect, no_answer (no code) or ungradable (the tests cannot be read) |
    | passed | whether it passed every test |
    | failed_test | the first test that it failed, from 0; those after it are not run |
    | reason | compile error, wrong answer, runtime error, time limit, memory limit or killed, with its detail |
    | sandbox | the walls that stood around it |

    `profile` is explained by `lib.sandbox.run`, the other arguments by `lib.sandbox.run_all`. A column `fn_name`, if
    there is one, names the method that functional tests call.

    Raises:
        ValueError: a column is missing, or an unknown profile.
        SandboxError: nothing here is safe enough to run code in.
        GradersError: as `math`.
    """
    if absent := {"code", "tests"} - set(frame.columns):
        raise ValueError(f"grade.code: missing columns: {', '.join(sorted(absent))}")
    codes = frame["code"].astype(object).where(frame["code"].notna(), None)
    names = frame["fn_name"] if "fn_name" in frame else [None] * len(frame)
    tests = [_with_name(given, name) for given, name in zip(frame["tests"], names, strict=True)]
    pairs = list(zip(codes, tests, strict=True))
    verdicts = cluster.run_all(pairs, workers, profile, limits, allow_unsafe, open_runner)
    return frame.assign(
        status=pd.Series([verdict.status for verdict in verdicts], frame.index, dtype="str"),
        passed=pd.Series([verdict.passed for verdict in verdicts], frame.index, dtype="bool"),
        failed_test=pd.Series([verdict.failed_test for verdict in verdicts], frame.index, dtype="Int64"),
        reason=pd.Series([verdict.reason for verdict in verdicts], frame.index, dtype="str"),
        sandbox=pd.Series([" + ".join(verdict.walls) or None for verdict in verdicts], frame.index, dtype="str"),
    )


def extract_code(text: str | None) -> str | None:
    """The code that an answer gives, None if it gives none: see `lib.sandbox.programs.extract_code`."""
    return programs.extract_code(text)


def _with_name(tests: object, name: object) -> object:
    return {"tests": tests, "fn_name": name} if isinstance(name, str) and name else tests


def rows(
    traces: pd.DataFrame,
    continuations: pd.DataFrame,
    problems: pd.DataFrame,
    updates: pd.DataFrame,
    grading: str = "exact",
    allow_unsafe: bool = False,
) -> pd.DataFrame:
    """The table `grades`: one row per trace and per continuation, in that order.

    The text that is graded is the answer with its prefill put back, never the thinking. A row cut by the
    token limit is censored, unless a whole final answer stood before the cut; a thought that was never closed
    has no answer. A revised trace is graded by the revised answer or its tests, and ungradable where nobody knows them;
    everything else by those of the original. Rows that began with a revised statement also say whether their answer is
    the revised one.

    `grading` and `allow_unsafe` are those of the study.

    Raises:
        ValueError: a continuation without its trace, a row without its problem; the message names the first.
        SandboxError: there is code to grade, and nothing here is safe enough to run it in.
    """
    frame = _with_gold(_one_table(traces, continuations), problems, updates)
    for name in RESULTS:
        frame[name] = None
    profile, code_profile = PROFILES[grading]
    is_code = frame["task"].eq("code").to_numpy()
    cut, ended = frame["finish_reason"].eq("length"), frame["ended"].astype(bool)
    censored = cut & ~(ended & _complete(frame, is_code))
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


def _complete(frame: pd.DataFrame, is_code: np.ndarray) -> np.ndarray:
    """Whether each answer was written to its end."""
    told = zip(frame["answer"], frame["source"], is_code, strict=True)
    return np.array([_is_closed(text) if code else answers.complete(text, source) for text, source, code in told], bool)


def _is_closed(text: str | None) -> bool:
    return programs.extract_code(text) is not None and programs.is_closed(text)


def _grade_math(frame: pd.DataFrame, graded: pd.DataFrame, profile: str) -> None:
    """Write the verdicts on math answers into `frame`, and whether an answer is the one of the revised problem."""
    graded = graded.rename(columns={"answer": "text"})[["text", "gold", "source", "revised_gold"]]
    by_revised = graded.assign(gold=graded["revised_gold"]).dropna(subset="gold")
    verdicts = math(pd.concat([graded, by_revised]), profile=profile)
    first, second = verdicts.iloc[: len(graded)], verdicts.iloc[len(graded) :]
    names = ["status", "extracted", "reason"]
    frame.loc[graded.index, names] = first[names]
    equal = second["status"].map({"correct": True, "incorrect": False})
    frame["equals_revised"] = equal.reindex(frame.index).astype("boolean")


def _grade_code(frame: pd.DataFrame, graded: pd.DataFrame, profile: str, allow_unsafe: bool) -> None:
    """Write the verdicts on programs into `frame`, and whether a program passes the tests of the revised problem."""
    extract = programs.between_last_fences if profile == "lcb" else programs.extract_code
    graded = graded.assign(code=[extract(text) for text in graded["answer"]])[["code", "tests", "revised_tests"]]
    by_revised = graded.assign(tests=graded["revised_tests"]).dropna(subset="tests")
    verdicts = code(pd.concat([graded, by_revised]), profile=profile, allow_unsafe=allow_unsafe)
    first, second = verdicts.iloc[: len(graded)], verdicts.iloc[len(graded) :]
    frame.loc[graded.index, RESULTS] = first.assign(extracted=graded["code"])[RESULTS]
    equal = second["status"].map({"correct": True, "incorrect": False}).astype("boolean")
    frame.loc[equal.index, "equals_revised"] = equal


def _one_table(traces: pd.DataFrame, continuations: pd.DataFrame) -> pd.DataFrame:
    origin = traces[["trace_id", "variant", "update_id", "sample", "system"]]
    after = continuations.merge(origin, on="trace_id", how="left", validate="many_to_one", indicator="found")
    _need(after["found"].eq("both"), after["continuation_id"], "no trace")
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


def _need(fine: pd.Series, names: pd.Series, what: str) -> None:
    if not fine.all():
        raise ValueError(f"grade.rows: {what} for row {names[~fine].iloc[0]} ({(~fine).sum()} such rows)")
