"""The trace explorer: parts as they were generated, cases that deserve a look, and pages on which text is only text."""

import dataclasses
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from lib import tables
from lib.html import is_invisible
from lib.markup import tokens
from lib.report import explorer
from lib.report.explorer import browser, page
from lib.report.explorer.records import FULL, Case, Piece, Reader, Record, Step, kinds
from tests.fakes.explored_study import BOX, MODEL, STUDY, judgement, write

ALLOWED = {"div", "style", "script", "p", "button", "output", "article", "section", "label", "input", "h3", "h4", "b"}
ALLOWED |= {"i", "u", "q", "pre", "code", "small", "mark", "ul", "li"}
ATTRIBUTES = {"class", "hidden", "title", "type", "min", "max", "value", "step", "data-at"}
HOSTILE = [
    "<script>alert(1)</script> & <b onmouseover=x>",
    "</pre></section><img src=x onerror=alert(1)>",
    "' onclick='alert(1)' \" style=\"position:fixed\"",
    "</mark><!-- --><iframe src=//example.org></iframe></style></script>",
    "&lt;script&gt; stays as it is, &amp; so does &#60;this&#62;",
    "right \u202eto left\u202c, zero\u200bwidth",
    "bell \x07, escape \x1b[31m, lone \ud800 half",
]


class Read(HTMLParser):
    """What a browser would make of it: elements, attributes, and the text, of all and of marks."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.names, self.text, self.marks, self.open = [], set(), "", [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.names |= {name for name, _ in attrs}
        if tag != "input":
            self.open.append(tag)
        if tag == "mark":
            self.marks.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, "elements are closed in order"

    def handle_data(self, data):
        if "style" not in self.open and "script" not in self.open:
            self.text += data
        if "mark" in self.open:
            self.marks[-1] += data

    def handle_comment(self, data):
        raise AssertionError("a comment")


def case(name="speed_up", trace="p0~original~0"):
    return Case(MODEL.name, trace, name)


def record(*told):
    return Reader(STUDY, MODEL.name).record(case(*told))


def parts(step):
    return [(piece.kind, piece.text) for piece in step.pieces]


def step(*pieces, judgements=(), **grade):
    known = {"status": "incorrect", "reason": None, "extracted": None, "gold": "8", "revised_gold": None}
    return Step("0.3", pieces or (Piece("answer", "It is 8.", 3),), known | grade, (), judgements)


# what is shown


def test_a_soft_interrupt_has_four_parts_and_the_uninterrupted_run_stands_last(outputs):
    write(judgements=[judgement()])
    first, second, full = record().steps
    assert [one.at for one in (first, second, full)] == ["0.5", "0.9", FULL]
    kept = [dict(parts(one))["kept"] for one in (first, second)]
    assert kept[1].startswith(kept[0]) and kept[0].startswith("Start with 5.") and kept[0] != kept[1]
    assert parts(first)[1:] == [("inserted", "Hm."), ("after", "So 8."), ("answer", "It is 8.")]
    assert parts(full) == [("whole", "Start with 5.\nAdd 3: 5 + 3 = 8."), ("answer", "It is 8.")]
    row = (
        tables.read("continuations", "fake", MODEL.name).set_index("continuation_id").loc["p0~original~0~speed_up~0.5"]
    )
    counts = [row["kept_tokens"], len(row["inserted_ids"]), row["reasoning_tokens"], row["answer_tokens"]]
    assert [piece.tokens for piece in first.pieces] == counts and min(counts) > 1
    html = [Read(page.step_html(one)) for one in (first, second)]
    assert [one.marks for one in html] == [["is 8"], []] and "hasty: yes manners@1.0.0" in html[0].text
    assert "turned wrong" not in html[0].text


def test_after_a_hard_interrupt_no_thought_can_come_and_the_opener_is_told_from_what_the_model_wrote(outputs):
    write()
    first = record("force_answer").steps[0]
    assert [(piece.kind, piece.text, piece.opener) for piece in first.pieces[1:]] == [
        ("inserted", "Stop. \n</think>", 0),
        ("after", None, 0),
        ("answer", f"{BOX}9}}", len(BOX)),
    ]
    html = page.step_html(first)
    assert "none could come" in html and f">{BOX}</u>9}}" in html and first.judgements == ()


def test_the_second_of_two_interrupts_comes_after_what_led_to_it(outputs):
    write(equals_revised=True)
    told = record("update_then_end_thinking", "p0~revised~0")
    kinds_shown, texts = zip(*parts(told.steps[0]), strict=True)
    assert kinds_shown == ("kept", "inserted", "kept", "inserted", "after", "answer")
    assert texts[0].startswith("Start with 6.") and texts[1] == "<update>It is 5.</update>"
    assert "So 5 and\n8.".startswith(texts[2]) and texts[2] and texts[3].startswith("Stop.")
    assert told.problem.strip() == "6 and 3?" and told.steps[-1].at == FULL
    html = page.step_html(told.steps[0])
    assert "turned wrong" in html and "answers the old problem" in html


def test_without_the_original_run_there_is_none_to_show_and_what_is_lost_is_named(outputs):
    write(drop=["p0~original~0"])
    told = record("update_then_end_thinking", "p0~revised~0")
    assert [one.at for one in told.steps] == ["0.5"] and told.steps[0].modes == ()
    with pytest.raises(tables.TableError, match=r"traces of study fake, .*: no row p0~original~0, expected one"):
        record()
    for wrong in (case("speed_up", "p9"), case("noop"), Case("other", "p0~original~0", "speed_up")):
        with pytest.raises(ValueError, match=f"{wrong.trace_id}.*no such case in study fake"):
            Reader(STUDY, MODEL.name).record(wrong)


def test_a_thought_that_never_ended_has_no_answer(outputs):
    write()
    first = record("speed_up", "p1~original~0").steps[0]
    assert parts(first)[-1] == ("answer", None) and first.grade["status"] == "censored"
    html = page.step_html(first)
    assert "the thinking never ended" in html and "✗ censored" in html


# what the grade says, what stands in its line, what does not
@pytest.mark.parametrize(
    ("grade", "there", "absent"),
    [
        ({"status": "correct", "extracted": "8"}, ["✓ correct", "read 8", "gold 8"], ["✗", "reason", "· old"]),
        ({"status": "no_answer"}, ["✗ no_answer"], ["read", "✓"]),
        ({"status": "ungradable", "reason": "too slow"}, ["✗ ungradable", "reason too slow"], ["✓"]),
        ({"gold": None, "revised_gold": "9", "equals_revised": True}, ["old 9", "answers the old"], ["gold"]),
        ({"equals_revised": pd.NA, "failed_test": pd.NA}, ["✗ incorrect"], ["old problem", "failed", "NA"]),
        ({"failed_test": 0, "extracted": float("nan")}, ["failed test 0"], ["nan", "read"]),
        ({"extracted": "x = 1\ny", "answer": "```\nx = 1\ny\n```"}, ["✗"], ["read"]),
    ],
)
def test_the_grade_tells_what_is_known_and_nothing_else(grade, there, absent):
    line = Read(page.step_html(step(**grade))).text.split("④")[0]
    assert all(text in line for text in there)
    assert not [text for text in absent if text in line]


# judgements


# the view that is quoted, from where to where, the words, and what is marked in kept "a b a", after "b c", answer "9 c"
@pytest.mark.parametrize(
    ("view", "start", "end", "quote", "marked"),
    [
        ("answer", 0, 1, "9", ["9"]),
        ("answer", 2, 3, "9", []),
        ("answer", 0, 40, "9", []),
        ("answer", None, None, "9", []),
        ("kept", 4, 5, "a", ["a"]),
        ("steps", 3, 6, "b a", ["b a"]),
        ("steps", 3, 4, "a", []),
        ("steps", 3, 4, "b", []),
        ("problem", 0, 1, "x", []),
        (None, None, None, None, []),
    ],
)
def test_a_quote_is_marked_where_it_stands(view, start, end, quote, marked):
    pieces = (Piece("kept", "a b a", 3), Piece("after", "b c", 2), Piece("answer", "9 c", 2))
    told = judgement(view=view, start=start, end=end, evidence=quote)
    assert Read(page.step_html(step(*pieces, judgements=(told,)))).marks == marked


def test_a_quote_that_reaches_into_the_opener_is_marked_after_it_and_a_failed_judgement_does_not_count():
    told = judgement(view="answer", start=0, end=8, evidence=f"{BOX}9")
    lost = judgement(status="truncated", verdict=None, reason=None, why="cut off", evidence=None, view=None)
    html = Read(page.step_html(step(Piece("answer", f"{BOX}9}}", 2, len(BOX)), judgements=(told, lost))))
    assert html.marks == ["9"]
    assert "hasty: no verdict (truncated: it does not count)" in html.text and "cut off" in html.text


def test_quotes_that_overlap_are_all_named_and_no_character_is_lost():
    html = page.passage("abcdef", [(0, 4, "one"), (2, 6, "two")])
    assert [dict(attrs)["title"] for _, attrs in Read(html).elements] == ["one", "one, two", "two"]
    assert Read(html).marks == ["ab", "cd", "ef"] and Read(html).text == "abcdef"


# text is only text


def plain(text):
    return "".join(f"⟨U+{ord(char):04X}⟩" if is_invisible(char) else char for char in text)


def assert_harmless(html, *texts):
    html.encode()
    read = Read(html)
    assert {tag for tag, _ in read.elements} <= ALLOWED and read.names <= ATTRIBUTES
    assert all(plain(text) in read.text for text in texts)
    assert not [char for char in read.text if unicodedata.category(char) in ("Cf", "Cs") or char in "\x07\x1b"]


PLACES = ["problem", "kept", "inserted", "after", "answer", "whole", "at", "mode", "status", "reason", "extracted"]
PLACES += ["gold", "revised_gold", "verdict", "criterion", "rubric", "evidence", "why", "judged", "title"]


# every place with every second text, each place both whole and shortened
@pytest.mark.parametrize(
    ("place", "text", "most"),
    [
        (place, text, (None, 9)[j // 2 % 2])
        for i, place in enumerate(PLACES)
        for j, text in enumerate(HOSTILE)
        if (i + j) % 2 == 0
    ],
)
def test_hostile_text_is_shown_as_it_is_and_does_nothing(place, text, most):
    told = {name: text if name == place else "x" for name in PLACES}
    pieces = tuple(Piece(kind, told[kind], 1) for kind in page.KINDS)
    judged = {name: told[name] for name in ("verdict", "criterion", "rubric", "evidence", "why")}
    judged |= {"reason": told["judged"], "status": told["status"], "view": "answer", "start": 0, "end": len(text)}
    grade = {name: told[name] for name in ("status", "reason", "extracted", "gold", "revised_gold")}
    one = Step(told["at"], pieces, grade, (told["mode"],), (judged,))
    made = Record(case(), told["title"], told["problem"], (one, one))
    is_shortened = most and place not in ("at", "mode", "status", "verdict", "criterion", "rubric", "title")
    assert_harmless(page.fragment([made], most), *([] if is_shortened or place == "rubric" else [text]))


@pytest.mark.parametrize("text", HOSTILE[:5], ids=range(5))
def test_hostile_text_in_every_table_does_nothing_on_a_page(outputs, text):
    spoil = text if tokens.decode(tokens.encode(text, MODEL), MODEL) == text else ""
    assert spoil, "the tokenizer keeps it"
    write(spoil, [judgement(reason=spoil)], reason=spoil, extracted=spoil)
    cases = [case(), case("force_answer"), case("update_then_end_thinking", "p0~revised~0")]
    html = explorer.static_page(STUDY, cases)
    assert_harmless(html, spoil)
    assert Read(html).text.count(plain(spoil)) > 20


# colours


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]  # WCAG 2.2, relative luminance


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_borders_are_seen_on_light_and_dark_and_differ_by_more_than_colour(ground):
    for _, colour, _ in page.KINDS.values():
        light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3  # WCAG 2.2, 1.4.11
    looks = [page.KINDS[kind] for kind in ("kept", "inserted", "after", "answer")]
    assert all(len(set(column)) == 4 for column in zip(*looks, strict=True))


# which cases


def test_for_each_interrupt_some_that_turned_wrong_and_some_that_stayed_right(outputs):
    write()
    names = [(one.interrupt, one.trace_id) for one in explorer.chosen(STUDY)]
    assert names == [
        ("speed_up", "p0~original~0"),  # p1 was never right with full thinking
        ("force_answer", "p0~original~0"),
        ("update", "p0~revised~0"),
        ("update_then_end_thinking", "p0~revised~0"),
    ]


def places(n, wrong=lambda i: i % 2):
    names = [f"t{i}" for i in range(n)]
    rows = [(f"{name}~{at}", name, "speed_up", at, name) for name in names for at in (0.1, 0.3)]
    frame = pd.DataFrame(rows, columns=["continuation_id", "trace_id", "interrupt", "position", "problem_id"])
    is_wrong = frame["trace_id"].str[1:].astype(int).map(wrong).astype(bool) & frame["position"].eq(0.3)
    status = is_wrong.map({True: "incorrect", False: "correct"})
    return frame.assign(new_error=is_wrong, oracle_correct=pd.array([True] * len(frame), "boolean"), status=status)


def drawn(monkeypatch, frame, seed=STUDY.seed):
    monkeypatch.setattr(Reader, "places", frame)
    return [one.trace_id for one in explorer.chosen(dataclasses.replace(STUDY, seed=seed))]


def test_a_draw_repeats_whatever_else_there_is_and_other_seeds_draw_others(monkeypatch):
    frame = places(40)
    names = drawn(monkeypatch, frame)
    assert drawn(monkeypatch, frame[frame["trace_id"].isin([*names, "t0", "t1"])]) == names
    assert [int(name[1:]) % 2 for name in names] == [1, 0]
    assert len({tuple(drawn(monkeypatch, frame, seed=seed)) for seed in range(5)}) == 5


def test_what_is_right_by_luck_or_never_is_of_neither_kind():
    frame = places(3, wrong=lambda i: False)
    unsure = frame["trace_id"].eq("t1")
    frame["oracle_correct"] = frame["oracle_correct"].mask(unsure, False).mask(frame["trace_id"].eq("t2"), pd.NA)
    assert kinds(frame)["kind"].tolist()[0] == "stayed" and kinds(frame)["kind"].isna().tolist() == [False, True, True]


# pages


def long_record(n):
    text = ("It is 5 + 3, so 8. " * n)[:n]
    return Record(
        case(), "A title", "problem", tuple(step(Piece("kept", text, n), Piece("answer", "8", 1)) for _ in range(6))
    )


def test_a_page_loads_nothing_and_has_no_fixed_width(outputs):
    write()
    html = explorer.static_page(STUDY, explorer.chosen(STUDY))
    assert not re.search(r"https?:|//|src=|href=|url\(|@import|fetch|XMLHttp|import\(", html)
    assert not re.search(r"(?<!-)width:\s*\d+(px|em)|<table|nowrap", html)


def test_a_sample_shows_the_first_and_the_last_case_and_needs_no_tokenizer(outputs, monkeypatch):
    write()
    first, *_, last = explorer.chosen(STUDY)
    assert explorer.sample(STUDY) == explorer.static_page(STUDY, [first, last])
    monkeypatch.setattr(tokens, "tokenizer", lambda model: (_ for _ in ()).throw(OSError("not on the hub")))
    assert explorer.sample(STUDY) == explorer.static_page(STUDY, [first, last])


@pytest.mark.parametrize("most", [200_000, 60_000, 18_000, 12_000, 3_000, 100])
@pytest.mark.parametrize("letters", ["ab ", "\u200b", "<&'", "🙂"])
def test_a_sample_fits_whatever_the_positions_and_letters_are(outputs, monkeypatch, most, letters):
    write(judgements=[judgement()])
    whole = record()
    text = letters * (3_000 // len(letters))
    long = [replace(one, at=str(i), pieces=(Piece("answer", text, 3),) * 4) for i, one in enumerate(whole.steps * 9)]
    monkeypatch.setattr(page, "_records", lambda study, cases: [replace(whole, steps=tuple(long))] * 2)
    made = explorer.sample(STUDY, most)
    assert len(made.encode()) <= max(most, len(page.LEFT))
    if most >= 12_000:
        shown = Read(made).text
        assert "Cut at X = 0" in shown and "characters left out" in shown


def test_without_a_script_all_positions_stand_stacked_and_controls_that_would_do_nothing_are_hidden(outputs):
    write()
    elements = Read(explorer.static_page(STUDY, [case(), case("force_answer")])).elements
    shown_ones = [tag for tag, attrs in elements if tag in ("article", "section") and "hidden" not in attrs]
    assert shown_ones.count("article") == 2 and shown_ones.count("section") == 6
    assert [tag for tag, attrs in elements if "hidden" in attrs] == ["p", "label", "label"]
    assert explorer.static_page(STUDY, [case()]) == explorer.static_page(STUDY, [case()])


def test_twelve_cases_of_long_thoughts_fit_and_say_what_is_left_out(outputs, monkeypatch):
    told = long_record(40_000)
    monkeypatch.setattr(Reader, "record", lambda self, one: told)
    html = explorer.static_page(STUDY, [case()] * 12)
    assert 200_000 < len(html.encode()) <= page.MOST
    left_out = re.search(r"\[… ([\d,]+) characters left out …\]", html)
    assert int(left_out[1].replace(",", "")) > 30_000
    with pytest.raises(ValueError, match=r"page of 300 cases: .* expected 400,000; choose fewer cases"):
        explorer.static_page(STUDY, [case()] * 300)


@pytest.mark.parametrize("most", [1, 10, 25, 26, 27, None])
def test_a_shortened_text_keeps_its_start_and_its_end(most):
    text = "abcdefghijklmnopqrstuvwxyz"
    told = Read(page.passage(text, [(0, 26, "all")], most))
    kept = re.sub(r" \[… .* …\] ", "", told.text)
    assert len(kept) == min(26, most or 26) and text.endswith(kept[-1]) and "".join(told.marks) == kept
    if most and most < 26:
        assert f"[… {26 - most} characters left out …]" in told.text


# the widget


@pytest.fixture
def widget(outputs):
    pytest.importorskip("ipywidgets")
    write()
    return browser.Browser(STUDY, [MODEL.name])


def at(widget):
    return widget.interrupt.value, widget.trace.value, widget.position.value


def test_the_buttons_go_round_all_that_turned_wrong_and_back(widget):
    wrong = [("force_answer", "p0~original~0", "0.5"), ("update_then_end_thinking", "p0~revised~0", "0.5")]
    visited = []
    for button in (widget.after, widget.after, widget.after, widget.before, widget.before):
        button.click()
        visited.append(at(widget))
        assert "turned wrong" in widget.shown.value
    assert visited == [wrong[i] for i in (0, 1, 0, 1, 0)]
    assert widget.count.value == "2 of 8 turned wrong"


def test_from_full_thinking_the_next_failure_is_a_later_one(widget):
    widget.interrupt.value = "force_answer"
    widget.position.value = FULL
    assert "Whole thought" in widget.shown.value
    widget.before.click()
    assert at(widget) == ("force_answer", "p0~original~0", "0.5")
    widget.position.value = FULL
    widget.after.click()
    assert at(widget)[0] == "update_then_end_thinking"


def test_moving_the_slider_changes_what_was_kept_and_a_choice_keeps_the_position(widget):
    widget.position.value = "0.9"
    assert "Cut at X = 0.9" in widget.shown.value
    widget.problem.value = "p1"
    assert at(widget) == ("speed_up", "p1~original~0", "0.9")
    widget.interrupt.value = "update"
    assert at(widget) == ("update", "p0~revised~0", "0.5") and "6 and 3?" in widget.shown.value


def test_browse_reads_no_table_of_a_model_that_is_not_chosen(outputs):
    pytest.importorskip("ipywidgets")
    write(ungraded=["p0~original~0", "p1~original~0"])
    assert explorer.browse(STUDY, [MODEL.name, "tiny-lrm-s"]).children  # the second has no tables
    with pytest.raises(tables.TableError, match="tiny-lrm-s"):
        explorer.browse(STUDY, ["tiny-lrm-s"])
    widget = browser.Browser(STUDY, [MODEL.name])  # nothing turned wrong: there is nowhere to go
    assert widget.before.disabled and widget.after.disabled and "0 of 8" in widget.count.value
