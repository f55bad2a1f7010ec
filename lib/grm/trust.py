"""Trust: how well a judge's verdicts on each criterion agree with the truth, and whether they may be reported."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from lib.grm.labelling import rater_agreement
from lib.grm.rubric import Criterion, Rubric
from lib.grm.truth import KEY, need_single
from lib.stats import agreement, calibration
from lib.stats.bootstrap import Interval, Statistic, interval, mean
from lib.stats.calibration import PARTS, WEAK

LEAST_ACCURACY = 0.65  # lower bound of the balanced accuracy of a criterion that is reported; 0.5 is chance
Z_SQUARED = 1.96**2
COVERAGE = 0.95  # least share of items with a verdict
BELOW_PEOPLE = 0.10  # how much less a judge may agree with people, in alpha, than they do with each other
ROUNDING = 1e-9
FIGURES = ("kappa", "balanced_accuracy", "mcc")
COLUMNS = [
    *("criterion", "items", "coverage"),
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
    *("human_alpha", "judge_alpha", "standing", "why"),
]
BINS = 10  # of equally many verdicts, for the calibration error
FEW = 200  # verdicts below which the calibration error comes out too high
RATES = ("sensitivity", "specificity")
CALIBRATION = ["criterion", "part", "figure", "value", "low", "high", "items", "problems", "why"]

Estimate = Callable[[pd.DataFrame, Statistic], Interval]  # with its draws, seed and confidence


def standing(
    voted: pd.DataFrame,
    truth: pd.DataFrame,
    rubric: Rubric,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    labels: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """A row per criterion of the rubric: agreement with the truth, clustered by problem, and its standing.

    | standing | |
    |---|---|
    | reported | coverage is at least `COVERAGE`, and one of two bars is met, see below |
    | exploratory | it is not; `why` says what is missed |
    | not calibrated | no item has a true label |

    The bars: the lower bound of the balanced accuracy is at least `LEAST_ACCURACY`; or the judge's alpha with people is
    at most `BELOW_PEOPLE` less than theirs with each other, and surely above chance (`why` says so then). Where people
    do not agree, no judge can do better.

    Args:
        voted: as from `scores.verdicts`, of items that no rubric, prompt or threshold was chosen by.
        truth: item_id, criterion and label, one row each; null where unknown.
        rubric: the criteria.
        labels: of several people, as from `labelling.read`.
    """
    need_single(truth)
    both = voted.merge(truth.dropna(subset="label")[[*KEY, "label"]], on=KEY)
    estimate = partial(interval, draws=draws, seed=seed, confidence=level)
    people: dict[str, dict[str, float]] = {}
    if labels is not None:
        people = rater_agreement(labels, voted, rubric, draws, seed, level).set_index("criterion").to_dict("index")
    rows = [_standing(both[both["criterion"].eq(c.id)], c, estimate, people.get(c.id, {})) for c in rubric.criteria]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"human_alpha": float, "judge_alpha": float})


def _standing(both: pd.DataFrame, criterion: Criterion, estimate: Estimate, people: Mapping[str, float]) -> dict:
    row = {"criterion": criterion.id, "items": len(both)}
    row |= {name: people.get(name) for name in ("human_alpha", "judge_alpha")}
    if both.empty:
        return row | {"standing": "not calibrated", "why": "no item has a true label"}
    both = both.assign(verdict=both["verdict"].where(both["status"].eq("ok")))
    row["coverage"] = coverage = float(both["verdict"].notna().mean())
    for name in FIGURES:
        one = estimate(both, agreement.statistic(name, "label", "verdict", criterion.levels))
        row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        if name == "balanced_accuracy":
            inaccurate = _inaccurate(one)
    like_people = _like_people(people)
    if inaccurate and not like_people:
        return row | {"standing": "exploratory", "why": inaccurate}
    if coverage < COVERAGE:
        why = f"{coverage:.0%} of the items have a verdict, expected at least {COVERAGE:.0%}"
        return row | {"standing": "exploratory", "why": why}
    return row | {"standing": "reported", "why": like_people if inaccurate else ""}


def _inaccurate(accuracy: Interval) -> str:
    """Why a criterion misses the first bar, "" if it does not."""
    if accuracy.value is None:
        return "only one label occurs" if accuracy.clusters else "no item has a verdict"
    if accuracy.low is None:
        return "all items are of one problem"
    low = accuracy.low
    if accuracy.constant:  # equal draws have no width, but so few problems prove little: Wilson's bound at 1
        low = accuracy.clusters / (accuracy.clusters + Z_SQUARED) if accuracy.value == 1 else 0.0
    is_low = low < LEAST_ACCURACY
    return f"balanced accuracy may be as low as {low:.2f}, expected at least {LEAST_ACCURACY}" if is_low else ""


def _like_people(people: Mapping[str, float]) -> str:
    """How a criterion meets the second bar, "" if it does not."""
    human, judge, low = (people.get(name, math.nan) for name in ("human_alpha", "judge_alpha", "judge_alpha_low"))
    if not (judge >= human - BELOW_PEOPLE - ROUNDING and low > 0):  # no comparison with NaN holds
        return ""
    return f"agrees with people (alpha {judge:.2f}) nearly as they do with each other ({human:.2f})"


def calibrate(
    voted: pd.DataFrame,
    truth: pd.DataFrame,
    rubric: Rubric,
    part: str = "test",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """A row per criterion and figure on a part of the problems: its value with an interval clustered by problem.

    | figure | of the items with a true label |
    |---|---|
    | coverage | share with a verdict; the others count nowhere else |
    | sensitivity, specificity | share found of what is truly so, and of what is truly not so |
    | balanced_accuracy, macro_f1, mcc, kappa, alpha | agreement; an ordinal scale has an ordinal alpha |
    | quadratic_kappa | of an ordinal scale |
    | ece, brier | of the vote's confidence, as a chance that the verdict is right; ece in bins of equal mass |
    | truth_share | share of what is truly so |
    | judged_share | share that the judge calls so, of all items, with a true label or without |
    | prevalence | the same, corrected by sensitivity and specificity of the part `calibration` (Rogan-Gladen) |

    `items` and `problems` are those behind a figure; `why` says why a value or an interval is null or to be read with
    care. An interval without width, of draws that are all the same, proves little where problems are few.

    Args:
        voted: as from `scores.verdicts`.
        truth: item_id, criterion, label; null where unknown.
        rubric: the criteria; all have rows.
        part: of `lib.stats.calibration.split`; prevalence has no row in `calibration`, where its rates come from.
    """
    if part not in PARTS:
        raise ValueError(f"part {part!r}: expected one of {', '.join(PARTS)}")
    need_single(truth)
    rows = voted.merge(truth[[*KEY, "label"]], on=KEY, how="left")
    rows = rows.assign(part=calibration.split(rows["problem_id"]))
    settings, figures = {"draws": draws, "seed": seed, "confidence": level}, []
    for criterion in rubric.criteria:
        own = _prepared(rows[rows["criterion"].eq(criterion.id)], criterion)
        known = {"criterion": criterion.id, "part": part}
        figures += [known | figure for figure in _figures(own, part, criterion, settings)]
    return pd.DataFrame(figures, columns=CALIBRATION).astype({"value": float, "low": float, "high": float})


def _prepared(rows: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """Verdicts and labels as numbers that figures are sums of; null without a usable verdict or a true label."""
    verdict, label = rows["verdict"].where(rows["status"].eq("ok")), rows["label"]
    for name, column in (("verdict", verdict), ("label", label)):
        if unknown := set(column.dropna()) - set(criterion.labels):
            raise ValueError(f"{criterion.id}: {name} {min(unknown)!r}: expected one of {', '.join(criterion.labels)}")
    both = verdict.notna() & label.notna()
    right = verdict.eq(label).astype(float).where(both)
    confidence = rows["confidence"].astype(float).where(both)
    high = max(criterion.labels, key=criterion.values.__getitem__)
    return rows.assign(
        verdict=verdict,
        has_verdict=verdict.notna().astype(float),
        right=right,
        confidence=confidence,
        squared_error=(confidence - right) ** 2,
        said=verdict.eq(high).astype(float).where(verdict.notna()),
        truth=label.eq(high).astype(float).where(label.notna()),
    )


def _figures(own: pd.DataFrame, part: str, criterion: Criterion, settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    asked = own[own["part"].eq(part)]
    known = asked[asked["label"].notna()]
    both, judged = known[known["has_verdict"].eq(1)], asked[asked["has_verdict"].eq(1)]
    no_label = "no item has a true label" if known.empty else ""
    no_pair = no_label or ("no item has a verdict" if both.empty else "")
    rows = [_figure("coverage", known, mean("has_verdict"), no_pair, settings)]
    for name, statistic in _statistics(criterion).items():
        rows.append(_figure(name, both, statistic, no_pair or _caution(name, both), settings))
    if len(criterion.labels) == 2:
        no_verdict = "no item has a verdict" if judged.empty else ""
        rows.append(_figure("truth_share", known, mean("truth"), no_label, settings))
        rows.append(_figure("judged_share", judged, mean("said"), no_verdict, settings))
        if part != "calibration":
            rows.append(_prevalence(judged, own, settings))
    return rows


def _statistics(criterion: Criterion) -> dict[str, Statistic]:
    """The statistics of the columns label and verdict."""
    levels, is_binary = criterion.levels, len(criterion.labels) == 2
    names = ["balanced_accuracy", "macro_f1", "mcc", "kappa", *([] if is_binary else ["quadratic_kappa"])]
    return {
        **{name: agreement.statistic(name, "truth", "said", (0, 1)) for name in RATES if is_binary},
        **{name: agreement.statistic(name, "label", "verdict", levels) for name in names},
        "alpha": agreement.alpha(("label", "verdict"), levels, "nominal" if is_binary else "ordinal"),
        "ece": calibration.ece("confidence", "right", BINS, "mass"),
        "brier": mean("squared_error"),
    }


def _prevalence(judged: pd.DataFrame, own: pd.DataFrame, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The corrected share, flagged where the judge's rates are too near to chance."""
    labelled = own[own["part"].eq("calibration") & own["label"].notna() & own["has_verdict"].eq(1)]
    statistics = [agreement.statistic(name, "truth", "said", (0, 1)) for name in RATES]
    rates = [None if labelled.empty else interval(labelled, one, **settings).value for one in statistics]
    if judged.empty or None in rates:
        why = "no item has a verdict" if judged.empty else "the part calibration lacks what is so, or what is not"
        return _row("prevalence", judged, None, why)
    one = calibration.corrected_rate(judged, labelled, **settings)
    weak = calibration.rogan_gladen(float(judged["said"].mean()), *rates).weak
    why = f"sensitivity + specificity is {sum(rates):.2f}, expected above {WEAK}: not to be reported" if weak else ""
    return _row("prevalence", judged, one, why)


def _caution(name: str, both: pd.DataFrame) -> str:
    """Why a figure is undefined or hard to read, "" if it is neither."""
    labels = both["label"].nunique()
    if name in RATES and not both["truth"].eq(name == "sensitivity").any():
        return f"no item with a verdict is truly {'so' if name == 'sensitivity' else 'not so'}"
    if name in ("balanced_accuracy", "mcc", "kappa", "quadratic_kappa", "alpha") and labels < 2:
        return "only one label is true"
    if name == "mcc" and both["verdict"].nunique() < 2:
        return "only one label was given"
    return f"fewer than {FEW} verdicts: comes out too high" if name == "ece" and len(both) < FEW else ""


def _figure(
    name: str, frame: pd.DataFrame, statistic: Statistic, why: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    return _row(name, frame, None if frame.empty else interval(frame, statistic, **settings), why)


def _row(name: str, frame: pd.DataFrame, one: Interval | None, why: str) -> dict[str, Any]:
    row = {"figure": name, "items": len(frame), "problems": frame["problem_id"].nunique()}
    if one is None or one.value is None:
        return row | {"value": None, "low": None, "high": None, "why": why or "undefined"}
    if not why and one.low is None:
        why = "all items are of one problem"
    return row | {"value": one.value, "low": one.low, "high": one.high, "why": why}
