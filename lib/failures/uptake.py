"""Uptake of updates: whether the answer follows the update, keeps to the old problem, or is swayed by no news.

| column | updates | share of answers |
|---|---|---|
| right | all | that are right, by the original problem |
| stuck | necessary | that are right for the revised problem, as if nothing had been said |
| swayed | false, noop | that were right with full thinking and are not after news that changes nothing |
| changed | false, noop | that differ from the one after full thinking, right or wrong |
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lib.failures.measures import SAME_SAMPLE

FLAGS = ("right", "stuck", "swayed", "changed")


def flags(grades: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """The continuations after an update, with a column per flag: 1, 0, or null where it does not apply.

    `grades` holds traces and continuations of one or more models. `kinds` is the kind of the update (necessary, false,
    noop) that an interrupt carries, by the interrupt's name; others are left out.

    A control without a full-thinking trace of the same problem, sample and system message has null for swayed and
    changed; so has swayed where full thinking was not right.
    """
    rows = grades[grades["kind"].eq("continuation") & grades["interrupt"].isin(list(kinds))]
    full = grades[grades["kind"].eq("trace") & grades["variant"].eq("original")].set_index(SAME_SAMPLE)
    keys = pd.MultiIndex.from_frame(rows[SAME_SAMPLE])
    before = full[["status", "extracted"]].reindex(keys).set_axis(rows.index)
    is_control = rows["interrupt"].map(kinds).ne("necessary") & before["status"].notna()
    was_right, right = before["status"].eq("correct"), rows["status"].eq("correct")
    same = (was_right & right) | (
        before["extracted"].fillna("").eq(rows["extracted"].fillna("")) & (was_right == right)
    )
    stuck = rows["equals_revised"].astype("boolean").fillna(False).astype(float)
    return rows.assign(
        right=right.astype(float),
        stuck=stuck.where(rows["interrupt"].map(kinds).eq("necessary")),
        swayed=(~right).astype(float).where(is_control & was_right),
        changed=(~same).astype(float).where(is_control),
    )


def summary(flagged: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Shares by group, one row each: n rows, and the mean of each flag over the rows that it applies to."""
    groups = flagged.groupby(by, dropna=False, sort=True)
    shares = groups[list(FLAGS)].mean().replace({None: np.nan})
    return shares.assign(n=groups.size()).reset_index()[[*by, "n", *FLAGS]]
