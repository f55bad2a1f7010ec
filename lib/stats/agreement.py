"""How well two raters, or a judge and the truth, agree: kappa, alpha, and rates that survive a rare class.

Every figure comes from one table of counts, truth in rows and what was said in columns. A cell that is missing (None
or NaN: an unusable reply, an abstention) is left out, never read as a verdict; `coverage` tells how many those are.
A figure that is not defined, such as kappa where only one label occurs, is None and never 0.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

Labels = Sequence[Any] | pd.Series | np.ndarray
Tables = np.ndarray  # ... x labels x labels: one table of counts, or many


def cohen_kappa(
    a: Labels, b: Labels, weights: Literal["quadratic"] | None = None, labels: Sequence[Hashable] | None = None
) -> float | None:
    """Agreement of two raters beyond chance, 1 being perfect and 0 what their label shares alone would give.

    `a` and `b` hold one label an item, in the same order. Kappa is 1 - observed / expected disagreement (J. Cohen,
    Educational and Psychological Measurement 20, 1960); "quadratic" weights a disagreement by the squared distance of
    the labels' places (Cohen, Psychological Bulletin 70, 1968) in `labels`, or in sorted order for numbers.

    Raises:
        ValueError: lengths differ, a label is not among `labels`, weighted texts come without `labels`.
    """
    if weights not in (None, "quadratic"):
        raise ValueError(f"weights: expected None or quadratic, got {weights!r}")
    return defined(kappa_of(table(a, b, labels, ordered=weights is not None), weights))


def accuracy(truth: Labels, said: Labels, missing: Literal["out", "wrong"] = "out") -> float | None:
    """Share of verdicts that are the truth; where none was given the item is left out, or counts as wrong.

    Raises:
        ValueError: lengths differ, `missing` is neither out nor wrong.
    """
    if missing not in ("out", "wrong"):
        raise ValueError(f"missing: expected out or wrong, got {missing!r}")
    counts = table(truth, said)
    items = int(_cells(truth).notna().sum()) if missing == "wrong" else counts.sum()
    return float(np.trace(counts) / items) if items else None


def balanced_accuracy(truth: Labels, said: Labels) -> float | None:
    """Mean over the true classes of the share found of each; None unless the truth has two classes or more."""
    return defined(balanced_of(table(truth, said)))


def mcc(truth: Labels, said: Labels) -> float | None:
    """Matthews correlation of two labellings, -1 to 1, for any number of classes (J. Gorodkin, Computational Biology
    and Chemistry 28, 2004); None where either side has one class only."""
    return defined(mcc_of(table(truth, said)))


def macro_f1(truth: Labels, said: Labels) -> float | None:
    """Mean over the classes that occur on either side of 2 hits / (times true + times said)."""
    return defined(f1_of(table(truth, said)))


def sensitivity(truth: Labels, said: Labels, positive: Hashable = 1) -> float | None:
    """Share of the true positives that were called positive; None without a true positive."""
    return defined(sensitivity_of(_two_way(truth, said, positive)))


def specificity(truth: Labels, said: Labels, positive: Hashable = 1) -> float | None:
    """Share of the true negatives (every label but `positive`) that were not called positive; None without one."""
    return defined(specificity_of(_two_way(truth, said, positive)))


def coverage(said: Labels) -> float | None:
    """Share of items with a verdict; None without items."""
    given = _cells(said).notna()
    return float(given.mean()) if len(given) else None


def krippendorff_alpha(
    ratings: Sequence[Labels] | pd.DataFrame,
    level: Literal["nominal", "ordinal"] = "nominal",
    labels: Sequence[Hashable] | None = None,
) -> float | None:
    """Agreement of any number of raters, with gaps: 1 - observed / expected disagreement of pairs within an item.

    `ratings` is raters x items. An item that fewer than two rated tells nothing and is left out. "ordinal" takes the
    order from `labels`, or sorts numbers (K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011).

    Raises:
        ValueError: the rows differ in length, a label is not among `labels`, ordinal texts come without `labels`.
    """
    if level not in ("nominal", "ordinal"):
        raise ValueError(f"level: expected nominal or ordinal, got {level!r}")
    rows = ratings.to_numpy() if isinstance(ratings, pd.DataFrame) else ratings
    return defined(alpha_of(pairs(rows, labels, ordered=level == "ordinal").sum(axis=0), level))


# tables of counts, one or many at once


def table(a: Labels, b: Labels, labels: Sequence[Hashable] | None = None, ordered: bool = False) -> Tables:
    """How often each label of `a` (rows) met each of `b` (columns), over the items that both have.

    Raises:
        ValueError: lengths differ, a label is not among `labels`, `ordered` texts come without `labels`.
    """
    rows, columns = _cells(a), _cells(b)
    if len(rows) != len(columns):
        raise ValueError(f"expected as many labels on both sides, got {len(rows)} and {len(columns)}")
    both = rows.notna() & columns.notna()
    known = {label: i for i, label in enumerate(_known([rows, columns], labels, ordered))}
    counts = np.zeros((len(known), len(known)))
    np.add.at(counts, (rows[both].map(known).to_numpy(int), columns[both].map(known).to_numpy(int)), 1)
    return counts


def pairs(ratings: Sequence[Labels], labels: Sequence[Hashable] | None = None, ordered: bool = False) -> Tables:
    """Which labels stand together in each item: items x labels x labels, each item counting as often as it was rated.

    Raises:
        ValueError: as `krippendorff_alpha`.
    """
    rows = [_cells(row) for row in ratings]
    if len({len(row) for row in rows}) > 1:
        raise ValueError("ratings: expected as many items from every rater")
    known = _known(rows, labels, ordered)
    items = len(rows[0]) if rows else 0
    votes = np.zeros((items, len(known)))  # how many raters gave this label
    for row in rows:
        votes += np.column_stack([row.eq(label).to_numpy(bool) for label in known] or [np.zeros((items, 0))])
    met = votes[:, :, None] * votes[:, None, :] - votes[:, :, None] * np.eye(len(known))
    rated = votes.sum(axis=1)[:, None, None]
    return met / np.where(rated > 1, rated - 1, 1)  # nothing met where one rated


def alpha_of(met: Tables, level: str = "nominal") -> np.ndarray:
    """Krippendorff's alpha of each table of pairs, NaN where undefined.

    The squared distance of two ordinal labels is that of how many ratings lie between them, their own counted half.
    """
    totals = met.sum(-1)
    middle = np.cumsum(totals, axis=-1) - totals / 2
    apart = (middle[..., :, None] - middle[..., None, :]) ** 2
    far = apart if level == "ordinal" else np.broadcast_to(1 - np.eye(met.shape[-1]), met.shape)
    expected = (far * totals[..., :, None] * totals[..., None, :]).sum((-2, -1))
    return 1 - _over((totals.sum(-1) - 1) * (far * met).sum((-2, -1)), expected)


def kappa_of(counts: Tables, weights: str | None = None) -> np.ndarray:
    """Cohen's kappa of each table, NaN where undefined; places of labels are their distances if quadratic."""
    places = np.arange(counts.shape[-1])
    apart = np.subtract.outer(places, places)
    cost = apart**2 if weights else apart != 0
    expected = counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :]
    return 1 - _over((cost * counts).sum((-2, -1)) * counts.sum((-2, -1)), (cost * expected).sum((-2, -1)))


def balanced_of(counts: Tables) -> np.ndarray:
    """Balanced accuracy of each table, NaN where fewer than two classes are true."""
    hits, true = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(-1)
    classes = (true > 0).sum(-1)
    return _over(np.nan_to_num(_over(hits, true)).sum(-1), np.where(classes > 1, classes, 0))


def mcc_of(counts: Tables) -> np.ndarray:
    """Matthews correlation of each table, NaN where a side has one class."""
    hits, n = np.trace(counts, axis1=-2, axis2=-1), counts.sum((-2, -1))
    true, said = counts.sum(-1), counts.sum(-2)
    spread = (n**2 - (true**2).sum(-1)) * (n**2 - (said**2).sum(-1))
    return _over(hits * n - (true * said).sum(-1), np.sqrt(spread))


def f1_of(counts: Tables) -> np.ndarray:
    """Macro F1 of each table over the classes that occur in it, NaN for an empty one."""
    seen = counts.sum(-1) + counts.sum(-2)
    each = _over(2 * np.diagonal(counts, axis1=-2, axis2=-1), seen)
    return _over(np.nan_to_num(each).sum(-1), (seen > 0).sum(-1))


def sensitivity_of(counts: Tables) -> np.ndarray:
    """Hits over true positives of each 2 x 2 table, whose second row and column are the positive."""
    return _over(counts[..., 1, 1], counts[..., 1, :].sum(-1))


def specificity_of(counts: Tables) -> np.ndarray:
    """The same of the negatives."""
    return _over(counts[..., 0, 0], counts[..., 0, :].sum(-1))


OF_TABLE: dict[str, Callable[[Tables], np.ndarray]] = {
    "kappa": kappa_of,
    "quadratic_kappa": lambda counts: kappa_of(counts, "quadratic"),
    "balanced_accuracy": balanced_of,
    "mcc": mcc_of,
    "macro_f1": f1_of,
    "sensitivity": sensitivity_of,
    "specificity": specificity_of,
}


def defined(value: Any) -> float | None:
    """A number, or None for NaN."""
    return None if value is None or math.isnan(value) else float(value)


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    above, below = np.broadcast_arrays(np.asarray(above, dtype=float), np.asarray(below, dtype=float))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _two_way(truth: Labels, said: Labels, positive: Hashable) -> Tables:
    sides = [_cells(side) for side in (truth, said)]
    return table(*(side.eq(positive).astype(object).where(side.notna(), None) for side in sides), labels=(False, True))


def _cells(side: Labels) -> pd.Series:
    return pd.Series(list(side), dtype=object)


def _known(sides: Sequence[pd.Series], labels: Sequence[Hashable] | None, ordered: bool) -> list[Hashable]:
    """The labels in order: as given, or the numbers sorted, or texts in any fixed order where none is needed."""
    found = set().union(*(side.dropna() for side in sides))
    if labels is not None:
        if strange := found - set(labels):
            raise ValueError(f"label {min(map(repr, strange))}: expected one of {', '.join(map(str, labels))}")
        return list(labels)
    if ordered and any(isinstance(label, str) for label in found):
        raise ValueError(f"label {min(map(repr, found))}: texts have no order, expected `labels`")
    return sorted(found) if ordered else sorted(found, key=lambda label: (str(type(label)), str(label)))
