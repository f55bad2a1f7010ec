"""Truth by programs: labels of criteria from graders and rules.

A criterion names the column that answers its question as `table.column`, its `proxy`. A rule says False, too, where it
does not apply or could not look; that is no "no", and gives no label:

| column | gives a label where |
|---|---|
| grades.correct | the grader could tell: status is not ungradable |
| grades.equals_revised, labels.equals_revised | it is not null |
| labels.leakage | the interrupt is hard, and the full-thinking answers have a length |
| labels.new_error | the sample was correct with full thinking, and status is not ungradable |
| labels.panic | the same, as the rule is about new errors, and the interrupt is soft |
| labels.self_doubt | the same, and the interrupt is an update |
"""

import pandas as pd

from lib import failures, params, schema
from lib.grm.rubric import Criterion, Rubric

KEYS = {"grades": "row_id", "labels": "continuation_id"}
KINDS = {"leakage": "hard", "panic": "soft", "self_doubt": "update"}  # interrupts that a rule is for
OF_NEW_ERRORS = ("panic", "self_doubt", "new_error")
KEY = ["item_id", "criterion"]
COLUMNS = [*KEY, "label"]


def by_program(
    items: pd.DataFrame,
    rubric: Rubric,
    grades: pd.DataFrame | None = None,
    labels: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """A label for each item and each criterion of the rubric that has a proxy: item_id, criterion, label.

    The label is the one of value 1 where the program's column is true and that of value 0 where it is false; null
    where the program could not tell, or has no row of the item.

    `grades` and `labels` are rows of these tables, of the items' model; one that no proxy names can be left out.

    Raises:
        ValueError: a proxy names no table or no column of truth values, a criterion has more than two labels, or an
            item has two rows.
    """
    tables, parts = {"grades": grades, "labels": labels}, []
    for criterion in rubric.criteria:
        if criterion.proxy:
            table, column = _place(criterion)
            values = _values(_rows_of(items, tables[table], table), table, column)
            low, high = sorted(criterion.labels, key=criterion.values.__getitem__)
            label = items["item_id"].map(values.map({True: high, False: low}, na_action="ignore"))
            parts.append(pd.DataFrame({"item_id": items["item_id"], "criterion": criterion.id, "label": label}))
    if not parts:
        return pd.DataFrame(columns=COLUMNS, dtype=object)
    frame = pd.concat(parts, ignore_index=True).astype(object)
    return frame.where(frame.notna(), None)


def need_single(truth: pd.DataFrame) -> None:
    """Raise a ValueError that names an item with two true labels for one criterion."""
    if (twice := truth.duplicated(KEY)).any():
        row = truth[twice].iloc[0]
        raise ValueError(f"truth: {row['item_id']}, {row['criterion']}: stands twice, expected one label")


def _place(criterion: Criterion) -> tuple[str, str]:
    """Table and column of a proxy."""
    table, column = criterion.proxy.split(".")
    start = f"{criterion.id}: proxy: {criterion.proxy}"
    if table not in KEYS:
        hint = params.suggestion(table, list(KEYS))
        raise ValueError(f"{start}: no table {table}{hint}, expected {' or '.join(KEYS)}")
    known = [one.name for one in schema.TABLES[table].columns if one.type == "bool"]
    if column not in known:
        hint = params.suggestion(column, known)
        raise ValueError(f"{start}: no column of truth values{hint}, expected one of {', '.join(known)}")
    if len(criterion.labels) != 2:
        raise ValueError(f"{start}: tells yes from no, expected a criterion of two labels, got {len(criterion.labels)}")
    return table, column


def _rows_of(items: pd.DataFrame, frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """The rows of a table about the items, by item_id."""
    rows = frame[frame[KEYS[table]].isin(items["item_id"])].set_index(KEYS[table])
    if (twice := rows.index.duplicated()).any():
        raise ValueError(f"{table}: {rows.index[twice][0]}: stands twice, expected the rows of one model")
    return rows


def _values(rows: pd.DataFrame, table: str, column: str) -> pd.Series:
    """A column of a table as True, False or null where the program could not tell."""
    values = rows[column].astype("boolean")
    if column in ("correct", *OF_NEW_ERRORS):
        values = values.mask(rows["status"].eq("ungradable"))
    if table == "labels" and column in KINDS:
        kinds = {name: failures.kind_of(name) for name in rows["interrupt"].unique()}
        values = values.mask(rows["interrupt"].map(kinds).ne(KINDS[column]))
    if column == "leakage":
        values = values.mask(rows["oracle_correct"].isna() | rows["mean_answer_ratio"].isna())
    if column in OF_NEW_ERRORS:
        values = values.mask(~rows["oracle_correct"].astype("boolean").fillna(False))
    return values.astype(object).where(values.notna(), None)
