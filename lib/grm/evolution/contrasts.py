"""Contrasts: pairs of items of one problem that differ in one respect, from which a model proposes new criteria.

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
NEEDED = ["item_id", "problem_id", "interrupt", "position"]
COLUMNS = ["contrast", "problem_id", "first", "first_is", "second", "second_is"]


def pairs(
    items: pd.DataFrame,
    contrasts: Sequence[Contrast],
    correct: pd.Series,
    most: int | None = None,
    seed: int = 42,
) -> pd.DataFrame:
    """Pairs of item ids, at most one of a problem for each contrast: the columns of `COLUMNS`.

    Of a problem's pairs, one is drawn of those whose interrupt and position agree most.

    Args:
        items: the columns of `NEEDED`.
        contrasts: which ones are wanted.
        correct: whether an item is right, by item_id; null where unknown.
        most: pairs of each contrast, of problems drawn at random; None: all.
        seed: of what is drawn.
    """
    if unknown := [name for name in contrasts if name not in SIDES]:
        raise ValueError(f"contrast {unknown[0]!r}: expected one of {', '.join(SIDES)}")
    sorted_items = items[NEEDED].sort_values("item_id")  # so that draws do not depend on the order of the rows
    drawn = [_drawn(_sided(sorted_items, name, correct), name, most, seed) for name in contrasts]
    return pd.concat(drawn, ignore_index=True) if drawn else pd.DataFrame(columns=COLUMNS)


def _sided(items: pd.DataFrame, contrast: Contrast, correct: pd.Series) -> pd.DataFrame:
    """Items with `side`, 1 or 2, and `shared`, what both items of a pair must have in common."""
    if contrast == "outcome":
        side = items["item_id"].map(correct.astype(object)).map({True: 1, False: 2})
        return items.assign(side=side, shared="").dropna(subset="side")
    if contrast == "interrupt":
        return items.assign(side=np.where(items["interrupt"].isna(), 1, 2), shared="")
    cut = items.dropna(subset=["interrupt", "position"])
    cut = cut.assign(shared=cut["interrupt"] + np.where(cut["position"] > 1, " tokens", ""))  # shares are up to 1
    position = cut["position"].astype(float)
    groups = position.groupby([cut["problem_id"], cut["shared"]])
    early, late = groups.transform("min"), groups.transform("max")
    side = np.select([position.eq(late), position.eq(early)], [1, 2], 0)
    return cut.assign(side=side)[(side > 0) & early.lt(late)]


def _drawn(sided: pd.DataFrame, contrast: Contrast, most: int | None, seed: int) -> pd.DataFrame:
    first, second = (sided[sided["side"].eq(side)].drop(columns="side") for side in (1, 2))
    both = first.merge(second, on=["problem_id", "shared"], suffixes=("_1", "_2"))
    both = both.sample(frac=1, random_state=np.random.default_rng(seed))
    both = both.assign(distance=_differs(both, "interrupt") * 2 + _differs(both, "position"))
    chosen = both.sort_values("distance", kind="stable").drop_duplicates("problem_id")
    chosen = chosen.sample(frac=1, random_state=np.random.default_rng(seed)).head(len(chosen) if most is None else most)
    chosen = chosen.rename(columns={"item_id_1": "first", "item_id_2": "second"}).sort_values("problem_id")
    first_is, second_is = SIDES[contrast]
    return chosen.assign(contrast=contrast, first_is=first_is, second_is=second_is)[COLUMNS]


def _differs(both: pd.DataFrame, column: str) -> pd.Series:
    one, two = both[f"{column}_1"], both[f"{column}_2"]
    return (one.ne(two) & ~(one.isna() & two.isna())).astype(int)
