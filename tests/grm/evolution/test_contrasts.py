"""Contrasts differ in what they say, and are drawn by seed alone."""

import numpy as np
import pandas as pd
import pytest

from lib.grm.evolution import contrasts
from tests.fakes.evolution import items

OUTCOME = ("outcome",)


def test_pairs_are_of_one_problem_and_differ_as_they_say():
    frame = items(40, 4).assign(interrupt=lambda rows: np.where(rows.index % 4 < 2, "speed_up", None))
    frame["position"] = np.where(frame.index % 2 == 0, 0.3, 0.7)
    frame.loc[frame["interrupt"].isna(), "position"] = np.nan
    told = frame.set_index("item_id")
    found = contrasts.pairs(frame, ["outcome", "interrupt", "position"], told["good"])
    assert list(found.columns) == contrasts.COLUMNS and found["contrast"].nunique() == 3
    assert not found.duplicated(["contrast", "problem_id"]).any()
    for row in found.itertuples():
        one, other = told.loc[row.first], told.loc[row.second]
        assert one["problem_id"] == other["problem_id"] == row.problem_id
        if row.contrast == "outcome":
            assert (one["good"], other["good"]) == (True, False)
        elif row.contrast == "interrupt":
            assert pd.isna(one["interrupt"]) and other["interrupt"] == "speed_up"
        else:
            assert (one["position"], other["position"], one["interrupt"]) == (0.7, 0.3, other["interrupt"])
    mixed = frame.groupby("problem_id")["good"].nunique().eq(2).sum()
    assert found["contrast"].value_counts().to_dict() == {"outcome": mixed, "interrupt": 40, "position": 40}


def test_pairs_are_drawn_by_seed_whatever_the_order_of_the_rows():
    frame = items(30, 4)
    good = frame.set_index("item_id")["good"]
    found = contrasts.pairs(frame, OUTCOME, good, most=5)
    assert len(found) == 5
    pd.testing.assert_frame_equal(found, contrasts.pairs(frame.sample(frac=1, random_state=1), OUTCOME, good, most=5))
    assert not found.equals(contrasts.pairs(frame, OUTCOME, good, most=5, seed=1))


def test_a_pair_has_the_same_interrupt_and_position_where_it_can():
    rows = [("r", "a", 0.3), ("w1", "b", 0.3), ("w2", "a", 0.3), ("w3", "a", 0.7)]
    frame = pd.DataFrame(rows, columns=["item_id", "interrupt", "position"]).assign(problem_id="p")
    good = pd.Series([True, False, False, False], index=["r", "w1", "w2", "w3"])
    found = {contrasts.pairs(frame, OUTCOME, good, seed=seed)["second"].item() for seed in range(20)}
    assert found == {"w2"}
    assert contrasts.pairs(frame, OUTCOME, good.replace({True: None})).empty


def test_an_unknown_contrast_is_named():
    with pytest.raises(ValueError, match="contrast 'size': expected one of outcome, interrupt, position"):
        contrasts.pairs(items(2), ["size"], pd.Series(dtype=object))
