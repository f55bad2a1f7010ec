"""Bias of a judge: does its verdict depend on how it is asked, how long an answer is, or whose answer it is?

Each probe returns findings (`twins.FINDINGS`).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lib.grm.judge import Judge
from lib.grm.probes import pairs, twins
from lib.grm.reply import CANNOT
from lib.grm.rubric import Criterion, Rubric
from lib.stats import agreement
from lib.stats.bootstrap import mean


def position(judge: Judge, items: pd.DataFrame, rubric: Rubric, samples: int = 1) -> pd.DataFrame:
    """Whether the verdict changes when questions and labels are listed in reverse order, as `twins.changes`.

    The best label then comes first, so a shift above 0 is a pull towards what comes first. Arguments as for
    `Judge.score`.
    """
    before, again = (_like(judge, i).score(items, rubric, samples) for i in range(2))
    after = {"order 1": _like(judge, 2, order=1).score(items, rubric, samples)}
    return twins.changes(twins.compare(before, again, after, rubric), "position")


def stability(
    judge: Judge, items: pd.DataFrame, rubric: Rubric, wordings: Mapping[str, str] | None = None, samples: int = 1
) -> pd.DataFrame:
    """Retest reliability: Cohen's kappa with the verdicts under another seed, and to the question in other words.

    Kappa has quadratic weights for ordinal criteria; `cannot_assess` and failures are left out of it. `wordings` has
    other questions by criterion; further arguments are as for `Judge.score`.
    """
    wordings = wordings or {}
    before, again = (_like(judge, i).score(items, rubric, samples) for i in range(2))
    after = {"new seed": again}
    if wordings:
        after["other words"] = _like(judge, 2).score(items, _reworded(rubric, wordings), samples)
    compared = twins.compare(before, again, after, rubric)
    kappas = [
        _kappa(part, rubric.criterion(name)) for (_, name), part in compared.groupby(["case", "criterion"], sort=False)
    ]
    return twins.joined(*kappas, twins.changes(compared, "stability", ["changed", "lost"]))


def length_slope(judgements: pd.DataFrame, items: pd.DataFrame, rubric: Rubric, truth: pd.DataFrame) -> pd.DataFrame:
    """The pull of the answer's length on each criterion's verdict, with the truth held fixed.

    The slope of a logistic regression (`pairs.logit`, clustered by problem) of "the verdict is good" on ln(characters
    + 1) and "the true label is good". Good is the upper half of the labels, worst to best.

    `truth` has item_id, criterion and label; null where unknown.
    """
    lengths = items.set_index("item_id")["answer"].astype("string").str.len()
    known = truth.dropna(subset="label")[["item_id", "criterion", "label"]]
    usable = judgements[judgements["status"].eq("ok")].merge(known, on=["item_id", "criterion"])
    usable = usable.assign(length=np.log(usable["item_id"].map(lengths).astype(float) + 1)).dropna(subset="length")
    rows = []
    for criterion in rubric.criteria:
        part = usable[usable["criterion"].eq(criterion.id)]
        terms = pd.DataFrame({"length": part["length"], "truth": _is_good(part["label"], criterion), "intercept": 1.0})
        fit = pairs.logit(
            terms if terms["truth"].nunique() > 1 else terms.drop(columns="truth"),
            _is_good(part["verdict"], criterion),
            part["problem_id"],
        )
        rows.append(pairs.slope("length", "answer", criterion.id, part, fit, "length"))
    return twins.table(rows)


def self_preference(
    judgements: pd.DataFrame, rubric: Rubric, correct: pd.Series, family: pd.Series, own: str
) -> pd.DataFrame:
    """Whether a judge is kinder to its own family, on items that a program found wrong.

    own and other are the shares of good verdicts (the upper half of the labels) on such items of the judge's family and
    of all others; gap is the difference.

    Args:
        judgements: as from `Judge.score`.
        rubric: criteria that an item which failed should not meet.
        correct: whether a program found an item right, by item_id; null where unknown.
        family: of the model that was judged, by item_id.
        own: the family of the judge.
    """
    failed = judgements["item_id"].map(correct.astype(object)).eq(False)
    frame = judgements[failed & judgements["status"].eq("ok")]
    good = pd.Series(np.nan, frame.index)
    for name, part in frame.groupby("criterion"):
        good[part.index] = _is_good(part["verdict"], rubric.criterion(name))
    is_own = frame["item_id"].map(family).eq(own)
    frame = frame.assign(own=good.where(is_own), other=good.where(~is_own))
    figures = {"own": mean("own"), "other": mean("other"), "gap": twins.gap("own", "other")}
    return twins.findings(frame, "self_preference", figures, by=["criterion"])


def _like(judge: Judge, more: int, **changes: Any) -> Judge:
    """The same judge with another seed or policy."""
    return Judge(judge.ready, dataclasses.replace(judge.policy, **changes), judge.seed + more, judge.store)


def _reworded(rubric: Rubric, wordings: Mapping[str, str]) -> Rubric:
    """The criteria that have another wording, with it."""
    part = rubric.only(wordings)
    reworded = tuple(dataclasses.replace(one, question=wordings[one.id]) for one in part.criteria)
    object.__setattr__(part, "criteria", reworded)  # not validated: a part need not have a desired criterion
    return part


def _kappa(part: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    figure = "quadratic_kappa" if criterion.scale == "ordinal" else "kappa"
    clean = part.assign(**{side: part[side].where(part[side].ne(CANNOT)) for side in ("before", "after")})
    return twins.findings(
        clean, "stability", {figure: agreement.statistic(figure, "before", "after", criterion.levels)}
    )


def _is_good(labels: pd.Series, criterion: Criterion) -> pd.Series:
    """1.0 for labels in the upper half, worst to best, else 0.0; null for none."""
    middle = (len(criterion.levels) - 1) / 2
    return labels.map({label: float(i > middle) for i, label in enumerate(criterion.levels)}).astype(float)
