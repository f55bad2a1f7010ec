"""Rewards: the program decides where it can, else the judge, and a failure gives no reward."""

import json

import pytest

from lib import grm
from lib.grm import reward
from tests.fakes.judge import RUBRIC, Fake, items

ADD = json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}])


def made(share=0.0, ready=None, **options):
    return reward.make(grm.Judge(ready or Fake()), RUBRIC, share, **options)


def test_a_few_lines_are_a_reward_function():
    judge = grm.Judge(Fake())
    polite = reward.make(judge, RUBRIC)
    assert polite(["6 + 6?"], [r"\boxed{12}"], answer=["12"]) == [1.0]
    assert polite.__name__ == "manners_reward"


def test_where_a_program_decides_the_judge_is_not_asked():
    ready = Fake()
    prompts, completions = (
        ["6 + 6?", "6 + 6?", "6 + 6?"],
        [r"\boxed{12}", r"<think>12</think>\boxed{13}", "please: no idea"],
    )
    assert made(ready=ready)(prompts, completions, answer=["12"] * 3) == [1.0, 0.0, 0.0]
    assert ready.requests == []


def test_elsewhere_it_is_the_judges_score():
    ready = Fake()
    got = made(ready=ready)(["Hello"] * 2, ["please", "There was no time"], reference=["12", "12"])
    assert got == [0.5, 0.0]  # of kind and right one is so; hasty holds the other at 0
    assert len(ready.requests) == 6


def test_a_share_mixes_both_by_the_stated_rule():
    got = made(share=0.25)(["6 + 6?"] * 2, [r"please \boxed{12}", r"please \boxed{13}"], answer=["12", "12"])
    assert got == pytest.approx([0.75 * 1 + 0.25 * 1.0, 0.75 * 0 + 0.25 * 0.5])


def test_programs_and_messages_are_rewarded_too():
    code = "Here:\n```python\nprint(int(input()) + 1)\n```"
    chats = [[{"role": "assistant", "content": code}], [{"role": "assistant", "content": code.replace("+ 1", "+ 2")}]]
    prompts = [[{"role": "user", "content": "Add one."}]] * 2
    assert made()(prompts, chats, tests=[ADD, ADD], trainer_state=object(), step=3) == [1.0, 0.0]


def test_a_judge_that_fails_gives_no_reward_rather_than_none_at_all():
    broken = Fake(lambda text, number: ("{broken", "stop"))
    assert made(ready=broken)(["Hello"], ["please"], reference=["12"]) == [None]
    assert made(share=0.5, ready=Fake(lambda text, number: ("{broken", "stop")))(
        ["6 + 6?"], [r"\boxed{12}"], answer=["12"]
    ) == [None]


def test_what_does_not_fit_together_is_named():
    with pytest.raises(ValueError, match="share: expected 0 to 1, got 2"):
        made(share=2)
    with pytest.raises(ValueError, match="completions: expected 2, as many as prompts, got 1"):
        made()(["a", "b"], ["a"])


def test_items_of_the_judge_are_those_of_the_reward():
    assert set(items().columns) <= set(reward._frame(["a"], ["b"], {}).columns)
