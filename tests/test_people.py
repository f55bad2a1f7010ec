"""Labels by people: read, checked, written, and made one."""

import pytest
from manners import RUBRIC

from lib import paths
from lib.grm import agreement, people
from lib.grm.people import LabelError


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
    alpha = agreement.krippendorff_alpha([beside[rater] for rater in beside])
    assert alpha is not None and alpha < 1
