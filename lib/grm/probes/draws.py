"""Curves: what a judge's votes would be worth, and cost, with fewer draws than were stored."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.grm import votes
from lib.grm.rubric import Criterion, Rubric
from lib.stats import agreement, bootstrap, calibration
from lib.stats.bootstrap import Statistic

COLUMNS = ["criterion", "figure", "k", "value", "low", "high", "items", "problems"]
BINS = 10
ORDERS = 200  # random orders of the draws, for the cost of the stop rule


@dataclass(frozen=True)
class Draws:
    """The stored draws on one criterion."""

    items: pd.DataFrame  # item_id, problem_id and place of the true label, NaN where unknown
    places: np.ndarray  # items x samples: place of the verdict, worst 0; -1 where it is of no use
    calls: np.ndarray  # items x samples: calls that it took
    labels: int

    @property
    def counts(self) -> np.ndarray:
        """Items x labels: usable verdicts."""
        return (self.places[:, :, None] == np.arange(self.labels)).sum(1)


def by_k(
    judgements: pd.DataFrame,
    truth: pd.DataFrame,
    rubric: Rubric,
    ks: Sequence[int] | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """A row per criterion, number of draws k and figure, with an interval from a bootstrap of whole problems.

    | figure | with k draws of an item's, without replacement |
    |---|---|
    | accuracy, balanced_accuracy | of the vote of k usable verdicts against the truth, expected |
    | ece | expected calibration error of the vote's confidence, in ten bins, over all votes that k draws could give |
    | abstention | share of items with no usable verdict among k draws |
    | calls | per item, retries among them; a call that several criteria share counts for each |
    | calls_stopped | the same if no draw is asked once the vote is settled: the mean of `ORDERS` random orders |

    All but the last are exact expectations, by hypergeometric distributions (`votes.outcomes`). Where fewer than k
    verdicts are usable, the vote is of `votes.drawn` of them. Parts that an item lacks were never asked: left out.

    Args:
        judgements: as from `Judge.score`, without the stop rule.
        truth: item_id, criterion and label; one row each, null where unknown.
        rubric: the criteria.
        ks: numbers of draws; None: 1, 2, 4 and so on, as far as there are samples.
        draws: of the bootstrap.
        seed: of bootstrap and random orders.
        level: of the intervals.

    Raises:
        ValueError: items of a criterion differ in samples, k is above them, a label is not on the menu, an item has
            two true labels for one criterion.
    """
    if (twice := truth.duplicated(["item_id", "criterion"])).any():
        row = truth[twice].iloc[0]
        raise ValueError(f"truth: {row['item_id']}, {row['criterion']}: stands twice, expected one label")
    rows = []
    for criterion in rubric.criteria:
        stored = _draws(judgements, truth, criterion)
        for k in _ks(ks, stored, criterion):
            for figure, frame, statistic in _figures(stored, k, seed):
                found = bootstrap.interval(frame, statistic, draws=draws, seed=seed, confidence=level)
                ends = {"value": found.value, "low": found.low, "high": found.high}
                known = {"criterion": criterion.id, "figure": figure, "k": k}
                rows.append(known | ends | {"items": found.rows, "problems": found.clusters})
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(("value", "low", "high"), float))


def _draws(judgements: pd.DataFrame, truth: pd.DataFrame, criterion: Criterion) -> Draws:
    rows = judgements[judgements["criterion"].eq(criterion.id) & judgements["attempts"].gt(0)]
    place = {label: i for i, label in enumerate(criterion.levels)}
    labels = truth.loc[truth["criterion"].eq(criterion.id)].set_index("item_id")["label"]
    said = rows["verdict"].where(rows["status"].eq("ok"))
    if strange := sorted({*said.dropna(), *labels.dropna()} - set(place)):
        raise ValueError(f"{criterion.id}: label {strange[0]!r}: expected one of {', '.join(place)}")
    rows = rows.assign(place=said.map(place).astype(float).fillna(-1))
    wide = rows.pivot(index=["item_id", "problem_id"], columns="sample", values=["place", "attempts"])
    if wide.isna().any(axis=None):
        item = wide.index[wide.isna().any(axis=1)][0][0]
        raise ValueError(f"{criterion.id}: {item}: fewer samples than other items, expected as many of each")
    items = wide.index.to_frame(index=False)
    items["true"] = items["item_id"].map(labels.map(place)).astype(float)
    places, calls = (wide[name].to_numpy(int) if len(wide) else np.zeros((0, 0), int) for name in ("place", "attempts"))
    return Draws(items, places, calls, len(place))


def _ks(ks: Sequence[int] | None, stored: Draws, criterion: Criterion) -> list[int]:
    samples = stored.places.shape[1]
    if not samples or ks is None:
        return [2**i for i in range(samples.bit_length())]
    if bad := [k for k in ks if not 1 <= k <= samples]:
        raise ValueError(f"k = {bad[0]}: expected 1 to {samples}, as many as {criterion.id} has samples")
    return list(ks)


def _figures(stored: Draws, k: int, seed: int) -> Iterator[tuple[str, pd.DataFrame, Statistic]]:
    """Each figure's name, the frame of the items that it is of, and what each of them adds to it."""
    told = stored.items["true"].notna().to_numpy() & (stored.counts.sum(1) > 0)
    judged, true = stored.items[told], stored.items.loc[told, "true"].to_numpy(int)
    tables, gaps = _votes(stored.counts[told], true, k)
    yield "accuracy", judged, _fixed(tables, lambda sums: _accuracy(_square(sums, stored.labels)))
    yield (
        "balanced_accuracy",
        judged,
        _fixed(tables, lambda sums: agreement.balanced_accuracy_of(_square(sums, stored.labels))),
    )
    yield "ece", judged, _fixed(gaps, calibration.ece_of)
    samples = stored.places.shape[1]
    means = {
        "abstention": _none_of(samples - stored.counts.sum(1), samples, k),
        "calls": k * stored.calls.mean(1),
        "calls_stopped": _stopped(stored, k, seed),
    }
    for name, values in means.items():
        yield name, stored.items.assign(value=values), bootstrap.mean("value")


def _votes(counts: np.ndarray, true: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each item, the chances of each true and voted label, and of each bin of confidence what `ece_of` sums."""
    labels = counts.shape[1]
    tables, gaps = np.zeros((len(counts), labels, labels)), np.zeros((len(counts), BINS, 2))
    for one in np.unique(np.column_stack([true, counts]), axis=0):  # few kinds of item
        same = (true == one[0]) & (counts == one[1:]).all(1)
        chance = np.array(votes.outcomes(one[1:].tolist(), k))
        drawn = chance.shape[1] - 1
        sure = np.array([votes.confidence(hits, drawn, labels) for hits in range(drawn + 1)])
        right = np.arange(labels)[:, None] == one[0]
        gap = np.zeros((BINS, 2))
        np.add.at(
            gap, calibration.bins_of(sure, BINS), np.column_stack([(chance * (right - sure)).sum(0), chance.sum(0)])
        )
        tables[same, one[0]], gaps[same] = chance.sum(1), gap
    return tables.reshape(len(counts), labels**2), gaps.reshape(len(counts), BINS * 2)


def _fixed(sums: np.ndarray, of: Callable[[np.ndarray], np.ndarray]) -> Statistic:
    return Statistic(lambda frame: sums, of)


def _square(sums: np.ndarray, labels: int) -> np.ndarray:
    return sums.reshape(len(sums), labels, labels)


def _accuracy(tables: np.ndarray) -> np.ndarray:
    total = tables.sum((-2, -1))
    return np.trace(tables, axis1=-2, axis2=-1) / np.where(total > 0, total, np.nan)


def _none_of(failed: np.ndarray, samples: int, k: int) -> np.ndarray:
    """Chance that k of the samples are all among those that failed."""
    left = np.arange(k)
    return np.prod(np.clip(failed[:, None] - left, 0, None) / (samples - left), axis=1)


def _stopped(stored: Draws, k: int, seed: int) -> np.ndarray:
    """Mean calls of each item with the stop rule for k samples, half of which are asked at once."""
    random, first, saved = np.random.default_rng(seed), (k + 1) // 2, np.zeros(len(stored.items))
    for _ in range(ORDERS):
        order = random.random(stored.places.shape).argsort(axis=1)[:, :k]
        places, calls = (np.take_along_axis(one, order, axis=1) for one in (stored.places, stored.calls))
        so_far = np.cumsum(places[:, :, None] == np.arange(stored.labels), axis=1)
        done = _settled(so_far, np.arange(k - 1, -1, -1))[:, first - 1 :]
        stop = first - 1 + done.argmax(axis=1)  # with nothing left to ask all is settled
        saved += (calls * (np.arange(k) > stop[:, None])).sum(axis=1)
    return k * stored.calls.mean(1) - saved / ORDERS  # all calls are known exactly, only the saved ones are drawn


def _settled(counts: np.ndarray, left: np.ndarray) -> np.ndarray:
    """`votes.settled` of items x draws x labels, `left` for each draw."""
    medians = []
    for place in (0, -1):  # all further draws the worst, all the best
        ends = counts.copy()
        ends[:, :, place] += left
        medians.append(_median(ends))
    return (medians[0] == _median(counts)) & (medians[1] == _median(counts))


def _median(counts: np.ndarray) -> np.ndarray:
    below = counts.cumsum(-1)
    return np.where(below[..., -1] > 0, (2 * below >= below[..., -1:]).argmax(-1), -1)
