"""Truth by programs, where judges differ from it, and what their verdicts are worth on a split by problem."""

import random
from dataclasses import replace

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from lib import grm, schema
from lib.grm import calibrated, report, truth
from lib.grm.rubric import Option
from lib.stats import calibration
from tests.fakes.judge import KIND, RIGHT, RUBRIC, Fake, items

KINDS = {"stop": "hard", "hurry": "soft", "news": "update"}


def rows(table, *told):
    """Rows of a table: what a test tells of each, the rest null."""
    columns = schema.TABLES[table].columns
    frame = pd.DataFrame(told).reindex(columns=[column.name for column in columns])
    types = {column.name: "boolean" for column in columns if column.type == "bool"}
    return frame.astype(types)


def label(name, interrupt, oracle=True, **flags):
    known = {"model": "m", "continuation_id": name, "interrupt": interrupt, "status": "incorrect"}
    known |= {"oracle_correct": oracle, "mean_answer_ratio": 1.5}
    return known | {"leakage": False, "panic": False, "self_doubt": False, "new_error": False} | flags


def one_of(proxy, **changes):
    return replace(RUBRIC, criteria=(replace(KIND, proxy=proxy, **changes), RIGHT))


def told(proxy, grades=(), labels=(), **changes):
    items = pd.DataFrame({"item_id": [row.get("row_id", row.get("continuation_id")) for row in (*grades, *labels)]})
    found = truth.by_program(items, one_of(proxy, **changes), rows("grades", *grades), rows("labels", *labels), KINDS)
    assert list(found.columns) == truth.COLUMNS and found["item_id"].tolist() == items["item_id"].tolist()
    return found["label"].tolist()


def test_what_a_grader_could_not_tell_is_no_label():
    statuses = ["correct", "incorrect", "no_answer", "censored", "ungradable"]
    graded = [{"row_id": s, "status": s, "correct": s == "correct"} for s in statuses]
    assert told("grades.correct", graded) == ["yes", "no", "no", "no", None]
    revised = [
        {"row_id": str(i), "status": "incorrect", "equals_revised": b} for i, b in enumerate([True, False, None])
    ]
    assert told("grades.equals_revised", revised) == ["yes", "no", None]


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
    assert told(f"labels.{column}", labels=labels) == expected


def test_a_label_says_what_is_so_whatever_is_good():
    graded = [{"row_id": "a", "status": "correct", "correct": True}, {"row_id": "b", "status": "x", "correct": False}]
    options = (Option("right", 1.0), Option("wrong", 0.0))
    for polarity in ("desired", "undesired"):
        assert told("grades.correct", graded, polarity=polarity) == ["yes", "no"]
        assert told("grades.correct", graded, polarity=polarity, options=options) == ["right", "wrong"]


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
        told(proxy, [{"row_id": "a"}])


def test_a_scale_and_rows_of_two_models_are_named():
    levels = tuple(Option(name, value, name) for name, value in (("none", 0.0), ("some", 0.5), ("all", 1.0)))
    with pytest.raises(
        ValueError, match=r"kind: proxy: grades\.correct: tells yes from no, expected a criterion of two"
    ):
        told("grades.correct", [{"row_id": "a"}], scale="ordinal", options=levels)
    with pytest.raises(ValueError, match="labels: a: stands twice, expected the rows of one model"):
        told("labels.leakage", labels=[label("a", "stop"), label("a", "stop")])


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
    told = [
        {"item_id": f"i{i}", "problem_id": f"p{i}", "criterion": "kind", "sample": k, "verdict": verdict}
        | {"status": "ok" if verdict else "parse_error", "reason": f"why {k}", "quote": f"words {k}", "view": "answer"}
        for i, said in enumerate(verdicts)
        for k, verdict in enumerate(said)
    ]
    return pd.DataFrame(told)


def test_disagreements_show_both_labels_and_grounds_the_surest_first():
    made = judgements([["no", "yes", "yes"], ["no"] * 3, ["yes"], [None], ["no"], ["yes"]])
    known = pd.DataFrame({"item_id": [f"i{i}" for i in range(6)], "criterion": "kind"})
    known = known.assign(label=["no", "yes", "yes", "yes", None, "no"])
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(6)], "interrupt": "stop", "position": 0.5})
    voted = report.verdicts(made, RUBRIC)
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
    voted = report.verdicts(made, RUBRIC)
    known = [{"row_id": name, "status": "correct", "correct": i % 3 == 0} for i, name in enumerate(asked["item_id"])]
    known[1]["correct"] = True  # the program sees kindness that the judge does not
    true = truth.by_program(asked, one_of("grades.correct"), rows("grades", *known), rows("labels"), KINDS)
    (differ,) = truth.disagreements(voted, true, asked, made).to_dict("records")
    assert (differ["item_id"], differ["truth"], differ["verdict"], differ["reason"]) == ("i1", "yes", "no", "so")
    found = calibrated.figures(voted, true, RUBRIC, draws=100).set_index(["criterion", "figure", "part"]).sort_index()
    assert found.loc[("kind", "specificity"), "value"].eq(1).all()
    assert found.loc[("kind", "sensitivity"), "value"].sort_values().iloc[1:].eq(1).all()
    assert found.loc[("right", "kappa"), "why"].eq("no item has a true label").all()


# what verdicts are worth


def planted(sensitivity, specificity, share=0.5, n=1200, failed=0.0, seed=1, each=2):
    """Votes on `kind` by a judge of known rates, and the truth."""
    rng = random.Random(seed)
    true = [rng.random() < share for _ in range(n)]
    said = [rng.random() < (sensitivity if so else 1 - specificity) for so in true]
    names = [f"i{i}" for i in range(n)]
    voted = pd.DataFrame({"item_id": names, "problem_id": [f"p{i // each}" for i in range(n)], "criterion": "kind"})
    voted["status"] = ["parse_error" if rng.random() < failed else "ok" for _ in range(n)]
    voted["verdict"] = np.where(voted["status"].eq("ok"), np.where(said, "yes", "no"), None)
    voted["confidence"] = np.where(voted["status"].eq("ok"), 0.9, np.nan)
    known = pd.DataFrame({"item_id": names, "criterion": "kind", "label": np.where(true, "yes", "no")})
    return voted, known


def found_in(voted, known, part="test", rubric=RUBRIC, **options):
    frame = calibrated.figures(voted, known, rubric, parts=[part], draws=400, **options)
    assert list(frame.columns) == calibrated.COLUMNS
    return frame[frame["criterion"].eq("kind") & frame["part"].eq(part)].set_index("figure")


def test_planted_rates_lie_in_their_intervals():
    expected = {"sensitivity": 0.9, "specificity": 0.7, "balanced_accuracy": 0.8, "coverage": 0.9, "truth_share": 0.3}
    expected |= {"judged_share": 0.3 * 0.9 + 0.7 * 0.3, "prevalence": 0.3}
    runs = [found_in(*planted(0.9, 0.7, share=0.3, failed=0.1, n=900, seed=seed)) for seed in range(8)]
    assert all(found["why"].eq("").all() for found in runs)
    for name, value in expected.items():
        rows = [found.loc[name] for found in runs]
        assert sum(row["low"] <= value <= row["high"] for row in rows) >= 6, name
    raw, mended = (np.mean([found.loc[name, "value"] for found in runs]) for name in ("judged_share", "prevalence"))
    assert raw > 0.4 and mended == pytest.approx(0.3, abs=0.05)


OF = {
    "kappa": metrics.cohen_kappa_score,
    "mcc": metrics.matthews_corrcoef,
    "macro_f1": lambda truth, verdicts: metrics.f1_score(truth, verdicts, average="macro"),
    "balanced_accuracy": metrics.balanced_accuracy_score,
}


@pytest.mark.parametrize("part", calibration.PARTS)
def test_figures_are_those_of_one_part(part):
    voted, known = planted(0.8, 0.9)
    rows = voted.merge(known, on=["item_id", "criterion"])
    rows = rows[[one == part for one in calibration.split(rows["problem_id"])]]
    found = found_in(voted, known, part)
    for name in OF:
        assert found.loc[name, "value"] == pytest.approx(OF[name](rows["label"], rows["verdict"]))
    sides = [rows[name].eq("yes").astype(int) for name in ("label", "verdict")]
    alpha = krippendorff.alpha(reliability_data=sides, level_of_measurement="nominal")
    right = rows["label"].eq(rows["verdict"])
    assert found.loc["alpha", "value"] == pytest.approx(alpha)
    assert found.loc["brier", "value"] == pytest.approx(metrics.brier_score_loss(right, [0.9] * len(rows)))
    assert found.loc["ece", "value"] == pytest.approx(abs(right.mean() - 0.9))
    assert (found.loc["kappa", "items"], found.loc["kappa", "problems"]) == (len(rows), rows["problem_id"].nunique())
    assert ("prevalence" in found.index) == (part != "calibration")


def test_the_rates_that_correct_come_from_the_calibration_part_alone():
    voted, known = planted(0.9, 0.8)
    part = pd.Series(calibration.split(voted["problem_id"]))
    spoiled = known.assign(label=known["label"].where(part.ne("test"), "no"))
    before, after = (found_in(voted, one).loc["prevalence"] for one in (known, spoiled))
    assert before.equals(after)
    blind = found_in(voted, known[part.eq("calibration")])  # no label in the test part: a prevalence all the same
    assert blind.loc["prevalence"].equals(before)
    assert blind.loc["kappa", "why"] == "no item has a true label" and np.isnan(blind.loc["kappa", "value"])


def test_a_judge_that_knows_nothing_is_flagged():
    found = found_in(*planted(0.4, 0.5))
    assert found.loc["prevalence", "why"].endswith("expected above 1.05: not to be reported")
    assert found_in(*planted(0.7, 0.6)).loc["prevalence", "why"] == ""


# (change of votes and labels, figure, why it is undefined)
@pytest.mark.parametrize(
    ("change", "figure", "why"),
    [
        (lambda v, k: (v.assign(status="refused", verdict=None, confidence=None), k), "kappa", "no item has a verdict"),
        (lambda v, k: (v, k.assign(label=None)), "coverage", "no item has a true label"),
        (lambda v, k: (v, k.assign(label="no")), "sensitivity", "no item with a verdict is truly so"),
        (lambda v, k: (v, k.assign(label="no")), "balanced_accuracy", "only one label is true"),
        (lambda v, k: (v, k.assign(label="no")), "prevalence", "the part calibration lacks what is so, or what is not"),
        (lambda v, k: (v.assign(verdict="yes"), k), "mcc", "only one label was given"),
    ],
)
def test_what_is_undefined_is_null_with_a_reason(change, figure, why):
    row = found_in(*change(*planted(0.9, 0.9, n=200))).loc[figure]
    assert row[["value", "low", "high"]].isna().all() and row["why"] == why


def test_little_data_is_said_to_be_little():
    voted, known = planted(0.9, 0.9, n=100)
    assert found_in(voted, known).loc["ece", "why"] == "fewer than 200 verdicts: comes out too high"
    one = voted.assign(problem_id=next(f"p{i}" for i in range(99) if calibration.split([f"p{i}"]) == ["test"]))
    row = found_in(one, known).loc["kappa"]
    assert row["value"] > 0 and np.isnan(row["low"]) and row["why"] == "all items are of one problem"


def test_an_ordinal_scale_has_ordinal_figures_and_no_rates():
    levels = tuple(Option(name, value, name) for name, value in (("none", 0.0), ("some", 0.5), ("all", 1.0)))
    rubric = replace(RUBRIC, criteria=(replace(KIND, scale="ordinal", options=levels),))
    voted, known = planted(0.9, 0.9)
    rng = random.Random(3)
    known["label"] = [rng.choice(("none", "some", "all")) for _ in range(len(known))]
    voted["verdict"] = ["some" if name == "all" and rng.random() < 0.5 else name for name in known["label"]]
    found = found_in(voted, known, rubric=rubric)
    assert found.loc["quadratic_kappa", "value"] > found.loc["kappa", "value"]
    assert found.loc["alpha", "value"] > 0.8 and not {"sensitivity", "prevalence", "judged_share"} & set(found.index)


def test_bad_calls_are_named():
    voted, known = planted(0.9, 0.9, n=20)
    with pytest.raises(ValueError, match="part 'dev': expected one of tuning, calibration, test"):
        calibrated.figures(voted, known, RUBRIC, parts=["dev"])
    with pytest.raises(ValueError, match="kind: label 'maybe': expected one of yes, no"):
        calibrated.figures(voted, known.assign(label="maybe"), RUBRIC)
    with pytest.raises(ValueError, match="truth: i0, kind: stands twice"):
        calibrated.figures(voted, pd.concat([known, known]), RUBRIC)
