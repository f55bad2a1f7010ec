"""Updates that a model writes: replies read, retries, what is kept of failures, and runs that go on."""

import contextlib
import json

import pandas as pd
import pytest

from lib import params, schema, tables
from lib.engine import json_reply
from lib.engine import store as parts
from lib.updates import writing

REPLIES = {
    "plain": ('{"update": "It is 3."}', {"update": "It is 3."}, None),
    "in a fence": ('```json\n{"update": "x"}\n```', {"update": "x"}, None),
    "after a sentence with braces": ('I use {braces}. {"update": "x", "more": 1}', {"update": "x"}, None),
    "the last that fits": ('{"update": "a"} no: {"update": "b"}', {"update": "b"}, None),
    "a line break in a text": ('{"update": "a\nb"}', {"update": "a\nb"}, None),
    "empty": ("  ", None, "empty reply"),
    "cut off": ('{"update": "It is', None, "no JSON object"),
    "another field": ('{"news": "x"}', None, "no field update"),
    "a number": ('{"update": 3}', None, "field update is not a text"),
    "an empty text": ('{"update": " "}', None, "field update is not a text"),
    "a list": ('["update"]', None, "no JSON object"),
    "braces without end": ("{" * 100_000, None, "no JSON object"),
    "far too long": ("{" * 200_000, None, "longer than"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_is_read_or_refused_with_its_reason(name):
    text, fields, reason = REPLIES[name]
    found, why = json_reply.fields(text, ("update",))
    assert found == fields
    assert why is None if reason is None else reason in why


@pytest.mark.parametrize(
    ("text", "message"),
    [("Do {this}.", r"text: \{this\}: no such slot"), ("Do it.", "text: should hold a slot")],
)
def test_a_prompt_with_a_wrong_slot_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        params.Prompt(name="x", title="x", text=text, fields=("update",))


COINS = "You have 4 coins and get 7. How many?"


FIELDS = (  # what a prompt asks for, and the reply to it
    ('"held_back"', {"reduced_problem": "Print the sum.", "held_back": "At most 9 numbers are given."}),
    ('"revised_problem": "your', {"revised_problem": "Print the product.", "correction": "The sum is wanted."}),
    ('"revised_starter_code"', {"revised_starter_code": "def g(a):", "correction": "The function is called f."}),
    ('"update"', {"update": "There are 4 coins, and 7 more come."}),
    ("", {"revised_problem": "You have 5 coins and get 8. How many?"}),
)


@pytest.fixture
def writer(fake):
    """Makes an engine that writes by what the prompt asks for, where `fails` does not reply otherwise."""

    def make(fails=lambda number: None):
        return fake(lambda prompt, n: fails(n) or json.dumps(next(reply for words, reply in FIELDS if words in prompt)))

    return make


def asked(math=2, code=0, starter="def f(a):", difficulty="easy"):
    rows = [{"problem": COINS, "answer": "11", "task": "math"}] * math
    rows += [{"problem": "Print the sum. At most 9 numbers are given.", "starter_code": starter, "task": "code"}] * code
    frame = pd.DataFrame(rows).reindex(columns=schema.PROBLEMS.names())
    return frame.assign(problem_id=[f"x/{i:04}" for i in range(len(rows))], source="x", difficulty=difficulty)


def test_math_takes_two_steps_and_code_three(writer, outputs):
    ready = writer()
    made = writing.write(ready, asked(2, 2), seed=1)
    assert made["valid"].all()
    assert len(ready.asked) == 2 * 2 + 2 * 3
    assert made["update"].iloc[0] == "There are 4 coins, and 7 more come."
    parts = ["The function is called f.", "The sum is wanted.", "At most 9 numbers are given."]
    assert made["update"].iloc[2] == "\n\n".join(parts)
    assert made["revised_starter_code"].tolist()[2:] == ["def g(a):"] * 2
    tables.write(made, "updates", "test")


def test_starter_code_is_altered_for_easy_problems_and_a_drawn_share_and_kept_elsewhere(writer):
    made, again = (writing.write(writer(), asked(0, 60, difficulty="hard"), seed=1) for _ in range(2))
    altered = made["revised_starter_code"].eq("def g(a):")
    assert 0.5 < altered.mean() < 0.9
    assert made["revised_starter_code"][~altered].eq("def f(a):").all()
    assert again.equals(made)


def test_a_reply_that_does_not_fit_is_asked_for_again_with_another_seed(writer):
    ready = writer(lambda number: "no" if number <= 2 else None)
    assert writing.write(ready, asked(2), seed=1)["valid"].all()
    seeds = {request.seed for request in ready.asked}
    assert len(ready.asked) == len(seeds) == 2 + 2 + 2
    other = writer()
    writing.write(other, asked(2), seed=2)
    assert not seeds & {request.seed for request in other.asked}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("   ", "empty reply"),
        ('{"answer": "12"}', "the reply has no field"),
        (json.dumps({"revised_problem": COINS, "update": "x"}), "is the original"),
    ],
)
def test_what_fails_in_the_end_is_kept_with_its_reason(writer, reply, reason):
    made = writing.write(writer(lambda number: reply), asked(1, 1), seed=1)
    assert len(made) == 2 and not made["valid"].any()
    assert reason in made["why_invalid"].iloc[0]


def test_a_run_that_was_stopped_asks_nothing_twice(writer, outputs):
    def dies(number):
        if number == 60:
            raise KeyboardInterrupt
        return "malformed" if number % 10 == 0 else None

    wanted = asked(40, 20)
    whole, first, second = writer(), writer(dies), writer()
    expected = writing.write(whole, wanted, seed=3)
    with pytest.raises(KeyboardInterrupt), parts.open("test", "augment", rows=1) as store:
        writing.write(first, wanted, seed=3, store=store)
    with parts.open("test", "augment", rows=1) as store:
        made = writing.write(second, wanted, seed=3, store=store)
    assert made.equals(expected)
    retries = 59 // 10
    assert len(first.asked) - 1 + len(second.asked) == len(whole.asked) + retries


def test_a_prompt_that_is_too_long_is_a_reason_not_an_error(writer):
    made = writing.write(writer(), asked(2).assign(problem=[f"{COINS} " * 99, COINS]), seed=1)
    assert made["valid"].tolist() == [False, True]
    assert "expected fewer than max_model_len 768" in made["why_invalid"].iloc[0]


def test_only_problems_without_updates_are_written_for_and_only_by_a_writer(writer, outputs, monkeypatch):
    wanted = asked(3)
    made = writing.write(writer(), wanted.head(1), seed=1)
    assert writing.complete(params.load_study("tiny"), wanted, made) is made
    monkeypatch.setattr(writing.engine, "when_needed", lambda model: contextlib.nullcontext(writer()))
    study = params.load_study("tiny", writer="tiny-lrm-m")
    assert writing.complete(study, wanted, made)["problem_id"].tolist() == wanted["problem_id"].tolist()
