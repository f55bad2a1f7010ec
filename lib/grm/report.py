"""Reports: stored judgements made one verdict per criterion, and one score per item, with what could not be judged."""

from collections import Counter

import pandas as pd

from lib.grm import scores, votes
from lib.grm.rubric import Criterion, Rubric
from lib.grm.scores import Judgement

ITEM = ["item_id", "problem_id"]


def verdicts(judgements: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """The votes of all samples: a row per item and criterion, in the order of the judgements.

    | column | meaning |
    |---|---|
    | status | ok if any sample has a verdict, else the status that most samples have |
    | verdict, value, confidence | of the vote, as `votes.vote`; value is the mean over samples; null without a vote |
    | votes, samples | verdicts that could be used, and all that were asked for |

    Raises:
        ValueError: a judgement names a criterion that the rubric does not have.
    """
    known = {criterion.id: criterion for criterion in rubric.criteria}
    if strange := sorted(set(judgements["criterion"]) - set(known)):
        raise ValueError(f"criterion {strange[0]}: not in {rubric.full_name}, expected one of {', '.join(known)}")
    groups = judgements.groupby([*ITEM, "criterion"], sort=False)
    rows = [dict(zip([*ITEM, "criterion"], key, strict=True)) | _voted(part, known[key[-1]]) for key, part in groups]
    columns = [*ITEM, "criterion", "status", "verdict", "value", "confidence", "votes", "samples"]
    return pd.DataFrame(rows, columns=columns)


def _voted(part: pd.DataFrame, criterion: Criterion) -> dict:
    labels = part["verdict"].astype(object).where(part["status"].eq("ok"), None)
    vote = votes.vote(labels.tolist(), {label: criterion.values[label] for label in criterion.levels})
    status = "ok" if vote.votes else Counter(part["status"]).most_common(1)[0][0]
    told = {"status": status, "verdict": vote.label, "value": vote.score, "confidence": vote.confidence}
    return told | {"votes": vote.votes, "samples": len(part)}


def summary(voted: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """One score per item: item_id, problem_id, and the fields of `scores.Score`; gates as one text.

    Args:
        voted: as from `verdicts`; what is not ok has no part in a score.
        rubric: gives weights, polarities and gates.
    """
    rows = []
    for key, part in voted.groupby(ITEM, sort=False):
        told = {row["criterion"]: _judgement(row, rubric) for row in part.to_dict("records")}
        score = scores.score(told, rubric.criteria, rubric.gates)
        fields = {name: getattr(score, name) for name in ("raw", "clamped", "score", "coverage", "low", "high")}
        rows.append(dict(zip(ITEM, key, strict=True)) | fields | {"gates": ", ".join(score.gates)})
    columns = [*ITEM, "raw", "clamped", "score", "coverage", "low", "high", "gates"]
    return pd.DataFrame(rows, columns=columns)


def _judgement(row: dict, rubric: Rubric) -> Judgement:
    if row["status"] != "ok":
        return Judgement(row["status"])
    return Judgement("ok", row["verdict"], float(row["value"]))


def against(summed: pd.DataFrame, correct: pd.Series, bar: float = 0.5) -> pd.DataFrame:
    """The program's verdict against the judge's score, in counts: rows right, wrong and unknown by a program.

    Columns are `score >= bar`, `score < bar` and `no score`. Neither verdict is ever made into the other.

    Args:
        summed: as from `summary`.
        correct: whether a program found an item right, by item_id; null where none could tell.
        bar: score from which an item counts as good.
    """
    told = summed["item_id"].map(correct.astype(object))
    program = told.map({True: "right", False: "wrong"}).fillna("unknown")
    above, below = f"score >= {bar:g}", f"score < {bar:g}"
    judged = summed["score"].ge(bar).map({True: above, False: below}).where(summed["score"].notna(), "no score")
    counts = (
        pd.crosstab(program, judged).reindex(["right", "wrong", "unknown"]).reindex(columns=[above, below, "no score"])
    )
    return counts.fillna(0).astype(int).rename_axis(index="program", columns="judge")
