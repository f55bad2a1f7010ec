"""Votes against oracles that enumerate every choice."""

import itertools
import math

import pandas as pd
import pytest

from lib.grm import votes

YES_NO = {"no": 0.0, "yes": 1.0}
SCALE = {"never": 0.0, "partly": 0.3, "fully": 1.0}


# (verdicts, values worst first, label, score)
@pytest.mark.parametrize(
    ("labels", "values", "label", "score"),
    [
        (["yes", "yes", "no"], YES_NO, "yes", 2 / 3),
        (["yes", "no"], YES_NO, "no", 1 / 2),  # a tie is the worse
        (["yes", "no"], {"yes": 1.0, "no": 0.0}, "yes", 1 / 2),  # of something undesired
        (["yes", None, math.nan, None], YES_NO, "yes", 1),
        (["fully", "never", "partly"], SCALE, "partly", 1.3 / 3),
        (["fully", "never"], SCALE, "never", 1 / 2),
        (["fully", "fully", "partly", "never"], SCALE, "partly", 2.3 / 4),
        ([None, None], SCALE, None, None),
        ([], YES_NO, None, None),
    ],
)
def test_a_vote_is_the_median_label_and_the_mean_score(labels, values, label, score):
    for order in itertools.permutations(labels):
        found = votes.vote(order, values)
        assert found.label == label and found.score == (None if score is None else pytest.approx(score))
    assert (found.confidence is None) == (label is None) and found.votes == sum(isinstance(x, str) for x in labels)


@pytest.mark.parametrize("values", [YES_NO, SCALE, {"yes": 1.0, "no": 0.0}])
def test_many_votes_are_those_of_each(values):
    every = [counts for counts in itertools.product(range(5 - len(values) // 3), repeat=len(values))]
    found = votes.many(pd.DataFrame(every, columns=list(values)), values)
    for counts, row in zip(every, found.to_dict("records"), strict=True):
        one = votes.vote([label for label, n in zip(values, counts, strict=True) for _ in range(n)], values)
        told = [None if pd.isna(row[name]) else row[name] for name in votes.COLUMNS]
        assert told == [one.label, one.score, one.confidence, one.votes]


def test_a_vote_off_the_menu_is_named():
    with pytest.raises(ValueError, match="label 'maybe': expected one of no, yes"):
        votes.vote(["maybe"], YES_NO)
    with pytest.raises(ValueError, match="two labels or more, got yes"):
        votes.vote(["yes"], {"yes": 1.0})


def test_confidence_grows_with_votes_and_never_reaches_one():
    assert votes.confidence(0, 0) is None
    assert [votes.confidence(n, n) for n in (1, 3, 8)] == [2 / 3, 4 / 5, 9 / 10]
    assert votes.confidence(2, 4) == 1 / 2 and votes.confidence(2, 4, labels=5) == 1 / 3
    with pytest.raises(ValueError, match="expected 0 to 3 votes, got 4"):
        votes.confidence(4, 3)


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


@pytest.mark.parametrize("labels", [2, 3])
def test_settled_is_what_trying_all_further_draws_says(labels):
    for counts in itertools.product(range(5 - labels // 3), repeat=labels):
        for left in range(5):
            futures = itertools.product([None, *range(labels)], repeat=left)  # None: a draw that failed
            ends = {votes.median([n + future.count(i) for i, n in enumerate(counts)]) for future in futures}
            assert votes.settled(counts, left) == (ends == {votes.median(counts)}), (counts, left)


def test_bad_counts_are_named():
    with pytest.raises(ValueError, match="counts from 0 up"):
        votes.settled([1, -1], 2)
    with pytest.raises(ValueError, match="k from 1 and counts from 0 up, got k = 0"):
        votes.vote_at_k(1, 1, 0)
