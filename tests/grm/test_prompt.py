"""Prompts of a judge."""

import re

import pytest

from lib import grm
from lib.grm import fence, prompt, rubric
from lib.grm.rubric import CANNOT, Criterion


@pytest.mark.parametrize("plain", [True, False])
def test_a_judge_is_told_outside_the_record_that_a_part_is_empty(plain):
    criterion = Criterion(id="stops", question="Does it stop?", polarity="undesired", views=("kept", "after"))
    text = prompt.render([criterion], {"kept": f"Start. {prompt.EMPTY}", "after": ""}, [], plain)
    mark = fence.nonce(f"Start. {prompt.EMPTY}", "")
    before, record = text.split(f"[[kept {mark} ends]]")
    assert f"interrupt:\n[[kept {mark} begins]]" in before  # the record cannot say it of itself
    assert f"thinking after the interrupt: {prompt.EMPTY}\n[[after {mark} begins]]\n\n" in record


@pytest.mark.parametrize("name", rubric.names())
def test_the_prompts_of_a_shipped_rubric_hold_all_it_asks(name):
    criteria = grm.load_rubric(name).criteria
    views = {view: f"text of {view}" for view in prompt.VIEWS}
    text = prompt.render(criteria, views, ["<think>"], plain=False)
    assert all(f"{one.id}: {one.question}" in text for one in criteria)
    assert {CANNOT, *(label for one in criteria for label in one.labels)} <= set(re.findall(r"\w+", text))
    assert '"judgements"' in text
    plain = prompt.render(criteria[:1], views, [], plain=True)
    assert plain.rstrip().endswith(">") and f"VERDICT {criteria[0].id}: <" in plain


def test_a_negative_order_is_refused():
    with pytest.raises(ValueError, match="order: expected 0 or more, got -1"):
        prompt.permuted("ab", -1)


def test_the_version_names_the_texts_of_the_prompt():
    assert prompt.version() == "813e6936"  # stored with every judgement
