"""Pruning: which criteria of a trial are worth asking again, and why the others are not.

A criterion is dropped for the first fault of this list that it has:

| fault | |
|---|---|
| coverage | too many items have no verdict on it |
| variance | nearly all verdicts are the same label |
| retest | samples of one judge on one item differ too much |
| direction | it goes against its polarity: bad items do better on it |
| discrimination | it cannot be told from chance which of two items is the good one |
| length | it follows the length of the text more than the outcome |
| twin | a more reliable criterion gives nearly the same verdicts |
| gain | it adds too little to the criteria taken before it, or as many as may be are taken |
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lib.grm import scores
from lib.grm.evolution import gains, worth
from lib.grm.rubric import Criterion, Rubric

COLUMNS = [
    "criterion",
    "known",
    "items",
    "coverage",
    "prevalence",
    "commonest",
    "kappa",
    "auc",
    "auc_low",
    "auc_high",
    "length_r",
    "outcome_r",
    "twin",
    "phi",
    "gain",
    "fault",
    "why",
    "kept",
]
NUMBERS = [name for name in COLUMNS[3:15] if name != "twin"]


@dataclass(frozen=True)
class Limits:
    """What a new criterion has to reach."""

    coverage: float = 0.9  # least share of items with a verdict
    commonest: float = 0.97  # greatest share of one label
    kappa: float = 0.6  # least agreement of samples
    chance: float = 0.5  # what the lower bound of the AUC must exceed
    phi: float = 0.8  # greatest correlation with another that is kept
    gain: float = 0.001  # least gain, in nats an item
    most: int = 12  # criteria of a rubric


def prune(
    judgements: pd.DataFrame,
    rubric: Rubric,
    outcome: pd.Series,
    lengths: pd.Series | None = None,
    known: Collection[str] = (),
    limits: Limits | None = None,
    compare: bool = True,
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """A row per criterion of the rubric, in its order: its figures, its first fault in words, and whether it is kept.

    | column | meaning |
    |---|---|
    | known | whether it was in the rubric before, see below |
    | items, coverage | items, and the share of them with a verdict |
    | prevalence, commonest | mean value of the voted labels (the share of yes), share of the commonest label |
    | kappa | Cohen's, of every two samples of an item (quadratic weights if ordinal) |
    | auc, auc_low, auc_high | chance that a good item does better on it than a bad one, clustered by problem |
    | length_r, outcome_r | correlation with log length, the outcome held fixed, and the other way round |
    | twin, phi | the criterion kept with which it correlates most, and how much |
    | gain | nats an item that it takes off the log loss of a forecast of the outcome by those taken before it |
    | fault, why, kept | the first fault, "" if none; the same in words; whether it stays |

    What is undefined is null, and a new criterion whose kappa or AUC is undefined is not kept. A known criterion was
    chosen by somebody: it stays with any fault but a variance of zero, is taken before all new ones, and its faults
    are told all the same.

    Args:
        judgements: as `Judge.score` gives them, with two samples or more.
        rubric: whose criteria they are.
        outcome: whether an item is good, by a program or by people, by item_id; null where nobody could tell.
        lengths: of the judged text, in any unit, by item_id; None leaves length out.
        known: criteria that were in the rubric before.
        limits: what a new criterion has to reach.
        compare: whether criteria are compared with each other (twin and gain) too.
        draws, seed: of the intervals.

    Raises:
        ValueError: a judgement or a name in `known` is of no criterion of the rubric.
    """
    limits = limits or Limits()
    if strange := sorted(set(known) - {one.id for one in rubric.criteria}):
        raise ValueError(f"known: {strange[0]}: not in {rubric.full_name}")
    voted = _oriented(scores.verdicts(judgements, rubric), rubric, outcome, lengths)
    rows = [_row(one, one.id in known) | worth.figures(voted, judgements, one, draws, seed) for one in rubric.criteria]
    frame = pd.DataFrame(rows, columns=COLUMNS).set_index("criterion", drop=False)
    frame = frame.astype(dict.fromkeys(NUMBERS, float))  # None as null
    told = {name: _alone(row, limits) for name, row in frame.iterrows()}
    frame["fault"], frame["why"] = ([told[name][i] for name in frame.index] for i in (0, 1))
    frame["kept"] = np.where(frame["known"], frame["fault"].ne("variance"), frame["fault"].eq(""))
    if compare and frame["kept"].any():
        _without_twins(frame, voted, limits)
        _with_gains(frame, voted, limits)
    return frame.reset_index(drop=True).astype({"known": bool, "kept": bool})


def _row(criterion: Criterion, known: bool) -> dict[str, Any]:
    return {"criterion": criterion.id, "known": known, "twin": None, "gain": None}


def _oriented(voted: pd.DataFrame, rubric: Rubric, outcome: pd.Series, lengths: pd.Series | None) -> pd.DataFrame:
    """Votes with `merit` (mean value) and `step` (the label's value), both 1 for the best, outcome and log length."""
    values = {(one.id, label): value for one in rubric.criteria for label, value in one.values.items()}
    bad = voted["criterion"].isin([one.id for one in rubric.criteria if one.polarity == "undesired"])
    label = pd.Series([values.get(key) for key in zip(voted["criterion"], voted["verdict"], strict=True)], voted.index)
    merit, label = voted["value"].astype(float), label.astype(float)
    length = np.nan if lengths is None else np.log1p(voted["item_id"].map(lengths).astype(float))
    return voted.assign(
        label=label,
        merit=merit.where(~bad, 1 - merit).round(9),  # so that equal means are one level
        step=label.where(~bad, 1 - label),
        outcome=voted["item_id"].map(outcome.astype(object)).map({True: 1.0, False: 0.0}),
        length=length,
    )


def _alone(row: pd.Series, limits: Limits) -> tuple[str, str]:
    """The first fault of a criterion by itself, and the same in words."""
    given = row["coverage"] if pd.notna(row["coverage"]) else 0.0
    barred = 1.0 if row["known"] else limits.commonest
    low, high, label = row["auc_low"], row["auc_high"], row["commonest"]
    if given < limits.coverage:
        return "coverage", f"{given:.0%} of the items have a verdict, expected at least {limits.coverage:.0%}"
    if label > barred or label == 1:
        return "variance", f"{label:.0%} of the verdicts are one label, expected at most {limits.commonest:.0%}"
    if pd.isna(row["kappa"]):
        return "retest", "no item has two usable verdicts, expected two samples or more"
    if row["kappa"] < limits.kappa:
        return "retest", f"samples agree with kappa {row['kappa']:.2f}, expected at least {limits.kappa}"
    if pd.isna(low) or pd.isna(high):
        return "discrimination", "good and bad items of two problems or more are not there, expected both"
    if high < limits.chance:
        return "direction", f"bad items do better on it (AUC {row['auc']:.2f}), expected the good ones"
    if low <= limits.chance:
        return "discrimination", f"the AUC may be as low as {low:.2f}, expected more than {limits.chance}"
    if pd.notna(row["length_r"]) and abs(row["length_r"]) > abs(row["outcome_r"]):
        both = f"length by {row['length_r']:.2f}, with the outcome by {row['outcome_r']:.2f} only"
        return "length", f"it goes with {both}"
    return "", ""


def _without_twins(frame: pd.DataFrame, voted: pd.DataFrame, limits: Limits) -> None:
    """Drop each criterion that correlates too much with one that comes before it: known, or else more reliable."""
    steps = voted.pivot(index="item_id", columns="criterion", values="step").astype(float)
    alike = steps.corr().fillna(0.0)  # one that does not vary is nobody's twin
    order = frame[frame["kept"]].assign(steady=frame["kappa"].astype(float).round(2))
    order = order.sort_values(["known", "steady", "auc"], ascending=False, kind="stable")["criterion"]
    taken: list[str] = []
    for name in order:
        nearest = max(taken, key=lambda other: abs(alike.loc[name, other]), default=None)
        if nearest:
            phi = float(alike.loc[name, nearest])
            frame.loc[name, ["twin", "phi"]] = [nearest, phi]
            if abs(phi) > limits.phi and not frame.loc[name, "known"]:
                frame.loc[name, ["fault", "kept"]] = ["twin", False]
                frame.loc[name, "why"] = f"it says what {nearest} says (phi {phi:.2f}), expected at most {limits.phi}"
                continue
        taken.append(name)


def _with_gains(frame: pd.DataFrame, voted: pd.DataFrame, limits: Limits) -> None:
    """Take criteria by what they add, and drop the others."""
    used = voted[voted["outcome"].notna()]
    kept = frame.loc[frame["kept"], "criterion"].tolist()
    if used["outcome"].nunique() < 2:
        return
    values = used.pivot(index=["item_id", "problem_id"], columns="criterion", values="merit")[kept].astype(float)
    told = used.drop_duplicates("item_id").set_index(["item_id", "problem_id"])["outcome"].reindex(values.index)
    problems = values.index.get_level_values("problem_id")
    first = [name for name in kept if frame.loc[name, "known"]]
    for row in gains.greedy(values, told, problems, limits.gain, limits.most, first).itertuples():
        frame.loc[row.name, "gain"] = row.gain
        if not row.taken:
            frame.loc[row.name, ["fault", "kept"]] = ["gain", False]
            frame.loc[row.name, "why"] = _too_little(row.gain, limits)


def _too_little(gain: float, limits: Limits) -> str:
    if gain >= limits.gain:
        return f"others add more, and there may be {limits.most} criteria"
    return f"it adds {gain:.4f} nats an item to the others, expected at least {limits.gain}"
