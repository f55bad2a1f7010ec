"""Student's t against printed tables, and Holm's adjustment against its definition."""

import math

import numpy as np
import pytest

from lib.stats import significance


# two-sided 5 % and 1 % points of Student's t, as statistical tables print them
@pytest.mark.parametrize(
    ("df", "five", "one"),
    [
        (1, 12.706, 63.657),
        (2, 4.303, 9.925),
        (4, 2.776, 4.604),
        (9, 2.262, 3.250),
        (29, 2.045, 2.756),
        (30, 2.042, 2.750),
        (120, 1.980, 2.617),
        (10_000, 1.960, 2.576),
    ],
)
def test_points_of_student_are_those_of_the_tables(df, five, one):
    assert significance.quantile(0.975, df) == pytest.approx(five, abs=6e-4)
    assert significance.quantile(0.995, df) == pytest.approx(one, abs=6e-4)
    assert significance.two_sided(-five, df) == pytest.approx(0.05, rel=1e-3)


def test_a_chance_is_between_smallest_and_one():
    assert significance.two_sided(0, 7) == 1
    assert significance.two_sided(math.inf, 7) == significance.two_sided(1e9, 400) == significance.SMALLEST
    assert math.isnan(significance.two_sided(math.nan, 7))


def test_no_degrees_of_freedom_are_refused():
    with pytest.raises(ValueError, match="degrees of freedom 0: expected 1 or more"):
        significance.two_sided(1, 0)


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.9], [1, 1]),
        ([0.02], [0.02]),
        ([0.01, None, 0.04], [0.02, np.nan, 0.04]),
        ([None, None], [np.nan, np.nan]),
        ([], []),
    ],
)
def test_holm(p, expected):
    assert significance.holm(p) == pytest.approx(expected, nan_ok=True)


def test_holm_keeps_false_alarms_of_a_family_at_the_stated_share():
    p = np.random.default_rng(0).random((4000, 20))
    alarms = [(significance.holm(row) < 0.05).any() for row in p]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.011)
    assert np.mean((p < 0.05).any(axis=1)) > 0.6  # what twenty tests do without it
