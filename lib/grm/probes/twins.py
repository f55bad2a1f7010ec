"""Twins: verdicts on an item as it is, on the same once more, and on its twin, which is altered or asked otherwise.

The second verdict on the very same item tells how often a judge contradicts itself anyway. What a probe finds is what
comes on top of that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.grm.judge import Judge
from lib.grm.probes import findings
from lib.grm.reply import CANNOT
from lib.grm.rubric import Criterion, Rubric

KEY = ["item_id", "criterion", "sample"]
COLUMNS = ["case", "item_id", "problem_id", "criterion", "sample", "before", "again", "after", "view", "start", "end"]
CHANGES = {
    "changed": findings.share("changed"),
    "control": findings.share("noise"),
    "excess": findings.gap("changed", "noise"),
    "lost": findings.share("lost"),
    "shift": findings.share("shift"),
}


@dataclass(frozen=True)
class Part:
    """Some criteria of a rubric, to be judged and not scored: a rubric itself needs one that is desired."""

    criteria: tuple[Criterion, ...]
    full_name: str
    hash: str


def part(rubric: Rubric, *criteria: Criterion) -> Part:
    """The rubric with these criteria alone, which may be in other words."""
    return Part(criteria, rubric.full_name, rubric.hash)


def judged(
    judge: Judge, items: pd.DataFrame, rubric: Rubric | Part, versions: Mapping[str, pd.DataFrame], samples: int = 1
) -> pd.DataFrame:
    """Items and their twins, judged in one go.

    Args:
        judge: an open judge.
        items: as `Judge.score` takes them.
        rubric: what is asked.
        versions: by case, altered items under the ids of what they were; not every item needs a twin.
        samples: verdicts on each.

    Returns:
        As `side_by_side`, cases in their order.
    """
    frames = {"before": items, "again": items} | {f"case {name}": frame for name, frame in versions.items()}
    named = [
        frame[list(items.columns)].assign(item_id=[f"{name}|{item}" for item in frame["item_id"]], _name=name)
        for name, frame in frames.items()
        if len(frame)
    ]
    both = pd.concat(named, ignore_index=True)
    told = judge.score(both.drop(columns="_name"), rubric, samples)
    whose = told["item_id"].map(dict(zip(both["item_id"], both["_name"], strict=True)))
    own = [item.removeprefix(f"{name}|") for item, name in zip(told["item_id"], whose, strict=True)]
    parts = dict(list(told.assign(item_id=own).groupby(whose, sort=False)))
    after = {name: parts[f"case {name}"] for name in versions if f"case {name}" in parts}
    return side_by_side(parts["before"], parts["again"], after, rubric)


def side_by_side(
    before: pd.DataFrame, again: pd.DataFrame, after: Mapping[str, pd.DataFrame], rubric: Rubric | Part
) -> pd.DataFrame:
    """Judgements of the same items side by side: a row per case, item, criterion and sample that has a twin.

    Returns:
        The columns of `COLUMNS`: labels before, again and after, `cannot_assess` among them, null where the call
        failed; view, start and end of the quote after. Further, null where a label is: changed and noise (after and
        again differ from before), lost (there is no label after), shift (how much better the verdict became, from -1
        to 1 of the criterion's scale; null also where one of the two cannot assess).
    """
    known = {"before": said(before), "again": said(again)}
    places = [one.set_index(KEY)[["view", "start", "end"]] for one in after.values()]
    frames = []
    for (case, one), place in zip(after.items(), places, strict=True):
        labels = pd.DataFrame({**known, "after": said(one)}).reindex(place.index).join(place)
        frames.append(labels.assign(case=case, problem_id=one["problem_id"].to_numpy()).reset_index())
    if not frames:
        return _with_changes(pd.DataFrame(columns=COLUMNS), rubric)
    return _with_changes(pd.concat(frames, ignore_index=True)[COLUMNS], rubric)


def said(judgements: pd.DataFrame) -> pd.Series:
    """The label of each judgement by item, criterion and sample, `cannot_assess` among them; null where none is."""
    usable = judgements["status"].eq("ok") | judgements["verdict"].eq(CANNOT)
    return judgements.set_index(KEY)["verdict"].astype(object).where(usable.to_numpy(), None)


def changes(pairs: pd.DataFrame, probe: str, names: Sequence[str] = tuple(CHANGES)) -> pd.DataFrame:
    """How often verdicts differ from those of twins, as findings by case and criterion.

    Rows by case alone follow where a case has several criteria. changed is the share of other verdicts, control that
    between the same item's own two verdicts, excess the first less the second; lost is the share of verdicts that are
    none any more; shift the mean change for the better.
    """
    figures = {name: CHANGES[name] for name in names}
    several = pairs[pairs.groupby("case")["criterion"].transform("nunique").gt(1)]
    each = findings.findings(pairs, probe, figures)
    return findings.joined(each, findings.findings(several, probe, figures, by=["case"]))


def _with_changes(pairs: pd.DataFrame, rubric: Rubric | Part) -> pd.DataFrame:
    first, second, third = (pairs[name] for name in ("before", "again", "after"))
    known = {one.id: one.levels for one in rubric.criteria}
    rank = {(name, level): i / (len(levels) - 1) for name, levels in known.items() for i, level in enumerate(levels)}
    better = [
        rank.get((name, late), np.nan) - rank.get((name, early), np.nan)
        for name, early, late in zip(pairs["criterion"], first, third, strict=True)
    ]
    return pairs.assign(
        changed=_differ(first, third),
        noise=_differ(first, second),
        lost=third.isna().astype(float).where(first.notna()),
        shift=np.array(better, dtype=float),
    )


def _differ(one: pd.Series, other: pd.Series) -> pd.Series:
    return one.ne(other).astype(float).where(one.notna() & other.notna())
