"""Drift: how far two versions of a rubric, or two judges, order the same items alike."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.stats.bootstrap import Interval, defined, interval


@dataclass(frozen=True)
class Drift:
    """What became of the order of items; intervals are clustered by problem."""

    spearman: Interval  # rank correlation of the scores
    turned: Interval  # share of the pairs of items, told apart both times, that stand the other way round
    lost: int  # items with a score one time and none the other


def drift(before: pd.DataFrame, after: pd.DataFrame, draws: int = 2000, seed: int = 0, level: float = 0.95) -> Drift:
    """The order of the same anchor items by two versions.

    Args:
        before, after: as from `scores.summary`, of the same items; an item without a score has no place in the order.
        draws, seed, level: of the intervals.

    Raises:
        ValueError: the items are not the same, or one stands twice.
    """
    for name, frame in (("before", before), ("after", after)):
        if (twice := frame["item_id"].duplicated()).any():
            raise ValueError(f"{name}: {frame['item_id'][twice].iloc[0]} stands twice, expected each item once")
    if strange := sorted(set(before["item_id"]) ^ set(after["item_id"])):
        raise ValueError(f"{strange[0]}: scored by one version only, expected the same items")
    both = before[["item_id", "problem_id", "score"]].merge(after[["item_id", "score"]], on="item_id")
    both = both.astype({"score_x": float, "score_y": float})
    known = both.dropna()
    settings = {"draws": draws, "seed": seed, "confidence": level}
    lost = int((both["score_x"].isna() ^ both["score_y"].isna()).sum())
    return Drift(interval(known, _spearman, **settings), interval(known, _turned, **settings), lost)


def _spearman(both: pd.DataFrame) -> float | None:
    """Pearson's correlation of mean ranks; None where a side does not vary."""
    ranks = both[["score_x", "score_y"]].rank().to_numpy()
    if len(ranks) < 2 or (np.ptp(ranks, axis=0) == 0).any():
        return None
    return defined(np.corrcoef(ranks.T)[0, 1])


def _turned(both: pd.DataFrame) -> float | None:
    ways = [np.sign(np.subtract.outer(side, side)) for side in both[["score_x", "score_y"]].to_numpy().T]
    told = ways[0] * ways[1]
    return float((told < 0).sum() / (told != 0).sum()) if told.any() else None
