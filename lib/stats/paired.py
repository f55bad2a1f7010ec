"""Paired differences: the same problem and sample twice, so that what problems have in common drops out.

Four questions, each a function: an interrupt against full thinking, against another interrupt, one model against
another, one position against another; and what an interrupt does beyond what being cut does. An interval and a p-value
are those of the mean difference with its sandwich error by problem (`clusters.robust`) and Student's t with C - 1
degrees of freedom. Where no problem differs from another that error is 0 and would claim certainty: the interval then
leaves room for a share `clusters.unseen` of problems at either extreme, and p is that of C equal signs, 2 / 2^C, or 1
if the difference is 0.

Many tests make false alarms likely, so each frame also has p_holm (`significance.holm`). Its family is all rows of one
call, or of one value of the columns `family` in it; the size stands in family_size. Rows without a p-value (one
problem only) are not tests.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.stats import clusters, significance

CELL = ("model", "source", "interrupt", "unit", "position")
SAMPLE = ("problem_id", "sample")
TRACE = ("variant", "system")  # with model, problem and sample: which thought was cut
SUMS = ("left", "right", "change", "better", "worse", "unpaired", "n")
COUNTS = ("better", "worse", "unpaired", "n", "n_clusters")


def differences(
    left: pd.DataFrame,
    right: pd.DataFrame,
    by: Sequence[str],
    on: Sequence[str],
    value: str = "correct",
    family: Sequence[str] = (),
    cluster: str = "problem_id",
    confidence: float = 0.95,
    extreme: float | None = None,
) -> pd.DataFrame:
    """Mean of `value` in `left` less that in `right`, over pairs of rows that agree in the columns `on`.

    `by` are columns of `left` that make the groups; a row of `right` may serve several. The value `correct` is 0 or
    1 for every row, whatever its status. A difference lies within plus and minus `extreme`: 1 for `correct`, unknown
    otherwise (then there is no interval where no problem differs from another).

    Returns one row per group: `by`, left and right (means over pairs), difference, ci_low, ci_high, p, p_holm,
    family_size, better and worse (pairs with a difference above and below 0), unpaired (rows without a partner, or
    whose pair lacks a value), n (pairs), n_clusters.

    Raises:
        ValueError: a column is missing, a row has no cluster, or one stands twice for one pair.
    """
    by, on = list(by), list(dict.fromkeys([*on, cluster]))
    if extreme is None and value == "correct":
        extreme = 1.0
    pairs = _pairs(_values(left, value, [*by, *on]), _values(right, value, on), by, on)
    clusters.known(pairs, cluster)
    problems = _by_problem(pairs, by, cluster)
    rows = [(*key, *_row(part, confidence, extreme)) for key, part in clusters.parts(problems, by, SUMS)]
    columns = [*by, "left", "right", "difference", "ci_low", "ci_high", "p", *COUNTS]
    result = pd.DataFrame(rows, columns=columns).astype({name: left[name].dtype for name in by})
    return _with_holm(result, list(family))


def against_full(
    grades: pd.DataFrame, reference: str = "original", value: str = "correct", by: Sequence[str] = CELL, **options
) -> pd.DataFrame:
    """Every interrupt (left) against full thinking (right) of the same problem and sample.

    `reference` tells which thinking: of the `original` problem, whose answer the continuation should give; or the
    very trace that was cut (`own`), which for updates thought about the revised problem. `options` and the result as
    for `differences`.
    """
    grades = _complete(grades)
    traces, on = _reference(grades, reference)
    return differences(_continuations(grades), traces, by, on, value, **options)


def between_interrupts(
    grades: pd.DataFrame, left: str, right: str, value: str = "correct", same_trace: bool = True, **options
) -> pd.DataFrame:
    """Two interrupts at the same position of the same trace, per model, source, unit and position.

    Interrupts that cut different traces, such as `update` (revised problem) and `noop` (original), have pairs only
    if `same_trace` is False: of the same problem and sample then.
    """
    rows = _continuations(_complete(grades))
    by = [name for name in CELL if name != "interrupt"]
    on = [*by, *SAMPLE, *(TRACE if same_trace else ())]
    return differences(_only(rows, "interrupt", left), _only(rows, "interrupt", right), by, on, value, **options)


def between_models(grades: pd.DataFrame, left: str, right: str, value: str = "correct", **options) -> pd.DataFrame:
    """Two models on the same problem and sample, per source, variant, interrupt, unit and position.

    Full thinking is compared too: its rows have no interrupt and no position.
    """
    grades = _complete(grades)
    by = ["source", "variant", "interrupt", "unit", "position"]
    on = [*by, *SAMPLE, "system"]
    return differences(_only(grades, "model", left), _only(grades, "model", right), by, on, value, **options)


def between_positions(
    grades: pd.DataFrame, left: float, right: float, unit: str = "share", value: str = "correct", **options
) -> pd.DataFrame:
    """An interrupt at position `left` against itself at position `right` of the same trace, per model and source."""
    rows = _only(_continuations(_complete(grades)), "unit", unit)
    by = ["model", "source", "interrupt"]
    on = [*by, *SAMPLE, *TRACE]
    return differences(_only(rows, "position", left), _only(rows, "position", right), by, on, value, **options)


def beyond_cut(
    grades: pd.DataFrame,
    control: str = "resume",
    reference: str = "original",
    value: str = "correct",
    same_trace: bool = False,
    **options,
) -> pd.DataFrame:
    """What an interrupt changes beyond what being cut and continued changes: a difference of paired differences.

    An effect is a row's value less full thinking's (`reference` as for `against_full`); the effect of `control`
    (`resume`: nothing said, `noop`: something neutral) at the same position of the same problem and sample is taken
    from that of every other interrupt. Where both are measured against one trace, that trace cancels out.

    Returns the frame of `differences`, with the columns effect, control_effect and net in place of left, right and
    difference, in the units of `value`.
    """
    grades = _complete(grades)
    traces, on = _reference(grades, reference)
    rows = _continuations(grades)
    rows = rows.assign(_value=_numbers(rows, value))
    full = traces.assign(_full=_numbers(traces, value))[[*on, "_full"]]
    rows = rows.merge(_once(full, on), on=on, how="left")
    rows["effect"] = rows["_value"] - rows["_full"]
    at = ["model", "source", "unit", "position", *SAMPLE, *(TRACE if same_trace else ())]
    others = rows[rows["interrupt"].ne(control)]
    extreme = 2.0 if value == "correct" else None
    result = differences(others, _only(rows, "interrupt", control), CELL, at, "effect", extreme=extreme, **options)
    return result.rename(columns={"left": "effect", "right": "control_effect", "difference": "net"})


def _complete(grades: pd.DataFrame) -> pd.DataFrame:
    """`grades` with the columns that a table of plain shares, and of one sample, can do without."""
    clusters.need(grades, ["kind", "model", "problem_id", "variant"])
    plain = {"system": None, "unit": "share", "sample": 0}
    return grades.assign(**{name: value for name, value in plain.items() if name not in grades.columns})


def _continuations(grades: pd.DataFrame) -> pd.DataFrame:
    return grades[grades["kind"].eq("continuation")]


def _reference(grades: pd.DataFrame, reference: str) -> tuple[pd.DataFrame, list[str]]:
    """Full-thinking rows, and the columns by which a continuation finds its own."""
    if reference not in ("original", "own"):
        raise ValueError(f"reference {reference!r}: expected original or own")
    traces = grades[grades["kind"].eq("trace")]
    if reference == "original":
        return _only(traces, "variant", "original"), ["model", *SAMPLE, "system"]
    return traces, ["model", *SAMPLE, *TRACE]


def _only(rows: pd.DataFrame, column: str, value: str | float) -> pd.DataFrame:
    clusters.need(rows, [column])
    found = rows[rows[column].eq(value)]
    if found.empty:
        raise ValueError(f"{column} {value!r}: no rows, expected some to compare")
    return found


def _numbers(rows: pd.DataFrame, value: str) -> pd.Series:
    if value == "correct":
        return clusters.right(rows).astype(float)
    clusters.need(rows, [value])
    return pd.to_numeric(rows[value]).astype(float)


def _values(rows: pd.DataFrame, value: str, keys: list[str]) -> pd.DataFrame:
    keys = list(dict.fromkeys(keys))
    clusters.need(rows, keys)
    return _once(rows[keys].assign(_value=_numbers(rows, value)), keys)


def _once(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    if (twice := rows.duplicated(keys)).any():
        first = ", ".join(str(value) for value in rows.loc[twice, keys].iloc[0])
        raise ValueError(f"row {first}: stands twice, expected one for each pair")
    return rows


def _pairs(left: pd.DataFrame, right: pd.DataFrame, by: list[str], on: list[str]) -> pd.DataFrame:
    """Rows of both sides, also those without a partner; of `right` only where their group can be told."""
    how = "outer" if set(by) <= set(on) else "left"
    return left.merge(right, on=on, how=how, suffixes=("_left", "_right"))


def _by_problem(pairs: pd.DataFrame, by: list[str], cluster: str) -> pd.DataFrame:
    """Sums of a problem's pairs in each group; a pair that lacks a value adds to unpaired only."""
    change = pairs["_value_left"] - pairs["_value_right"]
    both = change.notna()
    keys = list(dict.fromkeys([*by, cluster]))
    counted = pairs[keys].assign(
        left=pairs["_value_left"].where(both, 0),
        right=pairs["_value_right"].where(both, 0),
        change=change.fillna(0),
        better=(change > 0).astype(int),
        worse=(change < 0).astype(int),
        unpaired=(~both).astype(int),
        n=both.astype(int),
    )
    return clusters.groups(counted, keys).sum().reset_index()


def _row(problems: np.ndarray, confidence: float, extreme: float | None) -> tuple:
    """One group: the numbers that follow from `SUMS` of its problems."""
    left, right, change, *tallies, size = problems.T
    used = size > 0
    count, n = int(used.sum()), size.sum()
    mean, error = clusters.robust(change[used], size[used])
    if error == 0:
        low, high, p = _without_spread(mean, count, confidence, extreme)
    else:
        low, high = clusters.t_interval(mean, error, count, confidence)
        low, high = (low, high) if extreme is None else (max(low, -extreme), min(high, extreme))
        p = np.nan if np.isnan(error) else significance.two_sided(mean / error, count - 1)
    means = (side.sum() / n if n else np.nan for side in (left, right))
    return *means, mean, low, high, p, *(int(tally.sum()) for tally in tallies), int(n), count


def _without_spread(mean: float, count: int, confidence: float, extreme: float | None) -> tuple[float, float, float]:
    p = 1.0 if mean == 0 else 2.0 ** (1 - count)
    if extreme is None:
        return np.nan, np.nan, p
    room = clusters.unseen(count, confidence)
    return mean - room * (mean + extreme), mean + room * (extreme - mean), p


def _with_holm(result: pd.DataFrame, family: list[str]) -> pd.DataFrame:
    if result.empty:
        return result.assign(p_holm=pd.Series(dtype=float), family_size=pd.Series(dtype=int))
    p = clusters.groups(result, family)["p"]
    columns = [name for name in result.columns if name not in COUNTS]
    result = result.assign(p_holm=p.transform(significance.holm), family_size=p.transform("count").astype(int))
    return result[[*columns, "p_holm", "family_size", *COUNTS]]
