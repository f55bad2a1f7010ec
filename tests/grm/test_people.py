"""Labels by people: read, checked, written, and made one."""

from dataclasses import replace

import krippendorff
import numpy as np
import pandas as pd
import pytest

from lib import paths
from lib.grm import people
from lib.grm.people import LabelError
from lib.grm.rubric import Option
from lib.stats import agreement
from tests.fakes.judge import KIND, RUBRIC


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    return tmp_path / "studies" / "s"


def test_labels_are_written_read_and_replaced(folder):
    assert people.read("s", RUBRIC).empty
    people.record("s", RUBRIC, "i1", "kind", "Ann", "yes", 'says "please",\nso')
    people.record("s", RUBRIC, "i0", "kind", "Ann", "no")
    people.record("s", RUBRIC, "i1", "kind", "Ben", "cannot_assess")
    people.record("s", RUBRIC, "i0", "kind", "Ann", "yes")
    told = people.read("s", RUBRIC)
    assert told[["item_id", "rater", "label"]].values.tolist() == [
        ["i0", "Ann", "yes"],
        ["i1", "Ann", "yes"],
        ["i1", "Ben", "cannot_assess"],
    ]
    assert told["notes"].tolist() == ["", 'says "please",\nso', ""]
    assert [file.name for file in folder.iterdir()] == ["labels.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "item_id,criterion,label\ni,kind,yes\n",
            r"labels\.csv: no column rater, expected item_id, criterion, rater, ",
        ),
        ("item_id,criterion,rater,label\ni,kind,,yes\n", r"labels\.csv:2: expected an item, a criterion and a rater"),
        ("item_id,criterion,rater,label\ni,kind,A,maybe\n", r"csv:2: label: expected one of yes, no, cannot_assess"),
        ("item_id,criterion,rater,label\ni,kind,A,yes\ni,kind,A,no\n", r"csv:3: i kind A: labelled in line 2 too"),
    ],
)
def test_bad_labels_are_named_by_file_and_line(folder, text, message):
    folder.mkdir(parents=True)
    (folder / "labels.csv").write_text(text)
    with pytest.raises(LabelError, match=message):
        people.read("s", RUBRIC)


def test_labels_of_other_rubrics_are_kept_and_left_out(folder):
    folder.mkdir(parents=True)
    (folder / "labels.csv").write_text("item_id,criterion,rater,label\ni,panic,Ann,severe\n")
    people.record("s", RUBRIC, "i", "kind", "Ann", "yes")
    assert people.read("s", RUBRIC)["criterion"].tolist() == ["kind"]
    assert "panic,Ann,severe" in (folder / "labels.csv").read_text()


@pytest.mark.parametrize(("criterion", "label"), [("kind", "maybe"), ("panic", "yes")])
def test_what_the_rubric_does_not_have_cannot_be_recorded(folder, criterion, label):
    with pytest.raises(LabelError, match=f"{criterion}: label: expected .*, got '{label}'"):
        people.record("s", RUBRIC, "i", criterion, "Ann", label)
    assert not folder.exists()


def test_several_raters_make_one_label_and_ties_fall_to_the_worse(folder):
    said = {"i0": ["yes", "yes", "no"], "i1": ["yes", "no"], "i2": ["cannot_assess"], "i3": ["no", "cannot_assess"]}
    for item, labels in said.items():
        for rater, label in zip("ABC", labels, strict=False):
            people.record("s", RUBRIC, item, "kind", rater, label)
            people.record("s", RUBRIC, item, "hasty", rater, label)
    told = people.majority(people.read("s", RUBRIC), RUBRIC).set_index(["criterion", "item_id"])
    assert told.loc["kind", "label"].fillna("").tolist() == ["yes", "no", "", "no"]
    assert told.loc["hasty", "label"]["i1"] == "yes"  # an undesired thing: yes is the worse
    assert told.loc["kind", "raters"].tolist() == [3, 2, 0, 1]
    beside = people.side_by_side(people.read("s", RUBRIC), "kind")
    assert list(beside.columns) == ["A", "B", "C"]
    alpha = nominal_alpha([beside[rater] for rater in beside])
    assert alpha is not None and alpha < 1


def nominal_alpha(raters):
    codes = {"y": 1, "yes": 1, "n": 0, "no": 0}
    rows = [[codes.get(label, np.nan) for label in rater] for rater in raters]
    return krippendorff.alpha(reliability_data=rows, level_of_measurement="nominal")


LEVELS = tuple(Option(name, value, name) for name, value in (("none", 0.0), ("some", 0.5), ("all", 1.0)))


def labelled(**by_rater):
    """Labels of `kind` by raters: a text of one letter an item, `-` where there is none, `?` for cannot_assess."""
    names = {"y": "yes", "n": "no", "?": "cannot_assess", "0": "none", "1": "some", "2": "all"}
    return pd.DataFrame(
        [
            {"item_id": f"i{i}", "criterion": "kind", "rater": rater, "label": names[one], "notes": ""}
            for rater, said in by_rater.items()
            for i, one in enumerate(said)
            if one != "-"
        ]
    )


def verdicts(said):
    names = {"y": "yes", "n": "no", "x": None, "0": "none", "1": "some", "2": "all"}
    rows = [{"item_id": f"i{i}", "problem_id": f"p{i}", "verdict": names[one]} for i, one in enumerate(said)]
    frame = pd.DataFrame(rows).assign(criterion="kind")
    return frame.assign(status=frame["verdict"].notna().map({True: "ok", False: "parse_error"}))


def kind(labels, voted, rubric=RUBRIC):
    told = people.agreement(labels, voted, rubric, draws=200).set_index("criterion")
    assert list(told.index) == [one.id for one in rubric.criteria]
    return told.loc["kind"]


def test_agreement_of_people_and_judge_is_counted_on_the_same_items():
    ann, ben, judge = "yynnyynny?y", "ynnnyyyny-y", "yynnyynynyx"
    row = kind(labelled(Ann=ann, problem_id=ben), verdicts(judge))
    both = [i for i in range(11) if ann[i] in "yn" and ben[i] in "yn"]
    sides = [[said[i] for i in both] for said in (ann, ben)]
    assert (row["items"], row["raters"]) == (10, 2)
    assert row["human_alpha"] == pytest.approx(nominal_alpha(sides))
    assert row["human_kappa"] == pytest.approx(agreement.cohen_kappa(*sides))
    told = [judge[i] if judge[i] != "x" else None for i in both]
    assert row["judge_alpha"] == pytest.approx(nominal_alpha([sides[0] + sides[1], told + told]))
    assert row["judge_kappa"] == pytest.approx(sum(agreement.cohen_kappa(one, told) for one in sides) / 2)
    assert row["judge_alpha_low"] <= row["judge_alpha"] <= row["judge_alpha_high"]


def test_three_raters_with_gaps_and_one_who_labelled_alone():
    row = kind(labelled(A="yynn---", B="y-nnyy-", C="-ynyyn-", D="------y"), verdicts("yynnyyy"))
    assert (row["items"], row["raters"]) == (6, 3)
    beside = [["y", "y", "n", "n", None, None], ["y", None, "n", "n", "y", "y"], [None, "y", "n", "y", "y", "n"]]
    assert row["human_alpha"] == pytest.approx(nominal_alpha(beside))


def test_an_ordinal_scale_forgives_neighbours():
    rubric = replace(RUBRIC, criteria=(replace(KIND, scale="ordinal", options=LEVELS),))
    near = kind(labelled(A="001122" * 3, B="011122" * 3), verdicts("001122" * 3), rubric)
    far = kind(labelled(A="001122" * 3, B="021122" * 3), verdicts("001122" * 3), rubric)
    assert near["human_alpha"] > far["human_alpha"] and near["human_kappa"] > far["human_kappa"]


def test_without_two_raters_there_is_no_agreement():
    row = kind(labelled(Ann="yn"), verdicts("yn"))
    assert row["items"] == 0 and row[people.AGREEMENT[4:]].isna().all()
    silent = kind(labelled(Ann="yny", Ben="yny"), verdicts("xxx"))
    assert silent["human_alpha"] == 1 and silent[["judge_alpha", "judge_kappa"]].isna().all()
