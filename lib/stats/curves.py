"""Curves of accuracy and tokens by position, as sums by problem, with full thinking beside them.

Rows are summed once, so that a bootstrap of whole problems is one matrix product for each curve.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import pandas as pd

from lib.stats import bootstrap

KEYS = ("model", "source", "interrupt", "unit")
TRACE = ["model", "problem_id", "sample", "variant", "system"]  # which trace was cut
SUMS = ["right", "n", "spent", "spent_n"]
OWN_RUN = "budget"  # the engine thinks anew under a limit: no kept tokens are spent


@dataclass(frozen=True)
class Curve:
    """One interrupt of one model on one source: C problems by P positions, and full thinking in a last column.

    `right` (rows that are correct), `n` (rows) and `spent` (tokens generated in all, the kept ones too) are sums of a
    problem's rows, C x (P + 1). `spent_n` counts the rows of which it is known. `positions` are in units of `unit`.
    """

    key: dict[str, str]
    positions: np.ndarray
    problems: pd.Index
    right: np.ndarray
    n: np.ndarray
    spent: np.ndarray
    spent_n: np.ndarray

    def accuracy(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Share of correct rows, (P + 1), null without rows; draws x (P + 1) where `weights` is draws x C."""
        return self._ratio(self.right, self.n, weights)

    def tokens(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Mean tokens generated for an answer, kept ones too, shaped as `accuracy`."""
        return self._ratio(self.spent, self.spent_n, weights)

    def only(self, problems: pd.Index) -> "Curve":
        """The same curve on some of its problems, in their order."""
        rows = self.problems.get_indexer(problems)
        parts = (part[rows] for part in (self.right, self.n, self.spent, self.spent_n))
        return Curve(self.key, self.positions, problems, *parts)

    @staticmethod
    def _ratio(sums: np.ndarray, counts: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        both = (np.ones((1, len(sums))) if weights is None else weights) @ np.hstack([sums, counts])
        above, below = np.hsplit(both, 2)
        ratio = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
        return ratio[0] if weights is None else ratio


def of(grades: pd.DataFrame) -> Iterator[Curve]:
    """Curves of the table grades of one or more models, one per model, source, interrupt and unit, sorted.

    Full thinking is that of the original problem, under the system message that the interrupt came with; a curve takes
    it from the problems it has itself, so that both are of the same problems. Rows of every status count.

    Raises:
        ValueError: a column is missing, or a row has no cluster.
    """
    bootstrap.need_columns(grades, ["kind", "variant", "position", "tokens", *KEYS])
    bootstrap.need_clusters(grades)
    code, names = pd.factorize(grades["problem_id"], sort=True)
    system = grades["system"].fillna("") if "system" in grades.columns else ""
    rows = grades.assign(_problem=code, system=system, right=bootstrap.is_correct(grades).astype(float), n=1.0)
    rows = rows.assign(spent=spent(grades)).assign(spent_n=lambda frame: frame["spent"].notna().astype(float))
    for key, cells in bootstrap.group_arrays(_cells(rows), KEYS, ["_problem", "position", *SUMS]):
        yield _curve(dict(zip(KEYS, key, strict=True)), cells, pd.Index(names))


def spent(grades: pd.DataFrame) -> pd.Series:
    """Tokens generated for each answer in all: new ones and, after a cut, the kept ones of the thought.

    Kept is the trace's thinking less what the cut took away, null where the trace is not in `grades`; a `restart` has
    spent the thought that it throws away, and a `budget` kept nothing. What a chain spent between its cuts is not
    counted.
    """
    bootstrap.need_columns(grades, ["kind", "model", "problem_id", "variant", "interrupt", "tokens"])
    absent = {"sample": 0, "system": None, "remaining_tokens": np.nan}
    rows = grades.assign(**{name: value for name, value in absent.items() if name not in grades.columns})
    traces = rows[rows["kind"].eq("trace")][[*TRACE, "reasoning_tokens"]]
    thought = rows[TRACE].merge(traces.drop_duplicates(TRACE), on=TRACE, how="left")["reasoning_tokens"]
    kept = thought.set_axis(rows.index).astype(float) - rows["remaining_tokens"].astype(float)
    kept_nothing = rows["kind"].eq("trace") | rows["interrupt"].eq(OWN_RUN)
    return rows["tokens"].astype(float) + kept.clip(lower=0).mask(kept_nothing, 0)


def at_equal_tokens(
    grades: pd.DataFrame,
    baseline: str = "restart",
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Every other interrupt against `baseline` at equal numbers of generated tokens, on the problems that both have.

    A cut at X and a run begun anew (`restart`), or under a limit (`budget`), spend different numbers of tokens at one
    position. So the baseline's accuracy is interpolated, in straight lines, at the tokens that the interrupt spends.

    Returns one row per model, source, interrupt, unit and position: tokens (mean, generated for an answer in all),
    accuracy, baseline (its accuracy at so many tokens), difference, ci_low, ci_high, p, p_holm (over all rows of the
    frame), n (rows of the interrupt) and n_clusters. Nothing is extrapolated: outside the tokens that the baseline
    spends at its own positions, baseline and what follows from it are null. Intervals draw whole problems, tokens and
    accuracies of both sides at once; in a draw whose baseline is shorter its end stands for what lies beyond.

    Raises:
        ValueError: a column is missing, or `baseline` has no rows.
    """
    curves = list(of(grades))
    place = itemgetter("model", "source", "unit")
    baselines = {place(curve.key): curve for curve in curves if curve.key["interrupt"] == baseline}
    if not baselines:
        raise ValueError(f"interrupt {baseline!r}: no rows, expected some to compare with")
    rows = []
    for curve in curves:
        other = baselines.get(place(curve.key))
        if curve.key["interrupt"] != baseline and other is not None:
            rows += _against(curve, other, confidence, draws, seed)
    names = ["tokens", "accuracy", "baseline", "difference", "ci_low", "ci_high", "p", "n", "n_clusters"]
    result = pd.DataFrame(rows, columns=[*KEYS, "position", *names])
    result.insert(12, "p_holm", bootstrap.holm(result["p"].astype(float)))
    return result


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Sums of each curve's problems at each position, full thinking at position infinity, sorted."""
    cut = rows[rows["kind"].eq("continuation")]
    full = rows[rows["kind"].eq("trace") & rows["variant"].eq("original")]
    thought = ["model", "source", "system", "_problem"]
    ends = cut[[*KEYS, "system", "_problem"]].drop_duplicates()
    ends = ends.merge(bootstrap.group_rows(full, thought)[SUMS].sum().reset_index(), on=thought, how="left")
    both = pd.concat([cut[[*KEYS, "_problem", "position", *SUMS]], ends.assign(position=np.inf)])
    return bootstrap.group_rows(both, [*KEYS, "_problem", "position"])[SUMS].sum().reset_index()


def _curve(key: dict[str, str], cells: np.ndarray, names: pd.Index) -> Curve:
    """A curve of its cells: problem, position and sums in each row."""
    problems, row = np.unique(cells[:, 0].astype(int), return_inverse=True)
    positions, column = np.unique(cells[:, 1], return_inverse=True)
    sums = np.zeros((len(SUMS), len(problems), len(positions)))
    sums[:, row, column] = cells[:, 2:].T
    return Curve(key, positions[:-1], names[problems], *sums)


def _against(curve: Curve, baseline: Curve, confidence: float, draws: int, seed: int) -> list[dict]:
    both = curve.problems.intersection(baseline.problems)
    curve, baseline = curve.only(both), baseline.only(both)
    point = [side[0] for side in _at_tokens(curve, baseline, np.ones((1, len(both))))]
    drawn = _at_tokens(curve, baseline, bootstrap.weights(len(both), draws, seed))
    low, high = (end.reduce(baseline.tokens()[:-1]) for end in (np.fmin, np.fmax))  # null only if all are
    rows = []
    for j, position in enumerate(curve.positions):
        tokens, accuracy, theirs = (side[j] for side in point)
        row = curve.key | {"position": position, "tokens": tokens, "accuracy": accuracy}
        row |= {"n": int(curve.n[:, j].sum()), "n_clusters": len(both)}
        if low <= tokens <= high:
            change = drawn[1][:, j] - drawn[2][:, j]
            row |= {"baseline": theirs, **_difference(accuracy - theirs, change, len(both), confidence)}
        rows.append(row)
    return rows


def _at_tokens(curve: Curve, baseline: Curve, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens and accuracy of a curve, and the baseline's accuracy at these tokens: each draws x P."""
    tokens, accuracy = (part(weights)[:, :-1] for part in (curve.tokens, curve.accuracy))
    x, y = (part(weights)[:, :-1] for part in (baseline.tokens, baseline.accuracy))
    order = np.argsort(x, axis=1)
    x, y = np.take_along_axis(x, order, axis=1), np.take_along_axis(y, order, axis=1)
    theirs = [np.interp(*row) for row in zip(tokens, x, y, strict=True)]
    return tokens, accuracy, np.array(theirs).reshape(tokens.shape)


def _difference(change: float, drawn: np.ndarray, clusters: int, confidence: float) -> dict[str, float]:
    """A difference with the interval of its draws, and Student's t of its spread over draws."""
    if len(drawn) == 0:
        return {"difference": change, "ci_low": np.nan, "ci_high": np.nan, "p": np.nan}
    low, high = bootstrap.percentile_interval(drawn, confidence, clusters)
    error = np.nanstd(drawn) * np.sqrt(clusters / (clusters - 1))
    p = bootstrap.p_value(change / error, clusters - 1) if error > 0 else np.nan
    return {"difference": change, "ci_low": low, "ci_high": high, "p": p}
