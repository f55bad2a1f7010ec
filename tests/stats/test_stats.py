"""Means and their intervals, against closed forms, a literal bootstrap and simulation."""

import numpy as np
import pandas as pd
import pytest

from lib import schema, stats

ENDS = ["mean", "ci_low", "ci_high"]


def sample(problems, repeats, seed, model="m", spread=1.0):
    """Repeats of each problem that succeed with the problem's own probability, Beta(spread, spread)."""
    random = np.random.default_rng(seed)
    rates = np.repeat(random.beta(spread, spread, problems), repeats)
    right = random.random(problems * repeats) < rates
    ids = np.repeat([f"p/{i:04}" for i in range(problems)], repeats)
    return pd.DataFrame({"model": model, "problem_id": ids, "status": np.where(right, "correct", "incorrect")})


def coverage(result, truth):
    return (result["ci_low"].le(truth) & result["ci_high"].ge(truth)).mean()


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_agrees_with_the_literal_bootstrap_on_uneven_clusters(confidence):
    frame = sample(40, 6, seed=1).drop(index=range(0, 60, 2))
    frame["tokens"] = np.random.default_rng(2).gamma(2, 50, len(frame))
    row = stats.mean_ci(frame, "tokens", "model", confidence=confidence, draws=20_000, method="bootstrap").iloc[0]
    random, groups = np.random.default_rng(3), [part.to_numpy() for _, part in frame.groupby("problem_id")["tokens"]]
    means = [np.concatenate([groups[i] for i in random.integers(40, size=40)]).mean() for _ in range(4000)]
    expected = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    assert row["mean"] == pytest.approx(frame["tokens"].mean())
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected, abs=0.06 * np.ptp(expected))
    assert (row["n"], row["n_clusters"]) == (len(frame), 40)


def test_repeats_that_always_agree_carry_no_information():
    once = sample(50, 1, seed=5)
    assert np.allclose(stats.accuracy(once, "model")[ENDS], stats.accuracy(pd.concat([once] * 16), "model")[ENDS])


@pytest.mark.parametrize("studies", [200, pytest.param(2000, marks=pytest.mark.simulation)])
@pytest.mark.parametrize(
    ("problems", "spread", "methods"),
    [
        (30, (1, 1), ("expanded", "robust", "score")),
        (30, (4, 1), ("score",)),  # most problems easy: the mean leans, and only the score interval follows
        (500, (1, 1), ("bootstrap", "expanded", "robust", "score")),
        (500, (4, 1), ("bootstrap", "expanded", "robust", "score")),
    ],
)
def test_an_interval_holds_the_truth_as_often_as_it_says(problems, studies, spread, methods):
    random, repeats = np.random.default_rng(problems), 16
    rates = random.beta(*spread, studies * problems)
    frame = pd.DataFrame(  # a problem's repeats are one sum to every method
        {
            "study": np.repeat(np.arange(studies), problems),
            "problem_id": np.tile(np.arange(problems), studies),
            "share": random.binomial(repeats, rates) / repeats,
        }
    )
    truth, slack = spread[0] / sum(spread), 3 * np.sqrt(0.0475 / studies)
    for method in methods:
        result = stats.mean_ci(frame, "share", "study", draws=600, method=method)
        assert coverage(result, truth) == pytest.approx(0.95, abs=max(0.015, slack)), method
    error = np.sqrt(result["mean"] * (1 - result["mean"]) / (problems * repeats))  # as if rows were independent
    alone = result.assign(ci_low=result["mean"] - 1.96 * error, ci_high=result["mean"] + 1.96 * error)
    assert coverage(alone, truth) < 0.75


@pytest.mark.parametrize("count", [30, stats.FEW - 1, stats.FEW, 500])
def test_the_method_follows_from_the_number_of_problems_of_each_group(count):
    frame = pd.concat([sample(count, 4, seed=9), sample(40, 4, seed=9, model="of forty")])
    frame["tokens"] = np.random.default_rng(2).gamma(2, 50, len(frame))
    for call, few in ((stats.accuracy, "score"), (lambda f, **more: stats.mean_ci(f, "tokens", **more), "expanded")):
        found = call(frame, by="model")
        for model, method in (("m", few if count < stats.FEW else "bootstrap"), ("of forty", few)):
            expected = call(frame, by="model", method=method)
            assert found[found["model"].eq(model)].equals(expected[expected["model"].eq(model)]), method


@pytest.mark.parametrize("method", stats.METHODS)
def test_every_method(method):
    rows = sample(25, 16, seed=3)
    shares = rows.assign(share=rows["status"].eq("correct")).groupby(["model", "problem_id"], as_index=False)[["share"]]
    by_row = stats.accuracy(rows, "model", method=method)
    if method != "auto":  # repeats are one sum
        assert np.allclose(by_row[ENDS], stats.mean_ci(shares.mean(), "share", "model", method=method)[ENDS])
    assert stats.accuracy(rows, [], method=method).equals(by_row.drop(columns="model"))
    widths = []  # of fewer problems the intervals are wider, and of one there is none
    for problems in (8, 40, 200):
        row = stats.accuracy(sample(problems, 4, seed=6), "model", method=method).iloc[0]
        widths.append(row["ci_high"] - row["ci_low"])
    assert widths == sorted(widths, reverse=True)
    one = stats.accuracy(sample(1, 4, seed=6), "model", method=method).iloc[0]
    assert one["n_clusters"] == 1 and one[["ci_low", "ci_high"]].isna().all()


def test_the_score_interval_of_single_rows_is_wilsons_with_t_for_z():
    frame = pd.DataFrame({"problem_id": range(40), "correct": [True] * 30 + [False] * 10, "model": "m"})
    row = stats.accuracy(frame, "model", method="score").iloc[0]
    t, trials = 2.022691, 39  # 39 degrees of freedom; p (1 - p) over an error with divisor C - 1
    centre, half = 0.75 + t**2 / (2 * trials), t * np.sqrt(0.75 * 0.25 / trials + t**2 / (4 * trials**2))
    expected = np.array([centre - half, centre + half]) / (1 + t**2 / trials)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx(expected, abs=1e-6)


def test_every_row_is_in_the_denominator_and_every_status_is_counted():
    status = ["correct", "correct", "incorrect", "no_answer", "censored", "ungradable", "censored", "correct"]
    frame = pd.DataFrame({"problem_id": list("aabbccdd"), "status": status, "model": "m"})
    row = stats.accuracy(frame, "model").iloc[0]
    assert (row["mean"], row["n"], row["n_clusters"]) == (3 / 8, 8, 4)
    assert row[list(schema.STATUSES)].tolist() == [3, 1, 1, 2, 1]
    assert stats.status_counts(frame, []).iloc[0].to_dict() == row[[*schema.STATUSES, "n"]].to_dict()


def test_correct_alone_is_enough_and_null_is_not_correct():
    frame = pd.DataFrame({"problem_id": list("abcd"), "correct": [True, None, False, True], "model": "m"})
    result = stats.accuracy(frame, "model")
    assert result["mean"].tolist() == [0.5]
    assert list(result.columns) == ["model", *ENDS, "n", "n_clusters"]


@pytest.mark.parametrize(("status", "low", "high"), [("correct", 0.8389, 1), ("incorrect", 0, 0.1611)])
def test_all_right_or_all_wrong_is_not_certain(status, low, high):
    row = stats.accuracy(pd.DataFrame({"problem_id": range(20), "status": status, "model": "m"}), "model").iloc[0]
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([low, high], abs=1e-4)  # Wilson, 20 of 20


def test_missing_values_are_left_out_and_no_values_have_no_mean():
    frame = pd.DataFrame({"model": list("aaab"), "problem_id": list("1223"), "tokens": [1.0, np.nan, 4.0, np.nan]})
    result = stats.mean_ci(frame, "tokens", "model")
    assert result[["n", "n_clusters"]].values.tolist() == [[2, 2], [0, 0]]
    assert result["mean"].fillna(-1).tolist() == [2.5, -1]
    none = stats.accuracy(sample(3, 1, seed=0).iloc[:0], ["model"])
    assert len(none) == 0 and list(none.columns) == ["model", *ENDS, "n", "n_clusters", *schema.STATUSES]


def test_groups_are_sorted_keep_nulls_and_do_not_depend_on_each_other():
    first, second = sample(30, 4, seed=1, model="b"), sample(20, 4, seed=2, model="a")
    both = pd.concat([first, second]).assign(interrupt=None, position=np.nan)
    result = stats.accuracy(both, ["model", "interrupt", "position"])
    assert result["model"].tolist() == ["a", "b"] and result["position"].isna().all()
    assert result[ENDS].iloc[1].tolist() == stats.accuracy(first, "model")[ENDS].iloc[0].tolist()


def test_the_seed_decides_the_draws_and_the_order_of_rows_does_not():
    frame = sample(30, 4, seed=1)
    shuffled = frame.sample(frac=1, random_state=0)
    one, same, other = (
        stats.accuracy(rows, "model", method="bootstrap", seed=seed)
        for rows, seed in ((frame, 7), (shuffled, 7), (frame, 8))
    )
    assert one.equals(same) and not one.equals(other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: stats.accuracy(f, ["model", "interrupt"]), "missing columns: interrupt"),
        (lambda f: stats.mean_ci(f, "tokens", "model"), "missing columns: tokens"),
        (lambda f: stats.accuracy(f, "model", method="exact"), "method 'exact': expected one of auto, bootstrap, "),
        (lambda f: stats.mean_ci(f.assign(x=2), "x", "model", method="score"), "column x: a value outside 0 to 1"),
        (lambda f: stats.accuracy(f.assign(problem_id=None), "model"), "column problem_id: null"),
        (lambda f: stats.status_counts(f.assign(status="right"), "model"), "status 'right': expected one of"),
    ],
)
def test_bad_frames_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(sample(3, 1, seed=0))
