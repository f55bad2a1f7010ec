"""What is said of a curve in one number, against figures worked out by hand and simulation."""

import time

import numpy as np
import pandas as pd
import pytest

from lib import stats
from lib.stats import anytime, bootstrap

POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)


def level(rate):
    return dict.fromkeys(POSITIONS, rate)


@pytest.fixture
def summary(curve_grades):
    return lambda *args, **options: anytime.summary(curve_grades(*args, **options)).iloc[0]


@pytest.mark.parametrize(
    ("rates", "full", "area"),
    [
        ({0.2: 0.0, 0.6: 0.5}, 1.0, (0.4 * 0.25 + 0.4 * 0.75) / 0.8),
        ({0.1: 0.5, 0.9: 0.5}, 0.5, 0.5),  # a flat curve has its height, whatever its positions
        ({0.0: 0.5, 0.2: 0.5, 0.3: 0.5}, 0.5, 0.5),
        ({0.0: 0.5, 1.0: 0.0}, 1.0, 0.75),  # full thinking is the end even where the study cuts there
    ],
)
def test_the_area_is_the_mean_height_of_the_trapezoids(summary, rates, full, area):
    found = summary(rates, full=full, exact=True)
    assert (found["area"], found["area_of_full"]) == pytest.approx((area, area / full))


def test_accuracy_per_thousand_tokens_counts_kept_ones(summary):
    found = summary({0.1: 0.5, 0.5: 1.0}, full=0.6, problems=10, exact=True)
    assert found["per_thousand"] == pytest.approx(0.75 / 0.050)  # means of 0.5 and 1, and of 30 and 70 tokens
    assert found["full_per_thousand"] == pytest.approx(0.6 / 0.120)


@pytest.mark.parametrize(
    ("rates", "full", "expected"),
    [
        ({0.2: 0.5, 0.6: 1.0}, 1.0, 0.56),  # 0.95 lies nine tenths of the way from 0.5 to 1
        ({0.2: 1.0, 0.6: 0.5}, 1.0, 0.2),  # there from the first
        ({0.2: 0.0, 0.6: 0.5}, 1.0, np.nan),  # full thinking itself does not count
        ({0.2: 0.0, 0.6: 0.95}, 1.0, 0.6),
        ({0.2: 0.0, 0.4: 1.0, 0.6: 0.0}, 1.0, 0.39),
        ({0.2: 0.0, 0.6: 0.5}, 0.0, np.nan),  # nothing to reach
    ],
)
def test_reach_is_the_first_position_near_full_thinking(summary, rates, full, expected):
    assert summary(rates, full=full, problems=100, exact=True)["reach"] == pytest.approx(expected, nan_ok=True)


def test_an_interval_of_reach_ends_nowhere_where_many_draws_never_get_there(summary):
    found = summary(level(0.9) | {0.9: 0.96}, full=1.0, problems=50, exact=True)
    assert found["reach"] <= 0.9 and np.isnan(found["reach_high"])
    assert 0.2 < found["never"] < 0.6


def test_a_count_of_tokens_has_no_area(curve_grades):
    frame = curve_grades({0.2: 0.5, 0.6: 1.0}, exact=True)
    unit = frame["kind"].eq("continuation").map({True: "tokens", False: None})
    found = anytime.summary(frame.assign(unit=unit, position=frame["position"] * 100)).iloc[0]
    assert np.isnan(found["area"]) and np.isnan(found["area_of_full"])
    assert found["reach"] == pytest.approx(56)


@pytest.mark.parametrize(("rate", "low", "high"), [(0.0, 0, 0.0876), (1.0, 0.9124, 1)])
def test_an_area_of_nothing_or_everything_is_not_certain(summary, rate, low, high):
    found = summary(level(rate), full=rate, problems=40, exact=True)
    assert [found["area_low"], found["area_high"]] == pytest.approx([low, high], abs=1e-4)  # Wilson, 40 of 40
    one = summary(level(rate), full=rate, problems=1, repeats=4, exact=True)
    assert one["area"] == rate and np.isnan(one["area_low"]) and np.isnan(one["reach_low"])


SIMULATED = [30, pytest.param(120, marks=pytest.mark.simulation)]


@pytest.mark.parametrize("problems", SIMULATED)
def test_intervals_of_area_and_reach_hold_the_truth(curve_grades, problems):
    rates = {0.1: 0.2, 0.3: 0.4, 0.5: 0.6, 0.7: 0.72, 0.9: 0.8}
    options = {"full": 0.8, "problems": problems, "repeats": 4, "spread": 0.2}  # each model a study of its own
    found = anytime.summary(
        pd.concat([curve_grades(rates, seed=i, model=f"m{i:03}", **options) for i in range(200)]), draws=500
    )
    area = anytime.area(np.array(POSITIONS), np.array([*rates.values(), 0.8]))
    for name, truth in (("area", area), ("reach", 0.8)):  # 0.76 lies half way from 0.72 to 0.8
        held = found[f"{name}_low"].le(truth) & ~found[f"{name}_high"].lt(truth)
        assert held.mean() == pytest.approx(0.95, abs=0.035), name


# whether a curve rises


def test_a_rising_curve_has_a_trend_and_no_drop(curve_grades):
    rates = dict(zip(POSITIONS, (0.1, 0.3, 0.5, 0.7, 0.9), strict=True))
    found = anytime.rises(curve_grades(rates, exact=True)).iloc[0]
    assert found["trend"] == pytest.approx(1.0) and found["trend_p"] < 0.001
    assert (found["drop"], found["drop_p"]) == (0, 1) and np.isnan(found["drop_from"])


def test_a_drop_is_found_where_it_is(curve_grades):
    rates = dict(zip(POSITIONS, (0.3, 0.7, 0.9, 0.4, 0.6), strict=True))
    found = anytime.rises(curve_grades(rates, problems=60, seed=1)).iloc[0]
    assert (found["drop_from"], found["drop_to"]) == (0.5, 0.7)
    assert found["drop"] == pytest.approx(0.5, abs=0.15) and found["drop_p"] < 0.01


@pytest.mark.parametrize("problems", SIMULATED)
def test_a_flat_curve_is_called_rising_or_falling_as_often_as_stated(curve_grades, problems):
    options = {"problems": problems, "repeats": 2, "spread": 0.4}
    parts = [curve_grades(level(0.5), seed=i, model=f"m{i:03}", **options) for i in range(200)]
    found = anytime.rises(pd.concat(parts), draws=300)
    assert found["trend_p"].lt(0.05).mean() == pytest.approx(0.05, abs=0.035)
    assert found["drop_p"].lt(0.05).mean() == pytest.approx(0.05, abs=0.035)
    assert found[["trend_p_holm", "drop_p_holm"]].lt(0.05).any(axis=1).mean() < 0.02


def test_problems_that_lack_a_position_are_counted_and_single_ones_not_tested(curve_grades):
    frame = curve_grades(level(0.5), problems=20)
    gap = frame["problem_id"].eq("p003") & frame["position"].eq(0.5)
    found = anytime.rises(frame[~gap]).iloc[0]
    assert (found["n_clusters"], found["uneven"]) == (19, 1)
    for few in (curve_grades({0.5: 0.5}), curve_grades(level(0.5), problems=1)):
        assert anytime.rises(few)[["trend", "trend_p", "drop", "drop_p"]].isna().all(axis=None)


def test_ten_thousand_draws_of_a_large_study_take_seconds(curve_grades):
    rates = dict(zip(POSITIONS, (0.1, 0.3, 0.5, 0.7, 0.9), strict=True))
    parts = [curve_grades(rates, problems=500, repeats=16, seed=i, interrupt=f"interrupt {i}") for i in range(6)]
    frame = pd.concat([parts[0], *(part[part["kind"].eq("continuation")] for part in parts[1:])])
    bootstrap.weights.cache_clear()
    start = time.process_time()
    found = stats.accuracy(frame, ["model", "source", "interrupt", "unit", "position"], draws=10_000)
    assert len(found) == 31 and found["n"].eq(8000).all()
    assert len(anytime.summary(frame, draws=10_000)) == 6
    assert time.process_time() - start < 8  # about 2.5 on a free core, 1.3 of it for the intervals
