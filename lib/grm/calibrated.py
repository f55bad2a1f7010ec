"""Calibrated: what a judge's verdicts on each criterion are worth, part by part of a split by problem."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.grm.rubric import Criterion, Rubric
from lib.grm.truth import KEY, need_single
from lib.stats import agreement, calibration
from lib.stats.bootstrap import Interval, Statistic, interval, mean
from lib.stats.calibration import PARTS, WEAK

BINS = 10  # of equally many verdicts, for the calibration error
FEW = 200  # verdicts below which the calibration error comes out too high
RATES = ("sensitivity", "specificity")
COLUMNS = ["criterion", "part", "figure", "value", "low", "high", "items", "problems", "why"]


@dataclass(frozen=True)
class _Draws:
    """How intervals are drawn."""

    draws: int
    seed: int
    level: float

    def of(self, frame: pd.DataFrame, figure: Statistic) -> Interval | None:
        return None if frame.empty else interval(frame, figure, draws=self.draws, seed=self.seed, confidence=self.level)


def figures(
    voted: pd.DataFrame,
    truth: pd.DataFrame,
    rubric: Rubric,
    parts: Iterable[str] = PARTS,
    salt: str = "",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """A row per criterion, part and figure: its value with an interval clustered by problem, null where undefined.

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

    `items` and `problems` are those behind a figure; `why` says why a value or an interval is missing or to be read
    with care. An interval without width, of draws that are all the same, proves little where problems are few.

    Args:
        voted: as from `report.verdicts`.
        truth: item_id, criterion, label; null where unknown.
        rubric: the criteria; all have rows.
        parts: of `calibration.split`; prevalence stands in every part but `calibration`, from which its rates come.
        salt: of the split.

    Raises:
        ValueError: a part is unknown, an item has two true labels, or a label is not on the criterion's menu.
    """
    parts = list(parts)
    if strange := [part for part in parts if part not in PARTS]:
        raise ValueError(f"part {strange[0]!r}: expected one of {', '.join(PARTS)}")
    need_single(truth)
    rows = voted.merge(truth[[*KEY, "label"]], on=KEY, how="left")
    rows = rows.assign(part=calibration.split(rows["problem_id"], salt=salt))
    how, told = _Draws(draws, seed, level), []
    for one in rubric.criteria:
        mine = _prepared(rows[rows["criterion"].eq(one.id)], one)
        for part in parts:
            told += [{"criterion": one.id, "part": part} | row for row in _rows(mine, part, one, how)]
    frame = pd.DataFrame(told, columns=COLUMNS)
    return frame.astype({"value": float, "low": float, "high": float})


def _prepared(rows: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """Verdicts and labels with what the figures count; null where there is no usable verdict, or no true label."""
    verdict = rows["verdict"].where(rows["status"].eq("ok"))
    for name, column in (("verdict", verdict), ("label", rows["label"])):
        if strange := set(column.dropna()) - set(criterion.labels):
            raise ValueError(f"{criterion.id}: {name} {min(strange)!r}: expected one of {', '.join(criterion.labels)}")
    both = verdict.notna() & rows["label"].notna()
    right = verdict.eq(rows["label"]).astype(float).where(both)
    sure = rows["confidence"].astype(float).where(both)
    high = max(criterion.labels, key=criterion.values.__getitem__)
    return rows.assign(
        verdict=verdict,
        has_verdict=verdict.notna().astype(float),
        right=right,
        confidence=sure,
        missed=(sure - right) ** 2,
        said=verdict.eq(high).astype(float).where(verdict.notna()),
        truth=rows["label"].eq(high).astype(float).where(rows["label"].notna()),
    )


def _rows(mine: pd.DataFrame, part: str, criterion: Criterion, how: _Draws) -> list[dict[str, Any]]:
    """The figures of one criterion in one part."""
    asked = mine[mine["part"].eq(part)]
    known = asked[asked["label"].notna()]
    judged = known[known["has_verdict"].eq(1)]
    told = [_row("coverage", known, how.of(known, mean("has_verdict")), _none(known, judged))]
    for name, figure in _agreement(criterion).items():
        told.append(_row(name, judged, how.of(judged, figure), _none(known, judged) or _why(name, judged)))
    if len(criterion.labels) == 2:
        told.append(_row("truth_share", known, how.of(known, mean("truth")), _none(known, judged, needs_verdict=False)))
        said = asked[asked["has_verdict"].eq(1)]
        told.append(
            _row("judged_share", said, how.of(said, mean("said")), "" if len(said) else "no item has a verdict")
        )
        if part != "calibration":
            told.append(_prevalence(said, mine, how))
    return told


def _agreement(criterion: Criterion) -> Mapping[str, Statistic]:
    """The figures of two columns, label and verdict."""
    levels, is_two = criterion.levels, len(criterion.labels) == 2
    rates = {name: agreement.statistic(name, "truth", "said", (0, 1)) for name in RATES if is_two}
    names = ["balanced_accuracy", "macro_f1", "mcc", "kappa", *([] if is_two else ["quadratic_kappa"])]
    return {
        **rates,
        **{name: agreement.statistic(name, "label", "verdict", levels) for name in names},
        "alpha": agreement.alpha(("label", "verdict"), levels, "nominal" if is_two else "ordinal"),
        "ece": calibration.ece("confidence", "right", BINS, "mass"),
        "brier": mean("missed"),
    }


def _prevalence(said: pd.DataFrame, mine: pd.DataFrame, how: _Draws) -> dict[str, Any]:
    """The corrected share of one part, flagged where the judge knows too little to correct by."""
    labelled = mine[mine["part"].eq("calibration") & mine["label"].notna() & mine["has_verdict"].eq(1)]
    rates = [how.of(labelled, agreement.statistic(name, "truth", "said", (0, 1))) for name in RATES]
    found = [rate and rate.value for rate in rates]
    if said.empty or None in found:
        why = "no item has a verdict" if said.empty else "the part calibration lacks what is so, or what is not"
        return _row("prevalence", said, None, why)
    one = calibration.corrected_rate(said, labelled, draws=how.draws, seed=how.seed, confidence=how.level)
    weak = calibration.rogan_gladen(float(said["said"].mean()), *found).weak
    why = f"sensitivity + specificity is {sum(found):.2f}, expected above {WEAK}: not to be reported" if weak else ""
    return _row("prevalence", said, one, why)


def _none(known: pd.DataFrame, judged: pd.DataFrame, needs_verdict: bool = True) -> str:
    """Why there is nothing to count, "" if there is."""
    if known.empty:
        return "no item has a true label"
    return "no item has a verdict" if needs_verdict and judged.empty else ""


def _why(name: str, judged: pd.DataFrame) -> str:
    """What leaves a figure undefined, or makes it hard to read."""
    classes = judged["label"].nunique()
    if name in RATES and not judged["truth"].eq(name == "sensitivity").any():
        return f"no item with a verdict is truly {'so' if name == 'sensitivity' else 'not so'}"
    if name in ("balanced_accuracy", "mcc", "kappa", "quadratic_kappa", "alpha") and classes < 2:
        return "only one label is true"
    if name == "mcc" and judged["verdict"].nunique() < 2:
        return "only one label was given"
    return f"fewer than {FEW} verdicts: comes out too high" if name == "ece" and len(judged) < FEW else ""


def _row(name: str, frame: pd.DataFrame, one: Interval | None, why: str) -> dict[str, Any]:
    known = {"figure": name, "items": len(frame), "problems": frame["problem_id"].nunique()}
    if one is None or one.value is None:
        return known | {"value": None, "low": None, "high": None, "why": why or "undefined"}
    if not why and one.low is None:
        why = "all items are of one problem"
    return known | {"value": one.value, "low": one.low, "high": one.high, "why": why}
