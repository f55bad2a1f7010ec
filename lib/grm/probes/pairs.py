"""Pairs: two answers to one problem, judged against each other in both orders, to tell slot and merit apart.

Both stand in the view `answer`, each in a fence of its own. Verdicts are 1 and 2 for the answers of a pair, whichever
is shown first, as `lib.grm.probes.pair_statistics` takes them.
"""

import pandas as pd

from lib.grm import fence
from lib.grm.judge import Judge
from lib.grm.probes import findings, pair_statistics
from lib.grm.rubric import Criterion, Option, Rubric
from lib.stats.bootstrap import Statistic

COLUMNS = ["pair_id", "problem_id", "sample", "order", "verdict", "status", "chars_1", "chars_2"]
QUESTION = "The answer holds two answers by different models. Does the one marked answer_1 solve the problem better?"
LABELS = {"first": 1, "second": 2}


def rubric(question: str = QUESTION, name: str = "preference") -> Rubric:
    """A rubric of scope pair with one question, whose labels are first and second."""
    options = (
        Option("first", 1.0, "answer_1 solves the problem better"),
        Option("second", 0.0, "answer_2 solves the problem better"),
    )
    one = Criterion("preferred", question, "desired", ("problem", "answer"), options=options)
    kinds = ("none", "hard", "soft", "update", "control")
    return Rubric(name, "1.0.0", "Which of two answers is better", "pair", kinds, (one,), "Midthought")


def items(shown: pd.DataFrame) -> pd.DataFrame:
    """Each pair in both orders, as items of a judge.

    Args:
        shown: pair_id, problem_id, problem, answer_1, answer_2.

    Returns:
        item_id, problem_id, problem, answer, and pair_id and order (the answer shown first).

    Raises:
        ValueError: a column is missing.
    """
    needed = ["pair_id", "problem_id", "problem", "answer_1", "answer_2"]
    if absent := [name for name in needed if name not in shown.columns]:
        raise ValueError(f"pairs: missing columns: {', '.join(absent)}")
    rows = []
    for pair in shown.to_dict("records"):
        for order in (1, 2):
            texts = [pair[f"answer_{i}"] for i in (order, 3 - order)]
            told = {"item_id": f"{pair['pair_id']}|{order}", "order": order, "answer": _together(*texts)}
            rows.append({name: pair[name] for name in needed[:3]} | told)
    return pd.DataFrame(rows, columns=["item_id", "problem_id", "problem", "answer", "pair_id", "order"])


def verdicts(judge: Judge, shown: pd.DataFrame, asked: Rubric | None = None, samples: int = 1) -> pd.DataFrame:
    """Which answer of each pair is preferred, in both orders: the columns of `COLUMNS`, a row an order and sample.

    With a column for the better answer as gold, the result is what `probes.length_slope` takes.

    Args:
        judge: an open judge.
        shown: as for `items`.
        asked: a rubric whose labels are first and second; `rubric()` by default.
        samples: verdicts on each pair and order.
    """
    made = items(shown)
    told = judge.score(made, asked or rubric(), samples).merge(made[["item_id", "pair_id", "order"]], on="item_id")
    slot = told["verdict"].where(told["status"].eq("ok")).map(LABELS).astype("Int64")
    verdict = slot.where(told["order"].eq(1), 3 - slot)
    chars = {f"chars_{i}": shown.set_index("pair_id")[f"answer_{i}"].str.len() for i in (1, 2)}
    lengths = {name: told["pair_id"].map(known).astype(int) for name, known in chars.items()}
    return told.assign(verdict=verdict, **lengths)[COLUMNS]


def position(told: pd.DataFrame) -> pd.DataFrame:
    """Findings on the order of pairs: consistent and flipped of the pairs, and the share of the slot shown first.

    consistent is the share of all pairs with the same usable verdict in both orders, flipped the share of those usable
    in both whose verdict turns, first_slot the share of usable verdicts for the answer shown first, 0.5 without
    preference.

    Args:
        told: as from `verdicts`.
    """
    wide = told.pivot(index=["pair_id", "problem_id", "sample"], columns="order", values="verdict").reset_index()
    first, second = wide[1].astype(float), wide[2].astype(float)
    same = first.eq(second)
    whole = wide.assign(consistent=same.astype(float), flipped=(~same).astype(float).where((first + second).notna()))
    slots = told.assign(first_slot=told["verdict"].eq(told["order"]).astype(float).where(told["verdict"].notna()))
    return findings.joined(
        _of(whole, {"consistent": findings.share("consistent"), "flipped": findings.share("flipped")}),
        _of(slots, {"first_slot": findings.share("first_slot")}),
    )


def length(told: pd.DataFrame, gold: pd.Series) -> pd.DataFrame:
    """The slope of the preference on the log ratio of lengths, with 1.96 standard errors clustered by problem.

    Args:
        told: as from `verdicts`.
        gold: the better answer, 1 or 2, by pair_id; pairs without one are left out.
    """
    frame = told.assign(gold=told["pair_id"].map(gold)).dropna(subset=["gold", "verdict"])
    fit = pair_statistics.length_slope(frame, "problem_id")
    row = {"probe": "pairs", "case": "length", "criterion": findings.ALL, "figure": "slope", "rows": len(frame)}
    row |= {"problems": frame["problem_id"].nunique()}
    if fit is None:
        return findings.table([row | {"why": "no best fit: too few rows, or one verdict, length or gold only"}])
    low, high = fit.interval("log_length_ratio")
    return findings.table([row | {"value": fit.coefficients["log_length_ratio"], "low": low, "high": high}])


def _of(frame: pd.DataFrame, figures: dict[str, Statistic]) -> pd.DataFrame:
    return findings.findings(frame.assign(case="both orders"), "pairs", figures, by=["case"])


def _together(first: str, second: str) -> str:
    mark = fence.nonce(first, second, salt="pair")
    return f"{fence.fence(first, 'answer_1', mark)}\n{fence.fence(second, 'answer_2', mark)}"
