"""A person's decisions on updates: `params/studies/<study>/decisions.csv`, one row per update, merged by its ids.

| column | | meaning |
|---|---|---|
| problem_id, update_id | required | the update, by its ids in the table |
| decision | required | accept or reject |
| reason | may be empty | why, in a few words |
| pair | may be empty | `mark` of the texts that were judged; the decision applies to no others |
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lib import paths, tables

COLUMNS = ["problem_id", "update_id", "decision", "reason", "pair"]
KEY, NEEDED = COLUMNS[:2], COLUMNS[:3]
DECISIONS = ("accept", "reject")
TEXTS = ("revised_problem", "revised_starter_code", "update")


class DecisionError(ValueError):
    """Decisions that cannot be read or used; its text is one line."""


def file(study: str) -> Path:
    return paths.PARAMS / "studies" / study / "decisions.csv"


def read(study: str) -> pd.DataFrame:
    """The decisions on a study's updates, all columns as texts, "" if empty; no rows without a file.

    Raises:
        DecisionError: a column is missing, a decision is neither accept nor reject, an update is decided on twice.
    """
    path = file(study)
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS, dtype=str)
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False).fillna("")
    except ValueError as error:
        raise DecisionError(f"{paths.show(path)}: expected a CSV file of {', '.join(COLUMNS)} ({error})") from error
    if missing := [name for name in NEEDED if name not in frame.columns]:
        raise DecisionError(f"{paths.show(path)}: no column {missing[0]}, expected {', '.join(COLUMNS)}")
    for fault, reason in (
        (~frame["decision"].isin(DECISIONS), "expected accept or reject"),
        (frame.duplicated(KEY), "decided on twice"),
    ):
        if fault.any():
            row = fault.idxmax()
            got = " ".join(frame.loc[row, NEEDED])
            raise DecisionError(f"{paths.show(path)}:{row + 2}: {reason}, got {got}")
    return frame.reindex(columns=COLUMNS, fill_value="")


def apply(made: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """The updates, valid or not as a person decided: a rejected one has the person's reason.

    An accepted one is valid whatever a check said, if it has a text.
    """
    made = made.astype({"why_invalid": object})
    for row in decided.to_dict("records"):
        if state(made, row) == "applied":
            is_accepted = row["decision"] == "accept"
            why = None if is_accepted else f"rejected: {row['reason'] or 'no reason given'}"
            made.loc[_is_about(made, row), ["valid", "why_invalid"]] = [is_accepted, why]
    return made


def state(made: pd.DataFrame, decision: Mapping[str, str]) -> str:
    """What becomes of a decision: applied, or the reason why it is not."""
    is_about = _is_about(made, decision)
    if not is_about.any():
        return "no such update here"
    row = made[is_about].iloc[0]
    if decision["pair"] not in ("", mark(row)):
        return "about other texts"
    texts = [row["update"], row["revised_problem"] if row["kind"] == "necessary" else row["update"]]
    if decision["decision"] == "accept" and not all(isinstance(text, str) and text.strip() for text in texts):
        return "nothing to accept"
    return "applied"


def record(study: str, update: Mapping[str, Any], decision: str, reason: str = "") -> None:
    """Write a decision on an update (a row of the table) into the study's file, in place of an earlier one.

    Raises:
        DecisionError: as `read`, or neither accept nor reject.
    """
    if decision not in DECISIONS:
        raise DecisionError(f"decision: expected accept or reject, got {decision!r}")
    row = pd.DataFrame([[*(update[name] for name in KEY), decision, reason, mark(update)]], columns=COLUMNS)
    rows = pd.concat([read(study), row]).drop_duplicates(KEY, keep="last").sort_values(KEY)
    with tables.atomic_write(file(study)) as out:
        rows.to_csv(out, index=False, lineterminator="\n")


def mark(update: Mapping[str, Any]) -> str:
    """A digest of the texts of an update, eight hexadecimal digits."""
    texts = [update[name] if isinstance(update[name], str) else "" for name in TEXTS]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]


def _is_about(made: pd.DataFrame, decision: Mapping[str, str]) -> pd.Series:
    return made["problem_id"].eq(decision["problem_id"]) & made["update_id"].eq(decision["update_id"])
