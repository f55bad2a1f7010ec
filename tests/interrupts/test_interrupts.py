"""Splices, checked id by id against a literal construction."""

import dataclasses

import pytest

from lib import interrupts, params
from lib.markup import prompts
from lib.markup.tokens import decode, encode, marks

UPDATE = "Mia finds 5 more, not 8."
THOUGHT = "\nStart with 14.\nAdd 8: 14 + 8 = 22.\nLet me check: 14, 22. That gives 22.\n"


@pytest.fixture(scope="module")
def model() -> params.Model:
    return params.load_model("tiny-lrm-s")


@pytest.fixture(scope="module")
def trace(model) -> dict:
    generated = f"<think>{THOUGHT}</think>\n\nMia has 22 coins.\n\\boxed{{22}}<|im_end|>"
    return {
        "prompt_ids": prompts.prompt_ids("Mia has 14 coins. Mia finds 8 more. How many coins does Mia have?", model),
        "token_ids": marks(generated, model),
        "task": "math",
    }


def kept(ids: list[int], position: float | str, model: params.Model, thinking: bool = False) -> int:
    trace = {"prompt_ids": [], "token_ids": ids, "task": "math", "thinking": thinking}
    return interrupts.splice(trace, params.load_interrupt("resume"), position, model).kept_tokens


def test_a_code_problem_opens_a_code_fence(model, trace):
    spliced = interrupts.splice(trace | {"task": "code"}, params.load_interrupt("force_answer"), 0.5, model)
    assert spliced.prefill == "```python\n"
    assert decode(spliced.inserted_ids, model).endswith("</think>\n\n```python\n")


@pytest.mark.parametrize(
    ("position", "count", "expected"),
    [(0.29, 100, 29), (0.57, 100, 57), (0.1, 9, 0), (0.7, 10, 7), (0.999, 10, 9), (1.0, 7, 7), (1 / 3, 9, 2)],
)
def test_a_position_is_the_decimal_that_is_written(model, position, count, expected):
    opener, closer, word = (marks(text, model) for text in ("<think>", "</think>", " 14"))
    ids = opener + word * count + closer
    assert kept(ids, position, model) == 1 + expected


def test_a_thought_that_the_prompt_opened_or_that_never_ended_is_cut_all_the_same(model):
    assert kept(marks(" 14 14 14 14</think>", model), 0.5, model, thinking=True) == 2
    assert kept(marks("<think> 14 14 14 14", model), 0.5, model) == 3


def test_a_character_that_the_model_never_finished_is_kept_at_the_end(model):
    ids = [*marks("<think>", model), *encode("\U0001f600", model)[:2]]
    assert "\ufffd" in decode(ids, model)
    assert kept(ids, 1, model) == len(ids)


@pytest.mark.parametrize("text", ["0.3", "40t", "0.5s", "0.25p", "0", "1"])
def test_a_position_of_a_table_is_told_as_a_study_writes_it(text):
    read = interrupts.position(text)
    assert interrupts.format_position(float(read.value), read.unit) == text


def test_a_restart_throws_the_thought_away_and_asks_with_the_update(model, trace):
    asked = trace | {"problem": "Mia has 14 coins."}
    spliced = interrupts.splice(asked, params.load_interrupt("restart"), 0.5, model, UPDATE)
    assert spliced.ids == prompts.prompt_ids(f"Mia has 14 coins.\n\n{UPDATE}", model)
    assert (spliced.kept_tokens, spliced.inserted_ids, spliced.closed) == (0, [], False)
    assert spliced.passed_tokens == kept(trace["token_ids"], 0.5, model)


def test_a_budget_is_the_length_that_the_cut_would_keep(model, trace):
    spliced = interrupts.splice(trace, params.load_interrupt("budget"), 0.5, model)
    assert spliced.ids == trace["prompt_ids"] and spliced.inserted_ids == []
    assert spliced.budget == kept(trace["token_ids"], 0.5, model) - 1
    assert spliced.passed_tokens == 0


def test_a_system_message_belongs_to_the_trace(model, trace):
    warned = dataclasses.replace(params.load_interrupt("speed_up"), system="The user may hurry you.")
    with pytest.raises(
        ValueError, match=r"0~a was made with no system message, interrupt speed_up needs the system .*hurry"
    ):
        interrupts.splice(trace | {"trace_id": "0~a"}, warned, 0.5, model)
    told = trace | {"trace_id": "0~b", "system": "Something else."}
    with pytest.raises(ValueError, match=r"0~b was made with the system message 'Something else\.', .* no system"):
        interrupts.splice(told, params.load_interrupt("speed_up"), 0.5, model)
    assert interrupts.splice(trace | {"system": warned.system}, warned, 0.5, model).kept_tokens > 1
    from_a_table = trace | {"system": float("nan")}
    assert interrupts.splice(from_a_table, params.load_interrupt("speed_up"), 0.5, model).kept_tokens > 1


@pytest.mark.parametrize(
    ("name", "position", "update", "message"),
    [
        ("speed_up", 1.1, None, "position 1.1: expected a fraction from 0 to 1"),
        ("speed_up", float("nan"), None, "position nan: expected a fraction"),
        ("speed_up", "1.5t", None, "position 1.5t: expected a fraction"),
        ("speed_up", "half", None, 'position half: expected a fraction from 0 to 1, or such as "512t"'),
        ("update_then_end_thinking", 0.5, None, "has several steps, expected one of update, end_thinking"),
        ("update", 0.5, None, "interrupt update needs an update"),
        ("speed_up", 0.5, UPDATE, "interrupt speed_up takes no update"),
    ],
)
def test_what_cannot_be_spliced(model, trace, name, position, update, message):
    with pytest.raises(ValueError, match=message):
        interrupts.splice(trace, params.load_interrupt(name), position, model, update)
