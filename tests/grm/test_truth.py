"""Truth by programs."""

from dataclasses import replace

import pandas as pd
import pytest

from lib import failures, grm, schema
from lib.grm import truth
from tests.fakes.judge import KIND, LEVELS, RIGHT, RUBRIC

KINDS = {"stop": "hard", "hurry": "soft", "news": "update"}


def rows(table, *values):
    """Rows of a table: some values of each, the rest null."""
    columns = schema.TABLES[table].columns
    frame = pd.DataFrame(values).reindex(columns=[column.name for column in columns])
    types = {column.name: "boolean" for column in columns if column.type == "bool"}
    return frame.astype(types)


def label(name, interrupt, oracle=True, **flags):
    known = {"model": "m", "continuation_id": name, "interrupt": interrupt, "status": "incorrect"}
    known |= {"oracle_correct": oracle, "mean_answer_ratio": 1.5}
    return known | {"leakage": False, "panic": False, "self_doubt": False, "new_error": False} | flags


def one_of(proxy, **changes):
    return replace(RUBRIC, criteria=(replace(KIND, proxy=proxy, **changes), RIGHT))


def labels_of(proxy, grades=(), labels=(), **changes):
    items = pd.DataFrame({"item_id": [row.get("row_id", row.get("continuation_id")) for row in (*grades, *labels)]})
    found = truth.by_program(items, one_of(proxy, **changes), rows("grades", *grades), rows("labels", *labels))
    assert list(found.columns) == truth.COLUMNS and found["item_id"].tolist() == items["item_id"].tolist()
    return found["label"].tolist()


def test_what_a_grader_could_not_tell_is_no_label():
    statuses = ["correct", "incorrect", "no_answer", "censored", "ungradable"]
    graded = [{"row_id": s, "status": s, "correct": s == "correct"} for s in statuses]
    assert labels_of("grades.correct", graded) == ["yes", "no", "no", "no", None]
    revised = [
        {"row_id": str(i), "status": "incorrect", "equals_revised": b} for i, b in enumerate([True, False, None])
    ]
    assert labels_of("grades.equals_revised", revised) == ["yes", "no", None]


# (column, rows of labels, labels by the program)
@pytest.mark.parametrize(
    ("column", "labels", "expected"),
    [
        (
            "leakage",
            [
                label("a", "stop", leakage=True),
                label("b", "stop", oracle=False, leakage=True),  # right answers leak, and wrong ones
                label("c", "stop"),
                label("d", "hurry"),  # the rule is not for it
                label("e", "stop", oracle=None),  # no full thinking to compare with
                label("f", "stop", mean_answer_ratio=None),
            ],
            ["yes", "yes", "no", None, None, None],
        ),
        (
            "panic",
            [
                label("a", "hurry", panic=True),
                label("b", "hurry"),
                label("c", "hurry", oracle=False),  # no new error can be
                label("d", "stop"),
                label("e", "hurry", status="ungradable", panic=True),
            ],
            ["yes", "no", None, None, None],
        ),
        ("self_doubt", [label("a", "news", self_doubt=True), label("b", "news.2")], ["yes", None]),
        ("new_error", [label("a", "stop", new_error=True), label("b", "hurry", oracle=False)], ["yes", None]),
        ("questions_update", [label("a", "news", questions_update=True), label("b", "stop")], ["yes", None]),
    ],
)
def test_a_rule_that_does_not_apply_is_no_label(column, labels, expected, monkeypatch):
    monkeypatch.setattr(failures, "kind_of", KINDS.get)
    assert labels_of(f"labels.{column}", labels=labels) == expected


def test_items_without_a_row_have_no_label_and_criteria_without_a_proxy_no_rows():
    items = pd.DataFrame({"item_id": ["a", "b"]})
    grades = rows("grades", {"row_id": "b", "status": "correct", "correct": True}, {"row_id": "other"})
    found = truth.by_program(items, one_of("grades.correct"), grades, rows("labels"))
    assert found["label"].tolist() == [None, "yes"]
    assert truth.by_program(items, RUBRIC, grades, rows("labels")).empty


@pytest.mark.parametrize(
    ("proxy", "message"),
    [
        (
            "grade.correct",
            r"^kind: proxy: grade\.correct: no table grade \(did you mean grades\?\), expected grades or ",
        ),
        (
            "labels.leak",
            r"^kind: proxy: labels\.leak: no column of truth values.*, expected one of new_error, leakage, ",
        ),
        ("labels.panick", r"\(did you mean panic\?\)"),
        ("grades.status", r"^kind: proxy: grades\.status: no column of truth values"),
    ],
)
def test_a_proxy_that_names_nothing_is_named(proxy, message):
    with pytest.raises(ValueError, match=message):
        labels_of(proxy, [{"row_id": "a"}])


def test_a_scale_and_rows_of_two_models_are_named():
    with pytest.raises(
        ValueError, match=r"kind: proxy: grades\.correct: tells yes from no, expected a criterion of two"
    ):
        labels_of("grades.correct", [{"row_id": "a"}], scale="ordinal", options=LEVELS)
    with pytest.raises(ValueError, match="labels: a: stands twice, expected the rows of one model"):
        labels_of("labels.leakage", labels=[label("a", "stop"), label("a", "stop")])


def test_every_shipped_proxy_and_interrupt_is_known():
    interrupts = ("force_answer", "speed_up", "update")
    labels = [label(name, name, leakage=True, panic=True, self_doubt=True) for name in interrupts]
    grades = [{"row_id": name, "status": "correct", "correct": True, "equals_revised": True} for name in interrupts]
    items, found = pd.DataFrame({"item_id": interrupts}), {}
    for name in grm.rubric.names():
        made = truth.by_program(items, grm.load_rubric(name), rows("grades", *grades), rows("labels", *labels))
        found |= {criterion: part["label"].tolist() for criterion, part in made.groupby("criterion")}
    assert found["new_steps"] == ["yes", None, None] and found["stops_short"] == [None, "yes", None]
    assert found["questions_update"] == [None, None, "yes"]
    assert found["right_result"] == found["ends_on_old"] == ["yes"] * 3
