"""What tests of probes share: reading findings, and intervals that should hold a planted value."""

import pytest


def figure(findings, name, case=None, criterion=None):
    """The row of a figure, of the first case and criterion unless they are named."""
    rows = findings[findings["figure"].eq(name)]
    for column, value in (("case", case), ("criterion", criterion)):
        rows = rows if value is None else rows[rows[column].eq(value)]
    return rows.iloc[0]


def holds(row, value):
    return row["low"] <= value <= row["high"]


@pytest.fixture(name="figure")
def figure_():
    return figure


@pytest.fixture(name="holds")
def holds_():
    return holds


@pytest.fixture
def hold():
    """Whether of the intervals of a figure, one per seed, all but one at most hold a value: one in twenty misses."""

    def check(findings, name, value, **where):
        rows = [figure(one, name, **where) for one in findings]
        return sum(holds(row, value) for row in rows) >= len(rows) - 1

    return check
