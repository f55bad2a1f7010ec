"""Means with intervals clustered by problem, and counts of every status.

Repeats of a problem, and its cuts at several positions, are not independent: they share the problem. So a problem is
a cluster, and every `method` of an interval counts problems, not rows:

auto
    bootstrap from a hundred problems on; with fewer score for shares of correct answers, else expanded.
bootstrap
    Draws whole problems. With C clusters of sum s_c and size n_c the mean is sum(s_c) / sum(n_c). A draw takes C
    clusters with replacement, which weights them by w ~ Multinomial(C, 1/C ... 1/C); its mean is sum(w_c s_c) /
    sum(w_c n_c). The interval holds the middle share `confidence` of the drawn means: the percentile interval
    (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13) of the cluster bootstrap (Cameron,
    Gelbach and Miller, "Bootstrap-Based Improvements for Inference with Clustered Errors", Review of Economics and
    Statistics 90, 2008).
expanded
    The same, a little wider where problems are few (`clusters.middle`).
robust
    The mean and Student's t times its sandwich error (`clusters.robust`).
score
    For shares only: Wilson's interval with that error (`clusters.score_interval`).

How often a 95 % interval held the truth, 16 repeats a problem, rates Beta(a, b), 4,000 simulated studies (1,500 of
500 problems); `alone` takes repeats as independent:

| problems | a, b | bootstrap | expanded | robust | score | alone |
|---|---|---|---|---|---|---|
| 10 | 1, 1 | 91.4 | 95.3 | 94.8 | 96.0 | 57.3 |
| 10 | 4, 1 | 90.1 | 93.5 | 92.6 | 94.6 | 68.0 |
| 30 | 1, 1 | 94.1 | 95.6 | 95.1 | 95.6 | 58.2 |
| 30 | 4, 1 | 92.8 | 94.1 | 93.6 | 94.8 | 70.5 |
| 30 | 9.5, 0.5 | 91.5 | 92.7 | 91.3 | 93.6 | 77.3 |
| 500 | 1, 1 | 94.7 | 94.7 | 94.9 | 94.9 | 56.7 |
| 500 | 4, 1 | 94.2 | 94.3 | 94.8 | 94.5 | 70.3 |

So `auto` chooses as it does; a mean that cannot be a share has `robust` too. Every group is drawn from the same seed,
so its interval does not depend on what else is in the frame.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from lib import schema
from lib.stats import clusters
from lib.stats.clusters import By

METHODS = ("auto", "bootstrap", "expanded", "robust", "score")
FEW = 100  # problems below which drawing them gives intervals that are too narrow


def accuracy(
    frame: pd.DataFrame,
    by: By,
    cluster: str = "problem_id",
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    *,
    method: str = "auto",
) -> pd.DataFrame:
    """Share of correct rows per group of the columns `by`, with its interval.

    `frame` is like the table grades: it has `by`, `cluster`, and status or correct. The denominator is every
    row; whatever is not correct counts as not correct, a censored or ungradable row too.

    Returns one row per group, sorted: `by`, mean, ci_low, ci_high, n (rows), n_clusters and, where there is a
    status, the number of rows of each status. Where all rows are right, or all wrong, every draw is the same
    and the bootstrap would claim certainty; the interval is then Wilson's for `n_clusters` trials. With one
    cluster it is null: one problem says nothing about others.

    Raises:
        ValueError: a column is missing, `cluster` holds nulls, or `method` is not one of `METHODS`.
    """
    values = _with_right(frame, [*clusters.names(by), cluster])
    result = _intervals(values, "_value", clusters.names(by), cluster, confidence, draws, seed, method, few="score")
    result = _wilson_at_the_ends(result, confidence)
    if "status" not in frame.columns:
        return result
    counts = status_counts(frame, by).drop(columns="n")
    return pd.concat([result, counts[list(schema.STATUSES)]], axis=1)


def avg_at_k(
    frame: pd.DataFrame,
    by: By,
    k: int,
    cluster: str = "problem_id",
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    *,
    method: str = "auto",
) -> pd.DataFrame:
    """Mean accuracy of at least k samples of a problem, per group of `by`, with its interval.

    A problem's samples are averaged first, so that problems count alike however many samples they have; with k of
    each it is the accuracy. Columns are those of `accuracy`, n being the number of problems.

    Raises:
        ValueError: a column is missing, or a problem has fewer than k samples.
    """
    return _at_k(frame, by, k, "avg", lambda n, c: c / n, cluster, confidence, draws, seed, method)


def pass_at_k(
    frame: pd.DataFrame,
    by: By,
    k: int,
    cluster: str = "problem_id",
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    *,
    method: str = "auto",
) -> pd.DataFrame:
    """Chance that at least one of k samples of a problem is correct, per group of `by`, with its interval.

    Of a problem's n samples c are correct; the unbiased estimate is 1 - C(n-c, k) / C(n, k) (Chen et al., "Evaluating
    Large Language Models Trained on Code", 2021, arXiv 2107.03374), and problems count alike. Columns are those of
    `accuracy`, n being the number of problems.

    Raises:
        ValueError: a column is missing, or a problem has fewer than k samples.
    """

    def chance(n: int, c: int) -> float:
        return 1 - math.comb(n - c, k) / math.comb(n, k)

    return _at_k(frame, by, k, "pass", chance, cluster, confidence, draws, seed, method)


def mean_ci(
    frame: pd.DataFrame,
    value: str,
    by: By,
    cluster: str = "problem_id",
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    *,
    method: str = "auto",
) -> pd.DataFrame:
    """Mean of the numeric column `value` per group, with its interval; rows where it is null are left out.

    Returns one row per group, sorted: `by`, mean, ci_low, ci_high (in the units of `value`), n (rows with a
    value), n_clusters. A group without any has n = 0 and a null mean; with one cluster the interval is null.

    Raises:
        ValueError: a column is missing, `cluster` holds nulls, `method` is not one of `METHODS`, or it is score
            and a value is not between 0 and 1.
    """
    clusters.need(frame, [*clusters.names(by), cluster, value])
    if method == "score" and not pd.to_numeric(frame[value]).dropna().between(0, 1).all():
        raise ValueError(f"column {value}: a value outside 0 to 1, expected shares with method score")
    return _intervals(frame, value, clusters.names(by), cluster, confidence, draws, seed, method, few="expanded")


def status_counts(frame: pd.DataFrame, by: By) -> pd.DataFrame:
    """Rows of each status per group: `by`, one column per status (also those that are 0), n.

    Raises:
        ValueError: a column is missing, or a status is not one of `schema.STATUSES`.
    """
    names = clusters.names(by)
    clusters.need(frame, [*names, "status"])
    if unknown := set(frame["status"].dropna().unique()) - set(schema.STATUSES):
        raise ValueError(f"status {min(unknown)!r}: expected one of {', '.join(schema.STATUSES)}")
    flags = pd.DataFrame({status: frame["status"].eq(status) for status in schema.STATUSES})
    flags["n"] = 1
    counts = clusters.groups(pd.concat([frame[names], flags.astype(int)], axis=1), names).sum()
    return counts.reset_index(drop=not names)


def _at_k(
    frame: pd.DataFrame, by: By, k: int, name: str, of: Callable[[int, int], float], cluster: str, *rest
) -> pd.DataFrame:
    """Intervals of a figure of each problem's n samples, c of them correct; `rest` as for `_intervals`."""
    names = clusters.names(by)
    frame = _with_right(frame, [*names, cluster])
    problems = clusters.groups(frame, [*names, cluster])["_value"].agg(["size", "sum"]).reset_index()
    few = problems[problems["size"] < k]
    if len(few):
        raise ValueError(f"{name}@{k}: problem {few[cluster].iloc[0]} has {few['size'].iloc[0]} samples")
    values = [of(n, int(c)) for n, c in zip(problems["size"], problems["sum"], strict=True)]
    result = _intervals(problems.assign(_value=values), "_value", names, cluster, *rest, few="score")
    return _wilson_at_the_ends(result, rest[0])


def _with_right(frame: pd.DataFrame, needed: list[str]) -> pd.DataFrame:
    """`frame` with a column that is 1 where a row is correct."""
    clusters.need(frame, [*needed, "status" if "status" in frame.columns else "correct"])
    return frame.assign(_value=clusters.right(frame).astype(float))


def _intervals(
    frame: pd.DataFrame,
    value: str,
    names: list[str],
    cluster: str,
    confidence: float,
    draws: int,
    seed: int,
    method: str,
    few: str,
) -> pd.DataFrame:
    """Means with intervals by `method`; auto is `few` in a group of fewer clusters than `FEW`."""
    if method not in METHODS:
        raise ValueError(f"method {method!r}: expected one of {', '.join(METHODS)}")
    clusters.known(frame, cluster)
    sums = clusters.sums(frame, value, names, cluster)
    rows = []
    for key, part in clusters.parts(sums, names, ["sum", "n"]):
        total, size = part[part[:, 1] > 0].T
        count = len(total)
        own = method if method != "auto" else few if count < FEW else "bootstrap"
        if own in ("robust", "score"):
            low, high = _by_error(total, size, confidence, own)
        else:
            low, high = _by_draws(total, size, clusters.weights(count, draws, seed), confidence, own)
        n = int(size.sum())
        rows.append((*key, total.sum() / n if n else np.nan, low, high, n, count))
    result = pd.DataFrame(rows, columns=[*names, "mean", "ci_low", "ci_high", "n", "n_clusters"])
    return result.astype({name: frame[name].dtype for name in names})


def _by_draws(
    total: np.ndarray, size: np.ndarray, weights: np.ndarray, confidence: float, method: str
) -> tuple[float, float]:
    if len(weights) == 0:
        return np.nan, np.nan
    drawn = weights @ np.column_stack([total, size])
    return clusters.middle(drawn[:, 0] / drawn[:, 1], confidence, len(total) if method == "expanded" else None)


def _by_error(total: np.ndarray, size: np.ndarray, confidence: float, method: str) -> tuple[float, float]:
    mean, error = clusters.robust(total, size)
    if method == "robust":
        return clusters.t_interval(mean, error, len(total), confidence)
    return clusters.score_interval(mean, error, int(size.sum()), len(total), confidence)


def _wilson_at_the_ends(result: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Wilson's score interval where the mean is 0 or 1 (E. B. Wilson, JASA 22, 1927): z² / (n + z²) wide."""
    width = clusters.unseen(result["n_clusters"], confidence)
    several = result["n_clusters"] > 1
    none, all_ = several & result["mean"].eq(0), several & result["mean"].eq(1)
    low = result["ci_low"].mask(none, 0.0).mask(all_, 1 - width)
    high = result["ci_high"].mask(none, width).mask(all_, 1.0)
    return result.assign(ci_low=low, ci_high=high)
