"""Confusion table of two verdicts on the same rows: a rule and a judge, or either and the truth."""

from collections.abc import Sequence

import pandas as pd

from lib.stats import bootstrap

CELLS = ["both", "rule_only", "other_only", "neither", "unknown"]


def table(
    frame: pd.DataFrame, rule: str = "rule", other: str = "judge", by: Sequence[str] = ("model", "rubric", "criterion")
) -> pd.DataFrame:
    """The confusion table of two columns, one row per group of the columns `by`, sorted.

    n rows fall into both (both say yes), rule_only, other_only, neither, and unknown (one of them is null or says
    something else). agree is a share of those known; precision and recall are the rule's, as if the other were the
    truth. A share of nothing is null.

    The columns `rule` and `other` hold yes, no or null, or truth values.

    Raises:
        ValueError: a column is missing.
    """
    bootstrap.need_columns(frame, [*by, rule, other])
    first, second = (_yes_or_no(frame[name]) for name in (rule, other))
    known = first.notna() & second.notna()
    is_first, is_second = (verdict.fillna(False).astype(bool) & known for verdict in (first, second))
    cells = {
        "n": 1,
        "both": is_first & is_second,
        "rule_only": is_first & ~is_second,
        "other_only": ~is_first & is_second,
        "neither": known & ~is_first & ~is_second,
        "unknown": ~known,
    }
    counts = frame[list(by)].assign(**cells).groupby(list(by), dropna=False)[["n", *CELLS]].sum().astype(int)
    return counts.assign(
        agree=_share(counts["both"] + counts["neither"], counts["n"] - counts["unknown"]),
        precision=_share(counts["both"], counts["both"] + counts["rule_only"]),
        recall=_share(counts["both"], counts["both"] + counts["other_only"]),
    ).reset_index()


def _yes_or_no(column: pd.Series) -> pd.Series:
    return column.astype(object).map({"yes": True, "no": False, True: True, False: False}).astype("boolean")


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    return part / whole.astype(float).where(whole > 0)
