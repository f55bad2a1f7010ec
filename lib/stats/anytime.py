"""Anytime summaries: what a curve of accuracy by position says in one number, and whether it rises.

Per model, source, interrupt and unit, with full thinking as the end of every curve:

area
    Mean height of accuracy from the first position to the end of the thought: trapezoids over the study's positions
    below 1 and full thinking at 1, divided by the width. area_of_full is that over full thinking's accuracy.
per_thousand
    Mean accuracy over positions, per thousand tokens generated for an answer (kept ones too, mean over positions);
    full_per_thousand is the same of full thinking.
reach
    First position, interpolated, at which accuracy is at least `NEAR` of full thinking's; null if no cut of the study
    gets there (full thinking itself does not count). never is the share of draws in which none does; an upper end that
    is null means that the interval has no end within the study.
"""

import numpy as np
import pandas as pd

from lib.stats import bootstrap, curves
from lib.stats.curves import Curve

FIGURES = ("area", "area_of_full", "per_thousand", "full_per_thousand", "reach")
NEAR = 0.95  # of the accuracy of full thinking, to be reached


def summary(grades: pd.DataFrame, confidence: float = 0.95, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """One row per curve: its keys, full (accuracy of full thinking), each of `FIGURES` with _low and _high, never,
    positions (how many), n (rows cut) and n_clusters.

    Where positions count tokens, area and area_of_full are null. With one problem all intervals are.
    """
    rows = []
    for curve in curves.of(grades):
        weights = bootstrap.weights(len(curve.problems), draws, seed)
        rows.append(curve.key | _figures(curve, weights, confidence))
    columns = [*curves.KEYS, "full", *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high"))]
    return pd.DataFrame(rows, columns=[*columns, "never", "positions", "n", "n_clusters"])


def rises(grades: pd.DataFrame, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Whether accuracy rises with the position: one row per curve, with two tests, adjusted by Holm over all curves.

    trend is the slope of the least-squares line through accuracy, per unit of position. Its p-value, two-sided, is
    that of Page's test for ordered alternatives (E. B. Page, "Ordered Hypotheses for Multiple Treatments", Journal of
    the American Statistical Association 58, 1963) with a problem's number of right rows in place of ranks, by
    permutation: where accuracy does not depend on the position, a problem's positions may change places.

    drop is the largest fall from a position (drop_from) to a later one (drop_to), 0 if accuracy never falls. Its
    p-value is for "it falls nowhere": the share of draws of whole problems whose largest fall, measured from the
    curve itself, is at least as large. That is exact for a flat curve and cautious for one that rises.

    Only problems with as many rows at every position count (n_clusters; uneven are the others). A curve of one position
    or of fewer than two such problems has null tests.
    """
    rows = []
    for curve in curves.of(grades):
        even = (curve.n[:, :-1] == curve.n[:, :1]).all(axis=1) & (curve.n[:, 0] > 0)
        tests = _trend(curve, even, draws, seed) | _drop(curve, even, draws, seed)
        rows.append(curve.key | tests | {"n_clusters": int(even.sum()), "uneven": int((~even).sum())})
    names = ["trend", "trend_p", "drop", "drop_from", "drop_to", "drop_p", "n_clusters", "uneven"]
    result = pd.DataFrame(rows, columns=[*curves.KEYS, *names])
    result.insert(6, "trend_p_holm", bootstrap.holm(result["trend_p"]))
    result.insert(11, "drop_p_holm", bootstrap.holm(result["drop_p"]))
    return result


def area(positions: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Mean height over positions 0 to 1 and a last one at 1: `heights` is ... x (P + 1), full thinking last."""
    inside = positions < 1
    x = np.append(positions[inside], 1.0)
    y = heights[..., np.append(inside, True)]
    return np.trapezoid(y, x, axis=-1) / (x[-1] - x[0]) if len(x) > 1 else np.full(y.shape[:-1], np.nan)


def reach(positions: np.ndarray, heights: np.ndarray, level: np.ndarray) -> np.ndarray:
    """First position at which `heights` (draws x P) are at least `level` (draws), interpolated; inf if never."""
    above = heights >= level[:, None] - 1e-12
    first = above.argmax(axis=1)
    before, every = np.maximum(first - 1, 0), np.arange(len(heights))
    low, high = heights[every, before], heights[every, first]
    part = np.divide(level - low, high - low, out=np.ones_like(level), where=high > low)
    place = positions[before] + np.where(first > 0, np.clip(part, 0, 1), 0) * (positions[first] - positions[before])
    place = np.where(above.any(axis=1), place, np.inf)
    return np.where(np.isnan(level) | np.isnan(heights).any(axis=1), np.nan, place)


def _figures(curve: Curve, weights: np.ndarray, confidence: float) -> dict[str, float]:
    count = len(curve.problems)
    point, drawn = (_values(curve, each) for each in (np.ones((1, count)), weights))
    result = {"full": curve.accuracy()[-1]}
    for name in FIGURES:
        low, high = bootstrap.percentile_interval(drawn[name], confidence, count)
        result |= {name: point[name][0], f"{name}_low": low, f"{name}_high": high}
    if count > 1:  # where every answer is wrong, or right, every draw is the same
        room = bootstrap.unseen_share(count, confidence)
        result["area_high"] = room if result["area"] == 0 else result["area_high"]
        result["area_low"] = 1 - room if result["area"] == 1 else result["area_low"]
    result = {name: np.nan if np.isinf(value) else value for name, value in result.items()}
    never = np.isinf(drawn["reach"]).mean() if len(weights) else np.nan
    sizes = {"positions": len(curve.positions), "n": int(curve.n[:, :-1].sum()), "n_clusters": count}
    return result | {"never": never, **sizes}


def _values(curve: Curve, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Every figure, one value for each draw."""
    heights, tokens = curve.accuracy(weights), curve.tokens(weights)
    cuts, full = heights[:, :-1], heights[:, -1]
    level = np.where(full > 0, NEAR * full, np.nan)  # where full thinking is never right there is nothing to reach
    has_end = curve.key["unit"] != "tokens"
    under = area(curve.positions, heights) if has_end else np.full(len(heights), np.nan)
    return {
        "area": under,
        "area_of_full": np.divide(under, full, out=np.full_like(full, np.nan), where=full > 0),
        "per_thousand": 1000 * cuts.mean(axis=1) / tokens[:, :-1].mean(axis=1),
        "full_per_thousand": 1000 * full / tokens[:, -1],
        "reach": reach(curve.positions, cuts, level),
    }


def _trend(curve: Curve, even: np.ndarray, draws: int, seed: int) -> dict[str, float]:
    x, right = curve.positions - curve.positions.mean(), curve.right[even, :-1]
    if len(x) < 2 or len(right) < 2:
        return {"trend": np.nan, "trend_p": np.nan}
    observed = right.sum(axis=0) @ x
    ranks = np.arange(len(x)) - (len(x) - 1) / 2
    page = abs(right.sum(axis=0) @ ranks)
    random = np.random.default_rng(seed)
    mixed = np.array([abs(random.permuted(right, axis=1).sum(axis=0) @ ranks) for _ in range(draws)])
    slope = observed / (x @ x) / curve.n[even, 0].sum()
    slope = round(slope, 12) + 0.0  # what rounding leaves of a flat curve is no slope, and no -0
    return {"trend": slope, "trend_p": (1 + (mixed >= page - 1e-9).sum()) / (1 + draws)}


def _drop(curve: Curve, even: np.ndarray, draws: int, seed: int) -> dict[str, float]:
    count = int(even.sum())
    if len(curve.positions) < 2 or count < 2:
        return dict.fromkeys(("drop", "drop_from", "drop_to", "drop_p"), np.nan)
    part = curve.only(curve.problems[even])
    heights = part.accuracy()[:-1]
    falls = np.maximum.accumulate(heights) - heights
    end = int(falls.argmax())
    largest, begin = float(falls[end]), int(heights[: end + 1].argmax())
    if largest == 0:
        return {"drop": 0.0, "drop_from": np.nan, "drop_to": np.nan, "drop_p": 1.0}
    drawn = part.accuracy(bootstrap.weights(count, draws, seed))[:, :-1] - heights
    drawn_falls = (np.maximum.accumulate(drawn, axis=1) - drawn).max(axis=1) * np.sqrt(count / (count - 1))
    p = (1 + (drawn_falls >= largest - 1e-9).sum()) / (1 + draws)
    return {"drop": largest, "drop_from": curve.positions[begin], "drop_to": curve.positions[end], "drop_p": p}
