"""Standing of criteria: planted judges of known quality."""

import random

import pandas as pd
import pytest

from lib.grm import trust
from tests.fakes.judge import RUBRIC


def planted(error, n=400, failed=0.0, each=2, seed=1):
    """Verdicts on `kind` that are wrong in a share `error`, and their truth; `each` items a problem."""
    rng = random.Random(seed)
    truth = [rng.choice(("yes", "no")) for _ in range(n)]
    said = [label if rng.random() >= error else {"yes": "no", "no": "yes"}[label] for label in truth]
    status = ["parse_error" if rng.random() < failed else "ok" for _ in range(n)]
    names = [f"i{i}" for i in range(n)]
    voted = pd.DataFrame({"item_id": names, "problem_id": [f"p{i // each}" for i in range(n)], "criterion": "kind"})
    voted = voted.assign(status=status, verdict=[v if s == "ok" else None for v, s in zip(said, status, strict=True)])
    return voted, pd.DataFrame({"item_id": names, "criterion": "kind", "label": truth})


def of_kind(voted, truth):
    return trust.standing(voted, truth, RUBRIC, draws=500).set_index("criterion").loc["kind"]


@pytest.mark.parametrize(
    ("error", "kappa", "expected"),
    [(0.0, 1.0, "reported"), (0.1, 0.8, "reported"), (0.4, 0.2, "exploratory"), (0.5, 0.0, "exploratory")],
)
def test_a_judge_of_known_quality_gets_its_standing(error, kappa, expected):
    row = of_kind(*planted(error))
    assert row["standing"] == expected
    assert row["kappa"] == pytest.approx(kappa, abs=0.1)
    assert row["kappa_low"] <= row["kappa"] <= row["kappa_high"]
    assert row["balanced_accuracy"] == pytest.approx(1 - error, abs=0.05)
    assert (row["why"] == "") == (expected == "reported")


def test_failed_judgements_cost_coverage_and_not_agreement():
    row = of_kind(*planted(0.05, failed=0.3))
    assert row["coverage"] == pytest.approx(0.7, abs=0.06)
    assert row["balanced_accuracy"] == pytest.approx(0.95, abs=0.04)
    assert row["standing"] == "exploratory" and "of the items have a verdict, expected at least 95%" in row["why"]


def test_few_items_or_one_problem_or_one_label_are_no_proof():
    assert of_kind(*planted(0.0, n=12))["why"] == "balanced accuracy may be as low as 0.61, expected at least 0.65"
    assert of_kind(*planted(0.0, n=40))["standing"] == "reported"
    assert of_kind(*planted(0.1, n=40, each=40))["why"] == "all items are of one problem"
    voted, truth = planted(0.0, n=40)
    only = truth["label"].eq("yes").to_numpy()
    assert of_kind(voted[only], truth[only])["why"] == "only one label occurs"


def test_a_criterion_without_truth_is_not_calibrated():
    told = trust.standing(*planted(0.1), RUBRIC, draws=50).set_index("criterion")
    assert told.loc["hasty", "standing"] == told.loc["right", "standing"] == "not calibrated"
    assert list(told.index) == ["hasty", "kind", "right"]


def test_two_labels_of_one_item_and_labels_off_the_menu_are_named():
    voted, truth = planted(0.1, n=10)
    with pytest.raises(ValueError, match="truth: i0, kind: stands twice, expected one label"):
        trust.standing(voted, pd.concat([truth, truth]), RUBRIC)
    with pytest.raises(ValueError, match="label 'maybe'"):
        trust.standing(voted, truth.assign(label="maybe"), RUBRIC)


def said_by(raters, truth, seed=2):
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
    voted, truth = planted(error, n=n, failed=failed)
    told = trust.standing(voted, truth, RUBRIC, draws=300, labels=said_by(raters, truth))
    return told.set_index("criterion").loc["kind"]


def test_a_judge_that_agrees_with_people_as_they_do_with_each_other_is_reported():
    unsure = {"Ann": 0.3, "Ben": 0.3}
    row = with_people(0.35, unsure)
    assert of_kind(*planted(0.35))["standing"] == "exploratory"  # the same judge without people
    assert row["standing"] == "reported" and row["why"].startswith("agrees with people (alpha 0.")
    assert row["human_alpha"] == pytest.approx(0.16, abs=0.08)  # (1 - 2 x 0.3) squared
    assert row["judge_alpha"] == pytest.approx(0.4 * 0.3, abs=0.08)


def test_people_who_agree_better_are_no_excuse():
    row = with_people(0.35, {"Ann": 0.02, "Ben": 0.02})
    assert row["standing"] == "exploratory" and "balanced accuracy may be as low as" in row["why"]
    assert row["human_alpha"] > row["judge_alpha"] + 0.5


def test_a_judge_by_chance_is_not_excused_by_people_who_guess():
    row = with_people(0.5, {"Ann": 0.5, "Ben": 0.5})
    assert row["judge_alpha"] >= row["human_alpha"] - trust.BELOW_PEOPLE
    assert row["standing"] == "exploratory"


def test_coverage_counts_beside_people_and_one_rater_is_no_agreement():
    row = with_people(0.35, {"Ann": 0.3, "Ben": 0.3}, failed=0.3)
    assert row["standing"] == "exploratory" and "of the items have a verdict" in row["why"]
    alone = with_people(0.35, {"Ann": 0.0})
    assert alone["standing"] == "exploratory" and pd.isna(alone["human_alpha"])
