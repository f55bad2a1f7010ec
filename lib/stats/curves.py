"""Curves: accuracy and tokens of an interrupt at every position, summed by problem, with full thinking beside them.

Whatever is asked of a curve (`lib.stats.anytime`, `lib.stats.compute`) depends on rows only through these sums, so
rows are summed
once and a bootstrap of whole problems is one matrix product for each curve.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.stats import clusters

KEYS = ("model", "source", "interrupt", "unit")
THOUGHT = ["model", "problem_id", "sample", "variant", "system"]  # which trace was cut
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
        weights = np.ones((1, len(sums))) if weights is None else weights
        both = weights @ np.hstack([sums, counts])
        above, below = np.hsplit(both, 2)
        ratio = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
        return ratio[0] if len(weights) == 1 else ratio


def of(grades: pd.DataFrame, cluster: str = "problem_id") -> Iterator[Curve]:
    """Curves of the table grades of one or more models, one per model, source, interrupt and unit, sorted.

    Full thinking is that of the original problem, under the system message that the interrupt came with; a curve takes
    it from the problems it has itself, so that both are of the same problems. Rows of every status count.

    Raises:
        ValueError: a column is missing, or a row has no cluster.
    """
    clusters.need(grades, ["kind", "variant", "position", "tokens", *KEYS, cluster])
    clusters.known(grades, cluster)
    code, names = pd.factorize(grades[cluster], sort=True)
    system = grades["system"].fillna("") if "system" in grades.columns else ""
    rows = grades.assign(_problem=code, system=system, right=clusters.right(grades).astype(float), n=1.0)
    rows = rows.assign(spent=spent(grades)).assign(spent_n=lambda frame: frame["spent"].notna().astype(float))
    for key, cells in clusters.parts(_cells(rows), KEYS, ["_problem", "position", *SUMS]):
        yield _curve(dict(zip(KEYS, key, strict=True)), cells, pd.Index(names))


def spent(grades: pd.DataFrame) -> pd.Series:
    """Tokens generated for each answer in all: new ones and, after a cut, the kept ones of the thought.

    Kept is the trace's thinking less what the cut took away, null where the trace is not in `grades`; a `restart` has
    spent the thought that it throws away, and a `budget` is a run of its own that kept nothing. What a chain of
    interrupts spent between its cuts is not in the table and not counted.
    """
    clusters.need(grades, ["kind", "model", "problem_id", "variant", "interrupt", "tokens"])
    absent = {"sample": 0, "system": None, "remaining_tokens": np.nan}
    rows = grades.assign(**{name: value for name, value in absent.items() if name not in grades.columns})
    traces = rows[rows["kind"].eq("trace")][[*THOUGHT, "reasoning_tokens"]]
    thought = rows[THOUGHT].merge(traces.drop_duplicates(THOUGHT), on=THOUGHT, how="left")["reasoning_tokens"]
    kept = thought.set_axis(rows.index).astype(float) - rows["remaining_tokens"].astype(float)
    alone = rows["kind"].eq("trace") | rows["interrupt"].eq(OWN_RUN)
    return rows["tokens"].astype(float) + kept.clip(lower=0).mask(alone, 0)


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Sums of each curve's problems at each position, full thinking at position infinity, sorted."""
    cut = rows[rows["kind"].eq("continuation")]
    full = rows[rows["kind"].eq("trace") & rows["variant"].eq("original")]
    thought = ["model", "source", "system", "_problem"]
    ends = cut[[*KEYS, "system", "_problem"]].drop_duplicates()
    ends = ends.merge(clusters.groups(full, thought)[SUMS].sum().reset_index(), on=thought, how="left")
    both = pd.concat([cut[[*KEYS, "_problem", "position", *SUMS]], ends.assign(position=np.inf)])
    return clusters.groups(both, [*KEYS, "_problem", "position"])[SUMS].sum().reset_index()


def _curve(key: dict[str, str], cells: np.ndarray, names: pd.Index) -> Curve:
    """A curve of its cells: problem, position and sums in each row."""
    problems, row = np.unique(cells[:, 0].astype(int), return_inverse=True)
    positions, column = np.unique(cells[:, 1], return_inverse=True)
    sums = np.zeros((len(SUMS), len(problems), len(positions)))
    sums[:, row, column] = cells[:, 2:].T
    return Curve(key, positions[:-1], names[problems], *sums)
