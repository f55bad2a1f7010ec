"""Standing: how well a judge's verdicts on each criterion agree with the truth, and whether they may be reported."""

import math
from collections.abc import Mapping

import pandas as pd

from lib.grm import people
from lib.grm.rubric import Criterion, Rubric
from lib.grm.truth import KEY, need_single
from lib.stats import agreement
from lib.stats.bootstrap import Interval, interval

LEAST = 0.65  # lower bound of the balanced accuracy of a criterion that is reported; 0.5 is chance for two labels
Z_SQUARED = 1.96**2
COVERAGE = 0.95  # least share of items with a verdict
BELOW_PEOPLE = 0.10  # how much less a judge may agree with people, in alpha, than they do with each other
ROUNDING = 1e-9
FIGURES = ("kappa", "balanced_accuracy", "mcc")
COLUMNS = [
    "criterion",
    "items",
    "coverage",
    *(f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")),
    "human_alpha",
    "judge_alpha",
    "standing",
    "why",
]


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

    The bars: the lower bound of the balanced accuracy is at least `LEAST`; or the judge's alpha with people is at most
    `BELOW_PEOPLE` less than theirs with each other, and surely above chance (`why` says so then). What people do not
    agree on, no judge can tell better.

    Args:
        voted: as from `report.verdicts`, of items that no rubric, prompt or threshold was chosen by.
        truth: item_id, criterion and label, by a program or by people; one row each, null where unknown.
        rubric: the criteria.
        labels: of several people, as from `people.read`; without them the second bar is met by nothing.

    Raises:
        ValueError: an item has two true labels for one criterion, or a label is not on the criterion's menu.
    """
    need_single(truth)
    both = voted.merge(truth.dropna(subset="label")[[*KEY, "label"]], on=KEY)
    settings = {"draws": draws, "seed": seed, "confidence": level}
    beside = {}
    if labels is not None:
        beside = people.agreement(labels, voted, rubric, draws, seed, level).set_index("criterion").to_dict("index")
    rows = [_row(both[both["criterion"].eq(one.id)], one, settings, beside.get(one.id, {})) for one in rubric.criteria]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"human_alpha": float, "judge_alpha": float})


def _row(both: pd.DataFrame, criterion: Criterion, settings: Mapping[str, float], beside: Mapping[str, float]) -> dict:
    known = {"criterion": criterion.id, "items": len(both)}
    known |= {name: beside.get(name) for name in ("human_alpha", "judge_alpha")}
    if both.empty:
        return known | {"standing": "not calibrated", "why": "no item has a true label"}
    both = both.assign(verdict=both["verdict"].where(both["status"].eq("ok")))
    coverage = float(both["verdict"].notna().mean())
    statistics = {name: agreement.statistic(name, "label", "verdict", criterion.levels) for name in FIGURES}
    found = {name: interval(both, one, **settings) for name, one in statistics.items()}
    known |= {f"{name}{end}": value for name, one in found.items() for end, value in _ends(one)}
    known["coverage"] = coverage
    inaccurate = _inaccurate(found["balanced_accuracy"])
    like_people = _like_people(beside)
    if inaccurate and not like_people:
        return known | {"standing": "exploratory", "why": inaccurate}
    if coverage < COVERAGE:
        why = f"{coverage:.0%} of the items have a verdict, expected at least {COVERAGE:.0%}"
        return known | {"standing": "exploratory", "why": why}
    return known | {"standing": "reported", "why": like_people if inaccurate else ""}


def _ends(one: Interval) -> list[tuple[str, float | None]]:
    return [("", one.value), ("_low", one.low), ("_high", one.high)]


def _inaccurate(accuracy: Interval) -> str:
    """What keeps a criterion from the first bar, "" if nothing does."""
    if accuracy.value is None:
        return "only one label occurs" if accuracy.clusters else "no item has a verdict"
    if accuracy.low is None:
        return "all items are of one problem"
    low = accuracy.low
    if accuracy.constant:  # equal draws have no width, but so few problems prove little: Wilson's bound at 1
        low = accuracy.clusters / (accuracy.clusters + Z_SQUARED) if accuracy.value == 1 else 0.0
    return f"balanced accuracy may be as low as {low:.2f}, expected at least {LEAST}" if low < LEAST else ""


def _like_people(beside: Mapping[str, float]) -> str:
    """How a criterion meets the second bar, "" if it does not."""
    human, judge, low = (beside.get(name, math.nan) for name in ("human_alpha", "judge_alpha", "judge_alpha_low"))
    if not (judge >= human - BELOW_PEOPLE - ROUNDING and low > 0):  # no comparison with NaN holds
        return ""
    return f"agrees with people (alpha {judge:.2f}) nearly as they do with each other ({human:.2f})"
