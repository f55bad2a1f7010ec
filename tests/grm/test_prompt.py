"""Prompts of a judge."""

import pytest

from lib.grm import fence, prompt
from lib.grm.rubric import Criterion


@pytest.mark.parametrize("plain", [True, False])
def test_a_judge_is_told_outside_the_record_that_a_part_is_empty(plain):
    criterion = Criterion(id="stops", question="Does it stop?", polarity="undesired", views=("kept", "after"))
    text = prompt.render([criterion], {"kept": f"Start. {prompt.EMPTY}", "after": ""}, [], plain)
    mark = fence.nonce(f"Start. {prompt.EMPTY}", "")
    before, record = text.split(f"[[kept {mark} ends]]")
    assert f"interrupt:\n[[kept {mark} begins]]" in before  # the record cannot say it of itself
    assert f"thinking after the interrupt: {prompt.EMPTY}\n[[after {mark} begins]]\n\n" in record
    assert fence.unfence(text, "after", mark) == ""
