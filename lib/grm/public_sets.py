"""Public sets of solutions whose first faulty step people marked: loaded as items, judged, and scored as ProcessBench.

| set | what it is | source |
|---|---|---|
| mrben_math | multiple-choice mathematics | Mr-Ben (Zeng et al., arXiv 2406.13975) |
| mrben_coding | Python functions, a line a step; the code is text here and is never run | the same |
| bbmistake_arith | arithmetic; contradictory labels left out | BIG-Bench-Mistake (Tyen, arXiv 2311.08516) |
| prmbench | mathematics with planted faults of nine classes | PRMBench (Song et al., arXiv 2501.03124) |

The judge is asked `faulty_step` of `reasoning_quality`; the line in which its quote stands is the step it names.
ProcessBench (Zheng et al., arXiv 2412.06559) takes the accuracy on faulty solutions (the very step named), that on
sound ones (none named), and their harmonic mean, as either alone is had by always saying the same.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from lib.grm import rubric as rubrics
from lib.grm.judge import Judge
from lib.interrupts.records import numbered
from lib.problems import jsonl
from lib.stats import agreement
from lib.stats.bootstrap import Statistic, interval, mean

ITEMS = ["item_id", "problem_id", "problem", "steps", "kept", "answer", "reference", "first_fault", "is_sound"]
FIGURES = ["figure", "value", "low", "high", "items", "problems", "why"]
RUBRIC, CRITERION = "reasoning_quality", "faulty_step"
NONE = 0  # the step of a solution without a faulty one
AGREEMENT = ("kappa", "mcc", "balanced_accuracy", "sensitivity", "specificity")


def load(name: str, folder: str | Path) -> pd.DataFrame:
    """The items of a set, from `<folder>/<name>.jsonl`: the columns of `ITEMS`.

    `steps` are numbered lines, `kept` the same without numbers; `first_fault` is the first faulty step from 1, null if
    none.

    Raises:
        ValueError: no set of this name.
        ProblemError: the file cannot be read, or a row lacks a field.
    """
    if name not in SETS:
        raise ValueError(f"{name}: no such set, expected one of {', '.join(SETS)}")
    rows, _ = jsonl.read(Path(folder) / f"{name}.jsonl", f"expected the rows of {name} as JSON Lines")
    items = [(where, SETS[name](row, where)) for where, row in rows if not row.get("label_conflict")]
    jsonl.need_distinct((where, item["item_id"]) for where, item in items)
    frame = pd.DataFrame([item for _, item in items], columns=ITEMS).astype({"first_fault": "Int64"})
    return frame.assign(is_sound=frame["first_fault"].isna())


def judge_steps(judge: Judge, items: pd.DataFrame, samples: int = 1) -> pd.DataFrame:
    """Judgements on items as from `load`, with `step`: the line where the quote begins, 0 for a verdict of no."""
    asked = rubrics.load(RUBRIC).only([CRITERION])
    rows = judge.score(items.assign(inserted=""), asked, samples)  # "": nothing was put into these solutions
    texts = items.set_index("item_id")["steps"]

    def step(row: dict[str, Any]) -> int | None:
        if row["status"] != "ok":
            return None
        return NONE if row["verdict"] == "no" else texts[row["item_id"]].count("\n", 0, int(row["start"])) + 1

    return rows.assign(step=pd.array([step(row) for row in rows.to_dict("records")], "Int64"))


def vote_steps(judgements: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """The step that most samples of an item name: item_id, problem_id, truth, step (0 for none), votes, samples.

    Of steps named equally often the first counts, and any counts before none.
    """
    truth = items.set_index("item_id")["first_fault"].fillna(NONE)
    rows = []
    for (item, problem), part in judgements.groupby(["item_id", "problem_id"], sort=False):
        counts = Counter(part["step"].dropna())
        step = min(counts, key=lambda step: (-counts[step], step == NONE, step), default=None)
        row = {"item_id": item, "problem_id": problem, "truth": truth[item], "step": step}
        rows.append(row | {"votes": counts.total(), "samples": len(part)})
    columns = ["item_id", "problem_id", "truth", "step", "votes", "samples"]
    return pd.DataFrame(rows, columns=columns).astype({"truth": "Int64", "step": "Int64"})


def figures(
    steps: pd.DataFrame, missing: Literal["out", "wrong"] = "out", draws: int = 2000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """A row per figure: its value with an interval clustered by problem, null with a reason where undefined.

    | figure | |
    |---|---|
    | coverage | share of the solutions with a usable verdict |
    | accuracy_faulty, accuracy_sound | share of the faulty with the very step named, and of the sound with none |
    | f1 | harmonic mean of the two |
    | kappa, mcc, balanced_accuracy | of faulty and sound, whatever step is named |
    | sensitivity, specificity | share found of the faulty, and of the sound |

    Solutions without a usable verdict are left out of all but coverage; with `missing` "wrong" they count as wrong in
    the two accuracies and f1, as in ProcessBench. `steps` are as from `vote_steps`.
    """
    if missing not in ("out", "wrong"):
        raise ValueError(f"missing: expected out or wrong, got {missing!r}")
    usable = steps["step"].notna()
    rows = steps.assign(
        usable=usable.astype(float),
        is_faulty=steps["truth"].ne(NONE).astype(int),
        hit=(steps["step"].eq(steps["truth"]) & usable).fillna(False).astype(float),
        named=steps["step"].ne(NONE).astype(float).where(usable),
    )
    used = rows if missing == "wrong" else rows[usable]
    parts = {
        "coverage": (rows, mean("usable")),
        "accuracy_faulty": (used[used["is_faulty"].eq(1)], mean("hit")),
        "accuracy_sound": (used[used["is_faulty"].eq(0)], mean("hit")),
        "f1": (used, Statistic(_sums, _harmonic_mean)),
    }
    parts |= {name: (rows[usable], agreement.statistic(name, "is_faulty", "named", (0, 1))) for name in AGREEMENT}
    found = [_row(name, *part, {"draws": draws, "seed": seed, "confidence": level}) for name, part in parts.items()]
    return pd.DataFrame(found, columns=FIGURES).astype(dict.fromkeys(FIGURES[1:4], float))


def _sums(frame: pd.DataFrame) -> np.ndarray:
    faulty, hit = frame["is_faulty"].to_numpy(float), frame["hit"].to_numpy(float)
    return np.column_stack([faulty, faulty * hit, 1 - faulty, (1 - faulty) * hit])


def _harmonic_mean(sums: np.ndarray) -> np.ndarray:
    """Of both accuracies: 0 where both are, NaN where a side is empty."""
    n, hits = sums[..., [0, 2]], sums[..., [1, 3]]
    rates = hits / np.where(n > 0, n, np.nan)
    total = rates.sum(-1)
    return np.where(total == 0, 0.0, 2 * rates.prod(-1) / np.where(total == 0, 1, total))


def _row(name: str, frame: pd.DataFrame, figure: Statistic, options: dict[str, Any]) -> dict[str, Any]:
    row = {"figure": name, "items": len(frame), "problems": frame["problem_id"].nunique(), "value": None, "why": ""}
    if frame.empty:
        return row | {"why": "no such solution has a usable verdict"}
    one = interval(frame, figure, **options)
    if one.value is None:
        return row | {"why": f"only one label is {'true' if frame['is_faulty'].nunique() < 2 else 'given'}"}
    why = "all items are of one problem" if one.low is None else ""
    return row | {"value": one.value, "low": one.low, "high": one.high, "why": why}


def _mrben_math(row: dict[str, Any], where: str) -> dict[str, Any]:
    steps = [_without_tag(step) for step in _steps(row, where)[: row["n_steps"]]]
    problem = f"{jsonl.text(row, 'question', where)}\n{jsonl.text(row, 'options', where)}"
    own = {"problem_id": jsonl.text(row, "question_id", where), "problem": problem}
    return _item(row, where, steps) | own | {"answer": row.get("final_choice"), "reference": row.get("gold_answer")}


def _mrben_coding(row: dict[str, Any], where: str) -> dict[str, Any]:
    code = jsonl.text(row, "code", where)
    own = {"problem_id": jsonl.text(row, "question_id", where), "problem": jsonl.text(row, "question", where)}
    lines = "\n".join(f"{i}. {line}" for i, line in enumerate(code.split("\n"), 1))
    return _item(row, where, [], "first_error_line") | own | {"answer": code, "kept": None, "steps": lines}


def _bbmistake(row: dict[str, Any], where: str) -> dict[str, Any]:
    own = {"problem_id": jsonl.text(row, "id", where), "problem": jsonl.text(row, "input", where)}
    ends = {"answer": jsonl.text(row, "answer", where), "reference": jsonl.text(row, "target", where)}
    return _item(row, where, _steps(row, where)) | own | ends


def _prmbench(row: dict[str, Any], where: str) -> dict[str, Any]:
    own = {"problem_id": jsonl.text(row, "id", where), "problem": jsonl.text(row, "question", where)}
    return _item(row, where, _steps(row, where)) | own | {"answer": None}


SETS: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "mrben_math": _mrben_math,
    "mrben_coding": _mrben_coding,
    "bbmistake_arith": _bbmistake,
    "prmbench": _prmbench,
}


def _item(row: dict[str, Any], where: str, steps: list[str], fault: str = "first_error_step") -> dict[str, Any]:
    if fault not in row:
        raise jsonl.ProblemError(f"{where}: {fault}: expected a step from 1 or null, got no such field")
    lines = "\n".join(" ".join(step.split()) for step in steps)  # a line each, so that numbers of steps are of lines
    item = {"item_id": jsonl.text(row, "id", where), "first_fault": row[fault], "reference": None}
    return item | {"steps": numbered(lines), "kept": lines}


def _steps(row: dict[str, Any], where: str) -> list[str]:
    steps = row.get("steps")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, str) and step.strip() for step in steps):
        raise jsonl.ProblemError(f"{where}: steps: expected a list of texts")
    return steps


def _without_tag(step: str) -> str:
    """A step without `Step 3:` in front, as the numbers of the lines say the same."""
    head, colon, rest = step.partition(":")
    return rest.strip() if colon and head.strip().lower().startswith("step ") and rest.strip() else step
