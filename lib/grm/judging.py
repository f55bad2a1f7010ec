"""The judge of a study: which continuations it is asked about, and its judgements as a table.

A study without a judge has no judgements: an empty frame.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lib import engine, params, schema
from lib.engine import seed_of, store
from lib.grm.judge import COLUMNS, Judge, Policy
from lib.grm.rubric import Rubric, RubricError, load
from lib.interrupts import records
from lib.params.settings import Study

NAMES = {"item_id": "continuation_id", "sample": "draw", "quote": "evidence"}  # of a judgement, and of the table


def rubrics(study: Study) -> dict[str, Rubric]:
    """The rubrics of a study by name, each with the criteria that the study names.

    Raises:
        ParamsError: a rubric has no sound file, or no such criterion; every fault of the study, joined by "; ".
    """
    found, faults = {}, []
    for name, wanted in study.rubrics.items():
        try:
            whole = load(name)
            found[name] = whole if wanted == "all" else whole.only(wanted)
        except RubricError as error:
            faults.append(f"rubrics.{name}: {error}")
    if faults:
        raise params.ParamsError(f"{params.location('studies', study.name)}: {'; '.join(faults)}")
    return found


def chosen(study: Study, rubric: Rubric, items: pd.DataFrame) -> pd.DataFrame:
    """The items that a rubric is for, by the kind of their interrupt; at most `study.judged`, in their order.

    Problems are drawn by the study's seed, the same ones for each rubric and model, and judged whole as long as there
    is room. What room is left then goes to the next problems' items, cell by cell, so that the numbers in cells of
    interrupt and position differ as little as they can.
    """
    kinds = {name: params.load_interrupt(name).kind for name in items["interrupt"].unique()}
    fitting = items[items["interrupt"].map(kinds).isin(rubric.interrupts)]
    if len(fitting) <= study.judged:
        return fitting
    drawn = {name: seed_of(study.seed, "judged", name) for name in fitting["problem_id"].unique()}
    order = fitting["problem_id"].map(drawn).reset_index(drop=True).sort_values(kind="stable").index
    return fitting.iloc[sorted(_first(study, fitting.iloc[order].reset_index(drop=True), order))]


def assigned(study: Study, asked: Mapping[str, Rubric], rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that any rubric takes, as `chosen`, and a column `rubrics`: a tuple of their names."""
    taken: dict[Any, list[str]] = {}
    rows = rows.reset_index(drop=True)
    for name, rubric in asked.items():
        for place in chosen(study, rubric, rows).index:
            taken.setdefault(place, []).append(name)
    kept = rows.loc[sorted(taken)]
    return kept.assign(rubrics=[tuple(taken[place]) for place in kept.index])


def items(
    study: Study,
    traces: pd.DataFrame,
    continuations: pd.DataFrame,
    problems: pd.DataFrame,
    updates: pd.DataFrame,
) -> pd.DataFrame:
    """The items of one model that a judge reads: as `lib.interrupts.records.items`, with `source` and `rubrics`."""
    asked = rubrics(study) if study.judge else {}
    wanted = study.judged_sources or study.sources
    taken = assigned(study, asked, continuations[continuations["source"].isin(wanted)])
    items = records.items(traces, taken, problems, updates, continuations)
    return items.assign(source=taken["source"].to_numpy(), rubrics=taken["rubrics"].to_numpy())


def _first(study: Study, rows: pd.DataFrame, places: pd.Index) -> list[int]:
    """Places of `study.judged` rows, sorted by problem: whole problems, then cell by cell."""
    ends = rows.groupby("problem_id", sort=False).size().cumsum()  # rows up to the end of each problem
    cells = rows.groupby(["interrupt", "position"], sort=False)
    ties = cells.ngroup().map(lambda cell: seed_of(study.seed, "cell", cell))  # else the first cells would win
    is_late = rows["problem_id"].map(ends).gt(study.judged)
    ranks = pd.DataFrame({"late": is_late, "rank": cells.cumcount().where(is_late, 0), "tie": ties})
    return places[ranks.sort_values(["late", "rank", "tie"], kind="stable").index[: study.judged]].tolist()


def judge(study: Study, model: str, items: pd.DataFrame, policy: Policy | None = None) -> pd.DataFrame:
    """Judgements (`lib.grm.judge.COLUMNS`) on a model's `items` by all rubrics of a study; no rows without a judge.

    Replies are stored as they come, so that a run that was stopped asks nothing twice; one that finds all of them on
    disk loads no model.

    Raises:
        EngineError: the judge cannot be opened, or fails as a whole.
        PartsError: another run of the study holds its replies.
    """
    asked = rubrics(study)
    if study.judge is None or not asked:
        return pd.DataFrame(columns=COLUMNS)
    judging_model = params.load_model(study.judge)
    name = f"judgements-{study.judge}-{model}"
    with store.open(study.name, name) as kept, engine.when_needed(judging_model) as ready:
        own_judge = Judge(ready, policy, study.seed, kept)
        parts = {name: items[items["rubrics"].map({name}.issubset).astype(bool)] for name in asked}
        frames = [own_judge.score(parts[name], rubric, study.draws) for name, rubric in asked.items()]
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)


def parameters(study: Study) -> dict[str, Any]:
    """What shapes a study's judgements, to be stored beside them: the study, its judge and its rubrics."""
    own = params.load_model(study.judge).as_dict() if study.judge else None
    asked = {name: rubric.as_dict() for name, rubric in rubrics(study).items()}
    return {"study": study.as_dict(), "judge": own, "rubrics": asked}


def rows(judgements: pd.DataFrame, model: str, truth: pd.DataFrame) -> pd.DataFrame:
    """Judgements of a model, with the truth as from `lib.grm.results.truth`, as rows of the judgements table."""
    labels = truth.rename(columns={"label": "truth", "by": "truth_by"})[["item_id", "criterion", "truth", "truth_by"]]
    rows = judgements.merge(labels, on=["item_id", "criterion"], how="left", validate="many_to_one")
    return rows.rename(columns=NAMES).assign(model=model)[schema.TABLES["judgements"].names()]


def judgements(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the judgements table, of one model, with the columns of `Judge.score`."""
    return table.rename(columns={new: old for old, new in NAMES.items()})[COLUMNS].reset_index(drop=True)
