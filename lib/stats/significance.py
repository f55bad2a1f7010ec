"""Significance: Student's t for whole degrees of freedom, and Holm's care for many tests at once."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

SMALLEST = 1e-9  # chance that comes out alike on all processors, to six digits
STEPS = 200  # halvings of an interval that holds a quantile; far more than a float needs


def two_sided(t: float, df: int) -> float:
    """Chance that Student's t with `df` degrees of freedom lies at least as far from 0; null if `t` is.

    Sums of powers of cos(arctan(t / sqrt(df))), Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964,
    26.7.3 and 26.7.4. `SMALLEST` stands for all that is smaller, as the last digits of a float are a processor's own.

    Raises:
        ValueError: `df` below 1.
    """
    if df < 1:
        raise ValueError(f"degrees of freedom {df}: expected 1 or more")
    return math.nan if math.isnan(t) else max(SMALLEST, _outside(t, df))


def _outside(t: float, df: int) -> float:
    angle = math.atan2(abs(t), math.sqrt(df))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = df % 2
    last = (df - 1) // 2 if odd else df // 2 - 1  # factors 2/3, 4/5 ... or 1/2, 3/4 ...
    steps = np.arange(1, last + (0 if odd else 1))
    ratios = (2 * steps) / (2 * steps + 1) if odd else (2 * steps - 1) / (2 * steps)
    series = np.cumprod(np.concatenate([[1.0], ratios * cosine**2])).sum()
    inside = 2 / math.pi * (angle + (sine * cosine * series if df > 1 else 0)) if odd else sine * series
    return min(1.0, max(0.0, 1 - inside))


@lru_cache(maxsize=1024)
def quantile(p: float, df: int) -> float:
    """Value that Student's t with `df` degrees of freedom stays below with chance `p`, 0.5 to 1, by halving."""
    low, high = 0.0, 1.0
    while _outside(high, df) > 2 * (1 - p):
        low, high = high, 2 * high
    for _ in range(STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _outside(middle, df) > 2 * (1 - p) else (low, middle)
    return high


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values adjusted so that, of all tests, any is wrongly called significant with at most the stated chance.

    Sorted upwards, the i-th of m is multiplied by m - i + 1, and none may be less than the one before it (Holm,
    "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979). Nulls
    are no tests: they stay null and do not count in m.
    """
    values = np.asarray(p, dtype=float)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    result = np.full(len(values), np.nan)
    factors = len(order) - np.arange(len(order))
    result[order] = np.minimum(1, np.maximum.accumulate(values[order] * factors))
    return result
