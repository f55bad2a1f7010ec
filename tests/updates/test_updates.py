"""Update pairs: made for generated problems, checked, and refused where something is wrong."""

import re

import pandas as pd
import pytest

from lib import problems, schema, tables, updates
from tests.updates import update_pairs


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


def test_the_frame_is_the_table(asked, outputs):
    tables.write(updates.by_construction(asked), "updates", "tiny")
    stored = tables.read("updates", "tiny")
    assert list(stored.columns) == schema.TABLES["updates"].names()
    assert len(stored) == 3 * len(asked)


def test_other_sources_get_none_and_another_generator_is_refused(asked):
    made = updates.by_construction(asked.assign(source="gsm8k"))
    assert made.empty and list(made.columns) == schema.TABLES["updates"].names()
    with pytest.raises(ValueError, match="tiny/0000: not the problem that seed"):
        updates.by_construction(asked.head(3).assign(problem="How many?"))


GOOD = {"kind": "necessary", "revised_problem": "1 + 2?", "revised_answer": "3", "update": "1 + 3, not 2."}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({}, None),
        ({"revised_problem": "1 + 3?"}, "the revised problem is the original"),
        ({"revised_answer": "4"}, "both problems have the same answer"),
        ({"update": "  "}, "the update is empty"),
        ({"kind": "false", "revised_problem": None, "revised_answer": None}, None),
        ({"kind": "noop", "update": ""}, "the update is empty"),
    ],
)
def test_checks(broken, why):
    asked = {"problem": "1 + 3?", "answer": "4", "starter_code": None}
    assert updates.why_invalid(asked, GOOD | broken) == why


# a hundred pairs, half of them broken


@pytest.mark.parametrize(("asked", "news"), update_pairs.GOOD)
def test_a_sound_update_is_not_refused(asked, news):
    assert updates.why_invalid(asked, news, solved=True) is None


BROKEN = [(name, asked, news) for name, (_, chosen, _) in update_pairs.BREAKS.items() for asked, news in chosen]


@pytest.mark.parametrize(("name", "asked", "news"), BROKEN)
def test_a_broken_update_is_caught_and_its_fault_named(name, asked, news):
    break_it, _, told = update_pairs.BREAKS[name]
    assert told in updates.why_invalid(asked, news | break_it(asked, news), solved=True)


def test_there_are_fifty_of_each():
    assert (len(update_pairs.GOOD), len(BROKEN), len(update_pairs.BREAKS)) == (50, 50, 10)
