"""Votes against oracles that enumerate every choice."""

import itertools
import math

import pandas as pd
import pytest

from lib.grm import votes

YES_NO = {"no": 0.0, "yes": 1.0}
UNDESIRED = {"yes": 1.0, "no": 0.0}  # worst first
SCALE = {"never": 0.0, "partly": 0.3, "fully": 1.0}


# (values worst first, number of verdicts of each, label, value, confidence)
@pytest.mark.parametrize(
    ("values", "counts", "label", "value", "confidence"),
    [
        (YES_NO, (1, 2), "yes", 2 / 3, 3 / 5),
        (YES_NO, (1, 1), "no", 1 / 2, 2 / 4),  # a tie is the worse
        (UNDESIRED, (1, 1), "yes", 1 / 2, 2 / 4),
        (YES_NO, (0, 8), "yes", 1, 9 / 10),
        (SCALE, (1, 1, 1), "partly", 1.3 / 3, 2 / 6),
        (SCALE, (1, 0, 1), "never", 1 / 2, 2 / 5),
        (SCALE, (1, 1, 2), "partly", 2.3 / 4, 2 / 7),
        (SCALE, (0, 0, 0), None, None, None),
    ],
)
def test_a_vote_is_the_median_label_and_the_mean_value(values, counts, label, value, confidence):
    row = votes.majority(pd.DataFrame([counts], columns=list(values)), values).iloc[0]
    assert row["votes"] == sum(counts)
    if label is None:
        assert row[["verdict", "value", "confidence"]].isna().all()
    else:
        assert (row["verdict"], row["value"], row["confidence"]) == (label, pytest.approx(value), confidence)


@pytest.mark.parametrize("k", range(1, 8))
def test_vote_at_k_is_the_share_of_all_draws(k):
    for better, worse in itertools.product(range(5), repeat=2):
        pool = [1] * better + [0] * worse
        found = votes.vote_at_k(better, worse, k)
        if not pool:
            assert found is None
            continue
        drawn = min(k, len(pool)) if k <= len(pool) or (k - len(pool)) % 2 == 0 else max(1, len(pool) - 1)
        draws = list(itertools.combinations(pool, drawn))
        assert found == pytest.approx(sum(sum(draw) > drawn / 2 for draw in draws) / len(draws))


def test_vote_at_k_nears_the_binomial_where_the_pool_is_large():
    for k, share in itertools.product((1, 3, 4, 9), (0.2, 0.5, 0.7)):
        binomial = sum(math.comb(k, i) * share**i * (1 - share) ** (k - i) for i in range(k // 2 + 1, k + 1))
        assert votes.vote_at_k(round(1e6 * share), round(1e6 * (1 - share)), k) == pytest.approx(binomial, abs=1e-4)
    with pytest.raises(ValueError, match="k from 1 and counts from 0 up, got k = 0"):
        votes.vote_at_k(1, 1, 0)
