"""How far a judge's confidence and rates can be trusted: calibration, corrected rates, intervals, fixed splits."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lib.stats.agreement import Labels, defined
from lib.stats.bootstrap import Counted, Interval, counted, drawn, interval_of, mean
from lib.stats.bootstrap import intervals as intervals  # callers find it here

By = Literal["width", "mass"]
PARTS = ("tuning", "calibration", "test")
WEAK = 1.05  # sensitivity and specificity together; 1 is a judge that knows nothing
ROUNDING = 1e-9  # 0.3 x 10 is above 3 in floats


@dataclass(frozen=True)
class Corrected:
    """A rate corrected for a judge's errors."""

    value: float | None  # held in 0 to 1; None where the judge cannot tell
    raw: float | None  # before that
    weak: bool  # sensitivity + specificity <= 1.05: the judge knows next to nothing, do not report


def brier(confidence: Sequence[float], right: Labels) -> float | None:
    """Mean squared distance of confidence (0 to 1) and outcome (0 or 1); rows where either is missing are left out.

    Raises:
        ValueError: lengths differ, a confidence lies outside 0 to 1.
    """
    sure, hit = _known(confidence, right)
    return float(((sure - hit) ** 2).mean()) if len(sure) else None


def ece(confidence: Sequence[float], right: Labels, bins: int = 10, by: By = "width") -> float | None:
    """Expected calibration error: mean over the rows of |accuracy - mean confidence| of their bin, as in `curve`.

    Few rows in many bins make it too high; below some 200 rows look at the curve.
    """
    found = curve(confidence, right, bins, by).query("n > 0")
    if found.empty:
        return None
    return float(np.average((found["accuracy"] - found["confidence"]).abs(), weights=found["n"]))


def counted_ece(confidence: str, right: str, bins: int = 10, by: By = "width") -> Counted:
    """`ece` of two columns for `intervals`; the bins are those of the whole frame, in every draw."""

    def rows(frame: pd.DataFrame) -> np.ndarray:
        sides = [frame[column].astype(float).to_numpy() for column in (confidence, right)]
        both = ~np.isnan(sides[0]) & ~np.isnan(sides[1])
        sure, hit = _known(*sides)
        found = np.zeros((len(frame), bins, 2))
        found[np.flatnonzero(both), bins_of(sure, bins, by)] = np.column_stack([hit - sure, np.ones(len(sure))])
        return found.reshape(len(frame), -1)

    return Counted(rows, ece_of)


def ece_of(sums: np.ndarray) -> np.ndarray:
    """`ece` of each row of sums: for each bin the sum of outcome - confidence, then how many there are."""
    apart, n = np.moveaxis(sums.reshape(len(sums), -1, 2), -1, 0)
    return np.abs(apart).sum(-1) / np.where(n.sum(-1) > 0, n.sum(-1), np.nan)


def curve(confidence: Sequence[float], right: Labels, bins: int = 10, by: By = "width") -> pd.DataFrame:
    """Reliability: one row a bin with low, high (its limits), n, mean confidence and accuracy (null if n is 0).

    "width": equal parts of [0, 1], each closed on the right, the first on both sides. "mass": equally many rows, equal
    confidences always together; limits are the least and the greatest confidence in the bin.

    Raises:
        ValueError: lengths differ, a confidence lies outside 0 to 1, `bins` is below 1, `by` is neither.
    """
    sure, hit = _known(confidence, right)
    rows = pd.DataFrame({"confidence": sure, "accuracy": hit, "n": 1})
    groups = rows.groupby(bins_of(sure, bins, by))
    found = groups.mean().assign(n=groups.size(), low=groups["confidence"].min(), high=groups["confidence"].max())
    if by == "width":
        found = found.reindex(range(bins))
        found = found.assign(n=found["n"].fillna(0).astype(int), low=found.index / bins, high=(found.index + 1) / bins)
    return found[["low", "high", "n", "confidence", "accuracy"]].rename_axis("bin").reset_index()


def bins_of(sure: np.ndarray, bins: int = 10, by: By = "width") -> np.ndarray:
    """The bin of each confidence, from 0 up; ValueError as `curve`."""
    if bins < 1 or by not in ("width", "mass"):
        raise ValueError(f"expected bins from 1 up, by width or mass, got {bins} by {by!r}")
    place = sure if by == "width" else pd.Series(sure).rank().to_numpy() / max(len(sure), 1)
    return np.clip(np.ceil(place * bins - ROUNDING), 1, bins).astype(int) - 1


def rogan_gladen(prevalence: float | None, sensitivity: float | None, specificity: float | None) -> Corrected:
    """The true share of positives behind the share that a judge calls positive.

    (prevalence + specificity - 1) / (sensitivity + specificity - 1), held in 0 to 1 (W. J. Rogan and B. Gladen,
    American Journal of Epidemiology 107, 1978). None if a rate is None, or the judge is no better than chance.

    Raises:
        ValueError: a rate lies outside 0 to 1.
    """
    rates = (prevalence, sensitivity, specificity)
    if any(rate is not None and not 0 <= rate <= 1 for rate in rates):
        raise ValueError(f"expected rates from 0 to 1, got {', '.join(map(str, rates))}")
    if None in rates:
        return Corrected(None, None, weak=True)
    raw = defined(_true_share(*map(np.asarray, rates)))
    value = None if raw is None else min(1.0, max(0.0, raw))
    return Corrected(value, raw, weak=sensitivity + specificity <= WEAK + ROUNDING)


def corrected(
    judged: pd.DataFrame,
    labelled: pd.DataFrame,
    cluster: str = "problem_id",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The Rogan-Gladen share of positives in `judged`, with an interval for what both frames leave open.

    `judged` has a column said (0, 1 or null); `labelled` has said and truth. The two are drawn apart from each other.
    """
    rates = [counted(name, "truth", "said", (0, 1)) for name in ("sensitivity", "specificity")]
    both = [drawn(labelled, rate, cluster, draws, seed) for rate in rates]  # one seed: the same problems for both
    share = drawn(judged, mean("said"), cluster, draws, seed + 1)
    value = rogan_gladen(*(defined(values[0]) for values in (share, *both))).value
    found = np.clip(_true_share(share[1:], both[0][1:], both[1][1:]), 0, 1)
    clusters = min(frame[cluster].nunique() for frame in (judged, labelled))
    return interval_of(value, found, len(judged), clusters, level)


def split(problem_ids: Iterable[str], shares: Sequence[float] = (0.4, 0.3, 0.3), salt: str = "") -> list[str]:
    """The part of each problem: tuning (prompts, rubrics), calibration (thresholds) or test (looked at once).

    A hash of salt and id decides, so that a problem keeps its part whatever other problems there are.

    Raises:
        ValueError: `shares` are not three that add up to 1, or an id is no text.
    """
    if len(shares) != len(PARTS) or min(shares) < 0 or abs(sum(shares) - 1) > ROUNDING:
        raise ValueError(f"shares: expected three that add up to 1, got {tuple(shares)}")
    return [PARTS[np.searchsorted(np.cumsum(shares)[:-1], _place(name, salt), side="right")] for name in problem_ids]


def _place(name: str, salt: str) -> float:
    if not isinstance(name, str) or not name:
        raise ValueError(f"problem id: expected a text, got {name!r}")
    return int(hashlib.sha256(f"{salt}\0{name}".encode()).hexdigest()[:13], 16) / 16**13


def _known(confidence: Sequence[float], right: Labels) -> tuple[np.ndarray, np.ndarray]:
    sure, hit = (pd.Series(list(side), dtype=object).astype(float).to_numpy() for side in (confidence, right))
    if len(sure) != len(hit):
        raise ValueError(f"expected an outcome for each confidence, got {len(sure)} and {len(hit)}")
    both = ~np.isnan(sure) & ~np.isnan(hit)
    if ((sure[both] < 0) | (sure[both] > 1)).any():
        raise ValueError("confidence: expected 0 to 1")
    return sure[both], hit[both]


def _true_share(prevalence: np.ndarray, sensitivity: np.ndarray, specificity: np.ndarray) -> np.ndarray:
    above_chance = sensitivity + specificity - 1
    return (prevalence + specificity - 1) / np.where(above_chance > ROUNDING, above_chance, np.nan)
