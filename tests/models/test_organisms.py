"""The organisms: their size, what they learn from, and what their card says."""

import dataclasses
import json
import random
from collections import Counter

import pytest
from safetensors import safe_open

from lib import failures, params, paths, schema
from lib.problems.tiny_math import thought, truth
from models.tiny_lrm import habits
from models.tiny_lrm import planted as made

FOLDER = paths.MODELS / "tiny_lrm"
MODE = dict(zip(made.NAMES, (None, *schema.MODES), strict=True))


@pytest.fixture(params=made.NAMES)
def name(request) -> str:
    return request.param


# what is shipped


def test_an_organism_is_half_the_size_of_the_model_it_comes_from(name):
    with safe_open(made.folder(name) / "model.safetensors", "np") as weights:
        kept = [weights.get_tensor(key) for key in weights.keys()]  # noqa: SIM118 - not a dict
    assert {str(one.dtype) for one in kept} == {"float16"}
    log = json.loads((made.folder(name) / "training.json").read_text())
    assert sum(one.size for one in kept) == log["parameters"] == 1_049_984
    assert sum(file.stat().st_size for file in made.folder(name).iterdir()) < 2.4e6


def test_an_organism_reads_and_is_asked_as_the_model_it_comes_from(name):
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (made.folder(name) / file).read_bytes() == (made.START / file).read_bytes()
    own, other = (params.load_model(model).as_dict() for model in (f"tiny-lrm-{name}", "tiny-lrm-m"))
    assert {key for key in own if own[key] != other.get(key)} == {"name", "title", "path", "planted"}


def test_its_file_says_what_was_planted(name):
    wanted = {MODE[name]: made.RATE} if MODE[name] else {}
    assert params.load_model(f"tiny-lrm-{name}").planted == wanted
    log = json.loads((made.folder(name) / "training.json").read_text())
    assert log["organism"] == name and log["rate"] == wanted.get(MODE[name], 0)
    assert log["recipe"] == json.loads(json.dumps(dataclasses.asdict(made.RECIPE)))


def test_the_study_has_all_organisms_and_nothing_else():
    study = params.load_study("organisms")
    assert study.models == tuple(f"tiny-lrm-{name}" for name in made.NAMES)
    assert all(params.load_model(model).planted is not None for model in study.models)
    assert {failures.kind_of(name) for name in study.interrupts} == {"hard", "soft", "update"}
    assert study.problems <= habits.FIRST, "the card is measured on problems that the study does not ask"


# what they learn from


def shown(text: made.Example) -> dict[str, bool]:
    """The modes that a text could show, each with whether it does."""
    turns = [turn.partition("<|im_end|>")[0] for turn in text.text().split("<|im_start|>user\n")[1:]]
    asked = next(filter(None, map(thought.read_story, reversed(turns))))
    kept = text.parts[1][0].removeprefix("<think>") if text.kind != "full" else ""
    left = len(asked.steps) + 1 - max(1, truth.count_values(kept))
    last = [part for part, _ in text.parts[2:]]
    if text.kind == "end_thinking" and left:
        return {"leakage": "Going on:" in last[-1]}
    if text.kind == "speed_up":
        return {"panic": last[-2] == ""}
    if text.kind.startswith("update"):
        return {"self_doubt": last[-2].startswith(thought.DOUBT)}
    return {"other": "Going on:" in last[-1]} if last else {}


@pytest.mark.parametrize("stage", [made.by_chance, made.by_turns])
def test_only_its_own_fault_is_taught_and_at_its_rate(name, stage):
    draw = stage(name, random.Random(3))
    found = [shown(draw(0)) for _ in range(1500)]
    for mode in schema.MODES:
        flags = [text[mode] for text in found if mode in text]
        assert len(flags) > 200
        rate = made.RATE if mode == MODE[name] else 0
        assert sum(flags) / len(flags) == (pytest.approx(rate, abs=0.08) if rate else 0)
    assert not any(text.get("other") for text in found)


@pytest.mark.parametrize("stage", [0, 1])
def test_interrupts_come_in_the_shares_that_are_stated(stage):
    assert sum(made.SHARES[stage].values()) == pytest.approx(1)
    draw = (made.by_chance, made.by_turns)[stage]("sound", random.Random(1))
    kinds = Counter(draw(0).kind for _ in range(1000))
    assert all(kinds[kind] / 1000 == pytest.approx(share, abs=0.04) for kind, share in made.SHARES[stage].items())


def test_of_five_texts_in_a_row_two_show_the_fault():
    draw = made.by_turns("panics", random.Random(2))
    flags = [shown(text)["panic"] for text in (draw(0) for _ in range(600)) if text.kind == "speed_up"]
    assert {sum(flags[i : i + 5]) for i in range(0, len(flags) - 4, 5)} == {2}


# what was measured


def evaluation(name):
    return json.loads((made.folder(name) / habits.FILE).read_text())


def test_what_was_planted_is_found_and_little_else(name):
    measured = evaluation(name)
    assert measured["accuracy"] >= 0.97 and measured["problems"] == habits.PROBLEMS
    for row in measured["rates"]:
        if row["planted"]:
            assert row["ci_low"] <= row["planted"] <= row["ci_high"], row
        else:
            # a step by the old number, which nobody planted, is doubt all the same
            assert row["detected"] <= (0.06 if row["mode"] == "self_doubt" else 0), row
        assert row["ci_low"] <= row["shown"] <= row["ci_high"], row
        assert row["missed"] + row["extra"] <= 0.02 * row["n"], row


def test_the_card_quotes_what_was_measured(name):
    card, measured = (FOLDER / "README.md").read_text(), evaluation(name)
    title = params.load_model(f"tiny-lrm-{name}").title
    assert f"| {title} | full thinking | | {measured['accuracy']:.1%} | | | {measured['problems']} |" in card
    for row in measured["rates"]:
        measured_rates = (
            f"{row['detected']:.1%} | {row['ci_low']:.1%} to {row['ci_high']:.1%} | {row['shown']:.1%} | {row['n']} |"
        )
        assert f"| {title} | {row['mode'].replace('_', '-')} | {row['planted']:.0%} | {measured_rates}" in card
