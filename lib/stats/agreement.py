"""Agreement of two raters, or of a judge and the truth: kappa, alpha, and rates that survive a rare class.

Every statistic comes from tables of counts, the first rater's (or true) labels in rows and the second's in columns, one
for each draw of a bootstrap. A missing label (an unusable reply, an abstention) is left out, never read as a verdict.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from lib.stats.bootstrap import Statistic, defined

Labels = Sequence[Any] | pd.Series | np.ndarray
Tables = np.ndarray  # ... x labels x labels: one table of counts, or many


# of two columns


def cohen_kappa(
    a: Labels, b: Labels, weights: Literal["quadratic"] | None = None, labels: Sequence[Hashable] | None = None
) -> float | None:
    """Cohen's kappa of two raters, None where only one label occurs; as `kappa_of` and `table`.

    "quadratic" weights a disagreement by the squared distance of the labels' places in `labels`, or in sorted order.
    """
    return defined(kappa_of(table(a, b, labels), weights))


def statistic(name: str, truth: str, verdict: str, labels: Sequence[Hashable]) -> Statistic:
    """One of `OF_TABLE`, of two columns with these labels (for a rate: the negative, then the positive)."""
    k, place = len(labels), {label: i for i, label in enumerate(labels)}

    def terms(frame: pd.DataFrame) -> np.ndarray:
        for column in (truth, verdict):
            if unknown := set(frame[column].dropna()) - set(place):
                raise ValueError(f"column {column}: label {min(map(repr, unknown))}: expected one of {labels}")
        both = frame[truth].notna() & frame[verdict].notna()
        cells = frame.loc[both, truth].map(place).astype(int) * k + frame.loc[both, verdict].map(place).astype(int)
        counts = np.zeros((len(frame), k * k))
        counts[np.flatnonzero(both), cells] = 1
        return counts

    return Statistic(terms, lambda sums: OF_TABLE[name](sums.reshape(*sums.shape[:-1], k, k)))


def alpha(
    raters: Sequence[str], labels: Sequence[Hashable], level: Literal["nominal", "ordinal"] = "nominal"
) -> Statistic:
    """Krippendorff's alpha of some columns, one a rater, with these labels in their order."""

    def terms(frame: pd.DataFrame) -> np.ndarray:
        return pairs([frame[rater] for rater in raters], labels).reshape(len(frame), -1)

    return Statistic(terms, lambda sums: alpha_of(sums.reshape(len(sums), len(labels), len(labels)), level))


# tables of counts


def table(a: Labels, b: Labels, labels: Sequence[Hashable] | None = None) -> Tables:
    """How often each label of `a` (rows) met each of `b` (columns), over the items that both have.

    Raises:
        ValueError: lengths differ, a label is not among `labels`.
    """
    rows, columns = _column(a), _column(b)
    if len(rows) != len(columns):
        raise ValueError(f"expected as many labels on both sides, got {len(rows)} and {len(columns)}")
    order = _order([rows, columns], labels)
    return pd.crosstab(rows, columns).reindex(index=order, columns=order, fill_value=0).to_numpy(float)


def pairs(ratings: Sequence[Labels], labels: Sequence[Hashable]) -> Tables:
    """Which labels stand together in each item: items x labels x labels, each item counting as often as it was rated.

    Raises:
        ValueError: the raters' items differ in number, a label is not among `labels`.
    """
    raters = [_column(rater) for rater in ratings]
    if len({len(rater) for rater in raters}) > 1:
        raise ValueError("ratings: expected as many items from every rater")
    labels = _order(raters, labels)
    votes = sum(np.column_stack([rater.eq(label).to_numpy(float) for label in labels]) for rater in raters)
    met = votes[:, :, None] * votes[:, None, :] - votes[:, :, None] * np.eye(len(labels))
    rated = votes.sum(axis=1)[:, None, None]
    return met / np.where(rated > 1, rated - 1, 1)  # nothing met where one rated


def alpha_of(met: Tables, level: str = "nominal") -> np.ndarray:
    """Krippendorff's alpha of each table of `pairs`, NaN where undefined: 1 - observed / expected disagreement.

    The squared distance of two ordinal labels is that of how many ratings lie between them, their own counted half
    (K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011).
    """
    totals = met.sum(-1)
    middle = np.cumsum(totals, axis=-1) - totals / 2
    apart = (middle[..., :, None] - middle[..., None, :]) ** 2
    cost = apart if level == "ordinal" else np.broadcast_to(1 - np.eye(met.shape[-1]), met.shape)
    expected = (cost * totals[..., :, None] * totals[..., None, :]).sum((-2, -1))
    return 1 - _ratio((totals.sum(-1) - 1) * (cost * met).sum((-2, -1)), expected)


def kappa_of(counts: Tables, weights: Literal["quadratic"] | None = None) -> np.ndarray:
    """Cohen's kappa of each table, NaN where one label occurs: 1 - observed / expected disagreement.

    J. Cohen, Educational and Psychological Measurement 20, 1960; quadratic: Psychological Bulletin 70, 1968.
    """
    places = np.arange(counts.shape[-1])
    apart = np.subtract.outer(places, places)
    cost = apart**2 if weights == "quadratic" else apart != 0
    expected = counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :]
    return 1 - _ratio((cost * counts).sum((-2, -1)) * counts.sum((-2, -1)), (cost * expected).sum((-2, -1)))


def balanced_accuracy_of(counts: Tables) -> np.ndarray:
    """Mean recall over the true classes of each table, NaN where fewer than two classes are true."""
    hits, true = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1)
    classes = (true > 0).sum(-1)
    return _ratio(np.nan_to_num(_ratio(hits, true)).sum(-1), np.where(classes > 1, classes, 0))


def mcc_of(counts: Tables) -> np.ndarray:
    """Matthews correlation of each table, for any number of classes; NaN where a side has one class.

    J. Gorodkin, "Comparing two K-category assignments", Computational Biology and Chemistry 28, 2004.
    """
    hits, n = np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1))
    true, given = counts.sum(-1), counts.sum(-2)
    spread = (n**2 - (true**2).sum(-1)) * (n**2 - (given**2).sum(-1))
    return _ratio(hits * n - (true * given).sum(-1), np.sqrt(spread))


def macro_f1_of(counts: Tables) -> np.ndarray:
    """Mean F1 of each table over the classes that occur in it, NaN for an empty one."""
    either = counts.sum(-1) + counts.sum(-2)
    f1 = _ratio(2 * np.diagonal(counts, axis1=-2, axis2=-1), either)
    return _ratio(np.nan_to_num(f1).sum(-1), (either > 0).sum(-1))


def sensitivity_of(counts: Tables) -> np.ndarray:
    """Hits over true positives of each 2 x 2 table, whose second row and column are the positive."""
    return _ratio(counts[..., 1, 1], counts[..., 1, :].sum(-1))


def specificity_of(counts: Tables) -> np.ndarray:
    """The same of the negatives."""
    return _ratio(counts[..., 0, 0], counts[..., 0, :].sum(-1))


OF_TABLE: dict[str, Callable[[Tables], np.ndarray]] = {
    "kappa": kappa_of,
    "quadratic_kappa": lambda counts: kappa_of(counts, "quadratic"),
    "balanced_accuracy": balanced_accuracy_of,
    "mcc": mcc_of,
    "macro_f1": macro_f1_of,
    "sensitivity": sensitivity_of,
    "specificity": specificity_of,
}


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.broadcast_arrays(np.asarray(above, dtype=float), np.asarray(below, dtype=float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _column(labels: Labels) -> pd.Series:
    return pd.Series(list(labels), dtype=object)


def _order(columns: Sequence[pd.Series], labels: Sequence[Hashable] | None) -> list[Hashable]:
    """The labels in order: as given, or those that occur, sorted."""
    occurring = set().union(*(column.dropna() for column in columns))
    if labels is None:
        return sorted(occurring)
    if unknown := occurring - set(labels):
        raise ValueError(f"label {min(map(repr, unknown))}: expected one of {', '.join(map(str, labels))}")
    return list(labels)
