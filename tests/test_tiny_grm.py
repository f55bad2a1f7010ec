"""What TinyGRM learns from: records with faults, replies that a program would accept, prompts in few tokens."""

import json
import random
from collections import Counter

import pytest
from transformers import PreTrainedTokenizerFast

from lib import tiny_thought, tiny_truth
from lib.grm import evidence, prompt, reply
from models.tiny_grm import records, teacher, tokenizer, train

KNOWN = train.criteria()
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>"]


def lessons(count, seed=0):
    rng = random.Random(seed)
    return [train.lesson(rng, KNOWN, SPECIALS) for _ in range(count)]


def test_shares_of_what_is_judged_make_a_whole():
    for stage in (train.JUDGED, train.SECOND):
        assert sum(share for part in stage.values() for share in part.values()) == pytest.approx(1)
    assert set(KNOWN) == set(teacher.LESSONS) == set(tiny_truth.RULES)


@pytest.mark.parametrize("kind", records.KINDS)
def test_a_record_of_every_kind_is_of_the_training_side_and_can_be_read_back(kind):
    rng = random.Random(1)
    for _ in range(100):
        record = records.MAKERS[kind](rng)
        story = tiny_thought.story(record["problem"])
        assert not story.is_test()
        assert ("</think>" in record["inserted"]) == (kind == "hard")
        assert bool(tiny_thought.news(record["inserted"], story)) == (kind == "updated")


def test_records_have_faults_of_every_kind_and_none():
    rng = random.Random(2)
    found = [tiny_truth.findings(records.draw(rng)) for _ in range(1500)]
    for name in tiny_truth.RULES:
        labels = Counter(one[name].label for one in found)
        assert labels["yes"] > 30 and labels["no"] > 30, (name, labels)


def test_what_is_taught_is_what_a_judge_may_reply():
    for (words, _), (said, _) in lessons(300):
        asked = next(one for name, one in KNOWN.items() if f"\n{name}: " in words)
        read = reply.read(said.removesuffix("<|im_end|>").partition("</think>")[2], [prompt.asked(asked)])
        assert (read.status, read.path) == ("ok", "grammar"), said
        verdict = read.judgements[asked.id]
        assert evidence.check(verdict, prompt.asked(asked), words) in ("ok", "abstain")


def test_verdicts_and_quotes_are_the_truth():
    rng = random.Random(4)
    for _ in range(400):
        record = records.draw(rng)
        found = tiny_truth.findings(record)
        for name, criterion in KNOWN.items():
            if all(record[view] is not None for view in criterion.views) and (told := teacher.teach(name, record)):
                assert told.verdict == (found[name].label or reply.CANNOT)
                assert told.quote == found[name].quote
                assert bool(told.quote) == (criterion.evidence and told.verdict == "yes")


def test_both_verdicts_are_taught_about_equally_often():
    told = Counter(
        (row["criterion"], row["verdict"])
        for _, (said, _) in lessons(900)
        for row in json.loads(said.removesuffix("<|im_end|>").partition("</think>")[2])["judgements"]
    )
    for name in KNOWN:
        assert 0.4 < told[name, "yes"] / told[name, "no"] < 2.5, told


def test_verdicts_may_stand_in_either_order():
    rng = random.Random(0)
    words = prompt.render([KNOWN["stops_short"]], dict.fromkeys(prompt.VIEWS, "x"), SPECIALS, plain=False)
    turned = {train.turned(rng, words) for _ in range(50)}
    assert len(turned) == 2
    other = (turned - {words}).pop()
    assert sorted(other.splitlines()) == sorted(words.splitlines())
    assert other.index("\n  no: ") > other.index("\n  yes: ") or words.index("\n  no: ") > words.index("\n  yes: ")


def test_the_fixed_lines_of_a_prompt_are_single_tokens():
    tok = tokenizer.build(PreTrainedTokenizerFast.from_pretrained(train.START), list(KNOWN.values()))
    for name, criterion in KNOWN.items():
        words = prompt.render([criterion], dict.fromkeys(prompt.VIEWS, ""), SPECIALS, plain=False)
        ids = tok.encode(train.framed(words), add_special_tokens=False)
        assert tok.decode(ids) == train.framed(words)
        assert len(ids) < 150, (name, len(ids))
