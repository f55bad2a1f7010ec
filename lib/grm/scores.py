"""Scores: the judgements of all samples made one verdict per criterion, and the verdicts one score per item."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd

from lib.grm import votes
from lib.grm.rubric import Criterion, Gate, Rubric

ITEM = ["item_id", "problem_id"]
VERDICTS = [*ITEM, "criterion", "status", "verdict", "value", "confidence", "votes", "samples"]


@dataclass(frozen=True)
class Score:
    """A score from 0 to 1 and what stands behind it."""

    raw: float | None  # before limits; below 0 where undesired things outweigh; None: nothing desired was judged
    clamped: float | None  # raw, limited to 0 to 1
    score: float | None  # clamped, limited by the gates
    coverage: float  # share of all weight that was judged
    low: float | None  # score if everything not judged came out worst; None: no desired criterion has a weight
    high: float | None  # the same, best
    gates: tuple[str, ...]  # gates that limited it, as "criterion=label"


def verdicts(judgements: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """The vote over all samples: a row per item and criterion, in the order of the judgements.

    | column | meaning |
    |---|---|
    | status | ok if any sample has a verdict, else the status that most samples have |
    | verdict, value, confidence | as `votes.majority` |
    | votes, samples | usable verdicts, and all that were asked for |
    """
    known = [criterion.id for criterion in rubric.criteria]
    if unknown := sorted(set(judgements["criterion"]) - set(known)):
        raise ValueError(f"criterion {unknown[0]}: not in {rubric.full_name}, expected one of {', '.join(known)}")
    judgements = judgements.reset_index(drop=True)
    groups = judgements.groupby([*ITEM, "criterion"], sort=False)
    rows, group = groups.size().rename("samples").reset_index(), groups.ngroup()
    voted = [_votes(judgements, group, rows, rubric.criterion(name)) for name in rows["criterion"].unique()]
    rows = rows.join(pd.concat(voted)) if voted else rows.reindex(columns=[*rows.columns, *votes.COLUMNS])
    rows["status"] = _commonest(judgements["status"], group).where(rows["votes"].eq(0), "ok")
    return rows[VERDICTS]


def _votes(judgements: pd.DataFrame, group: pd.Series, rows: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    """The votes on one criterion, by row of `rows`; `group` is that row of each judgement."""
    values = {label: criterion.values[label] for label in criterion.levels}
    usable = judgements["criterion"].eq(criterion.id) & judgements["status"].eq("ok") & judgements["verdict"].notna()
    labels = judgements.loc[usable, "verdict"]
    if unknown := set(labels) - set(values):
        raise ValueError(f"label {min(map(repr, unknown))}: expected one of {', '.join(values)}")
    counts = pd.crosstab(group[usable], labels).reindex(rows.index[rows["criterion"].eq(criterion.id)], fill_value=0)
    return votes.majority(counts.reindex(columns=list(values), fill_value=0), values)


def _commonest(status: pd.Series, group: pd.Series) -> pd.Series:
    """The status that most judgements of a group have, the first of them where several do."""
    counts = status.groupby([group, status], sort=False).size().rename_axis(["group", "status"]).rename("n")
    ranked = counts.reset_index().sort_values("n", ascending=False, kind="stable")
    return ranked.drop_duplicates("group").set_index("group")["status"].sort_index()


def summary(voted: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """One score per item, of verdicts as from `verdicts`: item_id, problem_id, and the fields of `Score`."""
    rows = []
    for key, part in voted.groupby(ITEM, sort=False):
        judged = part[part["status"].eq("ok")]
        labels = dict(zip(judged["criterion"], zip(judged["verdict"], judged["value"], strict=True), strict=True))
        one = score(labels, rubric)
        rows.append(dict(zip(ITEM, key, strict=True)) | asdict(one) | {"gates": ", ".join(one.gates)})
    return pd.DataFrame(rows, columns=[*ITEM, *(field.name for field in fields(Score))])


def score(judged: Mapping[str, tuple[str, float]], rubric: Rubric) -> Score:
    """The score of one item: sum of signed weight x value over the sum of desired weight, of what was judged.

    Undesired criteria count with a minus, as in HealthBench (Arora et al., arXiv 2505.08775). A criterion that was not
    judged is in neither sum, and widens low to high; its gates limit low or high only. `judged` has label and value by
    criterion.
    """
    total = sum(criterion.weight for criterion in rubric.criteria)
    if not total:
        raise ValueError(f"{rubric.full_name}: expected a criterion with a weight")
    values = {name: value for name, (_, value) in judged.items()}
    known = [criterion for criterion in rubric.criteria if criterion.id in judged]
    raw = _mean(known, values)
    active = [gate for gate in rubric.gates if gate.criterion in judged and judged[gate.criterion][0] == gate.label]
    possible = [gate for gate in rubric.gates if gate.criterion not in judged]
    worst, best = (
        _mean(rubric.criteria, {c.id: float((c.polarity == "desired") is is_best) for c in rubric.criteria} | values)
        for is_best in (False, True)
    )
    return Score(
        raw=raw,
        clamped=_limited(raw, [], []),
        score=_limited(raw, active, active),
        coverage=sum(criterion.weight for criterion in known) / total,
        low=_limited(worst, active, [*active, *possible]),
        high=_limited(best, [*active, *possible], active),
        gates=tuple(f"{gate.criterion}={gate.label}" for gate in active),
    )


def _mean(criteria: Iterable[Criterion], values: Mapping[str, float]) -> float | None:
    """Signed sum over desired weight; None without desired weight."""
    above = below = 0.0
    for criterion in criteria:
        is_desired = criterion.polarity == "desired"
        above += (1 if is_desired else -1) * criterion.weight * values[criterion.id]
        below += criterion.weight if is_desired else 0
    return above / below if below else None


def _limited(value: float | None, floors: Iterable[Gate], caps: Iterable[Gate]) -> float | None:
    """The value in 0 to 1 and within gates; where a floor is above a cap, the cap wins."""
    if value is None:
        return None
    low = [gate.at_least for gate in floors if gate.at_least is not None]
    high = [gate.at_most for gate in caps if gate.at_most is not None]
    return min([max([value, 0.0, *low]), 1.0, *high])


def against_program(summed: pd.DataFrame, correct: pd.Series) -> pd.DataFrame:
    """Counts of the program's verdict (right, wrong, unknown) against the judge's score (0.5 and above, below, none).

    `summed` is as from `summary`; `correct` tells by item_id whether a program found an item right.
    """
    program = summed["item_id"].map(correct.astype(object)).map({True: "right", False: "wrong"}).fillna("unknown")
    columns = [above, below, none] = ["score >= 0.5", "score < 0.5", "no score"]
    judged = summed["score"].ge(0.5).map({True: above, False: below}).where(summed["score"].notna(), none)
    counts = pd.crosstab(program, judged).reindex(["right", "wrong", "unknown"]).reindex(columns=columns)
    return counts.fillna(0).astype(int).rename_axis(index="program", columns="judge")


def tree(node: Mapping[str, Any]) -> float | None:
    """The score of a node of a weighted tree: a leaf's own, else the weighted mean of its children's scores.

    `node` has score, weight and sub_tasks (a list; empty for a leaf), as PaperBench's rubrics have (Starace et al.,
    arXiv 2504.01848). A child without a score (None), or without weight, is left out; None if none is left.
    """
    if not node["sub_tasks"]:
        return node["score"]
    scored = [(child["weight"], tree(child)) for child in node["sub_tasks"] if child["weight"]]
    scored = [(weight, value) for weight, value in scored if value is not None]
    return sum(weight * value for weight, value in scored) / sum(weight for weight, _ in scored) if scored else None
