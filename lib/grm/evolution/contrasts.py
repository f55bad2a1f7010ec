"""Contrasts: two items of one problem that differ in one respect, for a model to say what else differs between them.

| contrast | first | second |
|---|---|---|
| outcome | right by a program or by people | wrong |
| interrupt | of an uninterrupted trace (null in the column `interrupt`) | after an interrupt |
| position | cut late | cut early, by the same interrupt |
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

Contrast = Literal["outcome", "interrupt", "position"]
SIDES = {
    "outcome": ("right", "wrong"),
    "interrupt": ("uninterrupted", "interrupted"),
    "position": ("late", "early"),
}
COLUMNS = ["contrast", "problem_id", "first", "first_is", "second", "second_is"]


def pairs(
    items: pd.DataFrame,
    contrasts: Sequence[Contrast] = ("outcome",),
    correct: pd.Series | None = None,
    most: int | None = None,
    seed: int = 42,
) -> pd.DataFrame:
    """Pairs of items, one of a problem at most for each contrast: the columns of `COLUMNS`, where first and second
    are item ids.

    Where a problem has several, the pair is drawn from those whose interrupt and position agree most, so that the
    respect in which they are said to differ is the one in which they do.

    Args:
        items: item_id, problem_id, interrupt and position.
        contrasts: which ones are wanted.
        correct: whether an item is right, by item_id; null where nobody could tell. Needed for outcome.
        most: pairs of each contrast, which are then drawn from the problems; None: all.
        seed: of what is drawn.

    Raises:
        ValueError: a column is missing, a contrast is unknown, or outcome is wanted without `correct`.
    """
    if absent := [name for name in ("item_id", "problem_id", "interrupt", "position") if name not in items.columns]:
        raise ValueError(f"items: missing columns: {', '.join(absent)}")
    if strange := [name for name in contrasts if name not in SIDES]:
        raise ValueError(f"contrast {strange[0]!r}: expected one of {', '.join(SIDES)}")
    if "outcome" in contrasts and correct is None:
        raise ValueError("correct: missing, expected which items are right, for the contrast outcome")
    # sorted first, so that what is drawn does not hang on the order of the rows
    known = items[["item_id", "problem_id", "interrupt", "position"]].sort_values("item_id")
    made = [_drawn(_sided(known, name, correct), name, most, seed) for name in contrasts]
    return pd.concat(made, ignore_index=True) if made else pd.DataFrame(columns=COLUMNS)


def _sided(items: pd.DataFrame, contrast: Contrast, correct: pd.Series | None) -> pd.DataFrame:
    """The items that have a side, 1 for the first and 2 for the second, and what both items of a pair must share."""
    if contrast == "position":
        return _early_and_late(items)
    if contrast == "outcome":
        told = items["item_id"].map(correct.astype(object)).map({True: 1, False: 2})
    else:
        told = pd.Series(np.where(items["interrupt"].isna(), 1, 2), items.index)
    return items.assign(side=told, shared="").dropna(subset="side")


def _early_and_late(items: pd.DataFrame) -> pd.DataFrame:
    """The first and the last cuts of each problem by each interrupt; shares and counts of tokens are kept apart."""
    cut = items.dropna(subset=["interrupt", "position"])
    cut = cut.assign(shared=cut["interrupt"] + np.where(cut["position"] > 1, " tokens", ""))
    position = cut["position"].astype(float)
    groups = position.groupby([cut["problem_id"], cut["shared"]])
    early, late = groups.transform("min"), groups.transform("max")
    side = np.select([position.eq(late), position.eq(early)], [1, 2], 0)
    return cut.assign(side=side)[(side > 0) & early.lt(late)]


def _drawn(sided: pd.DataFrame, contrast: Contrast, most: int | None, seed: int) -> pd.DataFrame:
    first, second = (sided[sided["side"].eq(side)].drop(columns="side") for side in (1, 2))
    both = first.merge(second, on=["problem_id", "shared"], suffixes=("_1", "_2"))
    both = both.sample(frac=1, random_state=np.random.default_rng(seed))
    both = both.assign(apart=_apart(both, "interrupt") * 2 + _apart(both, "position"))
    chosen = both.sort_values("apart", kind="stable").drop_duplicates("problem_id")
    chosen = chosen.sample(frac=1, random_state=np.random.default_rng(seed)).head(len(chosen) if most is None else most)
    chosen = chosen.rename(columns={"item_id_1": "first", "item_id_2": "second"}).sort_values("problem_id")
    first_is, second_is = SIDES[contrast]
    return chosen.assign(contrast=contrast, first_is=first_is, second_is=second_is)[COLUMNS]


def _apart(both: pd.DataFrame, column: str) -> pd.Series:
    one, two = both[f"{column}_1"], both[f"{column}_2"]
    return (one.ne(two) & ~(one.isna() & two.isna())).astype(int)
