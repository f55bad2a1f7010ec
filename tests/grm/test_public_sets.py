"""Public sets of marked solutions: read by FAKE judges of known skill, and by the real engine."""

import dataclasses
import json
import re

import numpy as np
import pandas as pd
import pytest

from lib import grm, params, schema
from lib.engine import Completion
from lib.grm import fence, labelled, public_sets
from lib.grm.judge import COLUMNS
from lib.markup import tokens


class Fake:
    """A FAKE engine that knows where the faults are: it quotes the line that `says` names for the item it is shown."""

    def __init__(self, items, says=lambda row, seed: row["first_fault"]):
        model = params.load_model("tiny-lrm-m")
        self.model = dataclasses.replace(model, max_model_len=200_000, max_tokens=9000)
        self.known = {row["steps"]: row for row in items.to_dict("records")}
        self.says = says

    def generate(self, requests):
        for request in requests:
            asked = tokens.decode(request.prompt_ids, self.model)
            mark = re.search(r"mark ([0-9a-f]{12})", asked.replace("\n", " "))[1]
            steps = fence.visible(fence.unfence(asked, "steps", mark))
            row = self.known[steps]
            step = self.says(row, request.seed)
            quotes = [] if pd.isna(step) else [row["steps"].split("\n")[step - 1]]
            verdict = {"criterion": "faulty_step", "evidence": quotes, "reason": "so"}
            verdict |= {"verdict": "yes" if quotes else "no"}
            text = "nothing" if step == -1 else json.dumps({"judgements": [verdict]})
            yield Completion(request.key, tokens.marks(f"<think>\n</think>\n\n{text}", self.model), "stop", 0)

    def close(self):
        pass


def found(items, says=None, samples=1, **options):
    ready = Fake(items, says) if says else Fake(items)
    rows = public_sets.judged(grm.Judge(ready, grm.Policy(attempts=1)), items, samples)
    return public_sets.figures(public_sets.voted(rows, items), draws=300, **options).set_index("figure"), rows


@pytest.mark.parametrize("name", labelled.SETS)
def test_an_honest_judge_finds_every_marked_step(name, shared_data):
    items = labelled.load(name, shared_data / "grm").head(24)
    told, rows = found(items)
    assert list(rows.columns) == [*COLUMNS, "step"] and rows["status"].eq("ok").all()
    assert rows["step"].fillna(0).tolist() == items["first_fault"].fillna(0).tolist()
    assert told.loc[["coverage", "accuracy_faulty"], "value"].eq(1).all()
    if items["is_sound"].any():
        assert told["value"].eq(1).all() and told["why"].eq("").all()
    assert told.loc["accuracy_faulty", "items"] == (~items["is_sound"]).sum()


def test_judges_that_always_say_the_same_have_no_f1(shared_data):
    items = labelled.load("mrben_math", shared_data / "grm").head(30)
    never, _ = found(items, lambda row, seed: None)
    assert never["value"].loc[["accuracy_faulty", "accuracy_sound", "f1", "kappa"]].tolist() == [0, 1, 0, 0]
    assert np.isnan(never.loc["mcc", "value"]) and never.loc["mcc", "why"] == "only one label is given"
    first, _ = found(items, lambda row, seed: 1)
    assert first.loc["accuracy_sound", "value"] == 0 and first.loc["sensitivity", "value"] == 1
    assert first.loc["accuracy_faulty", "value"] == pytest.approx(
        items["first_fault"].eq(1).sum() / (~items["is_sound"]).sum()
    )


def marked(faulty, sound, each=1):
    """Steps voted on: of (items, hits) faulty and sound solutions."""
    rows = [{"truth": 3, "step": 3 if i < faulty[1] else 0} for i in range(faulty[0])]
    rows += [{"truth": 0, "step": 0 if i < sound[1] else 2} for i in range(sound[0])]
    frame = pd.DataFrame(rows).astype("Int64")
    names = [f"i{i}" for i in range(len(frame))]
    return frame.assign(item_id=names, problem_id=[f"p{i // each}" for i in range(len(frame))], votes=1, samples=1)


def test_figures_are_as_counted_by_hand():
    told = public_sets.figures(marked((83, 44), (76, 40)), draws=300).set_index("figure")["value"]
    assert told["accuracy_faulty"] == pytest.approx(44 / 83) and told["accuracy_sound"] == pytest.approx(40 / 76)
    assert told["f1"] == pytest.approx(0.5282, abs=1e-4)
    agree, chance = (44 + 40) / 159, (83 * (44 + 36) + 76 * (39 + 40)) / 159**2
    assert told["kappa"] == pytest.approx((agree - chance) / (1 - chance))
    hits = np.sqrt(83 * 76 * 80 * 79)
    assert told["mcc"] == pytest.approx((44 * 40 - 36 * 39) / hits)


def test_intervals_are_of_whole_problems():
    wide, narrow = (
        public_sets.figures(marked((80, 40), (80, 40), each=each), draws=500).set_index("figure").loc["accuracy_faulty"]
        for each in (8, 1)
    )
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
    told = public_sets.figures(marked((20, 10), (0, 0)), draws=100).set_index("figure")
    assert told.loc["accuracy_sound", "why"] == "no such solution has a usable verdict"
    assert (
        told.loc["f1", "why"] == "only one label is true" and told.loc[["f1", "balanced_accuracy"], "low"].isna().all()
    )
    assert told.loc["accuracy_faulty", "value"] == 0.5


@pytest.mark.parametrize(
    ("named", "step"),
    [([3, 3, 2], 3), ([3, 2], 2), ([0, 2], 2), ([0, 0, 2], 0), ([None, 4], 4), ([None, None], None)],
)
def test_the_step_named_most_often_counts_and_a_fault_before_none(named, step):
    items = pd.DataFrame({"item_id": ["i"], "first_fault": pd.array([None], "Int64")})
    rows = pd.DataFrame({"item_id": "i", "problem_id": "p", "step": pd.array(named, "Int64")})
    told = public_sets.voted(rows, items).iloc[0]
    assert (told["truth"], told["samples"], told["votes"]) == (0, len(named), sum(one is not None for one in named))
    assert pd.isna(told["step"]) if step is None else told["step"] == step


def test_several_samples_mend_what_one_gets_wrong(shared_data):
    items = labelled.load("bbmistake_arith", shared_data / "grm").head(30)

    def noisy(row, seed):
        return row["first_fault"] if seed % 3 else None if pd.notna(row["first_fault"]) else 1

    one, _ = found(items, noisy)
    many, rows = found(items, noisy, samples=7)
    assert len(rows) == 7 * len(items)
    assert many.loc["f1", "value"] > one.loc["f1", "value"] and many.loc["f1", "value"] > 0.8


@pytest.mark.engine
def test_with_a_real_model_every_solution_ends_with_a_status(shared_data, loaded):
    """A TinyLRM knows nothing of judging; what it cannot do must be told, and never be a verdict."""
    items = labelled.load("bbmistake_arith", shared_data / "grm").head(5)
    rows = public_sets.judged(grm.Judge(loaded("tiny-lrm-m"), grm.Policy(max_tokens=64)), items, samples=2)
    assert len(rows) == 10 and rows["status"].isin(schema.JUDGEMENT_STATUSES).all()
    failed = rows[rows["status"].ne("ok")]
    assert failed[["value", "step"]].isna().all(axis=None)
    assert failed["why"].notna().sum() == (~failed["status"].isin(("abstain", "evidence_missing"))).sum()
    told = public_sets.figures(public_sets.voted(rows, items), draws=100).set_index("figure")
    assert told.loc["coverage", "value"] == pytest.approx(rows.groupby("item_id")["step"].count().gt(0).mean())
