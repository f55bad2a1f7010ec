"""Truth by programs, and where judges differ from it."""

from dataclasses import replace

import pandas as pd
import pytest

from lib import grm, schema
from lib.grm import scores, trust, truth
from lib.grm.rubric import Option
from tests.fakes.judge import KIND, RIGHT, RUBRIC, Fake, items

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
    found = truth.by_program(items, one_of(proxy, **changes), rows("grades", *grades), rows("labels", *labels), KINDS)
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
def test_a_rule_that_does_not_apply_is_no_label(column, labels, expected):
    assert labels_of(f"labels.{column}", labels=labels) == expected


def test_a_label_says_what_is_so_whatever_is_good():
    graded = [{"row_id": "a", "status": "correct", "correct": True}, {"row_id": "b", "status": "x", "correct": False}]
    options = (Option("right", 1.0), Option("wrong", 0.0))
    for polarity in ("desired", "undesired"):
        assert labels_of("grades.correct", graded, polarity=polarity) == ["yes", "no"]
        assert labels_of("grades.correct", graded, polarity=polarity, options=options) == ["right", "wrong"]


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
        ("traces.ended", r"^kind: proxy: traces\.ended: no table traces.*, expected grades or labels$"),
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
    levels = tuple(Option(name, value, name) for name, value in (("none", 0.0), ("some", 0.5), ("all", 1.0)))
    with pytest.raises(
        ValueError, match=r"kind: proxy: grades\.correct: tells yes from no, expected a criterion of two"
    ):
        labels_of("grades.correct", [{"row_id": "a"}], scale="ordinal", options=levels)
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


def judgements(verdicts):
    """Judgements of `kind`: for each item the verdicts of its samples, None for one that failed."""
    rows = [
        {"item_id": f"i{i}", "problem_id": f"p{i}", "criterion": "kind", "sample": k, "verdict": verdict}
        | {"status": "ok" if verdict else "parse_error", "reason": f"why {k}", "quote": f"words {k}", "view": "answer"}
        for i, samples in enumerate(verdicts)
        for k, verdict in enumerate(samples)
    ]
    return pd.DataFrame(rows)


def test_disagreements_show_both_labels_and_grounds_the_surest_first():
    made = judgements([["no", "yes", "yes"], ["no"] * 3, ["yes"], [None], ["no"], ["yes"]])
    known = pd.DataFrame({"item_id": [f"i{i}" for i in range(6)], "criterion": "kind"})
    known = known.assign(label=["no", "yes", "yes", "yes", None, "no"])
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(6)], "interrupt": "stop", "position": 0.5})
    voted = scores.verdicts(made, RUBRIC)
    found = truth.disagreements(voted, known, items, made)
    assert found[["item_id", "truth", "verdict"]].values.tolist() == [
        ["i1", "yes", "no"],  # three of three
        ["i5", "no", "yes"],  # one of one
        ["i0", "no", "yes"],  # two of three
    ]
    assert found["confidence"].is_monotonic_decreasing
    assert found["reason"].tolist() == ["why 0", "why 0", "why 1"]  # of a sample that says so
    assert found.loc[2, "quote"] == "words 1" and found.loc[2, "interrupt"] == "stop"
    assert truth.disagreements(voted, known, items)["reason"].isna().all()


def test_from_replies_of_a_judge_to_what_its_verdicts_are_worth():
    asked = items([answer for _ in range(30) for answer in ("please", "12", "rude")])
    ready = Fake(lambda text, number: ("broken", "stop") if number % 10 == 0 else (text, "stop"))
    made = grm.Judge(ready, grm.Policy(attempts=1)).score(asked, RUBRIC, samples=2)
    voted = scores.verdicts(made, RUBRIC)
    known = [{"row_id": name, "status": "correct", "correct": i % 3 == 0} for i, name in enumerate(asked["item_id"])]
    known[1]["correct"] = True  # the program sees kindness that the judge does not
    true = truth.by_program(asked, one_of("grades.correct"), rows("grades", *known), rows("labels"), KINDS)
    (differ,) = truth.disagreements(voted, true, asked, made).to_dict("records")
    assert (differ["item_id"], differ["truth"], differ["verdict"], differ["reason"]) == ("i1", "yes", "no", "so")
    found = trust.calibrate(voted, true, RUBRIC, draws=100).set_index(["criterion", "figure", "part"]).sort_index()
    assert found.loc[("kind", "specificity"), "value"].eq(1).all()
    assert found.loc[("kind", "sensitivity"), "value"].sort_values().iloc[1:].eq(1).all()
    assert found.loc[("right", "kappa"), "why"].eq("no item has a true label").all()
