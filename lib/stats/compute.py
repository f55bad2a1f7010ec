"""Compute: an interrupt against a baseline at equal numbers of generated tokens.

A cut at X and a run of its own under a limit (`budget`), or one begun anew (`restart`), spend different numbers of
tokens at one position, so they are compared where they spend the same: the baseline's accuracy is interpolated, as a
straight line between its positions, at the tokens that the interrupt spends in all (`curves.spent`).
"""

import numpy as np
import pandas as pd

from lib.stats import clusters, curves, significance
from lib.stats.curves import Curve


def at_equal_tokens(
    grades: pd.DataFrame,
    baseline: str = "budget",
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
    cluster: str = "problem_id",
) -> pd.DataFrame:
    """Every other interrupt against `baseline`, at each of its positions, on the problems that both have.

    Returns one row per model, source, interrupt, unit and position: tokens (mean, generated for an answer in all),
    accuracy, baseline (its accuracy at so many tokens), difference, ci_low, ci_high, p, p_holm (over all rows of the
    frame), n (rows of the interrupt) and n_clusters. Nothing is extrapolated: outside the tokens that the baseline
    spends at its own positions, baseline and what follows from it are null. Intervals draw whole problems, tokens and
    accuracies of both sides at once; in a draw whose baseline is shorter its end stands for what lies beyond.

    Raises:
        ValueError: a column is missing, or `baseline` has no rows.
    """
    every = list(curves.of(grades, cluster))
    place = ("model", "source", "unit")
    baselines = {tuple(c.key[k] for k in place): c for c in every if c.key["interrupt"] == baseline}
    if not baselines:
        raise ValueError(f"interrupt {baseline!r}: no rows, expected some to compare with")
    rows = []
    for curve in every:
        other = baselines.get(tuple(curve.key[k] for k in place))
        if curve.key["interrupt"] != baseline and other is not None:
            rows += _against(curve, other, confidence, draws, seed)
    names = ["tokens", "accuracy", "baseline", "difference", "ci_low", "ci_high", "p", "n", "n_clusters"]
    result = pd.DataFrame(rows, columns=[*curves.KEYS, "position", *names])
    result.insert(12, "p_holm", significance.holm(result["p"].astype(float)))
    return result


def _against(curve: Curve, other: Curve, confidence: float, draws: int, seed: int) -> list[dict]:
    both = curve.problems.intersection(other.problems)
    curve, other = curve.only(both), other.only(both)
    weights = clusters.weights(len(both), draws, seed)
    point = _sides(curve, other, None)
    drawn = _sides(curve, other, weights) if len(weights) else None
    low, high = (end.reduce(other.tokens()[:-1]) for end in (np.fmin, np.fmax))  # null only if all are
    rows = []
    for j, position in enumerate(curve.positions):
        tokens, accuracy, theirs = (side[0, j] for side in point)
        row = curve.key | {"position": position, "tokens": tokens, "accuracy": accuracy}
        row |= {"n": int(curve.n[:, j].sum()), "n_clusters": len(both)}
        if low <= tokens <= high:
            change = None if drawn is None else drawn[1][:, j] - drawn[2][:, j]
            row |= {"baseline": theirs, **_difference(accuracy - theirs, change, len(both), confidence)}
        rows.append(row)
    return rows


def _sides(curve: Curve, other: Curve, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens and accuracy of a curve, and the other's accuracy at these tokens: each draws x P."""
    tokens, accuracy = (np.atleast_2d(part(weights))[:, :-1] for part in (curve.tokens, curve.accuracy))
    x, y = (np.atleast_2d(part(weights))[:, :-1] for part in (other.tokens, other.accuracy))
    order = np.argsort(x, axis=1)
    x, y = np.take_along_axis(x, order, axis=1), np.take_along_axis(y, order, axis=1)
    theirs = np.array([np.interp(*row) for row in zip(tokens, x, y, strict=True)])
    return tokens, accuracy, theirs


def _difference(change: float, drawn: np.ndarray | None, count: int, confidence: float) -> dict[str, float]:
    """A difference with the interval of its draws, and Student's t of its spread over draws."""
    if drawn is None:
        return {"difference": change, "ci_low": np.nan, "ci_high": np.nan, "p": np.nan}
    low, high = clusters.middle(drawn, confidence, count)
    error = np.nanstd(drawn) * np.sqrt(count / (count - 1))
    p = significance.two_sided(change / error, count - 1) if error > 0 else np.nan
    return {"difference": change, "ci_low": low, "ci_high": high, "p": p}
