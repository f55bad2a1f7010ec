"""The rules on the examples that the authors of the failure modes labelled themselves."""

import json

import pandas as pd
import pytest

from lib import failures

MODES = {"reasoning_leakage": "leakage", "panic": "panic", "self_doubt": "self_doubt"}
INTERRUPTS = {
    "hard_end_thinking": "end_thinking",
    "hard_force_answer": "force_answer",
    "soft_speedup": "speed_up",
    "update": "update",
}
CHARS = 4  # a token, about: no token counts are stored


@pytest.fixture(scope="module")
def examples(shared_data) -> list[dict]:
    file = shared_data / "cc-by-sa" / "failure_mode_examples.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def parts(example, run):
    """The parts of a run, each as its text."""
    text = example[f"{run}_text"]
    return {part["part"]: text[part["start"] : part["end"]] for part in example[f"{run}_parts"]} if text else {}


def row(example, **changes):
    given = {"problem_id": example["id"], "source": "page", "model": "m", "sample": 0, "interrupt": None}
    return given | {"position": None, "equals_revised": None, "reasoning": None} | changes


def lengths(thought, answer):
    counts = {"reasoning_tokens": len(thought) // CHARS, "answer_tokens": len(answer) // CHARS}
    return counts | {"answer_chars": len(answer), "answer": answer}


def continuation(example, run, position):
    """A row as grades has it; what no test of the page can tell is as the authors say: the interrupted run is wrong."""
    own = parts(example, run)
    thought, answer = own.get("thinking_after", ""), own["answer"]
    is_right = example["interrupted_correct"] if run == "interrupted" else not example["mode_visible"]["contrast"]
    left = len(own["thinking_before"]) * (1 - position) / position
    changes = {"kind": "continuation", "variant": "original", "row_id": run, "position": position}
    changes |= {"interrupt": INTERRUPTS[example["interrupt_type"]], "status": "correct" if is_right else "incorrect"}
    changes |= {"kept": own["thinking_before"], "reasoning": thought, "remaining_tokens": left / CHARS}
    return row(example, **changes, **lengths(thought, answer), correct=bool(is_right))


def table(example):
    """Grades of one example; a full-thinking run that is not stored is one that was right and said nothing."""
    whole = parts(example, "plain")
    thought, answer = whole.get("thinking_before", ""), whole.get("answer", "")
    changes = {"kind": "trace", "variant": "original", "row_id": "full", "status": "correct", "correct": True}
    position = example["position"] or 0.5
    runs = [run for run in ("interrupted", "contrast") if example[f"{run}_text"]]
    rows = [continuation(example, run, position) for run in runs]
    return pd.DataFrame([row(example, **changes, **lengths(thought, answer)), *rows])


def test_the_authors_own_examples_come_out_right(examples):
    assert len(examples) == 5
    for example in examples:
        labels = failures.label(table(example))
        for found in labels.to_dict("records"):
            shown = example["mode_visible"][found["continuation_id"]]
            expected = [MODES[example["failure_mode"]]] if shown else []
            assert [mode for mode in failures.MODES if found[mode]] == expected, (example["id"], found)


def test_leakage_behind_a_forced_answer_is_seen_without_a_full_answer_to_compare_with(examples):
    example = next(one for one in examples if one["interrupt_type"] == "hard_force_answer")
    assert example["plain_text"] is None
    labels = failures.label(table(example).query("kind == 'continuation'")).set_index("continuation_id")
    assert labels["oracle_correct"].isna().all() and labels["mean_answer_ratio"].isna().all()
    assert labels["leakage"].to_dict() == {"interrupted": True, "contrast": False}
    assert not labels["leakage_published"].any()


def test_doubt_shows_in_the_thinking(examples):
    example = next(one for one in examples if one["failure_mode"] == "self_doubt")
    frame = table(example)
    assert failures.label(frame)["questions_update"].tolist() == [True, False]
    assert not failures.label(frame.drop(columns="reasoning"))["questions_update"].any()
