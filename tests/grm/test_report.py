"""Reports of judgements, and rewards: known answers, and what a failure does to them."""

import json

import pandas as pd
import pytest

from lib import grm
from lib.grm import report, reward
from tests.fakes.judge import RUBRIC, Fake, items


def rows(**by_criterion):
    """Judgements of one item: for each criterion the statuses or verdicts of its samples."""
    told = []
    for criterion, said in by_criterion.items():
        for i, one in enumerate(said):
            is_verdict = one in ("yes", "no")
            known = {"item_id": "i", "problem_id": "p", "criterion": criterion, "sample": i}
            told.append(known | {"status": "ok" if is_verdict else one, "verdict": one if is_verdict else None})
    return pd.DataFrame(told)


def summed(**by_criterion):
    return report.summary(report.verdicts(rows(**by_criterion), RUBRIC), RUBRIC).iloc[0]


@pytest.mark.parametrize(
    ("said", "raw", "coverage", "band"),
    [
        ({"hasty": ["no"], "kind": ["yes"], "right": ["yes"]}, 1, 1, (1, 1)),
        ({"hasty": ["yes"], "kind": ["no"], "right": ["no"]}, -0.5, 1, (0, 0)),
        ({"hasty": ["no"], "kind": ["yes"], "right": ["no"]}, 0.5, 1, (0.5, 0.5)),
        ({"hasty": ["no"], "kind": ["yes"], "right": ["parse_error"]}, 1, 2 / 3, (0.5, 1)),
        ({"hasty": ["refused"], "kind": ["truncated"], "right": ["abstain"]}, None, 0, (0, 1)),
        ({"hasty": ["no", "no", "yes"], "kind": ["yes", "infra_error", "yes"], "right": ["yes"]}, 1 - 1 / 6, 1, None),
    ],
)
def test_a_score_says_how_much_was_judged_and_a_failure_is_no_value(said, raw, coverage, band):
    found = summed(**said)
    assert pd.isna(found["raw"]) if raw is None else found["raw"] == pytest.approx(raw)
    assert found["coverage"] == pytest.approx(coverage)
    if band:
        assert (found["low"], found["high"]) == pytest.approx(band)


def test_votes_fall_to_the_worse_verdict_where_they_tie():
    voted = report.verdicts(
        rows(hasty=["yes", "no"], kind=["yes", "no"], right=["abstain", "refused", "abstain"]), RUBRIC
    )
    told = voted.set_index("criterion")
    assert (told.loc["hasty", "verdict"], told.loc["kind", "verdict"]) == ("yes", "no")
    assert (told.loc["right", "status"], told.loc["right", "votes"], told.loc["right", "samples"]) == ("abstain", 0, 3)
    assert pd.isna(told.loc["right", "verdict"]) and pd.isna(told.loc["right", "value"])


def test_a_criterion_of_another_rubric_is_named():
    with pytest.raises(ValueError, match=r"criterion panic: not in manners@1.0.0, expected one of hasty, kind, right"):
        report.verdicts(rows(panic=["yes"]), RUBRIC)


def test_the_program_and_the_judge_stand_side_by_side():
    table = report.against(
        pd.DataFrame({"item_id": list("abcde"), "score": [0.9, 0.2, 0.5, None, 0.7]}),
        pd.Series({"a": True, "b": True, "c": False, "d": False}),
    )
    assert table.loc["right"].tolist() == [1, 1, 0]
    assert table.loc["wrong"].tolist() == [1, 0, 1]
    assert table.loc["unknown"].tolist() == [1, 0, 0]
    assert table.to_numpy().sum() == 5


# rewards

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
