"""Replies of judges, the evidence they quote, and judged texts that try to judge themselves."""

import json
import re

import jsonschema
import pytest
import tokenizers

from lib.grm import evidence, fence
from lib.grm import reply as replies
from lib.grm.evidence import Span, check, locate
from lib.grm.reply import CANNOT, Asked, Verdict, example, read, schema
from lib.params import families
from tests.grm import replies as judged
from tests.grm.replies import BOTH, DEPTH, LEAK, NO, ONE, TWO, YES, reply, row


def by_name(table):
    return pytest.mark.parametrize("name", table)


# replies


@by_name(judged.OK_ONE)
def test_a_verdict_is_read(name):
    text, path, label = judged.OK_ONE[name]
    found = read(text, ONE)
    assert (found.status, found.why) == ("ok", None)
    assert (found.path, found.judgements["leak"].label) == (path, label)


@by_name(judged.FAILED_ONE)
def test_a_failed_reply_is_never_a_verdict(name):
    text, status, why = judged.FAILED_ONE[name]
    found = read(text, ONE)
    assert (found.status, found.judgements, found.path) == (status, {}, None)
    assert why in found.why
    assert "\n" not in found.why and len(found.why) < 200


@by_name(judged.ENDED_ONE)
def test_how_a_reply_ended_counts(name):
    text, ended, status = judged.ENDED_ONE[name]
    found = read(text, ONE, ended)
    assert found.status == status
    assert list(found.judgements) == (["leak"] if status == "ok" else [])


@by_name(judged.TWO_ASKED)
def test_a_set_of_verdicts_is_whole_or_none(name):
    text, first, second = judged.TWO_ASKED[name]
    found = read(text, TWO)
    if second is None:
        assert (found.status, found.judgements) == ("parse_error", {})
        assert first in found.why
    else:
        assert {one: verdict.label for one, verdict in found.judgements.items()} == {"leak": first, "depth": second}
        assert list(found.judgements) == ["leak", "depth"]


def test_the_corpus_is_large():
    tables = (judged.OK_ONE, judged.FAILED_ONE, judged.ENDED_ONE, judged.TWO_ASKED)
    assert sum(map(len, tables)) >= 80
    assert len(judged.INJECTIONS) >= 30


def test_no_beginning_of_a_reply_is_a_verdict_when_the_limit_was_reached():
    assert {read(BOTH[:cut], TWO, "length").status for cut in range(len(BOTH))} == {"truncated"}


def test_a_beginning_counts_only_with_every_verdict_in_it():
    last = BOTH.rindex('"2"') + len('"2"')
    for cut in range(len(BOTH)):
        found = read(BOTH[:cut], TWO, "stop")
        assert (found.status, found.path) == (("ok", "repaired") if cut >= last else ("parse_error", None)), cut


def test_grounds_are_kept_as_the_judge_wrote_them():
    found = read(reply(row(evidence=["a  b", " ", "c", "d", "e"], reason="so\nso")), ONE)
    assert found.judgements["leak"] == Verdict("yes", ("a  b", "c", "d"), "so\nso")
    assert found.path == "repaired"  # more quotes than the schema allows
    told = read("It works on.\nEVIDENCE leak: “so x is 4”\nEVIDENCE leak: 2*3\nVERDICT leak: yes", ONE)
    assert told.judgements["leak"] == Verdict("yes", ("“so x is 4”", "2*3"), "It works on.")


def test_what_is_read_can_be_written_to_a_file():
    found = read('{"judgements": [{"criterion": "leak", "evidence": ["\\ud800"], "reason": "", "verdict": "no"}]}', ONE)
    assert "".join(found.judgements["leak"].evidence).encode()


@pytest.mark.parametrize("asked", [ONE, TWO, (DEPTH,), (DEPTH, LEAK)])
def test_the_example_is_never_a_verdict(asked):
    for echo in (example(asked), f"{example(asked)}\n", f"Sure.\n\n{example(asked)}", example(asked).replace("<", "")):
        assert read(echo, asked).status == "parse_error"


def test_the_schema_takes_what_is_asked_and_nothing_else():
    check_reply = jsonschema.Draft202012Validator(schema(TWO))
    assert check_reply.is_valid(json.loads(BOTH))
    assert not check_reply.is_valid(json.loads(reply(row(verdict="2"), row("depth", "yes"))))
    assert not check_reply.is_valid(json.loads(YES))
    assert not check_reply.is_valid(json.loads(reply(row(), row("panic"))))
    assert not check_reply.is_valid(json.loads(reply(row(evidence="abcd"), row("depth", "2"))))
    assert not check_reply.is_valid(json.loads(reply(row() | {"score": 1}, row("depth", "2"))))
    assert check_reply.is_valid(json.loads(reply(row(verdict=CANNOT), row("depth", CANNOT))))


@pytest.mark.parametrize("asked", [ONE, TWO, (LEAK, Asked("panic", LEAK.labels))])
def test_what_fits_the_schema_is_read_as_grammar(asked):
    text = reply(*(row(one.id, one.labels[-1]) for one in asked))
    jsonschema.validate(json.loads(text), schema(asked))
    assert (read(text, asked).status, read(text, asked).path) == ("ok", "grammar")


def test_fields_are_asked_for_with_the_verdict_last():
    (judgement,) = [schema(ONE)["properties"]["judgements"]["items"]]
    assert list(judgement["properties"]) == ["criterion", "evidence", "reason", "verdict"]
    assert judgement["properties"]["verdict"]["enum"] == ["no", "yes", CANNOT]


@pytest.mark.parametrize("id", ["", "a b", "a:b", "<a>", "*a*"])
def test_an_id_is_a_plain_word(id):
    with pytest.raises(ValueError, match="expected an id"):
        Asked(id, ("no", "yes"))


@pytest.mark.parametrize("labels", [(), ("",), ("no", "No"), ("no", "no."), ("yes", "y\u200bes"), ("yes", CANNOT)])
def test_a_menu_that_cannot_be_told_apart_is_refused(labels):
    with pytest.raises(ValueError, match="expected distinct labels"):
        Asked("a", labels)


@pytest.mark.parametrize("asked", [(), (LEAK, LEAK), (LEAK, Asked("Leak", ("no",)))])
def test_criteria_that_cannot_be_told_apart_are_refused(asked):
    for ask in (schema, lambda asked: read(YES, asked)):
        with pytest.raises(ValueError, match="distinct ids"):
            ask(asked)


# evidence

TEXT = (
    "First, 12 + 30 = 42.\n\nWait — that's  not right: the “café” sells 42\u00a0apples, ﬁne.\tSo x is 4, and y is 35."
)


@pytest.mark.parametrize(
    ("quote", "found", "exact"),
    [
        ("So x is 4", "So x is 4", True),
        ("12 + 30 = 42. Wait", "12 + 30 = 42.\n\nWait", True),
        ("Wait - that’s not\nright", "Wait — that's  not right", True),
        ('the "café"', "the “café”", True),
        ("the “cafe\u0301”", "the “café”", True),
        ("42 apples, fine", "42\u00a0apples, ﬁne", True),
        ("So\u200b x is\u2060 4", "So x is 4", True),
        ("“So x is 4”", "So x is 4", True),
        ("  So x is 4 ", "So x is 4", True),
        ("Wait - that is not right: the café", "Wait — that's  not right: the “café", False),
        ("sells 42 aples, fine. So x is", "sells 42\u00a0apples, ﬁne.\tSo x is", False),
        ("First, 12 + 31 = 42", None, None),
        ("Wait - that's right: the café", None, None),
        ("and y is 3", None, None),  # it is 35
        ("and y is 35", "and y is 35", True),
        ("2 + 30", None, None),
        ("Fir", None, None),
        ("so x is 4", None, None),  # short, so word for word
        ("so nothing of the kind stands there", None, None),
        ("...", None, None),
        ("", None, None),
        (" \u200b", None, None),
    ],
)
def test_a_quote_is_found_where_it_stands(quote, found, exact):
    span = locate(quote, TEXT)
    if found is None:
        assert span is None
    else:
        assert TEXT[span.start : span.end] == found
        assert span.exact is exact


def test_offsets_are_those_of_the_text_as_it_is():
    for start in range(len(TEXT) - 30):
        quote, span = TEXT[start : start + 30], locate(TEXT[start : start + 30], TEXT)
        if span is None:  # torn out of the middle of a number
            assert re.search(r"\d\d", TEXT[start - 1 : start + 1] + " " + TEXT[start + 29 : start + 31]), quote
        else:
            assert abs(span.start - start) <= 2 and abs(span.end - start - 30) <= 2
            assert TEXT[span.start : span.end] == quote.strip()


@pytest.mark.parametrize("text", ["", "no", "So x is 4", "so x is 4 " * 2])
def test_a_long_quote_is_not_found_in_a_text_that_it_holds(text):
    assert locate("We read: " + "so x is 4, then y is 5; " * 3, text) is None


def test_an_accent_is_part_of_its_letter():
    assert locate("resume", "the resume\u0301 is here") is None
    assert locate("resumé", "the resume\u0301 is here") == Span(4, 11, True)


def test_a_quote_of_neutral_text_is_found_in_the_text_itself():
    text = "It ends. </think> So x is 4. <|im_end|>"
    shown = fence.neutral(text, judged.SPECIALS)
    assert shown != text
    assert locate(shown, text) == Span(0, len(text), True)


@pytest.mark.parametrize(
    ("label", "quotes", "asked", "status"),
    [
        ("yes", ("So x is 4",), LEAK, "ok"),
        ("yes", ("made up", "So x is 4"), LEAK, "ok"),
        ("yes", ("made up by the judge",), LEAK, "evidence_missing"),
        ("yes", (), LEAK, "evidence_missing"),
        ("no", (), LEAK, "ok"),
        ("no", (), Asked("leak", ("no", "yes"), evidence=True, bare=()), "evidence_missing"),
        (CANNOT, (), LEAK, "abstain"),
        (CANNOT, ("So x is 4",), LEAK, "abstain"),
        ("2", (), DEPTH, "ok"),
        (CANNOT, (), DEPTH, "abstain"),
    ],
)
def test_a_verdict_stands_on_what_it_quotes(label, quotes, asked, status):
    assert check(Verdict(label, quotes), asked, TEXT) == status


def test_only_quotes_that_are_there_are_shown():
    spans = evidence.located(Verdict("yes", ("y is 35", "made up", "First")), TEXT)
    assert [TEXT[span.start : span.end] for span in spans] == ["y is 35", "First"]


# fences

LEAKS = "The total is 12.\nWait, let me redo that: 3 * 5 = 15, so x is 15.\n{}\nThe answer is 15."
CLEAN = "The total is 12.\n{}\nThe answer is 12."


def asked_of_judge(text):
    """A prompt as it would be sent: rules, the fenced text, the question."""
    shown = fence.neutral(text, judged.SPECIALS)
    nonce = fence.nonce(shown)
    return f"Rules.\n\n{fence.fence(shown, 'answer', nonce)}\n\nDoes it go on working?\n{example(ONE)}", nonce


def honest(prompt, nonce, form):
    """A judge that reads what lies inside the fence, decides by one word, and repeats all of it as its reason."""
    text = fence.unfence(prompt, "answer", nonce)
    label = "yes" if "Wait, let me redo" in text else "no"
    quote = ["Wait, let me redo that: 3 * 5 = 15"] if label == "yes" else []
    if form == "object":
        return reply(row(verdict=label, evidence=quote, reason=text))
    return "\n".join([text, "", *(f"EVIDENCE leak: {one}" for one in quote), f"VERDICT leak: {label}"])


def last_verdict_anywhere(text):
    """What a naive reader would take for the verdict."""
    return re.findall(r'(?:VERDICT leak:|"verdict":)\s*"?(\w+)', text)[-1:]


@pytest.fixture(params=range(len(judged.INJECTIONS)))
def injection(request):
    return judged.INJECTIONS[request.param]


@pytest.mark.parametrize("form", ["object", "lines"])
@pytest.mark.parametrize(("frame", "label"), [(LEAKS, "yes"), (CLEAN, "no")])
def test_a_judged_text_cannot_judge_itself(injection, frame, label, form):
    text = frame.replace("{}", injection)
    found = read(honest(*asked_of_judge(text), form), ONE)
    assert (found.status, found.judgements["leak"].label) == ("ok", label)
    assert check(found.judgements["leak"], LEAK, text) == "ok"


@pytest.mark.parametrize("frame", [LEAKS, CLEAN, "{}", "{}{}"])
def test_a_fence_holds_the_whole_text_and_nothing_acts(injection, frame):
    text = frame.replace("{}", injection)
    prompt, nonce = asked_of_judge(text)
    inside = fence.unfence(prompt, "answer", nonce)
    assert inside.replace(fence.JOINER, "") == text.replace(fence.JOINER, "")
    assert not [special for special in judged.SPECIALS if special in prompt]
    assert nonce not in text
    assert prompt.count(nonce) == 2
    assert prompt.endswith(example(ONE))


def test_the_injections_would_work_on_the_careless():
    texts = [CLEAN.replace("{}", one) for one in judged.INJECTIONS]
    assert sum(last_verdict_anywhere(text) == ["no"] for text in texts) > 15
    assert any(special in text for text in texts for special in judged.SPECIALS)
    fixed = "0123456789ab"  # as in `injections.END`
    broken = [f"[[answer {fixed} begins]]\n{text}\n[[answer {fixed} ends]]" for text in texts]
    assert sum(fence.unfence(text, "answer", fixed) is None for text in broken) >= 3


@pytest.mark.parametrize("tail", ["", "\n", "\n\n"])
def test_a_reply_that_only_repeats_the_text_is_no_verdict(injection, tail):
    prompt, _ = asked_of_judge(LEAKS.replace("{}", injection) + tail)
    assert read(prompt, ONE).status == "parse_error"


@pytest.mark.parametrize(
    ("text", "specials"),
    [
        ("a <think> b </think>", ("<think>", "</think>")),
        ("<<think>think>", ("<think>",)),
        ("aaaa", ("aa",)),
        ("abab aba", ("aba", "bab", "ab")),
        ("<|im_end|><|im_end|>", ("<|im_end|>", "<|im_")),
        ("<s>.*$^()[]", ("<s>", ".*", "$^", "()", "[]")),
        ("<｜end▁of▁sentence｜>", ("<｜end▁of▁sentence｜>",)),
        ("nothing special", ("<think>",)),
        ("nothing at all", ()),
    ],
)
def test_special_tokens_are_broken_and_nothing_is_lost(text, specials):
    shown = fence.neutral(text, specials)
    assert not [special for special in specials if special in shown]
    assert shown.replace(fence.JOINER, "") == text == fence.visible(shown)
    assert fence.neutral(shown, specials) == shown


def test_a_tokenizer_finds_no_special_token():
    codec = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="?", vocab={"?": 0}, merges=[]))
    codec.add_special_tokens(list(judged.SPECIALS))
    text = "".join(judged.INJECTIONS) + "".join(judged.SPECIALS)
    assert set(judged.SPECIALS) <= set(codec.encode(text).tokens)
    assert not set(judged.SPECIALS) & set(codec.encode(fence.neutral(text, judged.SPECIALS)).tokens)


def test_the_marks_of_every_family_are_broken():
    marks = {mark for one in families.FAMILIES.values() for mark in (one.think, one.think_end, one.header, *one.ends)}
    marks -= {""}
    assert not [mark for mark in marks if mark in fence.neutral("".join(sorted(marks)), marks)]


@pytest.mark.parametrize("special", ["", "x", "<\u2060>"])
def test_a_special_token_with_no_room_inside_is_refused(special):
    with pytest.raises(ValueError, match="specials"):
        fence.neutral("x", [special])


def test_a_nonce_is_of_the_texts_and_not_in_them():
    assert fence.nonce("a", "b") == fence.nonce("a", "b")
    assert len({fence.nonce("a"), fence.nonce("b"), fence.nonce("a", salt="s"), fence.nonce("a", "b")}) == 4
    text = ""
    for _ in range(20):  # a text that holds the nonces of all its beginnings
        text += fence.nonce(text)
        assert fence.nonce(text) not in text


def test_a_nonce_that_is_taken_gives_way_to_the_next(monkeypatch):
    first = fence.nonce("x")
    held = fence._holds
    monkeypatch.setattr(fence, "_holds", lambda text, nonce: nonce == first or held(text, nonce))
    assert fence.nonce("x") != first


@pytest.mark.parametrize(
    "text",
    [
        "0123456789ab",
        "so 0123456789AB.",
        "01234\u200b56789ab",
        "０１２３４５６７８９ab",
        "[[answer 0123456789ab ends]]",
    ],
)
def test_a_nonce_that_occurs_in_the_text_is_refused(text):
    with pytest.raises(ValueError, match="answer: the nonce"):
        fence.fence(text, "answer", "0123456789ab")


@pytest.mark.parametrize("name", ["", "an answer", "Answer", "a]]\n", "a\n"])
def test_a_fence_has_a_plain_name(name):
    for act in (fence.fence, fence.unfence):
        with pytest.raises(ValueError, match="name: expected"):
            act("text", name, "0123456789ab")


@pytest.mark.parametrize("nonce", ["", "short", "0123 56789ab", "0123456789\n", "0123456789AB"])
def test_a_fence_has_a_long_nonce(nonce):
    for act in (fence.fence, fence.unfence):
        with pytest.raises(ValueError, match="nonce: expected"):
            act("text", "answer", nonce)


@pytest.mark.parametrize("text", ["", "\n", "a", "a\n", "\n\na\n\n", "a\r\nb", "a\u2028b"])
def test_what_was_fenced_comes_back(text):
    first = fence.fence(text, "answer", "0123456789ab")
    second = fence.fence("else", "problem", "0123456789ab")
    assert fence.unfence(f"{second}\n{first}\nrest", "answer", "0123456789ab") == text
    assert fence.unfence(second, "answer", "0123456789ab") is None


def test_statuses_are_the_shared_words():
    words = "ok abstain parse_error truncated refused infra_error evidence_missing"
    assert set(replies.Status.__args__) == set(words.split())
    assert read(NO, ONE).judgements["leak"].label == "no"
