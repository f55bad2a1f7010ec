"""Curves and what is said of them in one number, against figures worked out by hand and simulation."""

import time

import numpy as np
import pandas as pd
import pytest

from lib import stats
from lib.stats import anytime, bootstrap, curves

POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)


def study(rates, full=1.0, problems=40, repeats=1, seed=0, model="m", interrupt="speed_up", exact=False, spread=0.0):
    """Grades of one curve: right with the chance of each position, shifted by problem; or `exact` shares of problems.

    A thought has 100 tokens, of which a cut at X keeps 100 X; an answer has 20.
    """
    draw = np.random.default_rng(seed)
    shift = np.repeat(draw.uniform(-spread, spread, problems), repeats)
    keys = {"problem_id": np.repeat([f"p{i:03}" for i in range(problems)], repeats)}
    keys |= {"sample": np.tile(np.arange(repeats), problems), "model": model, "source": "s", "variant": "original"}
    count, parts = problems * repeats, []
    for position, rate in [(None, full), *rates.items()]:
        right = np.arange(count) < round(rate * count) if exact else draw.random(count) < rate + shift
        cut = position is not None
        own = {"kind": "continuation", "interrupt": interrupt, "unit": "share", "position": position}
        own |= {"remaining_tokens": 100 - 100 * position, "reasoning_tokens": 0, "tokens": 20} if cut else {}
        full_own = {"kind": "trace", "interrupt": None, "unit": None, "position": np.nan}
        full_own |= {"remaining_tokens": np.nan, "reasoning_tokens": 100, "tokens": 120}
        parts.append(pd.DataFrame(keys | (own if cut else full_own) | {"correct": right}))
    return pd.concat(parts, ignore_index=True)


def level(rate):
    return dict.fromkeys(POSITIONS, rate)


# curves


def test_a_curve_holds_the_sums_of_each_problem_and_full_thinking_last():
    curve = next(curves.of(study({0.5: 0.25, 0.9: 0.75}, full=1.0, problems=4, repeats=2, exact=True)))
    assert curve.key == {"model": "m", "source": "s", "interrupt": "speed_up", "unit": "share"}
    assert curve.positions.tolist() == [0.5, 0.9]
    assert curve.right.tolist() == [[2, 2, 2], [0, 2, 2], [0, 2, 2], [0, 0, 2]]
    assert curve.n.tolist() == [[2, 2, 2]] * 4
    assert curve.accuracy().tolist() == [0.25, 0.75, 1]
    assert curve.tokens().tolist() == [70, 110, 120]  # kept and new


def test_full_thinking_is_taken_from_the_problems_that_were_cut():
    frame = study({0.5: 1.0}, full=0.5, problems=10, exact=True)
    cut = frame["kind"].eq("continuation")
    part = frame[~cut | frame["problem_id"].lt("p005")]
    assert next(curves.of(part)).accuracy().tolist() == [1, 1]


def test_full_thinking_has_the_system_message_of_the_interrupt():
    plain = study({0.5: 1.0}, full=0.0, problems=4, exact=True)
    told = study({0.5: 1.0}, full=1.0, problems=4, exact=True, interrupt="guided").assign(system="be quick")
    heights = {curve.key["interrupt"]: curve.accuracy()[-1] for curve in curves.of(pd.concat([plain, told]))}
    assert heights == {"speed_up": 0, "guided": 1}


@pytest.mark.parametrize(("interrupt", "expected"), [("speed_up", 50), ("restart", 50), ("budget", 20)])
def test_kept_tokens_are_spent_but_by_a_run_of_its_own(interrupt, expected):
    frame = study({0.3: 1.0}, problems=2, interrupt=interrupt)
    spent = curves.spent(frame)
    assert spent[frame["kind"].eq("trace")].tolist() == [120, 120]
    assert spent[frame["kind"].eq("continuation")].tolist() == [expected] * 2


def test_what_was_kept_of_an_absent_trace_is_not_known():
    frame = study({0.3: 1.0}, problems=2)
    assert curves.spent(frame[frame["kind"].eq("continuation")]).isna().all()


# summaries


def test_the_area_is_the_mean_height_of_the_trapezoids():
    found = anytime.summary(study({0.2: 0.0, 0.6: 0.5}, full=1.0, exact=True)).iloc[0]
    assert found["area"] == pytest.approx((0.4 * 0.25 + 0.4 * 0.75) / 0.8)
    assert found["area_of_full"] == pytest.approx(found["area"])
    half = anytime.summary(study({0.2: 0.0, 0.6: 0.25}, full=0.5, exact=True)).iloc[0]
    assert (half["area"], half["area_of_full"]) == pytest.approx((found["area"] / 2, found["area"]))


def test_a_flat_curve_has_its_height_as_area_whatever_its_positions():
    for positions in ((0.1, 0.9), (0.0, 0.2, 0.3), (0.5, 1.0)):
        found = anytime.summary(study(dict.fromkeys(positions, 0.5), full=0.5, exact=True)).iloc[0]
        assert found["area"] == pytest.approx(0.5)


def test_full_thinking_ends_the_area_even_where_the_study_cuts_there():
    found = anytime.summary(study({0.0: 0.5, 1.0: 0.0}, full=1.0, exact=True)).iloc[0]
    assert found["area"] == pytest.approx(0.75)


def test_accuracy_per_thousand_tokens_counts_kept_ones():
    found = anytime.summary(study({0.1: 0.5, 0.5: 1.0}, full=0.6, problems=10, exact=True)).iloc[0]
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
def test_reach_is_the_first_position_near_full_thinking(rates, full, expected):
    found = anytime.summary(study(rates, full=full, problems=100, exact=True)).iloc[0]
    assert found["reach"] == pytest.approx(expected, nan_ok=True)


def test_an_interval_of_reach_ends_nowhere_where_many_draws_never_get_there():
    found = anytime.summary(study(level(0.9) | {0.9: 0.96}, full=1.0, problems=50, exact=True)).iloc[0]
    assert found["reach"] <= 0.9 and np.isnan(found["reach_high"])
    assert 0.2 < found["never"] < 0.6


def test_a_count_of_tokens_has_no_area():
    frame = study({0.2: 0.5, 0.6: 1.0}, exact=True)
    cut = frame["kind"].eq("continuation")
    frame = frame.assign(unit=np.where(cut, "tokens", None), position=frame["position"] * 100)
    found = anytime.summary(frame).iloc[0]
    assert np.isnan(found["area"]) and np.isnan(found["area_of_full"])
    assert found["reach"] == pytest.approx(56)


def test_one_problem_has_figures_and_no_intervals():
    found = anytime.summary(study(level(1.0), problems=1, repeats=4)).iloc[0]
    assert found["area"] == 1 and np.isnan(found["area_low"]) and np.isnan(found["reach_low"])


@pytest.mark.parametrize(("rate", "low", "high"), [(0.0, 0, 0.0876), (1.0, 0.9124, 1)])
def test_an_area_of_nothing_or_everything_is_not_certain(rate, low, high):
    found = anytime.summary(study(level(rate), full=rate, problems=40, exact=True)).iloc[0]
    assert [found["area_low"], found["area_high"]] == pytest.approx([low, high], abs=1e-4)  # Wilson, 40 of 40


@pytest.mark.parametrize("problems", [30, 120])
def test_intervals_of_area_and_reach_hold_the_truth(problems):
    rates = {0.1: 0.2, 0.3: 0.4, 0.5: 0.6, 0.7: 0.72, 0.9: 0.8}
    parts = [
        study(rates, 0.8, problems, 4, seed, model=f"m{seed:03}", spread=0.2) for seed in range(200)
    ]  # each model a study of its own
    found = anytime.summary(pd.concat(parts), draws=500)
    truth = anytime.area(np.array(POSITIONS), np.array([*rates.values(), 0.8]))
    assert _held(found, "area", truth) == pytest.approx(0.95, abs=0.035)
    assert _held(found, "reach", 0.8) == pytest.approx(0.95, abs=0.035)  # 0.76 lies half way from 0.72 to 0.8


def _held(found, name, truth):
    return (found[f"{name}_low"].le(truth) & ~found[f"{name}_high"].lt(truth)).mean()


# whether a curve rises


def test_a_rising_curve_has_a_trend_and_no_drop():
    found = anytime.rises(study(dict(zip(POSITIONS, (0.1, 0.3, 0.5, 0.7, 0.9), strict=True)), exact=True)).iloc[0]
    assert found["trend"] == pytest.approx(1.0)
    assert found["trend_p"] < 0.001
    assert (found["drop"], found["drop_p"]) == (0, 1) and np.isnan(found["drop_from"])


def test_a_drop_is_found_where_it_is():
    rates = dict(zip(POSITIONS, (0.3, 0.7, 0.9, 0.4, 0.6), strict=True))
    found = anytime.rises(study(rates, problems=60, seed=1)).iloc[0]
    assert (found["drop_from"], found["drop_to"]) == (0.5, 0.7)
    assert found["drop"] == pytest.approx(0.5, abs=0.15)
    assert found["drop_p"] < 0.01


@pytest.mark.parametrize("problems", [30, 200])
def test_a_flat_curve_is_called_rising_or_falling_as_often_as_stated(problems):
    parts = [study(level(0.5), 1.0, problems, 2, seed, model=f"m{seed:03}", spread=0.4) for seed in range(200)]
    found = anytime.rises(pd.concat(parts), draws=300)
    assert found["trend_p"].lt(0.05).mean() == pytest.approx(0.05, abs=0.035)
    assert found["drop_p"].lt(0.05).mean() == pytest.approx(0.05, abs=0.035)
    assert found[["trend_p_holm", "drop_p_holm"]].lt(0.05).any(axis=1).mean() < 0.02


def test_a_problem_that_lacks_a_position_is_counted_and_not_tested():
    frame = study(level(0.5), problems=20)
    gap = frame["problem_id"].eq("p003") & frame["position"].eq(0.5)
    found = anytime.rises(frame[~gap]).iloc[0]
    assert (found["n_clusters"], found["uneven"]) == (19, 1)


def test_one_position_or_one_problem_is_no_test():
    for frame in (study({0.5: 0.5}), study(level(0.5), problems=1)):
        assert anytime.rises(frame)[["trend", "trend_p", "drop", "drop_p"]].isna().all(axis=None)


# equal tokens


def both(rates, baseline, **more):
    """An interrupt that keeps 100 X tokens and adds 20, and runs of their own of 100 X + 20 tokens."""
    theirs = study(baseline, interrupt="budget", **more)
    cut = theirs["kind"].eq("continuation")
    theirs.loc[cut, "tokens"] = 100 * theirs.loc[cut, "position"] + 20
    return pd.concat([study(rates, **more), theirs[cut]])


def test_a_baseline_is_interpolated_at_equal_tokens_and_never_beyond():
    frame = both({0.1: 0.5, 0.3: 0.5, 0.9: 1.0}, {0.2: 0.2, 0.6: 0.6}, problems=20, exact=True)
    found = curves.at_equal_tokens(frame, "budget").set_index("position")
    assert found["tokens"].tolist() == pytest.approx([30, 50, 110])
    assert found["baseline"].tolist() == pytest.approx([np.nan, 0.3, np.nan], nan_ok=True)
    assert found.loc[0.3, "difference"] == pytest.approx(0.2)
    assert found.loc[[0.1, 0.9], ["difference", "ci_low", "p", "p_holm"]].isna().all(axis=None)
    assert found["n"].tolist() == [20] * 3


def test_equal_curves_differ_as_often_as_stated():
    rates = {0.1: 0.3, 0.5: 0.5, 0.9: 0.7}
    more = [{"problems": 60, "repeats": 2, "seed": 2 * i, "model": f"m{i:03}", "spread": 0.2} for i in range(100)]
    frame = pd.concat([both(rates, rates, **options) for options in more])
    other = frame["interrupt"].eq("budget")
    draw = np.random.default_rng(5)
    frame.loc[other, "correct"] = draw.random(other.sum()) < frame.loc[other, "position"].map(rates)
    found = curves.at_equal_tokens(frame, "budget", draws=400)
    assert found["baseline"].notna().all()
    assert found["p"].lt(0.05).mean() == pytest.approx(0.05, abs=0.04)


def test_only_problems_of_both_are_compared():
    frame = both({0.3: 1.0}, {0.1: 0.0, 0.5: 0.0}, problems=10, exact=True)
    part = frame[frame["interrupt"].ne("budget") | frame["problem_id"].lt("p006")]
    assert curves.at_equal_tokens(part, "budget")["n_clusters"].tolist() == [6]


def test_an_absent_baseline_is_refused_by_name():
    with pytest.raises(ValueError, match="interrupt 'restart': no rows, expected some to compare with"):
        curves.at_equal_tokens(study(level(0.5)), "restart")


# speed


def test_ten_thousand_draws_of_a_large_study_take_seconds():
    rates = dict(zip(POSITIONS, (0.1, 0.3, 0.5, 0.7, 0.9), strict=True))
    names = [f"interrupt {i}" for i in range(6)]
    parts = [study(rates, problems=500, repeats=16, seed=i, interrupt=name) for i, name in enumerate(names)]
    frame = pd.concat([parts[0], *(part[part["kind"].eq("continuation")] for part in parts[1:])])
    bootstrap.weights.cache_clear()
    start = time.process_time()
    found = stats.accuracy(frame, ["model", "source", "interrupt", "unit", "position"], draws=10_000)
    assert len(found) == 31 and found["n"].eq(8000).all()
    assert len(anytime.summary(frame, draws=10_000)) == 6
    assert time.process_time() - start < 8  # about 2.5 on a free core, 1.3 of it for the intervals
