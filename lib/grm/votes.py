"""Majority votes over the samples of a judge, and the accuracy of votes over fewer samples."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

COLUMNS = ["verdict", "value", "confidence", "votes"]  # of `majority`


def majority(counts: pd.DataFrame, values: Mapping[str, float]) -> pd.DataFrame:
    """The vote of each row of counts: the columns of `COLUMNS`, null without votes.

    The verdict is the median label, the worse of two in the middle; for two labels this is the majority. `value` is the
    mean of the labels' values, `confidence` Laplace's rule of succession, (agreeing + 1) / (votes + labels): the plain
    share would call a single vote certain.

    Args:
        counts: number of verdicts, a column per label in the order of `values`.
        values: value of each label, worst label first: for an undesired criterion "yes" comes first.
    """
    below = counts.to_numpy().cumsum(axis=1)
    total = below[:, -1]
    some = np.where(total > 0, total, np.nan)
    place = (2 * below >= total[:, None]).argmax(axis=1)
    agreeing = counts.to_numpy()[np.arange(len(counts)), place]
    value = sum(counts[label].to_numpy() * value for label, value in values.items()) / some
    label = pd.Series(np.array(list(values))[place], index=counts.index, dtype="str").where(total > 0)
    confidence = (agreeing + 1) / (some + len(values))
    return pd.DataFrame(dict(zip(COLUMNS, (label, value, confidence, total), strict=True)), index=counts.index)


def vote_at_k(better: int, worse: int, k: int) -> float | None:
    """Probability that the majority of k of an item's votes, drawn without replacement, is the better verdict.

    Exact (hypergeometric). A tie (k even) falls to the worse. With fewer than k usable votes, k becomes the largest
    number of its parity that they allow, at least 1. None without usable votes.

    Raises:
        ValueError: k is below 1, or a count is negative.
    """
    if k < 1 or min(better, worse) < 0:
        raise ValueError(f"expected k from 1 and counts from 0 up, got k = {k}, {better} and {worse}")
    votes = better + worse
    if not votes:
        return None
    k = k if k <= votes else max(1, votes - (k - votes) % 2)
    return float(hypergeom.sf(k // 2, votes, better, k))
