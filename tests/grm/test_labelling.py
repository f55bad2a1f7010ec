"""Labelling by people: what they are asked, blind to the judge, and how their labels get into the study."""

from dataclasses import replace

import pandas as pd
import pytest

from lib import paths
from lib.grm import labelling, people, prompt
from lib.grm.people import LabelError
from tests.fakes.judge import RUBRIC
from tests.report.page_text import text_of

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)> & <b>"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    return tmp_path / "studies" / "s"


def made(n=60, answer="12"):
    """Items at two interrupts and two positions, one of them rare."""
    rows = [{"item_id": f"i{i:02}", "problem_id": f"p{i // 2}", "problem": "What?", "answer": answer} for i in range(n)]
    frame = pd.DataFrame(rows).assign(reference="12", interrupt=["stop", "hurry"] * (n // 2))
    return frame.assign(position=[0.9 if i < 4 else 0.1 for i in range(n)])


def test_items_are_drawn_equally_from_each_interrupt_position_and_verdict():
    frame = made()
    correct = pd.Series([i % 4 < 2 for i in range(60)], frame["item_id"]).astype(object)
    correct["i05"] = None
    tasks = labelling.chosen(frame, RUBRIC, 16, seed=1, correct=correct)
    drawn = frame[frame["item_id"].isin(tasks["item_id"])].assign(correct=frame["item_id"].map(correct).astype(str))
    counts = drawn.groupby(["interrupt", "position", "correct"], dropna=False).size()
    assert len(drawn) == 16
    # four rare ones at 0.9 and the one that no program could tell, then the rest in turn
    assert sorted(counts) == [1, 1, 1, 1, 1, 2, 3, 3, 3] and counts.xs(0.9, level="position").tolist() == [1] * 4


def test_the_same_seed_gives_the_same_tasks_whatever_the_order_of_items():
    frame = made()
    first = labelling.chosen(frame, RUBRIC, 10, seed=1)
    assert first.equals(labelling.chosen(frame.sample(frac=1, random_state=3), RUBRIC, 10, seed=1))
    assert set(first["item_id"]) != set(labelling.chosen(frame, RUBRIC, 10, seed=2)["item_id"])
    assert len(labelling.chosen(frame, RUBRIC, 1000, seed=1)) == 60 * 3
    assert labelling.chosen(frame.iloc[:0], RUBRIC, 5, seed=1).empty


def test_nothing_tells_what_the_judge_said_or_which_items_it_differs_on():
    frame = made()
    differ = pd.DataFrame(
        {"item_id": ["i50", "i51", "gone"], "criterion": "kind", "verdict": "yes", "reason": "judge!"}
    )
    tasks = labelling.chosen(frame, RUBRIC, 10, seed=1, disagreements=differ)
    assert list(tasks.columns) == labelling.COLUMNS and {"i50", "i51"} < set(tasks["item_id"])
    assert set(tasks.groupby("item_id")["criterion"].agg(tuple)) == {("hasty", "kind", "right")}
    assert "judge!" not in labelling.page(frame.assign(reason="judge!", verdict="judge!"), RUBRIC, tasks)
    places = [list(dict.fromkeys(tasks["item_id"])).index(name) for name in ("i50", "i51")]
    assert sorted(places) not in ([0, 1], [10, 11])


def test_what_an_item_does_not_have_is_not_asked():
    frame = made(4)
    frame.loc[0, "reference"] = None
    tasks = labelling.chosen(frame, RUBRIC, 4, seed=1)
    assert sorted(tasks.loc[tasks["item_id"].eq("i00"), "criterion"]) == ["hasty", "kind"]
    assert labelling.chosen(frame.drop(columns="reference"), RUBRIC, 4, seed=1)["criterion"].nunique() == 2


def test_a_task_shows_what_its_criterion_may_see_and_no_more():
    item = made(2).iloc[0].to_dict() | {"problem": "the problem", "answer": "", "reference": "the reference"}
    shown, _ = text_of(labelling.one(item, RUBRIC.criterion("kind")))
    assert "the problem" in shown and prompt.VIEWS["answer"] in shown and "nothing" in shown
    assert "the reference" not in shown and RUBRIC.criterion("kind").question in shown
    assert all(label in shown for label in ("yes", "no", "cannot_assess"))
    assert "the problem" not in text_of(labelling.one(item, RUBRIC.criterion("right")))[0]


def test_what_a_model_wrote_is_shown_and_not_run():
    frame = made(2, HOSTILE).assign(problem=HOSTILE, reference=HOSTILE, item_id=[HOSTILE, "i"])
    worded = [replace(one, question=HOSTILE, applies=HOSTILE) for one in RUBRIC.criteria]
    rubric = replace(RUBRIC, criteria=tuple(worded))
    shown, tags = text_of(labelling.page(frame, rubric, labelling.chosen(frame, rubric, 2, seed=1)))
    assert set(tags) <= {"details", "summary", "div", "p", "b", "pre", "ul", "li", "i"}
    assert shown.count("<script>alert(1)</script>") == 2 * (1 + 2 + 2) + 2 * 3 * 2 + 3 * 2
    assert labelling.page(frame, rubric, labelling.chosen(frame, rubric, 0, seed=1)) == "There is nothing to label."


def test_buttons_write_labels_and_go_on_where_the_rater_stopped(folder):
    frame = made(4)
    tasks = labelling.chosen(frame, RUBRIC, 4, seed=1)
    place, shown, buttons, row = labelling.browse("s", frame, RUBRIC, tasks, "Ann").children
    notes, told = row.children
    assert [one.description for one in buttons.children] == ["yes", "no", "cannot_assess"]
    assert tasks["item_id"].iloc[0] in shown.value and told.value == "Not labelled yet."
    notes.value = " no doubt "
    buttons.children[1].click()
    buttons.children[2].click()
    assert place.value == 3 and notes.value == ""
    place.value = 1
    assert told.value == "Labelled: no"
    labels = people.read("s", RUBRIC).set_index("criterion")
    assert labels["label"].to_dict() == {"hasty": "no", "kind": "cannot_assess"}
    assert labels.loc["hasty", "notes"] == "no doubt" and set(labels["rater"]) == {"Ann"}
    again, *_ = labelling.browse("s", frame, RUBRIC, tasks, "Ann").children
    other, *_ = labelling.browse("s", frame, RUBRIC, tasks, "Ben").children
    assert (again.value, other.value) == (3, 1)
    assert len(labelling.left(tasks, people.read("s", RUBRIC), "Ann")) == len(tasks) - 2


def test_a_label_of_the_last_task_is_shown(folder):
    frame = made(2)
    tasks = labelling.chosen(frame, RUBRIC, 2, seed=1).tail(1)
    place, _, buttons, row = labelling.browse("s", frame, RUBRIC, tasks, "Ann").children
    buttons.children[0].click()
    assert place.value == 1 and row.children[1].value == "Labelled: yes"


def test_without_tasks_or_a_rater_nothing_is_asked(folder):
    frame = made(2)
    none = labelling.chosen(frame, RUBRIC, 0, seed=1)
    assert labelling.browse("s", frame, RUBRIC, none, "Ann").children[0].value == "There is nothing to label."
    with pytest.raises(LabelError, match="rater: expected a name"):
        labelling.browse("s", frame, RUBRIC, none, " ")
    assert not folder.exists()
