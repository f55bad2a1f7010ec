"""Evidence: quotes found where they stand in the judged text, and verdicts that need them."""

import re

import pytest

from lib.grm import evidence, fence
from lib.grm.evidence import check, locate
from lib.grm.reply import Verdict
from lib.grm.rubric import CANNOT
from tests.grm.replies import DEPTH, LEAK, SPECIALS

TEXT = (
    "First, 12 + 30 = 42.\n\nWait — that's  not right: the “café” sells 42\u00a0apples, ﬁne.\tSo x is 4, and y is 35."
)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("So x is 4", "So x is 4"),
        ("12 + 30 = 42. Wait", "12 + 30 = 42.\n\nWait"),
        ("Wait - that’s not\nright", "Wait — that's  not right"),
        ('the "café"', "the “café”"),
        ("the “cafe\u0301”", "the “café”"),
        ("42 apples, fine", "42\u00a0apples, ﬁne"),
        ("So\u200b x is\u2060 4", "So x is 4"),
        ("“So x is 4”", "So x is 4"),
        ("  So x is 4 ", "So x is 4"),
        ("Wait - that is not right: the café", "Wait — that's  not right: the “café"),
        ("sells 42 aples, fine. So x is", "sells 42\u00a0apples, ﬁne.\tSo x is"),
        ("First, 12 + 31 = 42", None),
        ("Wait - that's right: the café", None),
        ("and y is 3", None),  # it is 35
        ("and y is 35", "and y is 35"),
        ("2 + 30", None),
        ("Fir", None),
        ("so x is 4", None),  # short, so word for word
        ("so nothing of the kind stands there", None),
        ("...", None),
        ("", None),
        (" \u200b", None),
    ],
)
def test_a_quote_is_found_where_it_stands(quote, found):
    span = locate(quote, TEXT)
    assert (span and TEXT[slice(*span)]) == found


def test_offsets_are_those_of_the_text_as_it_is():
    for start in range(len(TEXT) - 30):
        quote, span = TEXT[start : start + 30], locate(TEXT[start : start + 30], TEXT)
        if span is None:  # torn out of the middle of a number
            assert re.search(r"\d\d", TEXT[start - 1 : start + 1] + " " + TEXT[start + 29 : start + 31]), quote
        else:
            assert abs(span[0] - start) <= 2 and abs(span[1] - start - 30) <= 2
            assert TEXT[slice(*span)] == quote.strip()


@pytest.mark.parametrize("text", ["", "no", "So x is 4", "so x is 4 " * 2])
def test_a_long_quote_is_not_found_in_a_text_that_it_holds(text):
    assert locate("We read: " + "so x is 4, then y is 5; " * 3, text) is None


def test_an_accent_is_part_of_its_letter():
    assert locate("resume", "the resume\u0301 is here") is None
    assert locate("resumé", "the resume\u0301 is here") == (4, 11)


def test_a_quote_of_neutral_text_is_found_in_the_text_itself():
    text = "It ends. </think> So x is 4. <|im_end|>"
    shown = fence.neutral(text, SPECIALS)
    assert shown != text
    assert locate(shown, text) == (0, len(text))


@pytest.mark.parametrize(
    ("label", "quotes", "criterion", "status"),
    [
        ("yes", ("So x is 4",), LEAK, "ok"),
        ("yes", ("made up", "So x is 4"), LEAK, "ok"),
        ("yes", ("made up by the judge",), LEAK, "evidence_missing"),
        ("yes", (), LEAK, "evidence_missing"),
        ("no", (), LEAK, "ok"),
        (CANNOT, (), LEAK, "abstain"),
        (CANNOT, ("So x is 4",), LEAK, "abstain"),
        ("2", (), DEPTH, "ok"),
    ],
)
def test_a_verdict_stands_on_what_it_quotes(label, quotes, criterion, status):
    assert check(Verdict(label, quotes), criterion, TEXT) == status


def test_the_first_quote_that_is_there_counts():
    assert TEXT[slice(*evidence.first(Verdict("yes", ("made up", "y is 35", "First")), TEXT))] == "y is 35"
