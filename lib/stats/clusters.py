"""Clusters: rows summed by the problem they belong to, and the spread of means when whole problems are drawn.

Everything about a mean of C clusters with sums s_c and sizes n_c follows from these 2 C numbers, so rows are summed
once and draws are one matrix product.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import pandas as pd
from pandas.api.typing import DataFrameGroupBy

from lib.stats import significance

By = str | Sequence[str]


def names(by: By) -> list[str]:
    """`by` as a list of column names."""
    return [by] if isinstance(by, str) else list(by)


def need(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raises ValueError, with the columns that `frame` lacks."""
    if absent := [name for name in columns if name not in frame.columns]:
        raise ValueError(f"missing columns: {', '.join(absent)}")


def known(frame: pd.DataFrame, cluster: str) -> None:
    """Raises ValueError where a row of `frame` has no cluster."""
    if frame[cluster].isna().any():
        raise ValueError(f"column {cluster}: null, expected the cluster of every row")


def groups(frame: pd.DataFrame, columns: Sequence[str]) -> DataFrameGroupBy:
    """Group by `columns`; all rows are one group if there are none. A null is a value like others."""
    keys = list(columns) or [np.zeros(len(frame), dtype=int)]
    return frame.groupby(keys, dropna=False, observed=True, sort=True)


def parts(sums: pd.DataFrame, columns: Sequence[str], values: Sequence[str]) -> Iterator[tuple[tuple, np.ndarray]]:
    """Each group of `columns` with its `values`, clusters x values; `sums` is sorted by `columns`, as groups are."""
    if sums.empty:
        return
    number = groups(sums, columns).ngroup().to_numpy()
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    keys = sums[list(columns)].iloc[starts].itertuples(index=False, name=None) if len(columns) else [()]
    yield from zip(keys, np.split(sums[list(values)].to_numpy(float), starts[1:]), strict=True)


def right(frame: pd.DataFrame) -> pd.Series:
    """Whether each row is correct (bool), by its status or else by the column correct; null is not correct.

    Raises:
        ValueError: neither column is there.
    """
    if "status" in frame.columns:
        return frame["status"].eq("correct")
    need(frame, ["correct"])
    return frame["correct"].fillna(False).astype(bool)


def sums(frame: pd.DataFrame, value: str, by: Sequence[str], cluster: str) -> pd.DataFrame:
    """Columns sum and n (of the non-null values) for each cluster in each group of `by`."""
    keys = list(dict.fromkeys([*by, cluster]))
    values = pd.to_numeric(frame[value]).astype(float)
    return groups(frame[keys].assign(sum=values.fillna(0), n=values.notna()), keys).sum().reset_index()


@lru_cache(maxsize=1)  # the groups and curves of a study mostly have the same number of problems
def weights(clusters: int, draws: int, seed: int) -> np.ndarray:
    """How often each draw takes each cluster: draws x clusters, Multinomial(C, 1/C ... 1/C) in each row."""
    if clusters < 2:
        return np.empty((0, clusters))
    drawn = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=draws)
    result = drawn.astype(float)  # floats multiply by BLAS, ten times faster than integers
    result.setflags(write=False)
    return result


def middle(drawn: np.ndarray, confidence: float, clusters: int | None = None) -> tuple[float, float]:
    """Ends of the middle share `confidence` of the drawn values; null if there are none.

    With `clusters`, the share is widened to what Student's t and the divisor C - 1 ask for with so few: the tails
    are Phi(-sqrt(C / (C - 1)) t), t being the quantile with C - 1 degrees of freedom (Hesterberg, "What Teachers
    Should Know About the Bootstrap", The American Statistician 69, 2015).
    """
    drawn = drawn[~np.isnan(drawn)]
    if len(drawn) == 0:
        return np.nan, np.nan
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    if clusters is not None:
        t = significance.quantile(tails[1], clusters - 1)
        tail = NormalDist().cdf(-t * np.sqrt(clusters / (clusters - 1)))
        tails = [tail, 1 - tail]
    if np.isinf(drawn).any():  # between two draws, one of them infinite, there is no value
        return tuple(np.quantile(drawn, tails, method="inverted_cdf"))
    return tuple(np.quantile(drawn, tails))


def robust(total: np.ndarray, size: np.ndarray) -> tuple[float, float]:
    """Mean sum(s_c) / sum(n_c) and its standard error, robust to any dependence within clusters.

    The sandwich estimate for a mean: C / (C - 1) sum((s_c - mean n_c)^2) / (sum n_c)^2 (Cameron and Miller, "A
    Practitioner's Guide to Cluster-Robust Inference", Journal of Human Resources 50, 2015). Null with one cluster.
    """
    clusters, n = len(total), size.sum()
    mean = total.sum() / n if n else np.nan
    if clusters < 2 or not n:
        return mean, np.nan
    rest = total - mean * size
    rest[np.abs(rest) < 1e-12 * max(1.0, np.abs(total).max())] = 0  # rounding is no spread
    return mean, float(np.sqrt(clusters / (clusters - 1) * (rest @ rest)) / n)


def t_interval(mean: float, error: float, clusters: int, confidence: float) -> tuple[float, float]:
    """`mean` and Student's t with C - 1 degrees of freedom times its standard error, down and up."""
    if np.isnan(error):
        return np.nan, np.nan
    reach = significance.quantile((1 + confidence) / 2, clusters - 1) * error
    return mean - reach, mean + reach


def score_interval(share: float, error: float, n: int, clusters: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval for a share, for as many independent trials as its standard error is worth.

    That is p (1 - p) / error^2 trials, and t with C - 1 degrees of freedom in place of z (Dean and Pagano,
    "Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys", Journal of Survey
    Statistics and Methodology 3, 2015). It never leaves 0 to 1. Where clusters do not differ, trials are the n rows.
    """
    if np.isnan(error):
        return np.nan, np.nan
    trials = share * (1 - share) / error**2 if error > 0 else n
    squared = significance.quantile((1 + confidence) / 2, clusters - 1) ** 2
    centre = (share + squared / (2 * trials)) / (1 + squared / trials)
    reach = np.sqrt(squared * (share * (1 - share) / trials + squared / (4 * trials**2))) / (1 + squared / trials)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def unseen(clusters: int, confidence: float) -> float:
    """Largest share of clusters of a kind that none of C is: z^2 / (C + z^2), from Wilson's interval at 0 of C."""
    squared = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    return squared / (clusters + squared)
