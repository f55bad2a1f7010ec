"""Selection: planted criteria fall for the fault that was planted, and figures equal known answers."""

import random

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lib.grm.evolution import prune
from lib.grm.evolution.prune import Limits
from lib.grm.rubric import Criterion, Option, Rubric
from lib.stats import bootstrap
from tests.fakes.evolution import RUBRIC as KNOWN

LEVELS = (
    Option("none", 0.0, "no step"),
    Option("some", 0.5, "half of the steps"),
    Option("all", 1.0, "every step"),
)


def criterion(name, polarity="desired", **more):
    return Criterion(name, f"Is {name} so?", polarity, ("answer",), **more)


# each with the fault that it is expected to be dropped for
EXPECTED = {
    "good": "",
    "other_good": "",
    "bad_thing": "",
    "useless": "discrimination",
    "copy": "twin",
    "wordy": "length",
    "noisy": "retest",
    "reversed": "direction",
    "always": "variance",
    "seldom": "variance",
    "gappy": "coverage",
}
CRITERIA = tuple(criterion(name, "undesired" if name == "bad_thing" else "desired") for name in EXPECTED)
RUBRIC = Rubric("planted", "1.0.0", "Planted", "answer", ("soft",), CRITERIA, "us")


def world(seed=0, problems=100, each=4):
    """Items with an outcome and a length that goes with it a little."""
    draw = np.random.default_rng(seed)
    items = [{"item_id": f"{p}-{i}", "problem_id": f"p{p}"} for p in range(problems) for i in range(each)]
    frame = pd.DataFrame(items)
    frame["good"] = draw.random(len(frame)) < 0.5
    frame["length"] = np.exp(6 + 0.5 * frame["good"] + draw.normal(size=len(frame)))
    return frame


def judgements(frame, seed=0, samples=3, names=EXPECTED):
    draw, n = np.random.default_rng(seed + 1), len(frame)
    good = frame["good"].to_numpy()

    def hit(rate_good, rate_bad):
        return draw.random(n) < np.where(good, rate_good, rate_bad)

    truth = {"good": hit(0.85, 0.2), "other_good": hit(0.8, 0.3), "bad_thing": hit(0.2, 0.75)}
    truth |= {"useless": hit(0.5, 0.5), "noisy": hit(0.85, 0.2), "reversed": hit(0.2, 0.8), "gappy": hit(0.9, 0.2)}
    truth |= {"always": hit(1, 1), "seldom": hit(0.03, 0), "copy": truth["good"] ^ (draw.random(n) < 0.04)}
    truth["wordy"] = frame["length"].to_numpy() > frame["length"].median()
    rows = []
    for name in names:
        for sample in range(samples):
            slips = draw.random(n) < {"noisy": 0.3, "always": 0, "seldom": 0, "copy": 0.08}.get(name, 0.03)
            lost = draw.random(n) < (0.55 if name == "gappy" else 0.01)
            for item, said, is_lost in zip(frame.itertuples(), truth[name] ^ slips, lost, strict=True):
                told = {"item_id": item.item_id, "problem_id": item.problem_id, "criterion": name, "sample": sample}
                verdict = None if is_lost else "yes" if said else "no"
                rows.append(told | {"status": "parse_error" if is_lost else "ok", "verdict": verdict})
    return pd.DataFrame(rows)


def pruned(frame, rows, rubric=RUBRIC, **more):
    told = frame.set_index("item_id")
    found = prune.prune(rows, rubric, told["good"], told["length"], draws=300, **more)
    assert list(found.columns) == prune.COLUMNS and found["criterion"].tolist() == [one.id for one in rubric.criteria]
    assert (found["fault"].eq("") == found["why"].eq("")).all()
    return found.set_index("criterion")


@pytest.mark.parametrize("seed", range(2))
def test_planted_criteria_meet_their_fate_each_for_its_own_reason(seed):
    frame = world(seed)
    found = pruned(frame, judgements(frame, seed))
    lucky = {"useless": "gain"} if found.loc["useless", "fault"] == "gain" else {}  # 1 in 40 by the AUC, and falls here
    assert found["fault"].to_dict() == EXPECTED | lucky
    assert found["kept"].to_dict() == {name: not fault for name, fault in EXPECTED.items()}
    assert found.loc["copy", "why"].startswith("it says what good says (phi 0.")
    assert found.loc["reversed", "auc_high"] < 0.5 < found.loc["good", "auc_low"]
    assert found.loc["wordy", "length_r"] > found.loc["wordy", "outcome_r"]
    assert "bad items do better on it" in found.loc["reversed", "why"]
    assert "goes with length by 0." in found.loc["wordy", "why"]
    assert "samples agree with kappa" in found.loc["noisy", "why"]
    assert "of the items have a verdict, expected at least 90%" in found.loc["gappy", "why"]


def test_what_is_known_stays_unless_it_never_varies_and_new_criteria_must_add_to_it():
    frame = world(2)
    rows = judgements(frame, 2)
    known = ("copy", "useless", "seldom", "always", "noisy")
    found = pruned(frame, rows, known=known)
    assert found.loc[list(known), "kept"].to_dict() == dict.fromkeys(known, True) | {"always": False}
    assert found.loc["useless", "fault"] == "discrimination"  # told all the same
    assert (found.loc["good", "fault"], found.loc["good", "twin"]) == ("twin", "copy")
    assert found.loc[["copy", "seldom"], "gain"].isna().all() and found.loc["other_good", "gain"] > 0.01


def test_there_are_never_more_than_the_cap():
    frame, names = world(1), ("good", "other_good", "bad_thing")
    rows = judgements(frame, 1, names=names)
    found = pruned(frame, rows, RUBRIC.only(names), limits=Limits(most=1), known=("other_good",))
    assert found["kept"].to_dict() == {"good": False, "other_good": True, "bad_thing": False}
    assert found.loc["good", "why"] == "others add more, and there may be 1 criteria"


def test_a_criterion_that_adds_nothing_is_dropped_though_it_is_no_twin():
    frame = world(3, problems=150)
    rows = judgements(frame, 3, names=["good"])
    draw = np.random.default_rng(0)  # an echo of `good` with slips of its own: nothing of it is about the outcome
    echo = rows.pivot(index="item_id", columns="sample", values="verdict").mode(axis=1)[0]
    slips = pd.Series(draw.random(len(echo)) < 0.15, echo.index)
    echo = echo.where(~slips, echo.map({"yes": "no", "no": "yes"}))
    more = rows.assign(criterion="useless", status="ok", verdict=rows["item_id"].map(echo))
    rubric = RUBRIC.only(["good", "useless"])
    found = pruned(frame, pd.concat([rows, more]), rubric)
    assert found["fault"].to_dict() == {"good": "", "useless": "gain"}
    assert found.loc["useless", "auc_low"] > 0.5 and "nats an item" in found.loc["useless", "why"]
    assert found.loc["good", "gain"] > 0.1 > 0.001 > found.loc["useless", "gain"]
    alone = pruned(frame, pd.concat([rows, more]), rubric, compare=False)
    assert alone["kept"].all() and alone["gain"].isna().all()


@pytest.mark.parametrize(
    ("change", "fault", "why"),
    [
        (lambda frame, rows: (frame, rows[rows["sample"].eq(0)]), "retest", "no item has two usable verdicts"),
        (lambda frame, rows: (frame.assign(good=True), rows), "discrimination", "good and bad items of two problems"),
        (lambda frame, rows: (frame.assign(good=None), rows), "discrimination", "good and bad items of two problems"),
        (lambda frame, rows: (frame, rows.assign(problem_id="p")), "discrimination", "good and bad items of two"),
        (lambda frame, rows: (frame, rows.assign(status="refused")), "coverage", "0% of the items have a verdict"),
        (lambda frame, rows: (frame.assign(length=9.0), rows), "", ""),
    ],
    ids=["one sample", "one outcome", "no outcome", "one problem", "all refused", "one length"],
)
def test_what_is_undefined_proves_nothing_and_is_null(change, fault, why):
    frame = world(0)
    rubric = RUBRIC.only(["good"])
    frame, rows = change(frame, judgements(frame, names=["good"]))
    found = pruned(frame, rows, rubric).loc["good"]
    assert found["fault"] == fault and found["why"].startswith(why)
    if fault in ("discrimination", "coverage"):
        assert pd.isna(found["auc_low"])
    if not fault:
        assert pd.isna(found["length_r"])


def test_few_perfect_problems_prove_little():
    frame = world(0, problems=3)
    rows = judgements(frame, names=["good"], samples=2)
    rows = rows.assign(
        status="ok", verdict=rows["item_id"].map(frame.set_index("item_id")["good"]).map({True: "yes", False: "no"})
    )
    rubric = RUBRIC.only(["good"])
    found = pruned(frame, rows, rubric).loc["good"]
    assert found["auc"] == 1 and found["auc_low"] < 0.5 and found["fault"] == "discrimination"


# sifting


@pytest.mark.parametrize(
    ("question", "polarity", "status"),
    [
        ("Is the unit stated?", "desired", None),
        ("Is a word of thanks written?", "desired", "duplicate"),
        ("Is a word of thanks written?", "undesired", "mirrored"),
        ("Is no word of thanks written?", "undesired", "mirrored"),
        ("Is no word of thanks written?", "desired", "mirrored"),
        ("IS A WORD OF THANKS, WRITTEN?", "desired", "duplicate"),
        ("Is the tone good?", "desired", "vague"),
        ("Is it red? Is it blue?", "desired", "vague"),
        ("Is the answer more concise than the thinking?", "desired", "length"),
        ("Does the thinking stop short of a result?", "undesired", None),
    ],
)
def test_what_needs_no_trial_is_sifted_out(question, polarity, status):
    kept, dropped = prune.sift(KNOWN, [Criterion("one", question, polarity, ("answer",))])
    assert (len(kept), dropped.get("one", (None,))[0]) == (status is None, status)


def test_of_two_proposals_alike_the_first_stays():
    made = [Criterion(name, "Is the unit stated?", "desired", ("answer",)) for name in ("a", "b")]
    kept, dropped = prune.sift(KNOWN, made)
    assert [one.id for one in kept] == ["a"] and dropped["b"][1].startswith("repeats a, whose words it has by 100")


# the figures


@pytest.mark.parametrize("seed", range(5))
def test_the_auc_is_that_of_scikit_learn_also_in_every_draw(seed, drawn_rows):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame({"value": draw.integers(0, 4, 60) / 3, "truth": draw.integers(0, 2, 60).astype(float)})
    frame["problem_id"] = draw.integers(0, 9, 60)
    frame.loc[:2, "value"], frame.loc[3:5, "truth"] = np.nan, np.nan
    known = frame.dropna()
    fast = bootstrap.resample(frame, prune.auc("value", "truth", np.unique(known["value"])), 50, 0)

    def slow(rows):
        return roc_auc_score(rows["truth"], rows["value"]) if rows["truth"].nunique() > 1 else np.nan

    assert fast == pytest.approx([slow(rows.dropna()) for rows in (frame, *drawn_rows(frame, 50, 0))], nan_ok=True)


ORDINAL = criterion("steps", scale="ordinal", options=LEVELS)
ALIKE = [("none", "none"), ("some", "some"), ("all", "all")] * 5


@pytest.mark.parametrize(
    ("of", "said", "kappa"),
    [
        (criterion("good"), [("yes", "yes"), ("no", "no")], 1.0),
        (criterion("good"), [("yes", "no"), ("no", "yes")], -1.0),
        (criterion("good"), [("yes", "yes"), ("yes", "no"), ("no", "no"), ("no", "yes")], 0.0),
        (criterion("good"), [("yes", None), ("no", None)], None),
        (criterion("good"), [("yes", "yes"), ("yes", "yes")], None),
        (ORDINAL, ALIKE, 1.0),
        (ORDINAL, [*ALIKE, ("none", "some")], 0.952),
        (ORDINAL, [*ALIKE, ("none", "all")], 0.818),
    ],
)
def test_retest_is_kappa_of_samples(of, said, kappa):
    rows = [
        {"item_id": i, "sample": k, "status": "ok" if one else "truncated", "verdict": one}
        for i, pair in enumerate(said)
        for k, one in enumerate(pair)
    ]
    found = prune.retest(pd.DataFrame(rows), of)
    assert found is None if kappa is None else found == pytest.approx(kappa, abs=0.001)


def test_a_partial_correlation_is_that_of_the_formula_and_zero_where_nothing_is_left():
    draw = random.Random(1)
    a, b, c = (pd.Series([draw.gauss(0, 1) for _ in range(200)]) for _ in range(3))
    a, b = a + c, b + c + 0.3 * a
    ab, ac, bc = a.corr(b), a.corr(c), b.corr(c)
    assert prune.partial(a, b, c) == pytest.approx((ab - ac * bc) / ((1 - ac**2) * (1 - bc**2)) ** 0.5)
    assert prune.partial(a, b, a) == 0.0 and prune.partial(a, b, a * 0) == pytest.approx(ab)
    assert prune.partial(a, b * 0, c) is None and prune.partial(a[:2], b[:2], c[:2]) is None
