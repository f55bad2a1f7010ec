"""Thoughts among ids, counted as vLLM counts them."""

import pytest

from lib.engine import Completion, EngineError, Request, thinking

BETWEEN = thinking.Marks(opening=[1], closing=[2, 3])


# (prompt, budget as vLLM counts it for one of 4)
@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ([9, 9], 4),
        ([9, 1], 4),
        ([9, 1, 9, 9], 6),  # an open thought of two tokens
        ([9, 1, 9, 2, 9], 7),  # the closing mark is not whole
        ([9, 1, 9, 2, 3, 9], 4),
        ([1, 9, 2, 3, 9, 1, 9], 5),  # closed and opened again
        ([1, 9, 1, 9], 5),  # opened twice: the second counts
    ],
)
def test_a_budget_counts_from_the_opening_mark_on(prompt, expected):
    assert thinking.allowed(Request("k", prompt, 0, None, 4), BETWEEN) == expected
    assert thinking.allowed(Request("k", prompt, 0), BETWEEN) is None


# (prompt, generated, tokens of thinking, None where there is no thought)
@pytest.mark.parametrize(
    ("prompt", "generated", "length"),
    [
        ([9], [9, 9, 9], None),
        ([9], [1, 9, 9, 2, 3, 9, 9], 2),
        ([9], [9, 1, 9, 9, 9], 3),
        ([9, 1], [9, 2, 3, 9, 9, 9], 1),
        ([9, 1, 9], [9, 9, 9, 9], 4),
        ([9, 1, 9], [2, 3, 9], 0),
        ([9, 1, 9], [1, 9, 9, 2, 3], 2),  # a mark that the model repeats
        ([9], [1, 2, 9, 2, 3], 2),
    ],
)
def test_a_budget_that_was_not_kept_is_an_error(prompt, generated, length):
    done = Completion("k", generated, "stop", 0)
    most = len(generated) if length is None else length
    for limit in (None, most, most + 1):
        assert thinking.check(Request("k", prompt, 0, None, limit), done, BETWEEN) is done
    if length:
        with pytest.raises(EngineError, match=f"^k: {length} tokens of thinking, expected at most {length - 1}: "):
            thinking.check(Request("k", prompt, 0, None, length - 1), done, BETWEEN)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [([], False), ([5], False), ([1, 5], False), ([1, 5, 2, 3], True), ([1, 2, 3, 7], True), ([1, 2, 3, 7, 1], False)],
)
def test_the_end_of_a_thought_in_a_prompt(ids, expected):
    assert thinking.ended(ids, BETWEEN) == expected


@pytest.mark.parametrize(
    ("ids", "new", "expected"),
    [
        ([5, 2], 1, False),
        ([5, 2, 3], 1, True),
        ([5, 2, 3], 2, True),
        ([2, 3, 5], 1, False),
        ([2, 3, 5, 6], 3, True),
        ([3], 1, False),
    ],
)
def test_the_end_of_a_thought_as_it_is_written(ids, new, expected):
    assert thinking.ends(ids, new, BETWEEN) == expected
