"""Gains: what each criterion adds to a forecast of the outcome that others make already, on problems not fitted to."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

RIDGE = 1.0  # penalty: half of it times the squared coefficient of each term, the intercept's left out
FOLDS = 5
STEPS = 50
SMALL = 1e-8


def ridge_logistic(x: np.ndarray, y: np.ndarray, penalty: float = RIDGE) -> np.ndarray:
    """Coefficients of a logistic regression of y (rows, 0 or 1) on x (rows x terms), intercept first.

    The penalty makes the best fit exist and be unique even where a term separates the classes; Newton's method finds
    it, a step being halved as long as it overshoots.

    Raises:
        ValueError: the penalty is not above 0.
    """
    if penalty <= 0:
        raise ValueError(f"penalty: expected more than 0, got {penalty}")
    x = np.column_stack([np.ones(len(x)), x])
    # next to nothing holds the intercept too, which would run off where y has one class only
    held = np.diag([SMALL, *[penalty] * (x.shape[1] - 1)])
    beta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        chance = _chance(x @ beta)
        hessian = (x * (chance * (1 - chance))[:, None]).T @ x + held
        step = np.linalg.solve(hessian, x.T @ (y - chance) - held @ beta)
        now = _penalised(x, y, beta, held)
        while _penalised(x, y, beta + step, held) > now + SMALL and np.abs(step).max() > SMALL:
            step = step / 2
        beta = beta + step
        if np.abs(step).max() < SMALL:
            break
    return beta


def log_loss(x: np.ndarray, y: np.ndarray, folds: np.ndarray) -> float:
    """Mean of -ln(chance given to what happened), in nats a row, each fold forecast from the fit of the others."""
    losses = np.zeros(len(y))
    for fold in np.unique(folds):
        out = folds == fold
        beta = ridge_logistic(x[~out], y[~out])
        odds = beta[0] + x[out] @ beta[1:]
        losses[out] = np.logaddexp(0, odds) - y[out] * odds
    return float(losses.mean())


def folds(problem_ids: Sequence[str], count: int = FOLDS) -> np.ndarray:
    """The fold of each row, 0 to count - 1, by a hash of its problem, so that a problem is never in two."""
    named = {name: int(hashlib.sha256(str(name).encode()).hexdigest()[:12], 16) % count for name in set(problem_ids)}
    return np.array([named[name] for name in problem_ids])


def greedy(
    values: pd.DataFrame, outcome: pd.Series, problem_ids: Sequence[str], least: float, most: int, first: Sequence[str]
) -> pd.DataFrame:
    """Columns in the order in which they help: one row each with name, gain (null for `first`) and taken.

    Column after column is taken whose addition lowers the log loss most, until none lowers it by `least` or `most`
    are taken. A column that is not taken has the gain that it would bring at the end.

    Args:
        values: a row per item and a column per criterion; null counts as the column's mean.
        outcome: 0 or 1 in the same order.
        problem_ids: in the same order; a problem is never both fitted to and forecast.
        least: nats a row.
        most: columns, those of `first` among them.
        first: columns that are taken whatever they bring.
    """
    x, y, parts = values.fillna(values.mean()) - values.mean(), outcome.to_numpy(float), folds(problem_ids)
    taken, rows = list(first), [{"name": name, "gain": np.nan, "taken": True} for name in first]
    while True:
        left = [name for name in values.columns if name not in taken]
        now = log_loss(x[taken].to_numpy(float), y, parts)
        gains = {name: now - log_loss(x[[*taken, name]].to_numpy(float), y, parts) for name in left}
        best = max(gains, key=gains.__getitem__, default=None)
        if best is None or gains[best] < least or len(taken) >= most:
            rest = [{"name": name, "gain": gain, "taken": False} for name, gain in gains.items()]
            return pd.DataFrame([*rows, *rest], columns=["name", "gain", "taken"])
        taken.append(best)
        rows.append({"name": best, "gain": gains[best], "taken": True})


def _chance(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(odds, -500, 500)))


def _penalised(x: np.ndarray, y: np.ndarray, beta: np.ndarray, held: np.ndarray) -> float:
    odds = x @ beta
    return float((np.logaddexp(0, odds) - y * odds).sum() + beta @ held @ beta / 2)
