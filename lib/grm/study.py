"""The judge of a study: which continuations it is asked about, and its judgements as a table.

A study without a judge has no judgements, and everything here says so with an empty frame.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lib import engine, params, schema
from lib.engine import Engine, seed_of
from lib.engine import store as parts
from lib.engine.store import Store
from lib.grm import judge as judges
from lib.grm import rubric as files
from lib.grm.judge import Judge, Policy
from lib.grm.rubric import Rubric, RubricError
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
            whole = files.load(name)
            found[name] = whole if wanted == "all" else whole.only(wanted)
        except RubricError as error:
            faults.append(f"rubrics.{name}: {error}")
    if faults:
        raise params.ParamsError(f"{params.location('studies', study.name)}: {'; '.join(faults)}")
    return found


def chosen(study: Study, rubric: Rubric, items: pd.DataFrame) -> pd.DataFrame:
    """The items that a rubric is for, by the kind of their interrupt; of many, `study.judged` of them.

    Problems are drawn by the study's seed, the same ones for each rubric and model, and judged whole as long as there
    is room. What room is left then goes to the next problems' items, cell by cell, so that the numbers in cells of
    interrupt and position differ as little as they can.

    Args:
        study: gives `judged` and seed.
        rubric: whose `interrupts` decide what it is for.
        items: problem_id, interrupt (a file in `params/interrupts/`) and position, a row per item.

    Returns:
        Rows of `items`, in their order.

    Raises:
        ParamsError: an interrupt has no sound file.
    """
    kinds = {name: params.load_interrupt(name).kind for name in items["interrupt"].unique()}
    fitting = items[items["interrupt"].map(kinds).isin(rubric.interrupts)]
    if len(fitting) <= study.judged:
        return fitting
    drawn = {name: seed_of(study.seed, "judged", name) for name in fitting["problem_id"].unique()}
    order = fitting["problem_id"].map(drawn).reset_index(drop=True).sort_values(kind="stable").index
    return fitting.iloc[sorted(_first(study, fitting.iloc[order].reset_index(drop=True), order))]


def assigned(study: Study, asked: Mapping[str, Rubric], rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that any rubric takes, as `chosen`, with a column `rubrics`: names of those that do, as a tuple."""
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
    """The items of one model that a judge reads: as `lib.interrupts.records.items`, with `source` and `rubrics`.

    Raises:
        ParamsError: as `rubrics`.
        ValueError: as `lib.interrupts.records.items`.
    """
    asked = rubrics(study) if study.judge else {}
    wanted = study.judged_sources or study.sources
    taken = assigned(study, asked, continuations[continuations["source"].isin(wanted)])
    items = records.items(traces, taken, problems, updates, continuations)
    return items.assign(source=taken["source"].to_numpy(), rubrics=taken["rubrics"].to_numpy())


def _first(study: Study, rows: pd.DataFrame, places: pd.Index) -> list[int]:
    """The places of `study.judged` rows, which stand problem by problem: whole problems, then cell by cell."""
    ends = rows.groupby("problem_id", sort=False).size().cumsum()  # rows up to the end of each problem
    cells = rows.groupby(["interrupt", "position"], sort=False)
    ties = cells.ngroup().map(lambda cell: seed_of(study.seed, "cell", cell))  # else the first cells would win
    is_late = rows["problem_id"].map(ends).gt(study.judged)
    ranks = pd.DataFrame({"late": is_late, "rank": cells.cumcount().where(is_late, 0), "tie": ties})
    return places[ranks.sort_values(["late", "rank", "tie"], kind="stable").index[: study.judged]].tolist()


def judge(study: Study, model: str, items: pd.DataFrame, policy: Policy | None = None) -> pd.DataFrame:
    """Judgements on a model's continuations by all rubrics of a study, from one opening of its judge.

    Replies are kept as they come, so that a run that was stopped asks nothing twice; one that finds all of them on
    disk loads no model. Progress is shown on stderr.

    Args:
        study: names the judge, the rubrics, how many items are judged, and how often each.
        model: which is judged.
        items: as from `items`, of that model; without a column `rubrics`, each takes those that `chosen` gives.
        policy: how the judge is asked; None: as `Policy` says.

    Returns:
        The columns of `lib.grm.judge.COLUMNS`, rubric by rubric; no rows without a judge.

    Raises:
        ParamsError: as `rubrics`.
        EngineError: the judge cannot be opened, or fails as a whole.
        PartsError: another run of the study holds what it has said.
    """
    asked = rubrics(study)
    if study.judge is None or not asked:
        return pd.DataFrame(columns=judges.COLUMNS)
    own = params.load_model(study.judge)
    with parts.open(study.name, f"judgements-{own.name}-{model}") as store, engine.when_needed(own) as ready:
        return ask(ready, study, asked, items, policy, store)


def ask(
    ready: Engine,
    study: Study,
    asked: Mapping[str, Rubric],
    items: pd.DataFrame,
    policy: Policy | None = None,
    store: Store | None = None,
) -> pd.DataFrame:
    """As `judge`, of an open engine and given rubrics."""
    own = Judge(ready, policy, study.seed, store)
    taken = items if "rubrics" in items.columns else assigned(study, asked, items)
    parts_of = {name: taken[taken["rubrics"].map({name}.issubset).astype(bool)] for name in asked}
    frames = [own.score(parts_of[name], rubric, study.draws) for name, rubric in asked.items()]
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=judges.COLUMNS)


def parameters(study: Study) -> dict[str, Any]:
    """What shapes a study's judgements, to be stored beside them: the study, its judge, and all that it is asked."""
    own = params.load_model(study.judge).as_dict() if study.judge else None
    asked = {name: rubric.as_dict() for name, rubric in rubrics(study).items()}
    return {"study": study.as_dict(), "judge": own, "rubrics": asked}


def rows(judgements: pd.DataFrame, model: str, truth: pd.DataFrame) -> pd.DataFrame:
    """Judgements as rows of the judgements table.

    Args:
        judgements: as from `judge`.
        model: the one that is judged.
        truth: as from `lib.grm.results.truth`.
    """
    labels = truth.rename(columns={"label": "truth", "by": "truth_by"})[["item_id", "criterion", "truth", "truth_by"]]
    rows = judgements.merge(labels, on=["item_id", "criterion"], how="left", validate="many_to_one")
    return rows.rename(columns=NAMES).assign(model=model)[schema.TABLES["judgements"].names()]


def judgements(table: pd.DataFrame, rubric: Rubric | None = None) -> pd.DataFrame:
    """Rows of the judgements table as `lib.grm` takes them: item_id, sample and quote by these names.

    Args:
        table: rows of the judgements table, of one judged model.
        rubric: whose judgements are wanted; those of another version or of other criteria are not among them.
    """
    own = table if rubric is None else table[table["rubric"].eq(rubric.identity)]
    return own.rename(columns={new: old for old, new in NAMES.items()})[judges.COLUMNS].reset_index(drop=True)
