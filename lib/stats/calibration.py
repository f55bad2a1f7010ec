"""Calibration of a judge: error of its confidence, rates corrected for its mistakes, and fixed splits by problem."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lib.stats import agreement
from lib.stats.bootstrap import Interval, Statistic, defined, interval_of_draws, mean, resample

PARTS = ("tuning", "calibration", "test")
WEAK = 1.05  # sensitivity and specificity together; 1 is a judge that knows nothing
ROUNDING = 1e-9  # 0.3 x 10 is above 3 in floats


@dataclass(frozen=True)
class CorrectedRate:
    """A rate corrected for a judge's errors."""

    value: float | None  # within 0 to 1; None where the judge cannot tell
    weak: bool  # sensitivity + specificity <= 1.05: the judge knows next to nothing, do not report


def ece(confidence: str, right: str, bins: int = 10, by: Literal["width", "mass"] = "width") -> Statistic:
    """Expected calibration error of two columns: confidence, 0 to 1, and outcome, 0 or 1; nulls left out.

    The mean over the rows of |accuracy - mean confidence| of their bin (M. P. Naeini, G. F. Cooper and M. Hauskrecht,
    "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015). The bins are those of the whole
    frame, in every draw. Below some 200 rows it comes out too high.

    Raises (when it is computed):
        ValueError: a confidence lies outside 0 to 1.
    """

    def terms(frame: pd.DataFrame) -> np.ndarray:
        sure, hit = (frame[column].astype(float).to_numpy() for column in (confidence, right))
        both = np.flatnonzero(~np.isnan(sure) & ~np.isnan(hit))
        sure, hit = sure[both], hit[both]
        if ((sure < 0) | (sure > 1)).any():
            raise ValueError(f"column {confidence}: expected 0 to 1")
        sums = np.zeros((len(frame), bins, 2))
        sums[both, bins_of(sure, bins, by)] = np.column_stack([hit - sure, np.ones(len(sure))])
        return sums.reshape(len(frame), -1)

    return Statistic(terms, ece_of)


def ece_of(sums: np.ndarray) -> np.ndarray:
    """`ece` of each row of sums: for each bin the sum of outcome - confidence, then how many there are."""
    apart, n = np.moveaxis(sums.reshape(len(sums), -1, 2), -1, 0)
    return np.abs(apart).sum(-1) / np.where(n.sum(-1) > 0, n.sum(-1), np.nan)


def bins_of(confidence: np.ndarray, bins: int = 10, by: Literal["width", "mass"] = "width") -> np.ndarray:
    """The bin of each confidence, from 0 up.

    "width": equal parts of [0, 1], each closed on the right, the first on both sides. "mass": equally many rows, equal
    confidences always together.
    """
    place = confidence if by == "width" else pd.Series(confidence).rank().to_numpy() / max(len(confidence), 1)
    return np.clip(np.ceil(place * bins - ROUNDING), 1, bins).astype(int) - 1


def rogan_gladen(prevalence: float | None, sensitivity: float | None, specificity: float | None) -> CorrectedRate:
    """The true share of positives behind the share that a judge calls positive.

    (prevalence + specificity - 1) / (sensitivity + specificity - 1), clipped to 0 to 1 (W. J. Rogan and B. Gladen,
    "Estimating Prevalence from the Results of a Screening Test", American Journal of Epidemiology 107, 1978). None if
    a rate is None, or the judge is no better than chance.

    Raises:
        ValueError: a rate lies outside 0 to 1.
    """
    rates = (prevalence, sensitivity, specificity)
    if any(rate is not None and not 0 <= rate <= 1 for rate in rates):
        raise ValueError(f"expected rates from 0 to 1, got {', '.join(map(str, rates))}")
    if None in rates:
        return CorrectedRate(None, weak=True)
    value = defined(np.clip(_true_share(*map(np.asarray, rates)), 0, 1))
    return CorrectedRate(value, weak=sensitivity + specificity <= WEAK + ROUNDING)


def corrected_rate(
    judged: pd.DataFrame, labelled: pd.DataFrame, draws: int = 2000, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """The Rogan-Gladen share of positives (said) in `judged`, by the errors in `labelled` (said and truth).

    The interval is for the sampling of both frames, which are drawn independently.
    """
    rates = [agreement.statistic(name, "truth", "said", (0, 1)) for name in ("sensitivity", "specificity")]
    both = [resample(labelled, rate, draws, seed) for rate in rates]  # one seed: the same problems for both
    share = resample(judged, mean("said"), draws, seed + 1)
    value = rogan_gladen(*(defined(values[0]) for values in (share, *both))).value
    few = min(len(share), len(both[0]))  # a frame of one cluster has no draws
    drawn = np.clip(_true_share(*(values[1:few] for values in (share, *both))), 0, 1)
    clusters = min(frame["problem_id"].nunique() for frame in (judged, labelled))
    return interval_of_draws(np.nan if value is None else value, drawn, len(judged), clusters, confidence)


def split(problem_ids: Iterable[str], shares: Sequence[float] = (0.4, 0.3, 0.3), salt: str = "") -> list[str]:
    """The part of each problem: tuning (prompts, rubrics), calibration (thresholds) or test (looked at once).

    A hash of salt and id decides, so that a problem keeps its part whatever other problems there are.

    Raises:
        ValueError: `shares` are not three that add up to 1, or an id is no text.
    """
    if len(shares) != len(PARTS) or min(shares) < 0 or abs(sum(shares) - 1) > ROUNDING:
        raise ValueError(f"shares: expected three that add up to 1, got {tuple(shares)}")
    ends = np.cumsum(shares)[:-1]
    return [PARTS[np.searchsorted(ends, _fraction(name, salt), side="right")] for name in problem_ids]


def _fraction(problem_id: str, salt: str) -> float:
    """A number from 0 to 1 that a hash of the id gives."""
    if not isinstance(problem_id, str) or not problem_id:
        raise ValueError(f"problem id: expected a text, got {problem_id!r}")
    return int(hashlib.sha256(f"{salt}\0{problem_id}".encode()).hexdigest()[:13], 16) / 16**13


def _true_share(prevalence: np.ndarray, sensitivity: np.ndarray, specificity: np.ndarray) -> np.ndarray:
    above_chance = sensitivity + specificity - 1
    return (prevalence + specificity - 1) / np.where(above_chance > ROUNDING, above_chance, np.nan)
