"""Public sets: whether a judge finds the first faulty step that people marked in solutions, as ProcessBench counts it.

The judge is asked `faulty_step` of `reasoning_quality`; the line in which its quote stands is the step it means.
ProcessBench (Zheng et al., arXiv 2412.06559) takes the accuracy on faulty solutions (the very step named) and on sound
ones (none named), and their harmonic mean, as either alone is had by always saying the same.
"""

from collections import Counter
from typing import Any, Literal

import numpy as np
import pandas as pd

from lib.grm import rubric as rubrics
from lib.grm.judge import Judge
from lib.stats import agreement
from lib.stats.bootstrap import Statistic, interval, mean

RUBRIC, CRITERION = "reasoning_quality", "faulty_step"
NONE = 0  # the step of a solution without a faulty one
AGREEMENT = ("kappa", "mcc", "balanced_accuracy", "sensitivity", "specificity")
COLUMNS = ["figure", "value", "low", "high", "items", "problems", "why"]


def judged(judge: Judge, items: pd.DataFrame, samples: int = 1) -> pd.DataFrame:
    """Judgements of `faulty_step` on items as from `labelled.load`, as `Judge.score` gives them, and `step`.

    `step` is the number of the line where the quote begins, 0 for a verdict of no, null where there is no usable one.
    """
    asked = rubrics.load(RUBRIC).only([CRITERION])
    rows = judge.score(items.assign(inserted=""), asked, samples)  # "": nothing was put into these solutions
    return rows.assign(step=steps(rows, items))


def steps(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.Series:
    """The first faulty step that each judgement names: 0 for none, null where it has no usable verdict."""
    texts = items.set_index("item_id")["steps"]

    def step(row: dict[str, Any]) -> int | None:
        if row["status"] != "ok":
            return None
        if row["verdict"] == "no":
            return NONE
        return texts[row["item_id"]].count("\n", 0, int(row["start"])) + 1

    return pd.Series([step(row) for row in judgements.to_dict("records")], judgements.index, dtype="Int64")


def voted(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """One step per item, the one that most of its samples name: item_id, problem_id, truth, step, votes, samples.

    Of steps named equally often the first counts, and any counts before none. `truth` is the marked step, 0 for none.
    """
    truth = items.set_index("item_id")["first_fault"].fillna(NONE)
    rows = []
    for key, part in judgements.groupby(["item_id", "problem_id"], sort=False):
        counts = Counter(part["step"].dropna())
        most = [step for step, count in counts.items() if count == max(counts.values())]
        step = min(most, key=lambda step: (step == NONE, step), default=None)
        known = dict(zip(("item_id", "problem_id"), key, strict=True)) | {"truth": truth[key[0]], "step": step}
        rows.append(known | {"votes": counts.total(), "samples": len(part)})
    columns = ["item_id", "problem_id", "truth", "step", "votes", "samples"]
    return pd.DataFrame(rows, columns=columns).astype({"truth": "Int64", "step": "Int64"})


def figures(
    steps: pd.DataFrame,
    missing: Literal["out", "wrong"] = "out",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """A row per figure: its value with an interval clustered by problem, null with a reason where undefined.

    | figure | |
    |---|---|
    | coverage | share of the solutions with a usable verdict |
    | accuracy_faulty, accuracy_sound | share of the faulty with the very step named, and of the sound with none |
    | f1 | harmonic mean of the two |
    | kappa, mcc, balanced_accuracy | of faulty and sound, whatever step is named |
    | sensitivity, specificity | share found of the faulty, and of the sound |

    Args:
        steps: as from `voted`.
        missing: "out" leaves solutions without a usable verdict out of all but coverage; "wrong" counts them as wrong
            in the two accuracies and f1, as ProcessBench does, and leaves them out of the agreement.

    Raises:
        ValueError: `missing` is neither.
    """
    if missing not in ("out", "wrong"):
        raise ValueError(f"missing: expected out or wrong, got {missing!r}")
    has_step = steps["step"].notna()
    rows = steps.assign(
        has_step=has_step.astype(float),
        is_faulty=steps["truth"].ne(NONE).astype(int),
        hit=(steps["step"].eq(steps["truth"]) & has_step).fillna(False).astype(float),
        said=steps["step"].ne(NONE).astype(float).where(has_step),
    )
    used = rows if missing == "wrong" else rows[has_step]
    sides = {"accuracy_faulty": used[used["is_faulty"].eq(1)], "accuracy_sound": used[used["is_faulty"].eq(0)]}
    told = [("coverage", rows, mean("has_step")), *((name, side, mean("hit")) for name, side in sides.items())]
    told.append(("f1", used, Statistic(_sums, _harmonic)))
    told += [(name, rows[has_step], agreement.statistic(name, "is_faulty", "said", (0, 1))) for name in AGREEMENT]
    how = {"draws": draws, "seed": seed, "confidence": level}
    return pd.DataFrame([_row(*one, how) for one in told], columns=COLUMNS).astype(dict.fromkeys(COLUMNS[1:4], float))


def _sums(frame: pd.DataFrame) -> np.ndarray:
    """Of each row: whether it is faulty, and named rightly as that; the same of sound ones."""
    faulty, hit = frame["is_faulty"].to_numpy(float), frame["hit"].to_numpy(float)
    return np.column_stack([faulty, faulty * hit, 1 - faulty, (1 - faulty) * hit])


def _harmonic(sums: np.ndarray) -> np.ndarray:
    """The harmonic mean of both accuracies, 0 where both are, NaN where a side is empty."""
    n, hits = sums[..., [0, 2]], sums[..., [1, 3]]
    rates = hits / np.where(n > 0, n, np.nan)
    total = rates.sum(-1)
    return np.where(total == 0, 0.0, 2 * rates.prod(-1) / np.where(total == 0, 1, total))


def _row(name: str, frame: pd.DataFrame, figure: Statistic, how: dict[str, Any]) -> dict[str, Any]:
    known = {"figure": name, "items": len(frame), "problems": frame["problem_id"].nunique(), "why": ""}
    if frame.empty:
        return known | {"value": None, "why": "no such solution has a usable verdict"}
    one = interval(frame, figure, **how)
    if one.value is None:
        side = "true" if frame["is_faulty"].nunique() < 2 else "given"
        return known | {"value": None, "why": f"only one label is {side}"}
    why = "all items are of one problem" if one.low is None else ""
    return known | {"value": one.value, "low": one.low, "high": one.high, "why": why}
