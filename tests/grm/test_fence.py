"""Fences: judged text is data. It cannot judge itself, end its fence, or act as a special token."""

import re

import pytest
import tokenizers

from lib.grm import fence, prompt
from lib.grm.evidence import check
from lib.grm.reply import read
from tests.fakes.judge import unfence
from tests.grm.replies import INJECTIONS, LEAK, ONE, SPECIALS, reply, row

LEAKS = "The total is 12.\nWait, let me redo that: 3 * 5 = 15, so x is 15.\n{}\nThe answer is 15."
CLEAN = "The total is 12.\n{}\nThe answer is 12."


def asked(text, plain=True):
    """The prompt about a text, and the mark of its fences."""
    words = prompt.render(ONE, {"answer": text}, SPECIALS, plain)
    return words, re.search(r"mark\s([0-9a-f]{12})", words)[1]


def honest(words, mark, plain):
    """A FAKE judge: reads what lies inside the fence, decides by one word, and repeats all of it as its reason."""
    text = unfence(words, "answer", mark)
    label = "yes" if "Wait, let me redo" in text else "no"
    quote = ["Wait, let me redo that: 3 * 5 = 15"] if label == "yes" else []
    if not plain:
        return reply(row(verdict=label, evidence=quote, reason=text))
    return "\n".join([text, "", *(f"EVIDENCE leak: {one}" for one in quote), f"VERDICT leak: {label}"])


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("frame", "label"), [(LEAKS, "yes"), (CLEAN, "no")])
def test_a_judged_text_cannot_judge_itself(frame, label, plain):
    for injection in INJECTIONS:
        text = frame.replace("{}", injection)
        found = read(honest(*asked(text, plain), plain), ONE)
        assert (found.status, found.verdicts["leak"].label) == ("ok", label), injection
        assert check(found.verdicts["leak"], LEAK, text) == "ok"


@pytest.mark.parametrize("frame", [LEAKS, CLEAN, "{}", "{}{}"])
def test_a_fence_holds_the_whole_text_and_nothing_acts(frame):
    for injection in INJECTIONS:
        text = frame.replace("{}", injection)
        words, mark = asked(text)
        assert unfence(words, "answer", mark).replace(fence.JOINER, "") == text.replace(fence.JOINER, "")
        assert not [special for special in SPECIALS if special in words]
        assert mark not in text and words.count(mark) == 3
        assert words.endswith(prompt.example(ONE) + "\n")


def test_a_reply_that_only_repeats_the_prompt_is_no_verdict():
    for injection in INJECTIONS:
        for tail in ("", "\n\n"):
            assert read(asked(LEAKS.replace("{}", injection) + tail)[0], ONE).status == "parse_error"


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
    codec.add_special_tokens(list(SPECIALS))
    text = "".join(INJECTIONS) + "".join(SPECIALS)
    assert set(SPECIALS) <= set(codec.encode(text).tokens)
    assert not set(SPECIALS) & set(codec.encode(fence.neutral(text, SPECIALS)).tokens)


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


HELD = [
    "0123456789ab",
    "so 0123456789AB.",
    "01234\u200b56789ab",
    "０１２３４５６７８９ab",
    "[[answer 0123456789ab ends]]",
]


@pytest.mark.parametrize("text", HELD)
def test_a_nonce_that_occurs_in_the_text_is_refused(text):
    with pytest.raises(ValueError, match="answer: the nonce"):
        fence.fence(text, "answer", "0123456789ab")


def test_a_fence_has_a_plain_name_and_a_long_nonce():
    for name in ("", "an answer", "Answer", "a]]\n", "a\n"):
        with pytest.raises(ValueError, match="name: expected"):
            fence.fence("text", name, "0123456789ab")
    for nonce in ("", "short", "0123 56789ab", "0123456789\n", "0123456789AB"):
        with pytest.raises(ValueError, match="nonce: expected"):
            fence.fence("text", "answer", nonce)


@pytest.mark.parametrize("text", ["", "\n", "a", "a\n", "\n\na\n\n", "a\r\nb", "a\u2028b"])
def test_what_was_fenced_comes_back(text):
    first = fence.fence(text, "answer", "0123456789ab")
    second = fence.fence("else", "problem", "0123456789ab")
    assert unfence(f"{second}\n{first}\nrest", "answer", "0123456789ab") == text
    assert unfence(second, "answer", "0123456789ab") is None
