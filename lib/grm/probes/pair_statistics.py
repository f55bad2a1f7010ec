"""Habits of a judge of pairs: whether the order, the slot or the length of the outputs moves its verdict.

A verdict is 1 or 2, the output it prefers, or null where the reply could not be used; order is the output shown
first. Outputs keep their numbers whatever the order.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.stats import agreement
from lib.stats.agreement import Labels

TERMS = ("log_length_ratio", "gold", "slot", "intercept")
STEPS = 100
HALVINGS = 30
SMALL = 1e-9
FLAT = 1e12  # a Hessian with a larger condition number tells nothing about some coefficient


@dataclass(frozen=True)
class Fit:
    """A logistic regression: coefficients (log odds per unit) and their standard errors, by the names of the terms."""

    coefficients: dict[str, float]
    errors: dict[str, float]
    observations: int

    def interval(self, term: str, z: float = 1.96) -> tuple[float, float]:
        """Coefficient minus and plus z standard errors."""
        return self.coefficients[term] - z * self.errors[term], self.coefficients[term] + z * self.errors[term]


def swap_consistency(first: Labels, second: Labels) -> float | None:
    """Share of all items with the same usable verdict in both orders; an unusable one agrees with nothing.

    Raises:
        ValueError: lengths differ.
    """
    return agreement.accuracy(range(len(first)), _same(first, second), missing="wrong")


def flip_rate(first: Labels, second: Labels) -> float | None:
    """Share of items whose verdict turns with the order, among those usable in both; None without such an item.

    Raises:
        ValueError: lengths differ.
    """
    same = agreement.accuracy(first, second)
    return None if same is None else 1 - same


def first_slot_share(verdict: Labels, order: Labels) -> float | None:
    """Share of the usable verdicts that prefer the output shown first; 0.5 over both orders is without preference.

    Raises:
        ValueError: lengths differ.
    """
    return agreement.accuracy(order, verdict)


def length_slope(frame: pd.DataFrame, cluster: str | None = None) -> Fit | None:
    """How the length of an output draws the verdict, its being right and its slot held fixed.

    `frame` has one row a verdict: verdict, gold, order (each 1 or 2), chars_1, chars_2 (characters of the outputs).
    Logistic regression of "output 1 is preferred" on ln((chars_1 + 1) / (chars_2 + 1)), gold and slot (1 for output 1,
    else -1) and an intercept; null verdicts are left out. The idea of holding the rest fixed is that of AlpacaEval's
    length control (Dubois et al., arXiv 2404.04475). With a column `cluster`, standard errors are clustered by it. None
    where `logistic` has no answer.

    Raises:
        ValueError: a column is missing, or a verdict, gold or order is neither 1 nor 2.
    """
    columns = ["verdict", "gold", "order", "chars_1", "chars_2"]
    if absent := [name for name in columns if name not in frame.columns]:
        raise ValueError(f"missing columns: {', '.join(absent)}")
    used = frame.loc[frame["verdict"].notna(), columns].astype(float)
    for name in columns[:3]:
        if not used[name].isin([1, 2]).all():
            raise ValueError(f"column {name}: expected 1 or 2")
    ratio = np.log((used["chars_1"] + 1) / (used["chars_2"] + 1))
    terms = [ratio, *(np.where(used[name] == 1, 1.0, -1.0) for name in ("gold", "order")), np.ones(len(used))]
    clusters = frame.loc[used.index, cluster].tolist() if cluster else None
    return logistic(np.column_stack(terms), used["verdict"].eq(1).to_numpy(float), TERMS, clusters)


def logistic(
    x: np.ndarray, y: np.ndarray, names: Sequence[str], clusters: Sequence[Hashable] | None = None
) -> Fit | None:
    """Logistic regression without penalty of y (rows, 0 or 1) on x (rows x terms), by Newton's method.

    Standard errors are the roots of the diagonal of the inverse Hessian or, with the cluster of each row, of the
    sandwich of it and the clusters' scores (Liang and Zeger, Biometrika 73, 1986), times G / (G - 1) for G clusters;
    with one cluster they are NaN. None where no best fit exists or is unique: no rows, terms that separate the classes,
    terms that depend on each other.
    """
    beta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        hessian = (x * (chance * (1 - chance))[:, None]).T @ x
        if not len(x) or not np.isfinite(hessian).all() or np.linalg.cond(hessian) > FLAT:
            return None
        step = _shortened(x, y, beta, np.linalg.solve(hessian, x.T @ (y - chance)))
        beta = beta + step
        if np.abs(step).max() < SMALL:
            spread = np.linalg.inv(hessian)
            if clusters is not None:
                spread = _sandwich(spread, x * (y - chance)[:, None], clusters)
            errors = np.sqrt(np.diag(spread))
            named = [dict(zip(names, map(float, values), strict=True)) for values in (beta, errors)]
            return Fit(*named, observations=len(y))
    return None


def _sandwich(inverse: np.ndarray, scores: np.ndarray, clusters: Sequence[Hashable]) -> np.ndarray:
    codes, names = pd.factorize(pd.Series(clusters))
    if len(names) < 2:
        return np.full_like(inverse, np.nan)
    sums = np.zeros((len(names), scores.shape[1]))
    np.add.at(sums, codes, scores)
    return inverse @ sums.T @ sums @ inverse * len(names) / (len(names) - 1)


def _shortened(x: np.ndarray, y: np.ndarray, beta: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The step, halved until it does not lower the likelihood: far from the best fit a whole one may overshoot."""
    now = _likelihood(x, y, beta)
    for _ in range(HALVINGS):
        if _likelihood(x, y, beta + step) >= now - SMALL:
            break
        step = step / 2
    return step


def _likelihood(x: np.ndarray, y: np.ndarray, beta: np.ndarray) -> float:
    odds = x @ beta
    return float((y * odds - np.logaddexp(0, odds)).sum())


def _same(first: Labels, second: Labels) -> list[int | None]:
    """The place of each item that got the same usable verdict twice, else None."""
    pairs = zip(first, second, strict=True)
    return [i if not pd.isna(a) and not pd.isna(b) and a == b else None for i, (a, b) in enumerate(pairs)]
