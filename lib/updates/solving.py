"""Is an update necessary? A model solves each revised problem several times, and what most solutions agree on is taken
for its answer.

Answers of math problems agree if they are equal, programs if they give the same on the same inputs. The revised problem
must have another answer than the original, or, for code, the tests of the original must fail such a program.
"""

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from lib import answers, engine, grade, markup, params, progress_bar, sandbox, updates
from lib.engine import Engine, Request, seed_of
from lib.engine import store as parts
from lib.engine.store import Store
from lib.params.settings import Study
from lib.problems import code_tests
from lib.problems.code_tests import Tests, TestsError
from lib.sandbox import programs

TESTS = 24  # of a problem, on whose inputs programs are compared, and which become those of the revised problem
SIZE = 1 << 20  # characters of their inputs

Found = dict[str, Any]  # columns of an update, and what `updates.why_invalid` takes beside them


def complete(study: Study, problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The updates of a study, checked by its `solver` if it has one.

    Raises:
        EngineError: the solver cannot be opened.
        PartsError: another run of the study holds what it has solved.
        SandboxError: there is code to run, and nothing here is safe enough.
    """
    if study.solver is None or not is_open(made).any():
        return made
    model = params.load_model(study.solver)
    with parts.open(study.name, f"solutions-{model.name}") as store, engine.when_needed(model) as ready:
        return solve(ready, problems, made, study.seed, study.solutions, store)


def is_open(made: pd.DataFrame) -> pd.Series:
    """Which updates are sound so far, and have no answer or tests of the revised problem yet."""
    unknown = made["revised_answer"].isna() & made["revised_tests"].isna()
    return made["kind"].eq("necessary") & made["valid"].astype(bool) & unknown


def solve(
    ready: Engine, problems: pd.DataFrame, made: pd.DataFrame, seed: int, n: int, store: Store | None = None
) -> pd.DataFrame:
    """The updates with the answers, or tests, of the revised problems that nobody knows yet, and what is wrong now.

    Args:
        ready: an open engine.
        problems: rows of the problems table.
        made: rows of the updates table.
        seed: of the study.
        n: solutions of each revised problem; more than half of them must agree.
        store: where completions are looked up and kept; None keeps nothing.
    """
    asked = problems.set_index("problem_id")
    left = made[is_open(made)].join(asked[["source", "task", "answer", "tests"]], on="problem_id")
    texts = _solutions(ready, left, seed, n, store)
    is_code = left["task"].eq("code")
    found = _math(left[~is_code], texts, n) | _code(left[is_code], texts, n)
    rows = made.astype({name: object for name in ("revised_answer", "revised_tests", "revised_by", "why_invalid")})
    for i, more in found.items():
        why = more.pop("why", None)
        if why is None:
            row = left.loc[i].to_dict() | more
            why = updates.why_invalid(asked.loc[row["problem_id"]], row, solved=True)
            votes = f"{ready.model.name}, {more['votes']} of {n}"
            rows.loc[i, ["revised_answer", "revised_tests", "revised_by"]] = [
                more.get("revised_answer"),
                more.get("revised_tests"),
                votes,
            ]
        rows.loc[i, ["valid", "why_invalid"]] = [why is None, why]
    return rows


def _solutions(ready: Engine, left: pd.DataFrame, seed: int, n: int, store: Store | None) -> dict[Any, list[str]]:
    """Answer texts of the solutions of each row, by its index; a thought that never ended has an empty one."""
    planned = []
    for i, row in left.iterrows():
        starter = row["revised_starter_code"] if isinstance(row["revised_starter_code"], str) else None
        ids = markup.prompt_ids(row["revised_problem"], ready.model, row["task"], "", starter)
        if len(ids) < ready.model.max_model_len:
            begun = markup.opened(ids, ready.model)
            for k in range(n):
                own = seed_of(seed, "solution", row["problem_id"], row["update_id"], k)
                planned.append(((i, k, begun), Request.of(ready.model, ids, own)))
    texts: dict[Any, list[str]] = {i: [""] * n for i in left.index}
    for (i, k, begun), done in parts.completed(ready, planned, store):
        done.raise_for_error()
        split = markup.split(done.token_ids, ready.model, begun)
        is_whole = split.ended and done.finish_reason == "stop"
        texts[i][k] = markup.decode(done.token_ids[slice(*split.answer)], ready.model) if is_whole else ""
    return texts


def _math(left: pd.DataFrame, texts: dict[Any, list[str]], n: int) -> dict[Any, Found]:
    """What most answers to each problem are, and whether it is the gold answer of the original."""
    stated = {i: [answers.read(text, left.loc[i, "source"]).answer for text in texts[i]] for i in left.index}
    pairs = [
        (i, one, other) for i in left.index for one, other in combinations(sorted(set(filter(None, stated[i]))), 2)
    ]
    equal = _equal([(one, other, left.loc[i, "source"]) for i, one, other in pairs])
    same = {(i, *pair) for (i, *pair), is_equal in zip(pairs, equal, strict=True) if is_equal}
    found: dict[Any, Found] = {}
    for i in left.index:
        agree = lambda one, other, i=i: one == other or (i, *sorted((one, other))) in same  # noqa: E731
        found[i] = _majority(stated[i], agree, n)
    known = [i for i in found if "value" in found[i]]
    golds = _equal([(found[i]["value"], left.loc[i, "answer"], left.loc[i, "source"]) for i in known])
    for i, is_gold in zip(known, golds, strict=True):
        found[i] |= {"revised_answer": found[i].pop("value"), "same_answer": is_gold}
    return found


def _equal(pairs: Sequence[tuple[str, str, str]]) -> list[bool]:
    """Whether an answer and a gold answer are equal, by the rules of a source."""
    rows = [(rf"\boxed{{{one}}}", gold, source) for one, gold, source in pairs]
    graded = grade.math(pd.DataFrame(rows, columns=["text", "gold", "source"]))
    return graded["status"].eq("correct").tolist()


def _majority(values: Sequence[Any], agree: Callable[[Any, Any], bool], n: int) -> Found:
    """A value that more than half of all agree with, as `value` with its `votes`, or `why` there is none."""
    for value in values:
        votes = sum(other is not None and agree(value, other) for other in values) if value is not None else 0
        if 2 * votes > n:
            return {"value": value, "votes": votes}
    return {"why": f"no majority among {n} solutions of the revised problem"}


def _code(left: pd.DataFrame, texts: dict[Any, list[str]], n: int) -> dict[Any, Found]:
    """For each problem a program that does as most do, and tests that it passes."""
    found: dict[Any, Found] = {}
    with progress_bar.bar(len(left), "problem", "solutions") as bar:
        for i, row in left.iterrows():
            found[i] = _program(row, texts[i], n)
            bar.update()
    return found


def _program(row: pd.Series, texts: list[str], n: int) -> Found:
    starter = row["revised_starter_code"]
    try:
        tests = code_tests.read_tests(row["tests"], starter if isinstance(starter, str) else "")
    except TestsError as error:
        return {"why": f"tests: {error}"}
    name = code_tests.method(starter) if isinstance(starter, str) else None
    asked = Tests(tests.cases, (name or tests.function) if tests.function else None)
    return _agreed([programs.extract_code(text) for text in texts], asked, tests, n)


def _agreed(codes: Sequence[str | None], asked: Tests, tests: Tests, n: int) -> Found:
    few = Tests(_few(asked.cases), asked.function)
    ran = {code: sandbox.outputs(code, few) for code in dict.fromkeys(filter(None, codes))}
    whole = [code if code and None not in ran[code] else None for code in codes]
    found = _majority(whole, lambda one, other: _alike(ran[one], ran[other], asked.function is not None), n)
    if "value" not in found:
        return found
    code = found.pop("value")
    verdict = sandbox.run(code, tests)
    cases = [(given, output) for (given, _), output in zip(few.cases, ran[code], strict=True)]
    if verdict.failed_test is not None and verdict.failed_test >= len(cases):  # else nothing would tell the two apart
        failed = asked.cases[verdict.failed_test]
        (output,) = sandbox.outputs(code, Tests((failed,), asked.function))
        cases += [(failed[0], output)] if output is not None else []
    return found | {"revised_tests": _written(cases, asked.function), "tests_fail": not verdict.passed}


def _few(cases: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The first tests, the first of all whatever its size."""
    size, few = 0, []
    for given, wanted in cases[:TESTS]:
        size += len(given)
        if few and size > SIZE:
            break
        few.append((given, wanted))
    return tuple(few)


def _alike(ours: Sequence[str], theirs: Sequence[str], is_method: bool) -> bool:
    same = _same_value if is_method else programs.same_output
    return all(map(same, ours, theirs))


def _same_value(one: str, other: str) -> bool:
    try:
        return programs.same_value(json.loads(one), json.loads(other))
    except (ValueError, RecursionError):  # the program wrote to the result itself
        return False


def _written(cases: Sequence[tuple[str, str]], function: str | None) -> str:
    kind = "functional" if function else "stdin"
    tests = [{"input": given, "output": output, "testtype": kind} for given, output in cases]
    return json.dumps({"tests": tests, "metadata": {"func_name": function} if function else {}}, ensure_ascii=False)
