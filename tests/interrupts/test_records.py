"""Records: continuations as the texts that judges, rules and readers look at."""

import pandas as pd
import pytest

from lib.interrupts import records

THOUGHT = "\nStart with 5.\nAdd 3: 5 + 3 = 8.\nThat gives 8.\n"
PROBLEMS = pd.DataFrame([{"problem_id": "p", "problem": "Mia has 5 cups and gets 3.", "answer": "8"}])
UPDATES = pd.DataFrame([{"problem_id": "p", "update_id": "0", "revised_problem": "Mia has 6 cups and gets 3."}])


def frames(variant="original", kept="\nStart with 5.", **changes):
    """A trace and one continuation of it."""
    trace = {"trace_id": "t", "problem_id": "p", "variant": variant, "reasoning": THOUGHT}
    trace |= {"update_id": "0" if variant == "revised" else None}
    row = {"continuation_id": "c", "trace_id": "t", "problem_id": "p", "parent_id": None, "position": 0.3}
    row |= {"interrupt": "speed_up", "inserted": "\nFaster.\n", "reasoning": "Add 3: 5 + 3 = 8.\n", "prefill": ""}
    row |= {"ended": True, "answer": "\n\nMia has 8 cups.", "kept_chars": len(kept)}
    return pd.DataFrame([trace]), pd.DataFrame([row | changes])


# what differs from the row of `frames`; the parts of the record that are checked
PARTS = {
    "a soft interrupt": (
        {},
        {
            "item_id": "c",
            "problem": "Mia has 5 cups and gets 3.",
            "reference": "8",
            "kept": "Start with 5.",
            "inserted": "Faster.",
            "after": "Add 3: 5 + 3 = 8.",
            "answer": "Mia has 8 cups.",
            "steps": "1. Start with 5.\n2. Add 3: 5 + 3 = 8.",
        },
    ),
    "a hard one with an opener": (
        {"reasoning": "", "inserted": "\nStop.\n\\boxed{", "prefill": "\\boxed{", "answer": "8}"},
        {"after": "", "inserted": "Stop.\n\\boxed{", "answer": "\\boxed{8}"},
    ),
    "no thought but blanks": ({"reasoning": "\n\n"}, {"after": ""}),
    "an answer that says nothing": ({"answer": "\n\n"}, {"answer": ""}),
    "a thought that never ends": ({"ended": False, "answer": ""}, {"answer": None, "after": "Add 3: 5 + 3 = 8."}),
    "a revised trace cut at its start": (
        {"variant": "revised", "kept": "", "reasoning": ""},
        {"problem": "Mia has 6 cups and gets 3.", "reference": "8", "kept": "", "after": "", "steps": None},
    ),
}


@pytest.mark.parametrize(("changes", "parts"), PARTS.values(), ids=PARTS)
def test_parts_of_a_record(changes, parts):
    record = records.items(*frames(**changes), PROBLEMS, UPDATES).iloc[0].to_dict()
    assert {name: record[name] for name in parts} == parts


def test_what_led_to_a_second_interrupt_is_kept_with_the_words_of_the_first():
    traces, first = frames()
    second = first.assign(continuation_id="d", parent_id="c", kept_chars=len("Add 3:"), inserted="\nAt once.\n")
    record = records.items(traces, second, PROBLEMS, UPDATES, first).iloc[0]
    assert (record["kept"], record["inserted"]) == ("Start with 5.\nFaster.\nAdd 3:", "At once.")
    with pytest.raises(ValueError, match=r"^d: no parent for it"):
        records.items(traces, second, PROBLEMS, UPDATES)


@pytest.mark.parametrize("lost", ["trace", "problem"])
def test_a_continuation_that_cannot_be_joined_is_named(lost):
    traces, rows = frames()
    traces, problems = traces.head(int(lost != "trace")), PROBLEMS.head(int(lost != "problem"))
    with pytest.raises(ValueError, match=f"c: no {lost} for it"):
        records.items(traces, rows, problems, UPDATES)
