"""Evidence for the statements: the mean of every cell of a study, or of the published figures, with bootstrap draws.

A cell is a model, a benchmark, an interrupt and a position. Its mean is an array: the value first, then what it is in
each draw of the cluster bootstrap (`lib.stats.bootstrap`). All cells of a benchmark are drawn with the same problems,
so a difference or a ratio of two arrays is the paired one, draw by draw. Published means are arrays of length 1: the
rows behind them are not published.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
import pandas as pd

from lib.paper import numbers
from lib.paper.numbers import FULL, REVISED
from lib.stats import bootstrap

Cell = tuple[str, str, str, float | None, str]  # model, benchmark, interrupt (our name), position, metric
COUNTED = ("accuracy", "answer_chars", "reasoning_chars", "chars", "new_error", "attributed", "leaking_right")
CELLS = ["model", "interrupt", "position"]
MODES = ["leakage", "panic", "self_doubt"]


@dataclass
class Evidence:
    """Means by cell; `tasks` tells math from code by benchmark, `shown` which models a published figure shows.

    Metrics: accuracy and relative_accuracy (of full thinking) in shares; answer_chars, reasoning_chars, chars (both) in
    characters; remaining_ratio, what was written after the cut over (1 - X) of a whole thought and an answer;
    total_ratio, kept and written over a whole run (ours without the inserted words); new_error, attributed and
    leaking_right in shares of rows; attributed_share, of new errors.
    """

    name: str
    tasks: dict[str, str]
    clusters: dict[str, int] = field(default_factory=dict)
    shown: dict[str, list[str]] = field(default_factory=dict)
    means: dict[Cell, np.ndarray] = field(default_factory=dict)
    stale: set[Cell] = field(default_factory=set)

    @property
    def models(self) -> list[str]:
        """Models in the order in which they came."""
        return list(dict.fromkeys(cell[0] for cell in self.means))


def of_published(published: pd.DataFrame) -> Evidence:
    """What the published figures show (a frame from `numbers.load`), each cell by its value."""
    rows = numbers.figures(published, ("stands", "stale"))
    rows = rows.assign(interrupt=numbers.our_interrupts(rows["interrupt"]))
    tasks = numbers.names().query("kind == 'benchmark'").set_index("published")["task"].to_dict()
    shown = {name: list(part["model"].unique()) for name, part in rows.groupby("figure")}
    evidence = Evidence("published", tasks, shown=shown)
    for row in rows.itertuples():
        cell = (row.model, row.benchmark, row.interrupt, _place(row.position), row.metric)
        evidence.means[cell] = np.array([row.value])
        if row.standing == "stale":
            evidence.stale.add(cell)
    _add_quotients(evidence)
    return evidence


def of_study(grades: pd.DataFrame, labels: pd.DataFrame | None = None, draws: int = 2000, seed: int = 0) -> Evidence:
    """What a study shows: tables grades and labels of all its models.

    Every row counts, by its status; positions that are not plain shares, and rows that began with a system message, are
    left out. Sources that are one published benchmark are pooled. Without labels nothing is known of failure modes. A
    cell whose rows are all right, or all wrong, would have draws without spread: they come from Jeffreys' posterior for
    its number of problems, Beta(right + 1/2, wrong + 1/2), instead.
    """
    rows = _rows(numbers.canonical(grades.reset_index(drop=True)))
    if labels is not None:
        rows = _labelled(rows, numbers.canonical(labels))
    evidence = Evidence("study", {})
    for benchmark, part in rows.groupby("benchmark"):
        evidence.tasks[benchmark] = "code" if part["gold"].isna().all() else "math"
        evidence.clusters[benchmark] = part["problem_id"].nunique()
        random = np.random.default_rng([seed, crc32(benchmark.encode())])
        drawn = bootstrap.draw_weights(evidence.clusters[benchmark], draws, random)
        weights = np.vstack([np.ones((1, drawn.shape[1])), drawn])  # the first takes each problem once
        _add_means(evidence, part, weights, random)
    _add_quotients(evidence)
    return evidence


def _rows(grades: pd.DataFrame) -> pd.DataFrame:
    is_trace = grades["kind"].eq("trace")
    rows = grades[grades["system"].isna() & (is_trace | grades["unit"].eq("share"))]
    chars = rows[["reasoning_chars", "answer_chars"]].astype(float)
    return rows.assign(
        interrupt=rows["interrupt"].mask(is_trace & rows["variant"].eq("revised"), REVISED),
        position=rows["position"].astype(float),
        accuracy=rows["status"].eq("correct").astype(float),
        chars=chars.sum(axis=1, skipna=False),
    ).astype({name: float for name in chars})


def _labelled(rows: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """`rows` with what labels say of the continuations among them, null for traces."""
    flags = labels[["model", "continuation_id"]].assign(
        new_error=labels["new_error"].astype(float),
        attributed=(labels["new_error"] & labels[MODES].any(axis=1)).astype(float),
        leaking_right=(labels["leakage"] & labels["status"].eq("correct")).astype(float),
    )
    return rows.merge(flags, how="left", left_on=["model", "row_id"], right_on=["model", "continuation_id"])


def _add_means(evidence: Evidence, rows: pd.DataFrame, weights: np.ndarray, random: np.random.Generator) -> None:
    """Add the means of all metrics for all cells of one benchmark."""
    metrics = [name for name in COUNTED if name in rows.columns]
    groups = rows.groupby(["problem_id", *CELLS], dropna=False)[metrics]
    sums, sizes = (wide.unstack(CELLS, fill_value=0) for wide in (groups.sum(), groups.count()))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights @ sums.to_numpy(float)) / (weights @ sizes.to_numpy(float))
    problems = (sizes > 0).sum().to_numpy()
    for i, (metric, model, interrupt, position) in enumerate(sums.columns):
        values = means[:, i]
        if metric == "accuracy" and values[0] in (0, 1) and len(values) > 1:
            right = values[0] * problems[i]
            values = np.append(values[0], random.beta(right + 0.5, problems[i] - right + 0.5, len(values) - 1))
        evidence.means[model, rows["benchmark"].iloc[0], interrupt, _place(position), metric] = values


def _add_quotients(evidence: Evidence) -> None:
    """Add the metrics that are quotients of others, where these are known."""
    means = evidence.means
    by_place: dict[tuple, dict[str, np.ndarray]] = defaultdict(dict)
    for (*place, metric), values in means.items():
        by_place[tuple(place)][metric] = values
    for (model, benchmark, interrupt, position), own in list(by_place.items()):
        full = by_place.get((model, benchmark, FULL, None), {})
        first = by_place.get((model, benchmark, REVISED, None), {})
        if position is None:  # nothing was cut
            continue
        for metric, values in _quotients(own, full, first, position):
            means.setdefault((model, benchmark, interrupt, position, metric), values)


def _quotients(
    own: dict[str, np.ndarray], full: dict[str, np.ndarray], first: dict[str, np.ndarray], position: float
) -> Iterable[tuple[str, np.ndarray]]:
    with np.errstate(invalid="ignore", divide="ignore"):
        if "accuracy" in own and "accuracy" in full:
            yield "relative_accuracy", own["accuracy"] / full["accuracy"]
        if "new_error" in own:
            yield "attributed_share", own["attributed"] / own["new_error"]
        if "chars" in own and "chars" in full:
            left = (1 - position) * full["reasoning_chars"] + full["answer_chars"]
            yield "remaining_ratio", own["chars"] / left
            if first:
                yield "total_ratio", (position * first["reasoning_chars"] + own["chars"]) / full["chars"]


def _place(position: float) -> float | None:
    return None if pd.isna(position) else round(float(position), 6)
