"""Solutions of revised problems: what most of a model's answers are, and whether the update is necessary."""

import json

import pandas as pd
import pytest

from lib import params, sandbox, schema, tables, updates
from lib.markup import tokens
from lib.problems import code_tests
from lib.sandbox import programs
from lib.updates import solving

ADD = json.dumps([{"input": str(i), "output": str(i + 1), "testtype": "stdin"} for i in range(30)])
LATE = json.dumps([{"input": str(i), "output": str(max(i, 28)), "testtype": "stdin"} for i in range(30)])
METHOD = json.dumps(
    {
        "tests": [{"input": f"[{i}, 1]", "output": str(i), "testtype": "functional"} for i in range(3)],
        "metadata": {"func_name": "first"},
    }
)
MATH = {"problem": "You have 4 coins and get 7. How many?", "answer": "11", "task": "math", "source": "gsm8k"}
CODE = {"problem": "Print the number plus 1.", "tests": ADD, "task": "code", "source": "livecodebench"}


@pytest.fixture
def answering(fake):
    """Makes an engine that gives these answers in turn."""
    return lambda *answers, **more: fake(lambda prompt, number: answers[(number - 1) % len(answers)], **more)


def tables_of(problem, **update):
    asked = pd.DataFrame([problem | {"problem_id": "x/0"}]).reindex(columns=schema.PROBLEMS.names())
    known = {"problem_id": "x/0", "update_id": "0", "kind": "necessary", "valid": True, "generator": "us"}
    made = pd.DataFrame([known | update]).reindex(columns=schema.UPDATES.names())
    return asked, made


@pytest.fixture
def solved(answering):
    """The row of an update after five solutions, which are `answers` in turn."""
    return lambda problem, answers, **update: solving.solve(
        answering(*answers), *tables_of(problem, **update), 1, 5
    ).iloc[0]


COINS = {"revised_problem": "You have 5 coins and get 7. How many?", "update": "It is 4 coins."}
NO_MAJORITY = "no majority among 5 solutions of the revised problem"


@pytest.mark.parametrize(
    ("answers", "answer", "votes", "why"),
    [
        ([r"\boxed{12}", r"\boxed{13}", r"\boxed{12}", "no idea", r"\boxed{12}"], "12", 3, None),
        ([r"\boxed{13}", r"\boxed{\frac{24}{2}}", r"\boxed{12}", r"\boxed{12.0}", "?"], r"\frac{24}{2}", 3, None),
        ([r"\boxed{12}", r"\boxed{13}", r"\boxed{14}", r"\boxed{12}", "?"], None, None, NO_MAJORITY),
        ([r"\boxed{\frac{22}{2}}"], r"\frac{22}{2}", 5, "both problems have the same answer"),
    ],
)
def test_the_answer_of_a_revised_math_problem_is_what_most_solutions_say(solved, answers, answer, votes, why):
    row = solved(MATH, answers, **COINS)
    assert (row["valid"], row["why_invalid"]) == (why is None, why)
    kept = row[["revised_answer", "revised_by"]]
    assert kept.isna().all() if answer is None else kept.tolist() == [answer, f"tiny-lrm-m, {votes} of 5"]


def program(expression):
    return f"```python\nx = int(input())\nprint({expression})\n```"


SUM = {"revised_problem": "Print the number plus 2.", "update": "It is plus 1."}


@pytest.mark.parametrize(
    ("problem", "answers", "votes", "failing", "why"),
    [
        (CODE, [program("x + 2")], 5, "x + 1", None),
        (CODE, [*map(program, ("x + 2", "2 + x", "x + 3", "1 / 0", "x - -2"))], 3, "x + 1", None),
        (CODE, [program("x + 2"), program("x + 3"), "no code"], None, None, NO_MAJORITY),
        (CODE, [program("1 / 0")], None, None, NO_MAJORITY),
        (CODE, [program("1 + x")], 5, None, "the tests pass a solution of the revised problem"),
        (CODE | {"tests": LATE}, [program("28")], 5, "max(x, 28)", None),  # only a test after the compared ones tells
        (CODE | {"tests": "no JSON"}, [program("28")], None, None, "tests: "),
    ],
)  # fmt: skip
def test_a_revised_code_problem_gets_the_tests_that_most_programs_pass(solved, problem, answers, votes, failing, why):
    row = solved(problem, answers, **SUM)
    assert row["valid"] == (why is None)
    assert row["why_invalid"] is None if why is None else why in row["why_invalid"]
    assert pd.isna(row["revised_answer"])
    if votes is None:
        assert pd.isna(row["revised_tests"]) and pd.isna(row["revised_by"])
        return
    assert row["revised_by"] == f"tiny-lrm-m, {votes} of 5"
    code = programs.extract_code(answers[0])
    assert sandbox.run(code, row["revised_tests"]).passed
    assert sandbox.run(code, problem["tests"]).passed == (failing is None)
    if failing:
        assert not sandbox.run(programs.extract_code(program(failing)), row["revised_tests"]).passed


def test_a_method_that_the_revision_renames_is_called_by_its_own_name(solved):
    code = "```python\nclass Solution:\n    def head(self, items):\n        return items[0]\n```"
    problem = {"problem": "Return the first item.", "tests": METHOD, "task": "code", "source": "livecodebench"}
    starter = "class Solution:\n    def {}(self, items):\n        "
    row = solved(
        problem | {"starter_code": starter.format("first")},
        [code],
        revised_problem="Return the first item.",
        revised_starter_code=starter.format("head"),
        update="The method is called first.",
    )
    assert row["valid"]
    read = code_tests.read_tests(row["revised_tests"])
    assert read.function == "head" and [output for _, output in read.cases] == ["0", "1", "2"]


def test_answers_that_the_token_limit_cut_do_not_vote(answering):
    asked, made = tables_of(MATH, **COINS)
    row = solving.solve(answering(r"\boxed{12}", finish="length"), asked, made, 1, 5).iloc[0]
    assert row["why_invalid"] == NO_MAJORITY


def test_only_what_is_sound_and_unknown_is_solved_each_time_with_a_seed_of_its_own(answering, outputs):
    asked = pd.concat([tables_of(MATH)[0].assign(problem_id=f"x/{i}") for i in range(5)])
    made = pd.concat([tables_of(MATH, **COINS)[1].assign(problem_id=f"x/{i}") for i in range(5)], ignore_index=True)
    made["revised_answer"] = ["12", None, None, None, None]
    made["valid"] = [True, False, True, True, True]
    made["kind"] = ["necessary", "necessary", "false", "necessary", "necessary"]
    ready = answering(r"\boxed{13}")
    done = solving.solve(ready, asked, made, 1, 3)
    assert len(ready.asked) == len({request.seed for request in ready.asked}) == 2 * 3
    assert done["revised_answer"].tolist()[3:] == ["13"] * 2
    pd.testing.assert_frame_equal(done.iloc[:3], made.iloc[:3], check_dtype=False)
    tables.write(done, "updates", "s")
    assert tokens.decode(ready.asked[0].prompt_ids, ready.model).count(COINS["revised_problem"]) == 1


def test_the_checked_updates_of_a_study_take_a_solver(outputs):
    asked, made = tables_of(MATH, **COINS)
    study = params.Study("s", "S", ("tiny-lrm-m",), ("tiny",), ("update",), (0.5,))
    assert solving.complete(study, asked, made) is made
    assert updates.why_invalid(asked.iloc[0], made.iloc[0]) is None
