"""Agreement, calibration and intervals: closed forms, other people's code, simulation."""

import math

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from lib.stats import agreement, bootstrap, calibration

YES_NO = [1, 1, 0, 0]

# (figure, its arguments, value; None where it is not defined)
CLOSED = [
    (agreement.cohen_kappa, (YES_NO, YES_NO), 1.0),
    (agreement.cohen_kappa, (YES_NO, [0, 0, 1, 1]), -1.0),
    (agreement.cohen_kappa, (YES_NO, [1, 0, 1, 0]), 0.0),  # what chance gives
    (agreement.cohen_kappa, (YES_NO, [1, 1, 1, 1]), 0.0),
    (agreement.cohen_kappa, ([1, 1], [1, 1]), None),  # one label: agreement cannot be told from chance
    (agreement.cohen_kappa, ([], []), None),
    (agreement.cohen_kappa, ([1, None, 0], [None, 1, math.nan]), None),
    (agreement.cohen_kappa, (["a", "a", "b", None], ["a", "a", "b", "a"]), 1.0),
    (agreement.cohen_kappa, ([1, 2, 3], [3, 2, 1], "quadratic"), -1.0),
    (agreement.cohen_kappa, ([1, 2, 3, 3], [1, 2, 3, 2], "quadratic"), 1 - 4 * 1 / 20),
    (agreement.cohen_kappa, (["low", "high"], ["low", "high"], "quadratic", ["low", "mid", "high"]), 1.0),
    (agreement.accuracy, ([1, 1, 0, 0], [1, None, 0, 1]), 2 / 3),
    (agreement.accuracy, ([1, 1, 0, 0], [1, None, 0, 1], "wrong"), 2 / 4),
    (agreement.accuracy, ([1], [None]), None),
    (agreement.accuracy, ([1], [None], "wrong"), 0.0),
    (agreement.balanced_accuracy, ([1, 0, 0, 0], [1, 0, 0, 1]), (1 + 2 / 3) / 2),
    (agreement.balanced_accuracy, ([1, 0, 0, 0], [0, 0, 0, 0]), 0.5),
    (agreement.balanced_accuracy, ([0, 0], [0, 1]), None),
    (agreement.balanced_accuracy, ([1, 0], [1, None]), None),
    (agreement.mcc, (YES_NO, YES_NO), 1.0),
    (agreement.mcc, (YES_NO, [0, 0, 1, 1]), -1.0),
    (agreement.mcc, (YES_NO, [1, 0, 1, 0]), 0.0),
    (agreement.mcc, (YES_NO, [1, 1, 1, 1]), None),
    (agreement.mcc, ([1, 1], [1, 0]), None),
    (agreement.macro_f1, (YES_NO, YES_NO), 1.0),
    (agreement.macro_f1, ([1, 1, 0], [1, 1, 1]), (4 / 5 + 0) / 2),
    (agreement.macro_f1, ([], []), None),
    (agreement.sensitivity, ([1, 1, 1, 0], [1, 0, None, 1]), 1 / 2),
    (agreement.sensitivity, ([0, 0], [1, 0]), None),
    (agreement.sensitivity, (["yes", "no"], ["yes", "no"], "yes"), 1.0),
    (agreement.specificity, ([1, 0, 0, 0], [1, 0, 1, None]), 1 / 2),
    (agreement.specificity, ([1, 1], [1, 0]), None),
    (agreement.specificity, ([True, False], [True, False], True), 1.0),
    (agreement.coverage, ([1, None, math.nan, "no"],), 1 / 2),
    (agreement.coverage, ([],), None),
    (agreement.krippendorff_alpha, ([YES_NO, YES_NO],), 1.0),
    (agreement.krippendorff_alpha, ([[1, 1], [1, 1]],), None),
    (agreement.krippendorff_alpha, ([[1, None], [None, 0]],), None),  # no item with two ratings
    (agreement.krippendorff_alpha, ([],), None),
    (agreement.krippendorff_alpha, ([[1, 0], [0, 1]],), 1 - 3 * 4 / 8),
    (agreement.krippendorff_alpha, ([["a", "b", None], ["a", "b", "a"], [None, "b", None]],), 1.0),
]


@pytest.mark.parametrize(("figure", "arguments", "value"), CLOSED)
def test_figures_whose_value_is_known(figure, arguments, value):
    found = figure(*arguments)
    assert (found is None) if value is None else found == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: agreement.cohen_kappa([1], [1, 0]), "as many labels on both sides, got 1 and 2"),
        (lambda: agreement.cohen_kappa(["a"], ["b"], "quadratic"), "'a': texts have no order"),
        (lambda: agreement.cohen_kappa([1], [1], "linear"), "weights: expected None or quadratic, got 'linear'"),
        (lambda: agreement.cohen_kappa([1], [2], labels=[0, 1]), "label 2: expected one of 0, 1"),
        (lambda: agreement.krippendorff_alpha([[1], [1, 2]]), "as many items from every rater"),
        (lambda: agreement.krippendorff_alpha([[1]], "ratio"), "level: expected nominal or ordinal, got 'ratio'"),
        (lambda: agreement.accuracy([1], [1], "zero"), "missing: expected out or wrong, got 'zero'"),
    ],
)
def test_what_cannot_be_compared_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def tables(count, seed):
    """Random pairs of labellings that agree in part."""
    draw = np.random.default_rng(seed)
    for _ in range(count):
        classes, n = draw.integers(2, 6), draw.integers(5, 60)
        truth = draw.integers(classes, size=n)
        yield truth, np.where(draw.random(n) < draw.random(), truth, draw.integers(classes, size=n))


def test_scikit_learn_finds_the_same_on_random_tables():
    compared = 0
    for truth, said in tables(80, seed=0):
        union = sorted({*truth, *said})
        pairs = [
            (agreement.cohen_kappa(truth, said), metrics.cohen_kappa_score(truth, said)),
            (
                agreement.cohen_kappa(truth, said, "quadratic"),
                metrics.cohen_kappa_score(truth, said, weights="quadratic"),
            ),
            (agreement.mcc(truth, said), metrics.matthews_corrcoef(truth, said)),
            (
                agreement.macro_f1(truth, said),
                metrics.f1_score(truth, said, average="macro", labels=union, zero_division=0),
            ),
        ]
        if set(said) <= set(truth):  # else scikit-learn warns
            pairs.append((agreement.balanced_accuracy(truth, said), metrics.balanced_accuracy_score(truth, said)))
        for ours, theirs in pairs:
            if ours is not None:
                compared += 1
                assert ours == pytest.approx(theirs, abs=1e-12)
        two = truth > 0, said > 0
        if 0 < two[0].sum() < len(truth):
            assert agreement.sensitivity(*two) == pytest.approx(metrics.recall_score(*two))
            assert agreement.specificity(*two) == pytest.approx(metrics.recall_score(~two[0], ~two[1]))
    assert compared > 300


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_krippendorff_finds_the_same_on_tables_with_gaps(level):
    draw = np.random.default_rng(1)
    for _ in range(100):
        raters, items, labels = draw.integers(2, 6), draw.integers(4, 30), draw.integers(2, 6)
        own = draw.integers(labels, size=items)
        ratings = np.where(draw.random((raters, items)) < 0.6, own, draw.integers(labels, size=(raters, items)))
        ratings = np.where(draw.random((raters, items)) < 0.3, np.nan, ratings)
        ours = agreement.krippendorff_alpha(ratings, level)
        if ours is not None:
            theirs = krippendorff.alpha(reliability_data=ratings, level_of_measurement=level)
            assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("name", agreement.OF_TABLE)
def test_a_failed_judgement_never_changes_a_figure(name):
    frame = pd.DataFrame({"problem_id": range(40), "truth": [1, 0] * 20, "said": [1, 0, 1, 1, 0] * 8})
    more = pd.concat([frame, pd.DataFrame({"problem_id": [40, 41], "truth": [1, 0], "said": [None, None]})])
    figure = bootstrap.counted(name, "truth", "said", (0, 1))
    values = [calibration.intervals(rows, figure, draws=5).value for rows in (frame, more)]
    assert values[0] is not None and values[0] == values[1]


# calibration


@pytest.mark.parametrize(
    ("confidence", "right", "brier", "ece"),
    [
        ([1, 1, 0], [1, 1, 0], 0, 0),
        ([1, 1, 0], [0, 0, 1], 1, 1),
        ([0.5, 0.5], [1, 0], 0.25, 0),
        ([0.75] * 4, [1, 1, 1, 0], 0.1875, 0),
        ([0.9, 0.9, 0.3], [1, 0, 0], (0.01 + 0.81 + 0.09) / 3, (2 * 0.4 + 0.3) / 3),
        ([0.9, None, 0.3], [1, 1, None], 0.01, 0.1),
        ([], [], None, None),
        ([None], [1], None, None),
    ],
)
def test_calibration_whose_value_is_known(confidence, right, brier, ece):
    for found, value in ((calibration.brier(confidence, right), brier), (calibration.ece(confidence, right), ece)):
        assert (found is None) if value is None else found == pytest.approx(value, abs=1e-12)


# (confidence, its bin of ten): closed on the right, whatever floats make of tenths
@pytest.mark.parametrize(
    ("confidence", "place"),
    [(0, 0), (0.1, 0), (0.10001, 1), (0.3, 2), (0.1 + 0.2, 2), (0.6, 5), (0.7, 6), (0.71, 7), (1, 9)],
)
def test_equal_widths_are_closed_on_the_right(confidence, place):
    found = calibration.curve([confidence], [1])
    assert found.loc[found["n"] == 1, "bin"].tolist() == [place]
    assert found["low"].tolist() == [i / 10 for i in range(10)] and found["accuracy"].notna().sum() == 1


def test_equal_masses_hold_equally_many_and_keep_equals_together():
    sure = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    found = calibration.curve(sure, [0, 0, 1, 0, 1, 1], bins=3, by="mass")
    assert found[["low", "high", "n"]].values.tolist() == [[0.1, 0.2, 2], [0.3, 0.4, 2], [0.5, 0.6, 2]]
    tied = calibration.curve([0.5] * 5 + [0.9], [1, 0, 1, 0, 1, 1], bins=3, by="mass")
    assert tied[["low", "high", "n"]].values.tolist() == [[0.5, 0.5, 5], [0.9, 0.9, 1]]


@pytest.mark.parametrize("by", ["width", "mass"])
def test_calibration_does_not_hang_on_the_order_of_rows(by):
    draw = np.random.default_rng(2)
    sure, right = draw.integers(0, 13, 200) / 12, draw.integers(0, 2, 200)
    order = draw.permutation(200)
    assert calibration.ece(sure, right, by=by) == pytest.approx(calibration.ece(sure[order], right[order], by=by))


@pytest.mark.parametrize("by", ["width", "mass"])
@pytest.mark.parametrize(("bend", "low", "high"), [(0.0, 0.0, 0.02), (0.2, 0.18, 0.22)])
def test_a_planted_overconfidence_is_found(by, bend, low, high):
    draw = np.random.default_rng(3)
    sure = draw.uniform(0.3, 1, 20_000)
    frame = pd.DataFrame({"problem_id": range(20_000), "sure": sure, "right": draw.random(20_000) < sure - bend})
    found = calibration.intervals(frame, calibration.counted_ece("sure", "right", by=by), draws=100)
    assert found.value == pytest.approx(calibration.ece(frame["sure"], frame["right"], by=by))
    assert low <= found.value <= high and found.high < high + 0.01


@pytest.mark.parametrize(
    ("rates", "value", "weak"),
    [
        ((0.3, 1, 1), 0.3, False),
        ((0.5, 0.9, 0.8), 0.3 / 0.7, False),
        ((0.1, 0.9, 0.8), 0.0, False),  # fewer than the false positives alone
        ((0.95, 0.9, 0.8), 1.0, False),
        ((0.52, 0.55, 0.5), 0.4, True),
        ((0.5, 0.5, 0.5), None, True),
        ((0.5, 0.3, 0.5), None, True),
        ((0.5, None, 0.5), None, True),
    ],
)
def test_a_rate_is_corrected_for_the_errors_of_the_judge(rates, value, weak):
    found = calibration.rogan_gladen(*rates)
    assert found.weak is weak
    assert (found.value is None) if value is None else found.value == pytest.approx(value)


def noisy(draw, problems, prevalence, sensitivity=0.85, specificity=0.9, repeats=2):
    """What a judge with these errors says of problems whose rows share the truth."""
    truth = np.repeat(draw.random(problems) < prevalence, repeats)
    said = draw.random(len(truth)) < np.where(truth, sensitivity, 1 - specificity)
    return pd.DataFrame({"problem_id": np.repeat(range(problems), repeats), "truth": truth * 1, "said": said * 1})


def test_the_corrected_rate_covers_the_true_one_and_the_plain_rate_does_not():
    covered = {"corrected": 0, "plain": 0}
    for seed in range(100):
        draw = np.random.default_rng(seed)
        judged, labelled = noisy(draw, 400, 0.1), noisy(draw, 150, 0.4)
        found = calibration.corrected(judged, labelled, draws=300, seed=seed)
        plain = calibration.intervals(judged, bootstrap.mean("said"), draws=300, seed=seed)
        covered["corrected"] += found.low <= 0.1 <= found.high
        covered["plain"] += plain.low <= 0.1 <= plain.high
    assert covered["corrected"] >= 88 and covered["plain"] <= 20


def test_a_perfect_judge_leaves_the_doubt_of_the_sample_alone():
    draw = np.random.default_rng(9)
    judged, labelled = (noisy(draw, 200, 0.3, 1, 1) for _ in range(2))
    found = calibration.corrected(judged, labelled, draws=4000)
    plain = calibration.intervals(judged, bootstrap.mean("said"), draws=4000, seed=5)
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high), abs=0.01)
    assert plain.high - plain.low > 0.1


# intervals


def test_fast_and_literal_bootstraps_draw_the_same():
    frame = noisy(np.random.default_rng(5), 60, 0.4, repeats=3).sample(frac=0.8, random_state=0)
    frame["third"] = [1, 0, None, 1] * 36
    pairs = [
        (bootstrap.counted("kappa", "truth", "said", (0, 1)), lambda f: agreement.cohen_kappa(f["truth"], f["said"])),
        (bootstrap.counted("mcc", "truth", "said", (0, 1)), lambda f: agreement.mcc(f["truth"], f["said"])),
        (bootstrap.mean("third"), lambda f: f["third"].mean()),
        (
            bootstrap.alpha(["truth", "said", "third"], (0, 1), "ordinal"),
            lambda f: agreement.krippendorff_alpha(f[["truth", "said", "third"]].T, "ordinal"),
        ),
    ]
    for fast, literal in pairs:
        found = [bootstrap.drawn(frame, figure, "problem_id", 40, 7) for figure in (fast, literal)]
        assert np.allclose(*found) and np.ptp(found[0]) > 0.05


def test_an_interval_covers_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        frame = noisy(np.random.default_rng(seed), 80, 0.4, repeats=4)
        found = calibration.intervals(frame, bootstrap.mean("truth"), draws=400, seed=seed, level=0.9)
        covered += found.low <= 0.4 <= found.high
    assert 0.83 <= covered / 200 <= 0.96


def test_repeats_of_a_problem_do_not_narrow_an_interval():
    once = noisy(np.random.default_rng(8), 60, 0.5, repeats=1)
    figure = bootstrap.counted("balanced_accuracy", "truth", "said", (0, 1))
    found = [calibration.intervals(rows, figure, seed=1) for rows in (once, pd.concat([once] * 9))]
    assert (found[0].low, found[0].high) == pytest.approx((found[1].low, found[1].high))
    assert (found[1].rows, found[1].clusters) == (540, 60)


def test_draws_without_a_figure_are_left_out_and_counted():
    frame = pd.DataFrame({"problem_id": list("abcd"), "truth": [1, 0, 0, 0], "said": [1, 0, 0, 1]})
    found = calibration.intervals(frame, bootstrap.counted("sensitivity", "truth", "said", (0, 1)), draws=1000)
    assert 250 < found.undefined < 390  # (3/4)^4 of 1000
    assert (found.value, found.low, found.high, found.constant) == (1, 1, 1, True)


def test_one_problem_says_nothing_about_others():
    frame = pd.DataFrame({"problem_id": ["a"] * 4, "x": [1, 0, 1, 1]})
    found = calibration.intervals(frame, bootstrap.mean("x"))
    assert (found.value, found.low, found.high) == (0.75, None, None)
    with pytest.raises(ValueError, match="column problem_id: expected the cluster of every row"):
        calibration.intervals(frame.assign(problem_id=[None, *"abc"]), bootstrap.mean("x"))
    with pytest.raises(ValueError, match="column x: label 0: expected one of"):
        calibration.intervals(frame, bootstrap.counted("kappa", "x", "x", ("yes", "no")))


def test_a_problem_keeps_its_part_whatever_others_there_are():
    ids = [f"tiny/{i:04}" for i in range(3000)]
    parts = calibration.split(ids)
    assert calibration.split(ids[7:9]) == parts[7:9] and calibration.split([*ids[:5], ids[0]])[-1] == parts[0]
    shares = pd.Series(parts).value_counts(normalize=True)
    assert shares[list(calibration.PARTS)].tolist() == pytest.approx([0.4, 0.3, 0.3], abs=0.04)
    assert calibration.split(ids, salt="other") != parts
    assert set(calibration.split(ids, (0.5, 0.5, 0))) == {"tuning", "calibration"}
    for bad, message in ((lambda: calibration.split(ids, (0.5, 0.4, 0.2)), "three that add up to 1"),
                         (lambda: calibration.split([None]), "problem id: expected a text, got None")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            bad()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibration.brier([0.5], [1, 0]), "an outcome for each confidence, got 1 and 2"),
        (lambda: calibration.brier([1.5], [1]), "confidence: expected 0 to 1"),
        (lambda: calibration.ece([0.5], [1], bins=0), "bins from 1 up, by width or mass, got 0"),
        (lambda: calibration.ece([0.5], [1], by="size"), "by width or mass, got 10 by 'size'"),
        (lambda: calibration.rogan_gladen(1.2, 0.9, 0.9), "rates from 0 to 1, got 1.2, 0.9, 0.9"),
    ],
)
def test_what_cannot_be_calibrated_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
