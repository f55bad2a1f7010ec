"""Update pairs: made for generated problems, checked, and refused where something is wrong."""

import re

import pandas as pd
import pytest

from lib import problems, schema, updates


@pytest.fixture(scope="module")
def asked() -> pd.DataFrame:
    return problems.load("tiny").head(60)


def test_every_generated_problem_gets_a_valid_update_of_each_kind(asked):
    made = updates.by_construction(asked)
    assert made["valid"].all() and made["why_invalid"].isna().all()
    for kind in ("necessary", "false", "noop"):
        assert made.loc[made["kind"].eq(kind), "problem_id"].tolist() == asked["problem_id"].tolist()
    necessary = made[made["kind"].eq("necessary")]
    assert (necessary["revised_answer"].to_numpy() != asked["answer"].to_numpy()).all()
    assert made.loc[made["kind"].ne("necessary"), ["revised_problem", "revised_answer"]].isna().all(axis=None)


def test_a_false_update_is_wrong_by_arithmetic_and_a_noop_one_repeats_the_problem(asked):
    texts = updates.by_construction(asked).pivot(index="problem_id", columns="kind", values="update")
    signs = {"+": int.__add__, "-": int.__sub__, "*": int.__mul__, "/": int.__floordiv__}
    for problem, row in zip(asked["problem"], texts.loc[asked["problem_id"]].to_dict("records"), strict=True):
        a, sign, b, claimed, true = re.fullmatch(r"(\d+) (.) (\d+) is (\d+), not (\d+)\.", row["false"]).groups()
        assert signs[sign](int(a), int(b)) == int(true) != int(claimed)
        assert f" {a} " in problem
        assert problem.startswith(row["noop"].removesuffix(" at the start."))


def test_any_draw_of_problems_works(asked):
    some = asked.iloc[[17, 3, 41]]
    whole = updates.by_construction(asked).set_index("problem_id")
    pd.testing.assert_frame_equal(updates.by_construction(some).set_index("problem_id"), whole.loc[some["problem_id"]])


def test_other_sources_get_none_and_another_generator_is_refused(asked):
    made = updates.by_construction(asked.assign(source="gsm8k"))
    assert made.empty and list(made.columns) == schema.TABLES["updates"].names()
    with pytest.raises(ValueError, match="tiny/0000: not the problem that seed"):
        updates.by_construction(asked.head(3).assign(problem="How many?"))


# pairs made by hand, all of them sound, and ways to break one

MATH = [  # problem, revised problem, update, answer, revised answer
    ("Ana buys 4 pens at $3 each. What does she pay?", "Ana buys 4 pens at $5 each. What does she pay?", "Wait, the pens cost $3 each, not $5.", "12", "20"),
    ("A train runs at 60 km/h for 2 hours. How far does it go?", "A train runs at 60 km/h for 5 hours. How far does it go?", "Correction: it runs for 2 hours only.", "120", "300"),
    ("Ben has 15 marbles and loses 6. How many are left?", "Ben has 15 marbles and loses 9. How many are left?", "He loses only 6 of them.", "9", "6"),
    ("Solve x + 5 = 11 for x.", "Solve x + 5 = 14 for x.", "The right side should read 11.", "6", "9"),
    ("What is the remainder of 29 divided by 4?", "What is the remainder of 29 divided by 5?", "Divide by 4 instead.", "1", "4"),
    ("How many edges does a cube have?", "How many faces does a cube have?", "Count the edges, please.", "12", "6"),
    ("Half of the 48 cakes are sold. How many remain?", "A quarter of the 48 cakes are sold. How many remain?", "In fact half of them are sold.", "24", "36"),
    ("What is the product of 7 and 8?", "What is the sum of 7 and 8?", "Take their product instead.", "56", "15"),
    ("A shirt of $40 is reduced by 25%. What does it cost?", "A shirt of $40 is reduced by 50%. What does it cost?", "The reduction is 25%.", "30", "20"),
    ("What is f(3) for f(x) = x^2 + 1?", "What is f(4) for f(x) = x^2 + 1?", "Evaluate it at 3.", "10", "17"),
    ("An angle of a triangle is 90 degrees, another 30. What is the third?", "An angle of a triangle is 90 degrees, another 45. What is the third?", "The other one has 30 degrees.", "60", "45"),
    ("What is the slope of y = 3x + 2?", "What is the intercept of y = 3x + 2?", "No: the slope.", "3", "2"),
]  # fmt: skip
STARTER = "class Solution:\n    def {}(self, items: List[int]) -> {}:\n        "
CODE = [  # problem, revised problem, update, starter code, revised starter code
    ("Return the list with each item doubled.", "Return the list with each item tripled.", "Double the items instead.", STARTER.format("change", "List[int]"), STARTER.format("change", "List[int]")),
    ("Return the items above 10.", "Return the items above 20.", "The bound is 10.", STARTER.format("keep", "List[int]"), STARTER.format("keep", "List[int]")),
    ("Return the first 3 items.", "Return the first 5 items.", "Only 3 of them.", STARTER.format("head", "List[int]"), STARTER.format("head", "List[int]")),
    ("Return the list rotated by 2.", "Return the list rotated by 4.", "Rotate by 2.", STARTER.format("rotate", "List[int]"), STARTER.format("rotate", "List[int]")),
    ("Return the sum of squares.", "Return the sum of cubes.", "Squares, not cubes.", STARTER.format("squares", "int"), STARTER.format("cubes", "int")),
    ("Return the list with each item doubled.", "Return the list with each item doubled.", "The method is called double.", STARTER.format("double", "List[int]"), STARTER.format("twice", "List[int]")),
    ("Return the index of 7, or -1.", "Return the index of 9, or -1.", "Look for 7.", STARTER.format("find", "int"), STARTER.format("find", "int")),
    ("Read a number and print its square.", "Read a number and print its cube.", "Print the square.", None, None),
    ("Read n and print the numbers from 1 to n.", "Read n and print the numbers from n to 1.", "Count upwards, from 1.", None, None),
    ("Print the first 10 Fibonacci numbers.", "Print the first 12 Fibonacci numbers.", "Ten of them: 10.", None, None),
    ("Read a number and print it in binary.", "Read a number and print it in hexadecimal.", "Binary is needed.", None, None),
]  # fmt: skip


def math_pair(problem, revised, update, answer, revised_answer):
    """A problem and its update."""
    made = {"kind": "necessary", "revised_problem": revised, "revised_answer": revised_answer, "update": update}
    return {"problem": problem, "answer": answer, "starter_code": None}, made | {"revised_starter_code": None}


def code_pair(problem, revised, update, starter, revised_starter):
    """The same of a code pair, whose tests fail a solution of the revised problem."""
    made = {"kind": "necessary", "revised_problem": revised, "revised_answer": None, "update": update}
    asked = {"problem": problem, "answer": None, "starter_code": starter}
    return asked, made | {"revised_starter_code": revised_starter, "tests_fail": True}


MATH_PAIRS = [math_pair(*row) for row in MATH]
CODE_PAIRS = [code_pair(*row) for row in CODE]
CONTROL = {"revised_problem": None, "revised_answer": None, "tests_fail": None}


@pytest.mark.parametrize(("asked", "update"), MATH_PAIRS + CODE_PAIRS)
def test_a_sound_update_is_not_refused(asked, update):
    assert updates.why_invalid(asked, update, solved=True) is None
    assert updates.why_invalid(asked, update | CONTROL | {"kind": "false"}) is None


BREAKS = {  # pairs, what is changed of an update, and what is said then
    "empty": (MATH_PAIRS + CODE_PAIRS, lambda asked, update: {"update": "  "}, "the update is empty"),
    "empty noop": (MATH_PAIRS, lambda asked, update: CONTROL | {"kind": "noop", "update": ""}, "the update is empty"),
    "no revision": (CODE_PAIRS, lambda asked, update: {"revised_problem": None}, "there is no revised problem"),
    "only spaces": (
        MATH_PAIRS + CODE_PAIRS,
        lambda asked, update: {
            "revised_problem": asked["problem"].replace(" ", "  ") + "\n",
            "revised_starter_code": asked["starter_code"],
        },
        "the revised problem is the original",
    ),
    "the answer said": (
        MATH_PAIRS,
        lambda asked, update: {"update": update["update"] + f" So the answer is {asked['answer']}."},
        "the update names the answer",
    ),
    "one answer": (MATH_PAIRS, lambda asked, update: {"revised_answer": asked["answer"]}, "the same answer"),
    "unsolved": (MATH_PAIRS, lambda asked, update: {"revised_answer": None}, "no answer of the revised"),
    "repeated": (
        MATH_PAIRS + CODE_PAIRS,
        lambda asked, update: {"update": f"Here it is again: {asked['problem']}"},
        "the update repeats the problem",
    ),
    "a number left out": (
        [MATH_PAIRS[0], MATH_PAIRS[2], CODE_PAIRS[1], CODE_PAIRS[2]],
        lambda asked, update: {"update": "Something in the problem has changed."},
        "the update does not say",
    ),
    "lost starter code": (
        CODE_PAIRS[:7],
        lambda asked, update: {"revised_starter_code": " "},
        "the starter code is lost",
    ),
    "passing tests": (CODE_PAIRS, lambda asked, update: {"tests_fail": False}, "the tests pass"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_update_is_caught_and_its_fault_named(name):
    pairs, change, why = BREAKS[name]
    for asked, update in pairs:
        assert why in updates.why_invalid(asked, update | change(asked, update), solved=True)
