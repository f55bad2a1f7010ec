"""Selection of criteria: proposals that need no trial, and criteria that a trial shows to be not worth asking.

`sift` drops a proposal for one of these reasons:

| status | |
|---|---|
| vague | `rubric.warnings` has something to say about it |
| length | it asks how long something is |
| duplicate | a question of the rubric or an earlier proposal has nearly the same words |
| mirrored | the same, and one is turned round: by a "not", or by its polarity |

`prune` drops a criterion for the first fault that it has:

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

import dataclasses
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, utils
from scipy.stats import binomtest, pearsonr
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from lib.grm import rubric as rubrics
from lib.grm import scores
from lib.grm.rubric import Criterion, Rubric
from lib.stats import agreement
from lib.stats.bootstrap import Statistic, defined, interval

ALIKE = 90  # of 100, by `rapidfuzz.fuzz.token_set_ratio`: the same words but for one in ten
RIDGE, FOLDS = 1.0, 5  # of the forecasts from which gains are computed
FIGURES = [
    *("items", "coverage", "prevalence", "commonest", "kappa"),
    *("auc", "auc_low", "auc_high", "length_r", "outcome_r"),
]
COLUMNS = ["criterion", "known", *FIGURES, "twin", "phi", "gain", "fault", "why", "kept"]
# words that negate a question without changing what it is about
_NOT = re.compile(
    r"\b(?:not|no|never|without|none|neither|nor|cannot|hardly|\w+n't|lacks?|omits?|avoids?|refrains? from"
    r"|fails? to|free (?:of|from))\b",
    re.IGNORECASE,
)
_LONG = re.compile(r"\b(?:longer|shorter|concise|verbose|wordy|how (?:long|short|many words)|length)\b", re.IGNORECASE)


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


def sift(rubric: Rubric, proposed: Sequence[Criterion]) -> tuple[list[Criterion], dict[str, tuple[str, str]]]:
    """The proposals that deserve a trial; and of the others, by id, the status and the reason."""
    kept: list[Criterion] = []
    dropped: dict[str, tuple[str, str]] = {}
    for one in proposed:
        if reason := _unclear(one, rubric) or _repeated(one, [*rubric.criteria, *kept]):
            dropped[one.id] = reason
        else:
            kept.append(one)
    return kept, dropped


def _unclear(one: Criterion, rubric: Rubric) -> tuple[str, str] | None:
    known = set(rubrics.warnings(rubric))
    whole = dataclasses.replace(rubric, criteria=(*rubric.criteria, one))
    if new := [text for text in rubrics.warnings(whole) if text not in known]:
        return "vague", new[0].removeprefix(f"{one.id}: ")
    if match := _LONG.search(one.question):
        return "length", f'question: "{match[0]}" is about length, which a program can count'
    return None


def _repeated(one: Criterion, others: Sequence[Criterion]) -> tuple[str, str] | None:
    for other in others:
        words = [_NOT.sub(" ", each.question) for each in (one, other)]
        ratio = fuzz.token_set_ratio(*words, processor=utils.default_process)
        if ratio >= ALIKE:
            negated = [bool(_NOT.search(each.question)) for each in (one, other)]
            is_mirrored = one.polarity != other.polarity or negated[0] != negated[1]
            status, how = ("mirrored", "turns round") if is_mirrored else ("duplicate", "repeats")
            return status, f"{how} {other.id}, whose words it has by {ratio:.0f} of 100, expected fewer than {ALIKE}"
    return None


def prune(
    judgements: pd.DataFrame,
    rubric: Rubric,
    outcome: pd.Series,
    lengths: pd.Series,
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
    | length_r, outcome_r | partial correlation with log length given the outcome, and the other way round |
    | twin, phi | the kept criterion with which it correlates most, and how much |
    | gain | nats an item by which it lowers the log loss of a forecast of the outcome by those taken before it |
    | fault, why, kept | the first fault, "" if none; the same in words; whether it stays |

    What is undefined is null, and a new criterion whose kappa or AUC is undefined is not kept. A known criterion stays
    with any fault but a variance of zero, is taken before all new ones, and its faults are reported all the same.

    Args:
        judgements: as from `Judge.score`, with two samples or more.
        rubric: whose criteria they are.
        outcome: whether an item is good, by item_id; null where unknown.
        lengths: of the judged text, in any unit, by item_id.
        known: criteria that were in the rubric before.
        limits: what a new criterion has to reach.
        compare: whether criteria are compared with each other (twin and gain) too.
        draws, seed: of the intervals.

    Raises:
        ValueError: a judgement is of no criterion of the rubric.
    """
    limits = limits or Limits()
    voted = _oriented(scores.verdicts(judgements, rubric), rubric, outcome, lengths)
    rows = [
        {"criterion": one.id, "known": one.id in known} | figures(voted, judgements, one, draws, seed)
        for one in rubric.criteria
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS).set_index("criterion", drop=False)
    frame = frame.astype(dict.fromkeys([*FIGURES[1:], "phi", "gain"], float) | {"twin": object})
    frame[["fault", "why"]] = [_fault(row, limits) for _, row in frame.iterrows()]
    frame["kept"] = np.where(frame["known"], frame["fault"].ne("variance"), frame["fault"].eq(""))
    if compare and frame["kept"].any():
        _drop_twins(frame, voted, limits)
        _drop_useless(frame, voted, limits)
    return frame.reset_index(drop=True).astype({"known": bool, "kept": bool})


def figures(
    voted: pd.DataFrame, judgements: pd.DataFrame, criterion: Criterion, draws: int, seed: int
) -> dict[str, Any]:
    """`FIGURES` of one criterion; `voted` has votes of all, as from `_oriented`."""
    own = voted[voted["criterion"].eq(criterion.id)]
    used = own[own["status"].eq("ok")]
    area = interval(own, auc("merit", "outcome", np.unique(used["merit"])), draws=draws, seed=seed)
    low = area.low
    if area.constant and area.value == 1:  # no width, but few perfect problems prove little: Wilson's bound
        low = float(binomtest(area.clusters, area.clusters).proportion_ci(method="wilson").low)
    return {
        "items": len(own),
        "coverage": len(used) / len(own) if len(own) else None,
        "prevalence": used["label"].mean(),
        "commonest": used["verdict"].value_counts(normalize=True).max(),
        "kappa": retest(judgements[judgements["criterion"].eq(criterion.id)], criterion),
        "auc": area.value,
        "auc_low": low,
        "auc_high": area.high,
        "length_r": partial(used["merit"], used["length"], used["outcome"]),
        "outcome_r": partial(used["merit"], used["outcome"], used["length"]),
    }


def auc(value: str, truth: str, levels: np.ndarray) -> Statistic:
    """Area under the ROC curve of the column `value`, which takes these levels, for a truth of 1, 0 or null.

    The chance that a row with truth 1 has the greater value, ties counting half (Hanley and McNeil, Radiology 143,
    1982).
    """

    def rows(frame: pd.DataFrame) -> np.ndarray:
        counts = np.zeros((len(frame), 2, len(levels)))
        sides = frame[[value, truth]].astype(float)
        both = np.flatnonzero(sides.notna().all(axis=1))
        place = np.searchsorted(levels, sides[value].iloc[both])
        counts[both, sides[truth].iloc[both].astype(int), place] = 1
        return counts.reshape(len(frame), -1)

    def of(sums: np.ndarray) -> np.ndarray:
        bad, good = np.moveaxis(sums.reshape(len(sums), 2, len(levels)), 1, 0)
        won = (good * (np.cumsum(bad, axis=1) - bad / 2)).sum(1)
        pairs = good.sum(1) * bad.sum(1)
        return won / np.where(pairs > 0, pairs, np.nan)

    return Statistic(rows, of)


def retest(judgements: pd.DataFrame, criterion: Criterion) -> float | None:
    """Cohen's kappa of every two usable samples of an item."""
    usable = judgements[judgements["status"].eq("ok")]
    samples = usable.pivot(index="item_id", columns="sample", values="verdict")
    if samples.shape[1] < 2:
        return None
    counts = agreement.pairs([samples[i] for i in samples.columns], criterion.levels).sum(axis=0)
    return defined(agreement.kappa_of(counts, "quadratic" if criterion.scale == "ordinal" else None))


def partial(a: pd.Series, b: pd.Series, fixed: pd.Series) -> float | None:
    """Partial correlation of a and b given `fixed`, by residuals; 0 if `fixed` leaves nothing of one.

    None where fewer than three rows have all three, or a or b does not vary.
    """
    rows = pd.DataFrame({"a": a, "b": b, "fixed": fixed}).astype(float).dropna()
    both, given = rows[["a", "b"]].to_numpy(), rows[["fixed"]].to_numpy()
    if len(rows) < 3 or (np.ptp(both, axis=0) == 0).any():
        return None
    left = both - LinearRegression().fit(given, both).predict(given)
    is_empty = (left.std(axis=0) < 1e-6 * both.std(axis=0)).any()
    return 0.0 if is_empty else float(pearsonr(*left.T).statistic)


def greedy(
    values: pd.DataFrame, outcome: pd.Series, problem_ids: Sequence[str], least: float, most: int, first: Sequence[str]
) -> pd.DataFrame:
    """Forward selection by cross-validated log loss: a row per column of `values` with name, gain and taken.

    The column that lowers the loss most is taken, again and again, until none lowers it by `least` or `most` are taken.
    A column that is not taken has the gain that it would bring at the end, one of `first` has none.

    Args:
        values: a row per item and a column per criterion; null counts as the column's mean.
        outcome, problem_ids: in the same order; a problem is never both fitted to and forecast.
        least, most: nats a row, and columns.
        first: columns that are taken whatever they bring.
    """
    centred = values.fillna(values.mean()) - values.mean()
    taken, rows = list(first), [{"name": name, "gain": np.nan, "taken": True} for name in first]
    while True:
        now = forecast_loss(centred[taken], outcome, problem_ids)
        left = [name for name in values.columns if name not in taken]
        gains = {name: now - forecast_loss(centred[[*taken, name]], outcome, problem_ids) for name in left}
        best = max(gains, key=gains.__getitem__, default=None)
        if best is None or gains[best] < least or len(taken) >= most:
            rest = [{"name": name, "gain": gain, "taken": False} for name, gain in gains.items()]
            return pd.DataFrame([*rows, *rest], columns=["name", "gain", "taken"])
        taken.append(best)
        rows.append({"name": best, "gain": gains[best], "taken": True})


def forecast_loss(values: pd.DataFrame, outcome: pd.Series, problem_ids: Sequence[str]) -> float:
    """Log loss, in nats a row, of the outcome forecast by ridge logistic regression from the other folds' problems."""
    x = np.column_stack([np.zeros(len(values)), values])  # a column at least, where nothing is taken yet
    model = LogisticRegression(C=1 / RIDGE, tol=1e-8, max_iter=1000)
    folds = StratifiedGroupKFold(FOLDS)
    chance = cross_val_predict(model, x, outcome, groups=problem_ids, cv=folds, method="predict_proba")
    return float(log_loss(outcome, chance, labels=[0, 1]))


def _oriented(voted: pd.DataFrame, rubric: Rubric, outcome: pd.Series, lengths: pd.Series) -> pd.DataFrame:
    """Votes with `merit` (mean value) and `step` (the label's value), both 1 for the best, outcome and log length."""
    values = {(one.id, label): value for one in rubric.criteria for label, value in one.values.items()}
    bad = voted["criterion"].isin([one.id for one in rubric.criteria if one.polarity == "undesired"])
    label = pd.Series([values.get(key) for key in zip(voted["criterion"], voted["verdict"], strict=True)], voted.index)
    merit, label = voted["value"].astype(float), label.astype(float)
    return voted.assign(
        label=label,
        merit=merit.where(~bad, 1 - merit).round(9),  # so that equal means are one level
        step=label.where(~bad, 1 - label),
        outcome=voted["item_id"].map(outcome.astype(object)).map({True: 1.0, False: 0.0}),
        length=np.log1p(voted["item_id"].map(lengths).astype(float)),
    )


def _fault(row: pd.Series, limits: Limits) -> tuple[str, str]:
    """The first fault of a criterion by itself, and the reason."""
    coverage = row["coverage"] if pd.notna(row["coverage"]) else 0.0
    if coverage < limits.coverage:
        return "coverage", f"{coverage:.0%} of the items have a verdict, expected at least {limits.coverage:.0%}"
    label = row["commonest"]
    if label > (1.0 if row["known"] else limits.commonest) or label == 1:
        return "variance", f"{label:.0%} of the verdicts are one label, expected at most {limits.commonest:.0%}"
    if pd.isna(row["kappa"]):
        return "retest", "no item has two usable verdicts, expected two samples or more"
    if row["kappa"] < limits.kappa:
        return "retest", f"samples agree with kappa {row['kappa']:.2f}, expected at least {limits.kappa}"
    if pd.isna(row["auc_low"]) or pd.isna(row["auc_high"]):
        return "discrimination", "good and bad items of two problems or more are not there, expected both"
    if row["auc_high"] < limits.chance:
        return "direction", f"bad items do better on it (AUC {row['auc']:.2f}), expected the good ones"
    if row["auc_low"] <= limits.chance:
        return "discrimination", f"the AUC may be as low as {row['auc_low']:.2f}, expected more than {limits.chance}"
    if pd.notna(row["length_r"]) and abs(row["length_r"]) > abs(row["outcome_r"]):
        both = f"length by {row['length_r']:.2f}, with the outcome by {row['outcome_r']:.2f} only"
        return "length", f"it goes with {both}"
    return "", ""


def _drop_twins(frame: pd.DataFrame, voted: pd.DataFrame, limits: Limits) -> None:
    """Drop each criterion that correlates too much with a known one or a more reliable one."""
    steps = voted.pivot(index="item_id", columns="criterion", values="step").astype(float)
    correlation = steps.corr().fillna(0.0)  # one that does not vary is nobody's twin
    order = frame[frame["kept"]].assign(steady=frame["kappa"].round(2))
    order = order.sort_values(["known", "steady", "auc"], ascending=False, kind="stable")["criterion"]
    taken: list[str] = []
    for name in order:
        if taken:
            nearest = max(taken, key=lambda other: abs(correlation.loc[name, other]))
            phi = float(correlation.loc[name, nearest])
            frame.loc[name, ["twin", "phi"]] = [nearest, phi]
            if abs(phi) > limits.phi and not frame.loc[name, "known"]:
                why = f"it says what {nearest} says (phi {phi:.2f}), expected at most {limits.phi}"
                frame.loc[name, ["fault", "why", "kept"]] = ["twin", why, False]
                continue
        taken.append(name)


def _drop_useless(frame: pd.DataFrame, voted: pd.DataFrame, limits: Limits) -> None:
    """Drop criteria that forward selection leaves out."""
    used = voted[voted["outcome"].notna()]
    problems = used.groupby("outcome")["problem_id"].nunique()
    if len(problems) < 2 or problems.min() < FOLDS:
        return
    kept = frame.loc[frame["kept"], "criterion"].tolist()
    values = used.pivot(index=["item_id", "problem_id"], columns="criterion", values="merit")[kept].astype(float)
    outcome = used.drop_duplicates("item_id").set_index(["item_id", "problem_id"])["outcome"].reindex(values.index)
    first = [name for name in kept if frame.loc[name, "known"]]
    for row in greedy(values, outcome, values.index.get_level_values(1), limits.gain, limits.most, first).itertuples():
        frame.loc[row.name, "gain"] = row.gain
        if not row.taken:
            why = f"it adds {row.gain:.4f} nats an item to the others, expected at least {limits.gain}"
            if row.gain >= limits.gain:
                why = f"others add more, and there may be {limits.most} criteria"
            frame.loc[row.name, ["fault", "why", "kept"]] = ["gain", why, False]
