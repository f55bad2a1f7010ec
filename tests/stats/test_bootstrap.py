"""Bootstrap: intervals cover as often as they say; Student's t and Holm against tables, scipy and statsmodels."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ttest_1samp
from statsmodels.stats.multitest import multipletests

from lib.stats import agreement, bootstrap
from lib.stats.bootstrap import SMALLEST_P, holm, interval, mean, p_value


def test_a_p_value_is_between_the_smallest_and_one():
    assert p_value(0, 7) == 1 and p_value(-2.262, 9) == pytest.approx(0.05, rel=1e-3)
    assert p_value(math.inf, 7) == p_value(1e9, 400) == SMALLEST_P
    assert math.isnan(p_value(math.nan, 7))


def test_one_row_a_cluster_is_the_one_sample_t_test():
    values = np.random.default_rng(0).normal(0.3, 1, 40)
    estimate, error = bootstrap.mean_and_error(values, np.ones(40))
    expected = ttest_1samp(values, 0)
    assert p_value(estimate / error, 39) == pytest.approx(expected.pvalue)
    assert bootstrap.t_interval(estimate, error, 40, 0.95) == pytest.approx(tuple(expected.confidence_interval()))


def test_independent_rows_have_the_interval_of_wilson():
    share, n = 0.2, 10_000
    expected = binomtest(2000, n).proportion_ci(method="wilson")
    assert bootstrap.wilson_interval(share, math.sqrt(share * (1 - share) / n), n, n, 0.95) == pytest.approx(
        (expected.low, expected.high), rel=1e-3
    )
    assert bootstrap.unseen_share(12, 0.95) == pytest.approx(binomtest(0, 12).proportion_ci(method="wilson").high)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.01, None, 0.04], [0.02, np.nan, 0.04]),
        ([], []),
    ],
)
def test_holm(p, expected):
    assert holm(p) == pytest.approx(expected, nan_ok=True)


def test_holm_is_that_of_statsmodels():
    p = np.random.default_rng(0).random(50) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_a_statistic_of_sums_is_that_of_the_drawn_rows(judged, drawn_rows):
    frame = judged(5, 60, 0.4, repeats=3).sample(frac=0.8, random_state=0)
    frame["third"] = [1, 0, None, 1] * 36
    for fast, plain in (
        (agreement.statistic("kappa", "truth", "said", (0, 1)), lambda f: agreement.cohen_kappa(f["truth"], f["said"])),
        (mean("third"), lambda f: f["third"].mean()),
    ):
        draws = bootstrap.resample(frame, fast, 40, 7)
        assert (
            draws == pytest.approx([plain(rows) for rows in (frame, *drawn_rows(frame, 40, 7))])
            and np.ptp(draws) > 0.05
        )


def test_every_draw_takes_as_many_clusters_as_there_are():
    assert (bootstrap.weights(30, 400, 1).sum(axis=1) == 30).all()
    assert len(bootstrap.weights(1, 10, 0)) == 0


@pytest.mark.parametrize("studies", [200, pytest.param(4000, marks=pytest.mark.simulation)])
@pytest.mark.parametrize("problems", [8, 80])
def test_an_interval_covers_as_often_as_it_says(judged, problems, studies):
    covered = 0
    for seed in range(studies):
        found = interval(judged(seed, problems, 0.4, repeats=4), mean("truth"), draws=400, seed=seed, confidence=0.9)
        covered += found.low <= 0.4 <= found.high
    # three standard errors of a share of `studies`, and what few problems cost
    slack = 3 * math.sqrt(0.09 / studies)
    assert 0.88 - slack <= covered / studies <= 0.93 + slack


def test_repeats_of_a_problem_do_not_narrow_an_interval(judged):
    once = judged(8, 60, 0.5, repeats=1)
    figure = agreement.statistic("balanced_accuracy", "truth", "said", (0, 1))
    one, nine = (interval(rows, figure, seed=1) for rows in (once, pd.concat([once] * 9)))
    assert (one.low, one.high) == pytest.approx((nine.low, nine.high))
    assert (nine.rows, nine.clusters) == (540, 60)


def test_draws_without_a_value_are_left_out():
    frame = pd.DataFrame({"problem_id": list("abcd"), "truth": [1, 0, 0, 0], "said": [1, 0, 0, 1]})
    found = interval(frame, agreement.statistic("sensitivity", "truth", "said", (0, 1)), draws=1000)
    assert (found.value, found.low, found.high, found.constant) == (1, 1, 1, True)


def test_one_problem_says_nothing_about_others():
    frame = pd.DataFrame({"problem_id": ["a"] * 4, "x": [1, 0, 1, 1]})
    found = interval(frame, mean("x"))
    assert (found.value, found.low, found.high) == (0.75, None, None)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"problem_id": [None, "a"], "x": [1, 0]}), "column problem_id: null, expected the cluster"),
        (pd.DataFrame({"x": [1, 0]}), "missing columns: problem_id"),
    ],
)
def test_rows_without_a_cluster_are_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        interval(frame, mean("x"))
