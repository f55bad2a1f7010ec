"""Planted edits change what they say and nothing else, and say where it can be seen."""

import re

import pandas as pd
import pytest

from lib.grm import public_sets
from lib.grm.probes import edits
from lib.interrupts.records import numbered

PROBLEM = "Mia starts with 12 pens. She buys 7 more. Then she loses 4 of them. How many are left?"
KEPT = "Start with 12.\nShe buys 7: 12 + 7 = 19."
AFTER = "\nNow she loses 5: 19 - 5 = 14.\n\nSo 14 are left."
ITEM = {
    "item_id": "i0",
    "problem_id": "p0",
    "problem": PROBLEM,
    "inserted": "Correction: she loses 5 of them.",
    "kept": KEPT,
    "after": AFTER,
    "steps": numbered(f"{KEPT}\n{AFTER}"),
    "answer": "She loses 5, so the answer is 14.",
    "reference": "14",
}


def edited(kind, seed=0, **changes):
    found = edits.planted(pd.DataFrame([ITEM | changes]), kind, seed).to_dict("records")
    return found[0] if found else None


def differing(one, item=ITEM):
    return {name for name in item if one[name] != item[name]}


def test_a_number_of_one_step_is_wrong_in_thinking_and_steps_alike():
    for seed in range(8):
        one = edited("number", seed)
        assert differing(one) in ({"steps", "kept"}, {"steps", "after"})
        assert one["steps"] == numbered(f"{one['kept']}\n{one['after']}")
        old, new = (text["steps"].split("\n") for text in (ITEM, one))
        changed = [i for i, (a, b) in enumerate(zip(old, new, strict=True), 1) if a != b]
        assert changed == [one["edit_step"]] and one["edit_is"] != one["edit_was"]
        assert one["steps"][one["edit_start"] : one["edit_end"]] == new[changed[0] - 1]
        left, right, result = map(int, re.search(r"(\d+) [+-] (\d+) = (\d+)", new[changed[0] - 1]).groups())
        assert result not in (left + right, left - right)


def test_a_step_is_gone_on_which_another_builds():
    gone = {edited("dropped", seed)["edit_step"] for seed in range(20)}
    assert gone == {2, 3}  # 19 and 14 are used later; 12 stands in the problem, and nothing follows the last step
    one = edited("dropped", 1)
    assert one["steps"] == numbered(f"{one['kept']}\n{one['after']}") and one["steps"].count("\n") == 2
    assert one["edit_was"] not in one["steps"] and pd.isna(one["edit_start"])
    assert differing(one) in ({"steps", "kept"}, {"steps", "after"})


def test_the_old_fact_comes_back_after_the_interrupt():
    one = edited("reverted")
    assert differing(one) == {"after", "steps", "answer"}
    assert one["after"] == AFTER.replace("loses 5: 19 - 5", "loses 4: 19 - 4")
    assert one["answer"] == "She loses 4, so the answer is 14." and (one["edit_was"], one["edit_is"]) == ("5", "4")
    assert one["steps"] == numbered(f"{KEPT}\n{one['after']}")
    assert one["after"][one["edit_start"] : one["edit_end"]] == "Now she loses 4: 19 - 4 = 14."


def test_an_answer_goes_on():
    for seed in range(4):
        one = edited("goes_on", seed)
        assert differing(one) == {"answer"} and one["answer"].startswith(ITEM["answer"])
        assert one["answer"][one["edit_start"] : one["edit_end"]] == one["edit_is"]
        sums = re.findall(r"(\d+) \+ (\d+) = (\d+)", one["edit_is"])
        assert all(int(a) + int(b) == int(c) for a, b, c in sums)  # it goes on, and it is not wrong


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("She loses 5, so the answer is 14.", r"She loses 5, so the answer is 1[0-35-9]\."),
        ("14 first.\nThus \\boxed{14} is it.", r"14 first\.\nThus \\boxed\{1[0-35-9]\} is it\."),
        ("Work: 14\n#### 14", r"Work: 14\n#### 1[0-35-9]"),
        ("14", r"1[0-35-9]"),
        ("The answer is 13.", r"The answer is 1[0-25-9]\."),  # and never the reference
    ],
)
def test_the_stated_answer_alone_is_another_number(answer, expected):
    for seed in range(30):
        one = edited("swapped", seed, answer=answer)
        assert re.fullmatch(expected, one["answer"]) and differing(one, ITEM | {"answer": answer}) == {"answer"}


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("number", {"steps": None, "kept": None, "after": None}),
        ("number", {"steps": "1. No numbers here.", "kept": "No numbers here.", "after": None}),
        ("number", {"steps": "1. 2 + 2 = 4", "kept": "Something else.", "after": ""}),  # whose thinking is another
        ("dropped", {"steps": "1. Only one: 3 = 3.", "kept": "Only one: 3 = 3.", "after": None}),
        ("reverted", {"inserted": None}),
        ("reverted", {"inserted": "Hurry up."}),
        ("reverted", {"inserted": "She loses 5 or 6."}),
        ("reverted", {"after": "", "answer": "It is 14."}),
        ("goes_on", {"answer": None}),
        ("goes_on", {"answer": ""}),
        ("swapped", {"answer": "I do not know."}),
        ("swapped", {"answer": "The answer is \\frac{1}{2}."}),
        ("swapped", {"answer": float("nan")}),
    ],
)
def test_an_item_without_a_place_is_left_out(kind, changes):
    assert edited(kind, **changes) is None


@pytest.mark.parametrize("kind", edits.KINDS)
def test_an_edit_depends_on_seed_and_item_alone(kind):
    several = pd.DataFrame([ITEM | {"item_id": f"i{i}"} for i in range(6)])
    whole = edits.planted(several, kind, 3)
    pd.testing.assert_frame_equal(edits.planted(several, kind, 3), whole)
    part = edits.planted(several[4:], kind, 3)
    pd.testing.assert_frame_equal(part.reset_index(drop=True), whole[4:].reset_index(drop=True))
    assert list(whole.columns) == [*ITEM, *edits.COLUMNS] and set(whole["edit"]) == {kind}
    assert edits.planted(several[:0], kind).empty


def test_an_edit_that_is_none_is_named():
    with pytest.raises(ValueError, match="edit typo: expected one of number, dropped, reverted, goes_on, swapped"):
        edits.planted(pd.DataFrame([ITEM]), "typo")


def test_shuffled_steps_are_the_same_steps_in_another_order():
    for seed in range(5):
        found = edits.shuffled(ITEM["steps"], str(seed)).split("\n")
        assert [line.split(". ")[0] for line in found] == ["1", "2", "3", "4"] and found != ITEM["steps"].split("\n")
        assert sorted(line[3:] for line in found) == sorted(line[3:] for line in ITEM["steps"].split("\n"))
    assert edits.shuffled("1. one", "0") == "1. one"


@pytest.mark.parametrize(("name", "least"), [("mrben_math", 0.9), ("bbmistake_arith", 0.9), ("prmbench", 0.8)])
def test_most_labelled_solutions_can_be_edited(shared_data, name, least):
    items = public_sets.load(name, shared_data / "grm")
    found = edits.planted(items, "number")
    assert len(found) >= least * len(items)
    both = found.merge(items, on="item_id", suffixes=("", "_twin"))
    assert both["steps"].ne(both["steps_twin"]).all() and both["answer"].equals(both["answer_twin"])
    assert (both["steps"].str.count("\n") == both["steps_twin"].str.count("\n")).all()
