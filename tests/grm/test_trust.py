"""Trust: judges of planted quality get the figures and the standing that they deserve."""

import random
from dataclasses import replace

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from lib.grm import trust
from lib.stats import calibration
from tests.fakes.judge import KIND, LEVELS, RUBRIC


def planted(sensitivity, specificity, share=0.5, n=1200, failed=0.0, seed=1, each=2):
    """Votes on `kind` by a judge of known rates, and the truth."""
    rng = random.Random(seed)
    true = [rng.random() < share for _ in range(n)]
    said = [rng.random() < (sensitivity if so else 1 - specificity) for so in true]
    names = [f"i{i}" for i in range(n)]
    voted = pd.DataFrame({"item_id": names, "problem_id": [f"p{i // each}" for i in range(n)], "criterion": "kind"})
    voted["status"] = ["parse_error" if rng.random() < failed else "ok" for _ in range(n)]
    voted["verdict"] = np.where(voted["status"].eq("ok"), np.where(said, "yes", "no"), None)
    voted["confidence"] = np.where(voted["status"].eq("ok"), 0.9, np.nan)
    known = pd.DataFrame({"item_id": names, "criterion": "kind", "label": np.where(true, "yes", "no")})
    return voted, known


def erring(error, n=400, **options):
    """Votes that are wrong in a share `error`, and the truth."""
    return planted(1 - error, 1 - error, n=n, **options)


# standing


def of_kind(voted, truth):
    return trust.standing(voted, truth, RUBRIC, draws=500).set_index("criterion").loc["kind"]


@pytest.mark.parametrize(
    ("error", "kappa", "expected"),
    [(0.0, 1.0, "reported"), (0.1, 0.8, "reported"), (0.4, 0.2, "exploratory"), (0.5, 0.0, "exploratory")],
)
def test_a_judge_of_known_quality_gets_its_standing(error, kappa, expected):
    row = of_kind(*erring(error))
    assert row["standing"] == expected
    assert row["kappa"] == pytest.approx(kappa, abs=0.1)
    assert row["kappa_low"] <= row["kappa"] <= row["kappa_high"]
    assert row["balanced_accuracy"] == pytest.approx(1 - error, abs=0.05)
    assert (row["why"] == "") == (expected == "reported")


def test_failed_judgements_cost_coverage_and_not_agreement():
    row = of_kind(*erring(0.05, failed=0.3))
    assert row["coverage"] == pytest.approx(0.7, abs=0.06)
    assert row["balanced_accuracy"] == pytest.approx(0.95, abs=0.04)
    assert row["standing"] == "exploratory" and "of the items have a verdict, expected at least 95%" in row["why"]


def test_few_items_or_one_problem_or_one_label_are_no_proof():
    assert of_kind(*erring(0.0, n=12))["why"] == "balanced accuracy may be as low as 0.61, expected at least 0.65"
    assert of_kind(*erring(0.0, n=40))["standing"] == "reported"
    assert of_kind(*erring(0.1, n=40, each=40))["why"] == "all items are of one problem"
    voted, truth = erring(0.0, n=40)
    only = truth["label"].eq("yes").to_numpy()
    assert of_kind(voted[only], truth[only])["why"] == "only one label occurs"


def test_a_criterion_without_truth_is_not_calibrated():
    frame = trust.standing(*erring(0.1), RUBRIC, draws=50).set_index("criterion")
    assert frame.loc["hasty", "standing"] == frame.loc["right", "standing"] == "not calibrated"
    assert list(frame.index) == ["hasty", "kind", "right"]


def labels_by(raters, truth, seed=2):
    """Labels by people who are each wrong in a share of the items."""
    rng = random.Random(seed)
    other = {"yes": "no", "no": "yes"}
    return pd.DataFrame(
        [
            {"item_id": row["item_id"], "criterion": "kind", "rater": name, "notes": ""}
            | {"label": other[row["label"]] if rng.random() < error else row["label"]}
            for row in truth.to_dict("records")
            for name, error in raters.items()
        ]
    )


def with_people(error, raters, n=400, failed=0.0):
    voted, truth = erring(error, n=n, failed=failed)
    frame = trust.standing(voted, truth, RUBRIC, draws=300, labels=labels_by(raters, truth))
    return frame.set_index("criterion").loc["kind"]


def test_a_judge_that_agrees_with_people_as_they_do_with_each_other_is_reported():
    unsure = {"Ann": 0.3, "Ben": 0.3}
    row = with_people(0.35, unsure)
    assert of_kind(*erring(0.35))["standing"] == "exploratory"  # the same judge without people
    assert row["standing"] == "reported" and row["why"].startswith("agrees with people (alpha 0.")
    assert row["human_alpha"] == pytest.approx(0.16, abs=0.08)  # (1 - 2 x 0.3) squared
    assert row["judge_alpha"] == pytest.approx(0.4 * 0.3, abs=0.08)


def test_a_judge_by_chance_is_not_excused_by_people_who_guess():
    row = with_people(0.5, {"Ann": 0.5, "Ben": 0.5})
    assert row["judge_alpha"] >= row["human_alpha"] - trust.BELOW_PEOPLE
    assert row["standing"] == "exploratory"


def test_coverage_counts_beside_people_and_one_rater_is_no_agreement():
    row = with_people(0.35, {"Ann": 0.3, "Ben": 0.3}, failed=0.3)
    assert row["standing"] == "exploratory" and "of the items have a verdict" in row["why"]
    alone = with_people(0.35, {"Ann": 0.0})
    assert alone["standing"] == "exploratory" and pd.isna(alone["human_alpha"])


# calibration


def found_in(voted, known, part="test", rubric=RUBRIC, **options):
    frame = trust.calibrate(voted, known, rubric, part, draws=400, **options)
    assert list(frame.columns) == trust.CALIBRATION
    return frame[frame["criterion"].eq("kind") & frame["part"].eq(part)].set_index("figure")


def test_planted_rates_lie_in_their_intervals():
    expected = {"sensitivity": 0.9, "specificity": 0.7, "balanced_accuracy": 0.8, "coverage": 0.9, "truth_share": 0.3}
    expected |= {"judged_share": 0.3 * 0.9 + 0.7 * 0.3, "prevalence": 0.3}
    runs = [found_in(*planted(0.9, 0.7, share=0.3, failed=0.1, n=900, seed=seed)) for seed in range(8)]
    assert all(found["why"].eq("").all() for found in runs)
    for name, value in expected.items():
        rows = [found.loc[name] for found in runs]
        assert sum(row["low"] <= value <= row["high"] for row in rows) >= 6, name
    raw, mended = (np.mean([found.loc[name, "value"] for found in runs]) for name in ("judged_share", "prevalence"))
    assert raw > 0.4 and mended == pytest.approx(0.3, abs=0.05)


OF = {
    "kappa": metrics.cohen_kappa_score,
    "mcc": metrics.matthews_corrcoef,
    "macro_f1": lambda truth, verdicts: metrics.f1_score(truth, verdicts, average="macro"),
    "balanced_accuracy": metrics.balanced_accuracy_score,
}


@pytest.mark.parametrize("part", calibration.PARTS)
def test_figures_are_those_of_one_part(part):
    voted, known = planted(0.8, 0.9)
    rows = voted.merge(known, on=["item_id", "criterion"])
    rows = rows[[one == part for one in calibration.split(rows["problem_id"])]]
    found = found_in(voted, known, part)
    for name in OF:
        assert found.loc[name, "value"] == pytest.approx(OF[name](rows["label"], rows["verdict"]))
    sides = [rows[name].eq("yes").astype(int) for name in ("label", "verdict")]
    alpha = krippendorff.alpha(reliability_data=sides, level_of_measurement="nominal")
    right = rows["label"].eq(rows["verdict"])
    assert found.loc["alpha", "value"] == pytest.approx(alpha)
    assert found.loc["brier", "value"] == pytest.approx(metrics.brier_score_loss(right, [0.9] * len(rows)))
    assert found.loc["ece", "value"] == pytest.approx(abs(right.mean() - 0.9))
    assert (found.loc["kappa", "items"], found.loc["kappa", "problems"]) == (len(rows), rows["problem_id"].nunique())
    assert ("prevalence" in found.index) == (part != "calibration")


def test_the_rates_that_correct_come_from_the_calibration_part_alone():
    voted, known = planted(0.9, 0.8)
    part = pd.Series(calibration.split(voted["problem_id"]))
    spoiled = known.assign(label=known["label"].where(part.ne("test"), "no"))
    before, after = (found_in(voted, one).loc["prevalence"] for one in (known, spoiled))
    assert before.equals(after)
    blind = found_in(voted, known[part.eq("calibration")])  # no label in the test part: a prevalence all the same
    assert blind.loc["prevalence"].equals(before)
    assert blind.loc["kappa", "why"] == "no item has a true label" and np.isnan(blind.loc["kappa", "value"])


# (change of votes and labels, figure, why it is undefined)
@pytest.mark.parametrize(
    ("change", "figure", "why"),
    [
        (lambda v, k: (v.assign(status="refused", verdict=None, confidence=None), k), "kappa", "no item has a verdict"),
        (lambda v, k: (v, k.assign(label=None)), "coverage", "no item has a true label"),
        (lambda v, k: (v, k.assign(label="no")), "sensitivity", "no item with a verdict is truly so"),
        (lambda v, k: (v, k.assign(label="no")), "balanced_accuracy", "only one label is true"),
        (lambda v, k: (v, k.assign(label="no")), "prevalence", "the part calibration lacks what is so, or what is not"),
        (lambda v, k: (v.assign(verdict="yes"), k), "mcc", "only one label was given"),
    ],
)
def test_what_is_undefined_is_null_with_a_reason(change, figure, why):
    row = found_in(*change(*planted(0.9, 0.9, n=200))).loc[figure]
    assert row[["value", "low", "high"]].isna().all() and row["why"] == why


def test_little_data_is_said_to_be_little():
    voted, known = planted(0.9, 0.9, n=100)
    assert found_in(voted, known).loc["ece", "why"] == "fewer than 200 verdicts: comes out too high"
    one = voted.assign(problem_id=next(f"p{i}" for i in range(99) if calibration.split([f"p{i}"]) == ["test"]))
    row = found_in(one, known).loc["kappa"]
    assert row["value"] > 0 and np.isnan(row["low"]) and row["why"] == "all items are of one problem"


def test_an_ordinal_scale_has_ordinal_figures_and_no_rates():
    rubric = replace(RUBRIC, criteria=(replace(KIND, scale="ordinal", options=LEVELS),))
    voted, known = planted(0.9, 0.9)
    rng = random.Random(3)
    known["label"] = [rng.choice(("none", "some", "all")) for _ in range(len(known))]
    voted["verdict"] = ["some" if name == "all" and rng.random() < 0.5 else name for name in known["label"]]
    found = found_in(voted, known, rubric=rubric)
    assert found.loc["quadratic_kappa", "value"] > found.loc["kappa", "value"]
    assert found.loc["alpha", "value"] > 0.8 and not {"sensitivity", "prevalence", "judged_share"} & set(found.index)


@pytest.mark.parametrize("figures", [trust.standing, trust.calibrate])
def test_bad_calls_are_named(figures):
    voted, known = planted(0.9, 0.9, n=20)
    with pytest.raises(ValueError, match="label 'maybe': expected one of"):
        figures(voted, known.assign(label="maybe"), RUBRIC)
    with pytest.raises(ValueError, match="truth: i0, kind: stands twice, expected one label"):
        figures(voted, pd.concat([known, known]), RUBRIC)
    with pytest.raises(ValueError, match="part 'dev': expected one of tuning, calibration, test"):
        trust.calibrate(voted, known, RUBRIC, part="dev")
