"""Versions of rubrics: never written over, and read back as they were, whatever words they hold."""

import dataclasses

import pytest

from lib import paths
from lib.grm import rubric as rubrics
from lib.grm.evolution import versions
from lib.grm.rubric import Criterion, RubricError
from tests.fakes.evolution import KNOWN, RUBRIC


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of parameters, but for models."""
    (tmp_path / "rubrics").mkdir()
    (tmp_path / "models").symlink_to(paths.PARAMS / "models")
    monkeypatch.setattr(paths, "PARAMS", tmp_path)
    return tmp_path / "rubrics"


def test_a_new_version_replaces_the_old_one_which_can_still_be_read(folder):
    (folder / "planted.yaml").write_text(f"# Why it is asked.\n# Twice.\n{versions.text(RUBRIC)}")
    before = (folder / "planted.yaml").read_bytes()
    added = Criterion("names_unit", "Does the answer name a unit?", "desired", ("answer",), tags=("proposed",))
    more = {"criteria": (KNOWN, added), "parent": "planted@1.2.0", "changes": ("added names_unit: it helps",)}
    after = dataclasses.replace(RUBRIC, version=versions.bumped("1.2.0"), **more)
    assert versions.write(after) == folder / "planted.yaml" == versions.write(after)
    assert rubrics.load("planted") == after == rubrics.load("planted@1.3.0")
    assert rubrics.load("planted@1.2.0") == RUBRIC and rubrics.names() == ["planted"]
    assert (folder / "earlier" / "planted@1.2.0.yaml").read_bytes() == before
    assert (folder / "planted.yaml").read_text().startswith("# Why it is asked.\n# Twice.\nversion: 1.3.0\n")
    third = dataclasses.replace(after, version="1.4.0", parent="planted@1.3.0", changes=())
    versions.write(third)
    assert sorted(file.name for file in folder.rglob("*.yaml")) == [
        "planted.yaml",
        "planted@1.2.0.yaml",
        "planted@1.3.0.yaml",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": "Other"}, "version: expected a new one, 1.2.0 stands already"),
        ({"version": "1.3.0"}, "parent: expected planted@1.2.0, which it replaces, got none"),
        ({"version": "2.0.0", "parent": "planted@1.1.0"}, "parent: expected planted@1.2.0"),
        ({"version": "1.1.0", "parent": "planted@1.2.0"}, "version: expected a new one, 1.1.0 stands already"),
    ],
)
def test_a_version_is_never_written_over(folder, changes, message):
    versions.write(dataclasses.replace(RUBRIC, version="1.1.0"))
    versions.write(dataclasses.replace(RUBRIC, parent="planted@1.1.0"))
    was = {file: file.read_bytes() for file in folder.rglob("*.yaml")}
    with pytest.raises(RubricError, match=message):
        versions.write(dataclasses.replace(RUBRIC, **changes))
    assert {file: file.read_bytes() for file in folder.rglob("*.yaml")} == was


def test_a_version_that_is_nowhere_is_told(folder):
    versions.write(RUBRIC)
    with pytest.raises(
        RubricError, match=r"planted.yaml: version: expected 1.0.0 here, or a file params/rubrics/earlier"
    ):
        rubrics.load("planted@1.0.0")
    with pytest.raises(RubricError, match=r"no file params/rubrics/planned.yaml \(did you mean planted\?\)"):
        rubrics.load("planned@1.0.0")


SHIPPED = rubrics.names()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_rubric_is_written_and_read_back_equal(folder, name, monkeypatch):
    monkeypatch.undo()
    rubric = rubrics.load(name)
    monkeypatch.setattr(paths, "PARAMS", folder.parent)
    versions.write(rubric)
    assert rubrics.load(name) == rubric


TEXTS = [
    "yes",
    "1e3",
    "# no comment",
    "a: b",
    "'\"\\",
    "null",
    "é\u2028\u00a0 x\t\x07",
    "- x",
    "x" * 300,
    "two\n\nlines\n",
]


@pytest.mark.parametrize("text", [*TEXTS, "~", "{a}", "1.0"])
def test_any_words_are_written_and_read_back_equal(folder, text):
    criterion = dataclasses.replace(KNOWN, question=text, applies=text)
    rubric = dataclasses.replace(RUBRIC, title=text, author=text, changes=(text, text), criteria=(criterion,))
    versions.write(rubric)
    assert rubrics.load("planted") == rubric


def test_bumped():
    assert [versions.bumped(one) for one in ("1.0.0", "1.9.3", "0.0.1-beta.2")] == ["1.1.0", "1.10.0", "0.1.0"]
