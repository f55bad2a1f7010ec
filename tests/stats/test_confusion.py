"""Squares of two verdicts, with every cell counted by hand."""

import pandas as pd
import pytest

from lib.stats import confusion

PAIRS = [("yes", "yes")] * 3 + [("yes", "no")] + [("no", "yes")] * 2 + [("no", "no")] * 4 + [("yes", None)]


def frame(pairs, **more):
    return pd.DataFrame(pairs, columns=["rule", "judge"]).assign(model="m", rubric="r", criterion="c", **more)


@pytest.mark.parametrize(
    ("pairs", "cells", "shares"),
    [
        (PAIRS, [11, 3, 1, 2, 4, 1], [0.7, 0.75, 0.6]),
        ([("no", "no"), ("cannot tell", "yes")], [2, 0, 0, 0, 1, 1], [1, None, None]),
    ],
)
def test_every_row_falls_into_one_cell(pairs, cells, shares):
    row = confusion.table(frame(pairs)).iloc[0]
    assert row[["n", *confusion.CELLS]].tolist() == cells
    assert row[["agree", "precision", "recall"]].replace({float("nan"): None}).tolist() == shares


def test_truth_values_and_other_columns_and_groups_are_taken():
    rows = pd.DataFrame({"mode": ["b", "a", "a"], "rule": [True, True, False], "truth": [True, False, False]})
    found = confusion.table(rows, other="truth", by=["mode"])
    assert found[["mode", "both", "rule_only", "neither"]].to_numpy().tolist() == [["a", 0, 1, 1], ["b", 1, 0, 0]]


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="missing columns: truth"):
        confusion.table(frame(PAIRS), other="truth", by=["model"])
