"""Worth: what the verdicts on one criterion show about it, such as whether good items do better than bad ones."""

from typing import Any

import numpy as np
import pandas as pd

from lib.grm.rubric import Criterion
from lib.grm.trust import Z_SQUARED
from lib.stats import agreement
from lib.stats.bootstrap import Interval, Statistic, defined, interval


def figures(
    voted: pd.DataFrame, judgements: pd.DataFrame, criterion: Criterion, draws: int, seed: int
) -> dict[str, Any]:
    """The figures of one criterion that `prune.prune` tells, by their names.

    Args:
        voted: votes of all criteria, with label (the voted label's value), merit (the mean value of the samples, 1 for
            the best), outcome (1 good, 0 bad) and length.
        judgements: of all criteria.
        criterion: which one.
        draws, seed: of the interval.
    """
    own = voted[voted["criterion"].eq(criterion.id)]
    used = own[own["status"].eq("ok")]
    area = interval(own, auc("merit", "outcome", np.unique(used["merit"])), draws=draws, seed=seed)
    return {
        "items": len(own),
        "coverage": len(used) / len(own) if len(own) else None,
        "prevalence": defined(used["label"].mean()),
        "commonest": defined(used["verdict"].value_counts(normalize=True).max()) if len(used) else None,
        "kappa": retest(judgements[judgements["criterion"].eq(criterion.id)], criterion),
        "auc": area.value,
        "auc_low": _low(area),
        "auc_high": area.high,
        "length_r": partial(used["merit"], used["length"], used["outcome"]),
        "outcome_r": partial(used["merit"], used["outcome"], used["length"]),
    }


def auc(value: str, truth: str, levels: np.ndarray) -> Statistic:
    """Area under the ROC curve of the column `value`, which takes these levels, for a truth of 1 or 0 or null.

    The chance that a row with truth 1 has the greater value, ties counting half (Hanley and McNeil, Radiology 143,
    1982).
    """

    def rows(frame: pd.DataFrame) -> np.ndarray:
        found = np.zeros((len(frame), 2, len(levels)))
        sides = frame[[value, truth]].astype(float)
        both = np.flatnonzero(sides.notna().all(axis=1))
        place = np.searchsorted(levels, sides[value].iloc[both])
        found[both, sides[truth].iloc[both].astype(int), place] = 1
        return found.reshape(len(frame), -1)

    def of(sums: np.ndarray) -> np.ndarray:
        bad, good = np.moveaxis(sums.reshape(len(sums), 2, len(levels)), 1, 0)
        won = (good * (np.cumsum(bad, axis=1) - bad / 2)).sum(1)
        pairs = good.sum(1) * bad.sum(1)
        return won / np.where(pairs > 0, pairs, np.nan)

    return Statistic(rows, of)


def retest(judgements: pd.DataFrame, criterion: Criterion) -> float | None:
    """Cohen's kappa of every two usable samples of an item, each item counting as often as it has samples."""
    usable = judgements[judgements["status"].eq("ok")]
    samples = usable.pivot(index="item_id", columns="sample", values="verdict")
    if samples.shape[1] < 2:
        return None
    met = agreement.pairs([samples[i] for i in samples.columns], criterion.levels).sum(axis=0)
    return defined(agreement.kappa_of(met, "quadratic" if criterion.scale == "ordinal" else None))


def partial(a: pd.Series, b: pd.Series, fixed: pd.Series) -> float | None:
    """Correlation of what a straight line through `fixed` leaves of a and of b; 0 if it leaves nothing of one.

    None where fewer than three rows have all three, or a or b does not vary.
    """
    rows = pd.DataFrame({"a": a, "b": b, "fixed": fixed}).astype(float).dropna().to_numpy()
    if len(rows) < 3 or (np.ptp(rows[:, :2], axis=0) == 0).any():
        return None
    rows = (rows - rows.mean(axis=0)) / np.where(rows.std(axis=0) > 0, rows.std(axis=0), 1)
    left = rows[:, :2] - rows[:, 2:] * (rows[:, :2] * rows[:, 2:]).mean(axis=0)
    spread = np.sqrt((left**2).mean(axis=0))
    return 0.0 if spread.min() < 1e-6 else float((left[:, 0] * left[:, 1]).mean() / spread.prod())


def _low(area: Interval) -> float | None:
    """The lower bound; where all draws are perfect, Wilson's for as many problems, as few of them prove little."""
    return area.clusters / (area.clusters + Z_SQUARED) if area.constant and area.value == 1 else area.low
