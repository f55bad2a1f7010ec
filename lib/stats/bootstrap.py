"""Intervals of any figure from whole problems drawn with replacement, since rows of one problem are not independent.

The cluster bootstrap with percentile intervals (Cameron, Gelbach and Miller, Review of Economics and Statistics 90,
2008). Most figures depend on the rows only through sums, so each problem is summed once and a draw is a product of
matrices.
"""

import functools
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lib.stats import agreement
from lib.stats.agreement import defined

CHUNK = 100_000  # numbers drawn at a time: what a cache holds
KEPT = 1_000_000  # numbers of a bootstrap that are kept for the next figure of as many clusters
SAME = 1e-9


@dataclass(frozen=True)
class Counted:
    """A figure that depends on rows only through their sums, so that bootstrap draws of it are cheap."""

    rows: Callable[[pd.DataFrame], np.ndarray]  # rows x sums: what each row adds
    of: Callable[[np.ndarray], np.ndarray]  # draws x sums to one figure a draw, NaN where undefined


@dataclass(frozen=True)
class Interval:
    """A figure with the middle share of its draws; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None
    rows: int
    clusters: int
    undefined: int  # draws without a figure, left out
    constant: bool  # all draws gave the same figure: too few rows of a kind to say how sure it is


def counted(name: str, truth: str, said: str, labels: Sequence[Hashable]) -> Counted:
    """One of `agreement.OF_TABLE` of two columns with these labels (for a rate: the negative, then the positive)."""
    k = len(labels)

    def rows(frame: pd.DataFrame) -> np.ndarray:
        place = {label: i for i, label in enumerate(labels)}
        for column in (truth, said):
            if strange := set(frame[column].dropna()) - set(place):
                raise ValueError(f"column {column}: label {min(map(repr, strange))}: expected one of {labels}")
        both = frame[truth].notna() & frame[said].notna()
        cells = frame.loc[both, truth].map(place).astype(int) * k + frame.loc[both, said].map(place).astype(int)
        found = np.zeros((len(frame), k * k))
        found[np.flatnonzero(both), cells] = 1
        return found

    return Counted(rows, lambda sums: agreement.OF_TABLE[name](sums.reshape(*sums.shape[:-1], k, k)))


def alpha(
    raters: Sequence[str], labels: Sequence[Hashable], level: Literal["nominal", "ordinal"] = "nominal"
) -> Counted:
    """`agreement.krippendorff_alpha` of some columns, one a rater, with these labels."""

    def rows(frame: pd.DataFrame) -> np.ndarray:
        return agreement.pairs([frame[rater] for rater in raters], labels).reshape(len(frame), -1)

    return Counted(rows, lambda sums: agreement.alpha_of(sums.reshape(len(sums), len(labels), len(labels)), level))


def mean(column: str) -> Counted:
    """The mean of a column of numbers, nulls left out."""

    def rows(frame: pd.DataFrame) -> np.ndarray:
        values = frame[column].astype(float)
        return np.column_stack([values.fillna(0), values.notna()])

    return Counted(rows, lambda sums: sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan))


def intervals(
    frame: pd.DataFrame,
    statistic: Counted | Callable[[pd.DataFrame], float | None],
    cluster: str = "problem_id",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A figure of the frame with its percentile interval from a bootstrap of whole clusters.

    `Counted` figures are fast; any other callable gets each drawn frame in turn. With one cluster low and high are
    None: one problem says nothing about others.

    Raises:
        ValueError: the column `cluster` is missing or holds nulls.
    """
    found = drawn(frame, statistic, cluster, draws, seed)
    return interval_of(defined(found[0]), found[1:], len(frame), frame[cluster].nunique(), level)


def drawn(
    frame: pd.DataFrame,
    statistic: Counted | Callable[[pd.DataFrame], float | None],
    cluster: str,
    draws: int,
    seed: int,
) -> np.ndarray:
    """The figure of the whole frame, then of each draw; NaN where undefined."""
    if cluster not in frame.columns or frame[cluster].isna().any():
        raise ValueError(f"column {cluster}: expected the cluster of every row")
    codes, names = pd.factorize(frame[cluster], sort=True)
    weights = (_kept if len(names) * draws <= KEPT else _weights)(len(names), draws, seed)
    if isinstance(statistic, Counted):
        each = statistic.rows(frame)
        sums = np.zeros((len(names), each.shape[1]))
        np.add.at(sums, codes, each)
        return np.concatenate([statistic.of(each.sum(0)[None]), *(statistic.of(chunk @ sums) for chunk in weights)])
    places = [np.flatnonzero(codes == i) for i in range(len(names))]
    taken = (np.repeat(np.arange(len(names)), row.astype(int)) for chunk in weights for row in chunk)
    frames = (frame.iloc[np.concatenate([places[i] for i in clusters])] for clusters in taken)
    return np.array([statistic(frame), *map(statistic, frames)], dtype=float)


def interval_of(value: float | None, found: np.ndarray, rows: int, clusters: int, level: float) -> Interval:
    """The middle share `level` of the draws `found` around a figure; those that are NaN are counted and left out."""
    usable = found[~np.isnan(found)]
    low, high = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2]) if len(usable) else (np.nan, np.nan)
    constant = bool(len(usable) and np.ptp(usable) < SAME)
    return Interval(value, defined(low), defined(high), rows, clusters, len(found) - len(usable), constant)


def _weights(clusters: int, draws: int, seed: int) -> Iterable[np.ndarray]:
    """How often each draw takes each cluster, some draws at a time: draws x clusters."""
    if clusters < 2:
        return
    random = np.random.default_rng(seed)
    size = max(1, CHUNK // clusters)
    for start in range(0, draws, size):
        some = min(size, draws - start)
        taken = random.integers(clusters, size=(some, clusters)) + np.arange(some)[:, None] * clusters
        yield np.bincount(taken.ravel(), minlength=some * clusters).reshape(some, clusters).astype(float)


@functools.lru_cache(maxsize=4)
def _kept(clusters: int, draws: int, seed: int) -> list[np.ndarray]:
    return list(_weights(clusters, draws, seed))
