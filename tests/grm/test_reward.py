"""Rewards: the program decides where it can, else the judge, and a failure gives no reward."""

import json
from dataclasses import replace

import pytest

from lib import grm
from lib.grm import reward
from tests.fakes.judge import RUBRIC, Fake, items

ADD = json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}])
CODE = "Here:\n```python\nprint(int(input()) + 1)\n```"
BROKEN = {"spoil": lambda text, number: ("{broken", "stop")}


def chat(role, content):
    return [{"role": role, "content": content}]


# (share, options of the FAKE judge, prompts, completions, columns, rewards, calls of the judge)
@pytest.mark.parametrize(
    ("share", "judge", "prompts", "completions", "columns", "rewards", "calls"),
    [
        (0, {}, 3, [r"\boxed{12}", r"<think>12</think>\boxed{13}", "please"], {"answer": ["12"] * 3}, [1, 0, 0], 0),
        # of kind and right one is so; hasty holds the other at 0
        (0, {}, 2, ["please", "There was no time"], {"reference": ["12", "12"]}, [0.5, 0.0], 6),
        (0.25, {}, 2, [r"please \boxed{12}", r"please \boxed{13}"], {"answer": ["12"] * 2}, [1, 0.125], 6),
        (0, BROKEN, 1, ["please"], {"reference": ["12"]}, [None], 9),
        (0.5, BROKEN, 1, [r"\boxed{12}"], {"answer": ["12"]}, [None], 9),
        (
            0,
            {},
            2,
            [chat("assistant", CODE), chat("assistant", CODE.replace("+ 1", "+ 2"))],
            {"tests": [ADD, ADD], "trainer_state": object(), "step": 3},
            [1, 0],
            0,
        ),
    ],
)
def test_a_program_decides_where_it_can_and_else_the_judge(share, judge, prompts, completions, columns, rewards, calls):
    ready = Fake(**judge)
    asked = [chat("user", "6 + 6?") if isinstance(completions[0], list) else "6 + 6?"] * prompts
    function = reward.make(grm.Judge(ready), RUBRIC, share)
    assert function(asked, completions, **columns) == [one if one is None else pytest.approx(one) for one in rewards]
    assert (function.__name__, len(ready.requests)) == ("manners_reward", calls)


def test_what_does_not_fit_together_is_named():
    with pytest.raises(ValueError, match="share: expected 0 to 1, got 2"):
        reward.make(grm.Judge(Fake()), RUBRIC, 2)
    with pytest.raises(ValueError, match="completions: expected 2, as many as prompts, got 1"):
        reward.make(grm.Judge(Fake()), RUBRIC)(["a", "b"], ["a"])
    with pytest.raises(ValueError, match="completions: expected a list of texts, got one text"):
        reward.make(grm.Judge(Fake()), RUBRIC)(["a", "b"], "ab")
    kept = replace(RUBRIC, criteria=(replace(RUBRIC.criteria[1], views=("kept",)),))
    with pytest.raises(ValueError, match="columns: kept is missing, and criterion"):
        reward.make(grm.Judge(Fake()), kept)(["a"], ["b"])


def test_items_of_the_judge_are_those_of_the_reward():
    assert set(items().columns) <= set(reward._frame(["a"], ["b"], {}).columns)
