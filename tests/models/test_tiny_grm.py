"""TinyGRM: what it learns from, and that what is shipped is what its card says."""

import contextlib
import json
import random
from collections import Counter

import pandas as pd
import pytest
from safetensors import safe_open
from transformers import PreTrainedTokenizerFast

from lib import engine, params, paths
from lib.grm import Judge, Policy, evidence, load_rubric, prompt, reply
from lib.markup import prompts, tokens
from lib.problems.tiny_math import thought
from lib.problems.tiny_math import truth as tiny_truth
from models.tiny_grm import records, teacher, tokenizer, train

KNOWN = train.criteria()
SPECIALS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>"]


def lessons(count, seed=0):
    rng = random.Random(seed)
    return [train.lesson(rng, KNOWN, SPECIALS) for _ in range(count)]


@pytest.mark.parametrize("kind", records.KINDS)
def test_a_record_of_every_kind_is_of_the_training_side_and_can_be_read_back(kind):
    rng = random.Random(1)
    for _ in range(100):
        record = records.MAKERS[kind](rng)
        story = thought.read_story(record["problem"])
        assert not story.is_test()
        assert ("</think>" in record["inserted"]) == (kind == "hard")
        assert bool(thought.read_correction(record["inserted"], story)) == (kind == "updated")


def test_records_have_faults_of_every_kind_and_none():
    rng = random.Random(2)
    found = [tiny_truth.findings(records.draw(rng)) for _ in range(1500)]
    for name in tiny_truth.RULES:
        labels = Counter(one[name].label for one in found)
        assert labels["yes"] > 30 and labels["no"] > 30, (name, labels)


def test_what_is_taught_is_what_a_judge_may_reply():
    for (words, _), (said, _) in lessons(300):
        asked = next(one for name, one in KNOWN.items() if f"\n{name}: " in words)
        read = reply.read(said.removesuffix("<|im_end|>").partition("</think>")[2], [asked])
        assert (read.status, read.path) == ("ok", "grammar"), said
        verdict = read.verdicts[asked.id]
        assert evidence.check(verdict, asked, words) in ("ok", "abstain")


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


# the shipped model


MODEL = params.load_model("tiny-grm")
FOLDER = paths.MODELS / "tiny_grm" / "tiny-grm"
TRAINING = json.loads((FOLDER / "training.json").read_text())
MEASURED = json.loads((FOLDER / "evaluation.json").read_text())
CARD = (paths.MODELS / "tiny_grm" / "README.md").read_text()


def test_prompt_and_questions_are_those_that_it_was_trained_on():
    """If this fails, TinyGRM has to be trained again: `make models-grm`, then `make evaluate`."""
    assert TRAINING["prompt_version"] == prompt.version()
    assert (TRAINING["judged"], TRAINING["second"]) == (train.JUDGED, train.SECOND)
    tok = tokens.tokenizer(MODEL)
    assert set(tokenizer.lines(list(KNOWN.values()))) <= set(tok.get_added_vocab())


def test_the_shipped_tokenizer_is_the_one_that_the_recipe_builds():
    base = PreTrainedTokenizerFast.from_pretrained(train.START)
    assert tokens.tokenizer(MODEL).get_vocab() == tokenizer.build(base, list(KNOWN.values())).get_vocab()


def test_the_engine_reads_what_was_trained():
    views = records.whole(random.Random(3))
    words = prompt.render([KNOWN["faulty_step"]], views, SPECIALS, plain=False)
    trained = tokens.tokenizer(MODEL).encode(train.framed(words), add_special_tokens=False)
    assert prompts.prompt_ids(words, MODEL, None) == trained
    assert set(tokens.codec(MODEL).controls) == set(SPECIALS)


def test_it_is_small():
    with safe_open(FOLDER / "model.safetensors", "np") as weights:
        count = sum(weights.get_tensor(key).size for key in weights.keys())  # noqa: SIM118 - not a dict
    assert count == TRAINING["parameters"] < 2_000_000
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= 8 * 2**20


def test_the_card_states_what_was_measured():
    rows = {row["criterion"]: row for row in MEASURED["agreement"]}
    assert set(rows) == set(KNOWN) == set(teacher.LESSONS)
    for name, row in rows.items():
        quote = "" if row["quoted"] is None else f"{100 * row['quoted']:.1f} %"
        told = f"| `{name}` | {row['items']} | {100 * row['coverage']:.1f} % | {row['kappa']:.2f} "
        told += f"({row['kappa_low']:.2f} to {row['kappa_high']:.2f}) | {quote} |"
        assert told in CARD
        assert row["items"] >= 500
    for row in MEASURED["injection"]:
        if row["figure"] in ("changed", "control"):
            assert f"{100 * row['value']:.1f} %" in CARD
    assert f"{TRAINING['parameters']:,}" in CARD and f"{TRAINING['cpu_minutes']}, processor time" in CARD
    assert f"{sum(stage['steps'] for stage in TRAINING['recipe']['stages']):,} × 32" in CARD


def test_it_judges_arithmetic_and_updates_well():
    rows = {row["criterion"]: row for row in MEASURED["agreement"]}
    for name in ("faulty_step", "arithmetic_right", "stale_fact"):
        assert rows[name]["kappa"] >= 0.8 and rows[name]["coverage"] >= 0.95, name


@pytest.fixture
def ready(loaded):
    return loaded("tiny-grm")


@pytest.mark.engine
def test_it_judges_unseen_records_through_the_real_engine(ready):
    rng, right, asked = random.Random(11), 0, 0
    for rubric, shares in train.JUDGED.items():
        for name in shares:
            part = load_rubric(rubric).only([name])
            made = [train.example(rng, KNOWN[name], wanted)[0] for wanted in ("yes", "no") * 5]
            items = pd.DataFrame(made).assign(item_id=[f"{name} {i}" for i in range(10)], problem_id="p")
            told = Judge(ready, Policy(attempts=2)).score(items, part)
            truth = [tiny_truth.findings(views)[name].label for views in made]
            assert set(told["status"]) <= {"ok", "abstain", "evidence_missing"}
            right += sum(verdict == label for verdict, label in zip(told["verdict"], truth, strict=True) if label)
            asked += sum(label is not None for label in truth)
    assert asked >= 60 and right / asked >= 0.9


@pytest.mark.engine
def test_the_example_of_a_reward_in_the_docs_runs(ready, monkeypatch, capsys):
    section = (paths.ROOT / "docs" / "judge.md").read_text().split("## As a reward")[1]
    code = section.split("```python\n")[1].split("```")[0]
    assert len(code.strip().splitlines()) <= 10
    monkeypatch.setattr(engine, "open", lambda model: contextlib.nullcontext(ready))  # it is open already
    exec(compile(code, "docs/judge.md", "exec"), {})
    assert capsys.readouterr().out.strip() == code.split("# ")[-1].strip()
