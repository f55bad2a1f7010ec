"""Findings: what a probe of a judge measured, a row a figure, each with an interval from whole problems."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lib.stats import bootstrap
from lib.stats.bootstrap import Statistic

COLUMNS = ["probe", "case", "criterion", "figure", "value", "low", "high", "rows", "problems", "why"]
ALL = "all"  # in the place of a case or criterion: all of them together
Figures = Mapping[str, Statistic]


def findings(
    frame: pd.DataFrame, probe: str, figures: Figures, by: Sequence[str] = ("case", "criterion"), draws: int = 2000
) -> pd.DataFrame:
    """The figures of each group of rows, in the order in which groups first occur.

    Args:
        frame: problem_id, the columns of `by`, and those that the figures need.
        probe: its name.
        figures: by name; those that are not defined give null and a reason.
        by: columns that make the groups; of case and criterion, one that is not among them is `ALL`.
        draws: of the bootstrap.

    Returns:
        The columns of `COLUMNS`: low and high are the middle 95 % of draws of whole problems, null with one problem;
        rows and problems are those of the group.
    """
    rows = []
    for key, part in frame.groupby(list(by), sort=False):
        told = {"probe": probe, "case": ALL, "criterion": ALL} | dict(zip(by, key, strict=True))
        rows += [told | row for row in _rows(part, figures, draws)]
    return table(rows)


def table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of findings as a frame, whose figures are floats."""
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(("value", "low", "high"), float))


def joined(*parts: pd.DataFrame) -> pd.DataFrame:
    """Findings one after the other; those without rows leave no trace."""
    return table([row for part in parts for row in part.to_dict("records")])


def share(column: str) -> Statistic:
    """The mean of a column of truths or numbers, nulls left out."""
    return bootstrap.mean(column)


def gap(more: str, less: str) -> Statistic:
    """The mean of one column less that of another, nulls of each left out."""
    first, second = bootstrap.mean(more), bootstrap.mean(less)
    return Statistic(
        lambda frame: np.hstack([first.terms(frame), second.terms(frame)]),
        lambda sums: first.value(sums[..., :2]) - second.value(sums[..., 2:]),
    )


def _rows(part: pd.DataFrame, figures: Figures, draws: int) -> Iterator[dict[str, Any]]:
    for name, figure in figures.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            found = bootstrap.interval(part, figure, draws=draws)
        why = "no row tells it" if found.value is None else "one problem only" if found.low is None else ""
        told = {"figure": name, "value": found.value, "low": found.low, "high": found.high, "why": why or None}
        yield told | {"rows": found.rows, "problems": found.clusters}
