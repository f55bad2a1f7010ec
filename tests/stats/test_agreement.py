"""Agreement: closed forms, scikit-learn and krippendorff on random labels."""

import math

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from lib.stats import agreement, bootstrap
from lib.stats.agreement import cohen_kappa

YES_NO = [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "value"),  # None where it is not defined
    [
        ((YES_NO, YES_NO), 1.0),
        ((YES_NO, [0, 0, 1, 1]), -1.0),
        ((YES_NO, [1, 0, 1, 0]), 0.0),  # what chance gives
        ((YES_NO, [1, 1, 1, 1]), 0.0),
        (([1, 1], [1, 1]), None),  # one label: agreement cannot be told from chance
        (([1, None, 0], [None, 1, math.nan]), None),
        ((["a", "a", "b", None], ["a", "a", "b", "a"]), 1.0),
        (([1, 2, 3, 3], [1, 2, 3, 2], "quadratic"), 1 - 4 * 1 / 20),
        ((["low", "high"], ["low", "high"], "quadratic", ["low", "mid", "high"]), 1.0),
    ],
)
def test_kappa_of_two_columns(arguments, value):
    found = cohen_kappa(*arguments)
    assert (found is None) if value is None else found == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohen_kappa([1], [1, 0]), "as many labels on both sides, got 1 and 2"),
        (lambda: cohen_kappa([1], [2], labels=[0, 1]), "label 2: expected one of 0, 1"),
        (lambda: agreement.pairs([[1], [1, 2]], [1, 2]), "as many items from every rater"),
        (
            lambda: agreement.statistic("kappa", "x", "x", ("yes", "no")).terms(pd.DataFrame({"x": [0]})),
            "column x: label 0: expected one of",
        ),
    ],
)
def test_what_cannot_be_compared_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


THEIRS = {
    "kappa": metrics.cohen_kappa_score,
    "quadratic_kappa": lambda truth, said: metrics.cohen_kappa_score(truth, said, weights="quadratic"),
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "mcc": metrics.matthews_corrcoef,
    "macro_f1": lambda truth, said: metrics.f1_score(truth, said, average="macro", zero_division=0),
    "sensitivity": metrics.recall_score,
    "specificity": lambda truth, said: metrics.recall_score(1 - truth, 1 - said),
}


@pytest.mark.parametrize("name", agreement.OF_TABLE)
def test_scikit_learn_finds_the_same(name):
    random = np.random.default_rng(0)
    for _ in range(40):
        classes, n = 2 if name in ("sensitivity", "specificity") else random.integers(2, 6), random.integers(20, 60)
        truth = np.append(random.integers(classes, size=n), range(classes))  # each class occurs
        said = np.where(random.random(len(truth)) < random.random(), truth, random.integers(classes, size=len(truth)))
        ours = agreement.OF_TABLE[name](agreement.table(truth, said))
        assert ours == pytest.approx(THEIRS[name](truth, said), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("kappa", [[2, 0], [0, 0]]),
        ("balanced_accuracy", [[1, 1], [0, 0]]),
        ("mcc", [[1, 1], [0, 0]]),
        ("mcc", [[0, 2], [0, 2]]),
        ("macro_f1", [[0, 0], [0, 0]]),
        ("sensitivity", [[1, 1], [0, 0]]),
        ("specificity", [[0, 0], [1, 1]]),
    ],
)
def test_what_is_undefined_is_nan(name, counts):
    assert np.isnan(agreement.OF_TABLE[name](np.array(counts, dtype=float)))


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_krippendorff_finds_the_same_on_tables_with_gaps(level):
    random = np.random.default_rng(1)
    for _ in range(60):
        raters, items, labels = random.integers(2, 6), random.integers(4, 30), random.integers(2, 6)
        own = random.integers(labels, size=items)
        ratings = np.where(random.random((raters, items)) < 0.6, own, random.integers(labels, size=(raters, items)))
        ratings = np.where(random.random((raters, items)) < 0.3, np.nan, ratings)
        frame = pd.DataFrame(ratings.T).assign(problem_id=range(items))
        found = bootstrap.interval(frame, agreement.alpha(range(raters), range(labels), level), draws=2)
        if found.value is not None:
            theirs = krippendorff.alpha(reliability_data=ratings, level_of_measurement=level)
            assert found.value == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("ratings", "value"),
    [
        ([YES_NO, YES_NO], 1),
        ([[1, 1], [1, 1]], math.nan),
        ([[1, None], [None, 0]], math.nan),  # no item with two ratings
        ([[1, 0], [0, 1]], 1 - 3 * 4 / 8),
        ([[1, 0, None], [1, 0, 1], [None, 0, None]], 1),
    ],
)
def test_alpha(ratings, value):
    found = agreement.alpha_of(agreement.pairs(ratings, (0, 1)).sum(axis=0))
    assert found == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("name", agreement.OF_TABLE)
def test_a_missing_verdict_never_changes_a_value(name):
    frame = pd.DataFrame({"problem_id": range(40), "truth": [1, 0] * 20, "said": [1, 0, 1, 1, 0] * 8})
    more = pd.concat([frame, pd.DataFrame({"problem_id": [40, 41], "truth": [1, 0], "said": [None, None]})])
    figure = agreement.statistic(name, "truth", "said", (0, 1))
    before, after = (bootstrap.interval(rows, figure, draws=5).value for rows in (frame, more))
    assert before is not None and before == after
