"""Paired differences, against differences counted by hand, scipy and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from lib.stats import paired


def row(problem, right, interrupt=None, position=None, sample=0, variant="original", model="m", tokens=10):
    """A row of grades: full thinking where there is no interrupt."""
    return {
        "kind": "trace" if interrupt is None else "continuation",
        "model": model,
        "source": "s",
        "problem_id": problem,
        "sample": sample,
        "variant": variant,
        "system": None,
        "interrupt": interrupt,
        "unit": None if interrupt is None else "share",
        "position": position,
        "status": "correct" if right else "incorrect",
        "tokens": tokens,
    }


def grades(*rows):
    return pd.DataFrame(list(rows)).astype({"position": float})


def cut(rights, interrupt, position=0.5, **more):
    """One row for each problem p0, p1 ..."""
    return [row(f"p{i}", right, interrupt, position, **more) for i, right in enumerate(rights)]


def full(rights, **more):
    return [row(f"p{i}", right, **more) for i, right in enumerate(rights)]


def test_a_difference_from_full_thinking_is_counted_pair_by_pair():
    frame = grades(*full([1, 1, 1, 0]), *cut([0, 0, 1, 1], "speed_up"))
    frame.loc[4:5, "status"] = ["censored", "ungradable"]  # every row counts
    found = paired.against_full(frame).iloc[0]
    assert (found["left"], found["right"], found["difference"]) == (0.5, 0.75, -0.25)
    assert (found["better"], found["worse"], found["unpaired"], found["n"], found["n_clusters"]) == (1, 2, 0, 4, 4)
    # differences -1 -1 0 1: error sqrt(4/3 * 2.75) / 4 = 0.478714, t = -0.522233, 3 degrees of freedom
    assert found["p"] == pytest.approx(0.637618, abs=1e-5)
    assert (found["ci_low"], found["ci_high"]) == (-1, 1)  # -0.25 + 3.182446 * 0.478714 is more than there can be


def test_tokens_are_compared_by_the_paired_t_test():
    frame = grades(*full([1] * 9), *cut([1] * 9, "speed_up"))
    frame["tokens"] = np.random.default_rng(0).integers(10, 200, 18)
    found = paired.against_full(frame, value="tokens").iloc[0]
    expected = ttest_rel(frame["tokens"][9:], frame["tokens"][:9])
    assert found["p"] == pytest.approx(expected.pvalue)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(tuple(expected.confidence_interval()))


@pytest.mark.parametrize(
    ("rows", "expected"),  # left, right, n, unpaired, better, worse, n_clusters
    [
        # only problems of both sides are compared
        ([*full([1, 1]), *cut([0, 1, 1], "speed_up")], (0.5, 1, 2, 1, 0, 1, 2)),
        # samples go with their own, problems are the clusters
        (
            [
                *full([1, 0]),
                *full([0, 0], sample=1),
                *cut([1, 0], "speed_up"),
                *cut([0, 1], "speed_up", sample=1),
            ],
            (0.5, 0.25, 4, 0, 1, 0, 2),
        ),
        # an update is measured against the original problem, not the trace that was cut
        (
            [*full([1, 1, 0, 0]), *full([1] * 4, variant="revised"), *cut([1, 0, 0, 0], "update", variant="revised")],
            (0.25, 0.5, 4, 0, 0, 1, 4),
        ),
    ],
)
def test_pairs(rows, expected):
    found = paired.against_full(grades(*rows)).iloc[0]
    names = ["left", "right", "n", "unpaired", "better", "worse", "n_clusters"]
    assert tuple(found[names]) == expected


@pytest.mark.parametrize(
    ("before", "after", "low", "high", "p"),
    [
        ([1] * 20, [1] * 20, -0.1611, 0.1611, 1),  # Wilson at 0 of 20, either way
        ([1] * 20, [0] * 20, -1, -1 + 2 * 0.1611, 2**-19),
    ],
)
def test_problems_that_all_agree_are_not_certain(before, after, low, high, p):
    found = paired.against_full(grades(*full(before), *cut(after, "speed_up"))).iloc[0]
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([low, high], abs=1e-4)
    assert found["p"] == pytest.approx(p)


def test_one_problem_has_a_difference_and_no_test():
    found = paired.against_full(grades(*full([1]), *cut([0], "speed_up"))).iloc[0]
    assert (found["difference"], found["family_size"]) == (-1, 0)
    assert found[["ci_low", "ci_high", "p", "p_holm"]].isna().all()


def test_no_pairs_and_no_rows():
    frame = grades(*full([1]), *cut([1, 0], "speed_up")[1:])
    found = paired.against_full(frame).iloc[0]
    assert (found["n"], found["unpaired"], found["n_clusters"]) == (0, 1, 0)
    assert found[["left", "right", "difference", "p"]].isna().all()
    none = paired.against_full(frame[frame["kind"].eq("trace")])
    assert len(none) == 0 and "p_holm" in none.columns


def test_the_family_of_tests_is_the_call_or_what_family_says():
    random = np.random.default_rng(0)
    rows = [*full(np.ones(30, int))]
    for interrupt, rate in (("speed_up", 0.8), ("update", 0.6)):
        for position in (0.1, 0.9):
            rows += cut((random.random(30) < rate).astype(int), interrupt, position)
    whole, parts = (paired.against_full(grades(*rows), family=f) for f in ((), ("interrupt",)))
    assert whole["family_size"].tolist() == [4] * 4 and parts["family_size"].tolist() == [2] * 4
    assert whole["p"].equals(parts["p"])
    assert (whole["p_holm"] >= parts["p_holm"]).all() and (parts["p_holm"] >= parts["p"]).all()


@pytest.mark.parametrize("studies", [200, pytest.param(2000, marks=pytest.mark.simulation)])
@pytest.mark.parametrize("problems", [30, 500])
def test_no_difference_is_called_one_as_often_as_stated(problems, studies):
    random = np.random.default_rng(problems)
    rates = random.beta(1, 1, studies * problems)
    keys = {"study": np.repeat(np.arange(studies), problems), "problem_id": np.tile(np.arange(problems), studies)}
    left, right = (pd.DataFrame(keys | {"share": random.binomial(16, rates) / 16}) for _ in range(2))
    found = paired.differences(left, right, ["study"], ["study", "problem_id"], "share")
    holds = found["ci_low"].le(0) & found["ci_high"].ge(0)
    assert holds.mean() == pytest.approx(0.95, abs=0.005 + 3 * np.sqrt(0.0475 / studies))
    assert (holds == found["p"].ge(0.05)).all()  # the interval and the test say the same


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: paired.against_full(pd.concat([f, f])), "row m, .* stands twice, expected one for each pair"),
        (lambda f: paired.against_full(f, value="length"), "missing columns: length"),
        (lambda f: paired.against_full(f.drop(columns="kind")), "missing columns: kind"),
        (lambda f: paired.against_full(f[f["kind"].ne("trace")]), "variant 'original': no traces"),
    ],
)
def test_bad_frames_are_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call(grades(*full([1, 0]), *cut([1, 0], "speed_up")))
