"""Squares of two verdicts, with every cell counted by hand."""

import pandas as pd
import pytest

from lib.stats import confusion

PAIRS = [("yes", "yes")] * 3 + [("yes", "no")] + [("no", "yes")] * 2 + [("no", "no")] * 4 + [("yes", None)]


def frame(pairs, **more):
    return pd.DataFrame(pairs, columns=["rule", "judge"]).assign(model="m", rubric="r", criterion="c", **more)


def test_every_row_falls_into_one_cell():
    row = confusion.table(frame(PAIRS)).iloc[0]
    assert row[["n", *confusion.CELLS]].tolist() == [11, 3, 1, 2, 4, 1]
    assert row[["agree", "precision", "recall"]].tolist() == [0.7, 0.75, 0.6]


def test_a_share_of_nothing_is_null():
    row = confusion.table(frame([("no", "no"), ("cannot tell", "yes")])).iloc[0]
    assert row[["neither", "unknown", "agree"]].tolist() == [1, 1, 1.0]
    assert row[["precision", "recall"]].isna().all()


def test_truth_values_and_other_columns_and_groups_are_taken():
    rows = pd.DataFrame({"mode": ["b", "a", "a"], "rule": [True, True, False], "truth": [True, False, False]})
    found = confusion.table(rows, other="truth", by=["mode"])
    assert found[["mode", "both", "rule_only", "neither"]].to_numpy().tolist() == [["a", 0, 1, 1], ["b", 1, 0, 0]]


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="missing columns: truth"):
        confusion.table(frame(PAIRS), other="truth", by=["model"])
