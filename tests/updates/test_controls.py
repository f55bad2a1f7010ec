"""Controls made of a problem's own words."""

import re

import pandas as pd
import pytest

from lib import problems, schema, updates
from lib.updates import controls

NUMBERS = re.compile(r"\d+(?:\.\d+)?")


@pytest.mark.parametrize(
    ("problem", "false", "noop"),
    [
        (
            "Ann and Ben have 12 apples. How many do they have?",
            r"Correction: Ann and Ben have 1[1-9] apples\.",
            "As the problem says: Ann and Ben have 12 apples.",
        ),
        (
            "If a box holds 0.5 litres, how many boxes are there?",
            r'Correction: "If a box holds 0\.[1-9] litres, how many boxes are there\?"',
            'As the problem says: "If a box holds 0.5 litres, how many boxes are there?"',
        ),
        (
            "1. double every one of the items\n2. drop the items below 30\n",
            r"Correction: drop the items below 3[1-9]",
            "As the problem says: drop the items below 30",
        ),
        (
            f"{'a ' * 300}we have $x^{{3}}+4$ {'b ' * 300}",
            r'Correction: "a a a we have \$x\^\{[1-9]\}\+[1-9]\$ b b b b b"',
            'As the problem says: "a a a we have $x^{3}+4$ b b b b b"',
        ),
    ],
)
def test_a_sentence_with_a_number_is_said_again(problem, false, noop):
    texts = controls.control_updates("x/0", problem)
    assert re.fullmatch(false, texts["false"])
    assert texts["noop"] == noop


@pytest.mark.parametrize("problem", ["How many cubes are odd?", "\\[ 3 + 4 \\]", "5 7 9\n1 2", ""])
def test_without_a_number_in_a_sentence_there_are_none(problem):
    assert controls.control_updates("x/0", problem) == {"false": None, "noop": None}


def test_the_false_number_is_neither_the_answer_nor_in_the_problem():
    for i in range(50):
        texts = controls.control_updates(f"x/{i}", "We have 1 or 2 or 3 or 4 or 5 or 6 or 7 boxes.", "8")
        assert set(NUMBERS.findall(texts["false"])) - set("1234567") == {"9"}


@pytest.mark.parametrize("source", ["gsm8k", "math500", "livecodebench"])
def test_almost_every_problem_of_a_benchmark_has_valid_controls(source, shared_data):
    asked = problems.load(source, shared_data).head(150)
    made = updates.with_controls(asked, pd.DataFrame(columns=schema.UPDATES.names()))
    assert made["kind"].tolist() == ["false", "noop"] * len(asked)
    assert made["valid"].astype(bool).mean() > 0.85
    assert made.loc[made["update"].isna(), "why_invalid"].unique().tolist() in (
        ["no sentence of the problem has a number to say wrongly"],
        [],
    )
    pd.testing.assert_frame_equal(made, updates.with_controls(asked, made.iloc[:0]))


def test_problems_that_have_controls_keep_them():
    asked = problems.load("tiny").head(3)
    made = updates.by_construction(asked)
    assert updates.with_controls(asked, made) is made
