"""A person's decisions on updates: `params/studies/<study>/decisions.csv`, one row per update, merged by its ids.

| column | | meaning |
|---|---|---|
| problem_id, update_id | required | the update, by its ids in the table |
| decision | required | accept or reject |
| reason | may be empty | why, in a few words |
| pair | may be empty | `mark` of the texts that were judged; the decision applies to no others |
"""

import csv
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lib import paths, tables

COLUMNS = ["problem_id", "update_id", "decision", "reason", "pair"]
NEEDED = COLUMNS[:3]
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
    shown = paths.show(path)
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if missing := [name for name in NEEDED if rows and name not in rows[0]]:
        raise DecisionError(f"{shown}: no column {missing[0]}, expected {', '.join(COLUMNS)}")
    seen: dict[tuple[str, str], int] = {}
    for line, row in enumerate(rows, 2):
        if row["decision"] not in DECISIONS:
            raise DecisionError(f"{shown}:{line}: decision: expected accept or reject, got {row['decision']!r}")
        key = row["problem_id"], row["update_id"]
        if key in seen:
            raise DecisionError(f"{shown}:{line}: {' '.join(key)}: decided on in line {seen[key]} too")
        seen[key] = line
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object).fillna("").astype(str)


def apply(made: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """The updates, valid or not as a person decided: a rejected one has the person's reason.

    An accepted one is valid whatever a check said, if it has a text.
    """
    applied = {key: row for key, row in _by_id(decided).items() if state(made, row) == "applied"}
    made = made.astype({"why_invalid": object})
    for i, key in zip(made.index, zip(made["problem_id"], made["update_id"], strict=True), strict=True):
        if key in applied:
            is_accepted = applied[key]["decision"] == "accept"
            why = None if is_accepted else f"rejected: {applied[key]['reason'] or 'no reason given'}"
            made.loc[i, ["valid", "why_invalid"]] = [is_accepted, why]
    return made


def state(made: pd.DataFrame, decision: Mapping[str, str]) -> str:
    """What becomes of a decision: applied, or the reason why it is not."""
    is_meant = made["problem_id"].eq(decision["problem_id"]) & made["update_id"].eq(decision["update_id"])
    if not is_meant.any():
        return "no such update here"
    row = made[is_meant].iloc[0]
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
    key = update["problem_id"], update["update_id"]
    rows = _by_id(read(study)) | {key: dict(zip(COLUMNS, (*key, decision, reason, mark(update)), strict=True))}
    frame = pd.DataFrame([rows[key] for key in sorted(rows)], columns=COLUMNS)
    with tables.atomic_write(file(study)) as out:
        frame.to_csv(out, index=False, lineterminator="\n")


def mark(update: Mapping[str, Any]) -> str:
    """A digest of the texts of an update, eight hexadecimal digits."""
    texts = [update[name] if isinstance(update[name], str) else "" for name in TEXTS]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:8]


def _by_id(decided: pd.DataFrame) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["problem_id"], row["update_id"]): row for row in decided.to_dict("records")}
