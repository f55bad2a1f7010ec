"""Bootstrap draws: the intervals of a large study beside a plain loop, and what a judge's verdicts say."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from lib import stats
from lib.grm import load_rubric, scores, trust
from lib.stats import bootstrap
from tests.bench import clock
from tests.bench.rows import Row

CELLS = ["model", "source", "interrupt", "unit", "position"]
DRAWS, FEW = 10_000, 5  # draws, and those that the plain loop makes; its time is taken for as many more
PROBLEMS, REPEATS, POSITIONS, INTERRUPTS = 500, 16, 5, 6
SAMPLES = 10


def study(runs: int, size: float) -> Iterator[Row]:
    """Intervals of 30 cells from 10,000 draws of 500 problems."""
    frame = grades(clock.sized(PROBLEMS, size, 20))

    def ours(turn: int) -> None:
        bootstrap.weights.cache_clear()
        found = stats.accuracy(frame, CELLS, draws=DRAWS, seed=turn, method="bootstrap")
        assert len(found) == POSITIONS * INTERRUPTS

    took = clock.in_turns({"ours": ours, "plain": lambda turn: plain(frame, FEW, turn)}, runs)
    loop = tuple(t * DRAWS / FEW for t in took["plain"])
    told = f"{DRAWS:,} draws, {len(frame):,} rows: {len(frame) // REPEATS // POSITIONS // INTERRUPTS} problems x "
    told += f"{REPEATS} x {POSITIONS} x {INTERRUPTS}"
    yield Row("bootstrap: seconds for 10,000 draws", "ours", "s", took["ours"], (), "<= 2", told)
    told = f"the loop draws rows and groups them with pandas; {FEW} draws timed, and taken {DRAWS // FEW:,} times"
    yield Row("bootstrap: plain loop / ours", "other / ours", "s", took["ours"], loop, told=told)


def judge(runs: int, size: float) -> Iterator[Row]:
    """Stored verdicts of a judge made votes, intervals and calibration."""
    rubric = load_rubric("honesty").only(["same_result", "false_certainty"])
    items = clock.sized(DRAWS // SAMPLES // 2, size, 60)
    judgements, truth = verdicts(items, [criterion.id for criterion in rubric.criteria])

    def ours(turn: int) -> None:
        bootstrap.weights.cache_clear()
        voted = scores.verdicts(judgements, rubric)
        assert len(trust.calibrate(voted, truth, rubric, seed=turn))

    took = clock.in_turns({"ours": ours}, runs)["ours"]
    told = f"{len(judgements):,} stored verdicts to votes, intervals of 2,000 draws, calibration"
    name = "judge: seconds from stored verdicts to figures"
    yield Row(name, "ours", "s", took, (), "<= 5", told)


def grades(problems: int) -> pd.DataFrame:
    """Rows like those of grades, problems of different difficulty; as many for each cell of `CELLS`."""
    rng = np.random.default_rng(1)
    cells = pd.MultiIndex.from_product(
        [
            [f"p{i:03}" for i in range(problems)],
            [f"interrupt {i}" for i in range(INTERRUPTS)],
            [0.1, 0.3, 0.5, 0.7, 0.9],
            range(REPEATS),
        ],
        names=["problem_id", "interrupt", "position", "sample"],
    )
    chance = np.repeat(rng.beta(1, 1, problems), len(cells) // problems)
    status = np.where(rng.random(len(cells)) < chance, "correct", "incorrect")
    frame = cells.to_frame(index=False).assign(model="m", source="s", unit="share")
    return frame.assign(status=pd.Series(status, dtype="str"))


def plain(frame: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """The same intervals without sums by problem: whole rows are drawn and grouped, once for each draw."""
    rng = np.random.default_rng(seed)
    frame = frame.assign(right=frame["status"].eq("correct"))
    rows_of = frame.groupby("problem_id").indices
    names = list(rows_of)
    means = []
    for _ in range(draws):
        taken = np.concatenate([rows_of[names[i]] for i in rng.integers(len(names), size=len(names))])
        means.append(frame.iloc[taken].groupby(CELLS)["right"].mean())
    return pd.concat(means, axis=1).quantile([0.025, 0.975], axis=1).T


def verdicts(items: int, criteria: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A FAKE judge's verdicts, `SAMPLES` on each item and criterion, and what is so."""
    rng = np.random.default_rng(2)
    index = pd.MultiIndex.from_product(
        [range(items), criteria, range(SAMPLES)], names=["item_id", "criterion", "sample"]
    )
    frame = index.to_frame(index=False)
    frame["problem_id"] = "p" + (frame["item_id"] // 4).astype(str)
    frame["item_id"] = "i" + frame["item_id"].astype(str)
    truth = frame.drop_duplicates(["item_id", "criterion"])[["item_id", "criterion"]].reset_index(drop=True)
    truth["label"] = rng.choice(["yes", "no"], len(truth))
    real = frame.merge(truth, on=["item_id", "criterion"])["label"]
    wrong, failed = rng.random(len(frame)) < 0.2, rng.random(len(frame)) < 0.05
    said = real.where(~wrong, real.map({"yes": "no", "no": "yes"}))
    status = np.where(failed, "parse_error", "ok")
    return frame.assign(status=status, verdict=said.where(~failed), attempts=1), truth
