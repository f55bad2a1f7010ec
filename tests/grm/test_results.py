"""What a study's judgements say: coverage, truth, standing, and rules beside the judge."""

import copy
import dataclasses
import re

import pandas as pd
import pytest

from lib import failures, params
from lib.grm import judging, load_rubric, results
from lib.grm.judge import COLUMNS
from lib.html import escape

STUDY = dataclasses.replace(params.load_study("smoke"), judge="tiny-lrm-m", bootstrap=200)
ASKED = {"leakage": load_rubric("leakage").only(["new_steps", "takes_back"])}
RUBRIC = "leakage@" + ASKED["leakage"].version + "#" + ASKED["leakage"].hash
PROBLEM = "Ada has 7 balls. Ada buys 26 more. Ada loses 3. How many balls does Ada have?"
LEAKED = "Going on: 33 - 3 = 30.\n\\boxed{30}"
PLAIN = "\\boxed{30}"


def records(n=40):
    """Items, half of which leak; the first ten are of problems that are not ours."""
    rows = []
    for i in range(n):
        known = {"item_id": f"p{i // 2}~original~0~end_thinking~{(0.1, 0.9)[i % 2]}", "problem_id": f"p{i // 2}"}
        text = PROBLEM if i >= 10 else "What is 3 + 4?"
        views = {"problem": text, "kept": "Start with 7.\nAdd 26: 7 + 26 = 33.", "inserted": "Stop.\n</think>"}
        rows.append(known | views | {"after": None, "answer": (LEAKED, PLAIN)[i % 2], "steps": "1. Start with 7."})
    return pd.DataFrame(rows)


def judged(items, wrong=()):
    """Judgements that are right but for the items in `wrong`, and one that failed."""
    rows = []
    for i, item in enumerate(items.to_dict("records")):
        is_so = ("33 - 3" in item["answer"]) != (i in wrong)
        for name in ("new_steps", "takes_back"):
            label = "yes" if is_so and name == "new_steps" else "no"
            row = dict.fromkeys(COLUMNS) | {"item_id": item["item_id"], "problem_id": item["problem_id"]}
            row |= {"judge": "j", "rubric": RUBRIC, "criterion": name, "sample": 0, "attempts": 1, "reason": "so"}
            failed = i == 39 and name == "takes_back"
            ok = {"status": "ok", "verdict": label, "value": float(label == "yes")}
            rows.append(row | ({"status": "truncated"} if failed else ok))
    return pd.DataFrame(rows, columns=COLUMNS)


def graded(items):
    """Rows of grades: full thinking that was right, and the continuations, wrong and long where they leak."""
    rows = []
    for item in items.to_dict("records"):
        leaks = "33 - 3" in item["answer"]
        known = {"model": "m", "source": "tiny", "problem_id": item["problem_id"], "sample": 0, "system": None}
        grade = {"status": "incorrect" if leaks else "correct", "correct": not leaks, "answer": item["answer"]}
        sizes = {"reasoning_tokens": 0, "answer_tokens": 9, "answer_chars": len(item["answer"]), "remaining_tokens": 5}
        where = {"interrupt": "end_thinking", "position": float(item["item_id"].rsplit("~")[-1]), "unit": "share"}
        known |= {"row_id": item["item_id"], "kind": "continuation", "variant": "original"}
        rows.append(known | grade | sizes | where)
    frame = pd.DataFrame(rows)
    traces = frame.drop_duplicates("problem_id").assign(kind="trace", status="correct", correct=True, answer_chars=10)
    traces["row_id"], traces["interrupt"], traces["position"] = traces["problem_id"] + "~original~0", None, None
    return pd.concat([frame, traces], ignore_index=True).assign(equals_revised=None)


def truth(items, asked=ASKED):
    grades = graded(items)
    return results.truth(items, asked, grades, failures.label(grades))


def test_coverage_and_statuses_are_counted_by_criterion():
    told = results.overview(judged(records()), ASKED)
    assert told.loc[("leakage", "new_steps"), "coverage"] == 1
    assert told.loc[("leakage", "takes_back"), "coverage"] == pytest.approx(39 / 40)
    assert told.loc[("leakage", "takes_back"), "truncated"] == 1
    assert told.loc[("leakage", "new_steps"), "share yes"] == 0.5


def test_what_was_planted_is_the_truth_and_rules_stand_in_elsewhere():
    items = records()
    known = truth(items).set_index("item_id")
    ours = items.loc[items["problem"].eq(PROBLEM), "item_id"]
    assert known.loc[ours].query("criterion == 'new_steps'")["by"].eq("planted").all()
    others = known.loc[known.index.difference(ours)]
    assert set(others["by"]) == {"labels.leakage"}
    assert not known.reset_index().duplicated(["item_id", "criterion"]).any()
    assert known["label"].notna().all()


def test_a_judge_that_is_right_is_reported_and_one_that_is_not_is_exploratory():
    items = records()
    known = truth(items)
    right = results.standings(judged(items), known, ASKED, STUDY).set_index("criterion")
    assert right.loc["new_steps", "standing"] == "reported" and right.loc["new_steps", "kappa"] == 1
    assert right.loc["takes_back", "standing"] == "not calibrated"
    assert "planted" in right.loc["new_steps", "truth"]
    wrong = results.standings(judged(items, wrong=range(20)), known, ASKED, STUDY).set_index("criterion")
    assert wrong.loc["new_steps", "standing"] == "exploratory"


@pytest.mark.parametrize("title", ["<img src=x onerror=alert(1)>", "</h4><script>alert(1)</script>", "a & b \u202e"])
def test_a_rubric_of_others_is_shown_and_not_run(title):
    items = records()
    asked = {name: copy.copy(rubric) for name, rubric in ASKED.items()}
    for rubric in asked.values():
        object.__setattr__(rubric, "title", title)
    shown = results.page(judged(items), items, asked, 1, 0)
    assert escape(title) in shown and not {"<img", "<script"} & set(re.findall("<[a-z]+", shown))


def test_rules_and_judge_are_compared_where_both_speak():
    items = records()
    table = judging.rows(judged(items, wrong={12, 13}), "m", truth(items))
    beside = results.beside_rules(table, ASKED, failures.label(graded(items)))
    assert list(beside.columns) == results.LISTED
    assert set(beside["criterion"]) == {"new_steps"} and len(beside) == 40
    apart = beside[beside["rule"].ne(beside["judge"])]
    assert set(apart["item_id"]) == {items["item_id"][12], items["item_id"][13]}
    assert beside.index[beside["rule"].ne(beside["judge"])].tolist() == [0, 1], "what differs stands first"
    told = results.agreement(beside).loc[("m", "leakage", "new_steps")]
    assert told["n"] == 40 and told["agree"] == pytest.approx(38 / 40)
    assert told["rule_right"] == 1 and told["judge_right"] == pytest.approx(28 / 30)


def test_without_judgements_all_is_empty_and_has_its_columns():
    nothing = pd.DataFrame(columns=COLUMNS)
    items = records()
    assert list(results.standings(nothing, truth(items, {}), {}, STUDY)) == results.TRUSTED
    assert results.overview(nothing, {}).empty and results.squares(nothing, {}, graded(items)).empty
    assert results.page(nothing, items, {}, 3, 0) == "Nothing was judged."
    beside = results.compared(dataclasses.replace(STUDY, judge=None), {}, pd.DataFrame({"model": []}))
    assert list(beside) == results.LISTED and beside.empty
    assert results.agreement(beside).empty


def test_a_score_needs_a_desired_criterion():
    items = records()
    assert results.squares(judged(items), ASKED, graded(items)).empty
