"""Labelled sets as items of a judge."""

import json

import pytest

from lib import grm
from lib.grm import labelled
from lib.problems.jsonl import ProblemError

COUNTS = {"mrben_math": (150, 75), "mrben_coding": (40, 20), "bbmistake_arith": (141, 22), "prmbench": (90, None)}


@pytest.mark.parametrize("name", labelled.SETS)
def test_every_row_is_an_item_whose_fault_is_one_of_its_steps(name, shared_data):
    frame = labelled.load(name, shared_data / "grm")
    count, sound = COUNTS[name]
    assert list(frame.columns) == labelled.COLUMNS and len(frame) == count and frame["item_id"].is_unique
    assert sound is None or frame["is_sound"].sum() == sound
    for row in frame.to_dict("records"):
        steps = row["steps"].splitlines()
        assert [line.split(".")[0] for line in steps] == [str(i) for i in range(1, len(steps) + 1)]
        assert row["is_sound"] or 1 <= row["first_fault"] <= len(steps)


def test_the_marked_step_of_a_known_row_is_the_one_that_is_numbered_so(shared_data):
    rows = [json.loads(line) for line in (shared_data / "grm" / "bbmistake_arith.jsonl").open()]
    frame = labelled.load("bbmistake_arith", shared_data / "grm").set_index("item_id")
    known = next(row for row in rows if row["first_error_step"] and not row["label_conflict"])
    item = frame.loc[known["id"]]
    line = item["steps"].splitlines()[item["first_fault"] - 1]
    assert line == f"{known['first_error_step']}. {' '.join(known['steps'][known['first_error_step'] - 1].split())}"
    assert not frame.index.isin([row["id"] for row in rows if row["label_conflict"]]).any()


def test_items_have_what_the_rubric_of_steps_asks_for(shared_data):
    wanted = {view for one in grm.load_rubric("reasoning_quality").criteria for view in one.views}
    assert wanted <= set(labelled.COLUMNS) | {"after", "inserted"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": None}, r"prmbench\.jsonl:1: steps: expected a list of texts"),
        ({"steps": ["a", " "]}, r"prmbench\.jsonl:1: steps: expected a list of texts"),
        ({"question": ""}, r"prmbench\.jsonl:1: question: expected a text"),
        (
            {"first_error_step": ...},
            r"prmbench\.jsonl:1: first_error_step: expected a step from 1 or null, got no such",
        ),
    ],
)
def test_a_row_without_a_field_is_named(tmp_path, change, message):
    row = {"id": "x", "question": "q", "steps": ["a"], "first_error_step": 1} | change
    row = {key: value for key, value in row.items() if value is not ...}
    (tmp_path / "prmbench.jsonl").write_text(json.dumps(row))
    with pytest.raises(ProblemError, match=message):
        labelled.load("prmbench", tmp_path)


def test_another_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="gsm8k: no such set, expected one of mrben_math, "):
        labelled.load("gsm8k", tmp_path)
