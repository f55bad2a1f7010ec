"""Splices, checked id by id against a literal construction."""

import pytest

from lib import interrupts, markup, params

NAMES = ["end_thinking", "force_answer", "speed_up", "update", "update_guided"]
UPDATE = "Mia finds 5 more, not 8."
THOUGHT = "\nStart with 14.\nAdd 8: 14 + 8 = 22.\nLet me check: 14, 22. That gives 22.\n"


@pytest.fixture(scope="module")
def model() -> params.Model:
    return params.load_model("tiny-lrm-s")


@pytest.fixture(scope="module")
def trace(model) -> dict:
    generated = f"<think>{THOUGHT}</think>\n\nMia has 22 coins.\n\\boxed{{22}}<|im_end|>"
    return {
        "prompt_ids": markup.prompt_ids("Mia has 14 coins. Mia finds 8 more. How many coins does Mia have?", model),
        "token_ids": markup.encode(generated, model),
        "task": "math",
    }


def news(interrupt: params.Interrupt) -> str | None:
    return UPDATE if interrupt.needs_update else None


def expected_text(name: str) -> str:
    """What each interrupt inserts, written out."""
    text = params.load_interrupt(name).text
    return {
        "end_thinking": f"{text}</think>\n\n",
        "force_answer": f"{text}</think>\n\n\\boxed{{",
        "speed_up": text,
        "update": text.replace("{update}", UPDATE),
        "update_guided": text.replace("{update}", UPDATE),
    }[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("position", [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1])
def test_a_splice_is_prompt_then_kept_then_inserted(model, trace, name, position):
    interrupt = params.load_interrupt(name)
    spliced = interrupts.splice(trace, interrupt, position, model, news(interrupt))
    thinking = markup.encode(THOUGHT, model)
    kept = markup.encode("<think>", model) + thinking[: int(len(thinking) * position * 1000 + 0.5) // 1000]
    assert spliced.ids == trace["prompt_ids"] + kept + spliced.inserted_ids
    assert spliced.kept_tokens == len(kept)
    assert markup.decode(spliced.inserted_ids, model) == expected_text(name)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_open_after_a_splice(model, trace, name):
    interrupt = params.load_interrupt(name)
    spliced = interrupts.splice(trace, interrupt, 0.5, model, news(interrupt))
    assert spliced.closed == (interrupt.kind == "hard")
    assert spliced.prefill == ("\\boxed{" if name == "force_answer" else "")
    assert spliced.thinking


def test_a_code_problem_opens_a_code_fence(model, trace):
    spliced = interrupts.splice(trace | {"task": "code"}, params.load_interrupt("force_answer"), 0.5, model)
    assert spliced.prefill == "```python\n"
    assert markup.decode(spliced.inserted_ids, model).endswith("</think>\n\n```python\n")


def test_a_user_turn_closes_the_thought_and_speaks_as_the_user(model, trace):
    interrupt = params.Interrupt("hurry", "Hurry", "soft", "\n\nPlease hurry.\n", False, role="user")
    spliced = interrupts.splice(trace, interrupt, 0.5, model)
    turn = "</think>\n\n<|im_end|>\n<|im_start|>user\nPlease hurry.<|im_end|>\n<|im_start|>assistant\n"
    assert markup.decode(spliced.inserted_ids, model) == turn
    assert not spliced.thinking


@pytest.mark.parametrize(
    ("position", "tokens", "kept"),
    [(0.29, 100, 29), (0.57, 100, 57), (0.1, 9, 0), (0.7, 10, 7), (0.999, 10, 9), (1.0, 7, 7), (1 / 3, 9, 2)],
)
def test_a_position_is_the_decimal_that_is_written(model, position, tokens, kept):
    opener, closer, word = (markup.encode(text, model) for text in ("<think>", "</think>", " 14"))
    ids = opener + word * tokens + closer
    assert interrupts.kept(ids, position, model) == 1 + kept


def test_a_thought_that_the_prompt_opened_keeps_no_mark(model):
    ids = markup.encode(" 14 14 14 14</think>", model)
    assert interrupts.kept(ids, 0.5, model) == 2


def test_a_thought_that_never_ended_is_cut_all_the_same(model):
    ids = markup.encode("<think> 14 14 14 14", model)
    assert interrupts.kept(ids, 0.5, model) == 3


@pytest.mark.parametrize(
    ("name", "position", "update", "message"),
    [
        ("speed_up", 1.1, None, "position 1.1: expected a fraction from 0 to 1"),
        ("speed_up", -0.1, None, "position -0.1: expected a fraction"),
        ("speed_up", float("nan"), None, "position nan: expected a fraction"),
        ("update", 0.5, None, "interrupt update needs an update"),
        ("speed_up", 0.5, UPDATE, "interrupt speed_up takes no update"),
    ],
)
def test_what_cannot_be_spliced(model, trace, name, position, update, message):
    with pytest.raises(ValueError, match=message):
        interrupts.splice(trace, params.load_interrupt(name), position, model, update)
