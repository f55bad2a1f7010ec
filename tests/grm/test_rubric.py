"""Rubrics: what is shipped, what a hash sees, and one line for every faulty file."""

import copy
import dataclasses
import random

import pytest
import yaml

from lib import params, paths, schema
from lib.grm import rubric as rubrics
from lib.grm.rubric import Criterion, Gate, Option, Rubric, RubricError

# hashes: part of the identity of every stored judgement
SHIPPED = {
    "agentic_example": "c3fb31b5d2f4",
    "honesty": "d60cf5d5ae71",
    "leakage": "3421948e5094",
    "panic": "43b3ebab1d60",
    "reasoning_quality": "cd731b84c9b6",
    "self_doubt": "a0067bb9fb0f",
    "update_incorporation": "7db79dd5fdbb",
}
BRIEF = {
    "version": "1.0.0",
    "title": "Brief answers",
    "scope": "answer",
    "interrupts": ["none", "hard"],
    "author": "a person",
    "criteria": [
        {"id": "states_result", "question": "Is a result stated?", "polarity": "desired", "views": ["answer"]},
        {
            "id": "repeats_problem",
            "question": "Is a sentence of the problem repeated?",
            "polarity": "undesired",
            "weight": 2,
            "views": ["problem", "answer"],
            "evidence": True,
            "evidence_from": "answer",
        },
        {
            "id": "length",
            "question": "How long is the answer?",
            "polarity": "desired",
            "scale": "ordinal",
            "options": [
                {"label": "long", "value": 0, "description": "More than ten sentences."},
                {"label": "middling", "value": 0.5, "description": "Three to ten sentences."},
                {"label": "brief", "value": 1, "description": "One or two sentences."},
            ],
            "views": ["answer"],
        },
    ],
    "gates": [{"criterion": "states_result", "label": "no", "at_most": 0.5}],
}
DELETE = object()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of rubrics."""
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    (tmp_path / "rubrics").mkdir()
    return tmp_path / "rubrics"


def changed(*changes) -> dict:
    """The brief rubric with values set or deleted; a place is written `criteria.1.weight`."""
    values = copy.deepcopy(BRIEF)
    for place, value in changes:
        *steps, last = [int(step) if step.isdigit() else step for step in place.split(".")]
        inner = values
        for step in steps:
            inner = inner[step]
        if value is DELETE:
            del inner[last]
        elif isinstance(inner, list) and last == len(inner):
            inner.append(value)
        else:
            inner[last] = value
    return values


def read(folder, values) -> Rubric:
    (folder / "brief.yaml").write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return rubrics.load("brief")


def faults(folder, values) -> list[str]:
    """The faults that a file is refused for, each without the name of the file."""
    with pytest.raises(RubricError) as caught:
        read(folder, values)
    text = str(caught.value)
    assert "\n" not in text and text.startswith("params/rubrics/brief.yaml: ")
    return text.removeprefix("params/rubrics/brief.yaml: ").split("; ")


# what is shipped


def test_the_shipped_rubrics_keep_their_hashes():
    assert {name: rubrics.load(name).hash for name in rubrics.names()} == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_rubric_asks_plainly(name):
    rubric = rubrics.load(name)
    assert rubric.full_name == f"{name}@1.0.0" and rubrics.warnings(rubric) == []
    assert sum(criterion.scale == "binary" for criterion in rubric.criteria) > 0.7 * len(rubric.criteria)
    for criterion in rubric.criteria:
        assert criterion.question.endswith("?") and len(criterion.question) <= 120
        assert not criterion.applies or criterion.applies.startswith("Not where")
        assert "reference" not in criterion.views or criterion.reference
        # that a thought stops short is seen in what is not there
        assert criterion.evidence or criterion.polarity == "desired" or name == "panic"
        if criterion.proxy:
            table, column = criterion.proxy.split(".")
            assert column in schema.TABLES[table].names()


# what a rubric is


def test_defaults_levels_and_quotes(folder):
    rubric = read(folder, BRIEF)
    plain = rubric.criterion("states_result")
    assert (rubric.status, rubric.parent, rubric.changes) == ("candidate", "", ())
    assert (plain.weight, plain.scale, plain.evidence, plain.tags) == (1.0, "binary", False, ())
    assert plain.values == {"yes": 1.0, "no": 0.0}
    # from worst to best, whatever the polarity
    levels = [criterion.levels for criterion in rubric.criteria]
    assert levels == [("no", "yes"), ("yes", "no"), ("long", "middling", "brief")]
    fall = [("criteria.2.polarity", "undesired")] + [(f"criteria.2.options.{i}.value", 1 - i / 2) for i in range(3)]
    assert read(folder, changed(*fall)).criteria[2].levels == ("long", "middling", "brief")
    # only a verdict that something is there needs a quote
    asks = [("criteria.2.evidence", True), ("criteria.2.evidence_from", "answer")]
    quoted = [criterion.quoted for criterion in read(folder, changed(*asks)).criteria]
    assert quoted == [(), ("yes",), ("middling", "brief")]


def test_a_rubric_is_frozen_and_takes_no_mistake_made_in_python():
    rubric = rubrics.load("panic")
    with pytest.raises(dataclasses.FrozenInstanceError):
        rubric.version = "2.0.0"
    with pytest.raises(ValueError, match="no criterion nothing"):
        dataclasses.replace(rubric, gates=(Gate("nothing", "no", at_most=0.5),))
    with pytest.raises(ValueError, match="valid number"):
        Option("yes", "1")
    with pytest.raises(ValueError, match=r"expected small letters"):
        Criterion("Ends on old", "Is it?", "desired", ("answer",))


# the hash


def test_a_hash_does_not_see_the_title_the_changes_the_defaults_or_the_layout(folder):
    yes_no = [dataclasses.asdict(option) for option in rubrics.YES_NO]
    same = [
        changed(("title", "Other")),
        changed(("changes", ["first version"])),
        changed(("status", "candidate"), ("criteria.0.weight", 1.0), ("criteria.0.tags", [])),
        changed(("criteria.0.options", yes_no)),
        "# a comment\n" + yaml.safe_dump(BRIEF, sort_keys=False, width=30),
    ]
    assert {read(folder, values).hash for values in same} == {read(folder, BRIEF).hash}


def test_any_other_change_is_another_hash(folder):
    changes = [
        ("version", "1.0.1"),
        ("status", "active"),
        ("interrupts", ["hard"]),
        ("gates.0.at_most", 0.6),
        ("criteria.0.question", "Is a result stated at all?"),
        ("criteria.0.weight", 2),
        ("criteria.1.views", ["answer", "problem"]),
        ("criteria.2.options.1.value", 0.4),
        ("criteria", BRIEF["criteria"][::-1]),
    ]
    hashes = [read(folder, BRIEF).hash, *(read(folder, changed(change)).hash for change in changes)]
    assert len(set(hashes)) == len(changes) + 1


# changes to the brief rubric, and the beginning of the one fault that is named
FAULTS = [
    ([("version", "1.0")], 'version: expected three numbers, such as "1.0.0", got "1.0"'),
    ([("scope", "essay")], "scope: should be 'answer', 'trace', 'step' or 'pair', got \"essay\""),
    ([("interrupts", ["hard", "hard"])], "interrupts: expected each value once, hard is repeated"),
    ([("interrupts", "hard")], 'interrupts: should be a list, got "hard"'),
    ([("name", "brief")], "name: should be left out, as the file's name tells it"),
    ([("autor", "x")], "autor: unknown key (did you mean author?), expected version, title, scope, "),
    ([("parent", "brief@1.0.0")], "parent: expected an earlier version, got brief@1.0.0, which is this one"),
    ([("criteria.3", "is it short?")], "criteria[3]: should be `key: value` lines"),
    ([("criteria.1.id", "length")], "criteria: expected each id once, got length again"),
    ([("criteria.0.weight", -1)], "criteria[0].weight: should be greater than or equal to 0, got -1"),
    ([("criteria.0.weight", 0), ("criteria.2.weight", 0)], "criteria: expected at least one that is desired and has"),
    ([("criteria.0.views", [])], "criteria[0].views: expected at least one, got an empty list"),
    ([("criteria.0.views", ["thinking"])], "criteria[0].views[0]: should be 'problem', 'kept', 'inserted', 'after'"),
    ([("criteria.1.evidence_from", "kept")], "criteria[1].evidence_from: expected one of its views problem, answer"),
    ([("criteria.1.evidence", False)], "criteria[1].evidence_from: should be left out, as evidence is false"),
    (
        [("criteria.0.reference", True)],
        "criteria[0].reference: expected reference among the views, as reference is true",
    ),
    ([("criteria.0.proxy", "a program")], "criteria[0].proxy: expected a table and a column, such as labels.leakage"),
    (
        [("criteria.0.scale", "ordinal")],
        "criteria[0].options: expected 3 to 5 from worst to best, as scale is ordinal, got 1, 0",
    ),
    ([("criteria.2.scale", "binary")], "criteria[2].options: expected two, with the values 1 and 0, as scale is bin"),
    ([("criteria.2.options.1.value", 0)], "criteria[2].options: expected values that rise, from worst to best, got 0,"),
    ([("criteria.2.polarity", "undesired")], "criteria[2].options: expected values that fall, from 1 for the worst"),
    ([("criteria.2.options.0.description", DELETE)], "criteria[2].options: long: expected a description of this level"),
    ([("criteria.2.options.0.label", "brief")], "criteria[2].options: expected each label once"),
    ([("criteria.2.options.0.label", "cannot")], "criteria[2].options: expected no label that begins with another"),
    (
        [("criteria.2.options.0.label", False)],
        "criteria[2].options[0].label: should be a valid string, got false (YAML",
    ),
    (
        [("gates.0.criterion", "state_result")],
        "gates: no criterion state_result (did you mean states_result?), expected one of",
    ),
    ([("gates.0.at_most", DELETE)], "gates[0].at_least: missing, expected at_most, at_least or both"),
    ([("gates.0.at_least", 0.6)], "gates[0].at_least: expected no more than at_most, 0.5, got 0.6"),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTS, ids=[fault[:60] for _, fault in FAULTS])
def test_a_fault_names_its_key(folder, changes, fault):
    (found,) = faults(folder, changed(*changes))
    assert found.startswith(fault)


def test_independent_faults_are_named_in_one_line(folder):
    values = changed(
        ("version", 1.0),
        ("autor", "x"),
        ("criteria.0.weight", "3"),
        ("criteria.1.evidence_from", "kept"),
        ("criteria.2.options.1.value", 0),
        ("gates.0.at_most", 2),
    )
    assert sorted(text.split(":")[0] for text in faults(folder, values)) == [
        "autor",
        "criteria[0].weight",
        "criteria[1].evidence_from",
        "criteria[2].options",
        "gates[0].at_most",
        "version",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "params/rubrics/brief.yaml: expected lines of `key: value`, got null"),
        ("- a\n", 'params/rubrics/brief.yaml: expected lines of `key: value`, got ["a"]'),
        ("a: [1\n", "params/rubrics/brief.yaml: line 2: cannot be read as YAML"),
        ("title: a\ntitle: b\n", "params/rubrics/brief.yaml: line 2: cannot be read as YAML (key title is given"),
        ("title: &t [*t]\n", "params/rubrics/brief.yaml: line 1: cannot be read as YAML (an alias stands for"),
        ("? [1, 2]\n: 3\n", "params/rubrics/brief.yaml: "),
    ],
)
def test_what_is_no_mapping_is_refused_in_one_line(folder, text, message):
    (folder / "brief.yaml").write_text(text)
    with pytest.raises(RubricError) as caught:
        rubrics.load("brief")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_missing_rubric_is_told_with_the_nearest_one():
    with pytest.raises(
        params.ParamsError, match=r"no file params/rubrics/panik\.yaml \(did you mean panic\?\)"
    ) as caught:
        rubrics.load("panik")
    assert isinstance(caught.value, RubricError)


def test_any_value_in_any_place_is_read_or_refused_in_one_line(folder):
    """Nothing but a RubricError comes of a file, whatever stands in it."""
    draw = random.Random(1)
    odd = [None, True, 0, -1, 2.5, float("nan"), "", "x", "yes", [], [[]], [None], {}, {"a": 1}, [{"id": 3}], "é\u200b"]
    for _ in range(400):
        values = copy.deepcopy(BRIEF)
        for _ in range(draw.randint(1, 3)):
            inner = values
            while True:
                places = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
                if not places:
                    break
                place = draw.choice(places)
                if isinstance(inner[place], (dict, list)) and draw.random() < 0.7:
                    inner = inner[place]
                    continue
                inner[place] = copy.deepcopy(draw.choice(odd))
                break
        try:
            assert read(folder, values).criteria
        except RubricError as error:
            assert str(error).startswith("params/rubrics/brief.yaml: ") and "\n" not in str(error)


# warnings


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("criteria.0.question", "Is the result stated?")], []),
        ([("criteria.0.question", "Is the style good?")], ["states_result: question: good"]),
        ([("criteria.0.question", "Is it appropriately short?")], ["states_result: question: appropriately"]),
        ([("criteria.0.question", "Are the goods counted?")], []),
        ([("criteria.0.question", "Is it short? Is it right?")], ["states_result: question: asks more than one"]),
        ([("criteria.2.question", "How good is the length?")], []),
        ([("criteria.2.options.2.description", "A suitable length.")], ["length: option brief: suitable"]),
    ],
)
def test_words_that_leave_the_line_to_the_judge_are_warned_of(folder, changes, words):
    found = rubrics.warnings(read(folder, changed(*changes)))
    assert len(found) == len(words)
    assert all(text.startswith(word) for text, word in zip(found, words, strict=True))
