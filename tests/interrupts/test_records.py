"""Items of a judge: the parts of continuations, rebuilt from ids by a real tokenizer."""

import pandas as pd
import pytest

from lib import markup, params
from lib.grm import fence, prompt
from lib.grm.rubric import Criterion
from lib.interrupts import records

MODEL = params.load_model("tiny-lrm-m")
THOUGHT = "\nStart with 5.\nAdd 3: 5 + 3 = 8.\nLet me check: 5, 8. That gives 8.\n"


def ids(text):
    return markup.marks(text, MODEL)


def tables(inserted, generated, kept=10, variant="original", closes=False, prefill=""):
    whole = ids(f"<think>{THOUGHT}</think>\n\nMia has 8 cups.\n\\boxed{{8}}<|im_end|>")
    new = ids(generated)
    split = markup.answer_only(new, MODEL) if closes else markup.split(new, MODEL, True)
    trace = {"trace_id": "t", "problem_id": "p", "variant": variant, "update_id": "0" if variant == "revised" else None}
    row = {
        "continuation_id": "c",
        "trace_id": "t",
        "problem_id": "p",
        "interrupt": "speed_up",
        "position": 0.3,
        "parent_id": None,
        "kept_tokens": kept,
        "inserted_ids": ids(inserted),
        "token_ids": new,
        "answer_start": split.answer[0],
        "ended": split.ended,
        "reasoning_tokens": split.reasoning[1] - split.reasoning[0],
        "answer": markup.decode(new[slice(*split.answer)], MODEL),
        "prefill": prefill,
    }
    problem = {"problem_id": "p", "problem": "Mia has 5 cups and gets 3.", "answer": "8"}
    update = {"problem_id": "p", "update_id": "0", "revised_problem": "Mia has 6 cups and gets 3."}
    return (
        pd.DataFrame([trace | {"token_ids": whole}]),
        pd.DataFrame([row]),
        pd.DataFrame([problem]),
        pd.DataFrame([update]),
    )


def made(*given, **more):
    return records.items(*tables(*given, **more), MODEL).iloc[0].to_dict()


def test_a_soft_interrupt_has_thinking_before_and_after_it():
    row = made("\nFaster.\n", "Add 3: 5 + 3 = 8.\n</think>\n\nMia has 8 cups.\n\\boxed{8}<|im_end|>")
    assert THOUGHT.strip().startswith(row["kept"]) and row["kept"].startswith("Start with 5.")
    assert (row["inserted"], row["after"]) == ("Faster.", "Add 3: 5 + 3 = 8.")
    assert row["answer"] == "Mia has 8 cups.\n\\boxed{8}"
    assert (row["problem"], row["reference"], row["item_id"]) == ("Mia has 5 cups and gets 3.", "8", "c")
    assert row["steps"].splitlines()[0] == "1. Start with 5." and "Add 3: 5 + 3 = 8." in row["steps"].splitlines()[-1]


def test_after_a_hard_interrupt_there_is_no_thinking_and_the_prefill_is_part_of_the_answer():
    row = made("\nStop.\n</think>\n\n\\boxed{", "8}<|im_end|>", closes=True, prefill="\\boxed{")
    assert row["after"] == "" and row["answer"] == "\\boxed{8}"


# inserted words, what the model generated, whether they close the thinking, their prefill, thinking after them
THOUGHTS = [
    ("\nFaster.\n", "</think>\n\nMia has 8.<|im_end|>", False, "", ""),
    ("\nFaster.\n", "\n\n</think>\n\nMia has 8.<|im_end|>", False, "", ""),
    ("\nFaster.\n", "", False, "", ""),
    ("\nFaster.\n", "Add 3: 5 + 3 = 8.\n</think>\n\nMia has 8.<|im_end|>", False, "", "Add 3: 5 + 3 = 8."),
    ("\nStop.\n</think>\n\n", "Mia has 8.<|im_end|>", True, "", ""),
    ("\nStop.\n</think>\n\n", "<|im_end|>", True, "", ""),
    ("\nStop.\n</think>\n\n\\boxed{", "8}<|im_end|>", True, "\\boxed{", ""),
]


@pytest.mark.parametrize(("inserted", "generated", "closes", "prefill", "after"), THOUGHTS)
def test_no_more_thought_is_there_and_empty(inserted, generated, closes, prefill, after):
    assert made(inserted, generated, closes=closes, prefill=prefill)["after"] == after


def test_an_answer_that_says_nothing_is_there():
    assert made("\nFaster.\n", "</think>\n\n<|im_end|>")["answer"] == ""


@pytest.mark.parametrize("plain", [True, False])
def test_a_judge_is_told_outside_the_record_that_a_part_is_empty(plain):
    criterion = Criterion(id="stops", question="Does it stop?", polarity="undesired", views=("kept", "after"))
    told = prompt.render([criterion], {"kept": f"Start. {prompt.EMPTY}", "after": ""}, [], plain)
    mark = fence.nonce(f"Start. {prompt.EMPTY}", "")
    before, record = told.split(f"[[kept {mark} ends]]")
    assert f"interrupt:\n[[kept {mark} begins]]" in before  # the record cannot say it of itself
    assert f"thinking after the interrupt: {prompt.EMPTY}\n[[after {mark} begins]]\n\n" in record
    assert fence.unfence(told, "after", mark) == ""


def test_a_thought_that_never_ends_has_no_answer():
    row = made("\nFaster.\n", "Add 3: 5 + 3 = 8.\nAdd 3")
    assert row["answer"] is None and row["after"].startswith("Add 3: 5 + 3 = 8.")


def test_what_led_to_a_second_interrupt_is_kept_with_the_words_of_the_first():
    generated = "Add 3: 5 + 3 = 8.\n</think>\n\n\\boxed{8}<|im_end|>"
    traces, first, problems, updates = tables("\nFaster.\n", generated)
    second = first.assign(continuation_id="d", parent_id="c", kept_tokens=3, inserted_ids=[ids("\nAt once.\n")])
    row = records.items(traces, second, problems, updates, MODEL, first).iloc[0]
    alone = records.items(traces, first, problems, updates, MODEL).iloc[0]
    assert row["kept"] == f"{alone['kept']}\nFaster.\n{markup.decode(ids(generated)[:3], MODEL)}"
    assert row["inserted"] == "At once." and row["steps"].startswith("1. Start with 5.\n")
    with pytest.raises(ValueError, match=r"^d: no parent for it"):
        records.items(traces, second, problems, updates, MODEL)


def test_a_revised_trace_shows_the_revised_problem_and_the_original_reference():
    row = made("\nIt is 5.\n", "</think>\n\n\\boxed{8}<|im_end|>", variant="revised", kept=1)
    assert row["problem"] == "Mia has 6 cups and gets 3." and row["reference"] == "8"
    assert (row["kept"], row["after"]) == ("", "") and row["steps"] is None


@pytest.mark.parametrize(("place", "message"), [(0, "c: no trace for it"), (2, "c: no problem for it")])
def test_a_continuation_that_cannot_be_joined_is_named(place, message):
    frames = list(tables("\nFaster.\n", "</think>\n\n8"))
    frames[place] = frames[place].iloc[:0]
    with pytest.raises(ValueError, match=message):
        records.items(*frames, MODEL)
