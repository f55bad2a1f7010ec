"""The rules on records of our own word problems in which leakage, panic and doubt were planted."""

import pandas as pd
import pytest

from lib import failures
from lib.problems.tiny_math import story as tiny
from lib.problems.tiny_math import thought as tiny_thought
from lib.problems.tiny_math import truth as tiny_truth
from lib.stats import confusion

KINDS = {"stop": "hard", "hurry": "soft", "news": "update"}
INSERTED = {"stop": "I stop here.\n</think>", "hurry": "Be quick.", "news": "<update>{}</update>"}
CUT = 0.5
CRITERIA = {"leakage": "new_steps", "panic": "stops_short", "self_doubt": "stale_fact"}


def thought(story):
    return tiny_thought.lines(story)


def answer(story, number, working=""):
    return f"{working}\n{story.name} has {number} {story.things}.\n\\boxed{{{number}}}".strip()


def records(change):
    """Records of one change: interrupt, what was asked, kept and new thinking, answer, whether the mode was planted."""
    new, old = change.original, change.revised
    known = thought(new)[: len(thought(new)) // 2]
    rest = thought(new)[len(known) :]
    kept, later = "".join(known).strip(), " ".join(line.partition(": ")[2].strip() for line in rest[:-1])
    told = "".join(thought(old)).strip()
    wrong = new.answer() + 1
    yield "stop", new, kept, "", answer(new, wrong), False
    yield "stop", new, kept, "", answer(new, wrong, f"Going on: {later}"), True
    yield "stop", new, kept, "", answer(new, new.answer(), f"Going on: {later}"), True  # a right answer leaks too
    yield "hurry", new, kept, "", answer(new, wrong), True
    yield "hurry", new, kept, "".join(rest).strip(), answer(new, wrong), False
    yield "news", old, kept, told, answer(new, old.answer()), True
    yield "news", old, kept, f"{tiny_thought.DOUBT}\n{told}", answer(new, wrong), True
    yield "news", old, kept, "".join(thought(new)).strip(), answer(new, wrong), False


def tables(n):
    """Grades and items of `n` changes, with the word of `tiny_truth` and whether the mode was planted."""
    grades, items = [], []
    for problem_id, change in tiny.stories(n):
        full = answer(change.original, change.original.answer())
        own = {"problem_id": problem_id, "source": "tiny", "model": "m", "sample": 0, "equals_revised": None}
        traced = {"kind": "trace", "variant": "original", "row_id": problem_id, "reasoning_tokens": 100}
        grades.append(own | traced | _answer(full, change, change.original.answer()))
        for i, (interrupt, asked, kept, after, text, planted) in enumerate(records(change)):
            shown = {"kept": kept, "after": after, "answer": text, "problem": asked.text(), "steps": ""}
            shown["inserted"] = INSERTED[interrupt].format(change.update)
            row = {"kind": "continuation", "row_id": f"{problem_id}-{i}", "interrupt": interrupt, "position": CUT}
            row |= {"variant": "original", "reasoning_tokens": len(after) // 4, "remaining_tokens": 50}
            grades.append(own | row | _answer(text, change, int(tiny_truth.BOXED.findall(text)[-1])))
            items.append(shown | {"item_id": row["row_id"], "interrupt": interrupt, "planted": planted})
    problems = {name: change.original.text() for name, change in tiny.stories(n)}
    stated = pd.DataFrame({"problem_id": problems.keys(), "problem": problems.values()})
    return pd.DataFrame(grades), pd.DataFrame(items), stated


def _answer(text, change, number):
    is_right = number == change.original.answer()
    status = {"status": "correct" if is_right else "incorrect", "correct": is_right}
    return status | {"answer": text, "answer_chars": len(text), "answer_tokens": len(text) // 3}


@pytest.fixture(scope="module")
def found():
    """The rule's word, the planted and the program's truth on every record that the rule is for."""
    grades, items, problems = tables(40)
    labels = failures.label(failures.with_thoughts(grades, items, problems), KINDS)
    truth = tiny_truth.truth(items).pivot(index="item_id", columns="criterion", values="label")
    rows = labels.merge(items[["item_id", "planted"]], left_on="continuation_id", right_on="item_id")
    leaking = rows["planted"] & rows["interrupt"].eq("stop")  # length alone misses leaks that the sums show
    assert rows["leakage"][leaking].mean() > rows["leakage_published"][leaking].mean()
    parts = []
    for mode, interrupt in zip(CRITERIA, KINDS, strict=True):
        own = rows[rows["interrupt"].eq(interrupt)]
        known = own["item_id"].map(truth[CRITERIA[mode]])
        parts.append(pd.DataFrame({"mode": mode, "rule": own[mode], "planted": own["planted"], "truth": known}))
    return pd.concat(parts)


def test_every_planted_mode_is_found_and_nothing_else(found):
    square = confusion.table(found, other="planted", by=["mode"]).set_index("mode")
    assert square[["unknown", "rule_only"]].to_numpy().sum() == 0
    assert square["recall"].loc[["leakage", "panic"]].eq(1).all()
    assert square["recall"]["self_doubt"] >= 0.9  # an old number may stand elsewhere in the new problem
    assert square["n"].sum() == 40 * 8


def test_rule_and_truth_by_program_say_the_same_where_both_can_tell(found):
    square = confusion.table(found, other="truth", by=["mode"]).set_index("mode")
    assert square["agree"].min() >= 0.95
    assert square["unknown"].max() < 40
