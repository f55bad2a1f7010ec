"""Labelling: what a person is asked about items, one criterion at a time, without a word of what a judge said.

Texts may be written by a model: everything is escaped, and nothing of it is rendered.
"""

import html
import random
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lib.grm import people, prompt
from lib.grm.people import LabelError
from lib.grm.reply import CANNOT
from lib.grm.rubric import Criterion, Rubric
from lib.html import BOX

COLUMNS = ["item_id", "problem_id", "criterion"]
PART = "margin:8px 0;padding:4px 10px;border:1px solid rgba(128,128,128,.4);max-width:60em"
CANNOT_MEANS = "the record does not show it"


def chosen(
    items: pd.DataFrame,
    rubric: Rubric,
    n: int,
    seed: int,
    correct: pd.Series | None = None,
    disagreements: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What people should label: a row per item and criterion, item_id, problem_id, criterion.

    `n` items are drawn, as equally as can be from each interrupt, position and verdict of a program; those on which a
    judge differs from a truth are added. All are in an order that a seed decides, and each with every criterion whose
    parts it has, so that nothing tells which are the added ones, or what the judge said. Raters who are given the same
    items, study and seed get the same tasks.

    Args:
        items: as from `items.items`; interrupt and position may be missing.
        rubric: its criteria.
        n: items to draw, fewer if there are not as many.
        correct: whether a program found an item right, by item_id; null where none could tell.
        disagreements: as from `truth.disagreements`; of these items only item_id is read.
    """
    strata = [items[name] for name in ("interrupt", "position") if name in items.columns]
    if correct is not None:
        told = items["item_id"].map(correct.astype(object))
        strata.append(told.map({True: "right", False: "wrong"}).rename("program"))
    names = pd.concat([*strata, items["item_id"]], axis=1).astype(object).sort_values("item_id")
    groups: dict[tuple[str, ...], list[str]] = {}
    for *stratum, name in names.itertuples(index=False):
        groups.setdefault(tuple(map(str, stratum)), []).append(name)
    draw = random.Random(seed)
    order = _in_turn([draw.sample(groups[stratum], len(groups[stratum])) for stratum in sorted(groups)])
    taken = {*order[:n], *(disagreements["item_id"] if disagreements is not None else ())}
    shuffled = draw.sample(sorted(taken & set(order)), len(taken & set(order)))
    rows = items.set_index("item_id").loc[shuffled].reset_index().to_dict("records")
    tasks = [(row["item_id"], row["problem_id"], one.id) for row in rows for one in rubric.criteria if _has(row, one)]
    return pd.DataFrame(tasks, columns=COLUMNS)


def left(tasks: pd.DataFrame, labels: pd.DataFrame, rater: str) -> pd.DataFrame:
    """The tasks that a rater has not labelled yet, in their order."""
    mine = labels[labels["rater"].eq(rater)]
    done = set(zip(mine["item_id"], mine["criterion"], strict=True))
    return tasks[[key not in done for key in zip(tasks["item_id"], tasks["criterion"], strict=True)]]


def one(item: Mapping[str, Any], criterion: Criterion) -> str:
    """HTML of one task: the parts of the record that the criterion may see, its question, and what its labels mean."""
    parts = [_part(prompt.VIEWS[view], str(item[view])) for view in prompt.VIEWS if view in criterion.views]
    means = {option.label: option.description for option in criterion.options} | {CANNOT: CANNOT_MEANS}
    menu = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(text)}</li>" for name, text in means.items())
    applies = f"<p>{html.escape(criterion.applies)} Then the label is {CANNOT}.</p>" if criterion.applies else ""
    asked = f"<p><b>{html.escape(criterion.question)}</b></p>{applies}<ul>{menu}</ul>"
    return f"<p>{html.escape(str(item['item_id']))} · {html.escape(criterion.id)}</p>{''.join(parts)}{asked}"


def page(items: pd.DataFrame, rubric: Rubric, tasks: pd.DataFrame) -> str:
    """HTML of all tasks, one below the other, the first one open; a label is written by `people.record`."""
    records = {row["item_id"]: row for row in items.to_dict("records")}
    told = [
        f"<details{' open' if i == 0 else ''}><summary>{html.escape(f'{name} · {criterion}')}</summary>"
        f"{one(records[name], rubric.criterion(criterion))}</details>"
        for i, (name, criterion) in enumerate(zip(tasks["item_id"], tasks["criterion"], strict=True))
    ]
    return "".join(told) or "There is nothing to label."


def browse(study: str, items: pd.DataFrame, rubric: Rubric, tasks: pd.DataFrame, rater: str) -> Any:
    """A widget that shows one task at a time, and writes the rater's labels into the study's file.

    Raises:
        LabelError: no rater; or the study's labels cannot be read.
    """
    import ipywidgets as widgets  # not needed to read a notebook

    if not rater.strip():
        raise LabelError("rater: expected a name that is kept the same, got none")
    rows, records = tasks.to_dict("records"), {row["item_id"]: row for row in items.to_dict("records")}
    first = _first(tasks, left(tasks, people.read(study, rubric), rater))
    place = widgets.BoundedIntText(value=first, min=1, max=max(1, len(rows)), description=f"of {len(rows)}")
    shown, told, notes = widgets.HTML(), widgets.Label(), widgets.Text(placeholder="why, in a few words")
    buttons = widgets.HBox()

    def show(_: Any = None) -> None:
        task = rows[place.value - 1]
        criterion = rubric.criterion(task["criterion"])
        shown.value = one(records[task["item_id"]], criterion)
        told.value = _said(people.read(study, rubric), task, rater)
        buttons.children = [widgets.Button(description=label) for label in (*criterion.labels, CANNOT)]
        for button in buttons.children:
            button.on_click(decide)

    def decide(button: Any) -> None:
        key = rows[place.value - 1]["item_id"], rows[place.value - 1]["criterion"]
        people.record(study, rubric, *key, rater, button.description, notes.value.strip())
        notes.value = ""
        place.value = min(place.value + 1, len(rows))
        show()

    if not rows:
        shown.value = "There is nothing to label."
        return widgets.VBox([shown])
    place.observe(show, "value")
    show()
    return widgets.VBox([place, shown, buttons, widgets.HBox([notes, told])])


def _has(item: Mapping[str, Any], criterion: Criterion) -> bool:
    """Whether the item has every part that the criterion may see."""
    return not any(pd.isna(item.get(view)) for view in criterion.views)


def _in_turn(groups: list[list[str]]) -> list[str]:
    """The members of all groups, one of each group at a time."""
    longest = max(map(len, groups), default=0)
    return [group[i] for i in range(longest) for group in groups if i < len(group)]


def _part(heading: str, text: str) -> str:
    content = html.escape(text) if text.strip() else "<i>nothing</i>"
    return f"<div style='{PART}'><b>{html.escape(heading)}</b><pre style='{BOX}'>{content}</pre></div>"


def _first(tasks: pd.DataFrame, undone: pd.DataFrame) -> int:
    """Number of the first task that is left, from 1; 1 if none is."""
    return tasks.index.get_loc(undone.index[0]) + 1 if len(undone) else 1


def _said(labels: pd.DataFrame, task: Mapping[str, Any], rater: str) -> str:
    """What the rater said on a task so far."""
    known = {tuple(row[name] for name in people.KEY): row["label"] for row in labels.to_dict("records")}
    label = known.get((task["item_id"], task["criterion"], rater))
    return f"Labelled: {label}" if label else "Not labelled yet."
