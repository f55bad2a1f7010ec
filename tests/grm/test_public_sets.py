"""Public sets of marked solutions: loaded whole, and read by FAKE judges of known skill and by the real engine."""

import json

import numpy as np
import pandas as pd
import pytest

from lib import grm, schema
from lib.grm import fence, public_sets
from lib.problems.jsonl import ProblemError
from tests.fakes.judge import Fake

COUNTS = {"mrben_math": (150, 75), "mrben_coding": (40, 20), "bbmistake_arith": (141, 22), "prmbench": (90, None)}


@pytest.fixture
def load(shared_data):
    return lambda name: public_sets.load(name, shared_data / "grm")


@pytest.mark.parametrize("name", public_sets.SETS)
def test_every_row_is_an_item_whose_fault_is_one_of_its_steps(name, load):
    frame = load(name)
    count, sound = COUNTS[name]
    assert list(frame.columns) == public_sets.ITEMS and len(frame) == count and frame["item_id"].is_unique
    assert sound is None or frame["is_sound"].sum() == sound
    for row in frame.to_dict("records"):
        steps = row["steps"].splitlines()
        assert [line.split(".")[0] for line in steps] == [str(i) for i in range(1, len(steps) + 1)]
        assert row["is_sound"] or 1 <= row["first_fault"] <= len(steps)


def test_the_marked_step_of_a_known_row_is_the_one_that_is_numbered_so(shared_data, load):
    rows = [json.loads(line) for line in (shared_data / "grm" / "bbmistake_arith.jsonl").open()]
    frame = load("bbmistake_arith").set_index("item_id")
    known = next(row for row in rows if row["first_error_step"] and not row["label_conflict"])
    item = frame.loc[known["id"]]
    line = item["steps"].splitlines()[item["first_fault"] - 1]
    assert line == f"{known['first_error_step']}. {' '.join(known['steps'][known['first_error_step'] - 1].split())}"
    assert not frame.index.isin([row["id"] for row in rows if row["label_conflict"]]).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": None}, r"prmbench\.jsonl:1: steps: expected a list of texts"),
        ({"steps": ["a", " "]}, r"prmbench\.jsonl:1: steps: expected a list of texts"),
        ({"question": ""}, r"prmbench\.jsonl:1: question: expected a text"),
        (
            {"first_error_step": ...},
            r"prmbench\.jsonl:1: first_error_step: expected a step from 1 or null, got no such",
        ),
    ],
)
def test_a_row_without_a_field_is_named(tmp_path, change, message):
    row = {"id": "x", "question": "q", "steps": ["a"], "first_error_step": 1} | change
    row = {key: value for key, value in row.items() if value is not ...}
    (tmp_path / "prmbench.jsonl").write_text(json.dumps(row))
    with pytest.raises(ProblemError, match=message):
        public_sets.load("prmbench", tmp_path)
    with pytest.raises(ValueError, match="gsm8k: no such set, expected one of mrben_math, "):
        public_sets.load("gsm8k", tmp_path)


def measured(items, names=lambda row, seed: row["first_fault"], samples=1):
    """Figures and judgements of a FAKE judge that quotes the line `names` gives for a row and a seed."""
    known = {row["steps"]: row for row in items.to_dict("records")}

    def mind(shown):
        row = known[fence.visible(shown.views["steps"])]
        step = names(row, shown.seed)
        return "no" if pd.isna(step) else ("yes", [row["steps"].split("\n")[step - 1]])

    judge = grm.Judge(Fake(mind=mind, max_model_len=200_000), grm.Policy(attempts=1))
    rows = public_sets.judge_steps(judge, items, samples)
    return public_sets.figures(public_sets.vote_steps(rows, items), draws=300).set_index("figure"), rows


@pytest.mark.parametrize("name", public_sets.SETS)
def test_an_honest_judge_finds_every_marked_step(name, load):
    items = load(name).head(24)
    found, rows = measured(items)
    assert rows["status"].eq("ok").all() and rows["step"].fillna(0).tolist() == items["first_fault"].fillna(0).tolist()
    assert found.loc[["coverage", "accuracy_faulty"], "value"].eq(1).all()
    if items["is_sound"].any():
        assert found["value"].eq(1).all() and found["why"].eq("").all()
    assert found.loc["accuracy_faulty", "items"] == (~items["is_sound"]).sum()


def test_judges_that_always_say_the_same_have_no_f1(load):
    items = load("mrben_math").head(30)
    never, _ = measured(items, lambda row, seed: None)
    assert never["value"].loc[["accuracy_faulty", "accuracy_sound", "f1", "kappa"]].tolist() == [0, 1, 0, 0]
    assert np.isnan(never.loc["mcc", "value"]) and never.loc["mcc", "why"] == "only one label is given"
    first, _ = measured(items, lambda row, seed: 1)
    assert first.loc["accuracy_sound", "value"] == 0 and first.loc["sensitivity", "value"] == 1
    share = items["first_fault"].eq(1).sum() / (~items["is_sound"]).sum()
    assert first.loc["accuracy_faulty", "value"] == pytest.approx(share)


def marked(faulty, sound, each=1):
    """Voted steps of (items, hits) faulty and sound solutions."""
    rows = [{"truth": 3, "step": 3 if i < faulty[1] else 0} for i in range(faulty[0])]
    rows += [{"truth": 0, "step": 0 if i < sound[1] else 2} for i in range(sound[0])]
    frame = pd.DataFrame(rows).astype("Int64")
    names = [f"i{i}" for i in range(len(frame))]
    return frame.assign(item_id=names, problem_id=[f"p{i // each}" for i in range(len(frame))], votes=1, samples=1)


def test_figures_are_as_counted_by_hand():
    found = public_sets.figures(marked((83, 44), (76, 40)), draws=300).set_index("figure")["value"]
    assert found["accuracy_faulty"] == pytest.approx(44 / 83) and found["accuracy_sound"] == pytest.approx(40 / 76)
    assert found["f1"] == pytest.approx(0.5282, abs=1e-4)
    agree, chance = (44 + 40) / 159, (83 * (44 + 36) + 76 * (39 + 40)) / 159**2
    assert found["kappa"] == pytest.approx((agree - chance) / (1 - chance))
    assert found["mcc"] == pytest.approx((44 * 40 - 36 * 39) / np.sqrt(83 * 76 * 80 * 79))
    wide, narrow = (
        public_sets.figures(marked((80, 40), (80, 40), each=each), draws=500).set_index("figure").loc["accuracy_faulty"]
        for each in (8, 1)
    )  # intervals are of whole problems
    assert wide["problems"] == 10 and wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])
    assert narrow["low"] < 0.5 < narrow["high"]


def test_what_has_no_usable_verdict_costs_coverage_or_counts_as_wrong():
    frame = marked((40, 30), (40, 30))
    frame.loc[:9, "step"] = pd.NA  # ten of the thirty hits
    out, wrong = (public_sets.figures(frame, missing, 300).set_index("figure")["value"] for missing in ("out", "wrong"))
    assert out["coverage"] == wrong["coverage"] == 70 / 80
    assert out["accuracy_faulty"] == pytest.approx(20 / 30) and wrong["accuracy_faulty"] == pytest.approx(20 / 40)
    assert out["accuracy_sound"] == wrong["accuracy_sound"] and out["kappa"] == wrong["kappa"]
    with pytest.raises(ValueError, match="missing: expected out or wrong, got 'drop'"):
        public_sets.figures(frame, "drop")


def test_a_set_without_sound_solutions_has_no_f1():
    found = public_sets.figures(marked((20, 10), (0, 0)), draws=100).set_index("figure")
    assert found.loc["accuracy_sound", "why"] == "no such solution has a usable verdict"
    assert found.loc["f1", "why"] == "only one label is true" and found.loc["accuracy_faulty", "value"] == 0.5
    assert found.loc[["f1", "balanced_accuracy"], "low"].isna().all()


@pytest.mark.parametrize(
    ("named", "step"),
    [([3, 3, 2], 3), ([3, 2], 2), ([0, 2], 2), ([0, 0, 2], 0), ([None, 4], 4), ([None, None], None)],
)
def test_the_step_named_most_often_counts_and_a_fault_before_none(named, step):
    items = pd.DataFrame({"item_id": ["i"], "first_fault": pd.array([None], "Int64")})
    rows = pd.DataFrame({"item_id": "i", "problem_id": "p", "step": pd.array(named, "Int64")})
    voted = public_sets.vote_steps(rows, items).iloc[0]
    assert (voted["truth"], voted["samples"]) == (0, len(named)) and voted["votes"] == sum(x is not None for x in named)
    assert pd.isna(voted["step"]) if step is None else voted["step"] == step


def test_several_samples_mend_what_one_gets_wrong(load):
    def noisy(row, seed):
        return row["first_fault"] if seed % 3 else None if pd.notna(row["first_fault"]) else 1

    items = load("bbmistake_arith").head(30)
    one, _ = measured(items, noisy)
    many, rows = measured(items, noisy, samples=7)
    assert len(rows) == 7 * len(items) and many.loc["f1", "value"] > max(0.8, one.loc["f1", "value"])


@pytest.mark.engine
def test_with_a_real_model_every_solution_ends_with_a_status(load, loaded):
    """A TinyLRM knows nothing of judging; what it cannot do must be told, and never be a verdict."""
    items = load("bbmistake_arith").head(5)
    rows = public_sets.judge_steps(grm.Judge(loaded("tiny-lrm-m"), grm.Policy(max_tokens=64)), items, samples=2)
    assert len(rows) == 10 and rows["status"].isin(schema.JUDGEMENT_STATUSES).all()
    failed = rows[rows["status"].ne("ok")]
    assert failed[["value", "step"]].isna().all(axis=None)
    assert failed["why"].notna().sum() == (~failed["status"].isin(("abstain", "evidence_missing"))).sum()
    found = public_sets.figures(public_sets.vote_steps(rows, items), draws=100).set_index("figure")
    assert found.loc["coverage", "value"] == pytest.approx(rows.groupby("item_id")["step"].count().gt(0).mean())
