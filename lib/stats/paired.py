"""Paired differences: the same problem and sample twice, so that what problems have in common drops out.

An interval and a p-value are those of the mean difference with its sandwich error by problem and Student's t with
C - 1 degrees of freedom (`lib.stats.bootstrap`). Where no problem differs from another that error is 0 and would claim
certainty: the interval then leaves room for an `unseen_share` of problems at either extreme, and p is that of C equal
signs, 2 / 2^C, or 1 if the difference is 0.

Many tests make false alarms likely, so each frame also has p_holm (`bootstrap.holm`). Its family is all rows of one
call, or of one value of the columns `family` in it; the size stands in family_size. Rows without a p-value (one
problem only) are not tests.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.stats import bootstrap

CELL = ("model", "source", "interrupt", "unit", "position")
SAMPLE = ("model", "problem_id", "sample", "system")
SUMS = ("left", "right", "change", "better", "worse", "unpaired", "n")
COUNTS = ("better", "worse", "unpaired", "n", "n_clusters")


def differences(
    left: pd.DataFrame,
    right: pd.DataFrame,
    by: Sequence[str],
    on: Sequence[str],
    value: str = "correct",
    family: Sequence[str] = (),
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Mean of `value` in `left` less that in `right`, over pairs of rows that agree in the columns `on`.

    `by` are columns of `left` that make the groups; a row of `right` may serve several. The value `correct` is 0 or
    1 for every row, whatever its status. Of another value there is no interval where no problem differs from another,
    as nobody knows how large a difference can be.

    Returns one row per group: `by`, left and right (means over pairs), difference, ci_low, ci_high, p, p_holm,
    family_size, better and worse (pairs with a difference above and below 0), unpaired (rows without a partner, or
    whose pair lacks a value), n (pairs), n_clusters.

    Raises:
        ValueError: a column is missing, a row has no cluster, or one stands twice for one pair.
    """
    by, on = list(by), list(dict.fromkeys([*on, "problem_id"]))
    extreme = 1.0 if value == "correct" else None  # the largest difference there can be
    pairs = _pairs(_values(left, value, [*by, *on]), _values(right, value, on), by, on)
    bootstrap.need_clusters(pairs)
    problems = _by_problem(pairs, by)
    rows = [(*key, *_row(part, confidence, extreme)) for key, part in bootstrap.group_arrays(problems, by, SUMS)]
    columns = [*by, "left", "right", "difference", "ci_low", "ci_high", "p", *COUNTS]
    result = pd.DataFrame(rows, columns=columns).astype({name: left[name].dtype for name in by})
    return _with_holm(result, list(family))


def against_full(grades: pd.DataFrame, value: str = "correct", **options) -> pd.DataFrame:
    """Every interrupt (left) against full thinking of the original problem (right), of the same problem and sample.

    One row per model, source, interrupt, unit and position; `options` and the columns as for `differences`.
    """
    bootstrap.need_columns(grades, ["kind", "model", "problem_id", "variant"])
    plain = {"system": None, "unit": "share", "sample": 0}  # what a table of plain shares, of one sample, may lack
    grades = grades.assign(**{name: value for name, value in plain.items() if name not in grades.columns})
    full = grades[grades["kind"].eq("trace") & grades["variant"].eq("original")]
    if full.empty:
        raise ValueError("variant 'original': no traces, expected some to compare with")
    return differences(grades[grades["kind"].eq("continuation")], full, CELL, SAMPLE, value, **options)


def _values(rows: pd.DataFrame, value: str, keys: list[str]) -> pd.DataFrame:
    """The columns `keys` and, as _value, the number of each row."""
    keys = list(dict.fromkeys(keys))
    bootstrap.need_columns(rows, keys if value == "correct" else [*keys, value])
    if (twice := rows.duplicated(keys)).any():
        first = ", ".join(str(value) for value in rows.loc[twice, keys].iloc[0])
        raise ValueError(f"row {first}: stands twice, expected one for each pair")
    numbers = bootstrap.is_correct(rows) if value == "correct" else pd.to_numeric(rows[value])
    return rows[keys].assign(_value=numbers.astype(float))


def _pairs(left: pd.DataFrame, right: pd.DataFrame, by: list[str], on: list[str]) -> pd.DataFrame:
    """Rows of both sides, also those without a partner; of `right` only where their group is known."""
    how = "outer" if set(by) <= set(on) else "left"
    return left.merge(right, on=on, how=how, suffixes=("_left", "_right"))


def _by_problem(pairs: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Sums of a problem's pairs in each group; a pair that lacks a value adds to unpaired only."""
    change = pairs["_value_left"] - pairs["_value_right"]
    both = change.notna()
    keys = list(dict.fromkeys([*by, "problem_id"]))
    counted = pairs[keys].assign(
        left=pairs["_value_left"].where(both, 0),
        right=pairs["_value_right"].where(both, 0),
        change=change.fillna(0),
        better=(change > 0).astype(int),
        worse=(change < 0).astype(int),
        unpaired=(~both).astype(int),
        n=both.astype(int),
    )
    return bootstrap.group_rows(counted, keys).sum().reset_index()


def _row(problems: np.ndarray, confidence: float, extreme: float | None) -> tuple:
    """One group: the numbers that follow from `SUMS` of its problems."""
    left, right, change, *tallies, size = problems.T
    used = size > 0
    count, n = int(used.sum()), size.sum()
    mean, error = bootstrap.mean_and_error(change[used], size[used])
    if error == 0:
        low, high, p = _without_spread(mean, count, confidence, extreme)
    else:
        low, high = bootstrap.t_interval(mean, error, count, confidence)
        low, high = (low, high) if extreme is None else (max(low, -extreme), min(high, extreme))
        p = np.nan if np.isnan(error) else bootstrap.p_value(mean / error, count - 1)
    means = (side.sum() / n if n else np.nan for side in (left, right))
    return *means, mean, low, high, p, *(int(tally.sum()) for tally in tallies), int(n), count


def _without_spread(mean: float, count: int, confidence: float, extreme: float | None) -> tuple[float, float, float]:
    p = 1.0 if mean == 0 else 2.0 ** (1 - count)
    if extreme is None:
        return np.nan, np.nan, p
    room = bootstrap.unseen_share(count, confidence)
    return mean - room * (mean + extreme), mean + room * (extreme - mean), p


def _with_holm(result: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    if result.empty:
        return result.assign(p_holm=pd.Series(dtype=float), family_size=pd.Series(dtype=int))
    p = bootstrap.group_rows(result, family)["p"]
    columns = [name for name in result.columns if name not in COUNTS]
    result = result.assign(p_holm=p.transform(bootstrap.holm), family_size=p.transform("count").astype(int))
    return result[[*columns, "p_holm", "family_size", *COUNTS]]
