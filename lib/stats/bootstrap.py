"""Cluster bootstrap: intervals of means, and of any statistic, from whole problems drawn with replacement.

Rows of one problem share its difficulty, so they are not independent: a problem is a cluster, and clusters are drawn
(Cameron, Gelbach and Miller, "Bootstrap-Based Improvements for Inference with Clustered Errors", Review of Economics
and Statistics 90, 2008). Most statistics depend on rows only through sums, such as sum(s_c) / sum(n_c) for a mean of C
clusters with sums s_c and sizes n_c. So rows are summed by cluster once, and all draws are one product of matrices.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from pandas.api.typing import DataFrameGroupBy
from scipy.special import ndtr, ndtri, stdtr, stdtrit

By = str | Sequence[str]
SMALLEST_P = 1e-9  # stands for all p-values below it, whose digits differ between processors
EQUAL = 1e-9  # draws that differ by less are one value


# rows by group and cluster


def column_names(by: By) -> list[str]:
    return [by] if isinstance(by, str) else list(by)


def need_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raises ValueError, naming the columns that `frame` lacks."""
    if absent := [name for name in columns if name not in frame.columns]:
        raise ValueError(f"missing columns: {', '.join(absent)}")


def need_clusters(frame: pd.DataFrame, cluster: str = "problem_id") -> None:
    """Raises ValueError where `frame` lacks the column `cluster`, or a row has no cluster."""
    need_columns(frame, [cluster])
    if frame[cluster].isna().any():
        raise ValueError(f"column {cluster}: null, expected the cluster of every row")


def group_rows(frame: pd.DataFrame, columns: Sequence[str]) -> DataFrameGroupBy:
    """Group by `columns`; all rows are one group if there are none. A null is a value like others."""
    keys = list(columns) or [np.zeros(len(frame), dtype=int)]
    return frame.groupby(keys, dropna=False, observed=True, sort=True)


def group_arrays(sums: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> Iterator[tuple[tuple, np.ndarray]]:
    """Each group of `by` with its `values`, rows x values; `sums` is sorted by `by`, as groups are."""
    if sums.empty:
        return
    number = group_rows(sums, by).ngroup().to_numpy()
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    keys = sums[list(by)].iloc[starts].itertuples(index=False, name=None) if len(by) else [()]
    yield from zip(keys, np.split(sums[list(values)].to_numpy(float), starts[1:]), strict=True)


def cluster_sums(frame: pd.DataFrame, value: str, by: Sequence[str], cluster: str) -> pd.DataFrame:
    """Columns sum and n (of the non-null values) for each cluster in each group of `by`."""
    keys = list(dict.fromkeys([*by, cluster]))
    values = pd.to_numeric(frame[value]).astype(float)
    return group_rows(frame[keys].assign(sum=values.fillna(0), n=values.notna()), keys).sum().reset_index()


def is_correct(frame: pd.DataFrame) -> pd.Series:
    """Whether each row is correct (bool), by its status or else by the column correct; null is not correct.

    Raises:
        ValueError: neither column is there.
    """
    if "status" in frame.columns:
        return frame["status"].eq("correct")
    need_columns(frame, ["correct"])
    return frame["correct"].fillna(False).astype(bool)


# draws


@lru_cache(maxsize=2)  # most groups and curves of a study have the same number of problems
def weights(clusters: int, draws: int, seed: int) -> np.ndarray:
    """How often each draw takes each cluster, draws x clusters; no draws of a single cluster."""
    result = draw_weights(clusters, draws, np.random.default_rng(seed))
    result.setflags(write=False)
    return result


def draw_weights(clusters: int, draws: int, random: np.random.Generator) -> np.ndarray:
    """`weights` by a generator: a draw of Multinomial(C, 1/C ... 1/C) in each row."""
    if clusters < 2:
        return np.empty((0, clusters))
    drawn = random.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws)
    return drawn.astype(float)  # floats multiply by BLAS, ten times faster than integers


def percentile_interval(drawn: np.ndarray, confidence: float, clusters: int | None = None) -> tuple[float, float]:
    """Ends of the middle share `confidence` of the drawn values, NaN left out; NaN if there are none.

    The percentile interval of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. With
    `clusters` it is widened to what Student's t and the divisor C - 1 ask for with so few: the tails are
    Phi(-sqrt(C / (C - 1)) t), t being the quantile with C - 1 degrees of freedom (Hesterberg, "What Teachers Should
    Know About the Bootstrap", The American Statistician 69, 2015).
    """
    drawn = drawn[~np.isnan(drawn)]
    if len(drawn) == 0:
        return np.nan, np.nan
    tail = (1 - confidence) / 2
    if clusters is not None:
        tail = float(ndtr(-stdtrit(clusters - 1, 1 - tail) * np.sqrt(clusters / (clusters - 1))))
    if np.isinf(drawn).any():  # between two draws, one of them infinite, there is no value
        return tuple(np.quantile(drawn, [tail, 1 - tail], method="inverted_cdf"))
    return tuple(np.quantile(drawn, [tail, 1 - tail]))


# standard errors, Student's t and many tests


def mean_and_error(total: np.ndarray, size: np.ndarray) -> tuple[float, float]:
    """Mean sum(s_c) / sum(n_c) and its standard error, robust to any dependence within clusters.

    The sandwich estimate for a mean: C / (C - 1) sum((s_c - mean n_c)^2) / (sum n_c)^2 (Cameron and Miller, "A
    Practitioner's Guide to Cluster-Robust Inference", Journal of Human Resources 50, 2015). NaN with one cluster.
    """
    clusters, n = len(total), size.sum()
    mean = total.sum() / n if n else np.nan
    if clusters < 2 or not n:
        return mean, np.nan
    rest = total - mean * size
    rest[np.abs(rest) < 1e-12 * max(1.0, np.abs(total).max())] = 0  # rounding is no spread
    return mean, float(np.sqrt(clusters / (clusters - 1) * (rest @ rest)) / n)


def t_interval(mean: float, error: float, clusters: int, confidence: float) -> tuple[float, float]:
    """`mean` plus and minus its standard error times the quantile of Student's t with C - 1 degrees of freedom."""
    if np.isnan(error):
        return np.nan, np.nan
    reach = float(stdtrit(clusters - 1, (1 + confidence) / 2)) * error
    return mean - reach, mean + reach


def wilson_interval(share: float, error: float, n: int, clusters: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval for a share, for as many independent trials as its standard error is worth.

    That is p (1 - p) / error^2 trials, and t with C - 1 degrees of freedom in place of z (Dean and Pagano,
    "Evaluating Confidence Interval Methods for Binomial Proportions in Clustered Surveys", Journal of Survey
    Statistics and Methodology 3, 2015). It never leaves 0 to 1. Where clusters do not differ, trials are the n rows.
    """
    if np.isnan(error):
        return np.nan, np.nan
    trials = share * (1 - share) / error**2 if error > 0 else n
    squared = float(stdtrit(clusters - 1, (1 + confidence) / 2)) ** 2
    centre = (share + squared / (2 * trials)) / (1 + squared / trials)
    reach = np.sqrt(squared * (share * (1 - share) / trials + squared / (4 * trials**2))) / (1 + squared / trials)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def unseen_share(clusters: int | pd.Series, confidence: float) -> float | pd.Series:
    """Largest share of clusters of a kind that none of C is: z^2 / (C + z^2), Wilson's interval at 0 of C trials."""
    squared = float(ndtri((1 + confidence) / 2)) ** 2
    return squared / (clusters + squared)


def p_value(t: float, df: int) -> float:
    """Two-sided p-value of Student's t with `df` degrees of freedom, at least `SMALLEST_P`; NaN if t is."""
    return float(np.maximum(2 * stdtr(df, -abs(t)), SMALLEST_P))


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values adjusted so that any of all tests is falsely significant with at most the stated chance.

    Sorted upwards, the i-th of m is multiplied by m - i + 1, and none may be less than the one before it (Holm,
    "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979). Nulls
    are no tests: they stay null and do not count in m.
    """
    values = np.asarray(p, dtype=float)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    result = np.full(len(values), np.nan)
    result[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)))
    return result


# statistics of a frame


@dataclass(frozen=True)
class Statistic:
    """A statistic that depends on rows only through sums, so that draws of it are cheap."""

    terms: Callable[[pd.DataFrame], np.ndarray]  # rows x sums: what each row adds
    value: Callable[[np.ndarray], np.ndarray]  # draws x sums to one value a draw, NaN where undefined


@dataclass(frozen=True)
class Interval:
    """The value of a statistic with the ends of its interval; None where undefined."""

    value: float | None
    low: float | None
    high: float | None
    rows: int
    clusters: int
    constant: bool  # all draws gave the same value: too few rows of a kind to say how sure it is


def mean(column: str) -> Statistic:
    """The mean of a column of numbers, nulls left out."""

    def terms(frame: pd.DataFrame) -> np.ndarray:
        values = frame[column].astype(float)
        return np.column_stack([values.fillna(0), values.notna()])

    return Statistic(terms, lambda sums: sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan))


def interval(
    frame: pd.DataFrame, statistic: Statistic, draws: int = 2000, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """A statistic of the frame with its percentile interval, widened for few problems; ends are None with one problem.

    Raises:
        ValueError: the column problem_id is missing or holds nulls.
    """
    values = resample(frame, statistic, draws, seed)
    return interval_of_draws(values[0], values[1:], len(frame), frame["problem_id"].nunique(), confidence)


def resample(frame: pd.DataFrame, statistic: Statistic, draws: int, seed: int) -> np.ndarray:
    """The statistic of the whole frame, then of each draw of problems; NaN where undefined."""
    need_clusters(frame)
    codes, names = pd.factorize(frame["problem_id"], sort=True)
    terms = statistic.terms(frame)
    sums = np.zeros((len(names), terms.shape[1]))
    np.add.at(sums, codes, terms)
    return statistic.value(np.vstack([terms.sum(axis=0), weights(len(names), draws, seed) @ sums]))


def interval_of_draws(value: float, drawn: np.ndarray, rows: int, clusters: int, confidence: float) -> Interval:
    """The interval of a value from its draws."""
    usable = drawn[~np.isnan(drawn)]
    low, high = percentile_interval(usable, confidence, clusters)
    constant = bool(len(usable) and np.ptp(usable) < EQUAL)
    return Interval(defined(value), defined(low), defined(high), rows, clusters, constant)


def defined(value: float | None) -> float | None:
    """A number, or None for NaN."""
    return None if value is None or math.isnan(value) else float(value)
