"""Updates that a model writes: replies read, retries, what is kept of failures, and runs that go on."""

import contextlib
import json

import pandas as pd
import pytest

from lib import params, problems, schema, tables
from lib.engine import Completion, json_reply
from lib.engine import store as parts
from lib.markup import tokens
from lib.updates import writing

REPLIES = {
    "plain": ('{"update": "It is 3."}', {"update": "It is 3."}, None),
    "in a fence": ('```json\n{"update": "x"}\n```', {"update": "x"}, None),
    "after a sentence with braces": ('I use {braces}. {"update": "x", "more": 1}', {"update": "x"}, None),
    "the last that fits": ('{"update": "a"} no: {"update": "b"}', {"update": "b"}, None),
    "a line break in a text": ('{"update": "a\nb"}', {"update": "a\nb"}, None),
    "empty": ("  ", None, "empty reply"),
    "null": (None, None, "empty reply"),
    "prose": ("I cannot.", None, "no JSON object"),
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


def test_every_prompt_is_sound():
    for name in (*writing.MATH, *writing.CODE):
        prompt = params.load_prompt(name)
        assert all(f'"{field}"' in prompt.text for field in prompt.fields)


@pytest.mark.parametrize(
    ("text", "message"),
    [("Do {this}.", r"text: \{this\}: no such slot"), ("Do it.", "text: should hold a slot")],
)
def test_a_prompt_with_a_wrong_slot_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        params.Prompt(name="x", title="x", text=text, fields=("update",))


COINS = "You have 4 coins and get 7. How many?"


class Fake:
    """Stands in for an engine: answers by what the prompt asks for, and fails in the ways it is told to."""

    def __init__(self, fails=lambda field, number: None):
        self.model = params.load_model("tiny-lrm-m")
        self.fails, self.asked = fails, 0

    def generate(self, requests):
        for request in requests:
            self.asked += 1
            prompt = tokens.decode(request.prompt_ids, self.model)
            reply = self.fails(prompt, self.asked) or json.dumps(self._fields(prompt))
            text = f"<think>\nHm.\n</think>\n\n{reply}"
            yield Completion(request.key, tokens.marks(text, self.model), "stop", 0)

    def _fields(self, prompt):
        if '"held_back"' in prompt:
            return {"reduced_problem": "Print the sum.", "held_back": "At most 9 numbers are given."}
        if '"revised_problem": "your' in prompt:
            return {"revised_problem": "Print the product.", "correction": "The sum is wanted."}
        if '"revised_starter_code"' in prompt:
            return {"revised_starter_code": "def g(a):", "correction": "The function is called f."}
        if '"update"' in prompt:
            return {"update": "There are 4 coins, and 7 more come."}
        return {"revised_problem": "You have 5 coins and get 8. How many?"}

    def close(self):
        pass


def asked(math=2, code=0, starter="def f(a):", difficulty="easy"):
    rows = [{"problem": "You have 4 coins and get 7. How many?", "answer": "11", "task": "math"}] * math
    rows += [{"problem": "Print the sum. At most 9 numbers are given.", "starter_code": starter, "task": "code"}] * code
    frame = pd.DataFrame(rows).reindex(columns=schema.PROBLEMS.names())
    return frame.assign(problem_id=[f"x/{i:04}" for i in range(len(rows))], source="x", difficulty=difficulty)


def test_math_takes_two_steps_and_code_three(outputs):
    ready = Fake()
    made = writing.write(ready, asked(2, 2), seed=1)
    assert made["valid"].all()
    assert ready.asked == 2 * 2 + 2 * 3
    assert made["update"].iloc[0] == "There are 4 coins, and 7 more come."
    told = "The function is called f.\n\nThe sum is wanted.\n\nAt most 9 numbers are given."
    assert made["update"].iloc[2] == told
    assert made["revised_starter_code"].tolist()[2:] == ["def g(a):"] * 2
    tables.write(made, "updates", "test")


def test_starter_code_is_altered_for_easy_problems_and_a_drawn_share_and_kept_elsewhere():
    made = writing.write(Fake(), asked(0, 60, difficulty="hard"), seed=1)
    altered = made["revised_starter_code"].eq("def g(a):")
    assert 0.5 < altered.mean() < 0.9
    assert made["revised_starter_code"][~altered].eq("def f(a):").all()
    again = writing.write(Fake(), asked(0, 60, difficulty="hard"), seed=1)
    assert again.equals(made)


def test_a_reply_that_does_not_fit_is_asked_for_again_with_another_seed():
    ready = Fake(lambda prompt, number: "no" if number <= 2 else None)
    assert writing.write(ready, asked(2), seed=1)["valid"].all()
    assert ready.asked == 2 + 2 + 2


FAILURES = {
    "an empty reply": ("   ", "empty reply"),
    "prose": ("I would rather not.", "no JSON object"),
    "another field": ('{"answer": "12"}', "the reply has no field"),
    "the same problem again": (json.dumps({"revised_problem": COINS, "update": "x"}), "is the original"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_in_the_end_is_kept_with_its_reason(name):
    reply, reason = FAILURES[name]
    made = writing.write(Fake(lambda prompt, number: reply), asked(1, 1), seed=1)
    assert len(made) == 2 and not made["valid"].any()
    assert reason in made["why_invalid"].iloc[0]


def test_two_runs_of_one_seed_are_identical_and_of_two_ask_otherwise(outputs):
    seeds = []

    class Noting(Fake):
        def generate(self, requests):
            for request in requests:
                seeds.append(request.seed)
                yield from super().generate([request])

    first, again = (writing.write(Noting(), asked(2, 2), seed=1) for _ in range(2))
    assert first.equals(again)
    assert len(set(seeds)) == len(seeds) // 2
    writing.write(Noting(), asked(2, 2), seed=2)
    assert len(set(seeds)) == len(seeds) * 2 // 3


def test_a_run_that_was_stopped_asks_nothing_twice(outputs):
    def dies(prompt, number):
        if number == 60:
            raise KeyboardInterrupt
        return "malformed" if number % 10 == 0 else None

    wanted = asked(40, 20)
    whole = Fake(lambda prompt, number: None)
    expected = writing.write(whole, wanted, seed=3)
    first = Fake(dies)
    with pytest.raises(KeyboardInterrupt), parts.open("test", "augment", rows=1) as store:
        writing.write(first, wanted, seed=3, store=store)
    second = Fake()
    with parts.open("test", "augment", rows=1) as store:
        made = writing.write(second, wanted, seed=3, store=store)
    assert made["valid"].all() and made["problem_id"].equals(expected["problem_id"])
    retries = 59 // 10
    assert first.asked - 1 + second.asked == whole.asked + retries


def test_a_prompt_that_is_too_long_is_a_reason_not_an_error():
    long = asked(2).assign(
        problem=["You have 4 coins and get 7. How many? " * 99, "You have 4 coins and get 7. How many?"]
    )
    made = writing.write(Fake(), long, seed=1)
    assert made["valid"].tolist() == [False, True]
    assert "expected fewer than max_model_len 768" in made["why_invalid"].iloc[0]


def test_only_problems_without_updates_are_written_for_and_only_by_a_writer(outputs, monkeypatch):
    wanted = asked(3)
    made = writing.write(Fake(), wanted.head(1), seed=1)
    assert writing.complete(params.load_study("tiny"), wanted, made) is made
    monkeypatch.setattr(writing.engine, "when_needed", lambda model: contextlib.nullcontext(Fake()))
    study = params.load_study("tiny", writer="tiny-lrm-m")
    assert writing.complete(study, wanted, made)["problem_id"].tolist() == wanted["problem_id"].tolist()


def test_generated_problems_can_be_revised_too():
    made = writing.write(Fake(), problems.load("tiny").head(2), seed=1)
    assert made["why_invalid"].notna().all()  # the fake's update says nothing of these problems' numbers
