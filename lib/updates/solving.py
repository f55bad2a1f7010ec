"""Whether updates are necessary: a model solves each revised problem several times, and the majority is its answer.

Answers of math problems agree if they are equal, programs if they give the same on the same inputs. The revised problem
must have another answer than the original, or, for code, the tests of the original must fail the majority's program.
"""

import json
from collections.abc import Callable, Sequence
from itertools import accumulate, combinations
from typing import Any

import pandas as pd

from lib import answers, engine, grade, markup, params, progress_bar, sandbox, updates
from lib.engine import Engine, Request, seed_of
from lib.engine import store as parts
from lib.engine.store import Store
from lib.markup import prompts, tokens
from lib.params.settings import Study
from lib.problems import code_tests
from lib.problems.code_tests import Tests, TestsError
from lib.sandbox import programs

TESTS = 24  # of a problem, on whose inputs programs are compared, and which become those of the revised problem
SIZE = 1 << 20  # characters of their inputs

Solution = dict[str, Any]  # of a revised problem: columns of an update, and what `updates.why_invalid` takes beside


def complete(study: Study, problems: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """The updates of a study, checked by its `solver` if it has one.

    Raises:
        EngineError: the solver cannot be opened.
        PartsError: another run of the study is using the solver's completions.
        SandboxError: there is code to run, and nothing here is safe enough.
    """
    if study.solver is None or not is_open(made).any():
        return made
    model = params.load_model(study.solver)
    with parts.open(study.name, f"solutions-{model.name}") as store, engine.when_needed(model) as ready:
        return solve(ready, problems, made, study.seed, study.solutions, store)


def is_open(made: pd.DataFrame) -> pd.Series:
    """Which updates are valid so far, and have no answer or tests of the revised problem yet."""
    unknown = made["revised_answer"].isna() & made["revised_tests"].isna()
    return made["kind"].eq("necessary") & made["valid"].astype(bool) & unknown


def solve(
    ready: Engine, problems: pd.DataFrame, made: pd.DataFrame, seed: int, n: int, store: Store | None = None
) -> pd.DataFrame:
    """The updates, with the answers or tests of revised problems that had none, checked again.

    Each revised problem is solved `n` times, and more than half of the solutions must agree. Completions are looked up
    and kept in `store`, if there is one.
    """
    asked = problems.set_index("problem_id")
    left = made[is_open(made)].join(asked[["source", "task", "answer", "tests"]], on="problem_id")
    texts = _solutions(ready, left, seed, n, store)
    is_code = left["task"].eq("code")
    solutions = _math(left[~is_code], texts, n) | _code(left[is_code], texts, n)
    columns = ["revised_answer", "revised_tests", "revised_by"]
    rows = made.astype({name: object for name in (*columns, "why_invalid")})
    for i, solution in solutions.items():
        why = solution.get("why")
        if why is None:
            row = left.loc[i].to_dict() | solution
            why = updates.why_invalid(asked.loc[row["problem_id"]], row, solved=True)
            solution["revised_by"] = f"{ready.model.name}, {solution['votes']} of {n}"
            rows.loc[i, columns] = [solution.get(name) for name in columns]
        rows.loc[i, ["valid", "why_invalid"]] = [why is None, why]
    return rows


def _solutions(ready: Engine, left: pd.DataFrame, seed: int, n: int, store: Store | None) -> dict[Any, list[str]]:
    """The answers of each row's solutions, by its index; one that did not end is empty."""
    planned = []
    for i, row in left.iterrows():
        starter = row["revised_starter_code"] if isinstance(row["revised_starter_code"], str) else None
        ids = prompts.prompt_ids(row["revised_problem"], ready.model, row["task"], "", starter)
        if len(ids) < ready.model.max_model_len:
            begun = prompts.opened(ids, ready.model)
            for k in range(n):
                own_seed = seed_of(seed, "solution", row["problem_id"], row["update_id"], k)
                planned.append(((i, k, begun), Request.of(ready.model, ids, own_seed)))
    texts: dict[Any, list[str]] = {i: [""] * n for i in left.index}
    for (i, k, begun), done in parts.completed(ready, planned, store):
        done.raise_for_error()
        split = markup.split(done.token_ids, ready.model, begun)
        is_whole = split.ended and done.finish_reason == "stop"
        texts[i][k] = tokens.decode(done.token_ids[slice(*split.answer)], ready.model) if is_whole else ""
    return texts


def _math(left: pd.DataFrame, texts: dict[Any, list[str]], n: int) -> dict[Any, Solution]:
    """The majority's answer to each problem, and whether it is the gold answer of the original."""
    stated = {i: [answers.read(text, left.loc[i, "source"]).answer for text in texts[i]] for i in left.index}
    pairs = [(i, *pair) for i in left.index for pair in combinations(sorted(set(filter(None, stated[i]))), 2)]
    are_equal = _equal([(one, other, left.loc[i, "source"]) for i, one, other in pairs])
    equal = {pair for pair, is_equal in zip(pairs, are_equal, strict=True) if is_equal}
    solutions: dict[Any, Solution] = {}
    for i in left.index:
        agree = lambda one, other, i=i: one == other or (i, *sorted((one, other))) in equal  # noqa: E731
        solutions[i] = _majority(stated[i], agree, n)
    known = [i for i in solutions if "value" in solutions[i]]
    are_gold = _equal([(solutions[i]["value"], left.loc[i, "answer"], left.loc[i, "source"]) for i in known])
    for i, is_gold in zip(known, are_gold, strict=True):
        solutions[i] |= {"revised_answer": solutions[i]["value"], "same_answer": is_gold}
    return solutions


def _equal(pairs: Sequence[tuple[str, str, str]]) -> list[bool]:
    """Whether each answer equals the gold answer beside it, by the rules of the source."""
    rows = [(rf"\boxed{{{one}}}", gold, source) for one, gold, source in pairs]
    graded = grade.math(pd.DataFrame(rows, columns=["text", "gold", "source"]))
    return graded["status"].eq("correct").tolist()


def _majority(values: Sequence[Any], agree: Callable[[Any, Any], bool], n: int) -> Solution:
    """The `value` that more than half of `n` agree with, and its `votes`; or `why` there is none."""
    for value in values:
        votes = sum(other is not None and agree(value, other) for other in values) if value is not None else 0
        if 2 * votes > n:
            return {"value": value, "votes": votes}
    return {"why": f"no majority among {n} solutions of the revised problem"}


def _code(left: pd.DataFrame, texts: dict[Any, list[str]], n: int) -> dict[Any, Solution]:
    """Tests of each revised problem, by a program that does as most do, and whether the original's tests fail it."""
    solutions: dict[Any, Solution] = {}
    with progress_bar.bar(len(left), "problem", "solutions") as bar:
        for i, row in left.iterrows():
            solutions[i] = _solution(row, [programs.extract_code(text) for text in texts[i]], n)
            bar.update()
    return solutions


def _solution(row: pd.Series, codes: Sequence[str | None], n: int) -> Solution:
    starter = row["revised_starter_code"] if isinstance(row["revised_starter_code"], str) else ""
    try:
        tests = code_tests.read_tests(row["tests"], starter)
    except TestsError as error:
        return {"why": f"tests: {error}"}
    function = (code_tests.method(starter) or tests.function) if tests.function else None
    compared = Tests(_first(tests.cases), function)
    outputs = {code: sandbox.outputs(code, compared) for code in dict.fromkeys(filter(None, codes))}
    complete = [code if code and None not in outputs[code] else None for code in codes]
    same = _same_value if function else programs.same_output
    solution = _majority(complete, lambda one, other: all(map(same, outputs[one], outputs[other])), n)
    if "why" in solution:
        return solution
    code = solution["value"]
    verdict = sandbox.run(code, tests)
    cases = [(given, output) for (given, _), output in zip(compared.cases, outputs[code], strict=True)]
    if verdict.failed_test is not None and verdict.failed_test >= len(cases):  # else no test would tell the two apart
        failed = tests.cases[verdict.failed_test]
        (output,) = sandbox.outputs(code, Tests((failed,), function))
        cases += [(failed[0], output)] if output is not None else []
    return solution | {"revised_tests": _to_json(cases, function), "tests_fail": not verdict.passed}


def _first(cases: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The first tests, up to `TESTS` and `SIZE`, and at least one."""
    sizes = accumulate(len(given) for given, _ in cases[:TESTS])
    return tuple(case for i, (case, size) in enumerate(zip(cases, sizes, strict=False)) if i == 0 or size <= SIZE)


def _same_value(one: str, other: str) -> bool:
    try:
        return programs.same_value(json.loads(one), json.loads(other))
    except (ValueError, RecursionError):  # the program wrote to the result itself
        return False


def _to_json(cases: Sequence[tuple[str, str]], function: str | None) -> str:
    kind = "functional" if function else "stdin"
    tests = [{"input": given, "output": output, "testtype": kind} for given, output in cases]
    return json.dumps({"tests": tests, "metadata": {"func_name": function} if function else {}}, ensure_ascii=False)
