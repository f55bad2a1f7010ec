"""Paired comparisons: verdicts on an item, on the same item again (a control), and on its altered twin."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lib.grm.judge import Judge
from lib.grm.reply import CANNOT
from lib.grm.rubric import Rubric
from lib.stats.bootstrap import Statistic, interval, mean

KEY = ["item_id", "criterion", "sample"]
COLUMNS = ["case", "item_id", "problem_id", "criterion", "sample", "before", "again", "after", "view", "start", "end"]
FINDINGS = ["probe", "case", "criterion", "figure", "value", "low", "high", "rows", "problems", "why"]
ALL = "all"  # in place of a case or criterion: all of them together


def judge_twins(
    judge: Judge, items: pd.DataFrame, rubric: Rubric, versions: Mapping[str, pd.DataFrame], samples: int = 1
) -> pd.DataFrame:
    """Judge items, the same items again, and their altered versions in one batch: as `compare`.

    Args:
        judge, items, rubric, samples: as for `Judge.score`.
        versions: altered items by case, under the ids of their originals; an item may have no twin.
    """
    frames = {"before": items, "again": items} | {f"case {case}": frame for case, frame in versions.items()}
    named = [
        frame[list(items.columns)].assign(item_id=[f"{name}|{item}" for item in frame["item_id"]], group=name)
        for name, frame in frames.items()
        if len(frame)
    ]
    batch = pd.concat(named, ignore_index=True)
    judgements = judge.score(batch.drop(columns="group"), rubric, samples)
    group = judgements["item_id"].map(dict(zip(batch["item_id"], batch["group"], strict=True)))
    item = [name.removeprefix(f"{prefix}|") for name, prefix in zip(judgements["item_id"], group, strict=True)]
    parts = dict(list(judgements.assign(item_id=item).groupby(group, sort=False)))
    after = {case: parts[f"case {case}"] for case in versions if f"case {case}" in parts}
    return compare(parts["before"], parts["again"], after, rubric)


def compare(
    before: pd.DataFrame, again: pd.DataFrame, after: Mapping[str, pd.DataFrame], rubric: Rubric
) -> pd.DataFrame:
    """Join judgements of the same items: a row per case, item, criterion and sample.

    Returns:
        `COLUMNS`: the labels (`cannot_assess` among them, null for failed calls), and place of the quote after; and,
        null where a label is missing, `changed` and `noise` (after and again differ from before), `lost` (no label
        after), `shift` (change for the better on the criterion's scale, -1 to 1).
    """
    known = {"before": labels(before), "again": labels(again)}
    frames = []
    for case, judgements in after.items():
        quotes = judgements.set_index(KEY)[["problem_id", "view", "start", "end"]]
        both = pd.DataFrame({**known, "after": labels(judgements)}).reindex(quotes.index).join(quotes)
        frames.append(both.reset_index().assign(case=case))
    pairs = pd.concat(frames, ignore_index=True)[COLUMNS] if frames else pd.DataFrame(columns=COLUMNS)
    levels = {one.id: one.levels for one in rubric.criteria}
    rank = {(name, label): i / (len(all_) - 1) for name, all_ in levels.items() for i, label in enumerate(all_)}
    before_rank, after_rank = (
        np.array([rank.get(key, np.nan) for key in zip(pairs["criterion"], pairs[side], strict=True)], dtype=float)
        for side in ("before", "after")
    )
    return pairs.assign(
        changed=_differ(pairs["before"], pairs["after"]),
        noise=_differ(pairs["before"], pairs["again"]),
        lost=pairs["after"].isna().astype(float).where(pairs["before"].notna()),
        shift=after_rank - before_rank,
    )


def labels(judgements: pd.DataFrame) -> pd.Series:
    usable = judgements["status"].eq("ok") | judgements["verdict"].eq(CANNOT)
    return judgements.set_index(KEY)["verdict"].astype(object).where(usable.to_numpy(), None)


def changes(pairs: pd.DataFrame, probe: str, names: Sequence[str] = ()) -> pd.DataFrame:
    """Findings on pairs by case and criterion, and by case alone where a case has several criteria.

    changed is the share of verdicts that differ, control that between the two verdicts on the same item, excess the
    difference of the two; lost is the share of verdicts without one after; shift the mean change for the better.
    """
    figures = {name: CHANGES[name] for name in names or CHANGES}
    several = pairs[pairs.groupby("case")["criterion"].transform("nunique").gt(1)]
    return joined(findings(pairs, probe, figures), findings(several, probe, figures, by=["case"]))


def findings(
    frame: pd.DataFrame,
    probe: str,
    figures: Mapping[str, Statistic],
    by: Sequence[str] = ("case", "criterion"),
) -> pd.DataFrame:
    """The figures of each group of rows, in the order in which groups first occur: the columns of `FINDINGS`.

    Args:
        frame: problem_id, the columns of `by`, and those that the figures need.
        probe: its name.
        figures: by name; an undefined one is null with a reason.
        by: columns that make the groups; case or criterion is `ALL` where it is not among them.
    """
    rows = []
    for key, part in frame.groupby(list(by), sort=False):
        group = {"probe": probe, "case": ALL, "criterion": ALL} | dict(zip(by, key, strict=True))
        for name, figure in figures.items():
            with np.errstate(invalid="ignore", divide="ignore"):
                one = interval(part, figure)  # of whole problems
            why = "no row tells it" if one.value is None else "one problem only" if one.low is None else None
            row = {"figure": name, "value": one.value, "low": one.low, "high": one.high, "why": why}
            rows.append(group | row | {"rows": one.rows, "problems": one.clusters})
    return table(rows)


def table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=FINDINGS).astype(dict.fromkeys(("value", "low", "high"), float))


def joined(*parts: pd.DataFrame) -> pd.DataFrame:
    return table([row for part in parts for row in part.to_dict("records")])


def gap(more: str, less: str) -> Statistic:
    """The mean of one column minus that of another, each without its nulls."""
    first, second = mean(more), mean(less)
    return Statistic(
        lambda frame: np.hstack([first.terms(frame), second.terms(frame)]),
        lambda sums: first.value(sums[..., :2]) - second.value(sums[..., 2:]),
    )


CHANGES = {
    "changed": mean("changed"),
    "control": mean("noise"),
    "excess": gap("changed", "noise"),
    "lost": mean("lost"),
    "shift": mean("shift"),
}


def _differ(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.ne(other).astype(float).where(one.notna() & other.notna())
