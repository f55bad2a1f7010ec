"""Uptake: what becomes of an update, on rows where it is known."""

import pandas as pd
import pytest

from lib.failures import uptake

KINDS = {"update": "necessary", "false_update": "false", "noop_update": "noop"}


def row(kind="continuation", interrupt="update", status="correct", extracted="12", equals_revised=None, **more):
    known = {"model": "m", "source": "tiny", "problem_id": "p", "sample": 0, "system": None, "variant": "original"}
    values = {"kind": kind, "interrupt": interrupt, "status": status, "extracted": extracted}
    return known | values | {"equals_revised": equals_revised} | more


def flagged(*rows, full="correct", extracted="12"):
    trace = row("trace", None, full, extracted)
    return uptake.flags(pd.DataFrame([trace, *rows]), KINDS)[list(uptake.FLAGS)].iloc[0].tolist()


NULL = pytest.approx(float("nan"), nan_ok=True)


@pytest.mark.parametrize(
    ("rows", "full", "expected"),
    [
        (row(equals_revised=False), "correct", [1, 0, NULL, NULL]),
        (row(status="incorrect", equals_revised=True), "correct", [0, 1, NULL, NULL]),
        (row(status="no_answer", extracted=None), "correct", [0, 0, NULL, NULL]),
        (row(interrupt="false_update"), "correct", [1, NULL, 0, 0]),
        (row(interrupt="false_update", extracted="12.0"), "correct", [1, NULL, 0, 0]),
        (row(interrupt="false_update", status="incorrect", extracted="13"), "correct", [0, NULL, 1, 1]),
        (row(interrupt="noop_update", status="no_answer", extracted=None), "correct", [0, NULL, 1, 1]),
        (row(interrupt="noop_update", status="incorrect", extracted="12"), "incorrect", [0, NULL, NULL, 0]),
        (row(interrupt="noop_update", status="incorrect", extracted="13"), "incorrect", [0, NULL, NULL, 1]),
        (row(interrupt="noop_update"), "incorrect", [1, NULL, NULL, 1]),
        (row(interrupt="noop_update", sample=1), "correct", [1, NULL, NULL, NULL]),
    ],
)
def test_what_became_of_an_update(rows, full, expected):
    assert flagged(rows, full=full) == expected


def test_other_interrupts_are_left_out_and_shares_are_over_what_applies():
    rows = [
        row("trace", None),
        row("trace", None, "incorrect", "9", problem_id="q"),
        row(interrupt="speed_up", status="incorrect"),
        row(interrupt="false_update"),
        row(interrupt="false_update", problem_id="q"),
        row(interrupt="false_update", status="incorrect", extracted="1"),
    ]
    shares = uptake.summary(uptake.flags(pd.DataFrame(rows), KINDS), ["model", "interrupt"])
    assert shares["interrupt"].tolist() == ["false_update"]
    assert shares[["n", "right", "swayed", "changed"]].iloc[0].tolist() == pytest.approx([3, 2 / 3, 1 / 2, 2 / 3])
    assert shares["stuck"].isna().all()
