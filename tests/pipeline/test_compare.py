"""Two runs in pairs: the counts of a literal loop, and one line where nothing can be compared."""

import subprocess
import sys

import pytest

from lib import paths, tables
from lib.pipeline import compare
from tests.fakes import study as fake

OTHER = "other"


@pytest.fixture
def runs(outputs, tmp_path, monkeypatch):
    """The FAKE study, and another one on its problems in which every third row has another verdict."""
    fake.write_params(tmp_path / "params")
    monkeypatch.setattr(paths, "PARAMS", tmp_path / "params")
    fake.write_tables()
    fake.write_results()
    grades = tables.read("grades", fake.STUDY, fake.MODEL)
    turned = grades["status"].map({"correct": "incorrect"}).fillna("correct")
    other = grades.assign(status=grades["status"].where(grades.index % 3 > 0, turned), model="new-lrm")
    tables.write(other, "grades", OTHER, "new-lrm")
    tables.write(tables.read("problems", fake.STUDY), "problems", OTHER)
    return grades, other


def test_rows_are_compared_in_pairs_whatever_the_models_are_called(runs):
    found = compare.compare(f"{fake.STUDY}/{fake.MODEL}", f"{OTHER}/new-lrm")
    rows = zip(*(frame.to_dict("records") for frame in runs), strict=True)
    change = {}
    for before, after in rows:
        if before["kind"] == "continuation" or before["variant"] == "original":
            full = before["kind"] == "trace"
            cell = (compare.FULL, 1.0) if full else (before["interrupt"], before["position"])
            right = (after["status"] == "correct") - (before["status"] == "correct")
            change.setdefault(cell, []).append(right)
    assert any(map(any, change.values()))
    told = found.set_index(["interrupt", "position"])
    assert set(told.index) == set(change)
    for cell, each in change.items():
        row = told.loc[cell]
        assert (row["better"], row["worse"], row["n"]) == (each.count(1), each.count(-1), len(each))
        assert row["difference"] == pytest.approx(sum(each) / len(each))
    assert compare.compare(fake.STUDY, fake.STUDY)["difference"].eq(0).all()


def test_problems_with_other_words_are_left_out(runs):
    asked = tables.read("problems", OTHER)
    tables.write(asked.assign(problem=asked["problem"].where(asked.index > 0, "Another?")), "problems", OTHER)
    first, second = f"{fake.STUDY}/{fake.MODEL}", f"{OTHER}/new-lrm"
    assert compare.compare(first, second)["n_clusters"].max() == len(asked) - 1
    tables.write(asked.assign(problem="Another?"), "problems", OTHER)
    with pytest.raises(compare.CompareError, match="no model, problem, interrupt and position in common"):
        compare.compare(first, second)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("smoke", "smoke"), "error: smoke: no grades of tiny-lrm-s, expected a study that"),
        (("smok", "tiny"), "error: no file params/studies/smok.yaml (did you mean smoke?)"),
        (("smoke", ""), "error: expected two runs, as in `make compare A="),
        (("smoke/none", "smoke"), "error: smoke/none: no grades of none"),
    ],
)
def test_what_cannot_be_compared_is_one_line(outputs, given, expected):
    run = [sys.executable, "-m", "lib.pipeline.compare", *given]
    done = subprocess.run(run, cwd=paths.ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1) and done.stderr.startswith(expected)
