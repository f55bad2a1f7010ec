"""Standing: how well a judge's verdicts on each criterion agree with the truth, and whether they may be reported."""

from collections.abc import Mapping

import pandas as pd

from lib.grm.bootstrap import Interval, counted, intervals
from lib.grm.rubric import Criterion, Rubric
from lib.grm.truth import KEY, need_single

LEAST = 0.65  # lower bound of the balanced accuracy of a criterion that is reported; 0.5 is chance for two labels
Z_SQUARED = 1.96**2
COVERAGE = 0.95  # least share of items with a verdict
FIGURES = ("kappa", "balanced_accuracy", "mcc")
COLUMNS = [
    "criterion",
    "items",
    "coverage",
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
    "standing",
    "why",
]


def standing(
    voted: pd.DataFrame, truth: pd.DataFrame, rubric: Rubric, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """A row per criterion of the rubric: agreement with the truth, clustered by problem, and its standing.

    | standing | |
    |---|---|
    | reported | the lower bound of the balanced accuracy is at least `LEAST`, and coverage at least `COVERAGE` |
    | exploratory | it is not; `why` says which is missed |
    | not calibrated | no item has a true label |

    Args:
        voted: as from `report.verdicts`, of items that no rubric, prompt or threshold was chosen by.
        truth: item_id, criterion and label, by a program or by people; one row each, null where unknown.
        rubric: the criteria.

    Raises:
        ValueError: an item has two true labels for one criterion, or a label is not on the criterion's menu.
    """
    need_single(truth)
    both = voted.merge(truth.dropna(subset="label")[[*KEY, "label"]], on=KEY)
    settings = {"draws": draws, "seed": seed, "level": level}
    rows = [_row(both[both["criterion"].eq(one.id)], one, settings) for one in rubric.criteria]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(both: pd.DataFrame, criterion: Criterion, settings: Mapping[str, float]) -> dict:
    known = {"criterion": criterion.id, "items": len(both)}
    if both.empty:
        return known | {"standing": "not calibrated", "why": "no item has a true label"}
    both = both.assign(verdict=both["verdict"].where(both["status"].eq("ok")))
    coverage = float(both["verdict"].notna().mean())
    found = {name: intervals(both, counted(name, "label", "verdict", criterion.levels), **settings) for name in FIGURES}
    figures = {f"{name}{end}": value for name, one in found.items() for end, value in _ends(one)}
    why = _why_not(found["balanced_accuracy"], coverage)
    return known | {"coverage": coverage} | figures | {"standing": "exploratory" if why else "reported", "why": why}


def _ends(one: Interval) -> list[tuple[str, float | None]]:
    return [("", one.value), ("_low", one.low), ("_high", one.high)]


def _why_not(accuracy: Interval, coverage: float) -> str:
    """What keeps a criterion from being reported, "" if nothing does."""
    if accuracy.value is None:
        return "only one label occurs"
    if accuracy.low is None:
        return "all items are of one problem"
    low = accuracy.low
    if accuracy.constant:  # equal draws have no width, but so few problems prove little: Wilson's bound at 1
        low = accuracy.clusters / (accuracy.clusters + Z_SQUARED) if accuracy.value == 1 else 0.0
    if low < LEAST:
        return f"balanced accuracy may be as low as {low:.2f}, expected at least {LEAST}"
    if coverage < COVERAGE:
        return f"{coverage:.0%} of the items have a verdict, expected at least {COVERAGE:.0%}"
    return ""
