"""Majority votes: several verdicts on one criterion combined, with a confidence and a rule for stopping early.

Labels are ordered worst to best throughout, so that ties fall to the worse one. The vote is the median label: the
smallest that at least half of the verdicts do not exceed; for two labels this is the majority.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

COLUMNS = ["verdict", "value", "confidence", "votes"]  # of `many`


@dataclass(frozen=True)
class Vote:
    """The combined verdict on one criterion; all but the counts are None without a usable verdict."""

    label: str | None
    score: float | None  # mean of the labels' values, 0 to 1
    confidence: float | None  # see `confidence`
    counts: tuple[int, ...]  # verdicts of each label, worst to best

    @property
    def votes(self) -> int:
        """Number of usable verdicts."""
        return sum(self.counts)


def vote(labels: Sequence[str | None], values: Mapping[str, float]) -> Vote:
    """The median label and mean score of some verdicts; None (a failed judgement) does not count.

    Args:
        labels: the verdicts.
        values: value of each label, worst label first: for an undesired criterion "yes" comes first.

    Raises:
        ValueError: fewer than two labels, or a verdict that is none of them.
    """
    if len(values) < 2:
        raise ValueError(f"values: expected two labels or more, got {', '.join(values) or 'none'}")
    given = Counter(label for label in labels if not pd.isna(label))
    if unknown := set(given) - set(values):
        raise ValueError(f"label {min(map(repr, unknown))}: expected one of {', '.join(values)}")
    counts = tuple(given[label] for label in values)
    if not sum(counts):
        return Vote(None, None, None, counts)
    place = median(counts)
    score = sum(given[label] * value for label, value in values.items()) / sum(counts)
    return Vote(list(values)[place], score, confidence(counts[place], sum(counts), len(values)), counts)


def many(counts: pd.DataFrame, values: Mapping[str, float]) -> pd.DataFrame:
    """`vote` vectorised: a row for each row of `counts`, with the columns of `COLUMNS`, null without votes.

    `counts` has a column of counts for each label, in the order of `values`.
    """
    below = counts.to_numpy().cumsum(axis=1)
    total = below[:, -1]
    some = np.where(total > 0, total, np.nan)
    place = (2 * below >= total[:, None]).argmax(axis=1)
    agreeing = counts.to_numpy()[np.arange(len(counts)), place]
    score = sum(counts[label].to_numpy() * value for label, value in values.items()) / some
    label = pd.Series(np.array(list(values))[place], index=counts.index, dtype="str").where(total > 0)
    sure = (agreeing + 1) / (some + len(values))
    return pd.DataFrame(dict(zip(COLUMNS, (label, score, sure, total), strict=True)), index=counts.index)


def median(counts: Sequence[int]) -> int | None:
    """Index of the median label, the worse of two in the middle; None without votes."""
    if not sum(counts):
        return None
    return int((2 * np.cumsum(counts) >= sum(counts)).argmax())


def confidence(agreeing: int, votes: int, labels: int = 2) -> float | None:
    """Laplace's rule of succession, (agreeing + 1) / (votes + labels); None without votes.

    The plain share would call a single vote certain.

    Raises:
        ValueError: more votes agree than there are.
    """
    if not 0 <= agreeing <= votes:
        raise ValueError(f"agreeing: expected 0 to {votes} votes, got {agreeing}")
    return (agreeing + 1) / (votes + labels) if votes else None


def settled(counts: Sequence[int], left: int) -> bool:
    """Whether `left` further draws, failed ones among them, cannot change the median label any more.

    The median moves most if all draws are the worst or all the best label, so these two cases decide.

    Raises:
        ValueError: a count or `left` is negative.
    """
    if left < 0 or min(counts) < 0:
        raise ValueError(f"expected counts from 0 up, got {tuple(counts)} and {left} left")
    worst = median([counts[0] + left, *counts[1:]])
    best = median([*counts[:-1], counts[-1] + left])
    return worst == median(counts) == best


def vote_at_k(better: int, worse: int, k: int) -> float | None:
    """Probability that the majority of k of an item's votes, drawn without replacement, is the better verdict.

    Exact (hypergeometric). A tie (k even) falls to the worse. With fewer than k usable votes, k becomes the largest
    number of its parity that they allow, at least 1. None without usable votes.

    Raises:
        ValueError: k is below 1, or a count is negative.
    """
    if k < 1 or min(better, worse) < 0:
        raise ValueError(f"expected k from 1 and counts from 0 up, got k = {k}, {better} and {worse}")
    votes = better + worse
    if not votes:
        return None
    k = k if k <= votes else max(1, votes - (k - votes) % 2)
    return float(hypergeom.sf(k // 2, votes, better, k))
