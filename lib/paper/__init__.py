"""What the paper states, judged on a study and on the published figures by the same functions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from lib.paper import checks, numbers
from lib.paper.comparison import FAILS, HOLDS, UNSURE, Finding, judge_parts
from lib.paper.evidence import Evidence, of_published, of_study
from lib.paper.statements import Case, Statement, case_of, load

__all__ = ["FAILS", "HOLDS", "UNSURE", "Evidence", "Statement", "judge", "load", "of_published", "of_study", "overview"]
__all__ += ["table"]

COLUMNS = ["id", "statement", "figure", "evidence", "judged_on", "verdict", "model", "benchmark", "measure", "effect"]
COLUMNS += ["ci_low", "ci_high", "bound", "p", "test", "comparisons", "met", "why"]


def table(grades: pd.DataFrame, labels: pd.DataFrame | None = None, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Every statement judged on a study (tables grades and labels of all its models) and on the published figures.

    Returns two rows per statement, study first, with the columns of `judge`.
    """
    study = of_study(grades, labels, draws=draws, seed=seed)
    both = [judge(study), judge(of_published(numbers.load()))]
    return pd.concat(both).sort_values("id", kind="stable", ignore_index=True)


def judge(evidence: Evidence, statements: Sequence[Statement] | None = None) -> pd.DataFrame:
    """One row per statement, by number.

    verdict is holds, does not hold or cannot say; why says it in words, with what is missing. model, benchmark,
    measure, effect (shares, or ratios), ci_low, ci_high (95 %) and bound are of the comparison that decides: the one
    nearest to failing, or nearest to holding where only some are said to meet theirs. p is one-sided, of the verdict
    (if it cannot be said, of the statement's holding). met of comparisons, in the part of the statement that decides,
    have an effect on the right side of their bound, surely or not.
    """
    rows = [_row(statement, evidence) for statement in (load() if statements is None else statements)]
    return pd.DataFrame(rows, columns=COLUMNS)


def overview(judged: pd.DataFrame) -> pd.DataFrame:
    """A row per statement, to be read: what the figures say, what the study says, its effect with interval, and why."""
    published, ours = (judged[judged["evidence"].eq(name)].set_index("id") for name in ("published", "study"))
    shown = ours[["statement"]].assign(published=published["verdict"], here=ours["verdict"])
    shown["effect"] = ours.apply(_effect, axis=1)
    return shown.assign(**{"judged on": ours["judged_on"], "why": ours["why"]})


def _row(statement: Statement, evidence: Evidence) -> dict:
    case, judged_on = case_of(statement, evidence)
    finding = Finding(UNSURE, judged_on) if case is None else _finding(case)
    one = finding.deciding
    low, high = one.interval if one else (np.nan, np.nan)
    return {
        "id": statement.id,
        "statement": statement.statement,
        "figure": statement.figure,
        "evidence": evidence.name,
        "judged_on": judged_on if case else "nothing",
        "verdict": finding.verdict,
        "model": one.model if one else None,
        "benchmark": one.benchmark if one else None,
        "measure": one.what if one else None,
        "effect": float(one.effect[0]) if one else np.nan,
        "ci_low": low,
        "ci_high": high,
        "bound": one.bound if one else np.nan,
        "p": finding.p if evidence.name == "study" else np.nan,
        "test": finding.test,
        "comparisons": finding.comparisons,
        "met": finding.met,
        "why": finding.why,
    }


def _finding(case: Case) -> Finding:
    parts = getattr(checks, case.statement.test)(case)
    finding = judge_parts(parts, case.missing, case.evidence.name)
    if case.evidence.stale & set(case.used):
        why = f"{finding.why}; partly from code results of 10 October 2025, which were replaced elsewhere"
        return replace(finding, why=why)
    return finding


def _effect(row: pd.Series) -> str:
    if pd.isna(row["effect"]):
        return ""
    return f"{row['effect']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f})"
