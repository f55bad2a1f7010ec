"""Thoughts among ids, counted as vLLM counts them."""

import pytest

from lib.engine import Completion, EngineError, Request, thinking
from lib.markup import tokens
from tests.fakes import tokenizers

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


@pytest.mark.parametrize(
    ("prompt", "expected"), [([9, 9], 4), ([9, 7, 8, 1], 2), ([9, 7, 8, 1, 9, 9], 4), ([7, 8, 1, 9, 2, 3], 4)]
)
def test_of_an_opening_mark_of_several_tokens_vllm_takes_the_last(prompt, expected):
    between = thinking.Marks(opening=[7, 8, 1], closing=[2, 3])
    assert thinking.allowed(Request("k", prompt, 0, None, 4), between) == expected
    assert thinking.allowed(Request("k", [7, 8, 1], 0, None, 0), between) == 0


@pytest.mark.parametrize(
    ("kind", "closing"),
    [
        ("qwen3", "</think>"),
        ("nemotron", "</think>"),
        ("mistral", "[/THINK]"),
        ("seed", "</seed:think>"),
        ("gemma", "<channel|>"),
        ("gpt_oss", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ],
)
def test_the_marks_hold_no_white_space_that_a_model_may_write_differently(tmp_path, kind, closing):
    ready = tokenizers.model(kind, tmp_path)
    assert tokens.decode(thinking.marks(ready).closing, ready) == closing


def test_marks_that_are_plain_text_are_refused_as_nothing_can_be_held_to_them(tmp_path):
    with pytest.raises(ValueError, match=r"^params/models/plain.yaml: <think> is no token of the model, .* neither"):
        thinking.marks(tokenizers.model("plain", tmp_path))


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
