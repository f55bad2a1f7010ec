"""Judgements as HTML: the quote is marked where it stands, and nothing that a model wrote is more than text."""

import unicodedata
from html.parser import HTMLParser

import pandas as pd
import pytest

from lib import grm
from lib.grm import html
from lib.grm.prompt import EMPTY
from lib.grm.rubric import Criterion
from lib.html import is_invisible
from tests.fakes.judge import HASTY, KIND, RUBRIC, Fake, items

ALLOWED = {"details", "summary", "pre", "b", "i", "mark"}
HOSTILE = [
    "<script>alert(1)</script> & <b onmouseover=x>",
    "</pre></details><img src=x onerror=alert(1)>",
    "' onclick='alert(1)' \" style=\"position:fixed\"",
    "</mark><!-- --><iframe src=//example.org></iframe>",
    "&lt;script&gt; stays as it is, &amp; so does &#60;this&#62;",
    "$\\boxed{7}$ \\(x\\) <math><mi>x</mi></math>",
    "right \u202eto left\u202c, zero\u200bwidth, \u2066isolate",
    "bell \x07, escape \x1b[31m, null \x00, lone \ud800 half",
    "<" * 2000,
]


class Reader(HTMLParser):
    """What a browser would make of it: the elements and their attributes, and the text, of all and of marks."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.marks, self.open = [], "", [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name for name, _ in attrs}))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "elements are closed in order"

    def handle_data(self, data):
        self.text += data
        if "mark" in self.open:
            self.marks.append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment")


def item(**parts):
    return {"item_id": "i0", "problem_id": "p0", "problem": "What?", "answer": "There was no time.", **parts}


def judgement(criterion="hasty", **changes):
    row = {"item_id": "i0", "criterion": criterion, "status": "ok", "verdict": "yes", "reason": "It says so."}
    place = {"view": "answer", "start": 10, "end": 17, "quote": "no time"}
    return row | place | {"why": None} | changes


def test_the_quote_is_marked_where_it_stands_and_all_that_was_said_is_shown():
    read = Reader(html.html(item(answer="no time? There was no time."), judgement(start=19, end=26), HASTY))
    assert read.marks == ["no time"]
    assert read.text.index("no time? There was no time.") > 0  # the mark neither takes nor adds a character
    for text in (HASTY.question, "It says so.", "i0 · hasty: yes", "Its answer"):
        assert text in read.text
    assert "does not count" not in read.text and "What the model was asked" not in read.text


def test_only_the_parts_that_the_criterion_may_see_are_shown_each_under_its_heading():
    hidden = item(problem="What is asked?", reference="secret", kept="thought")
    read = Reader(html.html(hidden, judgement("kind", view=None, start=None, end=None, quote=None), KIND))
    places = [read.text.index(text) for text in ("What the model was asked", "What is asked?", "Its answer", "There")]
    assert places == sorted(places) and read.marks == []
    assert "secret" not in read.text and "thought" not in read.text


# what the judgement says of its quote: none of it is at this place of this item's answer
@pytest.mark.parametrize(
    "changes",
    [
        {"view": float("nan"), "start": float("nan"), "end": float("nan"), "quote": float("nan")},
        {"start": pd.NA, "end": pd.NA},
        {"start": 11, "end": 18},
        {"start": -8, "end": -1},
        {"start": 17, "end": 10},
        {"start": 400, "end": 407},
        {"quote": "no name"},
        {"view": "problem"},
    ],
)
def test_words_that_do_not_stand_there_are_not_marked(changes):
    read = Reader(html.html(item(), judgement(**changes), HASTY))
    assert read.marks == [] and "There was no time." in read.text


def test_a_judgement_that_failed_says_that_it_does_not_count():
    failed = judgement(status="truncated", verdict=None, reason=None, why="<cut>", start=None, end=None)
    text = Reader(html.html(item(), failed, HASTY)).text
    assert "i0 · hasty: no verdict (truncated: it does not count)" in text and "<cut>" in text


def test_an_empty_part_and_a_part_that_is_not_there_differ():
    both = Criterion(id="stops", question="Does it stop?", polarity="undesired", views=("kept", "after"))
    text = Reader(html.html(item(kept="", after=None), judgement("stops"), both)).text
    before, after = text.split("Its thinking after the interrupt")
    assert EMPTY in before and EMPTY not in after and html.ABSENT in after
    nothing = Reader(html.html(item(kept=float("nan"), after=" \n"), judgement("stops"), both)).text
    assert nothing.index(html.ABSENT) < nothing.index(EMPTY)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("place", ["answer", "problem", "reason", "verdict", "status", "why", "item_id", "quote"])
def test_hostile_text_is_shown_as_it_is_and_does_nothing(text, place):
    row = judgement("kind", quote=text, start=1, end=1 + len(text))
    parts = item(answer=f"x{text}")
    if place == "item_id":
        parts, row = parts | {"item_id": text}, row | {"item_id": text}
    elif place in row:
        row[place] = text
    else:
        parts[place] = f"x{text}"
    page = html.html(parts, row, KIND)
    page.encode()  # a lone half of a pair could not be stored
    read = Reader(page)
    assert {tag for tag, _ in read.elements} <= ALLOWED
    assert set().union(*(names for _, names in read.elements)) <= {"open", "style"}
    assert not [char for char in read.text if unicodedata.category(char) in ("Cf", "Cs") or char in "\x00\x07\x1b"]
    assert "".join(f"⟨U+{ord(c):04X}⟩" if is_invisible(c) else c for c in text) in read.text
    if place != "quote":
        assert "".join(read.marks) == marked_text(text)


def marked_text(text):
    return Reader(f"<mark>{html.escape(text)}</mark>").text


@pytest.fixture(scope="module")
def judged():
    """Judgements of sixty items, most of which are polite and none of whose quotes is there in three of them."""
    answers = [f"{'There was no time' if i % 20 == 0 else 'please'} {i}" for i in range(60)]
    spoil = lambda text, number: (text.replace('"no time"', '"I panic"') if number % 2 else text, "stop")  # noqa: E731
    frame = items(answers)
    return grm.Judge(Fake(spoil), grm.Policy(attempts=1), seed=1).score(frame, RUBRIC, 2), frame


def test_a_page_shows_what_was_drawn_and_opens_the_first(judged):
    rows, frame = judged
    drawn = html.sample(rows, frame, 9, seed=3)
    read = Reader(html.page(drawn, frame, RUBRIC))
    assert all(f"{row['item_id']} · {row['criterion']}" in read.text for row in drawn.to_dict("records"))
    headings = html.page(drawn, frame, RUBRIC).split("<details><summary>i")
    assert len(headings) == len(drawn)  # the first is open
    assert html.page(drawn.iloc[:0], frame, RUBRIC) == "There are no judgements."


def test_a_sample_repeats_and_holds_what_is_rare(judged):
    rows, frame = judged
    drawn = html.sample(rows, frame, 9, seed=3)
    assert len(drawn) == 9 and drawn.index.is_monotonic_increasing
    pd.testing.assert_frame_equal(drawn, html.sample(rows, frame, 9, seed=3))
    assert not drawn.equals(html.sample(rows, frame, 9, seed=4))
    assert set(drawn["criterion"]) == {"hasty", "kind", "right"}
    assert "evidence_missing" in set(drawn["status"]) and rows["status"].eq("evidence_missing").mean() < 0.03
    some = html.sample(rows, frame.head(3), 1000, seed=3)
    assert set(some["item_id"]) == {"i0", "i1", "i2"} and len(some) == 3 * 3 * 2
