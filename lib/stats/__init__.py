"""Means with intervals clustered by problem, and counts of every status.

Repeats of a problem, and its cuts at several positions, are not independent: they share the problem. So a problem is
a cluster, and every `method` of an interval counts problems, not rows:

| method | interval |
|---|---|
| auto | bootstrap from a hundred problems on; with fewer score for shares of correct answers, else expanded |
| bootstrap | the middle share `confidence` of the means of drawn problems (`bootstrap.percentile_interval`) |
| expanded | the same, a little wider where problems are few |
| robust | the mean and Student's t times its sandwich error (`bootstrap.mean_and_error`) |
| score | for shares only: Wilson's interval with that error (`bootstrap.wilson_interval`) |

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

import numpy as np
import pandas as pd

from lib import schema
from lib.stats import bootstrap
from lib.stats.bootstrap import By

METHODS = ("auto", "bootstrap", "expanded", "robust", "score")
FEW = 100  # problems below which drawing them gives intervals that are too narrow


def accuracy(
    frame: pd.DataFrame, by: By, cluster: str = "problem_id", confidence: float = 0.95, **options
) -> pd.DataFrame:
    """Share of correct rows per group of the columns `by`, with its interval; `options` as for `mean_ci`.

    `frame` is like the table grades: it has `by`, `cluster`, and status or correct. The denominator is every row;
    whatever is not correct counts as not correct, a censored or ungradable row too.

    Returns the columns of `mean_ci` and, where there is a status, the number of rows of each. Where all rows are right,
    or all wrong, every draw is the same; the interval is then Wilson's for `n_clusters` trials.

    Raises:
        ValueError: as `mean_ci`.
    """
    values = frame.assign(_value=bootstrap.is_correct(frame).astype(float))
    result = mean_ci(values, "_value", by, cluster, confidence, few="score", **options)
    result = _wilson_at_the_ends(result, confidence)
    if "status" not in frame.columns:
        return result
    counts = status_counts(frame, by).drop(columns="n")
    return pd.concat([result, counts[list(schema.STATUSES)]], axis=1)


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
    few: str = "expanded",
) -> pd.DataFrame:
    """Mean of the numeric column `value` per group, with its interval; rows where it is null are left out.

    `few` is the method that auto takes in a group of fewer clusters than `FEW`.

    Returns one row per group, sorted: `by`, mean, ci_low, ci_high, n (rows with a value), n_clusters. A group without
    any has n = 0 and a null mean; with one cluster the interval is null.

    Raises:
        ValueError: a column is missing, `cluster` holds nulls, `method` is not one of `METHODS`, or it is score
            and a value is not between 0 and 1.
    """
    names = bootstrap.column_names(by)
    bootstrap.need_columns(frame, [*names, cluster, value])
    if method not in METHODS:
        raise ValueError(f"method {method!r}: expected one of {', '.join(METHODS)}")
    if method == "score" and not pd.to_numeric(frame[value]).dropna().between(0, 1).all():
        raise ValueError(f"column {value}: a value outside 0 to 1, expected shares with method score")
    bootstrap.need_clusters(frame, cluster)
    rows = []
    for key, part in bootstrap.group_arrays(bootstrap.cluster_sums(frame, value, names, cluster), names, ["sum", "n"]):
        total, size = part[part[:, 1] > 0].T
        count, n = len(total), int(size.sum())
        mean, error = bootstrap.mean_and_error(total, size)
        chosen = method if method != "auto" else few if count < FEW else "bootstrap"
        if chosen == "robust":
            ends = bootstrap.t_interval(mean, error, count, confidence)
        elif chosen == "score":
            ends = bootstrap.wilson_interval(mean, error, n, count, confidence)
        else:
            sums = bootstrap.weights(count, draws, seed) @ np.column_stack([total, size])
            widened_for = count if chosen == "expanded" else None
            ends = bootstrap.percentile_interval(sums[:, 0] / sums[:, 1], confidence, widened_for)
        rows.append((*key, mean, *ends, n, count))
    result = pd.DataFrame(rows, columns=[*names, "mean", "ci_low", "ci_high", "n", "n_clusters"])
    return result.astype({name: frame[name].dtype for name in names})


def status_counts(frame: pd.DataFrame, by: By) -> pd.DataFrame:
    """Rows of each status per group: `by`, one column per status (also those that are 0), n."""
    names = bootstrap.column_names(by)
    bootstrap.need_columns(frame, [*names, "status"])
    if unknown := set(frame["status"].dropna().unique()) - set(schema.STATUSES):
        raise ValueError(f"status {min(unknown)!r}: expected one of {', '.join(schema.STATUSES)}")
    flags = pd.DataFrame({status: frame["status"].eq(status) for status in schema.STATUSES})
    flags["n"] = 1
    counts = bootstrap.group_rows(pd.concat([frame[names], flags.astype(int)], axis=1), names).sum()
    return counts.reset_index(drop=not names)


def _wilson_at_the_ends(result: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Wilson's score interval where the mean is 0 or 1 (E. B. Wilson, JASA 22, 1927): z² / (n + z²) wide."""
    width = bootstrap.unseen_share(result["n_clusters"], confidence)
    several = result["n_clusters"] > 1
    none, all_ = several & result["mean"].eq(0), several & result["mean"].eq(1)
    low = result["ci_low"].mask(none, 0.0).mask(all_, 1 - width)
    high = result["ci_high"].mask(none, width).mask(all_, 1.0)
    return result.assign(ci_low=low, ci_high=high)
