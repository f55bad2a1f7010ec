"""Where thinking begins and ends among ids, on TinyLRM's own tokenizer."""

import dataclasses

import pytest

from lib import markup, params


@pytest.fixture(scope="module")
def model() -> params.Model:
    return params.load_model("tiny-lrm-s")


# (what was generated, whether a thought was open before it, reasoning, answer, ended)
SPLITS = [
    ("<think>\nStart.\n</think>\n\nTwo.<|im_end|>", False, "\nStart.\n", "\n\nTwo.", True),
    ("<think>\nStart.\n</think>\n\nTwo.", False, "\nStart.\n", "\n\nTwo.", True),
    ("<think>\nStart.", False, "\nStart.", "", False),
    ("<think>\nStart.<|im_end|>", False, "\nStart.", "", False),
    ("<think></think>\n\nTwo.<|im_end|>", False, "", "\n\nTwo.", True),
    ("<think>\nStart.</think>", False, "\nStart.", "", True),
    ("<think>\nStart.</think><|im_end|>", False, "\nStart.", "", True),
    ("<think>a</think>b</think>c<|im_end|>", False, "a", "b</think>c", True),
    ("<think>a<think>b</think>c<|im_end|>", False, "a<think>b", "c", True),
    ("goes on</think>\n\nTwo.<|im_end|>", True, "goes on", "\n\nTwo.", True),
    ("</think>\n\nTwo.<|im_end|>", True, "", "\n\nTwo.", True),
    ("goes on", True, "goes on", "", False),
    ("opened by the prompt</think>Two.", False, "opened by the prompt", "Two.", True),
    ("", False, "", "", False),
    ("", True, "", "", False),
]


@pytest.mark.parametrize(("text", "thinking", "reasoning", "answer", "ended"), SPLITS)
def test_split(model, text, thinking, reasoning, answer, ended):
    ids = markup.encode(text, model)
    parts = markup.split(ids, model, thinking=thinking)
    assert markup.decode(ids[slice(*parts.reasoning)], model) == reasoning
    assert markup.decode(ids[slice(*parts.answer)], model) == answer
    assert parts.ended is ended


def test_spans_lie_in_order(model):
    for text, thinking, *_ in SPLITS:
        ids = markup.encode(text, model)
        parts = markup.split(ids, model, thinking=thinking)
        ends = [0, *parts.reasoning, *parts.answer, len(ids)]
        assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("42}<|im_end|>", "42}"), ("42}", "42}"), ("", ""), ("<|im_end|>", ""), ("a</think>b", "a</think>b")],
)
def test_after_a_closed_thought_all_is_answer(model, text, answer):
    ids = markup.encode(text, model)
    parts = markup.answer_only(ids, model)
    assert markup.decode(ids[slice(*parts.answer)], model) == answer
    assert parts.ended and parts.reasoning == (0, 0)


def test_the_prompt_ends_where_the_model_writes(model):
    plain = markup.decode(markup.prompt_ids("How many?", model), model)
    assert plain == "<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n"
    warned = markup.decode(markup.prompt_ids("How many?", model, system="Be brief."), model)
    assert warned == "<|im_start|>system\nBe brief.<|im_end|>\n" + plain


def test_an_unknown_family_is_named(model):
    with pytest.raises(
        ValueError, match=r"params/models/tiny-lrm-s.yaml: family: no markup for parrot, expected one of"
    ):
        markup.split([1, 2], dataclasses.replace(model, family="parrot"))
