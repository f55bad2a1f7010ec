"""The organisms: their size, what they learn from, what their card says, and the frame that holds them to it."""

import dataclasses
import json
import random
from collections import Counter

import pandas as pd
import pytest
from safetensors import safe_open

from lib import figures, params, paths, schema, stats
from lib.failures import planted
from lib.problems.tiny_math import story as tiny
from lib.problems.tiny_math import thought, truth
from models.tiny_lrm import habits
from models.tiny_lrm import planted as made

FOLDER = paths.MODELS / "tiny_lrm"
MODE = dict(zip(made.NAMES, (None, *schema.MODES), strict=True))
INTERRUPT = {"leakage": "end_thinking", "panic": "speed_up", "self_doubt": "update"}


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
    assert {planted.failures.kind_of(name) for name in study.interrupts} == set(planted.KINDS.values())
    assert study.problems <= habits.FIRST, "the card is measured on problems that the study does not ask"


# what they learn from


def shown(text: made.Example) -> dict[str, bool]:
    """The modes that a text could show, each with whether it does."""
    whole = text.text()
    asked = thought.read_story(
        whole.rpartition("<|im_start|>user\n")[2].partition("<|im_end|>")[0]
    ) or thought.read_story(whole.partition("<|im_start|>user\n")[2].partition("<|im_end|>")[0])
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


# the frame


def records(n=40, model="m", every=5, hits=2, lucky=0, wrong=0):
    """Rows with texts and their labels; in `hits` of `every` problems a mode is shown and, but for `lucky`, found."""
    rows, labels = [], []
    for i, (problem_id, change) in enumerate(tiny.stories(n)):
        new, old = change.original, change.revised
        lines = thought.lines(new)
        shows = i % every < hits
        sums = " ".join(line.partition(": ")[2].strip() for line in lines[1:-1])
        following = "".join(thought.lines(new))
        texts = {
            "leakage": ("", f"Going on: {sums}" if shows else "", new),
            "panic": ("" if shows else "".join(lines[1:]), "", new),
            "self_doubt": (f"{thought.DOUBT}\n" if shows else following, "", old),
        }
        for mode, (reasoning, answer, asked) in texts.items():
            own = {"model": model, "problem_id": problem_id, "interrupt": INTERRUPT[mode], "position": 0.1}
            rows.append(
                {"model": model, "row_id": f"{problem_id}~{mode}", "kind": "continuation", "kept": lines[0]}
                | {"reasoning": reasoning, "asked": asked.text(), "problem": new.text(), "answer": answer}
            )
            own |= {"continuation_id": f"{problem_id}~{mode}", "oracle_correct": i >= wrong}
            flags = dict.fromkeys(schema.MODES, False) | {mode: shows and not (mode == "panic" and i < lucky)}
            labels.append(own | flags)
    return pd.DataFrame(labels), pd.DataFrame(rows)


def model(**changes):
    return dataclasses.replace(params.load_model("tiny-lrm-sound"), **({"name": "m", "planted": {}} | changes))


def rates(labels, texts, **changes):
    return planted.rates(planted.rows(labels, texts, [model(**changes)])).set_index("mode")


def test_what_is_planted_and_always_found_is_found_at_its_rate():
    found = rates(*records(), planted={"leakage": 0.4, "panic": 0.4, "self_doubt": 0.4})
    assert found.index.tolist() == list(schema.MODES)
    assert found["planted"].tolist() == found["detected"].tolist() == found["shown"].tolist() == [0.4] * 3
    assert found["n"].tolist() == found["n_clusters"].tolist() == [40] * 3
    assert found[["missed", "extra"]].to_numpy().sum() == 0


def test_modes_that_are_not_named_were_planted_at_zero():
    found = rates(*records(hits=0), planted={"panic": 0.4})
    assert found["planted"].to_dict() == {"leakage": 0, "panic": 0.4, "self_doubt": 0}
    assert found["detected"].eq(0).all() and found["ci_low"].eq(0).all() and found["ci_high"].between(0.01, 0.2).all()


def test_missed_and_extra_rows_are_counted_apart():
    found = rates(*records(lucky=2), planted={"panic": 0.4}).loc["panic"]  # two dropped thoughts, right all the same
    assert (found["detected"], found["shown"], found["missed"], found["extra"]) == (14 / 40, 0.4, 2, 0)
    labels, texts = records(hits=0)
    labels.loc[labels["interrupt"].eq("end_thinking").idxmax(), "leakage"] = True
    found = rates(labels, texts).loc["leakage"]
    assert (found["detected"], found["shown"], found["missed"], found["extra"]) == (1 / 40, 0, 0, 1)


def test_intervals_are_those_of_the_problems():
    labels, texts = records()
    rows = planted.rows(labels, texts, [model()])
    twice = pd.concat([rows, rows])  # each problem at two positions, with the same outcome
    once, found = (planted.rates(frame).set_index("mode") for frame in (rows, twice))
    assert found["n"].eq(2 * once["n"]).all() and found["n_clusters"].eq(once["n_clusters"]).all()
    pd.testing.assert_frame_equal(found[["ci_low", "ci_high"]], once[["ci_low", "ci_high"]], atol=1e-9)
    own = rows[rows["mode"].eq("panic")]
    wanted = stats.mean_ci(own.assign(detected=own["detected"].astype(float)), "detected", [], method="score").iloc[0]
    assert once.loc["panic", ["ci_low", "ci_high"]].tolist() == wanted[["ci_low", "ci_high"]].tolist()


def test_rows_that_could_not_show_a_mode_are_left_out():
    labels, texts = records(wrong=10)
    assert rates(labels, texts)["n"].to_dict() == {"leakage": 40, "panic": 30, "self_doubt": 30}
    steps = [thought.lines(change.original) for _, change in tiny.stories(40)]
    for left, wanted in ((0, (0, 0, 40)), (1, (40, 0, 40)), (2, (40, 40, 40))):
        labels, texts = records()
        kept = ["".join(lines[: len(lines) - 1 - left]) for lines in steps for _ in schema.MODES]
        rows = planted.rows(labels, texts.assign(kept=kept), [model()])
        assert tuple(rows["mode"].eq(mode).sum() for mode in schema.MODES) == wanted


def test_rows_of_other_models_and_other_problems_are_left_out():
    labels, texts = records()
    assert planted.rows(labels, texts, [model(planted=None)]).empty
    assert planted.rows(labels, texts, [model(name="other")]).empty
    assert planted.rows(labels, texts.assign(asked="Sort the list."), [model()]).empty
    assert planted.rates(planted.rows(labels, texts, [])).empty


def test_a_step_by_the_old_number_is_doubt_that_nobody_put_in_words():
    change = next(made for _, made in tiny.stories(40) if made.place > 0)
    texts = {"asked": change.revised.text(), "problem": change.original.text()}
    old, new = ("".join(thought.lines(story)) for story in (change.revised, change.original))
    assert planted._doubts({**texts, "reasoning": old}) and not planted._doubts({**texts, "reasoning": new})


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


@pytest.mark.usefixtures("paper_style")
def test_the_figure_takes_the_frame():
    labels, texts = records()
    frame = planted.rates(planted.rows(labels, texts, [model(planted={"leakage": 0.4})]))
    assert len(figures.planted_and_detected(frame).axes) == len(schema.MODES)
