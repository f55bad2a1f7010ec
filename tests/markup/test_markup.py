"""Where thinking begins and ends among ids: on TinyLRM's own tokenizer, and on one made for each model family."""

import dataclasses
import itertools
import json
import random
import re
import time

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from lib import interrupts, markup, params
from lib.markup import prompts, tokens
from tests.fakes import tokenizers

KINDS = ["qwen3", "deepseek_r1", "nemotron", "gpt_oss", "mistral", "plain"]
TEXTS = [
    "How many coins does Mia have?",
    "  two  spaces\t\r\n\n\n",
    "\n\nleading lines",
    "Kroaška žena, 你好世界。日本語 🎉 👨‍👩‍👧 e\u0301 €",
    "def f(x):\n    return {'a': x[0] <= 3.14}\n",
    "\x00\x7f",
]


@pytest.fixture(scope="module")
def model() -> params.Model:
    return params.load_model("tiny-lrm-s")


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Makes the model of a kind, once."""
    known = {}

    def get(kind: str) -> params.Model:
        if kind not in known:
            known[kind] = tokenizers.model(kind, tmp_path_factory.mktemp(kind))
        return known[kind]

    return get


def spans(ids: list[int], model: params.Model, thinking: bool | None = None) -> tuple[str, str, bool]:
    """Reasoning and answer as text, and whether the thinking ended."""
    parts = markup.split(ids, model, thinking)
    reasoning, answer = (tokens.decode(ids[slice(*span)], model) for span in (parts.reasoning, parts.answer))
    return reasoning, answer, parts.ended


def generated(thought: str, answer: str, model: params.Model) -> list[int]:
    """Ids of a whole output: thought and answer are plain text between the family's marks."""
    return [
        *prompts.opening(model),
        *tokens.encode(thought, model),
        *prompts.closing(model),
        *tokens.encode(answer, model),
        tokens.tokenizer(model).eos_token_id,
    ]


# splits


# (what was generated, whether a thought was open before it, reasoning, answer, ended)
SPLITS = [
    ("<think>\nStart.\n</think>\n\nTwo.<|im_end|>", False, "\nStart.\n", "\n\nTwo.", True),
    ("<think>\nStart.", False, "\nStart.", "", False),
    ("<think>\nStart.<|im_end|>", False, "\nStart.", "", False),
    ("<think></think>\n\nTwo.<|im_end|>", False, "", "\n\nTwo.", True),
    ("<think>\nStart.</think>", False, "\nStart.", "", True),
    ("<think>a</think>b</think>c<|im_end|>", False, "a", "b</think>c", True),
    ("<think>a<think>b</think>c<|im_end|>", False, "a<think>b", "c", True),
    ("<think>a</think>b<think>c</think>d<|im_end|>", False, "a", "b<think>c</think>d", True),
    ("a</think>b<think>c<|im_end|>", False, "a", "b<think>c", True),
    ("before<think>a</think>b<|im_end|>", False, "a", "b", True),
    ("goes on</think>\n\nTwo.<|im_end|>", True, "goes on", "\n\nTwo.", True),
    ("goes on<think>and on</think>Two.<|im_end|>", True, "goes on<think>and on", "Two.", True),
    ("<think>said again</think>Two.<|im_end|>", True, "said again", "Two.", True),
    ("\n<think>said again", True, "said again", "", False),
    ("</think>\n\nTwo.<|im_end|>", True, "", "\n\nTwo.", True),
    ("goes on", True, "goes on", "", False),
    ("a</think>b<|im_end|><|endoftext|>", None, "a", "b", True),
    ("", False, "", "", False),
]


@pytest.mark.parametrize(("text", "thinking", "reasoning", "answer", "ended"), SPLITS)
def test_split(model, text, thinking, reasoning, answer, ended):
    ids = tokens.marks(text, model)
    assert spans(ids, model, thinking) == (reasoning, answer, ended)
    parts = markup.split(ids, model, thinking)
    ends = [0, *parts.reasoning, *parts.answer, len(ids)]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("42}<|im_end|>", "42}"), ("42}", "42}"), ("", ""), ("<|im_end|>", ""), ("a</think>b", "a</think>b")],
)
def test_after_a_closed_thought_all_is_answer(model, text, answer):
    ids = tokens.marks(text, model)
    parts = markup.answer_only(ids, model)
    assert tokens.decode(ids[slice(*parts.answer)], model) == answer
    assert parts.ended and parts.reasoning == (0, 0)


def test_where_thinking_is_off_an_output_without_marks_is_the_answer(family):
    off = dataclasses.replace(family("qwen3"), template={"enable_thinking": False})
    assert spans(tokens.marks("Two.<|im_end|>", off), off) == ("", "Two.", True)
    assert spans(tokens.marks("<think>a</think>Two.<|im_end|>", off), off) == ("a", "Two.", True)
    assert spans(tokens.marks("goes on", off), off, thinking=True) == ("goes on", "", False)


@pytest.mark.parametrize(
    ("kind", "template", "is_closed"),
    [
        ("v31", {}, True),
        ("v31", {"thinking": False}, True),
        ("v31", {"thinking": True}, False),
        ("gemma", {}, True),
        ("gemma", {"enable_thinking": True}, False),
        ("nemotron", {"enable_thinking": False}, True),
        ("nemotron", {}, True),
        ("qwen3", {"enable_thinking": False}, True),
        ("qwen3", {}, False),
        ("gpt_oss", {"reasoning_effort": "low", "date_string": "2025-08-05"}, False),
        ("mistral", {}, False),
        ("plain", {}, False),
    ],
)
def test_a_prompt_that_closes_the_thought_leaves_only_an_answer_and_nothing_to_interrupt(
    family, kind, template, is_closed
):
    ready = dataclasses.replace(family(kind), template=template)
    prompt = prompts.prompt_ids("How many?", ready)
    assert prompts.closed(prompt, ready) == is_closed
    assert not (is_closed and prompts.opened(prompt, ready))
    ids = tokens.encode("The answer is \\boxed{4}.", ready)
    trace = {"trace_id": "0~a", "prompt_ids": prompt, "token_ids": ids, "task": "math"}
    if not is_closed:
        assert spans(ids, ready, prompts.opened(prompt, ready))[1:] == ("", False)
        assert interrupts.splice(trace, params.load_interrupt("end_thinking"), 1.0, ready).inserted_ids
        return
    for thinking in (None, False):
        assert spans(ids, ready, thinking) == ("", "The answer is \\boxed{4}.", True)
    for name in ("end_thinking", "speed_up", "speed_up_user", "resume", "budget"):
        with pytest.raises(ValueError, match=rf"^0~a: its prompt closes the thinking, .* template in .*/{kind}.yaml"):
            interrupts.splice(trace, params.load_interrupt(name), 1.0, ready)
    again = interrupts.splice(trace | {"problem": "How many?"}, params.load_interrupt("restart"), 0.5, ready, "Five.")
    assert again.ids


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_answers_without_a_thought_and_ends_its_turn_has_answered(family, kind):
    ready = family(kind)
    answer = tokens.encode("It is 4.", ready)
    whole = [*answer, tokens.tokenizer(ready).eos_token_id]
    assert spans(whole, ready, thinking=False) == ("", "It is 4.", True)
    assert spans(answer, ready, thinking=False) == ("It is 4.", "", False)  # cut off: nobody knows
    assert spans(whole, ready, thinking=True) == ("It is 4.", "", False)  # inside a thought that it never closed
    prompt = [*prompts.prompt_ids("How many?", ready), *prompts.user_turn("Say it.", ready)]
    trace = {"prompt_ids": prompt, "token_ids": whole, "task": "math", "thinking": False}
    for position in (0, 0.5, 1.0, "3t"):
        cut = interrupts.splice(trace, params.load_interrupt("end_thinking"), position, ready)
        assert cut.kept_tokens == 0 and cut.ids[: len(prompt)] == prompt  # no mark inside the answer


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("{end}It is 4.", "It is 4."),
        ("\n{end}It is 4.", "It is 4."),
        ("{think}\n{end}It is 4.", "It is 4."),
        ("It{end} is 4.", "It{end} is 4."),
        ("{think}a{end}It is 4.", "{think}a{end}It is 4."),
        ("It is 4.", "It is 4."),
    ],
)
@pytest.mark.parametrize("kind", ["qwen3", "deepseek_r1", "mistral", "plain", "gemma"])
def test_a_mark_that_closes_a_closed_thought_once_more_is_no_answer(family, kind, said, answer):
    marks = prompts.family(family(kind))
    said, answer = (text.format(think=marks.think, end=marks.think_end) for text in (said, answer))
    ids = tokens.marks(said, family(kind))
    assert tokens.decode(ids[slice(*markup.answer_only(ids, family(kind)).answer)], family(kind)) == answer


def test_a_call_of_a_tool_ends_a_thought_if_it_is_a_special_token(family):
    text = "<think>Look.<tool_call>x</tool_call>"
    assert spans(tokens.marks(text, family("qwen3")), family("qwen3")) == ("Look.", "<tool_call>x</tool_call>", True)
    assert not markup.opens(tokens.marks(text, family("qwen3")), family("qwen3"))
    other = family("nemotron")  # to this tokenizer it is no token of its own
    assert spans(tokens.marks(text, other), other) == ("Look.<tool_call>x</tool_call>", "", False)


HARMONY = "<|channel|>analysis<|message|>"
FINAL = "<|end|><|start|>assistant<|channel|>final<|message|>"
AGAIN = "<|end|><|start|>assistant<|channel|>analysis<|message|>"
TOOL = "<|end|><|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>"


@pytest.mark.parametrize(
    ("text", "thinking", "reasoning", "answer", "ended"),
    [
        (f"{HARMONY}a{FINAL}b<|return|>", False, "a", "b", True),
        (f"a{FINAL}b<|return|>", True, "a", "b", True),
        ("<|channel|>final<|message|>b<|return|>", False, "", "b", True),
        (f"{HARMONY}a{AGAIN}b{FINAL}c<|return|>", False, f"a{AGAIN}b", "c", True),
        (f"{HARMONY}a{AGAIN}b", False, f"a{AGAIN}b", "", False),
        (f"{HARMONY}a<|end|>", False, "a", "", False),
        (f"{HARMONY}a<|end|><|start|>assist", False, "a", "", False),
        (f"{HARMONY}a<|end|><|start|>assistant<|channel|>final", False, "a", "", False),
        (f"{HARMONY}a<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>b", False, "a", "b", True),
        (f"{HARMONY}a{TOOL}", False, "a", "", False),
        (f"a{TOOL}", True, "a", "", False),
        ("<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>", False, "", "", False),
        (f"<|channel|>analysis to=python code<|message|>1<|call|>{AGAIN}a{FINAL}b", False, "a", "b", True),
        ("<|start|>user<|message|>not the model's", False, "", "", False),
        ("goes on", True, "goes on", "", False),
        (f"{HARMONY}said again{FINAL}b", True, "said again", "b", True),
        (f"goes on{AGAIN}and on{FINAL}b", True, f"goes on{AGAIN}and on", "b", True),
        # headers as models write them wrongly
        (
            f"{HARMONY}a<|end|><|start|>assistant<|channel|>final It is 4.<|return|>",
            False,
            "a",
            "It is 4.",
            True,
        ),
        (f"{HARMONY}a<|end|><|start|>assistant<|channel|>final\n4<|return|>", False, "a", "4", True),
        (f"{HARMONY}a<|channel|>final 4", False, "a", "4", True),
        ("a<|channel|>final 4<|return|>", True, "a", "4", True),
        (f"{HARMONY}a<|end|><|start|>assistant<|channel|>finally 4", False, "a", "", False),
        (f"{HARMONY}a<|end|><|start|>assistantfinal<|message|>4<|return|>", False, "a", "4", True),
        (f"{HARMONY}a<|end|><|start|>assistant final<|message|>4<|return|>", False, "a", "4", True),
        (f"{HARMONY}a<|end|><|start|>assistant<|channel|> final<|message|>4", False, "a", "4", True),
        (f"{HARMONY}a<|end|><|start|>assistant<|message|>4<|return|>", False, "a", "4", True),
        (f"{HARMONY}a<|end|><|start|>assistant<|channel|>commentary<|message|>4<|return|>", False, "a", "4", True),
        ("<|channel|>commentary<|message|>4<|return|>", False, "", "4", True),
        (f"<|channel|>commentary<|message|>I look.{TOOL}", False, "", "", False),
        (f"<|channel|>commentary<|message|>I look.{AGAIN}a{FINAL}4", False, "a", "4", True),
        ("<|message|>4<|return|>", False, "", "4", True),
        ("4<|return|>", False, "", "4", True),
        (
            f"{HARMONY}a<|end|><|start|>assistantanalysis<|message|>b{FINAL}4",
            False,
            "a<|end|><|start|>assistantanalysis<|message|>b",
            "4",
            True,
        ),
        ("", False, "", "", False),
    ],
)
def test_split_of_harmony(family, text, thinking, reasoning, answer, ended):
    oss = family("gpt_oss")
    assert spans(tokens.marks(text, oss), oss, thinking) == (reasoning, answer, ended)


@pytest.mark.parametrize(
    "worst", ["<|channel|>", "<|start|>", "<|channel|>x", "<|start|>x<|channel|>", "<|end|>", "<|channel|>final x", "x"]
)
def test_harmony_is_read_in_linear_time(family, worst):
    oss = family("gpt_oss")
    ids = tokens.marks(worst, oss)
    ids = ids * (100_000 // len(ids)) + tokens.encode(" " * 20, oss) * 500
    started = time.process_time()
    markup.split(ids, oss, True), markup.split(ids[::-1], oss, True)
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    ("text", "reasoning", "answer", "ended"),
    [
        ("<think>Start.</think>\nTwo.", "Start.", "\nTwo.", True),
        ("<think>Start.", "Start.", "", False),
        ("said<think>Start.</think>", "Start.", "", True),
        ("日本<think>日本語</think>語", "日本語", "語", True),
        ("<thinking>x</thinking>", "<thinking>x</thinking>", "", False),
        ("<think></think>Two.", "", "Two.", True),
        ("<think></think><think>b</think>Two.", "", "<think>b</think>Two.", True),
    ],
)
def test_marks_that_are_plain_text(family, text, reasoning, answer, ended):
    plain = family("plain")
    for ids in (tokens.encode(text, plain), [i for letter in text for i in tokens.encode(letter, plain)]):
        assert spans(ids, plain) == (reasoning, answer, ended)


def test_ids_that_a_mark_shares_with_its_neighbours_are_in_no_span(tmp_path):
    """A vocabulary in which `.<` and `>T` are tokens: the mark's own ids hold a full stop and a letter of the text."""
    vocab = ["<unk>", *"abcdehiknrstTSw</>. \n", ".</", ">T"]
    tok = Tokenizer(models.WordLevel({text: i for i, text in enumerate(vocab)}, unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(part, "isolated") for part in (".</", ">T", "")])
    tok.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(tokenizer_object=tok).save_pretrained(tmp_path)
    shared = made_plain(tmp_path)
    ids = [vocab.index(piece) for piece in [*"<think>Sit", ".</", *"think", ">T", *"en"]]
    assert tokens.decode(ids, shared) == "<think>Sit.</think>Ten"
    parts = markup.split(ids, shared)
    assert (parts.reasoning, parts.answer, parts.ended) == ((7, 10), (17, 19), True)
    assert not markup.opens(ids, shared) and markup.opens(ids[:10], shared)


@pytest.mark.parametrize("pieces", [["><"], ["></"], ["><", ">T"], ["<think></"], ["k></t"]])
def test_an_empty_thought_whose_marks_share_an_id(tmp_path, pieces):
    """Vocabularies of plain text glue the two marks together."""
    vocab = ["<unk>", *"abcdehiknrstTSw</>. \n", *pieces]
    tok = Tokenizer(models.WordLevel({text: i for i, text in enumerate(vocab)}, unk_token="<unk>"))
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(part, "isolated") for part in (*pieces, "")])
    tok.decoder = decoders.Fuse()
    PreTrainedTokenizerFast(tokenizer_object=tok).save_pretrained(tmp_path)
    glued, text = made_plain(tmp_path), "<think></think>Ten"
    split = re.split("(" + "|".join(map(re.escape, pieces)) + ")", text)
    ids = [vocab.index(part) for piece in split for part in ([piece] if piece in pieces else piece)]
    assert tokens.decode(ids, glued) == text
    reasoning, answer, ended = spans(ids, glued)
    assert (reasoning, ended) == ("", True) and answer == ("en" if ">T" in pieces else "Ten")
    assert not markup.opens(ids, glued)


def made_plain(folder) -> params.Model:
    return params.Model(
        name="plain", title="plain", path=str(folder), family="deepseek_r1", max_tokens=10, max_model_len=10
    )


# data written elsewhere


def rows(folder, name: str) -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_the_cases_of_reasoning_parsers(family, shared_data):
    wrong, covered = [], 0
    for row in rows(shared_data, "reasoning_parser_cases.jsonl"):
        if row["family"] not in KINDS:
            continue
        ready = family(row["family"])
        if not row["thinking_enabled"]:
            ready = dataclasses.replace(ready, template={"enable_thinking": False})
        reasoning, answer, ended = spans(tokens.marks(row["raw"], ready), ready)
        covered += 1
        # what a row leaves out is not stated; but nothing is an answer before the thinking has ended
        stated = [
            row["reasoning"] in (None, reasoning),
            row["content"] in (None, answer),
            row["reasoning_ended"] in (None, ended),
            ended or not answer,
        ]
        if not all(stated):
            wrong.append((row["id"], row["raw"], reasoning, answer, ended))
    assert wrong == []
    assert covered >= 30


TRACES = {"deepseek_r1_distill": "deepseek_r1", "qwq": "qwen3", "think_answer_tags": "qwen3"}  # others by their name


@pytest.mark.parametrize("as_text", [False, True])
def test_the_outputs_of_real_models(family, shared_data, as_text):
    """Marks as tokens of their own, and as text whose ids are cut as the tokenizer likes."""
    wrong, covered = [], 0
    for row in rows(shared_data, "lrm_traces.jsonl"):
        ready = family("plain" if as_text else TRACES.get(row["family"], row["family"]))
        ids = tokens.encode(row["raw"], ready) if as_text else tokens.marks(row["raw"], ready)
        before, found, after = row["raw"].partition("</think>")
        assert bool(found) == row["reasoning_ended"]
        expected = (re.sub(r"^\s*<think>", "", before), after, row["reasoning_ended"])
        for thinking in (None, row["family"] != "think_answer_tags"):
            if spans(ids, ready, thinking) != expected:
                wrong.append((row["id"], thinking))
        covered += 1
    assert wrong == []
    assert covered >= 100


# nothing is lost, and nothing is read twice


@pytest.mark.parametrize("kind", KINDS)
def test_spans_and_marks_cover_all_that_was_generated(family, kind):
    ready = family(kind)
    ids = generated("\n14 + 8 = 22. 你好", "It is 22.", ready)
    marks = prompts.family(ready)
    for stop in range(len(ids) + 1):
        parts = markup.split(ids[:stop], ready)
        ends = [0, *parts.reasoning, *parts.answer, stop]
        assert ends == sorted(ends)
        outside = [ids[a:b] for a, b in zip(ends[::2], ends[1::2], strict=True)]
        text = "".join(tokens.decode(some, ready) for some in outside)
        whole = marks.think + marks.think_end + marks.header + tokens.tokenizer(ready).eos_token
        assert whole.startswith(text)
    assert text == whole
    assert not any(markup.opens(some, ready) for some in (ids, [], tokens.encode("Start.", ready)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_is_split_into_what_it_was_made_of(family, kind):
    ready = family(kind)
    marks = prompts.family(ready)
    for thought, answer in itertools.permutations(TEXTS, 2):
        assert tokens.encode(thought, ready) == tokens.marks(thought, ready)
        ids = generated(thought, answer, ready)
        assert spans(ids, ready) == (thought, marks.gap + answer, True)
        inside = ids[len(prompts.opening(ready)) :]
        assert spans(inside, ready, thinking=True) == (thought, marks.gap + answer, True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_anywhere_leaves_ids_that_go_on(family, kind):
    """Kept ids are a prefix of what was generated, split no character, and never need to be encoded again."""
    ready, rng = family(kind), random.Random(0)
    alphabet = "ab .\n你好ž🎉€<>/[]|"
    for _ in range(30):
        thought = "".join(rng.choices(alphabet, k=20))
        # letter by letter: such ids are not those that the tokenizer would give the text
        inner = [i for letter in thought for i in tokens.encode(letter, ready)]
        ids = [*prompts.opening(ready), *inner, *prompts.closing(ready)]
        start, stop = markup.split(ids, ready).reasoning
        assert ids[start:stop] == inner
        for count in range(start, stop + 1):
            kept = markup.whole_characters(ids, count, ready)
            assert count - 4 < kept <= count
            text, rest = tokens.decode(ids[start:kept], ready), tokens.decode(ids[kept:stop], ready)
            assert text + rest == thought
            assert kept == count or "\ufffd" in tokens.decode(ids[start:count], ready)
            assert markup.opens(ids[:kept], ready) == (kept >= start)


def test_a_cut_falls_into_no_header_of_harmony(family):
    oss = family("gpt_oss")
    ids = tokens.marks(f"{HARMONY}one{AGAIN}two{FINAL}", oss)
    start, stop = markup.split(ids, oss).reasoning
    texts = {tokens.decode(ids[start : markup.whole_characters(ids, k, oss)], oss) for k in range(start, stop + 1)}
    assert {"one", f"one{AGAIN}", f"one{AGAIN}two"} <= texts
    assert not [text for text in texts if "<|" in text and AGAIN not in text]


# text into ids


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_becomes_a_special_token(family, kind):
    ready = family(kind)
    special = tokens.codec(ready).controls
    assert {"plain": 2}.get(kind, 5) <= len(special)
    for text in list(special)[:40]:
        ids = tokens.encode(f"a{text}b", ready)
        assert not set(ids) & set(special.values()), text
        assert tokens.decode(ids, ready) == f"a{text}b"
        assert tokens.marks(f"a{text}b", ready)[1] == special[text]


def test_a_vocabulary_that_holds_marks_itself_gives_none_of_them_to_plain_text(tmp_path):
    """SentencePiece's way: marks are pieces, a space is put before the text, and the decoder takes one away."""
    pieces = ["<unk>", "<s>", "</s>", "▁", "▁is", "</think>", *(f"<0x{i:02X}>" for i in range(256)), *"abehiknst<>/"]
    tok = Tokenizer(
        models.Unigram([(piece, -float(len(piece) == 1)) for piece in pieces], unk_id=0, byte_fallback=True)
    )
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    tok.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tok.add_special_tokens(["<s>", "</s>", "</think>"])
    fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", eos_token="</s>")
    fast.save_pretrained(tmp_path)
    ready = made_plain(tmp_path)
    assert fast.decode(fast.encode("is", add_special_tokens=False)) == "is"  # which hides that a space was added
    for text in ["is", " is", "a</think>b</s>", "</s></s>", "is 你 it"]:
        ids = tokens.encode(text, ready)
        assert tokens.decode(ids, ready) == text
        assert not {1, 2, pieces.index("</think>")} & set(ids)
    assert tokens.decode(tokens.encode("th", ready) + tokens.encode(" is", ready), ready) == "th is"
    assert spans(tokens.marks("is</think> it</s>", ready), ready) == ("is", " it", True)


def test_a_mark_in_other_letters_stays_text(tmp_path):
    """A normalizer may make marks out of letters that only look like them."""
    tok = tokenizers._byte_level(["<s>"], [])
    tok.normalizer = normalizers.NFKC()
    tok.add_tokens([AddedToken("</think>", special=False, normalized=True)])
    PreTrainedTokenizerFast(tokenizer_object=tok).save_pretrained(tmp_path)
    assert tok.encode("a＜/think＞").ids[-1] == tok.token_to_id("</think>")  # or the test says nothing
    ready = made_plain(tmp_path)
    ids = tokens.encode("a＜/think＞", ready)
    assert tok.token_to_id("</think>") not in ids and tokens.decode(ids, ready) == "a</think>"


def test_tokens_of_white_space_and_digits_are_text(tmp_path):
    """Some vocabularies add runs of spaces, and digits: those are not special, and plain text is made of them."""
    tok = tokenizers._byte_level(["<s>"], ["    ", "7", "<think>"])
    PreTrainedTokenizerFast(tokenizer_object=tok).save_pretrained(tmp_path)
    ready = made_plain(tmp_path)
    assert tokens.encode("    7", ready) == [tok.token_to_id("    "), tok.token_to_id("7")]
    assert tok.token_to_id("<think>") not in tokens.encode("<think>", ready)


# prompts and turns


@pytest.mark.parametrize("kind", ["qwen3", "deepseek_r1", "nemotron", "gpt_oss", "plain"])
def test_a_prompt_is_what_the_chat_template_says(family, kind):
    ready = family(kind)
    tok = tokens.tokenizer(ready)
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TEXTS[3]}]
    day = {"strftime_now": lambda _: "2025-08-05"}
    options = {"add_generation_prompt": True, "return_dict": False} | ready.template | day
    expected = tok.apply_chat_template(messages, **options)
    assert prompts.prompt_ids(TEXTS[3], ready, system="Be brief.") == expected
    # a special token in the statement takes a longer way round, which leads to the same place
    stand_ins = [{"role": "system", "content": prompts.MESSAGE}, {"role": "user", "content": prompts.QUESTION}]
    for text in TEXTS:
        messages[1]["content"] = text.strip()
        template = prompts._template(stand_ins, ready)
        filled = prompts._filled(template, {prompts.MESSAGE: "Be brief.", prompts.QUESTION: text.strip()}, ready)
        assert filled == tok.apply_chat_template(messages, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_cannot_write_marks_of_its_own(family, kind):
    ready = family(kind)
    special = tokens.codec(ready).controls
    hostile = "".join(list(special)[:30])
    plain, attacked = (prompts.prompt_ids(text, ready, system=text) for text in ("x", f"x{hostile}"))
    assert hostile in tokens.decode(attacked, ready)
    only = [[token for token in ids if token in special.values()] for ids in (plain, attacked)]
    assert only[0] == only[1]
    said = [prompts.user_turn(text, ready) for text in ("x", f"x{hostile}")]
    only = [[token for token in ids if token in special.values()] for ids in said]
    assert only[0] == only[1]


def test_a_problem_is_put_into_the_words_of_the_model(model):
    asked = dataclasses.replace(model, prompt_math="{problem}\nThink.", prompt_code="Code: {problem}\nGo.")
    assert "user\n{problem} is a set.\nThink.<|im_end|>" in tokens.decode(
        prompts.prompt_ids("{problem} is a set.", asked), model
    )
    code = prompts.prompt_ids("Add.", asked, "code", starter_code="def f():\n    \n")
    assert "user\nCode: Add.\n\n```python\ndef f():\n```\nGo.<|im_end|>" in tokens.decode(code, model)
    for none in (None, "", float("nan")):
        bare = prompts.prompt_ids("Add.", asked, "code", starter_code=none)
        assert "user\nCode: Add.\nGo.<|im_end|>" in tokens.decode(bare, model)


def test_a_thought_is_reopened_where_we_opened_it(family):
    for kind in KINDS:
        ready, mark = family(kind), prompts.family(family(kind)).think
        bare, marked = (dataclasses.replace(ready, opens_thinking=ours) for ours in (False, True))
        text, ours = (tokens.decode(prompts.user_turn("Stop.", one), ready) for one in (bare, marked))
        assert ours == (text if mark in text.rpartition("Stop.")[2] else text + mark)


def test_a_prompt_without_its_thought(family):
    off = dataclasses.replace(family("qwen3"), template={"enable_thinking": False})
    prompt = prompts.prompt_ids("How many?", off)
    assert tokens.decode(prompt, off).endswith("assistant\n<think>\n\n</think>\n\n")
    assert not prompts.opened(prompt, off)
    off = dataclasses.replace(family("nemotron"), template={"enable_thinking": False})
    assert not prompts.opened(prompts.prompt_ids("How many?", off), off)


def test_text_that_speaks_of_marks_opens_nothing(family):
    for kind in ("plain", "qwen3"):
        ready = family(kind)
        assert not prompts.opened(prompts.prompt_ids("Write <think> first.", ready, system="Use <think>"), ready)
        assert prompts.opened(prompts.prompt_ids("x", ready) + prompts.opening(ready), ready)
        assert prompts.opened(prompts.prompt_ids("x", ready) + tokens.marks("<think>\n", ready), ready)
    assert not prompts.opened([], family("qwen3"))


def test_a_system_prompt_of_the_model_stands_before_ours(tmp_path):
    (tmp_path / "SYSTEM.txt").write_text("Think first.\n\n[THINK]Your draft.[/THINK]Then answer.\n")
    magistral = tokenizers.model("mistral", tmp_path, system_file="SYSTEM.txt")
    ids = prompts.prompt_ids("How many?", magistral, system="Hurry [THINK].")
    text = (
        "<s>[SYSTEM_PROMPT]Think first.\n\n[THINK]Your draft.[/THINK]Then answer.\n\nHurry [THINK].[/SYSTEM_PROMPT]"
        "[INST]How many?[/INST][THINK]"
    )
    assert tokens.decode(ids, magistral) == text
    (think,) = prompts.opening(magistral)
    assert ids.count(think) == 2 and ids[-1] == think  # its own mark and the opened thought; ours stays text
    assert prompts.opened(ids, magistral) and not prompts.opened(ids[:-1], magistral)
    with pytest.raises(ValueError, match=r"params/models/mistral.yaml: system_file: .* has no OTHER.txt"):
        prompts.prompt_ids("x", dataclasses.replace(magistral, system_file="OTHER.txt"))


def test_the_day_in_a_prompt_is_the_one_that_is_set(family):
    oss = family("gpt_oss")
    assert "Date: 2025-08-05. Reasoning: high" in tokens.decode(prompts.prompt_ids("x", oss), oss)
    later = dataclasses.replace(oss, template=oss.template | {"date_string": "2025-12-24"})
    assert "Date: 2025-12-24." in tokens.decode(prompts.prompt_ids("x", later), oss)


# sentences and paragraphs


@pytest.mark.parametrize(
    ("text", "unit", "kept"),
    [
        ("One. Two", "sentence", "One."),
        ("One.\nTwo", "sentence", "One.\n"),
        ("One\nTwo", "sentence", "One\n"),
        ("Is it? Yes! So", "sentence", "Is it? Yes!"),
        ("It is 3.14 now", "sentence", ""),
        ('He said "no." Then', "sentence", 'He said "no."'),
        ("一。二", "sentence", "一。"),
        ("no end", "sentence", ""),
        ("\n\n no end", "sentence", ""),
        ("One. Two.\n\nThree. Four", "paragraph", "One. Two.\n\n"),
        ("One.\n \nTwo.\nThree", "paragraph", "One.\n \n"),
        ("One.\nTwo.\n", "paragraph", ""),
        ("\n\nOne", "paragraph", ""),
    ],
)
@pytest.mark.parametrize("kind", ["qwen3", "mistral"])
def test_where_a_sentence_or_a_paragraph_ends(family, kind, text, unit, kept):
    ready = family(kind)
    ids = [i for letter in text for i in tokens.encode(letter, ready)]
    before = prompts.opening(ready)
    end = markup.boundary(before + ids, len(before), len(before + ids), unit, ready)
    assert tokens.decode(ids[: end - len(before)], ready) == kept


def test_a_boundary_is_the_last_one_before_the_cut(model):
    ids = tokens.encode("One. Two. Three. Four.", model)
    ends = [markup.boundary(ids, 0, k, "sentence", model) for k in range(len(ids) + 1)]
    texts = [tokens.decode(ids[:end], model) for end in dict.fromkeys(ends)]
    assert texts == ["", "One.", "One. Two.", "One. Two. Three.", "One. Two. Three. Four."]
    assert all(end <= k for k, end in enumerate(ends))


# families, and defects seen elsewhere (by what they did wrong)


def test_a_distillate_reads_as_its_own_tokenizer_file_says(family):
    """The class that is named beside the file would build other rules, and lose every space."""
    ready = family("deepseek_r1")
    assert tokens.decode(prompts.prompt_ids("How many?", ready), ready).endswith(
        "<｜User｜>How many?<｜Assistant｜><think>\n"
    )


@pytest.mark.parametrize("kind", ["deepseek_r1", "plain"])
def test_bos_stands_at_the_beginning_only(family, kind):
    ready = family(kind)
    bos = tokens.tokenizer(ready).bos_token_id
    assert tokens.tokenizer(ready).encode("x")[0] == bos  # or the test says nothing
    prompt = prompts.prompt_ids("How many?", ready)
    whole = prompt + tokens.encode("Start.", ready) + prompts.closing(ready) + prompts.user_turn("Stop.", ready)
    assert [i for i, token in enumerate(whole) if token == bos] == [0]


def test_a_thought_is_opened_once(family):
    for kind, ours in itertools.product(KINDS[:-1], (False, True)):
        ready = dataclasses.replace(family(kind), opens_thinking=ours)
        prompt = prompts.prompt_ids("How many?", ready)
        count = tokens.decode(prompt, ready).count(prompts.family(ready).think)
        assert count == (1 if ours or kind in ("deepseek_r1", "nemotron") else 0)
        assert prompts.opened(prompt, ready) == bool(count)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("parrot", "no markup for parrot, expected one of"),
        ("vllm:parrot", "vllm:parrot: vLLM has no such reasoning parser, expected one of .*, qwen3"),
        ("vllm:olmo3", "vllm:olmo3: this parser does not fit the model's tokenizer: .*"),
        ("vllm:openai_gptoss", "vllm:openai_gptoss: this parser names no marks, expected family: gpt_oss "),
        ("vllm:hunyuan_a13b", "vllm:hunyuan_a13b: this parser names no marks with template: .* under think and think"),
        ("vllm:seed_oss", "vllm:seed_oss: the model's tokenizer has no tokens for <seed:think> and </seed:think>, the"),
        ("vllm:gemma4", "vllm:gemma4: the model's tokenizer has no tokens for <|channel> and <channel|>, the marks of"),
    ],
)
def test_a_family_without_marks_is_named(model, name, message):
    message = message.replace("<|", r"<\|").replace("|>", r"\|>")
    with pytest.raises(ValueError, match=rf"params/models/tiny-lrm-s.yaml: family: {message}") as caught:
        markup.split([1, 2], dataclasses.replace(model, family=name))
    assert "\n" not in str(caught.value)


def test_any_reasoning_parser_of_vllm_gives_its_marks(family):
    seed = family("seed")
    ids = tokens.marks("<seed:think>a</seed:think>b<seed:eos>", seed)
    assert spans(ids, seed) == ("a", "b", True)
    assert tokens.decode(prompts.user_turn("Stop.", seed), seed) == (
        "</seed:think>\n<seed:eos><seed:bos>user\nStop.<seed:eos><seed:bos>assistant\n"
    )


SHOWS = (
    "{{% for m in messages %}}[{{{{ m.role }}}}]"
    "{{% if m.reasoning_content %}}{opens}{{{{ m.reasoning_content }}}}{closes}{{% endif %}}"
    "{{{{ m.content }}}}<end>{{% endfor %}}{{% if add_generation_prompt %}}[assistant]{{% endif %}}"
)
THINK, END = "<think>", "</think>"
KIMI = ["<|open|>", "<|close|>", "<|sep|>"]
COHERE = ["<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|START_TEXT|>", "<|CHATBOT_TOKEN|>"]
HORIZON = [f"<{slash}ifm|think{kind}>" for slash in ("", "/") for kind in ("", "_fast", "_faster")]


# (parser, special tokens, how a template writes a thought (None: it writes none), options; how it opens, how it closes)
@pytest.mark.parametrize(
    ("parser", "special", "shows", "options", "opens", "closes"),
    [
        ("glm45", [THINK, END], ("<think>", "</think>\n"), {}, THINK, "</think>\n"),
        ("glm45", [THINK, END], None, {}, THINK, "</think>\n"),
        ("glm47", [THINK, END], ("<think>", "</think>"), {}, THINK, END),
        ("deepseek_v4", [THINK, END], None, {}, THINK, END),
        ("kimi_k2", [THINK, END], ("<think>", "</think>"), {}, THINK, END),
        ("seed_oss", ["<seed:think>", "</seed:think>"], None, {}, "<seed:think>", "</seed:think>\n"),
        ("step3p5", [THINK, END], ("<think>\n", "\n</think>\n"), {}, THINK, "</think>\n"),
        ("nemotron_v3", [THINK, END], None, {}, THINK, "</think>\n"),
        ("qwen3", [THINK, END], ("<think>\n", "\n</think>\n\n"), {}, THINK, "</think>\n\n"),
        ("ernie45", [THINK, END], ("<think>\n", "\n</think>\n\n\n"), {}, THINK, "</think>\n\n\n"),
        (
            "gemma4",
            ["<|channel>", "<channel|>"],
            ("<|channel>thought\n", "<channel|>"),
            {},
            "<|channel>thought\n",
            "<channel|>",
        ),
        ("gemma4", ["<|channel>", "<channel|>"], None, {}, "<|channel>thought\n", "<channel|>"),
        ("cohere_command3", COHERE, None, {}, COHERE[0], "<|END_THINKING|><|START_RESPONSE|>"),
        ("cohere_command4", COHERE, None, {}, COHERE[0], "<|END_THINKING|><|START_TEXT|>"),
        (
            "cohere_command4",
            COHERE,
            (COHERE[0], "<|END_THINKING|>\n<|START_TEXT|> "),
            {},
            COHERE[0],
            "<|END_THINKING|>\n<|START_TEXT|> ",
        ),
        ("kimi_k3", KIMI, None, {}, "<|open|>think<|sep|>", "<|close|>think<|sep|><|open|>response<|sep|>"),
        ("k2_horizon", HORIZON, None, {"reasoning_effort": "low"}, "<ifm|think_faster>", "</ifm|think_faster>\n\n"),
        ("k2_horizon", HORIZON, None, {"reasoning_effort": "medium"}, "<ifm|think_fast>", "</ifm|think_fast>\n\n"),
        ("k2_horizon", HORIZON, None, {}, "<ifm|think>", "</ifm|think>\n\n"),
        ("deepseek_v3", [THINK, END], None, {"thinking": True}, THINK, "</think>\n\n"),
    ],
)
def test_marks_of_a_parser_and_what_the_template_writes_around_them(
    tmp_path, parser, special, shows, options, opens, closes
):
    template = SHOWS.format(opens=shows[0], closes=shows[1]) if shows else tokenizers.PLAIN
    ready = tokenizers.marked(tmp_path, f"vllm:{parser}", special, template)
    ready = dataclasses.replace(ready, template=options)
    assert tokens.decode(prompts.opening(ready), ready) == opens
    assert tokens.decode(prompts.closing(ready), ready) == closes
    for letters in (False, True):  # the plain parts of marks are cut as the tokenizer likes, or letter by letter
        inside = [*prompts.opening(ready), *tokens.encode("Hm.", ready), *prompts.closing(ready)]
        if letters:
            inside = [i for one in inside for i in _letter_by_letter(one, ready)]
        ids = [*inside, *tokens.encode("Ten", ready), tokens.tokenizer(ready).eos_token_id]
        reasoning, answer, ended = spans(ids, ready)
        assert (reasoning, answer.strip(), ended) == ("Hm.", "Ten", True)


def _letter_by_letter(token: int, model: params.Model) -> list[int]:
    text = tokens.decode([token], model)
    special = token in tokens.codec(model).controls.values()
    return [token] if special else [i for letter in text for i in tokens.encode(letter, model)]


def test_marks_and_a_system_message_of_a_models_own(tmp_path):
    own = {"think": "<thought>", "think_end": "</thought>", "gap": "\n\n", "header": "<answer>"}
    marks = ["<thought>", "</thought>", "<answer>"]
    ready = tokenizers.marked(tmp_path, "exaone_deep", marks, tokenizers.PLAIN, system="detailed thinking on", **own)
    assert tokens.decode(prompts.opening(ready), ready) == "<thought>"
    assert tokens.decode(prompts.closing(ready), ready) == "</thought><answer>\n\n"
    assert spans(tokens.marks("<thought>a</thought>\n<answer>b<end>", ready), ready) == ("a", "b", True)
    assert spans(tokens.marks("<thought>a</thought>b<end>", ready), ready) == ("a", "b", True)
    assert "system: detailed thinking on\nuser: Hi." in tokens.decode(prompts.prompt_ids("Hi.", ready), ready)
    both = tokens.decode(prompts.prompt_ids("Hi.", ready, system="Hurry."), ready)
    assert "system: detailed thinking on\n\nHurry.\nuser: Hi." in both
    over = dataclasses.replace(ready, family="qwen3", header=None, gap="", system="")
    assert tokens.decode(prompts.closing(over), ready) == "</thought>"
    assert {"think": "<thought>", "gap": ""}.items() <= over.as_dict().items()
    bare = params.load_model("tiny-lrm-s").as_dict()
    assert not {"think", "think_end", "gap", "header", "system", "planted"} & bare.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"think": "<a>", "think_end": "<a>"}, "think_end: should differ from think"),
        ({"system": "On.", "system_file": "S.txt"}, "system: stands beside system_file, expected one of the two"),
        ({"system_file": "../key"}, "system_file: expected a file in the model's folder, got ../key"),
        ({"system_file": "/etc/hosts"}, "system_file: expected a file in the model's folder, got /etc/hosts"),
        ({"family": "gpt_oss", "gap": ""}, "gap: gpt_oss has marks that cannot be changed"),
        ({"think": ""}, "should have at least 1 character"),
    ],
)
def test_marks_that_cannot_be(model, changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(model, **changes)


def test_a_template_that_refuses_a_system_message_is_named(family):
    with pytest.raises(ValueError, match=r"^params/models/gemma.yaml: path: .* of system, user: No system role$"):
        prompts.prompt_ids("Hi.", family("gemma"), system="Hurry.")
    assert prompts.prompt_ids("Hi.", family("gemma"))


def test_tags_of_html_are_text(family):
    gemma = family("gemma")
    for text in ("<table>", "a</td>", "<h1><b>x"):
        assert tokens.encode(text, gemma) == tokens.tokenizer(gemma).encode(text, add_special_tokens=False)
    assert not {"<table>", "</td>"} & tokens.codec(gemma).controls.keys()


def test_a_tokenizer_that_ends_in_several_ways(family, tmp_path):
    """What is in generation_config.json ends an answer too."""
    ready = tokenizers.model("seed", tmp_path, family="deepseek_r1")
    stop = tokens.marks("<seed:bos>", ready)
    ids = tokens.marks("a</think>b", ready) + stop
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, *stop]}))
    assert spans(ids, ready) == ("a", "b", True)


def test_a_tokenizer_without_a_template_and_a_slow_one_are_named(tmp_path):
    bare = PreTrainedTokenizerFast(tokenizer_object=tokenizers._byte_level(["<s>"], []))
    for tok, message in ((bare, ".* has no chat template"), (ByT5Tokenizer(), "ByT5Tokenizer is no fast tokenizer")):
        tok.save_pretrained(folder := tmp_path / type(tok).__name__)
        with pytest.raises(ValueError, match=rf"params/models/plain.yaml: path: {message}"):
            prompts.prompt_ids("x", made_plain(folder))
