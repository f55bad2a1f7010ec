"""Sums, comments, restarts and facts counted in texts, by cases written by hand."""

import time

import pytest

from lib.failures import text_counts

SUMS = [  # text, sums
    ("Add 7: 29 + 7 = 36. Subtract 2: 36 - 2 = 34.", ["29+7=36", "36-2=34"]),
    ("39. 39 - 15 = 24.", ["39-15=24"]),
    ("12+3=15 and again 12 + 3 = 15", ["12+3=15"]),
    (r"\(\frac{1}{3}\times 9=3\)", ["1/3*9=3"]),
    (r"$1{,}000 \cdot 2 = 2,000$", ["1000*2=2000"]),
    ("3 apples + 4 apples = 7 apples", ["3+4=7"]),
    ("2.5 × 4 ÷ 2 = 5", ["2.5*4/2=5"]),
    ("x = 5, page 3 - 4, 12", []),
    ("```python\n# 1 + 2 = 3\nx = 1 + 2\n```", []),
]


@pytest.mark.parametrize(("text", "sums"), SUMS)
def test_a_sum_counts_once_however_it_is_written(text, sums):
    assert list(text_counts.count(text).sums) == sums


COUNTS = [  # text, comments, restarts, sums behind the first result
    (None, 0, 0, 0),
    ("Wait, hmm. Actually no.", 0, 3, 0),
    ("I await a waiter.", 0, 0, 0),
    ("```python\n# wait, maybe sort\nx = 1\ny = 2  # why\n```\ndone", 2, 1, 0),
    ("```python\n# never closed", 1, 0, 0),
    ("# a heading", 0, 0, 0),
    (r"1 + 1 = 2. \boxed{2}", 0, 0, 0),
    (r"\boxed{3}, as 1 + 1 = 2 and 2 + 1 = 3. \boxed{4}", 0, 0, 2),
    (r"1 + 1 = 2. \boxed{2} Check: 1 + 1 = 2.", 0, 0, 0),
    ("The answer is 3. For 4 - 1 = 3.", 0, 0, 1),
    ("#### 3\n4 - 1 = 3", 0, 0, 1),
]


@pytest.mark.parametrize(("text", "comments", "restarts", "late"), COUNTS)
def test_comments_restarts_and_late_sums_are_counted(text, comments, restarts, late):
    found = text_counts.count(text)
    assert (found.comments, found.restarts, found.after_result) == (comments, restarts, late)


OLD, NEW = text_counts.facts("Mia has 33 cups and finds 29 more.", "Mia has 33 cups and finds 18 more.")


TAKEN = [  # thought, problem it works with
    ("33 + 29 = 62", "old"),
    ("33 + 18 = 51", "new"),
    ("33 + 29 = 62. No, 33 + 18 = 51.", "both"),
    ("Now it is 18, not 29. 33 + 29 = 62", "old"),  # names what it does not use
    ("18, not 29.", "new"),
    ("18 or 29?", "both"),
    ("So 29 it is.", "old"),
    ("33 - 4 = 29", None),  # comes to it by chance
    ("33 - 4 = 29. 29 + 18 = 47", "new"),  # and goes on from it
    ("33 - 4 = 29. 29 + 29 = 58", "old"),  # takes it as well
    ("29 + 5 = 34. 30 - 1 = 29", "old"),  # had it before
    ("I stay with the problem.", None),
    (None, None),
]
WORDS = text_counts.facts("Sort the list upward.", "Sort the list downward.")  # these decide where no number differs
WORDED = [("I go downward.", "new"), ("Upward: 1 + 2 = 3", "old"), ("Sort.", None)]


@pytest.mark.parametrize(("facts", "cases"), [((OLD, NEW), TAKEN), (WORDS, WORDED)])
def test_a_thought_works_with_the_facts_in_its_sums(facts, cases):
    assert [(thought, text_counts.takes_up(thought, *facts)) for thought, _ in cases] == cases


HOSTILE = ["1+" * 50_000, "\\boxed{" * 20_000, "\\frac{" * 20_000, "```\n" * 30_000, "1 a" * 40_000, "9" * 100_000]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:6].strip())
def test_a_text_made_to_be_slow_is_read_in_time(text):
    started = time.process_time()
    text_counts.count(text)
    assert time.process_time() - started < 3
