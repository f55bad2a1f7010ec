"""Labels by people: which items to label, a widget that asks, the labels on disk, and agreement of raters.

A rater sees nothing of what a judge said. Labels lie in `params/studies/<study>/labels.csv`, one row per item,
criterion and rater:

| column | | meaning |
|---|---|---|
| item_id, criterion | required | what was labelled; in a study an item is `<model>/<continuation_id>` |
| rater | required | who labelled it, by any name that is kept the same |
| label | required | one of the criterion's labels, or cannot_assess |
| notes | may be empty | why, in a few words |
"""

import itertools
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import paths, tables
from lib.grm import prompt, scores
from lib.grm.rubric import CANNOT, Criterion, Rubric
from lib.html import PART, escape, pre
from lib.stats.agreement import alpha, cohen_kappa
from lib.stats.bootstrap import interval

TASKS = ["item_id", "problem_id", "criterion"]
COLUMNS = ["item_id", "criterion", "rater", "label", "notes"]
KEY = COLUMNS[:3]
AGREEMENT = ["criterion", "items", "problems", "raters"] + [
    f"{who}_{name}" for who in ("human", "judge") for name in ("kappa", "alpha", "alpha_low", "alpha_high")
]


class LabelError(ValueError):
    """Labels that cannot be read or used; its text is one line."""


# tasks


def draw_tasks(items: pd.DataFrame, rubric: Rubric, n: int, seed: int) -> pd.DataFrame:
    """A random sample to label, stratified by interrupt and position: a row per item and criterion, as `TASKS`.

    `n` of the items are drawn, each with every criterion whose views it has, in random order.
    """
    names = items[["interrupt", "position", "item_id"]].astype(object).sort_values("item_id")
    groups: dict[tuple[str, ...], list[str]] = {}
    for *stratum, name in names.itertuples(index=False):
        groups.setdefault(tuple(map(str, stratum)), []).append(name)
    draw = random.Random(seed)
    shuffled = [draw.sample(groups[stratum], len(groups[stratum])) for stratum in sorted(groups)]
    in_turn = [name for turn in itertools.zip_longest(*shuffled) for name in turn if name is not None]
    order = draw.sample(sorted(in_turn[:n]), len(in_turn[:n]))
    rows = items.set_index("item_id").loc[order].reset_index().to_dict("records")
    tasks = [
        (row["item_id"], row["problem_id"], criterion.id)
        for row in rows
        for criterion in rubric.criteria
        if not any(pd.isna(row.get(view)) for view in criterion.views)
    ]
    return pd.DataFrame(tasks, columns=TASKS)


def remaining(tasks: pd.DataFrame, labels: pd.DataFrame, rater: str) -> pd.DataFrame:
    """The tasks that a rater has not labelled yet, in their order."""
    own = labels[labels["rater"].eq(rater)]
    done = set(zip(own["item_id"], own["criterion"], strict=True))
    return tasks[[key not in done for key in zip(tasks["item_id"], tasks["criterion"], strict=True)]]


def task_html(item: Mapping[str, Any], criterion: Criterion) -> str:
    """HTML of one task: the views that the criterion may see, its question, and what its labels mean."""
    views = "".join(_view(prompt.VIEWS[view], str(item[view])) for view in prompt.VIEWS if view in criterion.views)
    meanings = {option.label: option.description for option in criterion.options}
    meanings[CANNOT] = "the record does not show it"
    menu = "".join(f"<li><b>{escape(label)}</b>: {escape(text)}</li>" for label, text in meanings.items())
    applies = f"<p>{escape(criterion.applies)} Then the label is {CANNOT}.</p>" if criterion.applies else ""
    heading = f"<p>{escape(str(item['item_id']))} · {escape(criterion.id)}</p>"
    return f"{heading}{views}<p><b>{escape(criterion.question)}</b></p>{applies}<ul>{menu}</ul>"


def _view(title: str, text: str) -> str:
    return f"<p><b>{escape(title)}</b></p>{pre(escape(text) if text.strip() else '<i>nothing</i>', PART)}"


def browse(study: str, items: pd.DataFrame, rubric: Rubric, tasks: pd.DataFrame, rater: str) -> Any:
    """A widget that shows one task at a time, and writes the rater's labels into the study's file."""
    import ipywidgets as widgets  # not needed to read a notebook

    if not rater.strip():
        raise LabelError("rater: expected a name that is kept the same, got none")
    rows, records = tasks.to_dict("records"), {row["item_id"]: row for row in items.to_dict("records")}
    if not rows:
        return widgets.VBox([widgets.HTML("There is nothing to label.")])
    undone = remaining(tasks, read(study, rubric), rater)
    first = tasks.index.get_loc(undone.index[0]) + 1 if len(undone) else 1
    place = widgets.BoundedIntText(value=first, min=1, max=len(rows), description=f"of {len(rows)}")
    shown, state, notes = widgets.HTML(), widgets.Label(), widgets.Text(placeholder="why, in a few words")
    buttons = widgets.HBox()

    def show(_: Any = None) -> None:
        task = rows[place.value - 1]
        criterion = rubric.criterion(task["criterion"])
        shown.value = task_html(records[task["item_id"]], criterion)
        label = read(study, rubric).set_index(KEY)["label"].get((task["item_id"], task["criterion"], rater))
        state.value = f"Labelled: {label}" if label else "Not labelled yet."
        buttons.children = [widgets.Button(description=label) for label in (*criterion.labels, CANNOT)]
        for button in buttons.children:
            button.on_click(decide)

    def decide(button: Any) -> None:
        task = rows[place.value - 1]
        record(study, rubric, task["item_id"], task["criterion"], rater, button.description, notes.value.strip())
        notes.value = ""
        place.value = min(place.value + 1, len(rows))
        show()

    place.observe(show, "value")
    show()
    return widgets.VBox([place, shown, buttons, widgets.HBox([notes, state])])


# labels on disk


def file(study: str) -> Path:
    """Where people's labels of a study are."""
    return paths.PARAMS / "studies" / study / "labels.csv"


def read(study: str, rubric: Rubric) -> pd.DataFrame:
    """The labels of a rubric's criteria, all columns as texts; those of other rubrics are left out.

    Raises:
        LabelError: a column or a rater is missing, a label is not on the menu, a rater labelled one thing twice.
    """
    path, menus = file(study), _menus(rubric)
    frame = _read(path)
    frame = frame[frame["criterion"].isin(menus)]
    for row, criterion, label in frame[["criterion", "label"]].itertuples():
        if label not in menus[criterion]:
            expected = f"label: expected one of {', '.join(menus[criterion])}, got {label!r}"
            raise LabelError(f"{paths.show(path)}:{row + 2}: {expected}")
    return frame.reset_index(drop=True)


def record(study: str, rubric: Rubric, item_id: str, criterion: str, rater: str, label: str, notes: str = "") -> None:
    """Write a label into the study's file, in place of the rater's earlier one."""
    menu = _menus(rubric).get(criterion, ())
    if label not in menu:
        expected = ", ".join(menu) or "a label of a criterion of this rubric"
        raise LabelError(f"{criterion}: label: expected {expected}, got {label!r}")
    path = file(study)
    row = pd.DataFrame([[item_id, criterion, rater, label, notes]], columns=COLUMNS)
    rows = pd.concat([_read(path), row]).drop_duplicates(KEY, keep="last").sort_values(KEY)
    with tables.atomic_write(path) as out:
        rows.to_csv(out, index=False, lineterminator="\n")


def _menus(rubric: Rubric) -> dict[str, list[str]]:
    return {criterion.id: [*criterion.labels, CANNOT] for criterion in rubric.criteria}


def _read(path: Path) -> pd.DataFrame:
    """All labels of a file; none where there is no file."""
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS, dtype=str)
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in COLUMNS[:4] if name not in frame.columns]:
        raise LabelError(f"{paths.show(path)}: no column {missing[0]}, expected {', '.join(COLUMNS)}")
    for fault, text in (
        (frame[KEY].eq("").any(axis=1), "expected an item, a criterion and a rater"),
        (frame.duplicated(KEY), "labelled twice by one rater, expected once"),
    ):
        if fault.any():
            row = fault.idxmax()
            raise LabelError(f"{paths.show(path)}:{row + 2}: {' '.join(frame.loc[row, KEY])}: {text}")
    return frame.reindex(columns=COLUMNS, fill_value="")


# labels of several raters


def majority(labels: pd.DataFrame, rubric: Rubric) -> pd.DataFrame:
    """The median label of the raters, ties to the worse: item_id, criterion, label (null if all said cannot_assess)."""
    judged = labels.rename(columns={"label": "verdict"}).assign(problem_id="", status="ok")
    judged.loc[judged["verdict"].eq(CANNOT), "status"] = "abstain"
    return scores.verdicts(judged, rubric).rename(columns={"verdict": "label"})[[*KEY[:2], "label"]]


def rater_agreement(
    labels: pd.DataFrame, voted: pd.DataFrame, rubric: Rubric, draws: int = 2000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Agreement of people with each other and, on the same items, of a judge with each of them: a row per criterion.

    The items are those that were judged and that two people or more could label. `human_alpha` is Krippendorff's alpha
    of all raters; `judge_alpha` that of the pairs of the judge's verdict and one person's label; both ordinal where the
    scale is, with intervals clustered by problem. `human_kappa` is the mean of Cohen's kappa over all pairs of raters,
    `judge_kappa` that over the raters; quadratic with three labels or more. An undefined figure is null. `labels` are
    as from `read`, `voted` as from `scores.verdicts`.
    """
    settings = {"draws": draws, "seed": seed, "confidence": level}
    rows = [_agreement(labels, voted[voted["criterion"].eq(one.id)], one, settings) for one in rubric.criteria]
    return pd.DataFrame(rows, columns=AGREEMENT).astype(dict.fromkeys(AGREEMENT[4:], float))


def _agreement(labels: pd.DataFrame, voted: pd.DataFrame, one: Criterion, settings: dict[str, Any]) -> dict[str, Any]:
    own = labels[labels["criterion"].eq(one.id) & labels["label"].ne(CANNOT)]
    by_rater = own.pivot(index="item_id", columns="rater", values="label")
    by_rater = by_rater.set_axis([f"rater {i}" for i in range(by_rater.shape[1])], axis=1)  # a name may be problem_id
    judge = voted.assign(judge=voted["verdict"].where(voted["status"].eq("ok"))).set_index("item_id")
    both = by_rater[by_rater.notna().sum(axis=1).ge(2)].join(judge[["problem_id", "judge"]], how="inner")
    raters = [rater for rater in by_rater.columns if both[rater].notna().any()]
    row = {"criterion": one.id, "items": len(both), "problems": both["problem_id"].nunique(), "raters": len(raters)}
    if both.empty:
        return row
    kind, weights = ("nominal", None) if len(one.labels) == 2 else ("ordinal", "quadratic")
    pairs = both.melt(["problem_id", "judge"], raters, value_name="human").dropna(subset=["judge", "human"])
    sides = {
        "human": (both, raters, itertools.combinations(raters, 2)),
        "judge": (pairs, ["human", "judge"], ((rater, "judge") for rater in raters)),
    }
    for who, (frame, columns, couples) in sides.items():
        if len(frame):
            found = interval(frame, alpha(columns, one.levels, kind), **settings)
            row |= {f"{who}_alpha": found.value, f"{who}_alpha_low": found.low, f"{who}_alpha_high": found.high}
        kappas = [cohen_kappa(both[a], both[b], weights, one.levels) for a, b in couples]
        defined = [kappa for kappa in kappas if kappa is not None]
        row[f"{who}_kappa"] = float(np.mean(defined)) if defined else None
    return row
