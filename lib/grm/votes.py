"""Several verdicts on one thing made one: majority and median, how sure it is, and what fewer draws would have said.

Labels stand from worst to best throughout, so that a tie falls to the worse one. The median of an ordinal scale is
then the smallest label that at least half of the votes do not exceed; on two labels it is the majority.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = ["verdict", "value", "confidence", "votes"]  # of many votes


@dataclass(frozen=True)
class Vote:
    """What the usable verdicts on one criterion say together; all but the counts are None where there is none."""

    label: str | None
    score: float | None  # mean of the labels' values, 0 to 1
    confidence: float | None  # of `label`, see `confidence`
    counts: tuple[int, ...]  # votes of each label, worst to best

    @property
    def votes(self) -> int:
        """How many verdicts could be used."""
        return sum(self.counts)


def vote(labels: Sequence[str | None], values: Mapping[str, float]) -> Vote:
    """The median label and the mean score of some verdicts; None (a failed judgement) has no vote.

    `values` names every label with its value, from worst to best: for an undesired thing "yes" comes first.

    Raises:
        ValueError: fewer than two labels, or a verdict that is none of them.
    """
    if len(values) < 2:
        raise ValueError(f"values: expected two labels or more, got {', '.join(values) or 'none'}")
    given = Counter(label for label in labels if not pd.isna(label))
    if strange := set(given) - set(values):
        raise ValueError(f"label {min(map(repr, strange))}: expected one of {', '.join(values)}")
    counts = tuple(given[label] for label in values)
    if not sum(counts):
        return Vote(None, None, None, counts)
    place = median(counts)
    score = sum(given[label] * value for label, value in values.items()) / sum(counts)
    return Vote(list(values)[place], score, confidence(counts[place], sum(counts), len(values)), counts)


def many(counts: pd.DataFrame, values: Mapping[str, float]) -> pd.DataFrame:
    """`vote` for many things at once: a row for each row of `counts`, the columns of `COLUMNS`, null without votes.

    `counts` has a column of votes for each label, in the order of `values`.
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
    """Place of the median vote, the worse of two in the middle; None without votes."""
    votes, below = sum(counts), 0
    for place, count in enumerate(counts):
        below += count
        if votes and 2 * below >= votes:
            return place
    return None


def confidence(agreeing: int, votes: int, labels: int = 2) -> float | None:
    """How sure a vote is: (agreeing + 1) / (votes + labels), Laplace's rule of succession; None without votes.

    The plain share would call a single vote certain.

    Raises:
        ValueError: more votes agree than there are.
    """
    if not 0 <= agreeing <= votes:
        raise ValueError(f"agreeing: expected 0 to {votes} votes, got {agreeing}")
    return (agreeing + 1) / (votes + labels) if votes else None


def settled(counts: Sequence[int], left: int) -> bool:
    """Whether no further draws, `left` at most and failed ones among them, can change the median label.

    `counts` are the votes so far, worst to best. The median moves most if all draws are the worst or all the best
    label, so these two cases decide.

    Raises:
        ValueError: a count or `left` is negative.
    """
    if left < 0 or min(counts) < 0:
        raise ValueError(f"expected counts from 0 up, got {tuple(counts)} and {left} left")
    worst = median([counts[0] + left, *counts[1:]])
    best = median([*counts[:-1], counts[-1] + left])
    return worst == median(counts) == best


def vote_at_k(better: int, worse: int, k: int) -> float | None:
    """Chance that the majority of k of an item's votes, drawn without replacement, is the better verdict.

    Exact: of `better` + `worse` usable votes the drawn better ones are hypergeometric. A tie (k even) falls to the
    worse. Where fewer than k votes are usable, k becomes the largest number of its parity that is not above theirs,
    at least 1. None where none is usable.

    Raises:
        ValueError: k is below 1, or a count is negative.
    """
    if k < 1 or min(better, worse) < 0:
        raise ValueError(f"expected k from 1 and counts from 0 up, got k = {k}, {better} and {worse}")
    votes = better + worse
    if not votes:
        return None
    k = drawn(votes, k)
    won = sum(math.comb(better, hits) * math.comb(worse, k - hits) for hits in range(k // 2 + 1, k + 1))
    return won / math.comb(votes, k)


def outcomes(counts: Sequence[int], k: int) -> list[list[float]] | None:
    """Chance of every vote of k of an item's usable verdicts, drawn without replacement; None where none is usable.

    Entry [place][hits] is the chance that the median is this label and that `hits` of `drawn(votes, k)` draws say so.
    Exact for any number of labels: the draws below a label, on it and above it are hypergeometric of three kinds.

    Args:
        counts: usable verdicts of each label, worst to best.
        k: draws, capped as in `vote_at_k`.

    Raises:
        ValueError: k is below 1, or a count is negative.
    """
    if k < 1 or min(counts) < 0:
        raise ValueError(f"expected k from 1 and counts from 0 up, got k = {k} and {tuple(counts)}")
    if not sum(counts):
        return None
    k = drawn(sum(counts), k)
    ways = math.comb(sum(counts), k)
    return [[_ways(counts, place, hits, k) / ways for hits in range(k + 1)] for place in range(len(counts))]


def drawn(votes: int, k: int) -> int:
    """How many of an item's usable votes are drawn for k: no more than there are, and an even number only if k is."""
    return k if k <= votes else max(1, votes - (k - votes) % 2)


def _ways(counts: Sequence[int], place: int, hits: int, k: int) -> int:
    """In how many ways k verdicts can be drawn so that the median is this label, with so many hits on it."""
    below, own, above = sum(counts[:place]), counts[place], sum(counts[place + 1 :])
    lower = (n for n in range(k - hits + 1) if 2 * n < k <= 2 * (n + hits))  # draws below the label
    return sum(math.comb(below, n) * math.comb(own, hits) * math.comb(above, k - hits - n) for n in lower)
