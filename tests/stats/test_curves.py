"""Curves and their comparison at equal tokens, against numbers worked out by hand and simulation."""

import numpy as np
import pandas as pd
import pytest

from lib.stats import curves


def test_a_curve_holds_the_sums_of_each_problem_and_full_thinking_last(curve_grades):
    curve = next(curves.of(curve_grades({0.5: 0.25, 0.9: 0.75}, problems=4, repeats=2, exact=True)))
    assert curve.key == {"model": "m", "source": "s", "interrupt": "speed_up", "unit": "share"}
    assert curve.positions.tolist() == [0.5, 0.9]
    assert curve.right.tolist() == [[2, 2, 2], [0, 2, 2], [0, 2, 2], [0, 0, 2]]
    assert curve.n.tolist() == [[2, 2, 2]] * 4
    assert curve.accuracy().tolist() == [0.25, 0.75, 1]
    assert curve.tokens().tolist() == [70, 110, 120]  # kept and new


def test_full_thinking_is_that_of_the_problems_and_the_system_message_of_the_cut(curve_grades):
    frame = curve_grades({0.5: 1.0}, full=0.5, problems=10, exact=True)
    part = frame[frame["kind"].eq("trace") | frame["problem_id"].lt("p005")]
    assert next(curves.of(part)).accuracy().tolist() == [1, 1]
    plain = curve_grades({0.5: 1.0}, full=0.0, problems=4, exact=True)
    other = curve_grades({0.5: 1.0}, problems=4, exact=True, interrupt="guided").assign(system="be quick")
    heights = {curve.key["interrupt"]: curve.accuracy()[-1] for curve in curves.of(pd.concat([plain, other]))}
    assert heights == {"speed_up": 0, "guided": 1}


@pytest.mark.parametrize(("interrupt", "expected"), [("speed_up", 50), ("restart", 50), ("budget", 20)])
def test_kept_tokens_are_spent_but_by_a_run_of_its_own(curve_grades, interrupt, expected):
    frame = curve_grades({0.3: 1.0}, problems=2, interrupt=interrupt)
    is_cut = frame["kind"].eq("continuation")
    spent = curves.spent(frame)
    assert (spent[~is_cut].tolist(), spent[is_cut].tolist()) == ([120, 120], [expected] * 2)
    if interrupt != "budget":  # what was kept of an absent trace is not known
        assert curves.spent(frame[is_cut]).isna().all()


@pytest.fixture
def both(curve_grades):
    """An interrupt that keeps 100 X tokens and adds 20, and a baseline that spends 100 X + 20 tokens."""

    def make(rates, baseline, **options):
        theirs = curve_grades(baseline, interrupt="budget", **options)
        is_cut = theirs["kind"].eq("continuation")
        theirs.loc[is_cut, "tokens"] = 100 * theirs.loc[is_cut, "position"] + 20
        return pd.concat([curve_grades(rates, **options), theirs[is_cut]])

    return make


def test_a_baseline_is_interpolated_at_equal_tokens_and_never_beyond(both):
    frame = both({0.1: 0.5, 0.3: 0.5, 0.9: 1.0}, {0.2: 0.2, 0.6: 0.6}, problems=20, exact=True)
    found = curves.at_equal_tokens(frame, "budget").set_index("position")
    assert found["tokens"].tolist() == pytest.approx([30, 50, 110])
    assert found["baseline"].tolist() == pytest.approx([np.nan, 0.3, np.nan], nan_ok=True)
    assert found.loc[0.3, "difference"] == pytest.approx(0.2)
    assert found.loc[[0.1, 0.9], ["difference", "ci_low", "p", "p_holm"]].isna().all(axis=None)
    assert found["n"].tolist() == [20] * 3
    part = frame[frame["interrupt"].ne("budget") | frame["problem_id"].lt("p006")]
    assert curves.at_equal_tokens(part, "budget")["n_clusters"].unique().tolist() == [6]


def test_equal_curves_differ_as_often_as_stated(both):
    rates = {0.1: 0.3, 0.5: 0.5, 0.9: 0.7}
    options = {"problems": 60, "repeats": 2, "spread": 0.2}
    frame = pd.concat([both(rates, rates, seed=2 * i, model=f"m{i:03}", **options) for i in range(100)])
    other = frame["interrupt"].eq("budget")
    random = np.random.default_rng(5)
    frame.loc[other, "correct"] = random.random(other.sum()) < frame.loc[other, "position"].map(rates)
    found = curves.at_equal_tokens(frame, "budget", draws=400)
    assert found["baseline"].notna().all()
    assert found["p"].lt(0.05).mean() == pytest.approx(0.05, abs=0.04)


def test_an_absent_baseline_is_refused_by_name(curve_grades):
    with pytest.raises(ValueError, match="interrupt 'restart': no rows, expected some to compare with"):
        curves.at_equal_tokens(curve_grades({0.5: 0.5}))
