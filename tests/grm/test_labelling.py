"""Labels by people: tasks blind to the judge, the labels on disk, and the agreement of raters."""

from dataclasses import replace

import krippendorff
import numpy as np
import pandas as pd
import pytest

from lib import paths
from lib.grm import labelling, prompt
from lib.grm.labelling import LabelError
from lib.stats import agreement
from tests.fakes.judge import KIND, LEVELS, RUBRIC
from tests.report.page_text import text_of

HEADER = "item_id,criterion,rater,label\n"
HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)> & <b>"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    return tmp_path / "studies" / "s"


# tasks


def records(n=60, answer="12"):
    """Items at two interrupts and two positions, one of them rare."""
    rows = [{"item_id": f"i{i:02}", "problem_id": f"p{i // 2}", "problem": "What?", "answer": answer} for i in range(n)]
    frame = pd.DataFrame(rows).assign(reference="12", interrupt=["stop", "hurry"] * (n // 2))
    return frame.assign(position=[0.9 if i < 4 else 0.1 for i in range(n)])


def test_items_are_drawn_equally_from_each_interrupt_and_position():
    frame = records()
    drawn = frame[frame["item_id"].isin(labelling.draw_tasks(frame, RUBRIC, 16, seed=1)["item_id"])]
    assert sorted(drawn.groupby(["interrupt", "position"]).size()) == [2, 2, 6, 6]  # of the rare ones, all


def test_the_same_seed_gives_the_same_tasks_whatever_the_order_of_items():
    frame = records()
    first = labelling.draw_tasks(frame, RUBRIC, 10, seed=1)
    assert first.equals(labelling.draw_tasks(frame.sample(frac=1, random_state=3), RUBRIC, 10, seed=1))
    assert set(first["item_id"]) != set(labelling.draw_tasks(frame, RUBRIC, 10, seed=2)["item_id"])
    assert len(labelling.draw_tasks(frame, RUBRIC, 1000, seed=1)) == 60 * 3
    assert labelling.draw_tasks(frame.iloc[:0], RUBRIC, 5, seed=1).empty


def test_what_an_item_does_not_have_is_not_asked():
    frame = records(4)
    frame.loc[0, "reference"] = None
    tasks = labelling.draw_tasks(frame, RUBRIC, 4, seed=1)
    assert sorted(tasks.loc[tasks["item_id"].eq("i00"), "criterion"]) == ["hasty", "kind"]
    assert labelling.draw_tasks(frame.drop(columns="reference"), RUBRIC, 4, seed=1)["criterion"].nunique() == 2


def test_a_task_shows_what_its_criterion_may_see_and_no_more():
    item = records(2).iloc[0].to_dict() | {"problem": "the problem", "answer": "", "reference": "the reference"}
    shown, _ = text_of(labelling.task_html(item, RUBRIC.criterion("kind")))
    assert "the problem" in shown and prompt.VIEWS["answer"] in shown and "nothing" in shown
    assert "the reference" not in shown and RUBRIC.criterion("kind").question in shown
    assert all(label in shown for label in ("yes", "no", "cannot_assess"))
    assert "the problem" not in text_of(labelling.task_html(item, RUBRIC.criterion("right")))[0]


def test_what_a_model_wrote_is_shown_and_not_run():
    item = dict.fromkeys(["item_id", "problem", "answer", "reference"], HOSTILE)
    criterion = replace(KIND, question=HOSTILE, applies=HOSTILE)
    shown, tags = text_of(labelling.task_html(item, criterion))
    assert set(tags) <= {"p", "b", "pre", "ul", "li"} and shown.count("<script>alert(1)</script>") == 5


def test_buttons_write_labels_and_go_on_where_the_rater_stopped(folder):
    frame = records(4)
    tasks = labelling.draw_tasks(frame, RUBRIC, 4, seed=1)
    place, shown, buttons, row = labelling.browse("s", frame, RUBRIC, tasks, "Ann").children
    notes, state = row.children
    assert [one.description for one in buttons.children] == ["yes", "no", "cannot_assess"]
    assert tasks["item_id"].iloc[0] in shown.value and state.value == "Not labelled yet."
    notes.value = " no doubt "
    buttons.children[1].click()
    buttons.children[2].click()
    assert place.value == 3 and notes.value == ""
    place.value = 1
    assert state.value == "Labelled: no"
    labels = labelling.read("s", RUBRIC).set_index("criterion")
    assert labels["label"].to_dict() == {"hasty": "no", "kind": "cannot_assess"}
    assert labels.loc["hasty", "notes"] == "no doubt" and set(labels["rater"]) == {"Ann"}
    again, *_ = labelling.browse("s", frame, RUBRIC, tasks, "Ann").children
    other, *_ = labelling.browse("s", frame, RUBRIC, tasks, "Ben").children
    assert (again.value, other.value) == (3, 1)
    assert len(labelling.remaining(tasks, labelling.read("s", RUBRIC), "Ann")) == len(tasks) - 2


def test_without_tasks_or_a_rater_nothing_is_asked(folder):
    frame = records(2)
    none = labelling.draw_tasks(frame, RUBRIC, 0, seed=1)
    assert labelling.browse("s", frame, RUBRIC, none, "Ann").children[0].value == "There is nothing to label."
    with pytest.raises(LabelError, match="rater: expected a name"):
        labelling.browse("s", frame, RUBRIC, none, " ")
    assert not folder.exists()


# labels on disk


def test_labels_are_written_read_and_replaced(folder):
    assert labelling.read("s", RUBRIC).empty
    labelling.record("s", RUBRIC, "i1", "kind", "Ann", "yes", 'says "please",\nso')
    labelling.record("s", RUBRIC, "i0", "kind", "Ann", "no")
    labelling.record("s", RUBRIC, "i1", "kind", "Ben", "cannot_assess")
    labelling.record("s", RUBRIC, "i0", "kind", "Ann", "yes")
    labels = labelling.read("s", RUBRIC)
    assert labels[["item_id", "rater", "label"]].values.tolist() == [
        ["i0", "Ann", "yes"],
        ["i1", "Ann", "yes"],
        ["i1", "Ben", "cannot_assess"],
    ]
    assert labels["notes"].tolist() == ["", 'says "please",\nso', ""]
    assert [file.name for file in folder.iterdir()] == ["labels.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "item_id,criterion,label\ni,kind,yes\n",
            r"labels\.csv: no column rater, expected item_id, criterion, rater, ",
        ),
        (f"{HEADER}i,kind,,yes\n", r"labels\.csv:2: i kind : expected an item, a criterion and a rater"),
        (f"{HEADER}i,kind,A,maybe\n", r"csv:2: label: expected one of yes, no, cannot_assess"),
        (f"{HEADER}i,kind,A,yes\ni,kind,A,no\n", r"csv:3: i kind A: labelled twice by one rater, expected once"),
    ],
)
def test_bad_labels_are_named_by_file_and_line(folder, text, message):
    folder.mkdir(parents=True)
    (folder / "labels.csv").write_text(text)
    with pytest.raises(LabelError, match=message):
        labelling.read("s", RUBRIC)


def test_labels_of_other_rubrics_are_kept_and_left_out(folder):
    folder.mkdir(parents=True)
    (folder / "labels.csv").write_text(f"{HEADER}i,panic,Ann,severe\n")
    labelling.record("s", RUBRIC, "i", "kind", "Ann", "yes")
    assert labelling.read("s", RUBRIC)["criterion"].tolist() == ["kind"]
    assert "panic,Ann,severe" in (folder / "labels.csv").read_text()


@pytest.mark.parametrize(("criterion", "label"), [("kind", "maybe"), ("panic", "yes")])
def test_what_the_rubric_does_not_have_cannot_be_recorded(folder, criterion, label):
    with pytest.raises(LabelError, match=f"{criterion}: label: expected .*, got '{label}'"):
        labelling.record("s", RUBRIC, "i", criterion, "Ann", label)
    assert not folder.exists()


# labels of several raters


def nominal_alpha(raters):
    codes = {"y": 1, "yes": 1, "n": 0, "no": 0}
    rows = [[codes.get(label, np.nan) for label in rater] for rater in raters]
    return krippendorff.alpha(reliability_data=rows, level_of_measurement="nominal")


def labelled(**by_rater):
    """Labels of `kind` by raters: a text of one letter an item, `-` where there is none, `?` for cannot_assess."""
    names = {"y": "yes", "n": "no", "?": "cannot_assess", "0": "none", "1": "some", "2": "all"}
    return pd.DataFrame(
        [
            {"item_id": f"i{i}", "criterion": "kind", "rater": rater, "label": names[one], "notes": ""}
            for rater, letters in by_rater.items()
            for i, one in enumerate(letters)
            if one != "-"
        ]
    )


@pytest.mark.parametrize(("criterion", "of_a_tie"), [("kind", "no"), ("hasty", "yes")])  # hasty is undesired
def test_several_raters_make_one_label_and_ties_fall_to_the_worse(criterion, of_a_tie):
    labels = labelled(A="yy?n", B="yn-?", C="n---").assign(criterion=criterion)
    majority = labelling.majority(labels, RUBRIC).set_index("item_id").sort_index()
    assert majority["label"].fillna("").tolist() == ["yes", of_a_tie, "", "no"]


def verdicts(letters):
    names = {"y": "yes", "n": "no", "x": None, "0": "none", "1": "some", "2": "all"}
    rows = [{"item_id": f"i{i}", "problem_id": f"p{i}", "verdict": names[one]} for i, one in enumerate(letters)]
    frame = pd.DataFrame(rows).assign(criterion="kind")
    return frame.assign(status=frame["verdict"].notna().map({True: "ok", False: "parse_error"}))


def kind(labels, voted, rubric=RUBRIC):
    frame = labelling.rater_agreement(labels, voted, rubric, draws=200).set_index("criterion")
    assert list(frame.index) == [one.id for one in rubric.criteria]
    return frame.loc["kind"]


def test_agreement_of_people_and_judge_is_counted_on_the_same_items():
    ann, ben, judge = "yynnyynny?y", "ynnnyyyny-y", "yynnyynynyx"
    row = kind(labelled(Ann=ann, problem_id=ben, D="-" * 10 + "?"), verdicts(judge))
    both = [i for i in range(11) if ann[i] in "yn" and ben[i] in "yn"]
    sides = [[labels[i] for i in both] for labels in (ann, ben)]
    assert (row["items"], row["raters"]) == (10, 2)
    assert row["human_alpha"] == pytest.approx(nominal_alpha(sides))
    assert row["human_kappa"] == pytest.approx(agreement.cohen_kappa(*sides))
    verdicts_of = [judge[i] if judge[i] != "x" else None for i in both]
    assert row["judge_alpha"] == pytest.approx(nominal_alpha([sides[0] + sides[1], verdicts_of + verdicts_of]))
    assert row["judge_kappa"] == pytest.approx(sum(agreement.cohen_kappa(one, verdicts_of) for one in sides) / 2)
    assert row["judge_alpha_low"] <= row["judge_alpha"] <= row["judge_alpha_high"]


def test_an_ordinal_scale_forgives_neighbours():
    rubric = replace(RUBRIC, criteria=(replace(KIND, scale="ordinal", options=LEVELS),))
    near = kind(labelled(A="001122" * 3, B="011122" * 3), verdicts("001122" * 3), rubric)
    far = kind(labelled(A="001122" * 3, B="021122" * 3), verdicts("001122" * 3), rubric)
    assert near["human_alpha"] > far["human_alpha"] and near["human_kappa"] > far["human_kappa"]


def test_without_two_raters_there_is_no_agreement():
    row = kind(labelled(Ann="yn"), verdicts("yn"))
    assert row["items"] == 0 and row[labelling.AGREEMENT[4:]].isna().all()
    silent = kind(labelled(Ann="yny", Ben="yny"), verdicts("xxx"))
    assert silent["human_alpha"] == 1 and silent[["judge_alpha", "judge_kappa"]].isna().all()
