"""Calibration: error of confidence, corrected rates, splits by problem."""

import numpy as np
import pandas as pd
import pytest

from lib.stats import calibration
from lib.stats.bootstrap import interval, mean


def ece(confidence, right, **options):
    frame = pd.DataFrame({"sure": confidence, "right": right}, dtype=float).assign(problem_id=range(len(confidence)))
    return interval(frame, calibration.ece("sure", "right", **options), draws=2).value


@pytest.mark.parametrize(
    ("confidence", "right", "value"),
    [
        ([1, 1, 0], [1, 1, 0], 0),
        ([0.75] * 4, [1, 1, 1, 0], 0),
        ([0.9, 0.9, 0.3], [1, 0, 0], (2 * 0.4 + 0.3) / 3),
        ([0.9, None, 0.3], [1, 1, None], 0.1),
        ([None], [1], None),
    ],
)
def test_ece(confidence, right, value):
    assert ece(confidence, right) == (None if value is None else pytest.approx(value, abs=1e-12))


# (confidence, its bin of ten): closed on the right, whatever floats make of tenths
@pytest.mark.parametrize(
    ("confidence", "place"),
    [(0, 0), (0.1, 0), (0.10001, 1), (0.3, 2), (0.1 + 0.2, 2), (0.6, 5), (0.7, 6), (0.71, 7), (1, 9)],
)
def test_bins_of_equal_width_are_closed_on_the_right(confidence, place):
    assert calibration.bins_of(np.array([confidence])).tolist() == [place]


def test_bins_of_equal_mass_hold_equally_many_and_keep_equals_together():
    assert calibration.bins_of(np.array([0.6, 0.2, 0.3, 0.4, 0.5, 0.1]), 3, "mass").tolist() == [2, 0, 1, 1, 2, 0]
    assert len(set(calibration.bins_of(np.array([0.5] * 5 + [0.9]), 3, "mass")[:5])) == 1


@pytest.mark.parametrize("by", ["width", "mass"])
@pytest.mark.parametrize(("bend", "low", "high"), [(0.0, 0.0, 0.02), (0.2, 0.18, 0.22)])
def test_a_planted_overconfidence_is_found(by, bend, low, high):
    random = np.random.default_rng(3)
    sure = random.uniform(0.3, 1, 20_000)
    assert low <= ece(sure, random.random(20_000) < sure - bend, by=by) <= high


@pytest.mark.parametrize(
    ("rates", "value", "weak"),
    [
        ((0.3, 1, 1), 0.3, False),
        ((0.5, 0.9, 0.8), 0.3 / 0.7, False),
        ((0.1, 0.9, 0.8), 0.0, False),  # fewer than the false positives alone
        ((0.52, 0.55, 0.5), 0.4, True),
        ((0.5, 0.3, 0.5), None, True),
        ((0.5, None, 0.5), None, True),
    ],
)
def test_a_rate_is_corrected_for_the_errors_of_the_judge(rates, value, weak):
    found = calibration.rogan_gladen(*rates)
    assert found.weak is weak
    assert found.value == (None if value is None else pytest.approx(value))


def test_the_corrected_rate_covers_the_true_one_and_the_plain_rate_does_not(judged):
    covered = {"corrected": 0, "plain": 0}
    for seed in range(100):
        verdicts, labelled = judged(2 * seed, 400, 0.1), judged(2 * seed + 1, 150, 0.4)
        found = calibration.corrected_rate(verdicts, labelled, draws=300, seed=seed)
        plain = interval(verdicts, mean("said"), draws=300, seed=seed)
        covered["corrected"] += found.low <= 0.1 <= found.high
        covered["plain"] += plain.low <= 0.1 <= plain.high
    assert covered["corrected"] >= 88 and covered["plain"] <= 20


def test_a_perfect_judge_leaves_the_doubt_of_the_sample_alone(judged):
    verdicts, labelled = (judged(seed, 200, 0.3, 1, 1) for seed in (9, 10))
    found = calibration.corrected_rate(verdicts, labelled, draws=4000)
    plain = interval(verdicts, mean("said"), draws=4000, seed=5)
    assert (found.value, found.low, found.high) == pytest.approx((plain.value, plain.low, plain.high), abs=0.01)
    assert plain.high - plain.low > 0.1


def test_a_rate_corrected_by_one_problem_has_no_interval(judged):
    found = calibration.corrected_rate(judged(0, 50, 0.3), judged(1, 1, 0.5, repeats=40).assign(truth=[0, 1] * 20))
    assert (found.low, found.high) == (None, None)


def test_a_problem_keeps_its_part_whatever_others_there_are():
    ids = [f"tiny/{i:04}" for i in range(3000)]
    parts = calibration.split(ids)
    assert calibration.split(ids[7:9]) == parts[7:9] and calibration.split([*ids[:5], ids[0]])[-1] == parts[0]
    shares = pd.Series(parts).value_counts(normalize=True)
    assert shares[list(calibration.PARTS)].tolist() == pytest.approx([0.4, 0.3, 0.3], abs=0.04)
    assert calibration.split(ids, salt="other") != parts
    assert set(calibration.split(ids, (0.5, 0.5, 0))) == {"tuning", "calibration"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ece([1.5], [1]), "column sure: expected 0 to 1"),
        (lambda: calibration.rogan_gladen(1.2, 0.9, 0.9), "rates from 0 to 1, got 1.2, 0.9, 0.9"),
        (lambda: calibration.split(["a"], (0.5, 0.4, 0.2)), "three that add up to 1"),
        (lambda: calibration.split([None]), "problem id: expected a text, got None"),
    ],
)
def test_what_cannot_be_calibrated_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
