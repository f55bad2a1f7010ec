"""Pairwise judging: two answers to one problem, judged in both orders, and the pull of slot and length on the verdict.

Both answers stand in the view `answer`, each in a fence of its own. Verdicts are 1 or 2, the answer preferred, and null
where the reply could not be used; order is the answer shown first. Answers keep their numbers whatever the order.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from statsmodels.discrete.discrete_model import Logit

from lib.grm import fence
from lib.grm.judge import Judge
from lib.grm.probes import twins
from lib.grm.rubric import Criterion, Option, Rubric
from lib.stats.bootstrap import mean

COLUMNS = ["pair_id", "problem_id", "sample", "order", "verdict", "status", "chars_1", "chars_2"]
QUESTION = "The answer holds two answers by different models. Does the one marked answer_1 solve the problem better?"
LABELS = {"first": 1, "second": 2}


def rubric() -> Rubric:
    """A rubric of scope pair with one question, whose labels are first and second."""
    options = (
        Option("first", 1.0, "answer_1 solves the problem better"),
        Option("second", 0.0, "answer_2 solves the problem better"),
    )
    one = Criterion("preferred", QUESTION, "desired", ("problem", "answer"), options=options)
    kinds = ("none", "hard", "soft", "update", "control")
    return Rubric("preference", "1.0.0", "Which of two answers is better", "pair", kinds, (one,), "Midthought")


def items(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair in both orders, as items of a judge, with pair_id and order (the answer shown first).

    Args:
        pairs: pair_id, problem_id, problem, answer_1, answer_2.
    """
    rows = []
    for pair in pairs.to_dict("records"):
        for order in (1, 2):
            answers = _fenced(*(pair[f"answer_{i}"] for i in (order, 3 - order)))
            own = {"item_id": f"{pair['pair_id']}|{order}", "order": order, "answer": answers}
            rows.append({name: pair[name] for name in ("pair_id", "problem_id", "problem")} | own)
    return pd.DataFrame(rows, columns=["item_id", "problem_id", "problem", "answer", "pair_id", "order"])


def verdicts(judge: Judge, pairs: pd.DataFrame, samples: int = 1) -> pd.DataFrame:
    """The preferred answer of each pair in both orders: a row per pair, order and sample, the columns of `COLUMNS`.

    Args:
        judge: an open judge.
        pairs: as for `items`.
        samples: verdicts on each pair and order.
    """
    shown = items(pairs)
    judged = judge.score(shown, rubric(), samples).merge(shown[["item_id", "pair_id", "order"]], on="item_id")
    slot = judged["verdict"].where(judged["status"].eq("ok")).map(LABELS).astype("Int64")
    verdict = slot.where(judged["order"].eq(1), 3 - slot)
    lengths = {f"chars_{i}": pairs.set_index("pair_id")[f"answer_{i}"].str.len() for i in (1, 2)}
    lengths = {name: judged["pair_id"].map(known).astype(int) for name, known in lengths.items()}
    return judged.assign(verdict=verdict, **lengths)[COLUMNS]


def position(judged: pd.DataFrame) -> pd.DataFrame:
    """Findings on the order of pairs, from a frame as from `verdicts`.

    consistent is the share of all pairs with the same usable verdict in both orders, flipped the share of those usable
    in both whose verdict turns, first_slot the share of usable verdicts for the answer shown first: 0.5 without a pull.
    """
    wide = judged.pivot(index=["pair_id", "problem_id", "sample"], columns="order", values="verdict").reset_index()
    first, second = wide[1].astype(float), wide[2].astype(float)
    same = first.eq(second)
    by_pair = wide.assign(consistent=same.astype(float), flipped=(~same).astype(float).where((first + second).notna()))
    first_slot = judged["verdict"].eq(judged["order"]).astype(float).where(judged["verdict"].notna())
    return twins.joined(
        _figures(by_pair, "consistent", "flipped"), _figures(judged.assign(first_slot=first_slot), "first_slot")
    )


def length(judged: pd.DataFrame, gold: pd.Series) -> pd.DataFrame:
    """The slope of the preference on the log ratio of lengths, with a 95 % interval clustered by problem.

    Args:
        judged: as from `verdicts`.
        gold: the better answer, 1 or 2, by pair_id; pairs without one are left out.
    """
    frame = judged.assign(gold=judged["pair_id"].map(gold)).dropna(subset=["gold", "verdict"])
    fit = length_slope(frame, "problem_id")
    return twins.table([slope("pairs", "length", twins.ALL, frame, fit, "log_length_ratio")])


def slope(probe: str, case: str, criterion: str, frame: pd.DataFrame, fit: pd.DataFrame | None, term: str) -> dict:
    """One term of a regression on a frame, as a row of findings."""
    row = {"probe": probe, "case": case, "criterion": criterion, "figure": "slope", "rows": len(frame)}
    row |= {"problems": frame["problem_id"].nunique(), "why": None}
    if fit is None:
        return row | {"why": "no best fit: too few rows, or one verdict or length only"}
    return row | fit.loc[term, ["value", "low", "high"]].to_dict()


def length_slope(frame: pd.DataFrame, cluster: str | None = None) -> pd.DataFrame | None:
    """The pull of length on the verdict, with correctness and slot held fixed: `logit` of "answer 1 is preferred".

    The terms are ln((chars_1 + 1) / (chars_2 + 1)), gold and slot (1 for answer 1, else -1) and an intercept, after
    AlpacaEval's length control (Dubois et al., arXiv 2404.04475).

    Args:
        frame: a row per verdict: verdict, gold, order (each 1 or 2), chars_1, chars_2; null verdicts are left out.
        cluster: a column by which standard errors are clustered.
    """
    used = frame.loc[frame["verdict"].notna(), ["verdict", "gold", "order", "chars_1", "chars_2"]].astype(float)
    if not used[["verdict", "gold", "order"]].isin([1, 2]).all(axis=None):
        raise ValueError("verdict, gold and order: expected 1 or 2")
    terms = {
        "log_length_ratio": np.log((used["chars_1"] + 1) / (used["chars_2"] + 1)),
        "gold": 3 - 2 * used["gold"],
        "slot": 3 - 2 * used["order"],
        "intercept": 1.0,
    }
    return logit(
        pd.DataFrame(terms, used.index), used["verdict"].eq(1), frame.loc[used.index, cluster] if cluster else None
    )


def logit(terms: pd.DataFrame, outcome: pd.Series, clusters: Sequence | None = None) -> pd.DataFrame | None:
    """A logistic regression: value (log odds per unit), error, low and high (95 %) of each term.

    Errors are clustered where clusters are given, NaN with one cluster. None where there is no unique best fit: no
    rows, terms that separate the classes or depend on each other.
    """
    x, y = terms.to_numpy(float), outcome.to_numpy(float)
    if not len(x) or np.linalg.matrix_rank(x) < x.shape[1]:
        return None
    codes = None if clusters is None else pd.factorize(pd.Series(clusters))[0]
    is_clustered = codes is not None and codes.max() > 0
    options = {"cov_type": "cluster", "cov_kwds": {"groups": codes}} if is_clustered else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of separation and no convergence, which `converged` tells
        try:
            fit = Logit(y, x).fit(disp=0, maxiter=100, **options)
        except np.linalg.LinAlgError:
            return None
    if not fit.mle_retvals["converged"]:
        return None
    low, high = fit.conf_int().T
    found = pd.DataFrame({"value": fit.params, "error": fit.bse, "low": low, "high": high}, terms.columns)
    return found if clusters is None or is_clustered else found.assign(error=np.nan, low=np.nan, high=np.nan)


def _figures(frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    means = {column: mean(column) for column in columns}
    return twins.findings(frame.assign(case="both orders"), "pairs", means, by=["case"])


def _fenced(first: str, second: str) -> str:
    mark = fence.nonce(first, second, salt="pair")
    return f"{fence.fence(first, 'answer_1', mark)}\n{fence.fence(second, 'answer_2', mark)}"
