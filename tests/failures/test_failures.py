"""The rules of the failure modes, on rows made to meet or just miss them."""

import dataclasses

import pandas as pd
import pytest

from lib import failures, params, schema, tables

KINDS = {"end_thinking": "hard", "force_answer": "hard", "speed_up": "soft", "update": "update"}
TRACE = {
    "row_id": "tiny/0~original~0",
    "kind": "trace",
    "problem_id": "tiny/0",
    "source": "tiny",
    "model": "m",
    "variant": "original",
    "interrupt": None,
    "position": None,
    "sample": 0,
    "status": "correct",
    "correct": True,
    "equals_revised": None,
    "reasoning_tokens": 1000,
    "answer_tokens": 10,
    "answer_chars": 40,
    "answer": r"The answer is \boxed{12}.",
}


def trace(**changes):
    return TRACE | changes


def after(interrupt, position=0.3, status="incorrect", **changes):
    variant = "revised" if interrupt == "update" else "original"
    problem = changes.get("problem_id", "tiny/0")
    return TRACE | {
        "row_id": f"{problem}~{variant}~0~{interrupt}~{position}",
        "kind": "continuation",
        "variant": variant,
        "interrupt": interrupt,
        "position": position,
        "status": status,
        "correct": status == "correct",
        "reasoning_tokens": 300,
        **changes,
    }


def label(*rows):
    revised = trace(row_id="tiny/0~revised~0", variant="revised")
    return failures.label(pd.DataFrame([trace(), revised, *rows]), KINDS)


MODES = ["new_error", "leakage", "panic", "self_doubt"]
RULES = [  # continuation, flags that are true
    (after("speed_up", status="correct"), []),
    (after("speed_up"), ["new_error"]),
    (after("speed_up", status="censored"), ["new_error"]),
    # panic
    (after("speed_up", reasoning_tokens=0), ["new_error", "panic"]),
    (after("speed_up", reasoning_tokens=0, answer_tokens=0, status="no_answer"), ["new_error"]),
    (after("end_thinking", reasoning_tokens=0), ["new_error"]),
    # leakage: a full-thinking answer has 40 characters
    (after("end_thinking", answer_chars=80), ["new_error", "leakage"]),
    (after("end_thinking", answer_chars=79), ["new_error"]),
    (after("force_answer", answer_chars=400, status="correct"), ["leakage"]),
    # self-doubt
    (after("update", equals_revised=True), ["new_error", "self_doubt"]),
    (after("update", equals_revised=True, status="correct"), []),
    (after("update", answer="No update was given, so 12."), ["new_error", "self_doubt"]),
    (after("update", answer="With the update it is 12."), ["new_error"]),
    (after("update", reasoning="The user hasn't given any <update> tag."), ["new_error", "self_doubt"]),
    (after("speed_up", answer="No update was given."), ["new_error"]),
]


@pytest.mark.parametrize(("row", "flags"), RULES)
def test_rules(row, flags):
    labels = label(row).iloc[0]
    assert [mode for mode in MODES if labels[mode]] == flags


# tokens of the whole thought and used after the cut, status -> published, ours
@pytest.mark.parametrize(
    ("thought", "position", "used", "status", "flags"),
    [
        (1000, 0.3, 6, "incorrect", (True, True)),
        (1000, 0.3, 7, "incorrect", (False, False)),
        (1000, 0.3, 6, "censored", (True, False)),  # an error to the paper; here nobody knows what the answer would be
        (10, 0.3, 0, "incorrect", (True, True)),
        (10, 0.3, 1, "incorrect", (False, True)),  # 1 % of 7 tokens is no token, so one counts as none
        (10, 0.3, 2, "incorrect", (False, False)),
        (10, 0.9, 1, "incorrect", (False, False)),  # one token was all that was left
        (0, 0.3, 0, "incorrect", (False, False)),
    ],
)
def test_the_published_panic_stands_beside_ours(thought, position, used, status, flags):
    rows = [trace(reasoning_tokens=thought), after("speed_up", position, status, reasoning_tokens=used)]
    labels = failures.label(pd.DataFrame(rows), KINDS).iloc[0]
    assert (labels["panic_published"], labels["panic"]) == flags
    assert labels["remaining_tokens"] == thought - int(position * thought)


def test_leakage_is_measured_against_the_own_answer_and_the_mean():
    other = trace(row_id="tiny/1~original~0", problem_id="tiny/1", answer_chars=160)
    silent = trace(row_id="tiny/2~original~0", problem_id="tiny/2", answer_chars=0)  # not in the mean
    labels = label(other, silent, after("end_thinking", answer_chars=150)).iloc[0]
    assert (labels["answer_ratio"], labels["mean_answer_ratio"]) == (150 / 40, 1.5)
    assert not labels["leakage"]
    labels = label(after("end_thinking", answer_tokens=20)).iloc[0]  # longer in tokens alone
    assert (labels["answer_ratio"], labels["answer_token_ratio"], labels["leakage"]) == (1, 2, True)


@pytest.mark.parametrize(
    ("rows", "oracle_correct"),
    [
        ([trace(status="incorrect", correct=False), after("speed_up", reasoning_tokens=0)], False),
        ([trace(), after("speed_up", problem_id="tiny/9", reasoning_tokens=0)], None),  # no full-thinking trace
        ([trace(model="other"), after("speed_up", reasoning_tokens=0)], None),  # nor that of another model
    ],
)
def test_an_error_is_new_only_where_full_thinking_was_right(rows, oracle_correct):
    labels = failures.label(pd.DataFrame(rows), KINDS).iloc[0]
    assert pd.isna(labels["oracle_correct"]) if oracle_correct is None else not labels["oracle_correct"]
    assert not labels[MODES].any()


def test_a_trace_that_stands_twice_is_named():
    with pytest.raises(ValueError, match="trace tiny/0~original~0: stands twice"):
        label(trace())


def test_labels_are_a_table_and_kinds_come_from_the_files_of_interrupts(outputs):
    rows = [after("speed_up"), after("update"), after("end_thinking", problem_id="tiny/9")]
    labels = failures.label(pd.DataFrame([trace(), *rows]))
    assert labels.equals(failures.label(pd.DataFrame([trace(), *rows]), KINDS))
    assert list(labels.columns) == schema.TABLES["labels"].names()
    tables.write(labels, "labels", "s", "m")
    assert tables.read("labels", "s", "m")["continuation_id"].is_unique


def test_summary_counts_shares_of_what_was_right_before():
    rows = [trace(row_id=f"tiny/{i}~original~0", problem_id=f"tiny/{i}") for i in range(4)]
    rows[3] |= {"correct": False, "status": "incorrect"}
    rows += [
        after("speed_up", problem_id="tiny/0", status="correct", answer_chars=20),
        after("speed_up", problem_id="tiny/1", reasoning_tokens=0, answer_chars=60),
        after("speed_up", problem_id="tiny/2", answer_chars=40),
        after("speed_up", problem_id="tiny/3", answer_chars=40),
    ]
    row = failures.summary(failures.label(pd.DataFrame(rows), KINDS)).iloc[0]
    assert (row["model"], row["interrupt"], row["position"]) == ("m", "speed_up", 0.3)
    assert row[["n", "n_oracle", "new_errors", "attributed", "panic"]].tolist() == [4, 3, 2, 1, 1]
    shares = row[["new_error_rate", "attributed_rate", "attributed_share"]].tolist()
    assert shares == pytest.approx([2 / 3, 1 / 3, 1 / 2])
    assert (row["answer_chars"], row["oracle_answer_chars"], row["length_ratio"]) == (40, 40, 1)
    none = failures.summary(label(after("speed_up", status="correct"))).iloc[0]
    assert none["new_error_rate"] == 0 and pd.isna(none["attributed_share"])


FULL_ANSWER = r"First 1 + 1 = 2, then 2 + 10 = 12. The answer is \boxed{12}."
WORKING = [  # interrupt, answer, kept thinking, whether it works on
    ("end_thinking", r"1 + 1 = 2, 2 + 10 = 12. \boxed{12}", None, False),  # no more than the full answer
    ("end_thinking", r"3 + 1 = 4, 4 + 2 = 6, 6 + 2 = 8, 8 + 4 = 12. \boxed{12}", None, True),
    ("end_thinking", r"3 + 1 = 4, 4 + 2 = 6, 6 + 2 = 8, 8 + 4 = 12. \boxed{12}", "3+1=4, 4+2=6", False),  # two are old
    ("end_thinking", r"3 + 1 = 4, 4 + 2 = 6, 6 + 2 = 8, 8 + 4 = 12. \boxed{12}", "Start with 3.", True),
    ("end_thinking", r"Wait. Hmm. \boxed{12}", None, True),
    ("end_thinking", "```python\n# let me see\n# or so\nprint(12)\n```", None, True),
    ("force_answer", r"\boxed{12} as 7 + 2 = 9 and 9 + 3 = 12", None, True),
    ("force_answer", r"\boxed{12} as 7 + 5 = 12", None, False),
    ("speed_up", r"Wait. Hmm. Wait. \boxed{12}", None, False),
]


@pytest.mark.parametrize(("interrupt", "answer", "kept", "works"), WORKING)
def test_an_answer_leaks_by_what_it_does_however_short_it_is(interrupt, answer, kept, works):
    rows = [trace(answer=FULL_ANSWER), after(interrupt, answer=answer, kept=kept, answer_chars=20)]
    labels = failures.label(pd.DataFrame(rows), KINDS).iloc[0]
    assert (labels["works_on"], labels["leakage"], labels["leakage_published"]) == (works, works, False)


def test_one_new_sum_is_enough_where_the_kept_thinking_is_known_to_lack_it():
    rows = [trace(), after("end_thinking", answer="5 + 7 = 12"), after("end_thinking", 0.5, answer="5 + 7 = 12")]
    rows[1]["kept"], rows[2]["kept"] = "Start with 5.", "5+7=12"
    labels = failures.label(pd.DataFrame(rows), KINDS)
    assert labels["unseen_sums"].tolist() == [1, 0]
    assert labels["leakage"].tolist() == [True, False]
    assert not failures.label(pd.DataFrame(rows).drop(columns="kept"), KINDS)["leakage"].any()


def test_sums_are_held_against_the_mean_of_full_answers_too():
    rows = [trace(), after("end_thinking", answer="1 + 1 = 2, 2 + 10 = 12")]
    wordy = trace(row_id="tiny/1~original~0", problem_id="tiny/1", answer=FULL_ANSWER + " 3 + 3 = 6, 6 + 6 = 12")
    assert failures.label(pd.DataFrame(rows), KINDS)["works_on"].tolist() == [True]  # the full answer holds none
    assert failures.label(pd.DataFrame([wordy, *rows]), KINDS)["works_on"].tolist() == [False]  # the mean holds two


ASKED, STATED = "Mia has 33 cups and finds 29 more.", "Mia has 33 cups and finds 18 more."
THOUGHTS = [  # new thinking, whether a new error counts as doubt
    ("33 + 29 = 62.", True),
    ("33 + 18 = 52.", False),
    ("The update says 18, not 29. 33 + 18 = 52.", False),
    ("I am not sure about this update. I stay with the problem.", True),
    ("I was not sure about this update, but 33 + 18 = 52.", False),  # words alone are no doubt if it is taken up
    ("Hm.", False),
]


@pytest.mark.parametrize(("thought", "doubts"), THOUGHTS)
def test_doubt_is_what_the_thinking_does_before_what_it_says(thought, doubts):
    rows = [trace(), after("update", reasoning=thought, asked=ASKED, problem=STATED)]
    assert failures.label(pd.DataFrame(rows), KINDS)["self_doubt"].tolist() == [doubts]


def test_thoughts_are_put_beside_the_grades_of_one_model():
    grades = pd.DataFrame([trace(), after("update"), after("speed_up")])
    items = pd.DataFrame({"item_id": [grades["row_id"][1]], "kept": ["k"], "after": ["a"], "problem": [ASKED]})
    problems = pd.DataFrame({"problem_id": ["tiny/0"], "problem": [STATED]})
    found = failures.with_thoughts(grades, items, problems)
    assert found.loc[1, ["kept", "reasoning", "asked", "problem"]].tolist() == ["k", "a", ASKED, STATED]
    assert found.loc[[0, 2], ["kept", "reasoning", "asked"]].isna().all(axis=None)
    with pytest.raises(ValueError, match="rows of 2 models, expected those of one"):
        failures.with_thoughts(grades.assign(model=["a", "b", "b"]), items, problems)
    with pytest.raises(ValueError, match=r"stands twice, expected once"):
        failures.with_thoughts(grades, pd.concat([items, items]), problems)


def test_the_published_ratio_of_means_is_given_against_both_baselines():
    silent = trace(row_id="tiny/1~original~0", problem_id="tiny/1", answer_chars=0)
    rows = [after("end_thinking", answer_chars=120), after("end_thinking", problem_id="tiny/1", answer_chars=0)]
    row = failures.summary(label(silent, *rows)).iloc[0]
    # 40 characters where there is an answer, 20 over all runs
    assert (row["length_ratio_answered"], row["length_ratio_all"]) == (3, 3)
    assert (row["length_ratio"], row["leakage_published"]) == (3, 1)
    row = failures.summary(label(silent, rows[0])).iloc[0]
    assert (row["length_ratio_answered"], row["length_ratio_all"]) == (3, 6)


def test_other_thresholds_can_be_given():
    strict = dataclasses.replace(params.load_thresholds(), leakage_length=5.0)
    rows = pd.DataFrame([trace(), after("end_thinking", answer_chars=160)])
    assert [failures.label(rows, KINDS, limits)["leakage"].item() for limits in (None, strict)] == [True, False]
