"""Comparisons of means with bounds, and the verdict of a statement that is made of them.

A comparison says that an effect (a difference or a ratio of means) is at least, or at most, a bound. Drawn effects give
its 95 % percentile interval and its standard error, and one-sided p-values by the normal distribution: one that the
bound is met, one that it is not; the level is 2.5 %. A part of a statement says so of *every* comparison or of *some*.
"Every" is borne out when each p-value is small (intersection-union test: no correction is due) and refuted when the
smallest is after Bonferroni's correction for all comparisons of the statement; "some" the other way round. Published
effects have no draws and are compared by value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEVEL = 0.025  # one-sided; goes with the 95 % interval
HOLDS, FAILS, UNSURE = "holds", "does not hold", "cannot say"
ROUNDING = 1e-9


@dataclass(frozen=True)
class Comparison:
    """One effect (the value, then its draws) and the bound that it should meet; `clusters` is 0 if not known."""

    what: str
    model: str
    benchmark: str
    effect: np.ndarray
    bound: float
    at_least: bool
    clusters: int = 0

    @property
    def _drawn(self) -> np.ndarray:
        return self.effect[1:][np.isfinite(self.effect[1:])]

    @property
    def margin(self) -> float:
        """By how much the bound is met; negative where it is not."""
        return float(self.effect[0] - self.bound) * (1 if self.at_least else -1)

    @property
    def error(self) -> float:
        """Standard error; null without draws. Draws without any spread are those of a rate never seen in n problems,
        whose 97.5 % limit is 1 - 0.025^(1/n).
        """
        if len(self._drawn) < 2:
            return np.nan
        spread = float(self._drawn.std(ddof=1))
        unseen = (1 - LEVEL ** (1 / max(self.clusters, 1))) / NormalDist().inv_cdf(1 - LEVEL)
        return spread if spread > ROUNDING else unseen

    @property
    def interval(self) -> tuple[float, float]:
        """The middle 95 % of the draws."""
        if len(self._drawn) < 2:
            return np.nan, np.nan
        low, high = np.quantile(self._drawn, [LEVEL, 1 - LEVEL])
        if high - low > ROUNDING:
            return float(low), float(high)
        half = NormalDist().inv_cdf(1 - LEVEL) * self.error
        return float(self.effect[0]) - half, float(self.effect[0]) + half

    @property
    def z(self) -> float:
        """Margin in standard errors, or itself where there is none: what is nearest to failing has the smallest."""
        return self.margin if np.isnan(self.error) else self.margin / self.error

    @property
    def p_met(self) -> float:
        """Chance of so good an effect if the bound were not met; 0 or 1 by value."""
        if np.isnan(self.error):
            return 0.0 if self.margin >= -ROUNDING else 1.0
        return NormalDist().cdf(-self.z)

    @property
    def p_missed(self) -> float:
        """Chance of so bad an effect if the bound were met."""
        return 1 - self.p_met


@dataclass(frozen=True)
class Part:
    """Comparisons of which every one, or some one, is said to meet its bound."""

    comparisons: Sequence[Comparison]
    every: bool = True


@dataclass(frozen=True)
class Finding:
    """Verdict, the comparison that decides it (null if there is none), its p-value, counts, and the reason in words."""

    verdict: str
    why: str
    test: str = ""
    deciding: Comparison | None = None
    p: float = np.nan
    comparisons: int = 0
    met: int = 0


def judge_parts(parts: Sequence[Part], missing: Sequence[str], name: str) -> Finding:
    """Judge a statement that says all of `parts`; `missing` are cells that evidence `name` lacks."""
    known = [part for part in parts if part.comparisons]
    if not known:
        return Finding(UNSURE, _what_is_missing(missing, name))
    total = sum(len(part.comparisons) for part in known)
    verdicts = [_verdict(part, total, len(known)) for part in known]
    order = (FAILS, UNSURE, HOLDS)
    i = min(range(len(known)), key=lambda i: order.index(verdicts[i][0]))
    verdict, p = verdicts[i]
    part = known[i]
    worst = (min if part.every else max)(part.comparisons, key=lambda one: one.z)
    met = sum(one.margin >= -ROUNDING for one in part.comparisons)
    why = _reason(worst, part, p, met)
    if missing:
        why = f"{why}; {_what_is_missing(missing, name)}"
    if verdict != FAILS and len(known) < len(parts):
        verdict = UNSURE
    return Finding(verdict, why, _test(worst, part, total), worst, p, len(part.comparisons), met)


def _verdict(part: Part, comparisons: int, parts: int) -> tuple[str, float]:
    """The verdict of one part, and the p-value behind it; of an unsure one, that for holding."""
    met, missed = [one.p_met for one in part.comparisons], [one.p_missed for one in part.comparisons]
    if part.every:
        for_it, against = max(met), min(1.0, comparisons * min(missed))
    else:
        for_it, against = min(1.0, len(met) * min(met)), min(1.0, parts * max(missed))
    if for_it <= LEVEL:
        return HOLDS, for_it
    return (FAILS, against) if against <= LEVEL else (UNSURE, for_it)


def _what_is_missing(missing: Sequence[str], name: str) -> str:
    where = "not in this study" if name == "study" else "not published"
    others = len(set(missing)) - 1
    first = missing[0] if missing else "anything that this is about"
    return f"{where}: {first}" + (f" (and {others} more)" if others > 0 else "")


def _test(worst: Comparison, part: Part, comparisons: int) -> str:
    if np.isnan(worst.error):
        return "compared by value: no rows are published"
    kind = "each of" if part.every else "one of"
    return f"cluster bootstrap, paired by problem; {kind} {len(part.comparisons)}, Bonferroni over {comparisons}"


def _reason(worst: Comparison, part: Part, p: float, met: int) -> str:
    low, high = worst.interval
    chance = "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"
    spread = "" if np.isnan(low) else f" ({low:.3f} to {high:.3f}), {chance}"
    bound = f"{'at least' if worst.at_least else 'at most'} {worst.bound:g}"
    place = f"{'worst' if part.every else 'best'}: {worst.model} on {worst.benchmark}"
    counted = f"{met} of {len(part.comparisons)} comparisons meet their bound"
    return f"{counted}; {place}, {worst.what}: {worst.effect[0]:.3f}{spread}, expected {bound}"
