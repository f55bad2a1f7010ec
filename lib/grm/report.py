"""Reports: stored judgements made one verdict per criterion, and one score per item, with what could not be judged."""

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
    judgements = judgements.reset_index(drop=True)
    groups = judgements.groupby([*ITEM, "criterion"], sort=False)
    found, group = groups.size().rename("samples").reset_index(), groups.ngroup()
    voted = [_voted(judgements, group, found, known[name]) for name in found["criterion"].unique()]
    found = found.join(pd.concat(voted)) if voted else found.reindex(columns=[*found.columns, *votes.COLUMNS])
    found["status"] = _commonest(judgements["status"], group).where(found["votes"].eq(0), "ok")
    return found[[*ITEM, "criterion", "status", "verdict", "value", "confidence", "votes", "samples"]]


def _voted(judgements: pd.DataFrame, group: pd.Series, found: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """The votes on one criterion, by row of `found`; `group` is that row of each judgement."""
    values = {label: criterion.values[label] for label in criterion.levels}
    usable = judgements["criterion"].eq(criterion.id) & judgements["status"].eq("ok") & judgements["verdict"].notna()
    said = judgements.loc[usable, "verdict"]
    if not (off := said[~said.isin(list(values))]).empty:
        votes.vote([off.iloc[0]], values)  # which says what is wrong
    counts = pd.crosstab(group[usable], said).reindex(found.index[found["criterion"].eq(criterion.id)], fill_value=0)
    return votes.many(counts.reindex(columns=list(values), fill_value=0), values)


def _commonest(status: pd.Series, group: pd.Series) -> pd.Series:
    """The status that most judgements of a group have, the first of them where several do."""
    counts = status.groupby([group, status], sort=False).size().rename_axis(["group", "status"]).rename("n")
    ranked = counts.reset_index().sort_values("n", ascending=False, kind="stable")
    return ranked.drop_duplicates("group").set_index("group")["status"].sort_index()


def summary(voted: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """One score per item: item_id, problem_id, and the fields of `scores.Score`; gates as one text.

    Args:
        voted: as from `verdicts`; what is not ok has no part in a score.
        rubric: gives weights, polarities and gates.
    """
    items: dict[tuple, dict[str, Judgement]] = {}
    for row in voted.to_dict("records"):
        items.setdefault(tuple(row[name] for name in ITEM), {})[row["criterion"]] = _judgement(row)
    rows = []
    for key, told in items.items():
        score = scores.score(told, rubric.criteria, rubric.gates)
        fields = {name: getattr(score, name) for name in ("raw", "clamped", "score", "coverage", "low", "high")}
        rows.append(dict(zip(ITEM, key, strict=True)) | fields | {"gates": ", ".join(score.gates)})
    columns = [*ITEM, "raw", "clamped", "score", "coverage", "low", "high", "gates"]
    return pd.DataFrame(rows, columns=columns)


def _judgement(row: dict) -> Judgement:
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
