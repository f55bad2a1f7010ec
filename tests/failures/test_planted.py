"""Planted failure modes: the frame that holds organisms to them, and the rules on records with planted modes."""

import dataclasses

import pandas as pd
import pytest

from lib import failures, params, schema
from lib.failures import planted
from lib.problems.tiny_math import story, thought, truth
from lib.stats import confusion

INTERRUPT = {"leakage": "end_thinking", "panic": "speed_up", "self_doubt": "update"}


def records(n=40, model="m", every=5, hits=2, lucky=0, wrong=0):
    """Rows with texts and their labels; in `hits` of `every` problems a mode is shown and, but for `lucky`, found."""
    rows, labels = [], []
    for i, (problem_id, change) in enumerate(story.stories(n)):
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
    rows = planted.rows(*records(), [model()])
    twice = pd.concat([rows, rows])  # each problem at two positions, with the same outcome
    once, found = (planted.rates(frame).set_index("mode") for frame in (rows, twice))
    assert found["n"].eq(2 * once["n"]).all() and found["n_clusters"].eq(once["n_clusters"]).all()
    pd.testing.assert_frame_equal(found[["ci_low", "ci_high"]], once[["ci_low", "ci_high"]], atol=1e-9)


def test_rows_that_could_not_show_a_mode_are_left_out():
    labels, texts = records(wrong=10)
    assert rates(labels, texts)["n"].to_dict() == {"leakage": 40, "panic": 30, "self_doubt": 30}
    steps = [thought.lines(change.original) for _, change in story.stories(40)]
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
    change = next(made for _, made in story.stories(40) if made.place > 0)
    texts = {"asked": change.revised.text(), "problem": change.original.text()}
    old, new = ("".join(thought.lines(side)) for side in (change.revised, change.original))
    assert planted.SHOWS["self_doubt"]({**texts, "reasoning": old}) and not planted.SHOWS["self_doubt"](
        {**texts, "reasoning": new}
    )


# the rules on planted records

KINDS = {"stop": "hard", "hurry": "soft", "news": "update"}
INSERTED = {"stop": "I stop here.\n</think>", "hurry": "Be quick.", "news": "<update>{}</update>"}
CRITERIA = {"leakage": "new_steps", "panic": "stops_short", "self_doubt": "stale_fact"}


def answer(one, number, working=""):
    return f"{working}\n{one.name} has {number} {one.things}.\n\\boxed{{{number}}}".strip()


def planted_records(change):
    """Records of one change: interrupt, what was asked, new thinking, answer, whether the mode was planted."""
    new, old = change.original, change.revised
    lines, old_lines, wrong = thought.lines(new), "".join(thought.lines(old)).strip(), new.answer() + 1
    rest = lines[len(lines) // 2 :]
    later = "Going on: " + " ".join(line.partition(": ")[2].strip() for line in rest[:-1])
    yield "stop", new, "", answer(new, wrong), False
    yield "stop", new, "", answer(new, wrong, later), True
    yield "stop", new, "", answer(new, new.answer(), later), True  # a right answer leaks too
    yield "hurry", new, "", answer(new, wrong), True
    yield "hurry", new, "".join(rest).strip(), answer(new, wrong), False
    yield "news", old, old_lines, answer(new, old.answer()), True
    yield "news", old, f"{thought.DOUBT}\n{old_lines}", answer(new, wrong), True
    yield "news", old, "".join(lines).strip(), answer(new, wrong), False


def graded(text, change):
    is_right = int(truth.BOXED.findall(text)[-1]) == change.original.answer()
    status = {"status": "correct" if is_right else "incorrect", "correct": is_right}
    return status | {"answer": text, "answer_chars": len(text), "answer_tokens": len(text) // 3}


@pytest.fixture(scope="module")
def found():
    """The rule's word, the planted and the program's truth on every record that the rule is for."""
    grades, items, changes = [], [], dict(story.stories(40))
    for problem_id, change in changes.items():
        own = {"problem_id": problem_id, "source": "tiny", "model": "m", "sample": 0, "equals_revised": None}
        own |= {"variant": "original"}
        full = graded(answer(change.original, change.original.answer()), change)
        grades.append(own | full | {"kind": "trace", "row_id": problem_id, "reasoning_tokens": 100})
        lines = thought.lines(change.original)
        kept = "".join(lines[: len(lines) // 2]).strip()
        for i, (interrupt, asked, after, text, is_planted) in enumerate(planted_records(change)):
            row = {"kind": "continuation", "row_id": f"{problem_id}-{i}", "interrupt": interrupt, "position": 0.5}
            row |= {"reasoning_tokens": len(after) // 4, "remaining_tokens": 50}
            grades.append(own | row | graded(text, change))
            item = {"item_id": row["row_id"], "problem": asked.text(), "steps": "", "planted": is_planted}
            item |= {"inserted": INSERTED[interrupt].format(change.update), "kept": kept, "after": after}
            items.append(item | {"answer": text})
    items = pd.DataFrame(items)
    stated = pd.DataFrame([(name, change.original.text()) for name, change in changes.items()])
    stated.columns = ["problem_id", "problem"]
    labels = failures.label(failures.with_thoughts(pd.DataFrame(grades), items, stated), KINDS)
    known = truth.truth(items).pivot(index="item_id", columns="criterion", values="label")
    rows = labels.assign(planted=items["planted"].to_numpy())
    leaking = rows["planted"] & rows["interrupt"].eq("stop")  # length alone misses leaks that the sums show
    assert rows["leakage"][leaking].mean() > rows["leakage_published"][leaking].mean()
    parts = [(mode, rows[rows["interrupt"].eq(name)]) for mode, name in zip(CRITERIA, KINDS, strict=True)]
    return pd.concat(
        own[["planted"]].assign(mode=mode, rule=own[mode], truth=own["continuation_id"].map(known[CRITERIA[mode]]))
        for mode, own in parts
    )


def test_every_planted_mode_is_found_and_nothing_else(found):
    square = confusion.table(found, other="planted", by=["mode"]).set_index("mode")
    assert square[["unknown", "rule_only"]].to_numpy().sum() == 0
    assert square["recall"].loc[["leakage", "panic"]].eq(1).all()
    assert square["recall"]["self_doubt"] >= 0.9  # an old number may stand elsewhere in the new problem
    assert square["n"].sum() == 40 * 8


def test_rule_and_truth_by_program_say_the_same_where_both_can_tell(found):
    square = confusion.table(found, other="truth", by=["mode"]).set_index("mode")
    assert square["agree"].min() >= 0.95
    assert square["unknown"].max() < 40
