"""Labels by people: `params/studies/<study>/labels.csv`, one row per item, criterion and rater.

| column | | meaning |
|---|---|---|
| item_id, criterion | required | what was labelled; in a study an item is `<model>/<continuation_id>` |
| rater | required | who labelled it, by any name that is kept the same |
| label | required | one of the criterion's labels, or cannot_assess |
| notes | may be empty | why, in a few words |
"""

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import paths, tables
from lib.grm.reply import CANNOT
from lib.grm.rubric import Criterion, Rubric
from lib.grm.votes import vote
from lib.stats.agreement import alpha, cohen_kappa
from lib.stats.bootstrap import Interval, interval

COLUMNS = ["item_id", "criterion", "rater", "label", "notes"]
KEY = COLUMNS[:3]
AGREEMENT = ["criterion", "items", "problems", "raters"] + [
    f"{who}_{name}" for who in ("human", "judge") for name in ("kappa", "alpha", "alpha_low", "alpha_high")
]


class LabelError(ValueError):
    """Labels that cannot be read or used; its text is one line."""


def file(study: str) -> Path:
    """Where people's labels of a study are."""
    return paths.PARAMS / "studies" / study / "labels.csv"


def read(study: str, rubric: Rubric) -> pd.DataFrame:
    """The labels of a rubric's criteria, all columns as texts; those of other rubrics are left out.

    Raises:
        LabelError: a column or a rater is missing, a label is not on the menu, a rater labelled one thing twice.
    """
    path = file(study)
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS, dtype=str)
    shown, menus = paths.show(path), {one.id: (*one.labels, CANNOT) for one in rubric.criteria}
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if missing := [name for name in [*KEY, "label"] if rows and name not in rows[0]]:
        raise LabelError(f"{shown}: no column {missing[0]}, expected {', '.join(COLUMNS)}")
    seen: dict[tuple[Any, ...], int] = {}
    for line, row in enumerate(rows, 2):
        key = tuple(row[name] for name in KEY)
        if not all(key):
            raise LabelError(f"{shown}:{line}: expected an item, a criterion and a rater")
        if key in seen:
            raise LabelError(f"{shown}:{line}: {' '.join(key)}: labelled in line {seen[key]} too")
        seen[key] = line
        menu = menus.get(row["criterion"])
        if menu and row["label"] not in menu:
            raise LabelError(f"{shown}:{line}: label: expected one of {', '.join(menu)}, got {row['label']!r}")
    kept = [row for row in rows if row["criterion"] in menus]
    return pd.DataFrame(kept, columns=COLUMNS, dtype=object).fillna("").astype(str)


def record(study: str, rubric: Rubric, item_id: str, criterion: str, rater: str, label: str, notes: str = "") -> None:
    """Write a label into the study's file, in place of the rater's earlier one.

    Raises:
        LabelError: as `read`; a criterion or label that the rubric does not have.
    """
    known = {one.id: (*one.labels, CANNOT) for one in rubric.criteria}
    if label not in known.get(criterion, ()):
        menu = ", ".join(known.get(criterion, ())) or "a label of a criterion of this rubric"
        raise LabelError(f"{criterion}: label: expected {menu}, got {label!r}")
    path, rows = file(study), {}
    if path.exists():
        read(study, rubric)
        with path.open(newline="", encoding="utf-8") as lines:
            rows = {tuple(row[name] for name in KEY): row for row in csv.DictReader(lines)}
    row = dict(zip(COLUMNS, (item_id, criterion, rater, label, notes), strict=True))
    rows[item_id, criterion, rater] = row
    frame = pd.DataFrame([rows[key] for key in sorted(rows)], columns=COLUMNS)
    with tables.atomic_write(path) as out:
        frame.to_csv(out, index=False, lineterminator="\n")


def majority(labels: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """One label per item and criterion, as `standing` takes it: the median of the raters, ties to the worse.

    Columns item_id, criterion, label, raters; cannot_assess has no vote, and leaves no label where it is all there is.
    """
    known = {one.id: one for one in rubric.criteria}
    rows = []
    for (item, criterion), part in labels.groupby(["item_id", "criterion"], sort=False):
        values = {label: known[criterion].values[label] for label in known[criterion].levels}
        told = vote([None if label == CANNOT else label for label in part["label"]], values)
        rows.append({"item_id": item, "criterion": criterion, "label": told.label, "raters": told.votes})
    return pd.DataFrame(rows, columns=["item_id", "criterion", "label", "raters"])


def side_by_side(labels: pd.DataFrame, criterion: str) -> pd.DataFrame:
    """A row per item and a column per rater, for Krippendorff's alpha; cannot_assess is null."""
    mine = labels[labels["criterion"].eq(criterion) & labels["label"].ne(CANNOT)]
    return mine.pivot(index="item_id", columns="rater", values="label")


def agreement(
    labels: pd.DataFrame, voted: pd.DataFrame, rubric: Rubric, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """How well people agree with each other and, on the same items, a judge with each of them: a row per criterion.

    The items are those that the judge was asked about and that two people or more could label. `human_alpha` is
    Krippendorff's alpha of all raters; `judge_alpha` that of the pairs of the judge's verdict and one person's label;
    both ordinal where the scale is, with intervals clustered by problem. `human_kappa` is the mean of Cohen's kappa
    over all pairs of raters, `judge_kappa` that over the raters; with three labels or more it is quadratic. A figure
    that is not defined is null.

    Args:
        labels: as from `read`.
        voted: as from `report.verdicts`; what is not ok is no verdict.
        rubric: the criteria; all have rows.
    """
    how = {"draws": draws, "seed": seed, "confidence": level}
    rows = [_agreement(labels, voted[voted["criterion"].eq(one.id)], one, how) for one in rubric.criteria]
    return pd.DataFrame(rows, columns=AGREEMENT).astype(dict.fromkeys(AGREEMENT[4:], float))


def _agreement(labels: pd.DataFrame, voted: pd.DataFrame, one: Criterion, how: dict[str, Any]) -> dict[str, Any]:
    beside = side_by_side(labels, one.id)
    beside = beside.set_axis([f"rater {i}" for i in range(beside.shape[1])], axis=1)  # a name may be problem_id
    judge = voted.assign(judge=voted["verdict"].where(voted["status"].eq("ok"))).set_index("item_id")
    both = beside[beside.notna().sum(axis=1).ge(2)].join(judge[["problem_id", "judge"]], how="inner")
    raters = [rater for rater in beside.columns if both[rater].notna().any()]
    told = {"criterion": one.id, "items": len(both), "problems": both["problem_id"].nunique(), "raters": len(raters)}
    if both.empty:
        return told
    kind, weights = ("nominal", None) if len(one.labels) == 2 else ("ordinal", "quadratic")
    pairs = both.melt(["problem_id", "judge"], raters, value_name="human").dropna(subset=["judge", "human"])
    told |= _ends("human", interval(both, alpha(raters, one.levels, kind), **how))
    if len(pairs):
        told |= _ends("judge", interval(pairs, alpha(["human", "judge"], one.levels, kind), **how))
    for who, sides in (("human", itertools.combinations(raters, 2)), ("judge", ((rater, "judge") for rater in raters))):
        kappas = [cohen_kappa(both[a], both[b], weights, one.levels) for a, b in sides]
        known = [kappa for kappa in kappas if kappa is not None]
        told[f"{who}_kappa"] = float(np.mean(known)) if known else None
    return told


def _ends(who: str, one: Interval) -> dict[str, float | None]:
    return {f"{who}_alpha": one.value, f"{who}_alpha_low": one.low, f"{who}_alpha_high": one.high}
